/* SPDX-License-Identifier: Apache-2.0 */
#include "server/profile_use.h"

#include "server/provisioning.h"

#include <stdio.h>

static bool names_it(const struct fleet_host *fh, const char *profile) {
    const struct amt_intent *want = &fh->h.amt_intent;
    return (want->desired == AMT_STATE_PROVISIONED && strcmp(want->profile, profile) == 0) ||
           strcmp(provisioning_profile(fh), profile) == 0;
}

static void visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct profile_use *u = CONTAINER_OF(scan, struct profile_use, scan);
    struct map_iter it = {0};
    (void)part;
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        const struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (fh->deleting || strcmp(u->project, fh->h.project) != 0 || !names_it(fh, u->profile))
            continue;
        u->found++;
        snprintf(u->host, sizeof u->host, "%s", fh->h.name[0] ? fh->h.name : fh->h.id);
    }
}

int profile_use(struct profile_use *u) {
    u->scan.visit = visit;
    return fleet_scan(&u->scan);
}

int profile_use_check(const struct profile_use *u, struct errinfo *ei) {
    char more[40] = "";
    if (!u->found)
        return 0;
    if (u->found > 1)
        snprintf(more, sizeof more, " and %u more", u->found - 1);
    err_set(ei, ERR_STATE, "name", "the profile %s is in use: the host %s%s is, or is to be, set up by it",
            u->profile, u->host, more);
    err_remedy(
        ei,
        "Have it set up by another one (orch-cli set host %s --amt-state provisioned --amt-profile NAME), "
        "or deactivate it (orch-cli set host %s --amt-state unprovisioned), then delete the profile.",
        u->host, u->host);
    return ERR_STATE;
}
