/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proxyv2.h"
#include "unit.h"

#include <stdlib.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"

/* All of text at once or in pieces; *left: what follows the header. */
static int feed(struct proxyv2 *p, const void *text, size_t n, size_t piece, size_t *left) {
    struct slice in = slice_of(text, n);
    int r = 0;
    *p = (struct proxyv2){0};
    while (r == 0 && in.n) {
        struct slice s = slice_head(in, piece);
        uint8_t *copy = malloc(s.n);
        memcpy(copy, s.p, s.n);
        struct slice part = slice_of(copy, s.n);
        r = proxyv2_input(p, &part);
        in = slice_skip(in, s.n - part.n);
        free(copy);
    }
    *left = in.n;
    return r;
}

#define ROW(text, err, local, addr, port, left)                                                              \
    { text, sizeof(text) - 1, err, local, addr, port, left }
static const struct row {
    const char *text;
    size_t n;
    int err;
    bool local;
    const char *addr;
    uint16_t port;
    size_t left;
} ROWS[] = {
    ROW(SIG "\x21\x11\0\x0c"
            "\x0a\x01\x02\x03\x7f\0\0\x01"
            "\xc0\xde\x11\x51"
            "\x16\x03",
        1, false, "10.1.2.3", 49374, 2),
    /* with a TLV behind the addresses */
    ROW(SIG "\x21\x11\0\x10"
            "\x0a\x01\x02\x03\x7f\0\0\x01"
            "\0\x01\x11\x51"
            "\x04\0\x01\0",
        1, false, "10.1.2.3", 1, 0),
    ROW(SIG "\x21\x21\0\x24"
            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05"
            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x06"
            "\x12\x34\x11\x51",
        1, false, "2001:db8::5", 0x1234, 0),
    ROW(SIG "\x20\0\0\0"
            "\x16",
        1, true, "", 0, 1),
    ROW(SIG "\x20\x99\0\x02"
            "ab"
            "\x16",
        1, true, "", 0, 1), /* LOCAL: the rest is skipped whatever it says */
    ROW(SIG "\x20\x11\0\x02"
            "ab"
            "\x16",
        1, true, "", 0, 1),
    ROW(SIG "\x21\0\0\x03"
            "abc"
            "\x16",
        1, false, "", 0, 1),
    ROW(SIG "\x21\x11\0\x0b", ERR_SYNTAX, false, NULL, 0, 0),
    ROW(SIG "\x21\x21\0\x23", ERR_SYNTAX, false, NULL, 0, 0),
    ROW(SIG "\x21\x12\0\x0c", ERR_UNSUPPORTED, false, NULL, 0, 0),
    ROW(SIG "\x22\x11\0\x0c", ERR_UNSUPPORTED, false, NULL, 0, 0),
    ROW(SIG "\x11\x11\0\x0c", ERR_PROTO, false, NULL, 0, 0),
    ROW(SIG "\x21\x11\x02\x09", ERR_LIMIT, false, NULL, 0, 0), /* 537 bytes in all */
    ROW("\r\n\r\n\0\r\nQUIX", ERR_PROTO, false, NULL, 0, 0),
    ROW("\x16", ERR_PROTO, false, NULL, 0, 0),
    ROW("PROXY TCP4", ERR_PROTO, false, NULL, 0, 0),
    ROW(SIG "\x21\x11\0\x0c"
            "\x0a\x01\x02\x03\x7f\0\0\x01"
            "\xc0\xde\x11",
        0, false, NULL, 0, 0),
    ROW("\r", 0, false, NULL, 0, 0),
};

static void headers(void **s) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *w = &ROWS[i];
        for (size_t piece = 1; piece < 70; piece += piece < 5 ? 1 : 9) {
            struct proxyv2 p;
            size_t left;
            int r = feed(&p, w->text, w->n, piece, &left);
            if (r != w->err)
                fail_msg("row %zu in pieces of %zu: %d, not %d", i, piece, r, w->err);
            if (r < 0) {
                struct slice more = SLICE_LIT("\r\n");
                assert_int_equal(proxyv2_input(&p, &more), r); /* sticky */
            }
            if (r != 1)
                continue;
            assert_string_equal(p.addr, w->addr);
            assert_int_equal(p.port, w->port);
            assert_int_equal(p.local, w->local);
            assert_int_equal(left, w->left); /* what follows is not ours */
        }
    }
}

static void the_longest(void **s) {
    uint8_t text[PROXYV2_MAX + 1] = SIG "\x21\x11\x02\x08"
                                        "\x01\x02\x03\x04"
                                        "\x05\x06\x07\x08"
                                        "\0\x50\0\x51";
    for (size_t piece = 1; piece < 600; piece += 61) {
        struct proxyv2 p;
        size_t left;
        assert_int_equal(feed(&p, text, sizeof text, piece, &left), 1);
        assert_int_equal(left, 1);
        assert_string_equal(p.addr, "1.2.3.4");
        assert_int_equal(p.port, 80);
    }
}

UNIT_MAIN(T(headers), T(the_longest))
