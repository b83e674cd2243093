/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backlog.h"

#include <stdlib.h>

struct item {
    struct list_node in_all, in_events;
    struct map_node by_key;
    struct store_write *w;
};

void backlog_init(struct backlog *b, size_t max, size_t events_max) {
    *b = (struct backlog){.max = max, .events_max = events_max};
    list_init(&b->all);
    list_init(&b->events);
}

static void drop(struct backlog *b, struct item *it) {
    list_remove(&b->all, &it->in_all);
    list_remove(&b->events, &it->in_events);
    if (store_write_key(it->w).n)
        map_remove(&b->by_kind[it->w->kind], &it->by_key);
    store_write_free(&it->w);
    free(it);
}

void backlog_clear(struct backlog *b) {
    LIST_EACH (n, &b->all)
        drop(b, CONTAINER_OF(n, struct item, in_all));
}

void backlog_fini(struct backlog *b) {
    backlog_clear(b);
    for (size_t i = 0; i < STORE_WRITE_COUNT; i++)
        map_free(&b->by_kind[i]);
}

static void drop_oldest(struct backlog *b, struct item *it) {
    drop(b, it);
    b->dropped++;
}

static void take_one(struct backlog *b, struct store_write *w) {
    struct slice key = store_write_key(w);
    struct item *it = calloc(1, sizeof *it);
    if (!it)
        goto lost;
    it->w = w;
    if (key.n) {
        struct map *m = &b->by_kind[w->kind];
        struct map_node *old = map_get(m, key);
        if (old)
            drop(b, CONTAINER_OF(old, struct item, by_key));
        if (map_put(m, &it->by_key, key))
            goto lost;
    }
    list_push(&b->all, &it->in_all);
    if (w->kind == STORE_EVENT_ADD)
        list_push(&b->events, &it->in_events);
    if (b->events.count > b->events_max)
        drop_oldest(b, CONTAINER_OF(list_first(&b->events), struct item, in_events));
    if (b->all.count > b->max)
        drop_oldest(b, CONTAINER_OF(list_first(&b->all), struct item, in_all));
    return;
lost:
    free(it);
    store_write_free(&w);
    b->dropped++;
}

void backlog_take(struct backlog *b, struct store_txn *t) {
    while (t->first) {
        struct store_write *w = t->first;
        t->first = w->next;
        w->next = NULL;
        take_one(b, w);
    }
    t->last = NULL;
}

int backlog_each(const struct backlog *b, int (*fn)(void *ctx, const struct store_write *w), void *ctx) {
    int rc = 0;
    LIST_EACH (n, &b->all) {
        rc = fn(ctx, CONTAINER_OF(n, struct item, in_all)->w);
        if (rc)
            break;
    }
    return rc;
}
