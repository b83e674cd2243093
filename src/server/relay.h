/* SPDX-License-Identifier: Apache-2.0 */
/* relay: the two ends of a session: a viewer's WebSocket and a channel to the device's redirection port, and
 * the bytes between them. It lives on the host's shard, so that nothing crosses threads per byte. What
 * happens is reported to the host machine, which decides; the relay only does. Owner: the shard; its thread
 * only. Source: docs/sessions.md */
#pragma once

#include "server/fleet.h"

struct relay;

/* A viewer whose ticket was accepted, on its way to the host's shard. Filled on the shard of its connection.
 */
struct relay_arrival {
    struct loop_msg msg;
    struct app *app;
    char host[HOST_ID_CAP], session[REDIR_SESSION_ID_CAP], user[OP_ACTOR_CAP];
    struct stream_moving *moving; /* NULL: it left before the upgrade */
    bool old_client;              /* speaks the redirection protocol itself (webrelay.ashx) */
};
/* a is owned by the relay from here. Any thread. */
void relay_arrive(struct relay_arrival *a);

/* --- for the host's glue, on its shard --- */
/* The session was ended or interrupted: close both sides, as its state, why and text say. */
void relay_end(struct fleet_host *fh, struct session *s);
void relay_note(struct fleet_host *fh, const struct session *s, enum session_note note, uint32_t n,
                const char *text);
/* The host is about to be freed. */
void relay_host_gone(struct fleet_host *fh);

/* Every session is interrupted because the server stops; viewers are told to come again. */
void relays_drain(struct shard *s);
/* Relays that still wind down. */
size_t relays_held(const struct shard *s);
/* Without a word to anybody: the loop may be gone. */
void relays_free(struct shard *s);
