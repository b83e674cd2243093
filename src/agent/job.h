/* SPDX-License-Identifier: Apache-2.0 */
/* job: carries an order of the server out, in a child process of its own: an activation takes minutes, and
 * the agent must be heard meanwhile. One at a time. What the child says comes over a pipe, a line each.
 * Owner: the agent's loop. Source: docs/activation.md, "Orders" */
#pragma once

#include "agent/config.h"
#include "agent/identity.h"
#include "base/buf.h"
#include "base/clock.h"

#include <sys/types.h>

enum { JOB_ID_CAP = 20, JOB_TEXT_CAP = 400, JOB_LIMIT_MS = 15 * 60 * 1000 };

struct job {
    char id[JOB_ID_CAP]; /* "" none runs */
    pid_t pid;
    int fd;
    struct buf in;
    struct mono until;           /* the child is killed then */
    char progress[JOB_TEXT_CAP]; /* the last line; "" none that is new */
    bool ended, ok;              /* its result, to be told */
    char text[JOB_TEXT_CAP];     /* … in words */
};

/* What an order asks for. */
struct order {
    char id[JOB_ID_CAP], kind[24], profile[64];
    bool enable, local;
};

/* Begin. ERR_STATE: another one runs; ERR_UNSUPPORTED: this agent does not know the kind; ERR_IO. */
NODISCARD int job_start(struct job *j, const struct order *o, const struct agent_config *c,
                        const struct identity *id, struct errinfo *ei);
/* Take what the child said, without waiting; sets progress, ended. */
void job_look(struct job *j);
/* Its result is told: free for another one. */
void job_clear(struct job *j);
