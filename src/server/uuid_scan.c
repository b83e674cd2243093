/* SPDX-License-Identifier: Apache-2.0 */
#include "server/uuid_scan.h"

#include "core/identity.h"

#include <string.h>

bool fleet_host_has_uuid(const struct fleet_host *fh, struct uuid u) {
    const struct uuid has[] = {fh->h.seen_uuid, fh->h.amt_uuid, host_smbios_uuid(&fh->h)};
    bool same = false;
    for (size_t i = 0; i < sizeof has / sizeof *has; i++)
        same |= !uuid_is_nil(has[i]) && uuid_same_node(has[i], u);
    return same;
}

/* Another SMBIOS UUID is another machine: AMT UUIDs are cloned. */
static bool is_another(const struct fleet_host *fh, struct uuid smbios) {
    struct uuid has = host_smbios_uuid(&fh->h);
    return !uuid_is_placeholder(smbios) && !uuid_is_placeholder(has) && !uuid_same_node(has, smbios);
}

static void visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct uuid_scan *u = CONTAINER_OF(scan, struct uuid_scan, scan);
    struct map_iter it = {0};
    (void)part;
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        const struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if ((*u->project && strcmp(u->project, fh->h.project) != 0) || !fleet_host_has_uuid(fh, u->uuid) ||
            is_another(fh, u->smbios))
            continue;
        u->found++;
        u->own_found |= strcmp(u->own, fh->h.id) == 0;
        memcpy(u->host, fh->h.id, sizeof u->host);
        memcpy(u->of_project, fh->h.project, sizeof u->of_project);
    }
}

static void visit_none(struct shard *s, struct fleet_scan *scan, unsigned part) {
    (void)s, (void)scan, (void)part;
}

int uuid_scan(struct uuid_scan *u) {
    u->scan.visit = uuid_is_placeholder(u->uuid) || uuid_is_nil(u->uuid) ? visit_none : visit;
    return fleet_scan(&u->scan);
}
