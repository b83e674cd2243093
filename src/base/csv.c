/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

void csv_begin(struct csv_line *l, struct slice line, char *text) {
    *l = (struct csv_line){.rest = line, .more = true, .text = text};
}

static uint8_t take(struct csv_line *l) {
    uint8_t c = l->rest.p[0];
    l->rest = slice_skip(l->rest, 1);
    return c;
}

static const char *quoted(struct csv_line *l) {
    (void)take(l);
    while (l->rest.n) {
        uint8_t c = take(l);
        if (c == '"') {
            if (!l->rest.n || l->rest.p[0] == ',')
                return NULL;
            if (l->rest.p[0] != '"')
                return "there is text between a closing quote and the comma";
            (void)take(l);
        }
        l->text[l->at++] = (char)c;
    }
    return "a quoted value has no end on its line";
}

static const char *plain(struct csv_line *l) {
    while (l->rest.n && l->rest.p[0] != ',') {
        if (l->rest.p[0] == '"')
            return "a quote inside a value: put the whole value in quotes and double each quote in it";
        l->text[l->at++] = (char)take(l);
    }
    return NULL;
}

const char *csv_next(struct csv_line *l, struct slice *value) {
    size_t start = l->at;
    const char *wrong = l->rest.n && l->rest.p[0] == '"' ? quoted(l) : plain(l);
    *value = slice_of(l->text + start, l->at - start);
    l->more = l->rest.n > 0;
    if (l->more && !wrong)
        (void)take(l); /* the comma */
    return wrong;
}
