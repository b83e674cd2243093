/* SPDX-License-Identifier: Apache-2.0 */
/* rps_int: what the files of rps share. rps.c: words and writers; rps_read.c: readers; rps_command.c: the
 * command line; rps_info.c: the node's description. */
#pragma once

#include "base/json.h"
#include "proto/rps.h"

struct json_t;

/* The command line of a first message. 0; ERR_UNSUPPORTED (no such command), ERR_INVALID (an option). */
NODISCARD int rps_command_read(struct slice line, struct rps_command *c, struct errinfo *ei);
void rps_command_put(struct buf *out, const struct rps_command *c);

/* 0; ERR_INVALID (a member is missing or not acceptable), ERR_LIMIT. */
NODISCARD int rps_info_read(const struct json_t *o, struct rps_info *info, struct errinfo *ei);
void rps_info_put(struct json *j, const struct rps_info *info);

/* A member as text, cleaned and cut; "" when it is no text and no number. */
void rps_member_text(const struct json_t *o, const char *key, char *dst, size_t cap);
