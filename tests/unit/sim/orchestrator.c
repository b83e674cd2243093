/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator.h"
#include "unit.h"

static struct mono now_of(const struct orch_link *k) {
    return loop_now(k->o->loop);
}

static void settle(struct orch_link *k) {
    struct wsc_result r;
    while (k->wsc && wsc_next_result(k->wsc, &r) == 1) {
        k->o->result = r;
        if (r.info)
            k->o->info = *r.info;
        k->o->nresults++;
    }
    if (k->stream && k->apf) {
        struct slice out = apf_output(k->apf);
        size_t n = out.n;
        if (n && stream_write(k->stream, out) == 0)
            apf_sent(k->apf, n);
    }
    struct mono at = k->wsc ? wsc_deadline(k->wsc) : MONO_NEVER;
    if (k->apf && !k->ended)
        at = mono_min(at, apf_deadline(k->apf));
    loop_timer_set(k->o->loop, &k->timer, at);
}

/* --- the way of the WS-MAN client --- */

static struct orch_chan *chan_find(struct orch_link *k, int id) {
    for (int i = 0; i < ORCH_CHANS; i++)
        if (k->chans[i].id == id)
            return &k->chans[i];
    return NULL;
}

static void chan_gone(struct orch_chan *c) {
    tls_free(&c->tls);
    buf_free(&c->in);
    *c = (struct orch_chan){0};
}

static int io_open(void *ctx) {
    struct orch_link *k = ctx;
    struct orch_chan *c = chan_find(k, 0);
    bool tls = !apf_forwards(k->apf, 16992);
    int id = c && k->stream ? apf_open(k->apf, tls ? 16993 : 16992, now_of(k), c) : ERR_UNREACHABLE;
    if (id < 0)
        return id == ERR_LIMIT ? id : ERR_UNREACHABLE;
    c->id = id;
    if (tls)
        c->tls = tls_new(k->o->tls, false, NULL);
    return id;
}

static void flush_tls(struct orch_link *k, struct orch_chan *c) {
    struct buf *out = tls_output(c->tls);
    if (out->len && apf_send(k->apf, (uint32_t)c->id, buf_slice(out)) == 0)
        buf_consume(out, out->len);
}

static int io_send(void *ctx, int chan, struct slice data) {
    struct orch_link *k = ctx;
    struct orch_chan *c = chan_find(k, chan);
    if (!c->tls)
        return apf_send(k->apf, (uint32_t)chan, data);
    int r = tls_write(c->tls, data);
    flush_tls(k, c);
    return r;
}

static void io_close(void *ctx, int chan) {
    struct orch_link *k = ctx;
    struct orch_chan *c = chan_find(k, chan);
    if (c)
        chan_gone(c);
    apf_close(k->apf, (uint32_t)chan);
}

static void io_random(void *ctx, uint8_t *out, size_t n) {
    struct orch_link *k = ctx;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)rng_u64(&k->o->rng);
}

/* --- events --- */

static void on_ready(struct orch_link *k) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    struct wsc_io io = {.ctx = k, .open = io_open, .send = io_send, .close = io_close, .random = io_random};
    lim.bucket_burst = 100;
    k->ready = true;
    k->wsc = wsc_new(&lim, &io, k->o->id->amt_user, k->o->id->amt_password);
    assert_non_null(k->wsc);
    if (k->o->keepalive_s)
        assert_int_equal(apf_keepalive_options(k->apf, k->o->keepalive_s, k->o->keepalive_timeout_s), 0);
}

static void on_auth(struct orch_link *k, const struct apf_ev *ev) {
    const struct sim_identity *id = k->o->id;
    if (id && slice_is(ev->user_name, id->cira_user) && slice_is(ev->password, id->cira_password)) {
        apf_auth_accept(k->apf);
        return;
    }
    k->o->rejects++;
    apf_auth_reject(k->apf);
}

static void on_chan_data(struct orch_link *k, const struct apf_ev *ev) {
    struct orch_chan *c = chan_find(k, (int)ev->chan);
    uint32_t chan = ev->chan;
    struct slice data = ev->data;
    size_t n = data.n;
    if (c && c->tls) {
        struct buf plain = {0};
        bool was_ready = tls_ready(c->tls);
        int r = tls_input(c->tls, data, &plain);
        flush_tls(k, c);
        if (!was_ready && tls_ready(c->tls) && !c->raw)
            wsc_opened(k->wsc, (int)chan, now_of(k));
        if (c->raw) {
            c->opened = tls_ready(c->tls);
            buf_put(&c->in, buf_slice(&plain));
        } else if (plain.len)
            wsc_data(k->wsc, (int)chan, buf_slice(&plain), now_of(k));
        buf_free(&plain);
        assert_true(r == 0 || r == ERR_CLOSED);
    } else if (c && c->raw) {
        buf_put(&c->in, data);
    } else if (c) {
        wsc_data(k->wsc, (int)chan, data, now_of(k));
    }
    if (c && c->hold)
        c->held += n;
    else
        apf_consumed(k->apf, chan, n);
}

static void on_opened(struct orch_link *k, const struct apf_ev *ev) {
    struct orch_chan *c = chan_find(k, (int)ev->chan);
    if (c && c->tls) {
        assert_int_equal(tls_start(c->tls), 0);
        flush_tls(k, c);
    } else if (c && c->raw) {
        c->opened = true;
    } else if (c) {
        wsc_opened(k->wsc, (int)ev->chan, now_of(k));
    }
}

static void on_closed(struct orch_link *k, const struct apf_ev *ev, int err) {
    struct orch_chan *c = chan_find(k, (int)ev->chan);
    if (!c)
        return;
    if (c->raw) {
        c->closed = true;
        return;
    }
    chan_gone(c);
    wsc_closed(k->wsc, (int)ev->chan, err, now_of(k));
}

static void on_event(struct orch_link *k, const struct apf_ev *ev) {
    switch (ev->kind) {
    case APF_EV_VERSION:
        k->uuid = ev->uuid;
        break;
    case APF_EV_AUTH:
        on_auth(k, ev);
        break;
    case APF_EV_READY:
        on_ready(k);
        break;
    case APF_EV_FORWARD:
        k->forwards++;
        break;
    case APF_EV_OPENED:
        on_opened(k, ev);
        break;
    case APF_EV_OPEN_FAILED:
        on_closed(k, ev, ERR_UNREACHABLE);
        break;
    case APF_EV_CLOSED:
        on_closed(k, ev, ERR_CLOSED);
        break;
    case APF_EV_DATA:
        on_chan_data(k, ev);
        break;
    case APF_EV_KEEPALIVE:
        k->keepalives++;
        break;
    case APF_EV_DISCONNECT:
        k->disconnect = ev->reason;
        break;
    default:
        break;
    }
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct orch_link *k = ctx;
    struct apf_ev ev;
    int r;
    if (k->mute)
        return;
    while ((r = apf_input(k->apf, &data, now_of(k), &ev)) == 1)
        on_event(k, &ev);
    settle(k);
    if (r < 0) {
        k->failed = true;
        stream_close(s);
    }
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct orch_link *k = ctx;
    k->stream = NULL;
    k->ready = false;
    k->ended = true;
    k->why = why;
    if (k->wsc)
        wsc_tunnel_lost(k->wsc, now_of(k));
    settle(k);
}

static void on_timer(struct loop_timer *t) {
    struct orch_link *k = CONTAINER_OF(t, struct orch_link, timer);
    struct apf_ev ev;
    if (k->wsc)
        wsc_tick(k->wsc, now_of(k));
    while (!k->ended && apf_tick(k->apf, now_of(k), &ev) == 1)
        on_event(k, &ev);
    settle(k);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_end = on_end};

static void on_accept(void *ctx, struct stream *s) {
    struct orch *o = ctx;
    assert_true(o->nlinks < ORCH_LINKS);
    struct orch_link *k = &o->links[o->nlinks++];
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    k->o = o;
    k->stream = s;
    k->timer.fn = on_timer;
    k->apf = apf_new(APF_SERVER, &lim);
    assert_non_null(k->apf);
    stream_handle(s, &HANDLER, k);
}

void orch_open(struct orch *o, struct loop *l, const char *address) {
    *o = (struct orch){.loop = l, .rng = {.s = 4}};
    struct listen_opts opts = {.address = address,
                               .handshakes_max = 100,
                               .handshake_ms = 1000,
                               .per_turn_max = 100,
                               .on_accept = on_accept,
                               .ctx = o};
    struct errinfo ei = {0};
    o->listener = listener_open(l, &opts, &ei);
    assert_non_null(o->listener);
    o->tls = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, &ei);
    assert_non_null(o->tls);
}

void orch_close(struct orch *o) {
    for (unsigned i = 0; i < o->nlinks; i++) {
        struct orch_link *k = &o->links[i];
        loop_timer_stop(o->loop, &k->timer);
        wsc_free(&k->wsc);
        for (int c = 0; c < ORCH_CHANS; c++)
            chan_gone(&k->chans[c]);
        if (k->stream)
            stream_abort(k->stream);
        apf_free(&k->apf);
    }
    listener_close(&o->listener);
    tls_ctx_unref(&o->tls);
}

const char *orch_address(const struct orch *o) {
    return listener_address(o->listener);
}

struct orch_link *orch_up(struct orch *o) {
    for (unsigned i = o->nlinks; i > 0; i--)
        if (o->links[i - 1].ready)
            return &o->links[i - 1];
    return NULL;
}

unsigned orch_up_count(const struct orch *o) {
    unsigned n = 0;
    for (unsigned i = 0; i < o->nlinks; i++)
        n += o->links[i].ready;
    return n;
}

void orch_submit(struct orch *o, enum wsc_job_kind kind, uint8_t arg, uint32_t deadline_ms) {
    struct orch_link *k = orch_up(o);
    assert_non_null(k);
    assert_true(wsc_submit(k->wsc, kind, arg, WSC_NORMAL, deadline_ms, now_of(k), NULL) > 0);
    settle(k);
}

/* --- channels of a test --- */

struct orch_chan *orch_raw_open(struct orch *o, uint32_t port) {
    struct orch_link *k = orch_up(o);
    assert_non_null(k);
    struct orch_chan *c = chan_find(k, 0);
    assert_non_null(c);
    int id = apf_open(k->apf, port, now_of(k), c);
    assert_true(id > 0);
    *c = (struct orch_chan){.id = id, .raw = true};
    if (port == 16995)
        c->tls = tls_new(o->tls, false, NULL);
    settle(k);
    return c;
}

int orch_raw_send(struct orch *o, struct orch_chan *c, struct slice data) {
    struct orch_link *k = orch_up(o);
    int r = io_send(k, c->id, data);
    settle(k);
    return r;
}

void orch_raw_hold(struct orch *o, struct orch_chan *c, bool on) {
    struct orch_link *k = orch_up(o);
    c->hold = on;
    if (!on)
        apf_consumed(k->apf, (uint32_t)c->id, c->held);
    c->held = 0;
    settle(k);
}

void orch_raw_free(struct orch *o, struct orch_chan *c) {
    struct orch_link *k = orch_up(o);
    if (k && !c->closed)
        apf_close(k->apf, (uint32_t)c->id);
    chan_gone(c);
    if (k)
        settle(k);
}
