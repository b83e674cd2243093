/* SPDX-License-Identifier: Apache-2.0 */
/* compliance: can AMT be switched off on a node, by what, and is it an exception that it cannot? Owner: the
 * host's shard. Source: docs/activation.md, "Compliance" */
#pragma once

#include "server/agents.h"

/* Of exceptions: <host id>.amt-bios-switch */
#define COMPLIANCE_CONTROL "amt-bios-switch"

/* C(symbol, word) */
#define COMPLIANCE_TABLE(C)                                                                                  \
    C(OK, "compliant") C(EXCEPTION, "exception") C(DEVIATION, "deviation") C(UNKNOWN, "unknown")
enum compliance {
#define C(sym, word) COMPLIANCE_##sym,
    COMPLIANCE_TABLE(C)
#undef C
};
const char *compliance_text(enum compliance c);
enum compliance compliance_of(const struct host *h, bool excepted);

/* Have the agent switch AMT on or off in the firmware. ERR_STATE: it cannot, with the reason. */
NODISCARD int compliance_switch(struct fleet_host *fh, bool on, struct errinfo *ei);
