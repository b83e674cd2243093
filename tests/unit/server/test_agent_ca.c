/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pki.h"
#include "server/agent_ca.h"
#include "unit.h"

#include <stdlib.h>

static const struct wall now = {1790000000000000};
static struct buf root_key, root;

static int setup(void **s) {
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &root_key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&root_key), "Outband agents", now, 3650, &root, &ei), 0);
    return 0;
}
static int teardown(void **s) {
    buf_free(&root_key);
    buf_free(&root);
    return 0;
}

static void request_of(enum pki_key kind, struct buf *key, struct buf *csr) {
    struct errinfo ei = {0};
    *key = *csr = (struct buf){0};
    assert_int_equal(pki_make_key(kind, key, &ei), 0);
    if (pki_make_request(buf_slice(key), "whoever", csr, &ei))
        fail_msg("%s", ei.text);
}

static void a_certificate_names_the_host_and_nothing_of_the_request(void **s) {
    static const enum pki_key kinds[] = {PKI_P256, PKI_RSA_2048};
    struct agent_ca *ca = agent_ca_new(buf_slice(&root), buf_slice(&root_key), 7);
    for (size_t i = 0; i < 2; i++) {
        struct buf key, csr;
        struct agent_cert c;
        struct pki_facts f;
        struct errinfo ei = {0};
        request_of(kinds[i], &key, &csr);
        assert_int_equal(agent_ca_sign(ca, buf_slice(&csr), "host-00000001", now, 30, &c, &ei), 0);
        assert_int_equal(pki_read(buf_slice(&c.pem), &f, &ei), 0);
        assert_string_equal(f.subject, "CN=host-00000001");
        assert_string_equal(f.issuer, "CN=Outband agents");
        assert_false(f.is_ca);
        assert_memory_equal(f.sha256, c.sha256, 32);
        assert_true(c.until.us > now.us + 29 * 86400000000LL && c.until.us <= now.us + 30 * 86400000000LL);
        buf_free(&c.pem);
        buf_free(&key);
        buf_free(&csr);
    }
    agent_ca_free(&ca);
}

static void bad_requests_are_refused(void **s) {
    struct agent_ca *ca = agent_ca_new(buf_slice(&root), buf_slice(&root_key), 7);
    struct agent_cert c;
    struct errinfo ei = {0};
    struct buf key, csr;
    assert_int_equal(agent_ca_sign(ca, SLICE_LIT("hello"), "host-00000001", now, 30, &c, &ei), ERR_INVALID);
    assert_string_equal(ei.field, "csr");
    /* a certificate is no request */
    assert_int_equal(agent_ca_sign(ca, buf_slice(&root), "host-00000001", now, 30, &c, &ei), ERR_INVALID);
    /* one bit of the signature */
    request_of(PKI_P256, &key, &csr);
    char *text = strdup(buf_cstr(&csr));
    char *at = strstr(text, "\n-----END") - 8;
    *at = *at == 'A' ? 'B' : 'A';
    assert_int_equal(agent_ca_sign(ca, slice_str(text), "host-00000001", now, 30, &c, &ei), ERR_INVALID);
    free(text);
    /* longer than any request */
    struct buf big = {0};
    for (int i = 0; i < 9000; i++)
        buf_puts(&big, " ");
    buf_put(&big, buf_slice(&csr));
    assert_int_equal(agent_ca_sign(ca, buf_slice(&big), "host-00000001", now, 30, &c, &ei), ERR_INVALID);
    buf_free(&big);
    buf_free(&key);
    buf_free(&csr);
    agent_ca_free(&ca);
}

static void the_newest_counts_and_the_one_before_until_it_was_used(void **s) {
    static const uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3};
    struct agent_ca *ca = agent_ca_new(buf_slice(&root), buf_slice(&root_key), 7);
    assert_false(agent_ca_knows(ca, "host-00000001", a));
    assert_int_equal(agent_ca_admit(ca, "host-00000001", a, NULL), 0);
    assert_true(agent_ca_knows(ca, "host-00000001", a));
    assert_false(agent_ca_knows(ca, "host-00000002", a)); /* another host's */
    assert_int_equal(agent_ca_admit(ca, "host-00000001", b, a), 0);
    assert_true(agent_ca_knows(ca, "host-00000001", a)); /* the answer may have been lost */
    assert_false(agent_ca_knows(ca, "host-00000001", c));
    assert_true(agent_ca_knows(ca, "host-00000001", b));
    assert_false(agent_ca_knows(ca, "host-00000001", a)); /* now it is void */
    agent_ca_revoke(ca, "host-00000001");
    assert_false(agent_ca_knows(ca, "host-00000001", b));
    agent_ca_revoke(ca, "host-00000001");
    agent_ca_free(&ca);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(a_certificate_names_the_host_and_nothing_of_the_request),
                                       T(bad_requests_are_refused),
                                       T(the_newest_counts_and_the_one_before_until_it_was_used)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
