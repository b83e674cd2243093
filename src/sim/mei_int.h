/* SPDX-License-Identifier: Apache-2.0 */
/* mei_int: what the mei_*.c files share. Owner and thread: as mei_side.h. */
#pragma once

#include "base/buf.h"
#include "sim/mei_side.h"

enum { MEI_BYTES_MAX = 5120 /* a message; what the driver tells as max_msg_length */ };

struct mei_client;
struct mei_lme;
struct mei_conn {
    struct list_node link;
    struct sim_node *node;
    struct stream *stream;
    const struct mei_client *client; /* NULL until the first message named it */
    struct mei_lme *lme;             /* of the LME client */
    struct buf in, out;
    struct mono out_at; /* the mei-slow fault: when out goes */
    bool closing;       /* once out is sent */
    bool deaf;          /* … at once: the host does not read */
    bool closed;
};
/* Queue a message. */
void mei_say(struct mei_conn *c, struct slice msg);

/* One message of the host's to a client: false when the client is not for that, and the connection ends. */
bool mei_pthi_input(struct mei_conn *c, struct slice msg, struct mono now);
bool mei_wd_input(struct mei_conn *c, struct slice msg, struct mono now);
bool mei_lme_input(struct mei_conn *c, struct slice msg, struct mono now);

/* LME: APF in the firmware's role. False when out of memory. */
bool mei_lme_open(struct mei_conn *c);
void mei_lme_close(struct mei_conn *c);
/* What the ports have to say goes out by mei_say(). */
void mei_lme_flush(struct mei_conn *c);
struct mono mei_lme_deadline(const struct mei_conn *c);
/* False: the connection ends. */
bool mei_lme_tick(struct mei_conn *c, struct mono now);
