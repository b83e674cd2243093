/* SPDX-License-Identifier: Apache-2.0 */
/* agent_facts: what an agent tells of its node, between JSON and struct agent_facts. An agent is a client
 * like any other: what it says is checked, cleaned and cut. Plain data; any thread. Source:
 * docs/activation.md */
#pragma once

#include "core/agent.h"
#include "server/schema.h"

struct json_t;

extern const struct schema SCHEMA_AGENT_FACTS;

/* Fill out from an object that SCHEMA_AGENT_FACTS has passed; what is not told is unknown. */
void agent_facts_read(const struct json_t *o, struct agent_facts *out);
/* The same from text, checked. ERR_SYNTAX, ERR_INVALID with the field. */
NODISCARD int agent_facts_parse(struct slice text, struct agent_facts *out, struct errinfo *ei);
/* The members, in the object that is open; all but serialConsole. */
void agent_facts_put(struct json *j, const struct agent_facts *f);
/* The members of serialConsole. */
void agent_facts_put_serial(struct json *j, const struct agent_facts *f);
/* 0, 1, 2 as the host interface says it; others: UNKNOWN. */
enum amt_control_mode agent_control_mode(int64_t n);
