/* SPDX-License-Identifier: Apache-2.0 */
/* The door of viewers: on every shard, as the HTTP door is; the ticket alone lets in. */
#include "sessions.h"

#include "server/relay.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX = 160 };

struct comer {
    struct session_call c; /* first */
    struct list_node node;
    struct sessions *ss;
    struct shard *shard;
    struct stream *stream; /* NULL: it left meanwhile */
    struct buf line;
    uint32_t serial;
    bool asked;
};

static void comer_free(struct comer *m) {
    list_remove(&m->ss->comers, &m->node);
    session_call_free(&m->c);
    buf_free(&m->line);
    free(m);
}

static void let_in(struct comer *m) {
    struct relay_arrival *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->app = m->shard->app;
    memcpy(a->host, m->c.call.host, sizeof a->host);
    memcpy(a->session, m->c.session.id, sizeof a->session);
    memcpy(a->user, m->c.session.user, sizeof a->user);
    if (m->stream && stream_write(m->stream, SLICE_LIT("ok\n")) == 0) {
        viewer_admitted(m->ss, m->serial);
        a->moving = stream_detach(m->stream);
    }
    if (a->moving)
        m->stream = NULL; /* else its end follows */
    relay_arrive(a);
}

static void attached(struct session_call *c) {
    struct comer *m = CONTAINER_OF(c, struct comer, c);
    m->asked = false;
    if (c->call.err == 0)
        let_in(m);
    else if (m->stream)
        stream_close(m->stream);
    if (!m->stream)
        comer_free(m);
}

/* "HOST SESSION TICKET SERIAL" */
static void ask(struct comer *m, struct slice line) {
    struct session_order *o = &m->c.order;
    uint64_t serial = 0;
    m->asked = true;
    slice_to_str(slice_cut(&line, ' '), m->c.call.host, sizeof m->c.call.host);
    slice_to_str(slice_cut(&line, ' '), o->id, sizeof o->id);
    slice_to_str(slice_cut(&line, ' '), o->ticket, sizeof o->ticket);
    slice_to_u64(line, UINT32_MAX, &serial);
    m->serial = (uint32_t)serial;
    o->what = SESSION_ATTACH;
    snprintf(m->c.project, sizeof m->c.project, "default");
    m->c.call.from = m->shard;
    m->c.done = attached;
    session_call(&m->c);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct comer *m = ctx;
    buf_put(&m->line, in);
    if (m->asked || !memchr(m->line.mem + m->line.head, '\n', m->line.len))
        return;
    struct slice rest = buf_slice(&m->line);
    stream_pause(s);
    ask(m, slice_cut(&rest, '\n'));
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct comer *m = ctx;
    (void)s;
    (void)why;
    m->stream = NULL;
    if (!m->asked)
        comer_free(m);
}

static void on_accept(void *ctx, struct stream *s) {
    static const struct stream_handler handler = {.on_data = on_data, .on_end = on_end};
    struct door *d = ctx;
    struct comer *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->ss = d->ss;
    m->shard = d->shard;
    m->stream = s;
    list_push(&d->ss->comers, &m->node);
    stream_handle(s, &handler, m);
}

int door_open(struct sessions *ss, struct errinfo *ei) {
    for (unsigned i = 0; i < ss->w->cfg.shards; i++) {
        struct door *d = &ss->doors[i];
        struct listen_opts o = {
            .address = DOOR_ADDRESS, .reuse_port = true, .on_accept = on_accept, .ctx = d};
        *d = (struct door){.ss = ss, .shard = ss->w->app->shards[i]};
        o.handshakes_max = o.per_turn_max = 64;
        o.handshake_ms = 10000;
        d->listener = listener_open(ss->w->loops[i], &o, ei);
        if (!d->listener)
            return ei->code;
    }
    return 0;
}

void door_close(struct sessions *ss) {
    for (unsigned i = 0; i < ss->w->cfg.shards; i++)
        if (ss->doors[i].listener)
            listener_close(&ss->doors[i].listener);
    LIST_EACH (n, &ss->comers) {
        struct comer *m = CONTAINER_OF(n, struct comer, node);
        if (m->stream)
            stream_close(m->stream);
    }
}

void door_crashed(struct sessions *ss) {
    memset(ss->doors, 0, sizeof ss->doors);
    LIST_EACH (n, &ss->comers)
        comer_free(CONTAINER_OF(n, struct comer, node));
}
