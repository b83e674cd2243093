/* SPDX-License-Identifier: Apache-2.0 */
/* config: what `orch-cli login` keeps: where the server is, what to trust, and the token. One JSON file,
 * $ORCH_CLI_CONFIG or ~/.orch-cli, mode 0600, replaced whole. Owner: struct cli. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/slice.h"

struct config {
    char *endpoint, *user, *role, *project; /* NULL: not known */
    char *token;
    char *ca_pem; /* certificates to trust; NULL: the system's */
    struct wall expires;
};

/* Where the file is, into out. ERR_NOT_FOUND when neither variable nor home is known. */
NODISCARD int config_path(char *out, size_t cap, struct errinfo *ei);
/* Read the file; a missing one gives an empty config. ERR_SYNTAX, ERR_IO; ERR_DENIED when others may read it.
 */
NODISCARD int config_load(struct config *c, const char *path, struct errinfo *ei);
/* Write it to a new file beside and rename that over path. ERR_IO. */
NODISCARD int config_save(const struct config *c, const char *path, struct errinfo *ei);
void config_free(struct config *c);
/* Replace one member by a copy (NULL empties it); the old value is wiped. ERR_NOMEM. */
NODISCARD int config_set(char **member, const char *value);
