/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who did what: each changing request and each sign-in becomes a row of the store's hash chain. Any
 * shard; written durably behind the answer. */
#pragma once

#include "server/request.h"

/* A request of a route with an action was answered with status; ei: why it was refused (NULL: it was not). */
void audit_request(struct request *r, int status, const struct errinfo *ei);
/* Anything else: sign-ins, and what the server does by itself. */
void audit_add(struct shard *s, const char *actor, const char *action, const char *target, const char *result,
               const char *detail, const char *request_id, const char *peer);
