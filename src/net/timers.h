/* SPDX-License-Identifier: Apache-2.0 */
/* timers: the heap of armed timers, ordered by (time, order of arming), shared by both loops.
 * Timers are intrusive (loop.h); the heap owns only its array. Owner: the loop or the simulated world; its
 * thread only. */
#pragma once

#include "net/loop.h"

struct timer_slot {
    int64_t at_us;
    uint64_t seq; /* equal times fire in the order they were armed */
    uint32_t id;
};
/* What an armed timer's id (its heap_index - 1) stands for. Positions have an array of their own: the heap
 * changes many of them a step, and they must stay in the cache where the timers themselves do not. */
struct timer_ref {
    struct loop_timer *timer;
    const void *owner; /* whose timer it is, for timers_drop() */
};
struct timers {
    struct timer_slot *slots; /* a 4-ary heap: fewer cache lines on the way down than a binary one */
    struct timer_ref *refs;   /* by id */
    uint32_t *places;         /* by id: index into slots, or for a free id the next free one */
    uint32_t count, cap, free_id;
    uint64_t seq;
};

/* Arm or move; MONO_NEVER stops. Ends the program when memory for one more (44 bytes) is gone. */
void timers_set(struct timers *h, struct loop_timer *t, struct mono at, const void *owner);
void timers_stop(struct timers *h, struct loop_timer *t);
/* Time of the earliest timer, MONO_NEVER when none is armed. */
static inline struct mono timers_next(const struct timers *h) {
    return h->count ? (struct mono){h->slots[0].at_us} : MONO_NEVER;
}
/* Disarm and return the earliest timer if it is due and was armed before `before_seq`; NULL otherwise. */
struct loop_timer *timers_pop(struct timers *h, struct mono now, uint64_t before_seq);
/* Disarm all timers of one owner without firing them. */
void timers_drop(struct timers *h, const void *owner);
void timers_free(struct timers *h);
