/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/announce.h"
#include "agent/config.h"
#include "agent/facts.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void names_take_the_place_of_defaults(void **s) {
    struct agent_config c;
    struct errinfo ei = {0};
    agent_config_defaults(&c);
    assert_string_equal(c.sysfs, "/sys");
    assert_int_equal(
        agent_config_parse(&c, "# a comment\nserver = https://a.example:8443\nstate-dir=/x\n", "f", &ei), 0);
    assert_string_equal(c.server, "https://a.example:8443");
    assert_string_equal(c.state_dir, "/x");
    assert_string_equal(c.systemctl, "/usr/bin/systemctl");
}

static void what_is_not_known_is_refused_and_changes_nothing(void **s) {
    static const struct {
        const char *text, *said;
    } bad[] = {{"server = a\nkey = oek-1\n", "key is not known"},
               {"[agent]\nserver = a\n", "agent.server is not known"},
               {"server = a\nnonsense\n", "line 2"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct agent_config c;
        struct errinfo ei = {0};
        agent_config_defaults(&c);
        assert_true(agent_config_parse(&c, bad[i].text, "f", &ei) < 0);
        if (!strstr(ei.text, bad[i].said))
            fail_msg("%s", ei.text);
        assert_string_equal(c.server, "");
    }
    struct agent_config c;
    struct errinfo ei = {0};
    char text[400] = "server = ";
    agent_config_defaults(&c);
    memset(text + 9, 'a', 300);
    assert_true(agent_config_parse(&c, text, "f", &ei) < 0); /* longer than a line, or than its place */
    assert_int_equal(agent_config_read(&c, "/nowhere/at/all", &ei), ERR_IO);
}

static void the_operating_system_has_a_name(void **s) {
    char os[64];
    facts_os(SLICE_LIT("NAME=\"x\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"), os, sizeof os);
    assert_string_equal(os, "Debian GNU/Linux 12 (bookworm)");
    facts_os(SLICE_LIT("PRETTY_NAME=a\x1b[2Jb\n"), os, sizeof os);
    assert_string_equal(os, "a?[2Jb");
    facts_os(SLICE_LIT("NAME=x"), os, sizeof os);
    assert_string_equal(os, "");
}

static void put(const char *dir, const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_shutdown_has_a_kind_and_a_cause(void **s) {
    char dir[] = "/tmp/outband-sessions-XXXXXX", cause[ANNOUNCE_CAUSE_CAP], cmd[64];
    assert_string_equal(announce_kind_of("61 poweroff.target start waiting"), "poweroff");
    assert_string_equal(announce_kind_of("61 reboot.target start waiting"), "reboot");
    assert_null(announce_kind_of("61 pm-agent.service stop running"));
    assert_non_null(mkdtemp(dir));
    announce_cause(dir, "poweroff", cause);
    assert_string_equal(cause, "poweroff");
    announce_cause("/nowhere/at/all", "poweroff", cause);
    assert_string_equal(cause, "poweroff");
    put(dir, "c1", "UID=107\nUSER=sddm\nSTATE=online\nCLASS=greeter\n");
    put(dir, "3", "# comment\nUID=1000\nUSER=anna\nACTIVE=1\nSTATE=active\nCLASS=user\n");
    put(dir, "3.ref", "UID=1\nUSER=x\nSTATE=active\nCLASS=user\n");
    put(dir, "4", "UID=1001\nUSER=ben\nSTATE=closing\nCLASS=user\n");
    announce_cause(dir, "poweroff", cause);
    assert_string_equal(cause, "uid 1000 (anna): poweroff");
    put(dir, "5", "UID=0\nUSER=root\nSTATE=online\nCLASS=user\n");
    announce_cause(dir, "reboot", cause);
    assert_non_null(strstr(cause, "one of "));
    assert_non_null(strstr(cause, "uid 0 (root)"));
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

UNIT_MAIN(T(names_take_the_place_of_defaults), T(what_is_not_known_is_refused_and_changes_nothing),
          T(the_operating_system_has_a_name), T(a_shutdown_has_a_kind_and_a_cause))
