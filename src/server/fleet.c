/* SPDX-License-Identifier: Apache-2.0 */
/* The glue between the pure host machine and the world: events in, actions done in order. */
#include "server/fleet.h"

#include "base/log.h"
#include "base/text.h"
#include "server/agents.h"
#include "server/directory.h"
#include "server/hub.h"
#include "server/persist.h"
#include "server/provisioning.h"
#include "server/relay.h"
#include "server/rps_door.h"
#include "server/tunnel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct shard *app_shard_of(const struct app *a, const char *host_id) {
    return a->shards[map_hash(slice_str(host_id), 0) % a->nshards];
}

static struct fleet_host *find_any(struct shard *s, const char *id) {
    struct map_node *n = map_get(&s->hosts, slice_str(id));
    return n ? CONTAINER_OF(n, struct fleet_host, node) : NULL;
}

struct fleet_host *fleet_host_find(struct shard *s, const char *id) {
    struct fleet_host *fh = find_any(s, id);
    return fh && !fh->deleting ? fh : NULL;
}

/* --- events that arise while a machine is being fed --- */

struct later {
    struct list_node node;
    char host[HOST_ID_CAP];
    struct host_ev ev;
    struct wsc_result result;
    struct session_report report;
    char session[REDIR_SESSION_ID_CAP], text[SESSION_TEXT_CAP], cause[HOST_CAUSE_CAP];
};

void fleet_later_free(struct list_node *n) {
    free(CONTAINER_OF(n, struct later, node));
}

/* Only events without borrowed parts, and results without a device card, come this way. */
static void feed_later(struct fleet_host *fh, const struct host_ev *ev) {
    assert(ev->kind != HOST_EV_COMMAND && ev->kind != HOST_EV_SESSION_ORDER &&
           !(ev->result && ev->result->info));
    struct later *l = calloc(1, sizeof *l);
    if (!l) {
        /* the machine would wait for ever: closing the tunnel makes it start over */
        fh->shard->actions.failed = true;
        return;
    }
    memcpy(l->host, fh->h.id, sizeof l->host);
    l->ev = *ev;
    l->ev.peer = NULL;
    if (ev->result) {
        l->result = *ev->result;
        l->ev.result = &l->result;
    }
    if (ev->report) {
        l->report = *ev->report;
        snprintf(l->session, sizeof l->session, "%s", ev->report->id);
        snprintf(l->text, sizeof l->text, "%s", ev->report->text ? ev->report->text : "");
        l->report.id = l->session;
        l->report.text = l->text;
        l->ev.report = &l->report;
    }
    if (ev->text) {
        snprintf(l->cause, sizeof l->cause, "%s", ev->text);
        l->ev.text = l->cause;
    }
    list_push(&fh->shard->later, &l->node);
}

/* --- actions --- */

static void fail_job(struct fleet_host *fh, const struct action *a, int err) {
    struct wsc_result r = {.kind = a->job, .err = err, .return_value = -1};
    snprintf(r.why, sizeof r.why, "%s", err_text(err));
    struct host_ev ev = {.kind = HOST_EV_RESULT, .generation = fh->h.link.generation, .result = &r};
    fleet_host_input(fh, &ev);
}

static void do_wsman(struct fleet_host *fh, const struct action *a) {
    int r = fh->tunnel ? tunnel_submit(fh->tunnel, a->job, a->arg, a->prio, a->deadline_ms) : ERR_CLOSED;
    if (r < 0)
        fail_job(fh, a, r);
}

static void do_keepalive(struct fleet_host *fh, const struct action *a) {
    (void)a;
    if (fh->tunnel)
        tunnel_ask_alive(fh->tunnel);
}

static void do_close(struct fleet_host *fh, const struct action *a) {
    if (a->why == LINK_WHY_SILENT)
        metric_add(&fh->shard->metrics, METRIC_TUNNELS_SILENT, 1);
    if (fh->tunnel)
        tunnel_close(fh->tunnel, a->why);
}

static void do_journal(struct fleet_host *fh, const struct action *a) {
    (void)a;
    const struct journal *j = fh->h.journal;
    if (j && j->has_op && !j->op.id[0])
        fleet_new_op_id(fh->shard->loop,
                        fh->h.journal->op.id); /* reconcile's own: core has no random numbers */
    if (j && j->has_op && !j->replaces_op && j->op.by_reconcile)
        metric_add(&fh->shard->metrics, METRIC_RECOVERIES, 1);
    persist_journal(fh);
}

static void do_persist(struct fleet_host *fh, const struct action *a) {
    persist_lazy(fh, a->bits);
}

static void do_persist_op(struct fleet_host *fh, const struct action *a) {
    if (op_state_final(a->op->state))
        metric_add(&fh->shard->metrics,
                   a->op->state == OP_DONE ? METRIC_OPERATIONS_DONE : METRIC_OPERATIONS_FAILED, 1);
    persist_op(fh, a->op);
}

void fleet_host_event(struct fleet_host *fh, enum host_event kind, const char *text) {
    struct shard *s = fh->shard;
    struct log_ctx ctx = {.host = fh->h.id};
    log_line(LOG_INFO, "host", &ctx, "%s: %s", host_event_text(kind), text);
    struct buf json = {0};
    if (hub_wanted(s->app->hub))
        fleet_host_json(&json, fh);
    hub_publish(s, fh->h.id, fh->h.project, host_event_text(kind), text, buf_slice(&json));
    buf_free(&json);
}

static void do_event(struct fleet_host *fh, const struct action *a) {
    fleet_host_event(fh, a->event, a->text);
}

static void do_reply(struct fleet_host *fh, const struct action *a) {
    LIST_EACH (n, &fh->waiting) {
        struct fleet_call *c = CONTAINER_OF(n, struct fleet_call, node);
        if (c->token != a->token)
            continue;
        list_remove(&fh->waiting, n);
        c->reply(c, fh, a);
        return;
    }
}

static void do_session_end(struct fleet_host *fh, const struct action *a) {
    relay_end(fh, a->session);
}

static void do_session_note(struct fleet_host *fh, const struct action *a) {
    relay_note(fh, a->session, a->note, a->n, a->text);
}

static void (*const doers[])(struct fleet_host *fh, const struct action *a) = {
    [ACT_WSMAN] = do_wsman,
    [ACT_KEEPALIVE] = do_keepalive,
    [ACT_CLOSE] = do_close,
    [ACT_JOURNAL] = do_journal,
    [ACT_PERSIST] = do_persist,
    [ACT_PERSIST_OP] = do_persist_op,
    [ACT_EVENT] = do_event,
    [ACT_REPLY] = do_reply,
    [ACT_SESSION_REPLY] = do_reply,
    [ACT_SESSION_END] = do_session_end,
    [ACT_SESSION_NOTE] = do_session_note,
};

static void answer_all(struct list *calls, int err) {
    for (struct list_node *n; (n = list_pop(calls));) {
        struct fleet_call *c = CONTAINER_OF(n, struct fleet_call, node);
        c->err = err_set(&c->error, err, "", "%s", err_text(err));
        fleet_answer(c);
    }
}

/* An action is missing: nothing that was waited for can be relied on, so the link starts over. */
static void start_over(struct fleet_host *fh) {
    struct log_ctx ctx = {.host = fh->h.id};
    log_line(LOG_ERROR, "host", &ctx, "out of memory: the tunnel is closed to start over");
    answer_all(&fh->waiting, ERR_NOMEM);
    if (fh->tunnel)
        tunnel_close(fh->tunnel, LINK_WHY_NONE);
}

static void do_actions(struct fleet_host *fh) {
    struct actions *a = &fh->shard->actions;
    for (size_t i = 0; i < a->n; i++)
        doers[a->v[i].kind](fh, &a->v[i]);
    if (a->failed)
        start_over(fh);
    fleet_host_arm(fh);
}

void fleet_host_do_actions(struct fleet_host *fh) {
    struct shard *s = fh->shard;
    assert(!s->feeding);
    s->feeding = true;
    do_actions(fh);
    for (struct list_node *n; (n = list_pop(&s->later));) { /* what arose meanwhile, until nothing is left */
        struct later *l = CONTAINER_OF(n, struct later, node);
        struct fleet_host *of = find_any(s, l->host);
        if (of) {
            actions_clear(&s->actions);
            host_input(&of->h, &s->app->policy, &l->ev, shard_now(s), &s->actions);
            do_actions(of);
        }
        free(l);
    }
    s->feeding = false;
}

void fleet_host_input(struct fleet_host *fh, const struct host_ev *ev) {
    struct shard *s = fh->shard;
    LOOP_ASSERT(s->loop);
    if (s->feeding) {
        feed_later(fh, ev);
        return;
    }
    actions_clear(&s->actions);
    host_input(&fh->h, &s->app->policy, ev, shard_now(s), &s->actions);
    fleet_host_do_actions(fh);
}

static void on_deadline(struct loop_timer *t) {
    struct fleet_host *fh = CONTAINER_OF(t, struct fleet_host, timer);
    struct shard *s = fh->shard;
    actions_clear(&s->actions);
    host_tick(&fh->h, &s->app->policy, shard_now(s), &s->actions);
    fleet_host_do_actions(fh);
}

void fleet_host_arm(struct fleet_host *fh) {
    struct mono at = host_deadline(&fh->h, &fh->shard->app->policy);
    /* a deadline that has passed already is looked at once a millisecond at most: never a busy loop */
    struct mono soonest = mono_add_ms(loop_now(fh->shard->loop), 1);
    loop_timer_set(fh->shard->loop, &fh->timer, mono_max(at, soonest));
}

/* --- life --- */

struct fleet_host *fleet_host_new(struct shard *s, const struct store_host *row) {
    struct fleet_host *fh = calloc(1, sizeof *fh);
    if (!fh)
        return NULL;
    host_init(&fh->h, row->id, map_hash(slice_str(row->id), 1));
    fh->h.owner = fh;
    fh->shard = s;
    fh->timer.fn = on_deadline;
    list_init(&fh->waiting);
    list_init(&fh->deferred);
    if (persist_fill(fh, row) < 0) {
        host_fini(&fh->h);
        free(fh);
        return NULL;
    }
    return fh;
}

int fleet_host_enter(struct fleet_host *fh) {
    LOOP_ASSERT(fh->shard->loop);
    return map_put(&fh->shard->hosts, &fh->node, slice_str(fh->h.id));
}

void fleet_host_drop(struct fleet_host **fhp) {
    struct fleet_host *fh = *fhp;
    if (fh->shard->loop)
        loop_timer_stop(fh->shard->loop, &fh->timer);
    map_remove(&fh->shard->hosts, &fh->node);
    provisioning_free(fh, 0);
    agents_drop(fh, 0);
    host_fini(&fh->h);
    free(fh);
    *fhp = NULL;
}

void fleet_host_free(struct fleet_host **fhp, int err) {
    struct fleet_host *fh = *fhp;
    if (!fh)
        return;
    relay_host_gone(fh);
    rps_host_gone(fh);
    provisioning_free(fh, err ? err : ERR_CANCELLED);
    agents_drop(fh, err);
    if (fh->joining)
        tunnel_close(fh->joining, LINK_WHY_DELETED);
    if (fh->tunnel)
        tunnel_close(fh->tunnel, LINK_WHY_DELETED);
    answer_all(&fh->waiting, err);
    answer_all(&fh->deferred, err);
    fleet_host_drop(fhp);
}

void fleet_run_deferred(struct fleet_host *fh) {
    struct shard *s = fh->shard;
    while (!fh->h.journal && !fh->patching && !list_empty(&fh->deferred)) {
        struct fleet_call *c = CONTAINER_OF(list_pop(&fh->deferred), struct fleet_call, node);
        c->run(s, fh->deleting ? NULL : fh, c);
    }
}

static void hex_id(struct loop *l, const char *prefix, size_t nbytes, char *out, size_t cap) {
    uint8_t r[8];
    char hex[2 * sizeof r + 1];
    loop_random(l, r, nbytes);
    snprintf(out, cap, "%s%s", prefix, text_hex(slice_of(r, nbytes), hex));
}
void fleet_new_op_id(struct loop *l, char out[OP_ID_CAP]) {
    hex_id(l, "op-", 6, out, OP_ID_CAP);
}
