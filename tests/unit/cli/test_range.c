/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "cli/range.h"

static struct names got;
static struct errinfo ei;

static int expand(const char *text) {
    names_free(&got);
    ei = (struct errinfo){0};
    return range_expand(&got, text, &ei);
}

static void plain_names(void **state) {
    assert_int_equal(expand("n1"), 0);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.list[0], "n1");
    assert_int_equal(expand(""), ERR_INVALID);
}

static void ranges(void **state) {
    assert_int_equal(expand("node[001-250]"), 0);
    assert_int_equal(got.n, 250);
    assert_string_equal(got.list[0], "node001");
    assert_string_equal(got.list[98], "node099");
    assert_string_equal(got.list[249], "node250");
    assert_int_equal(expand("n[8-11]x"), 0);
    assert_int_equal(got.n, 4);
    assert_string_equal(got.list[0], "n8x");
    assert_string_equal(got.list[3], "n11x");
    assert_int_equal(expand("r[1-2]-n[01,03-04]"), 0);
    assert_int_equal(got.n, 6);
    assert_string_equal(got.list[0], "r1-n01");
    assert_string_equal(got.list[2], "r1-n04");
    assert_string_equal(got.list[5], "r2-n04");
    assert_int_equal(expand("n[5]"), 0);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.list[0], "n5");
    names_free(&got);
}

static void bad_ones(void **state) {
    static const char *const bad[] = {"n[",       "n[]",     "n[1-",  "n[a-b]",          "n[3-1]",
                                      "n[1-2-3]", "n[1,]x[", "n[-2]", "[1][1][1][1][1]", "n[1-]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (expand(bad[i]) != ERR_INVALID || !ei.text[0])
            fail_msg("%s was taken", bad[i]);
    }
    names_free(&got);
}

static void limits(void **state) {
    assert_int_equal(expand("n[1-20000]"), 0);
    assert_int_equal(expand("n[1-20001]"), ERR_LIMIT);
    assert_int_equal(expand("n[1-200][1-200]"), ERR_LIMIT);
    assert_int_equal(expand("n[0-999999999]"), ERR_LIMIT);
    char longname[400];
    memset(longname, 'a', sizeof longname);
    longname[399] = 0;
    assert_int_equal(expand(longname), ERR_LIMIT);
    names_free(&got);
}

UNIT_MAIN(T(plain_names), T(ranges), T(bad_ones), T(limits))
