/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "unit.h"

static void writes_nested(void **s) {
    struct buf b = {0};
    struct json j = json_of(&b);
    json_obj(&j);
    json_kstr(&j, "a", "x\"\\\n\x01\xc3\xa9");
    json_key(&j, "l");
    json_arr(&j);
    json_int(&j, -3);
    json_bool(&j, true);
    json_nil(&j);
    json_obj(&j);
    json_obj_end(&j);
    json_arr_end(&j);
    json_kstr(&j, "n", NULL);
    json_kwall(&j, "t", WALL_NEVER);
    json_obj_end(&j);
    assert_string_equal(
        buf_cstr(&b),
        "{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\",\"l\":[-3,true,null,{}],\"n\":null,\"t\":null}");
    buf_free(&b);
}

static void bytes_that_are_not_utf8_are_replaced(void **s) {
    struct buf b = {0};
    struct json j = json_of(&b);
    json_slice(&j, SLICE_LIT("a\xff"
                             "b"));
    assert_string_equal(buf_cstr(&b), "\"a\\ufffdb\"");
    buf_free(&b);
}

UNIT_MAIN(T(writes_nested), T(bytes_that_are_not_utf8_are_replaced))
