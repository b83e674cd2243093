/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}
static bool blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool slice_ieq(struct slice a, struct slice b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

struct slice slice_trim(struct slice a) {
    while (a.n && blank(a.p[0]))
        a = slice_skip(a, 1);
    while (a.n && blank(a.p[a.n - 1]))
        a.n--;
    return a;
}

struct slice slice_cut(struct slice *rest, char sep) {
    struct slice whole = *rest;
    const uint8_t *at = whole.n ? memchr(whole.p, sep, whole.n) : NULL;
    if (!at) {
        *rest = slice_skip(whole, whole.n);
        return whole;
    }
    size_t n = (size_t)(at - whole.p);
    *rest = slice_skip(whole, n + 1);
    return slice_head(whole, n);
}

bool slice_to_str(struct slice a, char *dst, size_t cap) {
    size_t n = a.n < cap - 1 ? a.n : cap - 1;
    if (n)
        memcpy(dst, a.p, n);
    dst[n] = 0;
    return n == a.n;
}

static bool to_u64(struct slice a, unsigned base, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (a.n == 0)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        uint8_t c = lower(a.p[i]);
        unsigned d = c >= '0' && c <= '9' ? c - 48u : c >= 'a' && c <= 'f' ? c - 87u : 99u;
        if (d >= base || v > (max - (d > max ? max : d)) / base || d > max)
            return false;
        v = v * base + d;
    }
    *out = v;
    return v <= max;
}

bool slice_to_u64(struct slice a, uint64_t max, uint64_t *out) {
    return to_u64(a, 10, max, out);
}
bool slice_hex_to_u64(struct slice a, uint64_t max, uint64_t *out) {
    return to_u64(a, 16, max, out);
}

bool slice_eq_secret(struct slice a, struct slice b) {
    unsigned diff = a.n != b.n;
    for (size_t i = 0; i < a.n; i++)
        diff |= (unsigned)(a.p[i] ^ (b.n ? b.p[i % b.n] : 0));
    return diff == 0;
}
