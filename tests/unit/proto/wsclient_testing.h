/* SPDX-License-Identifier: Apache-2.0 */
/* wsclient_testing: a fake AMT device in memory for the tests of wsclient: channels, HTTP, digest, and a
 * table of canned answers built with the device-role builders. Time passes only when a test says so. */
#pragma once

#include "proto/digest.h"
#include "proto/http1.h"
#include "proto/wsclient.h"
#include "wsman_testing.h"

enum { FAKE_CHANS = 16, FAKE_EVENTS = 256, FAKE_RESULTS = 128, FAKE_LOG = 512 };
#define FAKE_REALM "Digest:0123456789ABCDEF0123456789ABCDEF"

/* What the device answers to one request: the inner XML of a body, or a fault's subcode. */
struct fake_rule {
    enum wsman_class cls;
    enum wsman_op op;
    const char *method, *body, *fault;
};

struct fake_event {
    enum fake_kind { FAKE_OPENED, FAKE_DATA, FAKE_CLOSED } kind;
    int chan, err;
    struct buf data;
};

struct fake_chan {
    bool used;
    struct http1 *http;
    struct buf body, in;
    struct wsman_msg *rq; /* kept for a late answer */
};

struct fake;
/* Answer a request in an own way: true; false: the table answers. */
typedef bool fake_hook(struct fake *f, int chan, const struct wsman_msg *rq);

struct fake {
    struct wsclient *c;
    struct mono now;
    /* how the device behaves */
    const struct fake_rule *rules;
    fake_hook *hook;
    const char *password;                   /* NULL: no authentication */
    bool close_each, qop_both, keep_on_401; /* Connection: close after each answer … */
    bool plain;                             /* Content-Length instead of chunked */
    int split;                              /* bytes an event, 0 whole, -1 random */
    int open_error;                         /* what io.open returns, 0: a handle */
    int fail_opens;                         /* that many channels fail to open … */
    int send_error;                         /* what io.send returns */
    bool never_opens, stale_nonce;
    /* what was seen */
    struct fake_chan chans[FAKE_CHANS];
    struct fake_event events[FAKE_EVENTS];
    size_t nevents;
    int asked_to_close; /* requests that said "Connection: close" */
    int opens, closes, requests, unauthorized, open_now, open_max, executed;
    char log[FAKE_LOG][64]; /* "GET CIM_Chassis", "RequestPowerStateChange" … as executed */
    struct wsc_result results[FAKE_RESULTS];
    struct amt_info info; /* of the last result that had one … */
    struct amt_setup setup;
    struct amt_cira cira;
    char text[1100];
    int nresults;
    uint64_t last_id;
    uint32_t nonce;
    struct rng rng;
};

/* --- the way to the device --- */

static inline struct fake_event *fake_push(struct fake *f, int chan, enum fake_kind kind) {
    assert_true(f->nevents < FAKE_EVENTS);
    struct fake_event *e = &f->events[f->nevents++];
    *e = (struct fake_event){.kind = kind, .chan = chan};
    return e;
}

static inline int fake_open(void *ctx) {
    struct fake *f = ctx;
    f->opens++;
    if (f->open_error)
        return f->open_error;
    for (int i = 0; i < FAKE_CHANS; i++) {
        struct fake_chan *ch = &f->chans[i];
        if (ch->used)
            continue;
        ch->used = true;
        if (++f->open_now > f->open_max)
            f->open_max = f->open_now;
        if (f->fail_opens > 0) {
            f->fail_opens--;
            fake_push(f, i + 1, FAKE_CLOSED)->err = ERR_UNREACHABLE;
        } else if (!f->never_opens) {
            fake_push(f, i + 1, FAKE_OPENED);
        }
        return i + 1;
    }
    return ERR_LIMIT;
}

static inline void fake_forget(struct fake *f, int chan) {
    struct fake_chan *ch = &f->chans[chan - 1];
    assert_true(ch->used);
    http1_free(&ch->http);
    buf_free(&ch->body);
    buf_free(&ch->in);
    wsman_msg_free(&ch->rq);
    *ch = (struct fake_chan){0};
    f->open_now--;
    /* nothing of it may be delivered any more */
    size_t kept = 0;
    for (size_t i = 0; i < f->nevents; i++) {
        if (f->events[i].chan == chan)
            buf_free(&f->events[i].data);
        else
            f->events[kept++] = f->events[i];
    }
    f->nevents = kept;
}

static inline void fake_close(void *ctx, int chan) {
    struct fake *f = ctx;
    f->closes++;
    fake_forget(f, chan);
}

static inline int fake_send(void *ctx, int chan, struct slice data) {
    struct fake *f = ctx;
    assert_true(f->chans[chan - 1].used);
    if (f->send_error)
        return f->send_error;
    return buf_put(&f->chans[chan - 1].in, data);
}

static inline void fake_random(void *ctx, uint8_t *out, size_t n) {
    struct fake *f = ctx;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)rng_u64(&f->rng);
}

/* --- what the device sends --- */

static inline void fake_bytes(struct fake *f, int chan, struct slice s) {
    while (s.n) {
        size_t n = f->split == 0 ? s.n : f->split > 0 ? (size_t)f->split : (size_t)rng_range(&f->rng, 1, 200);
        if (f->nevents > FAKE_EVENTS - 20)
            n = s.n;
        struct slice piece = slice_head(s, n);
        assert_int_equal(buf_put(&fake_push(f, chan, FAKE_DATA)->data, piece), 0);
        s = slice_skip(s, n);
    }
}

static inline void fake_end(struct fake *f, int chan) {
    fake_push(f, chan, FAKE_CLOSED)->err = ERR_CLOSED;
}

/* An HTTP answer around body. */
static inline void fake_http(struct fake *f, int chan, int status, struct slice body) {
    struct buf out = {0};
    const char *headers[] = {"Server",
                             "Intel(R) Active Management Technology 15.0.23.1706",
                             f->plain ? "X-Frame-Options" : "Transfer-Encoding",
                             f->plain ? "DENY" : "chunked",
                             f->close_each ? "Connection" : NULL,
                             "close",
                             NULL};
    assert_int_equal(http1_put_response(&out, status, headers, f->plain ? (int64_t)body.n : -1), 0);
    for (struct slice rest = body; !f->plain && rest.n; rest = slice_skip(rest, 544))
        assert_int_equal(http1_chunk(&out, slice_head(rest, 544), true), 0);
    if (f->plain)
        buf_put(&out, body);
    else
        assert_int_equal(http1_chunk(&out, SLICE_EMPTY, true), 0);
    fake_bytes(f, chan, buf_slice(&out));
    if (f->close_each)
        fake_end(f, chan);
    buf_free(&out);
}

/* A SOAP answer to rq with that inner body. */
static inline void fake_answer(struct fake *f, int chan, const struct wsman_msg *rq, const char *body) {
    struct buf out = {0};
    wsman_put_response_open(&out, rq, (uint64_t)f->requests);
    buf_puts(&out, body);
    assert_int_equal(wsman_put_response_close(&out), 0);
    fake_http(f, chan, 200, buf_slice(&out));
    buf_free(&out);
}

static inline void fake_fault(struct fake *f, int chan, const struct wsman_msg *rq, const char *subcode) {
    struct buf out = {0};
    assert_int_equal(wsman_put_fault(&out, rq, false, subcode, "No route", NULL, 1), 0);
    fake_http(f, chan, 400, buf_slice(&out));
    buf_free(&out);
}

static inline void fake_401(struct fake *f, int chan) {
    struct buf value = {0}, out = {0};
    char nonce[40];
    if (!f->stale_nonce)
        f->nonce++;
    snprintf(nonce, sizeof nonce, "nonce%08x", f->nonce);
    assert_int_equal(digest_put_challenge(&value, FAKE_REALM, nonce, f->qop_both), 0);
    const char *headers[] = {"WWW-Authenticate",
                             "Negotiate",
                             "WWW-Authenticate",
                             buf_cstr(&value),
                             "Content-Type",
                             "text/html",
                             "Connection",
                             f->keep_on_401 ? NULL : "close",
                             NULL};
    if (f->keep_on_401)
        headers[6] = NULL;
    struct slice page = SLICE_LIT("<html><body>Unauthorized<p></body></html>");
    assert_int_equal(http1_put_response(&out, 401, headers, (int64_t)page.n), 0);
    buf_put(&out, page);
    f->unauthorized++;
    fake_bytes(f, chan, buf_slice(&out));
    if (!f->keep_on_401)
        fake_end(f, chan);
    buf_free(&value);
    buf_free(&out);
}

/* --- what the device does with a request --- */

static inline bool fake_authorized(struct fake *f, const struct http1 *http) {
    struct digest_answer a;
    char ha1[DIGEST_HA1_CAP], nonce[40];
    if (!f->password)
        return true;
    snprintf(nonce, sizeof nonce, "nonce%08x", f->nonce);
    struct slice header = http1_header(http, "Authorization");
    if (!header.n || digest_parse_answer(header, &a) != 0 || !slice_is(a.nonce, nonce))
        return false;
    assert_int_equal(digest_ha1("admin", FAKE_REALM, f->password, ha1), 0);
    return digest_verify(&a, ha1, "POST");
}

static inline void fake_execute(struct fake *f, int chan, const struct wsman_msg *rq) {
    static const char *const names[] = {"GET", "PUT", "CREATE", "DELETE", "ENUMERATE", "PULL", "RELEASE"};
    char *line = f->log[f->executed++ % FAKE_LOG];
    if (rq->op == WSMAN_INVOKE)
        slice_to_str(rq->method, line, sizeof f->log[0]);
    else
        snprintf(line, sizeof f->log[0], "%s %s", names[rq->op], wsman_class_name(rq->cls));
    if (f->hook && f->hook(f, chan, rq))
        return;
    for (const struct fake_rule *r = f->rules; r && r->cls; r++) {
        if (r->cls != rq->cls || r->op != rq->op || (r->method && !slice_is(rq->method, r->method)))
            continue;
        if (r->fault)
            fake_fault(f, chan, rq, r->fault);
        else
            fake_answer(f, chan, rq, r->body);
        return;
    }
    fake_fault(f, chan, rq, "b:DestinationUnreachable");
}

/* Take the requests off a channel. */
static inline void fake_serve(struct fake *f, int chan) {
    static const struct http1_limits lim = HTTP1_LIMITS_SERVER;
    struct fake_chan *ch = &f->chans[chan - 1];
    struct buf taken = ch->in;
    struct slice in = buf_slice(&taken);
    struct http1_ev ev;
    ch->in = (struct buf){0};
    if (!ch->http)
        ch->http = http1_new(HTTP1_REQUESTS, &lim);
    int more;
    while (ch->used && (more = http1_input(ch->http, &in, &ev)) != 0) {
        assert_int_equal(more, 1);
        if (ev.kind == HTTP1_BODY)
            assert_int_equal(buf_put(&ch->body, ev.data), 0);
        if (ev.kind != HTTP1_END)
            continue;
        f->requests++;
        f->asked_to_close += !http1_keep_alive(ch->http);
        if (!fake_authorized(f, ch->http)) {
            fake_401(f, chan);
        } else {
            struct wsman_msg *rq = wt_parse(buf_slice(&ch->body), 0, NULL);
            uint64_t id;
            assert_true(slice_to_u64(rq->message_id, UINT64_MAX, &id) && id > f->last_id);
            f->last_id = id;
            fake_execute(f, chan, rq);
            wsman_msg_free(&rq);
        }
        buf_free(&ch->body);
    }
    buf_free(&taken);
}

static inline void fake_results(struct fake *f) {
    struct wsc_result r;
    while (wsc_next_result(f->c, &r)) {
        assert_true(f->nresults < FAKE_RESULTS);
        if (r.info)
            f->info = *r.info;
        if (r.setup)
            f->setup = *r.setup;
        if (r.cira)
            f->cira = *r.cira;
        if (r.text)
            snprintf(f->text, sizeof f->text, "%s", r.text);
        assert_true((r.err == 0) == (r.why[0] == 0));
        f->results[f->nresults++] = r;
    }
}

static inline void fake_deliver(struct fake *f, struct fake_event *e) {
    if (e->kind == FAKE_OPENED) {
        wsc_opened(f->c, e->chan, f->now);
    } else if (e->kind == FAKE_DATA) {
        wsc_data(f->c, e->chan, buf_slice(&e->data), f->now);
    } else {
        fake_forget(f, e->chan);
        wsc_closed(f->c, e->chan, e->err, f->now);
    }
    buf_free(&e->data);
}

/* Until nothing moves at this time. */
static inline void fake_run(struct fake *f) {
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 1; i <= FAKE_CHANS; i++)
            if (f->chans[i - 1].used && f->chans[i - 1].in.len) {
                fake_serve(f, i);
                moved = true;
            }
        if (f->nevents) {
            struct fake_event e = f->events[0];
            f->nevents--;
            memmove(f->events, f->events + 1, f->nevents * sizeof e);
            fake_deliver(f, &e);
            moved = true;
        }
        fake_results(f);
    }
}

/* Let ms pass, waking the client at each deadline. */
static inline void fake_pass(struct fake *f, int64_t ms) {
    struct mono end = mono_add_ms(f->now, ms);
    fake_run(f);
    for (int guard = 0; guard < 10000; guard++) {
        struct mono at = wsc_deadline(f->c);
        if (mono_before(end, at))
            break;
        f->now = mono_max(f->now, at);
        wsc_tick(f->c, f->now);
        fake_run(f);
        assert_true(guard < 9999); /* a deadline that does not go away */
    }
    f->now = end;
}

static inline void fake_start_with(struct fake *f, const struct wsc_limits *lim) {
    static const struct wsc_limits standard = WSC_LIMITS_DEFAULT;
    struct wsc_io io = {f, fake_open, fake_send, fake_close, fake_random};
    f->now.us = 1000000;
    f->c = wsc_new(lim ? lim : &standard, &io, "admin", "P@ssw0rd");
    assert_non_null(f->c);
}

static inline void fake_start(struct fake *f) {
    fake_start_with(f, NULL);
}

static inline void fake_stop(struct fake *f) {
    wsc_free(&f->c);
    for (int i = 1; i <= FAKE_CHANS; i++)
        assert_false(f->chans[i - 1].used); /* all were closed */
    assert_int_equal(f->nevents, 0);
}

static inline int fake_submit(struct fake *f, enum wsc_job_kind kind, uint8_t arg, enum wsc_priority prio) {
    return wsc_submit(f->c, kind, arg, prio, 0, f->now, f);
}

/* The next result that was not looked at yet. */
static inline struct wsc_result fake_result(struct fake *f) {
    assert_true(f->nresults > 0);
    struct wsc_result r = f->results[0];
    f->nresults--;
    memmove(f->results, f->results + 1, (size_t)f->nresults * sizeof r);
    return r;
}

/* Submit one job, let time pass, and give its result. */
static inline struct wsc_result fake_job(struct fake *f, enum wsc_job_kind kind, uint8_t arg) {
    int id = fake_submit(f, kind, arg, WSC_NORMAL);
    assert_true(id > 0);
    fake_run(f);
    if (f->nresults == 0)
        fake_pass(f, 61000);
    struct wsc_result r = fake_result(f);
    assert_int_equal(r.id, id);
    assert_int_equal(r.kind, kind);
    assert_ptr_equal(r.user, f);
    return r;
}

#define FAKE_POWER(state)                                                                                    \
    {                                                                                                        \
        WSMAN_CIM_AssociatedPowerManagementService, WSMAN_GET, NULL,                                         \
            "<g:CIM_AssociatedPowerManagementService><g:AvailableRequestedPowerStates>8"                     \
            "</g:AvailableRequestedPowerStates><g:PowerState>" state                                         \
            "</g:PowerState></g:CIM_AssociatedPowerManagementService>",                                      \
            NULL                                                                                             \
    }
#define FAKE_RETURN(cls, method, value)                                                                      \
    {                                                                                                        \
        WSMAN_##cls, WSMAN_INVOKE, method,                                                                   \
            "<g:" method "_OUTPUT><g:ReturnValue>" value "</g:ReturnValue></g:" method "_OUTPUT>", NULL      \
    }
