/* SPDX-License-Identifier: Apache-2.0 */
/* activation: nodes that begin without set-up, their agents, operators who want them in, out and with new
 * secrets, and what is judged of it. Agents and operators live on the world's outside loop and survive the
 * server. Owner: the world; one thread. Source: docs/activation.md */
#pragma once

#include "world.h"

#include "proto/rps.h"
#include "proto/ws.h"
#include "server/provisioning_int.h"
#include "sim/port_side.h"

#define RPS_DOOR_ADDRESS "10.1.0.1:8443"
#define ACT_SUFFIX       "acme.example" /* DNS suffix of every firmware */

/* A(NAME, weight, what happens to one message of the RPS protocol) */
#define AGENT_FAULT_TABLE(A)                                                                                 \
    A(DROP_BEFORE, 4, "the connection breaks before the firmware has the request")                           \
    A(DROP_AFTER, 4, "… after it has it, before its answer is passed on")                                    \
    A(DARK, 1, "nothing is passed on, and the connection stays")                                             \
    A(LATE, 2, "the answer takes seconds")                                                                   \
    A(TWICE, 1, "the answer is sent twice")                                                                  \
    A(CLOSED, 2, "the firmware closed: connection_reset")                                                    \
    A(JUNK, 1, "the answer is no HTTP")                                                                      \
    A(STEP, 2, "the firmware does a step wrong")
enum agent_fault {
#define A(sym, weight, text) AGENT_##sym,
    AGENT_FAULT_TABLE(A)
#undef A
        AGENT_FAULT_COUNT
};
static_assert((int)AGENT_FAULT_COUNT == (int)WORLD_AGENT_FAULTS, "their tally");

/* pm-agent and rpc of one node: asks the server what is to be done, and lends the firmware. */
struct agent {
    struct activation *act;
    uint32_t of;
    struct loop_timer timer;
    struct rng rng;
    struct stream *stream; /* NULL: not connected */
    struct ws *ws;
    struct buf late; /* an answer that is not sent yet; the timer sends it */
    bool admitted, over, mute;
    enum prov_goal goal;
    char profile[PROV_PROFILE_CAP];
    uint32_t pause_ms; /* until it comes again; doubles */
};

/* What was seen of one node. */
struct act_seen {
    struct wall shown_at; /* amt.at */
    uint32_t setups;      /* executed, when it was looked at last … */
    uint32_t before;      /* … and when its provisioning was ordered, upgrades counted */
    bool left_behind;     /* its secrets were given up with force: its firmware may stay as it was */
    bool mebx_void;       /* deauthorized: its MEBx password, which the firmware keeps, may be unknown here */
    enum prov_state state;  /* of its provisioning … */
    struct wall created;    /* … of then */
    struct mono ordered_at; /* the last order, in the end */
};

struct gate {
    struct activation *act;
    struct shard *shard;
};

struct activation {
    struct world *w;
    struct rng rng;
    struct agent agents[WORLD_NODES_MAX];
    struct act_seen seen[WORLD_NODES_MAX];
    struct list orders, comers;
    struct gate gates[4]; /* of the server that runs */
    struct listener *listeners[4];
    uint8_t root_sha256[32]; /* of provisioning certificates, with cfg.acm */
    bool over;               /* no more faults */
};

/* --- agent.c: the node's side --- */
void agents_start(struct activation *a);
void agents_stop(struct activation *a);
/* The same as with a cut of its network. */
void agent_cut(struct agent *ag);
/* --- rps_gate.c: what stands for the HTTP part of /activate: a line "HOST", answered "ok" --- */
int rps_gate_open(struct activation *a, struct errinfo *ei);
void rps_gate_close(struct activation *a);
void rps_gate_crashed(struct activation *a);

/* --- domain.c: the provisioning certificate --- */
int world_domain_make(struct world *w, struct errinfo *ei);

/* --- activation.c, for the world --- */
struct activation *world_activation_new(struct world *w);
void world_activation_free(struct world *w);
/* fate: one order about this node. */
void world_activation_order(struct world *w, uint32_t node);
void world_activation_crashed(struct world *w);
/* No more faults; orders as long as it is not as it shall be. */
void world_activation_over(struct world *w);
/* Orders what is missing, as an operator does. */
bool world_activation_settled(struct world *w, uint32_t node);
/* NULL: it is as it shall be. */
const char *world_activation_missing(struct world *w, uint32_t node);
/* Is such an order on its way? */
bool world_activation_deauthorizes(const struct world *w, uint32_t node);
/* prove.c */
void world_activation_check(struct world *w, uint32_t node);
/* A part is made wrong (WORLD_BROKEN_PROMOTE …). */
void world_activation_spoil(struct world *w);
/* The truth. */
const struct prov *act_firmware(const struct world *w, uint32_t node);
