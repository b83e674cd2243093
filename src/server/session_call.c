/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session_call.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

void session_new_id(struct loop *l, char out[REDIR_SESSION_ID_CAP]) {
    uint8_t r[6];
    char hex[2 * sizeof r + 1];
    loop_random(l, r, sizeof r);
    snprintf(out, REDIR_SESSION_ID_CAP, "ses-%s", text_hex(slice_of(r, sizeof r), hex));
}

void session_new_ticket(struct loop *l, char out[SESSION_TICKET_CAP]) {
    uint8_t r[(SESSION_TICKET_CAP - 1) / 2];
    loop_random(l, r, sizeof r);
    text_hex(slice_of(r, sizeof r), out);
    explicit_bzero(r, sizeof r);
}

static bool about_consent(const struct session_order *o) {
    return o->what >= SESSION_CONSENT_READ;
}

static void on_reply(struct fleet_call *call, struct fleet_host *fh, const struct action *a) {
    struct session_call *c = CONTAINER_OF(call, struct session_call, call);
    struct json j = json_of(&c->json);
    call->error = a->error;
    call->err = a->error.code;
    memcpy(c->host_name, fh->h.name, sizeof c->host_name);
    if (about_consent(&c->order)) {
        consent_json(&j, &fh->h, shard_now(fh->shard));
    } else if (a->session) {
        c->has_session = true;
        c->session = *a->session;
        session_json(&j, fh, a->session);
    }
    fleet_answer(call);
}

static void run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct session_call *c = CONTAINER_OF(call, struct session_call, call);
    if (!fh || strcmp(fh->h.project, c->project) != 0) {
        call->err = err_set(&call->error, ERR_NOT_FOUND, "host", "there is no host %s in the project %s",
                            call->host, c->project);
        fleet_answer(call);
        return;
    }
    call->token = c->order.token = ++s->last_token;
    call->reply = on_reply;
    list_push(&fh->waiting, &call->node);
    struct host_ev ev = {.kind = HOST_EV_SESSION_ORDER, .order = &c->order};
    fleet_host_input(fh, &ev); /* c may be answered, but is not freed before its own loop's turn */
}

static void done(struct fleet_call *call) {
    struct session_call *c = CONTAINER_OF(call, struct session_call, call);
    c->done(c);
}

void session_call(struct session_call *c) {
    c->call.run = run;
    c->call.done = done;
    fleet_ask(&c->call);
}

void session_call_free(struct session_call *c) {
    explicit_bzero(&c->order, sizeof c->order);
    explicit_bzero(&c->session, sizeof c->session);
    buf_free(&c->json);
}

/* --- a user is gone --- */

struct revocation {
    struct fleet_scan scan; /* first */
    char user[OP_ACTOR_CAP];
};

static void revoke_of(struct fleet_host *fh, const char *user) {
    for (unsigned k = 0; fh->h.sessions && k < REDIR_KIND_COUNT; k++) {
        const struct session *s = fh->h.sessions->open[k];
        if (!s || strcmp(s->user, user) != 0)
            continue;
        char id[REDIR_SESSION_ID_CAP];
        memcpy(id, s->id, sizeof id);
        struct session_report rep = {.what = SESSION_REVOKED, .id = id};
        struct host_ev ev = {.kind = HOST_EV_SESSION_REPORT, .report = &rep};
        fleet_host_input(fh, &ev);
    }
}

static void revoke_visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct revocation *rv = CONTAINER_OF(scan, struct revocation, scan);
    struct map_iter it = {0};
    (void)part;
    for (struct map_node *n; (n = map_next(&s->hosts, &it));)
        revoke_of(CONTAINER_OF(n, struct fleet_host, node), rv->user);
}

static void revoked(struct fleet_scan *scan) {
    free(CONTAINER_OF(scan, struct revocation, scan));
}

void sessions_revoke(struct shard *s, const char *user) {
    struct revocation *rv = calloc(1, sizeof *rv);
    if (!rv)
        return; /* the sessions go on; who has them cannot start another */
    rv->scan = (struct fleet_scan){.from = s, .visit = revoke_visit, .done = revoked};
    slice_to_str(slice_str(user), rv->user, sizeof rv->user);
    if (fleet_scan(&rv->scan) < 0)
        free(rv);
}

/* --- JSON --- */

static void kseconds(struct json *j, const char *key, int64_t s) {
    json_key(j, key);
    if (s < 0)
        json_nil(j);
    else
        json_int(j, s);
}

void consent_json(struct json *j, const struct host *h, struct host_now now) {
    struct consent_view v;
    host_consent_view(h, now, &v);
    json_obj(j);
    json_kstr(j, "required", v.required);
    json_kstr(j, "state", v.state);
    json_kstr(j, "action", consent_action_id(v.action));
    json_kstr(j, "text", v.text);
    json_kint(j, "triesLeft", v.tries_left);
    kseconds(j, "reuseSeconds", v.reuse_s);
    kseconds(j, "displaySeconds", v.display_s);
    json_kwall(j, "nextCodeAt", v.has_next_code ? v.next_code : WALL_NEVER);
    json_kwall(j, "observedAt",
               h->sessions && h->sessions->consent.known ? h->sessions->consent.at : WALL_NEVER);
    json_obj_end(j);
}

static bool may_resume(const struct session *s) {
    return s->state == SESSION_INTERRUPTED;
}

void session_json(struct json *j, const struct fleet_host *fh, const struct session *s) {
    const struct host *h = &fh->h;
    char stream[160];
    snprintf(stream, sizeof stream, "/v1/projects/%s/compute/hosts/%s/sessions/%s/stream", h->project, h->id,
             s->id);
    json_obj(j);
    json_kstr(j, "id", s->id);
    json_kstr(j, "host", h->id);
    json_kstr(j, "hostName", h->name);
    json_kstr(j, "kind", redir_kind_id(s->kind));
    json_kstr(j, "state", session_state_id(s->state));
    json_kstr(j, "user", s->user);
    json_kbool(j, "viewOnly", s->view_only);
    json_kwall(j, "since", s->since);
    json_kint(j, "bytesToViewer", (int64_t)s->to_viewer);
    json_kint(j, "bytesToDevice", (int64_t)s->to_device);
    json_kstr(j, "reason", session_reason_row(s->why)->id);
    json_kstr(j, "text", s->text);
    json_kbool(j, "resumable", may_resume(s));
    json_kwall(j, "resumeUntil", may_resume(s) ? s->resume_until : WALL_NEVER);
    json_kwall(j, "endedAt", s->state == SESSION_ENDED ? s->ended_at : WALL_NEVER);
    json_kstr(j, "resumed", s->resumed);
    json_kstr(j, "stream", stream);
    json_key(j, "consent");
    consent_json(j, h, shard_now(fh->shard));
    json_obj_end(j);
}

void sessions_json(struct json *j, const struct fleet_host *fh) {
    const struct host_sessions *hs = fh->h.sessions;
    int64_t n = 0;
    json_obj(j);
    json_key(j, "sessions");
    json_arr(j);
    for (unsigned k = 0; hs && k < REDIR_KIND_COUNT; k++)
        if (hs->open[k])
            session_json(j, fh, hs->open[k]), n++;
    for (unsigned i = 0; hs && i < SESSIONS_PAST_MAX; i++)
        if (hs->past[i])
            session_json(j, fh, hs->past[i]), n++;
    json_arr_end(j);
    json_kint(j, "totalElements", n);
    json_obj_end(j);
}

void sessions_of_host_json(struct json *j, const struct host *h) {
    json_key(j, "sessions");
    json_arr(j);
    for (unsigned k = 0; h->sessions && k < REDIR_KIND_COUNT; k++) {
        const struct session *s = h->sessions->open[k];
        if (!s)
            continue;
        json_obj(j);
        json_kstr(j, "id", s->id);
        json_kstr(j, "kind", redir_kind_id(s->kind));
        json_kstr(j, "state", session_state_id(s->state));
        json_kstr(j, "user", s->user);
        json_kwall(j, "since", s->since);
        json_obj_end(j);
    }
    json_arr_end(j);
}

/* EMF's words (reference edge-orchestrator 4.1). */
static const char *emf_state(const struct session *s, bool kvm) {
    if (!s)
        return kvm ? "KVM_STATE_STOP" : "SOL_STATE_STOP";
    if (s->state == SESSION_CONSENT)
        return kvm ? "KVM_STATE_AWAITING_CONSENT" : "SOL_STATE_AWAITING_CONSENT";
    return kvm ? "KVM_STATE_START" : "SOL_STATE_START";
}

void emf_sessions_json(struct json *j, const struct host *h) {
    const struct session *kvm = h->sessions ? h->sessions->open[REDIR_KVM] : NULL;
    const struct session *sol = h->sessions ? h->sessions->open[REDIR_SOL] : NULL;
    json_kstr(j, "currentKvmState", emf_state(kvm, true));
    json_kstr(j, "currentSolState", emf_state(sol, false));
    json_kstr(j, "kvmStatus",
              kvm && kvm->state == SESSION_ACTIVE ? "KVM_STATUS_ACTIVATED" : "KVM_STATUS_DEACTIVATED");
    json_kstr(j, "solStatus",
              sol && sol->state == SESSION_ACTIVE ? "SOL_STATUS_ACTIVATED" : "SOL_STATUS_DEACTIVATED");
}
