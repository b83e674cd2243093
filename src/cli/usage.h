/* SPDX-License-Identifier: Apache-2.0 */
/* usage: what the command table prints: help and man pages. Any thread. */
#pragma once

#include "cli/commands.h"

#include <stdio.h>

/* Help of one command, or of the program when c is NULL. */
void usage_print(const struct command *c, FILE *out);
/* roff (man macros) for one command, or for all of them when c is NULL. */
void man_print(const struct command *c, FILE *out);
/* One option as help shows it: "-o, --output table|wide" into out. Returns out. */
enum { OPT_SHOWN_CAP = 160 };
const char *opt_shown(const struct command_opt *o, char out[OPT_SHOWN_CAP]);
