/* SPDX-License-Identifier: Apache-2.0 */
/* The hash that chains one audit line to the line before it (design 11). */
#include "base/ossl.h"
#include "store/row.h"

#include <openssl/evp.h>

static bool put_number(EVP_MD_CTX *md, uint64_t v) {
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (56 - 8 * i));
    return EVP_DigestUpdate(md, b, sizeof b) == 1;
}

/* With its length in front, so that no two different lines give the same bytes. */
static bool put_text(EVP_MD_CTX *md, const char *s, size_t cap) {
    size_t n = strnlen(s, cap);
    return put_number(md, n) && EVP_DigestUpdate(md, s, n) == 1;
}

int audit_hash(const uint8_t prev[32], const struct store_audit *a, uint8_t out[32]) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned n = 0;
    bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(md, prev, 32) == 1 &&
              put_number(md, a->seq) && put_number(md, (uint64_t)a->at.us) &&
              put_text(md, a->actor, sizeof a->actor) && put_text(md, a->action, sizeof a->action) &&
              put_text(md, a->target, sizeof a->target) && put_text(md, a->result, sizeof a->result) &&
              put_text(md, a->detail, sizeof a->detail) && put_text(md, a->req, sizeof a->req) &&
              put_text(md, a->peer, sizeof a->peer) && EVP_DigestFinal_ex(md, out, &n) == 1 && n == 32;
    EVP_MD_CTX_free(md);
    return ok ? 0 : ERR_CRYPTO;
}
