/* SPDX-License-Identifier: Apache-2.0 */
/* throttle: slows down guessing of passwords: after some failures of a user name or an address the next try
 * must wait, longer each time. Bounded. Owner: the holder; not locked. */
#pragma once

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

/* K(symbol, prefix of keys, longest wait in seconds). A user name has the shorter wait: a stranger must not
 * lock a person out. */
#define THROTTLE_TABLE(K) K(USER, "u:", 30) K(ADDRESS, "a:", 900)
enum throttle_kind {
#define K(sym, ...) THROTTLE_##sym,
    THROTTLE_TABLE(K)
#undef K
};
struct throttle {
    struct map entries;
    struct list by_age;   /* longest unused first */
    uint32_t entries_max; /* then the longest unused one is forgotten */
    uint32_t free_max;    /* failures within a minute of each other that cost nothing */
};
void throttle_init(struct throttle *t, uint64_t seed, uint32_t entries_max, uint32_t free_max);
void throttle_fini(struct throttle *t);
/* Seconds until the next try is allowed; 0: now. */
unsigned throttle_wait_s(struct throttle *t, enum throttle_kind k, const char *name, struct mono now);
void throttle_failed(struct throttle *t, enum throttle_kind k, const char *name, struct mono now);
/* A success wipes the failures of the name. */
void throttle_passed(struct throttle *t, enum throttle_kind k, const char *name);
