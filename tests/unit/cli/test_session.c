/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of orch-cli: consent, resumption, how they end, stop and list. SOL is the vehicle. */
#include "rig_pty.h"

#include "cli/exits.h"
#include "session_rows.h"

#include <signal.h>
#include <unistd.h>

#define START "set", "host", "n1", "--session-type", "sol", "--session-state", "start"
#define WRONG2                                                                                               \
    "{\"type\":\"/problems/state\",\"message\":\"The code was wrong\"" CONSENT(                              \
        "\"state\":\"displayed\",\"action\":\"enter-code\",\"triesLeft\":2,\"displaySeconds\":200") "}"

static void is_asked(const char *text) {
    if (!strstr(rig.log, text))
        fail_msg("not asked: %s\n-- shown\n%s\n-- asked\n%s", text, pty_shown(), rig.log);
}

/* A console that is left by the user. */
static void console(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_expect(p, "\r");
    peer_binary(p, SLICE_LIT("login: "));
    peer_wait_close(p);
}

/* --- consent on a terminal --- */

static void wrong_code_then_right(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        ROW_STREAM(console),
        ROW_GET(SES("sol", "ready")),
        ROW_DELETE,
        ROW_POST(SES_MORE("sol", "consent", ASKS)),
        {.method = "POST", .target = H "/consent", .status = 409, .body = WRONG2, .times = 1},
        ROW_CODE(200, "{\"action\":\"none\"}"),
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("node003 asks its user for consent");
    pty_expect("The code is on node003's screen for 4:3");
    pty_expect("Enter consent code: ");
    pty_type("1234\r");
    pty_expect("six digits, such as 012345; nothing was sent");
    pty_expect("Enter consent code: ");
    pty_type("99\1779999\r"); /* a key taken back: five digits */
    pty_expect("nothing was sent");
    pty_expect("Enter consent code: ");
    pty_type("999999\r");
    pty_expect("The code was wrong. 2 tries are left");
    pty_expect("The code is on node003's screen for 3:");
    pty_expect("Enter consent code: ");
    pty_type("012345\r");
    pty_expect("login: ");
    pty_type("\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("\n{\"code\":\"999999\"}\n");
    is_asked("\n{\"code\":\"012345\"}\n");
    is_asked("DELETE " H "/sessions/ses-1\n");
    assert_null(strstr(rig.log, "1234\""));
}

/* The countdown goes on while nobody types, and somebody else may give the code. */
static void given_elsewhere(void **state) {
    static const struct script rows[] = {ROW_TICKET,
                                         ROW_STREAM(console),
                                         ROW_GET(SES("sol", "ready")),
                                         ROW_DELETE,
                                         ROW_POST(SES_MORE("sol", "consent", ASKS)),
                                         {0}};
    pty_start(rows, START, NULL);
    pty_expect("for 4:31");
    pty_expect("for 4:30");
    pty_expect("login: ");
    pty_type("\035");
    assert_int_equal(pty_end(), EXIT_OK);
    assert_null(strstr(rig.log, "/consent"));
}

static void cancelled_by(const char *keys, int signal_number) {
    static const struct script rows[] = {ROW_GET(SES_MORE("sol", "consent", ASKS)),
                                         ROW_DELETE,
                                         ROW_POST(SES_MORE("sol", "consent", ASKS)),
                                         {0}};
    pty_start(rows, START, NULL);
    pty_expect("Enter consent code: ");
    if (signal_number)
        kill(pty_pid(), signal_number);
    else
        pty_type(keys);
    pty_expect("cancelled: no SOL session was opened on node003");
    assert_int_equal(pty_end(), EXIT_FAILED);
    is_asked("DELETE " H "/sessions/ses-1\n");
    assert_null(strstr(rig.log, "/consent"));
}

static void a_prompt_is_cancelled(void **state) {
    cancelled_by("\r", 0);
    cancelled_by("12\003", 0);
    cancelled_by("\004", 0);
    cancelled_by(NULL, SIGTERM);
    cancelled_by(NULL, SIGHUP);
}

/* The firmware blocks: the server's words, and when; a code that is shown already is taken still. */
static void no_new_code_yet(void **state) {
    static const struct script rows[] = {
        ROW_GET(SES("sol", "ready")),
        ROW_DELETE,
        ROW_POST(
            SES_MORE("sol", "consent",
                     CONSENT("\"state\":\"not-started\",\"action\":\"wait\",\"text\":\"The firmware makes "
                             "no new code yet\",\"nextCodeAt\":\"2199-01-01T00:00:00Z\""))),
        ROW_CODE(409, PROBLEM("state", "The firmware blocks codes for 4 min 2 s")),
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("The firmware makes no new code yet; a new code ");
    pty_expect("Enter consent code: ");
    pty_type("000001\r");
    pty_expect("The firmware blocks codes for 4 min 2 s");
    pty_expect("Enter consent code: ");
    pty_type("\r");
    assert_int_equal(pty_end(), EXIT_FAILED);
    is_asked("\n{\"code\":\"000001\"}\n");
    assert_null(strstr(rig.log, "consent:request"));
}

/* None is shown, and none is forbidden: one is asked for, once. */
static void a_new_code_is_asked_for(void **state) {
    static const struct script rows[] = {
        ROW_GET(SES("sol", "ready")),
        ROW_DELETE,
        ROW_POST(SES_MORE("sol", "consent", CONSENT("\"state\":\"not-started\",\"action\":\"enter-code\""))),
        {.method = "POST",
         .target = H "/consent:request",
         .status = 200,
         .body = "{\"state\":\"displayed\",\"action\":\"enter-code\",\"displaySeconds\":300}"},
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("The code is on node003's screen for ");
    pty_type("\r");
    assert_int_equal(pty_end(), EXIT_FAILED);
    is_asked("POST " H "/consent:request\n");
}

static void inside_the_reuse_window(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        ROW_STREAM(console),
        ROW_GET(SES("sol", "ready")),
        ROW_DELETE,
        ROW_POST(SES_MORE("sol", "ready", CONSENT("\"action\":\"none\",\"reuseSeconds\":94"))),
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("no code is needed, the consent given before is good for 94 s more");
    pty_expect("login: ");
    pty_type("\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    assert_null(strstr(pty_shown(), "Enter consent code"));
}

static void no_screen(void **state) {
    static const struct script rows[] = {
        ROW_DELETE,
        ROW_POST(SES_MORE("sol", "consent",
                          CONSENT("\"action\":\"unavailable\",\"text\":\"No screen is connected\""))),
        {0}};
    rig_run(rows, START, NULL);
    rig_expect(EXIT_REFUSED, "", "node003 cannot be asked for consent: No screen is connected");
    is_asked("DELETE");
}

/* --- for scripts --- */

static void a_line(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("from the node\n"));
    peer_close(p, 4001, "Stopped by admin");
    peer_wait_close(p);
}

static void code_of_the_command_line(void **state) {
    static const struct script rows[] = {ROW_TICKET,
                                         ROW_STREAM(a_line),
                                         ROW_GET(SES("sol", "ready")),
                                         ROW_DELETE,
                                         ROW_POST(SES_MORE("sol", "consent", ASKS)),
                                         ROW_CODE(200, "{\"action\":\"none\"}"),
                                         {0}};
    static const struct script wrong[] = {
        ROW_DELETE, ROW_POST(SES_MORE("sol", "consent", ASKS)), ROW_CODE(409, WRONG2), {0}};
    rig_run(rows, START, "--consent-code", "000042", NULL);
    rig_expect(EXIT_OK, "from the node\n", "Stopped by admin");
    is_asked("{\"code\":\"000042\"}");
    rig_input(rig_file("code", "000043\r\nls\n"));
    rig_run(rows, START, "--consent-code", "-", NULL);
    rig_expect(EXIT_OK, "from the node\n", "");
    is_asked("{\"code\":\"000043\"}");
    rig_input(NULL);
    rig_run(rows, START, "--consent-code", "-", NULL);
    rig_expect(EXIT_USAGE, "", "no code came from standard input");
    is_asked("DELETE " H "/sessions/ses-1");
    rig_run(wrong, START, "--consent-code", "000042", NULL);
    rig_expect(EXIT_REFUSED, "", "The code was wrong. 2 tries are left");
    is_asked("DELETE " H "/sessions/ses-1");
    static const char *const bad[] = {"12345", "1234567", "12345a", "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rig_run(rows, START, "--consent-code", bad[i], NULL);
        rig_expect(EXIT_USAGE, "", "--consent-code takes six digits");
        assert_string_equal(rig.log, "");
    }
    /* the server could not tell before, so there is a session */
    rig_run(rows, START, NULL);
    rig_expect(EXIT_USAGE, "", "no terminal to enter the code on. Pass --consent-code -, ");
    is_asked("DELETE " H "/sessions/ses-1");
}

#define FORESEEN(required, action)                                                                           \
    {                                                                                                        \
        .method = "GET", .target = H "/consent", .status = 200,                                              \
        .body = "{\"required\":\"" required "\",\"state\":\"not-started\",\"action\":\"" action "\"}"        \
    }
#define IN_VAIN(required, action)                                                                            \
    {                                                                                                        \
        FORESEEN(required, action), ROW_DELETE, ROW_POST(SES_MORE("sol", "consent", ASKS)), {                \
            0                                                                                                \
        }                                                                                                    \
    }
#define GOES_ON(required, action)                                                                            \
    {                                                                                                        \
        FORESEEN(required, action), ROWS_READY("sol", a_line), {                                             \
            0                                                                                                \
        }                                                                                                    \
    }

/* No code is put on a node's screen that nobody could enter. */
static void without_a_terminal_no_code_is_shown(void **state) {
    static const struct script in_vain[][8] = {IN_VAIN("all", "enter-code"), IN_VAIN("all", "wait")};
    static const struct script goes_on[][8] = {GOES_ON("kvm", "enter-code"), GOES_ON("all", "none"),
                                               GOES_ON("none", "none"), GOES_ON("unknown", "unavailable")};
    static const struct script kvm[] = {FORESEEN("kvm", "enter-code"), {0}};
    for (size_t i = 0; i < sizeof in_vain / sizeof *in_vain; i++) {
        rig_run(in_vain[i], START, NULL);
        rig_expect(EXIT_USAGE, "",
                   "n1 asks its user for consent, and there is no terminal to enter the code on. Pass "
                   "--consent-code -, which reads the code from standard input while the node's screen "
                   "shows it, or use a terminal\n");
        assert_null(strstr(rig.log, "POST"));
        assert_null(strstr(rig.log, "DELETE"));
    }
    for (size_t i = 0; i < sizeof goes_on / sizeof *goes_on; i++) {
        rig_run(goes_on[i], START, NULL);
        rig_expect(EXIT_OK, "from the node\n", "Stopped by admin");
    }
    rig_run(kvm, "set", "host", "n1", "--session-type", "kvm", "--session-state", "start", NULL);
    rig_expect(EXIT_USAGE, "", "n1 asks its user for consent");
    assert_null(strstr(rig.log, "POST"));
}

/* --- interruptions --- */

static void cut_short(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_expect(p, "\r");
    peer_binary(p, SLICE_LIT("before the cut"));
}

static void back_again(struct peer *p) {
    peer_text(p, "{\"type\":\"hello\",\"resumed\":\"The server was restarted at 14:02:11\"}");
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("behind it"));
    peer_expect(p, "ls\r");
    peer_log(p, "typed behind the cut");
    peer_wait_close(p);
}

static void resumed_after_a_cut(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        {.method = "GET", .target = H "/sessions/ses-1/stream", .status = 101, .play = cut_short, .times = 1},
        ROW_STREAM(back_again),
        ROW_GET(SES("sol", "interrupted")),
        ROW_DELETE,
        ROW_POST(SES("sol", "ready")),
        {0}};
    pty_start(rows, START, NULL);
    pty_expect(
        "before the cut\r\norch-cli: node003: the server closed the connection; taking the SOL session up "
        "again, for up to 5 min");
    pty_type("lost"); /* into the interruption: not to be run when it is over */
    pty_expect("node003: back after ");
    pty_expect(" s. The server was restarted at 14:02:11");
    pty_expect("behind it");
    pty_type("ls\r");
    pty_type("~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("ws: typed behind the cut");
    assert_null(strstr(rig.log, "wanted"));
    is_asked("DELETE " H "/sessions/ses-1");
}

/* The server has forgotten everything: 404, then another session in the place of the old one. */
static void resumed_after_a_restart(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        {.method = "GET", .target = H "/sessions/ses-1/stream", .status = 101, .play = cut_short},
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 200,
         .body = SES("sol", "ready"),
         .times = 1},
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 404,
         .body = PROBLEM("not-found", "no such session")},
        ROW_DELETE,
        {.method = "POST",
         .target = H "/sessions/ses-2/ticket",
         .status = 201,
         .body = "{\"ticket\":\"T2\"}"},
        {.method = "GET", .target = H "/sessions/ses-2/stream", .status = 101, .play = back_again},
        {.method = "DELETE", .target = H "/sessions/ses-2", .status = 204},
        {.method = "POST", .target = H "/sessions", .status = 201, .body = SES("sol", "ready"), .times = 1},
        {.method = "POST",
         .target = H "/sessions",
         .status = 201,
         .body = "{\"id\":\"ses-2\",\"hostName\":\"node003\",\"state\":\"ready\"}"},
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("before the cut");
    pty_expect("back after");
    pty_type("ls\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("\n{\"kind\":\"sol\",\"resume\":\"ses-1\"}\n");
    is_asked("ticket.T2\n");
    is_asked("DELETE " H "/sessions/ses-2\n");
}

/* The server is not even there for a while, and then another one with the same rows. */
static void refused_for_a_while(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", console), {0}};
    static const struct script after[] = {
        ROW_TICKET, ROW_STREAM(back_again), ROW_GET(SES("sol", "interrupted")), ROW_DELETE, {0}};
    uint16_t port = scripted_port(rig.server);
    pty_start(rows, START, NULL);
    pty_expect("login: ");
    scripted_stop(&rig.server);
    pty_expect("taking the SOL session up again");
    usleep(1500000); /* one try is refused */
    rig.server = scripted_start_at(port);
    assert_non_null(rig.server);
    scripted_play(rig.server, after);
    pty_expect("back after ");
    pty_type("ls\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("ws: typed behind the cut");
}

/* The login ends meanwhile: nobody but the user can change that. */
static void the_login_ends_meanwhile(void **state) {
    static const struct script rows[] = {ROW_TICKET,
                                         ROW_STREAM(cut_short),
                                         {.method = "GET",
                                          .target = H "/sessions/ses-1",
                                          .status = 200,
                                          .body = SES("sol", "ready"),
                                          .times = 1},
                                         {.method = "GET",
                                          .target = H "/sessions/ses-1",
                                          .status = 401,
                                          .body = PROBLEM("auth", "Who are you?")},
                                         ROW_POST(SES("sol", "ready")),
                                         {0}};
    pty_start(rows, START, NULL);
    pty_expect("taking the SOL session up again");
    pty_expect("Who are you?");
    assert_int_equal(pty_end(), EXIT_AUTH);
}

/* The consent has lapsed in the meantime: asked for on the terminal, which is made fit for it and raw again.
 */
static void consent_again(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        {.method = "GET", .target = H "/sessions/ses-1/stream", .status = 101, .play = cut_short, .times = 1},
        ROW_STREAM(back_again),
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 200,
         .body = SES("sol", "ready"),
         .times = 1},
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 200,
         .body = SES_MORE("sol", "consent", ASKS),
         .times = 1},
        ROW_GET(SES("sol", "ready")),
        ROW_DELETE,
        ROW_POST(SES("sol", "ready")),
        ROW_CODE(200, "{\"action\":\"none\"}"),
        {0}};
    pty_start(rows, START, NULL);
    pty_expect("before the cut");
    pty_expect("Enter consent code: ");
    pty_type("000123\r");
    pty_expect("back after");
    pty_type("ls\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("{\"code\":\"000123\"}");
    is_asked("ws: typed behind the cut"); /* the CR came as one */
}

/* Nobody is there: it goes on trying, and can be left meanwhile. */
static void left_in_an_interruption(void **state) {
    static const struct script rows[] = {ROW_TICKET,
                                         ROW_STREAM(cut_short),
                                         {.method = "GET",
                                          .target = H "/sessions/ses-1",
                                          .status = 200,
                                          .body = SES("sol", "ready"),
                                          .times = 1},
                                         {.method = "GET", .target = H "/sessions/ses-1", .status = 0},
                                         ROW_DELETE,
                                         ROW_POST(SES("sol", "ready")),
                                         {0}};
    pty_start(rows, START, NULL);
    pty_expect("taking the SOL session up again");
    pty_type("\r~#");
    pty_expect("14 bytes from the node, 1 to it; interrupted");
    pty_type("\r~.");
    assert_int_equal(pty_end(), EXIT_OK);
    is_asked("DELETE " H "/sessions/ses-1\n");
}

static void cut_at_once(struct peer *p) {
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("before the cut"));
}

/* The server says until when; behind that it is given up. */
static void the_window_passes(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        ROW_STREAM(cut_at_once),
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 200,
         .body = SES("sol", "ready"),
         .times = 1},
        ROW_GET(SES_MORE("sol", "active", ",\"resumeUntil\":\"2020-01-01T00:00:00Z\"")),
        ROW_DELETE,
        ROW_POST(SES("sol", "ready")),
        {0}};
    rig_run(rows, START, "--linger", "20", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "node003: not taken up again within ");
    rig_expect(EXIT_UNREACHABLE, "", ": the server has not let go of the old connection yet");
}

static void never_opens(struct peer *p) {
    peer_text(p, HELLO);
    peer_close(p, 4009, "The device's link is down");
    peer_wait_close(p);
}

/* A stream is to be had each time, but the device's side never: that does not go on for ever, nor is it said
 * each time. */
static void a_device_that_never_opens(void **state) {
    static const struct script rows[] = {
        ROW_TICKET,
        ROW_STREAM(never_opens),
        {.method = "GET",
         .target = H "/sessions/ses-1",
         .status = 200,
         .body = SES("sol", "ready"),
         .times = 1},
        ROW_GET(SES_MORE("sol", "interrupted", ",\"resumeUntil\":\"2020-01-01T00:00:00Z\"")),
        ROW_DELETE,
        ROW_POST(SES("sol", "ready")),
        {0}};
    rig_run(rows, START, "--linger", "20", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "The device's link is down; taking the SOL session up again");
    rig_expect(EXIT_UNREACHABLE, "", "not taken up again within ");
    assert_null(strstr(strstr(rig.err, "taking the SOL") + 1, "taking the SOL"));
}

/* --- ends --- */

static unsigned close_code;
static const char *end_note;
static void closes(struct peer *p) {
    peer_text(p, OPEN);
    if (end_note)
        peer_text(p, end_note);
    peer_close(p, close_code, end_note ? "" : "Because I say so");
    peer_wait_close(p);
}

static void how_it_ends(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", closes), {0}};
    static const struct {
        unsigned code;
        int exit;
    } cases[] = {{4001, EXIT_OK},        {4002, EXIT_REFUSED}, {4004, EXIT_FAILED}, {4005, EXIT_REFUSED},
                 {4011, EXIT_NOT_FOUND}, {4016, EXIT_AUTH},    {4999, EXIT_FAILED}, {1000, EXIT_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        close_code = cases[i].code;
        rig_run(rows, START, "--linger", "20", NULL);
        rig_expect(cases[i].exit, "", "node003: Because I say so\n");
        assert_null(strstr(rig.log, "DELETE")); /* the server knows */
    }
    /* the note wins over the table */
    close_code = 4009;
    end_note = "{\"type\":\"end\",\"reason\":\"link-lost\",\"text\":\"For good\",\"resumable\":false}";
    rig_run(rows, START, "--linger", "20", NULL);
    rig_expect(EXIT_UNREACHABLE, "", "node003: For good\n");
    end_note = NULL;
}

static void what_stops_a_start(void **state) {
    static const struct script taken[] = {
        {.method = "POST",
         .target = H "/sessions",
         .status = 409,
         .body = PROBLEM("busy", "op2 has a SOL session open since 10:12 (ses-9)")},
        {0}};
    rig_run(taken, START, NULL);
    rig_expect(EXIT_REFUSED, "", "op2 has a SOL session open since 10:12 (ses-9)\n  With --take-over");
    rig_run(taken, START, "--take-over", NULL);
    rig_expect(EXIT_REFUSED, "", "op2 has a SOL session open");
    is_asked("{\"kind\":\"sol\",\"takeOver\":true}");
    static const struct script no_ticket[] = {{.method = "POST",
                                               .target = H "/sessions/ses-1/ticket",
                                               .status = 409,
                                               .body = PROBLEM("state", "It is not ready")},
                                              ROW_GET(SES("sol", "ready")),
                                              ROW_DELETE,
                                              ROW_POST(SES("sol", "ready")),
                                              {0}};
    rig_run(no_ticket, START, NULL);
    rig_expect(EXIT_REFUSED, "", "It is not ready");
    is_asked("DELETE");
    static const struct script no_stream[] = {ROW_TICKET,
                                              {.method = "GET",
                                               .target = H "/sessions/ses-1/stream",
                                               .status = 403,
                                               .body = PROBLEM("denied", "Not from there")},
                                              ROW_GET(SES("sol", "ready")),
                                              ROW_DELETE,
                                              ROW_POST(SES("sol", "ready")),
                                              {0}};
    rig_run(no_stream, START, NULL);
    rig_expect(EXIT_AUTH, "", "Not from there");
    static const struct script ends[] = {ROW_GET(SES("sol", "ended")), ROW_POST(SES("sol", "opening")), {0}};
    rig_run(ends, START, NULL);
    rig_expect(EXIT_REFUSED, "", "the session has ended: over");
    static const struct script junk[] = {ROW_POST("{\"a\":1}"), {0}};
    rig_run(junk, START, NULL);
    rig_expect(EXIT_FAILED, "", "does not answer as an Outband server with sessions");
}

/* --- stop, list, and the words --- */

#define LISTED                                                                                               \
    "{\"sessions\":[" SES("sol", "active") ",{\"id\":\"ses-2\",\"kind\":\"kvm\",\"state\":\"active\","       \
                                           "\"user\":\"op2\",\"bytesToViewer\":12345},{\"id\":\"ses-0\","    \
                                           "\"kind\":\"sol\",\"state\":\"ended\"}],\"totalElements\":3}"

static void stop_and_list(void **state) {
    static const struct script rows[] = {
        {.method = "GET", .target = H "/sessions", .status = 200, .body = LISTED}, ROW_DELETE, {0}};
    static const struct script none[] = {
        {.method = "GET", .target = H "/sessions", .status = 200, .body = "{\"sessions\":[]}"}, {0}};
    rig_run(rows, "set", "host", "n1", "--session-type", "sol", "--session-state", "stop", NULL);
    rig_expect(EXIT_OK, "n1: SOL session of op1 ended (ses-1)\n", "");
    is_asked("DELETE " H "/sessions/ses-1\n");
    assert_null(strstr(rig.log, "DELETE " H "/sessions/ses-0"));
    rig_run(none, "set", "host", "n1", "--session-type", "kvm", "--session-state", "stop", NULL);
    rig_expect(EXIT_OK, "n1: no KVM session is open\n", "");
    rig_run(none, "iso", "eject", "host", "n1", NULL);
    rig_expect(EXIT_OK, "n1: no IDE-R session is open\n", "");
    rig_run(rows, "list", "session", "host", "n1", NULL);
    rig_expect(EXIT_OK, "ses-2", "");
    assert_non_null(strstr(rig.out, "12345"));
    rig_run(rows, "list", "sessions", "n1", "-o", "json", NULL);
    rig_expect(EXIT_OK, "\"totalElements\": 3", "");
    rig_run(rows, "list", "session", "n1", "-o", "name", NULL);
    rig_expect(EXIT_OK, "ses-1\nses-2\nses-0\n", "");
    rig_run(none, "list", "session", "n1", NULL);
    rig_expect(EXIT_OK, "", "no sessions");
}

static void words_that_do_not_go_together(void **state) {
    static const struct script none[] = {{0}};
    static const struct {
        const char *words[8], *said;
    } cases[] = {
        {{"n1", "--session-type", "sol"}, "--session-type and --session-state go together\n  usage: "},
        {{"n1", "--session-state", "stop"}, "--session-type and --session-state go together"},
        {{"n1", "--log", "x"}, "--session-type and --session-state go together"},
        {{"n1", "--session-type", "sol", "--session-state", "start", "--power", "off"},
         "--power does not go with --session-type\n  Give two commands."},
        {{"n1", "--session-type", "sol", "--session-state", "start", "--force"}, "--force does not go with"},
        {{"n1", "--session-type", "sol", "--session-state", "start", "--timeout", "5"},
         "--timeout does not go with"},
        {{"n1", "n2", "--session-type", "sol", "--session-state", "start"}, "a session is of one host"},
        {{"n[1-3]", "--session-type", "sol", "--session-state", "stop"}, "a session is of one host"},
        {{"--session-type", "sol", "--session-state", "stop"}, "a session is of one host"},
        {{"n1", "--session-type", "sol", "--session-state", "start", "--view-only"},
         "--view-only goes with --session-state start of --session-type kvm"},
        {{"n1", "--session-type", "kvm", "--session-state", "start", "--log", "x"},
         "--log goes with --session-state start of --session-type sol"},
        {{"n1", "--session-type", "kvm", "--session-state", "stop", "--take-over"},
         "--take-over goes with --session-state start"},
        {{"n1", "--session-type", "vnc", "--session-state", "stop"}, "use one of kvm, sol"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *w = cases[i].words;
        rig_run(none, "set", "host", w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], NULL);
        rig_expect(EXIT_USAGE, "", cases[i].said);
        assert_string_equal(rig.log, "");
    }
    rig_run(none, "list", "session", "host", "n1", "x", NULL);
    rig_expect(EXIT_USAGE, "", "one word too many");
    rig_run(none, "list", "session", "n1", "n2", NULL);
    rig_expect(EXIT_USAGE, "", "usage: orch-cli list session [host] HOST");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(wrong_code_then_right),
        T(given_elsewhere),
        T(a_prompt_is_cancelled),
        T(no_new_code_yet),
        T(a_new_code_is_asked_for),
        T(inside_the_reuse_window),
        T(no_screen),
        T(code_of_the_command_line),
        T(without_a_terminal_no_code_is_shown),
        T(resumed_after_a_cut),
        T(resumed_after_a_restart),
        T(refused_for_a_while),
        T(the_login_ends_meanwhile),
        T(consent_again),
        T(left_in_an_interruption),
        T(the_window_passes),
        T(a_device_that_never_opens),
        T(how_it_ends),
        T(what_stops_a_start),
        T(stop_and_list),
        T(words_that_do_not_go_together),
    };
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (rig_end() != 0);
}
