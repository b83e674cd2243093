/* SPDX-License-Identifier: Apache-2.0 */
/* facts: what the agent tells its server of this machine, as the JSON object of docs/activation.md. Blocking
 * (it asks the firmware and systemctl). Owner: its caller. */
#pragma once

#include "agent/config.h"
#include "agent/serial.h"
#include "base/buf.h"

struct fw;

/* Append the object. serial: what was found of the port. */
void facts_read(const struct agent_config *c, struct fw *f, struct serial *serial, struct buf *out);
/* The control mode now: 0, 1, 2; -1: the firmware does not tell. */
int facts_control_mode(struct fw *f);
/* The PRETTY_NAME of an os-release file's text, cleaned. */
void facts_os(struct slice text, char *out, size_t cap);
