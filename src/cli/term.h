/* SPDX-License-Identifier: Apache-2.0 */
/* term: what orch-cli writes for people. Everything that came from a server is cleaned here before it reaches
 * a terminal; colours and widths are decided once. Owner: struct cli; main thread only. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/now.h"

#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_DOUBT, COLOUR_FAINT };

struct term {
    FILE *out, *err;
    int in_fd;
    bool colour_out, colour_err;
    bool in_tty, err_tty;
    unsigned width; /* columns of the terminal on out; 0: not a terminal, nothing is cut */
};

/* Look at the three descriptors, NO_COLOR and COLUMNS. */
void term_init(struct term *t, FILE *out, FILE *err, int in_fd);
/* One line to out, every byte of the formatted text cleaned (no control characters), then a newline. */
void term_line(struct term *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same with a coloured first word (head may be any text, it is cleaned too). */
void term_line_head(struct term *t, enum colour c, const char *head, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* One line to err: "orch-cli: " and the text. */
void term_say(struct term *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A second, indented line to err: what to do next. Nothing when text is empty. */
void term_hint(struct term *t, const char *text);
/* Escape sequences that begin and end a colour; "" when !on. */
const char *colour_begin(enum colour c, bool on);
const char *colour_end(enum colour c, bool on);

/* Ask on the terminal and read one line into out (NUL-terminated, newline removed). ERR_STATE when there is
 * no terminal; ERR_CANCELLED on end of input or interrupt. echo false: nothing typed is shown. */
NODISCARD int term_ask(struct term *t, const char *question, bool echo, char *out, size_t cap);

/* Columns a string takes on a terminal: 0 for combining marks, 2 for wide East Asian letters and pictures. */
unsigned text_width(struct slice s);
/* Bytes of the longest head of s that takes at most width columns. */
size_t text_fit(struct slice s, unsigned width);

/* "5 s", "14 min", "3 h", "2 d": an age in one unit, into out[WALL_TEXT_CAP]. */
const char *age_text(int64_t ms, char *out);
/* An RFC 3339 text into "2026-11-22 14:02:11Z" (out[WALL_TEXT_CAP]); "-" when empty or malformed. */
const char *when_text(const char *rfc3339, char *out);
