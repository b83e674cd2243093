/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/text.h"

#include <assert.h>

/* Is a comma due before a value or a key? */
static bool comma_due(struct json *j) {
    if (j->after_key) {
        j->after_key = false;
        return false;
    }
    if (!j->depth)
        return false;
    bool due = j->comma[j->depth - 1];
    j->comma[j->depth - 1] = true;
    return due;
}

static void lead(struct json *j) {
    if (comma_due(j))
        buf_put(j->out, SLICE_LIT(","));
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

/* Printable ASCII but quote and backslash: what needs no second look. */
static bool is_plain(struct slice s) {
    bool odd = false;
    for (size_t i = 0; i < s.n; i++)
        odd |= s.p[i] < 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\';
    return !odd;
}

static void put_escaped(struct buf *b, struct slice s) {
    bool utf8 = text_is_wellformed(s);
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || utf8))
            continue;
        buf_put(b, slice_of(s.p + from, i - from));
        escape(b, c);
        from = i + 1;
    }
    if (s.n > from)
        buf_put(b, slice_of(s.p + from, s.n - from));
}

/* The quoted text, with what stands before and after it: one reservation for the common case. */
static void put_quoted(struct buf *b, bool comma, struct slice s, bool colon) {
    uint8_t *at = is_plain(s) ? buf_room(b, s.n + 4) : NULL, *p = at;
    if (!at) {
        buf_put(b, comma ? SLICE_LIT(",\"") : SLICE_LIT("\""));
        put_escaped(b, s);
        buf_put(b, colon ? SLICE_LIT("\":") : SLICE_LIT("\""));
        return;
    }
    if (comma)
        *p++ = ',';
    *p++ = '"';
    if (s.n)
        memcpy(p, s.p, s.n);
    p += s.n;
    *p++ = '"';
    if (colon)
        *p++ = ':';
    buf_commit(b, (size_t)(p - at));
}

void json_slice(struct json *j, struct slice s) {
    put_quoted(j->out, comma_due(j), s, false);
}

void json_str(struct json *j, const char *s) {
    if (s)
        json_slice(j, slice_str(s));
    else
        json_nil(j);
}

void json_key(struct json *j, const char *key) {
    put_quoted(j->out, comma_due(j), slice_str(key), true);
    j->after_key = true;
}

void json_raw(struct json *j, struct slice s) {
    lead(j);
    buf_put(j->out, s);
}

void json_int(struct json *j, int64_t v) {
    uint8_t digits[20], *p = digits + sizeof digits;
    uint64_t n = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (uint8_t)('0' + n % 10);
    } while (n /= 10);
    if (v < 0)
        *--p = '-';
    lead(j);
    buf_put(j->out, slice_of(p, (size_t)(digits + sizeof digits - p)));
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
