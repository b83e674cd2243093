/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a terminal session that are orch-cli's own. */
#include "unit.h"

#include "base/rng.h"
#include "cli/escape.h"

/* What is typed, what the node gets, and what orch-cli is told (a letter each: Q R S H). */
static const struct {
    const char *keys, *node, *acts;
} cases[] = {
    {"ls\r", "ls\r", ""},
    {"~.", "", "Q"},
    {"ls\r~.", "ls\r", "Q"},
    {"ls\n~?x", "ls\nx", "H"},
    {"\r~r~#~?", "\r", "RSH"},
    {"a~.b", "a~.b", ""},
    {"~~", "~", ""},
    {"\r~~.", "\r~.", ""},
    {"~x~.", "~x~.", ""},
    {"~\r~.", "~\r", "Q"},
    {"ab\035cd", "ab", "Q"},
    {"\r~\035", "\r", "Q"},
    {"\003\r\003", "\003\r\003", ""},
    {"~\003", "~\003", ""},
    {"x~\r~~~.", "x~\r~~.", ""},
};

struct outcome {
    char node[64], acts[16];
};

static void run(const char *keys, size_t piece, struct rng *rng, struct outcome *o) {
    struct escape e = {0};
    struct buf out = {0};
    size_t n = 0;
    struct slice rest = slice_str(keys);
    bool quit = false;
    while (rest.n && !quit) {
        size_t cut = rng ? (size_t)rng_range(rng, 1, (int64_t)rest.n) : piece < rest.n ? piece : rest.n;
        struct slice in = slice_head(rest, cut);
        rest = slice_skip(rest, cut);
        int act;
        while (!quit && (act = escape_input(&e, &in, &out)) != ESCAPE_NONE) {
            assert_true(act > 0);
            o->acts[n++] = " QRSH"[act];
            quit = act == ESCAPE_QUIT;
        }
        assert_true(quit || in.n == 0);
    }
    o->acts[n] = 0;
    slice_to_str(buf_slice(&out), o->node, sizeof o->node);
    buf_free(&out);
}

static void any_split_gives_the_same(void **state) {
    struct rng rng = {7};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned round = 0; round < 22; round++) {
            struct outcome o;
            run(cases[i].keys, round == 0 ? 1000 : 1, round < 2 ? NULL : &rng, &o);
            assert_string_equal(o.node, cases[i].node);
            assert_string_equal(o.acts, cases[i].acts);
        }
}

static void help_names_every_key(void **state) {
    struct buf out = {0};
    escape_help(&out);
#define E(sym, key, meaning)                                                                                 \
    assert_non_null(strstr(buf_cstr(&out), (const char[]){'~', key, ' ', 0}));                               \
    assert_non_null(strstr(buf_cstr(&out), meaning));
    ESCAPE_TABLE(E)
#undef E
    buf_free(&out);
}

UNIT_MAIN(T(any_split_gives_the_same), T(help_names_every_key))
