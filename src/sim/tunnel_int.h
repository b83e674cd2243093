/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_int: what tunnel_side.c (events) and tunnel_out.c (output, ends) share. Owner and thread: as
 * tunnel_side.h. */
#pragma once

#include "proto/apf.h"
#include "sim/chans.h"
#include "sim/tunnel_side.h"

enum sim_tunnel_state { TUN_CONNECTING, TUN_LOGIN, TUN_READY, TUN_ENDED };

struct sim_tunnel {
    struct sim_node *node;
    struct stream *stream; /* NULL once it ended or was dropped */
    struct apf *apf;
    struct chans chans;
    enum sim_tunnel_state state;
    bool rejected;
    uint8_t unanswered;
    uint32_t interval_s, timeout_s, cookie;
    struct mono connect_until; /* until READY */
    struct mono keepalive_at, reply_by;
    struct mono out_at; /* slow-drip, coalesce: next output */
    struct mono storm_at;
};

extern const struct apf_limits SIM_TUNNEL_LIMITS;

static inline bool sim_tunnel_faulty(const struct sim_tunnel *t, enum sim_fault f) {
    return sim_fault_on(&t->node->faults, f);
}
void sim_tunnel_set_state(struct sim_tunnel *t, enum sim_tunnel_state s);
/* At most so many bytes of what APF has to say. */
void sim_tunnel_send_bytes(struct sim_tunnel *t, size_t most);
/* Leave the stream to itself: closed cleanly, or reset. */
void sim_tunnel_let_go(struct sim_tunnel *t, bool clean);
