/* SPDX-License-Identifier: Apache-2.0 */
/* loop: time, timers, byte streams, listeners and mailboxes of one thread. One interface, two
 * implementations: loop_uv.c (libuv, real sockets) and loop_sim.c (virtual clock, memory network, seeded
 * faults). Everything here belongs to the thread that runs the loop, but loop_post() and loop_stop(). */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"

#include <assert.h>

struct loop;

/* Real loop. NULL when out of memory or descriptors. */
struct loop *loop_new(void);
/* Run until loop_stop(). */
void loop_run(struct loop *l);
/* From any thread. */
void loop_stop(struct loop *l);
/* Streams and listeners must be closed; runs what is left of closing. */
void loop_free(struct loop **l);

/* The time of this turn; does not change inside a callback. */
struct mono loop_now(const struct loop *l);
struct wall loop_wall(const struct loop *l);
/* Is the calling thread the one that runs l (always true for the simulated loop)? For LOOP_ASSERT. */
bool loop_here(const struct loop *l);
#define LOOP_ASSERT(l) assert(loop_here(l))
/* Cryptographic randomness; the simulated loop gives seeded bytes, so that a run replays. */
void loop_random(struct loop *l, void *out, size_t n);

/* --- timers: intrusive, one-shot; zero-initialise --- */
struct loop_timer {
    void (*fn)(struct loop_timer *t); /* find the owner with CONTAINER_OF */
    struct mono at;
    uint32_t heap_index; /* the loop's; 0 = not armed */
};
/* Arm or move; MONO_NEVER stops. Fires at or after `at`, never inside this call. */
void loop_timer_set(struct loop *l, struct loop_timer *t, struct mono at);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* --- mailbox: intrusive messages, from any thread --- */
struct loop_msg {
    struct loop_msg *next;
    void (*fn)(struct loop *l, struct loop_msg *m); /* runs on l's thread; m is the receiver's from then on */
};
/* Never fails and never blocks; messages of one sender arrive in order. Bounded by who may hold a message. */
void loop_post(struct loop *l, struct loop_msg *m);
/* Run work(w) on a helper thread (password hashing, DNS), then done(w) on l. The simulated loop runs work at
 * once and done in a later turn. */
struct loop_work {
    void (*work)(struct loop_work *w);
    void (*done)(struct loop_work *w);
    struct loop *loop;
    void *impl[24]; /* uv_work_t lives here */
};
int loop_work(struct loop *l, struct loop_work *w);

/* --- streams: TCP, or Unix sockets, with or without TLS --- */
struct stream;
struct tls_ctx; /* net/tls.h */

enum stream_end {
    STREAM_EOF,        /* the peer ended cleanly */
    STREAM_RESET,      /* reset by peer */
    STREAM_TIMEOUT,    /* the kernel gave up, or connecting took too long */
    STREAM_TLS_FAILED, /* handshake or record failure: stream_error() has the sentence */
    STREAM_REFUSED,    /* connect: nobody listens */
    STREAM_UNREACHABLE,
    STREAM_LOCAL, /* we closed it */
};
/* "reset by peer", "closed by peer", "timed out", … */
const char *stream_end_text(enum stream_end e);

/* All callbacks come from the loop, never from inside a stream_* call. After on_end nothing comes and the
 * stream is freed when on_end returns. */
struct stream_handler {
    void (*on_open)(struct stream *s, void *ctx); /* connected and, with TLS, handshaken; may be NULL */
    void (*on_data)(struct stream *s, void *ctx,
                    struct slice data);            /* plain bytes, valid during the call; use all */
    void (*on_drain)(struct stream *s, void *ctx); /* what was queued is out; may be NULL */
    void (*on_end)(struct stream *s, void *ctx, enum stream_end why); /* once, last */
};

/* Replace the handler (an accepted stream changes hands). */
void stream_handle(struct stream *s, const struct stream_handler *h, void *ctx);
/* Queue bytes (copied). 0; ERR_CLOSED; ERR_NOMEM: the stream ends (on_end comes later). Small writes of one
 * turn go out together, with TLS in one record. */
int stream_write(struct stream *s, struct slice data);
/* Bytes queued and not yet taken by the kernel: the caller's back-pressure. */
size_t stream_queued(const struct stream *s);
/* Stop and resume reading (back-pressure towards the peer). */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* End after what is queued went out (or 5 s); on_end(STREAM_LOCAL) comes later. */
void stream_close(struct stream *s);
/* End now with a TCP reset; on_end(STREAM_LOCAL) comes later. */
void stream_abort(struct stream *s);
/* "192.0.2.7:49152" / "[2001:db8::1]:4433" / "unix"; of the PROXY header when there was one. Valid with the
 * stream. */
const char *stream_peer(const struct stream *s);
/* The address alone, for limits a peer. */
const char *stream_peer_addr(const struct stream *s);
/* Sentence of the last failure, "" when none. */
const char *stream_error(const struct stream *s);
/* TLS facts, "" without TLS: "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"; SHA-256 of the peer's certificate,
 * false when none. */
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
bool stream_peer_fingerprint(const struct stream *s, uint8_t out[32]);
/* As tls_peer_identity(); 0 without TLS. */
struct tls_identity;
NODISCARD int stream_peer_identity(const struct stream *s, struct tls_identity *out);
struct loop *stream_loop(const struct stream *s);
/* Set once: the stream has a live relay, so trade memory for speed (TLS read-ahead). */
void stream_bulk(struct stream *s);

/* Move a stream to another loop (descriptor and TLS state): detach on the old loop's thread, then attach on
 * the new loop's thread. Not inside its own on_data with data still pending unless those bytes were used.
 * Nothing queued may be lost: what is queued goes along. NULL (and on_end follows on the old loop) when the
 * descriptor cannot move. */
struct stream_moving;
struct stream_moving *stream_detach(struct stream *s);
struct stream *stream_attach(struct loop *l, struct stream_moving **m, const struct stream_handler *h,
                             void *ctx);
/* Give up a detached stream. */
void stream_moving_free(struct stream_moving **m);

struct listen_opts {
    const char *address;     /* "ADDR:PORT", "[::]:4433", ":0" (any), or "unix:/path" */
    struct tls_ctx *tls;     /* NULL: plain */
    bool proxy_v2;           /* expect a PROXY protocol v2 header before anything else */
    bool reuse_port;         /* several loops listen on the same port */
    uint32_t handshakes_max; /* TLS handshakes in flight on this listener; more wait unaccepted */
    uint32_t handshake_ms;   /* PROXY header + TLS handshake deadline */
    uint32_t per_turn_max;   /* accepts a loop turn: live streams first */
    /* Called before the handshake with the peer's address; false closes at once. May be NULL. */
    bool (*admit)(void *ctx, const char *peer_addr);
    /* Called for each peer that was admitted but never reached on_accept. May be NULL. */
    void (*gone)(void *ctx, const char *peer_addr);
    /* The stream is ready (handshaken). Call stream_handle() inside. */
    void (*on_accept)(void *ctx, struct stream *s);
    void *ctx;
};
struct listener;
/* NULL and ei filled: address malformed, in use, not permitted. The TLS context of new connections can be
 * swapped. */
struct listener *listener_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei);
/* Before the first of several loops shares address by reuse_port: does another program listen there? The
 * kernel would let two of them share it without a word. Real sockets only. ERR_EXISTS, and the errors of
 * listener_open() with an address that is none. Any thread. Source: socket(7), SO_REUSEPORT */
NODISCARD int listener_probe(const char *address, struct errinfo *ei);
void listener_close(struct listener **l);
/* The bound address with its real port, e.g. "127.0.0.1:4433". Valid with the listener. */
const char *listener_address(const struct listener *l);
uint16_t listener_port(const struct listener *l);
void listener_set_tls(struct listener *l, struct tls_ctx *tls);
/* Handshakes in flight now. */
uint32_t listener_handshakes(const struct listener *l);

struct connect_opts {
    const char *address;     /* "HOST:PORT", "[::1]:4433", or "unix:/path" */
    struct tls_ctx *tls;     /* NULL: plain */
    const char *verify_name; /* TLS: check the certificate against this name or address; NULL: chain only */
    uint32_t timeout_ms;     /* resolve + connect + handshake */
};
/* NULL only when out of memory; every other failure comes as on_end. */
struct stream *stream_connect(struct loop *l, const struct connect_opts *o, const struct stream_handler *h,
                              void *ctx);
