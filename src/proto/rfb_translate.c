/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rfb_translate_int.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int rfb_fail(struct rfb_translate *t, enum rfb_side culprit, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->error, sizeof t->error, fmt, ap);
    va_end(ap);
    t->culprit = culprit;
    t->err = err;
    return err;
}

int rfb_put(struct rfb_translate *t, enum rfb_side to, const void *bytes, size_t n) {
    if (buf_put(&t->peer[to].out, slice_of(bytes, n)) < 0)
        return rfb_fail(t, to, ERR_NOMEM, "out of memory");
    return 0;
}

void rfb_expect(struct rfb_translate *t, enum rfb_side from, size_t n, rfb_step *step) {
    struct rfb_peer *p = &t->peer[from];
    assert(!step || (n > 0 && n <= sizeof p->msg));
    p->step = step;
    p->need = (uint16_t)n;
    p->have = 0;
}

size_t rfb_room(const struct rfb_translate *t, enum rfb_side to) {
    size_t used = t->peer[to].out.len;
    return used < t->lim.queue_bytes ? t->lim.queue_bytes - used : 0;
}

struct rfb_translate *rfb_translate_new(const struct rfb_translate_limits *lim) {
    assert(lim->queue_bytes >= 2 * RFB_ROOM_MIN && lim->queue_bytes <= 49152);
    struct rfb_translate *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->lim = *lim;
    rfb_expect(t, RFB_VIEWER, RFB_BANNER_BYTES, rfb_viewer_banner);
    rfb_expect(t, RFB_DEVICE, RFB_BANNER_BYTES, rfb_device_banner);
    if (rfb_put(t, RFB_VIEWER, "RFB 003.008\n", RFB_BANNER_BYTES) < 0)
        rfb_translate_free(&t);
    return t;
}

void rfb_translate_free(struct rfb_translate **t) {
    if (!*t)
        return;
    for (int i = 0; i < RFB_SIDES; i++)
        buf_free(&(*t)->peer[i].out);
    free(*t);
    *t = NULL;
}

/* Gather a fixed part; a step when it is whole. */
static int take_part(struct rfb_translate *t, struct rfb_peer *p, struct slice *in) {
    struct slice piece = slice_head(*in, (size_t)(p->need - p->have));
    memcpy(p->msg + p->have, piece.p, piece.n);
    p->have = (uint16_t)(p->have + piece.n);
    *in = slice_skip(*in, piece.n);
    if (p->have < p->need)
        return 0;
    struct rd r = rd_of(slice_of(p->msg, p->need));
    p->have = 0;
    return p->step(t, &r);
}

/* May bytes of this side be taken now? A viewer leaves half of the firmware's queue to what the firmware's
 * own messages give rise to, so that reading the firmware never waits for the firmware to read. */
static bool may_take(const struct rfb_translate *t, enum rfb_side from) {
    if (!t->peer[from].step)
        return false;
    if (from == RFB_VIEWER)
        return rfb_room(t, RFB_DEVICE) >= t->lim.queue_bytes / 2 &&
               (t->let_in || rfb_room(t, RFB_VIEWER) >= RFB_ROOM_MIN);
    return !t->filling && (t->let_in || !t->ready) && rfb_room(t, RFB_VIEWER) >= RFB_ROOM_MIN &&
           rfb_room(t, RFB_DEVICE) >= RFB_ROOM_MIN;
}

int rfb_translate_input(struct rfb_translate *t, enum rfb_side from, struct slice *in) {
    struct rfb_peer *p = &t->peer[from];
    if (from == RFB_DEVICE && t->filling && !t->err)
        rfb_device_fill(t);
    while (!t->err && in->n && may_take(t, from)) {
        if (p->skip) {
            struct slice dropped = slice_head(*in, p->skip);
            p->skip -= (uint32_t)dropped.n;
            *in = slice_skip(*in, dropped.n);
        } else if (from == RFB_DEVICE && t->pixels_left) {
            rfb_device_pixels(t, in);
        } else {
            take_part(t, p, in);
        }
    }
    return t->err;
}

struct slice rfb_translate_output(const struct rfb_translate *t, enum rfb_side to) {
    return buf_slice(&t->peer[to].out);
}
void rfb_translate_sent(struct rfb_translate *t, enum rfb_side to, size_t n_bytes) {
    buf_consume(&t->peer[to].out, n_bytes);
}

int rfb_translate_device_lost(struct rfb_translate *t) {
    struct rfb_peer *p = &t->peer[RFB_DEVICE];
    /* a failure of the firmware's side goes with it; the viewer's own stays */
    if (t->err && t->culprit == RFB_DEVICE) {
        t->err = 0;
        t->error[0] = 0;
    }
    buf_free(&p->out);
    p->skip = 0;
    t->ask_again = t->asked || t->ask_again;
    t->asked = t->ready = t->have_half = t->resized = false;
    t->filling = t->filling || t->pixels_left || t->rects_left;
    rfb_expect(t, RFB_DEVICE, RFB_BANNER_BYTES, rfb_device_banner);
    return t->err ? t->err : rfb_device_fill(t);
}

bool rfb_translate_device_ready(const struct rfb_translate *t) {
    return t->ready;
}

bool rfb_translate_viewer_known(const struct rfb_translate *t) {
    return t->minor != 0;
}

bool rfb_translate_refuse(struct rfb_translate *t, const char *reason) {
    bool has_place = !t->offered || (t->minor == 8 && !t->let_in);
    if (!has_place || t->refused)
        return t->refused;
    t->refused = true;
    slice_to_str(slice_str(reason), t->reason, sizeof t->reason);
    t->err = 0; /* of the firmware's side, which is the reason */
    return t->minor == 0 || t->offered || rfb_viewer_tell(t) == 0;
}

bool rfb_translate_told(const struct rfb_translate *t) {
    return t->told;
}
const char *rfb_translate_error(const struct rfb_translate *t) {
    return t->error;
}
enum rfb_side rfb_translate_culprit(const struct rfb_translate *t) {
    return t->culprit;
}
const char *rfb_translate_name(const struct rfb_translate *t) {
    return t->name;
}
