/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up as a client does it: both control modes, and what firmware refuses. */
#include "fw_rig.h"
#include "prov_pki.h"
#include "unit.h"

#include "base/text.h"

#include <stdlib.h>

#define HOST_SETUP WSMAN_IPS_HostBasedSetupService
#define SETUP      WSMAN_AMT_SetupAndConfigurationService

static const struct pki_wish GOOD = {.name = "provision.acme.example", .dns = "provision.acme.example"};
static const char HA1[] = "0123456789abcdef0123456789abcdef";
#define ADMIN                                                                                                \
    "<p:NetAdminPassEncryptionType>2</p:NetAdminPassEncryptionType>"                                         \
    "<p:NetworkAdminPassword>0123456789ABCDEF0123456789ABCDEF</p:NetworkAdminPassword>"

/* A factory-new node that trusts the root of pki and has a PKI DNS suffix. */
static struct bench fresh(const struct prov_pki *pki) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    b.node->unprovisioned = true;
    b.who = FW_OS_ADMIN;
    struct prov *p = node_prov(b.node);
    assert_int_equal(p->mode, 0);
    snprintf(p->dns_suffix, sizeof p->dns_suffix, "acme.example");
    if (pki)
        assert_true(prov_root_add(p, "test", pki->root_sha256, false));
    return b;
}

static int64_t add(struct bench *b, const struct prov_pki *pki, enum pki_rank r, bool leaf, bool root) {
    struct buf in = {0};
    buf_putf(&in,
             "<p:NextCertificate>%s</p:NextCertificate><p:IsLeafCertificate>%s</p:IsLeafCertificate>"
             "<p:IsRootCertificate>%s</p:IsRootCertificate>",
             pki->b64[r], leaf ? "true" : "false", root ? "true" : "false");
    int64_t rv = bench_call(b, HOST_SETUP, "AddNextCertInChain", buf_cstr(&in), NULL);
    buf_free(&in);
    return rv;
}

static void add_all(struct bench *b, const struct prov_pki *pki) {
    assert_int_equal(add(b, pki, PKI_LEAF, true, false), 0);
    assert_string_equal(bench_text(b, HOST_SETUP, "CertChainStatus"), "1");
    assert_int_equal(add(b, pki, PKI_MIDDLE, false, false), 0);
    assert_int_equal(add(b, pki, PKI_ROOT, false, true), 0);
    assert_string_equal(bench_text(b, HOST_SETUP, "CertChainStatus"), "2");
}

/* AdminSetup or UpgradeClientToAdmin, signed by that key over this ConfigurationNonce (NULL: the present). */
static int64_t sign_and_send(struct bench *b, const char *method, enum pki_rank rank, const char *nonce_b64) {
    static const uint8_t MC[AMT_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    uint8_t nonce[AMT_NONCE_BYTES];
    if (!nonce_b64)
        nonce_b64 = bench_text(b, HOST_SETUP, "ConfigurationNonce");
    assert_int_equal(text_unbase64(slice_str(nonce_b64), nonce, sizeof nonce), AMT_NONCE_BYTES);
    char *signature = prov_pki_sign(rank, slice_of(nonce, sizeof nonce), slice_of(MC, sizeof MC));
    struct buf in = {0}, mc = {0};
    text_base64(&mc, slice_of(MC, sizeof MC));
    buf_putf(&in,
             "%s<p:McNonce>%s</p:McNonce><p:SigningAlgorithm>2</p:SigningAlgorithm>"
             "<p:DigitalSignature>%s</p:DigitalSignature>",
             strcmp(method, "AdminSetup") == 0 ? ADMIN : "", buf_cstr(&mc), signature);
    int64_t rv = bench_call(b, HOST_SETUP, method, buf_cstr(&in), NULL);
    buf_free(&in);
    buf_free(&mc);
    free(signature);
    return rv;
}

static void client_control_mode_is_set_up_once(void **state) {
    struct bench b = fresh(NULL);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CurrentControlMode"), "0");
    assert_int_equal(bench_call(&b, HOST_SETUP, "Setup", "", NULL), 3);
    assert_int_equal(bench_call(&b, HOST_SETUP, "Setup",
                                "<p:NetAdminPassEncryptionType>1</p:NetAdminPassEncryptionType>"
                                "<p:NetworkAdminPassword>secret</p:NetworkAdminPassword>",
                                NULL),
                     3);
    assert_int_equal(b.node->prov->setups, 0);
    assert_int_equal(bench_call(&b, HOST_SETUP, "Setup", ADMIN, NULL), 0);
    assert_int_equal(bench_call(&b, HOST_SETUP, "Setup", ADMIN, NULL), 2);
    assert_int_equal(b.node->prov->setups, 1);
    assert_true(b.node->prov->changed);
    assert_string_equal(b.node->prov->admin_ha1, HA1);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CurrentControlMode"), "1");
    assert_string_equal(bench_text(&b, SETUP, "ProvisioningState"), "2");
    assert_string_equal(bench_text(&b, SETUP, "ProvisioningMode"), "4");
    b.who = FW_ADMIN;
    assert_string_equal(bench_text(&b, WSMAN_IPS_OptInService, "OptInRequired"), "4294967295");
    bench_free(&b);
}

static void admin_control_mode_needs_chain_and_signature(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(&pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, NULL), 2); /* no chain yet */
    add_all(&b, &pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, NULL), 0);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CurrentControlMode"), "2");
    assert_string_equal(b.node->prov->admin_ha1, HA1);
    assert_int_equal(b.node->prov->admin_setups, 1);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, NULL), 2);
    assert_int_equal(add(&b, &pki, PKI_LEAF, true, false), 3);
    b.who = FW_ADMIN;
    assert_string_equal(bench_text(&b, WSMAN_IPS_OptInService, "OptInRequired"), "1");
    bench_free(&b);
    prov_pki_free(&pki);
}

static void client_mode_is_upgraded(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(&pki);
    assert_int_equal(bench_call(&b, HOST_SETUP, "Setup", ADMIN, NULL), 0);
    b.who = FW_ADMIN; /* by the tunnel */
    add_all(&b, &pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, NULL), 2);
    assert_int_equal(sign_and_send(&b, "UpgradeClientToAdmin", PKI_LEAF, NULL), 0);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CurrentControlMode"), "2");
    assert_int_equal(b.node->prov->upgrades, 1);
    assert_int_equal(b.node->prov->admin_setups, 0);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void a_signature_counts_once_and_only_of_the_leaf(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(&pki);
    char before[64];
    snprintf(before, sizeof before, "%s", bench_text(&b, HOST_SETUP, "ConfigurationNonce"));
    add_all(&b, &pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_ROOT, NULL), 5);
    /* the attempt took the nonce and the chain with it: the same again proves nothing */
    assert_string_not_equal(before, bench_text(&b, HOST_SETUP, "ConfigurationNonce"));
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, before), 2);
    add_all(&b, &pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, before), 5);
    add_all(&b, &pki);
    assert_int_equal(sign_and_send(&b, "AdminSetup", PKI_LEAF, NULL), 0);
    assert_int_equal(b.node->prov->admin_setups, 1);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void the_order_is_leaf_to_root(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(&pki);
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, true), 3);
    assert_int_equal(add(&b, &pki, PKI_MIDDLE, false, false), 3);
    assert_int_equal(add(&b, &pki, PKI_LEAF, true, true), 1);
    assert_int_equal(add(&b, &pki, PKI_LEAF, true, false), 0);
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, true), 4); /* it did not sign the leaf */
    assert_string_equal(bench_text(&b, HOST_SETUP, "CertChainStatus"), "0");
    /* a leaf begins anew whatever was there */
    add_all(&b, &pki);
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, true), 3);
    assert_int_equal(add(&b, &pki, PKI_LEAF, true, false), 0);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CertChainStatus"), "1");
    /* what cannot be read */
    assert_int_equal(bench_call(&b, HOST_SETUP, "AddNextCertInChain",
                                "<p:NextCertificate>AAAA</p:NextCertificate>"
                                "<p:IsLeafCertificate>true</p:IsLeafCertificate>"
                                "<p:IsRootCertificate>false</p:IsRootCertificate>",
                                NULL),
                     1);
    assert_int_equal(bench_call(&b, HOST_SETUP, "AddNextCertInChain", "", NULL), 1);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void a_chain_has_four_certificates(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(&pki);
    assert_int_equal(add(&b, &pki, PKI_LEAF, true, false), 0);
    assert_int_equal(add(&b, &pki, PKI_MIDDLE, false, false), 0);
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, false), 0);
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, false), 0); /* signed by itself */
    assert_int_equal(add(&b, &pki, PKI_ROOT, false, true), 5);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CertChainStatus"), "0");
    bench_free(&b);
    prov_pki_free(&pki);
}

static void the_root_must_be_trusted(void **state) {
    struct prov_pki pki = prov_pki_of(&GOOD);
    struct bench b = fresh(NULL);
    for (int i = 0; i < 3; i++) {
        struct prov *p = b.node->prov;
        assert_int_equal(add(&b, &pki, PKI_LEAF, true, false), 0);
        assert_int_equal(add(&b, &pki, PKI_MIDDLE, false, false), 0);
        assert_int_equal(add(&b, &pki, i == 2 ? PKI_OTHER_ROOT : PKI_ROOT, false, true), 4);
        if (p->nroots == 0)
            assert_true(prov_root_add(p, "test", pki.root_sha256, false));
        p->roots[0].active = i > 0; /* known, but switched off; known, but another one */
    }
    add_all(&b, &pki);
    bench_free(&b);
    prov_pki_free(&pki);
}

static void the_leaf_must_fit(void **state) {
    static const struct {
        struct pki_wish wish;
        const char *mebx, *dhcp;
        int64_t rv;
    } CASES[] = {
        {{.name = "provision.acme.example"}, "", "acme.example", 0},
        {{.name = "provision.acme.example"}, "other.example", "acme.example", 4}, /* MEBx counts */
        {{.name = "provision.acme.example"}, "", "", 4},
        {{.name = "acme.example"}, "ACME.example", "", 0},
        {{.name = "notacme.example"}, "acme.example", "", 4},
        {{.name = "x", .dns = "*.acme.example"}, "acme.example", "", 0},
        {{.name = "x.acme.example", .no_oid = true}, "acme.example", "", 4},
        {{.name = "x.acme.example", .no_oid = true, .with_ou = true}, "acme.example", "", 0},
        {{.name = "x.acme.example", .expired = true}, "acme.example", "", 4},
    };
    for (size_t i = 0; i < FW_LEN(CASES); i++) {
        struct prov_pki pki = prov_pki_of(&CASES[i].wish);
        struct bench b = fresh(&pki);
        struct prov *p = b.node->prov;
        snprintf(p->dns_suffix, sizeof p->dns_suffix, "%s", CASES[i].mebx);
        snprintf(p->dhcp_suffix, sizeof p->dhcp_suffix, "%s", CASES[i].dhcp);
        if (add(&b, &pki, PKI_LEAF, true, false) != CASES[i].rv)
            fail_msg("case %zu", i);
        bench_free(&b);
        prov_pki_free(&pki);
    }
}

static void os_admin_does_set_up_and_reads_little(void **state) {
    struct bench b = fresh(NULL);
    static const struct {
        enum wsman_class cls;
        int status;
    } READS[] = {
        {WSMAN_AMT_GeneralSettings, 200},       {WSMAN_AMT_SetupAndConfigurationService, 200},
        {WSMAN_IPS_HostBasedSetupService, 200}, {WSMAN_AMT_AuthorizationService, 400},
        {WSMAN_AMT_RedirectionService, 400},    {WSMAN_CIM_AssociatedPowerManagementService, 400},
    };
    for (size_t i = 0; i < FW_LEN(READS); i++) {
        int status;
        struct wsman_msg *m =
            bench_ask(&b, &(struct wsman_request){.op = WSMAN_GET, .cls = READS[i].cls}, &status);
        assert_int_equal(status, READS[i].status);
        if (status != 200)
            assert_true(slice_is(m->fault_subcode, "AccessDenied"));
        wsman_msg_free(&m);
    }
    assert_int_equal(
        bench_put(&b, WSMAN_AMT_GeneralSettings, "<p:PingResponseEnabled>true</p:PingResponseEnabled>"), 400);
    assert_int_equal(bench_call(&b, SETUP, "Unprovision", "<p:ProvisioningMode>1</p:ProvisioningMode>", NULL),
                     -400);
    bench_free(&b);
}

static void unprovision_leaves_mebx_alone(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    static const char ONE[] = "<p:ProvisioningMode>1</p:ProvisioningMode>";
    assert_int_equal(bench_call(&b, SETUP, "Unprovision", "", NULL), 36);
    assert_int_equal(b.node->prov->unprovisions, 0);
    assert_true(b.node->prov->mps[0].used);
    assert_int_equal(bench_call(&b, SETUP, "PartialUnprovision", "", NULL), 0);
    assert_int_not_equal(b.node->prov->admin_ha1[0], 0);
    assert_int_equal(bench_call(&b, SETUP, "Unprovision", ONE, NULL), 32);
    sim_node_start(b.node); /* as it was before */
    assert_int_equal(b.node->prov->mode, 2);
    assert_int_equal(bench_call(&b, SETUP, "SetMEBxPassword", "<p:Password>P@ssw0rd</p:Password>", NULL), 0);
    assert_int_equal(bench_call(&b, SETUP, "Unprovision", ONE, NULL), 0);
    assert_string_equal(b.node->prov->mebx_password, "P@ssw0rd"); /* as far as anybody knows */
    assert_int_equal(b.node->prov->mode, 0);
    assert_int_equal(b.node->prov->admin_ha1[0], 0);
    assert_false(b.node->prov->mps[0].used);
    assert_int_equal(b.node->prov->unprovisions, 2);
    assert_true(b.node->unprovisioned);
    assert_string_equal(bench_text(&b, HOST_SETUP, "CurrentControlMode"), "0");
    bench_free(&b);
    b = bench_made(SIM_A15, SIM_CCM);
    assert_int_equal(bench_call(&b, SETUP, "PartialUnprovision", "", NULL), 16);
    assert_int_equal(bench_call(&b, SETUP, "Unprovision", ONE, NULL), 0);
    bench_free(&b);
}

static void passwords_are_set(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    static const struct {
        const char *password;
        int64_t rv;
    } CASES[] = {{"P@ssw0rd", 0},    {"P@ssw0r", 2054},   {"password1!", 2054},
                 {"Passw0rd", 2054}, {"P@ss w0rd", 2054}, {"P@ssw0rd,", 2054},
                 {"", 2054}};
    for (size_t i = 0; i < FW_LEN(CASES); i++) {
        char in[96];
        snprintf(in, sizeof in, "<p:Password>%s</p:Password>", CASES[i].password);
        assert_int_equal(bench_call(&b, SETUP, "SetMEBxPassword", in, NULL), CASES[i].rv);
    }
    assert_string_equal(b.node->prov->mebx_password, "P@ssw0rd");
#define NAME "<p:Username>admin</p:Username>"
    static const char *const BAD[] = {
        "", NAME, NAME "<p:DigestPassword>0123456789abcdef0123456789abcdef</p:DigestPassword>"};
    for (size_t i = 0; i < FW_LEN(BAD); i++)
        assert_int_equal(bench_call(&b, WSMAN_AMT_AuthorizationService, "SetAdminAclEntryEx", BAD[i], NULL),
                         i ? 36 : 12);
    assert_int_equal(bench_call(&b, WSMAN_AMT_AuthorizationService, "SetAdminAclEntryEx",
                                "<p:Username>admin</p:Username>"
                                "<p:DigestPassword>ASNFZ4mrze8BI0VniavN7w==</p:DigestPassword>",
                                NULL),
                     0);
    assert_string_equal(b.node->prov->admin_ha1, HA1);
    bench_free(&b);
    b = bench_made(SIM_A15, SIM_CCM);
    assert_int_equal(bench_call(&b, SETUP, "SetMEBxPassword", "<p:Password>P@ssw0rd</p:Password>", NULL), 16);
    bench_free(&b);
}

static void a_name_is_put(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    static const char PUT[] = "<p:HostName>edge-7</p:HostName><p:DomainName>acme.example</p:DomainName>"
                              "<p:PingResponseEnabled>true</p:PingResponseEnabled>";
    assert_int_equal(bench_put(&b, WSMAN_AMT_GeneralSettings, PUT), 200);
    assert_string_equal(bench_text(&b, WSMAN_AMT_GeneralSettings, "HostName"), "edge-7");
    assert_string_equal(bench_text(&b, WSMAN_AMT_GeneralSettings, "DomainName"), "acme.example");
    bench_free(&b);
}

static void commit_ends_a_set_up_over_tls(void **state) {
    struct bench b = fresh(NULL);
    struct prov *p = b.node->prov;
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), -400);
    p->state = 1; /* StartConfigurationHBased: now $$OsAdmin may */
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), 2);
    assert_int_equal(bench_call(&b, WSMAN_AMT_AuthorizationService, "SetAdminAclEntryEx",
                                "<p:Username>admin</p:Username>"
                                "<p:DigestPassword>ASNFZ4mrze8BI0VniavN7w==</p:DigestPassword>",
                                NULL),
                     0);
    assert_int_equal(bench_call(&b, SETUP, "SetMEBxPassword", "<p:Password>P@ssw0rd</p:Password>", NULL), 0);
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), 0);
    assert_int_equal(p->mode, 2);
    assert_int_equal(p->admin_setups, 1);
    assert_int_equal(bench_call(&b, SETUP, "CommitChanges", "", NULL), -400);
    bench_free(&b);
}

UNIT_MAIN(T(client_control_mode_is_set_up_once), T(admin_control_mode_needs_chain_and_signature),
          T(client_mode_is_upgraded), T(a_signature_counts_once_and_only_of_the_leaf),
          T(the_order_is_leaf_to_root), T(a_chain_has_four_certificates), T(the_root_must_be_trusted),
          T(the_leaf_must_fit), T(os_admin_does_set_up_and_reads_little), T(unprovision_leaves_mebx_alone),
          T(passwords_are_set), T(a_name_is_put), T(commit_ends_a_set_up_over_tls))
