/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "unit.h"

static void base64_round_trips(void **s) {
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; /* RFC 4648 10 */
    for (int i = 0; i < 7; i++) {
        struct buf b = {0};
        text_base64(&b, slice_str(plain[i]));
        assert_true(slice_is(buf_slice(&b), coded[i]));
        uint8_t back[16];
        int n = text_unbase64(buf_slice(&b), back, sizeof back);
        assert_true(slice_is(slice_of(back, (size_t)n), plain[i]));
        buf_free(&b);
    }
    uint8_t out[2];
    assert_int_equal(text_unbase64(SLICE_LIT("Zm9v"), out, 2), ERR_LIMIT);
    assert_int_equal(text_unbase64(SLICE_LIT("Z"), out, 2), ERR_SYNTAX);
    assert_int_equal(text_unbase64(SLICE_LIT("Z g="), out, 2), ERR_SYNTAX);
}

static void hex_round_trips(void **s) {
    uint8_t b[3];
    char out[7];
    assert_true(text_unhex(SLICE_LIT("00Ff7a"), b, 3));
    assert_string_equal(text_hex(slice_of(b, 3), out), "00ff7a");
    assert_false(text_unhex(SLICE_LIT("00Ff7"), b, 3));
    assert_false(text_unhex(SLICE_LIT("00Ff7x"), b, 3));
}

static void utf8_is_strict(void **s) {
    assert_true(text_is_utf8(SLICE_LIT("caf\xc3\xa9\n")));
    assert_false(text_is_utf8(SLICE_LIT("\xc0\xaf")));         /* overlong */
    assert_false(text_is_utf8(SLICE_LIT("\xed\xa0\x80")));     /* surrogate */
    assert_false(text_is_utf8(SLICE_LIT("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
    assert_false(text_is_utf8(SLICE_LIT("\xe2\x82")));         /* cut short */
    assert_false(text_is_utf8(SLICE_LIT("a\x01")));
}

static void clean_tames_device_strings(void **s) {
    char out[8];
    assert_string_equal(text_clean(out, sizeof out, SLICE_LIT("a\x01\xff\x7fz")), "a???z");
    assert_string_equal(text_clean(out, sizeof out, SLICE_LIT("a\xc2\x9b\xc2\xa0z")), "a?\xc2\xa0z");
    assert_string_equal(text_clean(out, sizeof out, SLICE_LIT("\xe2\x80\xae\xe2\x81\xa6z")), "??z");
    assert_string_equal(text_clean(out, sizeof out, SLICE_LIT("0123456789")), "0123456");
    assert_string_equal(text_clean(out, sizeof out, SLICE_LIT("12345\xe2\x82\xac")),
                        "12345"); /* never half a character */
}

static void sets(void **s) {
    assert_true(text_in_set(SLICE_LIT("abc1"), TEXT_ALNUM, 1, 4));
    assert_false(text_in_set(SLICE_LIT("abc12"), TEXT_ALNUM, 1, 4));
    assert_false(text_in_set(SLICE_LIT(""), TEXT_ALNUM, 1, 4));
    assert_false(text_in_set(SLICE_LIT("a\0b"), TEXT_ALNUM, 1, 4));
}

UNIT_MAIN(T(base64_round_trips), T(hex_round_trips), T(utf8_is_strict), T(clean_tames_device_strings),
          T(sets))
