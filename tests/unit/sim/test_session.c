/* SPDX-License-Identifier: Apache-2.0 */
/* Redirection sessions of a node through its tunnel, with the real client: what is refused, what a session
 * means for consent and power, and how it ends. */
#include "base/text.h"
#include "net/sim.h"
#include "node_rig.h"
#include "sim/node_int.h"
#include "sim/sol_shell.h"
#include "unit.h"

#include <openssl/sha.h>

/* One session of the client's side. */
struct caller {
    struct bench *b;
    struct orch_chan *c;
    struct redir *r;
    struct loop_timer timer;
    struct buf data;
    bool open;
    int err;
    bool power, told_power;
};
static struct caller A, B, C; /* C: to be refused */

static void pump(struct caller *k);
static void on_timer(struct loop_timer *t) {
    struct caller *k = CONTAINER_OF(t, struct caller, timer);
    k->err = k->err ? k->err : redir_tick(k->r, loop_now(k->b->loop));
    pump(k);
}

static void pump(struct caller *k) {
    struct redir_ev ev;
    if (!k->r || !k->c->opened)
        return;
    struct slice in = buf_slice(&k->c->in);
    int e;
    while (k->err == 0 && (e = redir_input(k->r, &in, loop_now(k->b->loop), &ev)) != 0) {
        if (e < 0)
            k->err = e;
        else if (ev.kind == REDIR_EV_OPEN)
            k->open = true;
        else if (ev.kind == REDIR_EV_DATA)
            buf_put(&k->data, ev.data);
        else if (ev.kind == REDIR_EV_POWER) {
            k->told_power = true;
            k->power = ev.host_on;
        }
    }
    buf_clear(&k->c->in);
    struct slice out = redir_output(k->r);
    if (out.n && !k->c->closed && orch_raw_send(&k->b->orch, k->c, out) == 0)
        redir_sent(k->r, out.n);
    loop_timer_set(k->b->loop, &k->timer, k->c->closed ? MONO_NEVER : redir_deadline(k->r));
}

static void call_as(struct caller *k, struct bench *b, enum redir_kind kind, uint32_t port,
                    const char *password) {
    struct redir_config cfg = {
        .kind = kind, .bare = kind == REDIR_IDER, .user = "admin", .password = password, .random = {7}};
    struct redir_limits lim = REDIR_LIMITS_DEFAULT;
    *k = (struct caller){.b = b, .timer = {.fn = on_timer}};
    k->r = redir_new(&cfg, &lim, loop_now(b->loop));
    assert_non_null(k->r);
    k->c = orch_raw_open(&b->orch, port);
}
static void call(struct caller *k, struct bench *b, enum redir_kind kind) {
    call_as(k, b, kind, 16994, sim_node_config(b->node)->id.amt_password);
}
static void hang_up(struct caller *k) {
    loop_timer_stop(k->b->loop, &k->timer);
    orch_raw_free(&k->b->orch, k->c);
    redir_free(&k->r);
    buf_free(&k->data);
}

static bool is_open(struct bench *b) {
    pump(&A);
    pump(&B);
    return A.open && (!B.r || B.open);
}
static bool is_over(struct bench *b) {
    pump(&A);
    return A.c->closed || A.err;
}
static bool has_login(struct bench *b) {
    pump(&A);
    return A.data.len && strstr(buf_cstr(&A.data), "node001 login: ");
}
static bool has_data(struct bench *b) {
    pump(&A);
    return A.data.len > 0;
}
static bool never(struct bench *b) {
    pump(&A);
    return false;
}
static void type(struct caller *k, const char *text) {
    assert_int_equal(redir_send(k->r, slice_str(text), loop_now(k->b->loop)), 0);
    pump(k);
}

static bool all_forwarded(struct bench *b) {
    const struct orch_link *k = orch_up(&b->orch);
    return k && k->forwards >= sim_profile_info(sim_node_config(b->node)->profile)->nports;
}
static void start_on(struct bench *b, enum sim_profile p, struct tls_ctx *tls) {
    A = B = (struct caller){0};
    bench_make(b, p, tls);
    sim_node_consent_policy(b->node, 0);
    assert_true(bench_run(b, all_forwarded, SOON));
}
static void start(struct bench *b) {
    start_on(b, SIM_A15, NULL);
}
static uint64_t open_sessions(struct bench *b) {
    return sim_fleet_counters(b->fleet)->sessions;
}
static bool c_is_over(struct bench *b) {
    pump(&C);
    return C.c->closed || C.err;
}
/* The client is refused, with this reason. */
static void refused(struct bench *b, enum redir_kind kind, enum redir_fail why) {
    call(&C, b, kind);
    assert_true(bench_run(b, c_is_over, SOON));
    if (redir_failure(C.r) != why)
        fail_msg("%s: %d (%s)", redir_kind_id(kind), redir_failure(C.r), redir_error(C.r));
    hang_up(&C);
}

/* --- */

static void a_prompt_on_every_way(void **state) {
    static const struct {
        enum sim_profile profile;
        uint32_t port;
        const char *firmware;
    } WAYS[] = {{SIM_A11, 16994, "AMT 11.8"},
                {SIM_A15, 16994, "AMT 15.0"},
                {SIM_A15, 16995, "AMT 15.0"},
                {SIM_A19, 16995, "AMT 19.0"}};
    struct tls_ctx *tls = bench_device_tls();
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++) {
        struct bench b;
        start_on(&b, WAYS[i].profile, tls);
        call_as(&A, &b, REDIR_SOL, WAYS[i].port, sim_node_config(b.node)->id.amt_password);
        assert_true(bench_run(&b, is_open, SOON));
        assert_string_equal(redir_firmware(A.r), WAYS[i].firmware);
        type(&A, "\r");
        assert_true(bench_run(&b, has_login, SOON));
        assert_int_equal(open_sessions(&b), 1);
        struct buf text = {0};
        assert_int_equal(sim_node_sessions_describe(b.node, &text), 0);
        assert_non_null(strstr(buf_cstr(&text), "node001 sol since=2023-11-14T22:13:"));
        buf_free(&text);
        hang_up(&A);
        assert_false(bench_run(&b, never, 100));
        assert_int_equal(open_sessions(&b), 0);
        bench_unmake(&b);
    }
    tls_ctx_unref(&tls);
}

static void a_wrong_password_is_told(void **state) {
    struct bench b;
    start(&b);
    call_as(&A, &b, REDIR_SOL, 16994, "wrong");
    assert_true(bench_run(&b, is_over, SOON));
    assert_int_equal(redir_failure(A.r), REDIR_FAIL_AUTH);
    assert_int_equal(open_sessions(&b), 0);
    assert_int_equal(sim_fleet_counters(b.fleet)->unauthorized, 1);
    hang_up(&A);
    call(&A, &b, REDIR_SOL); /* the kind is free again */
    assert_true(bench_run(&b, is_open, SOON));
    hang_up(&A);
    bench_unmake(&b);
}

static void one_of_a_kind(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    call(&B, &b, REDIR_KVM);
    assert_true(bench_run(&b, is_open, SOON)); /* kinds live beside each other */
    assert_int_equal(open_sessions(&b), 2);
    refused(&b, REDIR_SOL, REDIR_FAIL_BUSY);
    hang_up(&A);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    assert_int_equal(sim_fleet_counters(b.fleet)->sessions_opened, 3);
    assert_int_equal(sim_fleet_counters(b.fleet)->sessions_refused, 1);
    hang_up(&A);
    hang_up(&B);
    sim_node_busy(b.node, REDIR_KVM, true);
    refused(&b, REDIR_KVM, REDIR_FAIL_BUSY);
    sim_node_busy(b.node, REDIR_KVM, false);
    call(&A, &b, REDIR_KVM);
    B = (struct caller){0};
    assert_true(bench_run(&b, is_open, SOON));
    hang_up(&A);
    bench_unmake(&b);
}

static void what_is_disabled_is_refused(void **state) {
    struct bench b;
    start(&b);
    b.node->redir_state = 32769; /* IDE-R only */
    refused(&b, REDIR_SOL, REDIR_FAIL_DISABLED);
    b.node->redir_state = 32770; /* SOL only */
    b.node->kvm_enabled = false;
    refused(&b, REDIR_KVM, REDIR_FAIL_DISABLED);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    hang_up(&A);
    b.node->listener = false;
    A = (struct caller){.b = &b};
    A.c = orch_raw_open(&b.orch, 16994);
    assert_true(bench_run(&b, is_over, SOON)); /* the channel is refused */
    assert_false(A.c->opened);
    orch_raw_free(&b.orch, A.c);
    bench_unmake(&b);
}

static void statuses_of_faults(void **state) {
    static const struct {
        enum sim_fault fault;
        uint32_t arg;
        enum redir_fail why;
    } CASES[] = {{SIM_FAULT_REDIR_STATUS, 1, REDIR_FAIL_TYPE},
                 {SIM_FAULT_REDIR_STATUS, 2, REDIR_FAIL_BUSY},
                 {SIM_FAULT_REDIR_STATUS, 3, REDIR_FAIL_DISABLED},
                 {SIM_FAULT_REDIR_STATUS, 255, REDIR_FAIL_DEVICE},
                 {SIM_FAULT_REDIR_NO_DIGEST, 0, REDIR_FAIL_AUTH_METHOD},
                 {SIM_FAULT_REDIR_BAD_LENGTH, 0, REDIR_FAIL_PROTOCOL},
                 {SIM_FAULT_REDIR_MUTE, 0, REDIR_FAIL_TIMEOUT},
                 {SIM_FAULT_REDIR_CUT, 0, REDIR_FAIL_NONE /* the connection ends */}};
    struct bench b;
    start(&b);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        sim_node_faults_clear(b.node);
        sim_node_fault(b.node, CASES[i].fault, true, CASES[i].arg);
        call(&A, &b, REDIR_SOL);
        assert_true(bench_run(&b, is_over, 20000));
        if (redir_failure(A.r) != CASES[i].why)
            fail_msg("%s %u: %d (%s)", sim_fault_name(CASES[i].fault), CASES[i].arg, redir_failure(A.r),
                     redir_error(A.r));
        assert_false(A.open);
        hang_up(&A);
        assert_false(bench_run(&b, never, 100));
    }
    bench_unmake(&b);
}

/* --- consent --- */

static void consent(struct bench *b) {
    struct optin *o = &b->node->optin;
    struct mono now = node_now(b->node);
    assert_int_equal(node_consent_start(b->node, now), OPTIN_RV_OK);
    assert_true(strlen(sim_node_consent_code(b->node)) == 6);
    assert_int_equal(optin_send(o, o->code, now), OPTIN_RV_OK);
}

static void consent_opens_and_outlasts_sessions(void **state) {
    struct bench b;
    start(&b);
    sim_node_consent_policy(b.node, OPTIN_ALL);
    refused(&b, REDIR_SOL, REDIR_FAIL_DISABLED);
    refused(&b, REDIR_IDER, REDIR_FAIL_DISABLED);
    call(&A, &b, REDIR_KVM); /* opens, and closes before a picture comes */
    assert_true(bench_run(&b, is_over, SOON));
    assert_true(A.open);
    assert_int_equal(A.data.len, 0);
    hang_up(&A);
    sim_node_consent_next(b.node, 12345);
    consent(&b);
    assert_int_equal(b.node->optin.code, 12345);
    assert_int_equal(b.node->optin.state, OPTIN_RECEIVED);
    call(&A, &b, REDIR_KVM);
    call(&B, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    assert_true(bench_run(&b, has_data, SOON));
    assert_true(slice_is(slice_head(buf_slice(&A.data), 12), "RFB 003.008\n"));
    assert_int_equal(b.node->optin.state, OPTIN_IN_SESSION);
    hang_up(&A);
    assert_false(bench_run(&b, never, 100));
    assert_int_equal(b.node->optin.state, OPTIN_IN_SESSION);
    hang_up(&B);
    B = (struct caller){0};
    assert_false(bench_run(&b, never, 100));
    assert_int_equal(b.node->optin.state, OPTIN_RECEIVED);
    call(&A, &b, REDIR_KVM); /* within the reuse time */
    assert_true(bench_run(&b, has_data, SOON));
    hang_up(&A);
    assert_false(bench_run(&b, never, 100));
    sim_node_fault(b.node, SIM_FAULT_SOL_NO_CONSENT, true, 0);
    optin_advance(&b.node->optin, true, mono_add_ms(node_now(b.node), 130000));
    assert_int_equal(b.node->optin.state, OPTIN_NOT_STARTED);
    call(&A, &b, REDIR_SOL); /* firmware of the other opinion */
    assert_true(bench_run(&b, is_open, SOON));
    hang_up(&A);
    sim_node_consent_policy(b.node, OPTIN_KVM); /* SOL and IDE-R need none then */
    sim_node_faults_clear(b.node);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    hang_up(&A);
    bench_unmake(&b);
}

static void a_prompt_waits_for_consent(void **state) {
    for (int given = 0; given < 2; given++) {
        struct bench b;
        start(&b);
        sim_node_consent_policy(b.node, OPTIN_KVM);
        sim_node_fault(b.node, SIM_FAULT_KVM_PROMPT, true, 0);
        call(&A, &b, REDIR_KVM);
        assert_true(bench_run(&b, is_open, SOON));
        assert_false(bench_run(&b, has_data, 299000));
        assert_int_equal(strlen(sim_node_consent_code(b.node)), 6);
        if (given) {
            assert_int_equal(optin_send(&b.node->optin, b.node->optin.code, node_now(b.node)), 0);
            node_settle(b.node);
            assert_true(bench_run(&b, has_data, SOON));
            assert_int_equal(b.node->optin.state, OPTIN_IN_SESSION);
        } else {
            assert_true(bench_run(&b, is_over, SOON)); /* OptInPolicyTimeout */
            assert_int_equal(A.data.len, 0);
        }
        hang_up(&A);
        bench_unmake(&b);
    }
}

/* --- power --- */

static int64_t request(struct bench *b, uint8_t code) {
    return bench_job(b, WSC_POWER_CHANGE, code)->return_value;
}

static void an_open_session_blocks_power_off(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    assert_int_equal(request(&b, 8), 4097);
    assert_int_equal(request(&b, 5), 4097);
    assert_int_equal(request(&b, 10), 0); /* a reset is allowed, and the session lives on */
    assert_true(bench_run(&b, has_login, SOON));
    assert_int_equal(open_sessions(&b), 1);
    hang_up(&A);
    assert_false(bench_run(&b, never, 100));
    assert_int_equal(request(&b, 8), 0);
    assert_int_equal(sim_node_machine(b.node)->state, MACHINE_S5);
    bench_unmake(&b);
    start(&b);
    sim_node_session(b.node, false, true); /* queued instead of refused */
    call(&A, &b, REDIR_KVM);
    assert_true(bench_run(&b, is_open, SOON));
    assert_int_equal(request(&b, 8), 0);
    assert_false(bench_run(&b, never, 100));
    assert_int_equal(sim_node_machine(b.node)->state, MACHINE_S0);
    hang_up(&A);
    assert_false(bench_run(&b, never, 100));
    assert_int_equal(sim_node_machine(b.node)->state, MACHINE_S5);
    bench_unmake(&b);
}

static bool power_is_off(struct bench *b) {
    pump(&A);
    return A.told_power && !A.power;
}
static bool power_is_on(struct bench *b) {
    pump(&A);
    return A.told_power && A.power;
}
static void power_of_the_host_in_sessions(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    call(&B, &b, REDIR_KVM);
    assert_true(bench_run(&b, is_open, SOON));
    assert_true(bench_run(&b, power_is_on, SOON));
    type(&A, "\rroot\rx\rpoweroff\r");
    assert_true(bench_run(&b, power_is_off, SOON));
    assert_int_equal(sim_node_machine(b.node)->done[MACHINE_ACT_SHUTDOWN], 1);
    assert_true(B.c->closed); /* no picture without power */
    hang_up(&B);
    B = (struct caller){0};
    assert_false(A.c->closed);
    buf_clear(&A.data);
    assert_int_equal(sim_node_button(b.node), 0);
    assert_true(bench_run(&b, power_is_on, SOON));
    assert_true(bench_run(&b, has_login, SOON));
    assert_non_null(strstr(buf_cstr(&A.data), "Simulated BIOS"));
    hang_up(&A);
    bench_unmake(&b);
}

static void sessions_die_with_the_tunnel(void **state) {
    for (int how = 0; how < 3; how++) {
        struct bench b;
        start(&b);
        call(&A, &b, REDIR_SOL);
        assert_true(bench_run(&b, is_open, SOON));
        if (how == 0)
            assert_int_equal(sim_node_drop(b.node, true), 0);
        else if (how == 1)
            assert_int_equal(sim_node_power_cut(b.node, false), 0);
        else
            sim_node_stop(b.node);
        assert_int_equal(open_sessions(&b), 0);
        assert_false(sim_node_machine(b.node)->blocks_off);
        redir_free(&A.r);
        buf_free(&A.data);
        loop_timer_stop(b.loop, &A.timer);
        bench_unmake(&b);
    }
}

static void an_idle_viewer_is_dropped(void **state) {
    for (int minutes = 0; minutes < 2; minutes++) {
        struct bench b;
        start(&b);
        b.node->redir.kvm.session_timeout_min = (uint16_t)minutes;
        call(&A, &b, REDIR_KVM);
        assert_true(bench_run(&b, has_data, SOON));
        assert_false(bench_run(&b, is_over, 58000));
        assert_int_equal(bench_run(&b, is_over, minutes ? 3000 : 600000), minutes);
        hang_up(&A);
        bench_unmake(&b);
    }
}

static void a_silent_sol_client_is_dropped(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    assert_false(bench_run(&b, is_over, 60000)); /* the client's heartbeats */
    struct redir *r = A.r;
    A.r = NULL;
    loop_timer_stop(b.loop, &A.timer);
    assert_false(bench_run(&b, is_over, 9000));
    assert_true(bench_run(&b, is_over, 2000));
    A.r = r;
    hang_up(&A);
    bench_unmake(&b);
}

static void the_firmware_closes_one(void **state) {
    struct bench b;
    start(&b);
    assert_int_equal(sim_node_session_close(b.node, REDIR_SOL), ERR_NOT_FOUND);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    assert_int_equal(sim_node_session_close(b.node, REDIR_SOL), 0);
    assert_true(bench_run(&b, is_over, SOON));
    assert_int_equal(open_sessions(&b), 0);
    hang_up(&A);
    bench_unmake(&b);
}

/* --- flow control --- */

static bool flood_is_over(struct bench *b) {
    pump(&A);
    return A.data.len > 100 && strstr(buf_cstr(&A.data), "sha256");
}
static void a_reader_that_pauses_loses_nothing(void **state) {
    enum { N = 400000 };
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    type(&A, "\rroot\rx\r");
    assert_false(bench_run(&b, never, 400));
    buf_clear(&A.data);
    orch_raw_hold(&b.orch, A.c, true);
    type(&A, "flood 400000\r");
    assert_false(bench_run(&b, never, 5000));
    assert_true(A.data.len > 20000 && A.data.len <= 32768); /* the window of the test's side */
    orch_raw_hold(&b.orch, A.c, false);
    assert_true(bench_run(&b, flood_is_over, SOON));
    struct slice got = slice_skip(buf_slice(&A.data), strlen("flood 400000\r\n"));
    assert_true(got.n > N);
    for (size_t i = 0; i < N; i++)
        if (got.p[i] != sol_flood_byte(i))
            fail_msg("byte %zu", i);
    hang_up(&A);
    bench_unmake(&b);
}

/* Answers pile up behind a window that stays closed: the firmware gives up. */
static void answers_nobody_reads_are_bounded(void **state) {
    struct bench b;
    uint8_t pings[2000] = {0};
    size_t sent = 0;
    for (size_t i = 0; i < sizeof pings; i += 8)
        pings[i] = 0x24;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    orch_raw_hold(&b.orch, A.c, true);
    while (!is_over(&b) && sent < 200000) {
        assert_int_equal(orch_raw_send(&b.orch, A.c, slice_of(pings, sizeof pings)), 0);
        sent += sizeof pings;
        (void)bench_run(&b, is_over, 20);
    }
    assert_true(sent > 90000 && sent < 120000); /* window, what waits, 64 KiB */
    hang_up(&A);
    bench_unmake(&b);
}

static void what_is_unsent_at_the_end_is_dropped(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    type(&A, "\rroot\rx\r");
    assert_false(bench_run(&b, never, 400));
    orch_raw_hold(&b.orch, A.c, true);
    type(&A, "flood 400000\r");
    assert_false(bench_run(&b, never, 1000));
    redir_end(A.r);
    pump(&A);
    assert_false(bench_run(&b, is_over, 4500));
    assert_int_equal(open_sessions(&b), 0); /* … but the kind is free at once */
    assert_true(bench_run(&b, is_over, 1000));
    hang_up(&A);
    bench_unmake(&b);
}

static bool is_held(struct bench *b) {
    return b->node->redir.conns[REDIR_SOL] != NULL;
}
static void a_login_must_come_in_time(void **state) {
    struct bench b;
    start(&b);
    A = (struct caller){.b = &b};
    A.c = orch_raw_open(&b.orch, 16994);
    struct mono begin = sim_now(b.world);
    assert_int_equal(orch_raw_send(&b.orch, A.c, SLICE_LIT("\x10\0\0\0SOL ")), 0);
    assert_true(bench_run(&b, is_held, SOON));
    assert_true(bench_run(&b, is_over, 40000));
    int64_t ms = mono_ms_between(begin, sim_now(b.world));
    assert_true(ms >= 30000 && ms < 31000);
    assert_null(b.node->redir.conns[REDIR_SOL]);
    orch_raw_free(&b.orch, A.c);
    bench_unmake(&b);
}

static bool sum_is_told(struct bench *b) {
    pump(&A);
    return A.data.len && strstr(buf_cstr(&A.data), "sum: 60000 bytes");
}
static void a_long_paste_arrives(void **state) {
    struct bench b;
    start(&b);
    call(&A, &b, REDIR_SOL);
    assert_true(bench_run(&b, is_open, SOON));
    type(&A, "\rroot\rx\rsum\r");
    assert_false(bench_run(&b, never, 400));
    static char paste[60001];
    memset(paste, 'p', sizeof paste);
    paste[60000] = 4; /* ^D */
    for (struct slice rest = slice_of(paste, sizeof paste); rest.n; rest = slice_skip(rest, 3000)) {
        assert_int_equal(redir_send(A.r, slice_head(rest, 3000), loop_now(b.loop)), 0);
        assert_false(bench_run(&b, never, 50));
    }
    assert_true(bench_run(&b, sum_is_told, SOON));
    hang_up(&A);
    bench_unmake(&b);
}

/* --- IDE-R --- */

enum { CD_BLOCKS = 100, CD_BYTES = CD_BLOCKS * 2048 };
static uint8_t image[CD_BYTES];
static struct ider *medium;

/* The other end of the medium's cable. */
static bool serve(struct bench *b) {
    struct ider_ev ev;
    pump(&A);
    struct slice in = buf_slice(&A.data);
    int e;
    while ((e = ider_input(medium, &in, loop_now(b->loop), &ev)) == 1)
        if (ev.kind == IDER_EV_READ)
            assert_int_equal(ider_data(medium, slice_of(image + ev.offset, ev.n)), 0);
    assert_int_equal(e, 0);
    buf_clear(&A.data);
    struct slice out = ider_output(medium);
    if (out.n && redir_send(A.r, out, loop_now(b->loop)) == 0)
        ider_sent(medium, out.n);
    pump(&A);
    struct buf text = {0};
    assert_int_equal(sim_node_ider_describe(b->node, &text), 0);
    bool idle = strstr(buf_cstr(&text), "drives=1 busy=0") != NULL;
    buf_free(&text);
    return idle;
}

static void a_host_reads_its_medium(void **state) {
    struct bench b;
    uint8_t sum[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof sum + 1];
    struct buf text = {0};
    start(&b);
    assert_int_equal(sim_node_ider_read(b.node, IDER_CD, 0, 0), ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = sol_flood_byte(i);
    SHA256(image, sizeof image, sum);
    text_hex(slice_of(sum, sizeof sum), hex);
    call(&A, &b, REDIR_IDER);
    assert_true(bench_run(&b, is_open, SOON));
    struct ider_config cfg = {.media[IDER_CD] = {.present = true, .blocks = CD_BLOCKS}, .when = IDER_NOW};
    medium = ider_new(&cfg, loop_now(b.loop));
    assert_true(bench_run(&b, serve, SOON));
    assert_int_equal(sim_node_ider_read(b.node, IDER_CD, 0, 0), 0);
    assert_true(bench_run(&b, serve, SOON));
    assert_int_equal(sim_node_ider_describe(b.node, &text), 0);
    assert_non_null(strstr(buf_cstr(&text), "bytes=204800 sha256="));
    assert_non_null(strstr(buf_cstr(&text), hex));
    /* the host's reset is told */
    assert_int_equal(sim_node_local(b.node, MACHINE_ACT_RESET), 0);
    assert_true(bench_run(&b, serve, SOON));
    buf_clear(&text);
    assert_int_equal(sim_node_ider_describe(b.node, &text), 0);
    assert_non_null(strstr(buf_cstr(&text), "resets=1"));
    ider_free(&medium);
    buf_free(&text);
    hang_up(&A);
    bench_unmake(&b);
}

/* --- without a tunnel --- */

struct direct {
    struct buf in;
    bool ended;
};
static void direct_open(struct stream *s, void *ctx) {
    (void)stream_write(s, SLICE_LIT("\x10\0\0\0SOL "));
}
static void direct_data(struct stream *s, void *ctx, struct slice data) {
    buf_put(&((struct direct *)ctx)->in, data);
    stream_abort(s);
}
static void direct_end(struct stream *s, void *ctx, enum stream_end why) {
    ((struct direct *)ctx)->ended = true;
}
static size_t dial(struct bench *b) {
    static const struct stream_handler HANDLER = {
        .on_open = direct_open, .on_data = direct_data, .on_end = direct_end};
    struct direct d = {0};
    struct connect_opts o = {.address = sim_node_redirection_address(b->node), .timeout_ms = 1000};
    assert_non_null(stream_connect(b->loop, &o, &HANDLER, &d));
    while (!d.ended)
        assert_true(sim_step(b->world));
    size_t n = d.in.len;
    buf_free(&d.in);
    return n;
}
static void a_node_listens_itself(void **state) {
    struct bench b;
    struct errinfo ei = {0};
    start(&b);
    assert_string_equal(sim_node_redirection_address(b.node), "");
    assert_int_equal(sim_node_listen_redirection(b.node, "10.0.0.7:16994", &ei), 0);
    assert_int_equal(dial(&b), 13);
    b.node->listener = false;
    node_settle(b.node);
    assert_int_equal(dial(&b), 0); /* nobody listens */
    b.node->listener = true;
    node_settle(b.node);
    assert_int_equal(dial(&b), 13);
    assert_int_equal(sim_node_power_cut(b.node, false), 0);
    assert_int_equal(dial(&b), 0);
    bench_unmake(&b);
}

UNIT_MAIN(T(a_prompt_on_every_way), T(a_wrong_password_is_told), T(one_of_a_kind),
          T(what_is_disabled_is_refused), T(statuses_of_faults), T(consent_opens_and_outlasts_sessions),
          T(a_prompt_waits_for_consent), T(an_open_session_blocks_power_off),
          T(power_of_the_host_in_sessions), T(sessions_die_with_the_tunnel), T(an_idle_viewer_is_dropped),
          T(a_silent_sol_client_is_dropped), T(the_firmware_closes_one),
          T(a_reader_that_pauses_loses_nothing), T(a_long_paste_arrives), T(answers_nobody_reads_are_bounded),
          T(what_is_unsent_at_the_end_is_dropped), T(a_login_must_come_in_time), T(a_host_reads_its_medium),
          T(a_node_listens_itself))
