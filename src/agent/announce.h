/* SPDX-License-Identifier: Apache-2.0 */
/* announce: what the operating system is about to do, and who seems to have done it. Blocking. */
#pragma once

#include "agent/config.h"
#include "base/buf.h"

enum { ANNOUNCE_CAUSE_CAP = 128 };

/* "poweroff" or "reboot": the system's end that systemd works on; NULL: it does not stop, only we do. */
const char *announce_kind(const char *systemctl);
/* The jobs as `systemctl list-jobs` prints them: which end is among them; NULL: none. */
const char *announce_kind_of(const char *jobs);
/* "uid 1000 (anna): poweroff" when one person is signed in, "one of uid …" when there are several, else the
 * kind alone. sessions: logind's directory. */
void announce_cause(const char *sessions, const char *kind, char out[ANNOUNCE_CAUSE_CAP]);
/* Tell the server, on a connection of its own, that this node goes down, and by whom. Errors as
 * identity_load(), door_open(), door_post(). */
NODISCARD int announce_send(const struct agent_config *c, const char *kind, struct errinfo *ei);
