/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of a wsclient: HTTP requests out, answers in, digest, and what a broken channel means. */
#include "proto/wsclient_int.h"

#include "base/map.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_OK = 200, STATUS_UNAUTHORIZED = 401, CNONCE_BYTES = 16 };

struct wsc_chan *wsc_chan_find(const struct wsclient *c, int handle) {
    if (!c->busy)
        return NULL;
    LIST_EACH (n, &c->busy->chans) {
        struct wsc_chan *ch = CONTAINER_OF(n, struct wsc_chan, node);
        if (ch->handle == handle)
            return ch;
    }
    return NULL;
}

struct wsc_chan *wsc_chan_of_job(const struct wsclient *c, const struct wsc_job *job) {
    LIST_EACH (n, &c->busy->chans) {
        struct wsc_chan *ch = CONTAINER_OF(n, struct wsc_chan, node);
        if (ch->job == job)
            return ch;
    }
    return NULL;
}

static void chan_set_state(struct wsc_chan *ch, enum wsc_chan_state state, struct mono now) {
    ch->state = state;
    if (state == WSC_CHAN_IDLE) {
        ch->job = NULL;
        ch->served = true;
        ch->idle_since = now;
    }
}

static void parser_release(struct wsclient *c, struct wsc_chan *ch) {
    struct wsc_pool *pool = c->pool;
    if (ch->parser && pool && pool->nidle < WSC_POOL_MAX && pool->bytes_max == c->lim.response_bytes_max) {
        wsman_parser_reset(ch->parser);
        pool->idle[pool->nidle++] = ch->parser;
        ch->parser = NULL;
    }
    wsman_parser_free(&ch->parser);
}

static struct wsman_parser *parser_of(struct wsclient *c, struct wsc_chan *ch) {
    struct wsc_pool *pool = c->pool;
    if (ch->parser)
        return ch->parser;
    if (pool && pool->nidle == 0)
        pool->bytes_max = c->lim.response_bytes_max;
    if (pool && pool->nidle > 0 && pool->bytes_max == c->lim.response_bytes_max)
        return ch->parser = pool->idle[--pool->nidle];
    struct wsman_limits lim = WSMAN_LIMITS_DEFAULT;
    lim.bytes_max = c->lim.response_bytes_max;
    return ch->parser = wsman_parser_new(&lim);
}

void wsc_chan_drop(struct wsclient *c, struct wsc_chan *ch, bool tell) {
    if (tell)
        c->io.close(c->io.ctx, ch->handle);
    list_remove(&c->busy->chans, &ch->node);
    parser_release(c, ch);
    http1_free(&ch->http);
    free(ch);
}

/* --- a request goes out --- */

static void put_authorization(struct wsclient *c, struct wsc_chan *ch, struct buf *out, int *err) {
    uint8_t raw[CNONCE_BYTES];
    char cnonce[2 * CNONCE_BYTES + 1];
    ch->authorized = c->digest.nonce[0] != 0;
    if (!ch->authorized)
        return;
    c->io.random(c->io.ctx, raw, sizeof raw);
    ch->nonce = map_hash(slice_str(c->digest.nonce), 0);
    *err = digest_authorize(&c->digest, out, c->user, c->password, "POST", "/wsman",
                            text_hex(slice_of(raw, sizeof raw), cnonce));
}

/* Append head and envelope of the job's request. */
static int put_http(struct wsclient *c, struct wsc_chan *ch, struct buf *out) {
    struct buf auth = {0}, envelope = {0};
    int err = wsc_put_step(ch->job, &envelope);
    if (err == 0)
        put_authorization(c, ch, &auth, &err);
    const char *headers[9] = {"Host", "amt:16992", "Content-Type", "application/soap+xml;charset=utf-8"};
    size_t n = 4;
    if (c->lim.one_request) {
        headers[n++] = "Connection";
        headers[n++] = "close";
    }
    if (auth.len) {
        headers[n++] = "Authorization";
        headers[n++] = buf_cstr(&auth);
    }
    if (err == 0)
        err = http1_put_request(out, "POST", "/wsman", headers, (int64_t)envelope.len);
    if (err == 0)
        err = buf_put(out, buf_slice(&envelope));
    if (err == 0 && auth.failed)
        err = ERR_NOMEM;
    buf_free(&auth);
    buf_wipe(&envelope);
    return err;
}

/* The channel is of no use any more, and its job has not got a complete answer. gone: it is closed already.
 */
static void broken(struct wsclient *c, struct wsc_chan *ch, bool gone, int err, struct mono now) {
    struct wsc_job *job = ch->job;
    /* a kept channel that ends without a byte was closed by idle firmware: no fault of the request */
    bool stale = ch->served && !ch->got_bytes;
    wsc_chan_drop(c, ch, !gone);
    if (!job)
        return;
    if (!wsc_step_safe(job) || (job->retried && !stale)) {
        wsc_job_failed(c, job, now, err, "the channel ended before the answer was complete (%s)",
                       err_text(err));
        return;
    }
    if (!stale)
        job->retried = true;
    wsc_step_again(job);
    wsc_job_ready(c, job, now);
}

static void send_request(struct wsclient *c, struct wsc_chan *ch, struct mono now) {
    static const struct http1_limits amt = HTTP1_LIMITS_AMT;
    struct wsc_job *job = ch->job;
    struct buf out = {0};
    struct http1_limits lim = amt;
    lim.body_bytes = c->lim.response_bytes_max;
    job->message_id = ++c->message_id;
    ch->got_bytes = false;
    ch->parse_err = 0;
    chan_set_state(ch, WSC_CHAN_BUSY, now);
    if (!ch->http)
        ch->http = http1_new(HTTP1_RESPONSES, &lim);
    if (job->work)
        buf_room(&out, 2 * WSC_SECRET_ROOM);
    int err = ch->http ? put_http(c, ch, &out) : ERR_NOMEM;
    if (err) {
        wsc_chan_drop(c, ch, true);
        wsc_job_failed(c, job, now, err, "the request could not be built (%s)", err_text(err));
        goto out;
    }
    if (mono_is_never(job->first_out))
        job->first_out = now;
    err = c->io.send(c->io.ctx, ch->handle, buf_slice(&out));
    /* only a refusal of the queue tells for sure that nothing went out */
    if (!wsc_step_safe(job) && err != ERR_FULL)
        job->maybe_sent = true;
    if (err < 0)
        broken(c, ch, false, err, now);
out:
    buf_wipe(&out);
}

/* --- channels open --- */

static void open_failed(struct wsclient *c, struct wsc_job *job, int err, struct mono now) {
    if (++job->open_tries < WSC_OPEN_TRIES)
        wsc_job_ready(c, job, mono_add_ms(now, WSC_OPEN_PAUSE_MS));
    else
        wsc_job_failed(c, job, now, err, "the device opened no channel to its management port (%s)",
                       err_text(err));
}

/* An idle channel that this request may use, NULL when there is none. */
static struct wsc_chan *reusable(struct wsclient *c, const struct wsc_job *job, struct mono now) {
    LIST_EACH (n, &c->busy->chans) {
        struct wsc_chan *ch = CONTAINER_OF(n, struct wsc_chan, node);
        if (ch->state != WSC_CHAN_IDLE)
            continue;
        if (wsc_step_safe(job) || !mono_due(mono_add_ms(ch->idle_since, WSC_FRESH_MS), now))
            return ch;
        wsc_chan_drop(c, ch, true); /* its slot is needed for a fresh one */
    }
    return NULL;
}

void wsc_start(struct wsclient *c, struct wsc_job *job, struct mono now) {
    struct wsc_chan *ch = reusable(c, job, now);
    if (ch) {
        ch->job = job;
        wsc_job_set_state(c, job, WSC_JOB_BUSY);
        send_request(c, ch, now);
        return;
    }
    ch = calloc(1, sizeof *ch);
    if (!ch) {
        wsc_job_failed(c, job, now, ERR_NOMEM, "out of memory");
        return;
    }
    int handle = c->io.open(c->io.ctx);
    if (handle <= 0) {
        free(ch);
        if (handle == ERR_LIMIT) /* no slot now: there is one when another channel has ended */
            wsc_job_ready(c, job, mono_add_ms(now, WSC_OPEN_PAUSE_MS));
        else
            open_failed(c, job, handle ? handle : ERR_UNREACHABLE, now);
        return;
    }
    ch->handle = handle;
    ch->job = job;
    list_push(&c->busy->chans, &ch->node);
    chan_set_state(ch, WSC_CHAN_OPENING, now);
    wsc_job_set_state(c, job, WSC_JOB_BUSY);
}

void wsc_chan_opened(struct wsclient *c, struct wsc_chan *ch, struct mono now) {
    if (ch->state != WSC_CHAN_OPENING)
        return;
    ch->job->open_tries = 0;
    send_request(c, ch, now);
}

/* --- an answer comes in --- */

/* Take the digest challenge of a 401. ERR_UNSUPPORTED when it offers none that we know. */
static int read_challenge(struct wsclient *c, const struct http1 *http) {
    struct slice name, value;
    int err = ERR_UNSUPPORTED;
    for (size_t i = 0; err && http1_header_at(http, i, &name, &value); i++)
        if (slice_ieq(name, SLICE_LIT("WWW-Authenticate")))
            err = digest_challenge(&c->digest, value) == 0 ? 0 : ERR_UNSUPPORTED;
    return err;
}

/* A 401: nothing was executed. The same nonce again, or too many in a row, means that the words are wrong. */
static void unauthorized(struct wsclient *c, struct wsc_job *job, int challenge, bool same_nonce,
                         struct mono now) {
    job->maybe_sent = false;
    c->answered = true;
    wsc_breaker_close(c);
    if (challenge != 0) {
        wsc_job_failed(c, job, now, ERR_AUTH, "the firmware offers no digest authentication");
    } else if (same_nonce || ++job->unauthorized >= c->lim.unauthorized_max) {
        wsc_job_failed(c, job, now, ERR_AUTH, "the firmware refused the AMT user and password");
    } else {
        wsc_step_again(job);
        wsc_job_ready(c, job, now);
    }
}

static void take_message(struct wsc_chan *ch, struct wsc_answer *a) {
    a->err = ch->parse_err;
    if (!ch->parser)
        return; /* there was no body, or no memory to read it */
    if (a->err == 0)
        a->err = wsman_finish(ch->parser, &a->msg);
    if (a->err)
        snprintf(a->why, sizeof a->why, "%s", wsman_parser_error(ch->parser));
}

/* The answer is complete. The channel is idle or gone afterwards. */
static void complete(struct wsclient *c, struct wsc_chan *ch, bool keep, bool gone, struct mono now) {
    struct wsc_job *job = ch->job;
    struct wsc_answer a = {.status = http1_status(ch->http)};
    int challenge = 0;
    bool same_nonce = false;
    if (a.status == STATUS_UNAUTHORIZED) {
        challenge = read_challenge(c, ch->http);
        same_nonce = ch->authorized && ch->nonce == map_hash(slice_str(c->digest.nonce), 0);
    } else {
        take_message(ch, &a);
    }
    parser_release(c, ch);
    if (keep && !gone)
        chan_set_state(ch, WSC_CHAN_IDLE, now);
    else
        wsc_chan_drop(c, ch, !gone);
    if (a.status == STATUS_UNAUTHORIZED) {
        unauthorized(c, job, challenge, same_nonce, now);
        return;
    }
    c->answered = true;
    job->unauthorized = 0;
    job->retried = false;
    wsc_step_answered(c, job, &a, now);
    wsman_msg_free(&a.msg);
}

static void take_body(struct wsclient *c, struct wsc_chan *ch, struct slice data) {
    if (http1_status(ch->http) == STATUS_UNAUTHORIZED || ch->parse_err)
        return; /* a page for browsers, or the rest of what cannot be read */
    struct wsman_parser *p = parser_of(c, ch);
    ch->parse_err = p ? wsman_feed(p, data) : ERR_NOMEM;
}

static void bad_http(struct wsclient *c, struct wsc_chan *ch, int err, struct mono now) {
    struct wsc_job *job = ch->job;
    wsc_chan_drop(c, ch, true);
    if (err == ERR_LIMIT)
        wsc_job_failed(c, job, now, ERR_LIMIT, "the answer has more than %u bytes or too long a head",
                       c->lim.response_bytes_max);
    else if (err == ERR_NOMEM)
        wsc_job_failed(c, job, now, ERR_NOMEM, "out of memory");
    else
        wsc_job_failed(c, job, now, ERR_PROTO, "the answer is not HTTP as we know it (%s)", err_text(err));
}

void wsc_chan_data(struct wsclient *c, struct wsc_chan *ch, struct slice data, struct mono now) {
    if (ch->state != WSC_CHAN_BUSY) { /* nobody asked */
        broken(c, ch, false, ERR_PROTO, now);
        return;
    }
    ch->got_bytes |= data.n > 0;
    for (;;) {
        struct http1_ev ev;
        int more = http1_input(ch->http, &data, &ev);
        if (more < 0) {
            bad_http(c, ch, more, now);
            return;
        }
        if (more == 0)
            return;
        int status = http1_status(ch->http);
        if (ev.kind == HTTP1_BODY)
            take_body(c, ch, ev.data);
        if (ev.kind == HTTP1_END && status >= STATUS_OK) { /* below: an interim answer, RFC 9110 15.2 */
            bool keep = !c->lim.one_request && http1_keep_alive(ch->http) && data.n == 0;
            complete(c, ch, keep, false, now);
            return;
        }
    }
}

void wsc_chan_closed(struct wsclient *c, struct wsc_chan *ch, int err, struct mono now) {
    struct http1_ev ev;
    struct wsc_job *job = ch->job;
    if (ch->state == WSC_CHAN_BUSY && http1_eof(ch->http, &ev) > 0) {
        complete(c, ch, false, true, now); /* a body that lasts until the close */
        return;
    }
    if (ch->state != WSC_CHAN_OPENING) {
        broken(c, ch, true, err, now);
        return;
    }
    wsc_chan_drop(c, ch, false);
    open_failed(c, job, err, now);
}
