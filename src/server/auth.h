/* SPDX-License-Identifier: Apache-2.0 */
/* auth: local users, passwords (yescrypt), tokens (JWT by cjose, keys sealed in the store and rotated), roles
 * x actions. Users and keys are shared by the shards behind a lock held for look-ups only; hashing runs on
 * helper threads. */
#pragma once

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

/* Load users and token keys from the store (keys are made at init, never here). */
NODISCARD int auth_new(struct auth **a, struct app *app, struct errinfo *ei);
void auth_free(struct auth **a);
/* Make the first admin and the token key in an opened store: `outbandd init`. Blocking. */
NODISCARD int auth_init(struct store *st, const struct seal_key *k, const char *user, struct slice password,
                        struct errinfo *ei);
/* Blocking: yescrypt of a password into out; ERR_INVALID with the rule it breaks (length 8..128). */
NODISCARD int auth_hash(struct slice password, char out[160], struct errinfo *ei);
