/* SPDX-License-Identifier: Apache-2.0 */
/* http1_build: the writing half of http1: start lines, headers, chunks, and the text of targets. */
#include "base/text.h"
#include "proto/http1.h"

#include <inttypes.h>

static const struct {
    int status;
    const char *reason;
} REASONS[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http1_reason(int status) {
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (REASONS[i].status == status)
            return REASONS[i].reason;
    return "Unknown";
}

/* No CR, LF or NUL: a value that holds one would start a header of its own. */
static bool one_line(const char *s) {
    return !s[strcspn(s, "\r\n")];
}
/* Neither blanks: the start line is cut at them. */
static bool one_word(const char *s) {
    return *s && !s[strcspn(s, " \t\r\n")];
}

static bool headers_ok(const char *const *headers) {
    for (; headers && headers[0]; headers += 2)
        if (!one_word(headers[0]) || strchr(headers[0], ':') || !headers[1] || !one_line(headers[1]))
            return false;
    return true;
}

static int put_head(struct buf *out, const char *const *headers, int64_t content_length) {
    for (; headers && headers[0]; headers += 2)
        buf_putf(out, "%s: %s\r\n", headers[0], headers[1]);
    if (content_length >= 0)
        buf_putf(out, "Content-Length: %" PRId64 "\r\n", content_length);
    buf_puts(out, "\r\n");
    return out->failed ? ERR_NOMEM : 0;
}

int http1_put_request(struct buf *out, const char *method, const char *target, const char *const *headers,
                      int64_t content_length) {
    if (!one_word(method) || !one_word(target) || !headers_ok(headers))
        return ERR_INVALID;
    buf_putf(out, "%s %s HTTP/1.1\r\n", method, target);
    return put_head(out, headers, content_length);
}

int http1_put_response(struct buf *out, int status, const char *const *headers, int64_t content_length) {
    if (status < 100 || status > 999 || !headers_ok(headers))
        return ERR_INVALID;
    /* RFC 9110 8.6: no Content-Length with 1xx and 204 */
    if (status < 200 || status == 204)
        content_length = -1;
    buf_putf(out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
    return put_head(out, headers, content_length);
}

int http1_chunk(struct buf *out, struct slice data, bool amt_style) {
    if (data.n == 0)
        return buf_puts(out, "0\r\n\r\n");
    buf_putf(out, amt_style ? "%04zX\r\n" : "%zx\r\n", data.n);
    buf_put(out, data);
    return buf_puts(out, "\r\n");
}

/* The byte of the escape "%xy" at s, -1 when it is none. */
static int escape_at(struct slice s) {
    uint8_t byte;
    if (s.n < 3 || s.p[0] != '%' || !text_unhex(slice_of(s.p + 1, 2), &byte, 1))
        return -1;
    return byte;
}

int http1_unescape(struct slice s, char *dst, size_t cap) {
    size_t n = 0;
    while (s.n) {
        int c = s.p[0] == '%' ? escape_at(s) : s.p[0];
        if (c <= 0)
            return ERR_SYNTAX;
        if (n + 1 >= cap)
            return ERR_LIMIT;
        dst[n++] = (char)c;
        s = slice_skip(s, s.p[0] == '%' ? 3 : 1);
    }
    if (n >= cap)
        return ERR_LIMIT;
    dst[n] = 0;
    return 0;
}

int http1_escape(struct buf *out, struct slice s) {
    /* RFC 3986 2.3 */
    for (size_t i = 0; i < s.n; i++) {
        if (text_in_set(slice_of(s.p + i, 1), TEXT_ALNUM "-._~", 1, 1))
            buf_put(out, slice_of(s.p + i, 1));
        else
            buf_putf(out, "%%%02X", s.p[i]);
    }
    return out->failed ? ERR_NOMEM : 0;
}

/* Is escaped, once unescaped, the plain name? Clients escape even the `$` of `$top`. */
static bool name_is(struct slice escaped, const char *name) {
    for (; escaped.n; name++) {
        int c = escaped.p[0] == '%' ? escape_at(escaped) : escaped.p[0];
        if (c <= 0 || c != (uint8_t)*name)
            return false;
        escaped = slice_skip(escaped, escaped.p[0] == '%' ? 3 : 1);
    }
    return *name == 0;
}

bool http1_query(struct slice query, const char *name, struct slice *value) {
    while (query.n) {
        struct slice rest = slice_cut(&query, '&');
        struct slice key = slice_cut(&rest, '=');
        if (key.n && name_is(key, name)) {
            *value = rest;
            return true;
        }
    }
    return false;
}
