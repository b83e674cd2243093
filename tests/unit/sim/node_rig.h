/* SPDX-License-Identifier: Apache-2.0 */
/* node_rig: a node against a small server with the real WS-MAN client: in a simulated world, where minutes
 * cost nothing, or on real loopback connections. For tests of nodes. */
#pragma once

#include "orchestrator.h"

struct bench {
    struct sim_world *world; /* NULL: the real loop, node and server on the same one */
    struct loop *loop, *node_loop;
    struct orch orch;
    struct sim_fleet *fleet;
    struct sim_node *node;
    struct loop_timer poll;
    struct mono until;
    bool (*cond)(struct bench *b);
    bool met;
};

enum { SOON = 3000, WHILE_MS = 40 };

void bench_make_on(struct bench *b, bool real, enum sim_profile profile, struct tls_ctx *device_tls);
void bench_make(struct bench *b, enum sim_profile profile, struct tls_ctx *device_tls);
void bench_unmake(struct bench *b);
/* Run until cond holds; false when it does not within ms. */
bool bench_run(struct bench *b, bool (*cond)(struct bench *), int64_t ms);
/* The tunnel is up and its ports are forwarded. */
bool bench_is_up(struct bench *b);
bool bench_has_result(struct bench *b);
/* Run one WS-MAN job; its result is valid until the next. */
const struct wsc_result *bench_job(struct bench *b, enum wsc_job_kind kind, uint8_t arg);
struct tls_ctx *bench_device_tls(void);
