/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the command; the rest is an answer of the firmware to it, and a request of the host. */
#include "fuzz.h"
#include "proto/pthi.h"

static void read_all(struct slice d) {
    union {
        struct pthi_versions v;
        struct pthi_hash h;
        struct pthi_handles l;
        struct pthi_ras r;
        struct pthi_lan n;
        struct pthi_fqdn f;
        struct pthi_feature_state s;
        struct pthi_account a;
        struct pthi_start t;
        char text[PTHI_TEXT_CAP];
    } u;
    if (pthi_get_versions(d, &u.v))
        fuzz_check(u.v.n <= PTHI_VERSIONS_MAX && strlen(u.v.bios) <= PTHI_BIOS_BYTES);
    if (pthi_get_hash(d, &u.h))
        fuzz_check(strlen(u.h.name) < PTHI_TEXT_CAP && pthi_alg_bytes(u.h.alg) <= PTHI_HASH_BYTES);
    if (pthi_get_handles(d, &u.l))
        fuzz_check(u.l.n <= PTHI_HASHES_MAX);
    if (pthi_get_text(d, u.text))
        fuzz_check(strlen(u.text) < PTHI_TEXT_CAP);
    if (pthi_get_account(d, &u.a))
        fuzz_check(strlen(u.a.password) <= PTHI_ACCOUNT_CAP);
    (void)(pthi_get_ras(d, &u.r) + pthi_get_lan(d, &u.n) + pthi_get_fqdn(d, &u.f) +
           pthi_get_feature(d, &u.s) + pthi_get_start(d, &u.t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice msg = slice_of(data + 1, size - 1), d;
    struct pthi_request rq;
    struct wd_request wd;
    uint32_t status;
    if (pthi_get_response(msg, (enum pthi_cmd)(data[0] % PTHI_CMD_COUNT), &d, &status, NULL) == 0)
        read_all(d);
    read_all(msg);
    if (pthi_get_request(msg, &rq) == 0)
        fuzz_check(rq.data.n <= msg.n);
    fuzz_check(wd_get_request(msg, &wd) == 0 || msg.n != 4 || msg.p[0] != 5 || msg.p[1] != 2 ||
               msg.p[2] != 0x51 || msg.p[3] != 0x10);
    return 0;
}
