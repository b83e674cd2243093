/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

char *text_hex(struct slice s, char *out) {
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        out[2 * i] = digit[s.p[i] >> 4];
        out[2 * i + 1] = digit[s.p[i] & 15];
    }
    out[2 * s.n] = 0;
    return out;
}

static int nibble(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(struct slice s, uint8_t *out, size_t out_n) {
    if (s.n != 2 * out_n)
        return false;
    for (size_t i = 0; i < out_n; i++) {
        int hi = nibble(s.p[2 * i]), lo = nibble(s.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static int base64(struct buf *out, struct slice s, const char *last_two, bool pad) {
    static const char first[] = TEXT_UPPER TEXT_LOWER TEXT_DIGITS;
    uint8_t *at = buf_room(out, (s.n + 2) / 3 * 4);
    if (!at)
        return ERR_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t v = (uint32_t)s.p[i] << 16;
        v |= i + 1 < s.n ? (uint32_t)s.p[i + 1] << 8 : 0;
        v |= i + 2 < s.n ? s.p[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++) {
            unsigned six = v >> (18 - 6 * k) & 63;
            bool live = i + k <= s.n;
            if (live)
                at[n++] = (uint8_t)(six < 62 ? first[six] : last_two[six - 62]);
            else if (pad)
                at[n++] = '=';
        }
    }
    buf_commit(out, n);
    return 0;
}

int text_base64(struct buf *out, struct slice s) {
    return base64(out, s, "+/", true);
}
int text_base64url(struct buf *out, struct slice s) {
    return base64(out, s, "-_", false);
}

static int six_bits(uint8_t c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int text_unbase64(struct slice s, uint8_t *out, size_t cap) {
    for (int pads = 0; pads < 2 && s.n && s.p[s.n - 1] == '='; pads++)
        s.n--;
    if (s.n % 4 == 1)
        return ERR_SYNTAX;
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int v = six_bits(s.p[i]);
        if (v < 0)
            return ERR_SYNTAX;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (n == cap)
                return ERR_LIMIT;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    return (int)n;
}

/* Length of the well-formed UTF-8 sequence at s, 0 when there is none (RFC 3629 4). */
static size_t utf8_len(struct slice s) {
    uint8_t c = s.p[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || s.n < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.p[i] & 0xc0) != 0x80)
            return 0;
    uint8_t d = s.p[1];
    if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
        (c == 0xf4 && d > 0x8f))
        return 0;
    return n;
}

bool text_is_wellformed(struct slice s) {
    while (s.n) {
        size_t n = utf8_len(s);
        if (n == 0)
            return false;
        s = slice_skip(s, n);
    }
    return true;
}

bool text_is_utf8(struct slice s) {
    while (s.n) {
        uint8_t c = s.p[0];
        size_t n = utf8_len(s);
        if (n == 0 || (c < 0x20 && c != '\t' && c != '\r' && c != '\n'))
            return false;
        s = slice_skip(s, n);
    }
    return true;
}

/* A well-formed sequence of n bytes that a terminal or a page acts upon instead of showing: C0, DEL, C1 (CSI
 * among them), and the marks that turn the direction of writing. */
static bool is_control(const uint8_t *p, size_t n) {
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    bool bidi = p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                                 (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
    return n == 3 && bidi;
}

char *text_clean(char *dst, size_t cap, struct slice s) {
    size_t at = 0;
    while (s.n) {
        size_t n = utf8_len(s);
        bool good = n && !is_control(s.p, n);
        size_t step = n ? n : 1, put = good ? n : 1;
        if (at + put + 1 > cap)
            break;
        if (good)
            memcpy(dst + at, s.p, n);
        else
            dst[at] = '?';
        at += put;
        s = slice_skip(s, step);
    }
    dst[at] = 0;
    return dst;
}

bool text_in_set(struct slice s, const char *set, size_t min, size_t max) {
    if (s.n < min || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || !strchr(set, s.p[i]))
            return false;
    return true;
}
