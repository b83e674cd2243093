/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 256, BRACKETS_MAX = 4 };

int names_add(struct names *names, struct slice name) {
    if (names->n == RANGE_NAMES_MAX)
        return ERR_LIMIT;
    if (names->n == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 64;
        const char **more = realloc(names->list, cap * sizeof *more);
        if (!more)
            return ERR_NOMEM;
        names->list = more;
        names->cap = cap;
    }
    char *copy = arena_str(&names->arena, name);
    if (!copy)
        return ERR_NOMEM;
    names->list[names->n++] = copy;
    return 0;
}

void names_free(struct names *names) {
    arena_free(&names->arena);
    free(names->list);
    *names = (struct names){0};
}

struct expand {
    struct names *names;
    const char *whole;
    struct errinfo *ei;
};

static int expand_from(const struct expand *x, struct slice done, struct slice rest, unsigned depth);

/* One "7" or "001-250" of a bracket: each number, followed by what stands behind the bracket. */
static int expand_part(const struct expand *x, struct slice done, struct slice part, struct slice behind,
                       unsigned depth) {
    struct slice to = part, from = slice_cut(&to, '-');
    bool single = from.n == part.n;
    uint64_t a, b;
    if (!slice_to_u64(from, 999999999, &a) || (!single && !slice_to_u64(to, 999999999, &b)))
        return err_set(x->ei, ERR_INVALID, "",
                       "\"%.80s\": \"%.*s\" is neither a number nor a range such as 001-250", x->whole,
                       (int)(part.n < 40 ? part.n : 40), (const char *)part.p);
    if (single)
        b = a;
    if (b < a)
        return err_set(x->ei, ERR_INVALID, "", "\"%.80s\": the range %" PRIu64 "-%" PRIu64 " runs backwards",
                       x->whole, a, b);
    if (b - a >= RANGE_NAMES_MAX)
        return err_set(x->ei, ERR_LIMIT, "", "\"%.80s\" stands for more than %d names", x->whole,
                       RANGE_NAMES_MAX);
    for (uint64_t i = a; i <= b; i++) {
        char name[NAME_MAX_BYTES];
        int n =
            snprintf(name, sizeof name, "%.*s%0*" PRIu64, (int)done.n, (const char *)done.p, (int)from.n, i);
        if (n < 0 || (size_t)n >= sizeof name)
            return err_set(x->ei, ERR_LIMIT, "", "a name is longer than %d bytes", NAME_MAX_BYTES);
        int rc = expand_from(x, slice_of(name, (size_t)n), behind, depth + 1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* done: the name so far, expanded; rest: text still to be read. */
static int expand_from(const struct expand *x, struct slice done, struct slice rest, unsigned depth) {
    char name[NAME_MAX_BYTES];
    const uint8_t *open = rest.n ? memchr(rest.p, '[', rest.n) : NULL;
    size_t plain = open ? (size_t)(open - rest.p) : rest.n;
    int n = snprintf(name, sizeof name, "%.*s%.*s", (int)done.n, (const char *)done.p, (int)plain,
                     (const char *)rest.p);
    if (n < 0 || (size_t)n >= sizeof name)
        return err_set(x->ei, ERR_LIMIT, "", "a name is longer than %d bytes", NAME_MAX_BYTES);
    struct slice head = slice_of(name, (size_t)n);
    if (!open) {
        int rc = names_add(x->names, head);
        if (rc == ERR_LIMIT)
            return err_set(x->ei, rc, "", "\"%.80s\" stands for more than %d names", x->whole,
                           RANGE_NAMES_MAX);
        return rc;
    }
    struct slice inside = slice_skip(rest, plain + 1);
    const uint8_t *close = inside.n ? memchr(inside.p, ']', inside.n) : NULL;
    if (!close || close == inside.p || depth == BRACKETS_MAX)
        return err_set(x->ei, ERR_INVALID, "", "\"%.80s\": %s", x->whole,
                       depth == BRACKETS_MAX ? "too many brackets"
                       : close               ? "empty brackets"
                                             : "the bracket is not closed");
    struct slice behind = slice_skip(inside, (size_t)(close - inside.p) + 1);
    inside = slice_head(inside, (size_t)(close - inside.p));
    while (inside.n) {
        int rc = expand_part(x, head, slice_cut(&inside, ','), behind, depth);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int range_expand(struct names *names, const char *text, struct errinfo *ei) {
    if (!*text)
        return err_set(ei, ERR_INVALID, "", "a host's name or id must not be empty");
    struct expand x = {names, text, ei};
    return expand_from(&x, SLICE_EMPTY, slice_str(text), 0);
}
