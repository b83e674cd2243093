/* SPDX-License-Identifier: Apache-2.0 */
/* stream: a WebSocket (of a session: docs/sessions.md; of an activation: docs/activation.md) over conn: the
 * upgrade, messages both ways, pings answered, a silent peer noticed. Waits on a few descriptors of the
 * caller beside it. Owner: a session; main thread. */
#pragma once

#include "http/client.h"

#include <poll.h>

enum {
    STREAM_TEXT_MAX = 65536,    /* longest note; stops an endless one */
    STREAM_SILENCE_MS = 45000,  /* the server pings every 15 s */
    STREAM_QUEUE_MAX = 1 << 20, /* bytes to send that the server does not take; ask stream_queued() before */
};

enum stream_ev_kind {
    STREAM_EV_BINARY, /* data: a piece of the payload */
    STREAM_EV_TEXT,   /* data: one whole note */
    STREAM_EV_CLOSE,  /* code, data: the reason; nothing follows */
    STREAM_EV_LOST,   /* broken without a close; data: why, in words; nothing follows */
    STREAM_EV_OTHER,  /* one of the caller's descriptors is ready: see its revents */
    STREAM_EV_TIME,   /* the deadline passed */
};
struct stream_ev {
    enum stream_ev_kind kind;
    uint16_t code;
    struct slice data; /* valid until the next call */
};

struct stream;
struct stream_opts {
    const char *target;   /* path, without the endpoint's prefix */
    const char *protocol; /* sub-protocol; NULL: none */
    const char *ticket;   /* second sub-protocol, instead of the client's token; NULL: the token */
    size_t text_max;      /* longest text message; 0: STREAM_TEXT_MAX */
    int64_t
        silence_ms; /* the peer counts as lost after so long without a byte; 0: STREAM_SILENCE_MS, -1 never */
};
/* Connect by a client (which is free again afterwards) and upgrade. 0; ERR_REFUSED with the server's answer
 * in *refused when it does not upgrade; or as client_call(), with a sentence. *refused is to be freed in
 * every case. */
NODISCARD int stream_open(struct stream **s, struct client *c, const struct stream_opts *o,
                          struct answer *refused, struct errinfo *ei);
/* Sends a close frame (1000) when none was sent, without waiting for the answer. */
void stream_free(struct stream **s);

/* Send what is queued, and wait for the next event. others: n descriptors with events, looked at between any
 * two pieces of input, so that neither side starves the other. */
void stream_next(struct stream *s, struct pollfd *others, size_t n, struct mono deadline,
                 struct stream_ev *ev);
/* Queue binary data; sent by stream_next(). 0; ERR_CLOSED after the end; ERR_FULL over STREAM_QUEUE_MAX;
 * ERR_NOMEM. */
NODISCARD int stream_send(struct stream *s, struct slice data);
/* The same for a whole text message. */
NODISCARD int stream_send_text(struct stream *s, struct slice text);
/* Bytes not sent yet. */
size_t stream_queued(const struct stream *s);
/* true: read nothing until told otherwise, since the data have nowhere to go (back-pressure). */
void stream_hold(struct stream *s, bool hold);
/* Send what is queued, at most until the deadline. */
void stream_flush(struct stream *s, struct mono deadline);
