/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: which jobs, from 0xe0 one of set-up; second: the size of the pieces. Then what the device says,
 * cut at NULs: to each part belongs one turn; an empty one closes the channel. Every job must get exactly one
 * result. */
#include "fuzz.h"
#include "proto/wsclient.h"

struct world {
    int opened, asked; /* the channels of the last open and of the last request */
};

static int on_open(void *ctx) {
    return ++((struct world *)ctx)->opened;
}
static int on_send(void *ctx, int chan, struct slice data) {
    ((struct world *)ctx)->asked = chan;
    return data.n ? 0 : ERR_INTERNAL;
}
static void on_close(void *ctx, int chan) {
    fuzz_check(chan > 0 && chan <= ((struct world *)ctx)->opened);
}
static void on_random(void *ctx, uint8_t *out, size_t n) {
    memset(out, 7, n);
}

/* A job for each value of what is left of the first byte. */
static const struct {
    enum wsc_job_kind kind;
    uint32_t arg;
} JOBS[] = {{WSC_OPTIN_READ, 0},   {WSC_INFO_READ, 0},     {WSC_POWER_CHANGE, 8}, {WSC_POWER_READ, 0},
            {WSC_KVM_TIMEOUT, 32}, {WSC_POWER_CHANGE, 2},  {WSC_OPTIN_START, 0},  {WSC_OPTIN_SEND, 12345},
            {WSC_OPTIN_CANCEL, 0}, {WSC_POWER_CHANGE, 10}, {WSC_OPTIN_READ, 0},   {WSC_KVM_TIMEOUT, 3}};
enum { NJOBS = sizeof JOBS / sizeof *JOBS };

enum { SETUP = 0xe0, PORT_AND_FORMAT = 4433 | 201 << 16 };
static const struct wsc_args ARGS = {.user = "admin",
                                     .password = "N3w<P@ss>",
                                     .certificate = "AAECAwQ=",
                                     .leaf = "BQYHCAk=",
                                     .nonce = "bm9uY2U=",
                                     .signature = "c2ln",
                                     .address = "mps.example",
                                     .common_name = "mps.example",
                                     .host_name = "node1.new",
                                     .domain = "outside.example"};

static int results(struct wsclient *c) {
    struct wsc_result r;
    int n = 0;
    for (; wsc_next_result(c, &r); n++) {
        fuzz_check((r.err == 0) == (r.why[0] == 0) && (r.err || r.kind != WSC_INFO_READ || r.info));
        fuzz_check(r.err || r.kind != WSC_SETUP_READ || r.setup);
        fuzz_check(r.err || r.kind != WSC_CIRA_READ || r.cira);
        fuzz_check(r.err || r.kind < WSC_SETUP_READ || r.return_value >= 0);
        fuzz_check(r.err || r.return_value || r.kind != WSC_TLS_KEY || r.text);
    }
    return n;
}

static int submit(struct wsclient *c, uint8_t byte, struct mono now) {
    int jobs = 0;
    if (byte >= SETUP) {
        enum wsc_job_kind kind = WSC_SETUP_READ + (byte - SETUP) % (WSC_JOB_COUNT - WSC_SETUP_READ);
        return wsc_submit_with(c, kind, PORT_AND_FORMAT, &ARGS, WSC_NORMAL, 0, now, NULL) > 0;
    }
    for (unsigned bits = byte; bits; bits >>= 3)
        jobs += wsc_submit(c, JOBS[bits % NJOBS].kind, JOBS[bits % NJOBS].arg, bits % 3, 0, now, NULL) > 0;
    return jobs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world w = {0};
    const struct wsc_io io = {&w, on_open, on_send, on_close, on_random};
    struct slice in = slice_skip(slice_of(data, size), 2);
    struct mono now = {1000000};
    if (size < 2)
        return 0;
    struct wsclient *c = wsc_new(&WSC_LIMITS_DEFAULT, &io, "admin", "P@ssw0rd");
    int jobs = submit(c, data[0], now), done = 0;
    for (int turn = 0; in.n; turn++) {
        struct slice part = slice_cut(&in, 0);
        now = mono_add_ms(now, 300); /* the token bucket lets one more out */
        wsc_opened(c, w.opened, now);
        if (part.n == 0)
            wsc_closed(c, w.asked, ERR_CLOSED, now);
        for (; part.n; part = slice_skip(part, data[1] + 1u))
            wsc_data(c, w.asked, slice_head(part, data[1] + 1u), now);
        wsc_tick(c, now);
        done += results(c);
    }
    for (int i = 0; !mono_is_never(wsc_deadline(c)); i++) {
        fuzz_check(i < 10000);
        now = mono_max(now, wsc_deadline(c));
        wsc_tick(c, now);
        done += results(c);
    }
    fuzz_check(done == jobs && wsc_queue_length(c) == 0);
    wsc_free(&c);
    return 0;
}
