/* SPDX-License-Identifier: Apache-2.0 */
/* An export of a public MPS, as CSV and as JSON of its Vault. What was gathered is judged, and what comes
 * over is one line each of the server's CSV.
 *
 * sources: src/cli/import.c src/cli/jget.c
 * packages: jansson
 */
#include "cli/import.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct import_list l = {0};
    struct errinfo ei = {0};
    struct buf csv = {0};
    json_t *v = json_loadb((const char *)data, size, 0, NULL);
    int err = v ? import_vault(&l, v, &ei) : import_csv(&l, slice_of(data, size), &ei);
    json_decref(v);
    fuzz_check(err >= 0 || ei.text[0]);
    import_judge(&l);
    fuzz_check(import_put_csv(&l, &csv) == 0);
    size_t lines = 0, over = 1;
    for (size_t i = 0; i < csv.len; i++)
        lines += buf_slice(&csv).p[i] == '\n';
    for (size_t i = 0; i < l.n; i++)
        over += l.v[i].verdict <= IMPORT_NO_AMT;
    fuzz_check(lines == over);
    buf_free(&csv);
    import_free(&l);
    return 0;
}
