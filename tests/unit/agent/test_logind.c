/* SPDX-License-Identifier: Apache-2.0 */
/* Going down, as a stand-in for logind on a bus of our own says it: it is told while the lock is held, and
 * the lock is let go then. */
#include "agent/logind.h"
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER NAME ".Manager"

enum { SKIPPED = 77, SOON_MS = 1000 };

/* --- the bus --- */

static char dir[] = "/tmp/logind-test-XXXXXX";
static pid_t daemon_pid;

static void write_file(const char *name, const char *text, mode_t mode) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

/* False: there is no dbus-daemon here. */
static bool bus_start(void) {
    char config[64], text[512], address[200];
    int out[2];
    assert_non_null(mkdtemp(dir));
    snprintf(
        text, sizeof text,
        "<busconfig><listen>unix:path=%s/bus</listen><policy context='default'><allow send_destination='*'/>"
        "<allow receive_sender='*'/><allow own='*'/><allow user='*'/></policy></busconfig>",
        dir);
    write_file("bus.conf", text, 0600);
    write_file("systemctl", "#!/bin/sh\necho running\n", 0700);
    snprintf(config, sizeof config, "--config-file=%s/bus.conf", dir);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        dup2(out[1], 1);
        execlp("dbus-daemon", "dbus-daemon", config, "--nofork", "--print-address", (char *)NULL);
        _exit(SKIPPED);
    }
    close(out[1]);
    ssize_t n = read(out[0], address, sizeof address - 1);
    close(out[0]);
    if (n <= 0)
        return false;
    address[strcspn(address, "\n")] = 0;
    address[n] = 0;
    address[strcspn(address, "\n")] = 0;
    setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
    return true;
}

static void bus_stop(void) {
    char path[64];
    kill(daemon_pid, SIGTERM);
    waitpid(daemon_pid, NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"bus", "bus.conf", "systemctl"};
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* --- the stand-in: a thread with its own connection --- */

enum word { SAY_NOTHING, SAY_SHUTDOWN, SAY_CALLED_OFF, SAY_REBOOT, SAY_SLEEP, SAY_AWAKE };
static _Atomic(enum word) word;
static atomic_bool over, ready;
static atomic_int locks,
    held = -1; /* taken so far; the end of a pipe that hangs up when the lock is closed */
static const char *_Atomic planned = "";

static int on_inhibit(sd_bus_message *m, void *ctx, sd_bus_error *why) {
    const char *what, *who, *reason, *mode;
    int ends[2];
    assert_true(sd_bus_message_read(m, "ssss", &what, &who, &reason, &mode) >= 0);
    assert_string_equal(what, "shutdown:sleep");
    assert_string_equal(mode, "delay");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int old = atomic_exchange(&held, ends[0]);
    if (old >= 0)
        close(old);
    atomic_fetch_add(&locks, 1); /* before the other side has it, and looks */
    int r = sd_bus_reply_method_return(m, "h", ends[1]);
    close(ends[1]); /* the message has one of its own */
    return r;
}

static int scheduled(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *ctx, sd_bus_error *why) {
    return sd_bus_message_append(reply, "(st)", planned, (uint64_t)0);
}

static const sd_bus_vtable VTABLE[] = {
    SD_BUS_VTABLE_START(0), SD_BUS_METHOD("Inhibit", "ssss", "h", on_inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("ScheduledShutdown", "(st)", scheduled, 0, 0), SD_BUS_VTABLE_END};

static void say(sd_bus *bus, enum word w) {
    int r = 0;
    if (w == SAY_REBOOT)
        r |= sd_bus_emit_signal(bus, PATH, MANAGER, "PrepareForShutdownWithMetadata", "ba{sv}", 1, 2, "other",
                                "u", 7u, "type", "s", "reboot");
    if (w == SAY_SHUTDOWN || w == SAY_CALLED_OFF || w == SAY_REBOOT)
        r |= sd_bus_emit_signal(bus, PATH, MANAGER, "PrepareForShutdown", "b", w != SAY_CALLED_OFF);
    if (w == SAY_SLEEP || w == SAY_AWAKE)
        r |= sd_bus_emit_signal(bus, PATH, MANAGER, "PrepareForSleep", "b", w == SAY_SLEEP);
    assert_true(r >= 0);
}

static void *stand_in(void *ctx) {
    sd_bus *bus = NULL;
    assert_true(sd_bus_open_system(&bus) >= 0);
    assert_true(sd_bus_add_object_vtable(bus, NULL, PATH, MANAGER, VTABLE, NULL) >= 0);
    assert_true(sd_bus_request_name(bus, NAME, 0) >= 0);
    atomic_store(&ready, true);
    while (!atomic_load(&over)) {
        if (sd_bus_process(bus, NULL) == 0)
            (void)sd_bus_wait(bus, 5000);
        enum word w = atomic_exchange(&word, SAY_NOTHING);
        if (w != SAY_NOTHING)
            say(bus, w);
    }
    sd_bus_flush_close_unref(bus);
    return NULL;
}

/* --- the tests --- */

static pthread_t thread;
static struct logind *l;
static struct errinfo ei;
static unsigned told;
static char kind[24];
static bool held_then;
static char systemctl[64];

static bool lock_is_held(void) {
    struct pollfd p = {.fd = atomic_load(&held), .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

static void going(void *ctx, const char *k) {
    told++;
    snprintf(kind, sizeof kind, "%s", k);
    held_then = lock_is_held();
}
static const struct logind_hooks hooks = {.systemctl = systemctl, .going = going};

static int setup(void **s) {
    told = 0;
    kind[0] = 0;
    held_then = false;
    planned = "";
    atomic_store(&over, false);
    atomic_store(&ready, false);
    snprintf(systemctl, sizeof systemctl, "%s/systemctl", dir);
    assert_int_equal(pthread_create(&thread, NULL, stand_in, NULL), 0);
    while (!atomic_load(&ready))
        usleep(1000);
    if (logind_open(&l, &hooks, &ei) < 0)
        fail_msg("%s", ei.text);
    assert_true(lock_is_held());
    return 0;
}
static int teardown(void **s) {
    logind_close(&l);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    close(atomic_exchange(&held, -1));
    return 0;
}

/* Until the lock is in this state, at most SOON_MS. */
static void until_lock(enum word w, bool is_held) {
    atomic_store(&word, w);
    for (int i = 0; i < SOON_MS / 20 && lock_is_held() != is_held; i++)
        assert_int_equal(logind_turn(l, 20, &ei), 0);
    assert_int_equal(lock_is_held(), is_held);
}

static void a_shutdown_is_told_and_the_lock_let_go(void **s) {
    planned = "poweroff";
    until_lock(SAY_SHUTDOWN, false);
    assert_int_equal(told, 1);
    assert_true(held_then);
    assert_string_equal(kind, "poweroff");
}

static void the_kind_that_the_signal_has_counts(void **s) {
    until_lock(SAY_REBOOT, false);
    for (int i = 0; i < 5; i++) /* the plain signal behind it says nothing new */
        assert_int_equal(logind_turn(l, 10, &ei), 0);
    assert_int_equal(told, 1);
    assert_string_equal(kind, "reboot");
}

static void the_lock_is_taken_again_after_sleep(void **s) {
    int taken = atomic_load(&locks);
    until_lock(SAY_SLEEP, false);
    assert_string_equal(kind, "suspend");
    until_lock(SAY_AWAKE, true);
    assert_int_equal(atomic_load(&locks), taken + 1);
    until_lock(SAY_SLEEP, false);
    assert_int_equal(told, 2);
}

static void one_whose_kind_nobody_knows_is_left_to_the_unit(void **s) {
    until_lock(SAY_SHUTDOWN, false);
    assert_int_equal(told, 0);
    until_lock(SAY_CALLED_OFF, true);
}

static void a_machine_without_logind(void **s) {
    struct logind *none = NULL;
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    char kept[200];
    snprintf(kept, sizeof kept, "%s", address);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
    assert_int_equal(logind_open(&none, &hooks, &ei), ERR_UNREACHABLE);
    assert_null(none);
    assert_non_null(strstr(ei.text, "bus"));
    setenv("DBUS_SYSTEM_BUS_ADDRESS", kept, 1);
    assert_int_equal(logind_open(&none, &hooks, &ei), ERR_UNREACHABLE); /* a bus, but nobody there */
    assert_non_null(strstr(ei.text, "logind"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_logind),
        cmocka_unit_test_setup_teardown(a_shutdown_is_told_and_the_lock_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(the_kind_that_the_signal_has_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_is_taken_again_after_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(one_whose_kind_nobody_knows_is_left_to_the_unit, setup, teardown),
    };
    int r = bus_start() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
    bus_stop();
    return r;
}
