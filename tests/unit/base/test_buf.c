/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "unit.h"

static void queue_of_bytes(void **s) {
    struct buf b = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_putf(&b, "%d,", i), 0);
    assert_true(slice_is(slice_head(buf_slice(&b), 4), "0,1,"));
    buf_consume(&b, 4);
    assert_true(slice_is(slice_head(buf_slice(&b), 4), "2,3,"));
    buf_puts(&b, "end");
    assert_true(slice_is(slice_skip(buf_slice(&b), b.len - 3), "end"));
    buf_consume(&b, b.len);
    assert_null(b.mem); /* idle costs nothing */
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
}

UNIT_MAIN(T(queue_of_bytes))
