/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"
#include "unit.h"

static void round_trip(void **s) {
    uint8_t mem[64];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, 7);
    wr_be16(&w, 0x1234);
    wr_be32(&w, 0xdeadbeef);
    wr_le16(&w, 0x1234);
    wr_le32(&w, 0xdeadbeef);
    wr_le64(&w, 0x0123456789abcdef);
    wr_str32(&w, SLICE_LIT("hello"));
    wr_str8(&w, SLICE_LIT("to you"));
    wr_zero(&w, 3);
    struct slice out = wr_done(&w);
    assert_int_equal(out.p[1], 0x12);
    assert_int_equal(out.p[7], 0x34);
    struct rd r = rd_of(out);
    assert_int_equal(rd_u8(&r), 7);
    assert_int_equal(rd_be16(&r), 0x1234);
    assert_int_equal(rd_be32(&r), 0xdeadbeef);
    assert_int_equal(rd_le16(&r), 0x1234);
    assert_int_equal(rd_le32(&r), 0xdeadbeef);
    assert_true(rd_le64(&r) == 0x0123456789abcdef);
    assert_true(slice_is(rd_str32(&r, 5), "hello"));
    assert_true(slice_is(rd_str8(&r), "to you"));
    assert_int_equal(rd_left(&r), 3);
    assert_false(r.bad);
}

static void errors_stick(void **s) {
    struct rd r = rd_of(SLICE_LIT("\0\0\0\x05hell"));
    assert_int_equal(rd_str32(&r, 100).n, 0);
    assert_true(r.bad);
    assert_int_equal(rd_u8(&r), 0);
    r = rd_of(SLICE_LIT("\0\0\0\x05hello"));
    rd_str32(&r, 4);
    assert_true(r.bad);
    uint8_t mem[3];
    struct wr w = wr_of(mem, sizeof mem);
    wr_be32(&w, 1);
    wr_u8(&w, 1);
    assert_true(w.bad);
    assert_int_equal(wr_done(&w).n, 0);
    uint8_t big[300] = {0};
    w = wr_of(big, sizeof big);
    wr_str8(&w, slice_of(big + 1, 255));
    assert_false(w.bad);
    w = wr_of(big, sizeof big);
    wr_str8(&w, slice_of(big + 1, 256));
    assert_true(w.bad);
    r = rd_of(SLICE_LIT("\x03no"));
    assert_int_equal(rd_str8(&r).n, 0);
    assert_true(r.bad);
}

UNIT_MAIN(T(round_trip), T(errors_stick))
