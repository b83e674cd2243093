/* SPDX-License-Identifier: Apache-2.0 */
/* schema: checks of JSON bodies against tables, and the tables as JSON Schema. */
#include "server/schema.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

enum { PATH_CAP = 64, DEPTH_MAX = 4 };

static const char *type_text(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static int wrong_type(struct errinfo *ei, const char *path, const char *want, const json_t *got) {
    return err_set(ei, ERR_INVALID, path, "%s must be %s, not %s", path, want, type_text(got));
}

static void list_values(const struct field *f, struct buf *out) {
    for (const char *const *v = f->values; *v; v++)
        buf_putf(out, "%s%s", v == f->values ? "" : ", ", *v);
}

static int check_enum(const struct field *f, const json_t *v, const char *path, struct errinfo *ei) {
    for (const char *const *one = f->values; *one; one++)
        if (strcmp(*one, json_string_value(v)) == 0)
            return 0;
    struct buf list = {0};
    list_values(f, &list);
    err_set(ei, ERR_INVALID, path, "%s has a value that is not known", path);
    err_remedy(ei, "Use one of: %s.", buf_cstr(&list));
    buf_free(&list);
    return ERR_INVALID;
}

static int check_text(const struct field *f, const json_t *v, const char *path, struct errinfo *ei) {
    if (!json_is_string(v))
        return wrong_type(ei, path, "a text", v);
    struct slice s = slice_of(json_string_value(v), json_string_length(v));
    if (!text_is_utf8(s))
        return err_set(ei, ERR_INVALID, path, "%s holds control characters", path);
    if (f->type == FIELD_ENUM)
        return check_enum(f, v, path, ei);
    struct uuid u;
    if (f->type == FIELD_UUID && s.n && !uuid_parse(s, &u))
        return err_set(ei, ERR_INVALID, path, "%s is no UUID such as 55e3ae13-bfd2-61bb-17a0-88aedd7037ea",
                       path);
    struct wall t;
    if (f->type == FIELD_TIME && !wall_parse(json_string_value(v), &t))
        return err_set(ei, ERR_INVALID, path, "%s is no time such as 2026-11-22T14:02:11Z", path);
    if (f->type != FIELD_TEXT && f->type != FIELD_TEXTS)
        return 0;
    if (s.n < (size_t)f->min)
        return err_set(ei, ERR_INVALID, path, "%s has %zu bytes; at least %" PRId64 " are needed", path, s.n,
                       f->min);
    if (s.n > (size_t)f->max)
        return err_set(ei, ERR_INVALID, path, "%s has %zu bytes; at most %" PRId64 " are allowed", path, s.n,
                       f->max);
    return 0;
}

static int check_texts(const struct field *f, const json_t *v, const char *path, struct errinfo *ei) {
    size_t i;
    json_t *one;
    if (!json_is_array(v))
        return wrong_type(ei, path, "an array of texts", v);
    if (json_array_size(v) > f->items)
        return err_set(ei, ERR_INVALID, path, "%s has %zu members; at most %u are allowed", path,
                       json_array_size(v), f->items);
    json_array_foreach((json_t *)v, i, one) {
        int err = check_text(f, one, path, ei);
        if (err)
            return err;
    }
    return 0;
}

static int check_number(const struct field *f, const json_t *v, const char *path, struct errinfo *ei) {
    if (!json_is_integer(v))
        return wrong_type(ei, path, "a whole number", v);
    int64_t n = json_integer_value(v);
    if (n < f->min || n > f->max)
        return err_set(ei, ERR_INVALID, path, "%s is %" PRId64 "; allowed are %" PRId64 " to %" PRId64, path,
                       n, f->min, f->max);
    return 0;
}

static int check_object(const struct schema *s, const json_t *o, const char *prefix, unsigned depth,
                        struct errinfo *ei);

static int check_value(const struct field *f, const json_t *v, const char *path, unsigned depth,
                       struct errinfo *ei) {
    if (json_is_null(v) && f->nullable)
        return 0;
    switch (f->type) {
    case FIELD_NUMBER:
        return check_number(f, v, path, ei);
    case FIELD_FLAG:
        return json_is_boolean(v) ? 0 : wrong_type(ei, path, "true or false", v);
    case FIELD_TEXTS:
        return check_texts(f, v, path, ei);
    case FIELD_OBJECT:
        return json_is_object(v) ? check_object(f->object, v, path, depth + 1, ei)
                                 : wrong_type(ei, path, "an object", v);
    default:
        return check_text(f, v, path, ei);
    }
}

static const struct field *field_find(const struct schema *s, const char *name) {
    for (const struct field *f = s->fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static void path_of(char out[PATH_CAP], const char *prefix, const char *name) {
    char whole[2 * PATH_CAP];
    snprintf(whole, sizeof whole, "%s%s%s", prefix, *prefix ? "." : "", name);
    text_clean(out, PATH_CAP, slice_str(whole));
}

static int check_object(const struct schema *s, const json_t *o, const char *prefix, unsigned depth,
                        struct errinfo *ei) {
    char path[PATH_CAP];
    const char *name;
    json_t *v;
    if (depth > DEPTH_MAX)
        return err_set(ei, ERR_INVALID, prefix, "the body is nested too deeply");
    json_object_foreach((json_t *)o, name, v) {
        path_of(path, prefix, name);
        const struct field *f = field_find(s, name);
        if (!f) {
            err_set(ei, ERR_INVALID, path, "%s is not known here", path);
            struct buf list = {0};
            for (f = s->fields; f->name; f++)
                buf_putf(&list, "%s%s", f == s->fields ? "" : ", ", f->name);
            err_remedy(ei, "Leave it out. Known are: %s.", buf_cstr(&list));
            buf_free(&list);
            return ERR_INVALID;
        }
        int err = check_value(f, v, path, depth, ei);
        if (err)
            return err;
    }
    for (const struct field *f = s->fields; f->name; f++) {
        path_of(path, prefix, f->name);
        if (f->required && !json_object_get(o, f->name))
            return err_set(ei, ERR_INVALID, path, "%s is missing", path);
    }
    return 0;
}

int schema_parse(const struct schema *s, struct slice text, struct json_t **out, struct errinfo *ei) {
    *out = NULL;
    if (slice_trim(text).n == 0) {
        err_set(ei, ERR_SYNTAX, "", "the body is empty; a JSON object is expected");
        return ERR_SYNTAX;
    }
    json_error_t e;
    json_t *v = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);
    if (!v) {
        char why[128];
        text_clean(why, sizeof why, slice_str(e.text));
        err_set(ei, ERR_SYNTAX, "", "the body is no JSON: %s at line %d, column %d (byte %d)", why, e.line,
                e.column, e.position);
        err_remedy(ei, "Send one JSON object in UTF-8, each member once.");
        return ERR_SYNTAX;
    }
    int err = json_is_object(v)
                  ? check_object(s, v, "", 0, ei)
                  : err_set(ei, ERR_INVALID, "", "the body must be an object, not %s", type_text(v));
    if (err) {
        json_decref(v);
        return err;
    }
    *out = v;
    return 0;
}

/* --- printing --- */
static const char *const TYPES[] = {
    [FIELD_TEXT] = "string", [FIELD_NUMBER] = "integer", [FIELD_FLAG] = "boolean", [FIELD_OBJECT] = "object",
    [FIELD_ENUM] = "string", [FIELD_UUID] = "string",    [FIELD_TIME] = "string",  [FIELD_TEXTS] = "array"};

static void print_type(struct json *j, const struct field *f) {
    json_key(j, "type");
    if (!f->nullable) {
        json_str(j, TYPES[f->type]);
        return;
    }
    json_arr(j);
    json_str(j, TYPES[f->type]);
    json_str(j, "null");
    json_arr_end(j);
}

static void print_field(struct json *j, const struct field *f) {
    json_key(j, f->name);
    if (f->type == FIELD_OBJECT) {
        schema_print(j, f->object);
        return;
    }
    json_obj(j);
    print_type(j, f);
    if (f->type == FIELD_TEXT) {
        json_kint(j, "minLength", f->min);
        json_kint(j, "maxLength", f->max);
    }
    if (f->type == FIELD_TEXTS) {
        json_kint(j, "maxItems", f->items);
        json_key(j, "items");
        json_raw(j, SLICE_LIT("{\"type\":\"string\"}"));
    }
    if (f->type == FIELD_NUMBER) {
        json_kint(j, "minimum", f->min);
        json_kint(j, "maximum", f->max);
    }
    if (f->type == FIELD_ENUM) {
        json_key(j, "enum");
        json_arr(j);
        for (const char *const *v = f->values; *v; v++)
            json_str(j, *v);
        json_arr_end(j);
    }
    if (f->type == FIELD_UUID || f->type == FIELD_TIME)
        json_kstr(j, "format", f->type == FIELD_UUID ? "uuid" : "date-time");
    if (f->secret)
        json_kbool(j, "writeOnly", true);
    if (f->doc)
        json_kstr(j, "description", f->doc);
    json_obj_end(j);
}

void schema_print(struct json *j, const struct schema *s) {
    json_obj(j);
    json_kstr(j, "type", "object");
    json_kbool(j, "additionalProperties", false);
    json_key(j, "required");
    json_arr(j);
    for (const struct field *f = s->fields; f->name; f++)
        if (f->required)
            json_str(j, f->name);
    json_arr_end(j);
    json_key(j, "properties");
    json_obj(j);
    for (const struct field *f = s->fields; f->name; f++)
        print_field(j, f);
    json_obj_end(j);
    json_obj_end(j);
}

/* --- getters --- */
const char *body_text(const struct json_t *o, const char *name, const char *fallback) {
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : fallback;
}
int64_t body_number(const struct json_t *o, const char *name, int64_t fallback) {
    const json_t *v = json_object_get(o, name);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}
bool body_flag(const struct json_t *o, const char *name, bool fallback) {
    const json_t *v = json_object_get(o, name);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}
const struct json_t *body_object(const struct json_t *o, const char *name) {
    const json_t *v = json_object_get(o, name);
    return json_is_object(v) ? v : NULL;
}
size_t body_count(const struct json_t *o) {
    return json_object_size(o);
}
bool body_has(const struct json_t *o, const char *name) {
    return json_object_get(o, name) != NULL;
}
bool body_copy(const struct json_t *o, const char *name, char *out, size_t cap) {
    const char *s = body_text(o, name, NULL);
    *out = 0;
    return s && slice_to_str(slice_str(s), out, cap);
}
