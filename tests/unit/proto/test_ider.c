/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ider_testing.h"

static const uint8_t READ_4[IDER_CDB] = {0x28, 0, 0, 0, 0, 2, 0, 0, 4};

/* --- opening --- */

static void opens_and_enables(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 100, *p);
            rig_open(&r, 8192);
            assert_int_equal(r.log[0].kind, IDER_EV_OPENED);
            assert_int_equal(r.log[1].kind, IDER_EV_ENABLED);
            assert_string_equal(ider_error(r.i), "");
            rig_free(&r);
        }
}

static void enables_at_the_time_that_is_asked(void **s) {
    static const struct {
        enum ider_when when;
        uint8_t bits;
    } rows[] = {{IDER_NOW, 0x19}, {IDER_GRACEFUL, 0x11}, {IDER_ON_REBOOT, 0x09}};
    for (size_t i = 0; i < 3; i++) {
        struct rig r = rig_of(0, 1, PIECE_WHOLE);
        struct ider_config cfg = {.media = {[IDER_CD] = {true, 1}}, .when = rows[i].when};
        ider_free(&r.i);
        r.i = ider_new(&cfg, r.now);
        say_open(&r, 8192);
        rig_run(&r);
        MUST_ANSWER(&r, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x30, 0x75, 0, 0, 0x20, 0x4e, 1, 0, 0, 0);
        MUST_ANSWER(&r, 0x48, 0, 0, 0, 0, 0, 0, 0, 3, rows[i].bits, 0, 0, 0);
        rig_free(&r);
    }
}

/* Says this, as the first after 0x40 or in a running session, and fails like that; the same from then on. */
static void must_fail(struct rig *r, int err, const char *text) {
    rig_run(r);
    struct slice more = SLICE_LIT("\x44\0\0\0\0\0\0\0");
    struct ider_ev ev;
    assert_int_equal(r->err, err);
    if (!strstr(ider_error(r->i), text))
        fail_msg("\"%s\" does not say \"%s\"", ider_error(r->i), text);
    assert_int_equal(ider_input(r->i, &more, r->now, &ev), err);
    assert_int_equal(ider_tick(r->i, r->now), err);
    assert_int_equal(ider_data(r->i, SLICE_LIT("x")), err);
    assert_int_equal(ider_read_failed(r->i), err);
    assert_true(mono_is_never(ider_deadline(r->i)));
    ider_close(r->i);
    assert_int_equal(ider_output(r->i).n, 0);
    rig_free(r);
}

static void a_refused_opening(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 1, *p);
            say(&r, IDER_MSG_OPEN_REPLY, 2, slice_of((uint8_t[22]){1}, 22));
            must_fail(&r, ERR_REFUSED, "(status 2)");
            r = rig_of(0, 1, *p);
            say_open(&r, 511);
            must_fail(&r, ERR_PROTO, "read buffer has 511 bytes");
            r = rig_of(0, 1, *p);
            say(&r, IDER_MSG_OPEN_REPLY, 0, slice_of((uint8_t[22]){1, [9] = 0x20, [13] = 3}, 22));
            must_fail(&r, ERR_PROTO, "protocol 3");
        }
}

static void refused_drives(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    say_open(&r, 8192);
    say_features(&r, IDER_OP_SET, 0);
    must_fail(&r, ERR_REFUSED, "did not enable");
    r = rig_of(0, 1, PIECE_WHOLE);
    say_open(&r, 8192);
    say_features(&r, IDER_OP_STATE, 1);
    must_fail(&r, ERR_PROTO, "operation 2");
}

/* --- what breaks the rules --- */

static void unknown_and_misplaced_messages(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 1, *p);
            say(&r, 0x10, 0, SLICE_EMPTY);
            must_fail(&r, ERR_PROTO, "no IDE-R message 0x10");
            r = rig_of(0, 1, *p);
            say(&r, IDER_MSG_COMMAND_END, 0, SLICE_EMPTY);
            must_fail(&r, ERR_PROTO, "COMMAND_END) came from the wrong side");
            r = rig_of(0, 1, *p);
            say_command(&r, IDER_CD, false, 0);
            must_fail(&r, ERR_PROTO, "COMMAND while the session is opened");
            r = rig_of(0, 1, *p);
            rig_open(&r, 8192);
            say_open(&r, 8192);
            must_fail(&r, ERR_PROTO, "OPEN_REPLY in a running session");
            r = rig_of(0, 1, *p);
            rig_open(&r, 8192);
            say(&r, IDER_MSG_DATA_FROM_HOST, 0, slice_of((uint8_t[9]){0, 3}, 9));
            must_fail(&r, ERR_PROTO, "DATA_FROM_HOST in a running session");
        }
}

/* Each message counts, whatever it is: one that was lost, and one that came twice. */
static void sequence_numbers_are_exact(void **s) {
    for
        EACH_PIECE(p)
    for (int by = -1; by <= 1; by += 2) {
        struct rig r = rig_of(0, 1, *p);
        rig_open(&r, 8192);
        say(&r, IDER_MSG_HEARTBEAT, 0, SLICE_EMPTY);
        say(&r, IDER_MSG_PING, 0, SLICE_EMPTY);
        rig_run(&r);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.seq, 4);
        r.seq += (uint32_t)by;
        say(&r, IDER_MSG_PONG, 0, SLICE_EMPTY);
        must_fail(&r, ERR_PROTO,
                  by < 0 ? "0x45 has sequence number 3 where 4 was due"
                         : "0x45 has sequence number 5 where 4 was due");
    }
}

static void too_many_commands_wait(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 100, *p);
            rig_open(&r, 8192);
            r.slow = true;
            for (int i = 0; i < 17; i++)
                say_ata(&r, 0xa0, IDER_CD, false, READ_4); /* the first is under way, 16 wait */
            rig_run(&r);
            assert_int_equal(r.err, 0);
            assert_int_equal(r.nlog, 1);
            say_ata(&r, 0xa0, IDER_CD, false, READ_4);
            must_fail(&r, ERR_LIMIT, "more than 16 commands");
        }
}

static void a_device_that_does_not_read(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_open(&r, 8192);
    for (int i = 0; i < 65536 / 8 + 1; i++)
        say(&r, IDER_MSG_PING, 0, SLICE_EMPTY);
    struct slice in = buf_slice(&r.says);
    struct ider_ev ev;
    assert_int_equal(ider_input(r.i, &in, r.now, &ev), ERR_LIMIT);
    assert_int_equal(in.n, 0); /* it was the last one */
    assert_int_equal(ider_output(r.i).n, 65536);
    assert_non_null(strstr(ider_error(r.i), "65536 bytes wait"));
    rig_free(&r);
}

/* --- reads --- */

/* The pieces of a read as events. */
static void must_ask(const struct rig *r, size_t n, uint64_t offset, uint32_t bytes) {
    assert_int_equal(r->log[n].kind, IDER_EV_READ);
    assert_int_equal(r->log[n].drive, IDER_CD);
    assert_int_equal(r->log[n].offset, offset);
    assert_int_equal(r->log[n].n, bytes);
}

static void a_read_goes_in_pieces_of_the_read_buffer(void **s) {
    static const struct {
        uint16_t buffer;
        uint32_t piece;
    } rows[] = {{8192, 8192}, {16384, 8192}, {3000, 2560}, {512, 512}, {4096, 4096}};
    for
        EACH_PIECE(p)
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r = rig_of(0, 100, *p);
        rig_open(&r, rows[i].buffer);
        say_ata(&r, 0xa0, IDER_CD, true, READ_4);
        rig_run(&r);
        uint32_t left = 8192, n = 0;
        for (; left; n++) {
            uint32_t piece = left < rows[i].piece ? left : rows[i].piece;
            must_ask(&r, n, 2 * 2048 + 8192 - left, piece);
            left -= piece;
        }
        assert_int_equal(r.nlog, n);
        assert_int_equal(ider_read_bytes(r.i), 8192);
        rig_free(&r);
    }
}

static void bytes_of_a_read(bool dma, int piece) {
    struct rig r = rig_of(0, 100, piece);
    uint8_t first[34 + 4096] = {0x54, 0,    0, dma ? 1 : 0,       0, 0, 0, 0, 0,
                                0x00, 0x10, 0, dma ? 0xb4 : 0xb5, 0, 2, 0, 0, dma ? 0 : 0x10,
                                0xb0, 0x58};
    uint8_t last[34 + 4096] = {
        0x54,           0,    0,    dma ? 3 : 2, 0, 0, 0, 0, 0, 0x00, 0x10, 0, dma ? 0xb4 : 0xb5, 0, 2, 0, 0,
        dma ? 0 : 0x10, 0xb0, 0x58, 0x85,        0, 3, 0, 0, 0, 0xb0, 0x50};
    for (uint64_t n = 0; n < 4096; n++) {
        first[34 + n] = image_at(IDER_CD, 4096 + n);
        last[34 + n] = image_at(IDER_CD, 8192 + n);
    }
    rig_open(&r, 4096);
    say_ata(&r, 0xa0, IDER_CD, dma, READ_4);
    rig_run(&r);
    must_answer(&r, first, sizeof first, "first piece");
    must_answer(&r, last, sizeof last, "last piece");
    must_be_silent(&r);
    rig_free(&r);
}

static void both_ways_of_transfer_to_the_byte(void **s) {
    for
        EACH_PIECE(p) {
            bytes_of_a_read(false, *p);
            bytes_of_a_read(true, *p);
        }
}

/* Commands are answered in the order in which they came. */
static void one_read_at_a_time(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 100, *p);
            rig_open(&r, 8192);
            r.slow = true;
            say_ata(&r, 0xa0, IDER_CD, true, READ_4);
            say_command(&r, IDER_CD, true, 0x1b);
            say_command(&r, IDER_CD, true, 0x28, 0, 0, 0, 0, 9, 0, 0, 1);
            say_command(&r, IDER_FLOPPY, true, 0x00);
            say(&r, IDER_MSG_PING, 0, SLICE_EMPTY);
            rig_run(&r);
            assert_int_equal(r.nlog, 1);
            MUST_ANSWER(&r, 0x45, 0, 0, 0, 0, 0, 0, 0); /* life goes on */
            must_be_silent(&r);
            assert_int_equal(ider_data(r.i, SLICE_LIT("too short")), ERR_INVALID);
            assert_int_equal(rig_answer_read(&r, &r.log[0]), 0);
            rig_run(&r);
            assert_int_equal(r.nlog, 2);
            must_ask(&r, 1, 9 * 2048, 2048);
            assert_int_equal(buf_slice(&r.answers).p[0], 0x54);
            assert_int_equal(buf_slice(&r.answers).n, 34 + 8192 + 31);
            assert_int_equal(rig_answer_read(&r, &r.log[1]), 0);
            rig_run(&r);
            assert_int_equal(buf_slice(&r.answers).n, 34 + 8192 + 31 + 34 + 2048 + 31);
            assert_int_equal(ider_data(r.i, SLICE_LIT("x")), ERR_STATE);
            assert_int_equal(ider_read_failed(r.i), ERR_STATE);
            rig_free(&r);
        }
}

static void an_image_that_cannot_be_read(void **s) {
    struct rig r = rig_of(0, 100, PIECE_WHOLE);
    rig_open(&r, 4096);
    r.unreadable = true;
    say_ata(&r, 0xa0, IDER_CD, true, READ_4);
    rig_run(&r);
    assert_int_equal(r.nlog, 1); /* what is left is not asked for */
    MUST_ANSWER(&r, 0x51, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x87, 0x30, 3, 0, 0, 0,
                0xb0, 0x51, 3, 0x11, 0);
    r.unreadable = false;
    say_ata(&r, 0xa0, IDER_CD, true, READ_4);
    rig_run(&r);
    assert_int_equal(r.nlog, 3);
    rig_free(&r);
}

/* Pieces are not asked for while the device does not take the ones before. */
static void reads_wait_for_the_output(void **s) {
    struct rig r = rig_of(0, 1000, PIECE_WHOLE);
    rig_open(&r, 8192);
    say_command(&r, IDER_CD, true, 0x28, 0, 0, 0, 0, 0, 0, 0, 100);
    struct slice in = buf_slice(&r.says);
    struct ider_ev ev;
    unsigned pieces = 0;
    while (ider_input(r.i, &in, r.now, &ev) == 1) {
        assert_int_equal(rig_answer_read(&r, &ev), 0);
        pieces++;
    }
    assert_int_equal(pieces, 4);
    assert_in_range(ider_output(r.i).n, 32769, 65536);
    ider_sent(r.i, 8);
    in = SLICE_EMPTY;
    assert_int_equal(ider_input(r.i, &in, r.now, &ev), 0);
    ider_sent(r.i, ider_output(r.i).n);
    assert_int_equal(ider_input(r.i, &in, r.now, &ev), 1);
    assert_int_equal(ev.kind, IDER_EV_READ);
    assert_int_equal(ev.offset, 4 * 8192);
    rig_free(&r);
}

/* --- reset, errors, the end --- */

static void a_reset_drops_what_is_under_way(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 100, *p);
            rig_open(&r, 8192);
            r.slow = true;
            say_ata(&r, 0xa0, IDER_CD, true, READ_4);
            say_command(&r, IDER_CD, true, 0x1b);
            say(&r, IDER_MSG_RESET, 0, SLICE_LIT("\1"));
            rig_run(&r);
            assert_int_equal(r.nlog, 2);
            assert_int_equal(r.log[1].kind, IDER_EV_RESET);
            MUST_ANSWER(&r, 0x47, 0, 0, 0, 0, 0, 0, 0);
            must_be_silent(&r);
            assert_int_equal(ider_data(r.i, SLICE_LIT("late")), ERR_STATE);
            say_command(&r, IDER_CD, true, 0x1b); /* and the session goes on */
            rig_run(&r);
            assert_int_equal(r.answers.len, 31);
            rig_free(&r);
        }
}

static void an_error_of_the_firmware_is_kept_as_a_sentence(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_open(&r, 8192);
    say(&r, IDER_MSG_ERROR, 0, SLICE_LIT("\1\2\xff"));
    rig_run(&r);
    assert_int_equal(r.err, 0);
    assert_string_equal(ider_error(r.i), "the firmware reported IDE-R error 01 02 ff");
    say(&r, IDER_MSG_PING, 0, SLICE_EMPTY);
    rig_run(&r);
    MUST_ANSWER(&r, 0x45, 0, 0, 0, 0, 0, 0, 0);
    rig_free(&r);
}

static void we_close(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 100, *p);
            rig_open(&r, 8192);
            r.slow = true;
            say_ata(&r, 0xa0, IDER_CD, true, READ_4);
            rig_run(&r);
            ider_close(r.i);
            ider_close(r.i); /* once is enough */
            assert_int_equal(ider_data(r.i, SLICE_LIT("late")), ERR_STATE);
            say_command(&r, IDER_CD, true, 0x1b); /* was on its way */
            say(&r, IDER_MSG_PING, 0, SLICE_EMPTY);
            say(&r, IDER_MSG_CLOSE_REPLY, 0, SLICE_EMPTY);
            say(&r, 0x77, 0, SLICE_EMPTY); /* nothing is looked at after the end */
            rig_run(&r);
            assert_int_equal(r.err, 0);
            MUST_ANSWER(&r, 0x42, 0, 0, 0, 0, 0, 0, 0);
            must_be_silent(&r);
            assert_int_equal(r.nlog, 2);
            assert_int_equal(r.log[1].kind, IDER_EV_CLOSED);
            assert_true(mono_is_never(ider_deadline(r.i)));
            rig_free(&r);
        }
}

static void the_firmware_closes(void **s) {
    for
        EACH_PIECE(p) {
            struct rig r = rig_of(0, 1, *p);
            rig_open(&r, 8192);
            say(&r, IDER_MSG_CLOSE, 0, SLICE_EMPTY);
            rig_run(&r);
            assert_int_equal(r.log[0].kind, IDER_EV_CLOSED);
            MUST_ANSWER(&r, 0x43, 0, 0, 0, 0, 0, 0, 0);
            ider_close(r.i);
            rig_gather(&r);
            must_be_silent(&r);
            rig_free(&r);
        }
}

/* --- time --- */

/* To the next deadline, which comes after that long; the result of the tick. */
static int pass(struct rig *r, int64_t ms) {
    struct mono at = ider_deadline(r->i);
    assert_int_equal(mono_ms_between(r->now, at), ms);
    r->now.us = at.us - 1;
    assert_int_equal(ider_tick(r->i, r->now), 0); /* too early: nothing */
    assert_int_equal(ider_output(r->i).n, 0);
    r->now = at;
    int err = ider_tick(r->i, r->now);
    rig_gather(r);
    return err;
}

static void answers_come_in_time(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_gather(&r);
    assert_int_equal(pass(&r, 15000), ERR_TIMEOUT);
    assert_string_equal(ider_error(r.i), "no answer of the firmware while the session is opened in 15 s");
    rig_free(&r);
    r = rig_of(0, 1, PIECE_WHOLE);
    r.now.us = 5000000;
    say_open(&r, 8192);
    rig_run(&r);
    assert_int_equal(pass(&r, 15000), ERR_TIMEOUT);
    assert_string_equal(ider_error(r.i), "no answer of the firmware while the drives are enabled in 15 s");
    rig_free(&r);
}

static void heartbeats(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_open(&r, 8192);
    for (int i = 0; i < 10; i++) { /* one message in each interval is life enough */
        assert_int_equal(pass(&r, 20000), 0);
        MUST_ANSWER(&r, 0x4b, 0, 0, 0, 0, 0, 0, 0);
        must_be_silent(&r);
        say(&r, i & 1 ? IDER_MSG_HEARTBEAT : IDER_MSG_PONG, 0, SLICE_EMPTY);
        rig_run(&r);
        assert_int_equal(r.err, 0);
        must_be_silent(&r);
    }
    rig_free(&r);
}

static void silence_ends_it(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_open(&r, 8192);
    assert_int_equal(pass(&r, 20000), 0);
    assert_int_equal(pass(&r, 20000), 0);
    assert_int_equal(pass(&r, 20000), 0);
    MUST_ANSWER(&r, 0x4b, 0, 0, 0, 0, 0, 0, 0);
    MUST_ANSWER(&r, 0x4b, 0, 0, 0, 0, 0, 0, 0);
    MUST_ANSWER(&r, 0x44, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(pass(&r, 20000), ERR_TIMEOUT);
    assert_string_equal(ider_error(r.i), "nothing came from the firmware in a running session");
    must_be_silent(&r);
    rig_free(&r);
}

static void a_close_without_an_answer(void **s) {
    struct rig r = rig_of(0, 1, PIECE_WHOLE);
    rig_open(&r, 8192);
    r.now.us = 19000000;
    ider_close(r.i);
    rig_gather(&r);
    MUST_ANSWER(&r, 0x42, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(pass(&r, 1000), 0);
    must_be_silent(&r);
    assert_int_equal(pass(&r, 20000), ERR_TIMEOUT);
    assert_string_equal(ider_error(r.i), "nothing came from the firmware while the session is closed");
    rig_free(&r);
}

/* --- any split --- */

/* A whole session; all that the client answers. */
static struct buf session(int piece, uint64_t seed) {
    struct rig r = rig_of(2880, 1000, piece);
    struct buf all = {0};
    r.rng.s = seed;
    say_open(&r, 4096);
    say_features(&r, IDER_OP_SET, 1);
    for (uint8_t i = 0; i < 40; i++) {
        say_command(&r, i & 1 ? IDER_CD : IDER_FLOPPY, i & 2, 0x28, 0, 0, 0, 0, i, 0, 0, i);
        say_command(&r, i & 1 ? IDER_CD : IDER_FLOPPY, i & 2, i, 0, 0x3f, 0, 8, 0, 0, 0, 0x40);
        say(&r, i % 3 ? IDER_MSG_PING : IDER_MSG_HEARTBEAT, 0, SLICE_EMPTY);
    }
    say(&r, IDER_MSG_RESET, 0, SLICE_LIT("\1"));
    say(&r, IDER_MSG_CLOSE, 0, SLICE_EMPTY);
    rig_run(&r);
    assert_int_equal(r.err, 0);
    assert_int_equal(r.log[(r.nlog - 1) % IDER_LOG].kind, IDER_EV_CLOSED);
    /* READ(10): even lengths from the floppy, odd ones from the CD; READ(6) of 256 blocks: lba 0x3f00 is
     * beyond */
    assert_int_equal(ider_read_bytes(r.i), 512 * (19 * 20) + 2048 * (20 * 20));
    buf_put(&all, buf_slice(&r.answers));
    rig_free(&r);
    return all;
}

static void any_split_is_the_same(void **s) {
    struct buf whole = session(PIECE_WHOLE, 0);
    for (int i = 0; i < 30; i++) {
        struct buf cut = session(i < 8 ? i + 1 : PIECE_RANDOM, (uint64_t)i);
        assert_int_equal(cut.len, whole.len);
        assert_memory_equal(buf_slice(&cut).p, buf_slice(&whole).p, whole.len);
        buf_free(&cut);
    }
    buf_free(&whole);
}

UNIT_MAIN(T(opens_and_enables), T(enables_at_the_time_that_is_asked), T(a_refused_opening), T(refused_drives),
          T(unknown_and_misplaced_messages), T(sequence_numbers_are_exact), T(too_many_commands_wait),
          T(a_device_that_does_not_read), T(a_read_goes_in_pieces_of_the_read_buffer),
          T(both_ways_of_transfer_to_the_byte), T(one_read_at_a_time), T(an_image_that_cannot_be_read),
          T(reads_wait_for_the_output), T(a_reset_drops_what_is_under_way),
          T(an_error_of_the_firmware_is_kept_as_a_sentence), T(we_close), T(the_firmware_closes),
          T(answers_come_in_time), T(heartbeats), T(silence_ends_it), T(a_close_without_an_answer),
          T(any_split_is_the_same))
