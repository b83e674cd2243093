/* SPDX-License-Identifier: Apache-2.0 */
/* Digest authentication with failing allocations: half a header is never taken for one, and the count of
 * uses of a nonce stays true. OpenSSL's own memory is left alone: it is not ours to prove. */
#include "oom/failmalloc.h"

#include "proto/digest.h"
#include "unit.h"

/* One round trip: challenge, answer, check. */
static int scenario(void *ctx) {
    struct digest_client c = {0};
    struct buf challenge = {0}, answer = {0};
    int r = digest_put_challenge(&challenge, "Digest:0123456789ABCDEF", "a-nonce", true);
    if (r == 0)
        r = digest_challenge(&c, buf_slice(&challenge));
    for (uint32_t n = 1; r == 0 && n <= 3; n++) {
        buf_free(&answer);
        r = digest_authorize(&c, &answer, "admin", "P@ssw0rd", "POST", "/wsman", "0123456789abcdef");
        assert_int_equal(c.nc, r == 0 ? n : n - 1);
        struct digest_answer a;
        char ha1[DIGEST_HA1_CAP];
        if (r == 0) {
            assert_int_equal(digest_parse_answer(buf_slice(&answer), &a), 0);
            assert_int_equal(digest_ha1("admin", "Digest:0123456789ABCDEF", "P@ssw0rd", ha1), 0);
            assert_true(digest_verify(&a, ha1, "POST"));
        }
    }
    buf_free(&challenge);
    buf_free(&answer);
    return r;
}

static void round_trip(void **s) {
    failmalloc_each(scenario, NULL);
}

UNIT_MAIN(T(round_trip))
