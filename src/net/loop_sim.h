/* SPDX-License-Identifier: Apache-2.0 */
/* loop_sim: the simulated world; shared by loop_sim.c, wire_sim.c, stream_sim.c and listener_sim.c. One
 * thread. */
#pragma once

#include "base/map.h"
#include "net/impl.h"
#include "net/sim.h"
#include "net/timers.h"

enum {
    SIM_NAME_CAP = 64,
    WINDOW_BYTES = 256 * 1024, /* what may be on the way to an end that does not read */
    PIECE_BYTES = 16 * 1024,   /* do not dribble into a window that is nearly full */
};

/* A connecting side, by name; rules (blackhole, cut) are about it. "10.0.0.7:4433" belongs to "10.0.0.7" too.
 */
struct sim_source {
    struct map_node node;
    char name[SIM_NAME_CAP];
    struct sim_source *host; /* the name without its port; NULL when it has none */
    struct list ends;        /* both ends of every connection */
    unsigned refs;
    bool dark;
};

struct sim_chunk {
    struct sim_chunk *next;
    int64_t at_us;
    enum { CHUNK_FEW, CHUNK_MANY, CHUNK_FIN, CHUNK_RESET } kind;
    uint32_t n; /* bytes */
    union {
        uint8_t few[104]; /* in place, so that a chunk is two cache lines */
        struct buf many;
    } u;
};

/* One end of a connection: what the network knows. It outlives a stream that moves to another loop.
 * What each delivery touches comes first. */
struct sim_end {
    struct loop_timer event; /* the head arrives, or a step of connecting */
    bool stalled;            /* the event came, but could not be delivered: dark, paused or moving */
    bool dark;               /* what the rules say of its source */
    bool blocked;            /* output waits for the peer to take what is on the way */
    bool fin_sent;
    struct sim_world *w;
    struct stream_sim *owner;      /* NULL while it moves */
    struct sim_end *peer;          /* NULL: not connected yet, or the other end is gone */
    struct sim_chunk *head, *tail; /* on the way to this end, in order */
    size_t inbound_bytes;          /* of WINDOW_BYTES */
    int64_t last_at_us;            /* nothing overtakes */
    struct sim_source *source;
    struct list_node in_source;
};

struct stream_sim {
    struct sim_end *end;
    struct stream s;
    struct list_node in_queue; /* accepted by the network, not by the listener yet */
    struct list *queue;
    char target[ADDRESS_HOST_CAP + 8]; /* while connecting */
};

struct sim_world {
    struct timers timers;
    struct mono now;
    int64_t wall_us; /* wall clock minus now */
    struct rng rng;
    struct sim_weather weather;
    struct list loops, dirty; /* dirty: loops with a todo list */
    struct map sources, ports;
    struct sim_chunk *spare; /* pool */
    uint32_t next_source, next_port;
    bool dark, stopped;
};

struct loop_sim {
    struct loop loop;
    struct sim_world *w;
    struct list_node in_world, in_dirty;
    struct list listeners;
    struct loop_msg *mail, **mail_end;
    struct loop_timer mail_due;
    char next_source[SIM_NAME_CAP];
    bool frozen; /* sim_loop_freeze() */
};

static inline struct loop_sim *loop_sim_of(const struct loop *l) {
    return CONTAINER_OF(l, struct loop_sim, loop);
}
/* One way through the network. */
int64_t sim_delay_us(struct sim_world *w);

struct stream *stream_sim_connect(struct loop *l, const struct connect_opts *o);
struct stream *stream_sim_attach(struct loop *l, struct stream_moving *m);
/* The other end of a connection that just arrived; NULL when out of memory. */
struct stream_sim *stream_sim_accepted(struct loop *l, struct sim_end *client);
/* NULL when out of memory; takes the reference to source. */
struct sim_end *sim_end_new(struct sim_world *w, struct stream_sim *owner, struct sim_source *source);
/* Set the end's event. */
void sim_arm(struct sim_end *e, int64_t at_us);
/* The event of a connected end: the head of its queue arrives. */
void sim_on_arrival(struct loop_timer *t);
/* A chunk of the first n bytes of `from`, which loses them; NULL when out of memory. */
struct sim_chunk *sim_chunk_of(struct sim_world *w, struct buf *from, size_t n);
/* Put a chunk, or the end of the stream, on its way to `to`. */
void sim_send_chunk(struct sim_end *to, struct sim_chunk *c);
void sim_send_end(struct sim_end *to, bool reset);
/* The end goes; its peer sees a reset, or the end of the stream. */
void sim_end_leave(struct sim_end *e, bool reset);
/* Both sides see a reset at once. */
void sim_end_cut(struct sim_end *e);
/* The rules about its source changed, or its owner reads again: deliver what could not be delivered. */
void sim_end_unstall(struct sim_end *e);
void sim_chunks_free(struct sim_world *w);

struct listener *listener_sim_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei);
/* A connection comes to `address`; false when nobody listens. */
bool listener_sim_arrive(struct sim_world *w, const char *address, struct sim_end *client);
/* A crash: free without a word. */
void listener_sim_vanish(struct loop_sim *l);
void listener_sim_fini(struct sim_world *w);

/* Referenced; NULL when out of memory. */
struct sim_source *sim_source_get(struct sim_world *w, const char *name);
void sim_source_put(struct sim_world *w, struct sim_source **s);
bool sim_source_dark(const struct sim_world *w, const struct sim_source *s);
