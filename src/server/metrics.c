/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

const struct metric_row metric_rows[METRIC_COUNT] = {
#define M(sym, name, type, help) [METRIC_##sym] = {name, type, help},
    METRIC_TABLE(M)
#undef M
};

int64_t metric_read(const struct metrics *m, enum metric k) {
    return atomic_load_explicit(&m->v[k], memory_order_relaxed);
}

void metrics_print(struct buf *out, const struct metrics *const *parts, size_t nparts) {
    for (size_t k = 0; k < METRIC_COUNT; k++) {
        int64_t sum = 0;
        for (size_t i = 0; i < nparts; i++)
            sum += metric_read(parts[i], (enum metric)k);
        const struct metric_row *r = &metric_rows[k];
        buf_putf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", r->name, r->help, r->name, r->type, r->name,
                 (long long)sum);
    }
}

void metrics_print_docs(struct buf *out) {
    buf_puts(
        out,
        "# Metrics\n\nPrinted from the program's own table by `outbandd print-docs metrics`; do not edit.\n"
        "`GET /metrics` gives them in Prometheus' text format.\n\n");
    buf_puts(out, "| metric | type | meaning |\n|---|---|---|\n");
    for (size_t k = 0; k < METRIC_COUNT; k++)
        buf_putf(out, "| `%s` | %s | %s |\n", metric_rows[k].name, metric_rows[k].type, metric_rows[k].help);
}
