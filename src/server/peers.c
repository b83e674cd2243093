/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peers.h"

#include "base/list.h"
#include "base/map.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDR_CAP = 64 };

struct peer {
    struct map_node node;
    uint32_t held;
    char addr[ADDR_CAP];
};
struct peers {
    pthread_mutex_t lock;
    struct map map;
};

struct peers *peers_new(uint64_t seed) {
    struct peers *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return NULL;
    }
    p->map.seed = seed;
    return p;
}

void peers_free(struct peers **pp) {
    struct peers *p = *pp;
    if (!p)
        return;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&p->map, &it));) {
        map_remove(&p->map, n);
        free(CONTAINER_OF(n, struct peer, node));
    }
    map_free(&p->map);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pp = NULL;
}

static struct peer *find(struct peers *p, const char *addr) {
    struct map_node *n = map_get(&p->map, slice_head(slice_str(addr), ADDR_CAP - 1));
    return n ? CONTAINER_OF(n, struct peer, node) : NULL;
}

static struct peer *add(struct peers *p, const char *addr) {
    struct peer *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    snprintf(x->addr, sizeof x->addr, "%s", addr);
    if (map_put(&p->map, &x->node, slice_str(x->addr)) < 0) {
        free(x);
        return NULL;
    }
    return x;
}

bool peers_take(struct peers *p, const char *addr, uint32_t max) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, addr);
    if (!x && max > 0)
        x = add(p, addr);
    bool ok = x && x->held < max;
    if (ok)
        x->held++;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void peers_give(struct peers *p, const char *addr) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, addr);
    if (x && --x->held == 0) {
        map_remove(&p->map, &x->node);
        free(x);
    }
    pthread_mutex_unlock(&p->lock);
}

uint32_t peers_count(struct peers *p, const char *addr) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, addr);
    uint32_t n = x ? x->held : 0;
    pthread_mutex_unlock(&p->lock);
    return n;
}
