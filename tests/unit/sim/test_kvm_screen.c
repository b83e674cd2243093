/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sim/kvm_font.h"
#include "sim/kvm_screen.h"

#include <stdlib.h>

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static uint32_t *drawn(const struct kvm_screen *s) {
    uint32_t *rgb = malloc((size_t)s->w * s->h * sizeof *rgb);
    assert_non_null(rgb);
    kvm_screen_draw(s, (struct kvm_rect){0, 0, s->w, s->h}, rgb);
    return rgb;
}

static struct kvm_screen made(uint16_t w, uint16_t h) {
    struct kvm_screen s;
    kvm_screen_init(&s, w, h, "node003");
    return s;
}

static void tile_sets(void **state) {
    struct kvm_tiles a = {0}, b = {0};
    unsigned col, row;
    assert_false(kvm_tiles_pop(&a, &col, &row));
    kvm_tiles_add(&a, (struct kvm_rect){0, 0, 0, 10}); /* nothing */
    kvm_tiles_add(&a, (struct kvm_rect){KVM_SIDE_MAX, 0, 10, 10});
    assert_int_equal(kvm_tiles_count(&a), 0);
    kvm_tiles_add(&a, (struct kvm_rect){63, 63, 2, 2});
    assert_int_equal(kvm_tiles_count(&a), 4);
    kvm_tiles_add(&b, (struct kvm_rect){64, 0, 64, 64});
    struct kvm_tiles both = kvm_tiles_both(&a, &b);
    assert_int_equal(kvm_tiles_count(&both), 1);
    kvm_tiles_remove(&a, &b);
    static const unsigned LEFT[][2] = {{0, 0}, {0, 1}, {1, 1}};
    for (size_t i = 0; i < LENGTH(LEFT); i++) {
        assert_true(kvm_tiles_pop(&a, &col, &row));
        assert_int_equal(col, LEFT[i][0]);
        assert_int_equal(row, LEFT[i][1]);
    }
    assert_false(kvm_tiles_pop(&a, &col, &row));
    kvm_tiles_add(&a, (struct kvm_rect){0, 0, 100000, 100000});
    assert_int_equal(kvm_tiles_count(&a), 64 * 64);
}

static void the_frame_says_it_all(void **state) {
    struct kvm_screen a = made(640, 480), b = made(640, 480);
    for (uint32_t f = 0; f < 10; f++)
        kvm_screen_frame(&a, f);
    kvm_screen_frame(&b, 9);
    uint32_t *pa = drawn(&a), *pb = drawn(&b);
    assert_memory_equal(pa, pb, 640 * 480 * 4);
    free(pb);
    kvm_screen_frame(&b, 10);
    pb = drawn(&b);
    assert_memory_not_equal(pa, pb, 640 * 480 * 4);
    free(pa);
    free(pb);
}

static void parts_are_as_the_whole(void **state) {
    struct kvm_screen s = made(200, 130);
    kvm_screen_pointer(&s, 0, 100, 60);
    kvm_screen_sprite(&s, "012345");
    uint32_t *rgb = drawn(&s), part[50 * 50];
    for (unsigned i = 0; i < 500; i++) {
        struct kvm_rect r = {i * 37 % 150, i * 53 % 80, 1 + i % 50, 1 + i * 7 % 50};
        kvm_screen_draw(&s, r, part);
        for (unsigned y = 0; y < r.h; y++)
            assert_memory_equal(part + y * r.w, rgb + (r.y + y) * s.w + r.x, r.w * 4);
    }
    free(rgb);
}

/* What an event changes lies in the tiles that it names; an event without a picture names none. */
static void changes_are_named(void **state) {
    struct kvm_screen s = made(1100, 300);
    uint32_t random = 1;
    for (unsigned i = 0; i < 120; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t *before = drawn(&s), *after;
        s.changed = (struct kvm_tiles){0};
        unsigned v = random >> 16;
        switch (i % 5) {
        case 0:
            kvm_screen_frame(&s, v);
            break;
        case 1:
            kvm_screen_key(&s, v % 8 ? 32 + v % 95 : 0xff0d, true);
            break;
        case 2:
            kvm_screen_pointer(&s, v & 1, (uint16_t)(v % 1200), (uint16_t)(v % 400));
            break;
        case 3:
            kvm_screen_sprite(&s, v % 3 == 0 ? "" : v % 3 == 1 ? "012345" : "a long text that is cut");
            break;
        default:
            kvm_screen_signal(&s, v % 4 > 0);
        }
        after = drawn(&s);
        for (unsigned y = 0; y < s.h; y++)
            for (unsigned x = 0; x < s.w; x++)
                if (before[y * s.w + x] != after[y * s.w + x])
                    assert_true(s.changed.row[y / KVM_TILE] >> x / KVM_TILE & 1);
        free(before);
        free(after);
    }
    s.changed = (struct kvm_tiles){0};
    kvm_screen_key(&s, 'a', false);
    kvm_screen_key(&s, 0xffe1, true);
    assert_int_equal(kvm_tiles_count(&s.changed), 0);
}

static void sizes_are_clamped(void **state) {
    struct kvm_screen s = made(0, 65535);
    assert_int_equal(s.w, 1);
    assert_int_equal(s.h, KVM_SIDE_MAX);
    free(drawn(&s));
    kvm_screen_resize(&s, 65535, 0);
    assert_int_equal(s.w, KVM_SIDE_MAX);
    assert_int_equal(s.h, 1);
    assert_int_equal(kvm_tiles_count(&s.changed), 64);
}

static void letters_differ(void **state) {
    for (char a = 33; a < 127; a++)
        for (char b = 33; b < a; b++)
            if (memcmp(kvm_font_rows(a), kvm_font_rows(b), KVM_FONT_ROWS) == 0)
                fail_msg("%c looks like %c", a, b);
    assert_ptr_equal(kvm_font_rows('\n'), kvm_font_rows('?'));
    assert_ptr_equal(kvm_font_rows((char)0xe4), kvm_font_rows('?'));
}

UNIT_MAIN(T(tile_sets), T(the_frame_says_it_all), T(parts_are_as_the_whole), T(changes_are_named),
          T(sizes_are_clamped), T(letters_differ))
