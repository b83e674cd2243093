/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

uint64_t map_hash(struct slice key, uint64_t seed) {
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ key.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static int grow(struct map *m) {
    size_t n = m->nbuckets ? m->nbuckets * 2 : 16;
    struct map_node **b = calloc(n, sizeof *b);
    if (!b)
        return ERR_NOMEM;
    for (size_t i = 0; i < m->nbuckets; i++)
        for (struct map_node *x = m->buckets[i], *next; x; x = next) {
            next = x->next;
            x->next = b[x->hash & (n - 1)];
            b[x->hash & (n - 1)] = x;
        }
    free(m->buckets);
    m->buckets = b;
    m->nbuckets = n;
    return 0;
}

static struct map_node *find(const struct map *m, struct slice key, uint64_t hash) {
    if (!m->nbuckets)
        return NULL;
    struct map_node *x = m->buckets[hash & (m->nbuckets - 1)];
    while (x && !(x->hash == hash && slice_eq(x->key, key)))
        x = x->next;
    return x;
}

int map_put(struct map *m, struct map_node *n, struct slice key) {
    uint64_t hash = map_hash(key, m->seed);
    if (find(m, key, hash))
        return ERR_EXISTS;
    if (m->count >= m->nbuckets && grow(m) < 0)
        return ERR_NOMEM;
    n->key = key;
    n->hash = hash;
    struct map_node **at = &m->buckets[hash & (m->nbuckets - 1)];
    n->next = *at;
    *at = n;
    m->count++;
    return 0;
}

struct map_node *map_get(const struct map *m, struct slice key) {
    return find(m, key, map_hash(key, m->seed));
}

void map_remove(struct map *m, struct map_node *n) {
    if (!m->nbuckets)
        return;
    for (struct map_node **at = &m->buckets[n->hash & (m->nbuckets - 1)]; *at; at = &(*at)->next)
        if (*at == n) {
            *at = n->next;
            n->next = NULL;
            m->count--;
            return;
        }
}

struct map_node *map_next(const struct map *m, struct map_iter *it) {
    struct map_node *n = it->started ? it->next : NULL;
    if (!it->started) {
        it->started = true;
        it->bucket = 0;
    }
    while (!n && it->bucket < m->nbuckets)
        n = m->buckets[it->bucket++];
    it->next = n ? n->next : NULL;
    return n;
}

void map_free(struct map *m) {
    free(m->buckets);
    uint64_t seed = m->seed;
    *m = (struct map){.seed = seed};
}
