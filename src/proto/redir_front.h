/* SPDX-License-Identifier: Apache-2.0 */
/* redir_front: the device's side of a redirection login, played towards a client that speaks it with a dummy
 * user (public MPS clients): takes its 0x10 and 0x13 and answers as the firmware did, whatever it says for a
 * password; the true login is the server's own. Sans-IO. Owner: the session. Source: reference 1.1, 1.2, 3.1.
 */
#pragma once

#include "proto/redir.h"

enum redir_front_state {
    REDIR_FRONT_START, /* waits for 0x10 */
    REDIR_FRONT_HELD,  /* has it; waits for redir_front_started() */
    REDIR_FRONT_AUTH,
    REDIR_FRONT_OPEN, /* data passes */
};
struct redir_front;
/* random: of the nonce it shows. NULL: out of memory. */
struct redir_front *redir_front_new(enum redir_kind kind, const uint8_t random[32]);
void redir_front_free(struct redir_front **f);
/* Bytes of the client, any split. While it holds (REDIR_FRONT_HELD) bytes are kept (at most 1024: ERR_LIMIT).
 * 1: *data are bytes for the device (state OPEN; a slice of the input or of what was kept, valid until the
 * next call); 0: all used; ERR_PROTO, ERR_LIMIT, ERR_NOMEM; ERR_CLOSED: it ended the session, or it was told
 * that the login failed. */
NODISCARD int redir_front_input(struct redir_front *f, struct slice *in, struct slice *data);
/* The server has logged in: reply11 is the firmware's 0x11 (13 + n bytes). What was kept is taken now; when
 * the state is OPEN then, call redir_front_input() once with an empty input, for there may be data. Or it
 * failed: status is answered (4 bytes). ERR_STATE when it does not hold. */
NODISCARD int redir_front_started(struct redir_front *f, struct slice reply11);
NODISCARD int redir_front_failed(struct redir_front *f, uint8_t status);
/* Bytes for the client. */
struct slice redir_front_output(const struct redir_front *f);
void redir_front_sent(struct redir_front *f, size_t n_bytes);
enum redir_front_state redir_front_state(const struct redir_front *f);
/* A sentence of the last error, "" when none. */
const char *redir_front_error(const struct redir_front *f);
