/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 may only look, the others the size of the pieces. The rest is what the viewer sends. What
 * passes a viewer that may only look passes once more, unchanged. */
#include "fuzz.h"
#include "proto/rfb.h"

static int run(bool view_only, struct slice in, size_t piece, struct buf *out) {
    const struct rfb_up_limits lim = {.cut_text_bytes = 300, .encodings_max = 8};
    struct rfb_up *f = rfb_up_new(view_only, &lim);
    int r = 0;
    for (; in.n && r == 0; in = slice_skip(in, piece)) {
        bool acted;
        r = rfb_up_input(f, slice_head(in, piece), out, &acted);
        fuzz_check(!(acted && view_only));
    }
    fuzz_check((r < 0) == (rfb_up_error(f)[0] != 0));
    rfb_up_free(&f);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    struct buf whole = {0}, cut = {0}, again = {0};
    int r = run(data[0] & 1, in, in.n, &whole);
    fuzz_check(run(data[0] & 1, in, (data[0] >> 1) + 1u, &cut) == r);
    fuzz_check(slice_eq(buf_slice(&whole), buf_slice(&cut)) && whole.len <= in.n);
    fuzz_check(run(data[0] & 1, buf_slice(&whole), whole.len, &again) == 0);
    fuzz_check(slice_eq(buf_slice(&whole), buf_slice(&again)));
    buf_free(&whole);
    buf_free(&cut);
    buf_free(&again);
    return 0;
}
