/* SPDX-License-Identifier: Apache-2.0 */
/* Both roles of apf with failing allocations: a machine that runs out of memory is closed and says so; one
 * that does not say so has lost nothing. */
#include "oom/failmalloc.h"

#include "base/rng.h"
#include "proto/apf.h"
#include "unit.h"

enum { PAYLOAD = 20000, PIECE = 7000, WINDOW = 4096 };
static const struct apf_limits LIMITS = {.channels_max = 4,
                                         .forwards_max = 8,
                                         .window_bytes = WINDOW,
                                         .queue_bytes = 65536,
                                         .output_bytes = 65536,
                                         .preauth_bytes = 4096,
                                         .open_timeout_ms = 10000};
static const uint32_t PORTS[] = {16992, 16993};
static const struct apf_login LOGIN = {
    .trigger = 4, .user = "node-1", .password = "secret-of-node-1", .ports = PORTS, .nports = 2};

struct world {
    struct apf *side[2];
    int err[2]; /* of the first call that failed */
    size_t piece;
    int chan[2];
    bool ready[2], opened[2], closed[2];
    size_t got[2];
    uint32_t keepalives;
};

static void note(struct world *w, enum apf_role at, int err) {
    struct slice none = SLICE_EMPTY;
    struct apf_ev ev;
    if (err == ERR_CLOSED) /* it failed in a call that returns nothing: it says why when asked for more */
        err = apf_input(w->side[at], &none, (struct mono){0}, &ev);
    if (err < 0 && w->err[at] == 0)
        w->err[at] = err;
}

/* Send PAYLOAD bytes in pieces that fit no window. */
static void send_all(struct world *w, enum apf_role at) {
    uint8_t bytes[PIECE];
    memset(bytes, 'x', sizeof bytes);
    for (size_t left = PAYLOAD; left && w->err[at] == 0;) {
        size_t n = left < PIECE ? left : PIECE;
        note(w, at, apf_send(w->side[at], (uint32_t)w->chan[at], slice_of(bytes, n)));
        left -= n;
    }
}

static void on_event(struct world *w, enum apf_role at, const struct apf_ev *ev) {
    struct apf *a = w->side[at];
    switch (ev->kind) {
    case APF_EV_AUTH:
        assert_true(slice_is(ev->user_name, "node-1"));
        assert_true(slice_is(ev->password, "secret-of-node-1"));
        apf_auth_accept(a);
        note(w, at, apf_keepalive_options(a, 30, 90));
        break;
    case APF_EV_READY:
        w->ready[at] = true;
        break;
    case APF_EV_FORWARD:
        if (at != APF_SERVER || ev->port != 16993)
            break;
        w->chan[at] = apf_open(a, ev->port, (struct mono){0}, w);
        note(w, at, w->chan[at]);
        break;
    case APF_EV_OPEN:
        w->chan[at] = (int)ev->chan;
        w->opened[at] = true;
        note(w, at, apf_accept(a, ev->chan, w));
        send_all(w, at);
        break;
    case APF_EV_OPENED:
        w->opened[at] = true;
        send_all(w, at);
        note(w, at, apf_keepalive(a, 77));
        break;
    case APF_EV_DATA:
        assert_ptr_equal(ev->user, w);
        w->got[at] += ev->data.n;
        apf_consumed(a, ev->chan, ev->data.n);
        if (at == APF_DEVICE && w->got[at] == PAYLOAD)
            apf_close(a, ev->chan);
        break;
    case APF_EV_CLOSED:
        w->closed[at] = true;
        break;
    case APF_EV_KEEPALIVE_REPLY:
        w->keepalives += ev->cookie == 77;
        break;
    default:
        break;
    }
}

/* Hand over what one side has to say; false when it is silent. */
static bool step(struct world *w, enum apf_role from) {
    static uint8_t copy[8192];
    enum apf_role to = from == APF_SERVER ? APF_DEVICE : APF_SERVER;
    struct slice out = slice_head(apf_output(w->side[from]), w->piece);
    if (out.n == 0)
        return false;
    memcpy(copy, out.p, out.n);
    apf_sent(w->side[from], out.n);
    struct slice in = slice_of(copy, out.n);
    struct apf_ev ev;
    int r;
    while ((r = apf_input(w->side[to], &in, (struct mono){0}, &ev)) == 1)
        on_event(w, to, &ev);
    note(w, to, r);
    return true;
}

static void exchange(struct world *w) {
    note(w, APF_DEVICE, apf_login(w->side[APF_DEVICE], &LOGIN));
    while (!w->err[0] && !w->err[1])
        if (!step(w, APF_DEVICE) && !step(w, APF_SERVER))
            break;
    note(w, APF_SERVER, ERR_CLOSED);
    note(w, APF_DEVICE, ERR_CLOSED);
}

/* A side that failed is closed for good: it takes nothing and gives the same error again. */
static void check_closed(struct world *w, enum apf_role at) {
    struct slice in = SLICE_LIT("\xd0\0\0\0\1");
    struct apf_ev ev;
    if (apf_input(w->side[at], &in, (struct mono){0}, &ev) >= 0)
        return; /* no channel, or no login, for want of memory: the machine itself is whole */
    assert_int_equal(w->err[at], ERR_NOMEM);
    assert_int_equal(apf_input(w->side[at], &in, (struct mono){0}, &ev), ERR_NOMEM);
    assert_true(strlen(apf_error(w->side[at])) > 0);
    assert_int_equal(apf_send(w->side[at], (uint32_t)w->chan[at], SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(apf_tick(w->side[at], (struct mono){1}, &ev), 0);
}

static int scenario(void *ctx) {
    struct world w = {.piece = *(size_t *)ctx};
    int err = ERR_NOMEM;
    w.side[APF_SERVER] = apf_new(APF_SERVER, &LIMITS);
    w.side[APF_DEVICE] = apf_new(APF_DEVICE, &LIMITS);
    if (w.side[0] && w.side[1]) {
        exchange(&w);
        err = w.err[0] ? w.err[0] : w.err[1];
        failmalloc_pause();
        check_closed(&w, APF_SERVER);
        check_closed(&w, APF_DEVICE);
        failmalloc_resume();
    }
    if (err == 0)
        for (int at = 0; at < 2; at++) {
            assert_true(w.ready[at] && w.opened[at] && w.closed[at]);
            assert_int_equal(w.got[at], PAYLOAD);
            assert_int_equal(apf_channels(w.side[at]), 0);
        }
    assert_true(err || w.keepalives == 1);
    apf_free(&w.side[0]);
    apf_free(&w.side[1]);
    return err;
}

static void a_tunnel_in_large_pieces(void **s) {
    size_t piece = 8192;
    failmalloc_each(scenario, &piece);
}
/* pieces of messages are kept: more allocations */
static void a_tunnel_in_small_pieces(void **s) {
    size_t piece = 61;
    failmalloc_each(scenario, &piece);
}

UNIT_MAIN(T(a_tunnel_in_large_pieces), T(a_tunnel_in_small_pieces))
