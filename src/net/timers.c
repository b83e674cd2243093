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
    h->places[s.id] = i;
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
    h->slots = slots ? slots : h->slots;
    struct timer_ref *refs = realloc(h->refs, cap * sizeof *refs);
    h->refs = refs ? refs : h->refs;
    uint32_t *places = realloc(h->places, cap * sizeof *places);
    if (!slots || !refs || !places)
        abort(); /* arming has no way to fail: a lost deadline would be worse than a restart */
    h->places = places;
    for (uint32_t id = h->cap; id < cap; id++)
        places[id] = id + 1;
    h->free_id = h->cap;
    h->cap = cap;
}

static uint32_t take_id(struct timers *h, struct loop_timer *t, const void *owner) {
    if (h->count == h->cap)
        grow(h);
    uint32_t id = h->free_id;
    h->free_id = h->places[id];
    h->refs[id] = (struct timer_ref){t, owner};
    t->heap_index = id + 1;
    return id;
}

static void give_id(struct timers *h, uint32_t id) {
    struct loop_timer *t = h->refs[id].timer;
    t->heap_index = 0;
    t->at = MONO_NEVER;
    h->places[id] = h->free_id;
    h->free_id = id;
}

void timers_set(struct timers *h, struct loop_timer *t, struct mono at, const void *owner) {
    if (mono_is_never(at)) {
        timers_stop(h, t);
        return;
    }
    assert(t->fn);
    t->at = at;
    if (t->heap_index) {
        uint32_t id = t->heap_index - 1;
        assert(id < h->cap && h->refs[id].timer == t);
        settle(h, h->places[id], (struct timer_slot){at.us, h->seq++, id});
        return;
    }
    uint32_t id = take_id(h, t, owner);
    sift_up(h, h->count++, (struct timer_slot){at.us, h->seq++, id});
}

static void take_out(struct timers *h, uint32_t id) {
    uint32_t i = h->places[id];
    give_id(h, id);
    if (i != --h->count)
        settle(h, i, h->slots[h->count]);
}

void timers_stop(struct timers *h, struct loop_timer *t) {
    if (!t->heap_index)
        return;
    uint32_t id = t->heap_index - 1;
    assert(id < h->cap && h->refs[id].timer == t);
    take_out(h, id);
}

struct loop_timer *timers_pop(struct timers *h, struct mono now, uint64_t before_seq) {
    if (!h->count || h->slots[0].at_us > now.us || h->slots[0].seq >= before_seq)
        return NULL;
    uint32_t id = h->slots[0].id;
    struct loop_timer *t = h->refs[id].timer;
    take_out(h, id);
    if (h->count)
        __builtin_prefetch(h->refs[h->slots[0].id].timer); /* most likely the next one */
    return t;
}

void timers_drop(struct timers *h, const void *owner) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->refs[h->slots[i].id].owner == owner)
            give_id(h, h->slots[i].id);
        else
            h->slots[kept++] = h->slots[i];
    }
    h->count = kept;
    /* the keys of what is left did not change, so any valid heap gives the same order of firing */
    for (uint32_t i = kept; i-- > 0;)
        sift_down(h, i, h->slots[i]);
}

void timers_free(struct timers *h) {
    free(h->slots);
    free(h->refs);
    free(h->places);
    *h = (struct timers){0};
}
