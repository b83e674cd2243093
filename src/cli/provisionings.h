/* SPDX-License-Identifier: Apache-2.0 */
/* provisionings: what is under way with a node's firmware, told and followed to its end. Any thread (each
 * with its own client). Source: docs/activation.md */
#pragma once

#include "cli/operations.h"

enum { PROVISIONING_WAIT_MS = 900000 };

/* Where each new phase is told; c NULL: nowhere. Main thread. */
struct follow_say {
    struct cli *c;
};
/* "activate running, setup: setting up …" into out. */
void provisioning_text(const json_t *p, char *out, size_t cap);
bool provisioning_ended(const json_t *p);
/* "ccm", "acm" of a host's amtControlMode; "" when it is not known. */
const char *control_mode_word(const json_t *host);
/* The change (o->json: the host it gave) wanted this AMT state: o tells what is under way, and with wait what
 * became of it. wanted: "AMT_STATE_PROVISIONED", or "AMT_STATE_UNPROVISIONED". */
void provisioning_begun(const struct cli *c, struct client *cl, const char *host, const char *wanted,
                        bool wait, const struct follow_say *say, struct outcome *o);
/* Poll the host's provisioning until it has ended (--timeout, else 15 minutes); o gets its last state,
 * sentence and exit code. */
void provisioning_follow(const struct cli *c, struct client *cl, const char *host,
                         const struct follow_say *say, struct outcome *o);
