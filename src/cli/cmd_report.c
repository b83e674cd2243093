/* SPDX-License-Identifier: Apache-2.0 */
/* report compliance. */
#include "cli/handlers.h"
#include "cli/hosts.h"

#include <stdlib.h>

static const struct {
    const char *head, *member;
    bool in_table; /* the rest is for CSV */
} columns[] = {
    {"NAME", "name", true},
    {"HOST", "host", false},
    {"VENDOR", "vendor", true},
    {"PRODUCT", "product", true},
    {"AMT", "amtState", true},
    {"MODE", "controlMode", true},
    {"BIOS SWITCH", "biosSwitch", true},
    {"KNOWN BY", "knownBy", true},
    {"FIRMWARE SWITCH", "firmwareSwitch", true},
    {"STATUS", "status", true},
    {"APPROVER", "exception.approver", true},
    {"UNTIL", "exception.until", true},
    {"REASON", "exception.reason", true},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* What a spreadsheet would take for a formula is put behind an apostrophe. */
static void put_csv(FILE *out, const char *v, bool last) {
    fputs(strchr("=+-@", v[0]) && v[0] ? "\"'" : "\"", out);
    for (; *v; v++) {
        if (*v == '"')
            fputc('"', out);
        fputc(*v, out);
    }
    fputs(last ? "\"\r\n" : "\",", out);
}

static void print_csv(struct cli *c, const json_t *rows) {
    for (unsigned i = 0; i < COLUMNS; i++)
        put_csv(c->term.out, columns[i].head, i + 1 == COLUMNS);
    for (size_t r = 0; r < json_array_size(rows); r++)
        for (unsigned i = 0; i < COLUMNS; i++)
            put_csv(c->term.out, jget_str(json_array_get(rows, r), columns[i].member), i + 1 == COLUMNS);
}

static enum colour status_colour(const char *status) {
    return strcmp(status, "compliant") == 0   ? COLOUR_GOOD
           : strcmp(status, "deviation") == 0 ? COLOUR_BAD
                                              : COLOUR_DOUBT;
}

static void print_table(struct cli *c, const json_t *rows) {
    const char *heads[COLUMNS];
    size_t n = 0;
    for (unsigned i = 0; i < COLUMNS; i++)
        if (columns[i].in_table)
            heads[n++] = columns[i].head;
    struct table *t = table_new(n, heads);
    for (size_t r = 0; t && r < json_array_size(rows); r++)
        for (unsigned i = 0; i < COLUMNS; i++) {
            const char *v = jget_str(json_array_get(rows, r), columns[i].member);
            char when[WALL_TEXT_CAP];
            bool status = strcmp(columns[i].member, "status") == 0;
            if (strcmp(columns[i].member, "exception.until") == 0 && *v)
                v = when_text(v, when);
            if (columns[i].in_table)
                table_cell(t, status ? status_colour(v) : COLOUR_NONE, "%s", *v ? v : "-");
        }
    if (t)
        table_print(t, c->term.out, c->term.width, c->term.colour_out, true);
    table_free(&t);
}

int cmd_report_compliance(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *v = NULL;
    (void)a;
    int code = cli_get(c, cli_path(c, &path, "/compliance"), &v);
    const json_t *rows = jget(v, "rows");
    if (code == EXIT_OK && !cli_print_value(c, v)) {
        if (cli_output(c) == OUTPUT_CSV)
            print_csv(c, rows);
        else if (json_array_size(rows))
            print_table(c, rows);
        else
            term_say(&c->term, "there are no hosts yet");
    }
    json_decref(v);
    buf_free(&path);
    return code;
}
