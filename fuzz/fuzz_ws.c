/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 the role, the others the size of the pieces. The rest is what the peer sends. */
#include "fuzz.h"
#include "proto/ws.h"

static uint64_t run(enum ws_role role, struct slice in, size_t piece) {
    struct ws *w = ws_new(role, 100, role == WS_CLIENT ? (const uint8_t *)"sixteen bytes..." : NULL);
    uint64_t h = 0;
    int r = 0;
    while (in.n && r >= 0) {
        struct slice part = slice_head(in, piece);
        in = slice_skip(in, part.n);
        for (struct ws_ev ev; (r = ws_input(w, &part, &ev)) == 1;) {
            fuzz_fold(&h, ev.data.p, ev.data.n); /* its pieces may differ */
            if (ev.kind != WS_EV_BINARY)
                fuzz_fold_int(&h, (uint64_t)ev.kind << 16 | ev.code);
        }
        fuzz_check(r < 0 || part.n == 0);
    }
    fuzz_fold_int(&h, (uint64_t)r);
    fuzz_check(ws_output(w).n <= 17 * 131 && (r == 0 || ws_closing(w)));
    fuzz_fold(&h, ws_output(w).p, ws_output(w).n);
    ws_free(&w);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    enum ws_role role = data[0] & 1 ? WS_CLIENT : WS_SERVER;
    fuzz_check(run(role, in, in.n) == run(role, in, (data[0] >> 1) + 1u));
    char out[WS_ACCEPT_CAP];
    (void)ws_accept_key(in, out);
    return 0;
}
