/* SPDX-License-Identifier: Apache-2.0 */
/* table: columns for people. Cells are cleaned when they are added, and lines are cut only for a terminal.
 * Owner: the command that prints; one thread. */
#pragma once

#include "base/err.h"
#include "cli/term.h"

struct table;
enum { TABLE_COLS_MAX = 16 };
/* heads: ncols borrowed strings. NULL when out of memory. */
struct table *table_new(size_t ncols, const char *const *heads);
void table_free(struct table **t);
/* The next cell, row by row. */
void table_cell(struct table *t, enum colour c, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Columns at least as wide as in widths, which gets the result: tables printed one below the other line up.
 */
void table_widen(struct table *t, unsigned widths[TABLE_COLS_MAX]);
/* Print head and rows. width: columns to cut lines to, the widest column first; 0 cuts nothing. */
void table_print(struct table *t, FILE *out, unsigned width, bool colours, bool with_head);
