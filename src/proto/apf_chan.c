/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of apf: opening, credit, data, closing. Reference 1.3, 1.5.
 * Numbers: the server counts up and never gives one out twice, so that what is late for a closed channel
 * cannot hit another; the device takes the lowest free one from 0, as firmware does. */
#include "proto/apf_int.h"

#include <assert.h>
#include <stdlib.h>

static struct apf_chan *chan_of(struct list_node *n) {
    return CONTAINER_OF(n, struct apf_chan, node);
}

struct apf_chan *apf_chan_find(const struct apf *a, uint32_t id) {
    LIST_EACH (n, &a->chans)
        if (chan_of(n)->id == id)
            return chan_of(n);
    return NULL;
}

size_t apf_channels(const struct apf *a) {
    return a->chans.count;
}

static void chan_set_state(struct apf_chan *c, enum apf_chan_state to) {
    c->state = to;
    c->timed = false; /* OPENING is timed by its maker, CLOSING by the next tick */
    if (to == CHAN_CLOSING || to == CHAN_ABANDONED)
        buf_free(&c->queue);
}

/* A free number, at least lowest. */
static uint32_t chan_number(struct apf *a, uint32_t lowest) {
    uint32_t id = a->role == APF_SERVER ? a->next_id : lowest;
    while (apf_chan_find(a, id))
        id++;
    if (id >= a->next_id)
        a->next_id = id + 1;
    return id;
}

static struct apf_chan *chan_new(struct apf *a, enum apf_chan_state state, uint32_t lowest) {
    struct apf_chan *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->id = chan_number(a, lowest);
    c->window = c->window_max = a->lim.window_bytes;
    chan_set_state(c, state);
    list_push(&a->chans, &c->node);
    return c;
}

static void chan_free(struct apf *a, struct apf_chan *c) {
    if (c->writable_due)
        a->nwritable--;
    if (a->data_chan == c->id)
        a->data_chan = UINT32_MAX; /* the rest of its message must not reach the number's next owner */
    list_remove(&a->chans, &c->node);
    buf_free(&c->queue);
    free(c);
}

void apf_chans_free(struct apf *a) {
    LIST_EACH (n, &a->chans)
        chan_free(a, chan_of(n));
}

/* Fill an event about c. */
static int tell(const struct apf_chan *c, enum apf_ev_kind kind, struct apf_ev *ev) {
    ev->kind = kind;
    ev->chan = c->id;
    ev->user = c->user;
    return 1;
}

/* The channel ends with this event. */
static int end(struct apf *a, struct apf_chan *c, enum apf_ev_kind kind, uint32_t reason, struct apf_ev *ev) {
    tell(c, kind, ev);
    ev->reason = reason;
    chan_free(a, c);
    return 1;
}

/* Channels named by the peer: live ones; for one that was live a moment ago *known is true. */
static struct apf_chan *named(struct apf *a, struct rd *body, bool *known) {
    uint32_t id = rd_be32(body);
    struct apf_chan *c = apf_chan_find(a, id);
    /* the peer cannot know the number of a channel whose offer was not answered yet */
    if (c && c->state == CHAN_OFFERED)
        c = NULL;
    *known = id < a->next_id && !(a->role == APF_SERVER && id == 0);
    if (!c)
        a->strays++;
    return c;
}

static int never_open(struct apf *a, const char *msg) {
    return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "%s for a channel that was never open", msg);
}

static uint32_t least(size_t a, size_t b) {
    return (uint32_t)(a < b ? a : b);
}

/* --- sending --- */

/* Data may take three quarters of the output; the rest is for control messages, which cannot wait. */
static size_t data_room(const struct apf *a) {
    size_t most = a->lim.output_bytes - a->lim.output_bytes / 4;
    return a->out.len < most ? most - a->out.len : 0;
}

/* One DATA message of the next bytes of *data, as many as may go now; false when none may. */
static bool put_data(struct apf *a, struct apf_chan *c, struct slice *data) {
    size_t n = least(least(data->n, c->credit), least(data_room(a), a->chunk_max));
    if (n == 0 || c->state != CHAN_OPEN || !apf_alive(a))
        return false;
    if (!buf_room(&a->out, n + APF_DATA_HEAD)) {
        apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
        return false;
    }
    if (APF_PUT(a, APF_CHANNEL_DATA, c->peer_id, (uint32_t)n) < 0)
        return false;
    buf_put(&a->out, slice_head(*data, n));
    if (apf_mark(a, n, false) < 0) {
        apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
        return false;
    }
    *data = slice_skip(*data, n);
    c->credit -= (uint32_t)n;
    return true;
}

/* The user met a full queue, and half of it is free again. */
static void mark_writable(struct apf *a, struct apf_chan *c) {
    if (!c->limited || c->queue.len > a->lim.queue_bytes / 2)
        return;
    c->limited = false;
    c->writable_due = true;
    a->nwritable++;
}

void apf_pump(struct apf *a) {
    /* a chunk a channel in turn; the channel served first goes last the next time */
    for (bool more = true; more;) {
        more = false;
        LIST_EACH (n, &a->chans) {
            struct apf_chan *c = chan_of(n);
            struct slice data = buf_slice(&c->queue);
            size_t before = data.n;
            more |= put_data(a, c, &data);
            if (data.n < before)
                buf_consume(&c->queue, before - data.n);
        }
    }
    LIST_EACH (n, &a->chans)
        mark_writable(a, chan_of(n));
    if (a->chans.count > 1)
        list_push(&a->chans, list_pop(&a->chans));
}

int apf_take_writable(struct apf *a, struct apf_ev *ev) {
    LIST_EACH (n, &a->chans) {
        struct apf_chan *c = chan_of(n);
        if (!c->writable_due)
            continue;
        c->writable_due = false;
        a->nwritable--;
        return tell(c, APF_EV_WRITABLE, ev);
    }
    return 0;
}

static bool takes_data(const struct apf *a, const struct apf_chan *c) {
    return c && apf_alive(a) && (c->state == CHAN_OPEN || c->state == CHAN_OPENING);
}

static size_t chan_room(const struct apf *a, const struct apf_chan *c) {
    size_t direct = c->queue.len || c->state != CHAN_OPEN ? 0 : least(c->credit, data_room(a));
    return a->lim.queue_bytes - c->queue.len + direct;
}

size_t apf_room(const struct apf *a, uint32_t chan) {
    const struct apf_chan *c = apf_chan_find(a, chan);
    return takes_data(a, c) ? chan_room(a, c) : 0;
}

int apf_send(struct apf *a, uint32_t chan, struct slice data) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!takes_data(a, c))
        return ERR_CLOSED;
    if (data.n > chan_room(a, c)) {
        c->limited = true;
        return ERR_FULL;
    }
    if (c->queue.len == 0)
        while (put_data(a, c, &data))
            ;
    if (!apf_alive(a))
        return a->err;
    if (buf_put(&c->queue, data) < 0)
        return apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
    if (c->queue.len > a->lim.queue_bytes / 2)
        c->limited = true;
    return 0;
}

/* --- receiving --- */

int apf_on_data(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool known;
    struct apf_chan *c = named(a, body, &known);
    uint32_t n = rd_be32(body);
    if (!c && !known)
        return never_open(a, "DATA");
    if (c && n > c->window)
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "DATA of %u bytes, the window has %u", n,
                        c->window);
    /* late data for a closed channel was within the window that it had */
    if (!c && n > a->widest)
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "DATA of %u bytes for a closed channel", n);
    if (c && (c->state == CHAN_OPENING || c->state == CHAN_ABANDONED))
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "DATA before the channel is open");
    if (c)
        c->window -= n;
    a->data_left = n;
    a->data_chan = c ? c->id : UINT32_MAX;
    return 0;
}

int apf_stream_data(struct apf *a, struct slice *in, struct apf_ev *ev) {
    struct slice piece = slice_head(*in, a->data_left);
    struct apf_chan *c = apf_chan_find(a, a->data_chan);
    *in = slice_skip(*in, piece.n);
    a->data_left -= (uint32_t)piece.n;
    if (!c || c->state != CHAN_OPEN)
        return 0;
    c->given += (uint32_t)piece.n;
    ev->data = piece;
    return tell(c, APF_EV_DATA, ev);
}

static void give_credit(struct apf *a, struct apf_chan *c) {
    if (APF_PUT(a, APF_CHANNEL_WINDOW_ADJUST, c->peer_id, c->consumed) == 0) {
        c->window += c->consumed;
        c->consumed = 0;
    }
}

void apf_consumed(struct apf *a, uint32_t chan, size_t n) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!c || c->state != CHAN_OPEN)
        return;
    assert(n <= c->given);
    c->given -= (uint32_t)n;
    c->consumed += (uint32_t)n;
    /* half the window, as the deployed servers do (reference 1.5) */
    if (c->consumed > c->window_max / 2)
        give_credit(a, c);
}

void apf_widen(struct apf *a, uint32_t chan, uint32_t window_bytes) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!c || c->state != CHAN_OPEN || window_bytes <= c->window_max)
        return;
    c->consumed += window_bytes - c->window_max;
    c->window_max = window_bytes;
    if (window_bytes > a->widest)
        a->widest = window_bytes;
    give_credit(a, c);
}

int apf_on_window_adjust(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool known;
    struct apf_chan *c = named(a, body, &known);
    uint32_t n = rd_be32(body);
    if (!c || c->state != CHAN_OPEN)
        return 0;
    /* 32-bit overflow is clamped (reference 1.5) */
    c->credit = n > APF_WINDOW_MAX - c->credit ? APF_WINDOW_MAX : c->credit + n;
    apf_pump(a);
    return 0;
}

/* --- opening --- */

int apf_open(struct apf *a, uint32_t port, struct mono now, void *user) {
    if (a->state != APF_ST_RUN)
        return ERR_STATE;
    if (a->role == APF_SERVER && !apf_forwards(a, port))
        return ERR_NOT_FOUND;
    if (a->chans.count >= a->lim.channels_max || a->next_id > INT32_MAX)
        return ERR_LIMIT;
    struct apf_chan *c = chan_new(a, CHAN_OPENING, 1);
    if (!c)
        return ERR_NOMEM;
    c->user = user;
    c->timed = true;
    c->deadline = mono_add_ms(now, a->lim.open_timeout_ms);
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, APF_CHANNEL_OPEN);
    wr_str32(&w, slice_str(a->role == APF_SERVER ? "forwarded-tcpip" : "direct-tcpip"));
    wr_be32(&w, c->id);
    wr_be32(&w, a->lim.window_bytes);
    wr_be32(&w, UINT32_MAX);
    wr_str32(&w, a->local ? SLICE_LIT("127.0.0.1") : SLICE_EMPTY);
    wr_be32(&w, port);
    /* the originator is informational; this is what firmware sees from other servers (reference 1.7) */
    wr_str32(&w, a->local ? SLICE_LIT("127.0.0.1") : SLICE_LIT("1.2.3.4"));
    wr_be32(&w, 1024 + c->id % 30000);
    assert(!w.bad);
    int id = (int)c->id, r = apf_put(a, wr_done(&w));
    if (r < 0)
        chan_free(a, c);
    return r < 0 ? r : id;
}

int apf_on_open(struct apf *a, struct rd *body, struct apf_ev *ev) {
    struct slice type = rd_str32(body, APF_STR_MAX);
    uint32_t peer = rd_be32(body), window = rd_be32(body);
    rd_be32(body);
    ev->host = rd_str32(body, APF_STR_MAX);
    ev->port = rd_be32(body);
    /* the server offers no service that a device could reach by direct-tcpip */
    if (a->role == APF_SERVER || !slice_is(type, "forwarded-tcpip"))
        return APF_PUT(a, APF_CHANNEL_OPEN_FAILURE, peer, APF_OPEN_UNKNOWN_TYPE, 0, 0);
    if (a->chans.count >= a->lim.channels_max)
        return APF_PUT(a, APF_CHANNEL_OPEN_FAILURE, peer, APF_OPEN_NO_RESOURCE, 0, 0);
    struct apf_chan *c = chan_new(a, CHAN_OFFERED, 0);
    if (!c)
        return apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
    c->peer_id = peer;
    c->credit = least(window, APF_WINDOW_MAX);
    return tell(c, APF_EV_OPEN, ev);
}

int apf_accept(struct apf *a, uint32_t chan, void *user) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!c || c->state != CHAN_OFFERED)
        return ERR_NOT_FOUND;
    c->user = user;
    chan_set_state(c, CHAN_OPEN);
    return APF_PUT(a, APF_CHANNEL_OPEN_CONFIRMATION, c->peer_id, c->id, a->lim.window_bytes, UINT32_MAX);
}

int apf_refuse(struct apf *a, uint32_t chan, enum apf_open_failure reason) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!c || c->state != CHAN_OFFERED)
        return ERR_NOT_FOUND;
    uint32_t peer = c->peer_id;
    chan_free(a, c);
    return APF_PUT(a, APF_CHANNEL_OPEN_FAILURE, peer, reason, 0, 0);
}

int apf_on_open_confirmation(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool known;
    struct apf_chan *c = named(a, body, &known);
    uint32_t peer = rd_be32(body), window = rd_be32(body);
    if (!c && !known)
        return never_open(a, "OPEN_CONFIRMATION");
    if (!c)
        return APF_PUT(a, APF_CHANNEL_CLOSE, peer); /* it was given up: free the peer's slot */
    if (c->state != CHAN_OPENING && c->state != CHAN_ABANDONED)
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "a channel was confirmed twice");
    c->peer_id = peer;
    c->credit = least(window, APF_WINDOW_MAX);
    if (c->state == CHAN_ABANDONED) {
        chan_set_state(c, CHAN_CLOSING);
        return APF_PUT(a, APF_CHANNEL_CLOSE, peer);
    }
    chan_set_state(c, CHAN_OPEN);
    apf_pump(a);
    return tell(c, APF_EV_OPENED, ev);
}

int apf_on_open_failure(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool known;
    struct apf_chan *c = named(a, body, &known);
    uint32_t reason = rd_be32(body);
    if (!c)
        return known ? 0 : never_open(a, "OPEN_FAILURE");
    if (c->state == CHAN_ABANDONED)
        return end(a, c, APF_EV_CLOSED, 0, ev);
    if (c->state != CHAN_OPENING)
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "OPEN_FAILURE for an open channel");
    /* 0 is our own word for "timed out" */
    return end(a, c, APF_EV_OPEN_FAILED, reason ? reason : APF_OPEN_CONNECT_FAILED, ev);
}

/* --- closing --- */

void apf_close(struct apf *a, uint32_t chan) {
    struct apf_chan *c = apf_chan_find(a, chan);
    if (!c || !apf_alive(a))
        return;
    if (c->state == CHAN_OFFERED) {
        (void)apf_refuse(a, chan, APF_OPEN_CONNECT_FAILED);
    } else if (c->state == CHAN_OPENING) {
        /* the peer's number is not known yet; the open's own deadline goes on */
        chan_set_state(c, CHAN_ABANDONED);
        c->timed = true;
    } else if (c->state == CHAN_OPEN) {
        chan_set_state(c, CHAN_CLOSING);
        (void)APF_PUT(a, APF_CHANNEL_CLOSE, c->peer_id);
    }
}

int apf_on_close(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool known;
    struct apf_chan *c = named(a, body, &known);
    if (!c)
        return 0;
    if (c->state == CHAN_OPENING) /* a close of what is not open yet is a refusal (reference 1.3) */
        return end(a, c, APF_EV_OPEN_FAILED, APF_OPEN_CONNECT_FAILED, ev);
    if (c->state == CHAN_OPEN) {
        int r = APF_PUT(a, APF_CHANNEL_CLOSE, c->peer_id);
        if (r < 0)
            return r;
    }
    return end(a, c, APF_EV_CLOSED, 0, ev);
}

/* --- time --- */

struct mono apf_deadline(const struct apf *a) {
    struct mono at = MONO_NEVER;
    if (!apf_alive(a))
        return at;
    if (a->nwritable)
        return (struct mono){0};
    LIST_EACH (n, &a->chans) {
        const struct apf_chan *c = chan_of(n);
        if (c->timed)
            at = mono_min(at, c->deadline);
        else if (c->state == CHAN_CLOSING)
            return (struct mono){0};
    }
    return at;
}

int apf_tick(struct apf *a, struct mono now, struct apf_ev *ev) {
    *ev = (struct apf_ev){0};
    if (!apf_alive(a))
        return 0;
    if (a->nwritable)
        return apf_take_writable(a, ev);
    LIST_EACH (n, &a->chans) {
        struct apf_chan *c = chan_of(n);
        if (c->state == CHAN_CLOSING && !c->timed) {
            /* apf_close() knows no time */
            c->timed = true;
            c->deadline = mono_add_ms(now, a->lim.open_timeout_ms);
        }
        if (c->timed && mono_due(c->deadline, now))
            return end(a, c, c->state == CHAN_OPENING ? APF_EV_OPEN_FAILED : APF_EV_CLOSED, 0, ev);
    }
    return 0;
}
