/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/rng.h"
#include "http/sse.h"

#include <stdlib.h>

static const char stream[] = ": hello\n\n"
                             "id: 1\nevent: host.link-up\ndata: {\"a\":1}\n\n"
                             "id: 2\r\ndata: one\r\ndata: two\r\n\r\n"
                             "data\r\rretry: 5\nid\n\nnonsense\ndata:x\n:c\n\n"
                             "id: 9\ndata: cut off";
static const char want[] = "1|host.link-up|{\"a\":1}\n2||one\ntwo\n2||\n||x\n";

/* Feed s in pieces that next() says, and print the events. */
static void run(struct slice s, size_t (*next)(void *ctx), void *ctx, struct buf *out) {
    struct sse sse = {0};
    while (s.n) {
        size_t n = next(ctx);
        struct slice piece = slice_head(s, n);
        s = slice_skip(s, piece.n);
        /* a piece lies in memory of its own size, so that reading past it shows */
        uint8_t *copy = malloc(piece.n ? piece.n : 1);
        memcpy(copy, piece.p, piece.n);
        struct slice in = slice_of(copy, piece.n);
        struct sse_event ev;
        int rc;
        while ((rc = sse_input(&sse, &in, &ev)) == 1) {
            buf_putf(out, "%s|%s|", ev.id, ev.type);
            buf_put(out, ev.data);
            buf_puts(out, "\n");
        }
        assert_int_equal(rc, 0);
        assert_int_equal(in.n, 0);
        free(copy);
    }
    assert_string_equal(sse.last_id, "9");
    sse_free(&sse);
}

static size_t all(void *ctx) {
    return SIZE_MAX;
}
static size_t one(void *ctx) {
    return 1;
}
static size_t some(void *ctx) {
    return (size_t)rng_range(ctx, 1, 9);
}

static void whole_byte_by_byte_and_split(void **state) {
    struct slice s = slice_of(stream, sizeof stream - 1);
    struct buf out = {0};
    run(s, all, NULL, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_clear(&out);
    run(s, one, NULL, &out);
    assert_string_equal(buf_cstr(&out), want);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct rng r = {seed};
        buf_clear(&out);
        run(s, some, &r, &out);
        assert_string_equal(buf_cstr(&out), want);
    }
    buf_free(&out);
}

static void an_endless_line_or_event_trips_the_limit(void **state) {
    struct sse sse = {0};
    struct sse_event ev;
    char *block = malloc(65536);
    memset(block, 'x', 65536);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 20; i++) {
        struct slice in = slice_of(block, 65536);
        rc = sse_input(&sse, &in, &ev);
    }
    assert_int_equal(rc, ERR_LIMIT);
    sse_free(&sse);
    for (size_t i = 0; i < 65536; i += 1024)
        memcpy(block + i, "\ndata: ", 7);
    rc = 0;
    for (int i = 0; rc == 0 && i < 20; i++) {
        struct slice in = slice_of(block, 65536);
        rc = sse_input(&sse, &in, &ev);
    }
    assert_int_equal(rc, ERR_LIMIT);
    sse_free(&sse);
    free(block);
}

static void an_id_with_a_zero_byte_is_ignored(void **state) {
    struct sse sse = {0};
    struct sse_event ev;
    struct slice in = SLICE_LIT("id: 4\nid: 5\0x\ndata: y\n\n");
    assert_int_equal(sse_input(&sse, &in, &ev), 1);
    assert_string_equal(ev.id, "4");
    sse_reset(&sse);
    assert_string_equal(sse.last_id, "4");
    sse_free(&sse);
    assert_string_equal(sse.last_id, "");
}

UNIT_MAIN(T(whole_byte_by_byte_and_split), T(an_endless_line_or_event_trips_the_limit),
          T(an_id_with_a_zero_byte_is_ignored))
