/* SPDX-License-Identifier: Apache-2.0 */
/* device: what a client of the RPS protocol tells a server of its node. Any thread. Source: reference
 * protocol-redir-activation 5.5, 6. */
#pragma once

#include "proto/rps.h"
#include "rpc/local.h"

/* Reads firmware and operating system. Has the local account's password: wipe it. Errors as amtinfo_read();
 * ERR_EXISTS: the UUID is one that many machines share, unless any_uuid (something else says which node it
 * is). A firmware that hangs "in provisioning" is brought out of it first. */
NODISCARD int device_read(struct rps_info *d, const struct local *l, const char *where, bool any_uuid,
                          const char *friendly_name, struct errinfo *ei);
