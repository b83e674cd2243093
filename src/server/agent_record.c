/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent told of its machine, into the host's record where that has nothing: so that it is known by it
 * when the agent's identity is void, too. One change at a time; one that fails comes again with a report. */
#include "server/agents.h"

#include "server/directory.h"

#include <stdio.h>
#include <stdlib.h>

static void recorded(struct fleet_patch *p) {
    struct fleet_host *fh = fleet_host_find(p->call.from, p->call.host);
    if (fh && fh->agent)
        fh->agent->recording = false;
    free(p);
}

static unsigned what_is_new(const struct host *h, const struct agent_facts *f, struct host_new *v) {
    unsigned bits = 0;
    if (uuid_is_nil(h->smbios_uuid) && !uuid_is_placeholder(f->smbios_uuid)) {
        v->smbios_uuid = f->smbios_uuid;
        bits |= PATCH_SMBIOS_UUID;
    }
    if (!h->serial[0] && !serial_is_placeholder(f->serial) &&
        slice_to_str(slice_str(f->serial), v->serial, sizeof v->serial))
        bits |= PATCH_SERIAL;
    return bits;
}

void agents_record(struct fleet_host *fh) {
    struct agent_door *d = fh->agent;
    struct host_new v = {0};
    unsigned bits = what_is_new(&fh->h, &d->agent.facts, &v);
    struct fleet_patch *p = bits && !d->recording ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return;
    snprintf(v.actor, sizeof v.actor, "agent");
    *p = (struct fleet_patch){.v = v, .bits = bits, .done = recorded};
    p->call.from = fh->shard;
    memcpy(p->call.host, fh->h.id, sizeof p->call.host);
    d->recording = true;
    fleet_patch(p);
}
