/* SPDX-License-Identifier: Apache-2.0 */
#include "server/schema.h"

#include "unit.h"

#include <jansson.h>

static const char *const COLOURS[] = {"red", "green", NULL};
static const struct field INNER_FIELDS[] = {{"text", FIELD_TEXT, .min = 1, .max = 3}, {0}};
static const struct schema INNER = {"Inner", INNER_FIELDS};
static const struct field FIELDS[] = {{"name", FIELD_TEXT, .required = true, .min = 2, .max = 5},
                                      {"count", FIELD_NUMBER, .min = -1, .max = 10},
                                      {"flag", FIELD_FLAG, .required = false},
                                      {"colour", FIELD_ENUM, .values = COLOURS},
                                      {"uuid", FIELD_UUID, .required = false},
                                      {"at", FIELD_TIME, .nullable = true},
                                      {"inner", FIELD_OBJECT, .object = &INNER},
                                      {0}};
static const struct schema SCHEMA = {"Test", FIELDS};

static void each_fault_names_its_field(void **s) {
    static const struct {
        const char *text, *field, *part;
    } bad[] = {
        {"{}", "name", "missing"},
        {"{\"name\":\"n\"}", "name", "at least 2"},
        {"{\"name\":\"toolong\"}", "name", "at most 5"},
        {"{\"name\":7}", "name", "must be a text, not a number"},
        {"{\"name\":null}", "name", "not null"},
        {"{\"name\":\"a\\u0001b\"}", "name", "control characters"},
        {"{\"name\":\"abc\",\"other\":1}", "other", "not known"},
        {"{\"name\":\"abc\",\"count\":11}", "count", "-1 to 10"},
        {"{\"name\":\"abc\",\"count\":1.5}", "count", "fraction"},
        {"{\"name\":\"abc\",\"count\":\"1\"}", "count", "whole number"},
        {"{\"name\":\"abc\",\"flag\":1}", "flag", "true or false"},
        {"{\"name\":\"abc\",\"colour\":\"blue\"}", "colour", "not known"},
        {"{\"name\":\"abc\",\"uuid\":\"123\"}", "uuid", "no UUID"},
        {"{\"name\":\"abc\",\"at\":\"tomorrow\"}", "at", "no time"},
        {"{\"name\":\"abc\",\"inner\":[]}", "inner", "must be an object, not an array"},
        {"{\"name\":\"abc\",\"inner\":{\"text\":\"\"}}", "inner.text", "at least 1"},
        {"{\"name\":\"abc\",\"inner\":{\"more\":1}}", "inner.more", "not known"},
        {"[]", "", "must be an object"},
        {"", "", "empty"},
        {"{\"name\":\"abc\"} x", "", "line 1"},
        {"{\"name\":\"abc\",}", "", "line 1, column 15"},
        {"{\"name\":\"abc\",\"name\":\"abc\"}", "", "duplicate"},
        {"{\"name\":\"\xff\xfe\"}", "", "decode byte"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct errinfo ei = {0};
        json_t *v = NULL;
        int err = schema_parse(&SCHEMA, slice_str(bad[i].text), &v, &ei);
        assert_null(v);
        assert_true(err == ERR_SYNTAX || err == ERR_INVALID);
        assert_int_equal(ei.code, err);
        assert_string_equal(ei.field, bad[i].field);
        if (!strstr(ei.text, bad[i].part))
            fail_msg("%s: %s", bad[i].text, ei.text);
    }
}

static void what_fits_is_read(void **s) {
    struct errinfo ei = {0};
    json_t *v;
    const char *text = "{\"name\":\"abc\",\"count\":-1,\"flag\":true,\"colour\":\"red\",\"at\":null,"
                       "\"uuid\":\"\",\"inner\":{\"text\":\"x\"}}";
    assert_int_equal(schema_parse(&SCHEMA, slice_str(text), &v, &ei), 0);
    char name[4];
    assert_string_equal(body_text(v, "name", "-"), "abc");
    assert_int_equal(body_number(v, "count", 5), -1);
    assert_true(body_flag(v, "flag", false));
    assert_true(body_has(v, "at"));
    assert_string_equal(body_text(v, "at", "none"), "none");
    assert_string_equal(body_text(body_object(v, "inner"), "text", ""), "x");
    assert_null(body_object(v, "missing"));
    assert_string_equal(body_text(NULL, "x", "fallback"), "fallback");
    assert_true(body_copy(v, "name", name, sizeof name));
    assert_string_equal(name, "abc");
    assert_false(body_copy(v, "missing", name, sizeof name));
    assert_string_equal(name, "");
    json_decref(v);
}

static void a_schema_prints_itself(void **s) {
    struct buf b = {0};
    struct json j = json_of(&b);
    schema_print(&j, &SCHEMA);
    json_t *v = json_loadb((const char *)buf_slice(&b).p, b.len, 0, NULL);
    assert_non_null(v);
    json_t *props = json_object_get(v, "properties");
    for (const struct field *f = FIELDS; f->name; f++)
        assert_non_null(json_object_get(props, f->name));
    assert_int_equal(json_array_size(json_object_get(v, "required")), 1);
    json_decref(v);
    buf_free(&b);
}

UNIT_MAIN(T(each_fault_names_its_field), T(what_fits_is_read), T(a_schema_prints_itself))
