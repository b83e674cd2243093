/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http1.h"
#include "unit.h"

static void start_lines(void **s) {
    struct buf b = {0};
    const char *h[] = {"Host", "amt:16992", "Accept", "*/*", NULL};
    assert_int_equal(http1_put_request(&b, "POST", "/wsman", h, 3), 0);
    assert_string_equal(buf_cstr(&b), "POST /wsman HTTP/1.1\r\nHost: amt:16992\r\nAccept: */*\r\n"
                                      "Content-Length: 3\r\n\r\n");
    buf_clear(&b);
    assert_int_equal(http1_put_response(&b, 404, NULL, 0), 0);
    assert_string_equal(buf_cstr(&b), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    buf_clear(&b);
    assert_int_equal(http1_put_response(&b, 200, NULL, -1), 0);
    assert_string_equal(buf_cstr(&b), "HTTP/1.1 200 OK\r\n\r\n");
    buf_clear(&b);
    /* RFC 9110 8.6 */
    assert_int_equal(http1_put_response(&b, 204, NULL, 0), 0);
    assert_string_equal(buf_cstr(&b), "HTTP/1.1 204 No Content\r\n\r\n");
    buf_free(&b);
}

static void injection_is_refused(void **s) {
    struct buf b = {0};
    const char *value[] = {"X", "a\r\nSet-Cookie: b", NULL}, *name[] = {"X: y\r\nZ", "a", NULL};
    assert_int_equal(http1_put_response(&b, 200, value, 0), ERR_INVALID);
    assert_int_equal(http1_put_response(&b, 200, name, 0), ERR_INVALID);
    assert_int_equal(http1_put_request(&b, "GET", "/a b", NULL, -1), ERR_INVALID);
    assert_int_equal(http1_put_request(&b, "GET", "/a\nb", NULL, -1), ERR_INVALID);
    assert_int_equal(http1_put_request(&b, "GET", "", NULL, -1), ERR_INVALID);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void chunks(void **s) {
    struct buf b = {0};
    assert_int_equal(http1_chunk(&b, SLICE_LIT("hello, world!!"), true), 0);
    assert_int_equal(http1_chunk(&b, SLICE_LIT("hello, world!!"), false), 0);
    assert_int_equal(http1_chunk(&b, SLICE_EMPTY, true), 0);
    assert_string_equal(buf_cstr(&b), "000E\r\nhello, world!!\r\ne\r\nhello, world!!\r\n0\r\n\r\n");
    buf_free(&b);
}

static void escapes(void **s) {
    char t[8];
    assert_int_equal(http1_unescape(SLICE_LIT("a%20%4a+"), t, sizeof t), 0);
    assert_string_equal(t, "a J+");
    assert_int_equal(http1_unescape(SLICE_LIT("a%2"), t, sizeof t), ERR_SYNTAX);
    assert_int_equal(http1_unescape(SLICE_LIT("a%zz"), t, sizeof t), ERR_SYNTAX);
    assert_int_equal(http1_unescape(SLICE_LIT("a%00"), t, sizeof t), ERR_SYNTAX);
    assert_int_equal(http1_unescape(SLICE_LIT("1234567"), t, sizeof t), 0);
    assert_int_equal(http1_unescape(SLICE_LIT("12345678"), t, sizeof t), ERR_LIMIT);
    assert_int_equal(http1_unescape(SLICE_EMPTY, t, 0), ERR_LIMIT);
    struct buf b = {0};
    assert_int_equal(http1_escape(&b, SLICE_LIT("a-b/c d\xff")), 0);
    assert_string_equal(buf_cstr(&b), "a-b%2Fc%20d%FF");
    buf_free(&b);
}

static void queries(void **s) {
    struct slice v, q = SLICE_LIT("a=1&&bb=2%203&%24top=5&c&d==&a=9");
    assert_true(http1_query(q, "a", &v) && slice_is(v, "1"));
    assert_true(http1_query(q, "bb", &v) && slice_is(v, "2%203"));
    assert_true(http1_query(q, "$top", &v) && slice_is(v, "5"));
    assert_true(http1_query(q, "c", &v) && v.n == 0);
    assert_true(http1_query(q, "d", &v) && slice_is(v, "="));
    assert_false(http1_query(q, "b", &v));
    assert_false(http1_query(q, "", &v));
    assert_false(http1_query(SLICE_EMPTY, "a", &v));
    assert_string_equal(http1_reason(799), "Unknown");
}

UNIT_MAIN(T(start_lines), T(injection_is_refused), T(chunks), T(escapes), T(queries))
