/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/jget.h"

#include "base/slice.h"

json_t *jget(const json_t *o, const char *path) {
    struct slice rest = slice_str(path);
    const json_t *at = o;
    while (at && rest.n) {
        char key[64];
        slice_to_str(slice_cut(&rest, '.'), key, sizeof key);
        at = json_object_get(at, key);
    }
    return (json_t *)(uintptr_t)at;
}

const char *jget_str(const json_t *o, const char *path) {
    const char *s = json_string_value(jget(o, path));
    return s ? s : "";
}

int64_t jget_int(const json_t *o, const char *path, int64_t otherwise) {
    const json_t *v = jget(o, path);
    return json_is_integer(v) ? json_integer_value(v)
           : json_is_real(v)  ? (int64_t)json_real_value(v)
                              : otherwise;
}

bool jget_bool(const json_t *o, const char *path) {
    return json_is_true(jget(o, path));
}
