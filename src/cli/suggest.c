/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <string.h>

enum { WORD_MAX = 63 };

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

unsigned edit_distance(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX)
        return 2 * WORD_MAX;
    unsigned row[3][WORD_MAX + 1]; /* rows i-2, i-1 and i of the usual table */
    for (unsigned j = 0; j <= nb; j++)
        row[1][j] = j;
    memset(row[0], 0, sizeof row[0]);
    for (size_t i = 1; i <= na; i++) {
        unsigned *two = row[(i + 2) % 3], *one = row[i % 3], *now = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned change = one[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(change, least(one[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two[j - 2] + 1);
        }
    }
    return row[(na + 1) % 3][nb];
}

void suggest_offer(struct suggest *s, const char *candidate) {
    unsigned d = edit_distance(s->word, candidate);
    /* a piece of a longer word ("cycle" of "power-cycle") is as good as one wrong letter */
    if (strlen(s->word) >= 3 && strstr(candidate, s->word))
        d = least(d, 1);
    if (!s->best || d < s->distance) {
        s->best = candidate;
        s->distance = d;
    }
}

const char *suggest_best(const struct suggest *s) {
    size_t n = strlen(s->word);
    return s->best && s->distance <= (n < 5 ? 1 : n < 9 ? 2 : 3) ? s->best : NULL;
}
