/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], state[80], path[128];

static int setup(void **s) {
    snprintf(dir, sizeof dir, "/tmp/outband-identity-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(state, sizeof state, "%s/state", dir);
    snprintf(path, sizeof path, "%s/identity.json", state);
    return 0;
}
static int teardown(void **s) {
    char cmd[96];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd);
}

static struct identity sample(void) {
    return (struct identity){.host = "host-00000001",
                             .name = "n1",
                             .project = "default",
                             .heartbeat_s = 30,
                             .issued = {1790000000000000},
                             .until = {1790000000000000 + 30 * 86400000000LL},
                             .key_pem = strdup("KEY\nKEY\n"),
                             .cert_pem = strdup("CERT\n")};
}

static void saved_and_loaded(void **s) {
    struct errinfo ei = {0};
    struct identity id = sample(), back;
    struct stat st;
    assert_int_equal(identity_load(&back, state, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.remedy, "pm-agent enrol"));
    assert_int_equal(identity_save(&id, state, &ei), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(state, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    if (identity_load(&back, state, &ei))
        fail_msg("%s", ei.text);
    assert_string_equal(back.host, "host-00000001");
    assert_string_equal(back.key_pem, "KEY\nKEY\n");
    assert_string_equal(back.cert_pem, "CERT\n");
    assert_int_equal(back.until.us, id.until.us);
    identity_free(&back);
    assert_null(back.key_pem);
    identity_free(&id);
}

static void what_others_may_read_is_refused(void **s) {
    struct errinfo ei = {0};
    struct identity back;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(identity_load(&back, state, &ei), ERR_DENIED);
    assert_non_null(strstr(ei.text, "0644"));
    assert_int_equal(chmod(path, 0600), 0);
}

static void a_damaged_one_is_told(void **s) {
    static const char *const texts[] = {"", "{", "[]", "{\"host\":\"host-1\"}",
                                        "{\"host\":7,\"key\":\"a\",\"certificate\":\"b\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct errinfo ei = {0};
        struct identity back;
        FILE *f = fopen(path, "w");
        fputs(texts[i], f);
        fclose(f);
        assert_int_equal(identity_load(&back, state, &ei), ERR_SYNTAX);
        assert_non_null(strstr(ei.remedy, "enrol again"));
    }
}

/* The old one stays whole when the new one cannot be written. */
static void replaced_whole_or_not_at_all(void **s) {
    struct errinfo ei = {0};
    struct identity id = sample(), back;
    assert_int_equal(identity_save(&id, state, &ei), 0);
    free(id.cert_pem);
    id.cert_pem = strdup("NEXT\n");
    assert_int_equal(identity_save(&id, "/proc/nowhere", &ei), ERR_IO);
    assert_int_equal(identity_load(&back, state, &ei), 0);
    assert_string_equal(back.cert_pem, "CERT\n");
    identity_free(&back);
    assert_int_equal(identity_save(&id, state, &ei), 0);
    assert_int_equal(identity_load(&back, state, &ei), 0);
    assert_string_equal(back.cert_pem, "NEXT\n");
    identity_free(&back);
    identity_free(&id);
}

static void due_at_two_thirds(void **s) {
    struct identity id = sample();
    int64_t day = 86400000000LL;
    assert_false(identity_is_due(&id, id.issued));
    assert_false(identity_is_due(&id, (struct wall){id.issued.us + 19 * day}));
    assert_true(identity_is_due(&id, (struct wall){id.issued.us + 20 * day}));
    assert_true(identity_is_due(&id, (struct wall){id.until.us + day}));
    identity_free(&id);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(saved_and_loaded), T(what_others_may_read_is_refused),
                                       T(a_damaged_one_is_told), T(replaced_whole_or_not_at_all),
                                       T(due_at_two_thirds)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
