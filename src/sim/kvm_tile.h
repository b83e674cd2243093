/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_tile: pixel formats of AMT, and how one tile is written: RAW, or the payload of encoding 16, in
 * whichever subencoding is the smallest. Pure. Source: reference protocol-redir-activation 2.2, 2.3. */
#pragma once

#include "sim/kvm_screen.h"

#include "base/slice.h"

/* F(symbol, name, bytes a pixel, PIXEL_FORMAT up to its three padding bytes) */
#define KVM_FORMAT_TABLE(F)                                                                                  \
    F(565, "565", 2, {0x10, 0x10, 0, 1, 0, 0x1f, 0, 0x3f, 0, 0x1f, 0x0b, 5, 0})                              \
    F(332, "332", 1, {8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0})                                                \
    F(GREY8, "grey8", 1, {8, 8, 0, 1, 0, 0xff, 0, 0, 0, 0, 0, 0, 0})                                         \
    F(GREY4, "grey4", 1, {8, 4, 0, 1, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0})
enum kvm_format {
#define F(sym, ...) KVM_FORMAT_##sym,
    KVM_FORMAT_TABLE(F)
#undef F
        KVM_FORMAT_COUNT
};
enum { KVM_FORMAT_BYTES = 16, KVM_FORMAT_CHECKED = 13 };

const char *kvm_format_name(enum kvm_format f);
unsigned kvm_format_pixel_bytes(enum kvm_format f);
/* The KVM_FORMAT_CHECKED bytes that matter. */
const uint8_t *kvm_format_wire(enum kvm_format f);
/* Of the 16 bytes of a PIXEL_FORMAT; KVM_FORMAT_COUNT when the firmware has no such format. */
enum kvm_format kvm_format_find(struct slice wire);
/* What goes on the wire for a colour. */
uint16_t kvm_format_pixel(enum kvm_format f, uint32_t rgb);

/* The pixels of one tile, as the wire has them. */
struct kvm_tile {
    unsigned n, w; /* pixels, and pixels a row */
    unsigned pixel_bytes;
    uint16_t px[KVM_TILE_PIXELS];
};
enum { KVM_PAYLOAD_MAX = 1 + KVM_TILE_PIXELS * 2 };

/* w * h is at most KVM_TILE_PIXELS. */
void kvm_tile_make(struct kvm_tile *t, enum kvm_format f, const uint32_t *rgb, unsigned w, unsigned h);
/* Both write at most KVM_PAYLOAD_MAX bytes and return how many. */
size_t kvm_tile_raw(const struct kvm_tile *t, uint8_t *out);
/* Subencoding and pixels. padded: rows of a packed palette begin on a byte (reference 2.3: both are seen). */
size_t kvm_tile_payload(const struct kvm_tile *t, bool padded, uint8_t *out);
