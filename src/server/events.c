/* SPDX-License-Identifier: Apache-2.0 */
/* events: GET /v1/events: server-sent events that lose nothing they can avoid. A client that resumes first
 * gets what the store has, then what the hub's ring has, then what comes. A slow client is waited for (the
 * hub pauses for it); one that takes nothing at all is dropped by the connection. */
#include "server/api.h"

#include "server/directory.h"
#include "server/httpd_int.h"
#include "server/hub.h"
#include "server/reading.h"
#include "server/storeread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEARTBEAT_MS = 15000, BATCH_MAX = 200 };

struct feed {
    struct hub_sub sub;
    struct request *r;
    struct loop_timer timer;
    struct store_read read;
    struct store_event *batch; /* BATCH_MAX while reading */
    size_t nbatch;
    char host[HOST_ID_CAP];
    uint64_t seen; /* last number sent or passed over; UINT64_MAX: the present */
    bool subscribed, reading, ending, waiting;
    bool stored; /* the store was asked since the last event: what it does not have is lost */
    struct buf out;
};

static void read_next(struct feed *f);

/* Nothing may refer to the feed when the request goes. */
static void feed_end(struct feed *f, bool now) {
    f->ending = true;
    if (f->subscribed)
        hub_unsubscribe(f->r->shard->app->hub, &f->sub);
    f->subscribed = false;
    loop_timer_stop(f->r->shard->loop, &f->timer);
    if (f->reading)
        return;
    free(f->batch);
    buf_free(&f->out);
    request_stream_end(f->r, now);
}
static void on_gone(struct request *r) {
    feed_end(r->ctx, false);
}

/* --- writing --- */
static bool flush(struct feed *f) {
    bool ok = !f->out.failed && request_stream_write(f->r, buf_slice(&f->out)) == 0;
    buf_clear(&f->out);
    return ok;
}

static void put_gap(struct feed *f) {
    buf_puts(&f->out, "event: gap\ndata: {\"specversion\":\"1.0\",\"source\":\"/outband\",\"type\":\"gap\","
                      "\"data\":{\"text\":\"events were lost; read the lists again\"}}\n\n");
}

static void put_event(struct feed *f, const struct hub_event *e) {
    char id[24], type[STORE_ACTION_CAP + 8];
    snprintf(id, sizeof id, "%" PRIu64, e->seq);
    snprintf(type, sizeof type, "%s%s", *e->host ? "host." : "", e->kind);
    buf_putf(&f->out, "id: %s\ndata: ", id);
    struct json j = json_of(&f->out);
    json_obj(&j);
    json_kstr(&j, "specversion", "1.0");
    json_kstr(&j, "id", id);
    json_kstr(&j, "source", "/outband");
    json_kstr(&j, "type", type);
    json_kstr(&j, "subject", e->host);
    json_kwall(&j, "time", e->at);
    json_kstr(&j, "datacontenttype", "application/json");
    json_key(&j, "data");
    json_obj(&j);
    json_kstr(&j, "text", e->text);
    json_key(&j, "host");
    json_raw(&j, e->host_json.n ? e->host_json : SLICE_LIT("null"));
    json_obj_end(&j);
    json_obj_end(&j);
    buf_puts(&f->out, "\n\n");
}

static bool listed(const char *list, const char *word) {
    struct slice rest = slice_str(list);
    while (rest.n)
        if (slice_is(slice_trim(slice_cut(&rest, ',')), word))
            return true;
    return false;
}

/* May this client see it, and does it want it? */
static bool wanted(const struct feed *f, const struct hub_event *e) {
    const struct principal *who = &f->r->who;
    const char *kinds = f->r->query[QUERY_KIND].text;
    if (*who->project && strcmp(e->project, who->project) != 0)
        return false;
    /* what is of no host is of the whole server: quarantine */
    if (!*e->host && (who->role < ROLE_ADMIN || *who->project))
        return false;
    if (*f->host && strcmp(f->host, e->host) != 0)
        return false;
    return !*kinds || listed(kinds, e->kind);
}

static bool crowded(const struct feed *f) {
    return request_stream_queued(f->r) > f->r->httpd->limits.stream_bytes / 2;
}

/* --- live --- */
static void on_event(struct hub_sub *sub, const struct hub_event *e, bool gap) {
    struct feed *f = sub->ctx;
    if (gap && !f->stored) {
        /* the store may have what the ring has not */
        hub_unsubscribe(f->r->shard->app->hub, sub);
        f->subscribed = false;
        read_next(f);
        return;
    }
    if (gap)
        put_gap(f);
    f->stored = false;
    f->seen = e->seq;
    if (wanted(f, e))
        put_event(f, e);
    if (f->out.len && !flush(f)) {
        feed_end(f, true);
        return;
    }
    if (crowded(f)) {
        f->waiting = true;
        hub_pause(sub);
    }
}

static void go_live(struct feed *f) {
    f->sub = (struct hub_sub){.shard = f->r->shard, .fn = on_event, .ctx = f};
    int err = hub_subscribe(f->r->shard->app->hub, &f->sub, f->seen);
    f->subscribed = !err;
    if (!err)
        return;
    buf_puts(&f->out, ": too many event streams are open\n\n");
    flush(f);
    feed_end(f, false);
}

/* --- the past --- */
static int take(void *ctx, const struct store_event *row) {
    struct feed *f = ctx;
    f->batch[f->nbatch++] = *row;
    return f->nbatch == BATCH_MAX;
}

/* Unfiltered, so that the place in the stream is known. */
static int read_batch(struct store_read *sr) {
    struct feed *f = sr->ctx;
    struct store_event_query q = {.after_seq = f->seen, .limit = BATCH_MAX};
    f->nbatch = 0;
    int err = store_events(sr->store, &q, take, f);
    return err < 0 ? err : 0;
}

static void send_stored(struct feed *f, const struct store_event *row) {
    struct hub_event e = {.seq = row->seq, .at = row->at};
    memcpy(e.host, row->host, sizeof e.host);
    memcpy(e.project, row->project, sizeof e.project);
    memcpy(e.kind, row->kind, sizeof e.kind);
    memcpy(e.text, row->text, sizeof e.text);
    if (e.seq > f->seen + 1)
        put_gap(f);
    f->seen = e.seq;
    if (wanted(f, &e))
        put_event(f, &e);
}

static void batch_read(struct store_read *sr) {
    struct feed *f = sr->ctx;
    f->reading = false;
    if (f->ending) {
        feed_end(f, false);
        return;
    }
    for (size_t i = 0; !sr->err && i < f->nbatch; i++)
        send_stored(f, &f->batch[i]);
    bool more = !sr->err && f->nbatch == BATCH_MAX;
    f->stored = true;
    if (f->out.len && !flush(f))
        feed_end(f, true);
    else if (!more)
        go_live(f);
    else if (crowded(f))
        f->waiting = true;
    else
        read_next(f);
}

static void read_next(struct feed *f) {
    f->waiting = false;
    if (!f->batch)
        f->batch = calloc(BATCH_MAX, sizeof *f->batch);
    if (!f->batch) {
        feed_end(f, true);
        return;
    }
    f->reading = true;
    f->read = (struct store_read){.r = f->r, .ctx = f, .read = read_batch, .done = batch_read};
    store_read_start(&f->read);
}

static void on_drain(struct request *r) {
    struct feed *f = r->ctx;
    if (!f->waiting || f->ending)
        return;
    f->waiting = false;
    if (f->subscribed)
        hub_resume(r->shard->app->hub, &f->sub);
    else
        read_next(f);
}

/* --- beginning --- */
static void on_timer(struct loop_timer *t) {
    struct feed *f = CONTAINER_OF(t, struct feed, timer);
    struct request *r = f->r;
    /* a stream outlives neither its sign-in nor the user's rights */
    if (!auth_still(r->shard->app->auth, r->shard, &r->who, &r->session)) {
        feed_end(f, false);
        return;
    }
    loop_timer_set(r->shard->loop, t, mono_add_ms(loop_now(r->shard->loop), HEARTBEAT_MS));
    if (request_stream_write(r, SLICE_LIT(": still here\n\n")) == ERR_NOMEM)
        feed_end(f, true);
}

static int read_after(const struct request *r, uint64_t *after, struct errinfo *ei) {
    struct slice header = r->headers[REQUEST_H_LAST_EVENT_ID];
    bool query = r->query[QUERY_AFTER].given;
    struct slice text = query ? slice_str(r->query[QUERY_AFTER].text) : slice_trim(header);
    *after = UINT64_MAX;
    if (!text.n || slice_to_u64(text, INT64_MAX, after))
        return 0;
    return err_set(ei, ERR_INVALID, query ? "after" : "Last-Event-ID", "an event id is a number");
}

static int read_host(struct request *r, char id[HOST_ID_CAP], struct errinfo *ei) {
    const struct query_value *q = &r->query[QUERY_HOST];
    if (!q->given)
        return 0;
    return host_id_of(r, *r->who.project ? r->who.project : "default", q->text, id, ei);
}

static void feed_start(struct feed *f) {
    struct request *r = f->r;
    uint64_t last = hub_last_seq(r->shard->app->hub);
    r->on_gone = on_gone;
    r->on_drain = on_drain;
    request_stream_begin(r, "text/event-stream");
    f->timer.fn = on_timer;
    loop_timer_set(r->shard->loop, &f->timer, mono_add_ms(loop_now(r->shard->loop), HEARTBEAT_MS));
    buf_puts(&f->out, "retry: 2000\n\n");
    if (f->seen != UINT64_MAX && f->seen > last) {
        /* numbers the server does not know (any more): it lost them, or it is another server */
        put_gap(f);
        f->seen = UINT64_MAX;
    }
    if (f->seen == UINT64_MAX) {
        /* so that a stream that breaks before its first event resumes here, too */
        buf_putf(&f->out, "id: %" PRIu64 "\n\n", last);
        f->seen = last;
    }
    if (!flush(f))
        feed_end(f, true);
    else if (f->seen < last && r->shard->app->store)
        read_next(f);
    else
        go_live(f);
}

void api_events(struct request *r) {
    struct errinfo ei = {0};
    struct feed *f = arena_alloc(&r->arena, sizeof *f);
    if (!f) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    f->r = r;
    r->ctx = f;
    if (read_after(r, &f->seen, &ei) || read_host(r, f->host, &ei))
        reply_error(r, &ei);
    else
        feed_start(f);
}

/* --- the history of one host --- */
struct history {
    struct store_read read;
    char host[HOST_ID_CAP];
    uint64_t after;
    uint32_t limit;
    size_t n;
    struct store_event *v;
};

static int take_history(void *ctx, const struct store_event *row) {
    struct history *h = ctx;
    h->v[h->n++] = *row;
    return h->n > h->limit;
}

static int read_history(struct store_read *sr) {
    struct history *h = sr->ctx;
    struct store_event_query q = {.project = sr->r->params[0],
                                  .host = h->host,
                                  .after_seq = h->after,
                                  .newest = !sr->r->query[QUERY_AFTER].given,
                                  .limit = h->limit + 1};
    int err = store_events(sr->store, &q, take_history, h);
    return err < 0 ? err : 0;
}

static void history_done(struct store_read *sr) {
    struct history *h = sr->ctx;
    struct request *r = sr->r;
    if (sr->err) {
        free(h->v);
        (void)store_read_failed(sr);
        return;
    }
    /* the newest ones: one too many is the oldest; going on: it is the last */
    bool more = h->n > h->limit;
    size_t from = more && !r->query[QUERY_AFTER].given ? 1 : 0, to = h->n - (more && !from);
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, "events");
    json_arr(&j);
    for (size_t i = from; i < to; i++) {
        json_obj(&j);
        json_kint(&j, "seq", (int64_t)h->v[i].seq);
        json_kwall(&j, "at", h->v[i].at);
        json_kstr(&j, "kind", h->v[i].kind);
        json_kstr(&j, "text", h->v[i].text);
        json_obj_end(&j);
    }
    json_arr_end(&j);
    json_kbool(&j, "hasNext", more);
    json_obj_end(&j);
    free(h->v);
    reply_json(r, 200);
}

void api_host_history(struct request *r) {
    char id[HOST_ID_CAP];
    if (!host_id_param(r, id))
        return;
    struct history *h = arena_alloc(&r->arena, sizeof *h);
    if (h) {
        h->limit = (uint32_t)r->query[QUERY_PAGE_SIZE].number;
        h->v = calloc(h->limit + 2, sizeof *h->v);
    }
    if (!h || !h->v) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    memcpy(h->host, id, sizeof h->host);
    if (r->query[QUERY_AFTER].given &&
        !slice_to_u64(slice_str(r->query[QUERY_AFTER].text), INT64_MAX, &h->after)) {
        free(h->v);
        reply_fail(r, ERR_INVALID, "after", "after is the sequence number of an event");
        return;
    }
    h->read = (struct store_read){.r = r, .ctx = h, .read = read_history, .done = history_done};
    store_read_start(&h->read);
}
