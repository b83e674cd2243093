/* SPDX-License-Identifier: Apache-2.0 */
/* iso: an image of this machine as a drive of the node, while the command runs. Main thread. */
#pragma once

#include "cli/session.h"
#include "proto/ider.h"

struct iso_options {
    const char *path;
    bool floppy;
    enum ider_when when;
};

/* From session_start() to session_end(). s: as for session_start(). An exit code, the reason printed; EXIT_OK
 * when it was ejected, by Ctrl-C or from elsewhere. */
int iso_run(struct session *s, const struct iso_options *o);
