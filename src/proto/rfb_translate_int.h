/* SPDX-License-Identifier: Apache-2.0 */
/* rfb_translate_int: what the two sides of the translator share. Owner: rfb_translate*.c. */
#pragma once

#include "proto/rfb_pixel.h"
#include "proto/rfb_translate.h"

enum {
    RFB_MESSAGE_CAP = 256,
    RFB_BANNER_BYTES = 12,
    RFB_ROOM_MIN = 512, /* what one message may queue: the longest is a ServerInit or a reason */
    RFB_ENC_RAW = 0,
    RFB_ENC_DESKTOP_SIZE = -223,
    RFB_SECURITY_NONE = 1
};

struct rfb_peer;
/* A whole message, or a fixed part of one, is in. 0 or ERR_*. */
typedef int rfb_step(struct rfb_translate *t, struct rd *r);

/* One side's stream: fixed parts are gathered, then given to the step. */
struct rfb_peer {
    rfb_step *step; /* NULL: nothing is read now */
    uint16_t have, need;
    uint32_t skip; /* bytes to drop before that */
    struct buf out;
    uint8_t msg[RFB_MESSAGE_CAP];
};

struct rfb_translate {
    struct rfb_translate_limits lim;
    struct rfb_peer peer[RFB_SIDES];
    int err;
    enum rfb_side culprit;
    char error[320];
    /* the viewer */
    struct rfb_format wish; /* of the viewer: the next update has it */
    uint32_t encodings_left;
    uint8_t message; /* the row of the message under way */
    uint8_t minor;   /* 3, 7 or 8; 0: its banner is not in */
    bool offered, let_in, follows_size, lists_size, refused, told;
    uint16_t shown_width, shown_height; /* what it believes */
    char reason[256];                   /* of a refusal, until it can be said */
    /* the firmware */
    const struct rfb_format *format; /* RFB_565 or RFB_332: the next update has it */
    uint16_t width, height;          /* 0: not known yet */
    char name[RFB_NAME_MAX + 1];
    uint8_t security_left;
    bool has_none, ready;
    /* the update under way */
    struct rfb_pixels pixels;
    uint64_t pixels_left; /* of the present rectangle */
    uint16_t rects_left;
    bool have_half; /* the first byte of a pixel of two is in */
    uint8_t half;
    bool filling, resized;
    /* requests: one is at the firmware at a time, but full ones go at once */
    bool asked, ask_again, full_next;
};

/* --- rfb_translate.c --- */
int rfb_fail(struct rfb_translate *t, enum rfb_side culprit, int err, const char *fmt, ...) PRINTF_LIKE(4, 5);
int rfb_put(struct rfb_translate *t, enum rfb_side to, const void *bytes, size_t n);
/* The next n bytes of that side go to step; at least one. */
void rfb_expect(struct rfb_translate *t, enum rfb_side from, size_t n, rfb_step *step);
size_t rfb_room(const struct rfb_translate *t, enum rfb_side to);

/* --- rfb_translate_viewer.c --- */
rfb_step rfb_viewer_banner;
/* The firmware is ready for the first time: the viewer may come in. */
int rfb_viewer_admit(struct rfb_translate *t);
/* Say t->reason where the handshake has a place for it. */
int rfb_viewer_tell(struct rfb_translate *t);

/* --- rfb_translate_device.c --- */
rfb_step rfb_device_banner;
/* Pixels of the present rectangle, as many as there is room for. */
int rfb_device_pixels(struct rfb_translate *t, struct slice *in);
/* Ask the firmware for an update. area: x, y, width, height; NULL: the whole screen. */
int rfb_device_ask(struct rfb_translate *t, bool incremental, const uint16_t *area);
/* What is still promised of a broken update, as far as there is room. */
int rfb_device_fill(struct rfb_translate *t);
