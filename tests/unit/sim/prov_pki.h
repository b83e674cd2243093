/* SPDX-License-Identifier: Apache-2.0 */
/* prov_pki: provisioning certificates for tests, with keys that a program makes once. Owner: one test. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>

/* Root, intermediate and leaf, each signed by the one before; a second root that signed nothing. */
enum pki_rank { PKI_ROOT, PKI_MIDDLE, PKI_LEAF, PKI_OTHER_ROOT, PKI_RANKS };

struct pki_wish {
    const char *name;     /* CN of the leaf */
    const char *dns;      /* subjectAltName of the leaf; NULL: none */
    bool no_oid, with_ou; /* the leaf lacks the OID; has the OU instead */
    bool expired;         /* the leaf ended yesterday */
};
struct prov_pki {
    char *b64[PKI_RANKS]; /* DER in base64 */
    uint8_t root_sha256[32];
};

struct prov_pki prov_pki_of(const struct pki_wish *w);
void prov_pki_free(struct prov_pki *p);
/* A certificate for an EVP_PKEY, signed with it, DER in base64; free() it. */
char *prov_pki_leaf_for(void *key);
/* base64 of the signature of that rank's key over both texts; free() it. */
char *prov_pki_sign(enum pki_rank rank, struct slice a, struct slice b);
