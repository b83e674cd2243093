/* SPDX-License-Identifier: Apache-2.0 */
/* orch-cli over TLS: whose certificates it takes. */
#include "rig.h"

#include "cli/exits.h"
#include "cli/term.h"
#include "net/pki.h"

#define HOST "{\"resourceId\":\"host-1\",\"name\":\"n1\"}"

static const struct script rows[] = {
    {.method = "GET", .target = "/v1/projects/default/compute/hosts/n1", .status = 200, .body = HOST}, {0}};
static struct buf ca, ca_key, other_ca, other_key;

/* Play the part of a server with a leaf of our root for one name. */
static void with_leaf(const char *name) {
    struct buf key = {0}, leaf = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_leaf(buf_slice(&ca), buf_slice(&ca_key), buf_slice(&key), &name, 1,
                                   wall_add_ms(now_wall(), -3600000), 2, &leaf, &ei),
                     0);
    scripted_stop(&rig.server);
    rig.server = scripted_start(buf_cstr(&leaf), buf_cstr(&key));
    assert_non_null(rig.server);
    snprintf(rig.origin, sizeof rig.origin, "https://localhost:%u", scripted_port(rig.server));
    buf_free(&key);
    buf_free(&leaf);
}

static void the_right_root_and_name(void **state) {
    with_leaf("localhost");
    rig_login(rig.origin, buf_cstr(&ca));
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_OK, "host-1", "");
    /* by address, the certificate does not fit */
    char origin[64];
    snprintf(origin, sizeof origin, "https://127.0.0.1:%u", scripted_port(rig.server));
    rig_login(origin, buf_cstr(&ca));
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "is not to be trusted: IP address mismatch");
    assert_string_equal(rig.log, "");
}

static void an_address_in_the_certificate(void **state) {
    with_leaf("127.0.0.1");
    char origin[64];
    snprintf(origin, sizeof origin, "https://127.0.0.1:%u", scripted_port(rig.server));
    rig_login(origin, NULL);
    rig_run(rows, "get", "host", "n1", "--orch-ca", rig_file("ca.pem", buf_cstr(&ca)), NULL);
    rig_expect(EXIT_OK, "host-1", "");
    rig_login(rig.origin, buf_cstr(&ca));
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "hostname mismatch");
    assert_non_null(strstr(rig.err, "Use the name that the certificate was made for."));
}

static void another_root_or_none(void **state) {
    with_leaf("localhost");
    rig_login(rig.origin, buf_cstr(&other_ca));
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "is not to be trusted");
    assert_non_null(strstr(rig.err, "--orch-ca"));
    rig_login(rig.origin, NULL);
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "is not to be trusted");
    assert_string_equal(rig.log, "");
    rig_run(rows, "get", "host", "n1", "--orch-ca", rig_file("junk.pem", "junk"), NULL);
    rig_expect(EXIT_USAGE, "", "holds no PEM certificate");
    rig_run(rows, "get", "host", "n1", "--orch-ca", "/nonexistent/ca.pem", NULL);
    rig_expect(EXIT_USAGE, "", "cannot open /nonexistent/ca.pem");
}

/* TLS spoken to a plain server: a sentence, and no hanging. */
static void no_tls_there(void **state) {
    scripted_stop(&rig.server);
    rig.server = scripted_start(NULL, NULL);
    char origin[64];
    snprintf(origin, sizeof origin, "https://localhost:%u", scripted_port(rig.server));
    rig_login(origin, buf_cstr(&ca));
    rig_run(rows, "get", "host", "n1", "--timeout", "1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "orch-cli: ");
}

static void login_keeps_the_root(void **state) {
    static const struct script sign_in[] = {
        {.method = "POST", .target = "/api/v1/authorize", .status = 200, .body = "{\"token\":\"t\"}"},
        {.method = "GET", .target = "/", .status = 200, .body = HOST},
        {0}};
    with_leaf("localhost");
    rig_file("config", "{}");
    char ca_path[128], password[128];
    snprintf(ca_path, sizeof ca_path, "%s", rig_file("ca.pem", buf_cstr(&ca)));
    snprintf(password, sizeof password, "%s", rig_file("password", "x"));
    rig_run(sign_in, "login", "admin", "--password-file", password, "--api-endpoint", rig.origin, "--orch-ca",
            ca_path, NULL);
    rig_expect(EXIT_OK, "Logged in to https://localhost", "");
    remove(ca_path);
    rig_run(sign_in, "get", "host", "n1", NULL);
    rig_expect(EXIT_OK, "host-1", "");
}

static int begin(void **state) {
    struct errinfo ei = {0};
    struct wall from = wall_add_ms(now_wall(), -3600000);
    return pki_make_key(PKI_P256, &ca_key, &ei) ||
           pki_make_root(buf_slice(&ca_key), "test", from, 2, &ca, &ei) ||
           pki_make_key(PKI_P256, &other_key, &ei) ||
           pki_make_root(buf_slice(&other_key), "other", from, 2, &other_ca, &ei);
}

static int end(void **state) {
    buf_free(&ca);
    buf_free(&ca_key);
    buf_free(&other_ca);
    buf_free(&other_key);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {T(the_right_root_and_name), T(an_address_in_the_certificate),
                                       T(another_root_or_none), T(no_tls_there), T(login_keeps_the_root)};
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, begin, end);
    return failed + (rig_end() != 0);
}
