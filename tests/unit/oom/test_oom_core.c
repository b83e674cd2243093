/* SPDX-License-Identifier: Apache-2.0 */
/* The host machine with failing allocations, and the glue's remedy: when an action is missing, whoever waits
 * is told and the link starts over. What was accepted still happens once, and the host converges. */
#include "oom/failmalloc.h"

#include "core/host.h"

#include <stdlib.h>

/* Only what the machine itself takes may fail. */
static void let_input(struct host *h, const struct host_policy *p, const struct host_ev *ev,
                      struct host_now now, struct actions *out) {
    failmalloc_resume();
    host_input(h, p, ev, now, out);
    failmalloc_pause();
}
static void let_tick(struct host *h, const struct host_policy *p, struct host_now now, struct actions *out) {
    failmalloc_resume();
    host_tick(h, p, now, out);
    failmalloc_pause();
}
#define host_input let_input
#define host_tick  let_tick
#include "core/rig_session.h"

static unsigned starts_over;

static void start_over(struct rig *r) {
    starts_over++;
    r->replies++;
    r->reply.code = ERR_NOMEM;
    if (link_usable(&r->h.link))
        rig_lost(r, LINK_WHY_NONE);
}

/* A node with a tunnel, and memory that may run out from here on. */
static void begin(struct rig *r) {
    *r = (struct rig){.p = HOST_POLICY_DEFAULT,
                      .cim = 2,
                      .answers_keepalive = true,
                      .latency_ms = 50,
                      .transition_ms = 2000,
                      .on_failed = start_over};
    host_init(&r->h, "host-00000001", 0);
    r->h.intent.desired = POWER_ON;
    rig_up(r);
    rig_run(r, 5000);
}

/* A command; its answer: 0, or an error. What is accepted has an operation, now or finished. */
static int command(struct rig *r, struct host_command c) {
    unsigned replies = r->replies;
    c.token = 1;
    rig_command(r, c);
    rig_run(r, 200);
    assert_true(r->replies > replies);
    if (r->reply.code == 0 && c.kind == CMD_OPERATE)
        assert_string_equal(r->reply_op, c.new_id);
    return r->reply.code;
}

/* With memory again, whatever was left open ends. */
static void converge(struct rig *r) {
    failmalloc_pause();
    if (!link_usable(&r->h.link))
        rig_up(r);
    rig_run(r, 700000);
    assert_non_null(r->h.info);
    assert_true(link_usable(&r->h.link));
    assert_null(r->h.journal);
    assert_int_equal(r->h.nqueue, 0);
    assert_null(r->h.op);
    assert_null(r->h.next);
    assert_int_equal(r->h.decided.kind, DECIDE_AS_DESIRED);
    assert_int_equal(host_power_now(&r->h, &r->p, (struct mono){r->now_ms * 1000}), r->h.intent.desired);
    failmalloc_resume();
}

static int end(struct rig *r) {
    host_fini(&r->h);
    actions_free(&r->out);
    failmalloc_resume();
    return failmalloc_hit() ? ERR_NOMEM : 0;
}

static struct rig rig;

/* A reset, and an off that waits behind it; then the node is shut down from inside. */
static int commands(void *ctx) {
    struct rig *r = &rig;
    failmalloc_pause();
    begin(r);
    int a = command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a"});
    int b = command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-b"});
    converge(r);
    assert_true(a == 0 || a == ERR_NOMEM || a == ERR_UNREACHABLE);
    assert_true(b == 0 || b == ERR_NOMEM || b == ERR_UNREACHABLE);
    assert_true(r->changes <= 2);
    if (b == 0)
        assert_int_equal(r->h.intent.desired, POWER_OFF);
    return end(r);
}

static int recovery(void *ctx) {
    struct rig *r = &rig;
    failmalloc_pause();
    begin(r);
    r->cim = 8;
    rig_run(r, 60000);
    converge(r);
    assert_true(r->changes == 1);
    return end(r);
}

/* Commands that wait for the journal are copied. */
static int queue(void *ctx) {
    struct rig *r = &rig;
    failmalloc_pause();
    begin(r);
    r->journal_stuck = true;
    for (int i = 0; i < 3; i++) {
        struct host_command c = {.kind = CMD_POLICY, .policy = RECOVERY_KEEP, .token = 1};
        rig_command(r, c);
    }
    r->journal_stuck = false;
    if (r->h.journal)
        rig_later(r, (struct rig_pending){.at_ms = r->now_ms, .what = RIG_JOURNAL});
    rig_run(r, 100);
    assert_true(r->replies >= 3);
    converge(r);
    return end(r);
}

/* An order; its answer, or ERR_NOMEM when it went with the link. */
static int order(struct rig *r, struct session_order o) {
    unsigned times = r->answer.times, before = starts_over;
    rig_order(r, o);
    rig_run(r, 3000);
    assert_true(r->answer.times <= times + 1);
    assert_true(r->answer.times > times || starts_over > before);
    return r->answer.times > times ? r->answer.error.code : ERR_NOMEM;
}

/* Start, code, ticket, stream: how far it came. */
static bool open_session(struct rig *r) {
    struct session_order o = rig_words(SESSION_TICKET, "ses-a", "alice");
    snprintf(o.ticket, sizeof o.ticket, "%s", TICKET);
    r->optin = (struct rig_optin){.required = AMT_OPTIN_ALL, .code = CODE};
    if (order(r, rig_start_words(REDIR_KVM, "ses-a", "alice")) != 0)
        return false;
    if (order(r, (struct session_order){.what = SESSION_CONSENT_CODE, .code = CODE}) != 0)
        return false;
    if (order(r, o) != 0)
        return false;
    o.what = SESSION_ATTACH;
    if (order(r, o) != 0)
        return false;
    rig_optin_session(&r->optin, true, r->now_ms);
    rig_report(r, "ses-a", SESSION_OPENED, SESSION_WHY_NONE);
    return true;
}

/* A session with consent, and a power-off that ends it; whatever is missing, none is left in the end. */
static int sessions(void *ctx) {
    struct rig *r = &rig;
    failmalloc_pause();
    begin(r);
    bool opened = open_session(r);
    const struct session *s = opened ? host_session_find(&r->h, "ses-a") : NULL;
    bool active = s && s->state == SESSION_ACTIVE;
    if (link_usable(&r->h.link))
        command(r, (struct host_command){
                       .kind = CMD_OPERATE, .op = POWER_OP_OFF, .force = true, .new_id = "op-a"});
    if (active && link_usable(&r->h.link))
        assert_int_equal(r->changes, 0);
    if (opened)
        rig_release(r, "ses-a");
    converge(r);
    assert_null(host_session_blocking(&r->h));
    for (unsigned k = 0; r->h.sessions && k < REDIR_KIND_COUNT; k++)
        assert_null(r->h.sessions->open[k]);
    if (!failmalloc_hit())
        assert_true(active && r->changes == 1 && r->end.why == SESSION_WHY_POWER_FORCED);
    return end(r);
}

static void commands_survive(void **s) {
    failmalloc_each(commands, NULL);
}
static void sessions_survive(void **s) {
    failmalloc_each(sessions, NULL);
}
static void a_recovery_survives(void **s) {
    failmalloc_each(recovery, NULL);
}
static void the_queue_survives(void **s) {
    failmalloc_each(queue, NULL);
}

UNIT_MAIN(T(commands_survive), T(a_recovery_survives), T(the_queue_survives), T(sessions_survive))
