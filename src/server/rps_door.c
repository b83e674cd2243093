/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side of /activate: who may, then the upgrade. What is wrong is said before it. */
#include "server/rps_int.h"

#include "base/text.h"
#include "server/api.h"
#include "server/audit.h"
#include "server/objects.h"
#include "server/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

/* The token of `Authorization: Bearer`. A cookie is a browser's, and browsers have no firmware to lend. */
static struct slice bearer(const struct request *r) {
    struct slice a = r->headers[REQUEST_H_AUTHORIZATION];
    if (a.n > 7 && slice_ieq(slice_head(a, 7), SLICE_LIT("Bearer ")))
        return slice_trim(slice_skip(a, 7));
    return SLICE_EMPTY;
}

static void peeked(struct objects_enrol *e) {
    (void)e; /* err is read where it was asked */
}

static int by_key(struct request *r, struct slice key, struct rps_caller *who, struct errinfo *ei) {
    struct objects_enrol e = {.from = r->shard, .peek = true, .used_up_too = true, .done = peeked};
    if (!slice_to_str(key, who->key, sizeof who->key)) {
        explicit_bzero(who->key, sizeof who->key);
        key = SLICE_LIT("oek-"); /* no key of ours is that long: the sentence is that of an unknown one */
    }
    objects_enrol(r->shard->app->objects, key, &e);
    if (e.err < 0) {
        *ei = e.error;
        return e.err;
    }
    who->kind = RPS_CALLER_KEY;
    who->used_up = e.used_up;
    memcpy(who->project, e.project, sizeof who->project);
    memcpy(who->of_new, e.host_project, sizeof who->of_new);
    snprintf(who->actor, sizeof who->actor, "key %.58s", e.key_name);
    return 0;
}

static int by_token(struct request *r, struct slice token, struct rps_caller *who, struct errinfo *ei) {
    int err = auth_token(r->shard->app->auth, r->shard, token, &r->who, &r->session, ei);
    if (err == 0)
        err = auth_allow(&r->who, ROLE_ADMIN, NULL, false, ei);
    if (err < 0)
        return err;
    who->kind = RPS_CALLER_ADMIN;
    memcpy(who->project, r->who.project, sizeof who->project);
    snprintf(who->actor, sizeof who->actor, "%.63s", r->who.user);
    return 0;
}

static int anonymous(const struct request *r, struct rps_caller *who, struct errinfo *ei) {
    who->kind = RPS_CALLER_ANONYMOUS;
    snprintf(who->actor, sizeof who->actor, "anonymous");
    if (r->shard->app->rps_limits.anonymous)
        return 0;
    err_set(ei, ERR_AUTH, "Authorization", "a client must say who it is");
    err_remedy(ei,
               "Give rpc an enrolment key (orch-cli create enrolment-key NAME) or the token of an admin, or "
               "enrol the node with pm-agent.");
    return ERR_AUTH;
}

static int who_is(struct request *r, struct rps_caller *who, struct errinfo *ei) {
    struct slice token = bearer(r);
    if (r->agent_host[0]) {
        who->kind = RPS_CALLER_AGENT;
        memcpy(who->host, r->agent_host, sizeof who->host);
        snprintf(who->actor, sizeof who->actor, "agent");
        return 0;
    }
    if (r->agent_why) { /* one that has an identity does not go on without it */
        err_set(ei, ERR_AUTH, "", "the certificate of this agent is not taken: %s", r->agent_why);
        err_remedy(ei, "Revoke the agent of the host, then enrol it again: pm-agent enrol.");
        return ERR_AUTH;
    }
    if (token.n > 4 && slice_is(slice_head(token, 4), "oek-"))
        return by_key(r, token, who, ei);
    return token.n ? by_token(r, token, who, ei) : anonymous(r, who, ei);
}

/* In a turn of its own: the connection that leaves is still reading the request. */
static void upgrade(struct loop *l, struct loop_msg *m) {
    struct rps_conn *c = CONTAINER_OF(m, struct rps_conn, msg);
    (void)l;
    c->moving = request_upgrade(c->asks, c->accept, NULL);
    c->asks = NULL;
    rps_begin(c);
}

/* The audit names who it is; which node it is will be seen. */
static void hand_over(struct request *r, struct rps_conn *c) {
    snprintf(r->who.user, sizeof r->who.user, "%.*s", (int)sizeof r->who.user - 1, c->who.actor);
    snprintf(r->target, sizeof r->target, "%s", c->who.host);
    snprintf(c->peer, sizeof c->peer, "%s", r->peer);
    audit_request(r, 101, NULL);
    request_hold(r);
    c->shard = r->shard;
    list_push(&c->shard->rps, &c->node);
    metric_add(&c->shard->metrics, METRIC_RPS_CLIENTS, 1);
    c->asks = r;
    c->posted = true;
    c->msg.fn = upgrade;
    loop_post(c->shard->loop, &c->msg);
}

void api_activate(struct request *r) {
    char accept[WS_ACCEPT_CAP];
    struct errinfo ei = {0};
    if (upgrade_check(r, accept) < 0)
        return;
    if (r->shard->rps.count >= r->shard->app->rps_limits.clients_max) {
        metric_add(&r->shard->metrics, METRIC_RPS_LIMITED, 1);
        request_put_header(r, "Retry-After", "30");
        reply_fail(r, ERR_BUSY, "activate.clients_max", "too many clients are being served; try again");
        return;
    }
    struct rps_conn *c = calloc(1, sizeof *c);
    if (!c || !(c->ws = ws_new(WS_SERVER, RPS_MESSAGE_MAX, NULL))) {
        free(c);
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (who_is(r, &c->who, &ei) < 0) {
        ws_free(&c->ws);
        explicit_bzero(c, sizeof *c);
        free(c);
        if (ei.code == ERR_AUTH)
            request_put_header(r, "WWW-Authenticate", "Bearer realm=\"outband\"");
        reply_error(r, &ei);
        return;
    }
    memcpy(c->accept, accept, sizeof c->accept);
    hand_over(r, c);
}
