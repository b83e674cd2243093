/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include "base/map.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAZY_MS = 200 };

enum { ROW_KEY_CAP = OBJECT_KIND_CAP + HOST_PROJECT_CAP + OBJECT_NAME_CAP };

/* One committed row, found by its id; an object by kind/project/name. */
struct row {
    struct map_node node;
    char key[ROW_KEY_CAP];
    union {
        struct store_host host;
        struct store_op op;
        struct store_quarantine quarantine;
        struct store_provision provision;
        struct store_object object;
    } u;
};

struct waiting {
    struct list_node node;
    struct store_txn *txn;
    struct mono at;
};

struct store {
    struct disk *disk;
};
struct disk {
    struct store handle;
    struct loop *loop;
    struct rng *rng;
    struct loop_timer timer;
    struct list queue;
    struct map hosts, ops, quarantines, provisions, objects;
    struct disk_weather weather;
    bool frozen;
    void (*on_submit)(void *ctx);
    void *ctx;
    uint64_t last_event, commits;
};

static void flush_due(struct loop_timer *t);

struct disk *disk_new(struct loop *l, struct rng *rng) {
    struct disk *d = calloc(1, sizeof *d);
    assert(d);
    d->handle.disk = d;
    d->loop = l;
    d->rng = rng;
    d->timer.fn = flush_due;
    list_init(&d->queue);
    return d;
}

static void map_drop(struct map *m) {
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(m, &it));)
        free(CONTAINER_OF(n, struct row, node));
    map_free(m);
}

/* What the rows of objects own. */
static void object_fini(struct store_object *o) {
    free(o->body);
    free(o->secret);
    *o = (struct store_object){0};
}
static void objects_drop(struct disk *d) {
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&d->objects, &it));)
        object_fini(&CONTAINER_OF(n, struct row, node)->u.object);
}

void disk_free(struct disk **dp) {
    struct disk *d = *dp;
    if (!d)
        return;
    disk_crash(d);
    loop_timer_stop(d->loop, &d->timer);
    map_drop(&d->hosts);
    map_drop(&d->ops);
    map_drop(&d->quarantines);
    map_drop(&d->provisions);
    objects_drop(d);
    map_drop(&d->objects);
    free(d);
    *dp = NULL;
}

void disk_weather_set(struct disk *d, const struct disk_weather *w) {
    d->weather = *w;
}
struct store *disk_store(struct disk *d) {
    return &d->handle;
}
void disk_freeze(struct disk *d) {
    d->frozen = true;
}
void disk_on_submit(struct disk *d, void (*fn)(void *ctx), void *ctx) {
    d->on_submit = fn;
    d->ctx = ctx;
}
uint64_t disk_commits(const struct disk *d) {
    return d->commits;
}

void disk_crash(struct disk *d) {
    for (struct list_node *n; (n = list_pop(&d->queue));) {
        struct waiting *w = CONTAINER_OF(n, struct waiting, node);
        store_txn_free(&w->txn);
        free(w);
    }
    d->frozen = false;
}

/* --- committed rows --- */

static struct row *row_get(struct map *m, const char *key, bool make) {
    struct map_node *n = map_get(m, slice_str(key));
    if (n)
        return CONTAINER_OF(n, struct row, node);
    if (!make)
        return NULL;
    struct row *r = calloc(1, sizeof *r);
    assert(r);
    snprintf(r->key, sizeof r->key, "%s", key);
    int err = map_put(m, &r->node, slice_str(r->key));
    assert(err == 0);
    (void)err;
    return r;
}

static void row_drop(struct map *m, const char *key) {
    struct row *r = row_get(m, key, false);
    if (!r)
        return;
    map_remove(m, &r->node);
    free(r);
}

const struct store_host *disk_host(const struct disk *d, const char *id) {
    struct map_node *n = map_get(&d->hosts, slice_str(id));
    return n ? &CONTAINER_OF(n, struct row, node)->u.host : NULL;
}
const struct store_op *disk_op(const struct disk *d, const char *id) {
    struct map_node *n = map_get(&d->ops, slice_str(id));
    return n ? &CONTAINER_OF(n, struct row, node)->u.op : NULL;
}

const struct store_provision *disk_provision(const struct disk *d, const char *host) {
    struct map_node *n = map_get(&d->provisions, slice_str(host));
    return n ? &CONTAINER_OF(n, struct row, node)->u.provision : NULL;
}

static void update_host(struct disk *d, enum store_write_kind kind, const struct store_host *from) {
    struct row *r = row_get(&d->hosts, from->id, kind == STORE_HOST_PUT);
    if (!r)
        return; /* deleted meanwhile */
    struct store_host *to = &r->u.host;
    switch (kind) {
    case STORE_HOST_PUT:
        *to = *from;
        break;
    case STORE_HOST_INTENT:
        to->intent = from->intent;
        break;
    case STORE_HOST_LINK:
        to->link_state = from->link_state;
        to->link_why = from->link_why;
        to->link_generation = from->link_generation;
        to->link_since = from->link_since;
        to->seen_uuid = from->seen_uuid;
        memcpy(to->link_peer, from->link_peer, sizeof to->link_peer);
        to->drops_at_off = from->drops_at_off;
        to->last_off_seen = from->last_off_seen;
        break;
    case STORE_HOST_POWER:
        to->power_state = from->power_state;
        to->power_cim = from->power_cim;
        to->power_source = from->power_source;
        to->power_at = from->power_at;
        to->last_off_seen = from->last_off_seen;
        break;
    case STORE_HOST_INFO:
        to->has_info = from->has_info;
        to->info = from->info;
        to->info_at = from->info_at;
        break;
    case STORE_HOST_AMT:
        to->amt_state = from->amt_state;
        to->amt_source = from->amt_source;
        to->amt_at = from->amt_at;
        to->control_mode = from->control_mode;
        break;
    default:
        break;
    }
}

static const char *object_key(const struct store_object *o, char key[ROW_KEY_CAP]) {
    snprintf(key, ROW_KEY_CAP, "%s/%s/%s", o->kind, o->project, o->name);
    return key;
}

static void put_object(struct disk *d, const struct store_object *from) {
    char key[ROW_KEY_CAP];
    struct store_object *to = &row_get(&d->objects, object_key(from, key), true)->u.object;
    object_fini(to);
    *to = *from;
    to->body = from->body ? strdup(from->body) : NULL;
    to->secret = from->secret ? strdup(from->secret) : NULL;
}

static void drop_object(struct disk *d, const struct store_object *o) {
    char key[ROW_KEY_CAP];
    struct row *r = row_get(&d->objects, object_key(o, key), false);
    if (!r)
        return;
    object_fini(&r->u.object);
    row_drop(&d->objects, key);
}

static void apply(struct disk *d, const struct store_write *w) {
    switch (w->kind) {
    case STORE_HOST_PUT:
    case STORE_HOST_INTENT:
    case STORE_HOST_LINK:
    case STORE_HOST_POWER:
    case STORE_HOST_INFO:
    case STORE_HOST_PIN:
    case STORE_HOST_AMT:
        update_host(d, w->kind, w->u.host);
        break;
    case STORE_HOST_DELETE:
        row_drop(&d->hosts, w->u.host->id);
        row_drop(&d->provisions, w->u.host->id);
        break;
    case STORE_PROVISION_PUT:
        if (row_get(&d->hosts, w->u.provision->host, false))
            row_get(&d->provisions, w->u.provision->host, true)->u.provision = *w->u.provision;
        break;
    case STORE_OP_PUT:
        row_get(&d->ops, w->u.op->op.id, true)->u.op = *w->u.op;
        break;
    case STORE_EVENT_ADD:
        if (w->u.event->seq > d->last_event)
            d->last_event = w->u.event->seq;
        break;
    case STORE_QUARANTINE_PUT:
        row_get(&d->quarantines, w->u.quarantine->id, true)->u.quarantine = *w->u.quarantine;
        break;
    case STORE_QUARANTINE_DELETE:
        row_drop(&d->quarantines, w->u.quarantine->id);
        break;
    case STORE_OBJECT_PUT:
        put_object(d, w->u.object);
        break;
    case STORE_OBJECT_DELETE:
        drop_object(d, w->u.object);
        break;
    default:
        break; /* users, audit, meta: not of this simulation */
    }
}

static struct waiting *waiting_of(struct list_node *n) {
    return CONTAINER_OF(n, struct waiting, node);
}

static void arm(struct disk *d) {
    struct mono at = MONO_NEVER;
    LIST_EACH (n, &d->queue)
        at = mono_min(at, waiting_of(n)->at);
    loop_timer_set(d->loop, &d->timer, at);
}

static void commit(struct disk *d, struct store_txn *txn) {
    if (d->weather.full && txn->durable) {
        txn->err = ERR_STORE_FULL;
        snprintf(txn->why, sizeof txn->why, "the disk is full");
    } else {
        for (const struct store_write *x = txn->first; x; x = x->next)
            apply(d, x);
        d->commits++;
    }
    if (txn->done)
        txn->done(txn);
    else
        store_txn_free(&txn);
}

/* One writer, in order: whatever stands before a commit that is due goes along with it. */
static void flush_due(struct loop_timer *t) {
    struct disk *d = CONTAINER_OF(t, struct disk, timer);
    struct mono now = loop_now(d->loop);
    size_t due = 0, i = 0;
    LIST_EACH (n, &d->queue) {
        i++;
        if (!mono_before(now, waiting_of(n)->at))
            due = i;
    }
    while (due-- > 0) {
        struct waiting *w = waiting_of(list_pop(&d->queue));
        struct store_txn *txn = w->txn;
        free(w);
        commit(d, txn);
    }
    arm(d);
}

/* --- store.h --- */

int store_submit(struct store *s, struct store_txn *t) {
    struct disk *d = s->disk;
    if (d->on_submit)
        d->on_submit(d->ctx);
    if (d->frozen) { /* a dead server's words: heard by nobody */
        store_txn_free(&t);
        return 0;
    }
    struct waiting *w = calloc(1, sizeof *w);
    assert(w);
    w->txn = t;
    int64_t ms =
        t->durable ? rng_range(d->rng, d->weather.durable_min_ms, d->weather.durable_max_ms) : LAZY_MS;
    w->at = mono_add_ms(loop_now(d->loop), ms);
    list_push(&d->queue, &w->node);
    arm(d);
    return 0;
}

bool store_healthy(const struct store *s) {
    return !s->disk->weather.full;
}
size_t store_queue_length(const struct store *s) {
    return s->disk->queue.count;
}
uint64_t store_commits(const struct store *s) {
    return s->disk->commits;
}
uint64_t store_last_event(struct store *s) {
    return s->disk->last_event;
}
int store_sync(struct store *s) {
    (void)s;
    return 0;
}

int store_each_host(struct store *s, int (*fn)(void *ctx, const struct store_host *row), void *ctx) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *n; !r && (n = map_next(&s->disk->hosts, &it));)
        r = fn(ctx, &CONTAINER_OF(n, struct row, node)->u.host);
    return r;
}

int store_each_open_op(struct store *s, int (*fn)(void *ctx, const struct store_op *row), void *ctx) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *n; !r && (n = map_next(&s->disk->ops, &it));) {
        const struct store_op *o = &CONTAINER_OF(n, struct row, node)->u.op;
        if (!op_state_final(o->op.state))
            r = fn(ctx, o);
    }
    return r;
}

int store_each_provision(struct store *s, int (*fn)(void *ctx, const struct store_provision *row),
                         void *ctx) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *n; !r && (n = map_next(&s->disk->provisions, &it));)
        r = fn(ctx, &CONTAINER_OF(n, struct row, node)->u.provision);
    return r;
}

/* agents: not of this simulation */
int store_each_agent(struct store *s, int (*fn)(void *ctx, const struct store_agent *row), void *ctx) {
    return 0;
}

int store_each_object(struct store *s, int (*fn)(void *ctx, const struct store_object *row), void *ctx) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *n; !r && (n = map_next(&s->disk->objects, &it));)
        r = fn(ctx, &CONTAINER_OF(n, struct row, node)->u.object);
    return r;
}

int store_each_quarantine(struct store *s, int (*fn)(void *ctx, const struct store_quarantine *row),
                          void *ctx) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *n; !r && (n = map_next(&s->disk->quarantines, &it));)
        r = fn(ctx, &CONTAINER_OF(n, struct row, node)->u.quarantine);
    return r;
}
