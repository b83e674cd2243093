/* SPDX-License-Identifier: Apache-2.0 */
/* Each input is read whole, byte by byte and at random splits, and must give the same story each time. */
#include "base/rng.h"
#include "proto/http1.h"
#include "unit.h"

#include <stdlib.h>

struct run {
    struct buf log; /* "[POST /wsman]", body bytes, "." for the end, "!400" for an error */
    int err;
    bool no_body, eof;
};

static void note(struct run *r, struct http1 *h, const struct http1_ev *ev) {
    if (ev->kind == HTTP1_HEAD && http1_status(h)) {
        buf_putf(&r->log, "[%d]", http1_status(h));
    } else if (ev->kind == HTTP1_HEAD) {
        struct slice m = http1_method(h), t = http1_target(h);
        buf_putf(&r->log, "[%.*s %.*s]", (int)m.n, (const char *)m.p, (int)t.n, (const char *)t.p);
    } else if (ev->kind == HTTP1_BODY) {
        buf_put(&r->log, ev->data);
    } else {
        buf_puts(&r->log, http1_keep_alive(h) ? "." : "x");
    }
}

/* piece 0: random splits */
static void run_once(struct run *r, enum http1_role role, const struct http1_limits *lim, struct slice in,
                     size_t piece, struct rng *rng) {
    struct http1 *h = http1_new(role, lim);
    struct http1_ev ev;
    if (r->no_body)
        http1_expect_no_body(h);
    int got = 0;
    while (in.n && got >= 0) {
        struct slice s = slice_head(in, piece ? piece : (size_t)rng_range(rng, 1, 20));
        uint8_t *copy = malloc(s.n);
        memcpy(copy, s.p, s.n);
        struct slice left = slice_of(copy, s.n);
        while ((got = http1_input(h, &left, &ev)) == 1)
            note(r, h, &ev);
        free(copy);
        in = slice_skip(in, s.n);
    }
    if (got >= 0 && r->eof && (got = http1_eof(h, &ev)) == 1)
        note(r, h, &ev);
    if (got < 0) {
        buf_putf(&r->log, "!%d", http1_error_status(h));
        assert_int_equal(http1_input(h, &in, &ev), got); /* sticky */
        assert_false(http1_keep_alive(h));
    }
    r->err = got < 0 ? got : 0;
    http1_free(&h);
    assert_null(h);
}

static void story(enum http1_role role, const struct http1_limits *lim, const char *text, size_t n,
                  const char *want, struct run how) {
    struct rng rng = {n};
    for (size_t i = 0; i < 8; i++) {
        struct run r = how;
        run_once(&r, role, lim, slice_of(text, n), i == 0 ? n : i == 1 ? 1 : 0, &rng);
        if (strcmp(buf_cstr(&r.log), want) != 0)
            fail_msg("split %zu of \"%s\": \"%s\", not \"%s\"", i, text, buf_cstr(&r.log), want);
        buf_free(&r.log);
    }
}
#define REQUEST(text, want)                                                                                  \
    story(HTTP1_REQUESTS, &HTTP1_LIMITS_SERVER, text, sizeof(text) - 1, want, (struct run){0})
#define RESPONSE(text, want)                                                                                 \
    story(HTTP1_RESPONSES, &HTTP1_LIMITS_AMT, text, sizeof(text) - 1, want, (struct run){0})
#define H "Host: a\r\n"

static void requests(void **s) {
    REQUEST("GET / HTTP/1.1\r\n" H "\r\n", "[GET /].");
    REQUEST("\r\n\r\nGET /a?b HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n", "[GET /a?b].[GET /2].");
    REQUEST("POST /wsman HTTP/1.1\r\n" H "content-LENGTH:  5  \r\n\r\nhelloGET / HTTP/1.1\r\n" H "\r\n",
            "[POST /wsman]hello.[GET /].");
    REQUEST("POST / HTTP/1.1\r\n" H "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "[POST /]ab.");
    REQUEST("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "[POST /].");
    REQUEST("POST / HTTP/1.1\r\n" H
            "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00a;x=\"y\"\r\n0123456789\r\n"
            "0\r\nTrailer: 1\r\nB: 2\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            "[POST /]hello0123456789.[GET /]x");
    REQUEST("GET / HTTP/1.1\r\n" H "Connection: foo , CLOSE\r\n\r\n", "[GET /]x");
    REQUEST("GET / HTTP/1.1\r\n" H "Connection: a\r\nConnection: close\r\n\r\n", "[GET /]x");
    REQUEST("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "[GET /].");
    REQUEST("GET / HTTP/1.2\r\n" H "\r\n", "[GET /].");
}

static void bad_requests(void **s) {
    static const char *const rows[] = {
        "\r\n\r\n\r\n\r\n\r\n",
        " GET / HTTP/1.1\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET /\r\n",
        "GET / HTTP/1.1\n",
        "G@T / HTTP/1.1\r\n",
        "GET /\x01 HTTP/1.1\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\n",
        "GET / http/1.1\r\n",
        "GET / HTTP/1.11\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n",
        "GET / HTTP/1.1\r\n" H " folded\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n",
        "GET / HTTP/1.1\r\n: a\r\n",
        "GET / HTTP/1.1\r\nHost\r\n",
        "GET / HTTP/1.1\r\n" H "X: a\rb\r\n",
        "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" H H "\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        story(HTTP1_REQUESTS, &HTTP1_LIMITS_SERVER, rows[i], strlen(rows[i]), "!400", (struct run){0});
    REQUEST("GET / HTTP/1.1\r\n" H "X: \0\r\n", "!400");
    REQUEST("GET / HTTP/2.0\r\n", "!505");
    REQUEST("GET / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "!501");
}

#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
static void bad_chunks(void **s) {
    static const char *const rows[] = {
        "\r\n",     "x\r\n",        ";a\r\n",   " 1\r\n",    "1 \r\n",
        "1\n",      "-1\r\n",       "0x1\r\n",  "1;a\n",     "1;a\x01\r\n",
        "1\rX",     "0\r\n\n",      "0\r\na\n", "0\r\na\rb", "00000000000000001\r\n",
        "0\r\n\rX", "0\r\na: \x02",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        int n = snprintf(text, sizeof text, "%s%s", CHUNKED, rows[i]);
        story(HTTP1_REQUESTS, &HTTP1_LIMITS_SERVER, text, (size_t)n, "[POST /]!400", (struct run){0});
    }
    REQUEST(CHUNKED "1\r\nab", "[POST /]a!400");
    REQUEST(CHUNKED "1\r\na\n", "[POST /]a!400");
    REQUEST(CHUNKED "1\r\na\rb", "[POST /]a!400");
    REQUEST(CHUNKED "ffffffffffffffff\r\n", "[POST /]!413");
    REQUEST(CHUNKED "1\r\na\r\n100000\r\n", "[POST /]a!413");
}

static void responses_of_firmware(void **s) {
    /* reference 2.2: 4-digit upper-case sizes, no trailers */
    RESPONSE("HTTP/1.1 200 OK\r\nDate: x\r\nServer: Intel(R) Active Management Technology 15.0.23.1706\r\n"
             "Transfer-Encoding: chunked\r\n\r\n000E\r\n<a>12345678901\r\n0004\r\n</a>\r\n0\r\n\r\n",
             "[200]<a>12345678901</a>.");
    RESPONSE("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"Digest:0\", "
             "nonce=\"n\",stale=\"false\","
             "qop=\"auth\"\r\nContent-Length: 7\r\nConnection: close\r\n\r\n</html>",
             "[401]</html>x");
    RESPONSE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "[400].");
    RESPONSE("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", "[200]a.");
    RESPONSE("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
             "[204].[304].");
    RESPONSE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "[200].");
    RESPONSE("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "[101].");
    /* bare LF and blanks after a size are seen in the wild */
    RESPONSE("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2  \nab\n0\nT: x\n\n", "[200]ab.");
    RESPONSE("HTTP/1.1 20 OK\r\n", "!400");
    RESPONSE("HTTP/1.1 099 OK\r\n", "!400");
    RESPONSE("HTTP/1.1 200 O\x01K\r\n", "!400");
    RESPONSE("RTSP/1.1 200 OK\r\n", "!400");
}

static void ends_of_connections(void **s) {
    struct run eof = {.eof = true}, head = {.no_body = true};
    const struct http1_limits *lim = &HTTP1_LIMITS_AMT;
    const struct {
        const char *text, *want;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\nuntil close", "[200]until closex"},
        {"HTTP/1.1 200 OK\r\n\r\n", "[200]x"},
        {"", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "[200]."},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", "[200]a!400"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", "[200]a!400"},
        {"HTTP/1.1 200 OK\r\nCont", "!400"},
        {"H", "!400"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        story(HTTP1_RESPONSES, lim, rows[i].text, strlen(rows[i].text), rows[i].want, eof);
    struct http1 *h = http1_new(HTTP1_RESPONSES, lim);
    struct http1_ev ev;
    struct slice in = SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    assert_int_equal(http1_input(h, &in, &ev), 1);
    assert_int_equal(http1_input(h, &in, &ev), 1);
    assert_int_equal(http1_eof(h, &ev), ERR_SHORT);
    http1_free(&h);
    /* an answer to HEAD; the next one has a body again; an interim one does not count */
    const char text[] = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
                        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    story(HTTP1_RESPONSES, lim, text, sizeof text - 1, "[200].[200]abc.", head);
}

static void limits(void **s) {
    struct http1_limits lim = {.head_bytes = 40, .headers_max = 2, .body_bytes = 10};
    const struct {
        enum http1_role role;
        const char *text, *want;
    } rows[] = {
        {HTTP1_REQUESTS, "GET /5678901234567 HTTP/1.1\r\nHost: a\r\n\r\n", "[GET /5678901234567]."}, /* 40 */
        {HTTP1_REQUESTS, "GET /56789012345678 HTTP/1.1\r\nHost: a\r\n\r\n", "!431"},
        {HTTP1_REQUESTS, "GET /567890123456789012345678901234567890", "!431"},
        {HTTP1_RESPONSES, "HTTP/1.1 200\r\na:b\r\nc:d\r\n\r\n", "[200]"},
        {HTTP1_RESPONSES, "HTTP/1.1 200\r\na:b\r\nc:d\r\ne:f\r\n\r\n", "!431"},
        {HTTP1_RESPONSES, "HTTP/1.1 200\r\nContent-Length:10\r\n\r\n0123456789", "[200]0123456789."},
        {HTTP1_RESPONSES, "HTTP/1.1 200\r\nContent-Length:11\r\n\r\n", "!413"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        story(rows[i].role, &lim, rows[i].text, strlen(rows[i].text), rows[i].want, (struct run){0});
    lim.head_bytes = 60;
    const char *chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const struct {
        const char *text, *want;
    } bodies[] = {
        {"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", "[200]0123456789."},
        {"5\r\n01234\r\n6\r\n", "[200]01234!413"},
        {"0;23456789012345678901234567890123456789012345678901234567890\r\n\r\n", "[200]."},
        {"0;234567890123456789012345678901234567890123456789012345678901\r\n\r\n", "[200]!431"},
        {"0;2345678901234567890123456789\r\n1234567890123456789012345678901\r\n\r\n", "[200]."},
        {"0;2345678901234567890123456789\r\n12345678901234567890123456789012\r\n\r\n", "[200]!431"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[300];
        int n = snprintf(text, sizeof text, "%s%s", chunked, bodies[i].text);
        story(HTTP1_RESPONSES, &lim, text, (size_t)n, bodies[i].want, (struct run){0});
    }
    /* read until close: only the whole is bounded, so it is given in one piece here */
    struct run r = {0};
    run_once(&r, HTTP1_RESPONSES, &lim, SLICE_LIT("HTTP/1.1 200 OK\r\n\r\n01234567890"), 100, NULL);
    assert_int_equal(r.err, ERR_LIMIT);
    assert_string_equal(buf_cstr(&r.log), "[200]!413");
    buf_free(&r.log);
    /* interim responses without end */
    struct buf many = {0};
    for (int i = 0; i < 9; i++)
        buf_puts(&many, "HTTP/1.1 100 Continue\r\n\r\n");
    run_once(&r, HTTP1_RESPONSES, &lim, buf_slice(&many), 7, NULL);
    assert_int_equal(r.err, ERR_LIMIT);
    buf_free(&many);
    buf_free(&r.log);
}

static void getters(void **s) {
    struct http1 *h = http1_new(HTTP1_REQUESTS, &HTTP1_LIMITS_SERVER);
    struct http1_ev ev;
    struct slice n, v;
    struct buf many = {0};
    buf_puts(&many, "GET /x HTTP/1.1\r\nHost: \t h \r\nEmpty:\r\nA: 1\r\nA: 2\r\n");
    for (int i = 0; i < 40; i++)
        buf_putf(&many, "N%d: %d\r\n", i, i);
    buf_puts(&many, "\r\n");
    struct slice in = buf_slice(&many);
    assert_int_equal(http1_input(h, &in, &ev), 1);
    for (int i = 0; i < 2; i++) {
        assert_true(slice_is(http1_header(h, "hoST"), "h"));
        assert_true(slice_is(http1_header(h, "a"), "1"));
        assert_int_equal(http1_header(h, "Empty").n, 0);
        assert_int_equal(http1_header(h, "None").n, 0);
        assert_true(http1_header_at(h, 3, &n, &v) && slice_is(n, "A") && slice_is(v, "2"));
        assert_true(http1_header_at(h, 43, &n, &v) && slice_is(n, "N39") && slice_is(v, "39"));
        assert_false(http1_header_at(h, 44, &n, &v));
        if (i == 0)
            assert_int_equal(http1_input(h, &in, &ev), 1);
        assert_int_equal(ev.kind, HTTP1_END);
    }
    assert_int_equal(http1_input(h, &in, &ev), 0);
    assert_false(http1_header_at(h, 0, &n, &v));
    assert_int_equal(http1_method(h).n, 0);
    buf_free(&many);
    http1_free(&h);
    http1_free(&h);
}

UNIT_MAIN(T(requests), T(bad_requests), T(bad_chunks), T(responses_of_firmware), T(ends_of_connections),
          T(limits), T(getters))
