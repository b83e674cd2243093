/* SPDX-License-Identifier: Apache-2.0 */
/* The serial console: keys, notes, the log, and the terminal as it was whatever happens. */
#include "rig_pty.h"

#include "cli/exits.h"
#include "session_rows.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#define START "set", "host", "n1", "--session-type", "sol", "--session-state", "start"

static void is_asked(const char *text) {
    if (!strstr(rig.log, text))
        fail_msg("not asked: %s\n%s", text, rig.log);
}

static void no_complaint(void) {
    if (strstr(rig.log, "ws: wanted") || strstr(rig.log, "too little"))
        fail_msg("%s", rig.log);
}

static void keys(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_expect(p, "\r");
    peer_binary(p, SLICE_LIT("$ \033[1mbold\033[0m"));
    peer_expect(p, "a~.b\003\032\034\r~x\r~\r");
    peer_expect(p, "stty rows 24 cols 80\r");
    peer_log(p, "all keys came");
    peer_binary(p, SLICE_LIT("done"));
    peer_wait_close(p);
}

static void keys_and_escapes(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", keys), {0}};
    pty_start(rows, START, NULL);
    pty_expect("the serial console of node003; ~. ends it, ~? lists the keys\n\r");
    pty_expect("$ \033[1mbold\033[0m"); /* it is the node's terminal: nothing is cleaned */
    pty_type("a~.b\003\032\034\r");
    pty_type("~x\r~~\r~?");
    pty_expect("\r\n  ~.  end the session");
    pty_expect("  ~~  a ~\r\n");
    pty_type("~r");
    pty_expect("done");
    pty_type("\035");
    pty_expect("node003: the session is closed");
    assert_int_equal(pty_end(), EXIT_OK);
    no_complaint();
    is_asked("ws: all keys came");
    is_asked("DELETE " H "/sessions/ses-1\n");
}

/* Notes stand on lines of their own, wherever the node's text is. */
static void notes(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_expect(p, "\r");
    peer_text(p, "{\"type\":\"mute\",\"text\":\"Nothing came in 5 s\",\"remedy\":\"Enable serial-getty\"}");
    peer_binary(p, SLICE_LIT("half a li"));
    peer_text(p, "{\"type\":\"queued\",\"text\":\"Power-off by op1 waits for the end of this session\"}");
    peer_binary(p, SLICE_LIT("whole\r\n"));
    peer_text(p, "{\"type\":\"queued\",\"text\":\"\"}");
    peer_text(p, "{\"type\":\"power\",\"on\":true}"); /* as it was: nothing to say */
    peer_text(p, "{\"type\":\"power\",\"on\":false}");
    peer_text(p, "{\"type\":\"power\",\"on\":true}");
    peer_text(p, "{\"type\":\"idle\",\"inSeconds\":60}");
    peer_text(p, "{\"type\":\"idle\",\"inSeconds\":0}");
    peer_text(p, "{\"type\":\"mute\",\"text\":\"evil \\u001b[2J\",\"remedy\":\"\"}");
    peer_text(p, "{\"type\":\"of tomorrow\"}");
    peer_text(p, "no JSON");
    peer_binary(p, SLICE_LIT("end"));
    peer_wait_close(p);
}

static void notes_on_their_own_lines(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", notes), {0}};
    pty_start(rows, START, NULL);
    pty_expect("orch-cli: Nothing came in 5 s. Enable serial-getty\n\r");
    pty_expect("half a li\r\norch-cli: Power-off by op1 waits for the end of this session\n\r");
    pty_expect("whole\r\norch-cli: no power operation waits for the end of this session any more\n\r");
    pty_expect("orch-cli: node003 has no power: nothing answers until it is switched on\n\r");
    pty_expect("orch-cli: node003 has power again\n\r");
    pty_expect("orch-cli: the session ends in 60 s for want of input; any input helps\n\r");
    pty_expect("orch-cli: evil ?[2J\n\r");
    pty_expect("end");
    pty_type("\035");
    assert_int_equal(pty_end(), EXIT_OK);
    assert_null(strstr(pty_shown(), "in 0 s"));
    no_complaint();
}

/* --- the terminal comes back --- */

static void stays(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("ready"));
    peer_wait_close(p);
}

static void restored_after_signals(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", stays), {0}};
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pty_start(rows, START, NULL);
        pty_expect("ready");
        kill(pty_pid(), numbers[i]);
        pty_expect("ended by a signal");
        assert_int_equal(pty_end(), EXIT_FAILED); /* which looks at the terminal */
        is_asked("DELETE " H "/sessions/ses-1\n");
    }
}

static void breaks_the_protocol(struct peer *p) {
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("ready"));
    peer_close(p, 4013, "The device reported an error");
}

static void restored_after_an_end(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", breaks_the_protocol), {0}};
    pty_start(rows, START, NULL);
    pty_expect("ready\r\norch-cli: node003: The device reported an error");
    assert_int_equal(pty_end(), EXIT_FAILED);
}

/* --- pipes and files --- */

static void echoes(struct peer *p) {
    peer_text(p, HELLO);
    peer_pause(p, 100);
    peer_text(p, OPEN);
    peer_expect(p, "uname\n~.\035\n"); /* no escapes, no CR of our own */
    peer_log(p, "all came");
    peer_binary(p, SLICE_LIT("Linux\r\n\0x"));
    peer_wait_close(p);
}

static void on_pipes(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", echoes), {0}};
    rig_input(rig_file("input", "uname\n~.\035\n"));
    rig_run(rows, START, "--linger", "1", NULL);
    rig_input(NULL);
    rig_expect(EXIT_OK, "Linux\r\n", "");
    assert_string_equal(rig.err, "");
    no_complaint();
    is_asked("ws: all came");
    is_asked("DELETE " H "/sessions/ses-1\n");
}

static void takes_all(struct peer *p) {
    static uint8_t got[400000];
    peer_text(p, OPEN);
    peer_pause(p, 200); /* the queue fills meanwhile */
    if (peer_read(p, got, sizeof got))
        peer_log(p, got[0] == 'a' && got[399999] == 'z' ? "all came" : "wanted a..z");
    peer_wait_close(p);
}

static void a_large_paste(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", takes_all), {0}};
    char *text = malloc(400001);
    memset(text, 'm', 400000);
    text[0] = 'a';
    text[399999] = 'z';
    text[400000] = 0;
    rig_input(rig_file("large", text));
    rig_run(rows, START, "--linger", "1", NULL);
    rig_input(NULL);
    free(text);
    rig_expect(EXIT_OK, "", "");
    is_asked("ws: all came");
}

static void the_log(void **state) {
    static const struct script rows[] = {ROWS_READY("sol", echoes), {0}};
    char path[128], got[64];
    struct stat st;
    snprintf(path, sizeof path, "%s/sol.log", rig.dir);
    rig_input(rig_file("input", "uname\n~.\035\n"));
    for (unsigned i = 0; i < 2; i++) { /* appended to, not cut */
        rig_run(rows, START, "--linger", "1", "--log", path, NULL);
        rig_expect(EXIT_OK, "Linux", "");
    }
    rig_run(rows, START, "--linger", "1", "--log", "/dev/full", NULL);
    rig_expect(EXIT_OK, "Linux", "--log /dev/full cannot be written any more: No space left");
    rig_input(NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 18);
    FILE *f = fopen(path, "r");
    assert_int_equal(fread(got, 1, sizeof got, f), 18);
    fclose(f);
    assert_memory_equal(got, "Linux\r\n\0xLinux\r\n\0x", 18);
    rig_run(rows, START, "--log", "/nonexistent/log", NULL);
    rig_expect(EXIT_USAGE, "", "--log: cannot open /nonexistent/log: No such file");
    assert_null(strstr(rig.log, "POST"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(keys_and_escapes),
        T(notes_on_their_own_lines),
        T(restored_after_signals),
        T(restored_after_an_end),
        T(on_pipes),
        T(a_large_paste),
        T(the_log),
    };
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (rig_end() != 0);
}
