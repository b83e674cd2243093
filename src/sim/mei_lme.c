/* SPDX-License-Identifier: Apache-2.0 */
/* LME: the ports of the firmware for the host itself, by APF over MEI (reference 5.3). */
#include "sim/chans.h"
#include "sim/mei_int.h"
#include "sim/tunnel_int.h"

#include <stdlib.h>

enum { TRIGGER_NONE = 0 };

struct mei_lme {
    struct apf *apf;
    struct chans chans;
};

bool mei_lme_open(struct mei_conn *c) {
    c->lme = calloc(1, sizeof *c->lme);
    if (!c->lme)
        return false;
    c->lme->apf = apf_new(APF_FIRMWARE, &SIM_TUNNEL_LIMITS);
    chans_init(&c->lme->chans, c->node, c->lme->apf, SIM_TUNNEL_LIMITS.queue_bytes, true);
    if (!c->lme->apf)
        mei_lme_close(c);
    return c->lme != NULL;
}

void mei_lme_close(struct mei_conn *c) {
    if (!c->lme)
        return;
    chans_free(&c->lme->chans);
    apf_free(&c->lme->apf);
    free(c->lme);
    c->lme = NULL;
}

/* The host has said its version: ours, the services, and the ports that listen. */
static bool answer_version(struct mei_conn *c) {
    static const uint32_t PLAIN[] = {16992, 623}, TLS[] = {16993, 664};
    struct apf_login l = {.uuid = c->node->cfg.id.uuid,
                          .trigger = TRIGGER_NONE,
                          .ports = node_tls_local(c->node) ? TLS : PLAIN,
                          .nports = 2};
    return apf_login(c->lme->apf, &l) == 0;
}

static bool on_event(struct mei_conn *c, const struct apf_ev *ev) {
    struct chans *cs = &c->lme->chans;
    switch (ev->kind) {
    case APF_EV_VERSION:
        return answer_version(c);
    case APF_EV_OPEN:
        chans_open(cs, ev->chan, ev->port);
        return true;
    case APF_EV_DATA:
        chans_data(cs, ev);
        return true;
    case APF_EV_CLOSED:
        chans_closed(cs, ev->user);
        return true;
    case APF_EV_DISCONNECT:
        return false;
    default:
        return true;
    }
}

bool mei_lme_input(struct mei_conn *c, struct slice msg, struct mono now) {
    struct apf_ev ev;
    int r;
    while ((r = apf_input(c->lme->apf, &msg, now, &ev)) == 1)
        if (!on_event(c, &ev))
            return false;
    if (r < 0)
        mei_lme_flush(c); /* DISCONNECT with the reason */
    return r == 0;
}

void mei_lme_flush(struct mei_conn *c) {
    struct slice out;
    chans_pump(&c->lme->chans);
    while ((out = apf_output(c->lme->apf)).n) {
        mei_say(c, out);
        apf_sent(c->lme->apf, out.n);
    }
}

struct mono mei_lme_deadline(const struct mei_conn *c) {
    return mono_min(apf_deadline(c->lme->apf), chans_deadline(&c->lme->chans));
}

bool mei_lme_tick(struct mei_conn *c, struct mono now) {
    struct apf_ev ev;
    chans_tick(&c->lme->chans, now);
    while (apf_tick(c->lme->apf, now, &ev) == 1)
        if (!on_event(c, &ev))
            return false;
    return true;
}
