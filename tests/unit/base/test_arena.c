/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "unit.h"

static void lives_until_freed_and_is_bounded(void **s) {
    struct arena a = {.max_bytes = 10000};
    char *first = arena_printf(&a, "%s-%d", "x", 5);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 90));
    assert_string_equal(first, "x-5");
    assert_null(arena_alloc(&a, 5000));
    assert_string_equal(arena_str(&a, SLICE_LIT("abc")), "abc");
    arena_free(&a);
    assert_int_equal(a.used_bytes, 0);
}

UNIT_MAIN(T(lives_until_freed_and_is_bounded))
