/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the size of the pieces. */
#include "fuzz.h"
#include "proto/proxyv2.h"

static uint64_t run(struct slice in, size_t piece) {
    struct proxyv2 p = {0};
    uint64_t h = 0;
    int r = 0;
    while (r == 0 && in.n) {
        struct slice part = slice_head(in, piece), left = part;
        r = proxyv2_input(&p, &left);
        in = slice_skip(in, part.n - left.n);
    }
    fuzz_fold_int(&h, (uint64_t)r);
    fuzz_fold_int(&h, r == 1 ? in.n : 0); /* what follows the header is left alone */
    if (r == 1)
        fuzz_fold(&h, p.addr, strlen(p.addr));
    fuzz_fold_int(&h, r == 1 ? p.port : 0);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    fuzz_check(run(in, in.n) == run(in, data[0] % 64 + 1u));
    return 0;
}
