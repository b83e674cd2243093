/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream says about itself, and its move from one loop to another. */
#include "net/impl.h"

#include <assert.h>
#include <stdlib.h>

const char *stream_peer(const struct stream *s) {
    return s->peer;
}

const char *stream_peer_addr(const struct stream *s) {
    return s->peer_addr;
}

const char *stream_error(const struct stream *s) {
    return s->error ? s->error : "";
}

const char *stream_tls_version(const struct stream *s) {
    return s->tls ? tls_version(s->tls) : "";
}

const char *stream_tls_cipher(const struct stream *s) {
    return s->tls ? tls_cipher(s->tls) : "";
}

bool stream_peer_fingerprint(const struct stream *s, uint8_t out[32]) {
    return s->tls && tls_peer_fingerprint(s->tls, out);
}

int stream_peer_identity(const struct stream *s, struct tls_identity *out) {
    if (s->tls)
        return tls_peer_identity(s->tls, out);
    *out = (struct tls_identity){0};
    return 0;
}

struct loop *stream_loop(const struct stream *s) {
    return s->loop;
}

void stream_bulk(struct stream *s) {
    if (s->tls && !s->bulk)
        tls_bulk(s->tls);
    s->bulk = true;
}

/* What the old transport did not get rid of goes out first. */
static int join_unsent(struct stream *s, struct stream_moving *m) {
    struct buf *out = stream_out(s);
    if (!m->unsent.len)
        return 0;
    if (buf_put(&m->unsent, buf_slice(out)) < 0)
        return ERR_NOMEM;
    buf_free(out);
    *out = m->unsent;
    m->unsent = (struct buf){0};
    return 0;
}

struct stream_moving *stream_detach(struct stream *s) {
    LOOP_ASSERT(s->loop);
    if (s->state != STREAM_OPEN)
        return NULL; /* its on_end is on the way */
    struct stream_moving *m = calloc(1, sizeof *m);
    /* input of this turn that was not looked at yet goes along */
    if (!m || (s->tls && tls_keep(s->tls, SLICE_EMPTY) < 0) || !s->ops->detach(s, m) ||
        join_unsent(s, m) < 0) {
        stream_moving_free(&m);
        stream_error_set(s, "the connection could not move: out of memory or descriptors");
        stream_drop(s);
        return NULL;
    }
    m->kind = s->loop->ops;
    m->tls = s->tls;
    m->plain_out = s->plain_out;
    m->early = s->early;
    m->bulk = s->bulk;
    memcpy(m->peer, s->peer, sizeof m->peer);
    memcpy(m->peer_addr, s->peer_addr, sizeof m->peer_addr);
    s->tls = NULL;
    s->plain_out = s->early = (struct buf){0};
    s->moved = true;
    stream_drop(s);
    return m;
}

struct stream *stream_attach(struct loop *l, struct stream_moving **mp, const struct stream_handler *h,
                             void *ctx) {
    LOOP_ASSERT(l);
    struct stream_moving *m = *mp;
    assert(m->kind == l->ops);
    struct stream *s = l->freeing ? NULL : l->ops->attach(l, m);
    if (!s) {
        stream_moving_free(mp);
        return NULL;
    }
    s->tls = m->tls;
    s->plain_out = m->plain_out;
    s->early = m->early;
    s->bulk = m->bulk;
    memcpy(s->peer, m->peer, sizeof s->peer);
    memcpy(s->peer_addr, m->peer_addr, sizeof s->peer_addr);
    free(m);
    *mp = NULL;
    stream_handle(s, h, ctx);
    s->input_kept = s->tls ? tls_kept(s->tls) : s->early.len > 0;
    stream_set_state(s, STREAM_OPEN);
    stream_todo(s); /* what was queued or kept */
    return s;
}

void stream_moving_free(struct stream_moving **m) {
    if (!*m)
        return;
    if ((*m)->drop)
        (*m)->drop(*m);
    tls_free(&(*m)->tls);
    buf_free(&(*m)->unsent);
    buf_free(&(*m)->plain_out);
    buf_free(&(*m)->early);
    free(*m);
    *m = NULL;
}
