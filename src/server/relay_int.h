/* SPDX-License-Identifier: Apache-2.0 */
/* relay_int: what the files of the relay share. relay.c: life and reports; relay_viewer.c: the WebSocket;
 * relay_device.c: the redirection channel. */
#pragma once

#include "base/buf.h"
#include "proto/redir.h"
#include "proto/redir_front.h"
#include "proto/rfb.h"
#include "proto/ws.h"
#include "server/relay.h"
#include "server/tunnel_chan.h"

/* Bounds of what one session may keep in memory: below 256 KiB together. */
enum {
    RELAY_WINDOW_BYTES = 96 << 10,      /* from an open device, unasked: a turn of the loop for so much */
    RELAY_VIEWER_HIGH_BYTES = 64 << 10, /* above it the device gets no credit */
    RELAY_DEVICE_HIGH_BYTES = 16 << 10, /* above it the viewer is not read */
    RELAY_DEVICE_MAX_BYTES = 128 << 10, /* one piece of a viewer's message fits above HIGH */
    RELAY_PING_MS = 15000,
    RELAY_SILENCE_MS = 45000, /* a viewer that answers no ping; a device that takes nothing of a viewer */
    RELAY_FAREWELL_MS = 1500, /* for its close frame; then the connection is closed */
    RELAY_KVM_OPEN_BYTES = 8, /* an old client's own 0x40, before its RFB (reference 1.6) */
};

enum relay_power { RELAY_POWER_UNTOLD, RELAY_POWER_ON, RELAY_POWER_OFF };

struct relay {
    struct list_node node; /* shard->relays */
    struct shard *shard;
    char host[HOST_ID_CAP], session[REDIR_SESSION_ID_CAP], user[OP_ACTOR_CAP];
    enum redir_kind kind;
    struct session *s; /* while it is connecting or active; counts its bytes */
    bool old_client, view_only;
    struct loop_timer timer;

    /* the viewer */
    struct stream *stream; /* NULL: gone */
    struct ws *ws;
    struct rfb_up *up;         /* KVM */
    size_t before_rfb;         /* bytes that an old client still sends before its RFB */
    struct redir_front *front; /* old clients */
    struct mono ping_at, silent_at;
    struct mono farewell_at; /* MONO_NEVER until it was said */
    struct buf early;        /* came before the device was open; at most HIGH, and one piece */
    struct buf in;           /* read, but not looked at: the device's side is full; at most one read */
    bool paused, closing;    /* closing: its stream winds down by itself */
    bool ending;             /* on_end is at work: not to be freed under it */

    /* the device */
    struct tunnel_chan chan;
    struct redir *redir;
    struct buf start_reply; /* its 0x11, for old clients */
    bool opened, heard, device_gone, released;
    enum relay_power power; /* as the viewer knows it */
    struct buf scratch;
};

/* relay.c */
void relay_report(struct relay *r, enum session_report_kind what, enum session_reason why, const char *text);
void relay_arm(struct relay *r);
/* Free it when both sides are gone; r must not be touched afterwards. */
void relay_maybe_free(struct relay *r);
struct mono relay_now(const struct relay *r);

/* relay_viewer.c */
extern const struct stream_handler relay_viewer_handler;
/* Payload for the viewer. */
void relay_to_viewer(struct relay *r, struct slice data);
/* A note as a text frame; json is a whole object. Nothing to old clients. */
void relay_tell(struct relay *r, struct slice json);
/* Bytes for the viewer that front has ready. */
void relay_flush_front(struct relay *r);
/* The device is open: what the viewer sent meanwhile goes on. */
void relay_viewer_go_on(struct relay *r);
void relay_close_viewer(struct relay *r, uint16_t code, const char *text);
void relay_viewer_tick(struct relay *r);
struct mono relay_viewer_deadline(const struct relay *r);
/* The device's side has room again, or is open: go on reading the viewer. */
void relay_resume_viewer(struct relay *r);

/* relay_device.c */
/* 0, or the reason and a sentence in ei. */
int relay_open_device(struct relay *r, struct fleet_host *fh, struct errinfo *ei, enum session_reason *why);
/* 0; ERR_… when it takes no more: the session is over. */
int relay_to_device(struct relay *r, struct slice data);
/* Hand what redir has ready to the channel. */
void relay_push_device(struct relay *r);
/* Bytes that wait for the device. */
size_t relay_device_waiting(const struct relay *r);
void relay_close_device(struct relay *r);
void relay_device_tick(struct relay *r);
