/* SPDX-License-Identifier: Apache-2.0 */
/* orchestrator: a small CIRA server for the tests of simulated nodes: accepts tunnels of one known identity,
 * runs WS-MAN jobs, and lets the test look at what came. Works on any loop; the test drives the loop. */
#pragma once

#include "base/buf.h"
#include "base/rng.h"
#include "net/loop.h"
#include "net/tls.h"
#include "proto/apf.h"
#include "proto/wsclient.h"
#include "sim/node.h"

enum { ORCH_LINKS = 8, ORCH_CHANS = 16 };
struct orch;
struct orch_chan {
    int id; /* 0 = free */
    struct tls *tls;
    /* of a test, not of the WS-MAN client */
    bool raw, opened, closed;
    bool hold;     /* give no credit for what comes */
    size_t held;   /* … bytes of it */
    struct buf in; /* what came, without TLS */
};
struct orch_link {
    struct orch *o;
    struct stream *stream; /* NULL once it ended */
    struct apf *apf;
    struct wsclient *wsc;
    struct orch_chan chans[ORCH_CHANS];
    struct loop_timer timer;
    struct uuid uuid;
    bool ready, ended, failed;
    enum stream_end why;
    unsigned keepalives, forwards, disconnect;
    bool mute;
};
struct orch {
    struct loop *loop;
    struct listener *listener;
    const struct sim_identity *id; /* whose credentials are accepted; NULL: nobody's */
    struct tls_ctx *tls;           /* for the firmware's own TLS */
    struct rng rng;
    struct orch_link links[ORCH_LINKS];
    unsigned nlinks, rejects;
    struct wsc_result result; /* the last one; info is not kept */
    struct amt_info info;
    unsigned nresults;
    uint32_t keepalive_s, keepalive_timeout_s;
};

void orch_open(struct orch *o, struct loop *l, const char *address);
void orch_close(struct orch *o);
const char *orch_address(const struct orch *o);
/* The newest link that is up; NULL when none. */
struct orch_link *orch_up(struct orch *o);
/* Links that are up. */
unsigned orch_up_count(const struct orch *o);
/* Start a job on the newest link; its result comes into o->result. */
void orch_submit(struct orch *o, enum wsc_job_kind kind, uint8_t arg, uint32_t deadline_ms);

/* A channel of the test's own, on the newest link; port 16995: with TLS. Ends with orch_raw_free(). */
struct orch_chan *orch_raw_open(struct orch *o, uint32_t port);
/* ERR_FULL and so on, as apf_send(). */
int orch_raw_send(struct orch *o, struct orch_chan *c, struct slice data);
/* Keep the peer's credit back, or give it. */
void orch_raw_hold(struct orch *o, struct orch_chan *c, bool on);
void orch_raw_free(struct orch *o, struct orch_chan *c);
