/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/program.h"

#include "base/text.h"
#include "http/now.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it says, until it ends its outputs or the deadline passes. */
static bool listen_to(int fd, struct mono deadline, char *out, size_t cap, size_t *n) {
    for (;;) {
        char piece[256];
        int64_t left = mono_ms_between(now_mono(), deadline);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return false;
        int ready = poll(&p, 1, (int)left + 1);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return false;
        ssize_t got = read(fd, piece, sizeof piece);
        if (got <= 0)
            return true;
        size_t take = (size_t)got < cap - *n ? (size_t)got : cap - *n;
        memcpy(out + *n, piece, take);
        *n += take;
    }
}

static int start(const char *const argv[], int out, pid_t *pid) {
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, 1);
    posix_spawn_file_actions_adddup2(&fa, out, 2);
    int why =
        posix_spawn(pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    posix_spawn_file_actions_destroy(&fa);
    return why;
}

int program_run(const char *const argv[], uint32_t timeout_ms, struct program_end *end, struct errinfo *ei) {
    int pipes[2], status = 0;
    char raw[sizeof end->out];
    size_t n = 0;
    pid_t pid;
    *end = (struct program_end){0};
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_set(ei, ERR_IO, "", "no pipe could be made: %s", strerror(errno));
    int why = start(argv, pipes[1], &pid);
    close(pipes[1]);
    if (why) {
        close(pipes[0]);
        return err_set(ei, why == ENOENT ? ERR_NOT_FOUND : ERR_IO, "", "%.200s cannot be run: %s", argv[0],
                       strerror(why));
    }
    bool ended = listen_to(pipes[0], mono_add_ms(now_mono(), timeout_ms), raw, sizeof raw - 1, &n);
    close(pipes[0]);
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    text_clean(end->out, sizeof end->out, slice_trim(slice_of(raw, n)));
    if (!ended)
        return err_set(ei, ERR_TIMEOUT, "", "%.200s did not end within %u s", argv[0], timeout_ms / 1000);
    if (!WIFEXITED(status))
        return err_set(ei, ERR_IO, "", "%.200s was ended by a signal", argv[0]);
    end->exit = WEXITSTATUS(status);
    return 0;
}
