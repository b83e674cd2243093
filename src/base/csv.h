/* SPDX-License-Identifier: Apache-2.0 */
/* csv: the values of one line of comma-separated text (RFC 4180, but a value ends on its line). Any thread.
 */
#pragma once

#include "base/slice.h"

struct csv_line {
    struct slice rest;
    bool more;  /* another value follows (also an empty one behind a last comma) */
    char *text; /* where values go with their quotes taken off: as many bytes as the line has */
    size_t at;
};
/* Begin a line (without its end); text: at least line.n bytes, and lives as long as the values. */
void csv_begin(struct csv_line *l, struct slice line, char *text);
/* The next value while l->more. NULL, or what is wrong with the line. */
const char *csv_next(struct csv_line *l, struct slice *value);
