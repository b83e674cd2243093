/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_view: a KVM session shown in a browser on this machine. Main thread. */
#pragma once

#include "cli/session.h"

/* Serve the viewer for s (a started KVM session, SESSION_NEW) until it ends. An exit code, the reason printed
 * when it is not 0. signals_begin() and session_end() are the caller's. */
int kvm_view(struct cli *c, struct session *s);
