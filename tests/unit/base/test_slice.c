/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"
#include "unit.h"

static void cut_walks_fields(void **s) {
    struct slice rest = SLICE_LIT("a,,b");
    assert_true(slice_is(slice_cut(&rest, ','), "a"));
    assert_true(slice_is(slice_cut(&rest, ','), ""));
    assert_true(slice_is(slice_cut(&rest, ','), "b"));
    assert_int_equal(rest.n, 0);
}

static void numbers_are_bounded(void **s) {
    uint64_t v = 7;
    assert_true(slice_to_u64(SLICE_LIT("65535"), 65535, &v));
    assert_int_equal(v, 65535);
    assert_false(slice_to_u64(SLICE_LIT("65536"), 65535, &v));
    assert_false(slice_to_u64(SLICE_LIT(""), 10, &v));
    assert_false(slice_to_u64(SLICE_LIT("-1"), 10, &v));
    assert_false(slice_to_u64(SLICE_LIT("1 "), 10, &v));
    assert_false(slice_to_u64(SLICE_LIT("99999999999999999999999"), UINT64_MAX, &v));
    assert_true(slice_to_u64(SLICE_LIT("18446744073709551615"), UINT64_MAX, &v));
    assert_false(slice_to_u64(SLICE_LIT("9"), 5, &v));
    assert_true(slice_hex_to_u64(SLICE_LIT("04Cc"), 0xffff, &v));
    assert_int_equal(v, 0x4cc);
    assert_false(slice_hex_to_u64(SLICE_LIT("g"), 0xffff, &v));
}

static void comparisons(void **s) {
    assert_true(slice_ieq(SLICE_LIT("Content-LENGTH"), SLICE_LIT("content-length")));
    assert_false(slice_ieq(SLICE_LIT("a"), SLICE_LIT("ab")));
    assert_true(slice_is(slice_trim(SLICE_LIT(" \t x y\r\n")), "x y"));
    assert_true(slice_eq_secret(SLICE_LIT("secret"), SLICE_LIT("secret")));
    assert_false(slice_eq_secret(SLICE_LIT("secret"), SLICE_LIT("secreT")));
    assert_false(slice_eq_secret(SLICE_LIT("secret"), SLICE_EMPTY));
    assert_false(slice_eq_secret(SLICE_EMPTY, SLICE_LIT("x")));
}

static void to_str_truncates(void **s) {
    char out[4];
    assert_true(slice_to_str(SLICE_LIT("abc"), out, sizeof out));
    assert_false(slice_to_str(SLICE_LIT("abcd"), out, sizeof out));
    assert_string_equal(out, "abc");
}

UNIT_MAIN(T(cut_walks_fields), T(numbers_are_bounded), T(comparisons), T(to_str_truncates))
