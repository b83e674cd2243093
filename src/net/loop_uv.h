/* SPDX-License-Identifier: Apache-2.0 */
/* loop_uv: the real loop on libuv; shared by loop_uv.c, stream_uv.c, dial_uv.c and listener_uv.c. */
#pragma once

#include "net/impl.h"
#include "net/timers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum { READ_BUFFER_BYTES = 64 * 1024 };

struct loop_uv {
    struct loop loop;
    uv_loop_t uv;
    uv_async_t mail_bell; /* wakes the loop for messages and for loop_stop() */
    uv_timer_t alarm;     /* the one libuv timer, set to the heap's top */
    uv_prepare_t before_poll;
    uv_idle_t spin; /* active while the todo list is not empty, so that polling does not wait */
    struct timers timers;
    int64_t alarm_us; /* what alarm is set to; INT64_MAX when off */
    struct mono now;
    uint64_t now_turn_ms;            /* uv_now() at which `now` was read */
    _Atomic(struct loop_msg *) mail; /* newest first */
    atomic_bool stopping, running;
    pthread_t thread;
    uint8_t read_buffer[READ_BUFFER_BYTES]; /* one a loop: bytes are used up before the next read */
};

static inline struct loop_uv *loop_uv_of(const struct loop *l) {
    return CONTAINER_OF(l, struct loop_uv, loop);
}
/* First thing in every libuv callback: read the clock once a turn. */
void loop_uv_enter(struct loop_uv *l);

/* What the kernel did not take at once; its memory must stay until libuv is done with it. */
struct sending {
    uv_write_t req;
    struct buf bytes;
};

/* Only while connecting. */
struct dial {
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct stream_uv *s; /* NULL: the stream ended while the resolver still worked */
    struct addrinfo *list, *next;
    bool resolving;
    enum stream_end why; /* of the last address tried */
};

struct stream_uv {
    struct stream s;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    struct sending *sending;
    struct dial *dial;
    bool is_unix;
};

static inline void stream_uv_enter(struct stream_uv *x) {
    loop_uv_enter(loop_uv_of(x->s.loop));
}
/* A stream without a descriptor yet. NULL when out of memory. */
struct stream_uv *stream_uv_new(struct loop *l, bool is_unix);
/* It ends with libuv's error. */
void stream_uv_broken(struct stream_uv *x, int code);
/* Give up connecting. */
void dial_uv_free(struct stream_uv *x);

struct stream *stream_uv_connect(struct loop *l, const struct connect_opts *o);
struct stream *stream_uv_attach(struct loop *l, struct stream_moving *m);
/* A stream for a descriptor just accepted (taken over, closed on failure). NULL when out of memory. */
struct stream *stream_uv_accepted(struct loop *l, int fd, const struct sockaddr *peer);
struct listener *listener_uv_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei);
