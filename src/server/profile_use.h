/* SPDX-License-Identifier: Apache-2.0 */
/* profile_use: which hosts are, or are being, set up by this profile? Every host is asked. */
#pragma once

#include "server/fleet.h"
#include "server/objects.h"

struct profile_use {
    struct fleet_scan scan; /* first */
    char project[HOST_PROJECT_CAP], profile[OBJECT_NAME_CAP];
    /* out */
    unsigned found;           /* how many … */
    char host[HOST_NAME_CAP]; /* … and the name of one of them */
};
/* from, done (and ctx) of u->scan are the caller's. ERR_NOMEM: done is not called. */
NODISCARD int profile_use(struct profile_use *u);
/* After the scan: 0 when no host names it, else ERR_STATE with a host and what to do. */
NODISCARD int profile_use_check(const struct profile_use *u, struct errinfo *ei);
