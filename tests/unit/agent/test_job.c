/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/job.h"
#include "http/now.h"
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char dir[64];
static struct agent_config config;
static struct identity identity = {.host = "host-00000001"};

static int setup(void **s) {
    char cmd[900];
    agent_config_defaults(&config);
    snprintf(dir, sizeof dir, "/tmp/outband-job-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(cmd, sizeof cmd,
             "cd %s && mkdir -p bus/pci/devices/0000:00:16.3/tty/ttyS4 && cd bus/pci/devices/0000:00:16.3 && "
             "echo 0x8086 >vendor && echo 0x070002 >class",
             dir);
    assert_int_equal(system(cmd), 0);
    snprintf(config.sysfs, sizeof config.sysfs, "%s", dir);
    snprintf(config.mei, sizeof config.mei, "unix:%s/none", dir);
    snprintf(config.systemctl, sizeof config.systemctl, "%s/systemctl", dir);
    return 0;
}
static int teardown(void **s) {
    char cmd[96];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd);
}

static void systemctl(const char *body) {
    char cmd[400];
    snprintf(cmd, sizeof cmd, "printf '#!/bin/sh\\n%s\\n' >%s/systemctl && chmod 755 %s/systemctl", body, dir,
             dir);
    assert_int_equal(system(cmd), 0);
}

static void until_ended(struct job *j) {
    struct mono until = mono_add_ms(now_mono(), 10000);
    while (!j->ended && mono_before(now_mono(), until)) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
        job_look(j);
    }
    assert_true(j->ended);
}

static void an_order_is_carried_out_beside_the_agent(void **s) {
    struct job j = {.fd = -1};
    struct order o = {.id = "ord-1", .kind = "serial-console", .enable = true};
    struct errinfo ei = {0};
    systemctl("exit 0");
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), ERR_STATE); /* one at a time */
    until_ended(&j);
    assert_true(j.ok);
    assert_string_equal(j.text, "the login on ttyS4 runs");
    job_clear(&j);
    assert_string_equal(j.id, "");
}

static void failures_are_told_with_what_was_said(void **s) {
    struct job j = {.fd = -1};
    struct order o = {.id = "ord-2", .kind = "serial-console", .enable = true};
    struct errinfo ei = {0};
    systemctl("echo no such unit; exit 5");
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    until_ended(&j);
    assert_false(j.ok);
    assert_non_null(strstr(j.text, "no such unit"));
    job_clear(&j);
    /* systemctl says yes, and nothing runs */
    systemctl("[ $1 = enable ]");
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    until_ended(&j);
    assert_false(j.ok);
    assert_non_null(strstr(j.text, "does not run"));
    job_clear(&j);
    /* no management engine */
    o = (struct order){.id = "ord-3", .kind = "deactivate", .local = true};
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    until_ended(&j);
    assert_false(j.ok);
    assert_true(j.text[0] != 0);
    job_clear(&j);
}

static void unknown_kinds_are_refused(void **s) {
    struct job j = {.fd = -1};
    struct order o = {.id = "ord-4", .kind = "format-disk"};
    struct errinfo ei = {0};
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), ERR_UNSUPPORTED);
    assert_string_equal(j.id, "");
}

static void one_that_hangs_or_dies_is_over(void **s) {
    struct job j = {.fd = -1};
    struct order o = {.id = "ord-5", .kind = "serial-console", .enable = true};
    struct errinfo ei = {0};
    systemctl("sleep 30");
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    job_look(&j);
    assert_false(j.ended);
    j.until = now_mono(); /* the time is up */
    until_ended(&j);
    assert_false(j.ok);
    assert_non_null(strstr(j.text, "15 minutes"));
    job_clear(&j);
    assert_int_equal(job_start(&j, &o, &config, &identity, &ei), 0);
    kill(j.pid, SIGKILL);
    until_ended(&j);
    assert_false(j.ok);
    assert_non_null(strstr(j.text, "died"));
    job_clear(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {T(an_order_is_carried_out_beside_the_agent),
                                       T(failures_are_told_with_what_was_said), T(unknown_kinds_are_refused),
                                       T(one_that_hangs_or_dies_is_over)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
