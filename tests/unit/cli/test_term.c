/* SPDX-License-Identifier: Apache-2.0 */
/* Questions on a terminal: passwords without echo, confirmations, what an interrupt leaves behind. */
#include "unit.h"

#include "cli/cli.h"

#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static FILE *quiet;
static struct cli cli;
static struct args args;

static bool echoes(void) {
    struct termios t;
    assert_int_equal(tcgetattr(slave, &t), 0);
    return t.c_lflag & ECHO;
}

struct typed {
    const char *text;
    bool hidden; /* wait until echo is off: input typed before is thrown away */
};

static void *type(void *arg) {
    const struct typed *t = arg;
    for (int i = 0; t->hidden && i < 500 && echoes(); i++)
        usleep(1000);
    if (write(master, t->text, strlen(t->text)) < 0)
        abort();
    return NULL;
}

static int ask_typing(const char *text, bool echo, char *out, size_t cap) {
    struct typed t = {text, !echo};
    pthread_t p;
    pthread_create(&p, NULL, type, &t);
    int rc = term_ask(&cli.term, "Password:", echo, out, cap);
    pthread_join(p, NULL);
    return rc;
}

static void a_password_is_not_shown(void **state) {
    char out[16];
    assert_true(echoes());
    assert_int_equal(ask_typing("s3cret\n", false, out, sizeof out), 0);
    assert_string_equal(out, "s3cret");
    assert_true(echoes());
    /* what the terminal shows back does not hold it */
    char shown[256] = "";
    struct pollfd p = {.fd = master, .events = POLLIN};
    if (poll(&p, 1, 0) == 1)
        assert_true(read(master, shown, sizeof shown - 1) >= 0);
    assert_null(strstr(shown, "s3"));
}

static void an_interrupt_gives_the_echo_back(void **state) {
    char out[16];
    assert_int_equal(ask_typing("abc\003\n", false, out, sizeof out), ERR_CANCELLED);
    assert_true(echoes());
}

static void a_long_answer_is_cut(void **state) {
    char out[8];
    assert_int_equal(ask_typing("0123456789\n", true, out, sizeof out), 0);
    assert_string_equal(out, "0123456");
}

static int confirm(const char *answer, size_t count) {
    struct typed t = {answer, false};
    pthread_t p;
    pthread_create(&p, NULL, type, &t);
    int code = cli_confirm(&cli, "power off", count, 10);
    pthread_join(p, NULL);
    return code;
}

static void a_count_is_to_be_typed(void **state) {
    assert_int_equal(cli_confirm(&cli, "power off", 10, 10), EXIT_OK);
    assert_int_equal(confirm("250\n", 250), EXIT_OK);
    assert_int_equal(confirm("25\n", 250), EXIT_FAILED);
    assert_int_equal(confirm("yes\n", 250), EXIT_FAILED);
    args.value[OPT_YES] = "";
    assert_int_equal(cli_confirm(&cli, "power off", 250, 10), EXIT_OK);
    args.value[OPT_YES] = NULL;
    cli.term.in_tty = false;
    assert_int_equal(cli_confirm(&cli, "power off", 250, 10), EXIT_USAGE);
    char out[4];
    assert_int_equal(term_ask(&cli.term, "?", true, out, sizeof out), ERR_STATE);
    cli.term.in_tty = true;
}

static int begin(void **state) {
    struct winsize size = {24, 72, 0, 0};
    quiet = fopen("/dev/null", "w");
    if (!quiet || openpty(&master, &slave, NULL, NULL, &size) < 0)
        return -1;
    term_init(&cli.term, quiet, quiet, slave);
    cli.args = &args;
    return cli.term.in_tty ? 0 : -1;
}

static int end(void **state) {
    close(master);
    close(slave);
    return fclose(quiet);
}

/* Width and colours are for terminals, and NO_COLOR is obeyed. */
static void width_and_colours(void **state) {
    FILE *f = fdopen(dup(slave), "w");
    struct term t;
    unsetenv("NO_COLOR");
    unsetenv("COLUMNS");
    setenv("TERM", "xterm", 1);
    term_init(&t, f, quiet, slave);
    assert_int_equal(t.width, 72);
    assert_true(t.colour_out);
    assert_false(t.colour_err);
    setenv("COLUMNS", "50", 1);
    setenv("NO_COLOR", "1", 1);
    term_init(&t, f, quiet, slave);
    assert_int_equal(t.width, 50);
    assert_false(t.colour_out);
    fclose(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_password_is_not_shown), T(an_interrupt_gives_the_echo_back),
        T(a_long_answer_is_cut),    T(a_count_is_to_be_typed),
        T(width_and_colours),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
