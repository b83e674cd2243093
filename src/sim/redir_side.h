/* SPDX-License-Identifier: Apache-2.0 */
/* redir_side: the device's end of one redirection connection up to the kind's own protocol: start, digest
 * login, and for KVM its opening. Sans-IO: bytes in; events and bytes out. Owner: struct redir_conn; its loop
 * thread. Source: reference protocol-redir-activation 1.1, 1.2, 1.6. */
#pragma once

#include "proto/redir.h"

#include "base/buf.h"
#include "proto/redir_wire.h"

enum {
    REDIR_SIDE_REALM_CAP = 48,
    REDIR_SIDE_NONCE_CAP = 33,
    REDIR_SIDE_PASSWORD_CAP = 64,
};

struct redir_side_config {
    const char *user; /* must outlive the side */
    char ha1[DIGEST_HA1_CAP], realm[REDIR_SIDE_REALM_CAP];
    char nonce[REDIR_SIDE_NONCE_CAP]; /* 32 hexadecimal digits, fresh a connection */
    uint8_t major, minor;             /* of the firmware */
    bool legacy;                      /* offers types 1 and 3, too */
    /* what goes wrong on purpose */
    bool no_digest;   /* offers no digest, and knows none */
    bool bare_reject; /* a wrong password is refused without a new challenge */
    bool bad_length;  /* a field of the challenge is longer than the message */
};

enum redir_side_ev_kind {
    REDIR_SIDE_START, /* message 0x10: kind. Answer with redir_side_start() before the next input */
    REDIR_SIDE_LOGIN, /* the password was right */
    REDIR_SIDE_WRONG, /* it was wrong */
    REDIR_SIDE_DATA,  /* data of the kind's own protocol, a slice of the input */
};
struct redir_side_ev {
    enum redir_side_ev_kind kind;
    enum redir_kind session; /* REDIR_KIND_COUNT: four letters nobody knows; answer with status 1 */
    struct slice data;
};

struct redir_side;
/* cfg is copied. NULL when out of memory. */
struct redir_side *redir_side_new(const struct redir_side_config *cfg);
void redir_side_free(struct redir_side **r);
/* Take bytes off *in until one event is complete: 1 and *ev filled; 0 when *in is used up without one;
 * ERR_PROTO, ERR_LIMIT, ERR_NOMEM: close at once. Any split gives the same events, but that DATA may come in
 * more pieces. */
NODISCARD int redir_side_input(struct redir_side *r, struct slice *in, struct redir_side_ev *ev);
/* The answer 0x11; with a status other than 0 the side is finished. */
void redir_side_start(struct redir_side *r, uint8_t status);
/* The kind's own protocol runs: what it has to say may go out. */
bool redir_side_is_open(const struct redir_side *r);
/* Send the output, then close. */
bool redir_side_finished(const struct redir_side *r);
/* Bytes to send; take them with buf_consume(). */
struct buf *redir_side_output(struct redir_side *r);
