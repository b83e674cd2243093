/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timers.h"

#include <assert.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAP = 64 };

static bool slot_before(const struct timer_slot *a, const struct timer_slot *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void put(struct timers *h, uint32_t i, struct timer_slot s) {
    h->slots[i] = s;
    s.timer->heap_index = i + 1;
}

static void sift_up(struct timers *h, uint32_t i, struct timer_slot s) {
    while (i) {
        uint32_t up = (i - 1) / ARITY;
        if (!slot_before(&s, &h->slots[up]))
            break;
        put(h, i, h->slots[up]);
        i = up;
    }
    put(h, i, s);
}

static void sift_down(struct timers *h, uint32_t i, struct timer_slot s) {
    for (;;) {
        uint32_t first = i * ARITY + 1, best = first;
        if (first >= h->count)
            break;
        uint32_t end = first + ARITY < h->count ? first + ARITY : h->count;
        for (uint32_t c = first + 1; c < end; c++)
            if (slot_before(&h->slots[c], &h->slots[best]))
                best = c;
        if (!slot_before(&h->slots[best], &s))
            break;
        put(h, i, h->slots[best]);
        i = best;
    }
    put(h, i, s);
}

/* Put s at the free place i, wherever it belongs. */
static void settle(struct timers *h, uint32_t i, struct timer_slot s) {
    if (i && slot_before(&s, &h->slots[(i - 1) / ARITY]))
        sift_up(h, i, s);
    else
        sift_down(h, i, s);
}

static void grow(struct timers *h) {
    uint32_t cap = h->cap ? h->cap * 2 : FIRST_CAP;
    struct timer_slot *slots = realloc(h->slots, cap * sizeof *slots);
    if (!slots)
        abort(); /* arming has no way to fail: a lost deadline would be worse than a restart */
    h->slots = slots;
    h->cap = cap;
}

void timers_set(struct timers *h, struct loop_timer *t, struct mono at, const void *owner) {
    if (mono_is_never(at)) {
        timers_stop(h, t);
        return;
    }
    assert(t->fn);
    t->at = at;
    struct timer_slot s = {at.us, h->seq++, t, owner};
    if (t->heap_index) {
        settle(h, t->heap_index - 1, s);
        return;
    }
    if (h->count == h->cap)
        grow(h);
    sift_up(h, h->count++, s);
}

void timers_stop(struct timers *h, struct loop_timer *t) {
    if (!t->heap_index)
        return;
    uint32_t i = t->heap_index - 1;
    assert(i < h->count && h->slots[i].timer == t);
    t->heap_index = 0;
    t->at = MONO_NEVER;
    if (i != --h->count)
        settle(h, i, h->slots[h->count]);
}

struct loop_timer *timers_pop(struct timers *h, struct mono now, uint64_t before_seq) {
    if (!h->count || h->slots[0].at_us > now.us || h->slots[0].seq >= before_seq)
        return NULL;
    struct loop_timer *t = h->slots[0].timer;
    timers_stop(h, t);
    return t;
}

void timers_drop(struct timers *h, const void *owner) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->slots[i].owner == owner)
            h->slots[i].timer->heap_index = 0;
        else
            h->slots[kept++] = h->slots[i];
    }
    h->count = kept;
    /* the keys of what is left did not change, so any valid heap gives the same order of firing */
    for (uint32_t i = 0; i < kept; i++)
        h->slots[i].timer->heap_index = i + 1;
    for (uint32_t i = kept; i-- > 0;)
        sift_down(h, i, h->slots[i]);
}

void timers_free(struct timers *h) {
    free(h->slots);
    *h = (struct timers){0};
}
