/* SPDX-License-Identifier: Apache-2.0 */
/* A PFX file, opened without its integrity check, so that what is inside may be anything. What is taken is
 * whole; what is refused says why and leaves nothing.
 *
 * sources: src/server/pfx.c src/server/pfx_check.c src/net/pki.c src/net/address.c
 */
#include "fuzz.h"
#include "server/pfx_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pfx_parts parts;
    struct pfx p = {0};
    struct errinfo ei = {0};
    struct wall now = {1795356131000000};
    int err = pfx_take_apart(slice_of(data, size), "s3cret", false, &parts, &ei);
    if (err)
        fuzz_check(ei.code == err && ei.text[0] && parts.ncerts + parts.nkeys == 0);
    else if ((err = pfx_judge(&parts, "example.com", now, &p, &ei)))
        fuzz_check(ei.code == err && ei.text[0]);
    else
        fuzz_check(p.nchain >= 2 && p.key_base64.len && p.subject[0] && p.not_after.us > now.us);
    pfx_parts_free(&parts);
    pfx_free(&p);
    return 0;
}
