/* SPDX-License-Identifier: Apache-2.0 */
/* impl: what the two implementations of loop.h share. Only src/net includes it.
 * stream.c and listener.c hold every rule (states, deadlines, TLS, hand-over); a transport (stream_uv.c,
 * stream_sim.c) only moves bytes. Transports call the stream_* functions below from the loop, never from
 * inside one of their own ops, so no callback ever runs inside a public call. Owner: the loop; its thread
 * only. */
#pragma once

#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"

struct proxyv2;

struct loop_ops {
    void (*run)(struct loop *l);
    void (*stop)(struct loop *l);
    void (*free)(struct loop *l);
    struct mono (*now)(const struct loop *l);
    struct wall (*wall)(const struct loop *l);
    bool (*here)(const struct loop *l);
    void (*random)(struct loop *l, void *out, size_t n);
    void (*timer_set)(struct loop *l, struct loop_timer *t, struct mono at);
    void (*timer_stop)(struct loop *l, struct loop_timer *t);
    void (*post)(struct loop *l, struct loop_msg *m);
    int (*work)(struct loop *l, struct loop_work *w);
    /* something was put on an empty todo list */
    void (*wake)(struct loop *l);
    struct listener *(*listen)(struct loop *l, const struct listen_opts *o, struct errinfo *ei);
    /* NULL when out of memory; begins to connect and reports by stream_connected() or stream_broken() */
    struct stream *(*connect)(struct loop *l, const struct connect_opts *o);
    /* NULL when out of memory or descriptors; takes what it needs out of m */
    struct stream *(*attach)(struct loop *l, struct stream_moving *m);
};

struct loop {
    const struct loop_ops *ops;
    struct list streams; /* every stream that is not freed yet */
    struct list todo;    /* streams with output, held input or an end to report in the next turn */
    uint64_t turn;
    bool freeing;             /* in loop_free(): no new streams */
    uint32_t handshake_steps; /* handshake inputs taken since the last turn; slices the storm */
};

struct stream_ops {
    /* Hand stream_out() to the network; stream_drained() once all of it is taken. */
    void (*flush)(struct stream *s);
    void (*read)(struct stream *s, bool on);
    /* Say that nothing more will be sent (FIN); the queue is empty. */
    void (*shut)(struct stream *s);
    /* Let go of the connection; stream_gone() comes later, from the loop. */
    void (*close)(struct stream *s, bool reset);
    /* Bytes taken out of stream_out() but not by the network yet. */
    size_t (*queued)(const struct stream *s);
    /* Move the transport's part into m; false when the descriptor cannot move. stream_gone() comes later. */
    bool (*detach)(struct stream *s, struct stream_moving *m);
    void (*free)(struct stream *s);
};

enum stream_state {
    STREAM_DIALING,   /* resolving and connecting */
    STREAM_PREFACE,   /* accepted; the PROXY header must come first */
    STREAM_HANDSHAKE, /* TLS */
    STREAM_OPEN,
    STREAM_FLUSHING,  /* no more callbacks but on_end; what is queued goes out */
    STREAM_LINGERING, /* our end is shut; a little time for the peer to end its side, so that it reads our
                         last bytes */
    STREAM_DYING,     /* the transport lets go; stream_gone() follows */
};

/* What every delivery touches comes first: a simulated fleet does not fit in the cache. */
struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    const struct stream_handler *handler;
    void *ctx;
    struct tls *tls;
    enum stream_state state; /* written by stream_set_state() only */
    enum stream_end why;
    bool paused, reading;
    bool input_kept; /* the TLS session (or early) holds input back for a later turn */
    bool peer_ended; /* while flushing: the peer's end came, so there is nothing to linger for */
    bool gone;       /* stream_gone() is due in the next turn (transports without a close callback) */
    bool admitted, moved, bulk;
    struct list_node todo;
    uint64_t todo_turn;
    struct buf plain_out; /* queued bytes; with TLS those not encrypted yet */
    struct buf
        early; /* written before a client's stream was open; read by a paused one behind a PROXY header */
    struct listener *listener; /* until on_accept */
    struct proxyv2 *proxy;     /* while in STREAM_PREFACE */
    char *error;               /* sentence of the failure, on the heap as it is rare */
    struct loop_timer timer;   /* the deadline of the present state */
    struct list_node all;
    char peer[ADDRESS_TEXT_CAP], peer_addr[ADDRESS_TEXT_CAP];
};

struct stream_moving {
    const struct loop_ops *kind; /* only a loop of the same kind can take it */
    struct tls *tls;
    struct buf unsent; /* taken by the old transport, not by the kernel: goes first */
    struct buf plain_out, early;
    bool bulk;
    char peer[ADDRESS_TEXT_CAP], peer_addr[ADDRESS_TEXT_CAP];
    int fd; /* real loop */
    bool is_unix;
    void *sim;                             /* simulated loop */
    void (*drop)(struct stream_moving *m); /* the transport's part of stream_moving_free() */
};

struct listener_ops {
    /* A handshake ended: accepting may go on. */
    void (*resume)(struct listener *l);
    /* Stop listening and free the listener (later, if need be). */
    void (*close)(struct listener *l);
};

struct listener {
    const struct listener_ops *ops;
    struct loop *loop;
    struct listen_opts opts; /* address is not kept */
    struct tls_ctx *tls;
    uint32_t handshakes; /* of opts.handshakes_max */
    uint16_t port;
    char address[ADDRESS_HOST_CAP + 8];
};

void loop_init(struct loop *l, const struct loop_ops *ops);

/* --- stream.c, for transports --- */
/* One pass over the streams that had something to do when it began; true when more has come up since. */
bool stream_todo_run(struct loop *l);
/* s is zeroed; it begins in STREAM_DIALING. */
void stream_init(struct stream *s, struct loop *l, const struct stream_ops *ops);
/* The only writer of s->state; arms and stops the deadline. */
void stream_set_state(struct stream *s, enum stream_state state);
/* The bytes to send next, encrypted. */
struct buf *stream_out(struct stream *s);
void stream_connected(struct stream *s);
void stream_input(struct stream *s, struct slice data);
void stream_eof(struct stream *s);
/* The connection failed: text is the sentence, NULL for stream_end_text(why). */
void stream_broken(struct stream *s, enum stream_end why, const char *text);
/* Encrypt and flush; for transports that can send again. */
void stream_send(struct stream *s);
void stream_drained(struct stream *s);
/* The transport let go: reports the end and frees the stream. */
void stream_gone(struct stream *s);
/* What an accepted stream does first. */
void stream_accepted(struct stream *s, struct listener *l);
void stream_todo(struct stream *s);
/* End without waiting for queued bytes (loop_free). */
void stream_drop(struct stream *s);
/* Free without any callback (a simulated crash). */
void stream_vanish(struct stream *s);
/* The transport lets go now; the end is reported from the loop. `why` counts unless the stream is ending
 * already. */
void stream_finish(struct stream *s, enum stream_end why, bool reset);
/* The session failed: its alert goes out, then the stream ends. */
void stream_fail_tls(struct stream *s);
void stream_error_set(struct stream *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- stream_begin.c --- */
/* Connected and, with TLS, handshaken: tell the owner, or the listener's. */
void stream_opened(struct stream *s);
/* Bytes of a PROXY header; returns what follows it. */
struct slice stream_preface(struct stream *s, struct slice in);

/* --- listener.c --- */
void listener_init(struct listener *l, struct loop *loop, const struct listener_ops *ops,
                   const struct listen_opts *o);
/* May one more connection be taken now? */
bool listener_has_room(const struct listener *l);
/* Ask admit(); false when the peer is refused. */
bool listener_admit(struct listener *l, struct stream *s);
/* The stream is ready: hand it to its owner. */
void listener_ready(struct stream *s);
/* The stream ended before it was ready. */
void listener_lost(struct stream *s);
/* Give up what the common part holds. */
void listener_fini(struct listener *l);
