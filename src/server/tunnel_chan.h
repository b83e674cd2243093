/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_chan: an APF channel of a tunnel to a port of the device: plain, or through TLS with the certificate
 * that was seen first. Embedded in who uses it (WS-MAN, a relay). Owner: the tunnel's shard; its thread only.
 */
#pragma once

#include "server/tunnel.h"

struct tunnel_chan;
struct tls;

/* None is called from inside tunnel_chan_open(). */
struct tunnel_chan_ops {
    void (*ready)(struct tunnel_chan *ch); /* open, and shaken hands */
    /* Plain bytes, valid during the call. */
    void (*data)(struct tunnel_chan *ch, struct slice data);
    void (*writable)(struct tunnel_chan *ch); /* a full channel has room again; may be NULL */
    /* It ended, not by us; err: ERR_CLOSED, ERR_TIMEOUT, ERR_UNREACHABLE, ERR_TLS; why: a sentence, or "".
     * Once; nothing but gone follows. */
    void (*ended)(struct tunnel_chan *ch, int err, const char *why);
    void (*gone)(struct tunnel_chan *ch); /* apf has forgotten it: the memory is the owner's alone again */
    /* The tunnel ended under it; nothing follows, not even gone. NULL: the owner goes with the tunnel. */
    void (*cut)(struct tunnel_chan *ch);
};

/* Zeroed: not used. */
struct tunnel_chan {
    const struct tunnel_chan_ops *ops;
    struct tunnel *t; /* NULL: not used, gone or cut */
    struct tls *tls;  /* NULL: plain */
    struct list_node node;
    uint32_t number; /* apf's */
    bool told;       /* the owner wants to hear of it: not closed by it, and not ended */
    bool ready;
    bool held;     /* no credit is given back to the device */
    uint32_t owed; /* … for so many bytes */
};

/* Open one to the plain port, or to the TLS port where the policy or the device wants that. 0, then ready or
 * ended follows; ERR_UNREACHABLE (neither port is forwarded), ERR_LIMIT, ERR_CLOSED, ERR_NOMEM. */
NODISCARD int tunnel_chan_open(struct tunnel_chan *ch, struct tunnel *t, uint32_t plain_port,
                               uint32_t tls_port, const struct tunnel_chan_ops *ops);
/* 0; ERR_FULL (nothing was taken), ERR_CLOSED, ERR_NOMEM. Call tunnel_chan_flush() when all was sent. */
NODISCARD int tunnel_chan_send(struct tunnel_chan *ch, struct slice data);
/* Bytes that tunnel_chan_send() would take now. */
size_t tunnel_chan_room(const struct tunnel_chan *ch);
void tunnel_chan_flush(struct tunnel_chan *ch);
/* Back-pressure: while held the device gets no credit, so at most its window of bytes still comes. */
void tunnel_chan_hold(struct tunnel_chan *ch, bool hold);
/* It is to carry much: so many bytes may be on the way from the device. */
void tunnel_chan_widen(struct tunnel_chan *ch, uint32_t window_bytes);
/* Close; gone follows (or cut). */
void tunnel_chan_close(struct tunnel_chan *ch);
/* Without a word to anybody: apf has forgotten it, or the tunnel is about to be freed. */
void tunnel_chan_forget(struct tunnel_chan *ch);
/* Is there anything of it still? */
static inline bool tunnel_chan_used(const struct tunnel_chan *ch) {
    return ch->t != NULL;
}
