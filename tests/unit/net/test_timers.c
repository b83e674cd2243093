/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timers.h"

#include "base/rng.h"
#include "unit.h"

enum { MANY = 1000 };

static void nothing(struct loop_timer *t) {}

static struct mono at(int64_t us) {
    return (struct mono){us};
}

static void order(void **s) {
    struct timers h = {0};
    struct rng r = {7};
    static struct loop_timer t[MANY];
    for (int i = 0; i < MANY; i++) {
        t[i].fn = nothing;
        timers_set(&h, &t[i], at(rng_range(&r, 0, 50)), NULL);
    }
    for (int i = 0; i < MANY; i += 3)
        timers_set(&h, &t[i], at(rng_range(&r, 0, 50)), NULL); /* moved */
    int stopped = 0;
    for (int i = 1; i < MANY; i += 7) {
        timers_stop(&h, &t[i]);
        timers_stop(&h, &t[i]); /* twice is fine */
        stopped++;
    }
    int64_t last = -1;
    int n = 0;
    for (struct loop_timer *x; (x = timers_pop(&h, at(100), UINT64_MAX)); n++) {
        (void)x;
        assert_true(last <= 50);
        struct mono next = timers_next(&h);
        assert_true(mono_is_never(next) || next.us >= last);
        last = mono_is_never(next) ? last : next.us;
    }
    assert_int_equal(n, MANY - stopped);
    timers_free(&h);
}

static void equal_times_fire_in_the_order_of_arming(void **s) {
    struct timers h = {0};
    struct loop_timer t[100] = {0};
    for (int i = 0; i < 100; i++) {
        t[i].fn = nothing;
        timers_set(&h, &t[i], at(5), NULL);
    }
    timers_set(&h, &t[0], at(5), NULL); /* armed again: now the last one */
    for (int i = 1; i < 100; i++)
        assert_ptr_equal(timers_pop(&h, at(5), UINT64_MAX), &t[i]);
    assert_ptr_equal(timers_pop(&h, at(5), UINT64_MAX), &t[0]);
    assert_null(timers_pop(&h, at(5), UINT64_MAX));
    timers_free(&h);
}

static void not_early_and_not_younger(void **s) {
    struct timers h = {0};
    struct loop_timer a = {.fn = nothing}, b = {.fn = nothing};
    timers_set(&h, &a, at(10), NULL);
    assert_null(timers_pop(&h, at(9), UINT64_MAX));
    uint64_t before = h.seq;
    timers_set(&h, &b, at(3), NULL);
    assert_null(timers_pop(&h, at(20), before)); /* b is on top, but armed later */
    assert_ptr_equal(timers_pop(&h, at(20), UINT64_MAX), &b);
    timers_set(&h, &a, MONO_NEVER, NULL);
    assert_int_equal(h.count, 0);
    assert_true(mono_is_never(timers_next(&h)));
    timers_free(&h);
}

static void drop_of_one_owner(void **s) {
    struct timers h = {0};
    struct loop_timer t[300] = {0};
    int mine, theirs;
    for (int i = 0; i < 300; i++) {
        t[i].fn = nothing;
        timers_set(&h, &t[i], at(300 - i), i % 3 ? &mine : &theirs);
    }
    timers_drop(&h, &mine);
    assert_int_equal(h.count, 100);
    int64_t last = 0;
    for (struct loop_timer *x; (x = timers_pop(&h, at(1000), UINT64_MAX));) {
        int i = (int)(x - t);
        assert_int_equal(i % 3, 0);
        assert_true(300 - i > last);
        last = 300 - i;
    }
    assert_int_equal(t[1].heap_index, 0);
    timers_free(&h);
}

UNIT_MAIN(T(order), T(equal_times_fire_in_the_order_of_arming), T(not_early_and_not_younger),
          T(drop_of_one_owner))
