/* SPDX-License-Identifier: Apache-2.0 */
/* Both roles of ws. What is read is written as a line of words and compared: whole, byte by byte, and cut at
 * random. */
#include "proto/ws.h"

#include "base/rng.h"
#include "unit.h"

#include <stdlib.h>

enum { TEXT_MAX = 300, ROUNDS = 40 };
static const uint8_t SEED[16] = "sixteen bytes...";
static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};

/* --- frames by hand, RFC 6455 5.2 --- */

static struct buf stream;

/* first: FIN, RSV and opcode. length: as the head says it; -1: the shortest form. */
static void frame(uint8_t first, bool masked, const char *data, size_t n) {
    uint8_t head[10] = {first, (uint8_t)(n < 126 ? n : n <= UINT16_MAX ? 126 : 127)};
    size_t head_n = n < 126 ? 2 : n <= UINT16_MAX ? 4 : 10;
    for (size_t i = 2; i < head_n; i++)
        head[i] = (uint8_t)(n >> 8 * (head_n - 1 - i));
    head[1] = (uint8_t)(head[1] | (masked ? 0x80 : 0));
    buf_put(&stream, slice_of(head, head_n));
    if (masked)
        buf_put(&stream, slice_of(KEY, sizeof KEY));
    uint8_t *at = buf_room(&stream, n + 1);
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)(data[i] ^ (masked ? KEY[i & 3] : 0));
    buf_commit(&stream, n);
}
/* of a client */
static void f(uint8_t first, const char *data) {
    frame(first, true, data, strlen(data));
}

/* --- reading --- */

static struct buf said;

static void note(const struct ws_ev *ev, bool *in_binary) {
    static const char *const name[] = {"binary", "text", "ping", "pong", "close"};
    if (ev->kind != WS_EV_BINARY || !*in_binary)
        buf_putf(&said, " %s:", name[ev->kind]);
    *in_binary = ev->kind == WS_EV_BINARY;
    if (ev->kind == WS_EV_CLOSE)
        buf_putf(&said, "%u:", ev->code);
    buf_put(&said, ev->data);
}

/* Each input is a block of its own of the heap, and bytes that were left are offered again elsewhere. */
static const char *read_in(enum ws_role role, struct rng *rng, size_t piece) {
    struct ws *w = ws_new(role, TEXT_MAX, role == WS_CLIENT ? SEED : NULL);
    struct slice all = buf_slice(&stream);
    bool in_binary = false;
    int r = 0;
    buf_free(&said);
    while (all.n && r == 0) {
        struct slice part = slice_head(all, piece ? piece : (size_t)rng_range(rng, 1, 40));
        all = slice_skip(all, part.n);
        do {
            uint8_t *copy = malloc(part.n + 1);
            memcpy(copy, part.p, part.n);
            struct slice in = slice_of(copy, part.n);
            struct ws_ev ev;
            r = ws_input(w, &in, &ev);
            part = slice_skip(part, part.n - in.n);
            if (r == 1)
                note(&ev, &in_binary);
            free(copy);
        } while (r == 1 && part.n); /* an event that needs no byte more has been told: nothing hides */
        r = r == 1 ? 0 : r;
    }
    if (r < 0)
        buf_putf(&said, " %s: %s", err_name(r), ws_error(w));
    assert_int_equal(ws_closing(w), r < 0 || strstr(buf_cstr(&said), " close:"));
    ws_free(&w);
    return buf_cstr(&said);
}

/* The stream reads as the words say, however it is cut; then it is forgotten. */
static void reads(enum ws_role role, const char *words) {
    struct rng rng = {42};
    assert_string_equal(read_in(role, &rng, SIZE_MAX), words);
    assert_string_equal(read_in(role, &rng, 1), words);
    for (int i = 0; i < ROUNDS; i++)
        assert_string_equal(read_in(role, &rng, 0), words);
    buf_free(&stream);
    buf_free(&said);
}

static void messages_of_both_kinds(void **s) {
    f(0x82, "abc");
    f(0x81, "Gr\xc3\xbc\xc3\x9f"
            "e");
    f(0x82, "");
    f(0x81, "");
    f(0x8a, "late");
    f(0x82, "d");
    reads(WS_SERVER, " binary:abc text:Gr\xc3\xbc\xc3\x9f"
                     "e text: pong:late binary:d");
    frame(0x82, false, "from the server", 15);
    frame(0x89, false, "?", 1);
    reads(WS_CLIENT, " binary:from the server ping:?");
}

static void fragments_with_control_frames_between(void **s) {
    f(0x01, "Fr\xc3"); /* cut inside a character */
    f(0x89, "are you there");
    f(0x00, "");
    f(0x80, "\xa9re");
    f(0x02, "one ");
    f(0x8a, "");
    f(0x00, "two ");
    f(0x80, "three");
    f(0x88, "\x03\xe8 bye");
    f(0x82, "nothing follows");
    reads(WS_SERVER,
          " ping:are you there text:Fr\xc3\xa9re binary:one  pong: binary:two three close:1000: bye");
}

static void long_frames_in_pieces(void **s) {
    static char big[70000];
    memset(big, 'x', sizeof big - 1);
    const size_t sizes[] = {125, 126, 127, 4096, 65535, 65536, 69999};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *words = malloc(sizes[i] + 32);
        frame(0x82, true, big, sizes[i]);
        f(0x81, "end");
        snprintf(words, sizes[i] + 32, " binary:%.*s text:end", (int)sizes[i], big);
        reads(WS_SERVER, words);
        free(words);
    }
}

/* Each breach of a rule: what the peer sends, and what it is told. */
static void breaches(void **s) {
    static const struct breach {
        const char *bytes;
        size_t n;
        const char *words;
    } all[] = {
#define B(bytes, words) {bytes, sizeof(bytes) - 1, words}
        B("\xc2\x80\0\0\0\0", " proto: reserved bits are set in a frame, and no extension was agreed"),
        B("\x92\x80\0\0\0\0", " proto: reserved bits are set in a frame, and no extension was agreed"),
        B("\x82\1x", " proto: a frame of the client is not masked"),
        B("\x83\x80\0\0\0\0", " proto: a data frame of unknown kind"),
        B("\x8b\x80\0\0\0\0", " proto: a control frame of unknown kind"),
        B("\x80\x80\0\0\0\0", " proto: a frame continues a message that was not begun"),
        B("\x02\x81\0\0\0\0a\x81\x80\0\0\0\0",
          " binary:a proto: a message begins before the last one has ended"),
        B("\x09\x80\0\0\0\0", " proto: the length of a frame is against the rules"), /* a ping in parts */
        B("\x89\xfe\0\x7e\0\0\0\0", " proto: the length of a frame is against the rules"), /* of 126 bytes */
        B("\x82\xfe\0\x7d", " proto: the length of a frame is against the rules"), /* not the shortest form */
        B("\x82\xff\0\0\0\0\0\0\xff\xff", " proto: the length of a frame is against the rules"),
        B("\x82\xff\x80\0\0\0\0\0\0\0", " proto: the length of a frame is against the rules"), /* 2^63 */
        B("\x81\x82\0\0\0\0\xc3(", " proto: a text message is not UTF-8"),
        B("\x81\x83\0\0\0\0\xed\xa0\x80", " proto: a text message is not UTF-8"), /* a surrogate */
        B("\x88\x81\0\0\0\0x", " proto: a close frame has a code that may not be sent"),
        B("\x88\x82\0\0\0\0\3\xe7", " proto: a close frame has a code that may not be sent"),   /* 999 */
        B("\x88\x82\0\0\0\0\3\xec", " proto: a close frame has a code that may not be sent"),   /* 1004 */
        B("\x88\x82\0\0\0\0\3\xed", " proto: a close frame has a code that may not be sent"),   /* 1005 */
        B("\x88\x82\0\0\0\0\3\xf7", " proto: a close frame has a code that may not be sent"),   /* 1015 */
        B("\x88\x82\0\0\0\0\x0b\xb7", " proto: a close frame has a code that may not be sent"), /* 2999 */
        B("\x88\x82\0\0\0\0\x13\x88", " proto: a close frame has a code that may not be sent"), /* 5000 */
        B("\x88\x84\0\0\0\0\3\xe8\xff\xfe", " proto: the reason of a close frame is not UTF-8"),
        B("\x88\x80\0\0\0\0", " close:1005:"),
        B("\x88\x82\0\0\0\0\x0f\xa1", " close:4001:"),
        B("\x88\x82\0\0\0\0\x0b\xb8", " close:3000:"),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        buf_put(&stream, slice_of(all[i].bytes, all[i].n));
        reads(WS_SERVER, all[i].words);
    }
    frame(0x82, true, "x", 1);
    reads(WS_CLIENT, " proto: a frame of the server is masked");
}

static void text_has_a_limit(void **s) {
    char big[TEXT_MAX + 2], words[TEXT_MAX + 64];
    memset(big, 'x', sizeof big);
    snprintf(words, sizeof words, " text:%.*s", TEXT_MAX, big);
    frame(0x81, true, big, TEXT_MAX);
    reads(WS_SERVER, words);
    frame(0x81, true, big, TEXT_MAX + 1);
    reads(WS_SERVER, " limit: a text message is too long");
    frame(0x01, true, big, TEXT_MAX - 1); /* in two frames */
    frame(0x80, true, big, 2);
    reads(WS_SERVER, " limit: a text message is too long");
    buf_put(&stream, SLICE_LIT("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x")); /* nearly 2^63 */
    reads(WS_SERVER, " limit: a text message is too long");
}

/* --- both ends --- */

struct pair {
    struct ws *client, *server;
};
static struct pair pair_new(void) {
    struct pair p = {ws_new(WS_CLIENT, TEXT_MAX, SEED), ws_new(WS_SERVER, TEXT_MAX, NULL)};
    assert_non_null(p.client);
    assert_non_null(p.server);
    return p;
}
static void pair_free(struct pair *p) {
    ws_free(&p->client);
    ws_free(&p->server);
    assert_null(p->client);
    ws_free(&p->client);
    buf_free(&said);
}
/* What the output of one says to the other. */
static const char *pass(struct ws *from, struct ws *to) {
    struct slice in = ws_output(from);
    size_t n = in.n;
    bool in_binary = false;
    struct ws_ev ev;
    int r;
    buf_free(&said);
    while ((r = ws_input(to, &in, &ev)) == 1)
        note(&ev, &in_binary);
    ws_sent(from, n);
    assert_int_equal(r, 0);
    return buf_cstr(&said);
}

static void what_one_sends_the_other_reads(void **s) {
    struct pair p = pair_new();
    for (int side = 0; side < 2; side++) {
        struct ws *from = side ? p.server : p.client, *to = side ? p.client : p.server;
        assert_int_equal(ws_binary(from, SLICE_LIT("a\xff")), 0);
        assert_int_equal(ws_text(from, SLICE_LIT("b")), 0);
        assert_int_equal(ws_ping(from), 0);
        assert_int_equal(ws_binary(from, SLICE_EMPTY), 0);
        assert_int_equal(ws_text(from, SLICE_EMPTY), 0);
        assert_string_equal(pass(from, to), " binary:a\xff text:b ping: text:");
        assert_string_equal(pass(to, from), " pong:");
        assert_int_equal(ws_output(to).n, 0);
        static uint8_t big[200000];
        assert_int_equal(ws_binary(from, slice_of(big, sizeof big)), 0);
        pass(from, to);
        assert_int_equal(said.len, sizeof big + 8);
    }
    pair_free(&p);
}

static void a_head_is_that_of_the_whole_frame(void **s) {
    const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
    static uint8_t big[70000];
    uint8_t mem[WS_HEAD_CAP];
    struct pair p = pair_new();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct slice head = ws_binary_head(p.server, sizes[i], mem);
        assert_int_equal(ws_binary(p.server, slice_of(big, sizes[i])), 0);
        struct slice out = ws_output(p.server);
        assert_int_equal(out.n, head.n + sizes[i]);
        assert_true(slice_eq(slice_head(out, head.n), head));
        ws_sent(p.server, out.n);
    }
    ws_close(p.server, 1000, "");
    assert_int_equal(ws_binary_head(p.server, 1, mem).n, 0);
    pair_free(&p);
}

static void masks_differ(void **s) {
    struct pair p = pair_new();
    struct ws *again = ws_new(WS_CLIENT, TEXT_MAX, SEED);
    assert_int_equal(ws_binary(p.client, SLICE_LIT("same")), 0);
    assert_int_equal(ws_binary(p.client, SLICE_LIT("same")), 0);
    assert_int_equal(ws_binary(again, SLICE_LIT("same")), 0);
    struct slice out = ws_output(p.client), first = slice_head(out, 10);
    assert_int_equal(out.n, 20);
    assert_memory_not_equal(out.p + 2, out.p + 12, 4);
    assert_true(slice_eq(first, ws_output(again))); /* the seed is all that they come from */
    ws_free(&again);
    pair_free(&p);
}

static void a_close_is_answered_once(void **s) {
    struct pair p = pair_new();
    ws_close(p.server, 4004, "idle");
    ws_close(p.server, 4001, "not said");
    assert_true(ws_closing(p.server));
    assert_int_equal(ws_binary(p.server, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(ws_text(p.server, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(ws_ping(p.server), ERR_CLOSED);
    assert_int_equal(ws_binary(p.client, SLICE_LIT("on its way")), 0);
    assert_int_equal(ws_ping(p.client), 0);
    assert_string_equal(pass(p.client, p.server),
                        " binary:on its way ping:"); /* and no pong after the close */
    assert_string_equal(pass(p.server, p.client), " close:4004:idle");
    assert_true(ws_closing(p.client));
    assert_int_equal(ws_output(p.client).n, 8);
    assert_string_equal(pass(p.client, p.server), " close:4004:");
    assert_int_equal(ws_output(p.server).n, 0);
    assert_string_equal(ws_error(p.server), "");
    pair_free(&p);
    p = pair_new();
    ws_close(p.client, WS_CLOSE_NONE, "has no place");
    assert_string_equal(pass(p.client, p.server), " close:1005:");
    assert_string_equal(pass(p.server, p.client), " close:1005:");
    pair_free(&p);
}

static void a_reason_is_cut_at_a_character(void **s) {
    char reason[200], words[200];
    for (size_t lead = 119; lead <= 123; lead++) {
        memset(reason, 'r', sizeof reason);
        snprintf(reason + lead, sizeof reason - lead, "\xe2\x82\xac and more");
        struct pair p = pair_new();
        ws_close(p.server, 4001, reason);
        snprintf(words, sizeof words, " close:4001:%.*s%s%s", (int)lead, reason,
                 lead <= 120 ? "\xe2\x82\xac" : "", lead == 119 ? " " : "");
        assert_string_equal(pass(p.server, p.client), words);
        pair_free(&p);
    }
}

/* The peer that broke a rule is told which. */
static void an_error_is_sent_and_stays(void **s) {
    struct pair p = pair_new();
    struct slice in = SLICE_LIT("\x82\1x");
    struct ws_ev ev;
    assert_int_equal(ws_input(p.server, &in, &ev), ERR_PROTO);
    assert_string_equal(pass(p.server, p.client), " close:1002:a frame of the client is not masked");
    in = SLICE_LIT("\x82\x80\0\0\0\0");
    assert_int_equal(ws_input(p.server, &in, &ev), ERR_PROTO);
    assert_int_equal(ws_output(p.server).n, 0);
    assert_int_equal(ws_binary(p.server, SLICE_LIT("x")), ERR_CLOSED);
    pair_free(&p);
    static const struct {
        const char *bytes;
        size_t n;
        const char *words;
    } codes[] = {{"\x81\x81\0\0\0\0\xff", 7, " close:1007:a text message is not UTF-8"},
                 {"\x81\xfe\x7f\xff\0\0\0\0x", 9, " close:1009:a text message is too long"}};
    for (size_t i = 0; i < 2; i++) {
        p = pair_new();
        in = slice_of(codes[i].bytes, codes[i].n);
        assert_true(ws_input(p.server, &in, &ev) < 0);
        assert_string_equal(pass(p.server, p.client), codes[i].words);
        pair_free(&p);
    }
}

/* A peer that pings and does not read: 16 pongs wait, then the newest ping alone is kept. */
static void a_flood_of_pings_costs_little(void **s) {
    struct pair p = pair_new();
    struct ws_ev ev;
    char name[12], words[200] = "";
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%d", i);
        f(0x89, name);
        struct slice in = buf_slice(&stream);
        assert_int_equal(ws_input(p.server, &in, &ev), 1);
        assert_int_equal(ev.kind, WS_EV_PING);
        buf_free(&stream);
    }
    assert_true(ws_output(p.server).n <= 16 * 4);
    for (int i = 0; i < 16; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), " pong:%d", i);
    assert_int_equal(ws_binary(p.server, SLICE_LIT("data")), 0); /* does not hold the newest one up */
    struct slice out = ws_output(p.server);
    assert_int_equal(out.p[2], '0');
    ws_sent(p.server, out.n - 6);
    assert_string_equal(pass(p.server, p.client), " binary:data pong:4999");
    f(0x89, "again"); /* the count began anew */
    struct slice in = buf_slice(&stream);
    assert_int_equal(ws_input(p.server, &in, &ev), 1);
    assert_string_equal(pass(p.server, p.client), " pong:again");
    buf_free(&stream);
    pair_free(&p);
}

/* Pieces come as they arrive, and never more than was put in: nothing is gathered. */
static void binary_is_not_gathered(void **s) {
    struct ws *w = ws_new(WS_SERVER, TEXT_MAX, NULL);
    struct slice in = SLICE_LIT("\x02\xff\0\0\0\x7f\xff\xff\xff\xff\0\0\0\0"); /* of 2^39 bytes */
    struct ws_ev ev;
    static uint8_t piece[3000];
    assert_int_equal(ws_input(w, &in, &ev), 0);
    for (int i = 0; i < 1000; i++) {
        in = slice_of(piece, sizeof piece);
        assert_int_equal(ws_input(w, &in, &ev), 1);
        assert_int_equal(ev.data.n, sizeof piece);
        assert_int_equal(in.n, 0);
    }
    ws_free(&w);
}

/* --- the handshake --- */

static void the_key_and_its_answer(void **s) {
    char out[WS_ACCEPT_CAP], key[25];
    assert_true(ws_accept_key(SLICE_LIT("dGhlIHNhbXBsZSBub25jZQ=="), out)); /* RFC 6455 1.3 */
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ws_make_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
    static const char *const bad[] = {"",
                                      "dGhlIHNhbXBsZSBub25jZQ",
                                      "dGhlIHNhbXBsZSBub25jZQ=",
                                      "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25jZSEh",
                                      "dGhlIHNhbXBsZSBub25jZQAA",

                                      "dGhlIHNhbXBsZSBub25jZSE=",
                                      "dGhlIHNhbXBsZSBub25j!Q==",
                                      " GhlIHNhbXBsZSBub25jZQ==",
                                      "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ws_accept_key(slice_str(bad[i]), out));
}

UNIT_MAIN(T(messages_of_both_kinds), T(fragments_with_control_frames_between), T(long_frames_in_pieces),
          T(breaches), T(text_has_a_limit), T(what_one_sends_the_other_reads),
          T(a_head_is_that_of_the_whole_frame), T(masks_differ), T(a_close_is_answered_once),
          T(a_reason_is_cut_at_a_character), T(an_error_is_sent_and_stays), T(a_flood_of_pings_costs_little),
          T(binary_is_not_gathered), T(the_key_and_its_answer))
