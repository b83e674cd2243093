/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"

#include "proto/rfb_testing.h"

#include <stdio.h>
#include <stdlib.h>

enum { TILE = 64 };

uint16_t screen_pixel(unsigned x, unsigned y, unsigned turn) {
    return (uint16_t)(x * 211 + y * 59 + (x ^ y) * 7 + turn * 0x1234);
}

static void send_tile(struct buf *out, unsigned x0, unsigned y0, unsigned turn) {
    unsigned w = SCREEN_W - x0 < TILE ? SCREEN_W - x0 : TILE, h = SCREEN_H - y0 < TILE ? SCREEN_H - y0 : TILE;
    device_rect(out, x0, y0, w, h, 0);
    for (unsigned y = y0; y < y0 + h; y++)
        for (unsigned x = x0; x < x0 + w; x++) {
            uint16_t px = screen_pixel(x, y, turn);
            (void)buf_put(out, slice_of((const uint8_t[]){(uint8_t)px, (uint8_t)(px >> 8)}, 2));
        }
}

enum { TILES = (SCREEN_W + TILE - 1) / TILE * ((SCREEN_H + TILE - 1) / TILE) };
size_t screen_bytes(void) {
    return 4 + 12 * TILES + 2 * SCREEN_W * SCREEN_H;
}

/* The whole screen, as the firmware sends it: tiles of 64, cut anywhere. */
static void send_screen(struct peer *p, unsigned turn) {
    struct buf out = {0};
    device_update(&out, TILES);
    for (unsigned y = 0; y < SCREEN_H; y += TILE)
        for (unsigned x = 0; x < SCREEN_W; x += TILE)
            send_tile(&out, x, y, turn);
    for (struct slice rest = buf_slice(&out); rest.n; rest = slice_skip(rest, 10007))
        peer_binary(p, slice_head(rest, 10007));
    buf_free(&out);
}

static bool hello(struct peer *p) {
    struct buf out = {0};
    peer_text(p, "{\"type\":\"hello\",\"session\":\"ses-1\",\"kind\":\"kvm\",\"host\":\"node003\"}");
    peer_text(p, "{\"type\":\"open\"}");
    peer_text(p, "{\"type\":\"idle\",\"inSeconds\":60}");
    device_hello(&out, SCREEN_W, SCREEN_H);
    peer_binary(p, slice_head(buf_slice(&out), 12));
    bool ok = peer_expect(p, "RFB 003.008\n");
    peer_binary(p, slice_head(slice_skip(buf_slice(&out), 12), 2));
    ok = ok && peer_expect(p, "\x01");
    peer_binary(p, slice_head(slice_skip(buf_slice(&out), 14), 4));
    ok = ok && peer_expect(p, "\x01");
    peer_binary(p, slice_skip(buf_slice(&out), 18));
    buf_free(&out);
    return ok;
}

/* False: the session is over. */
static bool take_key(struct peer *p, const uint8_t *m) {
    char line[32];
    if (!m[0])
        return true;
    snprintf(line, sizeof line, "key %02x%02x", m[5], m[6]);
    peer_log(p, line);
    if (m[6] == 'b') {
        peer_text(
            p,
            "{\"type\":\"end\",\"reason\":\"link-lost\",\"text\":\"the link was lost\",\"resumable\":true}");
        peer_close(p, 4009, "the link was lost");
    } else if (m[6] == 'e') {
        peer_text(
            p, "{\"type\":\"end\",\"reason\":\"stopped\",\"text\":\"stopped by admin\",\"resumable\":false}");
        peer_close(p, 4001, "stopped by admin");
    }
    return m[6] != 'b' && m[6] != 'e';
}

static void serve(struct peer *p, unsigned turn) {
    static const uint8_t rest[] = {[0] = 19, [2] = 3, [3] = 9, [4] = 7, [5] = 5};
    uint8_t type, m[1024];
    if (!hello(p))
        return;
    while (peer_read(p, &type, 1)) {
        if (type >= sizeof rest || !rest[type]) {
            peer_log(p, "a message that AMT does not know");
            return;
        }
        if (!peer_read(p, m, rest[type]))
            return;
        if (type == 0 && (m[3] != 16 || m[5] != 0))
            peer_log(p, "not 565, little-endian");
        if (type == 2 && !peer_read(p, m, 4u * m[2]))
            return;
        if (type == 3 && !m[0]) /* nothing changes here: incremental ones wait for ever */
            send_screen(p, turn);
        if (type == 4 && !take_key(p, m))
            break;
    }
    peer_wait_close(p);
}

void screen_first(struct peer *p) {
    serve(p, 0);
}
void screen_next(struct peer *p) {
    serve(p, 1);
}

void screen_floods(struct peer *p) {
    uint8_t m[20 + 12 + 10];
    if (!hello(p) || !peer_read(p, m, sizeof m)) /* format, encodings, request */
        return;
    for (int i = 0; i < SCREEN_FLOOD; i++)
        send_screen(p, 0);
    peer_log(p, "all is sent");
    peer_wait_close(p);
}

void screen_refuses(struct peer *p) {
    peer_text(p, "{\"type\":\"open\"}");
    peer_binary(p, SLICE_LIT("RFB 004.000\n"));
    if (!peer_expect(p, "RFB 003.008\n"))
        return;
    peer_binary(p, SLICE_LIT("\0\0\0\0\x0bno display!"));
    peer_wait_close(p);
}
