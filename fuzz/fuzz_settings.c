/* SPDX-License-Identifier: Apache-2.0 */
/* An INI file. What is taken prints and reads back as the same; what is refused changes nothing.
 *
 * sources: src/server/settings.c src/server/settings_table.c src/net/address.c
 * packages: inih
 */
#include "fuzz.h"
#include "server/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct settings s, before, again;
    struct errinfo ei = {0};
    settings_defaults(&s);
    before = again = s;
    int err = settings_read_ini(&s, "fuzz", slice_of(data, size), &ei);
    fuzz_check(err ? ei.code == err && ei.text[0] && memcmp(&s, &before, sizeof s) == 0 : ei.code == 0);
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        struct buf v = {0}, w = {0};
        settings_put_value(&s, k, &v);
        fuzz_check(settings_set(&again, settings_name(k), buf_cstr(&v), ORIGIN_FLAG, &ei) == 0);
        settings_put_value(&again, k, &w);
        fuzz_check(slice_eq(buf_slice(&v), buf_slice(&w)));
        buf_free(&v);
        buf_free(&w);
    }
    return 0;
}
