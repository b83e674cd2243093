/* SPDX-License-Identifier: Apache-2.0 */
#include "server/throttle.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORGET_FREE_MS = 60 * 1000, FORGET_MS = 15 * 60 * 1000 };

static const struct {
    const char *prefix;
    unsigned wait_max_s;
} KINDS[] = {
#define K(sym, prefix, max) [THROTTLE_##sym] = {prefix, max},
    THROTTLE_TABLE(K)
#undef K
};

struct entry {
    struct map_node node;
    struct list_node age;
    char key[80];
    unsigned failures;
    struct mono until, last;
};

void throttle_init(struct throttle *t, uint64_t seed, uint32_t entries_max, uint32_t free_max) {
    *t = (struct throttle){.entries = {.seed = seed}, .entries_max = entries_max, .free_max = free_max};
    list_init(&t->by_age);
}

static void drop(struct throttle *t, struct entry *e) {
    map_remove(&t->entries, &e->node);
    list_remove(&t->by_age, &e->age);
    free(e);
}

void throttle_fini(struct throttle *t) {
    LIST_EACH (n, &t->by_age)
        drop(t, CONTAINER_OF(n, struct entry, age));
    map_free(&t->entries);
}

static struct entry *find(struct throttle *t, enum throttle_kind k, const char *name, char key[80]) {
    snprintf(key, 80, "%s%s", KINDS[k].prefix, name);
    struct map_node *n = map_get(&t->entries, slice_str(key));
    return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

unsigned throttle_wait_s(struct throttle *t, enum throttle_kind k, const char *name, struct mono now) {
    char key[80];
    struct entry *e = find(t, k, name, key);
    if (!e || mono_due(e->until, now))
        return 0;
    return (unsigned)((mono_ms_between(now, e->until) + 999) / 1000);
}

static struct entry *make(struct throttle *t, const char *key) {
    if (t->by_age.count >= t->entries_max)
        drop(t, CONTAINER_OF(list_first(&t->by_age), struct entry, age));
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    snprintf(e->key, sizeof e->key, "%s", key);
    if (map_put(&t->entries, &e->node, slice_str(e->key))) {
        free(e);
        return NULL;
    }
    list_push(&t->by_age, &e->age);
    return e;
}

void throttle_failed(struct throttle *t, enum throttle_kind k, const char *name, struct mono now) {
    char key[80];
    struct entry *e = find(t, k, name, key);
    if (e && mono_ms_between(e->last, now) > (e->failures < t->free_max ? FORGET_FREE_MS : FORGET_MS)) {
        drop(t, e);
        e = NULL;
    }
    if (!e)
        e = make(t, key);
    if (!e)
        return;
    list_remove(&t->by_age, &e->age);
    list_push(&t->by_age, &e->age);
    e->last = now;
    e->failures++;
    if (e->failures < t->free_max)
        return;
    unsigned over = e->failures - t->free_max;
    unsigned wait_s = over < 10 ? 1u << over : KINDS[k].wait_max_s;
    e->until =
        mono_add_ms(now, 1000 * (int64_t)(wait_s < KINDS[k].wait_max_s ? wait_s : KINDS[k].wait_max_s));
}

void throttle_passed(struct throttle *t, enum throttle_kind k, const char *name) {
    char key[80];
    struct entry *e = find(t, k, name, key);
    if (e)
        drop(t, e);
}
