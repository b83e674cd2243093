/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redir_wire.h"
#include "unit.h"

#define REALM "Digest:0123456789ABCDEF0123456789ABCDEF"

/* the vector of reference 1.2 */
static struct digest_answer vector(void) {
    return (struct digest_answer){.user = SLICE_LIT("admin"),
                                  .realm = SLICE_LIT(REALM),
                                  .nonce = SLICE_LIT("00112233445566778899aabbccddeeff"),
                                  .uri = SLICE_LIT(REDIR_DIGEST_URI),
                                  .cnonce = SLICE_LIT("0a1b2c3d4e"),
                                  .nc = SLICE_LIT("00000001"),
                                  .qop = SLICE_LIT("auth")};
}

static void the_digests_of_the_reference(void **s) {
    char ha1[DIGEST_HA1_CAP], out[DIGEST_HA1_CAP];
    struct digest_answer a = vector();
    assert_int_equal(digest_ha1("admin", REALM, "P@ssw0rd", ha1), 0);
    assert_string_equal(ha1, "b6710485f86e6174cca7404518df56da");
    assert_int_equal(redir_digest_response(ha1, REDIR_AUTH_DIGEST, &a, out), 0);
    assert_string_equal(out, "5855b37780c0355e7fefd79ea6251029");
    a.uri = SLICE_LIT("/not/what/is/hashed");
    assert_int_equal(redir_digest_response(ha1, REDIR_AUTH_DIGEST_OLD, &a, out), 0);
    assert_string_equal(out, "bc003076310965d13a3ec28169d5f02b");
}

static void a_digest_message(void **s) {
    uint8_t mem[REDIR_AUTH_MAX];
    struct digest_answer a = vector(), back;
    a.response = SLICE_LIT("5855b37780c0355e7fefd79ea6251029");
    struct wr w = wr_of(mem, sizeof mem);
    redir_put_digest(&w, REDIR_AUTH_DIGEST, &a);
    struct slice msg = wr_done(&w);
    assert_int_equal(msg.n, 9 + 0x9d); /* reference 1.2 */
    assert_memory_equal(msg.p, "\x13\0\0\0\4\x9d\0\0\0\5admin\x27", 16);
    assert_int_equal(redir_msg_length(REDIR_FROM_CLIENT, msg), msg.n);
    struct redir_auth_msg m = redir_get_auth(msg);
    assert_int_equal(m.type, REDIR_AUTH_DIGEST);
    assert_true(redir_get_digest(m.data, REDIR_AUTH_DIGEST, &back));
    assert_true(slice_eq(back.user, a.user) && slice_eq(back.realm, a.realm) &&
                slice_eq(back.nonce, a.nonce));
    assert_true(slice_eq(back.uri, a.uri) && slice_eq(back.cnonce, a.cnonce) && slice_eq(back.nc, a.nc));
    assert_true(slice_eq(back.response, a.response) && slice_eq(back.qop, a.qop));
    assert_false(redir_get_digest(slice_head(m.data, m.data.n - 1), REDIR_AUTH_DIGEST, &back));
    /* the beginning, as captured: reference 1.2 */
    struct digest_answer first = {.user = SLICE_LIT("admin"), .uri = SLICE_LIT(REDIR_DIGEST_URI)};
    w = wr_of(mem, sizeof mem);
    redir_put_digest(&w, REDIR_AUTH_DIGEST, &first);
    assert_true(
        slice_eq(wr_done(&w), SLICE_LIT("\x13\0\0\0\4\x20\0\0\0\5admin\0\0\x13/RedirectionService\0\0\0\0")));
    w = wr_of(mem, sizeof mem);
    redir_put_digest(&w, REDIR_AUTH_DIGEST_OLD, &first); /* seven fields */
    assert_int_equal(wr_done(&w).n, 9 + 0x1f);
    first.user = slice_of(mem, 256);
    uint8_t other[REDIR_AUTH_MAX];
    w = wr_of(other, sizeof other);
    redir_put_digest(&w, REDIR_AUTH_DIGEST, &first);
    assert_true(w.bad);
}

static void a_challenge(void **s) {
    uint8_t mem[REDIR_AUTH_MAX];
    struct redir_challenge c = {SLICE_LIT(REALM), SLICE_LIT("00112233445566778899aabbccddeeff"),
                                SLICE_LIT("auth")};
    struct redir_challenge back;
    struct wr w = wr_of(mem, sizeof mem);
    redir_put_challenge(&w, REDIR_AUTH_DIGEST, &c);
    struct slice msg = wr_done(&w);
    assert_true(slice_eq(slice_head(msg, 9), SLICE_LIT("\x14\1\0\0\4\x4e\0\0\0"))); /* as captured */
    struct redir_auth_msg m = redir_get_auth(msg);
    assert_int_equal(m.status, REDIR_AUTH_FAIL);
    assert_true(redir_get_challenge(m.data, REDIR_AUTH_DIGEST, &back));
    assert_true(slice_eq(back.realm, c.realm) && slice_eq(back.nonce, c.nonce) && slice_is(back.qop, "auth"));
    assert_true(redir_get_challenge(slice_head(m.data, m.data.n - 5), REDIR_AUTH_DIGEST_OLD, &back));
    assert_int_equal(back.qop.n, 0);
    assert_false(redir_get_challenge(slice_head(m.data, m.data.n - 5), REDIR_AUTH_DIGEST, &back));
}

static void lengths(void **s) {
    static const struct {
        enum redir_from from;
        struct slice have;
        int length;
    } all[] = {
        {REDIR_FROM_CLIENT, SLICE_LIT(""), 0},
        {REDIR_FROM_CLIENT, SLICE_LIT("\x10"), 8},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x10"), ERR_PROTO},
        {REDIR_FROM_CLIENT, SLICE_LIT("\x11"), ERR_PROTO},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x99"), ERR_PROTO},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x11"), 0},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x11\2"), 4},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x11\0\0\0\1\0\x0f\0\x57\1\0\0"), 0},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x11\0\0\0\1\0\x0f\0\x57\1\0\0\xff"), REDIR_START_REPLY_MAX},
        {REDIR_FROM_CLIENT, SLICE_LIT("\x13\0\0\0\4\0\x08\0\0"), REDIR_AUTH_MAX},
        {REDIR_FROM_CLIENT, SLICE_LIT("\x13\0\0\0\4\1\x08\0\0"), ERR_LIMIT},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x14\0\0\0\4\xff\xff\xff\xff"), ERR_LIMIT},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x2a\0\0\0\0\0\0\0\xff\xff"), 10 + 65535},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x21\0"), 23},
        {REDIR_FROM_CLIENT, SLICE_LIT("\x2b"), 8},
        {REDIR_FROM_DEVICE, SLICE_LIT("\x2b"), 8},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(redir_msg_length(all[i].from, all[i].have), all[i].length);
    assert_int_equal(redir_msg_head(REDIR_MSG_SOL_FROM_HOST), 10);
    assert_int_equal(redir_msg_head(0), 0);
}

UNIT_MAIN(T(the_digests_of_the_reference), T(a_digest_message), T(a_challenge), T(lengths))
