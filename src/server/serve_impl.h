/* SPDX-License-Identifier: Apache-2.0 */
/* serve_impl: what serve.c (start, threads) and serve_run.c (signals, reload, drain) share. */
#pragma once

#include "server/app.h"
#include "server/datadir.h"
#include "server/serve.h"

#include <pthread.h>
#include <stdatomic.h>

/* One loop, its thread, and messages that the main thread sends it. */
struct worker {
    struct server *server;
    struct loop *loop;
    struct shard *shard;
    struct tls_lib *lib;
    struct worker_tls {
        struct tls_ctx *modern; /* CIRA */
        struct tls_ctx *legacy; /* NULL without that listener */
        struct tls_ctx *https;  /* as modern, and asks agents for their certificate */
    } tls, next_tls;            /* of this loop's listeners; to be taken over at the next reload */
    pthread_t thread;
    bool started;
    struct loop_msg ping, order;
    atomic_bool ping_out, order_out; /* on its way */
    atomic_bool http_busy, tunnels_busy;
};

struct server {
    struct serve_opts opts;
    struct settings *settings;
    struct settings **retired; /* earlier settings: helper threads may still read them */
    size_t nretired;
    struct datadir dd;
    struct store *store;
    struct app *app;
    struct worker workers[SHARDS_MAX];
    unsigned nworkers;
    pthread_barrier_t still; /* reload: all loops stand still between its two waits */
};

/* Contexts of a worker's listeners from the present certificate. */
NODISCARD int worker_make_tls(struct worker *w, struct worker_tls *out, struct errinfo *ei);
void worker_free_tls(struct worker_tls *t);
enum pki_key serve_leaf_kind(const struct settings *s);
void serve_setup_log(const struct settings *s);
/* Signals until the end is asked for; returns when everything is drained, with the loops stopped and joined.
 */
void serve_until_end(struct server *sv);
