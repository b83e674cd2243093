/* SPDX-License-Identifier: Apache-2.0 */
/* orch-cli against a scripted server: sign-in, reading, and what happens when the server misbehaves. */
#include "rig.h"

#include "cli/exits.h"

#include <sys/stat.h>

#define P "/v1/projects/default/compute"
#define N1                                                                                                   \
    "{\"resourceId\":\"host-00000001\",\"name\":\"n1\",\"desiredPowerState\":\"POWER_STATE_ON\",\"oob\":{"   \
    "\"link\":{\"state\":\"up\",\"since\":\"2026-11-22T14:02:11Z\",\"generation\":3,\"reason\":\"logged "    \
    "in\",\"peer\":\"192.0.2.7:49152\"},\"power\":{\"state\":\"on\",\"source\":\"firmware\",\"ageMs\":812}," \
    "\"findings\":[],\"recoveryPolicy\":\"keep\",\"aliases\":{\"ciraUser\":\"n1\"}}}"
#define N2                                                                                                   \
    "{\"resourceId\":\"host-00000002\",\"name\":\"n2\",\"desiredPowerState\":\"POWER_STATE_ON\",\"oob\":{"   \
    "\"link\":{\"state\":\"down\",\"since\":\"2026-11-22T14:02:11Z\",\"reason\":\"reset by peer\"},"         \
    "\"power\":{\"state\":\"unknown\",\"lastKnown\":{\"state\":\"on\",\"ageMs\":840000}},"                   \
    "\"findings\":[{\"id\":\"uuid-mismatch\",\"severity\":\"warning\",\"sentence\":\"two UUIDs\"},"          \
    "{\"id\":\"link-lost\",\"severity\":\"error\",\"sentence\":\"AMT link lost 14:02:11\",\"remedy\":"       \
    "\"Check the mains.\"}]}}"

static void login_keeps_the_token_and_says_when_it_ends(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = "/api/v1/authorize",
         .status = 200,
         .body = "{\"token\":\"tok-2\",\"expiresAt\":\"2126-11-22T18:00:00Z\",\"role\":\"operator\"}"},
        {.method = "GET", .target = P "/hosts/n1", .status = 200, .body = N1},
        {0}};
    remove(getenv("ORCH_CLI_CONFIG"));
    const char *password = rig_file("password", "p\"ss wörd\n");
    rig_run(rows, "login", "bob", "--password-file", password, "--api-endpoint", rig.origin, NULL);
    rig_expect(EXIT_OK, "as bob, role operator. The token expires in ", "");
    assert_non_null(strstr(rig.out, "at 2126-11-22 18:00:00Z."));
    assert_non_null(strstr(rig.log, "{\"username\":\"bob\",\"password\":\"p\\\"ss wörd\"}"));
    assert_null(strstr(rig.log, "Authorization"));
    struct stat st;
    assert_int_equal(stat(getenv("ORCH_CLI_CONFIG"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    rig_run(NULL, "get", "host", "n1", NULL);
    rig_expect(EXIT_OK, "Name:", "");
    assert_non_null(strstr(rig.log, "Authorization: Bearer tok-2"));
    rig_login(rig.origin, NULL);
}

static void login_refused_or_impossible(void **state) {
    static const struct script no[] = {
        {.method = "POST",
         .target = "/api/v1/authorize",
         .status = 401,
         .body = "{\"type\":\"/problems/auth\",\"message\":\"wrong user or password\"}"},
        {0}};
    static const struct script slow_down[] = {
        {.method = "POST",
         .target = "/api/v1/authorize",
         .status = 429,
         .extra = "Retry-After: 30",
         .body = "{\"type\":\"/problems/limit\",\"message\":\"too many failures\"}"},
        {0}};
    static const struct script page[] = {{.method = "POST",
                                          .target = "/api/v1/authorize",
                                          .status = 200,
                                          .type = "text/html",
                                          .body = "<p>hello"},
                                         {0}};
    char password[128];
    snprintf(password, sizeof password, "%s", rig_file("password", "x\n"));
    rig_run(no, "login", "bob", "--password-file", password, NULL);
    rig_expect(EXIT_AUTH, "", "wrong user or password");
    rig_run(slow_down, "login", "bob", "--password-file", password, NULL);
    rig_expect(EXIT_REFUSED, "", "Try again in 30 s.");
    rig_run(page, "login", "bob", "--password-file", password, NULL);
    rig_expect(EXIT_FAILED, "", "gave no token");
    rig_run(no, "login", "bob", NULL);
    rig_expect(EXIT_USAGE, "", "there is no terminal to ask on");
    rig_run(no, "login", "bob", "--password-file", "/nonexistent", NULL);
    rig_expect(EXIT_USAGE, "", "cannot open /nonexistent");
    rig_run(no, "login", "bob", "--api-endpoint", "http://example.net", NULL);
    rig_expect(EXIT_USAGE, "", "http without TLS is for this machine only");
    assert_string_equal(rig.log, "");
}

/* The token goes to the server that gave it, and nowhere else. */
static void the_token_is_for_one_server(void **state) {
    static const struct script rows[] = {{.method = "GET", .target = "/", .status = 200, .body = N1}, {0}};
    rig_login("https://elsewhere:8443", NULL);
    rig_run(rows, "get", "host", "n1", "--api-endpoint", rig.origin, NULL);
    rig_expect(EXIT_AUTH, "", "not logged in to http://127.0.0.1");
    assert_string_equal(rig.log, "");
    rig_file("config", "{}");
    rig_run(rows, "list", "host", NULL);
    rig_expect(EXIT_AUTH, "", "no server is known");
    char text[256];
    snprintf(text, sizeof text,
             "{\"apiEndpoint\":\"%s\",\"token\":\"t\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}", rig.origin);
    rig_file("config", text);
    rig_run(rows, "list", "host", NULL);
    rig_expect(EXIT_AUTH, "", "ended at 2020-01-01T00:00:00.000Z");
    assert_string_equal(rig.log, "");
    rig_login(rig.origin, NULL);
}

static void list_in_pages_and_formats(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts?filter=name%3D%22n%2A%22&pageSize=500&offset=1",
         .status = 200,
         .body = "{\"hosts\":[" N2 "],\"totalElements\":2,\"hasNext\":false}"},
        {.method = "GET",
         .target = P "/hosts?filter=name%3D%22n%2A%22&pageSize=500",
         .status = 200,
         .body = "{\"hosts\":[" N1 "],\"totalElements\":2,\"hasNext\":true}"},
        {0}};
    rig_run(rows, "list", "host", "--filter", "name=\"n*\"", NULL);
    rig_expect(EXIT_OK, "", "");
    assert_string_equal(
        rig.out,
        "NAME  ID             DESIRED  POWER                         LINK  PROBLEM\n"
        "n1    host-00000001  on       on                            up    \n"
        "n2    host-00000002  on       unknown (was on, 14 min ago)  down  AMT link lost 14:02:11\n");
    assert_int_equal(scripted_connections(rig.server), 1);
    rig_run(rows, "list", "host", "-o", "name", "-f", "name=\"n*\"", NULL);
    assert_string_equal(rig.out, "n1\nn2\n");
    rig_run(rows, "list", "host", "-o", "json", "-f", "name=\"n*\"", NULL);
    rig_expect(EXIT_OK, "\"totalElements\": 2", "");
    rig_run(rows, "list", "host", "-o", "yaml", "-f", "name=\"n*\"", NULL);
    rig_expect(EXIT_OK, "hosts:\n  - resourceId: host-00000001\n    name: n1\n", "");
    rig_run(rows, "list", "host", "-o", "wide", "-f", "name=\"n*\"", NULL);
    rig_expect(EXIT_OK, "192.0.2.7:49152", "");
}

static void nothing_to_list(void **state) {
    static const struct script rows[] = {{.method = "GET",
                                          .target = P "/hosts",
                                          .status = 200,
                                          .body = "{\"hosts\":[],\"totalElements\":0,\"hasNext\":false}"},
                                         {0}};
    rig_run(rows, "list", "host", NULL);
    rig_expect(EXIT_OK, "", "there are no hosts yet");
    assert_string_equal(rig.out, "");
}

static void problems_give_their_sentence_remedy_and_code(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts/none",
         .status = 404,
         .body = "{\"type\":\"/problems/not-found\",\"message\":\"no host none\",\"remedy\":\"list host\"}"},
        {.method = "GET",
         .target = P "/hosts/far",
         .status = 409,
         .body = "{\"type\":\"/problems/unreachable\",\"message\":\"Device not found/connected\"}"},
        {.method = "GET",
         .target = P "/hosts/bad",
         .status = 500,
         .extra = "X-Request-Id: r-17",
         .body = "{\"type\":\"/problems/internal\",\"message\":\"oops\"}"},
        {.method = "GET",
         .target = P "/hosts/auth",
         .status = 401,
         .body = "{\"message\":\"the token has ended\"}"},
        {.method = "GET", .target = P "/hosts/html", .status = 502, .type = "text/html", .body = "<h1>"},
        {.method = "GET", .target = P "/hosts/page", .status = 200, .type = "text/html", .body = "<h1>"},
        {.method = "GET", .target = P "/hosts/broken", .status = 200, .body = "{\"a\":"},
        {.method = "GET",
         .target = P "/hosts/a%2F..%2Fb%20%22",
         .status = 404,
         .body = "{\"message\":\"escaped\"}"},
        {0}};
    rig_run(rows, "get", "host", "none", NULL);
    rig_expect(EXIT_NOT_FOUND, "", "orch-cli: no host none\n  list host\n");
    assert_string_equal(rig.out, "");
    rig_run(NULL, "get", "host", "far", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "Device not found/connected");
    rig_run(NULL, "get", "host", "bad", NULL);
    rig_expect(EXIT_FAILED, "", "Request id: r-17");
    rig_run(NULL, "get", "host", "auth", NULL);
    rig_expect(EXIT_AUTH, "", "the token has ended\n  Log in again");
    rig_run(NULL, "get", "host", "html", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "HTTP 502");
    rig_run(NULL, "get", "host", "page", NULL);
    rig_expect(EXIT_FAILED, "", "does not answer as an Outband server");
    rig_run(NULL, "get", "host", "broken", NULL);
    rig_expect(EXIT_FAILED, "", "does not answer as an Outband server");
    rig_run(NULL, "get", "host", "a/../b \"", NULL);
    rig_expect(EXIT_NOT_FOUND, "", "escaped");
}

static void a_server_that_hangs_or_hangs_up(void **state) {
    static const struct script slow[] = {
        {.method = "GET", .target = P, .status = 200, .body = N1, .delay_ms = 5000}, {0}};
    static const struct script gone[] = {
        {.method = "GET", .target = P, .status = 0}, {.method = "PATCH", .target = P, .status = 0}, {0}};
    rig_run(slow, "get", "host", "n1", "--timeout", "1", NULL);
    rig_expect(EXIT_TIMEOUT, "", "did not answer within 1 s");
    rig_run(gone, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "closed the connection without an answer");
    rig_run(gone, "set", "host", "n1", "--recovery-policy", "keep", NULL);
    rig_expect(EXIT_TIMEOUT, "", "the outcome is not known");
    rig_run(NULL, "get", "host", "n1", "--api-endpoint", "http://127.0.0.1:1", NULL);
    rig_expect(EXIT_AUTH, "", "not logged in");
    rig_login("http://127.0.0.1:1", NULL);
    rig_run(NULL, "get", "host", "n1", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "cannot be reached: Connection refused");
    rig_login("http://unknown-name.invalid:1", NULL);
    rig_run(NULL, "get", "host", "n1", NULL);
    rig_expect(EXIT_USAGE, "", "http without TLS");
    rig_login(rig.origin, NULL);
}

/* A kept connection that died is replaced for a read. */
static void a_kept_connection_that_died(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts/n1/explain",
         .status = 200,
         .body = "{\"decision\":{\"action\":\"none\"},\"findings\":[]}"},
        {.method = "GET",
         .target = P "/hosts/host-00000001/explain",
         .status = 200,
         .body = "{\"decision\":{\"action\":\"none\"},\"findings\":[]}"},
        {.method = "GET", .target = P "/hosts/n1", .status = 200, .body = N1, .close_after = true},
        {.method = "GET", .target = "/api/v1/quarantine", .status = 403, .body = "{}"},
        {0}};
    rig_run(rows, "doctor", "host", "n1", NULL);
    rig_expect(EXIT_OK, "no findings", "");
    assert_int_equal(scripted_connections(rig.server), 2);
}

static void doctor_shows_the_ladder(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts/host-00000002/explain",
         .status = 200,
         .body = "{\"decision\":{\"action\":\"wait\",\"why\":\"no "
                 "link\",\"nextLookAt\":\"2026-11-22T14:05:00Z\"},"
                 "\"evidence\":[\"link down since "
                 "14:02:11\"],\"findings\":[{\"id\":\"link-lost\",\"severity\":\"error\","
                 "\"sentence\":\"AMT link lost\",\"remedy\":\"Check the mains.\",\"paragraph\":\"External "
                 "Power Off\"}]}"},
        {.method = "GET", .target = P "/hosts/n2", .status = 200, .body = N2},
        {0}};
    rig_run(rows, "doctor", "host", "n2", NULL);
    rig_expect(EXIT_OK, "BAD  link    down since 2026-11-22 14:02:11Z: reset by peer", "");
    assert_non_null(strstr(rig.out, "-> Check the mains."));
    assert_non_null(strstr(rig.out, "?    power   unknown (was on, 14 min ago), wanted on"));
    assert_non_null(strstr(rig.out, "decision: wait, because no link; looks again at 2026-11-22 14:05:00Z"));
    assert_non_null(strstr(rig.out, "see \"External Power Off\""));
}

/* Bytes of a server that a terminal would act upon never get through, in no format. */
static void hostile_strings(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts/",
         .status = 200,
         .body = "{\"resourceId\":\"host-1\",\"name\":\"a\\u001b]0;x\\u0007b\\u009bc\\nd\",\"oob\":{\"link\":"
                 "{\"state\":\"up\\u001b[2J\"}}}"},
        {.method = "DELETE",
         .target = P "/hosts/",
         .status = 409,
         .body = "{\"message\":\"no\\u001b[31m\\nroot# \"}"},
        {0}};
    static const char *const formats[] = {"table", "wide", "json", "yaml", "name"};
    for (size_t i = 0; i < 5; i++) {
        rig_run(rows, "get", "host", "x", "-o", formats[i], NULL);
        rig_expect(EXIT_OK, "a", "");
        assert_null(strchr(rig.out, 27));
        assert_null(strchr(rig.out, 7));
        assert_null(strstr(rig.out, "\xc2\x9b"));
    }
    rig_run(rows, "delete", "host", "x", NULL);
    rig_expect(EXIT_REFUSED, "", "no?[31m?root# \n");
}

static void events_are_taken_up_where_they_broke(void **state) {
#define EVENT(n, kind, text)                                                                                 \
    "id: " n "\nevent: host." kind "\ndata: {\"id\":\"" n "\",\"type\":\"host." kind                         \
    "\",\"subject\":\"host-00000001\",\"time\":\"2026-11-22T14:02:1" n "Z\",\"data\":{\"text\":\"" text      \
    "\"}}\n\n"
    static const struct script rows[] = {
        {.method = "GET", .target = P "/hosts/n1", .status = 200, .body = N1},
        {.method = "GET", .target = P "/hosts/host-00000001", .status = 200, .body = N1},
        {.method = "GET",
         .target = "/v1/events?host=host-00000001",
         .status = 200,
         .type = "text/event-stream",
         .times = 1,
         .open_ended = true,
         .body = ": hello\n\n\fid: 1\nevent: gap\ndata: {}\n\n\f" EVENT("2", "link-lost", "reset by peer")},
        {.method = "GET", .target = "/v1/events", .status = 503, .body = "{}", .times = 1},
        {.method = "GET",
         .target = "/v1/events",
         .status = 200,
         .type = "text/event-stream",
         .open_ended = true,
         .body = EVENT("3", "link-up", "logged in") "\f" EVENT("4", "power-changed", "on")},
        {0}};
    rig_run(rows, "get", "host", "n1", "--watch", "--count", "2", NULL);
    rig_expect(EXIT_OK, "",
               "the event stream was lost (the connection was closed); taking it up again behind event 2");
    assert_string_equal(rig.out, "n1 (host-00000001): on, wanted on; link up since 14:02:11\n"
                                 "14:02:12  link-lost       reset by peer\n"
                                 "14:02:13  link-up         logged in\n");
    assert_non_null(strstr(rig.err, "no longer kept"));
    assert_non_null(strstr(rig.log, "Last-Event-ID: 2\n"));
    rig_run(rows + 4, "events", "--since", "2", "--count", "2", "-o", "json", NULL);
    rig_expect(EXIT_OK, "{\"id\": \"4\", \"type\": \"host.power-changed\"", "");
    assert_non_null(strstr(rig.log, "Last-Event-ID: 2\n"));
    rig_run(rows + 4, "events", "--count", "2", NULL);
    rig_expect(EXIT_OK, "2026-11-22 14:02:14Z  power-changed   host-00000001: on", "");
}

/* The number that a stream begins with counts, though no event came with it. */
static void a_stream_that_breaks_before_its_first_event(void **state) {
    static const struct script rows[] = {{.method = "GET",
                                          .target = "/v1/events",
                                          .status = 200,
                                          .type = "text/event-stream",
                                          .times = 1,
                                          .open_ended = true,
                                          .body = "retry: 2000\n\nid: 41\n\n"},
                                         {.method = "GET",
                                          .target = "/v1/events",
                                          .status = 200,
                                          .type = "text/event-stream",
                                          .open_ended = true,
                                          .body = EVENT("4", "power-changed", "on")},
                                         {0}};
    rig_run(rows, "events", "--count", "1", NULL);
    rig_expect(EXIT_OK, "power-changed", "taking it up again behind event 41");
    assert_non_null(strstr(rig.log, "Last-Event-ID: 41\n"));
}

/* Rows that look the same are not printed again, and columns line up with those above. */
static void list_host_watch(void **state) {
#define CHANGE(n, host)                                                                                      \
    "id: " n "\ndata: {\"id\":\"" n                                                                          \
    "\",\"type\":\"host.changed\",\"subject\":\"host-1\",\"data\":{\"host\":" host "}}\n\n\f"
#define NAMED(name, state)                                                                                   \
    "{\"resourceId\":\"host-1\",\"name\":\"" name "\",\"oob\":{\"power\":{\"state\":\"" state "\"}}}"
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts",
         .status = 200,
         .body = "{\"hosts\":[" NAMED("a-rather-long-name", "on") "],\"hasNext\":false}"},
        {.method = "GET",
         .target = "/v1/events",
         .status = 200,
         .type = "text/event-stream",
         .open_ended = true,
         .body = CHANGE("1", NAMED("a-rather-long-name", "on"))
             CHANGE("2", NAMED("a-rather-long-name", "off")) CHANGE("3", NAMED("short", "off"))},
        {0}};
    rig_run(rows, "list", "host", "--watch", "--count", "3", NULL);
    rig_expect(EXIT_USAGE, "", "unknown option --count");
    rig_run(rows, "list", "host", "--watch", "--timeout", "1", NULL);
    rig_expect(EXIT_OK,
               "NAME                ID      DESIRED  POWER  LINK  PROBLEM\n"
               "a-rather-long-name  host-1  -        on     -     \n"
               "a-rather-long-name  host-1  -        off    -     \n"
               "short               host-1  -        off    -     \n",
               "");
}

static void doctor_of_all(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/findings",
         .status = 200,
         .times = 1,
         .body = "{\"findings\":[{\"host\":\"host-1\",\"name\":\"n1\",\"id\":\"link-lost\",\"severity\":"
                 "\"error\",\"sentence\":"
                 "\"AMT link lost\",\"remedy\":\"Check.\"}],\"totalElements\":1}"},
        {.method = "GET",
         .target = P "/findings",
         .status = 200,
         .body = "{\"findings\":[],\"totalElements\":0}"},
        {0}};
    rig_run(rows, "doctor", NULL);
    rig_expect(EXIT_OK, "n1\nerror link-lost: AMT link lost\n  -> Check.\n", "");
    rig_run(NULL, "doctor", NULL);
    rig_expect(EXIT_OK, "", "nothing is wrong with any host");
}

static void events_that_cannot_be_had(void **state) {
    static const struct script rows[] = {
        {.method = "GET", .target = "/v1/events", .status = 401, .body = "{}"}, {0}};
    static const struct script page[] = {
        {.method = "GET", .target = "/v1/events", .status = 200, .body = "{}"}, {0}};
    rig_run(rows, "events", NULL);
    rig_expect(EXIT_AUTH, "", "HTTP 401");
    rig_run(page, "events", NULL);
    rig_expect(EXIT_FAILED, "", "does not answer as an Outband server");
}

static void version_and_summary(void **state) {
    static const struct script rows[] = {{.method = "GET",
                                          .target = "/v1/orchestrator",
                                          .status = 200,
                                          .body = "{\"orchestrator\":{\"version\":\"0.1.0-x\"}}"},
                                         {.method = "GET",
                                          .target = P "/hosts/summary",
                                          .status = 200,
                                          .body = "{\"total\":25,\"link\":{\"up\":24,\"down\":1},\"power\":{"
                                                  "\"on\":24,\"unknown\":1},\"mismatch\":0,\"findings\":{},"
                                                  "\"operations\":{\"waiting\":0,\"running\":0}}"},
                                         {0}};
    rig_run(rows, "version", NULL);
    rig_expect(EXIT_OK, "server   0.1.0-x\n", "");
    rig_run(rows, "summary", NULL);
    rig_expect(EXIT_OK, "link        up 24, down 1\n", "");
    rig_file("config", "{}");
    rig_run(rows, "version", NULL);
    rig_expect(EXIT_OK, "server   not logged in\n", "");
    rig_login(rig.origin, NULL);
}

/* Names come from the server; when it cannot be asked, nothing comes, and nothing is said on stdout. */
static void completion_asks_for_names(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/hosts?pageSize=200&filter=name%3D%22n%2A%22",
         .status = 200,
         .body = "{\"hosts\":[" N1 "," N2 "],\"hasNext\":false}"},
        {.method = "GET",
         .target = P "/operations",
         .status = 200,
         .body = "{\"operations\":[{\"id\":\"op-1\"}]}"},
        {.method = "GET", .target = "/api/v1/users", .status = 403, .body = "{}"},
        {0}};
    rig_run(rows, "completion", "candidates", "--timeout", "2", "--", "set", "host", "--wait", "n", NULL);
    assert_string_equal(rig.out, "n1\nn2\n");
    rig_run(rows, "completion", "candidates", "--", "operations", "--host", "n", NULL);
    assert_string_equal(rig.out, "n1\nn2\n");
    rig_run(rows, "completion", "candidates", "--", "get", "operation", "", NULL);
    assert_string_equal(rig.out, "op-1\n");
    rig_run(rows, "completion", "candidates", "--", "delete", "user", "", NULL);
    assert_string_equal(rig.out, "");
}

static void logout_forgets(void **state) {
    static const struct script rows[] = {{.method = "POST", .target = "/api/v1/logout", .status = 204}, {0}};
    rig_run(rows, "logout", NULL);
    rig_expect(EXIT_OK, "Logged out", "");
    assert_non_null(strstr(rig.log, "Authorization: Bearer tok-1"));
    rig_run(rows, "list", "host", NULL);
    rig_expect(EXIT_AUTH, "", "not logged in");
    rig_login(rig.origin, NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(login_keeps_the_token_and_says_when_it_ends),
        T(login_refused_or_impossible),
        T(the_token_is_for_one_server),
        T(list_in_pages_and_formats),
        T(nothing_to_list),
        T(problems_give_their_sentence_remedy_and_code),
        T(a_server_that_hangs_or_hangs_up),
        T(a_kept_connection_that_died),
        T(doctor_shows_the_ladder),
        T(hostile_strings),
        T(events_are_taken_up_where_they_broke),
        T(events_that_cannot_be_had),
        T(a_stream_that_breaks_before_its_first_event),
        T(list_host_watch),
        T(doctor_of_all),
        T(version_and_summary),
        T(completion_asks_for_names),
        T(logout_forgets),
    };
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (rig_end() != 0);
}
