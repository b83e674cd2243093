/* SPDX-License-Identifier: Apache-2.0 */
/* fleet_reseal: secrets are sealed for the host they belong to; when they go to another one they are sealed
 * anew. Any thread. */
#pragma once

#include "server/app.h"

/* The secrets in row were sealed for the host `from`; from here on for row->id. ERR_CRYPTO. */
NODISCARD int fleet_reseal(const struct app *a, const char *from, struct store_host *row);
