/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over real sockets: libuv moves the bytes, stream.c holds the rules. */
#include "net/loop_uv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct stream_uv *uvs_of(struct stream *s) {
    return CONTAINER_OF(s, struct stream_uv, s);
}

/* libuv's error -> why a stream ended */
static enum stream_end end_of(int code) {
    static const struct {
        int code;
        enum stream_end why;
    } table[] = {
        {UV_ECONNREFUSED, STREAM_REFUSED},     {UV_ENOENT, STREAM_REFUSED},
        {UV_EACCES, STREAM_REFUSED},           {UV_ENETUNREACH, STREAM_UNREACHABLE},
        {UV_EHOSTUNREACH, STREAM_UNREACHABLE}, {UV_EADDRNOTAVAIL, STREAM_UNREACHABLE},
        {UV_EAFNOSUPPORT, STREAM_UNREACHABLE}, {UV_ENETDOWN, STREAM_UNREACHABLE},
        {UV_EMFILE, STREAM_UNREACHABLE},       {UV_ENFILE, STREAM_UNREACHABLE},
        {UV_ETIMEDOUT, STREAM_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code)
            return table[i].why;
    return STREAM_RESET;
}

void stream_uv_broken(struct stream_uv *x, int code) {
    stream_broken(&x->s, end_of(code), uv_strerror(code));
}

/* --- bytes --- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b) {
    struct stream_uv *x = h->data;
    struct loop_uv *l = loop_uv_of(x->s.loop);
    *b = uv_buf_init((char *)l->read_buffer, sizeof l->read_buffer);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b) {
    struct stream_uv *x = h->data;
    stream_uv_enter(x);
    if (n > 0)
        stream_input(&x->s, slice_of(b->base, (size_t)n));
    else if (n == UV_EOF)
        stream_eof(&x->s);
    else if (n < 0)
        stream_uv_broken(x, (int)n);
}

static void uvs_read(struct stream *s, bool on) {
    struct stream_uv *x = uvs_of(s);
    if (!on)
        uv_read_stop(&x->u.stream);
    else
        uv_read_start(&x->u.stream, on_alloc, on_read);
}

static void on_sent(uv_write_t *r, int status) {
    struct sending *w = CONTAINER_OF(r, struct sending, req);
    struct stream_uv *x = r->handle->data;
    stream_uv_enter(x);
    buf_free(&w->bytes);
    free(w);
    x->sending = NULL;
    if (status == UV_ECANCELED || x->s.state == STREAM_DYING)
        return;
    if (status < 0)
        stream_uv_broken(x, status);
    else
        stream_send(&x->s);
}

/* Give the rest to libuv, which waits until the socket takes more. */
static void send_later(struct stream_uv *x, struct buf *out) {
    struct sending *w = calloc(1, sizeof *w);
    if (!w) {
        stream_broken(&x->s, STREAM_LOCAL, "out of memory");
        return;
    }
    w->bytes = *out;
    *out = (struct buf){0};
    uv_buf_t b = uv_buf_init((char *)w->bytes.mem + w->bytes.head, (unsigned)w->bytes.len);
    int r = uv_write(&w->req, &x->u.stream, &b, 1, on_sent);
    if (r < 0) {
        buf_free(&w->bytes);
        free(w);
        stream_uv_broken(x, r);
        return;
    }
    x->sending = w;
}

static void uvs_flush(struct stream *s) {
    struct stream_uv *x = uvs_of(s);
    if (x->sending)
        return; /* on_sent() goes on */
    struct buf *out = stream_out(s);
    if (out->len) {
        uv_buf_t b = uv_buf_init((char *)out->mem + out->head, (unsigned)out->len);
        int n = uv_try_write(&x->u.stream, &b, 1);
        if (n < 0 && n != UV_EAGAIN) {
            stream_uv_broken(x, n);
            return;
        }
        if (n > 0)
            buf_consume(out, (size_t)n);
    }
    if (out->len)
        send_later(x, out);
    else
        stream_drained(s);
}

static size_t uvs_queued(const struct stream *s) {
    const struct stream_uv *x = CONTAINER_OF(s, struct stream_uv, s);
    return x->sending ? uv_stream_get_write_queue_size(&x->u.stream) : 0;
}

/* --- the end --- */

static int fd_of(struct stream_uv *x) {
    uv_os_fd_t fd;
    return uv_fileno(&x->u.handle, &fd) == 0 ? fd : -1;
}

static void uvs_shut(struct stream *s) {
    /* nothing is queued, so libuv's own shutdown request (which waits for the queue) is not needed */
    int fd = fd_of(uvs_of(s));
    if (fd >= 0)
        shutdown(fd, SHUT_WR);
}

static void on_closed(uv_handle_t *h) {
    struct stream_uv *x = h->data;
    stream_uv_enter(x);
    stream_gone(&x->s);
}

static void uvs_close(struct stream *s, bool reset) {
    struct stream_uv *x = uvs_of(s);
    if (uv_is_closing(&x->u.handle))
        return; /* between two addresses: on_redial() finds the state */
    if (reset && !x->is_unix && fd_of(x) >= 0 && uv_tcp_close_reset(&x->u.tcp, on_closed) == 0)
        return;
    uv_close(&x->u.handle, on_closed);
}

static void uvs_free(struct stream *s) {
    struct stream_uv *x = uvs_of(s);
    dial_uv_free(x);
    free(x);
}

/* --- moving --- */

static void drop_moving(struct stream_moving *m) {
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

static bool uvs_detach(struct stream *s, struct stream_moving *m) {
    struct stream_uv *x = uvs_of(s);
    /* libuv cannot move a handle: a second descriptor of the same connection opens on the other loop */
    m->fd = fcntl(fd_of(x), F_DUPFD_CLOEXEC, 0);
    m->is_unix = x->is_unix;
    m->drop = drop_moving;
    if (m->fd < 0)
        return false;
    if (!x->sending)
        return true;
    struct slice all = buf_slice(&x->sending->bytes);
    return buf_put(&m->unsent, slice_skip(all, all.n - uvs_queued(s))) == 0;
}

static const struct stream_ops uvs_ops = {
    .flush = uvs_flush,
    .read = uvs_read,
    .shut = uvs_shut,
    .close = uvs_close,
    .queued = uvs_queued,
    .detach = uvs_detach,
    .free = uvs_free,
};

struct stream_uv *stream_uv_new(struct loop *l, bool is_unix) {
    struct stream_uv *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->is_unix = is_unix;
    if (is_unix)
        uv_pipe_init(&loop_uv_of(l)->uv, &x->u.pipe, 0);
    else
        uv_tcp_init(&loop_uv_of(l)->uv, &x->u.tcp);
    x->u.handle.data = x;
    stream_init(&x->s, l, &uvs_ops);
    return x;
}

/* The stream never came to life. */
static void on_stillborn(uv_handle_t *h) {
    struct stream_uv *x = h->data;
    stream_vanish(&x->s);
}

static struct stream_uv *open_fd(struct loop *l, int fd, bool is_unix) {
    struct stream_uv *x = stream_uv_new(l, is_unix);
    if (!x)
        return NULL;
    int r = is_unix ? uv_pipe_open(&x->u.pipe, fd) : uv_tcp_open(&x->u.tcp, fd);
    if (r == 0)
        return x;
    x->s.moved = true; /* nobody knows of it: no callback */
    uv_close(&x->u.handle, on_stillborn);
    return NULL;
}

struct stream *stream_uv_attach(struct loop *l, struct stream_moving *m) {
    struct stream_uv *x = open_fd(l, m->fd, m->is_unix);
    if (!x)
        return NULL;
    m->fd = -1;
    return &x->s;
}

struct stream *stream_uv_accepted(struct loop *l, int fd, const struct sockaddr *peer) {
    struct stream_uv *x = open_fd(l, fd, peer->sa_family == AF_UNIX);
    if (!x) {
        close(fd);
        return NULL;
    }
    address_text(peer, x->s.peer, x->s.peer_addr);
    return &x->s;
}
