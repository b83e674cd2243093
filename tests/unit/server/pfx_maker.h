/* SPDX-License-Identifier: Apache-2.0 */
/* pfx_maker: a small certificate authority (root, one in between) that makes provisioning certificates as PFX
 * files, right ones and wrong ones. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/ossl.h"

#include <openssl/x509.h>

#define PFX_PASSWORD "s3cret"

struct maker {
    EVP_PKEY *root_key, *between_key, *leaf_key, *other_key;
    X509 *root, *between;
};
/* Valid from day -1 to day 3650 after now. */
void maker_new(struct maker *m, struct wall now);
void maker_free(struct maker *m);

/* What is to be in the file; zero: a right one. */
struct recipe {
    const char *common_name; /* NULL: amt.example.com */
    const char *alt_name;    /* NULL: none */
    const char *unit;        /* OU; NULL: none */
    bool no_oid;
    EVP_PKEY *key;        /* of the leaf; NULL: leaf_key */
    EVP_PKEY *file_key;   /* in the file; NULL: that of the leaf */
    bool no_key;          /* in the file */
    int from_day, to_day; /* 0, 0: -1 to 90 */
    bool leaf_only, key_only, no_root, root_first, self_signed, more;
    unsigned between;       /* more issuers between leaf and root */
    int cipher;             /* NID; 0: AES-256 */
    int rounds, mac_rounds; /* of the key derivations; 0: 1 */
};
void maker_pfx(const struct maker *m, struct wall now, const struct recipe *r, struct buf *out);
EVP_PKEY *maker_key(unsigned bits);
