/* SPDX-License-Identifier: Apache-2.0 */
/* bulk: the same work on many nodes, some at a time, a result line a node in the order given.
 * Owner: a command; items belong to a worker while it works on them, then to the main thread. */
#pragma once

#include "cli/operations.h"

enum { BULK_FANOUT_MAX = 64, BULK_FANOUT = 16 };

struct bulk_item {
    const char *target; /* name or id, as paths take it */
    char label[128];    /* as result lines show it */
    struct outcome outcome;
    bool done;
};

struct bulk {
    struct bulk_item *items;
    size_t n;
    unsigned fanout; /* 1..BULK_FANOUT_MAX */
    bool quiet;      /* no result lines */
    /* Called by worker threads with a client of their own. */
    void (*work)(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx);
    const void *ctx;
};

/* Runs all; gives EXIT_OK, EXIT_PARTIAL when some failed, or the one code all failed with (else EXIT_FAILED).
 * cli_connect() must have been called. */
int bulk_run(struct cli *c, const struct bulk *b);
/* The exit code for these outcomes. */
int bulk_exit(const struct bulk_item *items, size_t n);
/* [{"host","ok","exit","text","result"}…], owned. */
json_t *bulk_json(const struct bulk_item *items, size_t n);
