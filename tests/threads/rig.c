/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the world of the threads test. */
#include "threads.h"

#include "base/log.h"

#include <time.h>
#include <unistd.h>

enum { CONNECT_MS = 30000, DRAIN_MS = 15000, ANSWER_MS = 60000, PART = NODES - SHARDS * VOLATILE };

/* A stream that moves is duplicated by fcntl() and closed by a system call of libuv's own: the detector knows
 * neither, and takes a number that is used again for the descriptor of before. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    /* below these there is only libuv writing to a descriptor, and the close of one */
    return "race:stream_send\nrace:drop_moving\n";
}

static void nap(int64_t ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}
static struct wall wall_clock(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * 1000000};
}
static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

/* --- the server --- */

static void make_tls(struct rig *r) {
    static const char *const names[] = {"127.0.0.1"};
    struct errinfo ei = {0};
    struct buf key = {0}, leaf = {0};
    struct wall from = wall_add_ms(wall_clock(), -86400000);
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    struct slice k = buf_slice(&key);
    assert_int_equal(pki_make_root(k, "threads", from, 30, &r->ca_pem, &ei), 0);
    assert_int_equal(pki_make_leaf(buf_slice(&r->ca_pem), k, k, names, 1, from, 30, &leaf, &ei), 0);
    for (unsigned i = 0; i < SHARDS; i++) {
        r->libs[i] = tls_lib_new();
        r->tls[i] = tls_server_ctx_in(r->libs[i], buf_slice(&leaf), k, TLS_MODERN, &ei);
        if (!r->tls[i])
            fail_msg("%s", ei.text);
    }
    buf_free(&key);
    buf_free(&leaf);
}

static void open_store(struct rig *r) {
    struct errinfo ei = {0};
    char path[128];
    snprintf(r->dir, sizeof r->dir, "/tmp/outband-threads-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(path, sizeof path, "%s/master.key", r->dir);
    assert_int_equal(seal_key_create(path, &ei), 0);
    assert_int_equal(seal_key_load(path, &r->seal, &ei), 0);
    struct store_opts o = STORE_OPTS_DEFAULT(r->dir);
    o.flush_ms = 5;
    assert_int_equal(store_open(&r->store, &o, true, &ei), 0);
}

static void open_server(struct rig *r, bool tls) {
    struct errinfo ei = {0};
    struct app_opts o = {.nshards = SHARDS, .store = r->store, .seal = r->seal, .instance = 42};
    for (unsigned i = 0; i < SHARDS; i++)
        o.loops[i] = r->loops[i] = loop_new();
    r->app = app_new(&o, &ei);
    assert_non_null(r->app);
    r->app->policy.poll_calm_ms = r->app->policy.poll_doubt_ms = 200; /* more traffic */
    r->app->policy.settle_ms = 10;
    r->app->tunnel_limits.wsman_idle_ms = 100;
    assert_int_equal(fleet_load(r->app, &ei), 0);
    if (tls)
        make_tls(r);
    for (unsigned i = 0; i < SHARDS; i++) {
        const char *at = i ? app_cira_address(r->app->shards[0], 0) : "127.0.0.1:0";
        if (app_open_cira(r->app->shards[i], at, r->tls[i], true, &ei) < 0)
            fail_msg("%s", ei.text);
        struct driver *d = &r->drivers[i];
        *d = (struct driver){.rig = r, .shard = r->app->shards[i], .rng = i + 1};
        visits_open(d);
    }
}

/* --- the nodes' hosts, before anybody stirs --- */

struct import {
    struct loop_msg msg;
    struct rig *rig;
    atomic_bool done;
};

static void imported(struct fleet_create *c) {
    struct import *m = c->ctx;
    assert_int_equal(c->err, 0);
    memcpy(m->rig->ids, c->ids, sizeof m->rig->ids);
    fleet_create_free(&c);
    atomic_store(&m->done, true);
}

static void import_arrives(struct loop *l, struct loop_msg *msg) {
    struct import *m = CONTAINER_OF(msg, struct import, msg);
    struct fleet_create *c = calloc(1, sizeof *c);
    *c = (struct fleet_create){.from = m->rig->app->shards[0],
                               .nrows = NODES,
                               .rows = calloc(NODES, sizeof *c->rows),
                               .done = imported,
                               .ctx = m};
    for (unsigned i = 0; i < NODES; i++) {
        struct sim_node_config cfg;
        struct host_new *row = &c->rows[i];
        sim_plan_node(&m->rig->plan, i + 1, &cfg);
        snprintf(row->project, sizeof row->project, "default");
        snprintf(row->name, sizeof row->name, "%s", cfg.id.name);
        snprintf(row->cira_user, sizeof row->cira_user, "%s", cfg.id.cira_user);
        snprintf(row->cira_password, sizeof row->cira_password, "%s", cfg.id.cira_password);
        snprintf(row->amt_user, sizeof row->amt_user, "%s", cfg.id.amt_user);
        snprintf(row->amt_password, sizeof row->amt_password, "%s", cfg.id.amt_password);
        row->amt_uuid = cfg.id.uuid;
    }
    fleet_create(c);
}

static void import(struct rig *r) {
    struct import m = {.msg.fn = import_arrives, .rig = r};
    loop_post(r->loops[0], &m.msg);
    for (int64_t ms = 0; !atomic_load(&m.done); ms += 5) {
        assert_true(ms < CONNECT_MS);
        nap(5);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        for (unsigned k = 0; k < VOLATILE; k++)
            memcpy(r->drivers[i].volatile_id[k], r->ids[NODES - 1 - i * VOLATILE - k], HOST_ID_CAP);
}

/* --- nodes --- */

static void on_link(void *ctx, struct sim_node *n, bool up) {
    struct rig *r = ctx;
    (void)n;
    if (up)
        atomic_fetch_add(&r->linked, 1);
    else
        atomic_fetch_sub(&r->linked, 1);
}

/* Something happens to a node every few milliseconds. */
static void on_trouble(struct loop_timer *t) {
    struct rig *r = CONTAINER_OF(t, struct rig, node_timer);
    r->node_rng = r->node_rng * 6364136223846793005u + 1442695040888963407u;
    uint32_t x = (uint32_t)(r->node_rng >> 33);
    struct sim_node *n = r->nodes[x % NODES];
    int e = x / NODES % 3 == 0   ? sim_node_local(n, MACHINE_ACT_SHUTDOWN)
            : x / NODES % 3 == 1 ? sim_node_drop(n, x % 2)
                                 : sim_node_button(n);
    (void)e; /* not everything is possible in each state */
    loop_timer_set(r->node_loop, t, mono_add_ms(loop_now(r->node_loop), 7));
}

static void open_nodes(struct rig *r) {
    struct errinfo ei = {0};
    static char server[64];
    snprintf(server, sizeof server, "%s", app_cira_address(r->app->shards[0], 0));
    struct tls_ctx *tls =
        r->ca_pem.len ? tls_client_ctx(buf_slice(&r->ca_pem), false, TLS_MODERN, &ei) : NULL;
    r->node_loop = loop_new();
    struct sim_fleet_config cfg = {.loop = r->node_loop,
                                   .server = server,
                                   .tls = tls,
                                   .times = SIM_TIMES_INSTANT,
                                   .seed = 3,
                                   .ctx = r,
                                   .on_link = on_link};
    cfg.times.reconnect_ms = 20;
    cfg.times.reconnect_max_ms = 200;
    r->fleet = sim_fleet_new(&cfg);
    tls_ctx_unref(&tls);
    for (unsigned i = 0; i < NODES; i++) {
        struct sim_node_config node;
        sim_plan_node(&r->plan, i + 1, &node);
        r->nodes[i] = sim_node_new(r->fleet, &node);
        sim_node_start(r->nodes[i]);
    }
    r->node_timer.fn = on_trouble;
    loop_timer_set(r->node_loop, &r->node_timer, mono_add_ms(loop_now(r->node_loop), 500));
    callers_open(r);
    pthread_create(&r->node_thread, NULL, run_loop, r->node_loop);
    for (int64_t ms = 0; atomic_load(&r->linked) < NODES / 2; ms += 5) {
        assert_true(ms < CONNECT_MS);
        nap(5);
    }
}

/* --- one that only looks, from a thread without a loop --- */

static void *look_about(void *arg) {
    struct rig *r = arg;
    struct directory_entry e;
    for (unsigned i = 0; !atomic_load(&r->stop); i++) {
        size_t n = 0;
        free(quarantine_list(r->app->quarantine, wall_clock(), &n));
        int x = directory_by_id(r->app->directory, r->ids[i % NODES], &e);
        assert_true(x == 0 || x == ERR_NOT_FOUND);
        (void)directory_count(r->app->directory);
        (void)hub_wanted(r->app->hub);
        (void)hub_last_seq(r->app->hub);
        for (unsigned s = 0; s < SHARDS; s++)
            (void)metric_read(&r->app->shards[s]->metrics, METRIC_EVENTS);
        nap(1);
    }
    return NULL;
}

void rig_open(struct rig *r, bool tls) {
    *r = (struct rig){.plan = {.seed = 5, .prefix = "node", .count = NODES, .profile = SIM_A15}};
    log_setup(LOG_ERROR, false, NULL);
    open_store(r);
    open_server(r, tls);
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_create(&r->threads[i], NULL, run_loop, r->loops[i]);
    import(r);
    open_nodes(r);
    pthread_create(&r->looker, NULL, look_about, r);
}

void rig_stir(struct rig *r, int64_t ms) {
    for (unsigned i = 0; i < SHARDS; i++)
        driver_start(&r->drivers[i]);
    nap(ms);
    for (int64_t t = 0; atomic_load(&r->opened) < 5 && t < DRAIN_MS; t += 20)
        nap(20); /* a slow machine */
    for (unsigned i = 0; i < SHARDS; i++)
        while (atomic_load(&r->drivers[i].pings) == 0)
            nap(1);
    for (unsigned i = 0; i < SHARDS; i++)
        driver_stop(&r->drivers[i]);
    for (unsigned i = 0; i < SHARDS; i++)
        for (int64_t t = 0; atomic_load(&r->drivers[i].pings) < 2 || atomic_load(&r->drivers[i].in_flight);
             t += 5) {
            assert_true(t < ANSWER_MS); /* every call is answered; a session's start asks the firmware */
            nap(5);
        }
}

/* --- the end --- */

static void drain(struct loop *l, struct loop_msg *m) {
    struct driver *d = CONTAINER_OF(m, struct driver, msg);
    app_drain_shard(d->shard);
    atomic_fetch_add(&d->pings, 1);
}
static void ask_busy(struct loop *l, struct loop_msg *m) {
    struct driver *d = CONTAINER_OF(m, struct driver, msg);
    atomic_store(&d->busy, app_shard_busy(d->shard));
    atomic_fetch_add(&d->pings, 1);
}

/* fn on every shard, and wait for it. */
static void order(struct rig *r, void (*fn)(struct loop *l, struct loop_msg *m)) {
    for (unsigned i = 0; i < SHARDS; i++) {
        struct driver *d = &r->drivers[i];
        unsigned before = atomic_load(&d->pings);
        d->msg.fn = fn;
        loop_post(r->loops[i], &d->msg);
        while (atomic_load(&d->pings) == before)
            nap(1);
    }
}

static bool any_busy(struct rig *r) {
    order(r, ask_busy);
    bool busy = false;
    for (unsigned i = 0; i < SHARDS; i++)
        busy |= atomic_load(&r->drivers[i].busy) != 0;
    return busy;
}

static void close_nodes(struct rig *r) {
    loop_stop(r->node_loop);
    pthread_join(r->node_thread, NULL);
    loop_timer_stop(r->node_loop, &r->node_timer);
    callers_close(r);
    for (unsigned i = 0; i < NODES; i++)
        sim_node_free(&r->nodes[i]);
    sim_fleet_free(&r->fleet);
    loop_free(&r->node_loop);
}

void rig_close(struct rig *r) {
    char cmd[128];
    atomic_store(&r->stop, true);
    pthread_join(r->looker, NULL);
    order(r, drain);
    for (int64_t t = 0; any_busy(r); t += 20) {
        assert_true(t < DRAIN_MS);
        nap(20);
    }
    close_nodes(r);
    for (unsigned i = 0; i < SHARDS; i++)
        loop_stop(r->loops[i]);
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_join(r->threads[i], NULL);
    for (unsigned round = 0; round < 4; round++) { /* mail that is still under way */
        store_sync(r->store);
        for (unsigned i = 0; i < SHARDS; i++) {
            loop_stop(r->loops[i]);
            loop_run(r->loops[i]);
        }
    }
    store_close(&r->store);
    app_free(&r->app);
    for (unsigned i = 0; i < SHARDS; i++) {
        tls_ctx_unref(&r->tls[i]);
        tls_lib_unref(&r->libs[i]);
        loop_free(&r->loops[i]);
    }
    seal_key_free(&r->seal);
    buf_free(&r->ca_pem);
    snprintf(cmd, sizeof cmd, "rm -rf %s", r->dir);
    assert_int_equal(system(cmd), 0);
}
