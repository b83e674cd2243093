/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: both roles joined in memory at random splits, then hand-made messages for what a good peer never
 * sends. */
#include "apf_pair.h"
#include "base/text.h"

/* --- both roles joined: a device that sends back what it gets, in windows of any size --- */

enum { STREAMS = 3, STREAM_BYTES = 30000 };
struct echo {
    struct {
        int chan;
        size_t sent, back;
        bool opened, closed;
    } st[STREAMS];
    struct buf device_waits[16]; /* by device channel: what has to go back */
    size_t writable;
};

static uint8_t pattern(size_t stream, size_t i) {
    return (uint8_t)(i * 31 + (i >> 8) * 7 + stream);
}

static void server_feeds(struct pair *p, size_t i) {
    struct echo *e = p->ctx;
    for (;;) {
        uint8_t piece[5000];
        size_t n = apf_room(p->side[APF_SERVER], (uint32_t)e->st[i].chan);
        if (n > STREAM_BYTES - e->st[i].sent)
            n = STREAM_BYTES - e->st[i].sent;
        if (n > sizeof piece)
            n = (size_t)rng_range(&p->rng, 1, sizeof piece);
        if (n == 0)
            return;
        for (size_t k = 0; k < n; k++)
            piece[k] = pattern(i, e->st[i].sent + k);
        assert_int_equal(apf_send(p->side[APF_SERVER], (uint32_t)e->st[i].chan, slice_of(piece, n)), 0);
        e->st[i].sent += n;
    }
}

static void device_returns(struct pair *p, uint32_t chan) {
    struct echo *e = p->ctx;
    struct slice all = buf_slice(&e->device_waits[chan]);
    size_t n = apf_room(p->side[APF_DEVICE], chan);
    n = n < all.n ? n : all.n;
    if (n == 0)
        return;
    assert_int_equal(apf_send(p->side[APF_DEVICE], chan, slice_head(all, n)), 0);
    buf_consume(&e->device_waits[chan], n);
    apf_consumed(p->side[APF_DEVICE], chan, n); /* end to end: credit only for what went on */
}

static void echo_event(struct pair *p, enum apf_role at, const struct apf_ev *ev) {
    struct echo *e = p->ctx;
    size_t i = (size_t)(uintptr_t)ev->user;
    assert_true(ev->kind != APF_EV_DISCONNECT);
    if (ev->kind == APF_EV_WRITABLE)
        e->writable++;
    if (at == APF_DEVICE) {
        if (ev->kind == APF_EV_OPEN)
            assert_int_equal(apf_accept(p->side[at], ev->chan, NULL), 0);
        if (ev->kind == APF_EV_DATA)
            buf_put(&e->device_waits[ev->chan], ev->data);
        if (ev->kind == APF_EV_DATA || ev->kind == APF_EV_WRITABLE)
            device_returns(p, ev->chan);
        return;
    }
    if (ev->kind == APF_EV_OPENED)
        e->st[i].opened = true;
    if (ev->kind == APF_EV_OPENED || ev->kind == APF_EV_WRITABLE)
        server_feeds(p, i);
    if (ev->kind == APF_EV_CLOSED)
        e->st[i].closed = true;
    if (ev->kind != APF_EV_DATA)
        return;
    for (size_t k = 0; k < ev->data.n; k++)
        assert_int_equal(ev->data.p[k], pattern(i, e->st[i].back + k));
    e->st[i].back += ev->data.n;
    apf_consumed(p->side[at], ev->chan, ev->data.n);
    if (e->st[i].back == STREAM_BYTES)
        apf_close(p->side[at], ev->chan);
}

static void echo_of_streams(void **s) {
    const uint32_t windows[] = {1, 100, 1024, 4096, 32768};
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct apf_limits server = APF_LIMITS_DEFAULT, device = APF_LIMITS_DEFAULT;
        struct rng pick = {seed};
        server.window_bytes = windows[rng_range(&pick, 1, 4)];
        device.window_bytes = windows[rng_range(&pick, seed == 0 ? 0 : 1, seed == 0 ? 0 : 4)];
        server.queue_bytes = (uint32_t)rng_range(&pick, 500, 20000);
        device.queue_bytes = (uint32_t)rng_range(&pick, 500, 20000);
        server.output_bytes = device.output_bytes = (uint32_t)rng_range(&pick, 1000, 40000);
        struct echo e = {0};
        struct pair p = pair_of(&server, &device, seed);
        p.piece_max = (size_t)rng_range(&pick, 0, 3) * 700;
        p.ctx = &e;
        p.on_event = echo_event;
        pair_login(&p);
        for (size_t i = 0; i < STREAMS; i++)
            e.st[i].chan = apf_open(p.side[APF_SERVER], 16992, p.now, (void *)(uintptr_t)i);
        pair_run(&p);
        assert_int_equal(p.err[0], 0);
        assert_int_equal(p.err[1], 0);
        for (size_t i = 0; i < STREAMS; i++) {
            assert_int_equal(e.st[i].back, STREAM_BYTES);
            assert_true(e.st[i].closed);
        }
        assert_int_equal(apf_channels(p.side[APF_SERVER]), 0);
        assert_int_equal(apf_channels(p.side[APF_DEVICE]), 0);
        assert_int_equal(apf_strays(p.side[APF_SERVER]), 0);
        assert_true(mono_is_never(apf_deadline(p.side[APF_SERVER])));
        assert_int_equal(apf_count(p.side[APF_SERVER], 97), STREAMS); /* answered exactly once */
        assert_int_equal(apf_count(p.side[APF_DEVICE], 97), STREAMS);
        for (size_t i = 0; i < 16; i++)
            buf_free(&e.device_waits[i]);
        pair_free(&p);
    }
}

/* --- random life: opens, refusals, closes from both ends at any moment --- */

struct life {
    size_t opened, failed, closed, asked;
    uint32_t chans[2][64];
    size_t nchans[2];
};

static void forget(struct life *l, enum apf_role at, uint32_t chan) {
    for (size_t i = 0; i < l->nchans[at]; i++)
        if (l->chans[at][i] == chan) {
            l->chans[at][i] = l->chans[at][--l->nchans[at]];
            return;
        }
    fail_msg("an event for channel %u, which is gone", chan);
}

static void life_event(struct pair *p, enum apf_role at, const struct apf_ev *ev) {
    struct life *l = p->ctx;
    switch (ev->kind) {
    case APF_EV_OPEN:
        if (rng_chance(&p->rng, 300000)) {
            assert_int_equal(apf_refuse(p->side[at], ev->chan, APF_OPEN_PROHIBITED), 0);
        } else {
            assert_int_equal(apf_accept(p->side[at], ev->chan, NULL), 0);
            l->chans[at][l->nchans[at]++] = ev->chan;
        }
        break;
    case APF_EV_OPENED:
        l->opened++;
        break;
    case APF_EV_OPEN_FAILED:
        assert_int_equal(ev->reason, APF_OPEN_PROHIBITED);
        l->failed++;
        forget(l, at, ev->chan);
        break;
    case APF_EV_CLOSED:
        if (at == APF_SERVER)
            l->closed++;
        forget(l, at, ev->chan);
        break;
    case APF_EV_DATA:
        apf_consumed(p->side[at], ev->chan, ev->data.n);
        break;
    default:
        break;
    }
}

static void closing_races(void **s) {
    static const uint8_t junk[60];
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct life l = {0};
        struct pair p = pair_of(&APF_LIMITS_DEFAULT, &APF_LIMITS_DEFAULT, seed);
        p.piece_max = 20;
        pair_login(&p);
        p.on_event = life_event;
        p.ctx = &l;
        for (int step = 0; step < 4000; step++) {
            enum apf_role at = (enum apf_role)rng_range(&p.rng, 0, 1);
            int64_t what = rng_range(&p.rng, 0, 9);
            uint32_t chan =
                l.nchans[at] ? l.chans[at][rng_range(&p.rng, 0, (int64_t)l.nchans[at] - 1)] : UINT32_MAX;
            if (what == 0) {
                int c = apf_open(p.side[APF_SERVER], 623, p.now, NULL);
                if (c >= 0)
                    l.chans[0][l.nchans[0]++] = (uint32_t)c, l.asked++;
                else
                    assert_int_equal(c, ERR_LIMIT);
            } else if (what == 1) {
                apf_close(p.side[at], chan);
            } else if (what < 4) {
                int r = apf_send(p.side[at], chan, slice_of(junk, (size_t)rng_range(&p.rng, 0, 60)));
                assert_true(r == 0 || r == ERR_CLOSED || r == ERR_FULL);
            } else {
                pair_step(&p, at);
            }
            assert_int_equal(p.err[0], 0);
            assert_int_equal(p.err[1], 0);
        }
        for (int at = 0; at < 2; at++)
            while (l.nchans[at]) {
                apf_close(p.side[at], l.chans[at][0]);
                pair_run(&p);
            }
        assert_int_equal(apf_channels(p.side[0]) + apf_channels(p.side[1]), 0);
        assert_int_equal(l.asked, l.failed + l.closed);
        assert_true(l.failed && l.opened && l.closed > 10);
        assert_int_equal(apf_count(p.side[0], 97), apf_count(p.side[1], 97));
        pair_free(&p);
    }
}

/* --- one server, hand-made messages --- */

struct hand {
    struct pair p;
    struct apf *a;
    int err;
    struct apf_ev last;
    size_t events;
};

static struct hand hand_of(const struct apf_limits *lim) {
    struct hand h = {.p = pair_of(lim ? lim : &APF_LIMITS_DEFAULT, &APF_LIMITS_DEFAULT, 1)};
    pair_login(&h.p);
    h.a = h.p.side[APF_SERVER];
    return h;
}

static void give(struct hand *h, const char *hex) {
    uint8_t bin[200];
    size_t n = strlen(hex) / 2;
    assert_true(n <= sizeof bin && text_unhex(slice_str(hex), bin, n));
    for (size_t i = 0; i < n && h->err >= 0; i++) {
        struct slice in = slice_of(bin + i, 1);
        struct apf_ev ev;
        while ((h->err = apf_input(h->a, &in, h->p.now, &ev)) == 1) {
            h->last = ev;
            h->events++;
        }
    }
}

static void sends(struct hand *h, const char *hex) {
    char text[1000];
    struct slice out = apf_output(h->a);
    assert_true(out.n < sizeof text / 2);
    assert_string_equal(text_hex(out, text), hex);
    apf_sent(h->a, out.n);
}

/* Channel 1 open; the device's number is 0, its window 16 bytes. */
static struct hand hand_open(const struct apf_limits *lim) {
    struct hand h = hand_of(lim);
    assert_int_equal(apf_open(h.a, 16992, h.p.now, &h), 1);
    apf_sent(h.a, apf_output(h.a).n);
    give(&h, "5b000000010000000000000010ffffffff");
    assert_int_equal(h.last.kind, APF_EV_OPENED);
    assert_ptr_equal(h.last.user, &h);
    assert_int_equal(h.last.chan, 1);
    h.events = 0;
    return h;
}

static void vectors(void **s) {
    struct hand h = hand_of(NULL);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(apf_open(h.a, 16992, h.p.now, NULL), i);
        apf_sent(h.a, apf_output(h.a).n);
    }
    assert_int_equal(apf_open(h.a, 16992, h.p.now, &h), 4);
    assert_int_equal(apf_output(h.a).n, 55);
    sends(&h, "5a"
              "0000000f"
              "666f727761726465642d7463706970"
              "00000004"
              "00008000"
              "ffffffff"
              "00000000"
              "00004260"
              "00000007"
              "312e322e332e34"
              "00000404");
    give(&h, "5c00000004000000020000000000000000");
    assert_int_equal(h.last.kind, APF_EV_OPEN_FAILED);
    assert_int_equal(h.last.reason, APF_OPEN_CONNECT_FAILED);
    assert_ptr_equal(h.last.user, &h);
    assert_int_equal(apf_open(h.a, 1, h.p.now, NULL), ERR_NOT_FOUND);
    give(&h, "5c00000003000000000000000000000000"); /* reason 0 is not to be taken for a time-out */
    assert_int_equal(h.last.reason, APF_OPEN_CONNECT_FAILED);
    assert_int_equal(apf_channels(h.a), 2);
    pair_free(&h.p);
    struct apf *fresh = apf_new(APF_SERVER, &APF_LIMITS_DEFAULT);
    assert_int_equal(apf_open(fresh, 16992, (struct mono){0}, NULL), ERR_STATE);
    apf_free(&fresh);
}

static void credit_gates_sending(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.queue_bytes = 8;
    struct hand h = hand_open(&lim);
    assert_int_equal(apf_room(h.a, 1), 24);
    assert_int_equal(apf_send(h.a, 1, SLICE_LIT("0123456789abcdefghijklmnop")), ERR_FULL);
    assert_int_equal(apf_output(h.a).n, 0);
    assert_int_equal(apf_send(h.a, 1, SLICE_LIT("0123456789abcdefghijk")), 0);
    sends(&h, "5e"
              "00000000"
              "00000010"
              "30313233343536373839616263646566");
    assert_int_equal(apf_room(h.a, 1), 3);
    assert_int_equal(apf_send(h.a, 1, SLICE_LIT("4444")), ERR_FULL);
    give(&h, "5d0000000100000000");
    assert_int_equal(h.events, 0);
    give(&h, "5d0000000100000002"); /* two more; 3 left, which is less than half */
    sends(&h, "5e"
              "00000000"
              "00000002"
              "6768");
    assert_int_equal(h.events, 1);
    assert_int_equal(h.last.kind, APF_EV_WRITABLE);
    give(&h, "5d00000001ffffffff"
             "5d00000001ffffffff"); /* overflow is clamped */
    sends(&h, "5e"
              "00000000"
              "00000003"
              "696a6b");
    assert_int_equal(h.events, 1);
    assert_int_equal(h.err, 0);
    assert_int_equal(apf_send(h.a, 99, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(apf_room(h.a, 99), 0);
    pair_free(&h.p);
}

static void our_window_is_strict(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.window_bytes = 8;
    struct hand h = hand_open(&lim);
    give(&h, "5e000000010000000541424344");
    assert_int_equal(h.events, 4);
    apf_consumed(h.a, 1, 4);
    assert_int_equal(apf_output(h.a).n, 0); /* half is not more than half */
    give(&h, "45");
    apf_consumed(h.a, 1, 1);
    sends(&h, "5d0000000000000005");
    give(&h, "5e00000001000000084142434445464748");
    assert_int_equal(h.err, 0);
    give(&h, "5e0000000100000001");
    assert_int_equal(h.err, ERR_PROTO);
    sends(&h, "01000000020000");
    pair_free(&h.p);
}

static void a_window_is_widened(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.window_bytes = 4;
    struct hand h = hand_open(&lim);
    give(&h, "5e000000010000000141");
    apf_widen(h.a, 1, 4);
    apf_widen(h.a, 9, 400);
    assert_int_equal(apf_output(h.a).n, 0); /* not more than it has; not there */
    apf_widen(h.a, 1, 8);
    sends(&h, "5d0000000000000004"); /* 4 more, though none is consumed */
    apf_consumed(h.a, 1, 1);
    give(&h, "5e000000010000000741424344454647");
    apf_consumed(h.a, 1, 3);
    assert_int_equal(apf_output(h.a).n, 0); /* half of the wider one */
    apf_consumed(h.a, 1, 4);
    sends(&h, "5d0000000000000008");
    give(&h, "5e00000001000000084142434445464748");
    assert_int_equal(h.err, 0);
    apf_close(h.a, 1);
    sends(&h, "6100000000");
    give(&h, "6100000001"
             "5e00000001000000084142434445464748"); /* late, within the window that it had */
    assert_int_equal(h.err, 0);
    give(&h, "5e0000000100000009");
    assert_int_equal(h.err, ERR_PROTO);
    pair_free(&h.p);
}

static void late_and_never(void **s) {
    struct hand h = hand_open(NULL);
    apf_close(h.a, 1);
    apf_close(h.a, 1);
    sends(&h, "6100000000");
    assert_int_equal(apf_send(h.a, 1, SLICE_LIT("x")), ERR_CLOSED);
    give(&h, "5e00000001000000024142"); /* on its way when we closed */
    assert_int_equal(h.events, 0);
    give(&h, "6100000001");
    assert_int_equal(h.last.kind, APF_EV_CLOSED);
    assert_int_equal(h.events, 1);
    assert_int_equal(apf_strays(h.a), 0);
    give(&h, "6100000001"
             "5d0000000100000001"
             "5e00000001000000024142"); /* a moment ago */
    give(&h, "5c00000001000000010000000000000000");
    assert_int_equal(apf_strays(h.a), 4);
    give(&h, "6100000063"
             "5d0000006300000001"
             "6100000000"); /* never open */
    assert_int_equal(apf_strays(h.a), 7);
    assert_int_equal(h.err, 0);
    assert_int_equal(h.events, 1);
    assert_int_equal(apf_output(h.a).n, 0);
    give(&h, "5e00000001"
             "00008001"); /* more than any window */
    assert_int_equal(h.err, ERR_PROTO);
    pair_free(&h.p);
    const char *bad[] = {
        "5e0000006300000001",
        "5e0000000000000001",                 /* DATA, never open */
        "5b000000630000000000000010ffffffff", /* 91, never open */
        "5c00000063000000010000000000000000", /* 92, never open */
        "5b000000010000000000000010ffffffff", /* 91 twice */
        "5c00000001000000010000000000000000", /* 92 for an open one */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h = hand_open(NULL);
        give(&h, bad[i]);
        assert_int_equal(h.err, ERR_PROTO);
        pair_free(&h.p);
    }
    h = hand_of(NULL);
    assert_int_equal(apf_open(h.a, 16992, h.p.now, NULL), 1);
    give(&h, "5e0000000100000001"); /* DATA before 91 */
    assert_int_equal(h.err, ERR_PROTO);
    pair_free(&h.p);
}

static void peer_closes(void **s) {
    struct hand h = hand_open(NULL);
    give(&h, "6100000001");
    assert_int_equal(h.last.kind, APF_EV_CLOSED);
    sends(&h, "6100000000");
    give(&h, "6100000001");
    assert_int_equal(h.events, 1);
    assert_int_equal(apf_output(h.a).n, 0); /* answered exactly once */
    assert_int_equal(apf_open(h.a, 16992, h.p.now, NULL), 2);
    give(&h, "6100000002"); /* a close instead of an answer is a refusal */
    assert_int_equal(h.last.kind, APF_EV_OPEN_FAILED);
    pair_free(&h.p);
}

static void open_timeout(void **s) {
    struct hand h = hand_of(NULL);
    struct apf_ev ev;
    assert_int_equal(apf_open(h.a, 16992, h.p.now, &h), 1);
    apf_sent(h.a, apf_output(h.a).n);
    assert_true(apf_deadline(h.a).us == 10000000);
    assert_int_equal(apf_tick(h.a, (struct mono){9999999}, &ev), 0);
    assert_int_equal(apf_tick(h.a, (struct mono){10000000}, &ev), 1);
    assert_int_equal(ev.kind, APF_EV_OPEN_FAILED);
    assert_int_equal(ev.reason, 0);
    assert_ptr_equal(ev.user, &h);
    assert_int_equal(apf_tick(h.a, (struct mono){10000000}, &ev), 0);
    assert_true(mono_is_never(apf_deadline(h.a)));
    give(&h, "5b000000010000000500000010ffffffff"); /* too late: its slot is given back */
    sends(&h, "6100000005");
    give(&h, "6100000001");
    assert_int_equal(h.events, 0);
    assert_int_equal(h.err, 0);
    pair_free(&h.p);
}

static void abandoned_opens(void **s) {
    struct hand h = hand_of(NULL);
    struct apf_ev ev;
    for (int i = 1; i < 4; i++) {
        assert_int_equal(apf_open(h.a, 16992, h.p.now, NULL), i);
        apf_close(h.a, (uint32_t)i);
    }
    apf_sent(h.a, apf_output(h.a).n);
    give(&h, "5b000000010000000500000010ffffffff"); /* confirmed: close it now */
    sends(&h, "6100000005");
    assert_int_equal(h.events, 0);
    give(&h, "6100000001");
    assert_true(h.events == 1 && h.last.kind == APF_EV_CLOSED && h.last.chan == 1);
    give(&h, "5c00000002000000010000000000000000"); /* refused: it is gone */
    assert_true(h.events == 2 && h.last.kind == APF_EV_CLOSED && h.last.chan == 2);
    assert_int_equal(apf_tick(h.a, (struct mono){10000000}, &ev), 1); /* no answer at all */
    assert_true(ev.kind == APF_EV_CLOSED && ev.chan == 3);
    assert_int_equal(apf_channels(h.a), 0);
    pair_free(&h.p);
}

static void close_without_answer(void **s) {
    struct hand h = hand_open(NULL);
    struct apf_ev ev;
    apf_close(h.a, 1);
    assert_true(apf_deadline(h.a).us == 0); /* to learn the time */
    assert_int_equal(apf_tick(h.a, (struct mono){5000000}, &ev), 0);
    assert_true(apf_deadline(h.a).us == 15000000);
    assert_int_equal(apf_tick(h.a, (struct mono){15000000}, &ev), 1);
    assert_int_equal(ev.kind, APF_EV_CLOSED);
    assert_int_equal(apf_channels(h.a), 0);
    pair_free(&h.p);
}

static void channels_max(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.channels_max = 2;
    struct hand h = hand_of(&lim);
    assert_int_equal(apf_open(h.a, 623, h.p.now, NULL), 1);
    assert_int_equal(apf_open(h.a, 623, h.p.now, NULL), 2);
    assert_int_equal(apf_open(h.a, 623, h.p.now, NULL), ERR_LIMIT);
    give(&h, "6100000001");
    assert_int_equal(apf_open(h.a, 623, h.p.now, NULL), 3);
    pair_free(&h.p);
}

static void the_device_refuses_by_itself(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.channels_max = 1;
    struct pair p = pair_of(&APF_LIMITS_DEFAULT, &lim, 4);
    pair_login(&p);
    struct apf *device = p.side[APF_DEVICE];
    struct hand h = {.p = p, .a = device};
    /* direct-tcpip towards the device: an unknown type; from the device: opens only outwards */
    give(&h, "5a0000000164"
             "00000007"
             "00000010"
             "ffffffff"
             "00000000"
             "00000001"
             "00000000"
             "00000001");
    sends(&h, "5c00000007000000030000000000000000");
    const char *open = "5a0000000f666f727761726465642d7463706970"
                       "00000007"
                       "00000010"
                       "ffffffff"
                       "00000001"
                       "68"
                       "00004260"
                       "00000000"
                       "00000001";
    give(&h, open);
    assert_int_equal(h.last.kind, APF_EV_OPEN);
    assert_int_equal(h.last.port, 16992);
    assert_int_equal(h.last.chan, 0); /* 0 is a number like others */
    give(&h, open);
    sends(&h, "5c00000007000000040000000000000000"); /* no free slot */
    assert_int_equal(apf_send(device, 0, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(apf_accept(device, 5, NULL), ERR_NOT_FOUND);
    assert_int_equal(apf_accept(device, 0, &h), 0);
    assert_int_equal(apf_accept(device, 0, &h), ERR_NOT_FOUND);
    sends(&h, "5b00000007"
              "00000000"
              "00008000"
              "ffffffff");
    give(&h, "6100000000");
    sends(&h, "6100000007");
    give(&h, open);
    apf_close(device, 0);
    sends(&h, "5c00000007000000020000000000000000");
    assert_int_equal(apf_channels(device), 0);
    pair_free(&p);
}

static void direct_tcpip_of_a_device(void **s) {
    struct pair p = pair_of(&APF_LIMITS_DEFAULT, &APF_LIMITS_DEFAULT, 4);
    pair_login(&p);
    assert_int_equal(apf_open(p.side[APF_DEVICE], 80, p.now, NULL), 1);
    struct slice out = apf_output(p.side[APF_DEVICE]);
    struct apf_ev ev;
    assert_int_equal(apf_input(p.side[APF_SERVER], &out, p.now, &ev), 0);
    out = apf_output(p.side[APF_SERVER]);
    assert_int_equal(apf_input(p.side[APF_DEVICE], &out, p.now, &ev), 1);
    assert_int_equal(ev.kind, APF_EV_OPEN_FAILED);
    assert_int_equal(ev.reason, APF_OPEN_UNKNOWN_TYPE);
    pair_free(&p);
}

static void output_bytes(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.output_bytes = 512;
    lim.queue_bytes = 1000;
    struct hand h = hand_open(&lim);
    static const uint8_t junk[1000];
    struct apf_ev ev;
    give(&h, "5d000000010000ffff");
    /* data stops at three quarters, and goes on when some was sent */
    assert_int_equal(apf_room(h.a, 1), 1000 + 384);
    assert_int_equal(apf_send(h.a, 1, slice_of(junk, 1000)), 0);
    assert_int_equal(apf_output(h.a).n, 384 + 9);
    apf_sent(h.a, 200);
    assert_int_equal(apf_output(h.a).n, 193 + 191 + 9);
    assert_int_equal(apf_tick(h.a, h.p.now, &ev), 1);
    assert_int_equal(ev.kind, APF_EV_WRITABLE);
    assert_int_equal(apf_tick(h.a, h.p.now, &ev), 0);
    /* a peer that asks and never reads */
    for (int i = 0; i < 100 && h.err >= 0; i++)
        give(&h, "d000000000");
    assert_int_equal(h.err, ERR_LIMIT);
    assert_true(apf_output(h.a).n <= 512 + 7);
    pair_free(&h.p);
}

UNIT_MAIN(T(echo_of_streams), T(closing_races), T(vectors), T(credit_gates_sending), T(our_window_is_strict),
          T(a_window_is_widened), T(late_and_never), T(peer_closes), T(open_timeout), T(abandoned_opens),
          T(close_without_answer), T(channels_max), T(the_device_refuses_by_itself),
          T(direct_tcpip_of_a_device), T(output_bytes))
