/* SPDX-License-Identifier: Apache-2.0 */
/* The filter and order languages: what is refused names a field and gives no tree; what is taken matches the
 * same host the same way twice, and NOT turns it round.
 * sources: src/core/diagnose.c src/core/explain.c src/core/host.c src/core/host_command.c
 * sources: src/core/host_link.c src/core/host_observe.c src/core/host_operate.c src/core/link.c
 * sources: src/core/operation.c src/core/power.c src/core/reconcile.c src/server/field.c
 * sources: src/server/filter.c
 */
#include "fuzz.h"
#include "server/filter.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice text = slice_of(data, size > 4000 ? 4000 : size);
    struct host_policy policy = HOST_POLICY_DEFAULT;
    struct order_key order[ORDER_MAX];
    struct errinfo ei = {0};
    struct arena a = {0};
    struct filter *f, *not ;
    struct host h;
    host_init(&h, "host-1a2b3c4d", 1);
    memcpy(h.name, "node-7", 7);
    struct host_view v = host_view_of(&h, &policy, (struct host_now){{5}, {1700000000000000}});
    int err = filter_parse(&a, text, &f, &ei);
    fuzz_check(err ? !f && ei.code == err && ei.text[0] : ei.code == 0);
    bool yes = filter_match(f, &v);
    fuzz_check(yes == filter_match(f, &v));
    if (f) {
        char *turned = arena_printf(&a, "NOT (%.*s)", (int)text.n, (const char *)text.p);
        if (turned && !memchr(text.p, 0, text.n) && !filter_parse(&a, slice_str(turned), &not, &ei))
            fuzz_check(filter_match(not, &v) == !yes);
    }
    int n = order_parse(text, order, &ei);
    fuzz_check(n <= ORDER_MAX && (n >= 0 || n == ERR_INVALID));
    arena_free(&a);
    host_fini(&h);
    return 0;
}
