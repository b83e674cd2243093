/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the size of the pieces. Then segments: a byte whose bit 7 is the side and whose others are the
 * length (0: the firmware is lost), and the bytes. */
#include "fuzz.h"
#include "proto/rfb_translate.h"

static void fold_outputs(struct rfb_translate *t, uint64_t h[RFB_SIDES], size_t *moved) {
    for (int i = 0; i < RFB_SIDES; i++) {
        struct slice out = rfb_translate_output(t, (enum rfb_side)i);
        fuzz_check(out.n < 65536);
        fuzz_fold(&h[i], out.p, out.n);
        *moved += out.n;
        rfb_translate_sent(t, (enum rfb_side)i, out.n);
    }
}

static int feed(struct rfb_translate *t, enum rfb_side from, struct slice in, size_t piece, uint64_t *h) {
    int r = 0;
    for (struct slice part; in.n && r == 0; in = slice_skip(in, piece)) {
        part = slice_head(in, piece);
        for (size_t moved = 1; part.n && moved && r == 0;) {
            moved = part.n;
            r = rfb_translate_input(t, from, &part);
            moved -= part.n;
            fold_outputs(t, h, &moved);
        }
    }
    return r;
}

static uint64_t run(struct slice in, size_t piece) {
    const struct rfb_translate_limits lim = {.cut_text_bytes = 64, .encodings_max = 8, .queue_bytes = 2048};
    struct rfb_translate *t = rfb_translate_new(&lim);
    uint64_t h[RFB_SIDES] = {0};
    int r = 0;
    while (in.n && r == 0) {
        size_t n = in.p[0] & 0x7f, moved = 0;
        enum rfb_side from = in.p[0] & 0x80 ? RFB_DEVICE : RFB_VIEWER;
        in = slice_skip(in, 1);
        r = n ? feed(t, from, slice_head(in, n), piece, h) : rfb_translate_device_lost(t);
        fold_outputs(t, h, &moved);
        in = slice_skip(in, n);
    }
    fuzz_fold_int(&h[0], h[1] ^ (uint64_t)r);
    rfb_translate_free(&t);
    return h[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    fuzz_check(run(in, in.n + 1) == run(in, data[0] % 40 + 1u));
    return 0;
}
