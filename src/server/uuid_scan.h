/* SPDX-License-Identifier: Apache-2.0 */
/* uuid_scan: which hosts have this UUID, recorded or seen? Every host is asked: for what is done once a
 * session or activation. */
#pragma once

#include "server/fleet.h"

struct uuid_scan {
    struct fleet_scan scan; /* first */
    struct uuid uuid;
    struct uuid smbios;             /* of the machine; nil: not told. A host with another one is not it */
    char project[HOST_PROJECT_CAP]; /* of this one only; "": of all */
    char own[HOST_ID_CAP];          /* is this host among them? */
    /* out */
    bool own_found;
    unsigned found;                                       /* how many have it … */
    char host[HOST_ID_CAP], of_project[HOST_PROJECT_CAP]; /* … and one of them */
};
/* from, done (and ctx) of u->scan are the caller's. A placeholder is nobody's. ERR_NOMEM: done is not called.
 */
NODISCARD int uuid_scan(struct uuid_scan *u);
/* Does the host have this UUID, in either byte order? */
bool fleet_host_has_uuid(const struct fleet_host *fh, struct uuid u);
