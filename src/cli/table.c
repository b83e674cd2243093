/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

enum { COL_MIN = 6, GAP = 2 };

struct cell {
    const char *text;
    enum colour colour;
};
struct table {
    size_t ncols, ncells, cap;
    const char *const *heads;
    struct cell *cells;
    struct arena arena;
    unsigned widths[TABLE_COLS_MAX];
};

struct table *table_new(size_t ncols, const char *const *heads) {
    assert(ncols && ncols <= TABLE_COLS_MAX);
    struct table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->ncols = ncols;
    t->heads = heads;
    for (size_t i = 0; i < ncols; i++)
        t->widths[i] = text_width(slice_str(heads[i]));
    return t;
}

void table_free(struct table **t) {
    if (!*t)
        return;
    arena_free(&(*t)->arena);
    free((*t)->cells);
    free(*t);
    *t = NULL;
}

void table_cell(struct table *t, enum colour c, const char *fmt, ...) {
    if (t->ncells == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct cell *more = realloc(t->cells, cap * sizeof *more);
        if (!more)
            return;
        t->cells = more;
        t->cap = cap;
    }
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vputf(&b, fmt, ap);
    va_end(ap);
    char *text = arena_alloc(&t->arena, b.len + 1);
    if (text)
        text_clean(text, b.len + 1, buf_slice(&b));
    buf_free(&b);
    struct cell *cell = &t->cells[t->ncells];
    *cell = (struct cell){text ? text : "", c};
    unsigned w = text_width(slice_str(cell->text)), *widest = &t->widths[t->ncells % t->ncols];
    if (w > *widest)
        *widest = w;
    t->ncells++;
}

void table_widen(struct table *t, unsigned widths[TABLE_COLS_MAX]) {
    for (size_t i = 0; i < t->ncols; i++) {
        if (t->widths[i] < widths[i])
            t->widths[i] = widths[i];
        widths[i] = t->widths[i];
    }
}

/* Take columns off the widest until the line fits. */
static void fit_widths(unsigned *widths, size_t n, unsigned width) {
    for (;;) {
        unsigned total = (unsigned)(n - 1) * GAP;
        size_t widest = 0;
        for (size_t i = 0; i < n; i++) {
            total += widths[i];
            if (widths[i] > widths[widest])
                widest = i;
        }
        if (total <= width || widths[widest] <= COL_MIN)
            return;
        unsigned over = total - width, spare = widths[widest] - COL_MIN;
        unsigned second = COL_MIN;
        for (size_t i = 0; i < n; i++)
            if (i != widest && widths[i] > second)
                second = widths[i];
        unsigned down_to_second = widths[widest] > second ? widths[widest] - second : 1;
        unsigned cut = over < spare ? over : spare;
        widths[widest] -= cut < down_to_second ? cut : down_to_second;
    }
}

static void put_cell(FILE *out, struct slice text, unsigned width, bool last, enum colour c, bool colours) {
    unsigned full = text_width(text);
    bool cut = full > width;
    struct slice shown = cut ? slice_head(text, text_fit(text, width - 1)) : text;
    fputs(colour_begin(c, colours), out);
    fwrite(shown.p, 1, shown.n, out);
    if (cut)
        fputs("…", out);
    fputs(colour_end(c, colours), out);
    unsigned used = text_width(shown) + (cut ? 1 : 0);
    if (!last)
        fprintf(out, "%*s", (int)(width - used + GAP), "");
}

void table_print(struct table *t, FILE *out, unsigned width, bool colours, bool with_head) {
    unsigned widths[TABLE_COLS_MAX];
    memcpy(widths, t->widths, sizeof widths);
    if (width)
        fit_widths(widths, t->ncols, width);
    for (size_t i = 0; with_head && i < t->ncols; i++)
        put_cell(out, slice_str(t->heads[i]), widths[i], i + 1 == t->ncols, COLOUR_NONE, false);
    if (with_head)
        fputc('\n', out);
    for (size_t i = 0; i < t->ncells; i++) {
        size_t col = i % t->ncols;
        bool last = col + 1 == t->ncols;
        put_cell(out, slice_str(t->cells[i].text), widths[col], last, t->cells[i].colour, colours);
        if (last)
            fputc('\n', out);
    }
}
