/* SPDX-License-Identifier: Apache-2.0 */
/* The dummy device against clients as they are in public, and against our own client. */
#include "proto/redir_front.h"

#include "base/buf.h"
#include "base/rng.h"
#include "proto/redir_wire.h"
#include "unit.h"

#include <stdlib.h>

enum { ROUNDS = 30 };
static const uint8_t RANDOM[32] = "0123456789abcdefABCDEFGHIJKLMNO";
#define REPLY11  SLICE_LIT("\x11\0\0\0\1\0\x0b\x08\x57\1\0\0\2hi")
#define START    SLICE_LIT("\x10\1\0\0KVMR")
#define QUERY    SLICE_LIT("\x13\0\0\0\0\0\0\0\0")
#define METHODS  SLICE_LIT("\x14\0\0\0\0\1\0\0\0\4")
#define BEGIN    SLICE_LIT("\x13\0\0\0\4\x0d\0\0\0\5dummy\0\0\0\0\0\0\0")
#define ANSWER   SLICE_LIT("\x13\0\0\0\4\x11\0\0\0\5dummy\0\0\4guid\0\0\0\0")
#define RESPONSE SLICE_LIT("\x13\0\0\0\4\x10\0\0\0\5dummy\1r\1n\0\0\0\1x\0")
#define ACCEPT   SLICE_LIT("\x14\0\0\0\4\0\0\0\0")
#define CHALLENGE                                                                                            \
    SLICE_LIT("\x14\1\0\0\4\x4e\0\0\0\x27"                                                                   \
              "Digest:30313233343536373839616263646566"                                                      \
              "\x20"                                                                                         \
              "4142434445464748494a4b4c4d4e4f00"                                                             \
              "\4auth")

static struct redir_front *front(void) {
    struct redir_front *f = redir_front_new(REDIR_KVM, RANDOM);
    assert_non_null(f);
    assert_int_equal(redir_front_state(f), REDIR_FRONT_START);
    return f;
}
/* Nothing of it is for the device. */
static void hears(struct redir_front *f, struct slice in) {
    struct slice data;
    assert_int_equal(redir_front_input(f, &in, &data), 0);
    assert_int_equal(in.n, 0);
}
static void says(struct redir_front *f, struct slice want) {
    struct slice out = redir_front_output(f);
    assert_int_equal(out.n, want.n);
    if (want.n)
        assert_memory_equal(out.p, want.p, want.n);
    redir_front_sent(f, out.n);
}
static struct redir_front *started(void) {
    struct redir_front *f = front();
    hears(f, START);
    assert_int_equal(redir_front_state(f), REDIR_FRONT_HELD);
    says(f, SLICE_EMPTY);
    assert_int_equal(redir_front_started(f, REPLY11), 0);
    says(f, REPLY11);
    assert_int_equal(redir_front_state(f), REDIR_FRONT_AUTH);
    return f;
}
/* It is open, and passes what comes. */
static void passes(struct redir_front *f) {
    struct slice in = SLICE_LIT("\x40\0\0\0\0\0\0\0"), all = in, data;
    assert_int_equal(redir_front_state(f), REDIR_FRONT_OPEN);
    assert_int_equal(redir_front_input(f, &in, &data), 1);
    assert_true(slice_eq(data, all) && in.n == 0);
    assert_int_equal(redir_front_input(f, &in, &data), 0);
    assert_string_equal(redir_front_error(f), "");
    redir_front_free(&f);
    assert_null(f);
    redir_front_free(&f);
}

static void a_whole_login(void **s) {
    struct redir_front *f = started();
    hears(f, QUERY);
    says(f, METHODS);
    hears(f, BEGIN);
    says(f, CHALLENGE);
    hears(f, RESPONSE);
    says(f, ACCEPT);
    passes(f);
}

static void clients_that_do_otherwise(void **s) {
    struct redir_front *f = started(); /* no query */
    hears(f, BEGIN);
    says(f, CHALLENGE);
    hears(f, BEGIN); /* asks again */
    says(f, CHALLENGE);
    hears(f, RESPONSE);
    says(f, ACCEPT);
    passes(f);
    f = started(); /* a response at once */
    hears(f, RESPONSE);
    says(f, ACCEPT);
    passes(f);
    f = started(); /* user and password in the open */
    hears(f, SLICE_LIT("\x13\0\0\0\1\x0a\0\0\0\5admin\3pwd"));
    says(f, SLICE_LIT("\x14\0\0\0\1\0\0\0\0"));
    passes(f);
    f = started(); /* the older digest */
    hears(f, SLICE_LIT("\x13\0\0\0\3\x07\0\0\0\0\0\0\0\0\0\0"));
    struct slice out = redir_front_output(f);
    assert_int_equal(out.p[4], REDIR_AUTH_DIGEST_OLD);
    assert_int_equal(out.n, 9 + 40 + 33);
    redir_front_sent(f, out.n);
    hears(f, SLICE_LIT("\x13\0\0\0\3\x08\0\0\0\0\0\0\0\0\0\1x"));
    says(f, SLICE_LIT("\x14\0\0\0\3\0\0\0\0"));
    passes(f);
    f = started(); /* Kerberos first, then a digest whose fields cannot be read */
    hears(f, SLICE_LIT("\x13\0\0\0\2\0\0\0\0"));
    says(f, SLICE_LIT("\x14\2\0\0\2\0\0\0\0"));
    hears(f, SLICE_LIT("\x13\0\0\0\4\1\0\0\0\xff"));
    says(f, CHALLENGE);
    hears(f, SLICE_LIT("\x13\0\0\0\4\1\0\0\0\xff"));
    says(f, ACCEPT);
    passes(f);
}

/* The other end of our own client: what one says the other takes. */
static void our_client_logs_in(void **s) {
    const struct redir_limits lim = REDIR_LIMITS_DEFAULT;
    const struct redir_config cfg = {.kind = REDIR_KVM, .bare = true, .user = "u", .password = "p"};
    struct redir *r = redir_new(&cfg, &lim, (struct mono){0});
    struct redir_front *f = front();
    struct redir_ev ev;
    for (int i = 0; i < 20 && !redir_is_open(r); i++) {
        hears(f, redir_output(r));
        redir_sent(r, redir_output(r).n);
        if (redir_front_state(f) == REDIR_FRONT_HELD)
            assert_int_equal(redir_front_started(f, REPLY11), 0);
        struct slice in = redir_front_output(f);
        while (in.n)
            assert_true(redir_input(r, &in, (struct mono){0}, &ev) >= 0);
        redir_front_sent(f, redir_front_output(f).n);
    }
    assert_true(redir_is_open(r));
    redir_free(&r);
    passes(f);
}

/* Whole, byte by byte, at random; the server's word comes before all, in the middle, or after all. */
static void any_split(void **s) {
    struct buf all = {0}, data = {0};
    struct slice parts[] = {START, QUERY, BEGIN, ANSWER, RESPONSE, SLICE_LIT("data for the device")};
    struct rng rng = {3};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buf_put(&all, parts[i]);
    for (int round = 0; round < ROUNDS * 3; round++) {
        struct redir_front *f = front();
        struct slice left = buf_slice(&all), out = SLICE_EMPTY;
        size_t word = (size_t)rng_range(&rng, 0, (int64_t)left.n);
        buf_free(&data);
        while (left.n || redir_front_state(f) == REDIR_FRONT_HELD) {
            size_t cut = round == 0 ? left.n : round == 1 ? 1 : (size_t)rng_range(&rng, 1, 30);
            uint8_t *copy = malloc(cut + 1);
            struct slice in = slice_head(left, cut);
            memcpy(copy, in.p, in.n);
            left = slice_skip(left, in.n);
            in.p = copy;
            while (redir_front_input(f, &in, &out) == 1)
                buf_put(&data, out);
            free(copy);
            if (redir_front_state(f) == REDIR_FRONT_HELD && left.n <= word)
                assert_int_equal(redir_front_started(f, REPLY11), 0);
        }
        struct slice none = SLICE_EMPTY;
        while (redir_front_input(f, &none, &out) == 1)
            buf_put(&data, out);
        assert_string_equal(buf_cstr(&data), "data for the device");
        /* the answers: 0x11, the methods, two challenges, yes */
        assert_int_equal(redir_front_output(f).n, REPLY11.n + METHODS.n + 2 * CHALLENGE.n + ACCEPT.n);
        redir_front_free(&f);
    }
    buf_free(&all);
    buf_free(&data);
}

static void ends(struct redir_front *f, struct slice in, int err, const char *words) {
    struct slice data;
    assert_int_equal(redir_front_input(f, &in, &data), err);
    assert_string_equal(redir_front_error(f), words);
    in = START;
    assert_int_equal(redir_front_input(f, &in, &data), err);
    assert_int_equal(redir_front_started(f, REPLY11), err);
    redir_front_free(&f);
}

static void breaches(void **s) {
    ends(front(), SLICE_LIT("GET / HTTP/1.1"), ERR_PROTO, "the client sent message 0x47 before its login");
    ends(front(), SLICE_LIT("\x10\0\0\0SOL "), ERR_PROTO,
         "the client starts another kind of session than KVM, which this stream is for");
    ends(front(), QUERY, ERR_PROTO, "the client sent message 0x13 before its login");
    ends(front(), SLICE_LIT("\x12\0\0\0"), ERR_CLOSED, "the client ended the session before its login");
    ends(started(), START, ERR_PROTO, "the client sent message 0x10 before its login");
    ends(started(), SLICE_LIT("\x40\0\0\0\0\0\0\0"), ERR_PROTO,
         "the client sent message 0x40 before its login");
    ends(started(), SLICE_LIT("\x13\0\0\0\4\1\x08\0\0"), ERR_LIMIT,
         "the client sent a login message of more than 2057 bytes");
    struct redir_front *f = started();
    for (int i = 0; i < 16; i++)
        hears(f, QUERY);
    ends(f, QUERY, ERR_LIMIT, "the client sent more than 16 login messages");
}

static void what_comes_early_is_kept_within_a_limit(void **s) {
    static uint8_t big[1024];
    struct redir_front *f = front();
    hears(f, START);
    hears(f, slice_of(big, sizeof big));
    ends(f, slice_of(big, 1), ERR_LIMIT, "the client sent more than 1024 bytes before it was answered");
    f = front(); /* nonsense was kept: it shows when it is read */
    hears(f, START);
    hears(f, SLICE_LIT("nonsense"));
    assert_int_equal(redir_front_started(f, REPLY11), ERR_PROTO);
    ends(f, SLICE_EMPTY, ERR_PROTO, "the client sent message 0x6e before its login");
}

static void the_firmware_refused(void **s) {
    struct redir_front *f = front();
    assert_int_equal(redir_front_failed(f, 2), ERR_STATE);
    assert_int_equal(redir_front_started(f, REPLY11), ERR_STATE);
    hears(f, START);
    assert_int_equal(redir_front_failed(f, REDIR_START_STATUS_BUSY), 0);
    says(f, SLICE_LIT("\x11\2\0\0"));
    ends(f, QUERY, ERR_CLOSED, "the firmware refused the session");
}

UNIT_MAIN(T(a_whole_login), T(clients_that_do_otherwise), T(our_client_logs_in), T(any_split), T(breaches),
          T(what_comes_early_is_kept_within_a_limit), T(the_firmware_refused))
