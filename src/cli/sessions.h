/* SPDX-License-Identifier: Apache-2.0 */
/* sessions: what is open on a host, and ending it. Main thread. */
#pragma once

#include "cli/cli.h"
#include "proto/redir.h"

/* The sessions of a host, open ones first. *out owns an object. An exit code. */
int sessions_get(struct cli *c, const char *host, json_t **out);
/* A table of them. */
void sessions_print(struct cli *c, const json_t *sessions);
/* End those of a kind that are open, and say what was ended, or that there was none. An exit code. */
int sessions_stop(struct cli *c, const char *host, enum redir_kind kind);
