/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a challenge, and it is an answer. What we say to a challenge must verify. */
#include "fuzz.h"
#include "proto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct digest_client c = {0};
    struct digest_answer a;
    char ha1[DIGEST_HA1_CAP];
    struct slice in = slice_of(data, size);
    if (digest_challenge(&c, in) == 0) {
        struct buf out = {0};
        fuzz_check(digest_authorize(&c, &out, "admin", "P@ssw0rd", "POST", "/wsman", "0123abcd") == 0);
        fuzz_check(digest_parse_answer(buf_slice(&out), &a) == 0);
        fuzz_check(slice_is(a.nonce, c.nonce) && digest_ha1("admin", c.realm, "P@ssw0rd", ha1) == 0);
        fuzz_check(digest_verify(&a, ha1, "POST") && !digest_verify(&a, ha1, "GET"));
        buf_free(&out);
    }
    if (digest_parse_answer(in, &a) == 0)
        fuzz_check(!digest_verify(&a, "00000000000000000000000000000000", "a method of no client"));
    return 0;
}
