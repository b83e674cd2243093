/* SPDX-License-Identifier: Apache-2.0 */
/* One driver a shard: every millisecond a random request of the fleet, as the doors make them. */
#include "threads.h"

#include "base/json.h"
#include "server/objects.h"

#include <jansson.h>

enum { EVERY_MS = 1, IN_FLIGHT_MAX = 64 };

static uint32_t pick(struct driver *d, uint32_t n) {
    d->rng = d->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->rng >> 33) % n;
}

const char *driver_some_host(struct driver *d) {
    if (d->nown && pick(d, 4) == 0)
        return d->own[pick(d, d->nown)];
    return d->rig->ids[pick(d, NODES)];
}

static void begin(struct driver *d) {
    atomic_fetch_add(&d->in_flight, 1);
}
static void finish(struct driver *d) {
    d->done++;
    LOOP_ASSERT(d->shard->loop);
    atomic_fetch_sub(&d->in_flight, 1);
}

/* --- commands --- */

static void commanded(struct fleet_command *c) {
    struct driver *d = c->ctx;
    assert_true(c->call.err == 0 || c->call.error.text[0] != 0);
    d->commands++;
    free(c);
    finish(d);
}

static void do_command(struct driver *d) {
    struct fleet_command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->call.from = d->shard;
    snprintf(c->call.host, sizeof c->call.host, "%s", driver_some_host(d));
    c->done = commanded;
    c->ctx = d;
    c->cmd.kind = (enum command_kind)pick(d, 4);
    c->cmd.op = (enum power_op)pick(d, POWER_OP_COUNT);
    c->cmd.desired = pick(d, 2) ? POWER_ON : POWER_OFF;
    c->cmd.policy = RECOVERY_KEEP;
    c->cmd.force = pick(d, 2);
    c->cmd.deadline_ms = pick(d, 2) ? 50 : 5000;
    snprintf(c->cmd.actor, sizeof c->cmd.actor, "driver-%u", d->shard->index);
    begin(d);
    fleet_command(c);
}

/* --- looking --- */

struct looking {
    struct fleet_call call;
    struct driver *driver;
    struct buf json;
};

static void look_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    struct looking *k = CONTAINER_OF(c, struct looking, call);
    if (fh)
        fleet_host_json(&k->json, fh);
    fleet_answer(c);
}
static void looked(struct fleet_call *c) {
    struct looking *k = CONTAINER_OF(c, struct looking, call);
    struct driver *d = k->driver;
    buf_free(&k->json);
    free(k);
    finish(d);
}

static void do_look(struct driver *d) {
    struct looking *k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->driver = d;
    k->call.from = d->shard;
    k->call.run = look_run;
    k->call.done = looked;
    snprintf(k->call.host, sizeof k->call.host, "%s", driver_some_host(d));
    begin(d);
    fleet_ask(&k->call);
}

struct scanning {
    struct fleet_scan scan;
    struct driver *driver;
    struct buf json;
    size_t hosts;
};

static void visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct scanning *k = CONTAINER_OF(scan, struct scanning, scan);
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        buf_clear(&k->json);
        fleet_host_json(&k->json, CONTAINER_OF(n, struct fleet_host, node));
        k->hosts++;
    }
}
static void scanned(struct fleet_scan *scan) {
    struct scanning *k = CONTAINER_OF(scan, struct scanning, scan);
    struct driver *d = k->driver;
    assert_true(k->hosts >= NODES - SHARDS * VOLATILE);
    buf_free(&k->json);
    free(k);
    d->scans++;
    finish(d);
}

static void do_scan(struct driver *d) {
    struct scanning *k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->driver = d;
    k->scan = (struct fleet_scan){.from = d->shard, .visit = visit, .done = scanned};
    begin(d);
    assert_int_equal(fleet_scan(&k->scan), 0);
}

/* --- hosts come and go --- */

struct making {
    struct driver *driver;
    int slot; /* of volatile_id; -1: a host without a node */
};

static void made(struct fleet_create *c) {
    struct making *k = c->ctx;
    struct driver *d = k->driver;
    if (c->err == 0) {
        d->created += (unsigned)c->nrows;
        for (size_t i = 0; i < c->nrows; i++)
            if (k->slot >= 0)
                memcpy(d->volatile_id[k->slot], c->ids[i], HOST_ID_CAP);
            else if (d->nown < sizeof d->own / sizeof d->own[0])
                memcpy(d->own[d->nown++], c->ids[i], HOST_ID_CAP);
    }
    free(k);
    fleet_create_free(&c);
    finish(d);
}

void driver_make(struct driver *d, struct host_new *rows, size_t n, int slot) {
    struct fleet_create *c = calloc(1, sizeof *c);
    struct making *k = calloc(1, sizeof *k);
    assert_true(c && k);
    *k = (struct making){d, slot};
    *c = (struct fleet_create){.from = d->shard, .rows = rows, .nrows = n, .done = made, .ctx = k};
    begin(d);
    fleet_create(c);
}

static void do_create(struct driver *d) {
    size_t n = 1 + pick(d, 6);
    struct host_new *rows = calloc(n, sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        /* names of two drivers meet now and then: one of the two is refused as a whole */
        unsigned owner = pick(d, 8) ? d->shard->index : 9;
        snprintf(rows[i].name, sizeof rows[i].name, "extra-%u-%u", owner, d->names++);
        snprintf(rows[i].project, sizeof rows[i].project, "default");
        snprintf(rows[i].actor, sizeof rows[i].actor, "driver");
        rows[i].desired = POWER_ON;
    }
    driver_make(d, rows, n, -1);
}

static void deleted(struct fleet_delete *c) {
    struct driver *d = c->ctx;
    d->deleted += c->call.err == 0;
    free(c);
    finish(d);
}

static void remove_host(struct driver *d, const char *id) {
    struct fleet_delete *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->call.from = d->shard;
    snprintf(c->call.host, sizeof c->call.host, "%s", id);
    snprintf(c->actor, sizeof c->actor, "driver");
    c->done = deleted;
    c->ctx = d;
    begin(d);
    fleet_delete(c);
}

static void do_delete(struct driver *d) {
    if (!d->nown)
        return;
    unsigned i = pick(d, d->nown);
    remove_host(d, d->own[i]);
    memcpy(d->own[i], d->own[--d->nown], HOST_ID_CAP);
}

/* A host with a living node goes, or comes back: its tunnel is thrown out, or let in again. */
static void do_volatile(struct driver *d) {
    unsigned slot = pick(d, VOLATILE);
    if (d->volatile_id[slot][0]) {
        remove_host(d, d->volatile_id[slot]);
        d->volatile_id[slot][0] = 0;
        return;
    }
    struct sim_node_config cfg;
    sim_plan_node(&d->rig->plan, NODES - d->shard->index * VOLATILE - slot, &cfg);
    struct host_new *row = calloc(1, sizeof *row);
    assert_non_null(row);
    snprintf(row->project, sizeof row->project, "default");
    snprintf(row->name, sizeof row->name, "%s", cfg.id.name);
    snprintf(row->cira_user, sizeof row->cira_user, "%s", cfg.id.cira_user);
    snprintf(row->cira_password, sizeof row->cira_password, "%s", cfg.id.cira_password);
    snprintf(row->amt_user, sizeof row->amt_user, "%s", cfg.id.amt_user);
    snprintf(row->amt_password, sizeof row->amt_password, "%s", cfg.id.amt_password);
    driver_make(d, row, 1, (int)slot);
}

/* --- changes --- */

static void patched(struct fleet_patch *c) {
    struct driver *d = c->ctx;
    free(c);
    finish(d);
}

static void do_patch(struct driver *d) {
    struct fleet_patch *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->call.from = d->shard;
    snprintf(c->call.host, sizeof c->call.host, "%s", driver_some_host(d));
    c->bits = PATCH_SERIAL;
    snprintf(c->v.serial, sizeof c->v.serial, "S%u", pick(d, 1000));
    c->done = patched;
    c->ctx = d;
    begin(d);
    fleet_patch(c);
}

/* --- subscribers --- */

static void on_event(struct hub_sub *sub, const struct hub_event *e, bool gap) {
    struct driver *d = sub->ctx;
    LOOP_ASSERT(d->shard->loop);
    assert_true(e->seq > 0 && e->kind[0]);
    d->events++;
    d->gaps += gap;
    if (pick(d, 50) == 0) {
        hub_pause(sub);
        d->paused[sub - d->subs] = true;
    }
}

static void do_subscribe(struct driver *d) {
    unsigned i = pick(d, SUBS);
    if (!d->subscribed[i]) {
        d->subs[i] = (struct hub_sub){.shard = d->shard, .fn = on_event, .ctx = d};
        uint64_t last = hub_last_seq(d->rig->app->hub);
        uint64_t after = pick(d, 2) ? UINT64_MAX : last > 20 ? last - 20 : 0;
        d->subscribed[i] = hub_subscribe(d->rig->app->hub, &d->subs[i], after) == 0;
        d->paused[i] = false;
    } else if (d->paused[i]) {
        d->paused[i] = false;
        hub_resume(d->rig->app->hub, &d->subs[i]);
    } else if (pick(d, 4) == 0) {
        hub_unsubscribe(d->rig->app->hub, &d->subs[i]);
        d->subscribed[i] = false;
    }
}

/* --- objects: names and keys that all drivers share --- */

static void object_changed(struct object_change *c) {
    struct driver *d = c->ctx;
    assert_true(c->err == 0 || c->error.text[0] != 0);
    d->objects += c->err == 0;
    free(c);
    finish(d);
}

static void do_object(struct driver *d) {
    static const char hash[] =
        "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; /* "secret" */
    bool profile = pick(d, 2);
    struct object_change *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (struct object_change){.from = d->shard,
                                .what = (enum object_change_kind)pick(d, OBJECT_REVOKE + 1),
                                .kind = profile ? OBJECT_PROFILE : OBJECT_ENROL,
                                .project = "default",
                                .done = object_changed,
                                .ctx = d};
    if (c->what == OBJECT_REVOKE && (profile || pick(d, 8))) /* else the key would be of no use for long */
        c->what = OBJECT_CREATE;
    if (c->what == OBJECT_REPLACE && !profile)
        c->what = OBJECT_DELETE;
    snprintf(c->name, sizeof c->name, "p%u", profile ? pick(d, 3) : 0);
    if (c->what == OBJECT_CREATE || c->what == OBJECT_REPLACE)
        c->body = profile ? json_pack("{s:s,s:b}", "controlMode", "acm", "kvm", pick(d, 2))
                          : json_pack("{s:i,s:s,s:s,s:s}", "maxUses", 5, "hostProject", "default",
                                      "expiresAt", "2126-01-01T00:00:00Z", "sha256", hash);
    begin(d);
    objects_change(d->rig->app->objects, c);
}

static void enrolled(struct objects_enrol *e) {
    struct driver *d = e->ctx;
    d->enrolled += e->err == 0;
    if (e->err == 0 && pick(d, 2))
        objects_enrol_back(d->rig->app->objects, e->project, e->key_name);
    free(e);
    finish(d);
}

static void do_enrol(struct driver *d) {
    struct objects_enrol *e = calloc(1, sizeof *e);
    assert_non_null(e);
    *e = (struct objects_enrol){.from = d->shard, .peek = pick(d, 4) == 0, .done = enrolled, .ctx = d};
    begin(d);
    objects_enrol(d->rig->app->objects, SLICE_LIT("secret"), e);
}

static void do_read_objects(struct driver *d) {
    struct objects *o = d->rig->app->objects;
    struct profile p;
    struct object *all;
    size_t n;
    if (objects_profile(o, "default", "p0", &p, NULL) == 0)
        assert_int_equal(p.mode, AMT_MODE_ACM);
    assert_int_equal(objects_list(o, pick(d, 2) ? OBJECT_PROFILE : OBJECT_ENROL, "default", &all, &n), 0);
    while (n)
        object_free(&all[--n]);
    free(all);
}

/* --- the timer --- */

static void on_timer(struct loop_timer *t) {
    static void (*const all[])(struct driver *) = {
        do_command,   do_command,   do_command, do_look,   do_look,        do_look,
        do_subscribe, do_subscribe, do_patch,   do_create, do_delete,      do_volatile,
        do_scan,      do_object,    do_enrol,   do_enrol,  do_read_objects};
    struct driver *d = CONTAINER_OF(t, struct driver, timer);
    if (d->stopping)
        return;
    if (atomic_load(&d->in_flight) < IN_FLIGHT_MAX)
        all[pick(d, sizeof all / sizeof all[0])](d);
    loop_timer_set(d->shard->loop, t, mono_add_ms(loop_now(d->shard->loop), EVERY_MS));
}

static void starting(struct loop *l, struct loop_msg *m) {
    struct driver *d = CONTAINER_OF(m, struct driver, msg);
    d->timer.fn = on_timer;
    loop_timer_set(l, &d->timer, loop_now(l));
    atomic_fetch_add(&d->pings, 1);
}
static void stopping(struct loop *l, struct loop_msg *m) {
    struct driver *d = CONTAINER_OF(m, struct driver, msg);
    d->stopping = true;
    loop_timer_stop(l, &d->timer);
    visits_close(d);
    for (unsigned i = 0; i < SUBS; i++)
        if (d->subscribed[i])
            hub_unsubscribe(d->rig->app->hub, &d->subs[i]);
    atomic_fetch_add(&d->pings, 1);
}

void driver_start(struct driver *d) {
    d->msg.fn = starting;
    loop_post(d->shard->loop, &d->msg);
}
void driver_stop(struct driver *d) {
    d->msg.fn = stopping;
    loop_post(d->shard->loop, &d->msg);
}
