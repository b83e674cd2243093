/* SPDX-License-Identifier: Apache-2.0 */
/* json: a small streaming writer into a buf. Commas and escapes are its work; nesting is asserted.
 * Reading is jansson's. Owner: the stack frame. A failed append shows in the buf (b->failed). */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

enum { JSON_DEPTH_MAX = 16 };

struct json {
    struct buf *out;
    uint8_t depth;
    bool comma[JSON_DEPTH_MAX];
    bool after_key;
};

static inline struct json json_of(struct buf *out) {
    return (struct json){.out = out};
}
void json_obj(struct json *j);
void json_obj_end(struct json *j);
void json_arr(struct json *j);
void json_arr_end(struct json *j);
void json_key(struct json *j, const char *key);
/* Values. Bytes that are not UTF-8 come out as U+FFFD. NULL strings give null. */
void json_str(struct json *j, const char *s);
void json_slice(struct json *j, struct slice s);
void json_int(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
/* null; not called json_null, which is jansson's. */
void json_nil(struct json *j);
/* RFC 3339 text; null for WALL_NEVER. */
void json_wall(struct json *j, struct wall t);
/* Text that is valid JSON already. */
void json_raw(struct json *j, struct slice s);
/* key + value in one call */
void json_kstr(struct json *j, const char *key, const char *s);
void json_kint(struct json *j, const char *key, int64_t v);
void json_kbool(struct json *j, const char *key, bool v);
void json_kwall(struct json *j, const char *key, struct wall t);
