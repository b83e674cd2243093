/* SPDX-License-Identifier: Apache-2.0 */
/* serve: `outbandd serve`: threads, listeners, signals, from start to a drained end. The main thread; loops
 * run on threads of their own. */
#pragma once

#include "server/settings.h"

struct serve_opts {
    struct settings *settings; /* owned by serve from then */
    /* Read the sources again: SIGHUP. NULL and ei filled when they do not fit. */
    struct settings *(*reload)(void *ctx, struct errinfo *ei);
    void *ctx;
};
/* Runs until SIGTERM or SIGINT. 0, or ei filled when it could not start. */
NODISCARD int serve_run(const struct serve_opts *o, struct errinfo *ei);
