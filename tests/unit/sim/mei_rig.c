/* SPDX-License-Identifier: Apache-2.0 */
#include "mei_rig.h"

#include "base/rd.h"
#include "net/sim.h"
#include "proto/http1.h"
#include "unit.h"

#define ADDRESS "10.0.0.9:700"
enum { ANSWER_MS = 5000 };

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct mei *m = ctx;
    assert_int_equal(buf_put(&m->in, data), 0);
}
static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct mei *m = ctx;
    m->ended = true;
    m->gone = why == STREAM_RESET;
    m->stream = NULL;
}
static const struct stream_handler HANDLER = {.on_data = on_data, .on_end = on_end};

void mei_rig_listen(struct bench *b) {
    struct errinfo ei = {0};
    assert_int_equal(sim_node_listen_mei(b->node, ADDRESS, &ei), 0);
}

/* Steps of the world until a message is whole, or the time is over. */
static bool whole(struct mei *m, uint32_t *n) {
    struct rd r = rd_of(buf_slice(&m->in));
    *n = rd_le32(&r);
    return !r.bad && rd_left(&r) >= *n;
}

int mei_take(struct mei *m, uint8_t *out, size_t cap, int64_t ms) {
    struct mono until = mono_add_ms(sim_now(m->bench->world), ms);
    uint32_t n;
    while (!whole(m, &n))
        if (m->ended || mono_due(until, sim_now(m->bench->world)) || !sim_step(m->bench->world))
            return -1;
    assert_true(n <= cap);
    if (n)
        memcpy(out, buf_slice(&m->in).p + 4, n);
    buf_consume(&m->in, n + 4);
    return (int)n;
}

void mei_put(struct mei *m, struct slice msg) {
    uint8_t head[4];
    struct wr w = wr_of(head, sizeof head);
    wr_le32(&w, (uint32_t)msg.n);
    if (!m->stream)
        return;
    assert_int_equal(stream_write(m->stream, wr_done(&w)), 0);
    assert_int_equal(stream_write(m->stream, msg), 0);
}

int mei_connect(struct mei *m, struct bench *b, const char *guid) {
    struct uuid u;
    uint8_t answer[16];
    struct connect_opts o = {.address = ADDRESS, .timeout_ms = 1000};
    *m = (struct mei){.bench = b};
    m->stream = stream_connect(b->loop, &o, &HANDLER, m);
    assert_true(uuid_parse(slice_str(guid), &u));
    u = uuid_swap(u);
    mei_put(m, slice_of(u.b, sizeof u.b));
    return mei_take(m, answer, sizeof answer, ANSWER_MS);
}

void mei_disconnect(struct mei *m) {
    if (m->stream)
        stream_close(m->stream);
    while (!m->ended && sim_step(m->bench->world))
        ;
    apf_free(&m->apf);
    buf_free(&m->in);
    buf_free(&m->http);
}

/* --- PTHI --- */

int64_t mei_ask(struct mei *m, enum pthi_cmd cmd, struct slice request, struct buf *data) {
    uint8_t out[PTHI_MSG_MAX], in[PTHI_MSG_MAX];
    struct wr w = wr_of(out, sizeof out);
    struct slice answer;
    struct errinfo ei;
    uint32_t status = 0;
    pthi_put_request(&w, cmd, request);
    mei_put(m, wr_done(&w));
    int n = mei_take(m, in, sizeof in, ANSWER_MS);
    if (n < 0)
        return -1;
    int r = pthi_get_response(slice_of(in, (size_t)n), cmd, &answer, &status, &ei);
    assert_true(r == 0 || (r == ERR_REFUSED && status));
    if (r == 0 && data)
        assert_int_equal(buf_put(data, answer), 0);
    return status;
}

int64_t mei_ask_u32(struct mei *m, enum pthi_cmd cmd) {
    struct buf data = {0};
    uint32_t v = 0;
    int64_t status = mei_ask(m, cmd, SLICE_EMPTY, &data);
    if (status == 0)
        assert_true(pthi_get_u32(buf_slice(&data), &v));
    buf_free(&data);
    return status == 0 ? (int64_t)v : -1;
}

/* --- LME --- */

static void flush(struct mei *m) {
    struct slice out;
    while ((out = apf_output(m->apf)).n) {
        mei_put(m, out);
        apf_sent(m->apf, out.n);
    }
}

static void wsc_event(struct mei *m, const struct apf_ev *ev) {
    struct mono now = sim_now(m->bench->world);
    int chan = (int)ev->chan;
    if (ev->kind == APF_EV_OPENED)
        wsc_opened(m->wsc, chan, now);
    if (ev->kind == APF_EV_DATA)
        wsc_data(m->wsc, chan, ev->data, now);
    if (ev->kind == APF_EV_CLOSED || ev->kind == APF_EV_OPEN_FAILED)
        wsc_closed(m->wsc, chan, ev->kind == APF_EV_CLOSED ? ERR_CLOSED : ERR_UNREACHABLE, now);
}

static void on_event(struct mei *m, const struct apf_ev *ev) {
    size_t data_n = ev->data.n;
    uint32_t chan = ev->chan;
    if (m->wsc) {
        bool data = ev->kind == APF_EV_DATA;
        wsc_event(m, ev);
        if (data)
            apf_consumed(m->apf, chan, data_n);
        return;
    }
    m->opened |= ev->kind == APF_EV_OPENED;
    m->refused |= ev->kind == APF_EV_OPEN_FAILED;
    m->closed |= ev->kind == APF_EV_CLOSED;
    if (ev->kind == APF_EV_DATA) {
        assert_int_equal(buf_put(&m->http, ev->data), 0);
        apf_consumed(m->apf, chan, data_n);
    }
}

/* What came goes into APF; false when nothing came within ms. */
static bool lme_step(struct mei *m, int64_t ms) {
    uint8_t msg[8192];
    flush(m);
    int n = mei_take(m, msg, sizeof msg, ms);
    if (n < 0)
        return false;
    struct slice in = slice_of(msg, (size_t)n);
    struct apf_ev ev;
    int r;
    while ((r = apf_input(m->apf, &in, sim_now(m->bench->world), &ev)) == 1)
        on_event(m, &ev);
    assert_int_equal(r, 0);
    flush(m);
    return true;
}

void mei_lme_start(struct mei *m) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    m->apf = apf_new(APF_HOST, &lim);
    assert_non_null(m->apf);
    while (!apf_forwards(m->apf, 16992) && !apf_forwards(m->apf, 16993))
        assert_true(lme_step(m, ANSWER_MS));
}

bool mei_lme_open_port(struct mei *m, uint32_t port) {
    m->opened = m->refused = m->closed = false;
    buf_free(&m->http);
    m->chan = apf_open(m->apf, port, sim_now(m->bench->world), m);
    if (m->chan < 0)
        return false;
    while (!m->opened && !m->refused)
        assert_true(lme_step(m, ANSWER_MS));
    return m->opened;
}

bool mei_lme_tls(struct mei *m, struct tls *tls) {
    while (!tls_ready(tls) && !m->closed) {
        struct buf *out = tls_output(tls);
        if (out->len) {
            assert_int_equal(apf_send(m->apf, (uint32_t)m->chan, buf_slice(out)), 0);
            buf_free(out);
        }
        if (!lme_step(m, ANSWER_MS) || (m->http.len && tls_input(tls, buf_slice(&m->http), NULL) < 0))
            return false;
        buf_free(&m->http);
    }
    return tls_ready(tls);
}

/* One exchange; the WWW-Authenticate value of a 401 into *challenge. */
static int exchange(struct mei *m, const char *authorization, struct slice xml, struct buf *challenge,
                    struct buf *body) {
    struct http1_limits lim = HTTP1_LIMITS_AMT;
    struct http1 *h = http1_new(HTTP1_RESPONSES, &lim);
    struct buf rq = {0};
    const char *headers[] = {
        "Host",        "localhost", "Connection", "close", authorization ? "Authorization" : NULL,
        authorization, NULL};
    http1_put_request(&rq, "POST", "/wsman", headers, (int64_t)xml.n);
    buf_put(&rq, xml);
    assert_true(mei_lme_open_port(m, 16992));
    assert_int_equal(apf_send(m->apf, (uint32_t)m->chan, buf_slice(&rq)), 0);
    buf_free(&rq);
    int status = -1;
    while (!m->closed && lme_step(m, ANSWER_MS))
        ;
    if (m->closed)
        status = 0;
    struct slice in = buf_slice(&m->http);
    struct http1_ev ev;
    while (http1_input(h, &in, &ev) == 1) {
        status = http1_status(h);
        if (ev.kind == HTTP1_HEAD)
            buf_put(challenge, http1_header(h, "WWW-Authenticate"));
        if (ev.kind == HTTP1_BODY && body)
            buf_put(body, ev.data);
    }
    if (!m->closed)
        apf_close(m->apf, (uint32_t)m->chan);
    http1_free(&h);
    return status;
}

int mei_wsman(struct mei *m, const char *user, const char *password, const struct wsman_request *rq,
              struct buf *out) {
    struct buf xml = {0}, challenge = {0}, auth = {0};
    struct digest_client digest = {0};
    wsman_put_request(&xml, rq, 7);
    int status = exchange(m, NULL, buf_slice(&xml), &challenge, NULL);
    if (status == 401 && user) {
        assert_int_equal(digest_challenge(&digest, buf_slice(&challenge)), 0);
        assert_int_equal(digest_authorize(&digest, &auth, user, password, "POST", "/wsman", "0a4f113b"), 0);
        buf_free(&challenge);
        status = exchange(m, buf_cstr(&auth), buf_slice(&xml), &challenge, out);
    }
    buf_free(&xml);
    buf_free(&auth);
    buf_free(&challenge);
    return status;
}

/* --- jobs --- */

static int io_open(void *ctx) {
    struct mei *m = ctx;
    int id = apf_open(m->apf, 16992, sim_now(m->bench->world), m);
    return id < 0 && id != ERR_LIMIT ? ERR_UNREACHABLE : id;
}
static int io_send(void *ctx, int chan, struct slice data) {
    struct mei *m = ctx;
    return apf_send(m->apf, (uint32_t)chan, data);
}
static void io_close(void *ctx, int chan) {
    struct mei *m = ctx;
    apf_close(m->apf, (uint32_t)chan);
}
static void io_random(void *ctx, uint8_t *out, size_t n) {
    memset(out, 7, n);
}

struct wsc_result mei_job(struct mei *m, const char *user, const char *password, enum wsc_job_kind kind,
                          uint32_t arg, const struct wsc_args *args) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    struct wsc_io io = {.ctx = m, .open = io_open, .send = io_send, .close = io_close, .random = io_random};
    struct wsc_result r = {0};
    lim.bucket_burst = 100;
    m->wsc = wsc_new(&lim, &io, user, password);
    assert_non_null(m->wsc);
    assert_true(wsc_submit_with(m->wsc, kind, arg, args, WSC_NORMAL, 0, sim_now(m->bench->world), NULL) > 0);
    while (wsc_next_result(m->wsc, &r) == 0) {
        (void)lme_step(m, 1000);
        wsc_tick(m->wsc, sim_now(m->bench->world));
    }
    wsc_free(&m->wsc);
    flush(m);
    return r;
}
