/* SPDX-License-Identifier: Apache-2.0 */
/* program: run another program, without a shell, with a time limit, and take what it says. Blocking. Any
 * thread. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct program_end {
    int exit;      /* of the program */
    char out[512]; /* what it said on both outputs: the beginning, cleaned, without line ends at its end */
};
/* argv[0] is a path. ERR_NOT_FOUND: there is no such program; ERR_TIMEOUT: it was killed; ERR_IO (a signal
 * ended it, or no process could be made); with a sentence. */
NODISCARD int program_run(const char *const argv[], uint32_t timeout_ms, struct program_end *end,
                          struct errinfo *ei);
