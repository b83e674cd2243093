/* SPDX-License-Identifier: Apache-2.0 */
/* The tool itself: it must see what is wrong, or the tests beside it prove nothing. */
#include "oom/failmalloc.h"

#include "base/err.h"
#include "unit.h"

#include <stdlib.h>

static int good(void *ctx) {
    void *volatile a = malloc(10), *volatile b = calloc(1, 10), *volatile c = a ? realloc(a, 20) : NULL;
    int r = a && b && c ? 0 : ERR_NOMEM;
    free(c ? c : a);
    free(b);
    return r;
}

static void *kept[16];
static size_t nkept;

/* Forgets the first block when there is no memory for the second. */
static int leaky(void *ctx) {
    char *volatile a = malloc(10);
    if (!a)
        return ERR_NOMEM;
    char *volatile b = strdup("text");
    if (!b) {
        kept[nkept++] = a;
        return ERR_NOMEM;
    }
    free(b);
    free(a);
    return 0;
}

static int paused(void *ctx) {
    failmalloc_pause();
    void *volatile a = malloc(10);
    assert_non_null(a);
    failmalloc_resume();
    void *volatile b = malloc(10);
    assert_int_equal(b == NULL, failmalloc_hit());
    int r = b ? 0 : ERR_NOMEM;
    free(a);
    free(b);
    return r;
}

static void each_allocation_fails_once(void **s) {
    struct failmalloc_count c = failmalloc_count(good, NULL);
    assert_int_equal(c.allocations, 3);
    assert_int_equal(c.refused, 6);
    assert_int_equal(c.survived, 0);
    assert_int_equal(c.leaked, 0);
}

static void a_leak_on_the_way_out_is_seen(void **s) {
    struct failmalloc_count c = failmalloc_count(leaky, NULL);
    assert_int_equal(c.allocations, 2);
    assert_int_equal(c.leaked, 2); /* alone, and with all that follow */
    while (nkept)
        free(kept[--nkept]);
}

static void what_is_paused_does_not_count(void **s) {
    assert_int_equal(failmalloc_count(paused, NULL).allocations, 1);
}

UNIT_MAIN(T(each_allocation_fails_once), T(a_leak_on_the_way_out_is_seen), T(what_is_paused_does_not_count))
