/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the kind (0 to 2, 3: bare KVM) in its lowest bits, the others the size of the pieces. The rest
 * is what the firmware sends. */
#include "fuzz.h"
#include "proto/redir.h"

static uint64_t run(uint8_t how, struct slice in, size_t piece) {
    const struct redir_limits lim = REDIR_LIMITS_DEFAULT;
    const struct redir_config cfg = {.kind = how == 3 ? REDIR_KVM : (enum redir_kind)how,
                                     .bare = how == 3,
                                     .user = "admin",
                                     .password = "P@ssw0rd"};
    struct redir *r = redir_new(&cfg, &lim, (struct mono){0});
    uint64_t h = 0;
    int n = 0;
    while (in.n && n >= 0) {
        struct slice part = slice_head(in, piece);
        in = slice_skip(in, part.n);
        for (struct redir_ev ev; (n = redir_input(r, &part, (struct mono){0}, &ev)) == 1;) {
            fuzz_fold(&h, ev.data.p, ev.data.n); /* its pieces may differ */
            if (ev.kind != REDIR_EV_DATA)
                fuzz_fold_int(&h, (uint64_t)ev.kind << 2 | (uint64_t)ev.host_on << 1 | ev.overflow);
        }
        fuzz_check(n < 0 || part.n == 0);
        fuzz_check(redir_output(r).n <= lim.queue_bytes + 24);
    }
    fuzz_fold_int(&h, (uint64_t)redir_failure(r));
    fuzz_check((n < 0) == (redir_error(r)[0] != 0));
    redir_free(&r);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    fuzz_check(run(data[0] & 3, in, in.n) == run(data[0] & 3, in, (data[0] >> 2) + 1u));
    return 0;
}
