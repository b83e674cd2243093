/* SPDX-License-Identifier: Apache-2.0 */
/* ider_side_int: what the sources of ider_side share; nobody else includes it. ider_side.c: the firmware;
 * ider_host.c: the host that reads. Same owner and thread as ider_side.h says. */
#pragma once

#include "base/ossl.h"

#include "base/buf.h"
#include "proto/ider_wire.h"
#include "sim/ider_side.h"

#include <openssl/evp.h>

enum sim_ider_state {
    SIM_IDER_ST_START,
    SIM_IDER_ST_OPEN,
    SIM_IDER_ST_CLOSING,
    SIM_IDER_ST_CLOSED,
    SIM_IDER_ST_FAILED
};

/* What the host waits for. Commands are answered in the order in which they were sent. */
enum sim_ider_step {
    SIM_IDER_STEP_IDLE,
    SIM_IDER_STEP_READY,
    SIM_IDER_STEP_CAPACITY,
    SIM_IDER_STEP_READ,
    SIM_IDER_STEP_RESET
};

struct sim_ider {
    enum sim_ider_state state;
    int err; /* of FAILED */
    struct sim_ider_config cfg;
    struct ider_cutter cut;
    uint32_t seq;
    struct buf out;
    int64_t rx_timeout_ms, heartbeat_ms;
    struct mono silent_at, beat_at;
    bool drives_at_reset;

    enum sim_ider_step step;
    enum ider_drive drive;
    uint32_t tries, inflight; /* commands without an answer */
    uint32_t next, done, end; /* blocks: to ask for, answered, behind the last */
    uint32_t got_bytes;       /* of the oldest read in flight */
    EVP_MD_CTX *sum;
    struct sim_ider_report seen;
    char error[160];
};

/* The session ends with this error and sentence; returns err. */
int sim_ider_fail(struct sim_ider *s, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Queue a message. status: its second byte. */
NODISCARD int sim_ider_put(struct sim_ider *s, uint8_t id, uint8_t status, struct slice body);
/* The client's 0x51 and 0x54; r: behind the head. */
NODISCARD int sim_ider_on_command_end(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now);
NODISCARD int sim_ider_on_data(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now);
