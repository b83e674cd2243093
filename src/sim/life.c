/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/life.h"

#include "base/map.h"
#include "base/text.h"
#include "net/tls.h"
#include "sim/tunnel_side.h"

#include <stdio.h>
#include <stdlib.h>

enum { PERIODIC = 2, PEM_LINE = 64 };

/* --- contexts --- */

/* Nodes that trust the same roots share a context; the oldest makes room. */
struct life_ctx {
    uint64_t key;
    struct tls_ctx *tls;
};
enum { LIFE_CTXS = 8 };
struct life_ctxs {
    struct life_ctx all[LIFE_CTXS];
    size_t next;
};

void life_put_pem(struct buf *out, struct slice der) {
    struct buf b64 = {0};
    if (text_base64(&b64, der) < 0)
        out->failed = true;
    buf_puts(out, "-----BEGIN CERTIFICATE-----\n");
    for (struct slice rest = buf_slice(&b64); rest.n; rest = slice_skip(rest, PEM_LINE)) {
        buf_put(out, slice_head(rest, PEM_LINE));
        buf_puts(out, "\n");
    }
    buf_puts(out, "-----END CERTIFICATE-----\n");
    buf_free(&b64);
}

static struct tls_ctx *ctx_make(const struct sim_fleet *f, const struct prov *p) {
    struct buf pem = {0};
    struct errinfo ei;
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        if (p->certs[i].der && p->certs[i].root)
            life_put_pem(&pem, slice_of(p->certs[i].der, p->certs[i].n));
    struct tls_ctx *tls = NULL;
    if (!pem.failed)
        tls = tls_client_ctx(buf_slice(&pem), false, f->cfg.legacy_tls ? TLS_LEGACY : TLS_ONLY_12, &ei);
    if (tls && tls_share_peers(tls) < 0)
        tls_ctx_unref(&tls);
    buf_free(&pem);
    return tls;
}

/* NULL: no root is trusted, or what is there is none. */
static struct tls_ctx *ctx_of(struct sim_fleet *f, const struct prov *p) {
    uint64_t key = 0;
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        if (p->certs[i].der && p->certs[i].root)
            key = map_hash(slice_of(p->certs[i].der, p->certs[i].n), key + 1);
    if (!key)
        return NULL;
    if (!f->ctxs)
        f->ctxs = calloc(1, sizeof *f->ctxs);
    if (!f->ctxs)
        return NULL;
    for (size_t i = 0; i < LIFE_CTXS; i++)
        if (f->ctxs->all[i].key == key)
            return f->ctxs->all[i].tls;
    struct tls_ctx *tls = ctx_make(f, p);
    if (!tls)
        return NULL;
    struct life_ctx *c = &f->ctxs->all[f->ctxs->next++ % LIFE_CTXS];
    tls_ctx_unref(&c->tls);
    *c = (struct life_ctx){key, tls};
    return tls;
}

void life_fleet_free(struct sim_fleet *f) {
    for (size_t i = 0; f->ctxs && i < LIFE_CTXS; i++)
        tls_ctx_unref(&f->ctxs->all[i].tls);
    free(f->ctxs);
    f->ctxs = NULL;
}

/* --- what is configured --- */

static const struct prov_mps *mps_of(const struct prov *p) {
    for (size_t i = 0; i < PROV_POLICIES_MAX; i++) {
        const struct prov_policy *r = &p->policies[i];
        if (r->used && r->trigger == PERIODIC && r->mps >= 0 && r->mps < PROV_MPS_MAX && p->mps[r->mps].used)
            return &p->mps[r->mps];
    }
    return NULL;
}

/* Environment detection: a domain that is not the one here says "outside" (1.8). */
static bool outside(const struct prov *p) {
    return p->detection[0] && strcmp(p->detection, p->dhcp_suffix) != 0;
}

bool node_dials(const struct sim_node *n) {
    if (!node_amt_on(n) || node_control_mode(n) == 0)
        return false;
    return !n->prov || (outside(n->prov) && mps_of(n->prov));
}

static void put_address(const struct prov_mps *m, struct node_dial *d) {
    bool v6 = strchr(m->address, ':') != NULL;
    snprintf(d->address, sizeof d->address, v6 ? "[%s]:%u" : "%s:%u", m->address, m->port);
}

static uint64_t key_of(const struct sim_node *n, const struct node_dial *d) {
    return map_hash(slice_str(d->address), node_tls_remote(n) ? 1 : 2);
}

bool node_dial(struct sim_node *n, struct node_dial *d) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    *d = (struct node_dial){.user = n->cfg.id.cira_user,
                            .password = n->cfg.id.cira_password,
                            .verify = cfg->verify_name,
                            .tls = cfg->tls};
    if (!node_dials(n))
        return false;
    snprintf(d->address, sizeof d->address, "%.*s", AMT_HOST_CAP, n->fleet->server);
    uint64_t fleets = key_of(n, d);
    d->key = fleets;
    if (!n->prov)
        return true;
    const struct prov_mps *m = mps_of(n->prov);
    put_address(m, d);
    d->key = key_of(n, d);
    d->user = m->user;
    d->password = m->password;
    struct tls_ctx *own = cfg->tls ? ctx_of(n->fleet, n->prov) : NULL;
    if (own) {
        d->tls = own;
        d->verify = m->common_name[0] ? m->common_name : m->address;
    }
    /* set up before the program began: as its options say */
    return own || !cfg->tls || d->key == fleets;
}

/* --- settling --- */

/* Firmware takes its time over a changed set-up (1.7, Q8): several changes in a row are one. */
static void changed(struct sim_node *n) {
    struct prov *p = n->prov;
    p->changed = false;
    n->life_at = mono_add_ms(node_now(n), p->mode ? n->fleet->cfg.times.commit_ms : 0);
    if (p->mode == 0)
        explicit_bzero(p->os_admin_password, sizeof p->os_admin_password);
}

void life_settle(struct sim_node *n) {
    struct node_dial d;
    if (n->prov && n->prov->changed)
        changed(n);
    if (!mono_due(n->life_at, node_now(n)))
        return;
    n->life_at = MONO_NEVER;
    bool wanted = node_dial(n, &d);
    if (n->tunnel && (!wanted || d.key != n->dial_key))
        sim_tunnel_drop(n->tunnel, TUNNEL_FIN);
    if (n->twin && (!wanted || d.key != n->dial_key))
        sim_tunnel_drop(n->twin, TUNNEL_FIN);
    if (wanted && !n->tunnel)
        n->connect_at = node_now(n);
}

struct mono life_deadline(const struct sim_node *n) {
    return n->life_at;
}
