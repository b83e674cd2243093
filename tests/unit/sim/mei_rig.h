/* SPDX-License-Identifier: Apache-2.0 */
/* mei_rig: a program at a simulated node: connections to its host interface (MEI), PTHI questions, and WS-MAN
 * by LME. In the simulated world of node_rig. Owner: one test. */
#pragma once

#include "node_rig.h"
#include "proto/pthi.h"
#include "sim/firmware.h"

struct mei {
    struct bench *bench;
    struct stream *stream;
    struct buf in;
    uint32_t greeting_n; /* of the first answer */
    bool ended, gone;    /* the node closed it; it was reset */
    /* of LME */
    struct apf *apf;
    int chan;
    bool opened, refused, closed;
    struct buf http;      /* what came in the channel */
    struct wsclient *wsc; /* of mei_job() */
};

/* Node 1 of b gets a host interface. */
void mei_rig_listen(struct bench *b);
/* Connect to a client by its GUID and wait for the answer: its length, or -1 when the connection ended. */
int mei_connect(struct mei *m, struct bench *b, const char *guid);
void mei_disconnect(struct mei *m);
void mei_put(struct mei *m, struct slice msg);
/* The next message into out; its length, or -1: none within ms. */
int mei_take(struct mei *m, uint8_t *out, size_t cap, int64_t ms);
/* Ask by PTHI: the status, or -1 without an answer; data (may be NULL) gets what follows the status. */
int64_t mei_ask(struct mei *m, enum pthi_cmd cmd, struct slice request, struct buf *data);
int64_t mei_ask_u32(struct mei *m, enum pthi_cmd cmd);

/* LME: the ports are forwarded; then a channel. False when refused. */
void mei_lme_start(struct mei *m);
bool mei_lme_open_port(struct mei *m, uint32_t port);
/* Does the handshake come to its end in the open channel? */
bool mei_lme_tls(struct mei *m, struct tls *tls);
/* A WS-MAN request by a channel of its own as that user (NULL: nobody): the HTTP status, 0: closed without
 * one, -1: no answer; the body into out (may be NULL). */
int mei_wsman(struct mei *m, const char *user, const char *password, const struct wsman_request *rq,
              struct buf *out);
/* A job of the WS-MAN client as that user: its result, without what the client keeps. */
struct wsc_result mei_job(struct mei *m, const char *user, const char *password, enum wsc_job_kind kind,
                          uint32_t arg, const struct wsc_args *args);
