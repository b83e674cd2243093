/* SPDX-License-Identifier: Apache-2.0 */
/* orch-cli against a scripted server: what changes things, on one node and on many. */
#include "rig.h"

#include "cli/exits.h"

#define P "/v1/projects/default/compute"
#define OP(st, cd)                                                                                           \
    "{\"id\":\"op-1\",\"host\":\"host-1\",\"kind\":\"power-off\",\"state\":\"" st "\",\"code\":\"" cd        \
    "\",\"text\":\"why\"}"
#define DONE(n)                                                                                              \
    { .method = "POST", .target = P "/hosts/" n "/operations", .status = 202, .body = OP("accepted", "none") }
#define LOST(n)                                                                                              \
    {                                                                                                        \
        .method = "POST", .target = P "/hosts/" n "/operations", .status = 409,                              \
        .body = "{\"type\":\"/problems/unreachable\",\"message\":\"Device not "                              \
                "found/connected\",\"remedy\":\"Look.\"}"                                                    \
    }

static void power_is_an_operation(void **state) {
    static const struct script rows[] = {DONE("n1"), LOST("n2"), {0}};
    rig_run(rows, "set", "host", "n1", "--power", "off", NULL);
    rig_expect(EXIT_OK, "n1: power off accepted: why (op-1)\n", "");
    assert_non_null(strstr(rig.log, "{\"kind\":\"power-off\"}"));
    assert_non_null(strstr(rig.log, "Idempotency-Key: "));
    rig_run(rows, "set", "host", "n1", "--power", "reset", "--graceful", "--force", "--timeout", "90", NULL);
    rig_expect(EXIT_OK, "", "");
    assert_non_null(strstr(rig.log, "{\"kind\":\"reset-graceful\",\"force\":true,\"deadlineSeconds\":90}"));
    rig_run(rows, "set", "host", "n2", "--power", "on", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "orch-cli: n2: Device not found/connected\n  Look.\n");
    assert_string_equal(rig.out, "");
    rig_run(rows, "set", "host", "n1", "--power", "off", "-o", "json", NULL);
    rig_expect(EXIT_OK, "\"id\": \"op-1\"", "");
}

static void waiting_for_the_end(void **state) {
    static const struct script done[] = {
        DONE("n1"),
        {.method = "GET",
         .target = P "/operations/op-1",
         .status = 200,
         .body = OP("running", "none"),
         .times = 2},
        {.method = "GET", .target = P "/operations/op-1", .status = 200, .body = OP("done", "none")},
        {0}};
    static const struct script failed[] = {DONE("n1"),
                                           {.method = "GET",
                                            .target = P "/operations/op-1",
                                            .status = 200,
                                            .body = OP("failed", "not-confirmed")},
                                           {0}};
    static const struct script forever[] = {
        {.method = "GET", .target = P "/operations/op-1", .status = 200, .body = OP("waiting", "session")},
        {0}};
    rig_run(done, "set", "host", "n1", "--power", "off", "--wait", NULL);
    rig_expect(EXIT_OK, "n1: power off done: why\n", "");
    rig_run(failed, "set", "host", "n1", "--power", "off", "--wait", NULL);
    rig_expect(EXIT_TIMEOUT, "", "n1: power off failed: why");
    rig_run(done + 1, "get", "operation", "op-1", "--watch", NULL);
    rig_expect(EXIT_OK, "power off done: why", "");
    rig_run(forever, "get", "operation", "op-1", "--watch", "--timeout", "1", NULL);
    rig_expect(EXIT_TIMEOUT, "power off waiting: why", "still under way");
}

static void policy_and_name(void **state) {
    static const struct script rows[] = {
        {.method = "PATCH", .target = P "/hosts/n1", .status = 200, .body = "{\"name\":\"n9\"}"},
        DONE("n1"),
        {0}};
    rig_run(rows, "set", "host", "n1", "--recovery-policy", "hold", "--until", "2126-01-01T00:00:00Z",
            "--name", "n9", NULL);
    rig_expect(EXIT_OK, "n1: changed\n", "");
    assert_non_null(strstr(
        rig.log, "{\"recoveryPolicy\":\"hold\",\"holdUntil\":\"2126-01-01T00:00:00.000Z\",\"name\":\"n9\"}"));
    rig_run(rows, "set", "host", "n1", "--recovery-policy", "keep", "--power", "off", NULL);
    rig_expect(EXIT_OK, "n1: power off accepted", "");
    assert_true(strstr(rig.log, "PATCH") < strstr(rig.log, "POST"));
    assert_non_null(strstr(rig.log, "PATCH"));
}

static void an_amt_login(void **state) {
    static const struct script rows[] = {
        {.method = "PATCH", .target = P "/hosts/n1", .status = 200, .body = "{\"name\":\"n1\"}"}, {0}};
    const char *file = rig_file("amt.txt", "Secret-1\n");
    rig_run(rows, "set", "host", "n1", "--amt-password-file", file, NULL);
    rig_expect(EXIT_OK, "n1: changed\n", "");
    assert_non_null(strstr(rig.log, "{\"amt\":{\"password\":\"Secret-1\"}}"));
    rig_run(rows, "set", "host", "n1", "--amt-user", "ops", "--amt-password-file", file, NULL);
    assert_non_null(strstr(rig.log, "{\"amt\":{\"user\":\"ops\",\"password\":\"Secret-1\"}}"));
    rig_run(rows, "set", "host", "n1", "--amt-user", "ops", NULL);
    rig_expect(EXIT_USAGE, "", "--amt-user goes with --amt-password-file");
    assert_string_equal(rig.log, "");
    rig_run(rows, "set", "host", "n1", "--amt-password-file", "/nowhere", NULL);
    rig_expect(EXIT_USAGE, "", "/nowhere");
}

static void set_host_refuses_nonsense(void **state) {
    static const struct script none[] = {{0}};
    static const char *const cases[][5] = {
        {"n1"},
        {"--power", "off"},
        {"n1", "--filter", "x=1", "--power", "on"},
        {"n1", "--wait"},
        {"n1", "--graceful", "--power", "on"},
        {"n1", "--until", "2h"},
        {"n[1-2]", "--name", "x"},
        {"n1", "--fanout", "0", "--power", "on"},
        {"n1", "--recovery-policy", "hold", "--until", "tomorrow"},
        {"n1", "--recovery-policy", "hold", "--until", "2020-01-01T00:00:00Z"},
        {"n[", "--power", "on"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *w = cases[i];
        rig_run(none, "set", "host", w[0], w[1], w[1] ? w[2] : NULL, w[1] && w[2] ? w[3] : NULL,
                w[1] && w[2] && w[3] ? w[4] : NULL, NULL);
        if (rig.code != EXIT_USAGE || *rig.log)
            fail_msg("set host %s %s: %d %s", w[0], w[1] ? w[1] : "", rig.code, rig.err);
    }
}

static void many_nodes_one_line_each(void **state) {
    static const struct script rows[] = {DONE("n1"), LOST("n2"), DONE("n3"), DONE("n4"), {0}};
    rig_run(rows, "set", "host", "n[1-4]", "--power", "off", NULL);
    rig_expect(EXIT_PARTIAL, "", "");
    assert_string_equal(rig.out, "n1: power off accepted: why (op-1)\n"
                                 "n2: failed: Device not found/connected\n"
                                 "n3: power off accepted: why (op-1)\n"
                                 "n4: power off accepted: why (op-1)\n");
    assert_string_equal(rig.err, "");
    rig_run(rows, "set", "host", "n1", "n3", "--power", "off", "--fanout", "1", NULL);
    rig_expect(EXIT_OK, "n3: power off", "");
    assert_int_equal(scripted_connections(rig.server), 1);
    rig_run(rows, "set", "host", "n[1-3]", "--power", "off", "-o", "json", NULL);
    rig_expect(EXIT_PARTIAL, "\"ok\": false", "");
    static const struct script lost[] = {LOST("n1"), LOST("n2"), LOST("n3"), {0}};
    rig_run(lost, "set", "host", "n[1-3]", "--power", "off", NULL);
    rig_expect(EXIT_UNREACHABLE, "n3: failed: ", "");
}

static void more_than_ten_need_a_word(void **state) {
    static const struct script rows[] = {
        DONE("n"), {.method = "GET", .target = P "/hosts/n", .status = 200, .body = "{}"}, {0}};
    rig_run(rows, "set", "host", "n[01-11]", "--power", "off", NULL);
    rig_expect(EXIT_USAGE, "", "this would power off on 11 hosts, and nobody can be asked");
    assert_string_equal(rig.log, "");
    rig_run(rows, "set", "host", "n[01-10]", "--power", "off", NULL);
    rig_expect(EXIT_NOT_FOUND, "n10: failed", "");
    rig_run(rows, "set", "host", "n[01-11]", "--power", "off", "--dry-run", NULL);
    rig_expect(EXIT_OK, "n11: would power off; now unknown (never seen)", "");
    assert_null(strstr(rig.log, "POST"));
    rig_run(rows, "delete", "host", "n[01-11]", NULL);
    rig_expect(EXIT_USAGE, "", "Add --yes");
}

static void by_filter(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts?filter=x%3D1&orderBy=name",
         .status = 200,
         .body = "{\"hosts\":[{\"resourceId\":\"host-1\",\"name\":\"a\"},{\"resourceId\":\"host-2\",\"name\":"
                 "\"\"}],\"hasNext\":false}"},
        {.method = "GET",
         .target = P "/hosts?filter=none",
         .status = 200,
         .body = "{\"hosts\":[],\"hasNext\":false}"},
        {.method = "GET",
         .target = P "/hosts?filter=bad",
         .status = 400,
         .body = "{\"type\":\"/problems/invalid\",\"field\":\"filter\",\"message\":\"unknown field bad\"}"},
        {.method = "DELETE", .target = P "/hosts/host-", .status = 204},
        DONE("host-1"),
        DONE("host-2"),
        {0}};
    rig_run(rows, "set", "host", "--filter", "x=1", "--power", "off", NULL);
    rig_expect(EXIT_OK, "a: power off accepted: why (op-1)\nhost-2: power off accepted", "");
    rig_run(rows, "set", "host", "--filter", "none", "--power", "off", NULL);
    rig_expect(EXIT_NOT_FOUND, "", "no host matches the filter");
    rig_run(rows, "set", "host", "--filter", "bad", "--power", "off", NULL);
    rig_expect(EXIT_USAGE, "", "filter: unknown field bad");
    rig_run(rows, "delete", "host", "host-1", "host-2", NULL);
    rig_expect(EXIT_OK, "host-1: deleted\nhost-2: deleted\n", "");
}

/* Once the login is refused, the rest is not tried. */
static void a_bulk_run_stops_at_401(void **state) {
    static const struct script rows[] = {
        {.method = "POST", .target = P, .status = 401, .body = "{\"message\":\"ended\"}"}, {0}};
    rig_run(rows, "set", "host", "n[1-9]", "--power", "off", "--fanout", "1", NULL);
    assert_non_null(strstr(rig.out, "n1: failed: ended\nn2: failed: not tried"));
    assert_int_not_equal(rig.code, EXIT_OK);
    assert_null(strstr(strstr(rig.log, "POST") + 1, "POST"));
}

static void create_one(void **state) {
    static const struct script rows[] = {
        {.method = "POST", .target = P "/hosts?dryRun=true", .status = 200, .body = ""},
        {.method = "POST",
         .target = P "/hosts",
         .status = 201,
         .body = "{\"resourceId\":\"host-77777777\",\"name\":\"n1\"}"},
        {0}};
    char cira[128], amt[128];
    snprintf(cira, sizeof cira, "%s", rig_file("cira", "c-secret\n"));
    snprintf(amt, sizeof amt, "%s", rig_file("amt", "a-secret\n"));
    rig_run(rows, "create", "host", "n1", "--cira-user", "u", "--cira-password-file", cira,
            "--amt-password-file", amt, "--desired-power", "off", "--control-mode", "ccm", NULL);
    rig_expect(EXIT_OK, "n1: created host-77777777\n", "");
    assert_non_null(strstr(
        rig.log,
        "{\"name\":\"n1\",\"cira\":{\"user\":\"u\",\"password\":\"c-secret\"},\"amt\":{\"user\":\"admin\","
        "\"password\":\"a-secret\"},\"desiredPowerState\":\"POWER_STATE_OFF\",\"amtControlMode\":"
        "\"AMT_CONTROL_MODE_CCM\"}"));
    rig_run(rows, "create", "host", "n1", "--dry-run", NULL);
    rig_expect(EXIT_OK, "n1: would be created\n", "");
    rig_run(rows, "create", "host", NULL);
    rig_expect(EXIT_USAGE, "", "a name is missing");
    rig_run(rows, "create", "host", "n1", "--cira-password-file", "/nonexistent/x", NULL);
    rig_expect(EXIT_USAGE, "", "cannot open /nonexistent/x");
}

static void import_csv(void **state) {
    static const struct script good[] = {{.method = "POST",
                                          .target = P "/hosts:import",
                                          .status = 201,
                                          .body = "{\"created\":2,\"hosts\":[]}"},
                                         {0}};
    static const struct script bad[] = {{.method = "POST",
                                         .target = P "/hosts:import",
                                         .status = 400,
                                         .body = "{\"type\":\"/problems/invalid\",\"message\":\"not a UUID: "
                                                 "zz\",\"field\":\"AmtUUID\",\"line\":7,\"remedy\":\"\"}"},
                                        {0}};
    char csv[128];
    snprintf(csv, sizeof csv, "%s", rig_file("fleet.csv", "Name,CiraUser\nn1,u1\nn2,u2\n"));
    rig_run(good, "create", "host", "--import-from-csv", csv, NULL);
    rig_expect(EXIT_OK, "fleet.csv: 2 hosts created\n", "");
    assert_non_null(strstr(rig.log, "Content-Type: text/csv"));
    assert_non_null(strstr(rig.log, "\n\nName,CiraUser\nn1,u1\nn2,u2\n"));
    rig_run(good, "create", "host", "--import-from-csv", csv, "--dry-run", NULL);
    rig_expect(EXIT_OK, "2 hosts would be created", "");
    assert_non_null(strstr(rig.log, "POST " P "/hosts:import?dryRun=true"));
    rig_run(bad, "create", "host", "--import-from-csv", csv, NULL);
    rig_expect(EXIT_USAGE, "", "fleet.csv:7: AmtUUID: not a UUID: zz\n  Nothing of the file was taken.\n");
    rig_run(good, "create", "host", "--import-from-csv", "/nonexistent/fleet.csv", NULL);
    rig_expect(EXIT_USAGE, "", "cannot open /nonexistent/fleet.csv: No such file");
    rig_run(good, "create", "host", "--import-from-csv", rig.dir, NULL);
    rig_expect(EXIT_USAGE, "", "is a directory");
    rig_run(good, "create", "host", "--import-from-csv", rig_file("empty.csv", ""), NULL);
    rig_expect(EXIT_USAGE, "", "empty.csv is empty");
    rig_run(good, "create", "host", "n1", "--import-from-csv", csv, NULL);
    rig_expect(EXIT_USAGE, "", "not both");
    rig_run(good, "create", "host", "--import-from-csv", csv, "--serial", "1", NULL);
    rig_expect(EXIT_USAGE, "", "--serial does not go with");
}

static void operations_list_and_cancel(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts/n1",
         .status = 200,
         .body = "{\"resourceId\":\"host-1\",\"name\":\"n1\"}"},
        {.method = "GET",
         .target = P "/operations?host=host-1&state=waiting&pageSize=100",
         .status = 200,
         .body = "{\"operations\":[" OP("waiting", "session") "],\"hasNext\":false}"},
        {.method = "GET", .target = P "/operations?pageSize=2&after=", .status = 404, .body = "{}"},
        {.method = "GET",
         .target = P "/operations?pageSize=2",
         .status = 200,
         .body = "{\"operations\":[" OP("done", "none") "," OP("done", "none") "],\"hasNext\":true}"},
        {.method = "GET", .target = P "/operations/op-1", .status = 200, .body = OP("done", "none")},
        {.method = "DELETE",
         .target = P "/operations/op-2",
         .status = 409,
         .body = "{\"type\":\"/problems/state\",\"message\":\"sent already\"}"},
        {.method = "DELETE",
         .target = P "/operations/op-1",
         .status = 200,
         .body = OP("cancelled", "by-operator")},
        {0}};
    rig_run(rows, "operations", "--host", "n1", "--state", "waiting", NULL);
    rig_expect(EXIT_OK, "op-1  host-1  power-off  waiting", "");
    rig_run(rows, "operations", "--limit", "2", "-o", "name", NULL);
    assert_string_equal(rig.out, "op-1\nop-1\n");
    rig_run(rows, "get", "operation", "op-1", NULL);
    rig_expect(EXIT_OK, "State       done\n", "");
    rig_run(rows, "cancel", "operation", "op-1", NULL);
    rig_expect(EXIT_OK, "op-1 cancelled", "");
    rig_run(rows, "cancel", "operation", "op-2", NULL);
    rig_expect(EXIT_REFUSED, "", "sent already");
}

static void quarantine_and_users(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = "/api/v1/quarantine",
         .status = 200,
         .body = "{\"entries\":[{\"id\":\"q-1\",\"user\":\"u\",\"uuid\":\"\",\"peer\":\"192.0.2.1:5\","
                 "\"reason\":\"unknown user\","
                 "\"lastSeen\":\"2026-11-22T14:02:11Z\",\"count\":7,\"verdict\":\"new\"}]}"},
        {.method = "POST",
         .target = "/api/v1/quarantine/q-1:adopt",
         .status = 201,
         .body = "{\"resourceId\":\"host-5\"}"},
        {.method = "POST", .target = "/api/v1/quarantine/q-1:deny", .status = 200, .body = "{}"},
        {.method = "DELETE", .target = "/api/v1/quarantine/q-1", .status = 204},
        {.method = "GET",
         .target = "/api/v1/users",
         .status = 200,
         .body = "{\"users\":[{\"name\":\"admin\",\"role\":\"admin\",\"project\":\"\"}]}"},
        {.method = "POST", .target = "/api/v1/users", .status = 201, .body = "{}"},
        {.method = "DELETE", .target = "/api/v1/users/b%2Fb", .status = 204},
        {.method = "PUT", .target = "/api/v1/users/admin/password", .status = 204},
        {0}};
    char password[128], old[128];
    snprintf(password, sizeof password, "%s", rig_file("password", "new-pass\n"));
    snprintf(old, sizeof old, "%s", rig_file("old", "old-pass\n"));
    rig_run(rows, "quarantine", "list", NULL);
    rig_expect(EXIT_OK, "q-1  u     -     192.0.2.1:5  7      2026-11-22 14:02:11Z  new      unknown user\n",
               "");
    rig_run(rows, "quarantine", "adopt", "q-1", "--name", "n5", "--cira-password-file", password, NULL);
    rig_expect(EXIT_OK, "n5: adopted as host-5\n", "");
    assert_non_null(strstr(rig.log, "{\"name\":\"n5\",\"ciraPassword\":\"new-pass\"}"));
    rig_run(rows, "quarantine", "deny", "q-1", NULL);
    rig_expect(EXIT_OK, "q-1: denied", "");
    rig_run(rows, "quarantine", "forget", "q-1", NULL);
    rig_expect(EXIT_OK, "q-1: forgotten", "");
    rig_run(rows, "list", "user", NULL);
    rig_expect(EXIT_OK, "admin  admin  -\n", "");
    rig_run(rows, "create", "user", "bob", "--role", "viewer", "--password-file", password, "--project",
            "lab", NULL);
    rig_expect(EXIT_OK, "user bob created", "");
    assert_non_null(strstr(
        rig.log, "{\"name\":\"bob\",\"role\":\"viewer\",\"project\":\"lab\",\"password\":\"new-pass\"}"));
    rig_run(rows, "create", "user", "bob", "--password-file", password, NULL);
    rig_expect(EXIT_USAGE, "", "needs --role");
    rig_run(rows, "delete", "user", "b/b", NULL);
    rig_expect(EXIT_OK, "user b/b deleted", "");
    rig_run(rows, "set", "password", "--password-file", password, "--old-password-file", old, NULL);
    rig_expect(EXIT_OK, "the password of admin was changed", "");
    assert_non_null(strstr(rig.log, "{\"password\":\"new-pass\",\"oldPassword\":\"old-pass\"}"));
    assert_null(strstr(rig.out, "new-pass"));
}

#define PROV(go, st, cd)                                                                                     \
    "{\"goal\":\"" go "\",\"state\":\"" st "\",\"phase\":\"setup\",\"code\":\"" cd                           \
    "\",\"text\":\"told\",\"remedy\":\"Look.\",\"updatedAt\":\"2026-11-22T14:02:11Z\"}"
#define AMT(state, prov)                                                                                     \
    "{\"name\":\"n1\",\"amtControlMode\":\"AMT_CONTROL_MODE_CCM\",\"oob\":{\"amt\":{\"state\":\"" state      \
    "\"},\"provisioning\":" prov "}}"
#define CHANGED(state, prov)                                                                                 \
    { .method = "PATCH", .target = P "/hosts/n1", .status = 200, .body = AMT(state, prov) }
#define PROVISIONING(n, st, cd)                                                                              \
    {                                                                                                        \
        .method = "GET", .target = P "/hosts/n1/provisioning", .status = 200,                                \
        .body = PROV("activate", st, cd), .times = n                                                         \
    }

static void amt_state(void **state) {
    static const struct script done[] = {CHANGED("unprovisioned", PROV("activate", "waiting", "no-way")),
                                         PROVISIONING(1, "running", ""),
                                         PROVISIONING(0, "done", ""),
                                         {0}};
    static const struct script failed[] = {
        CHANGED("unprovisioned", PROV("activate", "waiting", "")), PROVISIONING(0, "failed", "foreign"), {0}};
    static const struct script never[] = {CHANGED("unprovisioned", PROV("activate", "waiting", "no-way")),
                                          PROVISIONING(0, "waiting", "no-way"),
                                          {0}};
    static const struct script already[] = {CHANGED("provisioned", PROV("rotate-amt", "failed", "refused")),
                                            {0}};
    rig_run(done, "set", "host", "n1", "--amt-state", "provisioned", NULL);
    rig_expect(EXIT_OK, "n1: activate waiting, setup: told\n", "");
    assert_non_null(strstr(rig.log, "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\"}"));
    rig_run(done, "set", "host", "n1", "--amt-state", "provisioned", "--control-mode", "acm", "--amt-profile",
            "lab", "--wait", NULL);
    rig_expect(EXIT_OK, "activate running, setup: told\nn1: activate done: told\n", "");
    assert_non_null(strstr(rig.log, "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\",\"amtControlMode\":"
                                    "\"AMT_CONTROL_MODE_ACM\",\"amtProfile\":\"lab\"}"));
    rig_run(failed, "set", "host", "n1", "--amt-state", "provisioned", "--wait", NULL);
    rig_expect(EXIT_REFUSED, "", "n1: activate failed: told\n  Look.\n");
    rig_run(never, "set", "host", "n1", "--amt-state", "provisioned", "--wait", "--timeout", "1", NULL);
    rig_expect(EXIT_TIMEOUT, "", "orch-cli get provisioning n1");
    rig_run(already, "set", "host", "n1", "--amt-state", "provisioned", "--wait", NULL);
    rig_expect(EXIT_OK, "n1: it is provisioned already (ccm)\n", "");
    rig_run(done, "set", "host", "n1", "--amt-profile", "lab", NULL);
    rig_expect(EXIT_USAGE, "", "--amt-profile goes with --amt-state provisioned");
    rig_run(done, "set", "host", "n1", "--amt-state", "unprovisioned", "--control-mode", "ccm", NULL);
    rig_expect(EXIT_USAGE, "", "--control-mode goes with --amt-state provisioned");
}

static void out_of_our_hands(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = P "/hosts/n1:deauthorize?force=true",
         .status = 200,
         .extra = "X-Left-Behind: The firmware of n1 is still set up",
         .body = "{}"},
        {.method = "POST",
         .target = P "/hosts/n1:deauthorize",
         .status = 409,
         .body =
             "{\"type\":\"/problems/unreachable\",\"message\":\"cannot be reached\",\"remedy\":\"--force\"}"},
        {.method = "POST", .target = P "/hosts/n2:deauthorize", .status = 200, .body = "{}"},
        {.method = "DELETE",
         .target = P "/hosts/n1?force=true",
         .status = 204,
         .extra = "X-Left-Behind: The firmware of n1"},
        {0}};
    rig_run(rows, "deauthorize", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "n1: cannot be reached\n  --force\n");
    rig_run(rows, "deauthorize", "host", "n1", "--force", NULL);
    rig_expect(EXIT_OK, "n1: deauthorized. Left behind: The firmware of n1 is still set up\n", "");
    rig_run(rows, "deauthorize", "host", "n[1-2]", NULL);
    rig_expect(EXIT_PARTIAL, "n2: deauthorized\n", "");
    rig_run(rows, "deauthorize", "host", "n[01-11]", NULL);
    rig_expect(EXIT_USAGE, "", "this would deactivate and deauthorize on 11 hosts");
    rig_run(rows, "delete", "host", "n1", "--force", NULL);
    rig_expect(EXIT_OK, "n1: deleted. Left behind: The firmware of n1\n", "");
}

static void new_secrets(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = P "/hosts/n1:rotate",
         .status = 202,
         .body = PROV("rotate-all", "running", "")},
        {.method = "GET",
         .target = P "/hosts/n1/provisioning",
         .status = 200,
         .body = PROV("rotate-all", "done", "")},
        {.method = "GET",
         .target = P "/hosts?filter=x",
         .status = 200,
         .body = "{\"hosts\":[{\"resourceId\":\"host-1\",\"name\":\"a\"},{\"resourceId\":\"host-2\",\"name\":"
                 "\"b\"}],\"hasNext\":false}"},
        {.method = "POST",
         .target = P "/hosts:rotate",
         .status = 202,
         .body = "{\"ordered\":1,\"refused\":[{\"host\":\"host-2\",\"name\":\"b\",\"message\":\"not "
                 "provisioned\"}]}"},
        {0}};
    rig_run(rows, "rotate", "host", "n1", "--secret", "all", NULL);
    rig_expect(EXIT_OK, "n1: rotate-all running, setup: told\n", "");
    assert_non_null(strstr(rig.log, "{\"secret\":\"all\"}"));
    rig_run(rows, "rotate", "host", "n1", "--secret", "all", "--wait", NULL);
    rig_expect(EXIT_OK, "n1: rotate-all done: told\n", "");
    rig_run(rows, "rotate", "host", "--filter", "x", "--secret", "amt", NULL);
    rig_expect(EXIT_PARTIAL, "a: ordered\nb: failed: not provisioned\n", "");
    assert_non_null(strstr(rig.log, "{\"secret\":\"amt\",\"filter\":\"x\"}"));
    rig_run(rows, "rotate", "host", "n1", NULL);
    rig_expect(EXIT_USAGE, "", "needs --secret");
    rig_run(rows, "rotate", "host", "--secret", "amt", NULL);
    rig_expect(EXIT_USAGE, "", "which host?");
}

static void a_provisioning(void **state) {
    static const struct script rows[] = {
        PROVISIONING(0, "failed", "foreign"),
        {.method = "GET", .target = P "/hosts/n2/provisioning", .status = 200, .body = "null"},
        {.method = "DELETE",
         .target = P "/hosts/n1/provisioning",
         .status = 200,
         .body = PROV("activate", "cancelled", "cancelled")},
        {.method = "GET",
         .target = P "/hosts/n1",
         .status = 200,
         .body = AMT("provisioned", PROV("rotate-amt", "running", ""))},
        {.method = "GET",
         .target = P "/hosts?pageSize=500",
         .status = 200,
         .body = "{\"hosts\":[" AMT("provisioned", PROV("rotate-amt", "running", "")) "," AMT(
             "unprovisioned", "null") "],\"hasNext\":false}"},
        {0}};
    rig_run(rows, "list", "host", "-o", "wide", NULL);
    rig_expect(EXIT_OK, "  provisioned/ccm (rotate-amt running)  ", "");
    rig_expect(EXIT_OK, "  unprovisioned  ", "");
    rig_run(rows, "get", "provisioning", "n1", NULL);
    rig_expect(EXIT_OK, "Code        foreign\n", "");
    rig_run(rows, "get", "provisioning", "n2", NULL);
    rig_expect(EXIT_OK, "", "no provisioning yet");
    rig_run(rows, "delete", "provisioning", "n1", NULL);
    rig_expect(EXIT_OK, "n1: activate cancelled: told\n", "");
    rig_run(rows, "get", "host", "n1", NULL);
    rig_expect(EXIT_OK, "AMT:              provisioned (ccm)\n", "");
    rig_expect(EXIT_OK, "Provisioning:     rotate-amt running, setup: told\n", "");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(power_is_an_operation),
        T(waiting_for_the_end),
        T(policy_and_name),
        T(an_amt_login),
        T(set_host_refuses_nonsense),
        T(many_nodes_one_line_each),
        T(more_than_ten_need_a_word),
        T(by_filter),
        T(a_bulk_run_stops_at_401),
        T(create_one),
        T(import_csv),
        T(operations_list_and_cancel),
        T(quarantine_and_users),
        T(amt_state),
        T(out_of_our_hands),
        T(new_secrets),
        T(a_provisioning),
    };
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (rig_end() != 0);
}
