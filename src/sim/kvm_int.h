/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_int: the inside of kvm_side: kvm_side.c has the session's life and what the viewer says, kvm_update.c
 * makes updates. Owner: as kvm_side.h. */
#pragma once

#include "sim/kvm_side.h"
#include "sim/kvm_tile.h"

#include "base/buf.h"

/* Server to client (reference 2.3) and the encodings (2.2) */
enum { RFB_UPDATE = 0, RFB_CUT_TEXT = 3 };
enum { RFB_RAW = 0, RFB_RLE = 16, RFB_DATA_CHANNEL = 1092, RFB_DESKTOP_SIZE = -223 };

/* An update on its way. What it shows and how was fixed when it began: neither the picture nor the viewer's
 * choices may change in the middle. */
struct kvm_update {
    bool on;
    bool first; /* the next rectangle is its first */
    bool rle, zlib;
    enum kvm_format format;
    struct kvm_tiles left;
    struct kvm_screen screen;
};

struct z_stream_s;
enum kvm_state { KVM_VERSION, KVM_SECURITY, KVM_INIT, KVM_RUNNING, KVM_STATE_COUNT };
struct sim_kvm {
    enum kvm_state state;
    enum sim_kvm_end end;
    uint32_t faults, idle_ms;
    bool rfb4, grey, zlib, padded; /* struct sim_kvm_config */

    struct kvm_screen screen;
    bool animate, size_changed;
    struct mono next_frame, last_input;

    enum kvm_format format;
    bool rle, desktop_size, data_channel, compress; /* what the viewer chose */
    uint8_t decimation;

    struct {
        bool on, full;
        struct kvm_rect at;
    } want; /* requests not answered yet, taken together */
    struct kvm_update update;
    uint32_t updates, changes; /* updates begun; those of them that answer an incremental request */
    struct z_stream_s *z;      /* one deflate stream a session; from the first compressed rectangle on */

    struct buf in, out;
    struct buf replies; /* whole messages that wait for the end of an update */
};

/* The first reason stays. */
void kvm_end(struct sim_kvm *k, enum sim_kvm_end why);
/* No frame buffer for that. Reference 2.6 */
bool kvm_over_cap(const struct sim_kvm *k, unsigned pixel_bytes);

/* An update begins when it is asked for and there is something to show. */
bool kvm_update_begin(struct sim_kvm *k);
/* Append one tile to out. */
void kvm_update_piece(struct sim_kvm *k);
void kvm_update_done(struct sim_kvm *k);
