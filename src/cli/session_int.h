/* SPDX-License-Identifier: Apache-2.0 */
/* session_int: what session.c, its resumption and its consent prompt share. Nobody else includes it. */
#pragma once

#include "cli/session.h"

enum {
    SESSION_POLL_MS = 500,    /* between looks at a state that will change by itself */
    SESSION_SETTLE_MS = 60000 /* how long it may take to do so */
};

/* One request below the host's path (suffix "/sessions/ses-…", or below the session's with own). 0 with an
 * answer whatever its status; ERR_* with a sentence. Free *a in every case. */
NODISCARD int session_ask(struct session *s, struct client *cl, const char *method, const char *suffix,
                          const struct buf *body, struct answer *a, struct errinfo *ei);
/* The session's JSON from the server into s->json. EXIT_OK; else an exit code with s->why filled; *status is
 * the answer's, 0 when there was none. */
NODISCARD int session_look(struct session *s, int *status);
/* Take an object of the server for s->json, and what it says of id and names. */
void session_take(struct session *s, json_t *json);
const char *session_state(const struct session *s);
/* Sentence and remedy of an answer that is no success, said; the exit code. */
int session_refused(struct session *s, const struct answer *a);
/* POST a session: resume may be NULL. EXIT_OK; an exit code with s->why filled; *status as above. */
NODISCARD int session_make(struct session *s, const char *resume, int *status);
/* Wait for something of the keyboard (its descriptor; -1: none) or a signal. True: one of them is there. */
bool session_pause(int fd, int64_t ms);

/* Six digits. */
bool consent_is_code(const char *text);
/* Before a session is asked for, which would put a code on the node's screen: could one be entered here?
 * EXIT_OK, also when the server cannot tell; EXIT_USAGE (said): there is neither a terminal nor
 * --consent-code. */
int consent_foresee(struct session *s);
/* state `consent`: ask for the code until the server is content. EXIT_OK, or said and an exit code. */
int consent_get(struct session *s);
/* Say that the consent given before still holds, when it does. */
void consent_say_reuse(struct session *s);
