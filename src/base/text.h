/* SPDX-License-Identifier: Apache-2.0 */
/* text: hex, base64, UTF-8 and character-set checks for strings that come from outside. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Lower-case hex of s into out, which must hold 2 * s.n + 1 bytes. Returns out. */
char *text_hex(struct slice s, char *out);
/* Exactly out_n bytes from 2 * out_n hex digits of any case. */
bool text_unhex(struct slice s, uint8_t *out, size_t out_n);
/* Standard base64 with padding, appended to out. */
int text_base64(struct buf *out, struct slice s);
/* base64url without padding (RFC 4648 5), appended to out. */
int text_base64url(struct buf *out, struct slice s);
/* Decode either alphabet, padding optional; blanks are refused. Bytes written, or ERR_SYNTAX / ERR_LIMIT. */
int text_unbase64(struct slice s, uint8_t *out, size_t cap);
/* Well-formed UTF-8 (RFC 3629), control characters included. */
bool text_is_wellformed(struct slice s);
/* Well-formed UTF-8 without NUL and without C0 controls other than tab, CR and LF. */
bool text_is_utf8(struct slice s);
/* Copy a string of a device or agent into dst: bytes that are not well-formed UTF-8, control characters (C0,
 * DEL, C1) and marks that turn the direction of writing become '?', and the rest is cut at cap - 1. Strings
 * from outside are hostile (design 11). Returns dst. */
char *text_clean(char *dst, size_t cap, struct slice s);
/* All of s in the given set of ASCII characters, with min <= length <= max. */
bool text_in_set(struct slice s, const char *set, size_t min, size_t max);
#define TEXT_DIGITS "0123456789"
#define TEXT_LOWER  "abcdefghijklmnopqrstuvwxyz"
#define TEXT_UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TEXT_ALNUM  TEXT_DIGITS TEXT_LOWER TEXT_UPPER
