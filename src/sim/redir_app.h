/* SPDX-License-Identifier: Apache-2.0 */
/* redir_app: what runs on a redirection connection after its login: SOL, KVM or IDE-R, each a sans-IO machine
 * of its own behind the same calls. Owner: struct redir_conn; its loop thread. */
#pragma once

#include "proto/redir.h"
#include "sim/node_int.h"

struct redir_app {
    /* NULL when out of memory. */
    void *(*make)(struct sim_node *n, struct mono now);
    void (*free)(void *app);
    /* Takes all of in. 0, or an error: close at once. */
    int (*input)(void *app, struct slice in, struct mono now);
    /* Next bytes to send, made as they are taken; valid until the next call. */
    struct slice (*output)(void *app, struct mono now);
    void (*sent)(void *app, size_t n_bytes);
    struct mono (*deadline)(const void *app);
    int (*tick)(void *app, struct mono now); /* 0, or an error: close at once */
    /* The host's power changed, or (boots) its BIOS begins; or a knob of the node was turned. */
    void (*changed)(void *app, const struct sim_node *n, bool boots, struct mono now);
    /* A sentence: send the output, then close. NULL while it runs. */
    const char *(*ended)(const void *app);
    /* What it asks of the machine, once. NULL: nothing, ever. */
    enum machine_action (*wish)(void *app);
};

const struct redir_app *redir_app_find(enum redir_kind k);
/* The machine behind an IDE-R session's app, for what its host does. */
struct sim_ider *redir_app_ider(void *app);
