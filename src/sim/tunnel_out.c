/* SPDX-License-Identifier: Apache-2.0 */
/* What a tunnel sends, how it ends, and what goes wrong with it on purpose. */
#include "sim/tunnel_int.h"

#include <stdlib.h>

enum { QUEUED_MAX = 1 << 20 /* a server that does not read */ };

/* --- streams that nobody listens to any more --- */

static void nobody_data(struct stream *s, void *ctx, struct slice data) {}
static void nobody_end(struct stream *s, void *ctx, enum stream_end why) {}
static const struct stream_handler NOBODY = {.on_data = nobody_data, .on_end = nobody_end};

void sim_tunnel_let_go(struct sim_tunnel *t, bool clean) {
    stream_handle(t->stream, &NOBODY, NULL);
    if (clean)
        stream_close(t->stream);
    else
        stream_abort(t->stream);
    t->stream = NULL;
}

struct grave {
    struct list_node link;
    struct stream *stream;
    struct sim_node *node;
};
static void grave_end(struct stream *s, void *ctx, enum stream_end why) {
    struct grave *g = ctx;
    list_remove(&g->node->graves, &g->link);
    free(g);
}
static const struct stream_handler GRAVE = {.on_data = nobody_data, .on_end = grave_end};

static void bury(struct sim_tunnel *t) {
    struct grave *g = calloc(1, sizeof *g);
    if (!g) {
        sim_tunnel_let_go(t, false);
        return;
    }
    g->stream = t->stream;
    g->node = t->node;
    list_push(&t->node->graves, &g->link);
    stream_handle(t->stream, &GRAVE, g);
    stream_pause(t->stream);
}

void sim_tunnel_graves_free(struct sim_node *n) {
    LIST_EACH (l, &n->graves) {
        struct grave *g = CONTAINER_OF(l, struct grave, link);
        list_remove(&n->graves, l);
        stream_handle(g->stream, &NOBODY, NULL);
        stream_abort(g->stream);
        free(g);
    }
}

/* --- output --- */

void sim_tunnel_send_bytes(struct sim_tunnel *t, size_t most) {
    struct slice out = apf_output(t->apf);
    size_t n = out.n < most ? out.n : most;
    if (n == 0 || !t->stream || stream_queued(t->stream) > QUEUED_MAX)
        return;
    if (stream_write(t->stream, slice_head(out, n)) < 0)
        return; /* its end is on the way */
    t->node->fleet->counters.bytes_out += n;
    apf_sent(t->apf, n);
}

void sim_tunnel_flush(struct sim_tunnel *t) {
    if (t->state == TUN_ENDED || !t->apf)
        return;
    chans_pump(&t->chans);
    if (!t->stream || t->state == TUN_CONNECTING || sim_tunnel_faulty(t, SIM_FAULT_BLACKHOLE))
        return;
    struct mono now = node_now(t->node);
    if (sim_tunnel_faulty(t, SIM_FAULT_SLOW_DRIP) || sim_tunnel_faulty(t, SIM_FAULT_COALESCE)) {
        bool drip = sim_tunnel_faulty(t, SIM_FAULT_SLOW_DRIP);
        if (apf_output(t->apf).n && mono_is_never(t->out_at))
            t->out_at =
                mono_add_ms(now, t->node->faults.arg[drip ? SIM_FAULT_SLOW_DRIP : SIM_FAULT_COALESCE]);
        if (!mono_due(t->out_at, now))
            return;
        sim_tunnel_send_bytes(t, drip ? 1 : SIZE_MAX);
        t->out_at = MONO_NEVER;
        if (apf_output(t->apf).n)
            sim_tunnel_flush(t);
        return;
    }
    sim_tunnel_send_bytes(t, SIZE_MAX);
}

/* --- ends --- */

void sim_tunnel_drop(struct sim_tunnel *t, enum sim_tunnel_drop how) {
    if (t->state == TUN_ENDED)
        return;
    if (sim_tunnel_faulty(t, SIM_FAULT_BLACKHOLE) && t->state != TUN_CONNECTING)
        how = TUNNEL_SILENT; /* no FIN or RST gets out */
    if (t->stream && how == TUNNEL_SILENT) {
        bury(t);
    } else if (t->stream) {
        if (how == TUNNEL_FIN && t->state != TUN_CONNECTING) {
            apf_disconnect(t->apf, APF_DISC_BY_APPLICATION);
            sim_tunnel_send_bytes(t, SIZE_MAX);
        }
        sim_tunnel_let_go(t, how == TUNNEL_FIN);
    }
    t->stream = NULL;
    sim_tunnel_set_state(t, TUN_ENDED);
}

/* --- faults --- */

void sim_tunnel_faults_changed(struct sim_tunnel *t) {
    if (t->state == TUN_ENDED)
        return;
    struct mono now = node_now(t->node);
    t->storm_at = sim_tunnel_faulty(t, SIM_FAULT_KEEPALIVE_STORM) ? now : MONO_NEVER;
    t->out_at = MONO_NEVER;
    if (!t->stream || t->state == TUN_CONNECTING)
        return;
    if (sim_tunnel_faulty(t, SIM_FAULT_BLACKHOLE))
        stream_pause(t->stream);
    else
        stream_resume(t->stream);
}

void sim_tunnel_send_garbage(struct sim_tunnel *t) {
    static const uint8_t GARBAGE[] = {0xff, 0xfe, 0x00, 0x60, 0x62, 0xfa, 0xde, 0xad};
    if (t->stream && t->state != TUN_CONNECTING)
        (void)stream_write(t->stream, slice_of(GARBAGE, sizeof GARBAGE));
}
