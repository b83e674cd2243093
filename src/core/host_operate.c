/* SPDX-License-Identifier: Apache-2.0 */
/* The operation in flight: read first, write "running" down, send once, read until it is confirmed. */
#include "core/host_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    READ_REUSE_MS = 500,      /* an observation this young is as good as a new read */
    REREAD_MS = 1000,         /* between reads while the firmware reports a state on its way */
    CYCLE_LEAST_MS = 10000,   /* a power cycle that was never seen off is believed after this long */
    RESUME_CONFIRM_MS = 15000 /* after a restart: how long an earlier request may still take effect */
};

bool operation_unsent(const struct operation *o) {
    return !o->maybe_sent && (o->state == OP_ACCEPTED || o->state == OP_WAITING ||
                              (o->state == OP_RUNNING && o->step == OP_STEP_READ));
}

void operation_retire(struct host *h, struct operation *o) {
    if (h->last) {
        h->last->gone_next = h->gone;
        h->gone = h->last;
    }
    h->last = o;
}

void operation_free_gone(struct host *h) {
    while (h->gone) {
        struct operation *o = h->gone;
        h->gone = o->gone_next;
        free(o);
    }
}

static void persist_op(struct turn *t, struct operation *o) {
    struct action *x = act(t, ACT_PERSIST_OP);
    if (x)
        x->op = o;
}

void operation_finish(struct turn *t, enum op_state s, enum op_code code, const char *fmt, ...) {
    struct host *h = t->h;
    struct operation *o = h->op;
    char text[OP_TEXT_CAP];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    operation_set_state(o, s, code, t->now.wall, "%s", text);
    persist_op(t, o);
    act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) %s: %s", o->id, power_op_row(o->kind)->verb,
              op_state_text(s), o->text);
    operation_retire(h, o);
    h->op = h->next;
    h->next = NULL;
    if (h->op) {
        operation_set_state(h->op, OP_ACCEPTED, OP_CODE_NONE, t->now.wall, "its turn after operation %s",
                            o->id);
        h->op->due = t->now.mono;
    }
    reconcile_operation_ended(t, o);
}

/* Wait for something that is not the firmware: said once, and again when it is another one. */
static void wait_for(struct turn *t, enum op_code code, const char *text) {
    struct operation *o = t->h->op;
    if (o->state == OP_WAITING && o->code == code && strcmp(o->text, text) == 0)
        return;
    operation_set_state(o, OP_WAITING, code, t->now.wall, "%s", text);
    persist_op(t, o);
    act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) waiting: %s", o->id, power_op_row(o->kind)->verb,
              text);
}

static bool offers(const struct observation *o, uint8_t cim) {
    for (unsigned i = 0; i < o->navailable; i++)
        if (o->available[i] == cim)
            return true;
    return false;
}

/* What was never sent, and will not be, is not done later by reconcile either: what was desired before it is
 * desired again. */
static void give_back_intent(struct turn *t, const struct operation *o, const char *why) {
    struct intent *i = &t->h->intent;
    if (o->by_reconcile || i->desired != power_op_row(o->kind)->intent || i->desired == o->prior)
        return;
    i->desired = o->prior;
    i->since = t->now.wall;
    act_persist(t, PERSIST_INTENT);
    act_event(t, HOST_EVENT_INTENT, "Desired power %s again: operation %s %s", power_state_text(o->prior),
              o->id, why);
}

static void finish_not_available(struct turn *t, const struct power_op_row *row) {
    const struct observation *ob = &t->h->power;
    char list[96] = "";
    size_t n = 0;
    for (unsigned op = 0; op < POWER_OP_COUNT && n < sizeof list; op++)
        if (offers(ob, power_op_row((enum power_op)op)->cim))
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "",
                                  power_op_row((enum power_op)op)->kind);
    give_back_intent(t, t->h->op, "is not offered by the firmware");
    operation_finish(t, OP_FAILED, OP_CODE_NOT_AVAILABLE,
                     "the firmware does not offer %s while the node is %s; it offers: %s", row->kind,
                     power_cim_text(ob->cim), list[0] ? list : "nothing");
}

/* The request is about to go out: written down first. */
static void journal_running(struct turn *t) {
    struct journal j = {.has_op = true, .replaces_op = true, .op = *t->h->op};
    j.op.step = OP_STEP_SEND;
    operation_set_state(&j.op, OP_RUNNING, OP_CODE_NONE, t->now.wall, "sending %s (%u) to the firmware",
                        power_op_row(j.op.kind)->kind, power_op_row(j.op.kind)->cim);
    t->h->op->due = MONO_NEVER;
    if (!journal_start(t, &j))
        t->h->op->due = mono_add_ms(t->now.mono, REREAD_MS);
}

/* The firmware takes no power away from an open session (reference 5.2): wait visibly, or end the sessions.
 */
static bool session_in_the_way(const struct host *h) {
    return power_op_row(h->op->kind)->blocked && host_session_blocking(h);
}

static void wait_for_session(struct turn *t) {
    struct operation *o = t->h->op;
    char who[128], text[OP_TEXT_CAP], what[OP_ACTOR_CAP + 40];
    session_describe(host_session_blocking(t->h), who, sizeof who);
    snprintf(what, sizeof what, "a forced power operation by %s", o->actor);
    if (o->force)
        session_force(t, SESSION_WHY_POWER_FORCED, what);
    snprintf(text, sizeof text, o->force ? "ends the %s first" : "waits for the end of the %s", who);
    wait_for(t, OP_CODE_SESSION, text);
    o->due = MONO_NEVER; /* SESSION_RELEASED goes on */
}

/* Fresh knowledge is there: what does the operation need now? */
static void after_read(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    const struct power_op_row *row = power_op_row(o->kind);
    char at[WALL_TEXT_CAP];
    if (row->repeatable && h->power.state == row->confirms) {
        operation_finish(t, OP_DONE, OP_CODE_NONE, "%s already, observed %s", power_state_text(row->confirms),
                         wall_hms(h->power.at, at));
        return;
    }
    if (o->maybe_sent && !row->repeatable) {
        operation_finish(
            t, OP_FAILED, OP_CODE_OUTCOME_UNKNOWN,
            "the server was restarted while it was being sent; the node is %s now; it is not sent twice",
            power_state_text(h->power.state));
        return;
    }
    if (o->maybe_sent && o->resumed) { /* it may still take effect: look a while before sending again */
        o->step = OP_STEP_CONFIRM;
        o->confirm_until = mono_add_ms(t->now.mono, RESUME_CONFIRM_MS);
        o->due = mono_add_ms(t->now.mono, REREAD_MS);
        operation_set_state(o, OP_CONFIRMING, OP_CODE_NONE, t->now.wall,
                            "resumed after a restart: reading the state first");
        persist_op(t, o);
        return;
    }
    if (h->power.state == POWER_UNKNOWN) { /* on its way somewhere */
        o->due = mono_add_ms(t->now.mono, REREAD_MS);
        return;
    }
    if (h->power.available_told && !offers(&h->power, row->cim)) {
        finish_not_available(t, row);
        return;
    }
    if (session_in_the_way(h)) {
        wait_for_session(t);
        return;
    }
    if (mono_before(t->now.mono, h->settle_until)) {
        o->due = h->settle_until;
        return;
    }
    journal_running(t);
}

static void step_read(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    if (!link_usable(&h->link) &&
        o->maybe_sent) { /* stays what is journaled: a second crash must still know */
        o->due = MONO_NEVER;
        return;
    }
    if (!link_usable(&h->link)) {
        char text[OP_TEXT_CAP];
        snprintf(text, sizeof text, "waits for the AMT link (%s)", link_reason_text(h->link.why));
        wait_for(t, OP_CODE_UNREACHABLE, text);
        o->due = MONO_NEVER;
        return;
    }
    if (observation_fresh(h, t->now.mono, READ_REUSE_MS)) {
        after_read(t);
        return;
    }
    if (!h->reads_pending || !h->read_urgent) {
        act_read(t, WSC_URGENT, t->p->command_read_timeout_ms);
        if (link_ask_now(&h->link, t->now.mono, t->now.wall) == LINK_ASK)
            act(t, ACT_KEEPALIVE);
    }
    o->due = MONO_NEVER; /* the read's result comes by its own deadline */
}

static void step_send(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    if (!observation_fresh(h, t->now.mono, t->p->fresh_ms) || session_in_the_way(h)) {
        /* the link went, or came anew, or a session was opened, while "running" was written down: nothing was
         * sent yet */
        o->step = OP_STEP_READ;
        step_read(t);
        return;
    }
    struct action *x = act(t, ACT_WSMAN);
    if (!x) {
        o->due = mono_add_ms(t->now.mono, REREAD_MS);
        return;
    }
    x->job = WSC_POWER_CHANGE;
    x->arg = power_op_row(o->kind)->cim;
    x->prio = WSC_URGENT;
    o->maybe_sent = true;
    o->resumed = false;
    o->sent = t->now.wall;
    o->due = MONO_NEVER;
    o->seen_away = false;
    o->confirm_reads = 0;
    h->settle_until = mono_add_ms(t->now.mono, t->p->settle_ms);
}

static void step_confirm(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    o->due = MONO_NEVER;
    if (link_usable(&h->link) && !h->reads_pending)
        act_read(t, WSC_URGENT, t->p->command_read_timeout_ms);
    else if (!link_usable(&h->link))
        o->due = o->confirm_until;
}

/* The time to confirm is over. */
static void give_up_confirming(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    const struct power_op_row *row = power_op_row(o->kind);
    char at[WALL_TEXT_CAP], seen[WALL_TEXT_CAP];
    if (!link_usable(&h->link)) {
        operation_finish(t, OP_FAILED, OP_CODE_NOT_CONFIRMED,
                         "sent %s, but the AMT link went down (%s) before %s was seen", wall_hms(o->sent, at),
                         link_reason_text(h->link.why), power_state_text(row->confirms));
        return;
    }
    if (o->resumed && row->repeatable && observation_fresh(h, t->now.mono, t->p->fresh_ms)) {
        /* the state was read and it is not there: the earlier request had no effect, so this is not a second
         * one */
        o->maybe_sent = o->resumed = false;
        o->step = OP_STEP_READ;
        o->due = t->now.mono;
        operation_set_state(o, OP_ACCEPTED, OP_CODE_NONE, t->now.wall,
                            "the request of before the restart had no effect");
        return;
    }
    operation_finish(t, OP_FAILED, OP_CODE_NOT_CONFIRMED,
                     "accepted by the firmware %s, but the node is still %s (read %s)", wall_hms(o->sent, at),
                     power_state_text(h->power.state), wall_hms(h->power.at, seen));
}

void operation_turn(struct turn *t) {
    static void (*const steps[])(struct turn *) = {
        [OP_STEP_READ] = step_read, [OP_STEP_SEND] = step_send, [OP_STEP_CONFIRM] = step_confirm};
    struct host *h = t->h;
    if (h->journal)
        return;
    if (h->next && mono_due(h->next->expires, t->now.mono)) {
        give_back_intent(t, h->next, "expired");
        operation_set_state(h->next, OP_EXPIRED, OP_CODE_DEADLINE, t->now.wall,
                            "its deadline passed while it waited");
        persist_op(t, h->next);
        act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) expired: %s", h->next->id,
                  power_op_row(h->next->kind)->verb, h->next->text);
        operation_retire(h, h->next);
        h->next = NULL;
    }
    for (int turns = 0; h->op && !h->journal && turns < 4; turns++) {
        struct operation *o = h->op;
        if (operation_unsent(o) && mono_due(o->expires, t->now.mono)) {
            give_back_intent(t, o, "expired");
            const char *what = !link_usable(&h->link)       ? " for the AMT link"
                               : o->code == OP_CODE_SESSION ? " for the end of a session"
                                                            : "";
            operation_finish(t, OP_EXPIRED, OP_CODE_DEADLINE, "its deadline passed while it waited%s", what);
            continue;
        }
        if (o->step == OP_STEP_CONFIRM && mono_due(o->confirm_until, t->now.mono) && !h->reads_pending) {
            give_up_confirming(t);
            continue;
        }
        bool fresh_start = o->state == OP_ACCEPTED && mono_is_never(o->due);
        if (!fresh_start && !mono_due(o->due, t->now.mono))
            return;
        steps[o->step](t);
    }
}

static bool confirmed(const struct turn *t) {
    const struct operation *o = t->h->op;
    const struct power_op_row *row = power_op_row(o->kind);
    if (t->h->power.state != row->confirms)
        return false;
    if (o->kind != POWER_OP_CYCLE || o->seen_away)
        return true;
    return t->now.wall.us - o->sent.us >= (int64_t)CYCLE_LEAST_MS * 1000;
}

/* The pause before the next confirming read grows. */
static uint32_t confirm_pause_ms(const struct operation *o, const struct host_policy *p) {
    uint32_t ms = p->op_confirm_first_ms;
    for (unsigned i = 0; i < o->confirm_reads && ms < p->op_confirm_max_ms; i++)
        ms *= 2;
    return ms < p->op_confirm_max_ms ? ms : p->op_confirm_max_ms;
}

static void confirm_read(struct turn *t, const struct wsc_result *r) {
    struct host *h = t->h;
    struct operation *o = h->op;
    char at[WALL_TEXT_CAP];
    if (!r->err) {
        if (h->power.state != POWER_ON)
            o->seen_away = true;
        if (confirmed(t)) {
            operation_finish(t, OP_DONE, OP_CODE_NONE, "%s observed %s", power_state_text(h->power.state),
                             wall_hms(h->power.at, at));
            return;
        }
    }
    uint32_t pause = confirm_pause_ms(o, t->p);
    if (o->confirm_reads < UINT16_MAX)
        o->confirm_reads++;
    o->due = mono_min(mono_add_ms(t->now.mono, pause), mono_max(o->confirm_until, t->now.mono));
}

void operation_power_read(struct turn *t, const struct wsc_result *r) {
    struct host *h = t->h;
    struct operation *o = h->op;
    struct errinfo ei = {0};
    if (!o || h->journal)
        return;
    if (o->step == OP_STEP_CONFIRM) {
        confirm_read(t, r);
        return;
    }
    if (o->step != OP_STEP_READ)
        return;
    if (!r->err) {
        o->due = t->now.mono;
        return;
    }
    if (o->state == OP_WAITING && o->code == OP_CODE_SESSION && session_in_the_way(h))
        return;          /* nothing was wanted of this read yet */
    if (o->maybe_sent) { /* of before a restart: it has no right to fail for a read */
        o->due = mono_add_ms(t->now.mono, t->p->poll_doubt_ms);
        return;
    }
    enum op_code code = r->err == ERR_AUTH      ? OP_CODE_AUTH
                        : r->err == ERR_TIMEOUT ? OP_CODE_TIMED_OUT
                                                : OP_CODE_FIRMWARE;
    if (host_unreachable(h, t->now, &ei) < 0)
        operation_finish(t, OP_FAILED, OP_CODE_UNREACHABLE, "%.180s", ei.text);
    else
        operation_finish(t, OP_FAILED, code, "the power state could not be read, so nothing was sent: %s",
                         h->read_error);
}

void operation_power_changed(struct turn *t, const struct wsc_result *r) {
    struct host *h = t->h;
    struct operation *o = h->op;
    if (!o || o->step != OP_STEP_SEND || h->journal)
        return;
    const struct power_op_row *row = power_op_row(o->kind);
    if (r->err && !r->maybe_sent) {
        enum op_code code = r->err == ERR_AUTH      ? OP_CODE_AUTH
                            : r->err == ERR_TIMEOUT ? OP_CODE_TIMED_OUT
                                                    : OP_CODE_FIRMWARE;
        operation_finish(t, OP_FAILED, code, "not sent: %s", r->why[0] ? r->why : err_text(r->err));
        return;
    }
    if (r->err && !row->repeatable) {
        operation_finish(t, OP_FAILED, OP_CODE_OUTCOME_UNKNOWN,
                         "sent, but no answer came (%s); it is not sent twice",
                         r->why[0] ? r->why : err_text(r->err));
        return;
    }
    if (!r->err && r->return_value != 0) {
        operation_finish(t, OP_FAILED, OP_CODE_REFUSED, "the firmware refused it: %s (%lld)",
                         amt_power_return_text(r->return_value), (long long)r->return_value);
        return;
    }
    o->step = OP_STEP_CONFIRM;
    o->confirm_until = mono_add_ms(t->now.mono, t->p->op_confirm_total_ms);
    o->due = t->now.mono;
    operation_set_state(o, OP_CONFIRMING, OP_CODE_NONE, t->now.wall, "%s; waiting to see the node %s",
                        r->err ? "sent without an answer" : "accepted by the firmware",
                        power_state_text(row->confirms));
    persist_op(t, o);
    act_event(t, HOST_EVENT_OPERATION, "Operation %s (%s) confirming: %s", o->id, row->verb, o->text);
}

void operation_link_gone(struct turn *t) {
    struct host *h = t->h;
    struct operation *o = h->op;
    if (!o)
        return;
    if (o->step == OP_STEP_SEND && !h->journal && o->state == OP_RUNNING && o->maybe_sent) {
        const struct power_op_row *row = power_op_row(o->kind);
        if (!row->repeatable) {
            operation_finish(t, OP_FAILED, OP_CODE_OUTCOME_UNKNOWN,
                             "the AMT link went down while it was being sent; it is not sent twice");
            return;
        }
        o->step = OP_STEP_CONFIRM;
        o->confirm_until = mono_add_ms(t->now.mono, t->p->op_confirm_total_ms);
        operation_set_state(o, OP_CONFIRMING, OP_CODE_NONE, t->now.wall,
                            "the AMT link went down while it was being sent");
        persist_op(t, o);
    }
    o->due = t->now.mono;
}
