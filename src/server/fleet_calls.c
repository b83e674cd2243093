/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to hosts: calls, commands, scans. */
#include "server/fleet.h"

#include "server/directory.h"

#include <stdlib.h>

/* --- ask one host --- */

static void answer_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct fleet_call *c = CONTAINER_OF(m, struct fleet_call, msg);
    c->done(c);
}
void fleet_answer(struct fleet_call *c) {
    c->msg.fn = answer_arrives;
    loop_post(c->from->loop, &c->msg);
}

static void ask_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct fleet_call *c = CONTAINER_OF(m, struct fleet_call, msg);
    struct shard *s = app_shard_of(c->from->app, c->host);
    c->run(s, fleet_host_find(s, c->host), c);
}
void fleet_ask(struct fleet_call *c) {
    LOOP_ASSERT(c->from->loop);
    c->node = (struct list_node){0};
    c->err = 0;
    c->error = (struct errinfo){0};
    c->msg.fn = ask_arrives;
    loop_post(app_shard_of(c->from->app, c->host)->loop, &c->msg);
}

/* --- ask every host --- */

struct scan_walk {
    struct loop_msg msg;
    struct fleet_scan *scan;
    unsigned part;
};

static void scan_ends(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct scan_walk *w = CONTAINER_OF(m, struct scan_walk, msg);
    struct fleet_scan *scan = w->scan;
    free(w);
    scan->impl = NULL;
    scan->done(scan);
}

static void scan_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct scan_walk *w = CONTAINER_OF(m, struct scan_walk, msg);
    struct app *a = w->scan->from->app;
    w->scan->visit(a->shards[w->part], w->scan, w->part);
    w->part++;
    bool more = w->part < a->nshards;
    w->msg.fn = more ? scan_arrives : scan_ends;
    loop_post(more ? a->shards[w->part]->loop : w->scan->from->loop, &w->msg);
}

int fleet_scan(struct fleet_scan *scan) {
    LOOP_ASSERT(scan->from->loop);
    struct scan_walk *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->scan = scan;
    w->msg.fn = scan_arrives;
    scan->impl = w;
    loop_post(scan->from->app->shards[0]->loop, &w->msg);
    return 0;
}

/* --- commands --- */

static void command_reply(struct fleet_call *call, struct fleet_host *fh, const struct action *a) {
    struct fleet_command *c = CONTAINER_OF(call, struct fleet_command, call);
    (void)fh;
    call->error = a->error;
    call->err = a->error.code;
    if (a->op)
        c->op = *a->op;
    fleet_answer(call);
}

static void command_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct fleet_command *c = CONTAINER_OF(call, struct fleet_command, call);
    if (!fh) {
        call->err = err_set(&call->error, ERR_NOT_FOUND, "host", "there is no host %s", call->host);
        fleet_answer(call);
        return;
    }
    call->token = c->cmd.token = ++s->last_token;
    call->reply = command_reply;
    if (!c->cmd.new_id[0])
        fleet_new_op_id(s->loop, c->cmd.new_id);
    list_push(&fh->waiting, &call->node);
    struct host_ev ev = {.kind = HOST_EV_COMMAND, .command = &c->cmd};
    fleet_host_input(fh, &ev); /* c may be answered, but is not freed before its own loop's turn */
}

static void command_done(struct fleet_call *call) {
    struct fleet_command *c = CONTAINER_OF(call, struct fleet_command, call);
    c->done(c);
}

void fleet_command(struct fleet_command *c) {
    c->call.run = command_run;
    c->call.done = command_done;
    c->op = (struct operation){0};
    fleet_ask(&c->call);
}

/* --- duplicates --- */

struct duplicate_msg {
    struct loop_msg msg;
    struct app *app;
    char host[HOST_ID_CAP];
    bool duplicate;
};

static void duplicate_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct duplicate_msg *d = CONTAINER_OF(m, struct duplicate_msg, msg);
    struct fleet_host *fh = fleet_host_find(app_shard_of(d->app, d->host), d->host);
    if (fh) {
        fh->h.duplicate_uuid = d->duplicate;
        loop_timer_set(l, &fh->timer, loop_now(l)); /* its findings are looked at again */
    }
    free(d);
}

void fleet_tell_duplicate(struct shard *from, const char *host, bool duplicate) {
    struct duplicate_msg *d = calloc(1, sizeof *d);
    if (!d)
        return; /* told again at the next login */
    d->msg.fn = duplicate_arrives;
    d->app = from->app;
    memcpy(d->host, host, sizeof d->host);
    d->duplicate = duplicate;
    loop_post(app_shard_of(from->app, host)->loop, &d->msg);
}

void fleet_host_saw_uuid(struct fleet_host *fh, struct uuid u) {
    char other[HOST_ID_CAP], left[HOST_ID_CAP];
    if (uuid_is_placeholder(u)) /* a finding of its own; that many boards share it is no news */
        u = (struct uuid){{0}};
    size_t others = directory_see_uuid(fh->shard->app->directory, fh->h.id, u, other, left);
    fh->h.duplicate_uuid = others > 0;
    if (others == 1) /* with more of them, that one knows already */
        fleet_tell_duplicate(fh->shard, other, true);
    if (left[0])
        fleet_tell_duplicate(fh->shard, left, false);
}
