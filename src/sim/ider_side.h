/* SPDX-License-Identifier: Apache-2.0 */
/* ider_side: firmware and host at the device's end of an IDE-R session, from the client's 0x40 on (the login
 * before is not seen here). Checks the client strictly; the host reads a medium when told to. Sans-IO. Owner:
 * the connection that made it; its loop thread. Source: reference protocol-redir-activation 1.5, 8. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "proto/ider.h"

struct sim_ider_config {
    uint16_t read_buffer;     /* of 0x41: the longest 0x54 that is taken, in bytes */
    uint16_t blocks_per_read; /* of one READ(10) */
    uint16_t reads_ahead;     /* READ(10)s that are sent before the first is answered */
    bool dma;                 /* the feature bit of commands; false: PIO */
    uint8_t open_status;      /* of 0x41; 0: agreed */
    bool refuse_enable;       /* 0x49 says that the drives were not enabled */
    uint8_t fw_major, fw_minor;
};
#define SIM_IDER_DEFAULT                                                                                     \
    ((struct sim_ider_config){.read_buffer = 8192, .blocks_per_read = 16, .reads_ahead = 1, .fw_major = 15})

struct sim_ider;
/* NULL: out of memory. */
struct sim_ider *sim_ider_new(const struct sim_ider_config *cfg, struct mono now);
void sim_ider_free(struct sim_ider **s);

/* Bytes of the client, any split. 0: all used; 1: the session is over (0x42, 0x43, or a 0x12 follows), *in
 * keeps what is not IDE-R any more; ERR_PROTO (the client broke a rule: a sequence number, a length, a
 * register), ERR_NOMEM, the same from then on. */
NODISCARD int sim_ider_input(struct sim_ider *s, struct slice *in, struct mono now);
struct slice sim_ider_output(const struct sim_ider *s);
void sim_ider_sent(struct sim_ider *s, size_t n_bytes);
/* When to call sim_ider_tick() at the latest. tick: queues heartbeats; 0, or ERR_TIMEOUT when the client was
 * silent for its own rx timeout. */
struct mono sim_ider_deadline(const struct sim_ider *s);
NODISCARD int sim_ider_tick(struct sim_ider *s, struct mono now);
/* A sentence of the last error, "" when none. */
const char *sim_ider_error(const struct sim_ider *s);

/* --- what the host does --- */
/* TEST UNIT READY until the medium is ready, READ CAPACITY, READ(10)s of blocks (0: up to the medium's end)
 * from lba; a place beyond the medium is asked for all the same. Byte count and sum begin anew. 0; ERR_STATE
 * when the drives are not there; ERR_BUSY while it reads or resets; ERR_NOMEM. */
NODISCARD int sim_ider_read(struct sim_ider *s, enum ider_drive drive, uint32_t lba, uint32_t blocks);
/* The host is reset: 0x46; what it was reading is dropped, and drives enabled for the next boot appear when
 * 0x47 comes. 0; ERR_STATE when no session is open; ERR_BUSY; ERR_NOMEM. */
NODISCARD int sim_ider_reset(struct sim_ider *s);
/* The firmware ends the session: 0x42. As above. */
NODISCARD int sim_ider_close(struct sim_ider *s);

/* --- what goes wrong on purpose --- */
/* The next message skips a sequence number. */
void sim_ider_skip_sequence(struct sim_ider *s);
/* 0x4A with these three bytes. 0; ERR_STATE; ERR_NOMEM. */
NODISCARD int sim_ider_report_error(struct sim_ider *s, const uint8_t bytes[3]);

struct sim_ider_report {
    bool open, drives;            /* between 0x41 and the end; the host sees them */
    bool busy;                    /* the host is reading, or 0x47 has not come */
    uint32_t commands;            /* sent in this session */
    uint32_t attentions;          /* unit attentions that were answered */
    uint32_t resets;              /* that were answered */
    uint8_t key, asc, ascq;       /* sense that ended the last read early, zero when none did */
    uint32_t blocks, block_bytes; /* of READ CAPACITY */
    uint64_t bytes;               /* that the last read has brought … */
    uint8_t sha256[32];           /* … and their sum */
};
struct sim_ider_report sim_ider_report(const struct sim_ider *s);
