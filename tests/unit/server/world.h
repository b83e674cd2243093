/* SPDX-License-Identifier: Apache-2.0 */
/* world: a server core in a simulated world, for unit tests: shards, hosts without or with a store, scripted
 * devices that speak APF, and (node.h) simulated machines. Owner: the test. */
#pragma once

#include "net/sim.h"
#include "proto/apf.h"
#include "server/fleet.h"
#include "server/hub.h"
#include "server/tunnel.h"

#include <stdlib.h>

#define WORLD_CIRA "10.0.0.1:4433"

struct world {
    struct sim_world *sim;
    unsigned nshards;
    struct loop *loops[4], *out; /* out: of the devices */
    struct app *app;
    struct seal_key *seal;
    struct store *store;
    char dir[64];
};
/* store: with a database in a temporary directory. */
void world_make(struct world *w, unsigned nshards, bool store);
void world_unmake(struct world *w);
/* Start the app anew over the same store, as after a crash of the server. */
void world_restart(struct world *w);
void world_listen(struct world *w, struct tls_ctx *tls);
void world_run(struct world *w, int64_t ms);
/* Run until cond(ctx), at most ms; false when it does not come true. Waits for the store's thread, too. */
bool world_until(struct world *w, bool (*cond)(void *ctx), void *ctx, int64_t ms);
/* Create a host (CIRA user u-NAME, password p-NAME, AMT user admin, password P@ssw0rd) and return its id. */
const char *world_host(struct world *w, const char *name, char id[HOST_ID_CAP]);
/* The host, wherever it lives; NULL when there is none. */
struct fleet_host *world_find(struct world *w, const char *id);
int64_t world_metric(const struct world *w, enum metric k);

/* A device that does what the test says. */
struct device {
    struct world *w;
    struct stream *s;
    struct apf *apf;
    struct apf_login login;
    uint32_t ports[4];
    bool mute; /* does not speak APF by itself */
    bool ready, denied, ended, disconnected;
    uint32_t disconnect_reason, keepalive_interval;
    enum stream_end why;
    unsigned opens, keepalives;
    struct buf got;   /* bytes received while mute */
    size_t cut_after; /* end the connection after so many bytes were sent; 0: never */
    size_t sent;
};
/* Connect from the source address ("10.0.1.1:50000"); logs in as u-NAME unless mute. */
void device_open(struct device *d, struct world *w, const char *source, const char *user,
                 const char *password);
void device_open_mute(struct device *d, struct world *w, const char *source);
void device_send(struct device *d, struct slice bytes);
void device_flush(struct device *d);
void device_close(struct device *d);
