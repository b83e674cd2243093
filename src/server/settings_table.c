/* SPDX-License-Identifier: Apache-2.0 */
/* The table as rows, values as text, and what is printed from them. */
#include "server/settings_impl.h"

#include "base/log.h"

#include <assert.h>
#include <inttypes.h>

static_assert(LOG_DEBUG == 0 && LOG_ERROR == 3, "log.level's words are in the order of enum log_level");

const struct setting_row settings_rows[SETTING_COUNT] = {
#define AT(m)                           offsetof(struct settings, m)
#define DURATION(m, n, d, lo, hi, l, t) {n, SETTING_DURATION, AT(m##_ms), d, lo, hi, 0, 0, NULL, l, t},
#define SIZE(m, n, d, lo, hi, l, t)     {n, SETTING_SIZE, AT(m##_bytes), d, NULL, NULL, lo, hi, NULL, l, t},
#define COUNT(m, n, d, lo, hi, l, t)    {n, SETTING_NUMBER, AT(m), d, NULL, NULL, lo, hi, NULL, l, t},
#define BOOL(m, n, d, l, t)             {n, SETTING_BOOL, AT(m), d, NULL, NULL, 0, 0, NULL, l, t},
#define TEXT(m, n, d, l, t)             {n, SETTING_TEXT, AT(m), d, NULL, NULL, 0, 0, NULL, l, t},
#define ADDRESS(m, n, d, l, t)          {n, SETTING_ADDRESS, AT(m), d, NULL, NULL, 0, 0, NULL, l, t},
#define CHOICE(m, n, d, words, l, t)    {n, SETTING_CHOICE, AT(m), d, NULL, NULL, 0, 0, words, l, t},
    SETTING_TABLE(DURATION, SIZE, COUNT, BOOL, TEXT, ADDRESS, CHOICE)
#undef AT
#undef DURATION
#undef SIZE
#undef COUNT
#undef BOOL
#undef TEXT
#undef ADDRESS
#undef CHOICE
};

const char *settings_name(enum setting k) {
    assert(k < SETTING_COUNT);
    return settings_rows[k].name;
}

int setting_find(struct slice name) {
    for (int k = 0; k < SETTING_COUNT; k++)
        if (slice_is(name, settings_rows[k].name))
            return k;
    return -1;
}

/* --- values as text --- */
static const struct setting_unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct setting_unit size_units[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* In the largest unit that gives a whole number. */
static void put_in_units(struct buf *out, uint64_t v, const struct setting_unit *u, size_t n) {
    size_t i = n - 1;
    while (i > 0 && (v == 0 || v % u[i].factor))
        i--;
    if (v == 0 && u == duration_units)
        i = 1; /* 0s */
    buf_putf(out, "%" PRIu64 "%s", v / u[i].factor, u[i].text);
}

void setting_put_duration(struct buf *out, uint64_t ms) {
    put_in_units(out, ms, duration_units, LENGTH(duration_units));
}

void setting_put_size(struct buf *out, uint64_t bytes) {
    put_in_units(out, bytes, size_units, LENGTH(size_units));
}

static struct slice word_at(const char *words, uint32_t index) {
    struct slice rest = slice_str(words), w = slice_cut(&rest, '|');
    while (index--)
        w = slice_cut(&rest, '|');
    return w;
}

static uint32_t u32_at(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

void settings_put_value(const struct settings *s, enum setting k, struct buf *out) {
    const struct setting_row *r = &settings_rows[k];
    const void *p = (const char *)s + r->off;
    uint64_t u64;
    switch (r->type) {
    case SETTING_DURATION:
        setting_put_duration(out, u32_at(p));
        return;
    case SETTING_SIZE:
        memcpy(&u64, p, sizeof u64);
        setting_put_size(out, u64);
        return;
    case SETTING_NUMBER:
        buf_putf(out, "%" PRIu32, u32_at(p));
        return;
    case SETTING_BOOL:
        buf_puts(out, *(const bool *)p ? "true" : "false");
        return;
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        buf_puts(out, p);
        return;
    case SETTING_CHOICE:
        buf_put(out, word_at(r->words, u32_at(p)));
        return;
    }
}

/* What may stand here, for messages and for the manual. */
void setting_put_accepted(const struct setting_row *r, struct buf *out) {
    struct slice rest, w;
    switch (r->type) {
    case SETTING_DURATION:
        buf_putf(out, "%s to %s", r->least, r->most);
        return;
    case SETTING_SIZE:
        setting_put_size(out, (uint64_t)r->min);
        buf_puts(out, " to ");
        setting_put_size(out, (uint64_t)r->max);
        return;
    case SETTING_NUMBER:
        buf_putf(out, "%" PRId64 " to %" PRId64, r->min, r->max);
        return;
    case SETTING_BOOL:
        buf_puts(out, "true or false");
        return;
    case SETTING_TEXT:
        buf_putf(out, "text of at most %d bytes", SETTING_TEXT_CAP - 1);
        return;
    case SETTING_ADDRESS:
        buf_puts(out, *r->def ? "ADDRESS:PORT" : "ADDRESS:PORT or empty");
        return;
    case SETTING_CHOICE:
        for (rest = slice_str(r->words); rest.n;) {
            w = slice_cut(&rest, '|');
            buf_put(out, w);
            buf_puts(out, rest.n ? ", " : "");
        }
        return;
    }
}

/* --- printing --- */
void settings_print(const struct settings *s, struct buf *out) {
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        size_t before = out->len;
        buf_putf(out, "%s = ", settings_rows[k].name);
        settings_put_value(s, k, out);
        size_t used = out->len - before;
        buf_putf(out, "%*s# ", used < 48 ? (int)(48 - used) : 1, "");
        switch (s->origin[k].from) {
        case ORIGIN_DEFAULT:
            buf_puts(out, "default\n");
            break;
        case ORIGIN_FILE:
            buf_putf(out, "%s line %u\n", s->file, s->origin[k].line);
            break;
        case ORIGIN_ENVIRONMENT:
            buf_puts(out, "environment\n");
            break;
        case ORIGIN_FLAG:
            buf_puts(out, "command line\n");
            break;
        }
    }
}

/* The section is the part before the dot; "" for names without one. */
static struct slice section_of(const char *name) {
    const char *dot = strchr(name, '.');
    return slice_of(name, dot ? (size_t)(dot - name) : 0);
}

void settings_print_docs(struct buf *out) {
    struct slice section = SLICE_EMPTY;
    buf_puts(
        out,
        "# Settings\n\n"
        "Printed from the program's own table by `outbandd print-docs settings`; do not edit.\n\n"
        "Later sources win: the default, the INI file (`--config FILE`), the environment, the command line.\n"
        "`power.poll_interval` is `poll_interval = 25s` in the section `[power]` of the file (or\n"
        "`power.poll_interval = 25s` before the first section), and `OUTBAND_POWER_POLL_INTERVAL` in the\n"
        "environment. A setting that does not exist is refused by name.\n\n"
        "Durations take `ms`, `s`, `m`, `h`, `d`; a plain number is seconds. Sizes take `KiB`, `MiB`, `GiB`; "
        "a\n"
        "plain number is bytes. *Reload* says whether SIGHUP takes a change over; else it needs a "
        "restart.\n");
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        const struct setting_row *r = &settings_rows[k];
        struct slice sec = section_of(r->name);
        if (k == 0 || !slice_eq(sec, section)) {
            buf_putf(
                out,
                "\n## %.*s\n\n| setting | default | accepted | reload | meaning |\n|---|---|---|---|---|\n",
                sec.n ? (int)sec.n : (int)strlen(r->name), r->name);
            section = sec;
        }
        buf_putf(out, "| `%s` | %s%s%s | ", r->name, *r->def ? "`" : "empty", r->def, *r->def ? "`" : "");
        setting_put_accepted(r, out);
        buf_putf(out, " | %s | %s |\n", r->live ? "yes" : "no", r->doc);
    }
}

static bool same_value(const struct settings *a, const struct settings *b, enum setting k) {
    struct buf x = {0}, y = {0};
    settings_put_value(a, k, &x);
    settings_put_value(b, k, &y);
    bool same = slice_eq(buf_slice(&x), buf_slice(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

size_t settings_need_restart(const struct settings *now, const struct settings *next, struct buf *names) {
    size_t n = 0;
    for (enum setting k = 0; k < SETTING_COUNT; k++)
        if (!settings_rows[k].live && !same_value(now, next, k))
            buf_putf(names, "%s%s", n++ ? ", " : "", settings_rows[k].name);
    return n;
}
