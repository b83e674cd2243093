/* SPDX-License-Identifier: Apache-2.0 */
#include "pfx_maker.h"

#include "unit.h"

#include <openssl/ec.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

EVP_PKEY *maker_key(unsigned bits) {
    EVP_PKEY *k = bits ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    assert_non_null(k);
    return k;
}

static void add_ext(X509 *x, int nid, const char *value) {
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *cert_new(const char *common_name, const char *unit, EVP_PKEY *key, struct wall now, int from,
                      int to) {
    static int serial;
    time_t t = (time_t)(now.us / 1000000);
    X509 *x = X509_new();
    X509_NAME *n = X509_get_subject_name(x);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(x), from, 0, &t);
    X509_time_adj_ex(X509_getm_notAfter(x), to, 0, &t);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                               0);
    if (unit)
        X509_NAME_add_entry_by_NID(n, NID_organizationalUnitName, MBSTRING_UTF8, (const unsigned char *)unit,
                                   -1, -1, 0);
    return x;
}

static void sign(X509 *x, X509 *issuer, EVP_PKEY *key) {
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
}

static X509 *authority(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, struct wall now) {
    X509 *x = cert_new(name, NULL, key, now, -1, 3650);
    add_ext(x, NID_basic_constraints, "critical,CA:TRUE");
    sign(x, issuer ? issuer : x, issuer_key ? issuer_key : key);
    return x;
}

void maker_new(struct maker *m, struct wall now) {
    m->root_key = maker_key(2048);
    m->between_key = maker_key(2048);
    m->leaf_key = maker_key(2048);
    m->other_key = maker_key(2048);
    m->root = authority("Test root", m->root_key, NULL, NULL, now);
    m->between = authority("Test issuer", m->between_key, m->root, m->root_key, now);
}

void maker_free(struct maker *m) {
    X509_free(m->root);
    X509_free(m->between);
    EVP_PKEY_free(m->root_key);
    EVP_PKEY_free(m->between_key);
    EVP_PKEY_free(m->leaf_key);
    EVP_PKEY_free(m->other_key);
    *m = (struct maker){0};
}

static void push(STACK_OF(X509) * v, X509 *x) {
    X509_up_ref(x);
    sk_X509_push(v, x);
}

/* The issuers that go along, and who signs the leaf. */
static X509 *issuers(const struct maker *m, struct wall now, const struct recipe *r, STACK_OF(X509) * v,
                     X509 **made) {
    X509 *last = m->between;
    if (r->root_first && !r->no_root)
        push(v, m->root);
    push(v, m->between);
    for (unsigned i = 0; i < r->between; i++) {
        char name[32];
        snprintf(name, sizeof name, "Issuer %u", i);
        last = made[i] = authority(name, m->between_key, last, m->between_key, now);
        push(v, last);
    }
    if (!r->root_first && !r->no_root)
        push(v, m->root);
    return last;
}

void maker_pfx(const struct maker *m, struct wall now, const struct recipe *r, struct buf *out) {
    EVP_PKEY *key = r->key ? r->key : m->leaf_key, *file_key = r->file_key ? r->file_key : key;
    X509 *made[8] = {0};
    bool days = r->from_day || r->to_day;
    X509 *leaf = cert_new(r->common_name ? r->common_name : "amt.example.com", r->unit, key, now,
                          days ? r->from_day : -1, days ? r->to_day : 90);
    add_ext(leaf, NID_ext_key_usage, r->no_oid ? "serverAuth" : "serverAuth,2.16.840.1.113741.1.2.3");
    if (r->alt_name)
        add_ext(leaf, NID_subject_alt_name, r->alt_name);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *issuer = issuers(m, now, r, chain, made);
    sign(leaf, r->self_signed ? leaf : issuer, r->self_signed ? key : m->between_key);
    int cipher = r->cipher ? r->cipher : NID_aes_256_cbc, rounds = r->rounds ? r->rounds : 1;
    if (r->file_key) { /* PKCS12_create() refuses a leaf that does not belong to the key */
        sk_X509_unshift(chain, leaf);
        X509_up_ref(leaf);
    }
    PKCS12 *p12 =
        PKCS12_create(PFX_PASSWORD, NULL, r->no_key ? NULL : file_key,
                      r->file_key || r->key_only ? NULL : leaf, r->leaf_only || r->key_only ? NULL : chain,
                      cipher, cipher, rounds, r->mac_rounds ? r->mac_rounds : 1, 0);
    assert_non_null(p12);
    unsigned char *der = NULL;
    int n = i2d_PKCS12(p12, &der);
    assert_true(n > 0);
    buf_put(out, slice_of(der, (size_t)n));
    OPENSSL_free(der);
    PKCS12_free(p12);
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    for (unsigned i = 0; i < r->between; i++)
        X509_free(made[i]);
}
