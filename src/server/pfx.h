/* SPDX-License-Identifier: Apache-2.0 */
/* pfx: a provisioning certificate as it is delivered: a PKCS #12 file (PFX) with the leaf, its private key
 * and the chain up to the root whose hash the firmware knows. Opened and checked before it is taken; each
 * thing that is wrong has its own sentence. Blocking (key derivation takes up to seconds): on a helper
 * thread. Source: reference protocol-redir-activation 5.4; RFC 7292 */
#pragma once

#include "server/objects.h"

enum {
    PFX_MAX_BYTES = 32768,
    PFX_ITERATIONS_MAX = 1000000, /* of one key derivation: stops files that take minutes to open */
    PFX_PARTS_MAX = 16,           /* certificates and keys in a file */
    PFX_KEY_BITS_MIN = 2048,
};

struct pfx {
    struct buf key_base64;              /* PKCS #8 DER; wiped by pfx_free() */
    struct buf chain[DOMAIN_CHAIN_MAX]; /* base64 DER, leaf first, root last */
    size_t nchain;
    char subject[128];                    /* of the leaf */
    struct wall not_after;                /* of the certificate of the chain that ends first */
    char root_hash[3][AMT_CERT_HASH_CAP]; /* SHA-1, SHA-256, SHA-384, lower-case hex */
};
/* Check a file against the DNS suffix that it is to serve. 0; ERR_INVALID or ERR_UNSUPPORTED with the field
 * (certificate, password, suffix), what is wrong and what to do; ERR_NOMEM. Free out in any case. */
NODISCARD int pfx_open(struct slice file, const char *password, const char *suffix, struct wall now,
                       struct pfx *out, struct errinfo *ei);
void pfx_free(struct pfx *p);
/* Lower-case letters, digits and dashes, at least two labels: never a bare TLD. */
bool pfx_suffix_ok(const char *suffix);
