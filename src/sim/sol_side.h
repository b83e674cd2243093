/* SPDX-License-Identifier: Apache-2.0 */
/* sol_side: the device's end of serial-over-LAN on one connection after its login: AMT's messages towards the
 * client, sol_shell behind. Sans-IO: bytes in, bytes out, deadlines as values. Owner: struct redir_conn; its
 * loop thread. Source: reference protocol-redir-activation 1.4. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "sim/machine.h"

enum {
    SOL_SIDE_DATA_MAX = 4096,  /* of one message 0x28; the reference knows of 1000 */
    SOL_SIDE_CHUNK = 1024,     /* of one message 0x2A */
    SOL_SIDE_TX_BYTES = 10000, /* MaxTxBuffer when the client asks for none */
};

struct sol_side_config {
    const char *name;   /* of the machine; must outlive the side */
    bool host_on;       /* has power */
    struct mono up_at;  /* since or from when the operating system runs */
    bool mute;          /* no getty: what is typed is swallowed */
    bool strict;        /* sends no more than MaxTxBuffer bytes without 0x2B or 0x28 in between */
    bool empty_message; /* a message 0x2A without data before each with some */
};

struct sol_side;
/* NULL when out of memory. cfg is copied. */
struct sol_side *sol_side_new(const struct sol_side_config *cfg, struct mono now);
void sol_side_free(struct sol_side **s);
/* Takes all of in, any split. 0; ERR_PROTO, ERR_LIMIT, ERR_NOMEM: close at once. */
NODISCARD int sol_side_input(struct sol_side *s, struct slice in, struct mono now);
/* Next bytes to send, at most one message of data: the rest is made as it is taken. Valid until the next
 * sol_side_* call. */
struct slice sol_side_output(struct sol_side *s, struct mono now);
void sol_side_sent(struct sol_side *s, size_t n_bytes);
/* Send the output, then close. */
bool sol_side_finished(const struct sol_side *s);
/* tick: 0, or ERR_TIMEOUT: the client was silent for RxTimeout. */
struct mono sol_side_deadline(const struct sol_side *s);
NODISCARD int sol_side_tick(struct sol_side *s, struct mono now);

/* The host's power changed, or it boots: its system runs from up_at on. */
void sol_side_power(struct sol_side *s, bool on, bool boots, struct mono up_at, struct mono now);
void sol_side_getty(struct sol_side *s, bool on);
void sol_side_strict(struct sol_side *s, bool on);
/* What somebody at the shell asked of the machine, once; MACHINE_ACT_NONE. */
enum machine_action sol_side_wish(struct sol_side *s);
