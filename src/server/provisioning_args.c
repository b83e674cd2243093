/* SPDX-License-Identifier: Apache-2.0 */
/* What a job of a provisioning needs beside its kind: secrets, opened for this one job; certificates and
 * signatures; what the profile says. */
#include "server/provisioning_int.h"

#include "base/ossl.h"
#include "base/text.h"
#include "net/pki.h"
#include "server/agent_ca.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the profile --- */

static void plan_free(struct prov_plan *p) {
    profile_wipe(&p->profile);
    if (p->cira)
        cira_config_free(p->cira);
    free(p->cira);
    p->cira = NULL;
    domain_free(&p->domain);
    p->no_domain[0] = 0;
}

void prov_plan_forget(struct provisioning *pv) {
    plan_free(&pv->plan);
    free(pv->tls_key);
    pv->tls_key = NULL;
}

/* Reference 5.4: the suffix that the firmware knows is MEBx's, else DHCP's; the client tells it as fqdn. */
static int read_domain(const struct shard *s, const char *project, const struct rps_device *dev,
                       struct prov_plan *p, struct errinfo *ei) {
    const char *suffix = dev->fqdn[0] ? dev->fqdn : dev->dns_suffix_os;
    struct wall now = loop_wall(s->loop);
    struct objects *o = s->app->objects;
    if (p->profile.domain[0])
        return objects_domain(o, project, p->profile.domain, now, &p->domain, ei);
    int r = objects_domain_for(o, project, suffix, (const char(*)[AMT_CERT_HASH_CAP])dev->root_hashes,
                               dev->nroot_hashes, now, &p->domain, ei);
    if (r != ERR_NOT_FOUND)
        return r;
    snprintf(p->no_domain, sizeof p->no_domain, "%.*s", PROV_WHY_CAP - 1, ei->text);
    return 0; /* the machine says so when it matters */
}

static int plan_read(const struct shard *s, const char *project, const char *profile,
                     const struct rps_device *dev, struct prov_plan *p, struct errinfo *ei) {
    struct objects *o = s->app->objects;
    int r = objects_profile(o, project, profile, &p->profile, ei);
    if (r == 0 && !(p->cira = calloc(1, sizeof *p->cira)))
        r = err_set(ei, ERR_NOMEM, "", "out of memory");
    if (r == 0)
        r = objects_cira(o, project, p->profile.cira_config, p->cira, ei);
    if (r == 0 && p->profile.mode == AMT_MODE_ACM && dev)
        r = read_domain(s, project, dev, p, ei);
    return r;
}

int prov_plan_load(struct provisioning *pv, const struct rps_device *dev, struct prov_spec *spec,
                   struct errinfo *ei) {
    struct prov_plan *p = &pv->plan;
    *spec = (struct prov_spec){0};
    prov_plan_forget(pv);
    if (pv->m.p.goal != PROV_GOAL_ACTIVATE)
        return 0;
    int r = plan_read(pv->fh->shard, pv->fh->h.project, pv->m.p.profile, dev, p, ei);
    if (r < 0)
        return r;
    snprintf(pv->host_name, sizeof pv->host_name, "%s", dev ? dev->host_name : "");
    snprintf(pv->domain_name, sizeof pv->domain_name, "%s", dev ? dev->dns_suffix_os : "");
    spec->mode = p->profile.mode;
    memcpy(spec->no_chain, p->no_domain, sizeof spec->no_chain);
    spec->nchain = p->domain ? (uint8_t)p->domain->nchain : 0;
    spec->network = p->profile.host_name_from_os && pv->host_name[0];
    spec->tls = p->profile.tls != PROFILE_TLS_NONE;
    return 0;
}

int provisioning_admit(const struct shard *s, const char *project, const char *profile,
                       const struct rps_device *dev, const char *actor, struct provision *order,
                       struct errinfo *ei) {
    struct prov_plan p = {0};
    int r = plan_read(s, project, profile, dev, &p, ei);
    if (r == 0 && p.profile.mode == AMT_MODE_ACM && !p.domain)
        r = err_set(ei, ERR_NOT_FOUND, "profile", "no provisioning certificate for admin control mode: %s",
                    p.no_domain);
    if (r == 0)
        provision_order(order, PROV_GOAL_ACTIVATE, p.profile.mode, profile, actor, loop_wall(s->loop));
    plan_free(&p);
    return r;
}

/* --- secrets --- */

static int open_secret(const struct provisioning *pv, const char *what, const struct sealed *s,
                       char out[SEALED_MAX]) {
    char context[HOST_ID_CAP + 8];
    out[0] = 0;
    snprintf(context, sizeof context, "%s/%s", pv->fh->h.id, what);
    return s->n ? seal_open(pv->fh->shard->app->seal, context, s, out, SEALED_MAX) : 0;
}

int prov_account(const struct provisioning *pv, enum prov_cred cred, char user[HOST_USER_CAP],
                 char password[SEALED_MAX]) {
    const struct fleet_host *fh = pv->fh;
    const struct local_way *w = pv->local;
    password[0] = 0;
    snprintf(user, HOST_USER_CAP, "admin");
    switch (cred) {
    case PROV_CRED_OS_ADMIN:
    case PROV_CRED_GIVEN:
        snprintf(user, HOST_USER_CAP, "%s", w ? w->dev.user : "");
        snprintf(password, SEALED_MAX, "%s", w ? w->dev.password : "");
        return 0;
    case PROV_CRED_NEXT:
        return open_secret(pv, "amt", &fh->amt_next, password);
    case PROV_CRED_CURRENT:
        if (fh->h.amt_user[0])
            snprintf(user, HOST_USER_CAP, "%s", fh->h.amt_user);
        return open_secret(pv, "amt", &fh->amt_secret, password);
    case PROV_CRED_NONE:
    case PROV_CRED_COUNT:
        break;
    }
    return ERR_INTERNAL;
}

/* --- one job --- */

static int text_of(const struct buf *b, char **out) {
    struct slice s = buf_slice(b);
    *out = strndup((const char *)s.p, s.n);
    return *out ? 0 : ERR_NOMEM;
}

static int base64(const uint8_t *p, size_t n, char *out, size_t cap) {
    if (cap < (n + 2) / 3 * 4 + 1)
        return ERR_LIMIT;
    EVP_EncodeBlock((unsigned char *)out, p, (int)n);
    return 0;
}

/* McNonce, and the leaf's signature over both nonces (5.4). */
static int sign(struct provisioning *pv, struct prov_texts *x) {
    uint8_t both[2 * AMT_NONCE_BYTES];
    struct buf sig = {0};
    const struct amt_setup *su = &pv->m.setup;
    if (!pv->plan.domain)
        return ERR_NOT_FOUND;
    memcpy(both, su->nonce, AMT_NONCE_BYTES);
    loop_random(pv->fh->shard->loop, both + AMT_NONCE_BYTES, AMT_NONCE_BYTES);
    int r = su->nonce_n == AMT_NONCE_BYTES ? 0 : ERR_PROTO;
    if (r == 0)
        r = base64(both + AMT_NONCE_BYTES, AMT_NONCE_BYTES, x->nonce, sizeof x->nonce);
    if (r == 0)
        r = domain_sign(pv->plan.domain, slice_of(both, sizeof both), &sig);
    if (r == 0)
        r = sig.len < sizeof x->signature ? 0 : ERR_LIMIT;
    if (r == 0)
        slice_to_str(buf_slice(&sig), x->signature, sizeof x->signature);
    buf_free(&sig);
    x->args.nonce = x->nonce;
    x->args.signature = x->signature;
    return r;
}

static int args_setup(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)arg;
    x->args.user = "admin";
    x->args.password = x->password;
    return open_secret(pv, "amt", &pv->fh->amt_next, x->password);
}

static int args_setup_acm(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    int r = args_setup(pv, x, arg);
    return r < 0 ? r : sign(pv, x);
}

static int args_upgrade(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)arg;
    return sign(pv, x);
}

static int args_chain(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    const struct domain *d = pv->plan.domain;
    if (!d || arg >= d->nchain)
        return ERR_NOT_FOUND;
    x->arg = (arg == 0 ? 1u : 0u) | (arg + 1 == d->nchain ? 2u : 0u);
    int r = text_of(&d->chain[arg], &x->certificate);
    x->args.certificate = x->certificate;
    return r;
}

static int args_mebx(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    const struct fleet_host *fh = pv->fh;
    (void)arg;
    x->args.password = x->password;
    return open_secret(pv, "mebx", fh->mebx_next.n ? &fh->mebx_next : &fh->mebx_secret, x->password);
}

static int args_network(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)arg;
    x->args.host_name = pv->host_name;
    x->args.domain = pv->domain_name;
    return 0;
}

static int args_cira_secret(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)arg;
    x->args.user = pv->fh->h.cira_user;
    x->args.password = x->password;
    return open_secret(pv, "cira", &pv->fh->cira_next, x->password);
}

/* A domain that is nowhere, so that the firmware always believes itself outside (5.6). */
static void detection(struct provisioning *pv, char out[48]) {
    struct uuid u;
    char text[UUID_TEXT_CAP];
    loop_random(pv->fh->shard->loop, &u, sizeof u);
    snprintf(out, 48, "%s.com", uuid_text(u, text));
}

static int args_cira(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    const struct cira_config *c = pv->plan.cira;
    if (!c)
        return ERR_NOT_FOUND;
    int r = text_of(&c->root_base64, &x->certificate);
    if (r == 0)
        r = args_cira_secret(pv, x, arg);
    detection(pv, x->detection);
    x->args.certificate = x->certificate;
    x->args.address = c->address;
    x->args.common_name = c->common_name;
    x->args.domain = x->detection;
    x->arg = c->port | (uint32_t)c->format << 16;
    return r;
}

/* A server certificate of our agents' authority for the firmware's own key. The plain port stays for the
 * tunnel, which is TLS itself. */
static int args_tls(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    enum { KEY_MAX = 2048, DAYS = 730, PLAIN_TOO = 2 };
    const struct app *a = pv->fh->shard->app;
    uint8_t der[KEY_MAX];
    struct agent_cert c = {0};
    struct buf root = {0}, leaf = {0};
    struct errinfo ei = {0};
    (void)arg;
    int n = pv->tls_key ? text_unbase64(slice_str(pv->tls_key), der, sizeof der) : ERR_STATE;
    if (n < 0 || !a->agent_ca)
        return n < 0 ? n : ERR_UNSUPPORTED;
    int r = agent_ca_sign_device(a->agent_ca, slice_of(der, (size_t)n), pv->fh->h.id,
                                 loop_wall(pv->fh->shard->loop), DAYS, &c, &ei);
    if (r == 0)
        r = pki_base64(agent_ca_cert(a->agent_ca), &root);
    if (r == 0)
        r = pki_base64(buf_slice(&c.pem), &leaf);
    if (r == 0)
        r = text_of(&root, &x->certificate);
    if (r == 0)
        r = text_of(&leaf, &x->leaf);
    memcpy(pv->tls_sha256, c.sha256, sizeof pv->tls_sha256);
    if (r == 0)
        pv->fh->h.leaf_until = c.until;
    x->args.certificate = x->certificate;
    x->args.leaf = x->leaf;
    x->arg = PLAIN_TOO;
    buf_free(&root);
    buf_free(&leaf);
    buf_free(&c.pem);
    return r;
}

static int args_features(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    const struct profile *p = &pv->plan.profile;
    (void)arg;
    x->arg = (p->kvm ? 1u : 0u) | (p->sol ? 2u : 0u) | (p->ider ? 4u : 0u);
    /* client control mode: consent is for all, and cannot be changed (4.1) */
    x->arg |= (p->mode == AMT_MODE_CCM ? 2u : (uint32_t)p->consent) << 8;
    return 0;
}

static int args_clock(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)arg;
    x->arg = (uint32_t)(loop_wall(pv->fh->shard->loop).us / 1000000);
    return 0;
}

static int args_none(struct provisioning *pv, struct prov_texts *x, uint32_t arg) {
    (void)pv;
    (void)x;
    (void)arg;
    return 0;
}

static int (*const MAKERS[WSC_JOB_COUNT])(struct provisioning *pv, struct prov_texts *x, uint32_t arg) = {
    [WSC_SETUP_READ] = args_none,     [WSC_SETUP_CCM] = args_setup,     [WSC_CHAIN_ADD] = args_chain,
    [WSC_SETUP_ACM] = args_setup_acm, [WSC_UPGRADE_ACM] = args_upgrade, [WSC_ADMIN_SET] = args_setup,
    [WSC_MEBX_SET] = args_mebx,       [WSC_CLEAN] = args_none,          [WSC_NETWORK_SET] = args_network,
    [WSC_CIRA_READ] = args_none,      [WSC_CIRA_SET] = args_cira,       [WSC_CIRA_SECRET] = args_cira_secret,
    [WSC_TLS_KEY] = args_none,        [WSC_TLS_SET] = args_tls,         [WSC_FEATURES_SET] = args_features,
    [WSC_CLOCK_SET] = args_clock,     [WSC_UNPROVISION] = args_none,
};

int prov_texts_make(struct provisioning *pv, enum wsc_job_kind job, uint32_t arg, struct prov_texts *x,
                    struct errinfo *ei) {
    *x = (struct prov_texts){.arg = arg};
    int r = MAKERS[job] ? MAKERS[job](pv, x, arg) : ERR_UNSUPPORTED;
    return r < 0 ? err_set(ei, r, "", "the step could not be prepared: %s", err_text(r)) : 0;
}

void prov_texts_fini(struct prov_texts *x) {
    free(x->certificate);
    free(x->leaf);
    explicit_bzero(x, sizeof *x);
}
