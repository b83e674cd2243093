/* SPDX-License-Identifier: Apache-2.0 */
/* commands: what main() runs. Main thread. */
#pragma once

#include <stdio.h>

/* Reads the command line and the environment, and carries it out: results to out, reasons to err. Gives the
 * exit code (exits.h). */
int rpc_main(int argc, char *const argv[], FILE *out, FILE *err);
