/* SPDX-License-Identifier: Apache-2.0 */
/* disk: store.h in memory for the whole-system simulation: slow as told, full when told, and a crash loses
 * all that was not committed. Linked in place of the real store. Owner: the world; one thread. */
#pragma once

#include "base/rng.h"
#include "net/loop.h"
#include "store/store.h"

struct disk_weather {
    uint32_t durable_min_ms, durable_max_ms; /* time a durable commit takes */
    bool full;                               /* durable writes are refused */
};
struct disk;
/* The disk has a loop of its own: it outlives the server that writes to it. */
struct disk *disk_new(struct loop *l, struct rng *rng);
void disk_free(struct disk **d);
void disk_weather_set(struct disk *d, const struct disk_weather *w);
/* The handle that the server's code takes for its store. */
struct store *disk_store(struct disk *d);
/* The server died: what waits is lost, and nobody is told. */
void disk_crash(struct disk *d);
/* From now on submissions vanish (a server that is about to be torn down by a crash). */
void disk_freeze(struct disk *d);
/* Called inside every submission: the simulation may decide to crash right here. */
void disk_on_submit(struct disk *d, void (*fn)(void *ctx), void *ctx);
/* What is written, NULL when it is not. */
const struct store_host *disk_host(const struct disk *d, const char *id);
const struct store_provision *disk_provision(const struct disk *d, const char *host);
const struct store_op *disk_op(const struct disk *d, const char *id);
uint64_t disk_commits(const struct disk *d);
