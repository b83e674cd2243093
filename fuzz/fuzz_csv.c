/* SPDX-License-Identifier: Apache-2.0 */
/* A file of hosts. What is taken keeps the rules; what is refused leaves nothing and says why.
 *
 * sources: src/server/csvimport.c src/core/power.c
 */
#include "fuzz.h"
#include "server/csvimport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct csv_hosts h;
    struct errinfo ei = {0};
    unsigned line;
    int err = csvimport_parse(slice_of(data, size), size, &h, &ei, &line);
    if (err) {
        fuzz_check(!h.rows && h.n == 0 && ei.code == err && ei.text[0]);
        return 0;
    }
    fuzz_check(h.n > 0 && h.n <= CSV_ROWS_MAX && line == 0);
    for (size_t i = 0; i < h.n; i++) {
        fuzz_check(h.rows[i].name[0] && h.rows[i].cira_user[0] && strlen(h.rows[i].cira_password) >= 8);
        fuzz_check(!strchr("=+-@", h.rows[i].name[0]) && (i == 0 || h.lines[i] > h.lines[i - 1]));
        fuzz_check(h.rows[i].project[0] == 0 && h.rows[i].actor[0] == 0);
    }
    csvimport_free(&h);
    return 0;
}
