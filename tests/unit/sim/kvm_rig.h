/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_rig: a simulated firmware and a viewer wired together, bytes cut as the test wants. Owner: one test. */
#pragma once

#include "rfb_client.h"
#include "unit.h"

#include "sim/kvm_side.h"

enum kvm_cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM };
struct kvm_rig {
    struct sim_kvm *k;
    struct rfb_client c;
    struct mono now;
    enum kvm_cut cut;
    uint32_t random;
    struct buf heard; /* all that the firmware said, when recording */
    bool record;
};

/* What the viewer asks for after the handshake. */
struct kvm_wish {
    enum kvm_format format;
    bool rle, zlib, desktop_size;
};

struct kvm_rig kvm_rig_of(const struct sim_kvm_config *cfg);
/* The handshake, and kvm_rig_setup(). */
void kvm_rig_open(struct kvm_rig *r, struct kvm_wish wish);
/* SetPixelFormat, SetEncodings, compression. */
void kvm_rig_setup(struct kvm_rig *r, struct kvm_wish wish);
void kvm_rig_done(struct kvm_rig *r);
/* Client to firmware; then what the firmware says goes to the client until it is silent. */
void kvm_rig_send(struct kvm_rig *r, const void *bytes, size_t n);
void kvm_rig_pump(struct kvm_rig *r);
/* Time passes, deadlines on the way are kept. */
void kvm_rig_wait(struct kvm_rig *r, int64_t ms);

void kvm_rig_format(struct kvm_rig *r, enum kvm_format f);
void kvm_rig_encodings(struct kvm_rig *r, const int32_t *list, uint16_t n);
void kvm_rig_request(struct kvm_rig *r, bool incremental);
void kvm_rig_key(struct kvm_rig *r, uint32_t keysym); /* down and up */
void kvm_rig_key_event(struct kvm_rig *r, uint32_t keysym, bool down);
void kvm_rig_pointer(struct kvm_rig *r, uint8_t buttons, uint16_t x, uint16_t y);
/* \0KvmExtCmd\0 and what follows */
void kvm_rig_ext(struct kvm_rig *r, const void *text, size_t n);
void kvm_rig_text(struct kvm_rig *r, struct slice text);

/* The viewer's picture is s, pixel by pixel; and that of the firmware as it is now. */
void kvm_rig_assert_shows(const struct kvm_rig *r, const struct kvm_screen *s);
void kvm_rig_assert_picture(const struct kvm_rig *r);
