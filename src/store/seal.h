/* SPDX-License-Identifier: Apache-2.0 */
/* seal: secrets at rest: AES-256-GCM with a key id, bound to what they belong to. Any thread.
 * Layout of a sealed blob: u8 version = 1, u32 key id, 12 nonce, ciphertext, 16 tag. */
#pragma once

#include "store/store.h"

struct seal_key; /* the master key */
/* Make a new random key file (mode 0600); ERR_EXISTS when there is one. */
NODISCARD int seal_key_create(const char *path, struct errinfo *ei);
/* Read it. ERR_NOT_FOUND (with the sentence that a lost key cannot be made anew), ERR_DENIED (readable by
 * others), ERR_SYNTAX. */
NODISCARD int seal_key_load(const char *path, struct seal_key **out, struct errinfo *ei);
void seal_key_free(struct seal_key **k);
uint32_t seal_key_id(const struct seal_key *k);
/* context: e.g. "host-0123abcd/cira"; the same must be given to open. ERR_LIMIT when the secret is too long.
 */
NODISCARD int seal_put(const struct seal_key *k, const char *context, struct slice secret,
                       struct sealed *out);
/* Into out as a NUL-terminated string (secrets are text). ERR_CRYPTO when it was not sealed by this key for
 * this context. */
NODISCARD int seal_open(const struct seal_key *k, const char *context, const struct sealed *s, char *out,
                        size_t cap);
