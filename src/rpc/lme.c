/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/lme.h"

#include "base/buf.h"
#include "http/now.h"
#include "proto/apf.h"
#include "proto/pthi.h"
#include "rpc/mei.h"

#include <stdlib.h>

enum chan_state { CHAN_NONE, CHAN_OPENING, CHAN_OPEN, CHAN_REFUSED, CHAN_CLOSED };

struct lme {
    struct mei *mei;
    struct apf *apf;
    uint32_t chan;
    enum chan_state chan_state;
    struct buf in; /* data of the channel that were not read yet */
};

int lme_fd(const struct lme *l) {
    return mei_fd(l->mei);
}

bool lme_pending(const struct lme *l) {
    return l->in.len || l->chan_state != CHAN_OPEN;
}

static int over(struct errinfo *ei, const char *why) {
    err_set(ei, ERR_CLOSED, "mei", "the local session with the firmware is over: %s", why);
    err_remedy(ei, "Try again in a few seconds.");
    return ERR_CLOSED;
}

static int flush(struct lme *l, struct mono deadline, struct errinfo *ei) {
    struct slice out;
    while ((out = apf_output(l->apf)).n) {
        int rc = mei_send(l->mei, out, deadline, ei);
        if (rc < 0)
            return rc;
        apf_sent(l->apf, out.n);
    }
    return 0;
}

/* What an event means for the one channel that there is. */
static int take(struct lme *l, const struct apf_ev *ev, struct errinfo *ei) {
    if (ev->kind == APF_EV_DISCONNECT)
        return over(ei, "the firmware disconnected");
    if (ev->chan != l->chan || l->chan_state == CHAN_NONE)
        return 0;
    if (ev->kind == APF_EV_OPENED)
        l->chan_state = CHAN_OPEN;
    if (ev->kind == APF_EV_OPEN_FAILED)
        l->chan_state = CHAN_REFUSED;
    if (ev->kind == APF_EV_CLOSED)
        l->chan_state = CHAN_CLOSED;
    if (ev->kind != APF_EV_DATA)
        return 0;
    if (buf_put(&l->in, ev->data) < 0)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    /* each block gives its credit back at once: the reader waits for it in any case */
    apf_consumed(l->apf, ev->chan, ev->data.n);
    return 0;
}

/* Send what there is, then read one message and work it off. ERR_TIMEOUT when none came. */
static int step(struct lme *l, struct mono deadline, struct errinfo *ei) {
    struct slice msg;
    int rc = flush(l, mono_add_ms(now_mono(), MEI_ANSWER_MS), ei);
    if (rc == 0)
        rc = mei_receive(l->mei, &msg, deadline, ei);
    if (rc < 0)
        return rc;
    struct apf_ev ev;
    while ((rc = apf_input(l->apf, &msg, now_mono(), &ev)) == 1)
        if ((rc = take(l, &ev, ei)) < 0)
            return rc;
    if (rc < 0)
        return err_set(ei, ERR_PROTO, "mei", "the firmware broke its protocol: %s", apf_error(l->apf));
    return flush(l, mono_add_ms(now_mono(), MEI_ANSWER_MS), ei);
}

int lme_open(struct lme **out, const char *where, uint16_t port, struct errinfo *ei) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.window_bytes = LME_WINDOW_BYTES;
    struct lme *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l || !(l->apf = apf_new(APF_HOST, &lim))) {
        free(l);
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    int rc = mei_open(&l->mei, where, MEI_GUID_LME, MEI_BUSY_TRIES, ei);
    if (rc == 0 && mei_message_max(l->mei) < APF_MESSAGE_MIN)
        rc = err_set(ei, ERR_PROTO, "mei", "the firmware takes messages of %zu bytes only",
                     mei_message_max(l->mei));
    if (rc == 0)
        apf_message_max(l->apf, (uint32_t)mei_message_max(l->mei));
    struct mono deadline = mono_add_ms(now_mono(), LME_OPEN_MS);
    while (rc == 0 && !apf_forwards(l->apf, port))
        rc = step(l, deadline, ei);
    if (rc == ERR_TIMEOUT && apf_forward_list(l->apf, NULL, 0)) {
        rc = err_set(ei, ERR_NOT_FOUND, "mei", "the firmware offers no local port %u", port);
        err_remedy(ei, "Is AMT enabled in the firmware? See: rpc amtinfo");
    }
    if (rc < 0)
        lme_close(&l);
    *out = l;
    return rc;
}

void lme_channel_close(struct lme *l) {
    if (l->chan_state == CHAN_OPEN || l->chan_state == CHAN_OPENING) {
        apf_close(l->apf, l->chan);
        (void)flush(l, mono_add_ms(now_mono(), MEI_ANSWER_MS), NULL);
    }
    l->chan_state = CHAN_NONE;
    buf_wipe(&l->in);
}

void lme_close(struct lme **lp) {
    struct lme *l = *lp;
    if (!l)
        return;
    if (l->mei)
        lme_channel_close(l);
    apf_free(&l->apf);
    mei_close(&l->mei);
    buf_wipe(&l->in);
    free(l);
    *lp = NULL;
}

int lme_channel_open(struct lme *l, uint16_t port, struct errinfo *ei) {
    lme_channel_close(l);
    int chan = apf_open(l->apf, port, now_mono(), NULL);
    if (chan < 0)
        return chan == ERR_NOT_FOUND
                   ? err_set(ei, ERR_REFUSED, "mei", "the firmware does not forward its port %u", port)
                   : over(ei, err_text(chan));
    l->chan = (uint32_t)chan;
    l->chan_state = CHAN_OPENING;
    struct mono deadline = mono_add_ms(now_mono(), LME_OPEN_MS);
    int rc = 0;
    while (rc == 0 && l->chan_state == CHAN_OPENING)
        rc = step(l, deadline, ei);
    if (rc == 0 && l->chan_state == CHAN_REFUSED)
        rc = err_set(ei, ERR_REFUSED, "mei", "the firmware refused a connection to its port %u", port);
    if (rc < 0)
        lme_channel_close(l);
    return rc;
}

int lme_write(struct lme *l, struct slice s, struct mono deadline, struct errinfo *ei) {
    int rc = 0;
    while (rc == 0 && s.n) {
        size_t room = apf_room(l->apf, l->chan);
        if (l->chan_state != CHAN_OPEN)
            return err_set(ei, ERR_CLOSED, "mei", "the firmware closed the local connection");
        struct slice piece = slice_head(s, room);
        if (piece.n && (rc = apf_send(l->apf, l->chan, piece)) < 0)
            return over(ei, err_text(rc));
        s = slice_skip(s, piece.n);
        rc = piece.n ? flush(l, deadline, ei) : step(l, deadline, ei);
    }
    return rc;
}

int lme_read(struct lme *l, uint8_t *into, size_t cap, struct mono deadline, struct errinfo *ei) {
    while (l->in.len == 0) {
        if (l->chan_state != CHAN_OPEN)
            return 0;
        int rc = step(l, deadline, ei);
        if (rc < 0)
            return rc;
    }
    struct slice got = slice_head(buf_slice(&l->in), cap);
    memcpy(into, got.p, got.n);
    buf_consume(&l->in, got.n);
    return (int)got.n;
}
