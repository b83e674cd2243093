/* SPDX-License-Identifier: Apache-2.0 */
/* redir: the client of AMT's redirection port, one instance a connection: start, digest login, and the
 * opening of KVM or SOL. Sans-IO: bytes in; events and bytes out. Owner: the session that made it; its loop
 * thread only. Source: reference protocol-redir-activation 1. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

/* K(symbol, id, the four letters of message 0x10, byte 1 of it, name for people) */
#define REDIR_KIND_TABLE(K)                                                                                  \
    K(KVM, "kvm", "KVMR", 1, "KVM")                                                                          \
    K(SOL, "sol", "SOL ", 0, "SOL")                                                                          \
    K(IDER, "ider", "IDER", 0, "IDE-R")
enum redir_kind {
#define K(sym, ...) REDIR_##sym,
    REDIR_KIND_TABLE(K)
#undef K
        REDIR_KIND_COUNT
};
const char *redir_kind_id(enum redir_kind k);
const char *redir_kind_name(enum redir_kind k);
bool redir_kind_parse(const char *id, enum redir_kind *k);

enum { REDIR_PORT_PLAIN = 16994, REDIR_PORT_TLS = 16995 };

/* Why a connection failed; redir_error() has the sentence. F(symbol) */
#define REDIR_FAIL_TABLE(F)                                                                                  \
    F(NONE)                                                                                                  \
    F(BUSY)        /* 0x11 status 2: another session of this kind is open at the firmware */                 \
    F(DISABLED)    /* 0x11 status 3, or IDE-R without consent */                                             \
    F(TYPE)        /* 0x11 status 1: the firmware does not know this kind */                                 \
    F(DEVICE)      /* 0x11 status 0xFF, 0x21 with a status, or another error of its own */                   \
    F(AUTH)        /* wrong user or password */                                                              \
    F(AUTH_METHOD) /* offers no digest */                                                                    \
    F(PROTOCOL)    /* broke a rule */                                                                        \
    F(TIMEOUT)     /* no answer in time */                                                                   \
    F(NOMEM)
enum redir_fail {
#define F(sym) REDIR_FAIL_##sym,
    REDIR_FAIL_TABLE(F)
#undef F
        REDIR_FAIL_COUNT
};

struct redir_limits {
    uint32_t answer_ms;    /* each answer of the login, and of the opening */
    uint32_t queue_bytes;  /* output not taken yet: what redir_send() takes; a device that does not read gets
                              no answers beyond it */
    uint32_t sol_alive_ms; /* heartbeat to the device; reference 1.4: every 2 s */
    uint32_t sol_chunk_bytes; /* of one 0x28: reference 1.4: at most 256 */
};
#define REDIR_LIMITS_DEFAULT                                                                                 \
    ((struct redir_limits){                                                                                  \
        .answer_ms = 15000, .queue_bytes = 65536, .sol_alive_ms = 2000, .sol_chunk_bytes = 256})

struct redir_config {
    enum redir_kind kind;
    bool bare; /* after the login nothing more is done here: data passes as it is (IDE-R always; all kinds for
                  clients that speak the rest themselves) */
    const char *user, *password; /* copied; wiped after the login */
    uint8_t random[16];          /* of the cnonce */
};

enum redir_ev_kind {
    REDIR_EV_STARTED, /* 0x11 with status 0: data = the whole message */
    REDIR_EV_OPEN,    /* logged in, and KVM or SOL opened: redir_send() may begin, DATA follows */
    REDIR_EV_DATA,    /* data: RFB bytes, the terminal's bytes, or bare messages; a slice of the input */
    REDIR_EV_POWER,   /* SOL 0x29: host_on, overflow */
    REDIR_EV_ENDED,   /* SOL 0x23 */
};
/* Slices are valid until the next redir_* call. */
struct redir_ev {
    enum redir_ev_kind kind;
    struct slice data;
    bool host_on, overflow;
};

struct redir;
/* Queues message 0x10. NULL only when out of memory. */
struct redir *redir_new(const struct redir_config *cfg, const struct redir_limits *lim, struct mono now);
void redir_free(struct redir **r);

/* Take bytes off *in until one event is complete: 1 and *ev filled; 0 when *in is used up without one;
 * ERR_AUTH, ERR_BUSY, ERR_REFUSED, ERR_PROTO, ERR_NOMEM, the same from then on. Any split of the
 * stream gives the same events, but that DATA may come in more pieces. */
NODISCARD int redir_input(struct redir *r, struct slice *in, struct mono now, struct redir_ev *ev);
enum redir_fail redir_failure(const struct redir *r);
/* A sentence for people, "" when it did not fail. */
const char *redir_error(const struct redir *r);

/* Bytes to send, empty when none; valid until the next redir_* call. Report what was taken with redir_sent().
 */
struct slice redir_output(const struct redir *r);
void redir_sent(struct redir *r, size_t n_bytes);

/* After REDIR_EV_OPEN: data to the host (SOL: in pieces of 0x28). 0; ERR_FULL when it would exceed
 * queue_bytes (nothing was taken); ERR_STATE before; ERR_NOMEM. */
NODISCARD int redir_send(struct redir *r, struct slice data, struct mono now);
/* Bytes that redir_send() would take now. */
size_t redir_room(const struct redir *r);
/* Queue the farewell (SOL 0x22; 0x12; none inside RFB). Send the output, then close. */
void redir_end(struct redir *r);

/* When to call redir_tick() at the latest; MONO_NEVER when idle. tick: 0, or ERR_TIMEOUT (the answer did not
 * come), after a failure its code; queues SOL heartbeats. */
struct mono redir_deadline(const struct redir *r);
NODISCARD int redir_tick(struct redir *r, struct mono now);
bool redir_is_open(const struct redir *r);
/* "AMT 15.0" of the 0x11 reply, "" before. */
const char *redir_firmware(const struct redir *r);
