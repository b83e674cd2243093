/* SPDX-License-Identifier: Apache-2.0 */
/* world: the whole system in one process: server core, store and simulated nodes under a virtual clock, with
 * seeded faults, checked after each event. A seed replays. Owner: simulate.c or a test; one thread. */
#pragma once

#include "disk.h"
#include "net/sim.h"
#include "net/tls.h"
#include "server/app.h"
#include "server/fleet.h"
#include "sim/node.h"

enum { WORLD_NODES_MAX = 64, WORLD_ORDERS_MAX = 4096, WORLD_FAULT_CAP = 400, WORLD_AGENT_FAULTS = 8 };

/* X(name, times a node-hour, what): the faults and orders of the world. */
#define WORLD_EVENT_TABLE(X)                                                                                 \
    X(OS_SHUTDOWN, 0.40, "shutdown now inside the operating system")                                         \
    X(CUT, 0.60, "the tunnel is reset")                                                                      \
    X(BLACKHOLE, 0.30, "the network goes silent for a while")                                                \
    X(POWER_CUT, 0.10, "the node loses mains power for a while")                                             \
    X(TWIN_LOGIN, 0.10, "a second tunnel with the same credentials")                                         \
    X(MUTE, 0.10, "the firmware stops answering WS-MAN for a while")                                         \
    X(ORDER_INTENT, 0.60, "an operator sets the desired power")                                              \
    X(ORDER_OPERATION, 0.40, "an operator asks for a one-shot operation")                                    \
    X(ORDER_CANCEL, 0.10, "an operator cancels an operation")                                                \
    X(SESSION, 0.10, "an operator wants a session, and what goes with it")                                   \
    X(SET_UP, 0.00, "an operator wants a node in, out or with new secrets")
/* The same for the server as a whole, times an hour of the world. */
#define WORLD_SERVER_EVENT_TABLE(X)                                                                          \
    X(CRASH, 1.0, "the server dies between two events")                                                      \
    X(CRASH_MIDWAY, 1.0, "the server dies between two actions")                                              \
    X(DISK_SLOW, 1.0, "the disk takes seconds")                                                              \
    X(DISK_FULL, 0.3, "the disk is full for a while")                                                        \
    X(CLOCK_JUMP, 1.0, "the wall clock jumps by up to an hour")                                              \
    X(WEATHER, 2.0, "delays change")
enum world_event {
#define X(sym, ...) WORLD_##sym,
    WORLD_EVENT_TABLE(X) WORLD_SERVER_EVENT_TABLE(X)
#undef X
        WORLD_EVENT_COUNT
};

/* What is put in place of a right part, so that the invariants are seen to fail. B(NAME, word) */
#define WORLD_BROKEN_TABLE(B)                                                                                \
    B(NOTHING, "nothing")                                                                                    \
    B(DECIDE, "decide")     /* a careless reconciler */                                                      \
    B(SESSIONS, "sessions") /* power operations do not see sessions */                                       \
    B(BYTES, "bytes")       /* a byte of a stream is another on arrival */                                   \
    B(PROMOTE, "promote")   /* a secret is taken for the firmware's before its login */                      \
    B(DROP, "drop")         /* secrets of a run that broke off are thrown away */                            \
    B(SHOWN, "shown")       /* a node is shown as free when it is asked to be */                             \
    B(MODE, "mode")         /* who is to be in admin control mode is set up in the other */
enum world_broken {
#define B(sym, word) WORLD_BROKEN_##sym,
    WORLD_BROKEN_TABLE(B)
#undef B
        WORLD_BROKEN_COUNT
};

/* An order that the server acknowledged. */
struct world_order {
    char op[OP_ID_CAP];
    uint32_t node;
};

struct world_config {
    uint64_t seed;
    uint32_t nodes;
    uint32_t shards;
    double hours;
    bool no_crash; /* all faults but a crash: such a world must not leak */
    bool calm;     /* no faults */
    bool tls;
    uint32_t poll_ms; /* 0: default */
    /* NULL: the real decide() */
    struct decision (*decide)(const struct host *h, const struct host_policy *p, struct host_now now);
    enum world_broken broken;
    double sessions;    /* stories a node-hour in place of the table's; 0: as there */
    double set_up;      /* > 0: nodes begin without set-up; orders about it a node-hour, and no others */
    bool acm;           /* half of the orders are for admin control mode */
    uint32_t drops_ppm; /* set-up: of so many messages the connection breaks, and nothing else happens */
    bool verbose;
};

struct sessions;   /* sessions.h */
struct activation; /* activation.h */

/* How much of them there was. */
struct world_tally {
    uint64_t orders, answers, viewers, to_viewer, to_device, most_kept, ended[SESSION_WHY_COUNT];
    /* of set-up */
    uint64_t provisionings, requests, faults[WORLD_AGENT_FAULTS], activations, deactivations, rotations,
        failures, given_up, admin_setups, upgrades;
};

struct world {
    struct world_config cfg;
    struct sim_world *sim;
    struct rng rng;
    struct loop *outside; /* loop of nodes, disk and fate: survives the server */
    struct disk *disk;
    struct seal_key *seal;
    struct tls_ctx *server_tls, *node_tls; /* NULL: plain, as most seeds are */
    char dir[64];
    struct sim_fleet *fleet;
    struct sim_node *nodes[WORLD_NODES_MAX];
    char ids[WORLD_NODES_MAX][HOST_ID_CAP];
    struct mono dark_since[WORLD_NODES_MAX]; /* unreachable since; MONO_NEVER when not */
    struct mono trouble_until[WORLD_NODES_MAX];
    uint32_t acknowledged[WORLD_NODES_MAX]; /* one-shot orders acknowledged for it */
    /* the server, NULL while it is down */
    struct app *app;
    struct loop *loops[4];
    unsigned generation;
    bool crash_midway; /* die inside a submission, soon */
    bool dying;
    uint32_t submissions_left;
    struct loop_timer fate, revive;
    struct world_order orders[WORLD_ORDERS_MAX];
    uint32_t norders, nasked;
    struct list asked; /* orders without an answer */
    struct sessions *sessions;
    struct activation *activation; /* NULL: nodes are set up from the beginning */
    struct buf root;               /* of the CIRA port, for nodes that are set up */
    struct world_tally tally;
    /* result */
    uint64_t events, counts[WORLD_EVENT_COUNT], checks, acts;
    char fault[WORLD_FAULT_CAP]; /* first broken invariant; "" none */
};

/* NULL with a message on stderr when it cannot be set up. */
struct world *world_new(const struct world_config *cfg);
void world_free(struct world **w);
/* Run for cfg.hours of virtual time, or until an invariant breaks: 0, or -1 with w->fault. */
int world_run(struct world *w);
/* No more faults: run until every host has converged, at most so long. 0, or -1 with w->fault. */
int world_converge(struct world *w, int64_t limit_ms);

/* The orderly end of the server. 0, or -1 with w->fault when something is left over. */
int world_stop(struct world *w);

/* server.c */
int world_server_start(struct world *w);
void world_server_crash(struct world *w);
/* The orderly end: drained, then freed. */
void world_server_stop(struct world *w);
/* fate.c */
void world_orders_lost(struct world *w); /* the server died with unanswered orders */
void world_fate_start(struct world *w);
void world_order(struct world *w, uint32_t node, struct host_command cmd);
/* judge.c */
struct sessions *world_sessions_new(struct world *w);
void world_sessions_free(struct world *w);
int world_sessions_started(struct world *w, struct errinfo *ei);
/* The server is about to be drained. */
void world_sessions_stop(struct world *w);
void world_sessions_crashed(struct world *w);
/* No more of them: viewers go, operators rest. */
void world_sessions_over(struct world *w);
/* Is something of them left, in the server or outside? */
bool world_sessions_busy(const struct world *w, const struct fleet_host *fh);
void world_sessions_check(struct world *w, uint32_t node);
/* The server forgets that they are open (WORLD_BROKEN_SESSIONS). */
void world_sessions_hide(struct world *w);
/* check.c: after every event */
void world_check(struct world *w);
/* The server answered "accepted": is it on the disk? */
void world_acknowledged(struct world *w, uint32_t node, const struct world_order *o);
void world_broken(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* decide() with an oracle behind it, and the oracle behind another decide() */
struct decision world_judge(struct decision d, const struct host *h, const struct host_policy *p,
                            struct host_now now);
struct decision world_decide(const struct host *h, const struct host_policy *p, struct host_now now);
struct fleet_host *world_host(struct world *w, uint32_t node);
