/* SPDX-License-Identifier: Apache-2.0 */
/* sol: the node's serial console on this terminal, or on pipes. Main thread. */
#pragma once

#include "cli/session.h"

struct sol_options {
    const char *log;   /* file that gets the node's bytes, too; NULL: none */
    int64_t linger_ms; /* input that is no terminal: how long to listen behind its end */
};

/* From session_start() to session_end(). s: as for session_start(). An exit code, the reason printed. */
int sol_run(struct session *s, const struct sol_options *o);
