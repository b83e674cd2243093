/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the size of the pieces. Second: after so many bytes, 8 at least (message 0x10), the server says
 * that it has logged in. The rest is what the client sends. */
#include "fuzz.h"
#include "proto/redir_front.h"

static uint64_t run(struct slice in, size_t word, size_t piece) {
    struct redir_front *f = redir_front_new(REDIR_KVM, (const uint8_t *)"0123456789abcdef0123456789abcde");
    struct slice data;
    uint64_t h = 0;
    int r = 0;
    for (size_t given = 0; given < in.n && r >= 0;) {
        size_t n = given < word ? word - given : in.n - given; /* the word falls at the same place */
        struct slice part = slice_head(slice_skip(in, given), n < piece ? n : piece);
        given += part.n;
        while ((r = redir_front_input(f, &part, &data)) == 1)
            fuzz_fold(&h, data.p, data.n);
        fuzz_check(r < 0 || part.n == 0);
        if (r == 0 && given >= word && redir_front_state(f) == REDIR_FRONT_HELD)
            r = redir_front_started(f, SLICE_LIT("\x11\0\0\0\1\0\x0f\0\x57\1\0\0\0"));
        while (r >= 0 && (r = redir_front_input(f, &part, &data)) == 1)
            fuzz_fold(&h, data.p, data.n);
    }
    fuzz_fold_int(&h, (uint64_t)r);
    fuzz_check((r < 0) == (redir_front_error(f)[0] != 0) && redir_front_output(f).n < 4096);
    redir_front_free(&f);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct slice in = slice_of(data + 2, size - 2);
    size_t word = data[1] < 8 ? 8 : data[1];
    fuzz_check(run(in, word, in.n) == run(in, word, data[0] + 1u));
    return 0;
}
