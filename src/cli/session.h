/* SPDX-License-Identifier: Apache-2.0 */
/* session: an operator's hold on KVM, SOL or IDE-R of a host: started by the API, with the consent code asked
 * for, its stream opened, and taken up again by itself after an interruption. A command loops on
 * session_next() until SESSION_EV_ENDED. Owner: the command; main thread. Source: docs/sessions.md. */
#pragma once

#include "cli/cli.h"
#include "http/stream.h"
#include "proto/redir.h"

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
    void (*say)(void *ctx, const char *text); /* one line */
    void (*cooked)(void *ctx, bool cooked);   /* the consent prompt needs the terminal; gives it back */
    void *ctx;
};

enum session_phase {
    SESSION_NEW,     /* the server has it; no stream yet */
    SESSION_UP,      /* the stream is there */
    SESSION_WAITING, /* interrupted; tried again at next_try, until down_until */
    SESSION_OVER,
};

struct session {
    /* set before session_start(), the rest zero */
    struct cli *c;
    enum redir_kind kind;
    const char *host; /* as the user named it; outlives the session */
    bool view_only, take_over;
    const char *consent_code; /* NULL: asked for on the terminal; "-": first line of standard input */
    struct session_ui ui;

    /* for others to read */
    enum session_phase phase;
    char id[64], host_name[128];
    bool open; /* the device's side: data pass */

    /* session.c's own */
    struct stream *stream;
    struct client *client; /* sooner gives up than c->client */
    json_t *json;          /* what the server said last */
    struct mono json_at;   /* when */
    json_t *note;          /* the one being given out */
    json_t *end;           /* the note "end"; NULL: none came */
    struct mono up_since, down_since, down_until, next_try;
    int64_t pause_ms;
    char why[768]; /* of the last failure */
    int exit;
    bool gone;         /* over at the server, too */
    bool window_known; /* down_until is the server's */
};

/* Make the session and get its consent. EXIT_OK, or an exit code with the reason printed. The caller should
 * have called signals_begin(): then a signal cancels. */
NODISCARD int session_start(struct session *s);
/* The next event. Opens the stream at the first call. others: as stream_next(); they are watched in an
 * interruption, too. */
void session_next(struct session *s, struct pollfd *others, size_t n, struct mono deadline,
                  struct session_ev *ev);
/* Queue data to the device; dropped while it is not open. 0; ERR_FULL (nothing was taken); ERR_NOMEM. */
NODISCARD int session_send(struct session *s, struct slice data);
/* Bytes queued and not sent yet. */
size_t session_queued(const struct session *s);
/* Read nothing from the server while true. Not for long: its pings are not answered either. */
void session_hold(struct session *s, bool hold);
/* End it at the server when it is not over, and free all. Call in every case, also when it did not start. */
void session_end(struct session *s);
/* A line for the operator, by ui. */
void session_say(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Say a note that every kind has ("mute", "idle", "queued"); nothing for others. */
void session_say_note(struct session *s, const json_t *note);
