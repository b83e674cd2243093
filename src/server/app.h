/* SPDX-License-Identifier: Apache-2.0 */
/* app, shard: outbandd as a whole, and one loop of it. Shards share nothing but what app says is shared; a
 * host belongs to one shard for life. Owner: main.c. */
#pragma once

#include "core/host.h"
#include "net/loop.h"
#include "net/tls.h"
#include "server/metrics.h"
#include "server/settings.h"
#include "store/seal.h"
#include "store/store.h"

enum { SHARDS_MAX = 64 };

struct app;
struct directory;  /* server/directory.h */
struct hub;        /* server/hub.h */
struct auth;       /* server/auth.h */
struct quarantine; /* server/quarantine.h */
struct tunnels;    /* server/tunnel.h: listeners and limits of one shard */
struct httpd;      /* server/httpd.h: listeners and connections of one shard */

/* One loop thread and everything that lives on it. Only that thread touches it, but metrics (relaxed
 * atomics). */
struct shard {
    struct app *app;
    struct loop *loop;
    unsigned index;
    struct map hosts;       /* struct fleet_host by id */
    struct actions actions; /* scratch of the host machine */
    struct metrics metrics;
    struct tunnels *tunnels;
    struct httpd *httpd;
};

struct app {
    /* fixed after start */
    unsigned nshards;
    struct shard *shards[SHARDS_MAX];
    struct store *store;
    struct seal_key *seal;
    struct directory *directory;
    struct hub *hub;
    struct auth *auth;
    struct quarantine *quarantine;
    struct buf ca_pem; /* our root, what clients trust */
    struct wall started;
    uint64_t instance; /* random, new at each start */
    /* replaced whole by a reload, read by shards at a turn's start */
    struct settings *settings;
    struct host_policy policy;
    struct wsc_limits wsc_limits;
    struct apf_limits apf_limits;
    _Atomic int draining; /* SIGTERM came: no new sessions, readyz says no */
    _Atomic int ready;    /* hosts loaded and listeners open */
};

/* The shard a host lives on: hash of its id. */
struct shard *app_shard_of(const struct app *a, const char *host_id);
static inline struct host_now shard_now(const struct shard *s) {
    return (struct host_now){loop_now(s->loop), loop_wall(s->loop)};
}
