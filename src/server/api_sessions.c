/* SPDX-License-Identifier: Apache-2.0 */
/* api_sessions: sessions and user consent of a host. Source: docs/sessions.md */
#include "server/api.h"

#include "server/reading.h"
#include "server/session_call.h"

#include <stdio.h>

static const char *const KIND_VALUES[] = {
#define K(sym, id, ...) id,
    REDIR_KIND_TABLE(K)
#undef K
        NULL};
static const struct field SESSION_FIELDS[] = {
    {"kind", FIELD_ENUM, .required = true, .values = KIND_VALUES},
    {"viewOnly", FIELD_FLAG, .doc = "KVM: what the viewer types does not reach the node."},
    {"takeOver", FIELD_FLAG, .doc = "End the session that is in the way. Of others: admin."},
    {"resume", FIELD_TEXT, .min = 1, .max = REDIR_SESSION_ID_CAP - 1, .doc = "The session of before."},
    {0}};
const struct schema SCHEMA_SESSION = {"NewSession", SESSION_FIELDS};

static const struct field CONSENT_FIELDS[] = {{"code", FIELD_TEXT, .required = true,
                                               .min = CONSENT_CODE_DIGITS, .max = CONSENT_CODE_DIGITS,
                                               .secret = true, .doc = "Six digits; leading zeros count."},
                                              {0}};
const struct schema SCHEMA_CONSENT_CODE = {"ConsentCode", CONSENT_FIELDS};

/* --- the call of a request --- */

/* NULL: r was answered. */
static struct session_call *call_of(struct request *r, enum session_order_kind what) {
    char id[HOST_ID_CAP];
    if (!host_id_param(r, id))
        return NULL;
    struct session_call *c = arena_alloc(&r->arena, sizeof *c);
    if (!c) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    c->ctx = r;
    c->call.from = r->shard;
    memcpy(c->call.host, id, sizeof c->call.host);
    slice_to_str(slice_str(r->params[0]), c->project, sizeof c->project); /* too long: no host is in it */
    c->order.what = what;
    c->order.admin = r->who.role == ROLE_ADMIN;
    snprintf(c->order.user, sizeof c->order.user, "%s", r->who.user);
    snprintf(c->order.id, sizeof c->order.id, "%.*s", REDIR_SESSION_ID_CAP - 1, r->params[2]);
    return c;
}

static void answer_json(struct session_call *c, int status) {
    struct request *r = c->ctx;
    struct json j = request_json(r);
    json_raw(&j, buf_slice(&c->json));
    if (c->json.failed)
        j.out->failed = true;
    session_call_free(c);
    reply_json(r, status);
}

/* True: it failed, and r was answered. */
static bool answer_failure(struct session_call *c) {
    struct request *r = c->ctx;
    if (!c->call.err)
        return false;
    if (c->json.len && !c->json.failed) /* of consent; empty when the host is gone */
        request_problem_member(r, "consent", buf_slice(&c->json));
    session_call_free(c);
    reply_error(r, &c->call.error);
    return true;
}

static void go(struct session_call *c, void (*done)(struct session_call *c)) {
    c->done = done;
    request_hold(c->ctx);
    session_call(c);
}

/* --- sessions --- */

static void started(struct session_call *c) {
    struct request *r = c->ctx;
    if (answer_failure(c))
        return;
    bool fresh = strcmp(c->session.id, c->order.new_id) == 0;
    snprintf(r->target, sizeof r->target, "%s", c->call.host);
    answer_json(c, fresh ? 201 : 200);
}

void api_session_start(struct request *r) {
    struct session_call *c = call_of(r, SESSION_START);
    if (!c)
        return;
    bool known = redir_kind_parse(body_text(r->json, "kind", ""), &c->order.kind);
    if (!known || (body_flag(r->json, "viewOnly", false) && c->order.kind != REDIR_KVM)) {
        reply_fail(r, ERR_INVALID, "viewOnly", "viewOnly is for kvm only");
        return;
    }
    c->order.view_only = body_flag(r->json, "viewOnly", false);
    c->order.take_over = body_flag(r->json, "takeOver", false);
    body_copy(r->json, "resume", c->order.resume, sizeof c->order.resume);
    session_new_id(r->shard->loop, c->order.new_id);
    go(c, started);
}

static int show_sessions(struct reading *rd, struct fleet_host *fh) {
    struct json j = json_of(rd->out);
    sessions_json(&j, fh);
    return 0;
}
void api_sessions_list(struct request *r) {
    reading_answer(r, show_sessions);
}

static int show_session(struct reading *rd, struct fleet_host *fh) {
    const struct session *s = host_session_find(&fh->h, rd->r->params[2]);
    if (!s) {
        int err = err_set(&rd->call.error, ERR_NOT_FOUND, "session", "there is no session %s on this host",
                          rd->r->params[2]);
        err_remedy(&rd->call.error, "After a restart of the server start a session anew, with resume");
        return err;
    }
    struct json j = json_of(rd->out);
    session_json(&j, fh, s);
    return 0;
}
void api_session_get(struct request *r) {
    reading_answer(r, show_session);
}

static void ticketed(struct session_call *c) {
    struct request *r = c->ctx;
    if (answer_failure(c))
        return;
    struct host_now now = request_now(r);
    struct json j = request_json(r);
    json_obj(&j);
    json_kstr(&j, "ticket", c->order.ticket);
    json_kwall(&j, "expiresAt", wall_add_ms(now.wall, r->shard->app->policy.ticket_ms));
    json_obj_end(&j);
    session_call_free(c);
    reply_json(r, 201);
}

void api_session_ticket(struct request *r) {
    struct session_call *c = call_of(r, SESSION_TICKET);
    if (!c)
        return;
    session_new_ticket(r->shard->loop, c->order.ticket);
    go(c, ticketed);
}

static void stopped(struct session_call *c) {
    struct request *r = c->ctx;
    if (answer_failure(c))
        return;
    session_call_free(c);
    reply_empty(r, 204);
}

void api_session_stop(struct request *r) {
    struct session_call *c = call_of(r, SESSION_STOP);
    if (c)
        go(c, stopped);
}

/* --- consent --- */

static void consent_done(struct session_call *c) {
    if (!answer_failure(c))
        answer_json(c, 200);
}

static void consent_go(struct request *r, enum session_order_kind what) {
    struct session_call *c = call_of(r, what);
    if (c)
        go(c, consent_done);
}

void api_consent_get(struct request *r) {
    consent_go(r, SESSION_CONSENT_READ);
}
void api_consent_request(struct request *r) {
    consent_go(r, SESSION_CONSENT_REQUEST);
}
void api_consent_cancel(struct request *r) {
    consent_go(r, SESSION_CONSENT_CANCEL);
}

void api_consent_code(struct request *r) {
    struct session_call *c = call_of(r, SESSION_CONSENT_CODE);
    if (!c)
        return;
    if (!consent_code_parse(body_text(r->json, "code", ""), &c->order.code)) {
        reply_fail(r, ERR_INVALID, "code",
                   "a consent code is six digits as the node's screen shows them; leading zeros count");
        return;
    }
    go(c, consent_done);
}
