/* SPDX-License-Identifier: Apache-2.0 */
/* door: the agent's calls to its server (docs/activation.md, "The agent's door"). Blocking. Owner: its maker;
 * one thread at a time. */
#pragma once

#include "agent/config.h"
#include "agent/identity.h"
#include "base/slice.h"

struct door;
struct json_t;

/* id NULL: without an identity, for the enrolment. c and id must outlive it, unchanged. ERR_INVALID (server,
 * ca), ERR_IO, ERR_NOMEM. */
NODISCARD int door_open(struct door **d, const struct agent_config *c, const struct identity *id,
                        struct errinfo *ei);
void door_close(struct door **d);
/* POST path with a JSON body. *out (may be NULL): the answer's object, the caller's. ERR_AUTH: the server
 * does not take the identity or the key; ERR_NOT_FOUND; ERR_STATE: refused (409); ERR_REFUSED: any other
 * refusal; ERR_UNREACHABLE, ERR_TLS, ERR_TIMEOUT, ERR_CLOSED, ERR_UNKNOWN_OUTCOME, ERR_PROTO; each with the
 * sentence. */
NODISCARD int door_post(struct door *d, const char *path, struct slice body, struct json_t **out,
                        struct errinfo *ei);

/* Enrol by the key in key_file: id is filled, and is to be saved. facts: a JSON object. */
NODISCARD int door_enrol(const struct agent_config *c, const char *facts, struct identity *id,
                         struct errinfo *ei);
/* A new certificate for a new key: *next is the whole identity, to be saved. */
NODISCARD int door_renew(struct door *d, const struct identity *id, struct identity *next,
                         struct errinfo *ei);
/* The server's ca.pem as the configuration names it; NULL in *pem: the system's. The caller's. */
NODISCARD int door_ca(const struct agent_config *c, char **pem, struct errinfo *ei);
