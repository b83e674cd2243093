/* SPDX-License-Identifier: Apache-2.0 */
/* The program itself: what it prints, its exit codes, and that no secret is seen on its command line or in
 * its output. argv[1]: rpc. */
#include "../cli/scripted.h"
#include "mei_rig.h"
#include "proto/rps.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENROLMENT_KEY "oek-one-that-nobody-may-see"
#define AMT_PASSWORD  "Amt-Passw0rd-to-hide"

static const char *program;
static struct mei_rig rig;
static struct scripted *server;
static char url[64], out[16384], err[16384], lines[4096];

struct child {
    pid_t pid;
    int out_fd, err_fd;
};

static struct child start(char *const argv[]) {
    int o[2], e[2];
    assert_int_equal(pipe(o) | pipe(e), 0);
    struct child c = {.pid = fork(), .out_fd = o[0], .err_fd = e[0]};
    if (c.pid == 0) {
        dup2(o[1], 1);
        dup2(e[1], 2);
        close(o[0]);
        close(e[0]);
        setenv("OUTBAND_ENROLMENT_KEY", ENROLMENT_KEY, 1);
        setenv("AMT_PASSWORD", AMT_PASSWORD, 1);
        execv(program, argv);
        _exit(127);
    }
    close(o[1]);
    close(e[1]);
    return c;
}

static void read_all(int fd, char *into, size_t cap) {
    size_t n = 0;
    for (ssize_t got; n < cap - 1 && (got = read(fd, into + n, cap - 1 - n)) > 0;)
        n += (size_t)got;
    into[n] = 0;
    close(fd);
}

static int finish(struct child *c) {
    int status;
    read_all(c->out_fd, out, sizeof out);
    read_all(c->err_fd, err, sizeof err);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
static int run_words(char *const argv[]) {
    struct child c = start(argv);
    return finish(&c);
}
#define RUN(...) run_words((char *const[]){(char *)(uintptr_t)program, __VA_ARGS__, NULL})

static int setup(void **s) {
    mei_rig_init(&rig);
    mei_rig_start(&rig);
    server = scripted_start(NULL, NULL);
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/activate", scripted_port(server));
    return 0;
}
static int teardown(void **s) {
    scripted_stop(&server);
    mei_rig_stop(&rig);
    return 0;
}

static void no_secret_in(const char *text) {
    static const char *const secrets[] = {ENROLMENT_KEY, AMT_PASSWORD, "very-secret-local-password"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_null(strstr(text, secrets[i]));
}

static void amtinfo(void **s) {
    assert_int_equal(RUN("amtinfo", "--mei", rig.where), 0);
    assert_non_null(strstr(out, "55e3ae13-bfd2-61bb-17a0-88aedd7037ea"));
    assert_string_equal(err, "");
    no_secret_in(out);
    assert_int_equal(RUN("--json", "--mei", rig.where), 0);
    assert_true(out[0] == '{');
    no_secret_in(out);
}

static void exit_codes(void **s) {
    assert_int_equal(RUN("amtinfo", "--mei", "unix:/nonexistent/socket"), 2);
    assert_non_null(strstr(err, "mei_me"));
    assert_int_equal(RUN("amtinfo", "--what"), 28);
    assert_int_equal(RUN("activate", "--mei", rig.where), 20);
    assert_int_equal(RUN("activate", "--mei", rig.where, "--url", "ftp://x"), 21);
    assert_int_equal(RUN("activate", "--mei", rig.where, "--url", "ftp://x", "--profile", "p"), 20);
    assert_int_equal(
        RUN("activate", "--mei", rig.where, "--url", url, "--profile", "p", "--ca", "/nonexistent"), 34);
    assert_int_equal(RUN("activate", "--mei", rig.where, "--url", url, "--profile", "p", "--ca", "/dev/null"),
                     34);
    assert_int_equal(RUN("activate", "--mei", rig.where, "--url", url, "--profile", "p", "--cert", "x"), 28);
    assert_int_equal(RUN("activate", "--mei", rig.where, "--url", url, "--profile", "p", "--retries", "many"),
                     28);
    assert_int_equal(
        RUN("activate", "--mei", rig.where, "--url", "ws://127.0.0.1:1", "--profile", "p", "--retries", "0"),
        73);
    assert_int_equal(RUN("maintenance", "--mei", rig.where, "--url", url), 28);
    assert_int_equal(RUN("deactivate", "--local", "--mei", rig.where), 115);
    rig.control_mode = 2;
    assert_int_equal(RUN("deactivate", "--local", "--mei", rig.where), 109);
    rig.control_mode = 1;
    assert_int_equal(RUN("deactivate", "--local", "--mei", rig.where), 0);
    assert_string_equal(out, "The firmware is deactivated.\n");
    assert_int_equal(RUN("deactivate", "--local", "--mei", rig.where, "--url", url), 28);
    assert_int_equal(RUN("version"), 0);
    assert_int_equal(RUN("--help"), 0);
    assert_non_null(strstr(out, "Exit codes:"));
}

static void play(struct peer *p) {
    char *text = peer_next_text(p);
    struct rps_from_client m = {0};
    if (!text || rps_read_client(slice_str(text), &m, NULL) < 0)
        return;
    /* the secrets did come, by the way that is theirs */
    peer_log(p, m.command.password);
    rps_from_client_free(&m);
    free(text);
    peer_log(p, "heard");
    peer_pause(p, 300);
    struct buf b = {0};
    struct rps_outcome o = {.status = "Client control mode."};
    rps_put_end(&b, true, &o);
    peer_text(p, buf_cstr(&b));
    buf_free(&b);
    peer_wait_close(p);
}

static bool logged(const char *text) {
    char *log = scripted_log(server);
    bool found = strstr(log, text) != NULL;
    free(log);
    return found;
}

static void no_secret_is_seen(void **s) {
    static const struct script rows[] = {
        {.method = "GET", .target = "/activate", .status = 101, .play = play, .no_protocol = true}, {0}};
    scripted_play(server, rows);
    char *const argv[] = {(char *)(uintptr_t)program,
                          "activate",
                          "--mei",
                          rig.where,
                          "--url",
                          url,
                          "--profile",
                          "default_ccm",
                          NULL};
    struct child c = start(argv);
    for (int i = 0; i < 500 && !logged("ws: heard"); i++)
        usleep(10000);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)c.pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, lines, sizeof lines - 1);
    close(fd);
    assert_true(n > 0);
    for (ssize_t i = 0; i < n; i++)
        lines[i] = lines[i] ? lines[i] : ' ';
    assert_non_null(strstr(lines, "default_ccm"));
    no_secret_in(lines);
    assert_int_equal(finish(&c), 0);
    no_secret_in(out);
    no_secret_in(err);
    assert_non_null(strstr(out, "Client control mode."));
    assert_true(logged("Authorization: Bearer " ENROLMENT_KEY));
    assert_true(logged("ws: " AMT_PASSWORD));
    assert_false(logged("GET /activate?")); /* nothing in the URL */
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {EACH(amtinfo), EACH(exit_codes), EACH(no_secret_is_seen)};
    if (argc < 2)
        return 1;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
