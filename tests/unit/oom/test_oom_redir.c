/* SPDX-License-Identifier: Apache-2.0 */
/* The redirection port's client against the dummy device, both with failing allocations: whoever runs out of
 * memory says so and stays so. */
#include "oom/failmalloc.h"

#include "proto/redir_front.h"
#include "proto/redir_wire.h"
#include "unit.h"

#define REPLY11 SLICE_LIT("\x11\0\0\0\1\0\x0f\0\x57\1\0\0\0")
#define SOL_OK  SLICE_LIT("\x21\0\0\0\0\0\0\0\x10\x27\x64\0\0\0\x10\x27\x64\0\0\0\0\0\0")
#define LOGIN   SLICE_LIT("\x2a\0\0\0\0\0\0\0\7\0login: \x24\0\0\0\0\0\0\0")

struct world {
    struct redir *r;
    struct redir_front *f;
    size_t heard; /* of the host, by the client */
    struct slice at_device;
    uint8_t device[256]; /* what passed the dummy's login */
};

static int to_device(struct world *w) {
    struct slice in = redir_output(w->r), data;
    size_t n = in.n;
    int r;
    while ((r = redir_front_input(w->f, &in, &data)) == 1) {
        assert_true(w->at_device.n + data.n <= sizeof w->device);
        memcpy(w->device + w->at_device.n, data.p, data.n);
        w->at_device = slice_of(w->device, w->at_device.n + data.n);
    }
    redir_sent(w->r, n);
    if (r == 0 && redir_front_state(w->f) == REDIR_FRONT_HELD)
        r = redir_front_started(w->f, REPLY11);
    return r;
}

static int to_client(struct world *w, struct slice in) {
    struct redir_ev ev;
    int r;
    while ((r = redir_input(w->r, &in, (struct mono){0}, &ev)) == 1)
        w->heard += ev.kind == REDIR_EV_DATA ? ev.data.n : 0;
    return r;
}

static int talk(struct world *w) {
    int r = 0;
    for (int i = 0; i < 5 && r == 0; i++) {
        r = to_device(w);
        if (r == 0)
            r = to_client(w, redir_front_output(w->f));
        redir_front_sent(w->f, redir_front_output(w->f).n);
    }
    if (r == 0)
        r = to_client(w, SOL_OK);
    if (r == 0)
        r = to_client(w, LOGIN);
    if (r == 0)
        r = redir_send(w->r, SLICE_LIT("root\r"), (struct mono){0});
    if (r == 0)
        r = redir_tick(w->r, (struct mono){10000000});
    if (r == 0)
        redir_end(w->r);
    return r == 0 && redir_failure(w->r) == REDIR_FAIL_NONE ? to_device(w) : r ? r : ERR_NOMEM;
}

static int scenario(void *ctx) {
    const struct redir_limits lim = REDIR_LIMITS_DEFAULT;
    const struct redir_config cfg = {.kind = REDIR_SOL, .user = "admin", .password = "P@ssw0rd"};
    struct world w = {.r = redir_new(&cfg, &lim, (struct mono){0}),
                      .f = redir_front_new(REDIR_SOL, (const uint8_t *)"0123456789abcdef0123456789abcde")};
    int r = w.r && w.f ? talk(&w) : ERR_NOMEM;
    failmalloc_pause();
    if (r == 0) { /* 0x20, 0x27, 0x24, 0x2b, 0x28, 0x2b, 0x22, 0x12 */
        assert_int_equal(w.heard, 7);
        assert_int_equal(w.at_device.n, 24 + 14 + 8 + 8 + 15 + 8 + 8 + 4);
    } else if (w.r && redir_failure(w.r) != REDIR_FAIL_NONE) {
        assert_int_equal(redir_failure(w.r), REDIR_FAIL_NOMEM);
        assert_int_equal(to_client(&w, LOGIN), ERR_NOMEM);
        assert_int_equal(redir_send(w.r, SLICE_LIT("x"), (struct mono){0}), ERR_NOMEM);
    } else if (w.r && w.f) {
        assert_string_equal(redir_front_error(w.f), "out of memory");
    }
    failmalloc_resume();
    redir_free(&w.r);
    redir_front_free(&w.f);
    return r;
}

static void a_session(void **s) {
    failmalloc_each(scenario, NULL);
}

/* What comes before the server has logged in is kept. */
static int early(void *ctx) {
    struct redir_front *f = redir_front_new(REDIR_KVM, (const uint8_t *)"0123456789abcdef0123456789abcde");
    struct slice in = SLICE_LIT("\x10\1\0\0KVMR\x13\0\0\0\1\2\0\0\0\0\0data"), data;
    int r = f ? redir_front_input(f, &in, &data) : ERR_NOMEM;
    if (r == 0)
        r = redir_front_started(f, REPLY11);
    if (r == 0) {
        assert_int_equal(redir_front_input(f, &in, &data), 1);
        assert_true(slice_is(data, "data"));
        assert_int_equal(redir_front_output(f).n, 13 + 9);
    }
    redir_front_free(&f);
    return r;
}

static void an_early_client(void **s) {
    failmalloc_each(early, NULL);
}

UNIT_MAIN(T(a_session), T(an_early_client))
