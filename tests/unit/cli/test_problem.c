/* SPDX-License-Identifier: Apache-2.0 */
/* What a server refuses is said in the words of the command line: options, not members of bodies; commands,
 * not routes. */
#include "unit.h"

#include "cli/exits.h"
#include "cli/problem.h"

#include <jansson.h>
#include <stdio.h>

enum { WORDS_MAX = 12 };

static void assert_said(const char *command, const char *body, const char *text, const char *remedy) {
    char words[200], said[256], what[256];
    const char *argv[WORDS_MAX] = {"orch-cli"};
    int argc = 1;
    struct args args;
    struct errinfo ei = {0};
    snprintf(words, sizeof words, "%s", command);
    for (char *rest = words, *w; argc < WORDS_MAX && (w = strsep(&rest, " "));)
        argv[argc++] = w;
    assert_int_equal(args_parse(&args, argc, argv, &ei), 0);
    struct answer a = {.status = 400, .json = json_loads(body, 0, NULL)};
    assert_non_null(a.json);
    assert_int_equal(answer_problem(&a, &args, said, sizeof said), EXIT_USAGE);
    answer_remedy(&a, &args, what, sizeof what);
    assert_string_equal(said, text);
    assert_string_equal(what, remedy);
    json_decref(a.json);
    args_free(&args);
}

static void members_become_options(void **state) {
    static const struct {
        const char *command, *field, *message, *remedy, *text, *what;
    } v[] = {
        {"create enrolment-key k --until 900d", "expiresAt", "expiresAt is too far away", "At most a year.",
         "--until is too far away", "At most a year."},
        {"create domain d --suffix x.y --pfx f", "certificate", "the file is no PFX file", "",
         "--pfx: the file is no PFX file", ""},
        {"create domain d --suffix x.y --pfx f", "password", "the password is wrong",
         "A file with the password holds it alone.", "--password-file: the password is wrong",
         "A file with the password holds it alone."},
        {"create profile p --cira-config c", "ciraConfig", "ciraConfig: there is no \"c\"",
         "Create it, or leave ciraConfig out.", "--cira-config: there is no \"c\"",
         "Create it, or leave --cira-config out."},
        {"set host n1 --amt-state provisioned", "amtProfile", "there is no profile \"x\"", "",
         "--amt-profile: there is no profile \"x\"", ""},
        {"set host n1 --power on", "desiredPowerState", "it is off", "", "--power: it is off", ""},
        {"create host n1 --desired-power on", "desiredPowerState", "no", "", "--desired-power: no", ""},
        {"set host n1 --name n2", "name", "the name n2 is taken", "", "--name: the name n2 is taken", ""},
        /* words are named by the sentence; "controls" is no "control" */
        {"create profile p", "name", "a profile is there", "", "a profile is there", ""},
        {"merge host a b", "with", "there is no host b", "", "there is no host b", ""},
        {"create exception n1", "control", "controls are few", "", "--control: controls are few", ""},
        /* what is no option of this command stays what it is */
        {"get host n1", "expiresAt", "it is over", "", "expiresAt: it is over", ""},
        {"get host n1", "nonsense", "nonsense is nonsense", "", "nonsense is nonsense", ""},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        json_t *j =
            json_pack("{s:s,s:s,s:s}", "field", v[i].field, "message", v[i].message, "remedy", v[i].remedy);
        char *body = json_dumps(j, 0);
        assert_said(v[i].command, body, v[i].text, v[i].what);
        free(body);
        json_decref(j);
    }
}

static void routes_become_commands(void **state) {
    assert_said("get host n1",
                "{\"message\":\"m\",\"remedy\":\"GET /v1/projects/p/compute/hosts lists them.\"}", "m",
                "orch-cli list host shows those there are.");
    assert_said("get profile x",
                "{\"message\":\"m\",\"remedy\":\"GET /v1/projects/p/amt/profiles lists them.\"}", "m",
                "orch-cli list profile shows those there are.");
    assert_said("get enrolment-key x",
                "{\"message\":\"m\",\"remedy\":\"GET /v1/projects/p/enrolmentkeys lists them.\"}", "m",
                "orch-cli list enrolment-key shows those there are.");
    assert_said("get host n1", "{\"message\":\"m\",\"remedy\":\"POST /v1/other to do it.\"}", "m", "");
    assert_said("get host n1", "{}", "the server answered with HTTP 400 Bad Request", "");
}

/* Without a command (a CSV file has columns) it is as it came. */
static void or_as_it_came(void **state) {
    char text[64];
    struct answer a = {.status = 409, .json = json_pack("{s:s,s:s}", "field", "expiresAt", "message", "m")};
    assert_int_equal(answer_problem(&a, NULL, text, sizeof text), EXIT_REFUSED);
    assert_string_equal(text, "m");
    json_decref(a.json);
}

UNIT_MAIN(T(members_become_options), T(routes_become_commands), T(or_as_it_came))
