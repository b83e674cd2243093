/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's word: checked, journaled, and only then true and answered. */
#include "core/host_impl.h"

#include <stdio.h>
#include <stdlib.h>

bool journal_start(struct turn *t, const struct journal *j) {
    if (t->h->journal)
        return false;
    bool fresh_op = j->has_op && !j->replaces_op;
    struct operation *place = fresh_op ? malloc(sizeof *place) : NULL;
    struct journal *copy = malloc(sizeof *copy);
    if (!copy || (fresh_op && !place) || !act(t, ACT_JOURNAL)) {
        free(copy);
        free(place);
        t->out->failed = true;
        return false;
    }
    *copy = *j;
    copy->place = place;
    t->h->journal = copy;
    return true;
}

void journal_free(struct journal **j) {
    if (*j)
        free((*j)->place);
    free(*j);
    *j = NULL;
}

static void refuse(struct turn *t, const struct host_command *c, const struct errinfo *ei) {
    act_reply(t, c->token, ei, NULL);
}

/* The operation among op, next, last that was made with this idempotency key. */
static struct operation *by_key(struct host *h, const char *key) {
    struct operation *all[] = {h->op, h->next, h->last};
    for (size_t i = 0; key[0] && i < sizeof all / sizeof *all; i++)
        if (all[i] && strcmp(all[i]->key, key) == 0)
            return all[i];
    return NULL;
}

static struct operation new_operation(const struct turn *t, const struct host_command *c,
                                      enum power_op kind) {
    struct operation o = {.kind = kind, .force = c->force, .step = OP_STEP_READ, .created = t->now.wall};
    uint32_t deadline_ms = c->deadline_ms ? c->deadline_ms : t->p->op_deadline_ms;
    snprintf(o.id, sizeof o.id, "%s", c->new_id);
    snprintf(o.actor, sizeof o.actor, "%s", c->actor);
    snprintf(o.key, sizeof o.key, "%s", c->key);
    o.deadline = wall_add_ms(t->now.wall, deadline_ms);
    o.expires = mono_add_ms(t->now.mono, deadline_ms);
    o.due = MONO_NEVER;
    const struct operation *ahead = t->h->op;
    o.prior = ahead && operation_unsent(ahead) && !ahead->by_reconcile ? ahead->prior : t->h->intent.desired;
    if (ahead && !operation_unsent(ahead))
        operation_set_state(&o, OP_WAITING, OP_CODE_BEHIND_OPERATION, t->now.wall,
                            "waits for operation %s (%s by %s)", ahead->id, power_op_row(ahead->kind)->verb,
                            ahead->actor);
    else
        operation_set_state(&o, OP_ACCEPTED, OP_CODE_NONE, t->now.wall, "accepted from %s", c->actor);
    return o;
}

static void set_intent(const struct turn *t, struct journal *j, const struct host_command *c,
                       enum power_state desired) {
    j->has_intent = true;
    j->intent = t->h->intent;
    j->intent.desired = desired;
    j->intent.since = t->now.wall;
    snprintf(j->intent.actor, sizeof j->intent.actor, "%s", c->actor);
}

static void operate(struct turn *t, const struct host_command *c) {
    struct host *h = t->h;
    struct errinfo ei = {0};
    enum power_op kind = c->kind == CMD_INTENT ? power_op_for(c->desired) : c->op;
    const struct power_op_row *row = power_op_row(kind);
    struct operation *same = by_key(h, c->key);
    if (same) {
        if (same->kind == kind) {
            act_reply(t, c->token, NULL, same);
            return;
        }
        err_set(&ei, ERR_EXISTS, "Idempotency-Key", "This Idempotency-Key belongs to operation %s (%s)",
                same->id, power_op_row(same->kind)->kind);
        err_remedy(&ei, "Use a new key for a new operation");
        refuse(t, c, &ei);
        return;
    }
    if (host_unreachable(h, t->now, &ei) < 0) {
        refuse(t, c, &ei);
        return;
    }
    struct journal j = {.has_command = true, .command = *c};
    if (row->intent != POWER_UNKNOWN)
        set_intent(t, &j, c, row->intent);
    /* the same order twice is one operation, but force takes the place of patience */
    bool forces = c->force && h->op && !h->op->force && operation_unsent(h->op);
    if (h->op && h->op->kind == kind && row->repeatable && !h->next && !h->op->by_reconcile && !c->key[0] &&
        !forces) {
        act_reply(t, c->token, NULL, h->op);
        return;
    }
    j.has_op = true;
    j.op = new_operation(t, c, kind);
    if (!journal_start(t, &j)) {
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        refuse(t, c, &ei);
    }
}

static void policy(struct turn *t, const struct host_command *c) {
    struct errinfo ei = {0};
    struct journal j = {.has_command = true, .command = *c, .has_intent = true, .intent = t->h->intent};
    j.intent.policy = c->policy;
    j.intent.hold_until = c->policy == RECOVERY_HOLD ? c->hold_until : WALL_NEVER;
    snprintf(j.intent.actor, sizeof j.intent.actor, "%s", c->actor);
    if (!journal_start(t, &j)) {
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        refuse(t, c, &ei);
    }
}

static void cancel(struct turn *t, const struct host_command *c) {
    struct host *h = t->h;
    struct errinfo ei = {0};
    struct operation *o = h->op && strcmp(h->op->id, c->key) == 0       ? h->op
                          : h->next && strcmp(h->next->id, c->key) == 0 ? h->next
                                                                        : NULL;
    if (!o) {
        err_set(&ei, ERR_STATE, "", "Operation %s is finished already", c->key);
        err_remedy(&ei, "Look at it with: orch-cli get operation %s", c->key);
        refuse(t, c, &ei);
        return;
    }
    if (!operation_unsent(o)) {
        char at[WALL_TEXT_CAP];
        err_set(&ei, ERR_STATE, "", "Operation %s (%s) was sent to the firmware%s%s; it cannot be taken back",
                o->id, power_op_row(o->kind)->verb, o->sent.us ? " at " : "",
                o->sent.us ? wall_hms(o->sent, at) : "");
        err_remedy(&ei, "Wait for its end, then ask for the opposite");
        refuse(t, c, &ei);
        return;
    }
    struct journal j = {.has_command = true, .command = *c, .has_op = true, .replaces_op = true, .op = *o};
    operation_set_state(&j.op, OP_CANCELLED, OP_CODE_BY_OPERATOR, t->now.wall, "cancelled by %s", c->actor);
    if (power_op_row(o->kind)->intent != POWER_UNKNOWN && !o->by_reconcile)
        set_intent(t, &j, c, o->prior);
    if (!journal_start(t, &j)) {
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        refuse(t, c, &ei);
    }
}

void command_came(struct turn *t, const struct host_command *c) {
    static void (*const handlers[])(struct turn *, const struct host_command *) = {
        [CMD_OPERATE] = operate, [CMD_INTENT] = operate, [CMD_POLICY] = policy, [CMD_CANCEL] = cancel};
    struct host *h = t->h;
    if (!h->journal) {
        handlers[c->kind](t, c);
        return;
    }
    struct host_command *copy = h->nqueue < HOST_COMMANDS_MAX ? malloc(sizeof *copy) : NULL;
    if (!copy) {
        struct errinfo ei = {0};
        err_set(&ei, ERR_BUSY, "", "%d commands for this host wait for the database already", h->nqueue);
        err_remedy(&ei, "Try again in a moment");
        refuse(t, c, &ei);
        return;
    }
    *copy = *c;
    h->queue[h->nqueue++] = copy;
}

/* An unsent operation gives way to a newer one. */
static void supersede(struct turn *t, struct operation **slot, const struct operation *by) {
    struct operation *o = *slot;
    if (!o)
        return;
    operation_set_state(o, OP_CANCELLED, OP_CODE_SUPERSEDED, t->now.wall,
                        "superseded by operation %s (%s by %s)", by->id, power_op_row(by->kind)->verb,
                        by->actor);
    struct action *x = act(t, ACT_PERSIST_OP);
    if (x)
        x->op = o;
    operation_retire(t->h, o);
    *slot = NULL;
}

/* Put a written new operation in its place. */
static struct operation *place_operation(struct turn *t, struct journal *j) {
    struct host *h = t->h;
    struct operation *o = j->place;
    j->place = NULL;
    *o = j->op;
    if (h->op && operation_unsent(h->op))
        supersede(t, &h->op, o);
    if (!h->op) {
        if (h->next)
            supersede(t, &h->next, o);
        h->op = o;
        if (o->state == OP_WAITING)
            operation_set_state(o, OP_ACCEPTED, OP_CODE_NONE, t->now.wall, "accepted from %s", o->actor);
        return o;
    }
    supersede(t, &h->next, o);
    h->next = o;
    return o;
}

/* A written change of an operation that is in its place. */
static struct operation *update_operation(struct turn *t, const struct operation *written) {
    struct host *h = t->h;
    struct operation **slot = h->op && strcmp(h->op->id, written->id) == 0       ? &h->op
                              : h->next && strcmp(h->next->id, written->id) == 0 ? &h->next
                                                                                 : NULL;
    if (!slot)
        return NULL;
    struct mono due = (*slot)->due;
    **slot = *written;
    (*slot)->due = due;
    struct operation *o = *slot;
    if (op_state_final(o->state)) {
        operation_retire(h, o);
        *slot = NULL;
        act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) %s: %s", o->id, power_op_row(o->kind)->verb,
                  op_state_text(o->state), o->text);
    } else {
        o->due = t->now.mono; /* go on at once */
    }
    return o;
}

static void apply_intent(struct turn *t, const struct journal *j) {
    struct host *h = t->h;
    bool desired_changed = h->intent.desired != j->intent.desired;
    char until[WALL_TEXT_CAP];
    h->intent = j->intent;
    h->attempts = 0;
    h->next_attempt = (struct mono){0};
    h->mismatch_told = false;
    if (j->command.kind != CMD_POLICY)
        h->local_shutdown = false;
    if (j->command.kind == CMD_POLICY)
        act_event(t, HOST_EVENT_POLICY, "Recovery policy %s%s%s by %s",
                  recovery_policy_text(h->intent.policy), h->intent.hold_until.us ? " until " : "",
                  h->intent.hold_until.us ? wall_rfc3339(h->intent.hold_until, until) : "", h->intent.actor);
    else if (desired_changed)
        act_event(t, HOST_EVENT_INTENT, "Desired power %s by %s", power_state_text(h->intent.desired),
                  h->intent.actor);
}

static void journal_failed(struct turn *t, struct journal *j, int err) {
    if (j->has_command) {
        struct errinfo ei = {0};
        if (err == ERR_STORE_FULL)
            err_set(
                &ei, err, "",
                "The server's disk is full: the command could not be written down, so it was not accepted");
        else
            err_set(&ei, err, "", "The server's database refused the write, so the command was not accepted");
        err_remedy(&ei, "Free space in the data directory or look at the server's log, then try again");
        act_reply(t, j->command.token, &ei, NULL);
    } else if (t->h->op && j->replaces_op) {
        operation_set_state(t->h->op, OP_WAITING, OP_CODE_NONE, t->now.wall,
                            "waits for the server's database: %s", err_text(err));
        t->h->op->due = mono_add_ms(t->now.mono, t->p->poll_doubt_ms);
    } else {
        t->h->next_attempt = mono_add_ms(t->now.mono, t->p->backoff_first_ms);
    }
}

void journal_done(struct turn *t, int err) {
    struct host *h = t->h;
    struct journal *j = h->journal;
    if (!j)
        return;
    h->journal = NULL;
    if (err) {
        journal_failed(t, j, err);
    } else {
        struct operation *o = NULL;
        if (j->has_intent)
            apply_intent(t, j);
        if (j->has_op && j->op.by_reconcile && !j->replaces_op)
            reconcile_attempt(t);
        if (j->has_op)
            o = j->replaces_op ? update_operation(t, &j->op) : place_operation(t, j);
        if (j->has_op && !j->replaces_op && o)
            act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) %s", o->id, power_op_row(o->kind)->verb,
                      o->text);
        if (j->has_command)
            act_reply(t, j->command.token, NULL, o);
    }
    journal_free(&j);
    while (h->nqueue && !h->journal) {
        struct host_command *c = h->queue[0];
        h->nqueue--;
        memmove(h->queue, h->queue + 1, h->nqueue * sizeof *h->queue);
        command_came(t, c);
        free(c);
    }
}
