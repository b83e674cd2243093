/* SPDX-License-Identifier: Apache-2.0 */
/* api_provisioning: what is under way with a node's firmware; and the barrier that deauthorizing and deleting
 * are: deactivate, see it done, then forget. Source: docs/activation.md */
#include "server/api.h"

#include "server/agents.h"
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
