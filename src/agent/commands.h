/* SPDX-License-Identifier: Apache-2.0 */
/* commands: what main() runs. Main thread. */
#pragma once

#include <stdio.h>

/* Reads the command line and carries it out: results to out, reasons to err. Gives the exit code: 0, 1 it
 * failed, 2 the command line is wrong, 77 the server does not take the identity or key, 78 not configured or
 * not enrolled (sysexits(3)). */
int agent_main(int argc, char *const argv[], FILE *out, FILE *err);
