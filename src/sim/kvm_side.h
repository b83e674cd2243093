/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_side: KVM of one simulated machine: an RFB server as AMT's firmware speaks it. Sans-IO: bytes in, bytes
 * out, deadlines as values; the picture is kvm_screen's. Owner: one redirection connection after its 0x41;
 * its loop thread. Source: reference protocol-redir-activation 2. */
#pragma once

#include "sim/kvm_screen.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

/* What can be wrong with the stream, a bit each. F(name, text, help) */
#define SIM_KVM_FAULT_TABLE(F)                                                                               \
    F(CLOSE_AFTER_INIT, "close-after-init", "closes after ClientInit, as firmware that cannot capture")      \
    F(BAD_ENCODING, "bad-encoding", "the first rectangle of an update has an encoding nobody knows")         \
    F(ZLIB_RESTART, "zlib-restart", "each update but the first begins a new deflate stream, header and all") \
    F(TRUNCATE, "truncate", "closes in the middle of an update's first rectangle")
enum sim_kvm_fault {
#define F(name, text, help) SIM_KVM_FAULT_##name,
    SIM_KVM_FAULT_TABLE(F)
#undef F
        SIM_KVM_FAULT_COUNT
};
const char *sim_kvm_fault_name(enum sim_kvm_fault f);
const char *sim_kvm_fault_help(enum sim_kvm_fault f);
/* SIM_KVM_FAULT_COUNT when unknown. */
enum sim_kvm_fault sim_kvm_fault_find(struct slice name);

/* Why the firmware closes; nothing of it is said on the wire. E(name, text) */
#define SIM_KVM_END_TABLE(E)                                                                                 \
    E(NONE, "open")                                                                                          \
    E(POWER, "the host was powered off")                                                                     \
    E(SIGNAL, "the firmware cannot capture the display")                                                     \
    E(CAP, "the picture is too large for the frame buffer: fewer bits a pixel are needed")                   \
    E(FORMAT, "the viewer wants a pixel format that the firmware does not have")                             \
    E(PROTOCOL, "the viewer broke the protocol")                                                             \
    E(SIZE, "the display changed its size and the viewer cannot follow (no DesktopSize)")                    \
    E(IDLE, "no key or pointer input for the session timeout")                                               \
    E(TRUNCATED, "closed in the middle of an update (fault)")                                                \
    E(NOMEM, "out of memory")
enum sim_kvm_end {
#define E(name, text) SIM_KVM_END_##name,
    SIM_KVM_END_TABLE(E)
#undef E
        SIM_KVM_END_COUNT
};
const char *sim_kvm_end_text(enum sim_kvm_end e);

struct sim_kvm_config {
    uint16_t w, h;    /* 1..KVM_SIDE_MAX */
    const char *name; /* of the node, shown in the picture; copied */
    bool rfb4;        /* banner 004.000 (A11), else 003.008 */
    bool grey;        /* GreyscalePixelFormatSupported */
    bool zlib;        /* ZlibControlSupported: the viewer may switch compression on */
    bool padded;      /* packed palettes: each row is filled up to a byte (RFC 6143); else they run on */
    bool host_off;    /* shows "No signal" until sim_kvm_power() */
    uint32_t idle_ms; /* without key or pointer input it closes; 0: never */
    uint32_t faults;  /* 1u << SIM_KVM_FAULT_… */
};
#define SIM_KVM_CONFIG_DEFAULT                                                                               \
    ((struct sim_kvm_config){.w = 1280, .h = 800, .name = "", .grey = true, .zlib = true})

struct sim_kvm;
/* Queues the banner. NULL only when out of memory. */
struct sim_kvm *sim_kvm_new(const struct sim_kvm_config *cfg, struct mono now);
void sim_kvm_free(struct sim_kvm **k);

/* Takes all of in, any split. What is wrong with it shows as sim_kvm_ended(). */
void sim_kvm_input(struct sim_kvm *k, struct slice in, struct mono now);
/* Next bytes to send, never more than 64 KiB, empty when none: an update is made piece by piece as its output
 * is taken. Valid until the next sim_kvm_* call. */
struct slice sim_kvm_output(struct sim_kvm *k);
void sim_kvm_sent(struct sim_kvm *k, size_t n_bytes);
struct mono sim_kvm_deadline(const struct sim_kvm *k);
void sim_kvm_tick(struct sim_kvm *k, struct mono now);

/* Other than NONE: send the output, then close. */
enum sim_kvm_end sim_kvm_ended(const struct sim_kvm *k);
/* When the last key or pointer event came (the beginning when none did). */
struct mono sim_kvm_last_input(const struct sim_kvm *k);

/* Host power. Off ends the session. */
void sim_kvm_power(struct sim_kvm *k, bool on, struct mono now);
/* The display's mode changes; told to a viewer that lists DesktopSize. */
void sim_kvm_set_size(struct sim_kvm *k, uint16_t w, uint16_t h);
/* The moving part of the picture; on from the beginning, ten changes a second. */
void sim_kvm_animate(struct sim_kvm *k, bool on, struct mono now);
/* The consent code or any other text over the picture; NULL or "" takes it away. */
void sim_kvm_sprite(struct sim_kvm *k, const char *text);
void sim_kvm_fault(struct sim_kvm *k, enum sim_kvm_fault f, bool on);
/* The picture as it is now. */
const struct kvm_screen *sim_kvm_screen(const struct sim_kvm *k);
