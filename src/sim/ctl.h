/* SPDX-License-Identifier: Apache-2.0 */
/* ctl: the control socket of amtsim, and its client. One line in, a reply of data lines (each after a tab)
 * and a last line that starts with "ok" or "error". Owner: amtsim's main thread, which runs the loop given.
 */
#pragma once

#include "net/loop.h"
#include "sim/node.h"

/* The nodes of one loop; node i of it has the number first + i * step. */
struct ctl_shard {
    struct loop *loop;
    struct sim_node **nodes;
    size_t n;
    uint32_t first, step;
};

struct ctl;
/* path: of the Unix socket. The shards must outlive it. NULL and ei filled. */
struct ctl *ctl_open(struct loop *l, const char *path, const struct ctl_shard *shards, size_t nshards,
                     struct errinfo *ei);
void ctl_close(struct ctl **c);

/* amtsim ctl PATH WORD…: prints the reply; the exit code. */
int ctl_client(const char *path, char *const *words, int nwords);
