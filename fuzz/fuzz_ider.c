/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0: the sequence numbers are put right, so that mutants get far; bit 1: the image is
 * unreadable; the others the size of the pieces. The rest is what the firmware sends. */
#include "fuzz.h"
#include "proto/ider.h"
#include "proto/ider_wire.h"

static const uint8_t LENGTHS[256] = {
#define M(name, id, bytes, ...) [id] = (bytes),
    IDER_MSG_TABLE(M)
#undef M
};

static void number(uint8_t *p, size_t n) {
    for (uint32_t seq = 0; n >= IDER_HEAD && LENGTHS[p[0]] && n >= LENGTHS[p[0]]; seq++) {
        size_t tail = p[0] == IDER_MSG_OPEN_REPLY ? p[29] : 0, all = LENGTHS[p[0]] + tail;
        for (int i = 0; i < 4; i++)
            p[4 + i] = (uint8_t)(seq >> 8 * i);
        all = all < n ? all : n;
        p += all;
        n -= all;
    }
}

static void drain(struct ider *i, uint64_t *h) {
    struct slice out = ider_output(i);
    fuzz_fold(h, out.p, out.n);
    ider_sent(i, out.n);
}

static uint64_t run(struct slice in, size_t piece, bool readable) {
    static const uint8_t image[IDER_CHUNK_MAX] = {1, 2, 3};
    const struct ider_config cfg = {.media = {{true, 24}, {true, 12}}};
    struct ider *i = ider_new(&cfg, (struct mono){0});
    uint64_t h = 0, sent = 0; /* pieces change how the two interleave, and nothing else */
    int r = 0;
    while (in.n && r >= 0) {
        struct slice part = slice_head(in, piece);
        struct ider_ev ev;
        in = slice_skip(in, part.n);
        while ((r = ider_input(i, &part, (struct mono){0}, &ev)) == 1) {
            fuzz_fold_int(&h, (uint64_t)ev.kind << 56 | (uint64_t)ev.drive << 48 | ev.offset << 14 | ev.n);
            fuzz_check(ev.n <= sizeof image);
            if (ev.kind == IDER_EV_READ &&
                (readable ? ider_data(i, slice_of(image, ev.n)) : ider_read_failed(i)) < 0)
                abort();
            drain(i, &sent);
        }
        fuzz_check(r < 0 || part.n == 0);
        drain(i, &sent);
    }
    fuzz_check((r < 0) <= (ider_error(i)[0] != 0));
    fuzz_fold_int(&h, (uint64_t)r);
    fuzz_fold_int(&h, sent);
    ider_free(&i);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t copy[8192]; /* answers of more would fill the output, in one piece and not in others */
    if (size < 1 || size > sizeof copy)
        return 0;
    struct slice in = slice_of(copy, size - 1);
    memcpy(copy, data + 1, size - 1);
    if (data[0] & 1)
        number(copy, size - 1);
    fuzz_check(run(in, in.n, !(data[0] & 2)) == run(in, (data[0] >> 2) + 1u, !(data[0] & 2)));
    return 0;
}
