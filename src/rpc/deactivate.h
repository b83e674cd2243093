/* SPDX-License-Identifier: Apache-2.0 */
/* deactivate: out of management without a server, by the firmware's host interface. Blocking. Source:
 * reference protocol-redir-activation 5.4. */
#pragma once

#include "rpc/fw.h"

enum { DEACTIVATE_SEEN_MS = 10000 }; /* until the firmware says that it is done */

/* Client control, or a set-up that was begun: undone, and seen to be. ERR_STATE: not activated;
 * ERR_DENIED: admin control, which the firmware ends only for who knows its password; ERR_UNKNOWN_OUTCOME:
 * accepted, but the control mode stays; others as fw.h. With sentence and remedy. */
NODISCARD int deactivate_local(struct fw *f, struct errinfo *ei);
