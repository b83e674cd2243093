/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

void term_init(struct term *t, FILE *out, FILE *err, int in_fd) {
    *t = (struct term){.out = out, .err = err, .in_fd = in_fd};
    const char *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS"), *kind = getenv("TERM");
    bool may_colour = !(no_color && *no_color) && !(kind && strcmp(kind, "dumb") == 0);
    bool out_tty = isatty(fileno(out)) == 1;
    t->err_tty = isatty(fileno(err)) == 1;
    t->in_tty = isatty(in_fd) == 1;
    t->colour_out = may_colour && out_tty;
    t->colour_err = may_colour && t->err_tty;
    struct winsize size;
    if (out_tty)
        t->width = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    uint64_t n;
    if (columns && slice_to_u64(slice_str(columns), 10000, &n) && out_tty)
        t->width = (unsigned)n;
}

const char *colour_begin(enum colour c, bool on) {
    static const char *const code[] = {"", "\033[32m", "\033[31m", "\033[33m", "\033[2m"};
    return on ? code[c] : "";
}
const char *colour_end(enum colour c, bool on) {
    return on && c != COLOUR_NONE ? "\033[0m" : "";
}

/* Write text cleaned; it never grows by cleaning. */
static void put_clean(FILE *f, struct slice text) {
    char *clean = malloc(text.n + 1);
    if (!clean)
        return;
    fputs(text_clean(clean, text.n + 1, text), f);
    free(clean);
}

static void put_formatted(FILE *f, const char *fmt, va_list ap) {
    struct buf b = {0};
    buf_vputf(&b, fmt, ap);
    put_clean(f, buf_slice(&b));
    buf_free(&b);
}

void term_line(struct term *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put_formatted(t->out, fmt, ap);
    va_end(ap);
    fputc('\n', t->out);
}

void term_line_head(struct term *t, enum colour c, const char *head, const char *fmt, ...) {
    fputs(colour_begin(c, t->colour_out), t->out);
    put_clean(t->out, slice_str(head));
    fputs(colour_end(c, t->colour_out), t->out);
    va_list ap;
    va_start(ap, fmt);
    put_formatted(t->out, fmt, ap);
    va_end(ap);
    fputc('\n', t->out);
}

void term_say(struct term *t, const char *fmt, ...) {
    fputs("orch-cli: ", t->err);
    va_list ap;
    va_start(ap, fmt);
    put_formatted(t->err, fmt, ap);
    va_end(ap);
    fputc('\n', t->err);
}

void term_hint(struct term *t, const char *text) {
    if (!text || !*text)
        return;
    fputs("  ", t->err);
    put_clean(t->err, slice_str(text));
    fputc('\n', t->err);
}

/* Bytes until newline; with echo off the terminal also hands us ^C and ^D as bytes, so that echo always comes
 * back. */
static int read_line(int fd, char *out, size_t cap) {
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || c == 3 || (c == 4 && n == 0))
            return ERR_CANCELLED;
        if (c == '\n' || c == '\r')
            break;
        if (n + 1 < cap)
            out[n++] = c;
    }
    out[n] = 0;
    return 0;
}

int term_ask(struct term *t, const char *question, bool echo, char *out, size_t cap) {
    if (!t->in_tty)
        return ERR_STATE;
    fflush(t->out);
    put_clean(t->err, slice_str(question));
    fputc(' ', t->err);
    fflush(t->err);
    struct termios old, quiet;
    bool changed = !echo && tcgetattr(t->in_fd, &old) == 0;
    if (changed) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        tcsetattr(t->in_fd, TCSAFLUSH, &quiet);
    }
    int rc = read_line(t->in_fd, out, cap);
    if (changed) {
        tcsetattr(t->in_fd, TCSAFLUSH, &old);
        fputc('\n', t->err);
    }
    return rc;
}

/* First byte of s is the head of a well-formed sequence (or anything: then one byte, one column). */
static size_t next_rune(struct slice s, uint32_t *rune) {
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
    if (n > s.n)
        n = 1;
    uint32_t v = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        v = v << 6 | (s.p[i] & 0x3f);
    *rune = v;
    return n;
}

struct rune_range {
    uint32_t from, to;
    unsigned width;
};
/* The ranges that matter for names and sentences; Unicode 15 East Asian Width W/F, and general categories Mn,
 * Cf. */
static const struct rune_range ranges[] = {
    {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0}, {0x202a, 0x202e, 0},   {0x2060, 0x2069, 0},
    {0xfe00, 0xfe0f, 0},   {0xfeff, 0xfeff, 0}, {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},
    {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
    {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2},
    {0x20000, 0x3fffd, 2},
};

static unsigned rune_width(uint32_t r) {
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (r >= ranges[i].from && r <= ranges[i].to)
            return ranges[i].width;
    return 1;
}

unsigned text_width(struct slice s) {
    unsigned w = 0;
    while (s.n) {
        uint32_t rune;
        s = slice_skip(s, next_rune(s, &rune));
        w += rune_width(rune);
    }
    return w;
}

size_t text_fit(struct slice s, unsigned width) {
    size_t fit = 0;
    unsigned w = 0;
    while (fit < s.n) {
        uint32_t rune;
        size_t n = next_rune(slice_skip(s, fit), &rune);
        w += rune_width(rune);
        if (w > width)
            break;
        fit += n;
    }
    return fit;
}

const char *age_text(int64_t ms, char *out) {
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s < 120)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " s", s);
    else if (s < 120 * 60)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " min", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " h", s / 3600);
    else
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " d", s / 86400);
    return out;
}

const char *when_text(const char *rfc3339, char *out) {
    struct wall w;
    char full[WALL_TEXT_CAP];
    if (!rfc3339 || !wall_parse(rfc3339, &w) || w.us == 0)
        return memcpy(out, "-", 2);
    wall_rfc3339(w, full);
    snprintf(out, WALL_TEXT_CAP, "%.10s %.8sZ", full, full + 11);
    return out;
}
