/* SPDX-License-Identifier: Apache-2.0 */
/* apf_pair: a server and a device in memory, for the tests of apf. Bytes travel in pieces of random size; the
 * test sees each event. */
#pragma once

#include "base/rng.h"
#include "proto/apf.h"
#include "unit.h"

#include <stdlib.h>

struct pair {
    struct apf *side[2]; /* by enum apf_role */
    struct rng rng;
    size_t piece_max; /* 0: whole */
    struct mono now;
    int err[2];
    size_t moved[2]; /* bytes that went to that side */
    /* called for each event; may call apf_* of that side */
    void (*on_event)(struct pair *p, enum apf_role at, const struct apf_ev *ev);
    void *ctx;
};

static inline struct pair pair_of(const struct apf_limits *server, const struct apf_limits *device,
                                  uint64_t seed) {
    struct pair p = {.rng = {seed}};
    p.side[APF_SERVER] = apf_new(APF_SERVER, server);
    p.side[APF_DEVICE] = apf_new(APF_DEVICE, device);
    assert_non_null(p.side[0]);
    assert_non_null(p.side[1]);
    return p;
}

static inline void pair_free(struct pair *p) {
    apf_free(&p->side[0]);
    apf_free(&p->side[1]);
}

/* Give one piece of what `from` wants to send to the other side; false when there is none. */
static inline bool pair_step(struct pair *p, enum apf_role from) {
    enum apf_role to = from == APF_SERVER ? APF_DEVICE : APF_SERVER;
    uint8_t copy[70000];
    struct slice out = apf_output(p->side[from]);
    if (out.n > sizeof copy)
        out.n = sizeof copy;
    if (p->piece_max && out.n > 1)
        out.n = (size_t)rng_range(&p->rng, 1, (int64_t)(out.n < p->piece_max ? out.n : p->piece_max));
    if (out.n == 0)
        return false;
    memcpy(copy, out.p, out.n);
    apf_sent(p->side[from], out.n);
    p->moved[to] += out.n;
    struct slice in = slice_of(copy, out.n);
    struct apf_ev ev;
    int r;
    while ((r = apf_input(p->side[to], &in, p->now, &ev)) == 1)
        if (p->on_event)
            p->on_event(p, to, &ev);
    if (r == 0)
        assert_int_equal(in.n, 0);
    p->err[to] = r;
    return true;
}

/* Until both are silent. */
static inline void pair_run(struct pair *p) {
    for (bool more = true; more;) {
        more = false;
        enum apf_role first = (enum apf_role)rng_range(&p->rng, 0, 1);
        more |= pair_step(p, first);
        more |= pair_step(p, first == APF_SERVER ? APF_DEVICE : APF_SERVER);
        struct apf_ev ev;
        for (int at = 0; at < 2; at++)
            while (mono_due(apf_deadline(p->side[at]), p->now) && apf_tick(p->side[at], p->now, &ev)) {
                more = true;
                if (p->on_event)
                    p->on_event(p, (enum apf_role)at, &ev);
            }
    }
}

static const uint32_t PAIR_PORTS[] = {16993, 16992, 664, 623, 16995, 16994, 5900};
static const struct apf_login PAIR_LOGIN = {
    .uuid = {{0x55, 0xe3, 0xae, 0x13, 0xbf, 0xd2, 0x61, 0xbb, 0x17, 0xa0, 0x88, 0xae, 0xdd, 0x70, 0x37,
              0xea}},
    .trigger = 4,
    .user = "admin",
    .password = "P@ssw0rd",
    .ports = PAIR_PORTS,
    .nports = 7,
};

/* The server's part of a login for tests that are about something else. */
static inline void pair_accept_login(struct pair *p, enum apf_role at, const struct apf_ev *ev) {
    if (at == APF_SERVER && ev->kind == APF_EV_AUTH)
        apf_auth_accept(p->side[at]);
}

/* Up and running, with forwards. Leaves on_event at its value. */
static inline void pair_login(struct pair *p) {
    void (*keep)(struct pair *, enum apf_role, const struct apf_ev *) = p->on_event;
    p->on_event = pair_accept_login;
    assert_int_equal(apf_login(p->side[APF_DEVICE], &PAIR_LOGIN), 0);
    pair_run(p);
    assert_int_equal(apf_forward_list(p->side[APF_SERVER], NULL, 0), 7);
    p->on_event = keep;
}
