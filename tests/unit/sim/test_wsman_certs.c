/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, the key pair and TLS. */
#include "fw_rig.h"
#include "prov_pki.h"
#include "unit.h"

#include "base/ossl.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define MANAGEMENT WSMAN_AMT_PublicKeyManagementService
#define CERT       WSMAN_AMT_PublicKeyCertificate
#define KEY        WSMAN_AMT_PublicPrivateKeyPair
#define CONTEXT    WSMAN_AMT_TLSCredentialContext
#define TLS        WSMAN_AMT_TLSSettingData
#define SETUP      WSMAN_AMT_SetupAndConfigurationService
#define HANDLE(n)  "Intel(r) AMT Certificate: Handle: " n
#define IN_CONTEXT(n)                                                                                        \
    "<p:ElementInContext><a:Address>/wsman</a:Address><a:ReferenceParameters><w:ResourceURI>x"               \
    "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"InstanceID\">" HANDLE(                                \
        n) "</w:Selector></w:SelectorSet></a:ReferenceParameters></p:ElementInContext>"
#define RSA_2048 "<p:KeyAlgorithm>0</p:KeyAlgorithm><p:KeyLength>2048</p:KeyLength>"

static int64_t add(struct bench *b, const char *method, const char *b64) {
    struct buf in = {0};
    buf_putf(&in, "<p:CertificateBlob>%s</p:CertificateBlob>", b64);
    int64_t rv = bench_call(b, MANAGEMENT, method, buf_cstr(&in), NULL);
    buf_free(&in);
    return rv;
}

static void roots_are_trusted_once(void **state) {
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "x"});
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", ""), 36);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", "AAAA"), 2063);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", pki.b64[PKI_LEAF]), 2063);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", pki.b64[PKI_ROOT]), 0);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", pki.b64[PKI_ROOT]), 2058);
    assert_int_equal(add(&b, "AddTrustedRootCertificate", pki.b64[PKI_OTHER_ROOT]), 0);
    assert_int_equal(bench_pull_all(&b, CERT, CERT), 2);
    assert_string_equal(bench_text(&b, CERT, "Subject"), "O=Test,CN=Test Root");
    assert_string_equal(bench_text(&b, CERT, "TrustedRootCertficate"), "true");
    assert_string_equal(bench_text(&b, CERT, "X509Certificate"), pki.b64[PKI_ROOT]);
    assert_string_equal(bench_text(&b, CERT, "InstanceID"), HANDLE("1"));
    assert_int_equal(bench_delete(&b, CERT, "InstanceID", HANDLE("1")), 200);
    assert_int_equal(bench_delete(&b, CERT, "InstanceID", HANDLE("1")), 400);
    assert_string_equal(bench_text(&b, CERT, "InstanceID"), HANDLE("2"));
    bench_free(&b);
    prov_pki_free(&pki);
}

static void the_store_has_a_limit(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "x"});
    struct prov *p = node_prov(b.node);
    for (uint32_t i = 0; i < PROV_CERTS_MAX; i++)
        assert_true(prov_cert_set(prov_cert_free(p), SLICE_LIT("any"), i, true));
    assert_int_equal(add(&b, "AddTrustedRootCertificate", pki.b64[PKI_ROOT]), 23);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void a_leaf_needs_its_key(void **state) {
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "x"});
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair", "", NULL), 36);
    assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair",
                                "<p:KeyAlgorithm>0</p:KeyAlgorithm><p:KeyLength>512</p:KeyLength>", NULL),
                     2066);
    assert_int_equal(add(&b, "AddCertificate", pki.b64[PKI_LEAF]), 2064);
    assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair", RSA_2048, NULL), 0);
    assert_int_equal(add(&b, "AddCertificate", pki.b64[PKI_LEAF]), 2064);
    assert_int_equal(bench_pull_all(&b, KEY, KEY), 1);
    uint8_t der[512];
    int n = text_unbase64(slice_str(bench_text(&b, KEY, "DERKey")), der, sizeof der);
    const uint8_t *at = der;
    EVP_PKEY *public = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, n);
    assert_int_equal(EVP_PKEY_eq(public, b.node->prov->key), 1);
    EVP_PKEY_free(public);
    char *leaf = prov_pki_leaf_for(b.node->prov->key);
    assert_int_equal(add(&b, "AddCertificate", leaf), 0);
    assert_string_equal(bench_text(&b, CERT, "TrustedRootCertficate"), "false");
    free(leaf);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void tls_waits_for_commit(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct prov *p = node_prov(b.node);
    assert_int_equal(bench_put(&b, TLS, "<p:Enabled>true</p:Enabled>"), 500); /* no certificate */
    assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair", RSA_2048, NULL), 0);
    char *leaf = prov_pki_leaf_for(b.node->prov->key);
    assert_int_equal(add(&b, "AddCertificate", leaf), 0);
    free(leaf);
    assert_int_equal(bench_create(&b, CONTEXT, IN_CONTEXT("9")), 400);
    assert_int_equal(bench_create(&b, CONTEXT, IN_CONTEXT("2")), 200);
    assert_int_equal(bench_create(&b, CONTEXT, IN_CONTEXT("2")), 400);
    assert_int_equal(bench_pull_all(&b, CONTEXT, CONTEXT), 1);
    assert_int_equal(bench_put(&b, CONTEXT, IN_CONTEXT("2")), 200);
    assert_int_equal(
        bench_put(&b, TLS,
                  "<p:AcceptNonSecureConnections>true</p:AcceptNonSecureConnections>"
                  "<p:Enabled>true</p:Enabled><p:MutualAuthentication>true</p:MutualAuthentication>"),
        200);
    assert_string_equal(bench_text(&b, TLS, "Enabled"), "true");
    assert_false(p->tls.remote);
    p->changed = false;
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), 0);
    assert_true(p->changed && p->tls.remote && p->tls.mutual && p->tls.plain_too && !p->tls.local);
    /* in use: nothing of it goes */
    assert_int_equal(bench_delete(&b, CONTEXT, NULL, NULL), 500);
    assert_int_equal(bench_delete(&b, CERT, "InstanceID", HANDLE("2")), 500);
    assert_int_equal(bench_delete(&b, KEY, "InstanceID", "Intel(r) AMT Key: Handle: 1"), 500);
    /* a key for the next one; of two the unused one goes */
    for (int i = 1; i < PROV_KEYS_MAX; i++)
        assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair", RSA_2048, NULL), 0);
    assert_int_equal(bench_call(&b, MANAGEMENT, "GenerateKeyPair", RSA_2048, NULL), 23);
    assert_int_equal(bench_pull_all(&b, KEY, KEY), PROV_KEYS_MAX);
    for (int i = 1; i < PROV_KEYS_MAX; i++) {
        char name[FW_KEY_CAP];
        snprintf(name, sizeof name, "Intel(r) AMT Key: Handle: %d", 2 + i);
        assert_int_equal(bench_delete(&b, KEY, "InstanceID", name), 200);
    }
    assert_int_equal(bench_put(&b, TLS, "<p:Enabled>false</p:Enabled>"), 200);
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), 0);
    assert_int_equal(bench_delete(&b, CONTEXT, NULL, NULL), 200);
    assert_int_equal(bench_delete(&b, KEY, "InstanceID", "Intel(r) AMT Key: Handle: 1"), 200);
    assert_int_equal(bench_delete(&b, CERT, "InstanceID", HANDLE("2")), 200);
    assert_int_equal(bench_pull_all(&b, KEY, KEY), 0);
    bench_free(&b);
}

UNIT_MAIN(T(roots_are_trusted_once), T(the_store_has_a_limit), T(a_leaf_needs_its_key),
          T(tls_waits_for_commit))
