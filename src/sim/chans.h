/* SPDX-License-Identifier: Apache-2.0 */
/* chans: the APF channels of one tunnel, or of one local connection (LME), each with what the firmware has at
 * its port. Owner: the tunnel or connection, whose apf it borrows; its loop thread. */
#pragma once

#include "proto/apf.h"
#include "sim/port_side.h"

struct chans {
    struct sim_node *node;
    struct apf *apf;
    struct list list;
    bool local;           /* from the host itself: other ports, other users */
    uint32_t queue_bytes; /* of the apf's limits */
};
void chans_init(struct chans *cs, struct sim_node *n, struct apf *apf, uint32_t queue_bytes, bool local);
/* The peer offers channel id to port: accepted, or refused. */
void chans_open(struct chans *cs, uint32_t id, uint32_t port);
/* APF_EV_DATA, APF_EV_CLOSED: user is the channel's. */
void chans_data(struct chans *cs, const struct apf_ev *ev);
void chans_closed(struct chans *cs, void *user);
/* From the ports into the channels, as far as those take it. */
void chans_pump(struct chans *cs);
struct mono chans_deadline(const struct chans *cs);
void chans_tick(struct chans *cs, struct mono now);
void chans_free(struct chans *cs);
