/* SPDX-License-Identifier: Apache-2.0 */
/* ready: wait for a descriptor. Any thread. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>

/* Until one of the poll() events holds. 0; ERR_TIMEOUT; ERR_CLOSED: only an error or a hang-up is to come. */
NODISCARD int ready_wait(int fd, short events, struct mono deadline);
/* An errno that means: not now. */
bool ready_moment(int why);
void ready_sleep_ms(int64_t ms);
