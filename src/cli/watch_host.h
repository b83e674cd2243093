/* SPDX-License-Identifier: Apache-2.0 */
/* watch_host: the watching forms of get host and list host. Main thread. Each gives an exit code. */
#pragma once

#include "cli/cli.h"

/* Resolve a name or id to the id. */
int host_id(struct cli *c, const char *given, char out[64]);
int watch_one_host(struct cli *c, const char *given);
int watch_fleet(struct cli *c);
