/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "unit.h"

struct item {
    struct map_node node;
    char key[16];
};

static void put_get_walk_remove(void **s) {
    enum { N = 500 };
    static struct item items[N];
    struct map m = {.seed = 42};
    for (int i = 0; i < N; i++) {
        snprintf(items[i].key, sizeof items[i].key, "k%d", i);
        assert_int_equal(map_put(&m, &items[i].node, slice_str(items[i].key)), 0);
    }
    struct item twin = {.key = "k7"};
    assert_int_equal(map_put(&m, &twin.node, slice_str(twin.key)), ERR_EXISTS);
    assert_ptr_equal(map_get(&m, SLICE_LIT("k7")), &items[7].node);
    assert_null(map_get(&m, SLICE_LIT("none")));
    int seen = 0;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&m, &it));) {
        map_remove(&m, n);
        seen++;
    }
    assert_int_equal(seen, N);
    assert_int_equal(m.count, 0);
    map_free(&m);
    assert_null(map_get(&m, SLICE_LIT("k7")));
}

UNIT_MAIN(T(put_get_walk_remove))
