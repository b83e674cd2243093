/* SPDX-License-Identifier: Apache-2.0 */
/* The AMT serial port in made-up trees of sysfs, and a systemctl that writes down what it is asked. */
#include "agent/program.h"
#include "agent/serial.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[64];

static void sh(const char *fmt, ...) {
    char cmd[600], with[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    snprintf(with, sizeof with, "cd %s && %s", dir, cmd);
    assert_int_equal(system(with), 0);
}

static int setup(void **s) {
    snprintf(dir, sizeof dir, "/tmp/outband-serial-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sh("mkdir -p bus/pci/devices class/tty");
    return 0;
}
static int teardown(void **s) {
    char cmd[96];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd);
}

/* A PCI function; tty: below it, as newer kernels show it. */
static void pci(const char *name, const char *vendor, const char *class, const char *tty) {
    sh("mkdir -p bus/pci/devices/%s && echo %s >bus/pci/devices/%s/vendor && echo %s "
       ">bus/pci/devices/%s/class",
       name, vendor, name, class, name);
    if (tty)
        sh("mkdir -p bus/pci/devices/%s/tty/%s", name, tty);
}

static void none_is_said(void **s) {
    struct serial p;
    pci("0000:00:02.0", "0x8086", "0x030000", NULL);
    pci("0000:03:00.0", "0x1415", "0x070002", "ttyS5"); /* somebody else's serial card */
    serial_find(&p, dir);
    assert_string_equal(p.tty, "");
    assert_non_null(strstr(p.text, "no AMT serial port"));
    serial_find(&p, "/nowhere/at/all");
    assert_string_equal(p.tty, "");
}

static void the_engines_port_is_found_whatever_its_number(void **s) {
    struct serial p;
    sh("mkdir -p class/tty/ttyS0 class/tty/ttyS4 && echo 1 >class/tty/ttyS4/type");
    pci("0000:00:16.3", "0x8086", "0x070002", "ttyS4");
    serial_find(&p, dir);
    assert_string_equal(p.tty, "ttyS4");
    assert_string_equal(p.pci, "0000:00:16.3");
    assert_string_equal(p.text, "ttyS4 is the AMT serial port 0000:00:16.3");
    sh("echo 0 >class/tty/ttyS4/type");
    serial_find(&p, dir);
    assert_non_null(strstr(p.text, "not configured"));
}

static void by_its_link_on_other_kernels(void **s) {
    struct serial p;
    pci("0000:00:16.3", "0x8086", "0x070002", NULL);
    sh("mkdir -p class/tty/ttyS1 && ln -s ../../../bus/pci/devices/0000:00:16.3 class/tty/ttyS1/device");
    serial_find(&p, dir);
    assert_string_equal(p.tty, "ttyS1");
}

static void without_a_driver(void **s) {
    struct serial p;
    struct errinfo ei = {0};
    pci("0000:00:16.3", "0x8086", "0x070002", NULL);
    serial_find(&p, dir);
    assert_string_equal(p.tty, "");
    assert_non_null(strstr(p.text, "no driver"));
    assert_int_equal(serial_set(&p, "/bin/true", true, &ei), ERR_STATE);
}

static void the_one_with_a_tty_wins(void **s) {
    struct serial p;
    pci("0000:00:03.3", "0x8086", "0x070002", NULL);
    pci("0000:00:16.3", "0x8086", "0x070002", "ttyS4");
    pci("0000:00:19.0", "0x8086", "0x070002", "ttyS9");
    serial_find(&p, dir);
    assert_string_equal(p.tty, "ttyS4");
    /* a name that is no serial port's is not handed to systemctl */
    sh("rm -r bus/pci/devices/*");
    pci("0000:00:16.3", "0x8086", "0x070002", "\"ttyS4;reboot\"");
    serial_find(&p, dir);
    assert_string_equal(p.tty, "");
}

static void fake_systemctl(const char *body) {
    sh("printf '#!/bin/sh\\necho \"$@\" >>%s/asked\\n%s\\n' >systemctl && chmod 755 systemctl", dir, body);
}

static void the_login_is_asked_for_and_set(void **s) {
    struct serial p;
    struct errinfo ei = {0};
    char systemctl[96];
    snprintf(systemctl, sizeof systemctl, "%s/systemctl", dir);
    pci("0000:00:16.3", "0x8086", "0x070002", "ttyS4");
    serial_find(&p, dir);
    fake_systemctl("[ $1 = is-enabled ]");
    serial_ask(&p, systemctl);
    assert_false(p.getty);
    assert_true(p.enabled);
    fake_systemctl("exit 0");
    assert_int_equal(serial_set(&p, systemctl, true, &ei), 0);
    assert_int_equal(serial_set(&p, systemctl, false, &ei), 0);
    sh("grep -qx 'enable --now serial-getty@ttyS4.service' asked");
    sh("grep -qx 'disable --now serial-getty@ttyS4.service' asked");
    fake_systemctl("echo Access denied; exit 4");
    assert_int_equal(serial_set(&p, systemctl, true, &ei), ERR_REFUSED);
    assert_non_null(strstr(ei.text, "(4): "));
    assert_non_null(strstr(ei.text, "Access denied"));
    assert_int_equal(serial_set(&p, "/nowhere/systemctl", true, &ei), ERR_NOT_FOUND);
}

static void programs_end_in_time_and_say_what_they_like(void **s) {
    static const char *const slow[] = {"/bin/sh", "-c", "echo begun; sleep 30", NULL};
    static const char *const loud[] = {"/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; exit 3",
                                       NULL};
    static const char *const odd[] = {"/bin/sh", "-c", "printf 'a\\033b\\n'", NULL};
    struct program_end end;
    struct errinfo ei = {0};
    assert_int_equal(program_run(slow, 200, &end, &ei), ERR_TIMEOUT);
    assert_string_equal(end.out, "begun");
    assert_int_equal(program_run(loud, 5000, &end, &ei), 0);
    assert_int_equal(end.exit, 3);
    assert_int_equal(strlen(end.out), sizeof end.out - 1);
    assert_int_equal(program_run(odd, 5000, &end, &ei), 0);
    assert_string_equal(end.out, "a?b");
}

#define IN_A_TREE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_TREE(none_is_said),
        IN_A_TREE(the_engines_port_is_found_whatever_its_number),
        IN_A_TREE(by_its_link_on_other_kernels),
        IN_A_TREE(without_a_driver),
        IN_A_TREE(the_one_with_a_tty_wins),
        IN_A_TREE(the_login_is_asked_for_and_set),
        IN_A_TREE(programs_end_in_time_and_say_what_they_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
