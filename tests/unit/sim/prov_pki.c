/* SPDX-License-Identifier: Apache-2.0 */
#include "prov_pki.h"

#include "base/ossl.h"
#include "base/text.h"
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

enum { DAY_S = 86400 };
static EVP_PKEY *keys[PKI_RANKS]; /* live as long as the program */

static EVP_PKEY *key_of(enum pki_rank r) {
    if (!keys[r])
        keys[r] = EVP_RSA_gen(2048);
    assert_non_null(keys[r]);
    return keys[r];
}

static void forget_keys(void) {
    for (int r = 0; r < PKI_RANKS; r++)
        EVP_PKEY_free(keys[r]);
}

static void extend(X509 *x, int nid, const char *value) {
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void entry(X509_NAME *n, const char *field, const char *text) {
    assert_int_equal(X509_NAME_add_entry_by_txt(n, field, MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0),
                     1);
}

static X509 *cert(enum pki_rank r, enum pki_rank issuer, X509 *by, const struct pki_wish *w) {
    static const char *const NAMES[] = {"Test Root", "Test Intermediate", NULL, "Another Root"};
    X509 *x = X509_new();
    bool leaf = r == PKI_LEAF;
    time_t now = time(NULL);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 100 + (long)r);
    ASN1_TIME_set(X509_getm_notBefore(x), now - 10 * DAY_S);
    ASN1_TIME_set(X509_getm_notAfter(x), leaf && w->expired ? now - DAY_S : now + DAY_S);
    X509_set_pubkey(x, key_of(r));
    X509_NAME *n = X509_get_subject_name(x);
    entry(n, "O", "Test");
    if (leaf && w->with_ou)
        entry(n, "OU", "Intel(R) Client Setup Certificate");
    entry(n, "CN", leaf ? w->name : NAMES[r]);
    X509_set_issuer_name(x, by ? X509_get_subject_name(by) : n);
    extend(x, NID_basic_constraints, leaf ? "CA:FALSE" : "critical,CA:TRUE");
    if (leaf)
        extend(x, NID_ext_key_usage, w->no_oid ? "serverAuth" : "serverAuth,2.16.840.1.113741.1.2.3");
    if (leaf && w->dns) {
        char san[128];
        snprintf(san, sizeof san, "DNS:%s", w->dns);
        extend(x, NID_subject_alt_name, san);
    }
    assert_true(X509_sign(x, key_of(issuer), EVP_sha256()) > 0);
    return x;
}

static char *base64_of(struct slice raw) {
    struct buf b = {0};
    text_base64(&b, raw);
    char *r = strdup(buf_cstr(&b));
    buf_free(&b);
    assert_non_null(r);
    return r;
}

static char *encoded(X509 *x, uint8_t sha256[32]) {
    uint8_t *der = NULL;
    int n = i2d_X509(x, &der);
    assert_true(n > 0);
    char *r = base64_of(slice_of(der, (size_t)n));
    if (sha256)
        EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, sha256, NULL);
    OPENSSL_free(der);
    X509_free(x);
    return r;
}

struct prov_pki prov_pki_of(const struct pki_wish *w) {
    struct prov_pki p = {0};
    X509 *x[PKI_RANKS];
    if (!keys[PKI_ROOT])
        atexit(forget_keys);
    x[PKI_ROOT] = cert(PKI_ROOT, PKI_ROOT, NULL, w);
    x[PKI_MIDDLE] = cert(PKI_MIDDLE, PKI_ROOT, x[PKI_ROOT], w);
    x[PKI_LEAF] = cert(PKI_LEAF, PKI_MIDDLE, x[PKI_MIDDLE], w);
    x[PKI_OTHER_ROOT] = cert(PKI_OTHER_ROOT, PKI_OTHER_ROOT, NULL, w);
    for (int r = 0; r < PKI_RANKS; r++)
        p.b64[r] = encoded(x[r], r == PKI_ROOT ? p.root_sha256 : NULL);
    return p;
}

void prov_pki_free(struct prov_pki *p) {
    for (int r = 0; r < PKI_RANKS; r++)
        free(p->b64[r]);
}

char *prov_pki_leaf_for(void *key) {
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), DAY_S);
    entry(X509_get_subject_name(x), "CN", "node");
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return encoded(x, NULL);
}

char *prov_pki_sign(enum pki_rank rank, struct slice a, struct slice b) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t sig[512];
    size_t n = sizeof sig;
    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key_of(rank)), 1);
    assert_int_equal(EVP_DigestSignUpdate(md, a.p, a.n), 1);
    assert_int_equal(EVP_DigestSignUpdate(md, b.p, b.n), 1);
    assert_int_equal(EVP_DigestSignFinal(md, sig, &n), 1);
    EVP_MD_CTX_free(md);
    return base64_of(slice_of(sig, n));
}
