/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ider_testing.h"

/* The drives that the commands are sent to. */
enum { NONE, SMALL, LARGE };
static const uint32_t FLOPPY_BLOCKS[] = {0, 2880, 2881}, CD_BLOCKS[] = {0, 300, 0x12345};

enum { F = IDER_FLOPPY, C = IDER_CD };
#define CDB(...)                                                                                             \
    { __VA_ARGS__ }
#define SENSE(key, asc)                                                                                      \
    {                                                                                                        \
        true, 3, {                                                                                           \
            key, asc, 0                                                                                      \
        }                                                                                                    \
    }
#define GOOD SENSE(0, 0)
#define DATA(...)                                                                                            \
    {                                                                                                        \
        false, sizeof((uint8_t[]){__VA_ARGS__}), {                                                           \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define NO_MEDIUM      SENSE(2, 0x3a)
#define NO_COMMAND     SENSE(5, 0x20)
#define NO_FIELD       SENSE(5, 0x24)
#define BEYOND         SENSE(5, 0x21)
#define READ_ONLY      SENSE(7, 0x27)
#define TEN_ZEROS      0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define PAGE_01_FLOPPY 1, 0x0a, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0
#define PAGE_01_CD     1, 6, 0, 0xff, 0, 0, 0, 0
#define PAGE_05_144                                                                                          \
    5, 0x1e, 4, 0xb0, 2, 0x12, 2, 0, 0, 0x50, TEN_ZEROS, 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0xd0, 0, 0
#define PAGE_05_LS120                                                                                        \
    5, 0x1e, 0x10, 0xa9, 8, 0x20, 2, 0, 3, 0xc3, TEN_ZEROS, 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0xd0, 0, 0
#define PAGE_2A(mechanism) 0x2a, 0x18, 0, 0, 0, 0, mechanism, 0, 0, 0, 0, 0, 0, 0x80, TEN_ZEROS, 0, 0

static const struct row {
    const char *name;
    uint8_t medium, drive;
    uint8_t cdb[IDER_CDB];
    struct {
        bool end;
        size_t n;
        uint8_t bytes[80];
    } answer;
} ROWS[] = {
    {"ready, no floppy", NONE, F, CDB(0x00), NO_MEDIUM},
    {"ready, no CD", NONE, C, CDB(0x00), NO_MEDIUM},
    {"read 6, no floppy", NONE, F, CDB(0x08, 0, 0, 0, 1), NO_MEDIUM},
    {"read 6 beyond", SMALL, C, CDB(0x08, 0, 1, 0x2c, 1), BEYOND},
    {"read 6, high bits", SMALL, C, CDB(0x08, 1, 0, 0, 1), BEYOND},
    {"read 6, 256 blocks beyond", SMALL, C, CDB(0x08, 0, 0, 45, 0), BEYOND},
    {"write 6, no CD", NONE, C, CDB(0x0a, 0, 0, 0, 1), NO_MEDIUM},
    {"write 6", SMALL, F, CDB(0x0a, 0, 0, 0, 1), READ_ONLY},
    {"write 10, no floppy", NONE, F, CDB(0x2a, 0, 0, 0, 0, 0, 0, 0, 1), NO_MEDIUM},
    {"write 10", SMALL, C, CDB(0x2a, 0, 0, 0, 0, 0, 0, 0, 1), READ_ONLY},
    {"write verify, no CD", NONE, C, CDB(0x2e, 0, 0, 0, 0, 0, 0, 0, 1), NO_MEDIUM},
    {"write verify", SMALL, F, CDB(0x2e, 0, 0, 0, 0, 0, 0, 0, 1), READ_ONLY},
    {"mode sense 6, floppy", SMALL, F, CDB(0x1a, 0, 0x3f, 0, 192), DATA(0, 0, 0x80, 0)},
    {"mode sense 6, CD", SMALL, C, CDB(0x1a, 0, 0x3f, 0, 192), DATA(0, 5, 0x80, 0)},
    {"mode sense 6, room for two", SMALL, C, CDB(0x1a, 0, 0x3f, 0, 2), DATA(0, 5)},
    {"mode sense 6, no room", SMALL, C, CDB(0x1a, 0, 0x3f, 0, 0), GOOD},
    {"mode sense 6, a page", SMALL, C, CDB(0x1a, 0, 0x2a, 0, 192), NO_FIELD},
    {"start stop, no CD", NONE, C, CDB(0x1b, 0, 0, 0, 2), NO_MEDIUM},
    {"start stop", SMALL, C, CDB(0x1b, 0, 0, 0, 2), GOOD},
    {"prevent, no floppy", NONE, F, CDB(0x1e, 0, 0, 0, 1), NO_MEDIUM},
    {"prevent", SMALL, F, CDB(0x1e, 0, 0, 0, 1), GOOD},
    {"format capacities, no floppy", NONE, F, CDB(0x23, 0, 0, 0, 0, 0, 0, 0, 0xfc), NO_MEDIUM},
    {"format capacities", SMALL, F, CDB(0x23, 0, 0, 0, 0, 0, 0, 0, 0xfc),
     DATA(0, 0, 0, 8, 0, 0, 0x0b, 0x40, 2, 0, 2, 0)},
    {"format capacities, room for four", SMALL, F, CDB(0x23, 0, 0, 0, 0, 0, 0, 0, 4), DATA(0, 0, 0, 8)},
    {"format capacities of a CD", SMALL, C, CDB(0x23, 0, 0, 0, 0, 0, 0, 0, 0xfc), NO_COMMAND},
    {"capacity, no CD", NONE, C, CDB(0x25), NO_MEDIUM},
    {"capacity of a floppy", SMALL, F, CDB(0x25), DATA(0, 0, 0x0b, 0x3f, 0, 0, 2, 0)},
    {"capacity of a CD", LARGE, C, CDB(0x25), DATA(0, 1, 0x23, 0x44, 0, 0, 8, 0)},
    {"read 10, no floppy", NONE, F, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), NO_MEDIUM},
    {"read 10 beyond", SMALL, C, CDB(0x28, 0, 0, 0, 1, 0x2b, 0, 0, 2), BEYOND},
    {"read 10 far beyond", SMALL, F, CDB(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1), BEYOND},
    {"read 10 of nothing", SMALL, C, CDB(0x28, 0, 0, 0, 0, 5), GOOD},
    {"read 10 of nothing beyond", SMALL, C, CDB(0x28, 0, 0, 0, 1, 0x2d), BEYOND},
    {"toc of a floppy", SMALL, F, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 20), NO_COMMAND},
    {"toc, no CD", NONE, C, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 20), NO_MEDIUM},
    {"toc in blocks", LARGE, C, CDB(0x43, 0, 0, 0, 0, 0, 0, 3, 0x24),
     DATA(0, 0x12, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 1, 0x23, 0x45)},
    {"toc in minutes", LARGE, C, CDB(0x43, 2, 0, 0, 0, 0, 0, 0, 20),
     DATA(0, 0x12, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x34, 0x13)},
    {"toc, room for its head", LARGE, C, CDB(0x43, 2, 0, 0, 0, 0, 0, 0, 4), DATA(0, 0x12, 1, 1)},
    {"toc, sessions", SMALL, C, CDB(0x43, 0, 1, 0, 0, 0, 0, 0, 12),
     DATA(0, 0x0a, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0)},
    {"toc, sessions, the old way", SMALL, C, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40),
     DATA(0, 0x0a, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0)},
    {"toc, raw", SMALL, C, CDB(0x43, 0, 2, 0, 0, 0, 0, 0, 12), NO_FIELD},
    {"configuration", SMALL, C, CDB(0x46, 0, 0, 0, 0, 0, 0, 1, 0),
     DATA(0, 0, 0, 0x3c, 0, 0, 0, 8, 0, 0, 3, 4, 0, 8, 1, 0, 0, 1, 3, 4, 0, 0, 0, 2, 0, 2, 3, 4, 0, 0, 0, 0,
          0, 3, 3, 4, 0x29, 0, 0, 2, 0, 0x10, 1, 8, 0, 0, 8, 0, 0, 1, 0, 0, 0, 0x1e, 3, 0, 1, 0, 3, 0, 1, 5,
          3, 0)},
    {"configuration, room for the head", SMALL, C, CDB(0x46, 0, 0, 0, 0, 0, 0, 0, 8),
     DATA(0, 0, 0, 0x3c, 0, 0, 0, 8)},
    {"configuration, no room", SMALL, C, CDB(0x46), GOOD},
    {"configuration from 001e", SMALL, C, CDB(0x46, 0, 0, 0x1e, 0, 0, 0, 0, 64),
     DATA(0, 0, 0, 0x10, 0, 0, 0, 8, 0, 0x1e, 3, 0, 1, 0, 3, 0, 1, 5, 3, 0)},
    {"configuration, only 0003", NONE, C, CDB(0x46, 2, 0, 3, 0, 0, 0, 0, 64),
     DATA(0, 0, 0, 0x0c, 0, 0, 0, 8, 0, 3, 3, 4, 0x29, 0, 0, 2)},
    {"configuration, only 0004", SMALL, C, CDB(0x46, 2, 0, 4, 0, 0, 0, 0, 64), DATA(0, 0, 0, 4, 0, 0, 0, 8)},
    {"event status", SMALL, C, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), DATA(0, 2, 0x80, 0)},
    {"event status, no floppy", NONE, F, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), DATA(0, 0, 0x80, 0)},
    {"event status, not polled", SMALL, C, CDB(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), NO_FIELD},
    {"log select", SMALL, C, CDB(0x4c), NO_COMMAND},
    {"disc information", SMALL, C, CDB(0x51, 0, 0, 0, 0, 0, 0, 0, 34), NO_COMMAND},
    {"mode select", SMALL, F, CDB(0x55), NO_COMMAND},
    {"mode sense, no room", SMALL, C, CDB(0x5a, 0, 0x2a), DATA(0, 0, 0, 0x3c, 0, 0, 0, 8)},
    {"recovery, floppy", SMALL, F, CDB(0x5a, 0, 1, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x12, 0x24, 0x80, 0, 0, 0, 0, PAGE_01_FLOPPY)},
    {"recovery, LS-120", LARGE, F, CDB(0x5a, 0, 1, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x12, 0x31, 0x80, 0, 0, 0, 0, PAGE_01_FLOPPY)},
    {"recovery, CD", SMALL, C, CDB(0x5a, 0, 1, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x0e, 1, 0x80, 0, 0, 0, 0, PAGE_01_CD)},
    {"flexible disk", SMALL, F, CDB(0x5a, 0, 5, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x26, 0x24, 0x80, 0, 0, 0, 0, PAGE_05_144)},
    {"flexible disk, LS-120", LARGE, F, CDB(0x5a, 0, 5, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x26, 0x31, 0x80, 0, 0, 0, 0, PAGE_05_LS120)},
    {"flexible disk, CD", SMALL, C, CDB(0x5a, 0, 5, 0, 0, 0, 0, 1, 0), NO_FIELD},
    {"page 1a", SMALL, C, CDB(0x5a, 0, 0x1a, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x12, 1, 0x80, 0, 0, 0, 0, 0x1a, 0x0a, TEN_ZEROS)},
    {"page 1d", SMALL, C, CDB(0x5a, 0, 0x1d, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x12, 1, 0x80, 0, 0, 0, 0, 0x1d, 0x0a, TEN_ZEROS)},
    {"capabilities", SMALL, C, CDB(0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x20, 1, 0x80, 0, 0, 0, 0, PAGE_2A(0x20))},
    {"capabilities, room for 12", SMALL, C, CDB(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 12),
     DATA(0, 0x20, 1, 0x80, 0, 0, 0, 0, 0x2a, 0x18, 0, 0)},
    {"capabilities of a floppy", SMALL, F, CDB(0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0), NO_FIELD},
    {"all pages, floppy", SMALL, F, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x32, 0x24, 0x80, 0, 0, 0, 0, PAGE_01_FLOPPY, PAGE_05_144)},
    {"all pages, CD", SMALL, C, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0),
     DATA(0, 0x40, 1, 0x80, 0, 0, 0, 0, PAGE_01_CD, 0x1a, 0x0a, TEN_ZEROS, 0x1d, 0x0a, TEN_ZEROS,
          PAGE_2A(0x02))},
    {"page 08", SMALL, C, CDB(0x5a, 0, 8, 0, 0, 0, 0, 1, 0), NO_FIELD},
    {"performance", SMALL, C, CDB(0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1), DATA(0, 0, 0, 4, 2, 0, 0, 0)},
    {"inquiry", SMALL, C, CDB(0x12, 0, 0, 0, 36), NO_COMMAND},
    {"read 12", SMALL, C, CDB(0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 1), NO_COMMAND},
};

/* The whole message, as the reference has it: 0x51 or the one 0x54, sequence number zero. */
static size_t expect(const struct row *row, bool dma, uint8_t *out) {
    uint8_t device = row->drive == C ? 0xb0 : 0xa0, n = (uint8_t)row->answer.n, count = dma ? 0 : n;
    const uint8_t *b = row->answer.bytes;
    const uint8_t end[31] = {0x51,
                             0,
                             0,
                             2,
                             [20] = b[0] ? 0x87 : 0xc5,
                             (uint8_t)(b[0] << 4),
                             3,
                             0,
                             0,
                             0,
                             device,
                             b[0] ? 0x51 : 0x50,
                             b[0],
                             b[1],
                             b[2]};
    const uint8_t data[34] = {
        0x54,  0, 0,      dma ? 3 : 2, 0,    0, 0, 0, 0, n, 0,      0,   dma ? 0xb4 : 0xb5, 0, 2, 0,
        count, 0, device, 0x58,        0x85, 0, 3, 0, 0, 0, device, 0x50};
    if (row->answer.end) {
        memcpy(out, end, sizeof end);
        return sizeof end;
    }
    memcpy(out, data, sizeof data);
    memcpy(out + sizeof data, b, n);
    return sizeof data + n;
}

static void each_command_to_the_byte(void **s) {
    for
        EACH_PIECE(p)
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (int dma = 0; dma < 2; dma++) {
            const struct row *row = &ROWS[i];
            uint8_t want[34 + 80];
            struct rig r = rig_of(FLOPPY_BLOCKS[row->medium], CD_BLOCKS[row->medium], *p);
            rig_open(&r, 512);
            say_ata(&r, 0xa0, (enum ider_drive)row->drive, dma, row->cdb);
            rig_run(&r);
            must_answer(&r, want, expect(row, dma, want), row->name);
            must_be_silent(&r);
            assert_int_equal(r.nlog, 0);
            rig_free(&r);
        }
}

/* A new medium is told once, to each drive; nothing else takes the news away. */
static void the_first_ready_is_unit_attention(void **s) {
    struct row attention = {"first", SMALL, C, CDB(0), SENSE(6, 0x28)},
               good = {"then", SMALL, C, CDB(0), GOOD};
    uint8_t want[34];
    struct rig r = rig_of(2880, 300, PIECE_WHOLE);
    rig_open(&r, 8192);
    say_command(&r, IDER_CD, false, 0x1e);
    rig_run(&r);
    must_answer(&r, want, expect(&good, false, want), "another command");
    for (uint8_t drive = 0; drive < IDER_DRIVE_COUNT; drive++)
        for (int i = 0; i < 3; i++) {
            struct row *row = i ? &good : &attention;
            row->drive = drive;
            say_ata(&r, 0xa0, (enum ider_drive)drive, false, row->cdb);
            rig_run(&r);
            must_answer(&r, want, expect(row, false, want), row->name);
        }
    rig_free(&r);
}

static void only_packets_are_known(void **s) {
    static const struct row refused = {"identify", SMALL, F, CDB(0), NO_COMMAND};
    uint8_t want[34];
    struct rig r = rig_of(2880, 300, PIECE_WHOLE);
    rig_open(&r, 8192);
    say_ata(&r, 0xa1, IDER_FLOPPY, false, (uint8_t[IDER_CDB]){0x1b});
    rig_run(&r);
    must_answer(&r, want, expect(&refused, false, want), "identify");
    rig_free(&r);
}

/* Where reads begin and how long they are, up to the last block. */
static void reads_in_blocks_of_the_drive(void **s) {
    static const struct {
        uint8_t drive;
        uint8_t cdb[IDER_CDB];
        uint64_t offset, bytes;
    } rows[] = {
        {F, CDB(0x08, 0, 0, 3, 2), 3 * 512, 2 * 512},
        {F, CDB(0x08, 0xe0, 0, 3, 2), 3 * 512, 2 * 512}, /* the old place of the LUN */
        {F, CDB(0x08, 0, 0, 0, 0), 0, 256 * 512},
        {C, CDB(0x08, 1, 0x23, 0x44, 1), 0x12344 * 2048u, 2048},
        {C, CDB(0x28, 0, 0, 1, 0x23, 0x44, 0, 0, 1), 0x12344 * 2048u, 2048},
        {C, CDB(0x28, 0, 0, 0, 0, 0, 0, 1, 2), 0, 0x102 * 2048},
        {F, CDB(0x28, 0, 0, 0, 0x0b, 0x40, 0, 0, 1), 0xb40 * 512, 512},
        {C, CDB(0x28, 0, 0, 0, 0, 0, 0, 0x10, 1), 0, 0x1001 * 2048u},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r = rig_of(FLOPPY_BLOCKS[LARGE], CD_BLOCKS[LARGE], PIECE_WHOLE);
        rig_open(&r, 8192);
        say_ata(&r, 0xa0, (enum ider_drive)rows[i].drive, true, rows[i].cdb);
        rig_run(&r);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.log[0].kind, IDER_EV_READ);
        assert_int_equal(r.log[0].drive, rows[i].drive);
        assert_int_equal(ider_read_bytes(r.i), rows[i].bytes);
        const struct ider_ev *last = &r.log[(r.nlog - 1) % IDER_LOG];
        assert_int_equal(last->offset + last->n, rows[i].offset + rows[i].bytes);
        if (r.nlog <= IDER_LOG)
            assert_int_equal(r.log[0].offset, rows[i].offset);
        rig_free(&r);
    }
}

UNIT_MAIN(T(each_command_to_the_byte), T(the_first_ready_is_unit_attention), T(only_packets_are_known),
          T(reads_in_blocks_of_the_drive))
