/* SPDX-License-Identifier: Apache-2.0 */
/* http1: the parser. The head is kept as it came and its lines are checked one by one; bodies are passed
 * through. Where two readers could see two different messages (smuggling) the message is refused:
 * RFC 9112 5.1, 5.2, 6.1, 6.3, 7.1, 11.2. Requests must be exact; responses come from firmware, and their
 * lines may end in a bare LF. */
#include "proto/http1.h"

#include <assert.h>
#include <stdlib.h>

enum state {
    ST_START, /* between messages */
    ST_FIELDS,
    ST_BODY, /* left bytes by Content-Length */
    ST_TO_EOF,
    ST_CHUNK_SIZE,
    ST_CHUNK_PAD, /* blanks after the size: responses only */
    ST_CHUNK_EXT,
    ST_CHUNK_LF, /* of the size line */
    ST_CHUNK_DATA,
    ST_CHUNK_END, /* CR LF after the data */
    ST_CHUNK_END_LF,
    ST_TRAILER, /* at the start of a line */
    ST_TRAILER_LINE,
    ST_TRAILER_LINE_LF,
    ST_TRAILER_LF, /* of the empty line at the end */
    ST_END_DUE,
    ST_FAILED,
};
enum { BLANK_LINES_MAX = 4, INTERIM_MAX = 8, CHUNK_DIGITS_MAX = 16 };

struct span {
    uint32_t at, n; /* in the head */
};
struct field {
    struct span name, value;
};

struct http1 {
    uint8_t role;
    uint8_t state; /* enum state; written by http1_set_state() */
    uint8_t blank_lines, interim, chunk_digits;
    bool minor_1;  /* HTTP/1.1 or later, not 1.0 */
    bool close;    /* the connection ends with this message */
    bool no_body;  /* said by http1_expect_no_body() */
    bool head_old; /* the message ended: its head goes with the next input */
    int16_t err, error_status;
    int16_t status;
    uint16_t nfields;
    struct http1_limits lim;
    uint32_t line_start;
    uint32_t overhead; /* chunk extensions and trailers of this message; bounded by head_bytes */
    struct span method, target;
    uint64_t left, total; /* of the body: still to come (or of this chunk); so far */
    struct buf head;
    struct field *fields;
};
_Static_assert(sizeof(struct http1) <= 160, "an idle parser is small");

static void http1_set_state(struct http1 *h, enum state to) {
    h->state = (uint8_t)to;
}

struct http1 *http1_new(enum http1_role role, const struct http1_limits *lim) {
    struct http1 *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->role = (uint8_t)role;
    h->lim = *lim;
    return h;
}

static void drop_head(struct http1 *h) {
    buf_free(&h->head);
    free(h->fields);
    h->fields = NULL;
    h->nfields = 0;
    h->line_start = h->overhead = 0;
    h->method = h->target = (struct span){0};
    h->status = 0;
    h->total = h->left = 0;
    h->close = h->head_old = false;
}

void http1_free(struct http1 **hp) {
    struct http1 *h = *hp;
    if (!h)
        return;
    drop_head(h);
    free(h);
    *hp = NULL;
}

static int fail(struct http1 *h, int err, int status) {
    h->err = (int16_t)err;
    h->error_status = (int16_t)status;
    http1_set_state(h, ST_FAILED);
    return err;
}
static int syntax(struct http1 *h) {
    return fail(h, ERR_SYNTAX, 400);
}

int http1_error_status(const struct http1 *h) {
    return h->error_status ? h->error_status : 400;
}

/* --- getters --- */

static struct slice at(const struct http1 *h, struct span s) {
    return s.n ? slice_of(buf_slice(&h->head).p + s.at, s.n) : SLICE_EMPTY;
}

struct slice http1_method(const struct http1 *h) {
    return at(h, h->method);
}
struct slice http1_target(const struct http1 *h) {
    return at(h, h->target);
}
int http1_status(const struct http1 *h) {
    return h->status;
}
bool http1_keep_alive(const struct http1 *h) {
    return !h->close && h->state != ST_FAILED;
}

bool http1_header_at(const struct http1 *h, size_t i, struct slice *name, struct slice *value) {
    if (i >= h->nfields)
        return false;
    *name = at(h, h->fields[i].name);
    *value = at(h, h->fields[i].value);
    return true;
}

struct slice http1_header(const struct http1 *h, const char *name) {
    struct slice want = slice_str(name), n, v;
    for (size_t i = 0; http1_header_at(h, i, &n, &v); i++)
        if (slice_ieq(n, want))
            return v;
    return SLICE_EMPTY;
}

/* --- the head --- */

/* RFC 9110 5.6.2 */
static bool is_token(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], low = c | 0x20;
        bool alnum = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

/* Visible characters, blanks and obs-text; no controls. */
static bool is_text(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

static struct span span_of(const struct http1 *h, struct slice s) {
    return s.n ? (struct span){(uint32_t)(s.p - buf_slice(&h->head).p), (uint32_t)s.n} : (struct span){0};
}

/* HTTP/1.x; another version is 505, anything else 400. */
static int parse_version(struct http1 *h, struct slice v) {
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[7] < '0' || v.p[7] > '9')
        return syntax(h);
    if (v.p[5] != '1')
        return fail(h, ERR_UNSUPPORTED, 505);
    h->minor_1 = v.p[7] != '0';
    return 0;
}

/* method SP target SP version, RFC 9112 3 */
static int parse_request_line(struct http1 *h, struct slice line) {
    struct slice method = slice_cut(&line, ' '), target = slice_cut(&line, ' ');
    if (!is_token(method) || target.n == 0)
        return syntax(h);
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= 0x20 || target.p[i] >= 0x7f)
            return syntax(h);
    h->method = span_of(h, method);
    h->target = span_of(h, target);
    return parse_version(h, line);
}

/* version SP status [SP reason], RFC 9112 4; the reason is not kept */
static int parse_status_line(struct http1 *h, struct slice line) {
    struct slice version = slice_cut(&line, ' '), status = slice_cut(&line, ' ');
    uint64_t code;
    if (status.n != 3 || !slice_to_u64(status, 999, &code) || code < 100 || !is_text(line))
        return syntax(h);
    h->status = (int16_t)code;
    return parse_version(h, version);
}

static int parse_field(struct http1 *h, struct slice line) {
    struct slice value = line, name = slice_cut(&value, ':');
    /* a name that is a token excludes obs-fold and blanks before the colon; RFC 9112 5.1, 5.2 */
    if (name.n == line.n || !is_token(name) || !is_text(value))
        return syntax(h);
    if (h->nfields == h->lim.headers_max)
        return fail(h, ERR_LIMIT, 431);
    if ((h->nfields & (h->nfields - 1)) == 0) { /* full at each power of two */
        size_t want = h->nfields < 8 ? 8 : 2 * (size_t)h->nfields;
        struct field *more = realloc(h->fields, want * sizeof *more);
        if (!more)
            return fail(h, ERR_NOMEM, 500);
        h->fields = more;
    }
    h->fields[h->nfields++] = (struct field){span_of(h, name), span_of(h, slice_trim(value))};
    return 0;
}

/* Is token in the comma lists of all headers of that name? */
static bool list_has(const struct http1 *h, const char *name, const char *token) {
    struct slice n, v;
    for (size_t i = 0; http1_header_at(h, i, &n, &v); i++) {
        if (!slice_ieq(n, slice_str(name)))
            continue;
        while (v.n)
            if (slice_ieq(slice_trim(slice_cut(&v, ',')), slice_str(token)))
                return true;
    }
    return false;
}

/* What the headers say about the length of the body. */
struct framing {
    bool chunked, has_length;
    uint64_t length;
    unsigned hosts;
};

static int read_framing(struct http1 *h, struct framing *f) {
    struct slice n, v;
    for (size_t i = 0; http1_header_at(h, i, &n, &v); i++) {
        if (slice_ieq(n, SLICE_LIT("host"))) {
            f->hosts++;
        } else if (slice_ieq(n, SLICE_LIT("content-length"))) {
            uint64_t length;
            if (!slice_to_u64(v, INT64_MAX, &length) || (f->has_length && length != f->length))
                return syntax(h);
            f->has_length = true;
            f->length = length;
        } else if (slice_ieq(n, SLICE_LIT("transfer-encoding"))) {
            if (f->chunked)
                return syntax(h);
            if (!slice_ieq(v, SLICE_LIT("chunked")))
                return fail(h, ERR_UNSUPPORTED, 501);
            f->chunked = true;
        }
    }
    /* RFC 9112 6.1: both, or chunked in HTTP/1.0, is an attempt to smuggle */
    if (f->chunked && (f->has_length || !h->minor_1))
        return syntax(h);
    /* RFC 9112 3.2 */
    if (h->role == HTTP1_REQUESTS && (f->hosts > 1 || (f->hosts == 0 && h->minor_1)))
        return syntax(h);
    return 0;
}

/* The empty line is in: 1 with the event, 0 for an interim response, which is skipped. */
static int finish_head(struct http1 *h, struct http1_ev *ev) {
    struct framing f = {0};
    int r = read_framing(h, &f);
    if (r < 0)
        return r;
    bool response = h->role == HTTP1_RESPONSES;
    if (response && h->status < 200 && h->status != 101) {
        if (h->interim++ == INTERIM_MAX)
            return fail(h, ERR_LIMIT, 400);
        drop_head(h);
        http1_set_state(h, ST_START);
        return 0;
    }
    h->close = h->minor_1 ? list_has(h, "connection", "close") : !list_has(h, "connection", "keep-alive");
    /* RFC 9112 6.3 */
    bool bodyless = response && (h->status < 200 || h->status == 204 || h->status == 304 || h->no_body);
    if (!bodyless && f.has_length && f.length > h->lim.body_bytes)
        return fail(h, ERR_LIMIT, 413);
    h->left = bodyless ? 0 : f.length;
    if (bodyless || (f.has_length && f.length == 0))
        http1_set_state(h, ST_END_DUE);
    else if (f.has_length)
        http1_set_state(h, ST_BODY);
    else if (f.chunked)
        http1_set_state(h, ST_CHUNK_SIZE);
    else
        http1_set_state(h, response ? ST_TO_EOF : ST_END_DUE);
    h->close = h->close || h->state == ST_TO_EOF;
    ev->kind = HTTP1_HEAD;
    return 1;
}

/* One line is complete in the head, LF included. */
static int take_line(struct http1 *h, struct http1_ev *ev) {
    struct slice line = slice_skip(buf_slice(&h->head), h->line_start);
    line.n--;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    else if (h->role == HTTP1_REQUESTS)
        return syntax(h);
    h->line_start = (uint32_t)h->head.len;
    if (h->state == ST_FIELDS)
        return line.n ? parse_field(h, line) : finish_head(h, ev);
    if (line.n == 0) { /* RFC 9112 2.2: an empty line before a message is skipped */
        drop_head(h);
        return h->blank_lines++ == BLANK_LINES_MAX ? syntax(h) : 0;
    }
    http1_set_state(h, ST_FIELDS);
    return h->role == HTTP1_REQUESTS ? parse_request_line(h, line) : parse_status_line(h, line);
}

static int take_head(struct http1 *h, struct slice *in, struct http1_ev *ev) {
    const uint8_t *lf = memchr(in->p, '\n', in->n);
    struct slice piece = lf ? slice_head(*in, (size_t)(lf - in->p) + 1) : *in;
    if (piece.n > h->lim.head_bytes - h->head.len)
        return fail(h, ERR_LIMIT, 431);
    if (buf_put(&h->head, piece) < 0)
        return fail(h, ERR_NOMEM, 500);
    *in = slice_skip(*in, piece.n);
    return lf ? take_line(h, ev) : 0;
}

/* --- the body --- */

/* Pass on at most h->left bytes; `next` follows when they are through. */
static int take_body(struct http1 *h, struct slice *in, enum state next, struct http1_ev *ev) {
    ev->kind = HTTP1_BODY;
    ev->data = slice_head(*in, h->left < in->n ? (size_t)h->left : in->n);
    *in = slice_skip(*in, ev->data.n);
    h->left -= ev->data.n;
    h->total += ev->data.n;
    if (h->left == 0)
        http1_set_state(h, next);
    return 1;
}

static int take_to_eof(struct http1 *h, struct slice *in, struct http1_ev *ev) {
    if (in->n > h->lim.body_bytes - h->total)
        return fail(h, ERR_LIMIT, 413);
    h->left = in->n;
    return take_body(h, in, ST_TO_EOF, ev);
}

/* -1 when c is no hex digit */
static int hex_value(uint8_t c) {
    uint64_t v;
    return slice_hex_to_u64(slice_of(&c, 1), 15, &v) ? (int)v : -1;
}

/* The LF of the size line. */
static int size_done(struct http1 *h) {
    h->chunk_digits = 0;
    if (h->left > h->lim.body_bytes - h->total)
        return fail(h, ERR_LIMIT, 413);
    http1_set_state(h, h->left ? ST_CHUNK_DATA : ST_TRAILER);
    return 0;
}

/* Ends of lines within the framing: CR (then LF), or in responses a bare LF. 1: c belongs to the line. */
static int line_end(struct http1 *h, uint8_t c, enum state at_cr, int (*done)(struct http1 *)) {
    if (c == '\r')
        http1_set_state(h, at_cr);
    else if (c == '\n')
        return h->role == HTTP1_RESPONSES ? done(h) : syntax(h);
    else
        return 1;
    return 0;
}

static int data_done(struct http1 *h) {
    http1_set_state(h, ST_CHUNK_SIZE);
    return 0;
}
static int trailer_line_done(struct http1 *h) {
    http1_set_state(h, ST_TRAILER);
    return 0;
}
static int trailer_done(struct http1 *h) {
    http1_set_state(h, ST_END_DUE);
    return 0;
}

/* Extensions and trailers are thrown away, but not without a bound. */
static int discard(struct http1 *h, uint8_t c) {
    if ((c < 0x20 && c != '\t') || c == 0x7f)
        return syntax(h);
    return h->overhead++ == h->lim.head_bytes ? fail(h, ERR_LIMIT, 431) : 0;
}

/* The size line of a chunk, RFC 9112 7.1: digits, then an extension or nothing. */
static int take_size_byte(struct http1 *h, uint8_t c) {
    if (h->state == ST_CHUNK_LF)
        return c == '\n' ? size_done(h) : syntax(h);
    int digit = h->state == ST_CHUNK_SIZE ? hex_value(c) : -1;
    if (digit >= 0 && h->chunk_digits++ < CHUNK_DIGITS_MAX) {
        h->left = h->left << 4 | (unsigned)digit;
        return 0;
    }
    if (digit >= 0 || h->chunk_digits == 0)
        return syntax(h);
    int r = line_end(h, c, ST_CHUNK_LF, size_done);
    if (r <= 0)
        return r;
    if (h->state == ST_CHUNK_EXT)
        return discard(h, c);
    if (c == ';')
        http1_set_state(h, ST_CHUNK_EXT);
    else if ((c == ' ' || c == '\t') && h->role == HTTP1_RESPONSES)
        http1_set_state(h, ST_CHUNK_PAD);
    else
        return syntax(h);
    return discard(h, c);
}

/* What follows the data of a chunk, and the trailers. */
static int take_framing_byte(struct http1 *h, uint8_t c) {
    int r;
    switch (h->state) {
    case ST_CHUNK_END:
        return (r = line_end(h, c, ST_CHUNK_END_LF, data_done)) == 1 ? syntax(h) : r;
    case ST_CHUNK_END_LF:
        return c == '\n' ? data_done(h) : syntax(h);
    case ST_TRAILER:
        if ((r = line_end(h, c, ST_TRAILER_LF, trailer_done)) <= 0)
            return r;
        http1_set_state(h, ST_TRAILER_LINE);
        return discard(h, c);
    case ST_TRAILER_LINE:
        r = line_end(h, c, ST_TRAILER_LINE_LF, trailer_line_done);
        return r == 1 ? discard(h, c) : r;
    case ST_TRAILER_LINE_LF:
        return c == '\n' ? trailer_line_done(h) : syntax(h);
    case ST_TRAILER_LF:
        return c == '\n' ? trailer_done(h) : syntax(h);
    default:
        return take_size_byte(h, c);
    }
}

static int take(struct http1 *h, struct slice *in, struct http1_ev *ev) {
    switch (h->state) {
    case ST_START:
    case ST_FIELDS:
        return take_head(h, in, ev);
    case ST_BODY:
        return take_body(h, in, ST_END_DUE, ev);
    case ST_TO_EOF:
        return take_to_eof(h, in, ev);
    case ST_CHUNK_DATA:
        return take_body(h, in, ST_CHUNK_END, ev);
    default: {
        uint8_t c = in->p[0];
        *in = slice_skip(*in, 1);
        return take_framing_byte(h, c);
    }
    }
}

static int end(struct http1 *h, struct http1_ev *ev) {
    h->head_old = true;
    h->no_body = false;
    h->blank_lines = h->interim = 0;
    http1_set_state(h, ST_START);
    ev->kind = HTTP1_END;
    return 1;
}

int http1_input(struct http1 *h, struct slice *in, struct http1_ev *ev) {
    *ev = (struct http1_ev){0};
    if (h->state == ST_FAILED)
        return h->err;
    if (h->head_old)
        drop_head(h);
    for (;;) {
        if (h->state == ST_END_DUE)
            return end(h, ev);
        if (in->n == 0)
            return 0;
        int r = take(h, in, ev);
        if (r)
            return r;
    }
}

int http1_eof(struct http1 *h, struct http1_ev *ev) {
    *ev = (struct http1_ev){0};
    if (h->state == ST_FAILED)
        return h->err;
    if (h->state == ST_TO_EOF || h->state == ST_END_DUE)
        return end(h, ev);
    if (h->state == ST_START && (h->head_old || h->head.len == 0))
        return 0;
    return fail(h, ERR_SHORT, 400);
}

void http1_expect_no_body(struct http1 *h) {
    assert(h->role == HTTP1_RESPONSES);
    h->no_body = true;
}
