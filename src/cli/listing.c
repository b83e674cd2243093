/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listing.h"

#include "base/clock.h"
#include "cli/table.h"

static void put_cell(struct table *t, const json_t *m, bool time) {
    const char *s = json_string_value(m);
    char when[WALL_TEXT_CAP];
    if (json_is_integer(m))
        table_cell(t, COLOUR_NONE, "%" JSON_INTEGER_FORMAT, json_integer_value(m));
    else if (json_is_boolean(m))
        table_cell(t, COLOUR_NONE, "%s", json_is_true(m) ? "yes" : "no");
    else if (json_is_string(json_array_get(m, 0)))
        table_cell(t, COLOUR_NONE, "%s", json_string_value(json_array_get(m, 0)));
    else
        table_cell(t, COLOUR_NONE, "%s", time ? when_text(s, when) : s && *s ? s : "-");
}

int listing_print(struct cli *c, const char *target, const char *key, const struct listing_col *cols,
                  size_t ncols) {
    json_t *v = NULL;
    int code = cli_get(c, target, &v);
    const json_t *list = jget(v, key);
    const char *heads[TABLE_COLS_MAX];
    for (size_t i = 0; i < ncols; i++)
        heads[i] = cols[i].head;
    if (code != EXIT_OK || cli_print_value(c, v)) {
        json_decref(v);
        return code;
    }
    bool names = cli_output(c) == OUTPUT_NAME;
    struct table *t = names ? NULL : table_new(ncols, heads);
    for (size_t r = 0; r < json_array_size(list); r++) {
        const json_t *row = json_array_get(list, r);
        if (names)
            term_line(&c->term, "%s", jget_str(row, cols[0].member));
        for (size_t i = 0; t && i < ncols; i++)
            put_cell(t, jget(row, cols[i].member), cols[i].time);
    }
    if (t)
        table_print(t, c->term.out, c->term.width, c->term.colour_out, true);
    table_free(&t);
    json_decref(v);
    return code;
}

int listing_print_one(struct cli *c, const char *target) {
    static const char *const heads[] = {"", ""};
    json_t *v = NULL;
    int code = cli_get(c, target, &v);
    struct table *t = code == EXIT_OK && !cli_print_value(c, v) ? table_new(2, heads) : NULL;
    const char *name;
    json_t *m;
    if (t) {
        json_object_foreach(v, name, m) {
            size_t n = json_array_size(m);
            for (size_t i = 0; i < (n ? n : 1); i++) { /* a list: one line each */
                table_cell(t, COLOUR_NONE, "%s", i ? "" : name);
                put_cell(t, n ? json_array_get(m, i) : m, false);
            }
        }
        table_print(t, c->term.out, c->term.width, c->term.colour_out, false);
    }
    table_free(&t);
    json_decref(v);
    return code;
}
