/* SPDX-License-Identifier: Apache-2.0 */
/* api_provisioning: what is under way with a node's firmware; and the barrier that deauthorizing and deleting
 * are: deactivate, see it done, then forget. Source: docs/activation.md */
#include "server/api.h"

#include "server/agents.h"
#include "server/directory.h"
#include "server/filter.h"
#include "server/provisioning.h"
#include "server/reading.h"

#include <stdio.h>
#include <stdlib.h>

/* --- reading and cancelling --- */

static int show_provisioning(struct reading *rd, struct fleet_host *fh) {
    struct json j = json_of(rd->out);
    provisioning_json(&j, NULL, fh);
    return 0;
}

void api_provisioning_get(struct request *r) {
    reading_answer(r, show_provisioning);
}

struct order {
    struct request *r;
    struct provisioning_order o;
    struct fleet_delete del;
    bool removes;
};

/* NULL: r is answered. */
static struct order *order_new(struct request *r, enum prov_goal goal,
                               void (*done)(struct provisioning_order *o)) {
    struct order *od = arena_alloc(&r->arena, sizeof *od);
    if (!od) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    if (!host_id_param(r, od->o.call.host))
        return NULL;
    od->r = r;
    od->o.goal = goal;
    od->o.call.from = r->shard;
    od->o.done = done;
    od->o.ctx = od;
    snprintf(od->o.actor, sizeof od->o.actor, "%s", r->who.user);
    slice_to_str(slice_str(r->params[0]), od->o.project, sizeof od->o.project);
    request_hold(r);
    return od;
}

static void show_done(struct provisioning_order *o) {
    struct order *od = o->ctx;
    if (o->call.err)
        reply_error(od->r, &o->call.error);
    else
        reading_answer_id(od->r, o->call.host, o->goal == PROV_GOAL_NONE ? 200 : 202, show_provisioning);
}

void api_provisioning_cancel(struct request *r) {
    struct order *od = order_new(r, PROV_GOAL_NONE, show_done);
    if (od)
        provisioning_order(&od->o);
}

/* --- rotation --- */

static const char *const SECRET_VALUES[] = {"amt", "cira", "all", NULL};
static const struct field ROTATE_FIELDS[] = {
    {"secret", FIELD_ENUM, .values = SECRET_VALUES, .required = true}, {0}};
const struct schema SCHEMA_ROTATE = {"RotateSecret", ROTATE_FIELDS};

static enum prov_goal rotation_of(const char *secret) {
    return strcmp(secret, "amt") == 0    ? PROV_GOAL_ROTATE_AMT
           : strcmp(secret, "cira") == 0 ? PROV_GOAL_ROTATE_CIRA
                                         : PROV_GOAL_ROTATE_ALL;
}

void api_host_rotate(struct request *r) {
    struct order *od = order_new(r, rotation_of(body_text(r->json, "secret", "all")), show_done);
    if (od)
        provisioning_order(&od->o);
}

/* --- rotation of all that match: the shards tell ids, then each host is ordered, some at a time --- */
enum { ROTATE_AT_A_TIME = 32 };

struct found {
    char (*ids)[HOST_ID_CAP];
    size_t n, cap;
};
struct rotation;
struct rotation_slot {
    struct provisioning_order o;
    struct rotation *all;
    bool busy;
};
struct rotation {
    struct fleet_scan scan;
    struct request *r;
    const char *project;
    struct filter *filter;
    enum prov_goal goal;
    struct found found[SHARDS_MAX];
    unsigned part; /* the next one to order is found[part].ids[at] */
    size_t at, running, ordered;
    bool failed;        /* out of memory */
    struct buf refused; /* JSON objects with commas between */
    struct rotation_slot slots[ROTATE_AT_A_TIME];
};

static void rotation_free(struct rotation *ro) {
    for (unsigned i = 0; i < SHARDS_MAX; i++)
        free(ro->found[i].ids);
    buf_free(&ro->refused);
    free(ro);
}

static void rotation_fail(struct rotation *ro) {
    struct request *r = ro->r;
    rotation_free(ro);
    reply_fail(r, ERR_BUSY, "", "out of memory");
}

static bool found_add(struct found *f, const char *id) {
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 64;
        char(*ids)[HOST_ID_CAP] = realloc(f->ids, cap * sizeof *ids);
        if (!ids)
            return false;
        f->ids = ids;
        f->cap = cap;
    }
    snprintf(f->ids[f->n++], HOST_ID_CAP, "%s", id);
    return true;
}

static void rotation_visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct rotation *ro = CONTAINER_OF(scan, struct rotation, scan);
    struct map_iter it = {0};
    for (struct map_node *n; !ro->failed && (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        struct host_view v = host_view_of(&fh->h, &s->app->policy, shard_now(s));
        if (!fh->deleting && strcmp(fh->h.project, ro->project) == 0 && filter_match(ro->filter, &v))
            ro->failed = !found_add(&ro->found[part], fh->h.id);
    }
}

static void rotation_answer(struct rotation *ro) {
    struct request *r = ro->r;
    struct json j = request_json(r);
    json_obj(&j);
    json_kint(&j, "ordered", (int64_t)ro->ordered);
    json_key(&j, "refused");
    json_arr(&j);
    if (ro->refused.len)
        json_raw(&j, buf_slice(&ro->refused));
    json_arr_end(&j);
    json_obj_end(&j);
    rotation_free(ro);
    reply_json(r, 202);
}

static void rotation_refused(struct rotation *ro, const struct provisioning_order *o) {
    struct directory_entry e;
    struct json j = json_of(&ro->refused);
    if (ro->refused.len)
        buf_puts(&ro->refused, ",");
    json_obj(&j);
    json_kstr(&j, "host", o->call.host);
    json_kstr(&j, "name", directory_by_id(ro->r->shard->app->directory, o->call.host, &e) == 0 ? e.name : "");
    json_kstr(&j, "message", o->call.error.text);
    json_kstr(&j, "remedy", o->call.error.remedy);
    json_obj_end(&j);
}

static void rotation_go_on(struct rotation *ro);
static void rotation_ordered(struct provisioning_order *o) {
    struct rotation_slot *slot = o->ctx;
    struct rotation *ro = slot->all;
    if (o->call.err)
        rotation_refused(ro, o);
    else
        ro->ordered++;
    slot->busy = false;
    ro->running--;
    rotation_go_on(ro);
}

static const char *rotation_next(struct rotation *ro) {
    while (ro->part < SHARDS_MAX && ro->at == ro->found[ro->part].n) {
        ro->part++;
        ro->at = 0;
    }
    return ro->part < SHARDS_MAX ? ro->found[ro->part].ids[ro->at++] : NULL;
}

static void rotation_go_on(struct rotation *ro) {
    for (size_t i = 0; i < ROTATE_AT_A_TIME; i++) {
        struct rotation_slot *slot = &ro->slots[i];
        const char *id = slot->busy ? NULL : rotation_next(ro);
        if (!id)
            continue;
        *slot = (struct rotation_slot){.all = ro, .busy = true};
        ro->running++;
        slot->o.goal = ro->goal;
        slot->o.call.from = ro->r->shard;
        slot->o.done = rotation_ordered;
        slot->o.ctx = slot;
        snprintf(slot->o.call.host, sizeof slot->o.call.host, "%s", id);
        snprintf(slot->o.actor, sizeof slot->o.actor, "%s", ro->r->who.user);
        snprintf(slot->o.project, sizeof slot->o.project, "%s", ro->project);
        provisioning_order(&slot->o);
    }
    if (!ro->running)
        rotation_answer(ro);
}

static void rotation_found(struct fleet_scan *scan) {
    struct rotation *ro = CONTAINER_OF(scan, struct rotation, scan);
    if (ro->failed)
        rotation_fail(ro);
    else
        rotation_go_on(ro);
}

static const struct field ROTATE_MANY_FIELDS[] = {
    {"secret", FIELD_ENUM, .values = SECRET_VALUES, .required = true},
    {"filter", FIELD_TEXT, .max = 4000, .required = true, .doc = "Which hosts, as of their list."},
    {0}};
const struct schema SCHEMA_ROTATE_MANY = {"RotateSecrets", ROTATE_MANY_FIELDS};

void api_hosts_rotate(struct request *r) {
    struct errinfo ei = {0};
    struct rotation *ro = calloc(1, sizeof *ro);
    if (!ro) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    ro->r = r;
    ro->project = r->params[0];
    ro->goal = rotation_of(body_text(r->json, "secret", "all"));
    if (filter_parse(&r->arena, slice_str(body_text(r->json, "filter", "")), &ro->filter, &ei)) {
        rotation_free(ro);
        reply_error(r, &ei);
        return;
    }
    ro->scan = (struct fleet_scan){.from = r->shard, .visit = rotation_visit, .done = rotation_found};
    request_hold(r);
    if (fleet_scan(&ro->scan))
        rotation_fail(ro);
}

/* --- deauthorize, delete --- */

static void left_behind(struct order *od) {
    if (!od->o.left_behind[0])
        return;
    request_put_header(od->r, "X-Left-Behind", od->o.left_behind);
    od->r->detail = od->o.left_behind;
}

static void delete_done(struct fleet_delete *d) {
    struct order *od = d->ctx;
    if (d->call.err || d->call.error.code) {
        reply_error(od->r, &d->call.error);
        return;
    }
    left_behind(od);
    reply_empty(od->r, 204);
}

static void identity_void(struct order *od) {
    if (od->removes) {
        od->del.call.from = od->r->shard;
        memcpy(od->del.call.host, od->o.call.host, sizeof od->del.call.host);
        snprintf(od->del.actor, sizeof od->del.actor, "%s", od->r->who.user);
        od->del.ctx = od;
        od->del.done = delete_done;
        fleet_delete(&od->del);
        return;
    }
    left_behind(od);
    reading_answer_id(od->r, od->o.call.host, 200, reading_host);
}

/* The firmware is free (or was given up): the agent's identity goes, too. */
static void revoke_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    (void)s;
    if (fh)
        agents_revoke(fh, "the host was deauthorized");
    fleet_answer(c);
}
static void revoke_done(struct fleet_call *c) {
    struct order *od = CONTAINER_OF(CONTAINER_OF(c, struct provisioning_order, call), struct order, o);
    identity_void(od);
}

static void deactivated(struct provisioning_order *o) {
    struct order *od = o->ctx;
    if (o->call.err) {
        reply_error(od->r, &o->call.error);
        return;
    }
    o->call.run = revoke_run;
    o->call.done = revoke_done;
    fleet_ask(&o->call);
}

static void barrier(struct request *r, bool removes) {
    struct order *od = order_new(r, PROV_GOAL_DEACTIVATE, deactivated);
    if (!od)
        return;
    od->removes = removes;
    od->o.wait = true;
    od->o.void_secrets = true;
    od->o.force = r->query[QUERY_FORCE].given && r->query[QUERY_FORCE].number;
    provisioning_order(&od->o);
}

void api_host_deauthorize(struct request *r) {
    barrier(r, false);
}

void api_host_delete(struct request *r) {
    barrier(r, true);
}
