/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of agents.h share. */
#pragma once

#include "server/agents.h"

/* --- agents_identity.c --- */
/* The agent's row, or that there is none any more. Nobody waits for it. */
void agents_write(struct fleet_host *fh, enum store_write_kind kind, bool durable);
/* By what its machine is known, should it come by another way. */
void agents_learn_ids(struct fleet_host *fh);

/* --- agents_order.c --- */
/* Bring the orders in line with what is wanted. Is there one to hand out? */
bool agents_has_news(struct agent_door *d);
/* Answer the heartbeat that waits, with what is to be done. */
void agents_answer(struct agent_door *d);
/* It works on this order ("": none); one that was handed out and never taken up is given up. */
void agents_running(struct agent_door *d, const char *order);
/* wait_timer's: the heartbeat waited long enough. */
void agents_on_wait(struct loop_timer *timer);

/* --- agents.c --- */
/* gone_timer's: it was not heard for long. */
void agents_on_gone(struct loop_timer *timer);
