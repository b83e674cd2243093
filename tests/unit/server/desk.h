/* SPDX-License-Identifier: Apache-2.0 */
/* desk: a whole server in the simulated world (http_rig.h) with one simulated machine behind it, doors for
 * REST, and viewers that speak WebSocket. Owner: the test. */
#pragma once

#include "http_rig.h"
#include "proto/apf.h"
#include "proto/ws.h"
#include "server/relay_int.h"
#include "server/tunnel_impl.h"
#include "sim/node.h"

#define DESK_PASSWORD "P@ssw0rd"

struct desk {
    struct rig *g;
    struct loop *node_loop;
    struct sim_fleet *fleet;
    struct sim_node *node;
    struct tls_ctx *device_tls; /* NULL: the machine speaks plain; else TLS only */
    unsigned port;              /* of its next connection */
    char host[HOST_ID_CAP];
    struct client *c; /* of desk_ask(); its last answer */
};
/* One host of the project default, on this shard (the doors are on shard 0), with its machine connected and
 * read. */
void desk_open(struct desk *d, unsigned shard);
void desk_open_tls(struct desk *d, unsigned shard);
void desk_close(struct desk *d);
void desk_run(struct desk *d, int64_t ms);
struct fleet_host *desk_host(struct desk *d);
/* Unplug the machine for ever; or a new one, with another certificate when it speaks TLS. */
void desk_unplug(struct desk *d);
void desk_plug(struct desk *d);
/* Wait until the link is up and the power was read. */
void desk_settle(struct desk *d);
/* A new process of the server over the same store; the machine comes back by itself. */
void desk_restart(struct desk *d);

/* One more user of all projects. */
void desk_user(struct desk *d, const char *name, const char *role);
/* One request of a user (NULL: nobody) about the host: path is what follows its id. The status. */
int desk_ask(struct desk *d, const char *user, const char *method, const char *path, const char *body);
/* The same about any path. */
int desk_ask_path(struct desk *d, const char *user, const char *method, const char *path, const char *body);
#define assert_answer(d, path, text) assert_string_equal(answer_text((d)->c, path), text)

enum { DESK_PATH_CAP = 512 };
/* Start a session without anything in its way and return its id. */
const char *desk_session(struct desk *d, const char *user, const char *body, char id[REDIR_SESSION_ID_CAP]);
const char *desk_ticket(struct desk *d, const char *user, const char *id, char ticket[SESSION_TICKET_CAP]);
/* Its state by REST, and the reason: "interrupted viewer-lost". Valid until the next call. */
const char *desk_state(struct desk *d, const char *id);
const struct session *desk_find(struct desk *d, const char *id);
/* The relay that serves it; NULL. */
struct relay *desk_relay(struct desk *d, const char *id);
/* Relays that are left, on all shards. */
size_t desk_relays(struct desk *d);

struct viewer {
    struct desk *d;
    struct stream *s;
    struct ws *ws;
    struct buf head;  /* of the answer; with a refusal: all of it */
    struct buf data;  /* binary frames */
    struct buf notes; /* text frames, one a line */
    int status;       /* of the answer; 0: none */
    uint16_t code;    /* of the close frame; 0: none */
    char reason[WS_REASON_MAX + 1];
    unsigned pings;
    bool mute; /* answers nothing, not even a close frame */
    bool ended;
    enum stream_end why;
};
/* Send these bytes over a new connection. */
void viewer_dial(struct viewer *v, struct desk *d, const char *request);
/* The handshake of the native door; headers that are given replace those of the same name. */
void viewer_ask(struct viewer *v, struct desk *d, const char *path, const char *protocol, const char *more);
/* Fetch a ticket and open the stream; runs until the device's side is open. */
void viewer_open(struct viewer *v, struct desk *d, const char *user, const char *session);
/* The same, and return at once; knock: whatever the answer is. */
void viewer_knock(struct viewer *v, struct desk *d, const char *user, const char *session);
void viewer_begin(struct viewer *v, struct desk *d, const char *user, const char *session);
void viewer_send(struct viewer *v, struct slice data);
void viewer_text(struct viewer *v, const char *text);
void viewer_leave(struct viewer *v, uint16_t code);
void viewer_type(struct viewer *v, const char *text);
/* Run until the text is in what came (data), or the notes; at most ms. */
bool viewer_sees(struct viewer *v, const char *text, int64_t ms);
bool viewer_told(struct viewer *v, const char *note, int64_t ms);
bool viewer_ends(struct viewer *v, int64_t ms);
/* SOL: log in and stand at the prompt. */
void viewer_login(struct viewer *v);
void viewer_free(struct viewer *v);
