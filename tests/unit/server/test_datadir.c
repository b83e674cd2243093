/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/notify.h"
#include "net/tls.h"
#include "server/datadir.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct wall now = {1700000000000000};
static char dir[64], sub[80];

static int setup(void **s) {
    struct errinfo ei = {0};
    log_setup(LOG_ERROR, false, NULL);
    snprintf(dir, sizeof dir, "/tmp/outband-datadir-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof sub, "%s/a/b", dir);
    int r = datadir_make(sub, "mgmt.example", PKI_P256, now, &ei);
    if (r < 0)
        fail_msg("%s", ei.text);
    return 0;
}
static int teardown(void **s) {
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd);
}

static mode_t mode_of(const char *file) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", sub, file);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void keys_are_private_and_nothing_is_overwritten(void **s) {
    struct errinfo ei = {0};
    assert_int_equal(mode_of(""), 0700);
    assert_int_equal(mode_of(DATADIR_MASTER_KEY), 0600);
    assert_int_equal(mode_of(DATADIR_CA_KEY), 0600);
    assert_int_equal(mode_of(DATADIR_LEAF_KEY), 0600);
    assert_int_equal(datadir_make(sub, "", PKI_P256, now, &ei), ERR_EXISTS);
    assert_non_null(strstr(ei.text, DATADIR_MASTER_KEY));
}

static void an_old_directory_gets_the_agents_authority_by_order_only(void **s) {
    struct errinfo ei = {0};
    struct datadir d;
    struct pki_facts f;
    char path[128];
    assert_int_equal(mode_of(DATADIR_AGENT_KEY), 0600);
    assert_int_equal(datadir_make_agent_ca(sub, now, &ei), ERR_EXISTS);
    static const char *const parts[] = {DATADIR_AGENT_KEY, DATADIR_AGENT_CERT};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", sub, parts[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_int_equal(d.agent_ca_pem.len, 0); /* nothing was made */
    datadir_close(&d);
    assert_int_equal(datadir_make_agent_ca(sub, now, &ei), 0);
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_int_equal(pki_read(buf_slice(&d.agent_ca_pem), &f, &ei), 0);
    assert_string_equal(f.subject, "CN=Outband agents");
    datadir_close(&d);
    /* half of it is a mistake */
    snprintf(path, sizeof path, "%s/%s.away", sub, DATADIR_AGENT_KEY);
    char from[128];
    snprintf(from, sizeof from, "%s/%s", sub, DATADIR_AGENT_KEY);
    assert_int_equal(rename(from, path), 0);
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, DATADIR_AGENT_KEY));
    assert_int_equal(rename(path, from), 0);
    assert_int_equal(datadir_make_agent_ca(dir, now, &ei), ERR_NOT_FOUND);
}

static void what_was_made_can_be_served(void **s) {
    struct errinfo ei = {0};
    struct datadir d;
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_non_null(strstr(d.leaf.facts.subject, "mgmt.example"));
    assert_false(d.leaf.facts.is_ca);
    struct pki_facts root;
    assert_int_equal(pki_read(buf_slice(&d.ca_pem), &root, &ei), 0);
    assert_true(root.is_ca);
    struct tls_ctx *c =
        tls_server_ctx(buf_slice(&d.leaf.chain_pem), buf_slice(&d.leaf.key_pem), TLS_MODERN, &ei);
    assert_non_null(c);
    tls_ctx_unref(&c);
    datadir_close(&d);
}

static void the_leaf_is_renewed_in_time(void **s) {
    struct errinfo ei = {0};
    struct datadir d;
    uint8_t first[32];
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    memcpy(first, d.leaf.facts.sha256, sizeof first);
    /* 31 days before the end: not yet; 29: now, by the same root and for the same name */
    struct wall early = wall_add_ms(now, (int64_t)(DATADIR_LEAF_DAYS - DATADIR_RENEW_DAYS - 1) * 86400000);
    assert_int_equal(datadir_reload(&d, "", PKI_P256, early, &ei), 0);
    assert_memory_equal(d.leaf.facts.sha256, first, sizeof first);
    struct wall late = wall_add_ms(early, 2 * 86400000);
    assert_int_equal(datadir_reload(&d, "", PKI_P256, late, &ei), 0);
    assert_memory_not_equal(d.leaf.facts.sha256, first, sizeof first);
    assert_non_null(strstr(d.leaf.facts.subject, "mgmt.example"));
    assert_true(d.leaf.facts.not_after.us > late.us);
    assert_string_equal(d.leaf.facts.issuer, "CN=Outband CIRA root");
    /* another name: at once; the file is what a later start reads */
    assert_int_equal(datadir_reload(&d, "other.example", PKI_P256, late, &ei), 0);
    assert_non_null(strstr(d.leaf.facts.subject, "other.example"));
    datadir_close(&d);
    assert_int_equal(datadir_open(&d, sub, "other.example", PKI_P256, late, &ei), 0);
    assert_non_null(strstr(d.leaf.facts.subject, "other.example"));
    assert_int_equal(mode_of(DATADIR_LEAF_KEY), 0600);
    datadir_close(&d);
}

static void make_authority(const char *name, struct buf *key, struct buf *cert) {
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(key), name, now, 3650, cert, &ei), 0);
}

static void another_mps_hands_its_authority_over(void **s) {
    struct errinfo ei = {0};
    struct buf key = {0}, cert = {0}, other_key = {0}, other_cert = {0};
    make_authority("MPSRoot-1a2b3c", &key, &cert);
    make_authority("Other", &other_key, &other_cert);
    struct slice c = buf_slice(&cert), k = buf_slice(&key);
    struct datadir d;
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_true(datadir_cira_leaf(&d) == &d.leaf);
    assert_true(slice_eq(datadir_cira_root(&d), buf_slice(&d.ca_pem)));
    struct buf own = d.leaf.chain_pem;
    /* what cannot be one changes nothing */
    assert_int_equal(datadir_import_cira_ca("/nowhere", c, k, "mps", PKI_P256, now, &ei), ERR_NOT_FOUND);
    assert_int_equal(datadir_import_cira_ca(sub, buf_slice(&own), k, "mps", PKI_P256, now, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "no authority"));
    assert_true(datadir_import_cira_ca(sub, c, buf_slice(&other_key), "mps", PKI_P256, now, &ei) < 0);
    assert_int_equal(datadir_import_cira_ca(sub, c, SLICE_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "mps",
                                            PKI_P256, now, &ei),
                     ERR_INVALID);
    assert_non_null(strstr(ei.remedy, "openssl pkey"));
    struct wall much_later = wall_add_ms(now, 3651ll * 86400000);
    assert_int_equal(datadir_import_cira_ca(sub, c, k, "mps", PKI_P256, much_later, &ei), ERR_INVALID);
    datadir_close(&d);
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_true(datadir_cira_leaf(&d) == &d.leaf);
    datadir_close(&d);

    assert_int_equal(datadir_import_cira_ca(sub, c, k, "mps.old.example", PKI_P256, now, &ei), 0);
    assert_int_equal(mode_of(DATADIR_CIRA_KEY), 0600);
    assert_int_equal(mode_of(DATADIR_CIRA_LEAFK), 0600);
    assert_int_equal(datadir_import_cira_ca(sub, c, k, "mps", PKI_P256, now, &ei), ERR_EXISTS);
    char name[DATADIR_NAME_CAP];
    assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), 0);
    assert_true(slice_eq(datadir_cira_root(&d), c));
    assert_string_equal(datadir_cira_leaf(&d)->facts.issuer, "CN=MPSRoot-1a2b3c");
    datadir_cira_name(&d, name);
    assert_string_equal(name, "mps.old.example");
    assert_string_equal(d.leaf.facts.issuer, "CN=Outband CIRA root"); /* HTTPS keeps ours */
    /* it is renewed as ours is, and keeps its name whatever the server is called */
    struct wall late = wall_add_ms(now, (int64_t)(DATADIR_LEAF_DAYS - DATADIR_RENEW_DAYS + 1) * 86400000);
    assert_int_equal(datadir_reload(&d, "other.example", PKI_P256, late, &ei), 0);
    datadir_cira_name(&d, name);
    assert_string_equal(name, "mps.old.example");
    assert_true(d.cira.facts.not_after.us > late.us);
    assert_string_equal(d.cira.facts.issuer, "CN=MPSRoot-1a2b3c");
    datadir_close(&d);
    buf_free(&key);
    buf_free(&cert);
    buf_free(&other_key);
    buf_free(&other_cert);
}

static void a_lost_file_stops_the_start(void **s) {
    static const char *const files[] = {DATADIR_LEAF_KEY, DATADIR_LEAF_CERT, DATADIR_CA_CERT,
                                        DATADIR_MASTER_KEY};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct errinfo ei = {0};
        struct datadir d;
        char path[128];
        snprintf(path, sizeof path, "%s/%s", sub, files[i]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(datadir_open(&d, sub, "", PKI_P256, now, &ei), ERR_NOT_FOUND);
        assert_non_null(strstr(ei.text, files[i]));
        assert_int_equal(access(path, F_OK), -1); /* and none is made */
    }
}

static void systemd_is_told(void **s) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char got[64] = "", pid[32];
    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    notify_send("READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 7);
    assert_string_equal(got, "READY=1");
    notify_reloading();
    memset(got, 0, sizeof got);
    assert_true(recv(fd, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_ptr_equal(strstr(got, "RELOADING=1\nMONOTONIC_USEC="), got);
    unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1");
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
    close(fd);

    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1); /* somebody else's */
    assert_int_equal(notify_watchdog_ms(), 0);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(keys_are_private_and_nothing_is_overwritten),
                                       T(what_was_made_can_be_served),
                                       T(the_leaf_is_renewed_in_time),
                                       T(another_mps_hands_its_authority_over),
                                       T(an_old_directory_gets_the_agents_authority_by_order_only),
                                       T(a_lost_file_stops_the_start),
                                       T(systemd_is_told)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
