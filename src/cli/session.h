/* SPDX-License-Identifier: Apache-2.0 */
/* session: an operator's hold on KVM, SOL or IDE-R of a host: started by the API, with the consent code asked
 * for, its stream opened, and taken up again by itself after an interruption. A command loops on
 * session_next() until SESSION_EV_ENDED. Owner: the command; main thread. Source: docs/sessions.md. */
#pragma once

#include "cli/cli.h"
#include "cli/stream.h"

enum session_kind { SESSION_KVM, SESSION_SOL, SESSION_IDER };
/* "kvm", as the API and the command line have it; "KVM", as people do. */
const char *session_kind_id(enum session_kind k);
const char *session_kind_name(enum session_kind k);
/* False when id is none. */
bool session_kind_parse(const char *id, enum session_kind *k);

enum session_ev_kind {
    SESSION_EV_OPEN,  /* the device's side is open, for the first time or again: data may be sent. KVM begins
                         with a new handshake, IDE-R with a new 0x40; SOL goes on */
    SESSION_EV_DATA,  /* data: the device's bytes */
    SESSION_EV_NOTE,  /* text and note: what the server says ("hello", "power", "mute", "idle", "queued",
                         "end") */
    SESSION_EV_DOWN,  /* interrupted: why was said, it is being taken up again; what is sent is dropped */
    SESSION_EV_OTHER, /* one of the caller's descriptors is ready */
    SESSION_EV_TIME,  /* the deadline passed */
    SESSION_EV_ENDED, /* over, why was said; exit: the exit code. Nothing follows */
};
struct session_ev {
    enum session_ev_kind kind;
    struct slice data, text; /* valid until the next call */
    const json_t *note;      /* an object; NULL but for NOTE */
    int exit;
};

/* How a command that owns the terminal lets a session speak; all may be NULL: plain lines to stderr. */
struct session_ui {
    void (*say)(void *ctx, const char *text); /* one sentence */
    void (*cooked)(void *ctx, bool cooked);   /* the consent prompt needs the terminal; gives it back */
    void *ctx;
};

enum session_phase { SESSION_NEW, SESSION_UP, SESSION_WAITING, SESSION_OVER };

struct session {
    struct cli *c;
    enum session_kind kind;
    const char *host;          /* as the user named it; outlives the session */
    bool view_only, take_over; /* set before session_start() */
    const char *consent_code;  /* NULL: asked for on the terminal; "-": first line of standard input */
    struct session_ui ui;
    /* read-only for others */
    enum session_phase phase;
    char id[64], host_name[128], target[512], ended_text[512];
    const char *ended_reason;
    bool ended_resumable, opened, code_used;
    struct stream *stream;
    struct client *client; /* quicker to give up than c->client */
    json_t *json;          /* what the server said last */
    json_t *note;          /* the note being given out */
    struct mono down_since, down_until, next_try, open_since;
    int64_t pause_ms;
    struct buf scratch;
};

/* Make the session and get its consent. EXIT_OK, or an exit code with the reason printed (and nothing left
 * open at the server). *s is zeroed but for the fields named above. */
int session_start(struct session *s);
/* The next event. Opens the stream at the first call. others: as stream_next(); they are watched in an
 * interruption, too. */
void session_next(struct session *s, struct pollfd *others, size_t n, struct mono deadline,
                  struct session_ev *ev);
/* Queue data to the device; dropped while it is not open. 0; ERR_FULL (nothing was taken); ERR_NOMEM. */
NODISCARD int session_send(struct session *s, struct slice data);
/* Bytes queued and not sent yet. */
size_t session_queued(const struct session *s);
/* Read nothing from the server while true. */
void session_hold(struct session *s, bool hold);
/* End it at the server when it is not over, and free all. Call in every case. */
void session_end(struct session *s);
