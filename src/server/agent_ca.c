/* SPDX-License-Identifier: Apache-2.0 */
#include "server/agent_ca.h"

#include "base/list.h"
#include "base/map.h"
#include "net/pki.h"

#include <pthread.h>
#include <stdlib.h>

enum { BACKDATE_MS = 3600 * 1000 }; /* a node's clock may be slow */

struct entry {
    struct map_node node;
    char host[HOST_ID_CAP];
    uint8_t cert[32], before[32];
    bool has_before;
};

struct agent_ca {
    pthread_mutex_t lock; /* of the entries */
    struct map entries;
    struct buf cert_pem, key_pem;
};

struct agent_ca *agent_ca_new(struct slice cert_pem, struct slice key_pem, uint64_t seed) {
    struct agent_ca *ca = calloc(1, sizeof *ca);
    if (!ca)
        return NULL;
    pthread_mutex_init(&ca->lock, NULL);
    ca->entries.seed = seed;
    if (buf_put(&ca->cert_pem, cert_pem) < 0 || buf_put(&ca->key_pem, key_pem) < 0)
        agent_ca_free(&ca);
    return ca;
}

void agent_ca_free(struct agent_ca **cap) {
    struct agent_ca *ca = *cap;
    if (!ca)
        return;
    *cap = NULL;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&ca->entries, &it));) {
        map_remove(&ca->entries, n);
        free(CONTAINER_OF(n, struct entry, node));
    }
    map_free(&ca->entries);
    pthread_mutex_destroy(&ca->lock);
    if (ca->key_pem.mem)
        explicit_bzero(ca->key_pem.mem, ca->key_pem.cap);
    buf_free(&ca->key_pem);
    buf_free(&ca->cert_pem);
    free(ca);
}

struct slice agent_ca_cert(const struct agent_ca *ca) {
    return buf_slice(&ca->cert_pem);
}

/* What was made, as agents and firmware are told of it. */
static int made(int r, struct agent_cert *c, struct errinfo *ei) {
    struct pki_facts facts;
    if (r == 0)
        r = pki_read(buf_slice(&c->pem), &facts, ei);
    if (r < 0) {
        buf_free(&c->pem);
        return r;
    }
    memcpy(c->sha256, facts.sha256, sizeof c->sha256);
    c->until = facts.not_after;
    return 0;
}

int agent_ca_sign(const struct agent_ca *ca, struct slice csr_pem, const char *host, struct wall now,
                  uint32_t days, struct agent_cert *c, struct errinfo *ei) {
    *c = (struct agent_cert){0};
    return made(pki_sign_client(buf_slice(&ca->cert_pem), buf_slice(&ca->key_pem), csr_pem, host,
                                wall_add_ms(now, -(int64_t)BACKDATE_MS), (int)days, &c->pem, ei),
                c, ei);
}

int agent_ca_sign_device(const struct agent_ca *ca, struct slice key_der, const char *name, struct wall now,
                         uint32_t days, struct agent_cert *c, struct errinfo *ei) {
    *c = (struct agent_cert){0};
    return made(pki_sign_device(buf_slice(&ca->cert_pem), buf_slice(&ca->key_pem), key_der, name,
                                wall_add_ms(now, -(int64_t)BACKDATE_MS), (int)days, &c->pem, ei),
                c, ei);
}

/* --- which one counts --- */

static struct entry *find(const struct agent_ca *ca, const char *host) {
    struct map_node *n = map_get(&ca->entries, slice_str(host));
    return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

static bool same(const uint8_t a[32], const uint8_t b[32]) {
    return slice_eq_secret(slice_of(a, 32), slice_of(b, 32));
}

int agent_ca_admit(struct agent_ca *ca, const char *host, const uint8_t cert[32], const uint8_t *before) {
    int r = 0;
    pthread_mutex_lock(&ca->lock);
    struct entry *e = find(ca, host);
    if (!e && (e = calloc(1, sizeof *e))) {
        slice_to_str(slice_str(host), e->host, sizeof e->host);
        if ((r = map_put(&ca->entries, &e->node, slice_str(e->host))) < 0) {
            free(e);
            e = NULL;
        }
    }
    if (e) {
        e->has_before = before != NULL;
        memcpy(e->cert, cert, sizeof e->cert);
        if (before)
            memcpy(e->before, before, sizeof e->before);
    }
    pthread_mutex_unlock(&ca->lock);
    return e ? 0 : ERR_NOMEM;
}

void agent_ca_revoke(struct agent_ca *ca, const char *host) {
    pthread_mutex_lock(&ca->lock);
    struct entry *e = find(ca, host);
    if (e)
        map_remove(&ca->entries, &e->node);
    pthread_mutex_unlock(&ca->lock);
    free(e);
}

bool agent_ca_knows(struct agent_ca *ca, const char *host, const uint8_t cert[32]) {
    bool known = false;
    pthread_mutex_lock(&ca->lock);
    struct entry *e = find(ca, host);
    if (e && same(e->cert, cert)) {
        known = true;
        e->has_before = false;
    } else if (e && e->has_before) {
        known = same(e->before, cert);
    }
    pthread_mutex_unlock(&ca->lock);
    return known;
}
