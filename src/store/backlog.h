/* SPDX-License-Identifier: Apache-2.0 */
/* backlog: lazy writes that the disk could not take, kept until it can. Of several writes of one kind to one
 * row only the newest is kept, at its own place in time. Bounded. Owner: the writer. Private to store/. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "store/row.h"

struct backlog {
    struct list all; /* oldest first */
    struct list events;
    struct map by_kind[STORE_WRITE_COUNT];
    size_t max, events_max; /* stop a long outage from taking all memory */
    uint64_t dropped;       /* writes lost to the two limits */
};
void backlog_init(struct backlog *b, size_t max, size_t events_max);
void backlog_fini(struct backlog *b);
/* Takes the writes of t and leaves it empty. */
void backlog_take(struct backlog *b, struct store_txn *t);
static inline size_t backlog_length(const struct backlog *b) {
    return b->all.count;
}
/* Call fn for each write, oldest first; a non-zero return stops and is returned. */
int backlog_each(const struct backlog *b, int (*fn)(void *ctx, const struct store_write *w), void *ctx);
/* Forget all: they are written. */
void backlog_clear(struct backlog *b);
