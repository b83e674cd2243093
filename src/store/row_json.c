/* SPDX-License-Identifier: Apache-2.0 */
/* A struct as JSON (the device card, an agent's facts): one column that may grow members without a migration.
 */
#include "base/json.h"
#include "base/text.h"
#include "store/row.h"

#include <jansson.h>

static uint64_t number_at(const void *p, enum col_type type) {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    switch (type) {
    case COL_U8:
        memcpy(&u8, p, sizeof u8);
        return u8;
    case COL_U16:
        memcpy(&u16, p, sizeof u16);
        return u16;
    default:
        memcpy(&u32, p, sizeof u32);
        return u32;
    }
}

static void put_member(struct json *j, const struct col *c, const void *row) {
    const char *p = (const char *)row + c->off;
    json_key(j, c->name);
    switch (c->type) {
    case COL_STR:
        json_slice(j, slice_of(p, strnlen(p, c->size)));
        return;
    case COL_BOOL:
        json_bool(j, *(const bool *)p);
        return;
    case COL_UUID: {
        struct uuid u;
        char text[UUID_TEXT_CAP];
        memcpy(&u, p, sizeof u);
        json_str(j, uuid_text(u, text));
        return;
    }
    case COL_WORD:
        json_str(j, words_text(c->words, (unsigned)number_at(p, COL_U32)));
        return;
    default:
        json_int(j, (int64_t)number_at(p, c->type));
    }
}

void row_put_json(struct buf *out, const struct row_type *t, const void *row) {
    struct json j = json_of(out);
    json_obj(&j);
    for (size_t i = 0; i < t->ncols; i++)
        put_member(&j, &t->cols[i], row);
    json_obj_end(&j);
}

static void set_number(void *p, enum col_type type, uint64_t v) {
    uint8_t u8 = (uint8_t)v;
    uint16_t u16 = (uint16_t)v;
    uint32_t u32 = (uint32_t)v;
    uint64_t max = type == COL_U8 ? UINT8_MAX : type == COL_U16 ? UINT16_MAX : UINT32_MAX;
    if (v > max)
        return;
    if (type == COL_U8)
        memcpy(p, &u8, sizeof u8);
    else if (type == COL_U16)
        memcpy(p, &u16, sizeof u16);
    else
        memcpy(p, &u32, sizeof u32);
}

static void get_member(const json_t *v, const struct col *c, void *out) {
    char *p = (char *)out + c->off;
    const char *text = json_string_value(v);
    unsigned word;
    struct uuid u;
    if (c->type == COL_BOOL && json_is_boolean(v))
        *(bool *)p = json_is_true(v);
    else if (c->type == COL_STR && text)
        text_clean(p, c->size, slice_str(text));
    else if (c->type == COL_UUID && text && uuid_parse(slice_str(text), &u))
        memcpy(p, &u, sizeof u);
    else if (c->type == COL_WORD && text && words_parse(c->words, text, &word))
        memcpy(p, &word, sizeof word);
    else if (json_is_integer(v) && json_integer_value(v) >= 0 && c->type >= COL_U8 && c->type <= COL_U32)
        set_number(p, c->type, (uint64_t)json_integer_value(v));
}

int row_get_json(struct slice json, const struct row_type *t, void *out) {
    json_error_t error;
    json_t *root = json_loadb((const char *)json.p, json.n, 0, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < t->ncols; i++) {
        const json_t *v = json_object_get(root, t->cols[i].name);
        if (v)
            get_member(v, &t->cols[i], out);
    }
    json_decref(root);
    return 0;
}
