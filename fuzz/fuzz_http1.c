/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 the role, bit 1 an answer to HEAD, the others the size of the pieces. */
#include "fuzz.h"
#include "proto/http1.h"

static uint64_t run(uint8_t how, struct slice in, size_t piece) {
    /* no limit on read-until-close may fall into a piece: what came before it is told or not */
    const struct http1_limits lim = {.head_bytes = 512, .headers_max = 8, .body_bytes = 1 << 24};
    struct http1 *p = http1_new(how & 1 ? HTTP1_RESPONSES : HTTP1_REQUESTS, &lim);
    struct http1_ev ev;
    uint64_t h = 0;
    int r = 0;
    if (how & 1 && how & 2)
        http1_expect_no_body(p);
    for (struct slice part; in.n && r >= 0; in = slice_skip(in, piece)) {
        part = slice_head(in, piece);
        while ((r = http1_input(p, &part, &ev)) == 1) {
            struct slice name, value;
            if (ev.kind != HTTP1_BODY)
                fuzz_fold_int(&h, (uint64_t)ev.kind << 8 | http1_keep_alive(p));
            fuzz_fold(&h, ev.data.p, ev.data.n);
            fuzz_fold(&h, http1_target(p).p, ev.kind == HTTP1_HEAD ? http1_target(p).n : 0);
            for (size_t i = 0; ev.kind == HTTP1_END && http1_header_at(p, i, &name, &value); i++)
                fuzz_fold(&h, value.p, value.n);
        }
    }
    fuzz_fold_int(&h, (uint64_t)(r < 0 ? http1_error_status(p) : http1_eof(p, &ev)));
    http1_free(&p);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    fuzz_check(run(data[0], in, in.n) == run(data[0], in, (data[0] >> 2) + 1u));
    char text[64];
    struct slice value;
    if (http1_unescape(in, text, sizeof text) == 0 && http1_query(in, "a", &value))
        fuzz_check(value.n <= in.n);
    return 0;
}
