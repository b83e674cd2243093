/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pki.h"

#include "base/ossl.h"
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const struct wall from = {1790000000000000};

static X509 *parse(struct slice pem) {
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIO_free(b);
    assert_non_null(x);
    return x;
}

static bool verifies(X509 *leaf, X509 *root) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(c, store, leaf, NULL);
    X509_STORE_CTX_set_default(c, "ssl_server");
    X509_STORE_CTX_set_time(c, 0, (time_t)(from.us / 1000000) + 3600);
    bool ok = X509_verify_cert(c) == 1;
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    return ok;
}

static void chain_of(enum pki_key root_kind, enum pki_key leaf_kind, int root_sig, int leaf_sig) {
    static const char *const names[] = {"mps.example.com", "192.0.2.7", "2001:db8::7", "*.lab.example"};
    struct buf rk = {0}, rc = {0}, lk = {0}, lc = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(root_kind, &rk, &ei), 0);
    assert_int_equal(pki_make_key(leaf_kind, &lk, &ei), 0);
    assert_non_null(strstr(buf_cstr(&rk), "BEGIN PRIVATE KEY")); /* PKCS#8 */
    assert_int_equal(pki_make_root(buf_slice(&rk), "Outband Root", from, 3650, &rc, &ei), 0);
    assert_int_equal(
        pki_make_leaf(buf_slice(&rc), buf_slice(&rk), buf_slice(&lk), names, 4, from, 365, &lc, &ei), 0);
    X509 *root = parse(buf_slice(&rc)), *leaf = parse(buf_slice(&lc));
    assert_true(verifies(leaf, root));
    assert_false(verifies(root, leaf));
    assert_int_equal(X509_get_signature_nid(root), root_sig);
    assert_int_equal(X509_get_signature_nid(leaf), leaf_sig);
    assert_int_equal(X509_check_host(leaf, "mps.example.com", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "a.lab.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "other.example.com", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(leaf, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "2001:db8::7", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "192.0.2.8", 0), 0);
    assert_int_equal(X509_get_pathlen(root), 0);
    assert_int_equal(X509_get_pathlen(leaf), -1);
    assert_int_equal(X509_check_ca(leaf), 0);

    struct pki_facts f;
    assert_int_equal(pki_read(buf_slice(&lc), &f, &ei), 0);
    assert_string_equal(f.subject, "CN=mps.example.com");
    assert_string_equal(f.issuer, "CN=Outband Root");
    assert_int_equal(f.not_before.us, from.us);
    assert_int_equal(f.not_after.us - f.not_before.us, (int64_t)365 * 86400 * 1000000);
    assert_false(f.is_ca);
    assert_int_equal(pki_read(buf_slice(&rc), &f, &ei), 0);
    assert_true(f.is_ca);
    X509_free(root);
    X509_free(leaf);
    buf_free(&rk);
    buf_free(&rc);
    buf_free(&lk);
    buf_free(&lc);
}

static void chains(void **s) {
    chain_of(PKI_P256, PKI_P256, NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA256);
    chain_of(PKI_P256, PKI_RSA_2048, NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA256);
    chain_of(PKI_RSA_2048, PKI_P256, NID_sha384WithRSAEncryption, NID_sha384WithRSAEncryption);
}

static void serials_are_positive_and_differ(void **s) {
    struct buf k = {0};
    struct errinfo ei = {0};
    BIGNUM *seen[50];
    assert_int_equal(pki_make_key(PKI_P256, &k, &ei), 0);
    for (int i = 0; i < 50; i++) {
        struct buf c = {0};
        assert_int_equal(pki_make_root(buf_slice(&k), "R", from, 10, &c, &ei), 0);
        X509 *x = parse(buf_slice(&c));
        const ASN1_INTEGER *n = X509_get0_serialNumber(x);
        assert_true(ASN1_STRING_length(n) <= 20);
        seen[i] = ASN1_INTEGER_to_BN(n, NULL);
        assert_false(BN_is_negative(seen[i]) || BN_is_zero(seen[i]));
        assert_true(BN_num_bits(seen[i]) >= 64);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(BN_cmp(seen[i], seen[j]), 0);
        X509_free(x);
        buf_free(&c);
    }
    for (int i = 0; i < 50; i++)
        BN_free(seen[i]);
    buf_free(&k);
}

static void what_is_refused(void **s) {
    static const char *const good[] = {"a.example"}, *const bad[] = {"a.example", "a b"};
    struct buf rk = {0}, rc = {0}, other = {0}, out = {0};
    struct errinfo ei = {0};
    struct pki_facts f;
    assert_int_equal(pki_make_key(PKI_P256, &rk, &ei), 0);
    assert_int_equal(pki_make_key(PKI_P256, &other, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&rk), "R", from, 10, &rc, &ei), 0);
    struct slice key = buf_slice(&rk), root = buf_slice(&rc), stranger = buf_slice(&other);
    assert_int_equal(pki_make_leaf(root, key, stranger, bad, 2, from, 10, &out, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "'a b'"));
    assert_int_equal(pki_make_leaf(root, key, stranger, good, 0, from, 10, &out, &ei), ERR_INVALID);
    assert_int_equal(pki_make_leaf(root, key, stranger, good, 1, from, 0, &out, &ei), ERR_INVALID);
    assert_int_equal(pki_make_leaf(root, stranger, stranger, good, 1, from, 10, &out, &ei), ERR_CRYPTO);
    assert_int_equal(pki_make_leaf(root, SLICE_LIT("x"), stranger, good, 1, from, 10, &out, &ei), ERR_CRYPTO);
    assert_int_equal(pki_make_root(SLICE_EMPTY, "R", from, 10, &out, &ei), ERR_CRYPTO);
    assert_int_equal(pki_read(SLICE_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n"), &f, &ei), ERR_CRYPTO);
    assert_int_equal(out.len, 0);
    enum pki_key kind;
    assert_true(pki_key_parse("rsa-3072", &kind) && kind == PKI_RSA_3072);
    assert_false(pki_key_parse("rsa", &kind));
    buf_free(&rk);
    buf_free(&rc);
    buf_free(&other);
    buf_free(&out);
}

UNIT_MAIN(T(chains), T(serials_are_positive_and_differ), T(what_is_refused))
