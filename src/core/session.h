/* SPDX-License-Identifier: Apache-2.0 */
/* session: one operator's hold on one redirection kind of a host: states, reasons, and what is asked and
 * told of it. Pure data; the host machine moves it (host_session.c). Source: docs/sessions.md, design 6. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "core/consent.h"
#include "core/operation.h"
#include "proto/redir.h"

/* S(symbol, id) */
#define SESSION_STATE_TABLE(S)                                                                               \
    S(OPENING, "opening")         /* the consent state is being read */                                      \
    S(CONSENT, "consent")         /* a code is wanted */                                                     \
    S(READY, "ready")             /* a ticket may be fetched and used */                                     \
    S(CONNECTING, "connecting")   /* a viewer is there; the device's side is being opened */                 \
    S(ACTIVE, "active")           /* bytes flow */                                                           \
    S(INTERRUPTED, "interrupted") /* the owner may resume */                                                 \
    S(ENDED, "ended")
enum session_state {
#define S(sym, id) SESSION_##sym,
    SESSION_STATE_TABLE(S)
#undef S
};
const char *session_state_id(enum session_state s);

/* Why a session ended or was interrupted. R(symbol, id, WebSocket close code, resumable, sentence) */
#define SESSION_REASON_TABLE(R)                                                                              \
    R(NONE, "", 1000, false, "")                                                                             \
    R(CLOSED, "closed", 1000, false, "the viewer closed it")                                                 \
    R(SERVER_STOP, "server-stop", 1012, true, "the server restarts")                                         \
    R(STOPPED, "stopped", 4001, false, "stopped by an operator")                                             \
    R(TAKEN_OVER, "taken-over", 4002, false, "taken over by another operator")                               \
    R(POWER_FORCED, "power-forced", 4003, false, "ended for a forced power operation")                       \
    R(IDLE, "idle", 4004, false, "nobody did anything for too long")                                         \
    R(DEVICE_BUSY, "device-busy", 4005, false, "the firmware has another session of this kind open")         \
    R(DEVICE_DISABLED, "device-disabled", 4006, false, "this kind is switched off in the firmware")          \
    R(DEVICE_AUTH, "device-auth", 4007, false, "the firmware refuses the AMT user and password")             \
    R(DEVICE_CLOSED, "device-closed", 4008, true, "the firmware closed it")                                  \
    R(LINK_LOST, "link-lost", 4009, true, "the AMT link was lost")                                           \
    R(CONSENT, "consent", 4010, false, "consent was not given")                                              \
    R(DEACTIVATED, "deactivated", 4017, false, "the node was deactivated")                                   \
    R(HOST_DELETED, "host-deleted", 4011, false, "the host was deleted")                                     \
    R(PROTOCOL, "protocol", 4012, false, "the viewer broke the protocol")                                    \
    R(DEVICE_ERROR, "device-error", 4013, false, "the firmware answered with an error")                      \
    R(VIEWER_LOST, "viewer-lost", 4014, true, "the connection to the viewer was lost")                       \
    R(EXPIRED, "expired", 4015, false, "nobody came for it in time")                                         \
    R(USER_GONE, "user-gone", 4016, false, "its user was removed")
enum session_reason {
#define R(sym, ...) SESSION_WHY_##sym,
    SESSION_REASON_TABLE(R)
#undef R
        SESSION_WHY_COUNT
};
struct session_reason_row {
    const char *id;
    uint16_t close_code;
    bool resumable;
    const char *text;
};
const struct session_reason_row *session_reason_row(enum session_reason r);

enum { REDIR_SESSION_ID_CAP = 20, SESSION_TICKET_CAP = 65, SESSION_TEXT_CAP = 200, SESSIONS_PAST_MAX = 8 };

struct session {
    char id[REDIR_SESSION_ID_CAP]; /* "ses-" and 12 hex digits */
    enum redir_kind kind;
    enum session_state state; /* written by session_set_state() only */
    enum session_reason why;  /* of INTERRUPTED and ENDED */
    char text[SESSION_TEXT_CAP];
    char user[OP_ACTOR_CAP];
    char resumed[SESSION_TEXT_CAP]; /* "" or why the one before is gone */
    bool view_only;
    bool device_open; /* the device's side is open or being opened: it blocks power-off */
    bool heard;       /* a byte of the device came since it is open */
    bool idle_warned, mute_told;
    char ticket[SESSION_TICKET_CAP]; /* "" none; wiped when used */
    struct mono ticket_until;
    struct wall since, ended_at, opened_at, resume_until;
    struct mono until;      /* of the state; MONO_NEVER */
    struct mono opened;     /* the device's side */
    struct mono last_input; /* a person did something */
    struct mono last_nudge;
    uint64_t token;                /* of the order that waits for OPENING to end; 0 none */
    bool token_ticket;             /* … and wants a ticket */
    uint64_t to_viewer, to_device; /* bytes; counted by the glue */
};

/* What a door asks. */
enum session_order_kind {
    SESSION_START,           /* kind, view_only, take_over, resume, new_id */
    SESSION_TICKET,          /* id, ticket (fresh, made by the glue) */
    SESSION_STOP,            /* id */
    SESSION_ATTACH,          /* ticket, and id or (old clients) kind: answered at once */
    SESSION_CONSENT_READ,    /* … the four of the firmware's consent */
    SESSION_CONSENT_REQUEST, /* show a code */
    SESSION_CONSENT_CODE,    /* code */
    SESSION_CONSENT_CANCEL,
};
struct session_order {
    enum session_order_kind what;
    enum redir_kind kind;
    bool by_kind; /* ATTACH: id is not known */
    bool view_only, take_over, admin;
    char id[REDIR_SESSION_ID_CAP], resume[REDIR_SESSION_ID_CAP], new_id[REDIR_SESSION_ID_CAP];
    char ticket[SESSION_TICKET_CAP];
    char user[OP_ACTOR_CAP];
    uint32_t code;
    uint64_t token; /* comes back in ACT_SESSION_REPLY */
};

/* What the glue tells of the two ends of a session. */
enum session_report_kind {
    SESSION_OPENED,      /* the device's side is open */
    SESSION_HEARD,       /* the first byte came */
    SESSION_INPUT,       /* a person did something */
    SESSION_DEVICE_GONE, /* why, text: the device's side failed or closed */
    SESSION_VIEWER_GONE, /* why: CLOSED or VIEWER_LOST, or PROTOCOL */
    SESSION_REVOKED,     /* its user was removed */
    SESSION_RELEASED,    /* nothing of it is open at the firmware any more */
};
struct session_report {
    enum session_report_kind what;
    enum session_reason why;
    const char *id, *text;
};

/* What the machine tells a viewer through the glue. */
enum session_note {
    SESSION_NOTE_IDLE,   /* n: seconds; 0: over */
    SESSION_NOTE_MUTE,   /* text: sentence */
    SESSION_NOTE_QUEUED, /* text: sentence; "": no longer */
    SESSION_NOTE_NUDGE,  /* not told: put a neutral input in */
};

/* All sessions of a host; made with the first one. */
enum { SESSION_WAITS_MAX = 4 };
struct host_sessions {
    struct session *open[REDIR_KIND_COUNT];
    struct session *past[SESSIONS_PAST_MAX]; /* newest first */
    struct session *gone;                    /* fell out of past; borrowed until the next call */
    struct consent consent;
    struct session_order
        waits[SESSION_WAITS_MAX]; /* consent orders, in turn; the first may be at the firmware */
    uint8_t nwaits;
    bool asked;                         /* a consent job is at the firmware … */
    bool asked_order;                   /* … for waits[0] */
    bool kvm_asked, kvm_known, kvm_set; /* SessionTimeout: job out, result there, as our policy wants it */
    bool sol_mute;                      /* the last SOL session stayed silent */
    bool idle_ended;                    /* the last KVM session ended for want of input */
    char queued[OP_ID_CAP];             /* the operation that viewers were told waits for them; "" none */
};

void session_set_state(struct session *s, enum session_state state);
/* Sentence: "KVM session ses-… by operator1 since 10:12:03". */
const char *session_describe(const struct session *s, char *out, size_t cap);
