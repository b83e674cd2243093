/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ossl.h"

#include "rfb_client.h"

#include "base/rd.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ENC_RAW = 0,
    ENC_RLE = 16,
    ENC_DESKTOP_SIZE = -223,
    BLOCK_MAX = 65536,
    CAP_PIXELS = 9216000,
    UNDRAWN = 0xdead
};

static void fail(struct rfb_client *c, const char *text) {
    if (!c->error[0])
        snprintf(c->error, sizeof c->error, "%s", text);
}

static void resize(struct rfb_client *c, uint16_t w, uint16_t h) {
    if (w == 0 || h == 0 || (size_t)w * h > CAP_PIXELS) {
        fail(c, "a picture that no firmware has");
        return;
    }
    free(c->px);
    c->w = w;
    c->h = h;
    c->px = malloc((size_t)w * h * sizeof *c->px);
    for (size_t i = 0; c->px && i < (size_t)w * h; i++)
        c->px[i] = UNDRAWN;
}

void rfb_client_init(struct rfb_client *c, enum kvm_format format) {
    *c = (struct rfb_client){.format = format};
}

void rfb_client_skip_handshake(struct rfb_client *c, uint16_t w, uint16_t h) {
    c->step = RFB_C_RUNNING;
    resize(c, w, h);
}

void rfb_client_done(struct rfb_client *c) {
    free(c->px);
    buf_free(&c->text);
    buf_free(&c->in);
    if (c->z_open)
        inflateEnd(&c->z);
    c->px = NULL;
}

/* --- one tile of encoding 16 --- */

struct area {
    uint16_t x, y, w, h;
};

static uint16_t read_pixel(struct rfb_client *c, struct rd *r) {
    return kvm_format_pixel_bytes(c->format) == 2 ? rd_le16(r) : rd_u8(r);
}

static void set_pixel(struct rfb_client *c, const struct area *a, unsigned i, uint16_t px) {
    c->px[(size_t)(a->y + i / a->w) * c->w + a->x + i % a->w] = px;
}

static unsigned read_run(struct rd *r) {
    unsigned run = 1, b;
    do {
        b = rd_u8(r);
        run += b;
    } while (b == 255);
    return run;
}

static void read_packed(struct rfb_client *c, const struct area *a, struct rd *r, unsigned n) {
    uint16_t palette[16];
    for (unsigned i = 0; i < n; i++)
        palette[i] = read_pixel(c, r);
    unsigned bits = n == 2 ? 1 : n <= 4 ? 2 : 4, per_row = a->w * bits;
    size_t tight = (per_row * a->h + 7u) / 8, padded = a->h * ((per_row + 7u) / 8);
    if (rd_left(r) != tight && rd_left(r) != padded)
        fail(c, "packed palette: neither padded nor unpadded");
    bool pad = rd_left(r) == padded && padded != tight;
    c->padded_tiles += pad;
    unsigned have = 0, byte = 0;
    for (unsigned i = 0; i < (unsigned)a->w * a->h; i++) {
        if (have == 0 || (pad && i % a->w == 0)) {
            byte = rd_u8(r);
            have = 8;
        }
        have -= bits;
        unsigned index = byte >> have & ((1u << bits) - 1);
        if (index >= n) {
            fail(c, "packed palette: index beyond the palette");
            return;
        }
        set_pixel(c, a, i, palette[index]);
    }
}

static void read_rle(struct rfb_client *c, const struct area *a, struct rd *r, unsigned n) {
    uint16_t palette[127];
    for (unsigned i = 0; i < n; i++)
        palette[i] = read_pixel(c, r);
    for (unsigned i = 0, total = (unsigned)a->w * a->h; i < total && !r->bad;) {
        unsigned run = 1;
        uint16_t px;
        if (n == 0) {
            px = read_pixel(c, r);
            run = read_run(r);
        } else {
            uint8_t index = rd_u8(r);
            if ((index & 127u) >= n) {
                fail(c, "palette RLE: index beyond the palette");
                return;
            }
            px = palette[index & 127u];
            if (index & 128u)
                run = read_run(r);
        }
        if (run > total - i) {
            fail(c, "RLE: a run beyond the tile");
            return;
        }
        while (run--)
            set_pixel(c, a, i++, px);
    }
}

static void read_tile(struct rfb_client *c, const struct area *a, struct slice payload) {
    struct rd r = rd_of(payload);
    uint8_t sub = rd_u8(&r);
    c->subencodings[sub]++;
    if (sub == 0 || sub == 1) {
        uint16_t px = 0;
        for (unsigned i = 0; i < (unsigned)a->w * a->h; i++) {
            px = sub == 0 || i == 0 ? read_pixel(c, &r) : px;
            set_pixel(c, a, i, px);
        }
    } else if (sub <= 16) {
        read_packed(c, a, &r, sub);
    } else if (sub == 128 || sub >= 130) {
        read_rle(c, a, &r, sub - 128u);
    } else {
        fail(c, "unused subencoding");
        return;
    }
    if (r.bad || rd_left(&r))
        fail(c, "a tile's payload is not as long as its content");
}

/* --- the block around it --- */

static void inflate_tile(struct rfb_client *c, const struct area *a, struct slice block) {
    uint8_t out[BLOCK_MAX];
    bool header = block.n > 2 && (block.p[0] & 15) == 8 && (block.p[0] * 256 + block.p[1]) % 31 == 0;
    if (!c->z_open && inflateInit(&c->z) != Z_OK)
        return;
    c->z_open = true;
    c->zlib_rects++;
    for (int attempt = 0; attempt < 2; attempt++) {
        c->z.next_in = (Bytef *)(uintptr_t)block.p;
        c->z.avail_in = (uInt)block.n;
        c->z.next_out = out;
        c->z.avail_out = sizeof out;
        int r = inflate(&c->z, Z_SYNC_FLUSH);
        if (r == Z_OK && c->z.avail_in == 0) {
            read_tile(c, a, slice_of(out, sizeof out - c->z.avail_out));
            return;
        }
        if (attempt || !header)
            break;
        inflateReset(&c->z); /* the firmware began anew */
        c->zlib_restarts++;
    }
    fail(c, "a block that does not inflate");
}

static void read_block(struct rfb_client *c, const struct area *a, struct slice block) {
    struct rd r = rd_of(block);
    uint8_t b0 = rd_u8(&r);
    uint16_t len = rd_le16(&r), nlen = rd_le16(&r);
    if (!r.bad && b0 == 0 && len == block.n - 5) {
        if ((len ^ nlen) != 0xffff)
            fail(c, "stored block: NLEN is not the complement of LEN");
        c->stored_rects++;
        read_tile(c, a, slice_skip(block, 5));
    } else {
        inflate_tile(c, a, block);
    }
}

/* --- messages; each returns what it took, 0 when more is needed --- */

static size_t read_rect(struct rfb_client *c, struct slice in) {
    struct rd r = rd_of(in);
    struct area a = {.x = rd_be16(&r)};
    a.y = rd_be16(&r);
    a.w = rd_be16(&r);
    a.h = rd_be16(&r);
    int32_t encoding = (int32_t)rd_be32(&r);
    if (r.bad)
        return 0;
    if (encoding == ENC_DESKTOP_SIZE) {
        c->rects_left--;
        c->told_size = true;
        resize(c, a.w, a.h);
        return 12;
    }
    if (a.w == 0 || a.h == 0 || a.w > KVM_TILE || a.h > KVM_TILE || a.x % KVM_TILE || a.y % KVM_TILE ||
        a.x + a.w > c->w || a.y + a.h > c->h) {
        fail(c, "a rectangle is off the grid or outside the picture");
        return 0;
    }
    if (encoding != ENC_RAW && encoding != ENC_RLE) {
        fail(c, "unknown encoding");
        return 0;
    }
    size_t n = encoding == ENC_RAW ? (size_t)a.w * a.h * kvm_format_pixel_bytes(c->format) : rd_be32(&r);
    if (n > BLOCK_MAX)
        fail(c, "a block is far too long");
    struct slice body = rd_take(&r, n);
    if (r.bad || c->error[0])
        return 0;
    if (encoding == ENC_RLE) {
        read_block(c, &a, body);
    } else {
        struct rd pixels = rd_of(body);
        for (unsigned i = 0; i < (unsigned)a.w * a.h; i++)
            set_pixel(c, &a, i, read_pixel(c, &pixels));
        c->raw_rects++;
    }
    c->rects++;
    c->rects_left--;
    return in.n - rd_left(&r);
}

static size_t read_message(struct rfb_client *c, struct slice in) {
    struct rd r = rd_of(in);
    uint8_t type = rd_u8(&r);
    if (type == 0) {
        rd_u8(&r);
        c->rects_left = rd_be16(&r);
        if (r.bad)
            return 0;
        c->told_size = false;
        c->updates += c->rects_left == 0;
        c->empty_updates += c->rects_left == 0;
    } else if (type == 3) {
        rd_take(&r, 3);
        struct slice text = rd_str32(&r, 65536);
        if (r.bad)
            return 0;
        buf_clear(&c->text);
        buf_put(&c->text, text);
        c->texts++;
    } else if (type != 2) { /* Bell */
        fail(c, "unknown message");
    }
    return in.n - rd_left(&r);
}

static size_t read_handshake(struct rfb_client *c, struct slice in) {
    struct rd r = rd_of(in);
    switch (c->step) {
    case RFB_C_BANNER:
        slice_to_str(rd_take(&r, 12), c->banner, sizeof c->banner);
        break;
    case RFB_C_TYPES: {
        struct slice types = rd_take(&r, rd_u8(&r));
        if (!r.bad && !slice_eq(types, SLICE_LIT("\x01")))
            fail(c, "security types are not {None}");
        break;
    }
    case RFB_C_RESULT:
        if (rd_be32(&r) != 0 && !r.bad) {
            slice_to_str(rd_str32(&r, 256), c->error, sizeof c->error);
        }
        break;
    default: {
        uint16_t w = rd_be16(&r), h = rd_be16(&r);
        static const uint8_t RGB565[16] = {0x10, 0x10, 0, 1, 0, 0x1f, 0, 0x3f, 0, 0x1f, 0x0b, 5};
        struct slice format = rd_take(&r, 16);
        struct slice name = rd_str32(&r, 256);
        if (r.bad)
            return 0;
        if (!slice_eq(format, slice_of(RGB565, 16)))
            fail(c, "ServerInit: not 565");
        slice_to_str(name, c->name, sizeof c->name);
        resize(c, w, h);
    }
    }
    if (r.bad)
        return 0;
    c->step++;
    return in.n - rd_left(&r);
}

void rfb_client_input(struct rfb_client *c, struct slice in) {
    c->bytes += in.n;
    buf_put(&c->in, in);
    for (size_t n = 1; n && c->in.len && !c->error[0];) {
        struct slice s = buf_slice(&c->in);
        bool rect = c->rects_left > 0;
        n = c->step < RFB_C_RUNNING ? read_handshake(c, s) : rect ? read_rect(c, s) : read_message(c, s);
        c->updates += rect && n && c->rects_left == 0;
        if (n)
            buf_consume(&c->in, n);
    }
}

void rfb_client_hash(const struct rfb_client *c, char out[65]) {
    uint8_t md[32];
    unsigned bytes = kvm_format_pixel_bytes(c->format);
    struct buf all = {0};
    for (size_t i = 0; i < (size_t)c->w * c->h; i++)
        buf_put(&all, slice_of((uint8_t[]){(uint8_t)c->px[i], (uint8_t)(c->px[i] >> 8)}, bytes));
    EVP_Digest(all.mem, all.len, md, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
    buf_free(&all);
}
