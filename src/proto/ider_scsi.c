/* SPDX-License-Identifier: Apache-2.0 */
/* The packet commands of the IDE-R client, a table of handlers; both media are read-only. Integers are
 * big-endian. Reference 1.5, its SCSI table. */
#include "proto/ider_int.h"

#include <assert.h>

/* bits of a drive; an LS-120 is a floppy with more sectors than fit on 1.44 MB */
enum { FLOPPY = 1 << IDER_FLOPPY, CD = 1 << IDER_CD, BOTH = FLOPPY | CD };
enum { FLOPPY_SECTORS_MAX = 0xb40 };

static void end(struct ider_answer *a, struct ider_sense s) {
    a->kind = IDER_ANSWER_END;
    a->sense = s;
}

/* Data, cut to what the host has room for. */
static void data(struct ider_answer *a, struct slice s, size_t room) {
    s = slice_head(s, room);
    assert(s.n <= sizeof a->data);
    a->kind = s.n ? IDER_ANSWER_DATA : IDER_ANSWER_END;
    a->n = s.n;
    if (s.n)
        memcpy(a->data, s.p, s.n);
}

static uint16_t be16_at(const uint8_t *cdb, size_t at) {
    struct rd r = rd_of(slice_of(cdb + at, 2));
    return rd_be16(&r);
}
/* Where the commands of 10 bytes say how much the host has room for. */
static size_t room_of(const uint8_t *cdb) {
    return be16_at(cdb, 7);
}

static void on_test_unit_ready(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    end(a, u->attention ? IDER_SENSE_NEW_MEDIUM : IDER_SENSE_NONE);
    u->attention = false;
}

static void on_nothing_to_do(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    end(a, IDER_SENSE_NONE);
}

static void on_write(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    end(a, IDER_SENSE_READ_ONLY);
}

/* --- reads --- */

static void read_blocks(const struct ider_unit *u, uint32_t lba, uint32_t blocks, struct ider_answer *a) {
    if ((uint64_t)lba + blocks > u->blocks) {
        end(a, IDER_SENSE_OUT_OF_DISK);
        return;
    }
    a->kind = blocks ? IDER_ANSWER_READ : IDER_ANSWER_END;
    a->lba = lba;
    a->blocks = blocks;
}

static void on_read_6(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    uint32_t lba = (cdb[1] & 0x1fu) << 16 | be16_at(cdb, 2);
    read_blocks(u, lba, cdb[4] ? cdb[4] : 256, a);
}

static void on_read_10(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    struct rd r = rd_of(slice_of(cdb + 2, 4));
    read_blocks(u, rd_be32(&r), be16_at(cdb, 7), a);
}

static void on_read_capacity(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    uint8_t mem[8];
    struct wr w = wr_of(mem, sizeof mem);
    wr_be32(&w, u->blocks - 1);
    wr_be32(&w, ider_block_bytes(u->drive));
    data(a, wr_done(&w), sizeof mem);
}

static void on_read_format_capacities(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    uint8_t mem[12];
    struct wr w = wr_of(mem, sizeof mem);
    wr_be32(&w, 8);
    wr_be32(&w, u->blocks);
    wr_be32(&w, 0x02000000u | IDER_FLOPPY_BLOCK); /* formatted */
    data(a, wr_done(&w), room_of(cdb));
}

/* One data track. As minutes, seconds and frames the lead-out is the same for every image, as both known
 * clients have it. */
static void on_read_toc(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    static const uint8_t session[] = {0, 0x0a, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0};
    uint8_t mem[20], format = cdb[2] & 7;
    bool msf = cdb[1] & 2;
    if (format == 0)
        format = cdb[9] >> 6;
    if (format == 1) {
        data(a, slice_of(session, sizeof session), room_of(cdb));
        return;
    }
    if (format != 0) {
        end(a, IDER_SENSE_NO_FIELD);
        return;
    }
    struct wr w = wr_of(mem, sizeof mem);
    wr_be32(&w, 0x00120101); /* bytes that follow, first and last track */
    wr_be32(&w, 0x00140100);
    wr_be32(&w, msf ? 0x00000200 : 0);
    wr_be32(&w, 0x0014aa00);
    wr_be32(&w, msf ? 0x00003413 : u->blocks);
    data(a, wr_done(&w), room_of(cdb));
}

/* --- what the drive is --- */

/* Features of GET CONFIGURATION in the order of their codes: code, flags, length, value. */
static const struct feature {
    uint8_t n, bytes[12];
} FEATURES[] = {
    {8, {0x00, 0x00, 0x03, 4, 0x00, 0x08, 0x01, 0x00}},                    /* profiles: CD-ROM is current */
    {8, {0x00, 0x01, 0x03, 4, 0x00, 0x00, 0x00, 0x02}},                    /* core: ATAPI */
    {8, {0x00, 0x02, 0x03, 4, 0x00, 0x00, 0x00, 0x00}},                    /* morphing */
    {8, {0x00, 0x03, 0x03, 4, 0x29, 0x00, 0x00, 0x02}},                    /* removable medium */
    {12, {0x00, 0x10, 0x01, 8, 0x00, 0x00, 0x08, 0x00, 0x00, 0x01, 0x00}}, /* random readable, one of 2048 */
    {4, {0x00, 0x1e, 0x03, 0}},                                            /* CD read */
    {4, {0x01, 0x00, 0x03, 0}},                                            /* power management */
    {4, {0x01, 0x05, 0x03, 0}},                                            /* timeout */
};

static void on_get_configuration(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    enum { HEAD = 8, ONLY_THAT = 2 };
    uint8_t mem[IDER_ANSWER_CAP];
    uint16_t first = be16_at(cdb, 2);
    bool only = (cdb[1] & 3) == ONLY_THAT;
    struct wr w = wr_of(mem + HEAD, sizeof mem - HEAD), head = wr_of(mem, HEAD);
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++) {
        uint16_t code = be16_at(FEATURES[i].bytes, 0);
        if (only ? code == first : code >= first)
            wr_bytes(&w, slice_of(FEATURES[i].bytes, FEATURES[i].n));
    }
    size_t n = wr_done(&w).n;
    wr_be32(&head, (uint32_t)n + 4); /* not counting itself */
    wr_be32(&head, 0x0008);          /* the current profile */
    data(a, slice_of(mem, HEAD + n), room_of(cdb));
}

static void on_get_event_status(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    const uint8_t status[] = {0, u->present ? 2 : 0, 0x80, 0};
    if (cdb[1] & 1)
        data(a, slice_of(status, sizeof status), room_of(cdb));
    else
        end(a, IDER_SENSE_NO_FIELD); /* only polling is offered */
}

static void on_get_performance(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    static const uint8_t none[] = {0, 0, 0, 4, 2, 0, 0, 0};
    data(a, slice_of(none, sizeof none), sizeof none);
}

/* --- mode pages --- */

enum { DISK_144 = 1, DISK_LS120 = 2, DISK_CD = 4, DISK_FLOPPY = DISK_144 | DISK_LS120 };
enum { ASKED = 1, AMONG_ALL = 2, ALWAYS = ASKED | AMONG_ALL, PAGE_ALL = 0x3f };
enum { WRITE_PROTECTED = 0x80 };

/* Page code, bytes that follow, value; what is not named is zero. Page 05: rate u16, heads, sectors, bytes
 * u16, cylinders u16; motor off after 4 s; turns a minute u16. */
static const struct page {
    uint8_t disks, when, n, bytes[32];
} PAGES[] = {
    {DISK_FLOPPY, ALWAYS, 12, {0x01, 10, 0, 1, 0, 0, 0, 0, 2}},
    {DISK_CD, ALWAYS, 8, {0x01, 6, 0, 0xff}},
    {DISK_144, ALWAYS, 32, {0x05, 30, 4, 0xb0, 2, 18, 2, 0, 0, 80, [20] = 0x28, [28] = 2, 0xd0}},
    {DISK_LS120, ALWAYS, 32, {0x05, 30, 0x10, 0xa9, 8, 32, 2, 0, 3, 0xc3, [20] = 0x28, [28] = 2, 0xd0}},
    {DISK_CD, ALWAYS, 12, {0x1a, 10}},
    {DISK_CD, ALWAYS, 12, {0x1d, 10}},
    /* the loading mechanism is told differently, as both known clients have it */
    {DISK_CD, ASKED, 26, {0x2a, 24, [6] = 0x20, [13] = 0x80}},
    {DISK_CD, AMONG_ALL, 26, {0x2a, 24, [6] = 0x02, [13] = 0x80}},
};

static uint8_t disk_of(const struct ider_unit *u) {
    return u->drive == IDER_CD ? DISK_CD : u->blocks > FLOPPY_SECTORS_MAX ? DISK_LS120 : DISK_144;
}

static void on_mode_sense_6(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    const uint8_t head[] = {0, u->drive == IDER_CD ? 5 : 0, WRITE_PROTECTED, 0};
    if ((cdb[2] & 0x3f) == PAGE_ALL)
        data(a, slice_of(head, sizeof head), cdb[4]);
    else
        end(a, IDER_SENSE_NO_FIELD);
}

static void on_mode_sense_10(struct ider_unit *u, const uint8_t *cdb, struct ider_answer *a) {
    enum { HEAD = 8, OWN_LENGTH = 2 };
    static const uint8_t unasked[] = {0, 0, 0, 0x3c, 0, 0, 0, 8};
    uint8_t mem[IDER_ANSWER_CAP], disk = disk_of(u), code = cdb[2] & 0x3f;
    struct wr w = wr_of(mem + HEAD, sizeof mem - HEAD), head = wr_of(mem, HEAD);
    if (room_of(cdb) == 0) {
        data(a, slice_of(unasked, sizeof unasked), sizeof unasked);
        return;
    }
    for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES; i++) {
        const struct page *p = &PAGES[i];
        bool wanted = code == PAGE_ALL ? p->when & AMONG_ALL : p->when & ASKED && p->bytes[0] == code;
        if (wanted && p->disks & disk)
            wr_bytes(&w, slice_of(p->bytes, p->n));
    }
    size_t n = wr_done(&w).n;
    if (n == 0) {
        end(a, IDER_SENSE_NO_FIELD);
        return;
    }
    wr_be16(&head, (uint16_t)(HEAD - OWN_LENGTH + n));
    wr_u8(&head, disk == DISK_CD ? 0x01 : disk == DISK_LS120 ? 0x31 : 0x24);
    wr_u8(&head, WRITE_PROTECTED);
    wr_zero(&head, 4);
    data(a, slice_of(mem, HEAD + n), room_of(cdb));
}

/* --- the table --- */

/* C(operation, drives that know it, wants a medium, handler) */
#define COMMAND_TABLE(C)                                                                                     \
    C(0x00, BOTH, true, on_test_unit_ready)                                                                  \
    C(0x08, BOTH, true, on_read_6)                                                                           \
    C(0x0a, BOTH, true, on_write) /* WRITE(6) */                                                             \
    C(0x1a, BOTH, false, on_mode_sense_6)                                                                    \
    C(0x1b, BOTH, true, on_nothing_to_do) /* START STOP */                                                   \
    C(0x1e, BOTH, true, on_nothing_to_do) /* PREVENT ALLOW */                                                \
    C(0x23, FLOPPY, true, on_read_format_capacities)                                                         \
    C(0x25, BOTH, true, on_read_capacity)                                                                    \
    C(0x28, BOTH, true, on_read_10)                                                                          \
    C(0x2a, BOTH, true, on_write) /* WRITE(10) */                                                            \
    C(0x2e, BOTH, true, on_write) /* WRITE VERIFY */                                                         \
    C(0x43, CD, true, on_read_toc)                                                                           \
    C(0x46, BOTH, false, on_get_configuration)                                                               \
    C(0x4a, BOTH, false, on_get_event_status)                                                                \
    C(0x5a, BOTH, false, on_mode_sense_10)                                                                   \
    C(0xac, BOTH, false, on_get_performance)

static const struct command {
    uint8_t drives;
    bool wants_medium;
    void (*handler)(struct ider_unit *, const uint8_t *, struct ider_answer *);
} COMMANDS[256] = {
#define C(operation, drives, wants_medium, handler) [operation] = {drives, wants_medium, handler},
    COMMAND_TABLE(C)
#undef C
};

void ider_scsi(struct ider_unit *u, const uint8_t cdb[IDER_CDB], struct ider_answer *a) {
    const struct command *c = &COMMANDS[cdb[0]];
    *a = (struct ider_answer){0};
    if (!(c->drives >> u->drive & 1))
        end(a, IDER_SENSE_NO_COMMAND);
    else if (c->wants_medium && !u->present)
        end(a, IDER_SENSE_NO_MEDIUM);
    else
        c->handler(u, cdb, a);
}
