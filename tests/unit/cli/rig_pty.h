/* SPDX-License-Identifier: Apache-2.0 */
/* rig_pty: orch-cli on a terminal: what it shows is read, keys are struck. After rig_begin(). */
#pragma once

#include "rig.h"

#include <sys/types.h>

/* Start with a terminal of 24 lines and 80 columns as all three descriptors. */
void pty_start(const struct script *rows, ...) __attribute__((sentinel));
/* Wait until it shows text, behind what was matched before; fails the test after 10 s. */
void pty_expect(const char *text);
/* All that it has shown. */
const char *pty_shown(void);
void pty_type(const char *keys);
pid_t pty_pid(void);
/* Wait for its end: the exit code, 128 + the signal. The terminal must be as it was (asserted). */
int pty_end(void);
