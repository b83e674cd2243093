/* SPDX-License-Identifier: Apache-2.0 */
/* now: the two clocks of this machine, for programs that block. Any thread. */
#pragma once

#include "base/clock.h"

struct mono now_mono(void);
struct wall now_wall(void);
