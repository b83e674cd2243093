/* SPDX-License-Identifier: Apache-2.0 */
/* auth: local users, passwords (yescrypt), tokens (JWT by cjose, keys sealed in the store and rotated), roles
 * x actions. Users and keys are shared by the shards behind a lock held for look-ups only; hashing runs on
 * helper threads. */
#pragma once

#include "base/map.h"
#include "server/app.h"

/* R(symbol, text) */
#define ROLE_TABLE(R) R(NONE, "none") R(VIEWER, "viewer") R(OPERATOR, "operator") R(ADMIN, "admin")
enum role {
#define R(sym, text) ROLE_##sym,
    ROLE_TABLE(R)
#undef R
};
const char *role_text(enum role r);
bool role_parse(struct slice text, enum role *r);

/* Who asks. */
struct principal {
    char user[STORE_USER_CAP];
    char project[HOST_PROJECT_CAP]; /* "" = all */
    enum role role;
};
/* The sign-in behind a token: what logout ends. */
enum { SESSION_ID_CAP = 33, TOKEN_MAX_BYTES = 1024, CSRF_CAP = 44 };
struct auth_session {
    char id[SESSION_ID_CAP];
    struct wall expires;
};

/* Seconds a token lives (setting token.lifetime). */
int64_t auth_token_life_s(const struct auth *a);
/* Load users and token keys from the store (keys are made at init, never here). */
NODISCARD int auth_new(struct auth **a, struct app *app, struct errinfo *ei);
void auth_free(struct auth **a);
/* Make the first admin and the token key in an opened store: `outbandd init`. Blocking. */
NODISCARD int auth_init(struct store *st, const struct seal_key *k, const char *user, struct slice password,
                        struct errinfo *ei);
/* Blocking: yescrypt of a password into out; ERR_INVALID with the rule it breaks (length 8..128). */
NODISCARD int auth_hash(struct slice password, char out[160], struct errinfo *ei);
/* Blocking: does the password belong to the hash? hash NULL: no user; takes as long and says no. */
bool auth_password_matches(struct slice password, const char *hash);

/* --- signing in --- */
struct auth_login {
    struct shard *from;
    char user[STORE_USER_CAP], password[136], peer_addr[56];
    int err; /* 0, ERR_AUTH (user or password), ERR_LIMIT (too many failures; retry_after_s), ERR_BUSY */
    struct errinfo error;
    unsigned retry_after_s;
    struct principal who;
    struct auth_session session;
    struct buf token;
    void (*done)(struct auth_login *l); /* on from; may be called inside auth_login() */
    void *ctx;
    struct auth *auth; /* the rest is auth's */
    struct loop_work work;
    char hash[160];
    bool known, matches;
};
/* l stays until done. The password is wiped. */
void auth_login(struct auth *a, struct auth_login *l);
void auth_login_fini(struct auth_login *l);

/* Who is behind the token? On s's thread; a known token costs one SHA-256. ERR_AUTH with the reason
 * (malformed, expired, ended, user changed). */
NODISCARD int auth_token(struct auth *a, struct shard *s, struct slice token, struct principal *who,
                         struct auth_session *session, struct errinfo *ei);
/* Is the sign-in still good, with the same rights (long-lived streams ask now and then)? */
bool auth_still(struct auth *a, struct shard *s, const struct principal *who,
                const struct auth_session *session);
/* A fresh token of the same sign-in (the page's cookie renews itself). ERR_*; appended to out. */
NODISCARD int auth_renew(struct auth *a, struct shard *s, const char *user, struct auth_session *session,
                         struct buf *out);
/* End the sign-in, durably; all its tokens with it. */
void auth_logout(struct auth *a, struct shard *s, const char *user, const struct auth_session *session);
/* What the page must send as X-CSRF-Token. */
void auth_csrf(const struct auth_session *session, char out[CSRF_CAP]);

/* --- the one decision --- */
/* May who do what wants this role, in this project (NULL: none named)? 0; ERR_AUTH: sign in; ERR_DENIED.
 * unbound: only users of all projects. Every route passes here. */
NODISCARD int auth_allow(const struct principal *who, enum role need, const char *project, bool unbound,
                         struct errinfo *ei);

/* --- users --- */
struct auth_user_change {
    struct shard *from;
    enum { USER_CREATE, USER_DELETE, USER_PASSWORD } what;
    char name[STORE_USER_CAP], project[HOST_PROJECT_CAP];
    enum role role;
    char password[136], old_password[136]; /* wiped; old "" = not asked for */
    int err; /* ERR_EXISTS, ERR_NOT_FOUND, ERR_INVALID, ERR_AUTH (old password), ERR_STATE (last admin), … */
    struct errinfo error;
    void (*done)(struct auth_user_change *c); /* on from; may be called inside auth_user_change() */
    void *ctx;
    struct auth *auth; /* the rest is auth's */
    struct loop_work work;
    struct loop_msg msg;
    struct store_user row;
    bool existed;
};
/* Durable before done is called. c stays until done. */
void auth_user_change(struct auth *a, struct auth_user_change *c);
/* Each user, by name, under the lock: fn only copies. ERR_NOMEM. */
NODISCARD int auth_each_user(struct auth *a, void (*fn)(void *ctx, const struct store_user *u), void *ctx);
/* 0 or ERR_NOT_FOUND. */
NODISCARD int auth_user_get(struct auth *a, const char *name, struct store_user *out);
