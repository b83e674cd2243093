/* SPDX-License-Identifier: Apache-2.0 */
/* ider_wire: the messages of IDE-R as both ends know them: ids, lengths, register masks, the exact count of
 * sequence numbers, and the cutting of a stream. The client (ider.h) and the simulator's device use it.
 * Owner: whoever embeds it; one thread. Source: reference protocol-redir-activation 1.5. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"
#include "base/slice.h"

/* Who may send a message. */
enum { IDER_BY_CLIENT = 1, IDER_BY_DEVICE = 2, IDER_BY_BOTH = 3 };

/* M(NAME, id, bytes without the tail, by whom, where the tail's length stands and its width: 0 = no tail) */
#define IDER_MSG_TABLE(M)                                                                                    \
    M(OPEN, 0x40, 18, IDER_BY_CLIENT, 0, 0)                                                                  \
    M(OPEN_REPLY, 0x41, 30, IDER_BY_DEVICE, 29, 1)                                                           \
    M(CLOSE, 0x42, 8, IDER_BY_BOTH, 0, 0)                                                                    \
    M(CLOSE_REPLY, 0x43, 8, IDER_BY_BOTH, 0, 0)                                                              \
    M(PING, 0x44, 8, IDER_BY_BOTH, 0, 0)                                                                     \
    M(PONG, 0x45, 8, IDER_BY_BOTH, 0, 0)                                                                     \
    M(RESET, 0x46, 9, IDER_BY_DEVICE, 0, 0)                                                                  \
    M(RESET_REPLY, 0x47, 8, IDER_BY_CLIENT, 0, 0)                                                            \
    M(FEATURES, 0x48, 13, IDER_BY_CLIENT, 0, 0)                                                              \
    M(FEATURES_REPLY, 0x49, 13, IDER_BY_DEVICE, 0, 0)                                                        \
    M(ERROR, 0x4a, 11, IDER_BY_DEVICE, 0, 0)                                                                 \
    M(HEARTBEAT, 0x4b, 8, IDER_BY_BOTH, 0, 0)                                                                \
    M(COMMAND, 0x50, 28, IDER_BY_DEVICE, 0, 0)                                                               \
    M(COMMAND_END, 0x51, 31, IDER_BY_CLIENT, 0, 0)                                                           \
    M(GET_DATA, 0x52, 31, IDER_BY_CLIENT, 0, 0)                                                              \
    M(DATA_FROM_HOST, 0x53, 14, IDER_BY_DEVICE, 9, 2)                                                        \
    M(DATA_TO_HOST, 0x54, 34, IDER_BY_CLIENT, 9, 2)
enum {
#define M(name, id, bytes, ...) IDER_MSG_##name = (id), IDER_LEN_##name = (bytes),
    IDER_MSG_TABLE(M)
#undef M
        IDER_HEAD = 8, /* id, two zeros, attributes, u32 LE sequence */
    IDER_CDB = 12,
    IDER_CHUNK_MAX = 8192, /* of one 0x54, whatever the read buffer says */
};

/* @3 of every message */
enum { IDER_ATTR_DMA = 0x01, IDER_ATTR_COMPLETED = 0x02 };
/* 0x40 */
enum { IDER_RX_TIMEOUT_MS = 30000, IDER_HEARTBEAT_MS = 20000, IDER_VERSION = 1 };
/* 0x48 and 0x49: @8, and the bits of @9 for SET */
enum { IDER_OP_SUPPORTED = 1, IDER_OP_STATE = 2, IDER_OP_SET = 3 };
enum { IDER_ENABLE = 0x01, IDER_AT_REBOOT = 0x08, IDER_AT_GRACEFUL = 0x10, IDER_AT_ONCE = 0x18 };

/* A register block is 8 bytes: mask, error, interrupt reason, sector number, byte count u16 LE, device,
 * status. The mask says which registers are meant. */
enum {
    IDER_REG_INT = 0x01,
    IDER_REG_ERROR = 0x02,
    IDER_REG_REASON = 0x04,
    IDER_REG_SECTOR = 0x08,
    IDER_REG_COUNT_LOW = 0x10,
    IDER_REG_COUNT_HIGH = 0x20,
    IDER_REG_DEVICE = 0x40,
    IDER_REG_STATUS = 0x80,
    IDER_REGS = 8,
};
enum { IDER_REASON_IN = 0x02, IDER_REASON_COMMAND = 0x01 };
enum { IDER_STATUS_READY = 0x40, IDER_STATUS_SEEK = 0x10, IDER_STATUS_DATA = 0x08, IDER_STATUS_ERROR = 0x01 };
/* 0x50: @9 bit 0; @14; @15 */
enum { IDER_FEATURE_DMA = 0x01, IDER_DEV_FLOPPY = 0xa0, IDER_DEV_CD = 0xb0, IDER_DEV_CD_BIT = 0x10 };
enum { IDER_ATA_PACKET = 0xa0 };
enum { IDER_FLOPPY_BLOCK = 512, IDER_CD_BLOCK = 2048 };

/* "COMMAND" of 0x50; NULL for a number that nobody sends. */
const char *ider_msg_name(uint8_t id);

/* Cuts the stream of one side and counts its sequence numbers. Zero-initialise but for .by. */
struct ider_cutter {
    uint8_t by;   /* IDER_BY_DEVICE: what the device sends */
    uint32_t seq; /* that the next message must have */
    struct buf partial;
    bool partial_done;
    char error[112]; /* a sentence of the last error */
};
/* Take one message off *in: 1 and *msg (valid until the next call, and as long as the input); 0 when *in is
 * used up; ERR_PROTO (unknown, not this side's, out of sequence), ERR_NOMEM. Any split gives the same. */
NODISCARD int ider_cut(struct ider_cutter *c, struct slice *in, struct slice *msg);
void ider_cutter_free(struct ider_cutter *c);
/* The head of a message; counts *seq. */
void ider_put_head(struct wr *w, uint8_t id, uint8_t attr, uint32_t *seq);
