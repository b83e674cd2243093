/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: bit 0 the role, bit 7 whether it is the local one of that side, the others the size of the
 * pieces. The rest is what the peer sends. */
#include "fuzz.h"
#include "proto/apf.h"

/* A user that opens, accepts, sends back and closes; what it does depends on the stream alone. */
static void react(struct apf *a, const struct apf_ev *ev, size_t given[8]) {
    if (ev->kind == APF_EV_AUTH)
        (ev->method_none ? apf_auth_again : ev->user_name.n > 5 ? apf_auth_reject : apf_auth_accept)(a);
    if (ev->kind == APF_EV_FORWARD && apf_open(a, ev->port, (struct mono){0}, NULL) == 3)
        apf_close(a, 3);
    if (ev->kind == APF_EV_OPEN &&
        (ev->port & 1 ? apf_refuse(a, ev->chan, 1) : apf_accept(a, ev->chan, a)) < 0)
        abort();
    if (ev->kind == APF_EV_OPENED)
        (void)apf_send(a, ev->chan, slice_of("0123456789", 10));
    if (ev->kind == APF_EV_DATA && ev->chan < 8)
        given[ev->chan] += ev->data.n;
    if ((ev->kind == APF_EV_CLOSED || ev->kind == APF_EV_OPEN) && ev->chan < 8)
        given[ev->chan] = 0;
    if (ev->kind != APF_EV_KEEPALIVE)
        return;
    apf_consumed(a, ev->cookie & 7, given[ev->cookie & 7]);
    given[ev->cookie & 7] = 0;
    if (ev->cookie & 8)
        apf_close(a, ev->cookie & 7);
    struct apf_ev late;
    while (ev->cookie & 16 && apf_tick(a, (struct mono){(int64_t)ev->cookie * 1000}, &late))
        ;
}

static void take_output(struct apf *a) {
    for (size_t n; (n = apf_output(a).n);)
        apf_sent(a, n);
}

static uint64_t run(enum apf_role role, struct slice in, size_t piece) {
    static const uint32_t ports[] = {16992, 623};
    const struct apf_login login = {.user = "admin", .password = "P@ssw0rd", .ports = ports, .nports = 2};
    struct apf *a = apf_new(role, &APF_LIMITS_DEFAULT);
    uint64_t h = 0;
    size_t given[8] = {0};
    int r = role == APF_DEVICE || role == APF_FIRMWARE ? apf_login(a, &login) : 0;
    while (in.n && r >= 0) {
        struct slice part = slice_head(in, piece);
        in = slice_skip(in, part.n);
        for (struct apf_ev ev; (r = apf_input(a, &part, (struct mono){0}, &ev)) == 1;) {
            fuzz_fold(&h, ev.data.p, ev.data.n); /* its pieces may differ */
            if (ev.kind != APF_EV_DATA)
                fuzz_fold_int(&h,
                              (uint64_t)ev.kind << 48 | (uint64_t)ev.port << 16 | ev.chan << 8 | ev.reason);
            react(a, &ev, given);
            take_output(a);
        }
        take_output(a);
    }
    fuzz_fold_int(&h, (uint64_t)r);
    apf_free(&a);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    static const enum apf_role roles[] = {APF_SERVER, APF_DEVICE, APF_HOST, APF_FIRMWARE};
    enum apf_role role = roles[(data[0] & 1) | (data[0] >> 7) << 1];
    fuzz_check(run(role, in, in.n) == run(role, in, (data[0] >> 1 & 63) + 1u));
    return 0;
}
