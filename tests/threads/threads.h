/* SPDX-License-Identifier: Apache-2.0 */
/* threads: a server core on real loops, each on a thread of its own, simulated nodes on another, and drivers
 * that ask everything of it at once. For the race detector: nothing here is fast or pretty on purpose.
 * Owner: the test. */
#pragma once

#include "net/pki.h"
#include "net/tls.h"
#include "server/auth.h"
#include "server/directory.h"
#include "server/fleet.h"
#include "server/hub.h"
#include "server/quarantine.h"
#include "server/tunnel.h"
#include "sim/node.h"
#include "sim/plan.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHARDS = 3, NODES = 120, VOLATILE = 12, SUBS = 4, CALLERS = 40 };

struct rig;
struct caller;
/* One a shard; everything but the atomics belongs to the shard's thread. */
struct driver {
    struct rig *rig;
    struct shard *shard;
    struct loop_timer timer;
    struct loop_msg msg;
    uint64_t rng;
    bool stopping;
    atomic_uint in_flight; /* calls, scans, creates */
    atomic_uint busy;      /* tunnels are still there */
    atomic_uint pings;
    unsigned done, commands, scans, created, deleted, events, gaps, objects, enrolled;
    struct hub_sub subs[SUBS];
    bool subscribed[SUBS], paused[SUBS];
    char own[64][HOST_ID_CAP]; /* hosts it has created itself */
    unsigned nown, names;
    struct listener *door;                   /* of viewers */
    char door_address[64];                   /* fixed before the drivers start */
    unsigned visits;                         /* viewers that were let in */
    char volatile_id[VOLATILE][HOST_ID_CAP]; /* of nodes that it deletes and makes again; "" while away */
};

struct rig {
    char dir[64];
    struct store *store;
    struct seal_key *seal;
    struct app *app;
    struct loop *loops[SHARDS];
    struct tls_lib *libs[SHARDS];
    struct tls_ctx *tls[SHARDS];
    pthread_t threads[SHARDS];
    struct driver drivers[SHARDS];
    char ids[NODES][HOST_ID_CAP]; /* fixed before the drivers start */
    struct sim_plan plan;
    /* nodes */
    struct loop *node_loop;
    pthread_t node_thread;
    struct sim_fleet *fleet;
    struct sim_node *nodes[NODES];
    struct loop_timer node_timer;
    uint64_t node_rng;
    struct caller *callers; /* viewers */
    uint64_t seen;          /* bytes that came to them */
    atomic_uint opened;     /* sessions that they saw open */
    atomic_uint linked;
    /* a thread that only looks */
    pthread_t looker;
    atomic_bool stop;
    struct buf ca_pem;
};

/* tls: the CIRA port speaks TLS. Hosts for all nodes are there and connected when it returns. */
void rig_open(struct rig *r, bool tls);
/* Drivers and trouble for so long. */
void rig_stir(struct rig *r, int64_t ms);
/* Drain, join, free; asserts that nothing is left over. */
void rig_close(struct rig *r);

/* driver.c */
void driver_start(struct driver *d);
void driver_stop(struct driver *d);
const char *driver_some_host(struct driver *d);
void driver_make(struct driver *d, struct host_new *rows, size_t n, int slot);

/* visits.c: sessions with viewers. Before the loops run; on the driver's shard; and so for the nodes' loop.
 */
void visits_open(struct driver *d);
void visits_close(struct driver *d);
void callers_open(struct rig *r);
void callers_close(struct rig *r);
