/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_view: a KVM session shown in a browser on this machine: the viewer's page is served here (local_page),
 * and its WebSocket is spliced to the session's. Main thread. */
#pragma once

#include "cli/session.h"

/* Serve the viewer for s (a started KVM session, SESSION_NEW) until it ends, or nobody looks any more. An
 * exit code, the reason printed when it is not 0. signals_begin() and session_end() are the caller's.
 *
 * What the page sees: the session's frames and notes as they are. When the session is interrupted, the page's
 * stream is closed with 4009 and it connects again: it gets what follows, from "hello" on. When the page
 * closes the stream, the session is ended; a page that comes back soon gets a new one. */
int kvm_view(struct cli *c, struct session *s);
