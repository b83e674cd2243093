/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken as a provisioning certificate, and what is said of everything else. */
#include "server/pfx.h"

#include "base/text.h"
#include "pfx_maker.h"
#include "unit.h"

#include <openssl/obj_mac.h>
#include <openssl/provider.h>
#include <stdlib.h>

static const struct wall NOW = {1795356131000000};
static struct maker ca;

static int open_as(const struct recipe *r, const char *password, const char *suffix, struct pfx *out,
                   struct errinfo *ei) {
    struct buf file = {0};
    maker_pfx(&ca, NOW, r, &file);
    *ei = (struct errinfo){0};
    int err = pfx_open(buf_slice(&file), password, suffix, NOW, out, ei);
    buf_free(&file);
    return err;
}

/* The leaf of the chain as it will be sent, decoded. */
static X509 *cert_at(const struct pfx *p, size_t i) {
    uint8_t der[4096];
    int n = text_unbase64(buf_slice(&p->chain[i]), der, sizeof der);
    const unsigned char *q = der;
    X509 *x = n > 0 ? d2i_X509(NULL, &q, n) : NULL;
    assert_non_null(x);
    return x;
}

static void assert_in_order(const struct pfx *p, size_t n) {
    assert_int_equal(p->nchain, n);
    for (size_t i = 0; i < n; i++) {
        X509 *x = cert_at(p, i), *up = cert_at(p, i + 1 < n ? i + 1 : i);
        assert_int_equal(X509_verify(x, X509_get0_pubkey(up)), 1);
        X509_free(x);
        X509_free(up);
    }
}

static void right_ones(void **state) {
    static const struct recipe v[] = {
        {0},
        {.common_name = "example.com"},
        {.common_name = "AMT.Lab.Example.COM"},
        {.common_name = "other", .alt_name = "DNS:x.org,DNS:prov.example.com"},
        {.no_oid = true, .unit = "Intel(R) Client Setup Certificate"},
        {.root_first = true}, /* any order in the file */
        {.between = 1},       /* four certificates: the most */
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct pfx p;
        struct errinfo ei;
        if (open_as(&v[i], PFX_PASSWORD, "example.com", &p, &ei))
            fail_msg("%zu: %s", i, ei.text);
        assert_in_order(&p, 3 + v[i].between);
        assert_true(p.not_after.us / 1000000 == NOW.us / 1000000 + 90 * 86400);
        assert_non_null(strstr(p.subject, "CN="));
        assert_int_equal(strlen(p.root_hash[0]), 40);
        assert_int_equal(strlen(p.root_hash[1]), 64);
        assert_int_equal(strlen(p.root_hash[2]), 96);
        assert_true(p.key_base64.len > 1000);
        pfx_free(&p);
    }
}

static void wrong_ones(void **state) {
    EVP_PKEY *small = maker_key(1024), *curve = maker_key(0);
    const struct {
        struct recipe r;
        const char *password, *suffix, *field, *says;
    } v[] = {
        {{0}, "wrong", NULL, "password", "the password does not open the PFX file"},
        {{0}, "", NULL, "password", "the password does not open"},
        {{.from_day = -90, .to_day = -1}, NULL, NULL, "certificate", "expired at 2026-11-2"},
        {{.from_day = 2, .to_day = 9}, NULL, NULL, "certificate", "is not valid before 2026-11-2"},
        {{.no_oid = true}, NULL, NULL, "certificate", "lacks 2.16.840.1.113741.1.2.3"},
        {{.no_oid = true, .unit = "Intel(R) Client"}, NULL, NULL, "certificate", "is not meant for AMT"},
        {{0}, NULL, "example.org", "suffix", "has no name under example.org"},
        {{.common_name = "badexample.com"}, NULL, NULL, "suffix", "has no name under example.com"},
        {{.common_name = "com"}, NULL, NULL, "suffix", "has no name under example.com"},
        {{0}, NULL, "com", "suffix", "at least two labels"},
        {{0}, NULL, "Example.com", "suffix", "at least two labels"},
        {{0}, NULL, "example..com", "suffix", "at least two labels"},
        {{.file_key = ca.other_key}, NULL, NULL, "certificate", "belongs to its private key"},
        {{.no_key = true}, NULL, NULL, "certificate", "holds no private key"},
        {{.leaf_only = true},
         NULL,
         NULL,
         "certificate",
         "the certificate of CN=Test issuer is missing, which issued that of"},
        {{.no_root = true}, NULL, NULL, "certificate", "the certificate of CN=Test root is missing"},
        {{.between = 2}, NULL, NULL, "certificate", "longer than 4 certificates"},
        {{.self_signed = true}, NULL, NULL, "certificate", "is its own root"},
        {{.key = small}, NULL, NULL, "certificate", "has 1024 bits; at least 2048"},
        {{.key = curve}, NULL, NULL, "certificate", "is not RSA"},
        {{.key_only = true, .rounds = PFX_ITERATIONS_MAX + 1}, NULL, NULL, "certificate", "too much work"},
        {{.key_only = true, .mac_rounds = PFX_ITERATIONS_MAX + 1},
         NULL,
         NULL,
         "certificate",
         "too much work"},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct pfx p;
        struct errinfo ei;
        int err = open_as(&v[i].r, v[i].password ? v[i].password : PFX_PASSWORD,
                          v[i].suffix ? v[i].suffix : "example.com", &p, &ei);
        if (err != ERR_INVALID || strcmp(ei.field, v[i].field) != 0 || !strstr(ei.text, v[i].says) ||
            !*ei.remedy)
            fail_msg("%zu: %d %s: %s (%s)", i, err, ei.field, ei.text, ei.remedy);
        assert_true(p.nchain == 0 && p.key_base64.len == 0);
    }
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
}

/* RC2 and triple DES, as Windows and OpenSSL 1 wrote them. */
static void old_encryption(void **state) {
    OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(NULL, "legacy"), *now = OSSL_PROVIDER_load(NULL, "default");
    const int v[] = {NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC};
    assert_non_null(legacy);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct pfx p;
        struct errinfo ei;
        if (open_as(&(struct recipe){.cipher = v[i]}, PFX_PASSWORD, "example.com", &p, &ei))
            fail_msg("%zu: %s", i, ei.text);
        assert_in_order(&p, 3);
        pfx_free(&p);
    }
    OSSL_PROVIDER_unload(legacy);
    OSSL_PROVIDER_unload(now);
}

/* Cut short or with a bit turned over it is never taken, and never harms. */
static void broken_files(void **state) {
    struct buf file = {0};
    struct pfx p;
    struct errinfo ei = {0};
    maker_pfx(&ca, NOW, &(struct recipe){0}, &file);
    struct slice whole = buf_slice(&file);
    for (size_t n = 0; n < whole.n; n += 97)
        assert_int_equal(pfx_open(slice_head(whole, n), PFX_PASSWORD, "example.com", NOW, &p, &ei),
                         ERR_INVALID);
    for (size_t i = 0; i < whole.n; i += 53) {
        file.mem[file.head + i] ^= 1;
        int err = pfx_open(whole, PFX_PASSWORD, "example.com", NOW, &p, &ei);
        assert_true(err == ERR_INVALID || err == ERR_UNSUPPORTED);
        file.mem[file.head + i] ^= 1;
    }
    assert_int_equal(pfx_open(SLICE_LIT("-----BEGIN CERTIFICATE-----"), "x", "example.com", NOW, &p, &ei),
                     ERR_INVALID);
    assert_non_null(strstr(ei.text, "no PKCS #12"));
    uint8_t *huge = calloc(1, PFX_MAX_BYTES + 1);
    assert_int_equal(pfx_open(slice_of(huge, PFX_MAX_BYTES + 1), "x", "example.com", NOW, &p, &ei),
                     ERR_INVALID);
    assert_non_null(strstr(ei.text, "at most 32768 are taken"));
    free(huge);
    buf_free(&file);
}

static int setup(void **state) {
    maker_new(&ca, NOW);
    return 0;
}
static int teardown(void **state) {
    maker_free(&ca);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {T(right_ones), T(wrong_ones), T(old_encryption), T(broken_files)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
