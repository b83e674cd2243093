/* SPDX-License-Identifier: Apache-2.0 */
/* map: intrusive hash table keyed by bytes. Objects embed a map_node that points at their key; the map owns
 * only its bucket array. Owner: the holder; not locked. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct map_node {
    struct map_node *next;
    struct slice key; /* must live and stay unchanged while the node is in the map */
    uint64_t hash;
};
struct map {
    struct map_node **buckets;
    size_t nbuckets, count;
    uint64_t seed; /* set before the first insert when keys come from outside (stops collision floods) */
};

/* Insert under key. ERR_EXISTS when the key is taken; ERR_NOMEM. */
NODISCARD int map_put(struct map *m, struct map_node *n, struct slice key);
/* The node, or NULL. */
struct map_node *map_get(const struct map *m, struct slice key);
/* Remove the node if it is in the map. */
void map_remove(struct map *m, struct map_node *n);
/* Walk: start with it = {0}; NULL at the end. Removing the node just returned is allowed. */
struct map_iter {
    size_t bucket;
    struct map_node *next;
    bool started;
};
struct map_node *map_next(const struct map *m, struct map_iter *it);
/* Frees the buckets, not the objects. */
void map_free(struct map *m);
/* 64-bit FNV-1a with a final mix, also used to spread hosts over loops. */
uint64_t map_hash(struct slice key, uint64_t seed);
