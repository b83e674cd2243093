/* SPDX-License-Identifier: Apache-2.0 */
/* ider_int: what the sources of the IDE-R client share; nobody else includes it. ider.c: session and
 * messages; ider_work.c: the queue of commands, the transfer; ider_scsi.c: what each command comes to. Same
 * owner and thread as ider.h says. */
#pragma once

#include "proto/ider.h"
#include "proto/ider_wire.h"

/* One drive as the host sees it. */
struct ider_unit {
    enum ider_drive drive;
    bool present;
    bool attention; /* the next TEST UNIT READY tells of the new medium */
    uint32_t blocks;
};

struct ider_sense {
    uint8_t key, asc, ascq;
};
#define IDER_SENSE_NONE        ((struct ider_sense){0, 0, 0})
#define IDER_SENSE_UNREADABLE  ((struct ider_sense){0x03, 0x11, 0x00}) /* medium error, unrecovered read */
#define IDER_SENSE_NO_MEDIUM   ((struct ider_sense){0x02, 0x3a, 0x00})
#define IDER_SENSE_NEW_MEDIUM  ((struct ider_sense){0x06, 0x28, 0x00})
#define IDER_SENSE_READ_ONLY   ((struct ider_sense){0x07, 0x27, 0x00})
#define IDER_SENSE_NO_COMMAND  ((struct ider_sense){0x05, 0x20, 0x00})
#define IDER_SENSE_OUT_OF_DISK ((struct ider_sense){0x05, 0x21, 0x00})
#define IDER_SENSE_NO_FIELD    ((struct ider_sense){0x05, 0x24, 0x00})

enum ider_answer_kind {
    IDER_ANSWER_END,  /* no data: sense, all zero = good */
    IDER_ANSWER_DATA, /* data, n > 0 */
    IDER_ANSWER_READ, /* blocks of the image from lba, blocks > 0 */
};
enum { IDER_ANSWER_CAP = 96 };
struct ider_answer {
    enum ider_answer_kind kind;
    struct ider_sense sense;
    uint32_t lba, blocks;
    size_t n;
    uint8_t data[IDER_ANSWER_CAP];
};

/* What a packet command comes to; never more data than the host has room for. */
void ider_scsi(struct ider_unit *u, const uint8_t cdb[IDER_CDB], struct ider_answer *a);

static inline uint32_t ider_block_bytes(enum ider_drive d) {
    return d == IDER_CD ? IDER_CD_BLOCK : IDER_FLOPPY_BLOCK;
}

enum {
    IDER_COMMANDS_MAX = 16,     /* that wait while a read is under way: stops command floods */
    IDER_OUTPUT_MAX = 65536,    /* bytes that wait for a device that does not read */
    IDER_OUTPUT_ENOUGH = 32768, /* beyond, no command is begun and no piece is read */
    IDER_FAIL_TEXT_CAP = 160,
};

/* S(NAME, text): where a session stands */
#define IDER_STATE_TABLE(S)                                                                                  \
    S(OPENING, "while the session is opened")                                                                \
    S(ENABLING, "while the drives are enabled")                                                              \
    S(RUNNING, "in a running session")                                                                       \
    S(CLOSING, "while the session is closed")                                                                \
    S(CLOSED, "after the end of the session")                                                                \
    S(FAILED, "after an error")
enum ider_state {
#define S(name, text) IDER_ST_##name,
    IDER_STATE_TABLE(S)
#undef S
        IDER_ST_COUNT
};
#define IDER_IN(name) (1u << IDER_ST_##name)

struct ider_command {
    enum ider_drive drive;
    bool dma;
    uint8_t ata;
    uint8_t cdb[IDER_CDB];
};

struct ider {
    enum ider_state state;
    enum ider_when when;
    int err; /* of FAILED */
    struct ider_unit units[IDER_DRIVE_COUNT];
    struct ider_cutter cut;
    uint32_t seq; /* of our next message */
    struct buf out;
    uint32_t chunk_bytes; /* of one 0x54 */

    struct ider_command commands[IDER_COMMANDS_MAX]; /* a ring */
    uint32_t ncommands, first_command;
    struct {
        bool active, asked; /* asked: the owner has IDER_EV_READ and owes the bytes */
        enum ider_drive drive;
        bool dma;
        uint64_t offset;
        uint32_t left_bytes, piece_bytes;
    } read;

    struct mono answer_by, beat_at;
    uint32_t silent_beats;
    uint64_t read_bytes;
    char error[IDER_FAIL_TEXT_CAP];
};

/* The session ends with this error and sentence; returns err. */
int ider_fail(struct ider *i, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Begin a message of n bytes in room of its own, and finish it: full to the last byte. 0 or an error. */
NODISCARD int ider_begin(struct ider *i, struct wr *w, uint8_t id, uint8_t attr, size_t n);
NODISCARD int ider_finish(struct ider *i, const struct wr *w);

/* Queue a command. msg: the whole 0x50. */
NODISCARD int ider_work_add(struct ider *i, struct slice msg);
/* Go on with what waits: 1: *ev asks for a piece; 0: nothing to do now; error. */
NODISCARD int ider_work_next(struct ider *i, struct ider_ev *ev);
void ider_work_drop(struct ider *i);
