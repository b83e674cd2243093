/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/yaml.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* Bytes that a terminal may act upon: C0, DEL, and C1 as UTF-8 (C2 80 .. C2 9F). JSON text has them only
 * inside strings, so the escape is always right. */
static void put_escaped(struct buf *out, struct slice s) {
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool del = s.p[i] == 0x7f;
        bool c1 = s.p[i] == 0xc2 && i + 1 < s.n && s.p[i + 1] >= 0x80 && s.p[i + 1] <= 0x9f;
        if (!del && !c1)
            continue;
        buf_put(out, slice_of(s.p + from, i - from));
        buf_putf(out, "\\u%04x", del ? 0x7fu : s.p[i + 1]);
        i += c1;
        from = i + 1;
    }
    buf_put(out, slice_of(s.p + from, s.n - from));
}

int json_put_text(struct buf *out, const json_t *v, unsigned indent) {
    char *text = json_dumps(v, (indent ? JSON_INDENT((size_t)indent) : 0) | JSON_ENCODE_ANY);
    if (!text)
        return ERR_NOMEM;
    put_escaped(out, slice_str(text));
    free(text);
    return buf_puts(out, "\n");
}

/* Words that YAML 1.1 or 1.2 readers take for something else than a string. */
static bool is_reserved(const char *s) {
    static const char *const words[] = {"true", "false", "yes", "no", "on",   "off",
                                        "null", "y",     "n",   "~",  ".nan", ".inf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_ieq(slice_str(s), slice_str(words[i])))
            return true;
    return false;
}

/* Letters first, then nothing but what has no meaning in YAML: time stamps, numbers and the like get quotes.
 */
static bool is_plain(const char *s) {
    static const char first[] = TEXT_LOWER TEXT_UPPER "_/";
    static const char rest[] = TEXT_ALNUM "_-./ ()@+";
    size_t n = strlen(s);
    if (n == 0 || n > 256 || !strchr(first, s[0]) || s[n - 1] == ' ' || is_reserved(s))
        return false;
    return text_in_set(slice_of(s, n), rest, 1, 256);
}

static void put_string(struct buf *out, const char *s) {
    if (is_plain(s)) {
        buf_puts(out, s);
        return;
    }
    /* a JSON string is a YAML double-quoted scalar */
    json_t *v = json_string_nocheck(s);
    char *text = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
    if (text)
        put_escaped(out, slice_str(text));
    free(text);
    json_decref(v);
}

static void put_scalar(struct buf *out, const json_t *v) {
    if (json_is_string(v))
        put_string(out, json_string_value(v));
    else if (json_is_integer(v))
        buf_putf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        buf_putf(out, "%.17g", json_real_value(v));
    else
        buf_puts(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
}

static bool is_block(const json_t *v) {
    return (json_is_object(v) && json_object_size(v)) || (json_is_array(v) && json_array_size(v));
}

static void put_value(struct buf *out, const json_t *v, unsigned indent, bool in_item);

static void put_indent(struct buf *out, unsigned indent) {
    buf_putf(out, "%*s", (int)indent, "");
}

/* What stands behind "key:" or "-". */
static void put_behind(struct buf *out, const json_t *v, unsigned indent, bool item) {
    if (!is_block(v)) {
        buf_puts(out, " ");
        put_value(out, v, 0, false);
        buf_puts(out, "\n");
    } else if (item) {
        buf_puts(out, " ");
        put_value(out, v, indent, true);
    } else {
        buf_puts(out, "\n");
        put_value(out, v, indent, false);
    }
}

/* in_item: the first line continues behind "- " and is not indented. */
static void put_value(struct buf *out, const json_t *v, unsigned indent, bool in_item) {
    if (json_is_object(v) && json_object_size(v)) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)v, key, member) {
            if (!in_item)
                put_indent(out, indent);
            in_item = false;
            put_string(out, key);
            buf_puts(out, ":");
            put_behind(out, member, indent + 2, false);
        }
    } else if (json_is_array(v) && json_array_size(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (!in_item)
                put_indent(out, indent);
            in_item = false;
            buf_puts(out, "-");
            put_behind(out, json_array_get(v, i), indent + 2, true);
        }
    } else if (json_is_object(v)) {
        buf_puts(out, "{}");
    } else if (json_is_array(v)) {
        buf_puts(out, "[]");
    } else {
        put_scalar(out, v);
    }
}

int yaml_put(struct buf *out, const json_t *v) {
    put_value(out, v, 0, false);
    if (!is_block(v))
        buf_puts(out, "\n");
    return out->failed ? ERR_NOMEM : 0;
}
