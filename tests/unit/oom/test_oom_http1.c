/* SPDX-License-Identifier: Apache-2.0 */
/* Parser and builders of http1 with failing allocations. */
#include "oom/failmalloc.h"

#include "proto/http1.h"
#include "unit.h"

#include <stdlib.h>

enum { HEADERS = 40 };

/* A message with many headers and a chunked body, built with our own builders. */
static int build(struct buf *out, enum http1_role role) {
    static const char *const chunked[] = {"Host", "h", "Transfer-Encoding", "chunked", NULL};
    const char *many[2 * HEADERS + 1] = {"Host", "h"};
    char names[HEADERS][8];
    for (size_t i = 1; i < HEADERS; i++) {
        snprintf(names[i], sizeof names[i], "X-%02zu", i);
        many[2 * i] = names[i];
        many[2 * i + 1] = "value of some length";
    }
    int r = role == HTTP1_REQUESTS ? http1_put_request(out, "POST", "/a?x=%20", many, 5)
                                   : http1_put_response(out, 200, many, 5);
    if (r == 0)
        r = buf_puts(out, "hello");
    if (r == 0)
        r = role == HTTP1_REQUESTS ? http1_put_request(out, "PUT", "/b", chunked, -1)
                                   : http1_put_response(out, 201, chunked, -1);
    if (r == 0)
        r = http1_chunk(out, SLICE_LIT("hel"), true);
    if (r == 0)
        r = http1_chunk(out, SLICE_LIT("lo"), false);
    if (r == 0)
        r = http1_chunk(out, SLICE_EMPTY, false);
    return r;
}

/* Parse it in pieces; what came out is whole, or ERR_NOMEM came and comes again. */
static int parse(struct http1 *h, struct slice text, size_t piece) {
    struct buf bodies = {0};
    unsigned ends = 0, fields = 0;
    int r = 0;
    while (text.n && r >= 0) {
        struct slice in = slice_head(text, piece);
        text = slice_skip(text, piece);
        struct http1_ev ev;
        while ((r = http1_input(h, &in, &ev)) == 1) {
            struct slice name, value;
            if (ev.kind == HTTP1_HEAD)
                for (size_t i = 0; http1_header_at(h, i, &name, &value); i++)
                    fields++;
            failmalloc_pause();
            if (ev.kind == HTTP1_BODY)
                assert_int_equal(buf_put(&bodies, ev.data), 0);
            failmalloc_resume();
            ends += ev.kind == HTTP1_END;
        }
    }
    if (r < 0) {
        struct slice in = SLICE_LIT("GET");
        struct http1_ev ev;
        assert_int_equal(http1_input(h, &in, &ev), r);
        assert_int_equal(http1_error_status(h), 500);
        assert_false(http1_keep_alive(h));
    } else {
        assert_int_equal(ends, 2);
        assert_true(fields >= HEADERS + 2);
        assert_true(slice_is(buf_slice(&bodies), "hellohello"));
    }
    buf_free(&bodies);
    return r;
}

struct how {
    enum http1_role role;
    size_t piece;
};

static int scenario(void *ctx) {
    static const struct http1_limits lim = HTTP1_LIMITS_SERVER;
    const struct how *how = ctx;
    struct buf text = {0};
    struct http1 *h = http1_new(how->role, &lim);
    int r = h ? build(&text, how->role) : ERR_NOMEM;
    if (r == 0)
        r = parse(h, buf_slice(&text), how->piece);
    assert_int_equal(text.failed ? ERR_NOMEM : r, r); /* what failed to append has said so */
    buf_free(&text);
    http1_free(&h);
    return r;
}

static void requests_and_responses(void **s) {
    for (int role = 0; role < 2; role++)
        for (size_t piece = 1; piece < 100000; piece *= 100) {
            struct how how = {role ? HTTP1_RESPONSES : HTTP1_REQUESTS, piece};
            failmalloc_each(scenario, &how);
        }
}

static int escapes(void *ctx) {
    struct buf out = {0};
    int r = http1_escape(
        &out, SLICE_LIT("a name with blanks / and slashes, long enough to grow the buffer more than "
                        "once, as each blank takes three bytes when it goes out"));
    assert_int_equal(out.failed, r != 0);
    buf_free(&out);
    return r;
}

static void escaping(void **s) {
    failmalloc_each(escapes, NULL);
}

UNIT_MAIN(T(requests_and_responses), T(escaping))
