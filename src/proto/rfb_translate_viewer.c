/* SPDX-License-Identifier: Apache-2.0 */
/* The viewer's side: an RFB server in front of it. RFC 6143 7.1, 7.3, 7.5. */
#include "proto/rfb_translate_int.h"

static rfb_step viewer_choice, viewer_init, viewer_message;

/* --- the handshake --- */

int rfb_viewer_admit(struct rfb_translate *t) {
    if (t->minor == 0 || t->offered || t->refused)
        return 0;
    t->offered = true;
    if (t->minor == 3) { /* 3.3: the server decides; RFC 6143 appendix A */
        rfb_expect(t, RFB_VIEWER, 1, viewer_init);
        return rfb_put(t, RFB_VIEWER, (const uint8_t[]){0, 0, 0, RFB_SECURITY_NONE}, 4);
    }
    rfb_expect(t, RFB_VIEWER, 1, viewer_choice);
    return rfb_put(t, RFB_VIEWER, (const uint8_t[]){1, RFB_SECURITY_NONE}, 2);
}

/* A number that means "no" (of one byte in the list of security types, else of four), and why. */
static int put_refusal(struct rfb_translate *t, uint32_t no, bool one_byte) {
    uint8_t mem[8 + sizeof t->reason];
    struct wr w = wr_of(mem, sizeof mem);
    if (one_byte)
        wr_u8(&w, (uint8_t)no);
    else
        wr_be32(&w, no);
    wr_str32(&w, slice_str(t->reason));
    t->told = true;
    rfb_expect(t, RFB_VIEWER, 0, NULL);
    return rfb_put(t, RFB_VIEWER, mem, wr_done(&w).n);
}

int rfb_viewer_tell(struct rfb_translate *t) {
    return put_refusal(t, 0, t->minor != 3);
}

static bool three_digits(const uint8_t *p, unsigned *v) {
    uint64_t n;
    bool ok = slice_to_u64(slice_of(p, 3), 999, &n);
    *v = ok ? (unsigned)n : 0;
    return ok;
}

/* "RFB xxx.yyy\n": above 3.8 is taken as 3.8, and what stands between 3.3 and 3.7 as 3.3 (RFC 6143 7.1.1) */
int rfb_viewer_banner(struct rfb_translate *t, struct rd *r) {
    struct slice b = rd_take(r, RFB_BANNER_BYTES);
    unsigned major, minor;
    if (!slice_is(slice_head(b, 4), "RFB ") || b.p[7] != '.' || b.p[11] != '\n' ||
        !three_digits(b.p + 4, &major) || !three_digits(b.p + 8, &minor) || major != 3 || minor < 3)
        return rfb_fail(t, RFB_VIEWER, ERR_PROTO, "who connected is not an RFB viewer of version 3.3 to 3.8");
    t->minor = minor >= 8 ? 8 : minor == 7 ? 7 : 3;
    rfb_expect(t, RFB_VIEWER, 0, NULL);
    if (t->refused)
        return rfb_viewer_tell(t);
    return t->ready ? rfb_viewer_admit(t) : 0;
}

static int viewer_choice(struct rfb_translate *t, struct rd *r) {
    uint8_t type = rd_u8(r);
    if (t->refused)
        return put_refusal(t, 1, false);
    if (type != RFB_SECURITY_NONE)
        return rfb_fail(t, RFB_VIEWER, ERR_PROTO,
                        "the viewer chose security type %u, which was not offered; only None is", type);
    rfb_expect(t, RFB_VIEWER, 1, viewer_init);
    /* SecurityResult after None came with 3.8 */
    return t->minor == 8 ? rfb_put(t, RFB_VIEWER, (const uint8_t[]){0, 0, 0, 0}, 4) : 0;
}

/* ClientInit: the shared flag says nothing, there is one viewer at a time anyway. */
static int viewer_init(struct rfb_translate *t, struct rd *r) {
    uint8_t mem[24 + RFB_NAME_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    t->wish = RFB_888; /* gvnccapture, for one, takes 16 bits and then shows them as 32 */
    t->shown_width = t->width;
    t->shown_height = t->height;
    t->let_in = true;
    wr_be16(&w, t->width);
    wr_be16(&w, t->height);
    rfb_format_put(&w, &t->wish);
    wr_str32(&w, slice_str(t->name));
    rfb_expect(t, RFB_VIEWER, 1, viewer_message);
    return rfb_put(t, RFB_VIEWER, mem, wr_done(&w).n);
}

/* --- its messages --- */

static int take_format(struct rfb_translate *t, struct rd *r) {
    rd_take(r, 3);
    struct rfb_format f = rfb_format_read(r);
    const char *unfit = rfb_format_unfit(&f);
    if (unfit)
        return rfb_fail(t, RFB_VIEWER, ERR_UNSUPPORTED, "%s", unfit);
    t->wish = f;
    return 0;
}

static int take_encoding(struct rfb_translate *t, struct rd *r) {
    t->lists_size |= rd_be32(r) == (uint32_t)RFB_ENC_DESKTOP_SIZE;
    if (--t->encodings_left > 0)
        return 0;
    t->follows_size = t->lists_size;
    rfb_expect(t, RFB_VIEWER, 1, viewer_message);
    return 0;
}

static int take_encodings(struct rfb_translate *t, struct rd *r) {
    rd_u8(r);
    t->encodings_left = rd_be16(r);
    t->lists_size = false;
    if (t->encodings_left > t->lim.encodings_max)
        return rfb_fail(t, RFB_VIEWER, ERR_LIMIT, "the viewer lists %u encodings; at most %u are read",
                        t->encodings_left, t->lim.encodings_max);
    if (t->encodings_left)
        rfb_expect(t, RFB_VIEWER, 4, take_encoding);
    else
        t->follows_size = false;
    return 0;
}

static uint16_t at_most(uint16_t v, int max) {
    return v < max ? v : (uint16_t)max;
}

static int take_request(struct rfb_translate *t, struct rd *r) {
    bool incremental = rd_u8(r) != 0;
    uint16_t x = at_most(rd_be16(r), t->width), y = at_most(rd_be16(r), t->height);
    uint16_t area[] = {x, y, at_most(rd_be16(r), t->width - x), at_most(rd_be16(r), t->height - y)};
    /* nothing left of it: the viewer has another size in mind, and waits for an answer all the same */
    return rfb_device_ask(t, incremental, area[2] && area[3] ? area : NULL);
}

static int take_key(struct rfb_translate *t, struct rd *r) {
    uint8_t mem[8];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, 4);
    wr_u8(&w, rd_u8(r) != 0);
    wr_zero(&w, 2);
    rd_take(r, 2);
    wr_be32(&w, rd_be32(r));
    return t->ready ? rfb_put(t, RFB_DEVICE, mem, sizeof mem) : 0;
}

static int take_pointer(struct rfb_translate *t, struct rd *r) {
    uint8_t mem[6];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, 5);
    wr_u8(&w, rd_u8(r));
    wr_be16(&w, at_most(rd_be16(r), t->width - 1));
    wr_be16(&w, at_most(rd_be16(r), t->height - 1));
    return t->ready ? rfb_put(t, RFB_DEVICE, mem, sizeof mem) : 0;
}

static int take_cut_text(struct rfb_translate *t, struct rd *r) {
    rd_take(r, 3);
    uint32_t n = rd_be32(r);
    if (n > t->lim.cut_text_bytes)
        return rfb_fail(t, RFB_VIEWER, ERR_LIMIT,
                        "the viewer sends a clipboard of %u bytes; at most %u pass by", n,
                        t->lim.cut_text_bytes);
    t->peer[RFB_VIEWER].skip = n;
    return 0;
}

/* Type of the message, bytes after it, and who takes them. RFC 6143 7.5 */
static const struct {
    uint8_t type, bytes;
    rfb_step *take;
} MESSAGES[] = {
    {0, 19, take_format}, {2, 3, take_encodings}, {3, 9, take_request},
    {4, 7, take_key},     {5, 5, take_pointer},   {6, 7, take_cut_text},
};
enum { N_MESSAGES = sizeof MESSAGES / sizeof *MESSAGES };

static int viewer_rest(struct rfb_translate *t, struct rd *r) {
    rfb_expect(t, RFB_VIEWER, 1, viewer_message); /* unless who takes it wants more */
    return MESSAGES[t->message].take(t, r);
}

static int viewer_message(struct rfb_translate *t, struct rd *r) {
    uint8_t type = rd_u8(r);
    for (t->message = 0; t->message < N_MESSAGES; t->message++)
        if (MESSAGES[t->message].type == type) {
            rfb_expect(t, RFB_VIEWER, MESSAGES[t->message].bytes, viewer_rest);
            return 0;
        }
    return rfb_fail(t, RFB_VIEWER, ERR_PROTO, "the viewer sent a message of type %u, which nobody offered",
                    type);
}
