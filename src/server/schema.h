/* SPDX-License-Identifier: Apache-2.0 */
/* schema: small tables that say what a JSON body may hold. Checks name the member that is wrong; OpenAPI
 * prints the same tables. Constant data; any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct json_t;
struct schema;

enum field_type {
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_FLAG,
    FIELD_OBJECT,
    FIELD_ENUM,
    FIELD_UUID,
    FIELD_TIME,
    FIELD_TEXTS /* an array of texts */
};
struct field {
    const char *name;
    enum field_type type;
    bool required;
    bool nullable;             /* null is a value of its own */
    bool secret;               /* its value is never repeated in an error */
    int64_t min, max;          /* TEXT, TEXTS: length in bytes; NUMBER: value */
    uint32_t items;            /* TEXTS: most of them */
    const char *const *values; /* ENUM: NULL-terminated */
    const struct schema *object;
    const char *doc;
};
struct schema {
    const char *name;           /* in OpenAPI */
    const struct field *fields; /* ends with a NULL name */
};

/* Parse text and check it. 0 and *out (the caller's, json_decref); ERR_SYNTAX with line, column and reason;
 * ERR_INVALID with the field ("amt.user") and what is wrong with it. */
NODISCARD int schema_parse(const struct schema *s, struct slice text, struct json_t **out,
                           struct errinfo *ei);
/* The schema as JSON Schema. */
void schema_print(struct json *j, const struct schema *s);

/* Members of a checked object; absent or null: the fallback. o may be NULL. */
const char *body_text(const struct json_t *o, const char *name, const char *fallback);
int64_t body_number(const struct json_t *o, const char *name, int64_t fallback);
bool body_flag(const struct json_t *o, const char *name, bool fallback);
const struct json_t *body_object(const struct json_t *o, const char *name);
/* How many members. */
size_t body_count(const struct json_t *o);
/* Was the member given (null counts)? */
bool body_has(const struct json_t *o, const char *name);
/* Copy a text member into out; false (and out "") when it is absent. */
bool body_copy(const struct json_t *o, const char *name, char *out, size_t cap);
