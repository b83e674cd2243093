/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "sim/redir_side.h"
#include "unit.h"

#define REALM "Digest:0123456789ABCDEF0123456789ABCDEF"
#define NONCE "00112233445566778899aabbccddeeff"

static struct redir_side_config config(void) {
    struct redir_side_config c = {.user = "admin", .realm = REALM, .nonce = NONCE, .major = 15};
    assert_int_equal(digest_ha1("admin", REALM, "P@ssw0rd", c.ha1), 0);
    return c;
}

/* What came out of a side, as text: "start 1, login, wrong, data=abc" and then the output's bytes. */
struct trace {
    struct buf events, out;
    int err;
};

static void feed(struct redir_side *r, struct slice in, uint8_t status, struct trace *t) {
    struct redir_side_ev ev;
    int e = 0;
    while (in.n && (e = redir_side_input(r, &in, &ev)) == 1) {
        if (ev.kind == REDIR_SIDE_START) {
            buf_putf(&t->events, "start %d;", ev.session);
            redir_side_start(r, status);
        } else if (ev.kind == REDIR_SIDE_DATA) {
            buf_put(&t->events, ev.data);
        } else {
            buf_puts(&t->events, ev.kind == REDIR_SIDE_LOGIN ? "login;" : "wrong;");
        }
    }
    t->err = e;
    struct buf *out = redir_side_output(r);
    buf_put(&t->out, buf_slice(out));
    buf_consume(out, out->len);
}

static void trace_free(struct trace *t) {
    buf_free(&t->events);
    buf_free(&t->out);
}

static void whole(const struct redir_side_config *c, struct slice in, uint8_t status, struct trace *t) {
    struct redir_side *r = redir_side_new(c);
    *t = (struct trace){0};
    assert_non_null(r);
    feed(r, in, status, t);
    redir_side_free(&r);
}

static void expect(const struct trace *t, const char *events, const void *out, size_t n) {
    struct buf copy = {0};
    buf_put(&copy, buf_slice(&t->events));
    assert_string_equal(buf_cstr(&copy), events);
    assert_int_equal(t->out.len, n);
    assert_memory_equal(buf_slice(&t->out).p, out, n);
    buf_free(&copy);
}

static void put_start(struct buf *b, enum redir_kind k) {
    static const char *const STARTS[] = {"\x10\1\0\0KVMR", "\x10\0\0\0SOL ", "\x10\0\0\0IDER"};
    buf_put(b, slice_of(STARTS[k], 8));
}

/* A login as a client writes it, with what is wrong in it. */
static void put_login(struct buf *b, enum redir_auth type, struct digest_answer a, const char *ha1) {
    char response[DIGEST_HA1_CAP];
    uint8_t raw[REDIR_AUTH_MAX];
    struct wr w = wr_of(raw, sizeof raw);
    if (ha1) {
        assert_int_equal(redir_digest_response(ha1, type, &a, response), 0);
        a.response = slice_str(response);
    }
    redir_put_digest(&w, type, &a);
    assert_false(w.bad);
    buf_put(b, wr_done(&w));
}
static struct digest_answer answer(void) {
    return (struct digest_answer){.user = SLICE_LIT("admin"),
                                  .realm = SLICE_LIT(REALM),
                                  .nonce = SLICE_LIT(NONCE),
                                  .uri = SLICE_LIT("/RedirectionService"),
                                  .cnonce = SLICE_LIT("0a1b2c3d4e"),
                                  .nc = SLICE_LIT("00000001"),
                                  .qop = SLICE_LIT("auth")};
}

static const uint8_t REPLY_OK[] = {0x11, 0, 0, 0, 1, 0, 15, 0, 0x57, 1, 0, 0, 0};
static const uint8_t ACCEPT[] = {0x14, 0, 0, 0, 4, 0, 0, 0, 0};

/* The captured exchange of reference 1.2, byte by byte, and its test vector. */
static void login_as_captured(void **state) {
    static const uint8_t QUERY[] = {0x13, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t LIST[] = {0x14, 0, 0, 0, 0, 1, 0, 0, 0, 4};
    static const uint8_t FIRST[] = "\x13\0\0\0\4\x20\0\0\0\5admin\0\0\x13/RedirectionService\0\0\0\0";
    static const char CHALLENGE[] = "\x14\1\0\0\4\x4e\0\0\0\x27" REALM "\x20" NONCE "\4auth";
    struct redir_side_config c = config();
    struct redir_side *r = redir_side_new(&c);
    struct trace t = {0};
    struct buf in = {0};
    put_start(&in, REDIR_SOL);
    buf_put(&in, slice_of(QUERY, sizeof QUERY));
    buf_put(&in, slice_of(FIRST, sizeof FIRST - 1));
    assert_int_equal(sizeof FIRST - 1, 41);
    feed(r, buf_slice(&in), 0, &t);
    struct buf want = {0};
    buf_put(&want, slice_of(REPLY_OK, sizeof REPLY_OK));
    buf_put(&want, slice_of(LIST, sizeof LIST));
    buf_put(&want, slice_of(CHALLENGE, sizeof CHALLENGE - 1));
    expect(&t, "start 1;", buf_slice(&want).p, want.len);
    assert_false(redir_side_is_open(r));
    trace_free(&t);
    buf_clear(&in);
    t = (struct trace){0};
    struct digest_answer a = answer();
    a.response = SLICE_LIT("5855b37780c0355e7fefd79ea6251029");
    put_login(&in, REDIR_AUTH_DIGEST, a, NULL);
    assert_int_equal(buf_slice(&in).p[5], 0x9d);
    buf_puts(&in, "typed");
    feed(r, buf_slice(&in), 0, &t);
    expect(&t, "login;typed", ACCEPT, sizeof ACCEPT);
    assert_true(redir_side_is_open(r));
    buf_free(&want);
    buf_free(&in);
    trace_free(&t);
    redir_side_free(&r);
}

static void kvm_has_an_opening_of_its_own(void **state) {
    static const uint8_t OPEN[8] = {0x40}, REPLY[8] = {0x41};
    struct redir_side_config c = config();
    struct buf in = {0}, want = {0};
    struct trace t;
    put_start(&in, REDIR_KVM);
    put_login(&in, REDIR_AUTH_DIGEST, answer(), c.ha1);
    buf_put(&in, slice_of(OPEN, sizeof OPEN));
    buf_puts(&in, "RFB 003.008\n");
    whole(&c, buf_slice(&in), 0, &t);
    buf_put(&want, slice_of(REPLY_OK, sizeof REPLY_OK));
    buf_put(&want, slice_of(ACCEPT, sizeof ACCEPT));
    buf_put(&want, slice_of(REPLY, sizeof REPLY));
    expect(&t, "start 0;login;RFB 003.008\n", buf_slice(&want).p, want.len);
    trace_free(&t);
    buf_free(&in);
    buf_free(&want);
}

static void each_wrong_part_is_refused(void **state) {
    struct redir_side_config c = config();
    char other[DIGEST_HA1_CAP];
    assert_int_equal(digest_ha1("admin", REALM, "P@ssw0rc", other), 0);
    for (int i = 0; i < 7; i++) {
        struct digest_answer a = answer();
        struct buf in = {0};
        struct trace t;
        if (i == 1)
            a.user = SLICE_LIT("Admin");
        if (i == 2)
            a.realm = SLICE_LIT("Digest:1123456789ABCDEF0123456789ABCDEF");
        if (i == 3)
            a.nonce = SLICE_LIT("10112233445566778899aabbccddeeff");
        if (i == 4)
            a.uri = SLICE_LIT("/RedirectionServicf");
        if (i == 5)
            a.qop = SLICE_LIT("auth-int");
        put_start(&in, REDIR_SOL);
        put_login(&in, REDIR_AUTH_DIGEST, a, i == 6 ? other : c.ha1);
        buf_puts(&in, "typed");
        whole(&c, buf_slice(&in), 0, &t);
        struct slice events = buf_slice(&t.events), out = buf_slice(&t.out);
        if (!slice_is(events, i == 0 ? "start 1;login;typed" : "start 1;wrong;"))
            fail_msg("case %d: %.*s", i, (int)events.n, (const char *)events.p);
        /* refused with a challenge, so that the client can tell a wrong password from a missing one */
        assert_int_equal(out.p[sizeof REPLY_OK + 1], i == 0 ? 0 : REDIR_AUTH_FAIL);
        assert_int_equal(out.n, sizeof REPLY_OK + (i == 0 ? 9 : 9 + 0x4e));
        trace_free(&t);
        buf_free(&in);
    }
}

static void old_firmware_takes_old_ways(void **state) {
    struct redir_side_config c = config();
    static const uint8_t PLAIN[] = "\x13\0\0\0\1\x0f\0\0\0\5admin\x08P@ssw0rd";
    for (int legacy = 0; legacy < 2; legacy++) {
        c.legacy = legacy;
        struct buf in = {0};
        struct trace t;
        put_start(&in, REDIR_SOL);
        buf_put(&in, SLICE_LIT("\x13\0\0\0\0\0\0\0\0"));
        buf_put(&in, slice_of(PLAIN, sizeof PLAIN - 1));
        whole(&c, buf_slice(&in), 0, &t);
        struct slice rest = slice_skip(buf_slice(&t.out), sizeof REPLY_OK);
        if (legacy)
            assert_true(slice_eq(rest, SLICE_LIT("\x14\0\0\0\0\3\0\0\0\1\3\4\x14\0\0\0\1\0\0\0\0")));
        else /* as captured of AMT 12 */
            assert_true(slice_eq(rest, SLICE_LIT("\x14\0\0\0\0\1\0\0\0\4\x14\2\0\0\1\0\0\0\0")));
        assert_true(slice_is(buf_slice(&t.events), legacy ? "start 1;login;" : "start 1;"));
        trace_free(&t);
        buf_clear(&in);
        put_start(&in, REDIR_SOL);
        struct digest_answer a = answer();
        a.qop = SLICE_EMPTY;
        a.response = SLICE_LIT("bc003076310965d13a3ec28169d5f02b");
        put_login(&in, REDIR_AUTH_DIGEST_OLD, a, NULL);
        whole(&c, buf_slice(&in), 0, &t);
        assert_true(slice_is(buf_slice(&t.events), legacy ? "start 1;login;" : "start 1;"));
        trace_free(&t);
        buf_free(&in);
    }
    c.legacy = true;
    struct buf in = {0};
    struct trace t;
    put_start(&in, REDIR_SOL);
    buf_put(&in, SLICE_LIT("\x13\0\0\0\1\x0f\0\0\0\5admin\x08P@ssw0re"));
    whole(&c, buf_slice(&in), 0, &t);
    expect(&t, "start 1;wrong;", "\x11\0\0\0\1\0\x0f\0\x57\1\0\0\0\x14\1\0\0\1\0\0\0\0", 22);
    trace_free(&t);
    buf_free(&in);
}

static void refusals_are_four_bytes(void **state) {
    static const uint8_t STATUS[] = {1, 2, 3, 0xff};
    struct redir_side_config c = config();
    for (size_t i = 0; i < sizeof STATUS; i++) {
        struct buf in = {0};
        struct trace t;
        put_start(&in, REDIR_IDER);
        buf_puts(&in, "and more that is not looked at");
        whole(&c, buf_slice(&in), STATUS[i], &t);
        expect(&t, "start 2;", (uint8_t[]){0x11, STATUS[i], 0, 0}, 4);
        assert_int_equal(t.err, 0);
        trace_free(&t);
        buf_free(&in);
    }
    static const char *const UNKNOWN[] = {"\x10\0\0\0KVMR", "\x10\1\0\0SOL ", "\x10\0\0\0XXXX"};
    for (size_t i = 0; i < 3; i++) {
        struct trace t;
        whole(&c, slice_of(UNKNOWN[i], 8), 1, &t);
        expect(&t, "start 3;", "\x11\1\0\0", 4);
        trace_free(&t);
    }
}

static void rules_are_held(void **state) {
    static const struct {
        const char *in;
        size_t n;
        int err;
    } CASES[] = {
        {"\x20", 1, ERR_PROTO},                                    /* SOL before the start */
        {"\x10\0\0\0SOL \x28", 9, ERR_PROTO},                      /* … before the login */
        {"\x10\0\0\0SOL \x10", 9, ERR_PROTO},                      /* a second start */
        {"\x10\0\0\0SOL \x40", 9, ERR_PROTO},                      /* KVM's opening, before the login */
        {"\x10\0\0\0SOL \x13\0\0\0\4\1\x08\0\0", 17, ERR_LIMIT},   /* 2049 bytes of login */
        {"\x10\0\0\0SOL \x13\0\0\0\4\3\0\0\0\5ad", 20, ERR_PROTO}, /* a field beyond the message */
        {"\x10\0\0\0SOL \x12\0\0\0\x20", 13, 0},                   /* a proper end */
    };
    struct redir_side_config c = config();
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct trace t;
        whole(&c, slice_of(CASES[i].in, CASES[i].n), 0, &t);
        if (t.err != CASES[i].err)
            fail_msg("case %zu: %d", i, t.err);
        trace_free(&t);
    }
}

static void faults(void **state) {
    struct redir_side_config c = config();
    struct buf in = {0};
    struct trace t;
    c.no_digest = true;
    put_start(&in, REDIR_SOL);
    buf_put(&in, SLICE_LIT("\x13\0\0\0\0\0\0\0\0\x13\0\0\0\4\0\0\0\0"));
    whole(&c, buf_slice(&in), 0, &t);
    assert_true(
        slice_eq(slice_skip(buf_slice(&t.out), 13), SLICE_LIT("\x14\0\0\0\0\1\0\0\0\1\x14\2\0\0\4\0\0\0\0")));
    trace_free(&t);
    c = config();
    c.bare_reject = true;
    buf_clear(&in);
    put_start(&in, REDIR_SOL);
    put_login(&in, REDIR_AUTH_DIGEST, answer(), "0123456789abcdef0123456789abcdef");
    whole(&c, buf_slice(&in), 0, &t);
    assert_true(slice_eq(slice_skip(buf_slice(&t.out), 13), SLICE_LIT("\x14\1\0\0\4\0\0\0\0")));
    trace_free(&t);
    c = config();
    c.bad_length = true;
    buf_clear(&in);
    put_start(&in, REDIR_SOL);
    struct digest_answer empty = {.user = SLICE_LIT("admin")};
    put_login(&in, REDIR_AUTH_DIGEST, empty, NULL);
    whole(&c, buf_slice(&in), 0, &t);
    struct redir_challenge challenge;
    struct redir_auth_msg m = redir_get_auth(slice_skip(buf_slice(&t.out), 13));
    assert_false(redir_get_challenge(m.data, REDIR_AUTH_DIGEST, &challenge));
    trace_free(&t);
    buf_free(&in);
}

static void any_split_gives_the_same(void **state) {
    struct redir_side_config c = config();
    struct buf in = {0};
    struct trace want;
    put_start(&in, REDIR_KVM);
    buf_put(&in, SLICE_LIT("\x13\0\0\0\0\0\0\0\0"));
    put_login(&in, REDIR_AUTH_DIGEST, answer(), c.ha1);
    buf_put(&in, SLICE_LIT("\x40\0\0\0\0\0\0\0RFB and so on"));
    whole(&c, buf_slice(&in), 0, &want);
    assert_true(slice_is(buf_slice(&want.events), "start 0;login;RFB and so on"));
    struct rng rng = {.s = 7};
    for (int round = 0; round < 200; round++) {
        struct redir_side *r = redir_side_new(&c);
        struct trace t = {0};
        for (struct slice rest = buf_slice(&in); rest.n;) {
            struct slice part = slice_head(rest, round == 0 ? 1 : 1 + rng_u64(&rng) % 40);
            feed(r, part, 0, &t);
            rest = slice_skip(rest, part.n);
        }
        assert_true(slice_eq(buf_slice(&t.events), buf_slice(&want.events)));
        assert_true(slice_eq(buf_slice(&t.out), buf_slice(&want.out)));
        trace_free(&t);
        redir_side_free(&r);
    }
    trace_free(&want);
    buf_free(&in);
}

UNIT_MAIN(T(login_as_captured), T(kvm_has_an_opening_of_its_own), T(each_wrong_part_is_refused),
          T(old_firmware_takes_old_ways), T(refusals_are_four_bytes), T(rules_are_held), T(faults),
          T(any_split_gives_the_same))
