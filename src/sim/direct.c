/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/direct.h"

#include "sim/port_side.h"

#include <stdlib.h>

enum { CONNS_MAX = 4 /* reference 9, row 4; for each of both ports */, QUEUED_BYTES = 32768 };

struct direct_conn {
    struct list_node link;
    struct sim_node *node;
    struct stream *stream;
    struct port_side side;
    bool closing;
};

static struct direct_conn *conn_at(struct list_node *l) {
    return CONTAINER_OF(l, struct direct_conn, link);
}

static void conn_free(struct direct_conn *c) {
    list_remove(&c->node->conns, &c->link);
    port_side_close(&c->side);
    free(c);
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct direct_conn *c = ctx;
    if (!c->closing)
        port_side_input(&c->side, data, node_now(c->node));
    node_settle(c->node);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct direct_conn *c = ctx;
    struct sim_node *n = c->node;
    conn_free(c);
    node_settle(n);
}

static void on_drain(struct stream *s, void *ctx) {
    struct direct_conn *c = ctx;
    node_settle(c->node);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_drain = on_drain, .on_end = on_end};

static void ignore_data(struct stream *s, void *ctx, struct slice data) {}
static void ignore_end(struct stream *s, void *ctx, enum stream_end why) {}
static const struct stream_handler NOBODY = {.on_data = ignore_data, .on_end = ignore_end};

void direct_refuse(struct stream *s) {
    stream_handle(s, &NOBODY, NULL);
    stream_abort(s);
}

static size_t conns_of(struct sim_node *n, enum port_kind kind) {
    size_t count = 0;
    LIST_EACH (l, &n->conns)
        count += (conn_at(l)->side.redir != NULL) == (kind == PORT_REDIRECTION);
    return count;
}

static void accept_conn(struct sim_node *n, struct stream *s, enum port_kind kind) {
    bool off = !node_me_runs(n) || !node_amt_on(n) || node_control_mode(n) == 0 ||
               sim_fault_on(&n->faults, SIM_FAULT_HALF_OPEN);
    struct direct_conn *c = off || conns_of(n, kind) >= CONNS_MAX ? NULL : calloc(1, sizeof *c);
    if (!c || !port_side_open(&c->side, n, kind, false, false, node_now(n))) {
        free(c);
        direct_refuse(s);
        return;
    }
    c->node = n;
    c->stream = s;
    list_push(&n->conns, &c->link);
    stream_handle(s, &HANDLER, c);
    node_settle(n);
}

static void on_accept_wsman(void *ctx, struct stream *s) {
    accept_conn(ctx, s, PORT_WSMAN);
}
static void on_accept_redirection(void *ctx, struct stream *s) {
    accept_conn(ctx, s, PORT_REDIRECTION);
}

static struct listener *listen_at(struct sim_node *n, const char *address,
                                  void (*on_accept)(void *ctx, struct stream *s), struct errinfo *ei) {
    struct listen_opts o = {.address = address,
                            .tls =
                                sim_profile_info(n->cfg.profile)->tls_only ? n->fleet->cfg.device_tls : NULL,
                            .handshakes_max = CONNS_MAX,
                            .handshake_ms = 10000,
                            .per_turn_max = CONNS_MAX,
                            .on_accept = on_accept,
                            .ctx = n};
    return listener_open(n->fleet->cfg.loop, &o, ei);
}

int sim_node_listen(struct sim_node *n, const char *address, struct errinfo *ei) {
    n->direct = listen_at(n, address, on_accept_wsman, ei);
    return n->direct ? 0 : ei && ei->code ? ei->code : ERR_IO;
}

int sim_node_listen_redirection(struct sim_node *n, const char *address, struct errinfo *ei) {
    n->direct_redir = listen_at(n, address, on_accept_redirection, ei);
    if (!n->direct_redir)
        return ei && ei->code ? ei->code : ERR_IO;
    free(n->redir_address);
    n->redir_address = strdup(listener_address(n->direct_redir));
    return n->redir_address ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
}

void direct_update_listener(struct sim_node *n) {
    if (!n->listener && n->direct_redir)
        listener_close(&n->direct_redir);
    if (n->listener && n->redir_address && !n->direct_redir)
        n->direct_redir = listen_at(n, n->redir_address, on_accept_redirection, NULL);
}

const char *sim_node_listen_address(const struct sim_node *n) {
    return n->direct ? listener_address(n->direct) : "";
}
const char *sim_node_redirection_address(const struct sim_node *n) {
    return n->redir_address ? n->redir_address : "";
}

void direct_close(struct sim_node *n) {
    if (n->direct)
        listener_close(&n->direct);
    if (n->direct_redir)
        listener_close(&n->direct_redir);
    free(n->redir_address);
    n->redir_address = NULL;
    LIST_EACH (l, &n->conns) {
        struct direct_conn *c = conn_at(l);
        direct_refuse(c->stream);
        conn_free(c);
    }
}

static void flush_conn(struct direct_conn *c) {
    struct mono now = node_now(c->node);
    struct buf *out;
    while ((out = port_side_output(&c->side, now))->len && stream_queued(c->stream) < QUEUED_BYTES) {
        if (stream_write(c->stream, buf_slice(out)) < 0)
            return; /* its end is on the way */
        c->node->fleet->counters.bytes_out += out->len;
        buf_consume(out, out->len);
    }
    if (port_side_broken(&c->side) || (port_side_finished(&c->side) && out->len == 0)) {
        c->closing = true;
        stream_close(c->stream);
    }
}

void direct_flush(struct sim_node *n) {
    if (sim_fault_on(&n->faults, SIM_FAULT_BLACKHOLE) || !node_me_runs(n))
        return;
    LIST_EACH (l, &n->conns)
        if (!conn_at(l)->closing)
            flush_conn(conn_at(l));
}

void direct_end(struct sim_node *n) {
    LIST_EACH (l, &n->conns) {
        struct direct_conn *c = conn_at(l);
        if (!c->closing) {
            c->closing = true;
            stream_close(c->stream);
        }
    }
}

struct mono direct_deadline(const struct sim_node *n) {
    struct mono at = MONO_NEVER;
    LIST_EACH (l, &n->conns)
        if (!conn_at(l)->closing)
            at = mono_min(at, port_side_deadline(&conn_at(l)->side));
    return at;
}

void direct_tick(struct sim_node *n, struct mono now) {
    LIST_EACH (l, &n->conns)
        if (!conn_at(l)->closing)
            port_side_tick(&conn_at(l)->side, now);
}
