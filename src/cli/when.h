/* SPDX-License-Identifier: Apache-2.0 */
/* when: points in time as people give them. Any thread. */
#pragma once

#include "base/clock.h"

/* RFC 3339, or a number with s, m, h or d (a "+" may stand before it): that long from now. False when
 * neither. */
bool when_parse(const char *text, struct wall now, struct wall *out);
