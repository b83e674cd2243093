/* SPDX-License-Identifier: Apache-2.0 */
/* session_call: a door's word on sessions and consent of a host, and its answer; and how they look in JSON.
 * Owner: the door; see fleet_call. Source: docs/sessions.md */
#pragma once

#include "server/fleet.h"

struct session_call {
    struct fleet_call call; /* first */
    char project[HOST_PROJECT_CAP];
    struct session_order order;
    /* out, when call.err is 0 or the firmware refused a code */
    bool has_session;
    struct session session; /* a copy; its ticket is set for SESSION_TICKET only */
    char host_name[HOST_NAME_CAP];
    struct buf json; /* the session, or with consent orders the consent object; session_call_free() */
    void (*done)(struct session_call *c);
    void *ctx;
};
/* From call.from's thread. c lives until done was called. */
void session_call(struct session_call *c);
void session_call_free(struct session_call *c);

/* A user was removed: end the sessions of that name, everywhere. From s's thread; nothing is answered. */
void sessions_revoke(struct shard *s, const char *user);

void session_json(struct json *j, const struct fleet_host *fh, const struct session *s);
void consent_json(struct json *j, const struct host *h, struct host_now now);
/* {"sessions":[…],"totalElements":n} */
void sessions_json(struct json *j, const struct fleet_host *fh);
/* Those that are open, short, for the host's JSON: member "sessions" of oob; and EMF's members. */
void sessions_of_host_json(struct json *j, const struct host *h);
void emf_sessions_json(struct json *j, const struct host *h);
/* Fresh random "ses-xxxxxxxxxxxx". */
void session_new_id(struct loop *l, char out[REDIR_SESSION_ID_CAP]);
void session_new_ticket(struct loop *l, char out[SESSION_TICKET_CAP]);
