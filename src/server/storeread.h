/* SPDX-License-Identifier: Apache-2.0 */
/* storeread: blocking reads of the store for a request, on a helper thread. Owner: the request's arena. */
#pragma once

#include "server/request.h"

struct store_read {
    struct loop_work work;
    struct request *r;
    /* On the helper thread: must not touch r but what the request holds still. 0, or an error. */
    int (*read)(struct store_read *sr);
    /* On the request's shard: answers r. */
    void (*done)(struct store_read *sr);
    struct store *store;
    int err;
    void *ctx;
};
/* Holds r. When no helper is free, r is answered with 503. */
void store_read_start(struct store_read *sr);
/* Answers r when sr->err says that the read failed. */
bool store_read_failed(struct store_read *sr);
