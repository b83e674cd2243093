/* SPDX-License-Identifier: Apache-2.0 */
/* A random walk: orders, reports, results, links, power and times in any order; what may never be, never is.
 * The walk keeps its own book of what is open at the firmware. */
#include "base/rng.h"
#include "rig_session.h"

enum { WALKS = 60, STEPS = 5000, TOKENS = STEPS + 1, DEVICES = 8, KEPT = 16 };

/* The device's side of a session, from its attachment until it is told as released. */
struct device {
    char id[REDIR_SESSION_ID_CAP];
    enum redir_kind kind;
    bool used, opened, closing;
};

struct ticket {
    char id[REDIR_SESSION_ID_CAP], text[SESSION_TICKET_CAP];
    int64_t at_ms;
    bool granted, used;
};

struct walk {
    struct rng rng;
    struct device devices[DEVICES];
    struct ticket tickets[KEPT];
    unsigned ntickets, nsessions, ncommands;
    char ids[KEPT][REDIR_SESSION_ID_CAP];
    uint8_t answered[TOKENS];
    struct ticket *asks_ticket[TOKENS];
    unsigned power_offs, attached, resumed, waited, answers;
};

static struct walk *walk_of(struct rig *r) {
    return r->user;
}
static unsigned pick(struct walk *w, unsigned n) {
    return (unsigned)rng_range(&w->rng, 0, (int64_t)n - 1);
}

static struct device *device_of(struct walk *w, const char *id) {
    for (unsigned i = 0; i < DEVICES; i++)
        if (w->devices[i].used && strcmp(w->devices[i].id, id) == 0)
            return &w->devices[i];
    return NULL;
}

static void check_answer(struct walk *w, const struct action *a) {
    assert_in_range(a->token, 1, TOKENS - 1);
    if (w->answered[a->token]++)
        fail_msg("order %u is answered twice", (unsigned)a->token);
    w->answers++;
    if (a->error.code)
        assert_true(a->error.text[0] != 0);
    struct ticket *t = w->asks_ticket[a->token];
    if (t && a->error.code == 0)
        t->granted = true;
}

static void on_action(struct rig *r, const struct action *a) {
    struct walk *w = walk_of(r);
    if (a->kind == ACT_SESSION_REPLY)
        check_answer(w, a);
    if (a->kind == ACT_SESSION_END && device_of(w, a->session->id))
        device_of(w, a->session->id)->closing = true;
    if (a->kind != ACT_WSMAN || a->job != WSC_POWER_CHANGE || (a->arg != 8 && a->arg != 5))
        return;
    w->power_offs++;
    for (unsigned i = 0; i < DEVICES; i++)
        if (w->devices[i].used)
            fail_msg("power is taken from %s", w->devices[i].id);
}

/* --- steps --- */

static const char *user(struct walk *w) {
    static const char *const users[] = {"alice", "bob", "root"};
    return users[pick(w, 3)];
}
/* Rather one that is open. */
static const char *any_id(struct rig *r) {
    struct walk *w = walk_of(r);
    const struct host_sessions *hs = r->h.sessions;
    unsigned kind = pick(w, REDIR_KIND_COUNT);
    return hs && hs->open[kind] && pick(w, 4) ? hs->open[kind]->id : w->ids[pick(w, KEPT)];
}

static void order(struct rig *r, struct session_order o) {
    struct walk *w = walk_of(r);
    o.admin = strcmp(o.user, "root") == 0;
    rig_order(r, o);
    w->waited += !w->answered[r->tokens];
}

static void do_start(struct rig *r) {
    struct walk *w = walk_of(r);
    char *id = w->ids[w->nsessions % KEPT];
    struct session_order o = rig_start_words((enum redir_kind)pick(w, REDIR_KIND_COUNT), "", user(w));
    if (r->h.sessions && r->h.sessions->open[o.kind] && pick(w, 5))
        return; /* rather let it live */
    if (pick(w, 4) == 0)
        snprintf(o.resume, sizeof o.resume, "%s", any_id(r));
    snprintf(id, REDIR_SESSION_ID_CAP, "ses-%u", ++w->nsessions);
    snprintf(o.new_id, sizeof o.new_id, "%s", id);
    o.take_over = pick(w, 3) == 0;
    order(r, o);
}

static void do_ticket(struct rig *r) {
    struct walk *w = walk_of(r);
    struct ticket *t = &w->tickets[w->ntickets++ % KEPT];
    for (unsigned i = 0; i < TOKENS; i++)
        if (w->asks_ticket[i] == t)
            w->asks_ticket[i] = NULL;
    *t = (struct ticket){.at_ms = r->now_ms};
    const struct session *s = host_session_find(&r->h, any_id(r));
    struct session_order o =
        rig_words(SESSION_TICKET, s ? s->id : any_id(r), s && pick(w, 5) ? s->user : user(w));
    snprintf(t->text, sizeof t->text, "ticket-%u", w->ntickets);
    snprintf(t->id, sizeof t->id, "%s", o.id);
    snprintf(o.ticket, sizeof o.ticket, "%s", t->text);
    w->asks_ticket[r->tokens + 1] = t;
    order(r, o);
}

static void do_attach(struct rig *r) {
    struct walk *w = walk_of(r);
    unsigned back = pick(w, 3) ? 1 : pick(w, KEPT);
    struct ticket *t = &w->tickets[(w->ntickets + KEPT - back) % KEPT];
    const struct session *s = host_session_find(&r->h, pick(w, 6) ? t->id : any_id(r));
    struct session_order o = rig_words(SESSION_ATTACH, s ? s->id : "ses-none", "");
    snprintf(o.ticket, sizeof o.ticket, "%s", t->text);
    if (s && pick(w, 4) == 0) {
        o.by_kind = true;
        o.kind = s->kind;
    }
    order(r, o);
    assert_int_equal(r->answer.token, r->tokens); /* at once */
    if (r->answer.error.code)
        return;
    assert_true(t->granted);
    assert_false(t->used);
    assert_string_equal(r->answer.id, t->id);
    assert_in_range(r->now_ms - t->at_ms, 0, 600000);
    t->used = true;
    s = rig_session(r, t->id);
    struct device *d = NULL;
    for (unsigned i = 0; i < DEVICES; i++) {
        if (w->devices[i].used && w->devices[i].kind == s->kind)
            fail_msg("%s is opened while the firmware still has %s", s->id, w->devices[i].id);
        if (!w->devices[i].used)
            d = &w->devices[i];
    }
    assert_non_null(d);
    *d = (struct device){.used = true, .kind = s->kind};
    snprintf(d->id, sizeof d->id, "%s", s->id);
    w->attached++;
    w->resumed += s->opened_at.us != 0;
}

static void do_other_order(struct rig *r) {
    static const enum session_order_kind all[] = {
        SESSION_STOP,         SESSION_CONSENT_READ, SESSION_CONSENT_REQUEST,
        SESSION_CONSENT_CODE, SESSION_CONSENT_CODE, SESSION_CONSENT_CANCEL};
    struct walk *w = walk_of(r);
    struct session_order o = rig_words(all[pick(w, sizeof all / sizeof *all)], any_id(r), user(w));
    o.code = pick(w, 4) ? CODE : 1;
    order(r, o);
}

static void close_device(struct rig *r, struct device *d) {
    char id[REDIR_SESSION_ID_CAP];
    snprintf(id, sizeof id, "%s", d->id);
    if (d->opened)
        rig_optin_session(&r->optin, false, r->now_ms);
    *d = (struct device){0};
    rig_report(r, id, SESSION_RELEASED, SESSION_WHY_NONE);
}

/* What the glue may truly tell. */
static void do_report(struct rig *r) {
    struct walk *w = walk_of(r);
    struct device *d = &w->devices[pick(w, DEVICES)];
    for (unsigned i = 0; i < DEVICES && !d->used; i++)
        d = &w->devices[i];
    static const enum session_reason whys[] = {SESSION_WHY_CLOSED,      SESSION_WHY_VIEWER_LOST,
                                               SESSION_WHY_DEVICE_BUSY, SESSION_WHY_DEVICE_CLOSED,
                                               SESSION_WHY_PROTOCOL,    SESSION_WHY_VIEWER_LOST};
    if (!d->used)
        return;
    if (d->closing) {
        if (pick(w, 3) == 0)
            close_device(r, d);
        return;
    }
    if (!d->opened) {
        d->opened = true;
        rig_optin_session(&r->optin, true, r->now_ms);
        rig_report(r, d->id, SESSION_OPENED, SESSION_WHY_NONE);
    } else {
        rig_report(r, d->id, (enum session_report_kind)rng_range(&w->rng, SESSION_HEARD, SESSION_VIEWER_GONE),
                   whys[pick(w, sizeof whys / sizeof *whys)]);
    }
}

/* Late, doubled, or about a session that is no more. */
static void do_odd_report(struct rig *r) {
    struct walk *w = walk_of(r);
    const char *id = any_id(r);
    struct device *d = device_of(w, id);
    enum session_report_kind what = (enum session_report_kind)pick(w, SESSION_RELEASED + 1);
    if (what == SESSION_RELEASED && d && d->closing)
        return; /* that would be a lie */
    if (what == SESSION_OPENED && d)
        return;
    rig_report(r, id, what, SESSION_WHY_VIEWER_LOST);
}

static void do_power(struct rig *r) {
    struct walk *w = walk_of(r);
    struct host_command c = {.kind = CMD_OPERATE,
                             .op = (enum power_op)pick(w, POWER_OP_COUNT),
                             .force = pick(w, 3) == 0,
                             .deadline_ms = pick(w, 2) ? 30000 : 0};
    if (r->h.op && pick(w, 2)) {
        c.kind = CMD_CANCEL;
        snprintf(c.key, sizeof c.key, "%s", r->h.op->id);
    }
    w->ncommands++;
    rig_command(r, c);
}

static void forget_devices(struct rig *r) {
    struct walk *w = walk_of(r);
    memset(w->devices, 0, sizeof w->devices);
    r->optin.sessions = 0;
    if (r->optin.state == AMT_OPTIN_IN_SESSION)
        rig_optin_enter(&r->optin, AMT_OPTIN_RECEIVED, r->now_ms + RIG_CODE_MS);
}

static void do_link(struct rig *r) {
    if (pick(walk_of(r), 8))
        return;
    forget_devices(r);
    if (link_usable(&r->h.link) && pick(walk_of(r), 3))
        rig_lost(r, LINK_WHY_RESET);
    else
        rig_up(r);
}

static void do_firmware(struct rig *r) {
    if (pick(walk_of(r), 4))
        return;
    static const uint32_t required[] = {0, 1, AMT_OPTIN_ALL, AMT_OPTIN_ALL};
    struct walk *w = walk_of(r);
    r->optin.required = required[pick(w, 4)];
    r->optin.no_cancel = pick(w, 8) == 0;
    r->optin.sprite_ms = pick(w, 3) * 2000;
    r->mute_optin = pick(w, 10) == 0;
    r->mute = pick(w, 10) == 0;
    r->no_optin_class = pick(w, 12) == 0;
    r->refuses_kvm_timeout = pick(w, 3) == 0;
    r->latency_ms = pick(w, 3) * 700;
    if (pick(w, 8) == 0) /* another console */
        rig_optin_enter(&r->optin, pick(w, AMT_OPTIN_IN_SESSION + 1), r->now_ms + 30000);
}

static void do_time(struct rig *r) {
    static const int64_t ms[] = {1, 50, 700, 700, 1000, 1000, 3000, 5000};
    rig_run(r, pick(walk_of(r), 40) ? ms[pick(walk_of(r), sizeof ms / sizeof *ms)] : 200000);
}

/* --- what must hold after each --- */

static void check(struct rig *r) {
    const struct host_sessions *hs = r->h.sessions;
    for (int i = 0; i < 3; i++) {
        actions_clear(&r->out);
        host_tick(&r->h, &r->p, rig_now(r), &r->out);
        rig_do(r);
    }
    struct mono due = host_deadline(&r->h, &r->p);
    if (mono_due(due, rig_now(r).mono))
        fail_msg("busy at %lld ms", (long long)r->now_ms);
    for (unsigned k = 0; hs && k < REDIR_KIND_COUNT; k++) {
        const struct session *s = hs->open[k];
        struct device *d = s ? device_of(walk_of(r), s->id) : NULL;
        if (!s)
            continue;
        assert_int_equal(s->kind, k);
        assert_int_not_equal(s->state, SESSION_ENDED);
        assert_int_equal(s->device_open, d != NULL);
        assert_int_equal(s->state == SESSION_CONNECTING || s->state == SESSION_ACTIVE, d && !d->closing);
        if (s->state == SESSION_READY || s->state == SESSION_CONSENT || s->state == SESSION_INTERRUPTED)
            assert_false(mono_is_never(s->until));
    }
    for (unsigned i = 0; hs && i < SESSIONS_PAST_MAX; i++)
        if (hs->past[i])
            assert_int_equal(hs->past[i]->state, SESSION_ENDED);
}

static void drain(struct rig *r) {
    struct walk *w = walk_of(r);
    r->mute = r->mute_optin = r->optin.no_cancel = false;
    r->latency_ms = 50;
    if (!link_usable(&r->h.link))
        rig_up(r);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < DEVICES; i++)
            if (w->devices[i].used) {
                rig_report(r, w->devices[i].id, SESSION_VIEWER_GONE, SESSION_WHY_CLOSED);
                close_device(r, &w->devices[i]);
            }
        rig_run(r, 700000);
    }
    for (uint64_t i = 1; i <= r->tokens; i++)
        if (!w->answered[i])
            fail_msg("order %u is never answered", (unsigned)i);
    assert_int_equal(r->replies, w->ncommands);
    assert_null(host_session_blocking(&r->h));
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        assert_null(r->h.sessions->open[k]);
    assert_null(r->h.op);
    assert_int_equal(r->h.sessions->nwaits, 0);
    assert_false(r->h.sessions->asked);
}

static void a_random_walk(void **state) {
    static void (*const steps[])(struct rig *) = {
        do_start,  do_start,  do_ticket, do_ticket, do_ticket, do_attach,      do_attach,
        do_attach, do_report, do_report, do_report, do_report, do_other_order, do_odd_report,
        do_power,  do_link,   do_time,   do_time,   do_time,   do_time,        do_firmware};
    static struct walk w;
    unsigned power_offs = 0, attached = 0, resumed = 0, waited = 0;
    for (unsigned n = 0; n < WALKS; n++) {
        struct rig *r = rig_new();
        w = (struct walk){.rng = {n + 1}};
        r->user = &w;
        r->on_action = on_action;
        r->optin = (struct rig_optin){.required = AMT_OPTIN_ALL, .code = CODE};
        for (unsigned i = 0; i < STEPS; i++) {
            steps[pick(&w, sizeof steps / sizeof *steps)](r);
            check(r);
        }
        drain(r);
        power_offs += w.power_offs;
        attached += w.attached;
        resumed += w.resumed;
        waited += w.waited;
        rig_free(r);
    }
    print_message("%u streams, %u of them resumed; %u orders waited; %u power-offs\n", attached, resumed,
                  waited, power_offs);
    assert_true(attached > 1000 && resumed > 100 && waited > 1000 &&
                power_offs > 100); /* it went somewhere */
}

UNIT_MAIN(T(a_random_walk))
