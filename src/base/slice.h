/* SPDX-License-Identifier: Apache-2.0 */
/* slice: a borrowed run of bytes. Never owns; its lender says how long it is valid. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})
/* Slice of a string literal, without its NUL. */
#define SLICE_LIT(s) ((struct slice){(const uint8_t *)("" s), sizeof(s) - 1})

static inline struct slice slice_of(const void *p, size_t n) {
    return (struct slice){p, n};
}
/* Slice of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s) {
    return slice_of(s, s ? strlen(s) : 0);
}
static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_is(struct slice a, const char *s) {
    return slice_eq(a, slice_str(s));
}
/* Equal but for the case of ASCII letters. */
bool slice_ieq(struct slice a, struct slice b);
/* a without its first n bytes (all of it when n is larger). */
static inline struct slice slice_skip(struct slice a, size_t n) {
    if (n > a.n)
        n = a.n;
    return slice_of(a.p ? a.p + n : NULL, a.n - n);
}
static inline struct slice slice_head(struct slice a, size_t n) {
    return slice_of(a.p, n < a.n ? n : a.n);
}
/* Without blanks (space, tab, CR, LF) at both ends. */
struct slice slice_trim(struct slice a);
/* Cut the part before the first sep off *rest and return it; *rest keeps what follows (empty when none). */
struct slice slice_cut(struct slice *rest, char sep);
/* Copy into dst as a NUL-terminated string, truncated to cap - 1 bytes; false when truncated. */
bool slice_to_str(struct slice a, char *dst, size_t cap);
/* Decimal or, with hex, hexadecimal without sign and blanks, at most max. False when anything else. */
bool slice_to_u64(struct slice a, uint64_t max, uint64_t *out);
bool slice_hex_to_u64(struct slice a, uint64_t max, uint64_t *out);
/* Constant-time comparison for secrets; only the lengths leak. */
bool slice_eq_secret(struct slice a, struct slice b);
