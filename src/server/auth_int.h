/* SPDX-License-Identifier: Apache-2.0 */
/* auth_int: what auth.c, login.c and users.c share. */
#pragma once

#include "server/throttle.h"
#include "server/token.h"

#include <pthread.h>

enum {
    HASHING_MAX = 16,   /* passwords being hashed or waiting for it; more are told to come again */
    REVOKED_MAX = 1024, /* ended sign-ins remembered until they expire; then a user's all are ended */
    CACHE_SETS = 256,   /* verified tokens a shard remembers: sets x ways */
    CACHE_WAYS = 4,
    THROTTLE_MAX = 4096,
    USERS_MAX = 10000,
    LOGIN_FREE_DEFAULT = 10,     /* without settings: failures that cost nothing */
    TOKEN_LIFE_DEFAULT_S = 3600, /* without settings */
};

struct auth_user {
    struct map_node node;
    struct store_user row;
};
struct revoked {
    char sid[SESSION_ID_CAP];
    int64_t until_s;
};
/* A token that was verified: SHA-256 of its text, and what came out. */
struct cached_token {
    uint8_t key[32];
    uint64_t epoch;
    struct principal who;
    struct auth_session session;
    bool used;
};
struct auth {
    struct app *app;
    pthread_rwlock_t lock; /* users, ring, revoked */
    struct map users;
    struct token_ring ring;
    struct revoked revoked[REVOKED_MAX];
    size_t nrevoked;
    pthread_mutex_t throttle_lock;
    struct throttle throttle;
    struct cached_token *cache[SHARDS_MAX]; /* each of one shard's thread */
    _Atomic uint64_t epoch; /* grows with every change of users and revoked: older cache lines are void */
    _Atomic int hashing;
    _Atomic int rotating, changing; /* one key rotation, one change of users at a time */
};

/* Seconds a signing key is used; at least as long as a token lives. */
int64_t auth_key_life_s(const struct auth *a);
/* The user's row, NULL: none. The lock is held. */
struct auth_user *auth_find(struct auth *a, const char *name);
/* A new sign-in of a user whose password was right: token, expiry. ERR_*. */
NODISCARD int auth_issue(struct auth *a, struct shard *s, const struct store_user *u,
                         struct auth_session *session, struct buf *token);
/* May one more password be hashed? Give it back with auth_hash_done(). */
bool auth_hash_begin(struct auth *a);
void auth_hash_done(struct auth *a);
/* A user as who asks. */
void auth_principal(const struct store_user *u, struct principal *out);
