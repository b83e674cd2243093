/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up, remote access and certificates: decoders against recorded answers where this checkout has them, and
 * the pieces of requests. */
#include "proto/amt_setup.h"
#include "wsman_testing.h"

static struct wsman_msg *recorded(const char *name) {
    char path[1200];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", wt_fixtures() ? wt_fixtures() : "", name);
    char *text = wt_fixtures() ? wt_read_file(path, &n) : NULL;
    if (!text)
        skip();
    struct wsman_msg *m = wt_parse(slice_of(text, n), 0, NULL);
    free(text);
    return m;
}

static struct wsman_msg *made(const char *cls, const char *base, const char *inner) {
    struct buf b = {0};
    buf_putf(&b,
             "<Envelope xmlns='" WT_SOAP "' xmlns:a='" WT_ADDR "' xmlns:w='" WT_WS
             "'><Body><q:%s xmlns:q='%s%s'>%s</q:%s></Body></Envelope>",
             cls, base, cls, inner, cls);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return m;
}

static void recorded_settings(void **s) {
    struct amt_setup out = {0};
    struct wsman_msg *m = recorded("amt/general/get.xml");
    assert_int_equal(amt_decode_setup(m, wsman_first_instance(m), &out), 0);
    wsman_msg_free(&m);
    m = recorded("ips/hostbasedsetup/pull.xml");
    assert_int_equal(amt_decode_setup(m, wsman_first_instance(m), &out), 0);
    wsman_msg_free(&m);
    assert_string_equal(out.realm, "Digest:F3EB554784E729164447A89F60B641C5");
    assert_string_equal(out.host_name, "Test Host Name");
    assert_string_equal(out.domain, "Test Domain Name");
    assert_int_equal(out.control_mode, AMT_MODE_ACM);
    assert_true(out.allows_ccm && out.allows_acm && out.chain_status == 0);
    assert_true(out.nonce_n == AMT_NONCE_BYTES && out.nonce[19] == 0x71);
}

static void settings_that_make_no_sense(void **s) {
    struct amt_setup out = {0};
    struct wsman_msg *m = made(
        "IPS_HostBasedSetupService", WT_IPS,
        "<q:AllowedControlModes>3</q:AllowedControlModes><q:AllowedControlModes>x</q:AllowedControlModes>"
        "<q:CertChainStatus>3</q:CertChainStatus><q:ConfigurationNonce>AAAA</q:ConfigurationNonce>"
        "<q:CurrentControlMode>7</q:CurrentControlMode>");
    assert_int_equal(amt_decode_setup(m, wsman_first_instance(m), &out), 0);
    assert_true(!out.allows_ccm && !out.allows_acm && out.nonce_n == 0);
    assert_int_equal(out.control_mode, AMT_MODE_UNKNOWN);
    wsman_msg_free(&m);
    m = made("CIM_Chassis", WT_CIM, "<q:DigestRealm>x</q:DigestRealm>");
    assert_int_equal(amt_decode_setup(m, wsman_first_instance(m), &out), ERR_UNSUPPORTED);
    struct amt_cira cira = {0};
    assert_int_equal(amt_decode_cira(m, wsman_first_instance(m), "", &cira), ERR_UNSUPPORTED);
    assert_int_equal(amt_decode_cira(m, 0, NULL, &cira), ERR_UNSUPPORTED);
    wsman_msg_free(&m);
}

static void recorded_remote_access(void **s) {
    static const char *const files[] = {"amt/managementpresence/pull.xml",
                                        "amt/remoteaccess/policyrule/pull.xml",
                                        "amt/publickey/certificate/put.xml" /* echoes the certificate */};
    struct amt_cira out = {0};
    for (size_t i = 0; i < 3; i++) {
        struct wsman_msg *m = recorded(files[i]);
        assert_int_equal(amt_decode_cira(m, wsman_first_instance(m), "", &out), 0);
        wsman_msg_free(&m);
    }
    assert_true(out.servers == 1 && out.port == 4433 && out.policies == 1 && out.nroots == 1);
    assert_string_equal(out.address, "192.168.10.196");
    assert_string_equal(out.common_name, "192.168.10.196");
    assert_int_equal(strlen(out.roots[0]), 64);
}

static void the_end_of_a_certificate(void **s) {
    char text[WALL_TEXT_CAP];
    struct wsman_msg *m = recorded("amt/publickey/certificate/put.xml");
    struct slice der = wsman_text(m, wsman_first_instance(m), "X509Certificate");
    struct wall at;
    assert_int_equal(amt_cert_not_after(der, &at), 0);
    assert_string_equal(wall_rfc3339(at, text), "2053-09-24T10:45:08.000Z");
    assert_int_equal(amt_cert_not_after(slice_head(der, der.n / 2), &at), ERR_SYNTAX);
    assert_int_equal(at.us, 0);
    wsman_msg_free(&m);
    assert_int_equal(amt_cert_not_after(SLICE_LIT("AAECAwQ="), &at), ERR_SYNTAX);
    assert_int_equal(amt_cert_not_after(SLICE_EMPTY, &at), ERR_SYNTAX);
}

static void certificates_are_compared_by_their_bytes(void **s) {
    char a[AMT_CERT_HASH_CAP], b[AMT_CERT_HASH_CAP];
    assert_true(amt_cert_eq(SLICE_LIT("AAECAwQ="), SLICE_LIT(" AAEC\r\nAwQ=\n")));
    assert_true(amt_cert_eq(SLICE_LIT("AAECAwQ"), SLICE_LIT("AAECAwQ=")));
    assert_false(amt_cert_eq(SLICE_LIT("AAECAwQ="), SLICE_LIT("AAECAwU=")));
    assert_false(amt_cert_eq(SLICE_EMPTY, SLICE_EMPTY)); /* none is not the same as none */
    assert_false(amt_cert_eq(SLICE_LIT(" ="), SLICE_LIT("\n")));
    assert_false(amt_cert_eq(SLICE_LIT("AAEC"), SLICE_LIT("AAECAwQ=")));
    assert_false(amt_cert_eq(SLICE_LIT("AAECAwQ="), SLICE_LIT("AAEC")));
    assert_int_equal(amt_cert_hash(SLICE_LIT("AAEC AwQ="), a), 0);
    assert_int_equal(amt_cert_hash(SLICE_LIT("AAECAwQ="), b), 0);
    assert_string_equal(a, b);
    assert_int_equal(amt_cert_hash(SLICE_LIT("?"), a), ERR_SYNTAX);
}

/* More roots than we keep, and more servers than we show. */
static void lists_have_a_limit(void **s) {
    struct amt_cira out = {0};
    struct wsman_msg *m = made("AMT_PublicKeyCertificate", WT_AMT,
                               "<q:TrustedRootCertficate>true</q:TrustedRootCertficate>"
                               "<q:X509Certificate>AAECAwQ=</q:X509Certificate>");
    for (int i = 0; i < AMT_ROOTS_MAX + 3; i++)
        assert_int_equal(amt_decode_cira(m, wsman_first_instance(m), "", &out), 0);
    assert_int_equal(out.nroots, AMT_ROOTS_MAX);
    wsman_msg_free(&m);
    m = made("AMT_ManagementPresenceRemoteSAP", WT_AMT, "<q:AccessInfo>x</q:AccessInfo>");
    for (int i = 0; i < 300; i++)
        assert_int_equal(amt_decode_cira(m, wsman_first_instance(m), "", &out), 0);
    assert_int_equal(out.servers, UINT8_MAX);
    wsman_msg_free(&m);
    m = made("AMT_RemoteAccessPolicyRule", WT_AMT, "");
    for (int i = 0; i < 300; i++)
        assert_int_equal(amt_decode_cira(m, wsman_first_instance(m), "", &out), 0);
    assert_int_equal(out.policies, UINT8_MAX);
    wsman_msg_free(&m);
}

static void keys_of_references(void **s) {
    char key[64];
    struct wsman_msg *m = recorded("amt/publickey/management/addcertificate.xml");
    uint32_t at = wsman_payload(m);
    assert_true(amt_epr_key(m, at, "CreatedCertificate", "InstanceID", key, sizeof key));
    assert_string_equal(key, "Intel(r) AMT Certificate: Handle: 1");
    assert_false(amt_epr_key(m, at, "CreatedCertificate", "Name", key, sizeof key));
    assert_false(amt_epr_key(m, at, "KeyPair", "InstanceID", key, sizeof key));
    assert_false(amt_epr_key(m, at, "CreatedCertificate", "InstanceID", key, 10));
    wsman_msg_free(&m);
}

static void the_digest_of_a_password(void **s) {
    char out[AMT_DIGEST64_CAP];
    /* MD5("admin:Digest:A3:P@ssw0rd"), as another program writes it */
    assert_int_equal(amt_digest64("admin", "Digest:A3", "P@ssw0rd", out), 0);
    assert_string_equal(out, "vQfxX0lr85euNRhpn9OoVA==");
}

/* --- a Put by a table of changes --- */

static void expect_put(const char *inner, const struct amt_edit *edits, size_t n, const char *want) {
    struct wsman_msg *m = made("AMT_GeneralSettings", WT_AMT, inner);
    struct buf out = {0};
    char full[600];
    assert_int_equal(amt_put_changed(&out, m, WSMAN_AMT_GeneralSettings, edits, n), 0);
    snprintf(full, sizeof full,
             "<p:AMT_GeneralSettings xmlns:p=\"" WT_AMT "AMT_GeneralSettings\">%s</p:AMT_GeneralSettings>",
             want);
    assert_string_equal(buf_cstr(&out), full);
    assert_int_equal(amt_put_changed(&out, m, WSMAN_AMT_TLSSettingData, edits, n), ERR_INVALID);
    buf_free(&out);
    wsman_msg_free(&m);
}

static void changes_take_their_place(void **s) {
    static const struct amt_edit edits[] = {{"B", "1&2"}, {"D", NULL}, {"F", "f"}};
    expect_put("", edits, 3, "<p:B>1&amp;2</p:B><p:F>f</p:F>");
    expect_put("<q:A>a</q:A><q:C>c</q:C><q:G>g</q:G>", edits, 3,
               "<p:A>a</p:A><p:B>1&amp;2</p:B><p:C>c</p:C><p:F>f</p:F><p:G>g</p:G>");
    expect_put("<q:B>x</q:B><q:B>y</q:B><q:D>d</q:D><q:E><q:deep>1</q:deep></q:E><q:F>z</q:F>", edits, 3,
               "<p:B>1&amp;2</p:B><p:F>f</p:F>");
    expect_put("<q:A>a</q:A><q:A>b</q:A>", NULL, 0, "<p:A>a</p:A><p:A>b</p:A>");
}

static void values_have_sentences(void **s) {
    static const struct {
        const char *method;
        int64_t value;
        const char *want;
    } all[] = {
        {"Setup", 2, "set up already"},          {"AdminSetup", 5, "signature"},
        {"UpgradeClientToAdmin", 6, "flash"},    {"AddNextCertInChain", 4, "trust"},
        {"AddNextCertInChain", 5, "too many"},   {"Unprovision", 16, "not permitted"},
        {"SetMEBxPassword", 2057, "missing"},    {"RequestStateChange", 4097, "present state"},
        {"AddMpServer", 2058, "exists already"}, {NULL, 23, "no room"},
        {"Setup", 4242, "not documented"},       {"Setup", -1, "no result"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_non_null(strstr(amt_setup_return_text(all[i].method, all[i].value), all[i].want));
}

UNIT_MAIN(T(recorded_settings), T(settings_that_make_no_sense), T(recorded_remote_access),
          T(the_end_of_a_certificate), T(certificates_are_compared_by_their_bytes), T(lists_have_a_limit),
          T(keys_of_references), T(the_digest_of_a_password), T(changes_take_their_place),
          T(values_have_sentences))
