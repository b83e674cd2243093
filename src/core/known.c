/* SPDX-License-Identifier: Apache-2.0 */
#include "core/known.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define ROW(...) {__VA_ARGS__},
static const struct known_board boards[] = {
#include "amt-bios-switch.inc"
};
static const struct known_advisory advisories[] = {
#include "firmware-advisories.inc"
};
#undef ROW

static bool fits(const char *pattern, const char *text) {
    return fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

const struct known_board *known_board(const char *vendor, const char *product, const char *board) {
    for (size_t i = 0; i < sizeof boards / sizeof *boards; i++)
        if (fits(boards[i].vendor, vendor) && fits(boards[i].product, product) &&
            fits(boards[i].board, board))
            return &boards[i];
    return NULL;
}

enum agent_switch known_board_switch(const struct known_board *b) {
    if (!b)
        return AGENT_SWITCH_UNKNOWN;
    return strcmp(b->bios_switch, "absent") == 0 ? AGENT_SWITCH_ABSENT : AGENT_SWITCH_PRESENT;
}

/* --- versions --- */

enum { PARTS = 4, BUILD = 3 };
struct version {
    unsigned long part[PARTS]; /* major, minor, hotfix, build */
    unsigned n;
};

static struct version version_of(const char *text) {
    struct version v = {0};
    while (v.n < PARTS && *text >= '0' && *text <= '9') {
        char *end;
        v.part[v.n++] = strtoul(text, &end, 10);
        text = *end == '.' ? end + 1 : "";
    }
    return v;
}

/* Builds do not count: they go on over versions. */
static int compare(const struct version *a, const struct version *b) {
    for (unsigned i = 0; i < BUILD; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return 0;
}

static bool concerns(const struct known_advisory *a, const struct version *v) {
    struct version from = version_of(a->from), below = version_of(a->below);
    unsigned long build = strtoul(a->build, NULL, 10);
    if (compare(v, &from) < 0 || compare(v, &below) >= 0)
        return false;
    return build == 0 || (v->n > BUILD && v->part[BUILD] < build);
}

const struct known_advisory *known_advisory(const char *version) {
    struct version v = version_of(version);
    for (size_t i = 0; v.n >= 2 && i < sizeof advisories / sizeof *advisories; i++)
        if (concerns(&advisories[i], &v))
            return &advisories[i];
    return NULL;
}
