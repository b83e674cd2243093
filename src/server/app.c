/* SPDX-License-Identifier: Apache-2.0 */
#include "server/app.h"
#include "server/agent_ca.h"

#include "base/text.h"
#include "net/pki.h"
#include "server/directory.h"
#include "server/fleet.h"
#include "server/gone.h"
#include "server/hub.h"
#include "server/objects.h"
#include "server/peers.h"
#include "server/quarantine.h"
#include "server/relay.h"
#include "server/rps_door.h"
#include "server/settings.h"
#include "server/tunnel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct shard *shard_new(struct app *a, unsigned index, struct loop *l) {
    struct shard *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->app = a;
    s->loop = l;
    s->index = index;
    s->hosts.seed = a->instance;
    list_init(&s->later);
    list_init(&s->relays);
    list_init(&s->rps);
    if (!(s->tunnels = tunnels_new(s)) || !(s->wsc_pool = wsc_pool_new())) {
        tunnels_free(&s->tunnels);
        free(s);
        return NULL;
    }
    return s;
}

static void shard_free(struct shard **sp) {
    struct shard *s = *sp;
    if (!s)
        return;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        fleet_host_drop(&fh);
    }
    tunnels_free(&s->tunnels);
    relays_free(s); /* after their channels */
    rps_free(s);    /* after what served them */
    wsc_pool_free(&s->wsc_pool);
    map_free(&s->hosts);
    actions_free(&s->actions);
    for (struct list_node *n; (n = list_pop(&s->later));)
        fleet_later_free(n);
    tls_ctx_unref(&s->amt_tls);
    free(s);
    *sp = NULL;
}

static struct hub_limits hub_limits_of(const struct settings *s) {
    struct hub_limits lim = HUB_LIMITS_DEFAULT;
    if (s) {
        lim.ring_max = s->events_ring;
        lim.subscribers_max = s->events_subscribers_max;
    }
    return lim;
}

static struct quarantine_limits quarantine_limits_of(const struct settings *s) {
    struct quarantine_limits lim = QUARANTINE_LIMITS_DEFAULT;
    if (s) {
        lim.entries_max = s->quarantine_max;
        lim.expire_s = s->quarantine_expire_ms / 1000;
    }
    return lim;
}

void app_apply_settings(struct app *a) {
    const struct settings *s = a->settings;
    a->policy = HOST_POLICY_DEFAULT;
    a->prov_rules = PROV_RULES_DEFAULT;
    a->policy.started = a->started;
    a->wsc_limits = WSC_LIMITS_DEFAULT;
    a->apf_limits = APF_LIMITS_DEFAULT;
    a->tunnel_limits = TUNNEL_LIMITS_DEFAULT;
    a->rps_limits = RPS_LIMITS_DEFAULT;
    if (!s)
        return;
    settings_host_policy(s, &a->policy);
    a->policy.started = a->started;
    settings_wsc_limits(s, &a->wsc_limits);
    settings_apf_limits(s, &a->apf_limits);
    a->rps_limits = (struct rps_limits){.silence_ms = s->activate_silence_ms,
                                        .clients_max = s->activate_clients_max,
                                        .anonymous = s->activate_anonymous};
    struct tunnel_limits *t = &a->tunnel_limits;
    t->handshakes_max = s->cira_handshakes_max;
    t->pending_max = s->cira_handshakes_max * 4;
    t->per_peer_max = s->cira_tunnels_per_peer ? s->cira_tunnels_per_peer : UINT32_MAX;
    t->login_ms = s->cira_auth_timeout_ms;
    t->keepalive_s = s->cira_keepalive_ms / 1000;
    t->keepalive_timeout_s = t->keepalive_s * 3;
    t->proxy_v2 = s->cira_proxy_protocol;
    t->port_policy = (enum tunnel_port_policy)s->wsman_port_policy;
    struct hub_limits hub = hub_limits_of(s);
    struct quarantine_limits quarantine = quarantine_limits_of(s);
    if (a->hub)
        hub_set_limits(a->hub, &hub);
    if (a->quarantine)
        quarantine_set_limits(a->quarantine, &quarantine);
}

void app_know_owner(struct app *a) {
    struct host_policy *p = &a->policy;
    struct pki_facts root;
    char host[PUBLIC_HOST_CAP] = "";
    uint16_t port;
    if (a->settings && settings_public_address(a->settings, host, &port, NULL) < 0)
        host[0] = 0;
    snprintf(p->mps_host, sizeof p->mps_host, "%.120s", host[0] ? host : a->cira_name);
    p->mps_root[0] = 0;
    if (a->cira_root_pem.len && pki_read(buf_slice(&a->cira_root_pem), &root, NULL) == 0)
        text_hex(slice_of(root.sha256, sizeof root.sha256), p->mps_root);
}

static int make_parts(struct app *a, const struct app_opts *o) {
    struct hub_limits hub = hub_limits_of(o->settings);
    struct quarantine_limits quarantine = quarantine_limits_of(o->settings);
    if (!(a->directory = directory_new(o->instance)) || !(a->peers = peers_new(o->instance)) ||
        !(a->quarantine = quarantine_new(&quarantine, o->store)) || !(a->gone = gone_new(o->store)) ||
        !(a->objects = objects_new(a)) || !(a->hub = hub_new(a, o->last_event, &hub)) ||
        buf_put(&a->ca_pem, o->ca_pem) < 0 ||
        buf_put(&a->cira_root_pem, o->cira_root_pem.n ? o->cira_root_pem : o->ca_pem) < 0)
        return ERR_NOMEM;
    if (o->agent_ca_pem.n && !(a->agent_ca = agent_ca_new(o->agent_ca_pem, o->agent_key_pem, o->instance)))
        return ERR_NOMEM;
    for (unsigned i = 0; i < o->nshards; i++) {
        if (!(a->shards[i] = shard_new(a, i, o->loops[i])))
            return ERR_NOMEM;
        a->nshards++;
    }
    int r = objects_load(a->objects);
    if (r == 0)
        r = gone_load(a->gone);
    return r ? r : quarantine_load(a->quarantine, a->started);
}

struct app *app_new(const struct app_opts *o, struct errinfo *ei) {
    assert(o->nshards >= 1 && o->nshards <= SHARDS_MAX);
    struct app *a = calloc(1, sizeof *a);
    if (!a) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        return NULL;
    }
    a->store = o->store;
    a->seal = o->seal;
    a->settings = o->settings;
    a->instance = o->instance;
    snprintf(a->server_name, sizeof a->server_name, "%s", o->server_name ? o->server_name : "localhost");
    snprintf(a->cira_name, sizeof a->cira_name, "%s", o->cira_name ? o->cira_name : a->server_name);
    a->started = loop_wall(o->loops[0]);
    app_apply_settings(a);
    int r = make_parts(a, o);
    if (r == 0)
        app_know_owner(a);
    if (r < 0) {
        err_set(ei, r, "", "the server could not be set up: %s", err_text(r));
        app_free(&a);
    }
    return a;
}

void app_free(struct app **ap) {
    struct app *a = *ap;
    if (!a)
        return;
    for (unsigned i = 0; i < a->nshards; i++)
        shard_free(&a->shards[i]);
    hub_free(&a->hub);
    quarantine_free(&a->quarantine);
    gone_free(&a->gone);
    objects_free(&a->objects);
    peers_free(&a->peers);
    directory_free(&a->directory);
    agent_ca_free(&a->agent_ca);
    buf_free(&a->ca_pem);
    buf_free(&a->cira_root_pem);
    free(a);
    *ap = NULL;
}

void app_abandon(struct app **ap) {
    for (unsigned i = 0; *ap && i < (*ap)->nshards; i++)
        (*ap)->shards[i]->loop = NULL;
    app_free(ap);
}

int app_open_cira(struct shard *s, const char *address, struct tls_ctx *tls, bool reuse_port,
                  struct errinfo *ei) {
    int r = tunnels_listen(s->tunnels, address, tls, reuse_port, ei);
    if (r == 0 && !atomic_load(&s->app->cira_port))
        atomic_store(&s->app->cira_port, app_cira_port(s));
    return r;
}
uint16_t app_cira_port(const struct shard *s) {
    return tunnels_port(s->tunnels);
}
const char *app_cira_address(const struct shard *s, size_t i) {
    return tunnels_address(s->tunnels, i);
}
void app_set_cira_tls(struct shard *s, size_t i, struct tls_ctx *tls) {
    tunnels_set_tls(s->tunnels, i, tls);
}
void app_drain_shard(struct shard *s) {
    LOOP_ASSERT(s->loop);
    relays_drain(s);
    rps_drain(s);
    tunnels_drain(s->tunnels, LINK_WHY_SERVER_STOP);
}
bool app_shard_busy(const struct shard *s) {
    return tunnels_held(s->tunnels) > 0 || relays_held(s) > 0 || rps_held(s) > 0;
}
