/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of the kernel's DMI tree may hold.
 *
 * sources: src/rpc/dmi.c
 */
#include "base/text.h"
#include "fuzz.h"
#include "rpc/dmi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char out[DMI_TEXT_CAP], again[DMI_TEXT_CAP];
    struct slice in = slice_of(data, size);
    bool placeholder;
    dmi_text(in, out);
    fuzz_check(strlen(out) < DMI_TEXT_CAP && text_is_utf8(slice_str(out)));
    for (const char *c = out; *c; c++)
        fuzz_check((unsigned char)*c >= ' ');
    text_clean(again, sizeof again, slice_str(out));
    fuzz_check(strcmp(out, again) == 0);
    struct uuid u = dmi_uuid(in, &placeholder);
    fuzz_check(!placeholder || uuid_is_nil(u));
    return 0;
}
