/* SPDX-License-Identifier: Apache-2.0 */
/* suggest: the known word nearest to a mistyped one. Owner: the stack frame. */
#pragma once

#include <stddef.h>

struct suggest {
    const char *word, *best;
    unsigned distance;
};

/* Single-character edits (insert, drop, change, swap of neighbours) from a to b; words over 63 bytes count as
 * far. */
unsigned edit_distance(const char *a, const char *b);
/* Take a candidate into account; it must outlive s. */
void suggest_offer(struct suggest *s, const char *candidate);
/* The nearest candidate when it is near enough to be meant, else NULL. */
const char *suggest_best(const struct suggest *s);
