/* SPDX-License-Identifier: Apache-2.0 */
/* seal: secrets at rest: AES-256-GCM with a key id, bound to what they belong to. Any thread.
 * Layout of a sealed blob: u8 version = 1, u32 key id, 12 nonce, ciphertext, 16 tag. */
#pragma once

#include "store/store.h"

enum {
    SEAL_OVERHEAD = 1 + 4 + 12 + 16,
    SEAL_SECRET_MAX = SEALED_MAX - SEAL_OVERHEAD, /* of struct sealed */
    SEAL_TEXT_MAX = 65536,                        /* of seal_put_text() */
};

struct seal_key; /* the master key */
/* Make a new random key file (mode 0600, whole or not at all); ERR_EXISTS when there is one; ERR_IO. */
NODISCARD int seal_key_create(const char *path, struct errinfo *ei);
/* Read it. ERR_NOT_FOUND (with the sentence that a lost key cannot be made anew), ERR_DENIED (readable by
 * others), ERR_SYNTAX, ERR_IO. */
NODISCARD int seal_key_load(const char *path, struct seal_key **out, struct errinfo *ei);
/* Wipes it. */
void seal_key_free(struct seal_key **k);
/* Hash of the key: tells keys apart, says nothing about them. */
uint32_t seal_key_id(const struct seal_key *k);

/* context: e.g. "host-0123abcd/cira"; the same must be given to open. ERR_LIMIT when the secret is longer
 * than SEAL_SECRET_MAX; ERR_CRYPTO. */
NODISCARD int seal_put(const struct seal_key *k, const char *context, struct slice secret,
                       struct sealed *out);
/* Into out as a NUL-terminated string (secrets are text). ERR_CRYPTO when it was not sealed by this key for
 * this context, or has a NUL inside; ERR_LIMIT when cap is too small. out is "" then. */
NODISCARD int seal_open(const struct seal_key *k, const char *context, const struct sealed *s, char *out,
                        size_t cap);
/* The same for longer secrets, as base64url text for a meta value, appended to out. ERR_LIMIT, ERR_CRYPTO,
 * ERR_NOMEM. */
NODISCARD int seal_put_text(const struct seal_key *k, const char *context, struct slice secret,
                            struct buf *out);
/* Appends the secret; the caller wipes it. ERR_SYNTAX when text is no such text; ERR_CRYPTO, ERR_LIMIT,
 * ERR_NOMEM. */
NODISCARD int seal_open_text(const struct seal_key *k, const char *context, struct slice text,
                             struct buf *out);
