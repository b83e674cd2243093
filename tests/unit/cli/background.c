/* SPDX-License-Identifier: Apache-2.0 */
#include "background.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000, STEP_MS = 10 };
extern char **environ;

void background_start(struct background *b, const struct script *rows, ...) {
    char *argv[32] = {(char *)(uintptr_t)rig_program()}, path[128];
    size_t n = 1;
    va_list ap;
    va_start(ap, rows);
    for (char *word; n < 31 && (word = va_arg(ap, char *)) != NULL;)
        argv[n++] = word;
    va_end(ap);
    scripted_play(rig.server, rows);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    snprintf(path, sizeof path, "%s/err-background", rig.dir);
    *b = (struct background){.out_fd = ends[0]};
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, ends[1], 1);
    posix_spawn_file_actions_addopen(&fa, 2, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&b->pid, argv[0], &fa, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&fa);
    close(ends[1]);
}

static void fail_with_stderr(struct background *b, const char *wanted) {
    kill(b->pid, SIGTERM);
    background_end(b);
    fail_msg("wanted \"%s\"\n-- stdout\n%s\n-- stderr\n%s", wanted, b->out, b->err);
}

const char *background_line(struct background *b, const char *begins) {
    for (;;) {
        char *at = strstr(b->out, begins);
        if (at && strchr(at, '\n'))
            return at + strlen(begins);
        struct pollfd p = {.fd = b->out_fd, .events = POLLIN};
        ssize_t n = b->n < sizeof b->out - 1 && poll(&p, 1, WAIT_MS) > 0
                        ? read(b->out_fd, b->out + b->n, sizeof b->out - 1 - b->n)
                        : 0;
        if (n <= 0)
            fail_with_stderr(b, begins);
        b->n += (size_t)n;
        b->out[b->n] = 0;
    }
}

unsigned background_port(struct background *b, const char *text) {
    return (unsigned)strtoul(background_line(b, text), NULL, 10);
}

size_t background_memory(const struct background *b) {
#ifdef __SANITIZE_ADDRESS__
    return 1;
#else
    char path[64];
    size_t size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)b->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu", &size, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
#endif
}

int background_end(struct background *b) {
    char path[128];
    int status = 0;
    for (int waited = 0; waitpid(b->pid, &status, WNOHANG) == 0; waited += STEP_MS) {
        if (waited >= WAIT_MS)
            kill(b->pid, SIGKILL);
        usleep(STEP_MS * 1000);
    }
    close(b->out_fd);
    snprintf(path, sizeof path, "%s/err-background", rig.dir);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(b->err, 1, sizeof b->err - 1, f) : 0;
    b->err[n] = 0;
    if (f)
        fclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void background_expect_log(const char *text, unsigned times) {
    char *log = NULL;
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        unsigned found = 0;
        log = scripted_log(rig.server);
        for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
            found++;
        if (found >= times) {
            free(log);
            return;
        }
        usleep(STEP_MS * 1000);
        if (waited + STEP_MS < WAIT_MS)
            free(log);
    }
    fail_msg("the log has no \"%s\":\n%s", text, log);
}

int raw_connect(unsigned port) {
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    const struct timeval patience = {.tv_sec = WAIT_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

size_t raw_exchange(unsigned port, const char *text, char *answer, size_t cap) {
    int fd = raw_connect(port);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    size_t have = 0;
    ssize_t n;
    memset(answer, 0, cap);
    while (have < cap - 1 && (n = recv(fd, answer + have, cap - 1 - have, 0)) > 0)
        have += (size_t)n;
    close(fd);
    return have;
}
