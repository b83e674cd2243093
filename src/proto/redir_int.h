/* SPDX-License-Identifier: Apache-2.0 */
/* redir_int: what the sources of the redir machine share; nobody else includes it. redir.c: stream, table,
 * output; redir_login.c: start and digest login; redir_sol.c: SOL. Same owner and thread as redir.h says. */
#pragma once

#include "base/buf.h"
#include "proto/redir.h"
#include "proto/redir_wire.h"

/* S(NAME, what the device's answer is awaited to). The first five wait. */
#define REDIR_STATE_TABLE(S)                                                                                 \
    S(START, "the start of the session")                                                                     \
    S(QUERY, "the question for its login methods")                                                           \
    S(CHALLENGE, "the beginning of the login")                                                               \
    S(RESPONSE, "the login")                                                                                 \
    S(OPENING, "the opening of the channel")                                                                 \
    S(OPEN, "nothing more")                                                                                  \
    S(ENDED, "nothing more")                                                                                 \
    S(FAILED, "nothing more")
enum redir_state {
#define S(name, text) REDIR_ST_##name,
    REDIR_STATE_TABLE(S)
#undef S
        REDIR_ST_COUNT
};
#define REDIR_IN(name) (1u << REDIR_ST_##name)

/* R(message, kind that it belongs to or KIND_COUNT for all, states, handler) */
#define REDIR_RULE_TABLE(R)                                                                                  \
    R(START_REPLY, KIND_COUNT, REDIR_IN(START), redir_on_start_reply)                                        \
    R(AUTH_REPLY, KIND_COUNT, REDIR_IN(QUERY), redir_on_methods)                                             \
    R(AUTH_REPLY, KIND_COUNT, REDIR_IN(CHALLENGE), redir_on_challenge)                                       \
    R(AUTH_REPLY, KIND_COUNT, REDIR_IN(RESPONSE), redir_on_verdict)                                          \
    R(KVM_OPEN_REPLY, KVM, REDIR_IN(OPENING), redir_on_kvm_open)                                             \
    R(SOL_START_REPLY, SOL, REDIR_IN(OPENING), redir_on_sol_start)                                           \
    R(SOL_FROM_HOST, SOL, REDIR_IN(OPEN), redir_on_sol_data)                                                 \
    R(SOL_HOST_CONTROLS, SOL, REDIR_IN(OPEN), redir_on_sol_controls)                                         \
    R(SOL_HEARTBEAT, SOL, REDIR_IN(OPEN), redir_on_sol_heartbeat)                                            \
    R(SOL_PING, SOL, REDIR_IN(OPEN), redir_on_sol_ping)                                                      \
    R(SOL_PONG, SOL, REDIR_IN(OPEN), redir_on_sol_pong)                                                      \
    R(SOL_END_REPLY, SOL, REDIR_IN(OPEN), redir_on_sol_end)

struct redir {
    enum redir_kind kind;
    enum redir_state state;
    bool bare;
    struct redir_limits lim;
    struct mono due; /* of an answer, or of the next heartbeat */
    int err;
    enum redir_fail fail;
    char error[320], firmware[16];
    struct buf out;

    uint8_t mem[REDIR_AUTH_MAX]; /* the message that is coming in */
    size_t n;

    /* login; the two strings are gone after it */
    char *user, *password;
    char cnonce[33];
    enum redir_auth method;

    /* SOL */
    uint32_t seq;             /* of our next message */
    uint32_t payload;         /* bytes of a 0x2A still to come */
    uint32_t unacked;         /* bytes told, since our last 0x2B */
    struct mono answer_after; /* a heartbeat that comes earlier gets no answer of its own */
};

void redir_set_state(struct redir *r, enum redir_state st, struct mono now);
/* The connection is over: fills error from the table, with a detail in brackets. Returns its code. */
int redir_fail(struct redir *r, enum redir_fail why, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Queue a whole message. ERR_NOMEM is the end of the connection. */
NODISCARD int redir_put(struct redir *r, const struct wr *w);
/* Name and password are not needed any more. */
void redir_forget_login(struct redir *r);

/* Handlers of REDIR_RULE_TABLE: msg is whole, but for a 0x2A's payload. 0; 1: *ev is filled; an error. */
#define R(msg, kind, states, handler)                                                                        \
    NODISCARD int handler(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev);
REDIR_RULE_TABLE(R)
#undef R

/* redir_login.c: message 0x10. redir_sol.c: 0x20, a piece of payload, what is due after input and at a
 * deadline, data to the host, 0x22. */
NODISCARD int redir_put_start(struct redir *r);
NODISCARD int redir_sol_open(struct redir *r);
NODISCARD int redir_sol_payload(struct redir *r, struct slice *in, struct mono now, struct redir_ev *ev);
NODISCARD int redir_sol_acknowledge(struct redir *r, struct mono now);
NODISCARD int redir_sol_tick(struct redir *r, struct mono now);
NODISCARD int redir_sol_send(struct redir *r, struct slice data, struct mono now);
size_t redir_sol_room(const struct redir *r, size_t left);
NODISCARD int redir_sol_close(struct redir *r);
