/* SPDX-License-Identifier: Apache-2.0 */
/* api_ops: power operations: started, listed, cancelled. What is in flight is shown as its host knows it now;
 * the store has the rest. */
#include "server/api.h"

#include "base/text.h"
#include "server/reading.h"
#include "server/storeread.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const KIND_VALUES[] = {
#define O(sym, kind, ...) kind,
    POWER_OP_TABLE(O)
#undef O
        NULL};
static const struct field OPERATION_FIELDS[] = {
    {"kind", FIELD_ENUM, .required = true, .values = KIND_VALUES},
    {"force", FIELD_FLAG, .doc = "End a session that is in the way."},
    {"deadlineSeconds", FIELD_NUMBER, .min = 1, .max = 7 * 86400,
     .doc = "Give up when it was not sent by then."},
    {0}};
const struct schema SCHEMA_OPERATION = {"NewOperation", OPERATION_FIELDS};

static void answer_op(struct request *r, int status, const char *host, const struct operation *op) {
    char location[160];
    snprintf(location, sizeof location, "/v1/projects/%s/compute/operations/%s", r->params[0], op->id);
    if (status == 202)
        request_put_header(r, "Location", location);
    struct json j = request_json(r);
    fleet_op_json(&j, host, op);
    reply_json(r, status);
}

/* --- create --- */
struct op_create {
    struct fleet_command c;
    struct store_read read; /* of an earlier request with the same key */
    struct request *r;
    struct store_op earlier;
    bool found;
    struct fleet_call check;
};

static void create_done(struct fleet_command *c) {
    struct op_create *oc = c->ctx;
    if (c->call.err || c->call.error.code) {
        reply_error(oc->r, &c->call.error);
        return;
    }
    answer_op(oc->r, 202, c->call.host, &c->op);
}

static int take_first(void *ctx, const struct store_op *row) {
    struct op_create *oc = ctx;
    oc->earlier = *row;
    oc->found = true;
    return 1;
}

static int read_earlier(struct store_read *sr) {
    struct op_create *oc = sr->ctx;
    struct store_op_query q = {
        .project = sr->r->params[0], .host = oc->c.call.host, .key = oc->c.cmd.key, .limit = 1};
    int err = store_ops(sr->store, &q, take_first, oc);
    return err < 0 ? err : 0;
}

static void read_earlier_done(struct store_read *sr) {
    struct op_create *oc = sr->ctx;
    if (store_read_failed(sr))
        return;
    if (!oc->found)
        fleet_command(&oc->c);
    else if (oc->earlier.op.kind != oc->c.cmd.op)
        reply_fail(oc->r, ERR_STATE, "Idempotency-Key",
                   "this Idempotency-Key was used for operation %s, a %s", oc->earlier.op.id,
                   power_op_row(oc->earlier.op.kind)->kind);
    else
        answer_op(oc->r, 202, oc->earlier.host, &oc->earlier.op);
}

/* A host of another project must look as if it were not there. */
static void check_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    struct op_create *oc = CONTAINER_OF(c, struct op_create, check);
    c->err = host_check(fh, oc->r->params[0], c->host, &c->error);
    fleet_answer(c);
}
static void check_done(struct fleet_call *c) {
    struct op_create *oc = CONTAINER_OF(c, struct op_create, check);
    if (c->err)
        reply_error(oc->r, &c->error);
    else if (*oc->c.cmd.key)
        store_read_start(&oc->read);
    else
        fleet_command(&oc->c);
}

static int read_key(struct request *r, char key[OP_KEY_CAP], struct errinfo *ei) {
    struct slice given = r->headers[REQUEST_H_IDEMPOTENCY_KEY];
    *key = 0;
    if (!given.p ||
        (text_in_set(given, TEXT_ALNUM "-_.:\"", 1, OP_KEY_CAP - 1) && slice_to_str(given, key, OP_KEY_CAP)))
        return 0;
    return err_set(ei, ERR_INVALID, "Idempotency-Key",
                   "an Idempotency-Key has 1 to %d letters, digits and - _ . :", OP_KEY_CAP - 1);
}

void api_op_create(struct request *r) {
    struct op_create *oc = arena_alloc(&r->arena, sizeof *oc);
    struct errinfo ei = {0};
    if (!oc) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (!host_id_param(r, oc->c.call.host))
        return;
    if (read_key(r, oc->c.cmd.key, &ei)) {
        reply_error(r, &ei);
        return;
    }
    oc->r = r;
    oc->read = (struct store_read){.r = r, .ctx = oc, .read = read_earlier, .done = read_earlier_done};
    oc->c.call.from = oc->check.from = r->shard;
    oc->c.ctx = oc;
    oc->c.done = create_done;
    oc->c.cmd.kind = CMD_OPERATE;
    (void)power_op_parse(slice_str(body_text(r->json, "kind", "")), &oc->c.cmd.op);
    oc->c.cmd.force = body_flag(r->json, "force", false);
    oc->c.cmd.deadline_ms = (uint32_t)body_number(r->json, "deadlineSeconds", 0) * 1000;
    snprintf(oc->c.cmd.actor, sizeof oc->c.cmd.actor, "%s", r->who.user);
    memcpy(oc->check.host, oc->c.call.host, sizeof oc->check.host);
    oc->check.run = check_run;
    oc->check.done = check_done;
    request_hold(r);
    fleet_ask(&oc->check);
}

/* --- lists --- */
struct op_list {
    struct store_read read;
    struct fleet_scan scan;
    struct request *r;
    char host[HOST_ID_CAP], before[OP_ID_CAP], state[16];
    uint32_t limit;
    struct store_op *v; /* limit + 1 of them */
    size_t n;
};

static int take_row(void *ctx, const struct store_op *row) {
    struct op_list *l = ctx;
    l->v[l->n++] = *row;
    return l->n > l->limit;
}

static int read_list(struct store_read *sr) {
    struct op_list *l = sr->ctx;
    struct store_op_query q = {.project = sr->r->params[0],
                               .host = l->host,
                               .state = l->state,
                               .before = l->before,
                               .limit = l->limit + 1};
    int err = store_ops(sr->store, &q, take_row, l);
    return err < 0 ? err : 0;
}

static void overlay(struct store_op *row, const struct operation *op) {
    if (op && strcmp(op->id, row->op.id) == 0)
        row->op = *op;
}

/* Rows of hosts that are here: their newest state, which may not be stored yet. */
static void fresh_visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct op_list *l = CONTAINER_OF(scan, struct op_list, scan);
    for (size_t i = 0; i < l->n; i++) {
        struct fleet_host *fh =
            app_shard_of(s->app, l->v[i].host) == s ? fleet_host_find(s, l->v[i].host) : NULL;
        if (!fh)
            continue;
        overlay(&l->v[i], fh->h.op);
        overlay(&l->v[i], fh->h.next);
        overlay(&l->v[i], fh->h.last);
    }
}

static void list_answer(struct fleet_scan *scan) {
    struct op_list *l = CONTAINER_OF(scan, struct op_list, scan);
    struct json j = request_json(l->r);
    json_obj(&j);
    json_key(&j, "operations");
    json_arr(&j);
    for (size_t i = 0; i < l->n && i < l->limit; i++)
        fleet_op_json(&j, l->v[i].host, &l->v[i].op);
    json_arr_end(&j);
    json_kbool(&j, "hasNext", l->n > l->limit);
    json_obj_end(&j);
    free(l->v);
    reply_json(l->r, 200);
}

static void list_read(struct store_read *sr) {
    struct op_list *l = sr->ctx;
    if (sr->err == ERR_NOT_FOUND) {
        free(l->v);
        reply_fail(l->r, ERR_INVALID, "after", "there is no operation %s to go on after", l->before);
    } else if (sr->err) {
        free(l->v);
        (void)store_read_failed(sr);
    } else if (fleet_scan(&l->scan)) {
        free(l->v);
        reply_fail(l->r, ERR_BUSY, "", "out of memory");
    }
}

static void list_start(struct request *r, const char *host) {
    struct op_list *l = arena_alloc(&r->arena, sizeof *l);
    enum op_state state;
    const struct query_value *q = r->query;
    if (q[QUERY_STATE].given && !op_state_parse(q[QUERY_STATE].text, &state)) {
        reply_fail(
            r, ERR_INVALID, "state",
            "state is one of accepted, waiting, running, confirming, done, failed, expired, cancelled");
        return;
    }
    if (l) {
        l->limit = (uint32_t)q[QUERY_PAGE_SIZE].number;
        l->v = calloc(l->limit + 2, sizeof *l->v);
    }
    if (!l || !l->v) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    l->r = r;
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->state, sizeof l->state, "%s", q[QUERY_STATE].text);
    snprintf(l->before, sizeof l->before, "%s", q[QUERY_AFTER].text);
    l->scan = (struct fleet_scan){.from = r->shard, .visit = fresh_visit, .done = list_answer};
    l->read = (struct store_read){.r = r, .ctx = l, .read = read_list, .done = list_read};
    store_read_start(&l->read);
}

void api_host_ops_list(struct request *r) {
    char id[HOST_ID_CAP];
    if (host_id_param(r, id))
        list_start(r, id);
}

void api_ops_list(struct request *r) {
    char id[HOST_ID_CAP] = "";
    struct errinfo ei = {0};
    const struct query_value *q = &r->query[QUERY_HOST];
    if (q->given && host_id_of(r, r->params[0], q->text, id, &ei))
        reply_error(r, &ei);
    else
        list_start(r, id);
}

/* --- one --- */
struct op_one {
    struct store_read read;
    struct fleet_call call;
    struct fleet_command command;
    struct request *r;
    struct store_op row;
    bool cancel;
};

static int read_one(struct store_read *sr) {
    struct op_one *o = sr->ctx;
    return store_op_get(sr->store, sr->r->params[1], &o->row);
}

static void one_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    struct op_one *o = CONTAINER_OF(c, struct op_one, call);
    if (fh) {
        overlay(&o->row, fh->h.op);
        overlay(&o->row, fh->h.next);
        overlay(&o->row, fh->h.last);
    }
    fleet_answer(c);
}
static void one_done(struct fleet_call *c) {
    struct op_one *o = CONTAINER_OF(c, struct op_one, call);
    answer_op(o->r, 200, o->row.host, &o->row.op);
}

static void show_one(struct op_one *o) {
    o->call = (struct fleet_call){.from = o->r->shard, .run = one_run, .done = one_done};
    memcpy(o->call.host, o->row.host, sizeof o->call.host);
    fleet_ask(&o->call);
}

static void cancel_done(struct fleet_command *c) {
    struct op_one *o = c->ctx;
    if (c->call.err || c->call.error.code)
        reply_error(o->r, &c->call.error);
    else
        show_one(o);
}

static void cancel_one(struct op_one *o) {
    struct fleet_command *c = &o->command;
    c->call.from = o->r->shard;
    memcpy(c->call.host, o->row.host, sizeof c->call.host);
    c->cmd.kind = CMD_CANCEL;
    snprintf(c->cmd.key, sizeof c->cmd.key, "%s", o->row.op.id);
    snprintf(c->cmd.actor, sizeof c->cmd.actor, "%s", o->r->who.user);
    c->ctx = o;
    c->done = cancel_done;
    fleet_command(c);
}

static void one_read(struct store_read *sr) {
    struct op_one *o = sr->ctx;
    if (sr->err == ERR_NOT_FOUND || (!sr->err && strcmp(o->row.project, sr->r->params[0]) != 0))
        reply_fail(o->r, ERR_NOT_FOUND, "operation", "there is no operation %s in the project %s",
                   o->r->params[1], o->r->params[0]);
    else if (store_read_failed(sr))
        return;
    else if (o->cancel)
        cancel_one(o);
    else
        show_one(o);
}

static void one_start(struct request *r, bool cancel) {
    struct op_one *o = arena_alloc(&r->arena, sizeof *o);
    if (!o) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    o->r = r;
    o->cancel = cancel;
    o->read = (struct store_read){.r = r, .ctx = o, .read = read_one, .done = one_read};
    store_read_start(&o->read);
}
void api_op_get(struct request *r) {
    one_start(r, false);
}
void api_op_cancel(struct request *r) {
    one_start(r, true);
}
