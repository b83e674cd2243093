/* SPDX-License-Identifier: Apache-2.0 */
/* The recorded streams in tests/vectors/rfb, which every decoder of ours must read, are what amtsim says and
 * show what they claim. UPDATE_VECTORS=1 writes them. Their README tells the format. */
#include "kvm_rig.h"

#include "base/json.h"
#include "base/rd.h"

#include <stdlib.h>

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

/* --- a file --- */

struct vector {
    struct buf text;
    struct json j;
};

static void vector_begin(struct vector *v, const char *name, const char *about) {
    *v = (struct vector){0};
    v->j = json_of(&v->text);
    json_obj(&v->j);
    json_kstr(&v->j, "name", name);
    json_kstr(&v->j, "about", about);
}

static void put_picture(struct json *j, enum kvm_format f, unsigned w, unsigned h, size_t handshake) {
    json_kstr(j, "format", kvm_format_name(f));
    json_kint(j, "width", w);
    json_kint(j, "height", h);
    json_kint(j, "handshakeBytes", (int64_t)handshake);
}

/* The update that ended with the last byte the viewer took. */
static void put_update(struct json *j, const struct rfb_client *c) {
    char hash[65];
    assert_string_equal(c->error, "");
    assert_int_equal(c->in.len, 0);
    rfb_client_hash(c, hash);
    json_obj(j);
    json_kint(j, "endBytes", (int64_t)c->bytes);
    json_kint(j, "width", c->w);
    json_kint(j, "height", c->h);
    json_kstr(j, "sha256", hash);
    json_obj_end(j);
}

static void put_hex(struct json *j, struct slice s) {
    struct buf hex = {0};
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(buf_putf(&hex, "%02x", s.p[i]), 0);
    json_key(j, "stream");
    json_slice(j, buf_slice(&hex));
    buf_free(&hex);
}

/* Compare with the file, or write it. */
static void vector_end(struct vector *v, const char *name) {
    char path[512];
    json_obj_end(&v->j);
    buf_puts(&v->text, "\n");
    assert_false(v->text.failed);
    snprintf(path, sizeof path, "%s/tests/vectors/rfb/%s.json", SOURCE_ROOT, name);
    bool update = getenv("UPDATE_VECTORS") != NULL;
    FILE *f = fopen(path, update ? "w" : "r");
    if (!f)
        fail_msg("cannot open %s", path);
    struct slice s = buf_slice(&v->text);
    if (update) {
        assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
    } else {
        char *have = calloc(1, s.n + 2);
        assert_non_null(have);
        size_t n = fread(have, 1, s.n + 1, f);
        if (!slice_eq(slice_of(have, n), s))
            fail_msg("%s is not what amtsim says now; if that is meant, run with UPDATE_VECTORS=1", path);
        free(have);
    }
    assert_int_equal(fclose(f), 0);
    buf_free(&v->text);
}

/* --- sessions of amtsim --- */

struct session {
    const char *name, *about;
    uint16_t w, h;
    struct kvm_wish wish;
    bool padded;
    unsigned updates; /* after the first: typing, pointing and two frames each */
    uint32_t faults;
    uint16_t then_w, then_h; /* DesktopSize at the end */
};
/* format, encoding 16?, compressed?, DesktopSize? */
#define WISH(f, ...)                                                                                         \
    { KVM_FORMAT_##f, __VA_ARGS__ }
#define STORED   true, false, false
#define DEFLATED true, true, false
#define PLAIN    false, false, false
static const struct session SESSIONS[] = {
    {"raw-565", "RAW, 16 bits a pixel", 70, 20, WISH(565, PLAIN), false, 1, 0, 0, 0},
    {"raw-332", "RAW, 8 bits a pixel", 70, 20, WISH(332, PLAIN), false, 1, 0, 0, 0},
    {"raw-grey8", "RAW, 256 greys", 70, 20, WISH(GREY8, PLAIN), false, 1, 0, 0, 0},
    {"raw-grey4", "RAW, 16 greys", 70, 20, WISH(GREY4, PLAIN), false, 1, 0, 0, 0},
    {"rle-565", "encoding 16, stored", 150, 84, WISH(565, STORED), false, 1, 0, 0, 0},
    {"rle-332", "encoding 16, stored", 150, 84, WISH(332, STORED), false, 1, 0, 0, 0},
    {"rle-332-padded", "packed rows padded", 150, 84, WISH(332, STORED), true, 1, 0, 0, 0},
    {"rle-grey8", "encoding 16, stored", 150, 84, WISH(GREY8, STORED), false, 1, 0, 0, 0},
    {"rle-grey4", "encoding 16, stored", 150, 84, WISH(GREY4, STORED), false, 1, 0, 0, 0},
    {"zlib-565", "one deflate stream", 150, 84, WISH(565, DEFLATED), false, 3, 0, 0, 0},
    {"zlib-332-padded", "packed rows padded", 150, 84, WISH(332, DEFLATED), true, 3, 0, 0, 0},
    {"zlib-restart", "a new deflate stream, with its header, at each update but the first", 150, 84,
     WISH(565, DEFLATED), false, 2, 1u << SIM_KVM_FAULT_ZLIB_RESTART, 0, 0},
    {"size", "the display changes from 150 x 96 to 70 x 130: DesktopSize, then a full update", 150, 96,
     WISH(332, true, true, true), false, 1, 0, 70, 130},
};

static void session_moves(struct kvm_rig *r, unsigned i) {
    kvm_rig_key(r, 'A' + i);
    kvm_rig_pointer(r, i & 1, (uint16_t)(40 + 30 * i), (uint16_t)(20 + 20 * i));
    kvm_rig_wait(r, 200);
}

static void record_session(const struct session *s) {
    struct sim_kvm_config cfg = SIM_KVM_CONFIG_DEFAULT;
    cfg.name = "node";
    cfg.w = s->w;
    cfg.h = s->h;
    cfg.padded = s->padded;
    cfg.faults = s->faults;
    struct kvm_rig r = kvm_rig_of(&cfg);
    r.record = true;
    kvm_rig_send(&r, "RFB 003.008\n\x01\x01", 14);
    size_t handshake = r.heard.len;
    kvm_rig_setup(&r, s->wish);

    struct vector v;
    vector_begin(&v, s->name, s->about);
    put_picture(&v.j, s->wish.format, s->w, s->h, handshake);
    json_key(&v.j, "updates");
    json_arr(&v.j);
    for (unsigned i = 0; i <= s->updates; i++) {
        if (i)
            session_moves(&r, i);
        kvm_rig_request(&r, i > 0);
        kvm_rig_assert_picture(&r);
        assert_int_equal(r.c.updates, i + 1);
        put_update(&v.j, &r.c);
    }
    if (s->then_w) {
        sim_kvm_set_size(r.k, s->then_w, s->then_h);
        kvm_rig_request(&r, true);
        assert_true(r.c.told_size);
        kvm_rig_request(&r, false);
        kvm_rig_assert_picture(&r);
        put_update(&v.j, &r.c);
    }
    json_arr_end(&v.j);
    put_hex(&v.j, buf_slice(&r.heard));
    vector_end(&v, s->name);
    assert_int_equal(r.c.zlib_restarts, s->faults ? s->updates : 0);
    assert_true(!s->padded || r.c.padded_tiles > 0);
    kvm_rig_done(&r);
}

static void sessions(void **state) {
    for (size_t i = 0; i < LENGTH(SESSIONS); i++)
        record_session(&SESSIONS[i]);
}

/* --- streams written by hand --- */

static void put_be(struct buf *b, uint32_t v, unsigned bytes) {
    while (bytes--)
        buf_put(b, slice_of(&(uint8_t){(uint8_t)(v >> 8 * bytes)}, 1));
}

static size_t put_handshake(struct buf *b, uint16_t w, uint16_t h) {
    buf_puts(b, "RFB 003.008\n");
    put_be(b, 0x0101, 2);
    put_be(b, 0, 4);
    put_be(b, w, 2);
    put_be(b, h, 2);
    buf_put(b, slice_of(kvm_format_wire(KVM_FORMAT_565), KVM_FORMAT_CHECKED));
    put_be(b, 0, 3);
    put_be(b, 16, 4);
    buf_puts(b, "Intel(r) AMT KVM");
    return b->len;
}

static void put_update_head(struct buf *b, uint16_t nrects) {
    put_be(b, 0, 2);
    put_be(b, nrects, 2);
}

static void put_rect(struct buf *b, unsigned x, unsigned y, unsigned w, unsigned h, int32_t encoding) {
    put_be(b, x << 16 | y, 4);
    put_be(b, w << 16 | h, 4);
    put_be(b, (uint32_t)encoding, 4);
}

/* u32 length and a stored block */
static void put_stored(struct buf *b, struct slice payload) {
    put_be(b, (uint32_t)payload.n + 5, 4);
    uint8_t n0 = (uint8_t)payload.n, n1 = (uint8_t)(payload.n >> 8);
    buf_put(b, slice_of((uint8_t[]){0, n0, n1, (uint8_t)~n0, (uint8_t)~n1}, 5));
    buf_put(b, payload);
}

/* Tiles by hand: so many colours, as noise or in runs. The last column is 22 pixels wide. */
enum { RAGGED = 22, RUNS = 1, LONG_RUNS = 2 };
struct spot {
    uint16_t colours; /* 0: one */
    uint8_t how;
};
struct layout {
    unsigned cols, rows;
    const struct spot *spots;
};
/* one for each way to write a tile */
/* clang-format off: as it lies on the screen */
static const struct layout EACH_WAY = {4, 3,
                                       (const struct spot[]){
                                           {1, 0},
                                           {2, 0},
                                           {3, 0},
                                           {2, 0},
                                           {4, 0},
                                           {16, 0},
                                           {5, 0},
                                           {3, 0},
                                           {127, RUNS},
                                           {400, LONG_RUNS},
                                           {9, 0},
                                           {65535, 0},
                                       }};
/* clang-format on */
/* a line of a display of 1366 pixels */
static const struct layout STRIP = {22, 1, (const struct spot[22]){[21] = {4, 0}}};

static unsigned width_of(const struct layout *l) {
    return (l->cols - 1) * KVM_TILE + RAGGED;
}

static unsigned run_of(unsigned how, unsigned i) {
    static const unsigned LONG[] = {600, 256, 255, 511};
    return how == 0 ? 1 : how == RUNS ? (i & 1 ? 13 : 1) : i < LENGTH(LONG) ? LONG[i] : 8;
}

static uint16_t colour_of(enum kvm_format f, unsigned index) {
    uint16_t v = (uint16_t)(index * 40503u + 12345u);
    return f == KVM_FORMAT_565 ? v : f == KVM_FORMAT_GREY4 ? index % 16 : (uint8_t)(index * 2 + 1);
}

static void paint(struct kvm_tile *t, enum kvm_format f, const struct layout *l, unsigned at) {
    struct spot spot = l->spots[at];
    t->w = at % l->cols == l->cols - 1 ? RAGGED : KVM_TILE;
    t->n = t->w * KVM_TILE;
    t->pixel_bytes = kvm_format_pixel_bytes(f);
    uint32_t random = at;
    for (unsigned i = 0, run = 0, left = 0; i < t->n; i++, left--) {
        if (left == 0) {
            left = run_of(spot.how, run++);
            random = random * 1664525u + 1013904223u;
        }
        unsigned index = spot.how ? run : random >> 8;
        t->px[i] = colour_of(f, spot.colours ? at + index % spot.colours : at);
    }
}

static void assert_painted(const struct rfb_client *c, const struct layout *l) {
    for (unsigned at = 0; at < l->cols * l->rows; at++) {
        struct kvm_tile t;
        paint(&t, c->format, l, at);
        for (unsigned i = 0; i < t.n; i++) {
            size_t y = at / l->cols * KVM_TILE + i / t.w, x = at % l->cols * KVM_TILE + i % t.w;
            assert_int_equal(c->px[y * c->w + x], t.px[i]);
        }
    }
}

/* The client is left for the caller to look at. */
static struct rfb_client record_tiles(const char *name, const char *about, const struct layout *l,
                                      enum kvm_format f, bool padded) {
    struct buf b = {0};
    unsigned w = width_of(l), h = l->rows * KVM_TILE;
    size_t handshake = put_handshake(&b, (uint16_t)w, (uint16_t)h);
    put_update_head(&b, (uint16_t)(l->cols * l->rows));
    for (unsigned at = 0; at < l->cols * l->rows; at++) {
        struct kvm_tile t;
        uint8_t payload[KVM_PAYLOAD_MAX];
        paint(&t, f, l, at);
        put_rect(&b, at % l->cols * KVM_TILE, at / l->cols * KVM_TILE, t.w, KVM_TILE, 16);
        put_stored(&b, slice_of(payload, kvm_tile_payload(&t, padded, payload)));
    }
    struct rfb_client c;
    rfb_client_init(&c, f);
    rfb_client_input(&c, buf_slice(&b));
    struct vector v;
    vector_begin(&v, name, about);
    put_picture(&v.j, f, w, h, handshake);
    json_key(&v.j, "updates");
    json_arr(&v.j);
    put_update(&v.j, &c);
    json_arr_end(&v.j);
    put_hex(&v.j, buf_slice(&b));
    vector_end(&v, name);
    assert_painted(&c, l);
    buf_free(&b);
    return c;
}

static void record_each_way(const char *name, enum kvm_format f, bool padded) {
    struct rfb_client c = record_tiles(
        name, "a tile for each subencoding; runs of 1, 8, 13, 255, 256, 511 and 600", &EACH_WAY, f, padded);
    static const uint8_t SEEN[] = {1, 2, 3, 4, 5, 9, 16};
    for (size_t i = 0; i < LENGTH(SEEN); i++)
        assert_true(c.subencodings[SEEN[i]] > 0);
    if (f != KVM_FORMAT_GREY4) { /* which has no more than 16 colours */
        assert_int_equal(c.subencodings[0], 1);
        assert_int_equal(c.subencodings[128], 1);
        assert_int_equal(c.subencodings[255], 1);
    }
    assert_int_equal(c.padded_tiles, padded ? 2 : 0); /* rows of 2.75 and 5.5 bytes */
    rfb_client_done(&c);
}

static void subencodings(void **state) {
    record_each_way("subencodings-565", KVM_FORMAT_565, false);
    record_each_way("subencodings-332", KVM_FORMAT_332, false);
    record_each_way("subencodings-332-padded", KVM_FORMAT_332, true);
    record_each_way("subencodings-grey4", KVM_FORMAT_GREY4, false);
}

static void strips(void **state) {
    struct rfb_client c = record_tiles("strip-1366", "the last column is 22 wide; packed rows run on", &STRIP,
                                       KVM_FORMAT_332, false);
    assert_int_equal(c.w, 1366);
    assert_int_equal(c.padded_tiles, 0);
    rfb_client_done(&c);
    c = record_tiles("strip-1366-padded", "packed rows are filled up to bytes", &STRIP, KVM_FORMAT_332, true);
    assert_int_equal(c.padded_tiles, 1);
    rfb_client_done(&c);
}

/* Bytes of real firmware (reference 2.3): a black stored tile at (448,128), and two of one deflate stream; on
 * a picture that was white before, so that they show. */
static void captured(void **state) {
    enum { W = 512, H = 192 };
    struct buf b = {0};
    size_t handshake = put_handshake(&b, W, H);
    struct rfb_client c;
    rfb_client_init(&c, KVM_FORMAT_332);
    struct vector v;
    vector_begin(&v, "captured", "tiles of real firmware: stored, and the first two of a deflate stream");
    put_picture(&v.j, KVM_FORMAT_332, W, H, handshake);
    json_key(&v.j, "updates");
    json_arr(&v.j);

    put_update_head(&b, W / KVM_TILE * (H / KVM_TILE));
    for (unsigned at = 0; at < W / KVM_TILE * (H / KVM_TILE); at++) {
        put_rect(&b, at % (W / KVM_TILE) * KVM_TILE, at / (W / KVM_TILE) * KVM_TILE, KVM_TILE, KVM_TILE, 16);
        put_stored(&b, SLICE_LIT("\x01\xff"));
    }
    rfb_client_input(&c, buf_slice(&b));
    put_update(&v.j, &c);

    static const struct slice RECTS[] = {
        {(const uint8_t *)"\x01\xc0\0\x80\0\x40\0\x40\0\0\0\x10\0\0\0\x07\x00\x02\x00\xfd\xff\x01\x00", 23},
        {(const uint8_t *)"\0\0\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x0a\x78\x9c\x62\x64\0\0\0\0\xff\xff", 26},
        {(const uint8_t *)"\0\x40\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x08\x62\x64\0\0\0\0\xff\xff", 24},
    };
    for (size_t i = 0; i < LENGTH(RECTS); i++) {
        size_t from = b.len;
        put_update_head(&b, 1);
        buf_put(&b, RECTS[i]);
        rfb_client_input(&c, slice_skip(buf_slice(&b), from));
        put_update(&v.j, &c);
    }
    json_arr_end(&v.j);
    put_hex(&v.j, buf_slice(&b));
    vector_end(&v, "captured");
    assert_int_equal(c.px[128 * W + 448], 0);
    assert_int_equal(c.px[127 * W + 448], 0xff);
    assert_int_equal(c.px[0], 0);
    assert_int_equal(c.px[127], 0);
    assert_int_equal(c.px[128], 0xff);
    assert_int_equal(c.zlib_rects, 2);
    rfb_client_done(&c);
    buf_free(&b);
}

/* Everything that may come between pictures. */
static void other_messages(void **state) {
    struct buf b = {0};
    size_t handshake = put_handshake(&b, KVM_TILE, KVM_TILE);
    struct rfb_client c;
    rfb_client_init(&c, KVM_FORMAT_332);
    struct vector v;
    vector_begin(
        &v, "messages",
        "an update without rectangles; texts of both channels, an empty one and a bell before a tile");
    put_picture(&v.j, KVM_FORMAT_332, KVM_TILE, KVM_TILE, handshake);
    json_key(&v.j, "updates");
    json_arr(&v.j);
    put_update_head(&b, 1);
    put_rect(&b, 0, 0, KVM_TILE, KVM_TILE, 16);
    put_stored(&b, SLICE_LIT("\x01\xff"));
    rfb_client_input(&c, buf_slice(&b));
    put_update(&v.j, &c);
    size_t from = b.len;
    put_update_head(&b, 0);
    rfb_client_input(&c, slice_skip(buf_slice(&b), from));
    put_update(&v.j, &c);
    from = b.len;
    static const struct slice TEXTS[] = {{(const uint8_t *)"\0KvmExtCmd\0\x03\x01", 13},
                                         {(const uint8_t *)"\0KvmDataChannel\x01", 16},
                                         {(const uint8_t *)"", 0}};
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        put_be(&b, 0x03000000, 4);
        put_be(&b, (uint32_t)TEXTS[i].n, 4);
        buf_put(&b, TEXTS[i]);
    }
    put_be(&b, 2, 1); /* Bell */
    put_update_head(&b, 1);
    put_rect(&b, 0, 0, KVM_TILE, KVM_TILE, 16);
    put_stored(&b, SLICE_LIT("\x01\x1c"));
    rfb_client_input(&c, slice_skip(buf_slice(&b), from));
    put_update(&v.j, &c);
    json_arr_end(&v.j);
    put_hex(&v.j, buf_slice(&b));
    vector_end(&v, "messages");
    assert_int_equal(c.texts, 3);
    assert_int_equal(c.empty_updates, 1);
    rfb_client_done(&c);
    buf_free(&b);
}

/* --- what no decoder may accept --- */

struct bad {
    const char *name;
    struct slice payload; /* of one stored tile of 64 x 64 */
};
static const struct bad BAD_TILES[] = {
#define BAD(name, lit)                                                                                       \
    {                                                                                                        \
        name, {                                                                                              \
            (const uint8_t *)("" lit), sizeof(lit) - 1                                                       \
        }                                                                                                    \
    }
    BAD("no payload", ""),
    BAD("subencoding 17", "\x11\x00\x01"),
    BAD("subencoding 127", "\x7f\x00\x01"),
    BAD("subencoding 129", "\x81\x00\x00"),
    BAD("solid without its pixel", "\x01"),
    BAD("solid with a byte too many", "\x01\x00\x00"),
    BAD("raw that ends early", "\x00\x01\x02\x03"),
    BAD("packed palette without pixels", "\x02\x00\xff"),
    BAD("plain RLE that ends early", "\x80\x00\xff\xff\x00"),
    BAD("plain RLE whose run passes the tile's end",
        "\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10"),
    BAD("plain RLE with bytes behind the last run",
        "\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x0f\x00"),
    BAD("palette RLE with an index beyond its palette",
        "\x82\x00\xff\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x0f"),
    BAD("palette RLE that ends in its palette", "\x92\x00\x01"),
#undef BAD
};

/* Behind a good handshake. */
static const struct bad BAD_STREAMS[] = {
#define BAD(name, lit)                                                                                       \
    {                                                                                                        \
        name, {                                                                                              \
            (const uint8_t *)("" lit), sizeof(lit) - 1                                                       \
        }                                                                                                    \
    }
    BAD("an unknown message", "\x63"),
    BAD("an unknown encoding", "\0\0\0\x01\0\0\0\0\0\x40\0\x40\0\0\0\x07\0\0\0\0"),
    BAD("a tile outside the picture",
        "\0\0\0\x01\0\x40\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x07\0\x02\0\xfd\xff\x01\0"),
    BAD("a RAW rectangle outside the picture", "\0\0\0\x01\0\0\xff\xff\0\x01\0\x01\0\0\0\0\0"),
    BAD("a block of 4 GiB", "\0\0\0\x01\0\0\0\0\0\x40\0\x40\0\0\0\x10\xff\xff\xff\xff"),
    BAD("a block without bytes", "\0\0\0\x01\0\0\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\0"),
    BAD("a block that is no deflate stream",
        "\0\0\0\x01\0\0\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x06\xff\xff\xff\xff\xff\xff"),
    BAD("DesktopSize of 65535 x 65535", "\0\0\0\x01\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x21"),
    BAD("DesktopSize of 0 x 0", "\0\0\0\x01\0\0\0\0\0\0\0\0\xff\xff\xff\x21"),
#undef BAD
};

static void put_bad(struct json *j, const char *name, struct buf *stream) {
    struct rfb_client c;
    rfb_client_init(&c, KVM_FORMAT_332);
    rfb_client_input(&c, buf_slice(stream));
    if (!c.error[0])
        fail_msg("%s: our decoder takes it", name);
    rfb_client_done(&c);
    json_obj(j);
    json_kstr(j, "name", name);
    put_hex(j, buf_slice(stream));
    json_obj_end(j);
    buf_free(stream);
}

static void bad_streams(void **state) {
    struct buf b = {0};
    struct vector v;
    vector_begin(&v, "bad", "after each of these a decoder has given up with a reason");
    put_picture(&v.j, KVM_FORMAT_332, KVM_TILE, KVM_TILE, put_handshake(&b, KVM_TILE, KVM_TILE));
    buf_free(&b);
    json_key(&v.j, "streams");
    json_arr(&v.j);
    for (size_t i = 0; i < LENGTH(BAD_TILES); i++) {
        put_handshake(&b, KVM_TILE, KVM_TILE);
        put_update_head(&b, 1);
        put_rect(&b, 0, 0, KVM_TILE, KVM_TILE, 16);
        put_stored(&b, BAD_TILES[i].payload);
        put_bad(&v.j, BAD_TILES[i].name, &b);
    }
    /* three colours need two bits, which can say a fourth */
    uint8_t packed[1 + 3 + KVM_TILE_PIXELS / 4];
    memset(packed, 0xff, sizeof packed);
    packed[0] = 3;
    put_handshake(&b, KVM_TILE, KVM_TILE);
    put_update_head(&b, 1);
    put_rect(&b, 0, 0, KVM_TILE, KVM_TILE, 16);
    put_stored(&b, slice_of(packed, sizeof packed));
    put_bad(&v.j, "packed palette with an index beyond its palette", &b);
    for (size_t i = 0; i < LENGTH(BAD_STREAMS); i++) {
        put_handshake(&b, KVM_TILE, KVM_TILE);
        buf_put(&b, BAD_STREAMS[i].payload);
        put_bad(&v.j, BAD_STREAMS[i].name, &b);
    }
    json_arr_end(&v.j);
    vector_end(&v, "bad");
}

UNIT_MAIN(T(sessions), T(subencodings), T(strips), T(captured), T(other_messages), T(bad_streams))
