/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/prov.h"

#include "base/ossl.h"
#include "sim/node_int.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIODIC = 2, USER_INITIATED_NONE = 32768, USER_INITIATED_ALL = 32771, USER_LIFETIME_S = 300 };

void prov_cert_drop(struct prov_cert *c) {
    free(c->der);
    *c = (struct prov_cert){0};
}

bool prov_cert_set(struct prov_cert *c, struct slice der, uint32_t handle, bool root) {
    uint8_t *copy = malloc(der.n);
    if (!copy)
        return false;
    memcpy(copy, der.p, der.n);
    free(c->der);
    *c = (struct prov_cert){.der = copy, .n = der.n, .handle = handle, .root = root};
    return true;
}

struct prov_cert *prov_cert_free(struct prov *p) {
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        if (!p->certs[i].der)
            return &p->certs[i];
    return NULL;
}

struct prov_cert *prov_cert_find(struct prov *p, uint32_t handle) {
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        if (p->certs[i].der && p->certs[i].handle == handle)
            return &p->certs[i];
    return NULL;
}

void prov_chain_drop(struct prov *p) {
    for (size_t i = 0; i < PROV_CHAIN_MAX; i++)
        prov_cert_drop(&p->chain[i]);
    p->nchain = p->chain_status = 0;
}

bool prov_root_add(struct prov *p, const char *name, const uint8_t sha256[32], bool is_default) {
    if (p->nroots == PROV_ROOT_HASHES_MAX)
        return false;
    struct prov_root_hash *h = &p->roots[p->nroots++];
    *h = (struct prov_root_hash){.alg = 2, .n = 32, .is_default = is_default, .active = true};
    snprintf(h->name, sizeof h->name, "%s", name);
    memcpy(h->hash, sha256, 32);
    return true;
}

static void forget_credentials(struct prov *p) {
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        prov_cert_drop(&p->certs[i]);
    EVP_PKEY_free(p->key);
    p->key = NULL;
    memset(p->keys, 0, sizeof p->keys);
    p->tls_cert = p->next_handle = 0;
    explicit_bzero(p->admin_ha1, sizeof p->admin_ha1);
}

void prov_reset(struct prov *p, bool keep) {
    prov_chain_drop(p);
    if (!keep)
        forget_credentials(p);
    p->mode = p->state = 0;
    explicit_bzero(p->mps, sizeof p->mps);
    memset(p->policies, 0, sizeof p->policies);
    p->user_initiated = USER_INITIATED_NONE;
    p->detection[0] = p->host_name[0] = p->domain[0] = 0;
    p->tls = p->tls_next = (struct prov_tls){0};
    p->tls_pending = false;
    p->changed = true;
}

void prov_free(struct prov **pp) {
    struct prov *p = *pp;
    if (!p)
        return;
    prov_chain_drop(p);
    forget_credentials(p);
    explicit_bzero(p, sizeof *p);
    free(p);
    *pp = NULL;
}

/* --- of a node --- */

uint8_t node_control_mode(const struct sim_node *n) {
    if (n->prov)
        return n->prov->mode;
    return n->unprovisioned ? 0 : n->cfg.mode == SIM_CCM ? 1 : 2;
}

void node_mode_changed(struct sim_node *n) {
    const struct sim_times *t = &n->fleet->cfg.times;
    optin_init(&n->optin, node_control_mode(n) == 1, !n->cfg.no_kvm, t->consent_code_s, t->consent_display_s,
               t->sprite_ms);
}

/* The tunnel that a node without history has: to the fleet's server, for ever. */
static void fill_remote(struct prov *p, const struct sim_node *n) {
    struct prov_mps *m = &p->mps[0];
    const char *server = n->fleet->server, *colon = strrchr(server, ':');
    uint64_t port = 0;
    if (!colon || !slice_to_u64(slice_str(colon + 1), UINT16_MAX, &port))
        return;
    struct slice host = slice_of(server, (size_t)(colon - server));
    if (host.n > 2 && host.p[0] == '[')
        host = slice_of(host.p + 1, host.n - 2);
    uint8_t raw[16];
    slice_to_str(host, m->address, sizeof m->address);
    m->format = inet_pton(AF_INET, m->address, raw) == 1    ? 3
                : inet_pton(AF_INET6, m->address, raw) == 1 ? 4
                                                            : 201;
    const char *cn = n->fleet->cfg.verify_name ? n->fleet->cfg.verify_name : m->address;
    slice_to_str(slice_str(cn), m->common_name, sizeof m->common_name);
    slice_to_str(slice_str(n->cfg.id.cira_user), m->user, sizeof m->user);
    slice_to_str(slice_str(n->cfg.id.cira_password), m->password, sizeof m->password);
    m->port = (uint16_t)port;
    m->used = true;
    p->policies[0] = (struct prov_policy){.used = true,
                                          .trigger = PERIODIC,
                                          .extended = {0, 0, 0, 0, 0, 0, 0, 25},
                                          .nextended = 8,
                                          .mps_type = 2};
    p->policies[1] = (struct prov_policy){.used = true, .lifetime_s = USER_LIFETIME_S, .mps_type = 2};
    p->user_initiated = USER_INITIATED_ALL;
    snprintf(p->detection, sizeof p->detection, "%s.example", n->cfg.id.serial);
}

static void fill(struct prov *p, const struct sim_node *n) {
    char realm[NODE_REALM_CAP];
    p->mode = n->cfg.mode == SIM_CCM ? 1 : 2;
    p->state = 2;
    if (digest_ha1(n->cfg.id.amt_user, node_realm(n, realm), n->cfg.id.amt_password, p->admin_ha1) < 0)
        p->admin_ha1[0] = 0;
    fill_remote(p, n);
}

struct prov *node_prov(struct sim_node *n) {
    if (n->prov)
        return n->prov;
    struct prov *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    const struct sim_fleet *f = n->fleet;
    loop_random(f->cfg.loop, p->nonce, sizeof p->nonce);
    if (f->cfg.root_sha256)
        (void)prov_root_add(p, "Outband Test Provisioning Root", f->root_sha256, false);
    slice_to_str(slice_str(f->dns_suffix), p->dns_suffix, sizeof p->dns_suffix);
    prov_reset(p, false);
    if (!n->unprovisioned)
        fill(p, n);
    p->changed = false;
    return n->prov = p;
}

void node_prov_restore(struct sim_node *n) {
    if (n->prov) {
        prov_reset(n->prov, false);
        fill(n->prov, n);
    }
    node_mode_changed(n);
}
