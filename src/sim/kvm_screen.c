/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/kvm_screen.h"

#include "sim/kvm_font.h"

#include <stdio.h>
#include <string.h>

/* --- rectangles and tiles --- */

static unsigned min_u(unsigned a, unsigned b) {
    return a < b ? a : b;
}
static unsigned max_u(unsigned a, unsigned b) {
    return a > b ? a : b;
}
/* a - b, at least 0 */
static unsigned less(unsigned a, unsigned b) {
    return a > b ? a - b : 0;
}

static struct kvm_rect cut(struct kvm_rect a, struct kvm_rect b) {
    unsigned x = max_u(a.x, b.x), y = max_u(a.y, b.y);
    return (struct kvm_rect){x, y, less(min_u(a.x + a.w, b.x + b.w), x),
                             less(min_u(a.y + a.h, b.y + b.h), y)};
}

static struct kvm_rect whole(const struct kvm_screen *s) {
    return (struct kvm_rect){0, 0, s->w, s->h};
}

void kvm_tiles_add(struct kvm_tiles *t, struct kvm_rect r) {
    r = cut(r, (struct kvm_rect){0, 0, KVM_SIDE_MAX, KVM_SIDE_MAX});
    if (r.w == 0 || r.h == 0)
        return;
    unsigned first = r.x / KVM_TILE, last = (r.x + r.w - 1) / KVM_TILE;
    uint64_t cols = UINT64_MAX >> (63 - (last - first)) << first;
    for (unsigned y = r.y / KVM_TILE; y <= (r.y + r.h - 1) / KVM_TILE; y++)
        t->row[y] |= cols;
}

enum { TILE_ROWS = KVM_SIDE_MAX / KVM_TILE };

void kvm_tiles_remove(struct kvm_tiles *t, const struct kvm_tiles *gone) {
    for (unsigned y = 0; y < TILE_ROWS; y++)
        t->row[y] &= ~gone->row[y];
}

struct kvm_tiles kvm_tiles_both(const struct kvm_tiles *a, const struct kvm_tiles *b) {
    struct kvm_tiles t;
    for (unsigned y = 0; y < TILE_ROWS; y++)
        t.row[y] = a->row[y] & b->row[y];
    return t;
}

unsigned kvm_tiles_count(const struct kvm_tiles *t) {
    unsigned n = 0;
    for (unsigned y = 0; y < TILE_ROWS; y++)
        n += (unsigned)__builtin_popcountll(t->row[y]);
    return n;
}

bool kvm_tiles_pop(struct kvm_tiles *t, unsigned *col, unsigned *row) {
    for (unsigned y = 0; y < TILE_ROWS; y++)
        if (t->row[y]) {
            *row = y;
            *col = (unsigned)__builtin_ctzll(t->row[y]);
            t->row[y] &= t->row[y] - 1;
            return true;
        }
    return false;
}

/* --- where things are --- */

enum { MARGIN = 8, BLOCK = 40, BLOCK_STEP = 8, CROSS = 8, LINE_NAME = 0, LINE_FRAME, LINE_ECHO, LINES };

static unsigned scale_of(const struct kvm_screen *s) {
    return s->w >= 1024 ? 2 : 1;
}

static struct kvm_rect line_at(const struct kvm_screen *s, unsigned line) {
    unsigned k = scale_of(s), h = (KVM_FONT_H + 2) * k;
    return (struct kvm_rect){MARGIN, MARGIN + line * h, (KVM_ECHO_MAX + 4) * KVM_FONT_W * k, h};
}

static struct kvm_rect block_at(const struct kvm_screen *s) {
    return (struct kvm_rect){s->frame * BLOCK_STEP % (less(s->w, BLOCK) + 1), less(s->h, BLOCK) / 2, BLOCK,
                             BLOCK};
}

static struct kvm_rect cross_at(const struct kvm_screen *s) {
    unsigned x = less(s->pointer_x, CROSS), y = less(s->pointer_y, CROSS);
    return (struct kvm_rect){x, y, s->pointer_x + CROSS + 1u - x, s->pointer_y + CROSS + 1u - y};
}

/* A box in the middle with room for n characters. */
static struct kvm_rect box_at(const struct kvm_screen *s, size_t n) {
    unsigned k = 2 * scale_of(s), w = (unsigned)(n + 2) * KVM_FONT_W * k, h = 3 * KVM_FONT_H * k;
    return (struct kvm_rect){less(s->w, w) / 2, less(s->h, h) / 2, w, h};
}

/* --- drawing --- */

struct canvas {
    struct kvm_rect at; /* the part of the screen that rgb holds */
    uint32_t *rgb;
};

static uint32_t *row_at(const struct canvas *c, struct kvm_rect r, unsigned y) {
    return c->rgb + (size_t)(y - c->at.y) * c->at.w + (r.x - c->at.x);
}

static void fill(const struct canvas *c, struct kvm_rect r, uint32_t rgb) {
    r = cut(r, c->at);
    for (unsigned y = r.y; r.w && y < r.y + r.h; y++) {
        uint32_t *row = row_at(c, r, y);
        for (unsigned x = 0; x < r.w; x++)
            row[x] = rgb;
    }
}

static void draw_text(const struct canvas *c, unsigned x, unsigned y, unsigned k, uint32_t rgb,
                      const char *text) {
    for (; *text; text++, x += KVM_FONT_W * k) {
        struct kvm_rect cell = cut((struct kvm_rect){x, y, KVM_FONT_W * k, KVM_FONT_H * k}, c->at);
        if (cell.w == 0 || cell.h == 0)
            continue;
        const uint8_t *rows = kvm_font_rows(*text);
        for (unsigned i = 0; i < KVM_FONT_ROWS; i++)
            for (unsigned j = 0; j < KVM_FONT_W - 1; j++)
                if (rows[i] >> (KVM_FONT_W - 2 - j) & 1)
                    fill(c, (struct kvm_rect){x + j * k, y + i * k, k, k}, rgb);
    }
}

static void draw_box(const struct canvas *c, const struct kvm_screen *s, const char *text) {
    unsigned k = 2 * scale_of(s);
    struct kvm_rect box = box_at(s, strlen(text));
    fill(c, box, 0xffff00);
    fill(c, (struct kvm_rect){box.x + k, box.y + k, box.w - 2 * k, box.h - 2 * k}, 0x000000);
    draw_text(c, box.x + KVM_FONT_W * k, box.y + KVM_FONT_H * k, k, 0xffff00, text);
}

/* Any fixed mixture of the coordinates that looks like noise. */
static inline uint32_t noise(unsigned x, unsigned y) {
    uint32_t v = x * 0x9e3779b1u ^ (y + 1) * 0x85ebca6bu;
    v ^= v >> 15;
    v *= 0x2c1b3c6du;
    return v ^ v >> 13;
}

/* The bottom strip, so that every way to write a tile is the best one somewhere. */
static inline uint32_t strip_pixel(unsigned section, unsigned x, unsigned y) {
    static const uint32_t GREYS[] = {1, 3, 15};
    uint32_t v;
    switch (section) {
    case 0: /* a gradient */
        return (x * 2 & 0xff) << 16 | (y * 4 & 0xff) << 8 | ((x + y) & 0xff);
    case 1: /* short runs of 64 colours */
        v = noise(x / 8, y);
        return (v & 3) * 85 << 16 | (v >> 2 & 3) * 85 << 8 | (v >> 4 & 3) * 85;
    case 2: /* short runs of any colour */
        return noise(x / 8, y) & 0xffffff;
    case 3: /* no runs at all */
        return noise(x, y) & 0xffffff;
    default: /* 2, 4 or 16 greys; at the right edge, where a packed row may end within a byte */
        return (noise(x, y) >> 8 & GREYS[y / KVM_TILE % 3]) * (255 / GREYS[y / KVM_TILE % 3]) * 0x010101u;
    }
}

enum { SECTIONS = 5, BARS = 8 };

static void draw_strip(const struct canvas *c, const struct kvm_screen *s) {
    for (unsigned i = 0; i < SECTIONS; i++) {
        unsigned from = s->w * i / SECTIONS, to = s->w * (i + 1) / SECTIONS;
        struct kvm_rect r = cut((struct kvm_rect){from, s->h - s->h / 4u, to - from, s->h / 4u}, c->at);
        for (unsigned y = r.y; r.w && y < r.y + r.h; y++) {
            uint32_t *row = row_at(c, r, y);
            for (unsigned x = 0; x < r.w; x++)
                row[x] = strip_pixel(i, r.x + x, y);
        }
    }
}

static void draw_bars(const struct canvas *c, const struct kvm_screen *s) {
    static const uint32_t COLOURS[BARS] = {0xc0c0c0, 0xc0c000, 0x00c0c0, 0x00c000,
                                           0xc000c0, 0xc00000, 0x0000c0, 0x101010};
    for (unsigned i = 0; i < BARS; i++) {
        unsigned from = s->w * i / BARS, to = s->w * (i + 1) / BARS;
        fill(c, (struct kvm_rect){from, 0, to - from, s->h - s->h / 4u}, COLOURS[i]);
    }
}

/* Shows at once when a viewer loses the last row or column. */
static void draw_border(const struct canvas *c, const struct kvm_screen *s) {
    fill(c, (struct kvm_rect){0, 0, s->w, 1}, 0xffffff);
    fill(c, (struct kvm_rect){0, s->h - 1u, s->w, 1}, 0xffffff);
    fill(c, (struct kvm_rect){0, 0, 1, s->h}, 0xffffff);
    fill(c, (struct kvm_rect){s->w - 1u, 0, 1, s->h}, 0xffffff);
}

static void draw_lines(const struct canvas *c, const struct kvm_screen *s) {
    char text[LINES][KVM_ECHO_MAX + 8];
    snprintf(text[LINE_NAME], sizeof text[0], "%s", s->name);
    snprintf(text[LINE_FRAME], sizeof text[0], "frame %08u", s->frame);
    snprintf(text[LINE_ECHO], sizeof text[0], "> %s_", s->echo);
    for (unsigned i = 0; i < LINES; i++) {
        struct kvm_rect r = line_at(s, i);
        unsigned k = scale_of(s);
        fill(c, r, 0x000000);
        draw_text(c, r.x + k, r.y + k, k, i == LINE_ECHO ? 0x00ff00 : 0xffffff, text[i]);
    }
}

static void draw_cross(const struct canvas *c, const struct kvm_screen *s) {
    struct kvm_rect r = cross_at(s);
    uint32_t rgb = s->buttons ? 0xff0000 : 0xffffff;
    fill(c, (struct kvm_rect){r.x, s->pointer_y, r.w, 1}, rgb);
    fill(c, (struct kvm_rect){s->pointer_x, r.y, 1, r.h}, rgb);
}

void kvm_screen_draw(const struct kvm_screen *s, struct kvm_rect r, uint32_t *rgb) {
    struct canvas c = {r, rgb};
    if (!s->signal) {
        fill(&c, r, 0x000000);
        draw_box(&c, s, "No signal");
        return;
    }
    draw_bars(&c, s);
    draw_strip(&c, s);
    draw_border(&c, s);
    draw_lines(&c, s);
    struct kvm_rect block = block_at(s);
    fill(&c, block, 0xff8000);
    fill(&c, (struct kvm_rect){block.x + BLOCK / 4, block.y + BLOCK / 4, BLOCK / 2, BLOCK / 2}, 0x402000);
    if (s->sprite[0])
        draw_box(&c, s, s->sprite);
    if (s->pointer)
        draw_cross(&c, s);
}

/* --- changes --- */

void kvm_screen_resize(struct kvm_screen *s, uint16_t w, uint16_t h) {
    s->w = (uint16_t)min_u(max_u(w, 1), KVM_SIDE_MAX);
    s->h = (uint16_t)min_u(max_u(h, 1), KVM_SIDE_MAX);
    s->changed = (struct kvm_tiles){0};
    kvm_tiles_add(&s->changed, whole(s));
}

void kvm_screen_init(struct kvm_screen *s, uint16_t w, uint16_t h, const char *name) {
    *s = (struct kvm_screen){.signal = true};
    snprintf(s->name, sizeof s->name, "%s", name ? name : "");
    kvm_screen_resize(s, w, h);
}

void kvm_screen_touch(struct kvm_screen *s, struct kvm_rect r) {
    kvm_tiles_add(&s->changed, cut(r, whole(s)));
}

void kvm_screen_signal(struct kvm_screen *s, bool on) {
    s->signal = on;
    kvm_screen_touch(s, whole(s));
}

void kvm_screen_frame(struct kvm_screen *s, uint32_t frame) {
    if (s->signal)
        kvm_screen_touch(s, block_at(s));
    s->frame = frame;
    if (!s->signal)
        return;
    kvm_screen_touch(s, block_at(s));
    kvm_screen_touch(s, line_at(s, LINE_FRAME));
}

void kvm_screen_pointer(struct kvm_screen *s, uint8_t buttons, uint16_t x, uint16_t y) {
    if (s->pointer)
        kvm_screen_touch(s, cross_at(s));
    s->pointer = true;
    s->buttons = buttons;
    s->pointer_x = (uint16_t)min_u(x, s->w - 1u);
    s->pointer_y = (uint16_t)min_u(y, s->h - 1u);
    kvm_screen_touch(s, cross_at(s));
}

void kvm_screen_sprite(struct kvm_screen *s, const char *text) {
    kvm_screen_touch(s, box_at(s, strlen(s->sprite)));
    snprintf(s->sprite, sizeof s->sprite, "%s", text ? text : "");
    kvm_screen_touch(s, box_at(s, strlen(s->sprite)));
}

/* --- keys (X11 keysyms) --- */

enum { KEY_BACKSPACE = 0xff08, KEY_RETURN = 0xff0d, KEY_KP_ENTER = 0xff8d };
enum { HELD_SHIFT_L = 1, HELD_SHIFT_R = 2, HELD_SHIFT = 3, HELD_CHORD = 0xfc };

/* Two keys of a kind may be down together, so each has its bit. */
static uint8_t modifier_bit(uint32_t keysym) {
    static const struct {
        uint16_t keysym;
        uint8_t bit;
    } MODIFIERS[] = {{0xffe1, HELD_SHIFT_L}, {0xffe2, HELD_SHIFT_R}, {0xffe3, 4},  {0xffe4, 8},
                     {0xffe9, 16},           {0xffea, 32},           {0xffe7, 64}, {0xffe8, 128},
                     {0xffeb, 64},           {0xffec, 128}};
    for (size_t i = 0; i < sizeof MODIFIERS / sizeof MODIFIERS[0]; i++)
        if (MODIFIERS[i].keysym == keysym)
            return MODIFIERS[i].bit;
    return 0;
}

/* A viewer may send the key's own symbol beside Shift, or the character that it makes. */
static char shifted(char c) {
    static const char PLAIN[] = "`1234567890-=[]\\;',./", SHIFT[] = "~!@#$%^&*()_+{}|:\"<>?";
    _Static_assert(sizeof PLAIN == sizeof SHIFT, "pairs");
    const char *at = strchr(PLAIN, c);
    return at ? SHIFT[at - PLAIN] : c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static void type(struct kvm_screen *s, char c) {
    size_t n = strlen(s->echo);
    if (n == KVM_ECHO_MAX)
        memmove(s->echo, s->echo + 1, n--);
    s->echo[n] = c;
    s->echo[n + 1] = 0;
}

void kvm_screen_key(struct kvm_screen *s, uint32_t keysym, bool down) {
    uint8_t bit = modifier_bit(keysym);
    s->held = (uint8_t)(down ? s->held | bit : s->held & ~bit);
    size_t n = strlen(s->echo);
    if (!down || bit || s->held & HELD_CHORD)
        return;
    if (keysym == KEY_RETURN || keysym == KEY_KP_ENTER)
        s->echo[0] = 0;
    else if (keysym == KEY_BACKSPACE)
        s->echo[n ? n - 1 : 0] = 0;
    else if (keysym >= 32 && keysym <= 126)
        type(s, s->held & HELD_SHIFT ? shifted((char)keysym) : (char)keysym);
    else
        return;
    kvm_screen_touch(s, line_at(s, LINE_ECHO));
}
