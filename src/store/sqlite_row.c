/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to and from SQLite, driven by the column tables. */
#include "base/log.h"
#include "store/sqlite.h"

static uint64_t load(const void *p, size_t size) {
    uint64_t v = 0;
    memcpy(&v, p, size); /* little-endian, see static_assert */
    return v;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "load() copies low bytes first");

static int bind_json(sqlite3_stmt *st, int i, const struct col *c, const void *p) {
    struct buf json = {0};
    row_put_json(&json, c->members, p);
    int rc = json.failed ? SQLITE_NOMEM
                         : sqlite3_bind_text(st, i, (const char *)buf_slice(&json).p, (int)json.len,
                                             SQLITE_TRANSIENT);
    buf_free(&json);
    return rc;
}

static int bind_col(sqlite3_stmt *st, int i, const struct col *c, const void *row) {
    const char *p = (const char *)row + c->off;
    if (c->has_off && !*(const bool *)((const char *)row + c->has_off))
        return sqlite3_bind_null(st, i);
    switch (c->type) {
    case COL_STR:
        return sqlite3_bind_text(st, i, p, (int)strnlen(p, c->size), SQLITE_STATIC);
    case COL_UUID:
    case COL_HASH:
        return sqlite3_bind_blob(st, i, p, (int)c->size, SQLITE_STATIC);
    case COL_SEALED: {
        const struct sealed *s = (const void *)p;
        return sqlite3_bind_blob(st, i, s->b, s->n <= SEALED_MAX ? s->n : SEALED_MAX, SQLITE_STATIC);
    }
    case COL_WORD:
        return sqlite3_bind_text(st, i, words_text(c->words, (unsigned)load(p, sizeof(unsigned))), -1,
                                 SQLITE_STATIC);
    case COL_JSON:
        return bind_json(st, i, c, p);
    case COL_HEAP: {
        const char *text;
        memcpy(&text, p, sizeof text);
        return sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC); /* NULL binds NULL */
    }
    default:
        return sqlite3_bind_int64(st, i, (int64_t)load(p, c->size));
    }
}

int row_bind(sqlite3_stmt *st, const struct row_type *t, const void *row, unsigned group, int first) {
    for (size_t i = 0; i < t->ncols; i++) {
        if (group && !(t->cols[i].groups & group))
            continue;
        int rc = bind_col(st, first++, &t->cols[i], row);
        if (rc != SQLITE_OK)
            return -rc;
    }
    return first;
}

int row_bind_keys(sqlite3_stmt *st, const struct row_type *t, const void *row) {
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < t->nkeys; i++)
        rc = bind_col(st, (int)i + 1, &t->cols[i], row);
    return rc;
}

static struct slice column_bytes(sqlite3_stmt *st, int i) {
    const void *p = sqlite3_column_blob(st, i);
    return slice_of(p, p ? (size_t)sqlite3_column_bytes(st, i) : 0);
}

static void read_word(sqlite3_stmt *st, int i, const struct row_type *t, const struct col *c, char *p) {
    const char *text = (const char *)sqlite3_column_text(st, i);
    unsigned v = 0;
    if (!text || !words_parse(c->words, text, &v))
        log_warn("store", "%s.%s holds \"%.40s\", which this version does not know: read as \"%s\"", t->table,
                 c->name, text ? text : "", words_text(c->words, 0));
    memcpy(p, &v, sizeof v);
}

static void read_col(sqlite3_stmt *st, int i, const struct row_type *t, const struct col *c, void *row) {
    char *p = (char *)row + c->off;
    bool there = true;
    struct slice b;
    switch (c->type) {
    case COL_STR:
        slice_to_str(slice_str((const char *)sqlite3_column_text(st, i)), p, c->size);
        break;
    case COL_UUID:
    case COL_HASH:
        b = column_bytes(st, i);
        memset(p, 0, c->size);
        there = b.n == c->size;
        if (there)
            memcpy(p, b.p, b.n);
        break;
    case COL_SEALED: {
        struct sealed *s = (void *)p;
        b = slice_head(column_bytes(st, i), SEALED_MAX);
        s->n = (uint8_t)b.n;
        if (b.n)
            memcpy(s->b, b.p, b.n);
        break;
    }
    case COL_WORD:
        read_word(st, i, t, c, p);
        break;
    case COL_JSON:
        b = column_bytes(st, i);
        memset(p, 0, c->size);
        there = b.n && row_get_json(b, c->members, p) == 0;
        break;
    case COL_HEAP: {
        const unsigned char *text = sqlite3_column_text(st, i);
        memcpy(p, &text, sizeof text);
        break;
    }
    case COL_BOOL:
        *(bool *)p = sqlite3_column_int64(st, i) != 0;
        break;
    default: {
        int64_t v = sqlite3_column_int64(st, i);
        memcpy(p, &v, c->size);
    }
    }
    if (c->has_off)
        *(bool *)((char *)row + c->has_off) = there;
}

int row_read(sqlite3_stmt *st, const struct row_type *t, void *row) {
    for (size_t i = 0; i < t->ncols; i++)
        read_col(st, (int)i, t, &t->cols[i], row);
    return sqlite3_errcode(sqlite3_db_handle(st)) == SQLITE_NOMEM ? ERR_NOMEM : 0;
}
