/* SPDX-License-Identifier: Apache-2.0 */
/* device: what a client of the RPS protocol tells a server of its node. Any thread. Source: reference
 * protocol-redir-activation 5.5, 6. */
#pragma once

#include "proto/rps.h"
#include "rpc/local.h"

struct device_opts {
    const char *where;         /* as mei_open() */
    const char *dmi;           /* as dmi_read(); NULL: its SMBIOS UUID is not told */
    bool any_uuid;             /* something else (a client certificate) says which node it is */
    const char *friendly_name; /* NULL: none */
};
/* Reads firmware and operating system. Has the local account's password: wipe it. Errors as amtinfo_read();
 * ERR_EXISTS: the UUID is one that many machines share, the SMBIOS UUID says no more, and not any_uuid. A
 * firmware that hangs "in provisioning" is brought out of it first. */
NODISCARD int device_read(struct rps_info *d, const struct local *l, const struct device_opts *o,
                          struct errinfo *ei);
