/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_screen: the picture of a simulated machine: colour bars, gradients and noise, a moving block, the
 * node's name, the frame number and what was typed. A pure function of this struct, so that a test can say
 * what a pixel must be; no frame is ever stored. Owner: whoever embeds it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVM_TILE = 64, KVM_SIDE_MAX = 64 * KVM_TILE, KVM_TILE_PIXELS = KVM_TILE * KVM_TILE };

struct kvm_rect {
    unsigned x, y, w, h;
};

/* A set of 64 x 64 tiles on the grid: bit c of row r. */
struct kvm_tiles {
    uint64_t row[KVM_SIDE_MAX / KVM_TILE];
};
/* Add the tiles that r touches. r may reach beyond the grid. */
void kvm_tiles_add(struct kvm_tiles *t, struct kvm_rect r);
void kvm_tiles_remove(struct kvm_tiles *t, const struct kvm_tiles *gone);
/* Those of both. */
struct kvm_tiles kvm_tiles_both(const struct kvm_tiles *a, const struct kvm_tiles *b);
unsigned kvm_tiles_count(const struct kvm_tiles *t);
/* Takes the first one in reading order out. False when there is none. */
bool kvm_tiles_pop(struct kvm_tiles *t, unsigned *col, unsigned *row);

enum { KVM_NAME_MAX = 32, KVM_ECHO_MAX = 32, KVM_SPRITE_MAX = 16 };
struct kvm_screen {
    uint16_t w, h;
    uint32_t frame;
    bool signal; /* else "No signal" */
    bool pointer;
    uint16_t pointer_x, pointer_y;
    uint8_t buttons;
    uint8_t held; /* modifiers that are down */
    char name[KVM_NAME_MAX + 1];
    char echo[KVM_ECHO_MAX + 1]; /* what was typed since Enter; the oldest goes when it is full */
    char sprite[KVM_SPRITE_MAX + 1];
    struct kvm_tiles changed; /* by the calls below; whoever has shown them takes them out */
};

void kvm_screen_init(struct kvm_screen *s, uint16_t w, uint16_t h, const char *name);
void kvm_screen_resize(struct kvm_screen *s, uint16_t w, uint16_t h);
void kvm_screen_signal(struct kvm_screen *s, bool on);
void kvm_screen_frame(struct kvm_screen *s, uint32_t frame);
/* An X11 keysym: characters are typed (Shift as on a US keyboard), BackSpace rubs out, Enter clears. */
void kvm_screen_key(struct kvm_screen *s, uint32_t keysym, bool down);
void kvm_screen_pointer(struct kvm_screen *s, uint8_t buttons, uint16_t x, uint16_t y);
void kvm_screen_sprite(struct kvm_screen *s, const char *text);

/* Count the tiles that r touches as changed, as far as they lie inside. */
void kvm_screen_touch(struct kvm_screen *s, struct kvm_rect r);

/* Draw r, row by row, as 0x00RRGGBB. r lies inside the screen. */
void kvm_screen_draw(const struct kvm_screen *s, struct kvm_rect r, uint32_t *rgb);
