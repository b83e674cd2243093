/* SPDX-License-Identifier: Apache-2.0 */
/* sessions: operators with their viewers, the door they come through, and what is judged of them. Everything
 * here but the door lives on the world's outside loop and survives the server. Owner: the world; one thread.
 * Source: docs/sessions.md */
#pragma once

#include "world.h"

#include "proto/ider.h"
#include "proto/ws.h"
#include "server/session_call.h"

#define DOOR_ADDRESS "10.1.0.1:443"

/* Payload on its way from one end to the other: what arrives must be what comes next of it. */
struct flow {
    struct buf due;
    uint64_t bytes;
    struct buf part; /* SOL at the firmware: a message that is not whole */
};

struct viewer {
    struct list_node node;
    struct sessions *ss;
    uint32_t of, serial;
    enum redir_kind kind;
    bool view_only;
    char session[REDIR_SESSION_ID_CAP], ticket[SESSION_TICKET_CAP], source[32];
    struct stream *stream; /* NULL: gone */
    struct ws *ws;
    struct ider *ider; /* IDE-R's own client */
    uint8_t rfb_step;  /* KVM: of the handshake */
    bool admitted, opened, ended, leaving, vanished, deaf;
    bool lazy;       /* KVM: looks, and types nothing */
    uint64_t number; /* of the firmware's session; 0: none yet */
    bool at_firmware;
    struct flow down, up;
    uint8_t nudge; /* bytes of the server's own input that still come */
    struct loop_timer timer;
    struct mono leave_at, hears_at;
    uint8_t way; /* how it leaves: enum viewer_way */
    struct rng rng;
};

/* Since when something lasts that must not last. */
struct lasting {
    struct mono held;  /* ended in the server, and its device's side is not released */
    struct mono alone; /* open at the firmware, and nobody in the server has it */
};

struct door {
    struct sessions *ss;
    struct shard *shard;
    struct listener *listener;
};

struct sessions {
    struct world *w;
    struct rng rng;
    struct list viewers, stories, orders, comers;
    struct door doors[4];                                     /* of the server that runs */
    struct viewer *newest[WORLD_NODES_MAX][REDIR_KIND_COUNT]; /* admitted last */
    uint8_t at_firmware[WORLD_NODES_MAX][REDIR_KIND_COUNT];   /* sessions that are open there */
    struct lasting lasting[WORLD_NODES_MAX][REDIR_KIND_COUNT];
    struct mono busy_until[WORLD_NODES_MAX]; /* somebody else has, or had, the firmware's sessions */
    bool over;                               /* nothing is begun any more */
};

/* --- door.c: what stands for the HTTP door: a line "HOST SESSION TICKET SERIAL", answered "ok" --- */
int door_open(struct sessions *ss, struct errinfo *ei);
void door_close(struct sessions *ss);
/* The server is dead: forget who was at the door. */
void door_crashed(struct sessions *ss);

/* --- viewer.c --- */
void viewer_come(struct sessions *ss, uint32_t node, const struct session *s);
/* The door let it in. */
void viewer_admitted(struct sessions *ss, uint32_t serial);
/* One that has a stream for this session; NULL. */
struct viewer *viewer_of(struct sessions *ss, const char *session);
/* Without manners: its connection is reset. */
void viewer_drop(struct viewer *v);
void viewer_free(struct viewer **v);
/* When both ends are gone. */
void viewer_maybe_free(struct viewer *v);

/* --- wire.c: what each kind says, and the comparison of both ends --- */
/* Queue something to say; what must arrive of it at the firmware is noted. */
void wire_say(struct viewer *v);
/* Payload came. */
void wire_hear(struct viewer *v, struct slice data);
void wire_flush(struct viewer *v);
/* Hooks of the simulated firmware. */
void wire_session(void *ctx, struct sim_node *n, enum redir_kind k, uint64_t number, bool open);
void wire_bytes(void *ctx, uint64_t number, bool to_client, struct slice bytes);

/* --- story.c: operators --- */
void story_begin(struct sessions *ss, uint32_t node);
/* How long the oldest order has no answer. */
int64_t story_waits_ms(const struct sessions *ss);
void story_orders_lost(struct sessions *ss);
void stories_free(struct sessions *ss);
