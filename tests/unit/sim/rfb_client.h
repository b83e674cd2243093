/* SPDX-License-Identifier: Apache-2.0 */
/* rfb_client: a viewer for tests: reads what an AMT firmware sends, keeps the picture as wire pixels and
 * counts what it saw. Written from the reference alone (2.1 to 2.5), so that a mistake of the sender shows.
 * Owner: one test. */
#pragma once

#include "sim/kvm_tile.h"

#include "base/buf.h"

#include <zlib.h>

struct rfb_client {
    enum { RFB_C_BANNER, RFB_C_TYPES, RFB_C_RESULT, RFB_C_INIT, RFB_C_RUNNING } step;
    enum kvm_format format; /* set it before the bytes that use it come */
    uint16_t w, h;
    uint16_t *px; /* w * h; 0xdead where nothing was drawn yet */
    unsigned rects_left;
    bool told_size; /* the last update was DesktopSize */

    unsigned updates, empty_updates, rects, raw_rects, stored_rects, zlib_rects, zlib_restarts;
    unsigned subencodings[256], padded_tiles;
    size_t bytes;
    char banner[13], name[32], error[96];
    struct buf text; /* of the last ServerCutText */
    unsigned texts;

    z_stream z;
    bool z_open;
    struct buf in;
};

void rfb_client_init(struct rfb_client *c, enum kvm_format format);
/* Start behind a handshake. */
void rfb_client_skip_handshake(struct rfb_client *c, uint16_t w, uint16_t h);
void rfb_client_done(struct rfb_client *c);
/* Any split. What is wrong shows in error. */
void rfb_client_input(struct rfb_client *c, struct slice in);
/* SHA-256 of the picture as a full RAW update would send it, as 64 hexadecimal digits. */
void rfb_client_hash(const struct rfb_client *c, char out[65]);
