/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's side: a client in front of it that asks for what AMT can. Reference 2.1 to 2.4. */
#include "proto/rfb_translate_int.h"

#include "base/text.h"

static rfb_step device_security_count, device_security_type, device_result, device_reason_length,
    device_reason, device_init, device_name, device_message, device_update, device_cut_text, device_rect;

static int broke_rule(struct rfb_translate *t, const char *what) {
    return rfb_fail(t, RFB_DEVICE, ERR_PROTO, "the firmware's KVM stream makes no sense: %s", what);
}

/* --- the handshake --- */

int rfb_device_banner(struct rfb_translate *t, struct rd *r) {
    char seen[RFB_BANNER_BYTES + 1];
    struct slice banner = rd_take(r, RFB_BANNER_BYTES);
    /* firmware that announces 4.0 speaks 3.8 to a client that says so */
    if (!slice_is(banner, "RFB 003.008\n") && !slice_is(banner, "RFB 004.000\n"))
        return rfb_fail(t, RFB_DEVICE, ERR_PROTO,
                        "the firmware's KVM begins with \"%s\", not with RFB 3.8 or 4.0",
                        text_clean(seen, sizeof seen, banner));
    rfb_expect(t, RFB_DEVICE, 1, device_security_count);
    return rfb_put(t, RFB_DEVICE, "RFB 003.008\n", RFB_BANNER_BYTES);
}

static int device_security_count(struct rfb_translate *t, struct rd *r) {
    t->security_left = rd_u8(r);
    t->has_none = false;
    if (t->security_left)
        rfb_expect(t, RFB_DEVICE, 1, device_security_type);
    else
        rfb_expect(t, RFB_DEVICE, 4, device_reason_length);
    return 0;
}

static int device_security_type(struct rfb_translate *t, struct rd *r) {
    t->has_none |= rd_u8(r) == RFB_SECURITY_NONE;
    if (--t->security_left)
        return 0;
    if (!t->has_none)
        return rfb_fail(t, RFB_DEVICE, ERR_REFUSED,
                        "the firmware wants an RFB password on its redirection port");
    rfb_expect(t, RFB_DEVICE, 4, device_result);
    return rfb_put(t, RFB_DEVICE, (const uint8_t[]){RFB_SECURITY_NONE}, 1);
}

static int device_result(struct rfb_translate *t, struct rd *r) {
    if (rd_be32(r) != 0) {
        rfb_expect(t, RFB_DEVICE, 4, device_reason_length);
        return 0;
    }
    rfb_expect(t, RFB_DEVICE, 24, device_init);
    return rfb_put(t, RFB_DEVICE, (const uint8_t[]){1}, 1); /* ClientInit, shared */
}

static int device_reason_length(struct rfb_translate *t, struct rd *r) {
    uint32_t n = rd_be32(r);
    if (n == 0)
        return rfb_fail(t, RFB_DEVICE, ERR_REFUSED, "the firmware refused KVM and gave no reason");
    rfb_expect(t, RFB_DEVICE, n < RFB_MESSAGE_CAP ? n : RFB_MESSAGE_CAP, device_reason);
    return 0;
}

static int device_reason(struct rfb_translate *t, struct rd *r) {
    char reason[RFB_MESSAGE_CAP];
    text_clean(reason, sizeof reason, rd_take(r, rd_left(r)));
    return rfb_fail(t, RFB_DEVICE, ERR_REFUSED, "the firmware refused KVM: %s", reason);
}

/* --- what it shall send --- */

static int put_format(struct rfb_translate *t) {
    uint8_t mem[4 + RFB_FORMAT_BYTES];
    struct wr w = wr_of(mem, sizeof mem);
    wr_zero(&w, 4);
    rfb_format_put(&w, t->format);
    t->full_next = true; /* reference 2.2: after a change of format ask for the whole screen */
    return rfb_put(t, RFB_DEVICE, mem, sizeof mem);
}

static const struct rfb_format *format_for(uint32_t width, uint32_t height) {
    return width * height <= RFB_DEVICE_FRAME_BYTES / 2 ? &RFB_565 : &RFB_332;
}

static int put_encodings(struct rfb_translate *t) {
    uint8_t mem[12];
    struct wr w = wr_of(mem, sizeof mem);
    wr_be16(&w, 2 << 8);
    wr_be16(&w, 2);
    wr_be32(&w, RFB_ENC_RAW);
    wr_be32(&w, (uint32_t)RFB_ENC_DESKTOP_SIZE);
    return rfb_put(t, RFB_DEVICE, mem, sizeof mem);
}

int rfb_device_ask(struct rfb_translate *t, bool incremental, const uint16_t *area) {
    t->full_next |= !incremental && (!t->ready || !area);
    if (!t->ready || (incremental && !t->full_next && t->asked)) {
        t->ask_again = true;
        return 0;
    }
    const uint16_t whole[] = {0, 0, t->width, t->height};
    if (t->full_next || !area)
        area = whole;
    uint8_t mem[10];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, 3);
    wr_u8(&w, incremental && !t->full_next);
    for (int i = 0; i < 4; i++)
        wr_be16(&w, area[i]);
    t->asked = true;
    t->full_next = t->ask_again = false;
    return rfb_put(t, RFB_DEVICE, mem, sizeof mem);
}

/* --- the size of the screen --- */

static int put_rect(struct rfb_translate *t, const uint16_t *area, int32_t encoding) {
    uint8_t mem[12];
    struct wr w = wr_of(mem, sizeof mem);
    for (int i = 0; i < 4; i++)
        wr_be16(&w, area[i]);
    wr_be32(&w, (uint32_t)encoding);
    return rfb_put(t, RFB_VIEWER, mem, sizeof mem);
}

static int put_empty_rect(struct rfb_translate *t) {
    return put_rect(t, (const uint16_t[]){0, 0, 0, 0}, RFB_ENC_RAW);
}

/* A rectangle that tells the viewer the present size, where one is due. */
static int put_size(struct rfb_translate *t) {
    if (t->width == t->shown_width && t->height == t->shown_height)
        return put_empty_rect(t);
    if (!t->follows_size)
        return rfb_fail(t, RFB_VIEWER, ERR_UNSUPPORTED,
                        "the host's screen changed from %ux%u to %ux%u, and this viewer cannot follow (no "
                        "DesktopSize); connect again",
                        t->shown_width, t->shown_height, t->width, t->height);
    t->shown_width = t->width;
    t->shown_height = t->height;
    return put_rect(t, (const uint16_t[]){0, 0, t->width, t->height}, RFB_ENC_DESKTOP_SIZE);
}

static int set_size(struct rfb_translate *t, uint16_t width, uint16_t height) {
    if (!width || !height)
        return broke_rule(t, "a screen without size");
    t->width = width;
    t->height = height;
    return 0;
}

static int device_init(struct rfb_translate *t, struct rd *r) {
    uint16_t width = rd_be16(r), height = rd_be16(r);
    rd_take(r, RFB_FORMAT_BYTES); /* never relied on: ours is sent (reference 2.1) */
    uint32_t n = rd_be32(r);
    if (n > RFB_NAME_MAX)
        return rfb_fail(t, RFB_DEVICE, ERR_LIMIT,
                        "the firmware's name for its screen has %u bytes; at most %d", n, RFB_NAME_MAX);
    if (set_size(t, width, height) < 0)
        return t->err;
    t->name[0] = 0;
    if (n) {
        rfb_expect(t, RFB_DEVICE, n, device_name);
        return 0;
    }
    return device_name(t, r);
}

/* The viewer stayed while the firmware began anew: a size that changed is told between two updates. */
static int catch_up(struct rfb_translate *t) {
    if ((t->width != t->shown_width || t->height != t->shown_height) &&
        (rfb_put(t, RFB_VIEWER, (const uint8_t[]){0, 0, 0, 1}, 4) < 0 || put_size(t) < 0))
        return t->err;
    return t->ask_again ? rfb_device_ask(t, false, NULL) : 0;
}

static int device_name(struct rfb_translate *t, struct rd *r) {
    text_clean(t->name, sizeof t->name, rd_take(r, rd_left(r)));
    t->format = format_for(t->width, t->height);
    t->ready = true;
    rfb_expect(t, RFB_DEVICE, 1, device_message);
    if (put_format(t) < 0 || put_encodings(t) < 0)
        return t->err;
    return t->let_in ? catch_up(t) : rfb_viewer_admit(t);
}

/* --- its messages --- */

static int device_message(struct rfb_translate *t, struct rd *r) {
    uint8_t type = rd_u8(r);
    switch (type) {
    case 0:
        rfb_expect(t, RFB_DEVICE, 3, device_update);
        return 0;
    case 2: /* Bell */
        return rfb_put(t, RFB_VIEWER, &type, 1);
    case 3:
        rfb_expect(t, RFB_DEVICE, 7, device_cut_text);
        return 0;
    default:
        return broke_rule(t, "a message of unknown type");
    }
}

static int device_cut_text(struct rfb_translate *t, struct rd *r) {
    rd_take(r, 3);
    uint32_t n = rd_be32(r);
    if (n > t->lim.cut_text_bytes)
        return rfb_fail(t, RFB_DEVICE, ERR_LIMIT, "the firmware sends a text of %u bytes; at most %u pass by",
                        n, t->lim.cut_text_bytes);
    t->peer[RFB_DEVICE].skip = n;
    rfb_expect(t, RFB_DEVICE, 1, device_message);
    return 0;
}

static int end_update(struct rfb_translate *t) {
    t->asked = false;
    rfb_expect(t, RFB_DEVICE, 1, device_message);
    if (t->resized) {
        t->resized = false;
        t->full_next = true;
        const struct rfb_format *fit = format_for(t->width, t->height);
        if (fit != t->format) {
            t->format = fit;
            if (put_format(t) < 0)
                return t->err;
        }
    }
    return t->ask_again ? rfb_device_ask(t, true, NULL) : 0;
}

static int end_rect(struct rfb_translate *t) {
    if (--t->rects_left == 0)
        return end_update(t);
    rfb_expect(t, RFB_DEVICE, 12, device_rect);
    return 0;
}

static int device_update(struct rfb_translate *t, struct rd *r) {
    uint8_t head[4] = {0};
    rd_u8(r);
    head[2] = rd_u8(r);
    head[3] = rd_u8(r);
    t->rects_left = (uint16_t)(head[2] << 8 | head[3]);
    rfb_pixels_of(&t->pixels, t->format, &t->wish);
    if (rfb_put(t, RFB_VIEWER, head, sizeof head) < 0)
        return t->err;
    if (t->rects_left == 0) /* reference 2.3: counts as a whole update */
        return end_update(t);
    rfb_expect(t, RFB_DEVICE, 12, device_rect);
    return 0;
}

static int device_rect(struct rfb_translate *t, struct rd *r) {
    uint16_t area[4];
    for (int i = 0; i < 4; i++)
        area[i] = rd_be16(r);
    int32_t encoding = (int32_t)rd_be32(r);
    if (encoding == RFB_ENC_DESKTOP_SIZE) {
        t->resized = true;
        if (set_size(t, area[2], area[3]) < 0 || put_size(t) < 0)
            return t->err;
        return end_rect(t);
    }
    if (encoding != RFB_ENC_RAW)
        return broke_rule(t, "an encoding that was not asked for");
    if (area[0] + area[2] > t->width || area[1] + area[3] > t->height)
        return broke_rule(t, "a rectangle outside of the screen");
    t->pixels_left = (uint64_t)area[2] * area[3];
    if (put_rect(t, area, encoding) < 0)
        return t->err;
    return t->pixels_left ? 0 : end_rect(t);
}

/* --- pixels --- */

static int convert(struct rfb_translate *t, const uint8_t *in, size_t n) {
    size_t bytes = n * t->pixels.out_bytes;
    struct buf *out = &t->peer[RFB_VIEWER].out;
    uint8_t *at = buf_room(out, bytes);
    if (!at)
        return rfb_fail(t, RFB_VIEWER, ERR_NOMEM, "out of memory");
    rfb_pixels_convert(&t->pixels, in, n, at);
    buf_commit(out, bytes);
    t->pixels_left -= n;
    return 0;
}

int rfb_device_pixels(struct rfb_translate *t, struct slice *in) {
    size_t in_bytes = t->pixels.in_bytes, room = rfb_room(t, RFB_VIEWER) / t->pixels.out_bytes, n;
    if (in_bytes == 2 && (t->have_half || in->n == 1)) { /* a pixel cut in two */
        if (t->have_half && convert(t, (const uint8_t[]){t->half, in->p[0]}, 1) < 0)
            return t->err;
        t->half = in->p[0];
        t->have_half = !t->have_half;
        n = 1;
    } else {
        n = in->n / in_bytes;
        n = n < room ? n : room;
        n = n < t->pixels_left ? n : (size_t)t->pixels_left;
        if (convert(t, in->p, n) < 0)
            return t->err;
        n *= in_bytes;
    }
    *in = slice_skip(*in, n);
    return t->pixels_left ? 0 : end_rect(t);
}

int rfb_device_fill(struct rfb_translate *t) {
    static const uint8_t black[RFB_ROOM_MIN];
    while (t->filling && !t->err && rfb_room(t, RFB_VIEWER) >= RFB_ROOM_MIN) {
        if (t->pixels_left) {
            size_t most = (size_t)RFB_ROOM_MIN / t->pixels.out_bytes;
            size_t n = t->pixels_left < most ? (size_t)t->pixels_left : most;
            if (rfb_put(t, RFB_VIEWER, black, n * t->pixels.out_bytes) < 0)
                break;
            t->pixels_left -= n;
            t->rects_left = (uint16_t)(t->rects_left - !t->pixels_left);
        } else if (t->rects_left) {
            if (put_empty_rect(t) < 0)
                break;
            t->rects_left--;
        }
        t->filling = t->pixels_left || t->rects_left;
    }
    return t->err;
}
