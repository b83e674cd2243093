/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: certificates, an echo server and a client that records what happens, over any loop. */
#pragma once

#include "net/loop.h"
#include "net/pki.h"
#include "net/tls.h"
#include "unit.h"

/* A root, a leaf for localhost, 127.0.0.1 and ::1, and the contexts of both sides. */
struct certs {
    struct buf root_key, root, leaf_key, leaf;
    struct tls_ctx *server, *client;
};
void certs_make(struct certs *c);
void certs_free(struct certs *c);

/* One side of a connection. */
struct party {
    struct stream *s;
    struct buf got;
    enum stream_end why;
    char error[400];
    bool opened, ended;
    unsigned drains;
    bool echo;
    size_t close_after; /* close once that many bytes came */
};
extern const struct stream_handler party_handler;

/* A listener whose streams echo; counts what happened. */
struct server {
    struct listener *l;
    struct listen_opts opts;
    struct party parties[64];
    unsigned accepted, admitted, gone;
    bool refuse, no_echo, pause;
    char last_admit[64];
};
/* opts.address and limits are set by the caller. */
void server_open(struct server *v, struct loop *l);
void server_free(struct server *v);

void party_connect(struct party *p, struct loop *l, const struct server *v, struct tls_ctx *tls,
                   const char *name);
void party_free(struct party *p);

/* Run until done(ctx), at most limit_ms of the loop's time; fails the test when it is late. */
void run_until(struct loop *l, bool (*done)(void *ctx), void *ctx, int limit_ms);
bool party_opened(void *p);
bool party_ended(void *p);
/* Run for a while. */
void run_for(struct loop *l, int ms);
