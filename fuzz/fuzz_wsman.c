/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the size of the pieces. The rest is a message; what it is decoded to must not depend on them.
 */
#include "fuzz.h"
#include "proto/amt.h"

static uint64_t run(struct slice in, size_t piece) {
    struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
    struct wsman_msg *m = NULL;
    struct amt_info info = {0};
    struct buf put = {0};
    uint64_t h = 0;
    int r = 0;
    for (; in.n && r == 0; in = slice_skip(in, piece))
        r = wsman_feed(p, slice_head(in, piece));
    r = r ? r : wsman_finish(p, &m);
    for (uint32_t i = 1; m && i < m->nnodes; i++) {
        fuzz_fold_int(&h, (uint64_t)m->nodes[i].ns << 32 | m->nodes[i].parent);
        fuzz_fold(&h, m->nodes[i].name.p, m->nodes[i].name.n);
        fuzz_fold(&h, m->nodes[i].text.p, m->nodes[i].text.n);
        fuzz_fold_int(&h, (uint64_t)amt_decode_info(m, i, &info));
        fuzz_fold_int(&h, wsman_selector(m, i, "InstanceID").n + wsman_again(m, i));
    }
    fuzz_fold(&h, &info, m ? sizeof info : 0);
    fuzz_fold_int(&h, m ? (uint64_t)amt_return_value(m) + m->op + m->fault_ns + m->method.n : (uint64_t)r);
    if (m && amt_put_boot_cleared(&put, m) == 0 && wsman_put_response_open(&put, m, 1) == 0)
        fuzz_fold(&h, put.mem, put.len);
    buf_free(&put);
    wsman_msg_free(&m);
    wsman_parser_free(&p);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data + 1, size ? size - 1 : 0);
    if (size)
        fuzz_check(run(in, in.n) == run(in, data[0] + 1u));
    return 0;
}
