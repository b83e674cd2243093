/* SPDX-License-Identifier: Apache-2.0 */
/* signals: SIGINT, SIGTERM, SIGHUP and SIGQUIT as bytes of a pipe, for commands that have something to put in
 * order before they end. One for the process; main thread. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* From now on these signals do not end the process. ERR_IO. Again: nothing. */
NODISCARD int signals_begin(void);
/* Readable once a signal came; -1 (which poll() passes over) before signals_begin(). */
int signals_fd(void);
/* One came. It stays so. */
bool signals_came(void);
/* As it was before. */
void signals_end(void);
