/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/log.h"
#include "unit.h"

#include <time.h>
#include <unistd.h>

static void make_app(struct world *w) {
    struct errinfo ei = {0};
    struct app_opts o = {.nshards = w->nshards, .store = w->store, .seal = w->seal, .instance = 42};
    for (unsigned i = 0; i < w->nshards; i++)
        o.loops[i] = w->loops[i];
    if (w->store)
        o.last_event = store_last_event(w->store);
    w->app = app_new(&o, &ei);
    assert_non_null(w->app);
    if (w->store)
        assert_int_equal(fleet_load(w->app, &ei), 0);
}

void world_make(struct world *w, unsigned nshards, bool store) {
    struct errinfo ei = {0};
    char path[128];
    *w = (struct world){.nshards = nshards};
    log_setup(LOG_ERROR, false, NULL);
    snprintf(w->dir, sizeof w->dir, "/tmp/outband-world-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(path, sizeof path, "%s/master.key", w->dir);
    assert_int_equal(seal_key_create(path, &ei), 0);
    assert_int_equal(seal_key_load(path, &w->seal, &ei), 0);
    if (store) {
        struct store_opts o = STORE_OPTS_DEFAULT(w->dir);
        o.flush_ms = 1;
        assert_int_equal(store_open(&w->store, &o, true, &ei), 0);
    }
    w->sim = sim_world_new(7, (struct wall){1700000000000000});
    for (unsigned i = 0; i < nshards; i++)
        w->loops[i] = sim_loop_new(w->sim);
    w->out = sim_loop_new(w->sim);
    make_app(w);
}

static void remove_dir(const char *dir) {
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

void world_unmake(struct world *w) {
    if (w->store)
        store_sync(w->store);
    world_run(w, 10);
    app_free(&w->app);
    store_close(&w->store);
    for (unsigned i = 0; i < w->nshards; i++)
        loop_free(&w->loops[i]);
    loop_free(&w->out);
    sim_world_free(&w->sim);
    seal_key_free(&w->seal);
    remove_dir(w->dir);
}

void world_restart(struct world *w) {
    store_sync(w->store);
    world_run(w, 10);
    app_free(&w->app);
    for (unsigned i = 0; i < w->nshards; i++) {
        loop_free(&w->loops[i]);
        w->loops[i] = sim_loop_new(w->sim);
    }
    make_app(w);
}

void world_listen(struct world *w, struct tls_ctx *tls) {
    struct errinfo ei = {0};
    for (unsigned i = 0; i < w->nshards; i++)
        if (app_open_cira(w->app->shards[i], WORLD_CIRA, tls, w->nshards > 1, &ei) < 0)
            fail_msg("%s", ei.text);
}

void world_run(struct world *w, int64_t ms) {
    sim_run_until(w->sim, mono_add_ms(sim_now(w->sim), ms));
}

bool world_until(struct world *w, bool (*cond)(void *ctx), void *ctx, int64_t ms) {
    struct mono until = mono_add_ms(sim_now(w->sim), ms);
    while (!cond(ctx)) {
        if (w->store)
            store_sync(w->store); /* its thread knows no virtual time */
        if (mono_due(until, sim_now(w->sim)))
            return false;
        world_run(w, 1);
    }
    return true;
}

struct creating {
    bool done;
    int err;
    char id[HOST_ID_CAP];
};
static void created(struct fleet_create *c) {
    struct creating *k = c->ctx;
    k->done = true;
    k->err = c->err;
    if (c->err == 0)
        memcpy(k->id, c->ids[0], HOST_ID_CAP);
    fleet_create_free(&c);
}
static bool is_created(void *ctx) {
    return ((struct creating *)ctx)->done;
}

const char *world_host(struct world *w, const char *name, char id[HOST_ID_CAP]) {
    struct creating k = {0};
    struct fleet_create *c = calloc(1, sizeof *c);
    *c = (struct fleet_create){.from = w->app->shards[0], .nrows = 1, .rows = calloc(1, sizeof *c->rows)};
    struct host_new *v = c->rows;
    snprintf(v->project, sizeof v->project, "default");
    snprintf(v->name, sizeof v->name, "%s", name);
    snprintf(v->cira_user, sizeof v->cira_user, "u-%s", name);
    snprintf(v->cira_password, sizeof v->cira_password, "p-%s", name);
    snprintf(v->amt_user, sizeof v->amt_user, "admin");
    snprintf(v->amt_password, sizeof v->amt_password, "P@ssw0rd");
    snprintf(v->actor, sizeof v->actor, "admin");
    v->desired = POWER_UNKNOWN;
    c->done = created;
    c->ctx = &k;
    fleet_create(c);
    assert_true(world_until(w, is_created, &k, 1000));
    assert_int_equal(k.err, 0);
    memcpy(id, k.id, HOST_ID_CAP);
    return id;
}

struct fleet_host *world_find(struct world *w, const char *id) {
    return fleet_host_find(app_shard_of(w->app, id), id);
}

int64_t world_metric(const struct world *w, enum metric k) {
    int64_t sum = 0;
    for (unsigned i = 0; i < w->nshards; i++)
        sum += metric_read(&w->app->shards[i]->metrics, k);
    return sum;
}

/* --- a scripted device --- */

void device_send(struct device *d, struct slice bytes) {
    if (!d->s)
        return;
    bool cut = d->cut_after && d->sent + bytes.n >= d->cut_after;
    if (cut)
        bytes.n = d->cut_after - d->sent;
    int r = stream_write(d->s, bytes);
    (void)r;
    d->sent += bytes.n;
    if (cut)
        stream_close(d->s);
}

void device_flush(struct device *d) {
    for (struct slice out; d->s && (out = apf_output(d->apf)).n > 0;) {
        device_send(d, out);
        apf_sent(d->apf, out.n);
    }
}

static void on_event(struct device *d, const struct apf_ev *ev) {
    switch (ev->kind) {
    case APF_EV_READY:
        d->ready = true;
        break;
    case APF_EV_AUTH_FAILED:
        d->denied = true;
        break;
    case APF_EV_DISCONNECT:
        d->disconnected = true;
        d->disconnect_reason = ev->reason;
        break;
    case APF_EV_OPEN:
        d->opens++; /* no service behind it */
        assert_int_equal(apf_refuse(d->apf, ev->chan, APF_OPEN_CONNECT_FAILED), 0);
        break;
    case APF_EV_KEEPALIVE:
        d->keepalives++;
        break;
    case APF_EV_KEEPALIVE_OPTIONS:
        d->keepalive_interval = ev->interval_s;
        break;
    default:
        break;
    }
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct device *d = ctx;
    (void)s;
    if (d->mute) {
        buf_put(&d->got, data);
        return;
    }
    struct apf_ev ev;
    while (apf_input(d->apf, &data, loop_now(d->w->out), &ev) > 0)
        on_event(d, &ev);
    device_flush(d);
}

static void on_open(struct stream *s, void *ctx) {
    struct device *d = ctx;
    (void)s;
    if (d->mute)
        return;
    assert_int_equal(apf_login(d->apf, &d->login), 0);
    device_flush(d);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct device *d = ctx;
    (void)s;
    d->s = NULL;
    d->ended = true;
    d->why = why;
}

static const struct stream_handler handler = {.on_open = on_open, .on_data = on_data, .on_end = on_end};

static void connect_device(struct device *d, const char *source) {
    struct connect_opts o = {.address = WORLD_CIRA, .timeout_ms = 5000};
    d->apf = apf_new(APF_DEVICE, &APF_LIMITS_DEFAULT);
    sim_next_source(d->w->out, source);
    d->s = stream_connect(d->w->out, &o, &handler, d);
    assert_non_null(d->s);
}

void device_open(struct device *d, struct world *w, const char *source, const char *user,
                 const char *password) {
    size_t cut = d->cut_after;
    struct uuid uuid = {{0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    *d = (struct device){.w = w, .cut_after = cut, .ports = {16993, 16992, 664, 623}};
    d->login =
        (struct apf_login){.uuid = uuid, .trigger = 4, .user = user, .password = password, .nports = 4};
    d->login.ports = d->ports;
    connect_device(d, source);
}

void device_open_mute(struct device *d, struct world *w, const char *source) {
    *d = (struct device){.w = w, .mute = true};
    connect_device(d, source);
}

void device_close(struct device *d) {
    if (d->s) {
        stream_handle(d->s, NULL, NULL);
        stream_abort(d->s);
    }
    apf_free(&d->apf);
    buf_free(&d->got);
    *d = (struct device){0};
}
