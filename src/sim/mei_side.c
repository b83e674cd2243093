/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mei_int.h"

#include "base/rd.h"
#include "proto/pthi.h"
#include "sim/direct.h"

#include <stdlib.h>

enum {
    CONNS_MAX = 16,
    LENGTH_BYTES = 4,
    GUID_BYTES = 16,
    QUEUED_MAX = 256 << 10 /* a host that does not read */
};
/* The answer to a GUID that is not taken: length 0, or one byte */
enum { ANSWER_BUSY = 1 };

struct node_mei {
    struct listener *listener;
    struct list conns;
};

/* Reference 5.1. single: for one at a time. */
static const struct mei_client {
    const char *guid;
    bool single;
    bool (*input)(struct mei_conn *c, struct slice msg, struct mono now);
    bool (*open)(struct mei_conn *c);
} CLIENTS[] = {
    {MEI_GUID_PTHI, false, mei_pthi_input, NULL},
    {MEI_GUID_LME, true, mei_lme_input, mei_lme_open},
    {MEI_GUID_WD, true, mei_wd_input, NULL},
};

static struct mei_conn *conn_at(struct list_node *l) {
    return CONTAINER_OF(l, struct mei_conn, link);
}

static void conn_free(struct mei_conn *c) {
    list_remove(&c->node->mei->conns, &c->link);
    mei_lme_close(c);
    if (c->in.mem)
        explicit_bzero(c->in.mem, c->in.cap);
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

void mei_say(struct mei_conn *c, struct slice msg) {
    uint8_t head[LENGTH_BYTES];
    struct wr w = wr_of(head, sizeof head);
    wr_le32(&w, (uint32_t)msg.n);
    if (c->out.len + stream_queued(c->stream) + msg.n > QUEUED_MAX) {
        c->closing = c->deaf = true;
        return;
    }
    buf_put(&c->out, wr_done(&w));
    buf_put(&c->out, msg);
    if (sim_fault_on(&c->node->faults, SIM_FAULT_MEI_SLOW) && mono_is_never(c->out_at))
        c->out_at = mono_add_ms(node_now(c->node), c->node->faults.arg[SIM_FAULT_MEI_SLOW]);
}

/* --- connecting to a client --- */

static const struct mei_client *client_find(const struct sim_node *n, struct slice wire) {
    struct uuid guid;
    if (n->bios_off)
        return NULL;
    memcpy(guid.b, wire.p, sizeof guid.b);
    guid = uuid_swap(guid);
    for (size_t i = 0; i < sizeof CLIENTS / sizeof CLIENTS[0]; i++) {
        struct uuid own;
        if (uuid_parse(slice_str(CLIENTS[i].guid), &own) && memcmp(own.b, guid.b, sizeof own.b) == 0)
            return &CLIENTS[i];
    }
    return NULL;
}

static bool taken(const struct sim_node *n, const struct mei_client *k) {
    if (!k->single)
        return false;
    LIST_EACH (l, &n->mei->conns)
        if (conn_at(l)->client == k)
            return true;
    return sim_fault_on(&n->faults, SIM_FAULT_MEI_BUSY);
}

static bool on_guid(struct mei_conn *c, struct slice msg) {
    static const uint8_t BUSY[] = {ANSWER_BUSY};
    uint8_t props[5];
    if (msg.n != GUID_BYTES)
        return false;
    const struct mei_client *k = client_find(c->node, msg);
    bool busy = k && taken(c->node, k);
    if (!k || busy) {
        mei_say(c, busy ? slice_of(BUSY, sizeof BUSY) : SLICE_EMPTY);
        c->closing = true;
        return true;
    }
    c->client = k;
    struct wr w = wr_of(props, sizeof props);
    wr_le32(&w, MEI_BYTES_MAX);
    wr_u8(&w, 1);
    mei_say(c, wr_done(&w));
    return !k->open || k->open(c);
}

/* --- the socket --- */

/* The first whole message of c->in; false when there is none yet. */
static bool next_message(struct mei_conn *c, struct slice *msg, bool *bad) {
    struct rd r = rd_of(buf_slice(&c->in));
    uint32_t n = rd_le32(&r);
    if (r.bad)
        return false;
    *bad = n == 0 || n > MEI_BYTES_MAX;
    *msg = rd_take(&r, n);
    return *bad || !r.bad;
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct mei_conn *c = ctx;
    struct sim_node *n = c->node;
    struct slice msg;
    bool bad = buf_put(&c->in, data) < 0;
    while (!c->closing && !bad && next_message(c, &msg, &bad)) {
        if (!bad)
            bad = !(c->client ? c->client->input(c, msg, node_now(n)) : on_guid(c, msg));
        if (!bad)
            buf_consume(&c->in, LENGTH_BYTES + msg.n);
    }
    c->closing |= bad;
    node_settle(n);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct mei_conn *c = ctx;
    struct sim_node *n = c->node;
    conn_free(c);
    node_settle(n);
}

static void on_drain(struct stream *s, void *ctx) {
    struct mei_conn *c = ctx;
    node_settle(c->node);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_drain = on_drain, .on_end = on_end};

static void on_accept(void *ctx, struct stream *s) {
    struct sim_node *n = ctx;
    struct mei_conn *c = NULL;
    if (node_screen(n) && n->mei->conns.count < CONNS_MAX)
        c = calloc(1, sizeof *c);
    if (!c) {
        direct_refuse(s);
        return;
    }
    c->node = n;
    c->stream = s;
    c->out_at = MONO_NEVER;
    list_push(&n->mei->conns, &c->link);
    stream_handle(s, &HANDLER, c);
}

int sim_node_listen_mei(struct sim_node *n, const char *address, struct errinfo *ei) {
    if (!n->mei) {
        n->mei = calloc(1, sizeof *n->mei);
        if (!n->mei)
            return err_set(ei, ERR_NOMEM, "mei", "out of memory");
        list_init(&n->mei->conns);
    }
    struct listen_opts o = {.address = address,
                            .handshakes_max = CONNS_MAX,
                            .handshake_ms = 5000,
                            .per_turn_max = CONNS_MAX,
                            .on_accept = on_accept,
                            .ctx = n};
    n->mei->listener = listener_open(n->fleet->cfg.loop, &o, ei);
    return n->mei->listener ? 0 : ei && ei->code ? ei->code : ERR_IO;
}

void mei_drop(struct sim_node *n) {
    if (!n->mei)
        return;
    LIST_EACH (l, &n->mei->conns) {
        struct mei_conn *c = conn_at(l);
        direct_refuse(c->stream);
        conn_free(c);
    }
}

void mei_close(struct sim_node *n) {
    mei_drop(n);
    if (n->mei && n->mei->listener)
        listener_close(&n->mei->listener);
    free(n->mei);
    n->mei = NULL;
}

/* --- output and time --- */

static void flush_conn(struct mei_conn *c) {
    if (c->lme && !c->closing)
        mei_lme_flush(c);
    if (!mono_is_never(c->out_at) && !mono_due(c->out_at, node_now(c->node)))
        return;
    c->out_at = MONO_NEVER;
    if (c->out.len && stream_write(c->stream, buf_slice(&c->out)) < 0)
        return; /* its end is on the way */
    buf_free(&c->out);
    if (c->closing && !c->closed) {
        c->closed = true;
        if (c->deaf)
            stream_abort(c->stream);
        else
            stream_close(c->stream);
    }
}

void mei_flush(struct sim_node *n) {
    if (!n->mei)
        return;
    LIST_EACH (l, &n->mei->conns)
        flush_conn(conn_at(l));
}

struct mono mei_deadline(const struct sim_node *n) {
    struct mono at = MONO_NEVER;
    if (!n->mei)
        return at;
    LIST_EACH (l, &n->mei->conns) {
        struct mei_conn *c = conn_at(l);
        at = mono_min(at, c->out_at);
        if (c->lme && !c->closing)
            at = mono_min(at, mei_lme_deadline(c));
    }
    return at;
}

void mei_tick(struct sim_node *n, struct mono now) {
    if (!n->mei)
        return;
    LIST_EACH (l, &n->mei->conns) {
        struct mei_conn *c = conn_at(l);
        if (c->lme && !c->closing && !mei_lme_tick(c, now))
            c->closing = true;
    }
}
