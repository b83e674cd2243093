/* SPDX-License-Identifier: Apache-2.0 */
/* api_agent: what agents say once they are enrolled (agent_enrol.c is how they come). Each is a call on the
 * shard of the agent's own host: there is no host in these paths. Source: docs/activation.md */
#include "server/api.h"

#include "base/text.h"
#include "server/agent_facts.h"
#include "server/agents.h"
#include "server/persist.h"
#include "server/reading.h"

#include <stdio.h>

enum { TEXT_MAX = 1000 };

static const struct field RENEW_FIELDS[] = {
    {"csr", FIELD_TEXT, .required = true, .min = 1, .max = 8192, .doc = "Certificate request in PEM."}, {0}};
const struct schema SCHEMA_AGENT_RENEW = {"AgentRenew", RENEW_FIELDS};
static const struct field REPORT_FIELDS[] = {
    {"facts", FIELD_OBJECT, .required = true, .object = &SCHEMA_AGENT_FACTS}, {0}};
const struct schema SCHEMA_AGENT_REPORT = {"AgentReport", REPORT_FIELDS};
static const struct field HEARTBEAT_FIELDS[] = {
    {"waitSeconds", FIELD_NUMBER, .max = AGENT_WAIT_MAX_S, .doc = "How long to wait for an order."},
    {"controlMode", FIELD_NUMBER, .nullable = true, .max = 2, .doc = "0 not set up, 1 CCM, 2 ACM."},
    {"running", FIELD_TEXT, .max = AGENT_ORDER_ID_CAP - 1, .doc = "The order that is worked on."},
    {"clock", FIELD_TIME, .doc = "What time the node has."},
    {0}};
const struct schema SCHEMA_AGENT_HEARTBEAT = {"AgentHeartbeat", HEARTBEAT_FIELDS};
static const char *const LOCAL_VALUES[] = {
#define L(sym, word, verb) word,
    LOCAL_TABLE(L)
#undef L
        NULL};
static const struct field SHUTDOWN_FIELDS[] = {
    {"kind", FIELD_ENUM, .required = true, .values = LOCAL_VALUES},
    {"cause", FIELD_TEXT, .max = TEXT_MAX, .doc = "Who or what did it."},
    {0}};
const struct schema SCHEMA_AGENT_SHUTDOWN = {"AgentShutdown", SHUTDOWN_FIELDS};
#define ORDER_FIELD                                                                                          \
    { "order", FIELD_TEXT, .required = true, .min = 1, .max = AGENT_ORDER_ID_CAP - 1 }
static const struct field PROGRESS_FIELDS[] = {
    ORDER_FIELD, {"phase", FIELD_TEXT, .max = 64}, {"text", FIELD_TEXT, .max = TEXT_MAX}, {0}};
const struct schema SCHEMA_AGENT_PROGRESS = {"AgentProgress", PROGRESS_FIELDS};
static const struct field RESULT_FIELDS[] = {
    ORDER_FIELD, {"ok", FIELD_FLAG, .required = true}, {"text", FIELD_TEXT, .max = TEXT_MAX}, {0}};
const struct schema SCHEMA_AGENT_RESULT = {"AgentResult", RESULT_FIELDS};

/* --- a call on the agent's host --- */

struct agent_call {
    struct agent_beat beat; /* first: its call is the one of the others, too */
    struct request *r;
    /* On the host's shard, when the agent is known there. False: it answers later. */
    bool (*say)(struct fleet_host *fh, struct agent_call *c);
    void (*reply)(struct agent_call *c);
    const struct json_t *body;
    struct agent_facts facts;
    struct agent_cert cert;
    struct persist_wait w;
    struct store_agent row;
};

static void on_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct agent_call *c = CONTAINER_OF(call, struct agent_call, beat.call);
    (void)s;
    if (!fh || !fh->agent)
        call->err = err_set(&call->error, ERR_AUTH, "", "this host or the identity of its agent is gone");
    else if (!c->say(fh, c))
        return;
    fleet_answer(call);
}

static void on_done(struct fleet_call *call) {
    struct agent_call *c = CONTAINER_OF(call, struct agent_call, beat.call);
    if (call->err) {
        if (!call->error.code)
            err_set(&call->error, call->err, "", "%s", err_text(call->err));
        reply_error(c->r, &call->error);
    } else {
        c->reply(c);
    }
}

static void reply_nothing(struct agent_call *c) {
    reply_empty(c->r, 204);
}
static void reply_object(struct agent_call *c) {
    struct json j = request_json(c->r);
    json_obj(&j);
    json_obj_end(&j);
    reply_json(c->r, 200);
}

/* A call that is ready but for what it says; NULL: r was answered. */
static struct agent_call *call_of(struct request *r) {
    struct agent_call *c = arena_alloc(&r->arena, sizeof *c);
    if (!c) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    c->r = r;
    c->body = r->json;
    memcpy(c->beat.cert, r->agent_cert, sizeof c->beat.cert);
    c->beat.call = (struct fleet_call){.from = r->shard, .run = on_run, .done = on_done};
    memcpy(c->beat.call.host, r->agent_host, sizeof c->beat.call.host);
    return c;
}

static void go(struct agent_call *c, bool (*say)(struct fleet_host *fh, struct agent_call *c),
               void (*reply)(struct agent_call *c)) {
    c->say = say;
    c->reply = reply;
    request_hold(c->r);
    fleet_ask(&c->beat.call);
}

/* --- heartbeat --- */

static bool say_heartbeat(struct fleet_host *fh, struct agent_call *c) {
    agents_heartbeat(fh, &c->beat);
    return false;
}
static void reply_heartbeat(struct agent_call *c) {
    struct json j = request_json(c->r);
    json_raw(&j, buf_slice(&c->beat.out));
    buf_free(&c->beat.out);
    reply_json(c->r, 200);
}

void api_agent_heartbeat(struct request *r) {
    struct agent_call *c = call_of(r);
    if (!c)
        return;
    c->beat.wait_s = (uint32_t)body_number(r->json, "waitSeconds", 0);
    c->beat.mode = agent_control_mode(body_number(r->json, "controlMode", -1));
    body_copy(r->json, "running", c->beat.running, sizeof c->beat.running);
    (void)wall_parse(body_text(r->json, "clock", ""), &c->beat.clock);
    go(c, say_heartbeat, reply_heartbeat);
}

/* --- report, shutdown, orders --- */

static bool say_report(struct fleet_host *fh, struct agent_call *c) {
    agents_report(fh, c->beat.cert, &c->facts);
    return true;
}
void api_agent_report(struct request *r) {
    struct agent_call *c = call_of(r);
    if (!c)
        return;
    agent_facts_read(body_object(r->json, "facts"), &c->facts);
    go(c, say_report, reply_object);
}

static bool say_shutdown(struct fleet_host *fh, struct agent_call *c) {
    enum local_kind kind = LOCAL_POWEROFF;
    char cause[HOST_CAUSE_CAP];
    (void)local_kind_parse(body_text(c->body, "kind", ""), &kind);
    text_clean(cause, sizeof cause, slice_str(body_text(c->body, "cause", "")));
    agents_shutdown(fh, kind, cause);
    return true;
}
void api_agent_shutdown(struct request *r) {
    struct agent_call *c = call_of(r);
    if (c)
        go(c, say_shutdown, reply_nothing);
}

static bool order_known(struct agent_call *c, int err) {
    struct fleet_call *call = &c->beat.call;
    if (err < 0)
        call->err = err_set(&call->error, err, "order", "there is no such order (any more)");
    return true;
}
static bool say_progress(struct fleet_host *fh, struct agent_call *c) {
    return order_known(c,
                       agents_progress(fh, body_text(c->body, "order", ""), body_text(c->body, "text", "")));
}
static bool say_result(struct fleet_host *fh, struct agent_call *c) {
    return order_known(c, agents_result(fh, body_text(c->body, "order", ""), body_flag(c->body, "ok", false),
                                        body_text(c->body, "text", "")));
}
void api_agent_progress(struct request *r) {
    struct agent_call *c = call_of(r);
    if (c)
        go(c, say_progress, reply_nothing);
}
void api_agent_result(struct request *r) {
    struct agent_call *c = call_of(r);
    if (c)
        go(c, say_result, reply_nothing);
}

/* --- renewal --- */

static void renewed(struct persist_wait *w) {
    struct agent_call *c = CONTAINER_OF(w, struct agent_call, w);
    struct fleet_call *call = &c->beat.call;
    struct fleet_host *fh = fleet_host_find(w->shard, call->host);
    if (w->err < 0 || !fh || !fh->agent)
        call->err = err_set(&call->error, w->err < 0 ? w->err : ERR_AUTH, "",
                            "the certificate could not be stored: %s", w->why[0] ? w->why : err_text(w->err));
    else
        call->err = agents_enter(fh, &c->row);
    fleet_answer(call);
}

static bool say_renew(struct fleet_host *fh, struct agent_call *c) {
    struct fleet_call *call = &c->beat.call;
    struct app *a = fh->shard->app;
    call->err = agent_ca_sign(a->agent_ca, slice_str(body_text(c->body, "csr", "")), fh->h.id,
                              loop_wall(fh->shard->loop), agents_certificate_days(a), &c->cert, &call->error);
    if (call->err)
        return true;
    agents_row(fh, &c->row);
    c->row.has_before = true; /* until the newest is used: its answer may be lost */
    memcpy(c->row.before, c->beat.cert, sizeof c->row.before);
    memcpy(c->row.cert, c->cert.sha256, sizeof c->row.cert);
    c->row.cert_until = c->cert.until;
    c->w = (struct persist_wait){.shard = fh->shard, .done = renewed};
    struct store_txn *t = persist_txn();
    int r = t ? store_txn_add(t, STORE_AGENT_PUT, &c->row) : ERR_NOMEM;
    if (r == 0) {
        r = persist_submit(&c->w, t);
        t = NULL;
    }
    store_txn_free(&t);
    if (r < 0)
        call->err = err_set(&call->error, r, "", "the certificate could not be stored: %s", err_text(r));
    return r < 0;
}

static void reply_renewed(struct agent_call *c) {
    struct json j = request_json(c->r);
    json_obj(&j);
    json_key(&j, "certificate");
    json_slice(&j, buf_slice(&c->cert.pem));
    json_kwall(&j, "notAfter", c->cert.until);
    json_obj_end(&j);
    buf_free(&c->cert.pem);
    reply_json(c->r, 200);
}

void api_agent_renew(struct request *r) {
    struct agent_call *c = call_of(r);
    if (c)
        go(c, say_renew, reply_renewed);
}

/* --- an operator's word --- */

static int revoke(struct reading *rd, struct fleet_host *fh) {
    if (!fh->agent)
        return err_set(&rd->call.error, ERR_NOT_FOUND, "host", "the host %s has no agent", fh->h.name);
    agents_revoke(fh, "an operator revoked it");
    struct json j = json_of(rd->out);
    json_obj(&j);
    json_obj_end(&j);
    return 0;
}
void api_agent_revoke(struct request *r) {
    reading_answer(r, revoke);
}
