/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include "base/slice.h"

bool when_parse(const char *text, struct wall now, struct wall *out) {
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    struct slice s = slice_str(text[0] == '+' ? text + 1 : text);
    uint64_t n;
    for (size_t i = 0; s.n && i < sizeof units / sizeof *units; i++) {
        if (s.p[s.n - 1] != units[i].unit || !slice_to_u64(slice_head(s, s.n - 1), 1000000, &n))
            continue;
        *out = wall_add_ms(now, (int64_t)n * units[i].ms);
        return true;
    }
    return wall_parse(text, out);
}
