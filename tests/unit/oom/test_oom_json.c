/* SPDX-License-Identifier: Apache-2.0 */
/* What all rooms stand on, with failing allocations: buf, arena, map and the JSON writer. */
#include "oom/failmalloc.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/text.h"
#include "unit.h"

/* A document longer than a few steps of growth: whole, or the buf says that it is not. */
static int write_json(void *ctx) {
    struct buf out = {0};
    struct json j = json_of(&out);
    json_obj(&j);
    json_kstr(&j, "quoted", "a \"b\" \\ \n \x01");
    json_key(&j, "list");
    json_arr(&j);
    for (int i = 0; i < 40; i++)
        json_int(&j, i);
    json_nil(&j);
    json_wall(&j, (struct wall){1800000000000000});
    json_arr_end(&j);
    json_kbool(&j, "yes", true);
    json_obj_end(&j);
    int r = out.failed ? ERR_NOMEM : 0;
    const char *text = buf_cstr(&out);
    if (out.failed) {
        r = ERR_NOMEM;
        assert_string_equal(text, "");
    }
    if (r == 0) {
        assert_int_equal(text[0], '{');
        assert_string_equal(text + strlen(text) - 11, "\"yes\":true}");
    }
    assert_int_equal(buf_put(&out, SLICE_LIT("x")), r); /* the failure stays until the buf is freed */
    buf_free(&out);
    assert_false(out.failed);
    return r;
}

static int encode(void *ctx) {
    uint8_t bytes[300] = {0}, back[300] = {1};
    struct buf a = {0}, b = {0};
    int r = text_base64(&a, slice_of(bytes, sizeof bytes));
    if (r == 0)
        r = text_base64url(&b, slice_of(bytes, sizeof bytes));
    if (r == 0) {
        assert_int_equal(text_unbase64(buf_slice(&b), back, sizeof back), sizeof bytes);
        assert_memory_equal(back, bytes, sizeof back);
    }
    assert_int_equal(r == 0, !a.failed && !b.failed);
    buf_free(&a);
    buf_free(&b);
    return r;
}

static int use_arena(void *ctx) {
    struct arena a = {0};
    int r = 0;
    for (int i = 0; r == 0 && i < 20; i++) {
        struct slice s = arena_slice(&a, slice_of("0123456789", 10));
        char *t = arena_str(&a, SLICE_LIT("text")), *u = arena_printf(&a, "%0600d", i);
        void *big = arena_alloc(&a, 5000);
        r = s.p && t && u && big ? 0 : ERR_NOMEM;
        assert_true(!s.p || slice_is(s, "0123456789"));
        assert_true(!t || strcmp(t, "text") == 0);
        assert_true(!u || strlen(u) == 600);
    }
    arena_free(&a);
    return r;
}

/* A put that fails changes nothing: what was in stays, what failed can be put again. */
static int use_map(void *ctx) {
    struct entry {
        struct map_node node;
        char key[8];
    } e[100] = {0};
    struct map m = {.seed = 7};
    size_t in = 0;
    int r = 0;
    for (size_t i = 0; i < 100; i++) {
        snprintf(e[i].key, sizeof e[i].key, "k%zu", i);
        int err = map_put(&m, &e[i].node, slice_str(e[i].key));
        if (err) {
            r = err;
            assert_int_equal(err, ERR_NOMEM);
            assert_null(map_get(&m, slice_str(e[i].key)));
            continue;
        }
        in++;
    }
    assert_int_equal(m.count, in);
    for (size_t i = 0; i < 100; i++) {
        struct map_node *n = map_get(&m, slice_str(e[i].key));
        assert_true(!n || n == &e[i].node);
        in -= n != NULL;
        if (n)
            map_remove(&m, n);
    }
    assert_int_equal(in, 0);
    assert_int_equal(m.count, 0);
    map_free(&m);
    return r;
}

static void the_json_writer(void **s) {
    failmalloc_each(write_json, NULL);
}
static void encodings(void **s) {
    failmalloc_each(encode, NULL);
}
static void arenas(void **s) {
    failmalloc_each(use_arena, NULL);
}
static void maps(void **s) {
    failmalloc_each(use_map, NULL);
}

UNIT_MAIN(T(the_json_writer), T(encodings), T(arenas), T(maps))
