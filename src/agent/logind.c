/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/logind.h"

#include "agent/announce.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER NAME ".Manager"

enum { CALL_US = 3000000, TYPE_CAP = 24 };

struct logind {
    const struct logind_hooks *h;
    sd_bus *bus;
    int lock; /* -1: not held */
    bool ending, sleeping;
    bool told;           /* this going down was told */
    char type[TYPE_CAP]; /* of the end, as the signal says; "": it does not */
};

/* T(word of logind's, kind): both spellings are in use */
static const struct {
    const char *word, *kind;
} TYPES[] = {{"power-off", "poweroff"}, {"poweroff", "poweroff"}, {"halt", "poweroff"},
             {"reboot", "reboot"},      {"kexec", "reboot"},      {"soft-reboot", "reboot"}};

static const char *kind_of(const char *type) {
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(type, TYPES[i].word) == 0)
            return TYPES[i].kind;
    return NULL;
}

/* --- the lock --- */

static void lock_release(struct logind *l) {
    if (l->lock >= 0)
        close(l->lock);
    l->lock = -1;
}

static int lock_take(struct logind *l, struct errinfo *ei) {
    sd_bus_error why = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int fd = -1;
    lock_release(l);
    int r = sd_bus_call_method(l->bus, NAME, PATH, MANAGER, "Inhibit", &why, &reply, "ssss", "shutdown:sleep",
                               "pm-agent", "the server is told who shuts this node down", "delay");
    if (r >= 0)
        r = sd_bus_message_read(reply, "h", &fd);
    if (r >= 0)
        r = l->lock = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message's own goes with it */
    if (r < 0)
        err_set(ei, ERR_UNREACHABLE, "", "systemd-logind gives no inhibitor lock: %s",
                why.message ? why.message : strerror(-r));
    sd_bus_message_unref(reply);
    sd_bus_error_free(&why);
    return r < 0 ? ERR_UNREACHABLE : 0;
}

/* --- signals: noted here, acted upon in logind_turn() --- */

static int on_shutdown(sd_bus_message *m, void *ctx, sd_bus_error *why) {
    struct logind *l = ctx;
    int active = 0;
    if (sd_bus_message_read(m, "b", &active) >= 0)
        l->ending = active;
    return 0;
}

/* "ba{sv}": of the variants, "type" alone is of interest. */
static int on_shutdown_type(sd_bus_message *m, void *ctx, sd_bus_error *why) {
    struct logind *l = ctx;
    const char *key, *type;
    int active = 0;
    if (sd_bus_message_read(m, "b", &active) < 0 || sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
        return 0;
    l->ending = active;
    l->type[0] = 0;
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        if (sd_bus_message_read(m, "s", &key) < 0)
            return 0;
        if (strcmp(key, "type") == 0 && sd_bus_message_read(m, "v", "s", &type) >= 0)
            snprintf(l->type, sizeof l->type, "%s", type);
        else if (strcmp(key, "type") == 0 || sd_bus_message_skip(m, "v") < 0)
            return 0;
        sd_bus_message_exit_container(m);
    }
    return 0;
}

static int on_sleep(sd_bus_message *m, void *ctx, sd_bus_error *why) {
    struct logind *l = ctx;
    int active = 0;
    if (sd_bus_message_read(m, "b", &active) >= 0)
        l->sleeping = active;
    return 0;
}

static const struct {
    const char *signal;
    sd_bus_message_handler_t fn;
} SIGNALS[] = {{"PrepareForShutdownWithMetadata", on_shutdown_type}, /* systemd 255; comes before the other */
               {"PrepareForShutdown", on_shutdown},
               {"PrepareForSleep", on_sleep}};

/* --- what is about to happen --- */

/* `shutdown +5` leaves its kind there. "": nothing is scheduled. */
static void scheduled(struct logind *l, char out[TYPE_CAP]) {
    sd_bus_message *reply = NULL;
    const char *type = "";
    uint64_t at;
    out[0] = 0;
    if (sd_bus_get_property(l->bus, NAME, PATH, MANAGER, "ScheduledShutdown", NULL, &reply, "(st)") >= 0 &&
        sd_bus_message_read(reply, "(st)", &type, &at) >= 0)
        snprintf(out, TYPE_CAP, "%s", type);
    sd_bus_message_unref(reply);
}

static const char *end_kind(struct logind *l) {
    char type[TYPE_CAP];
    if (kind_of(l->type))
        return kind_of(l->type);
    scheduled(l, type);
    return kind_of(type) ? kind_of(type) : announce_kind(l->h->systemctl);
}

static void tell(struct logind *l) {
    /* (whether it is hibernation the hook of systemd-sleep knows, and says so) */
    const char *kind = l->ending ? end_kind(l) : "suspend";
    l->told = true;
    if (kind)
        l->h->going(l->h->ctx, kind);
    else
        log_info("agent", "the system is to go down; how is not known before the units are stopped");
    lock_release(l);
}

static int act(struct logind *l, struct errinfo *ei) {
    bool going = l->ending || l->sleeping;
    if (going == l->told)
        return 0;
    if (going) {
        tell(l);
        return 0;
    }
    l->told = false; /* it was called off, or we woke up */
    l->type[0] = 0;
    return lock_take(l, ei);
}

/* --- the connection --- */

static int lost(int r, const char *what, struct errinfo *ei) {
    return err_set(ei, ERR_UNREACHABLE, "", "%s: %s", what, strerror(-r));
}

int logind_open(struct logind **lp, const struct logind_hooks *h, struct errinfo *ei) {
    struct logind *l = *lp = calloc(1, sizeof *l);
    if (!l)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    l->h = h;
    l->lock = -1;
    int r = sd_bus_open_system(&l->bus);
    if (r < 0)
        r = lost(r, "the system's bus cannot be reached", ei);
    if (r == 0 || r == 1)
        r = sd_bus_set_method_call_timeout(l->bus, CALL_US) < 0 ? ERR_NOMEM : 0;
    for (size_t i = 0; r >= 0 && i < sizeof SIGNALS / sizeof *SIGNALS; i++) {
        r = sd_bus_match_signal(l->bus, NULL, NAME, PATH, MANAGER, SIGNALS[i].signal, SIGNALS[i].fn, l);
        if (r < 0)
            r = lost(r, "the system's bus does not pass logind's signals on", ei);
    }
    if (r >= 0)
        r = lock_take(l, ei);
    if (r < 0)
        logind_close(lp);
    return r < 0 ? r : 0;
}

void logind_close(struct logind **lp) {
    struct logind *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    lock_release(l);
    sd_bus_close_unref(l->bus);
    free(l);
}

int logind_turn(struct logind *l, uint32_t wait_ms, struct errinfo *ei) {
    int r = sd_bus_process(l->bus, NULL);
    if (r == 0)
        r = sd_bus_wait(l->bus, (uint64_t)wait_ms * 1000);
    if (r < 0 && r != -EINTR)
        return err_set(ei, ERR_CLOSED, "", "the system's bus is gone: %s", strerror(-r));
    return act(l, ei);
}
