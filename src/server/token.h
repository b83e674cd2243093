/* SPDX-License-Identifier: Apache-2.0 */
/* token: sign-in tokens: JWT, HS256 by cjose, with a ring of two keys (current and previous) that live sealed
 * in the store. Plain data; any thread. */
#pragma once

#include "server/auth.h"

enum { TOKEN_KEY_ID_CAP = 9, TOKEN_KEY_LIFE_S = 24 * 3600 };

struct token_key {
    char id[TOKEN_KEY_ID_CAP]; /* "" = none */
    struct wall made;
    uint8_t secret[32];
};
struct token_ring {
    struct token_key current, previous;
};
struct token_claims {
    char user[STORE_USER_CAP];
    char sid[SESSION_ID_CAP];
    int64_t gen; /* the user's row was last changed then: another value ends the token */
    struct wall issued, expires;
};

/* A fresh random key. ERR_CRYPTO. */
NODISCARD int token_key_make(struct token_key *k, struct wall now);
/* Read the ring from the store. ERR_NOT_FOUND: not initialised; ERR_CRYPTO: sealed by another master key. */
NODISCARD int token_ring_load(struct store *st, const struct seal_key *seal, struct token_ring *out,
                              struct errinfo *ei);
/* Add the sealed ring to a transaction. */
NODISCARD int token_ring_save(struct store_txn *t, const struct seal_key *seal,
                              const struct token_ring *ring);
/* The ring with a new current key; the current one becomes the previous. */
NODISCARD int token_ring_rotate(const struct token_ring *old, struct token_ring *out, struct wall now);

/* Append the compact JWT. ERR_CRYPTO, ERR_NOMEM. */
NODISCARD int token_sign(const struct token_key *k, const struct token_claims *c, struct buf *out);
/* ERR_AUTH with the reason: malformed, another algorithm, unknown key, bad signature, expired. */
NODISCARD int token_verify(const struct token_ring *ring, struct slice token, struct wall now,
                           struct token_claims *out, struct errinfo *ei);
