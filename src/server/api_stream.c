/* SPDX-License-Identifier: Apache-2.0 */
/* api_stream: the WebSocket doors of a session: the native one, and that of old clients. What is wrong is
 * said before the upgrade; the ticket alone authenticates. Source: docs/sessions.md, RFC 6455 4.2 */
#include "server/api.h"

#include "server/audit.h"
#include "server/directory.h"
#include "server/reading.h"
#include "server/relay.h"
#include "server/session_call.h"
#include "server/upgrade.h"
#include "server/uuid_scan.h"

#include <stdio.h>
#include <stdlib.h>

#define PROTOCOL      "outband.v1"
#define TICKET_PREFIX "ticket."

struct upgrade {
    struct session_call c; /* first */
    struct relay_arrival *arrival;
    char accept[WS_ACCEPT_CAP];
    char protocol[SESSION_TICKET_CAP]; /* that is selected */
    bool old_client;
    struct uuid_scan scan; /* of old clients: which host has this UUID */
};

static void hand_over(struct request *r, struct upgrade *u) {
    struct relay_arrival *a = u->arrival;
    a->app = r->shard->app;
    a->old_client = u->old_client;
    memcpy(a->host, u->c.call.host, sizeof a->host);
    memcpy(a->session, u->c.session.id, sizeof a->session);
    memcpy(a->user, u->c.session.user, sizeof a->user);
    snprintf(r->who.user, sizeof r->who.user, "%s", a->user);
    snprintf(r->target, sizeof r->target, "%s", a->session);
    audit_request(r, 101, NULL);
    a->moving = request_upgrade(r, u->accept, u->protocol);
    relay_arrive(a);
}

static void attached(struct session_call *c) {
    struct upgrade *u = CONTAINER_OF(c, struct upgrade, c);
    struct request *r = c->ctx;
    explicit_bzero(&c->order, sizeof c->order);
    buf_free(&c->json);
    if (c->call.err) {
        free(u->arrival);
        reply_error(r, &c->call.error);
        return;
    }
    hand_over(r, u);
    explicit_bzero(&u->protocol, sizeof u->protocol);
}

static void attach(struct request *r, struct upgrade *u, const char *host, struct slice ticket) {
    struct session_call *c = &u->c;
    if (!slice_to_str(ticket, c->order.ticket, sizeof c->order.ticket) || !ticket.n) {
        struct errinfo ei = {0};
        err_set(&ei, ERR_AUTH, "Sec-WebSocket-Protocol", "the ticket is missing or malformed");
        err_remedy(&ei, "Fetch one: POST …/sessions/{session}/ticket, and send it as the sub-protocol.");
        reply_error(r, &ei);
        return;
    }
    if (!(u->arrival = calloc(1, sizeof *u->arrival))) { /* before the ticket is used up */
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    c->ctx = r;
    c->done = attached;
    c->call.from = r->shard;
    c->order.what = SESSION_ATTACH;
    snprintf(c->call.host, sizeof c->call.host, "%s", host);
    request_hold(r);
    session_call(c);
}

static struct upgrade *upgrade_of(struct request *r) {
    struct upgrade *u = arena_alloc(&r->arena, sizeof *u);
    if (!u)
        reply_fail(r, ERR_BUSY, "", "out of memory");
    else if (upgrade_check(r, u->accept) == 0)
        return u;
    return NULL;
}

void api_session_stream(struct request *r) {
    char id[HOST_ID_CAP];
    struct slice list = r->headers[REQUEST_H_WS_PROTOCOL], ticket = SLICE_EMPTY;
    bool ours = false;
    struct upgrade *u = upgrade_of(r);
    if (!u || !host_id_param(r, id))
        return;
    while (list.n) {
        struct slice one = slice_trim(slice_cut(&list, ','));
        if (slice_is(one, PROTOCOL))
            ours = true;
        else if (one.n > strlen(TICKET_PREFIX) &&
                 slice_is(slice_head(one, strlen(TICKET_PREFIX)), TICKET_PREFIX))
            ticket = slice_skip(one, strlen(TICKET_PREFIX));
    }
    if (!ours) {
        reply_fail(r, ERR_UNSUPPORTED, "Sec-WebSocket-Protocol",
                   "the sub-protocol must be " PROTOCOL ", with " TICKET_PREFIX "<ticket> beside it");
        return;
    }
    snprintf(u->protocol, sizeof u->protocol, PROTOCOL);
    slice_to_str(slice_str(r->params[0]), u->c.project, sizeof u->c.project); /* too long: no host is in it */
    snprintf(u->c.order.id, sizeof u->c.order.id, "%.*s", REDIR_SESSION_ID_CAP - 1, r->params[2]);
    attach(r, u, id, ticket);
}

/* --- old clients: the public MPS's form (reference 3.1) --- */

/* host is the AMT UUID, the SMBIOS UUID or our id. */
static void attach_found(struct upgrade *u) {
    struct request *r = u->c.ctx;
    char host[HOST_ID_CAP];
    memcpy(host, u->c.call.host, sizeof host);
    if (u->scan.found == 1)
        attach(r, u, host, slice_str(u->protocol));
    else if (u->scan.found)
        reply_fail(r, ERR_STATE, "host",
                   "%u hosts have this UUID; give the host's id (host-xxxxxxxx) instead", u->scan.found);
    else
        reply_fail(r, ERR_NOT_FOUND, "host", "there is no host with this id or UUID");
}

static void uuid_scanned(struct fleet_scan *scan) {
    struct upgrade *u = CONTAINER_OF(scan, struct upgrade, scan.scan);
    memcpy(u->c.call.host, u->scan.host, sizeof u->c.call.host);
    memcpy(u->c.project, u->scan.of_project, sizeof u->c.project);
    attach_found(u);
}

void api_webrelay(struct request *r) {
    struct directory_entry e;
    const char *host = r->query[QUERY_HOST].text;
    struct slice ticket = slice_trim(r->headers[REQUEST_H_WS_PROTOCOL]);
    struct upgrade *u = upgrade_of(r);
    if (!u)
        return;
    if (r->query[QUERY_RELAY_P].number != 2) {
        reply_fail(r, ERR_UNSUPPORTED, "p", "only p=2 (redirection, with the server's login) is spoken here");
        return;
    }
    if (!redir_kind_parse(r->query[QUERY_RELAY_MODE].text, &u->c.order.kind)) {
        reply_fail(r, ERR_INVALID, "mode", "mode is one of kvm, sol, ider");
        return;
    }
    u->old_client = true;
    u->c.ctx = r;
    u->c.order.by_kind = true;
    if (!slice_to_str(ticket, u->protocol, sizeof u->protocol))
        u->protocol[0] = 0; /* no ticket of ours is that long */
    request_hold(r);
    if (uuid_parse(slice_str(host), &u->scan.uuid)) {
        u->scan.scan = (struct fleet_scan){.from = r->shard, .done = uuid_scanned};
        if (uuid_scan(&u->scan) < 0)
            reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    if (directory_by_id(r->shard->app->directory, host, &e) == 0) {
        u->scan.found = 1;
        memcpy(u->c.call.host, e.id, sizeof u->c.call.host);
        memcpy(u->c.project, e.project, sizeof u->c.project);
    }
    attach_found(u);
}
