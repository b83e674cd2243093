/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>

/* A comma where one is due, before a value or a key. */
static void lead(struct json *j) {
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->depth && j->comma[j->depth - 1])
        buf_puts(j->out, ",");
    if (j->depth)
        j->comma[j->depth - 1] = true;
}

static void open_with(struct json *j, const char *bracket) {
    lead(j);
    assert(j->depth < JSON_DEPTH_MAX);
    j->comma[j->depth++] = false;
    buf_puts(j->out, bracket);
}

static void close_with(struct json *j, const char *bracket) {
    assert(j->depth > 0);
    j->depth--;
    buf_puts(j->out, bracket);
}

void json_obj(struct json *j) {
    open_with(j, "{");
}
void json_obj_end(struct json *j) {
    close_with(j, "}");
}
void json_arr(struct json *j) {
    open_with(j, "[");
}
void json_arr_end(struct json *j) {
    close_with(j, "]");
}

static void escape(struct buf *b, uint8_t c) {
    switch (c) {
    case '"':
        buf_puts(b, "\\\"");
        break;
    case '\\':
        buf_puts(b, "\\\\");
        break;
    case '\n':
        buf_puts(b, "\\n");
        break;
    case '\r':
        buf_puts(b, "\\r");
        break;
    case '\t':
        buf_puts(b, "\\t");
        break;
    default:
        if (c < 0x80)
            buf_putf(b, "\\u%04x", c);
        else
            buf_puts(b, "\\ufffd");
    }
}

void json_slice(struct json *j, struct slice s) {
    lead(j);
    bool utf8 = text_is_wellformed(s);
    buf_puts(j->out, "\"");
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || utf8))
            continue;
        buf_put(j->out, slice_of(s.p + from, i - from));
        escape(j->out, c);
        from = i + 1;
    }
    if (s.n > from)
        buf_put(j->out, slice_of(s.p + from, s.n - from));
    buf_puts(j->out, "\"");
}

void json_str(struct json *j, const char *s) {
    if (s)
        json_slice(j, slice_str(s));
    else
        json_nil(j);
}

void json_key(struct json *j, const char *key) {
    json_str(j, key);
    buf_puts(j->out, ":");
    j->after_key = true;
}

void json_raw(struct json *j, struct slice s) {
    lead(j);
    buf_put(j->out, s);
}

void json_int(struct json *j, int64_t v) {
    lead(j);
    buf_putf(j->out, "%" PRId64, v);
}

void json_bool(struct json *j, bool v) {
    json_raw(j, v ? SLICE_LIT("true") : SLICE_LIT("false"));
}
void json_nil(struct json *j) {
    json_raw(j, SLICE_LIT("null"));
}

void json_wall(struct json *j, struct wall t) {
    char text[WALL_TEXT_CAP];
    json_str(j, t.us ? wall_rfc3339(t, text) : NULL);
}

void json_kstr(struct json *j, const char *key, const char *s) {
    json_key(j, key);
    json_str(j, s);
}
void json_kint(struct json *j, const char *key, int64_t v) {
    json_key(j, key);
    json_int(j, v);
}
void json_kbool(struct json *j, const char *key, bool v) {
    json_key(j, key);
    json_bool(j, v);
}
void json_kwall(struct json *j, const char *key, struct wall t) {
    json_key(j, key);
    json_wall(j, t);
}
