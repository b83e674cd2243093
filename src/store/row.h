/* SPDX-License-Identifier: Apache-2.0 */
/* row: the members of every stored row, as tables: column name, type, place in the struct. All SQL and the
 * JSON of struct columns come from them, so a new member is one line here and one in a schema file. Constant
 * tables. */
#pragma once

#include "store/store.h"

enum col_type {
    COL_STR,    /* char[size] */
    COL_UUID,   /* struct uuid, 16 bytes */
    COL_SEALED, /* struct sealed */
    COL_WALL,   /* struct wall */
    COL_U8,
    COL_U16,
    COL_U32,
    COL_U64,
    COL_BOOL,
    COL_WORD, /* an enum, stored as its word */
    COL_JSON, /* a struct, as JSON of its members */
    COL_HASH, /* uint8_t[32] */
    COL_HEAP, /* char *, NULL as NULL; read: valid until the next row */
};
/* Words of an enum 0 .. count-1; a word that is not among them reads as 0. */
struct words {
    const char *(*text)(unsigned v);
    unsigned count;
};
struct row_type;
struct col {
    const char *name;
    enum col_type type;
    unsigned groups; /* STORE_* write kinds that update it, as bits; 0: only with the whole row */
    size_t off, size;
    size_t has_off; /* of a bool: false is NULL; 0: always there */
    const struct words *words;
    const struct row_type *members; /* of COL_JSON */
    unsigned max_in;                /* of these groups only upwards: max(old, new) */
};
struct row_type {
    const char *table;
    const struct col *cols; /* the first ones are the key */
    size_t ncols, nkeys;
};
#define ROW_GROUP(kind) (1u << (kind))

extern const struct row_type row_host, row_op, row_event, row_quarantine, row_user, row_audit, row_provision,
    row_agent, row_object;

/* The word of value v, never NULL. */
const char *words_text(const struct words *w, unsigned v);
/* False (and *v = 0) when the word is not known. */
bool words_parse(const struct words *w, const char *text, unsigned *v);

/* "a, b, c" of all columns. */
void row_put_names(struct buf *out, const struct row_type *t);
/* row as a JSON object, appended. */
void row_put_json(struct buf *out, const struct row_type *t, const void *row);
/* The reverse; missing and strange members stay as they are. ERR_SYNTAX when it is no JSON object. */
NODISCARD int row_get_json(struct slice json, const struct row_type *t, void *out);

/* The key of a write's row (host id, operation id; kind, project and name …): newer writes of one kind and
 * key replace older ones. Empty for events and audit lines, which never replace each other. */
struct slice store_write_key(const struct store_write *w);
/* One write with its row; frees both. */
void store_write_free(struct store_write **w);

/* SHA-256(previous hash, seq, at, each text with its length): what chains a row to the one before.
 * ERR_CRYPTO. */
NODISCARD int audit_hash(const uint8_t prev[32], const struct store_audit *a, uint8_t out[32]);
