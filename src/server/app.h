/* SPDX-License-Identifier: Apache-2.0 */
/* app, shard: outbandd as a whole, and one loop of it. Shards share nothing but what app says is shared; a
 * host belongs to one shard for life. Loops, store and TLS contexts are given from outside, so that the same
 * code runs on real threads and in a simulated world. Owner: serve.c, or a test. */
#pragma once

#include "base/map.h"
#include "core/provision_run.h"
#include "net/loop.h"
#include "net/tls.h"
#include "proto/apf.h"
#include "server/metrics.h"
#include "store/seal.h"
#include "store/store.h"

#include <stdatomic.h>

enum { SHARDS_MAX = 64 };

struct app;
struct settings;   /* server/settings.h */
struct directory;  /* server/directory.h */
struct hub;        /* server/hub.h */
struct auth;       /* server/auth.h */
struct agent_ca;   /* server/agent_ca.h */
struct quarantine; /* server/quarantine.h */
struct objects;    /* server/objects.h */
struct gone;       /* server/gone.h */
struct peers;      /* server/peers.h */
struct tunnels;    /* server/tunnel.h: listeners and connections of one shard's CIRA port */
struct httpd;      /* server/httpd.h: listeners and connections of one shard */

/* Which port of the device WS-MAN goes to. auto: 16992 where it is forwarded, for firmware without TLS
 * forwards 16993 all the same (reference 1.7). The order is that of the setting's words. */
enum tunnel_port_policy { TUNNEL_PORT_AUTO, TUNNEL_PORT_TLS, TUNNEL_PORT_PLAIN };

/* Limits of the CIRA port, beside what they stop. */
struct tunnel_limits {
    uint32_t handshakes_max;   /* TLS handshakes in flight a shard: stops handshake storms */
    uint32_t accepts_per_turn; /* live tunnels first */
    uint32_t pending_max;      /* connections a shard that have not logged in: stops silent crowds */
    uint32_t per_peer_max;     /* connections one peer address may hold, over all shards */
    uint32_t tunnels_max;      /* connections a shard: stops running out of descriptors */
    uint32_t login_ms;         /* from accept to the end of the login; also bounds the TLS handshake */
    uint32_t quiet_ms;         /* without a new forward until the tunnel counts as up; reference 1.7 Q4, Q5 */
    uint32_t keepalive_s;      /* asked of the device by message 210 */
    uint32_t keepalive_timeout_s; /* the device gives up after so long without our answer; 0 never */
    uint32_t turn_messages;       /* APF events a connection may have worked off in one turn: fairness */
    uint32_t backlog_bytes;       /* sent but not taken by the peer: above it nothing more is handed to TCP */
    uint32_t wsman_idle_ms;       /* an idle WS-MAN client is freed, and its password with it */
    bool proxy_v2;                /* a PROXY protocol v2 header comes first */
    enum tunnel_port_policy port_policy;
};
#define TUNNEL_LIMITS_DEFAULT                                                                                \
    ((struct tunnel_limits){.handshakes_max = 64,                                                            \
                            .accepts_per_turn = 16,                                                          \
                            .pending_max = 1024,                                                             \
                            .per_peer_max = 1000,                                                            \
                            .tunnels_max = 20000,                                                            \
                            .login_ms = 10000,                                                               \
                            .quiet_ms = 300,                                                                 \
                            .keepalive_s = 15,                                                               \
                            .keepalive_timeout_s = 90,                                                       \
                            .turn_messages = 25,                                                             \
                            .backlog_bytes = 65536,                                                          \
                            .wsman_idle_ms = 40000})

/* Limits of /activate, beside what they stop. */
struct rps_limits {
    uint32_t silence_ms;  /* without a sign of life, or the answer that is due */
    uint32_t clients_max; /* a shard: stops crowds */
    bool anonymous;       /* clients that do not say who they are may set up hosts that are wanted so */
};
#define RPS_LIMITS_DEFAULT ((struct rps_limits){.silence_ms = 60000, .clients_max = 500})

/* One loop and everything that lives on it. Only its thread touches it, but metrics (relaxed atomics). */
struct shard {
    struct app *app;
    struct loop *loop;
    unsigned index;
    struct map hosts;       /* struct fleet_host by id */
    struct actions actions; /* scratch of the host machine */
    struct metrics metrics;
    struct tunnels *tunnels;
    struct httpd *httpd;
    struct tls_ctx *amt_tls; /* client context for port 16993; NULL: not offered */
    struct wsc_pool *wsc_pool;
    struct list rps;     /* clients of /activate: struct rps_conn */
    struct list relays;  /* sessions with a viewer: struct relay */
    struct list later;   /* events for host machines that arose while one was being fed */
    bool feeding;        /* actions of a host machine are being done */
    uint64_t last_token; /* of commands */
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
    struct agent_ca *agent_ca; /* NULL: the agents' door is shut */
    struct quarantine *quarantine;
    struct objects *objects;
    struct gone *gone;
    struct peers *peers;
    struct buf ca_pem;        /* our root, what clients trust */
    struct buf cira_root_pem; /* the root that nodes trust for the CIRA port: ours, or an imported one */
    char cira_name[256];      /* first name of the CIRA port's certificate */
    char server_name[256];    /* first name of the server certificate */
    struct wall started;
    uint64_t instance; /* random, new at each start */
    /* replaced by a reload (serve_run.c) while every loop stands still; old settings live until the end */
    struct settings *settings;
    struct host_policy policy;
    struct prov_rules prov_rules;
    struct wsc_limits wsc_limits;
    struct apf_limits apf_limits;
    struct tunnel_limits tunnel_limits;
    struct rps_limits rps_limits;
    _Atomic uint32_t cira_port; /* of the first CIRA listener; 0: none yet */
    _Atomic int draining;       /* SIGTERM came: no new sessions, readyz says no */
    _Atomic int ready;          /* hosts loaded and listeners open */
};

/* What an app is made of. Nothing here is owned by the app but what is said so. */
struct app_opts {
    unsigned nshards;
    struct loop *loops[SHARDS_MAX]; /* one a shard */
    struct store *store;            /* NULL: nothing is kept (tests) */
    struct seal_key *seal;
    struct settings *settings;                /* may be NULL; defaults are used then */
    struct slice ca_pem;                      /* copied */
    struct slice cira_root_pem;               /* copied; empty: as ca_pem */
    const char *cira_name;                    /* of the CIRA port's certificate; NULL: as server_name */
    struct slice agent_ca_pem, agent_key_pem; /* copied; empty: none */
    const char *server_name; /* first name of the server certificate; NULL: localhost. Copied */
    uint64_t instance;       /* random */
    uint64_t last_event;     /* store_last_event() */
};
/* Everything but hosts, auth and listeners. Before the loops run. NULL and ei filled. */
struct app *app_new(const struct app_opts *o, struct errinfo *ei);
/* Fill the copies of the rules from a->settings (settings.c's names are known only there). The loops are not
 * running, or stand still. */
void app_apply_settings(struct app *a);
/* Fill what firmware of ours is set up for (policy.mps_host, mps_root) after a name or setting was changed.
 */
void app_know_owner(struct app *a);
/* Frees hosts and what is left of tunnels, without a word to anybody. httpd, auth, settings, loops, store and
 * seal are freed by their owners: httpd before, loops after. The loops must not be running. */
void app_free(struct app **a);
/* The same after the loops crashed (simulation): streams, listeners and timers are gone already. */
void app_abandon(struct app **a);

/* Open a CIRA port of one shard on its own thread or before its loop runs; several may be open, in order. tls
 * NULL: plain (simulation). 0, or ei filled. */
NODISCARD int app_open_cira(struct shard *s, const char *address, struct tls_ctx *tls, bool reuse_port,
                            struct errinfo *ei);
/* Of the first port; 0 when none is open. */
uint16_t app_cira_port(const struct shard *s);
/* Real address of port i, in the order of opening; NULL when there is none. */
const char *app_cira_address(const struct shard *s, size_t i);
/* New connections of port i use this context. On the shard's thread. */
void app_set_cira_tls(struct shard *s, size_t i, struct tls_ctx *tls);
/* Interrupt every session, stop accepting and close every tunnel with the reason server-stop; what hosts say
 * of it goes to the store. On the shard's thread; app_shard_busy() tells when all are gone. */
void app_drain_shard(struct shard *s);
bool app_shard_busy(const struct shard *s);

/* The shard a host lives on: hash of its id. */
struct shard *app_shard_of(const struct app *a, const char *host_id);
static inline struct host_now shard_now(const struct shard *s) {
    return (struct host_now){loop_now(s->loop), loop_wall(s->loop)};
}
