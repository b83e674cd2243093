/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and consent over REST: docs/sessions.md, route by route. */
#include "desk.h"

#define KVM "{\"kind\":\"kvm\"}"
#define SOL "{\"kind\":\"sol\"}"

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void a_session_from_start_to_stop(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], path[DESK_PATH_CAP], ticket[SESSION_TICKET_CAP];
    desk_open(&d, 1);
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/sessions", NULL), 200);
    assert_answer(&d, "totalElements", "0");
    desk_session(&d, "operator", SOL, id);
    assert_memory_equal(id, "ses-", 4);
    assert_int_equal(strlen(id), 16);
    assert_answer(&d, "kind", "sol");
    assert_answer(&d, "state", "ready");
    assert_answer(&d, "user", "operator");
    assert_answer(&d, "hostName", "n1");
    assert_answer(&d, "host", d.host);
    assert_answer(&d, "viewOnly", "false");
    assert_answer(&d, "resumable", "false");
    assert_answer(&d, "consent.required", "kvm");
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/%s/sessions/%s/stream", d.host, id);
    assert_answer(&d, "stream", path);
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/sessions", NULL), 200);
    assert_answer(&d, "totalElements", "1");
    assert_answer(&d, "sessions.0.id", id);
    assert_int_equal(strlen(desk_ticket(&d, "operator", id, ticket)), SESSION_TICKET_CAP - 1);
    /* the answer of a session never shows its ticket */
    assert_string_equal(desk_state(&d, id), "ready");
    assert_null(strstr(buf_cstr(&d.c->body), ticket));
    snprintf(path, sizeof path, "/sessions/%s", id);
    assert_int_equal(desk_ask(&d, "operator", "DELETE", path, NULL), 204);
    assert_string_equal(desk_state(&d, id), "ended stopped");
    assert_answer(&d, "text", "stopped by operator");
    assert_true(*answer_text(d.c, "endedAt") != 0);
    /* again changes nothing */
    assert_int_equal(desk_ask(&d, "operator", "DELETE", path, NULL), 204);
    snprintf(path, sizeof path, "/sessions/%s/ticket", id);
    assert_int_equal(desk_ask(&d, "operator", "POST", path, "{}"), 409);
    assert_has(answer_text(d.c, "message"), "state ended: stopped by operator");
    desk_close(&d);
}

/* The last eight that ended are remembered, newest first, behind those that are open. */
static void the_past_is_short(void **s) {
    struct desk d;
    char id[10][REDIR_SESSION_ID_CAP], path[DESK_PATH_CAP];
    desk_open(&d, 0);
    for (int i = 0; i < 10; i++) {
        desk_session(&d, "operator", SOL, id[i]);
        snprintf(path, sizeof path, "/sessions/%s", id[i]);
        if (i < 9)
            assert_int_equal(desk_ask(&d, "operator", "DELETE", path, NULL), 204);
    }
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/sessions", NULL), 200);
    assert_answer(&d, "totalElements", "9");
    assert_answer(&d, "sessions.0.id", id[9]);
    assert_answer(&d, "sessions.1.id", id[8]);
    assert_answer(&d, "sessions.8.id", id[1]);
    snprintf(path, sizeof path, "/sessions/%s", id[0]);
    assert_int_equal(desk_ask(&d, "viewer", "GET", path, NULL), 404);
    assert_has(answer_text(d.c, "remedy"), "resume");
    desk_close(&d);
}

static void what_is_refused_at_the_start(void **s) {
    static const struct {
        const char *user, *body;
        int status;
        const char *field;
    } v[] = {
        {"viewer", SOL, 403, ""},
        {NULL, SOL, 401, ""},
        {"bound", SOL, 403, ""},
        {"operator", "{}", 400, "kind"},
        {"operator", "{\"kind\":\"vnc\"}", 400, "kind"},
        {"operator", "{\"kind\":7}", 400, "kind"},
        {"operator", "{\"kind\":\"SOL\"}", 400, "kind"},
        {"operator", "{\"kind\":\"sol\",\"speed\":9600}", 400, "speed"},
        {"operator", "{\"kind\":\"sol\",\"viewOnly\":true}", 400, "viewOnly"},
        {"operator", "{\"kind\":\"ider\",\"viewOnly\":true}", 400, "viewOnly"},
        {"operator", "{\"kind\":\"sol\",\"viewOnly\":\"no\"}", 400, "viewOnly"},
        {"operator", "{\"kind\":\"sol\",\"resume\":\"\"}", 400, "resume"},
        {"operator", "{\"kind\":\"sol\",\"resume\":\"ses-0123456789abcdef\"}", 400, "resume"},
        {"operator", "{\"kind\":\"sol\"", 400, ""},
    };
    struct desk d;
    char path[DESK_PATH_CAP];
    desk_open(&d, 1);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        int got = desk_ask(&d, v[i].user, "POST", "/sessions", v[i].body);
        if (got != v[i].status)
            fail_msg("%s: %d", v[i].body, got);
        if (*v[i].field)
            assert_answer(&d, "field", v[i].field);
    }
    assert_int_equal(desk_ask_path(&d, "operator", "POST",
                                   "/v1/projects/default/compute/hosts/host-00000000/sessions", SOL),
                     404);
    /* the host of another project is not there */
    static const char *const asks[][2] = {{"POST", "/sessions"},      {"GET", "/sessions"},
                                          {"GET", "/sessions/ses-1"}, {"DELETE", "/sessions/ses-1"},
                                          {"GET", "/consent"},        {"POST", "/consent:request"},
                                          {"DELETE", "/consent"},     {"POST", "/sessions/ses-1/ticket"}};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        snprintf(path, sizeof path, "/v1/projects/other/compute/hosts/%s%s", d.host, asks[i][1]);
        const char *body = strcmp(asks[i][0], "GET") == 0 ? NULL : i == 0 ? SOL : "{}";
        int got = desk_ask_path(&d, "admin", asks[i][0], path, body);
        if (got != 404)
            fail_msg("%s %s: %d", asks[i][0], path, got);
    }
    /* no session came of it all; and what needs the machine says that it is away */
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/sessions", NULL), 200);
    assert_answer(&d, "totalElements", "0");
    desk_unplug(&d);
    assert_int_equal(desk_ask(&d, "operator", "POST", "/sessions", SOL), 409);
    assert_has(answer_text(d.c, "message"), "not found/connected");
    desk_close(&d);
}

static void of_a_kind_there_is_one(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], second[REDIR_SESSION_ID_CAP], kvm[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    desk_user(&d, "op2", "operator");
    desk_session(&d, "operator", SOL, id);
    /* other kinds may be open beside it */
    desk_session(&d, "op2", KVM, kvm);
    assert_int_equal(desk_ask(&d, "op2", "POST", "/sessions", SOL), 409);
    assert_has(answer_text(d.c, "message"), id);
    assert_has(answer_text(d.c, "message"), "by operator since ");
    /* another operator may not take it over, an admin may */
    assert_int_equal(desk_ask(&d, "op2", "POST", "/sessions", "{\"kind\":\"sol\",\"takeOver\":true}"), 403);
    assert_answer(&d, "field", "takeOver");
    assert_has(answer_text(d.c, "message"), id);
    assert_string_equal(desk_state(&d, id), "ready");
    assert_int_equal(desk_ask(&d, "admin", "POST", "/sessions", SOL), 409);
    desk_session(&d, "admin", "{\"kind\":\"sol\",\"takeOver\":true}", second);
    assert_string_equal(desk_state(&d, id), "ended taken-over");
    assert_answer(&d, "text", "taken over by admin");
    /* the owner of an own one that has no viewer needs no word */
    desk_session(&d, "admin", SOL, id);
    assert_string_equal(desk_state(&d, second), "ended taken-over");
    /* with a viewer it is said, and own take-over goes */
    struct viewer v;
    viewer_open(&v, &d, "admin", id);
    assert_int_equal(desk_ask(&d, "admin", "POST", "/sessions", SOL), 409);
    assert_has(answer_text(d.c, "remedy"), "your own");
    desk_session(&d, "admin", "{\"kind\":\"sol\",\"takeOver\":true}", second);
    assert_int_equal(v.code, 4002);
    assert_string_equal(desk_state(&d, second), "ready"); /* the firmware had let go of the first */
    viewer_free(&v);
    /* what is not one's own is neither ended nor watched */
    char path[DESK_PATH_CAP];
    snprintf(path, sizeof path, "/sessions/%s", second);
    assert_int_equal(desk_ask(&d, "operator", "DELETE", path, NULL), 403);
    snprintf(path, sizeof path, "/sessions/%s/ticket", second);
    assert_int_equal(desk_ask(&d, "operator", "POST", path, "{}"), 403);
    snprintf(path, sizeof path, "/sessions/%s/ticket", kvm);
    assert_int_equal(desk_ask(&d, "admin", "POST", path, "{}"), 403); /* not even by an admin */
    snprintf(path, sizeof path, "/sessions/%s", kvm);
    assert_int_equal(desk_ask(&d, "admin", "DELETE", path, NULL), 204);
    assert_int_equal(desk_ask(&d, "operator", "DELETE", "/sessions/ses-000000000000", NULL), 404);
    desk_close(&d);
}

static void the_code_of_the_screen(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], path[DESK_PATH_CAP];
    desk_open(&d, 1);
    sim_node_consent_next(d.node, 4711); /* on the screen: 004711 */
    desk_session(&d, "operator", KVM, id);
    assert_answer(&d, "state", "consent");
    assert_answer(&d, "consent.action", "enter-code");
    assert_answer(&d, "consent.triesLeft", "3");
    assert_string_equal(sim_node_consent_code(d.node), "004711");
    snprintf(path, sizeof path, "/sessions/%s/ticket", id);
    assert_int_equal(desk_ask(&d, "operator", "POST", path, "{}"), 409);
    assert_has(answer_text(d.c, "remedy"), "consent code");
    static const char *const malformed[] = {
        "{\"code\":\"4711\"}",   "{\"code\":\"0047111\"}", "{\"code\":\"00471a\"}", "{\"code\":\"-04711\"}",
        "{\"code\":\" 04711\"}", "{\"code\":4711}",        "{\"code\":\"\"}",       "{}",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        if (desk_ask(&d, "operator", "POST", "/consent", malformed[i]) != 400)
            fail_msg("%s: %d", malformed[i], d.c->status);
        assert_answer(&d, "field", "code");
    }
    assert_int_equal(desk_ask(&d, "viewer", "POST", "/consent", "{\"code\":\"004711\"}"), 403);
    /* wrong: the problem carries the consent with the tries that are left */
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent", "{\"code\":\"471100\"}"), 409);
    assert_answer(&d, "consent.triesLeft", "2");
    assert_answer(&d, "consent.action", "enter-code");
    assert_answer(&d, "status", "409");
    assert_int_equal(desk_ask(&d, "operator", "GET", "/consent", NULL), 200);
    assert_answer(&d, "triesLeft", "2");
    assert_answer(&d, "state", "displayed");
    /* the code of before is still good when it is asked for again */
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent:request", "{}"), 200);
    assert_string_equal(sim_node_consent_code(d.node), "004711");
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent", "{\"code\":\"004711\"}"), 200);
    assert_answer(&d, "action", "none");
    assert_string_equal(desk_state(&d, id), "ready");
    desk_close(&d);
}

static void wrong_three_times(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 0);
    sim_node_consent_next(d.node, 111111);
    desk_session(&d, "operator", KVM, id);
    for (int left = 2; left >= 0; left--) {
        char want[2] = {(char)('0' + left), 0};
        assert_int_equal(desk_ask(&d, "operator", "POST", "/consent", "{\"code\":\"999999\"}"), 409);
        if (left)
            assert_answer(&d, "consent.triesLeft", want);
    }
    assert_has(answer_text(d.c, "message"), "last try");
    assert_string_equal(desk_state(&d, id), "consent");
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent", "{\"code\":\"111111\"}"), 409);
    desk_close(&d);
}

static void consent_that_is_cancelled(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], path[DESK_PATH_CAP];
    desk_open(&d, 1);
    assert_int_equal(desk_ask(&d, "operator", "DELETE", "/consent", NULL), 200);
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent", "{\"code\":\"123456\"}"), 409);
    desk_session(&d, "operator", KVM, id);
    assert_true(*sim_node_consent_code(d.node) != 0);
    snprintf(path, sizeof path, "/sessions/%s", id);
    assert_int_equal(desk_ask(&d, "operator", "DELETE", path, NULL), 204);
    desk_run(&d, 500);
    assert_string_equal(sim_node_consent_code(d.node), ""); /* nobody waits for it any more */
    assert_int_equal(desk_ask(&d, "operator", "POST", "/consent:request", "{}"), 200);
    desk_unplug(&d);
    static const char *const asks[] = {"GET", "DELETE"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(desk_ask(&d, "operator", asks[i], "/consent", NULL), 409);
        assert_answer(&d, "consent.action", "unavailable");
    }
    desk_close(&d);
}

/* A code that nobody enters, a session that nobody comes for. */
static void patience_ends(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], kvm[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    desk_session(&d, "operator", SOL, id);
    desk_session(&d, "operator", KVM, kvm);
    desk_run(&d, 59000);
    assert_string_equal(desk_state(&d, id), "ready");
    desk_run(&d, 1500);
    assert_string_equal(desk_state(&d, id), "ended expired");
    desk_run(&d, 9 * 60000 + 1000);
    assert_string_equal(desk_state(&d, kvm), "ended consent");
    assert_answer(&d, "text", "no consent code was entered");
    desk_close(&d);
}

static void resumed(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], again[REDIR_SESSION_ID_CAP], body[128];
    struct viewer v;
    desk_open(&d, 1);
    desk_user(&d, "op2", "operator");
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    stream_abort(v.s);
    assert_true(viewer_ends(&v, 1000));
    desk_run(&d, 100);
    assert_string_equal(desk_state(&d, id), "interrupted viewer-lost");
    assert_answer(&d, "resumable", "true");
    assert_true(*answer_text(d.c, "resumeUntil") != 0);
    viewer_free(&v);
    /* known: the same again */
    snprintf(body, sizeof body, "{\"kind\":\"sol\",\"resume\":\"%s\"}", id);
    assert_int_equal(desk_ask(&d, "operator", "POST", "/sessions", body), 200);
    assert_answer(&d, "id", id);
    viewer_open(&v, &d, "operator", id);
    assert_string_equal(desk_state(&d, id), "active");
    viewer_free(&v);
    desk_run(&d, 100);
    /* another's: an interrupted one gives way, and it is said */
    desk_session(&d, "op2", body, again);
    assert_string_not_equal(id, again);
    assert_has(answer_text(d.c, "resumed"), id);
    /* ended */
    snprintf(body, sizeof body, "{\"kind\":\"sol\",\"takeOver\":true,\"resume\":\"%s\"}", id);
    desk_session(&d, "admin", body, again);
    assert_has(answer_text(d.c, "resumed"), "had ended");
    /* after a restart of the server nothing is known */
    desk_restart(&d);
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/sessions", NULL), 200);
    assert_answer(&d, "totalElements", "0");
    snprintf(body, sizeof body, "{\"kind\":\"sol\",\"resume\":\"%s\"}", again);
    desk_session(&d, "admin", body, id);
    assert_string_not_equal(id, again);
    assert_has(answer_text(d.c, "resumed"), "The server was restarted at ");
    viewer_open(&v, &d, "admin", id);
    assert_true(viewer_told(&v, "\"resumed\":\"The server was restarted at ", 0));
    viewer_free(&v);
    desk_close(&d);
}

static void an_interrupted_one_is_not_kept_for_ever(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP];
    struct viewer v;
    desk_open(&d, 0);
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    viewer_free(&v);
    desk_run(&d, 118000);
    assert_string_equal(desk_state(&d, id), "interrupted viewer-lost");
    desk_run(&d, 3000);
    assert_string_equal(desk_state(&d, id), "ended viewer-lost");
    assert_answer(&d, "text", "interrupted, and nobody resumed it");
    desk_close(&d);
}

static void sessions_end_with_their_user(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP], kvm[REDIR_SESSION_ID_CAP];
    struct viewer v;
    desk_open(&d, 1);
    desk_user(&d, "op2", "operator");
    desk_session(&d, "op2", SOL, id);
    viewer_open(&v, &d, "op2", id);
    desk_session(&d, "operator", KVM, kvm);
    assert_int_equal(desk_ask_path(&d, "admin", "DELETE", "/api/v1/users/op2", NULL) / 100, 2);
    desk_run(&d, 200);
    assert_int_equal(v.code, 4016);
    assert_string_equal(desk_state(&d, id), "ended user-gone");
    assert_string_equal(desk_state(&d, kvm), "consent"); /* of another user */
    viewer_free(&v);
    desk_close(&d);
}

static void a_host_is_deleted_under_its_session(void **s) {
    struct desk d;
    char id[REDIR_SESSION_ID_CAP];
    struct viewer v;
    desk_open(&d, 1);
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    assert_int_equal(desk_ask(&d, "admin", "DELETE", "", NULL) / 100, 2);
    desk_run(&d, 200);
    assert_int_equal(v.code, 4017); /* a delete deactivates the node first */
    assert_has(v.reason, "deactivation");
    assert_true(viewer_ends(&v, 5000));
    assert_int_equal(desk_relays(&d), 0);
    assert_int_equal(desk_ask(&d, "operator", "GET", "/consent", NULL), 404);
    viewer_free(&v);
    desk_close(&d);
}

/* A machine whose firmware cannot be asked: the session does not start, and the problem is whole JSON. */
static void the_firmware_does_not_answer(void **s) {
    struct desk d;
    desk_open(&d, 1);
    sim_node_fault(d.node, SIM_FAULT_UNAUTHORIZED, true, 0);
    assert_int_not_equal(desk_ask(&d, "operator", "POST", "/sessions", SOL) / 100, 2);
    assert_has(answer_text(d.c, "message"), "could not be asked about consent");
    assert_int_not_equal(desk_ask(&d, "operator", "GET", "/consent", NULL) / 100, 2);
    assert_true(*answer_text(d.c, "consent.action") != 0);
    /* the link goes while an order is at the firmware */
    sim_node_faults_clear(d.node);
    sim_node_fault(d.node, SIM_FAULT_SILENT_HTTP, true, 0);
    char token[TOKEN_MAX_BYTES], path[DESK_PATH_CAP * 3];
    rig_token(d.g, "operator", token);
    snprintf(
        path, sizeof path,
        "GET /v1/projects/default/compute/hosts/%s/consent HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer "
        "%s\r\n\r\n",
        d.host, token);
    int before = d.c->answers;
    client_send(d.c, path);
    assert_int_equal(d.c->answers, before);
    desk_unplug(&d);
    desk_run(&d, 300);
    assert_int_equal(d.c->answers, before + 1);
    assert_int_equal(d.c->status, 409);
    assert_true(*answer_text(d.c, "consent.state") != 0);
    desk_close(&d);
}

/* The host goes while an order about its consent waits: there is no consent to show then. */
static void the_host_is_deleted_under_an_order(void **s) {
    struct desk d;
    char token[TOKEN_MAX_BYTES], request[DESK_PATH_CAP * 3];
    desk_open(&d, 1);
    sim_node_fault(d.node, SIM_FAULT_SILENT_HTTP, true, 0);
    struct client *c = client_open(d.g);
    snprintf(
        request, sizeof request,
        "GET /v1/projects/default/compute/hosts/%s/consent HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer "
        "%s\r\n\r\n",
        d.host, rig_token(d.g, "operator", token));
    client_send(c, request);
    assert_int_equal(c->answers, 0);
    assert_int_equal(desk_ask(&d, "admin", "DELETE", "?force=true", NULL), 0);
    desk_run(&d, 60000); /* the firmware says nothing: given up */
    assert_int_equal(d.c->status, 204);
    assert_int_equal(c->answers, 1);
    assert_true(c->status >= 400);
    assert_true(*answer_text(c, "message") != 0); /* whole JSON */
    client_close(&c);
    desk_close(&d);
}

UNIT_MAIN(T(a_session_from_start_to_stop), T(the_past_is_short), T(what_is_refused_at_the_start),
          T(of_a_kind_there_is_one), T(the_code_of_the_screen), T(wrong_three_times),
          T(consent_that_is_cancelled), T(patience_ends), T(resumed),
          T(an_interrupted_one_is_not_kept_for_ever), T(sessions_end_with_their_user),
          T(a_host_is_deleted_under_its_session), T(the_firmware_does_not_answer),
          T(the_host_is_deleted_under_an_order))
