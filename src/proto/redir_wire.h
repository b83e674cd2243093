/* SPDX-License-Identifier: Apache-2.0 */
/* redir_wire: the messages of AMT's redirection port as both of its ends need them: ids, lengths, values, and
 * the digest login's layouts. No state; any thread. Source: reference
 * protocol-redir-activation 1.1, 1.2, 1.4, 1.6. Integers are little-endian. IDE-R's own messages (its 0x40
 * and 0x41 have other lengths) are ider's. */
#pragma once

#include "base/rd.h"
#include "proto/digest.h"

enum redir_from { REDIR_FROM_CLIENT = 1, REDIR_FROM_DEVICE = 2, REDIR_FROM_BOTH = 3 };

/* M(NAME, id, who sends it, bytes of its head, offset and width of the length of what follows the head (0: no
 * more follows), 1: byte 1 is a status, and when that is not 0 only the first 4 bytes are sure to come) */
#define REDIR_MSG_TABLE(M)                                                                                   \
    M(START, 0x10, CLIENT, 8, 0, 0, 0)                                                                       \
    M(START_REPLY, 0x11, DEVICE, 13, 12, 1, 1)                                                               \
    M(END, 0x12, CLIENT, 4, 0, 0, 0)                                                                         \
    M(AUTH, 0x13, CLIENT, 9, 5, 4, 0)                                                                        \
    M(AUTH_REPLY, 0x14, DEVICE, 9, 5, 4, 0)                                                                  \
    M(SOL_START, 0x20, CLIENT, 24, 0, 0, 0)                                                                  \
    M(SOL_START_REPLY, 0x21, DEVICE, 23, 0, 0, 1)                                                            \
    M(SOL_END, 0x22, CLIENT, 8, 0, 0, 0)                                                                     \
    M(SOL_END_REPLY, 0x23, DEVICE, 8, 0, 0, 0)                                                               \
    M(SOL_PING, 0x24, BOTH, 8, 0, 0, 0)                                                                      \
    M(SOL_PONG, 0x25, DEVICE, 8, 0, 0, 0)                                                                    \
    M(SOL_CONTROLS, 0x27, CLIENT, 14, 0, 0, 0)                                                               \
    M(SOL_TO_HOST, 0x28, CLIENT, 10, 8, 2, 0)                                                                \
    M(SOL_HOST_CONTROLS, 0x29, DEVICE, 10, 0, 0, 0)                                                          \
    M(SOL_FROM_HOST, 0x2A, DEVICE, 10, 8, 2, 0)                                                              \
    M(SOL_HEARTBEAT, 0x2B, BOTH, 8, 0, 0, 0)                                                                 \
    M(KVM_OPEN, 0x40, CLIENT, 8, 0, 0, 0)                                                                    \
    M(KVM_OPEN_REPLY, 0x41, DEVICE, 8, 0, 0, 1)
enum redir_msg {
#define M(name, id, ...) REDIR_MSG_##name = (id),
    REDIR_MSG_TABLE(M)
#undef M
};

enum {
    REDIR_START_STATUS_OK = 0, /* of 0x11 */
    REDIR_START_STATUS_TYPE = 1,
    REDIR_START_STATUS_BUSY = 2,
    REDIR_START_STATUS_UNSUPPORTED = 3,
    REDIR_START_STATUS_INTERNAL = 0xff,

    REDIR_AUTH_OK = 0, /* of 0x14 */
    REDIR_AUTH_FAIL = 1,
    REDIR_AUTH_UNSUPPORTED = 2,

    REDIR_SOL_TX_OVERFLOW = 1, /* status bits of 0x29, its last byte */
    REDIR_SOL_POWER = 4,
    REDIR_SOL_RX_FLUSH_TIMEOUT = 8,
};
enum redir_auth { /* the byte that names a method */
                  REDIR_AUTH_QUERY = 0,
                  REDIR_AUTH_PLAIN = 1,
                  REDIR_AUTH_KERBEROS = 2,
                  REDIR_AUTH_DIGEST_OLD = 3, /* RFC 2069: no qop */
                  REDIR_AUTH_DIGEST = 4,     /* RFC 2617, qop auth */
};

enum {
    REDIR_START_REPLY_MAX = 13 + 255,
    REDIR_AUTH_DATA_MAX = 8 * 256, /* eight fields of the longest kind; stops lengths of up to 4 GB */
    REDIR_AUTH_MAX = 9 + REDIR_AUTH_DATA_MAX,
    REDIR_STATUS_BYTES = 4, /* of a reply that refuses, at least */
};
#define REDIR_DIGEST_URI    "/RedirectionService"
#define REDIR_DIGEST_METHOD "POST"

/* Length of the message that begins with have: > 0, possibly more than have.n; 0 when more of it is needed to
 * know; ERR_PROTO: that side sends no such message; ERR_LIMIT: longer than REDIR_AUTH_DATA_MAX allows. */
NODISCARD int redir_msg_length(enum redir_from from, struct slice have);
/* Bytes before a payload that may be streamed: the head's length, 0 for an unknown id. */
size_t redir_msg_head(uint8_t id);

/* Whole messages 0x13 and 0x14 into w; w->bad when they do not fit or a field exceeds 255 bytes. */
void redir_put_auth(struct wr *w, enum redir_auth type, struct slice data);
void redir_put_auth_reply(struct wr *w, uint8_t status, enum redir_auth type, struct slice data);
/* Their type and data, of a whole message; status: 0x14 only. */
struct redir_auth_msg {
    uint8_t status, type;
    struct slice data;
};
struct redir_auth_msg redir_get_auth(struct slice msg);

/* The data of a digest's 0x13: user, realm, nonce, uri, cnonce, nc, response and, with REDIR_AUTH_DIGEST,
 * qop. get: false when it ends too early. */
void redir_put_digest(struct wr *w, enum redir_auth type, const struct digest_answer *a);
bool redir_get_digest(struct slice data, enum redir_auth type, struct digest_answer *a);
/* The data of a challenge: realm, nonce and, with REDIR_AUTH_DIGEST, qop. */
struct redir_challenge {
    struct slice realm, nonce, qop;
};
void redir_put_challenge(struct wr *w, enum redir_auth type, const struct redir_challenge *c);
bool redir_get_challenge(struct slice data, enum redir_auth type, struct redir_challenge *c);

/* The response to put into a->response, for HA1 in hex (digest_ha1()), of realm, nonce, cnonce, nc and qop in
 * *a. The uri hashed is REDIR_DIGEST_URI, whatever a->uri is. 0, ERR_CRYPTO. */
NODISCARD int redir_digest_response(const char *ha1, enum redir_auth type, const struct digest_answer *a,
                                    char out[DIGEST_HA1_CAP]);
