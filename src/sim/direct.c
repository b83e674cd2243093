/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/direct.h"

#include "sim/http_side.h"

#include <stdlib.h>

enum { CONNS_MAX = 4 /* reference 9, row 4 */ };

struct direct_conn {
    struct list_node link;
    struct sim_node *node;
    struct stream *stream;
    struct http_conn *http;
    bool closing;
};

static struct direct_conn *conn_at(struct list_node *l) {
    return CONTAINER_OF(l, struct direct_conn, link);
}

static void conn_free(struct direct_conn *c) {
    list_remove(&c->node->conns, &c->link);
    http_conn_free(&c->http);
    free(c);
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct direct_conn *c = ctx;
    if (!c->closing)
        http_conn_input(c->http, data, node_now(c->node));
    node_settle(c->node);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct direct_conn *c = ctx;
    struct sim_node *n = c->node;
    conn_free(c);
    node_settle(n);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_end = on_end};

static void ignore_data(struct stream *s, void *ctx, struct slice data) {}
static void ignore_end(struct stream *s, void *ctx, enum stream_end why) {}
static const struct stream_handler NOBODY = {.on_data = ignore_data, .on_end = ignore_end};

static void refuse(struct stream *s) {
    stream_handle(s, &NOBODY, NULL);
    stream_abort(s);
}

static void on_accept(void *ctx, struct stream *s) {
    struct sim_node *n = ctx;
    bool off = !node_me_runs(n) || sim_fault_on(&n->faults, SIM_FAULT_HALF_OPEN);
    struct direct_conn *c = off || n->conns.count >= CONNS_MAX ? NULL : calloc(1, sizeof *c);
    if (c)
        c->http = http_conn_new(n, false, node_now(n));
    if (!c || !c->http) {
        free(c);
        refuse(s);
        return;
    }
    c->node = n;
    c->stream = s;
    list_push(&n->conns, &c->link);
    stream_handle(s, &HANDLER, c);
    node_settle(n);
}

int sim_node_listen(struct sim_node *n, const char *address, struct errinfo *ei) {
    struct listen_opts o = {.address = address,
                            .tls =
                                sim_profile_info(n->cfg.profile)->tls_only ? n->fleet->cfg.device_tls : NULL,
                            .handshakes_max = CONNS_MAX,
                            .handshake_ms = 10000,
                            .per_turn_max = CONNS_MAX,
                            .on_accept = on_accept,
                            .ctx = n};
    n->direct = listener_open(n->fleet->cfg.loop, &o, ei);
    return n->direct ? 0 : ei && ei->code ? ei->code : ERR_IO;
}

const char *sim_node_listen_address(const struct sim_node *n) {
    return n->direct ? listener_address(n->direct) : "";
}

void direct_close(struct sim_node *n) {
    if (n->direct)
        listener_close(&n->direct);
    LIST_EACH (l, &n->conns) {
        struct direct_conn *c = conn_at(l);
        refuse(c->stream);
        conn_free(c);
    }
}

void direct_flush(struct sim_node *n) {
    if (sim_fault_on(&n->faults, SIM_FAULT_BLACKHOLE) || !node_me_runs(n))
        return;
    LIST_EACH (l, &n->conns) {
        struct direct_conn *c = conn_at(l);
        struct buf *out = http_conn_output(c->http);
        if (out->len && stream_write(c->stream, buf_slice(out)) == 0)
            n->fleet->counters.bytes_out += out->len;
        buf_consume(out, out->len);
        if (http_conn_finished(c->http) && !c->closing) {
            c->closing = true;
            stream_close(c->stream);
        }
    }
}

struct mono direct_deadline(const struct sim_node *n) {
    struct mono at = MONO_NEVER;
    LIST_EACH (l, &n->conns)
        if (!conn_at(l)->closing)
            at = mono_min(at, http_conn_deadline(conn_at(l)->http));
    return at;
}

void direct_tick(struct sim_node *n, struct mono now) {
    LIST_EACH (l, &n->conns)
        if (!conn_at(l)->closing)
            http_conn_tick(conn_at(l)->http, now);
}
