/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

#include "unit.h"

/* The values of a line, joined by |; or what is wrong. */
static const char *joined(const char *line) {
    static char out[128];
    char text[128];
    struct csv_line l;
    struct slice v;
    size_t n = 0;
    csv_begin(&l, slice_str(line), text);
    while (l.more) {
        const char *wrong = csv_next(&l, &v);
        if (wrong)
            return wrong;
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s|", (int)v.n, (const char *)v.p);
    }
    return out;
}

static void values(void **s) {
    assert_string_equal(joined(""), "|");
    assert_string_equal(joined("a,b"), "a|b|");
    assert_string_equal(joined("a,,b,"), "a||b||");
    assert_string_equal(joined("\"a,\"\"b\"\"\",c"), "a,\"b\"|c|");
    assert_string_equal(joined("\"\""), "|");
    assert_string_equal(joined("\"\","), "||");
}

static void faults(void **s) {
    assert_non_null(strstr(joined("\"a"), "no end"));
    assert_non_null(strstr(joined("a\"b"), "quote inside"));
    assert_non_null(strstr(joined("\"a\"b"), "between"));
}

UNIT_MAIN(T(values), T(faults))
