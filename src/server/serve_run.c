/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread while the loops run: signals, watchdog, reload, drain. */
#include "base/log.h"
#include "base/notify.h"
#include "server/agents.h"
#include "server/httpd.h"
#include "server/provisioning.h"
#include "server/serve_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HTTP_DRAIN_MS = 4000,   /* requests end; design 15: all within 10 s */
    TUNNEL_DRAIN_MS = 4500, /* devices hear a farewell */
    POLL_MS = 25,
};

static int64_t ms_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The next signal; 0 when none came within ms (< 0: for ever). */
static int wait_signal(int64_t ms) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    for (;;) {
        int n = ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &ts);
        if (n > 0 || errno != EINTR)
            return n > 0 ? n : 0;
    }
}

/* --- orders to the loops --- */

static void order_all(struct server *sv, void (*fn)(struct loop *l, struct loop_msg *m)) {
    for (unsigned i = 0; i < sv->nworkers; i++) {
        struct worker *w = &sv->workers[i];
        while (atomic_load(&w->order_out)) /* the one before is still on its way */
            (void)wait_signal(1);
        atomic_store(&w->order_out, true);
        w->order.fn = fn;
        loop_post(w->loop, &w->order);
    }
}

static void http_drain(struct loop *l, struct loop_msg *m) {
    struct worker *w = CONTAINER_OF(m, struct worker, order);
    (void)l;
    httpd_drain(w->shard->httpd);
    agents_drain(w->shard);
    provisioning_drain(w->shard);
    atomic_store(&w->order_out, false);
}

static void tunnels_drain_order(struct loop *l, struct loop_msg *m) {
    struct worker *w = CONTAINER_OF(m, struct worker, order);
    (void)l;
    app_drain_shard(w->shard);
    atomic_store(&w->order_out, false);
}

static void look(struct loop *l, struct loop_msg *m) {
    struct worker *w = CONTAINER_OF(m, struct worker, ping);
    (void)l;
    atomic_store(&w->http_busy, httpd_busy(w->shard->httpd));
    atomic_store(&w->tunnels_busy, app_shard_busy(w->shard));
    atomic_store(&w->ping_out, false);
}

/* Ask each loop that answered the last time; true when all had. */
static bool ping_all(struct server *sv) {
    bool all = true;
    for (unsigned i = 0; i < sv->nworkers; i++) {
        struct worker *w = &sv->workers[i];
        if (atomic_load(&w->ping_out)) {
            all = false;
            continue;
        }
        atomic_store(&w->ping_out, true);
        w->ping.fn = look;
        loop_post(w->loop, &w->ping);
    }
    return all;
}

/* --- drain --- */

static bool any_busy(struct server *sv, bool http) {
    for (unsigned i = 0; i < sv->nworkers; i++)
        if (atomic_load(&sv->workers[i].ping_out) ||
            atomic_load(http ? &sv->workers[i].http_busy : &sv->workers[i].tunnels_busy))
            return true;
    return false;
}

/* False: the operator does not want to wait any more. */
static bool wait_idle(struct server *sv, bool http, int64_t ms) {
    int64_t until = ms_now() + ms;
    for (;;) {
        ping_all(sv);
        int sig = wait_signal(POLL_MS);
        if (sig == SIGTERM || sig == SIGINT)
            return false;
        if (!any_busy(sv, http) || ms_now() >= until)
            return true;
    }
}

static void drain(struct server *sv) {
    notify_send("STOPPING=1");
    log_info("serve", "stopping: requests end first, then the tunnels are closed");
    atomic_store(&sv->app->draining, 1);
    atomic_store(&sv->app->ready, 0);
    order_all(sv, http_drain);
    bool patient = wait_idle(sv, true, HTTP_DRAIN_MS);
    order_all(sv, tunnels_drain_order);
    if (patient)
        wait_idle(sv, false, TUNNEL_DRAIN_MS);
}

/* --- reload --- */

static void take_tls(struct worker *w) {
    struct worker_tls *next = &w->next_tls;
    if (!next->modern)
        return;
    app_set_cira_tls(w->shard, 0, next->modern);
    if (next->legacy)
        app_set_cira_tls(w->shard, 1, next->legacy);
    httpd_set_tls(w->shard->httpd, next->https);
    worker_free_tls(&w->tls);
    w->tls = *next;
    *next = (struct worker_tls){0};
}

/* Every loop stands between the two waits while the main thread exchanges what they share. */
static void stand_still(struct loop *l, struct loop_msg *m) {
    struct worker *w = CONTAINER_OF(m, struct worker, order);
    (void)l;
    pthread_barrier_wait(&w->server->still);
    pthread_barrier_wait(&w->server->still);
    take_tls(w);
    httpd_apply_settings(w->shard->httpd);
    atomic_store(&w->order_out, false);
}

static void exchange(struct server *sv, struct settings *next) {
    sv->retired[sv->nretired++] = sv->settings;
    sv->settings = next;
    sv->app->settings = next;
    app_apply_settings(sv->app);
    char name[DATADIR_NAME_CAP];
    datadir_server_name(&sv->dd, name);
    snprintf(sv->app->server_name, sizeof sv->app->server_name, "%s", name);
    datadir_cira_name(&sv->dd, name);
    snprintf(sv->app->cira_name, sizeof sv->app->cira_name, "%s", name);
    app_know_owner(sv->app);
    serve_setup_log(next);
}

static void new_certificates(struct server *sv, const struct settings *next) {
    struct errinfo ei = {0};
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct wall now = {(int64_t)ts.tv_sec * 1000000};
    int r = datadir_reload(&sv->dd, next->tls_hostname, serve_leaf_kind(next), now, &ei);
    for (unsigned i = 0; r == 0 && i < sv->nworkers; i++) {
        struct worker *w = &sv->workers[i];
        r = worker_make_tls(w, &w->next_tls, &ei);
    }
    if (r < 0)
        log_error("serve", "the certificates stay as they are: %s", ei.text);
}

static void reload(struct server *sv) {
    struct errinfo ei = {0};
    struct buf names = {0};
    notify_reloading();
    struct settings *next = sv->opts.reload(sv->opts.ctx, &ei);
    struct settings **more =
        next ? realloc(sv->retired, (sv->nretired + 1) * sizeof(struct settings *)) : NULL;
    if (!next)
        log_error("serve", "the settings stay as they are: %s", ei.text);
    if (!more || pthread_barrier_init(&sv->still, NULL, sv->nworkers + 1) != 0) {
        free(next);
        notify_send("READY=1");
        return;
    }
    sv->retired = more;
    if (settings_need_restart(sv->settings, next, &names) > 0)
        log_warn("serve", "changed, but only taken over by a restart: %s", buf_cstr(&names));
    buf_free(&names);
    new_certificates(sv, next);
    order_all(sv, stand_still);
    pthread_barrier_wait(&sv->still);
    exchange(sv, next);
    pthread_barrier_wait(&sv->still);
    for (unsigned i = 0; i < sv->nworkers; i++)
        while (atomic_load(&sv->workers[i].order_out))
            (void)wait_signal(1);
    pthread_barrier_destroy(&sv->still);
    log_info("serve", "settings and certificates were read again");
    notify_send("READY=1");
}

/* --- signals --- */

void serve_until_end(struct server *sv) {
    uint32_t watchdog_ms = notify_watchdog_ms();
    for (;;) {
        int sig = wait_signal(watchdog_ms ? (int64_t)watchdog_ms : -1);
        if (sig == SIGHUP)
            reload(sv);
        else if (sig == SIGTERM || sig == SIGINT)
            break;
        else if (sig == 0 && ping_all(sv))
            notify_send("WATCHDOG=1"); /* a loop that hangs keeps its ping, and the watchdog bites */
    }
    drain(sv);
}
