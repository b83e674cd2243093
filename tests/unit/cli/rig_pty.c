/* SPDX-License-Identifier: Apache-2.0 */
#include "rig_pty.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static struct {
    int master, slave; /* the slave stays open: its settings are looked at in the end */
    pid_t pid;
    struct termios before;
    char shown[65536];
    size_t n, matched;
} pty;
extern char **environ;

void pty_start(const struct script *rows, ...) {
    char *argv[32] = {(char *)(uintptr_t)rig_program()};
    size_t n = 1;
    va_list ap;
    va_start(ap, rows);
    for (char *word; n < 31 && (word = va_arg(ap, char *)) != NULL;)
        argv[n++] = word;
    va_end(ap);
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    setenv("TERM", "xterm", 1);
    scripted_play(rig.server, rows);
    pty.n = pty.matched = 0;
    pty.shown[0] = 0;
    assert_int_equal(openpty(&pty.master, &pty.slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(pty.slave, &pty.before), 0);
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    /* a session of its own, whose first terminal controls it: Ctrl-C is a signal where it should be */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_addopen(&fa, 0, ttyname(pty.slave), O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&fa, 0, 1);
    posix_spawn_file_actions_adddup2(&fa, 0, 2);
    posix_spawn_file_actions_addclose(&fa, pty.master);
    posix_spawn_file_actions_addclose(&fa, pty.slave);
    assert_int_equal(posix_spawn(&pty.pid, argv[0], &fa, &attr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
}

/* What is shown within so many milliseconds. False: nothing was. */
static bool more(int ms) {
    struct pollfd p = {.fd = pty.master, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0 || pty.n + 1 >= sizeof pty.shown)
        return false;
    ssize_t got = read(pty.master, pty.shown + pty.n, sizeof pty.shown - pty.n - 1);
    if (got <= 0)
        return false;
    pty.n += (size_t)got;
    pty.shown[pty.n] = 0;
    return true;
}

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void give_up(const char *what) {
    kill(pty.pid, SIGKILL);
    waitpid(pty.pid, NULL, 0);
    char *log = scripted_log(rig.server);
    fail_msg("%s\n-- shown\n%s\n-- asked\n%s", what, pty.shown, log);
}

void pty_expect(const char *text) {
    int64_t end = now_ms() + PATIENCE_MS;
    for (;;) {
        char *at = memmem(pty.shown + pty.matched, pty.n - pty.matched, text, strlen(text));
        if (at) {
            pty.matched = (size_t)(at - pty.shown) + strlen(text);
            return;
        }
        if (!more(100) && now_ms() > end) {
            char what[300];
            snprintf(what, sizeof what, "never shown: %s", text);
            give_up(what);
        }
    }
}

const char *pty_shown(void) {
    return pty.shown;
}

void pty_type(const char *keys) {
    assert_int_equal(write(pty.master, keys, strlen(keys)), strlen(keys));
}

pid_t pty_pid(void) {
    return pty.pid;
}

int pty_end(void) {
    int64_t end = now_ms() + PATIENCE_MS;
    int status = 0;
    while (waitpid(pty.pid, &status, WNOHANG) == 0) {
        more(20);
        if (now_ms() > end)
            give_up("it does not end");
    }
    while (more(50))
        ;
    struct termios after;
    assert_int_equal(tcgetattr(pty.slave, &after), 0);
    assert_int_equal(after.c_lflag, pty.before.c_lflag);
    assert_int_equal(after.c_iflag, pty.before.c_iflag);
    assert_int_equal(after.c_oflag, pty.before.c_oflag);
    close(pty.master);
    close(pty.slave);
    free(rig.log);
    rig.log = scripted_log(rig.server);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
