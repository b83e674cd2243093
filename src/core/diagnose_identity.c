/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about who a node is and whose it is. */
#include "core/diagnose_int.h"
#include "core/identity.h"

#include <stdio.h>
#include <strings.h>

enum { ORPHAN_TOLD_S = 3600 /* after the last knock; firmware dials every minute or so */ };

bool uuids_differ(const struct ask *a) {
    return host_uuid_order(a->h) == UUID_ORDER_DIFFERENT;
}
void say_uuids_differ(const struct ask *a, struct finding *f) {
    char smbios[UUID_TEXT_CAP], amt[UUID_TEXT_CAP];
    const struct agent_facts *facts = ask_facts(a);
    uuid_text(host_smbios_uuid(a->h), smbios);
    uuid_text(host_firmware_uuid(a->h), amt);
    snprintf(
        f->sentence, sizeof f->sentence,
        "SMBIOS says UUID %s%s, the AMT firmware says %s. The node is managed by its CIRA user, so power "
        "operations work",
        smbios, facts && !uuid_is_nil(facts->smbios_uuid) ? " (read by the agent)" : "", amt);
    snprintf(
        f->remedy, sizeof f->remedy,
        "Nothing must be done here. To mend the board (known on ASRock): 1. compare sudo dmidecode -s "
        "system-uuid with the AMT UUID above; 2. ask the board's vendor for its ME firmware update tools "
        "and their procedure for this model; 3. in manufacturing or service mode write the SMBIOS UUID "
        "into the ME firmware and verify it; 4. activate the node again (orch-cli set host %s --amt-state "
        "provisioned) and test a power operation.",
        ask_name(a));
}

bool uuid_is_factory(const struct ask *a) {
    struct uuid amt = host_firmware_uuid(a->h);
    bool told = a->h->link.generation > 0 || !uuid_is_nil(amt);
    return told && uuid_is_placeholder(amt);
}
void say_uuid_factory(const struct ask *a, struct finding *f) {
    char u[UUID_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence,
             "The AMT firmware's UUID is the factory placeholder %s, which many boards share. The node is "
             "managed by its CIRA user, so everything works",
             uuid_text(host_firmware_uuid(a->h), u));
    snprintf(f->remedy, sizeof f->remedy,
             "Nothing must be done here. Tools that know nodes by UUID will mix it up with others: ask the "
             "board's vendor for its ME firmware tools to write a real one.");
}

bool uuid_is_shared(const struct ask *a) {
    return a->h->duplicate_uuid;
}
void say_uuid_shared(const struct ask *a, struct finding *f) {
    char u[UUID_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence,
             "Another host reports the same AMT UUID %s. Both are managed, each by its own CIRA user",
             uuid_text(a->h->seen_uuid, u));
    snprintf(f->remedy, sizeof f->remedy,
             "Nothing must be done here. If the two are one machine that was imported twice, make them one: "
             "orch-cli merge host %s OTHER; if they are two, have the vendor write a real UUID.",
             ask_name(a));
}

/* --- whose is it? --- */

/* Where the firmware dials, as the agent reads it; "" when it cannot tell. */
static const char *dialled(const struct agent_facts *f) {
    return f->mps_address[0] ? f->mps_address : f->ras_mps_host;
}
static bool roots_told(const struct host_policy *p, const struct agent_facts *f) {
    return p->mps_root[0] && f->mps_root[0];
}
static bool other_root(const struct host_policy *p, const struct agent_facts *f) {
    return roots_told(p, f) && strcasecmp(p->mps_root, f->mps_root) != 0;
}
/* A server has many names and addresses, but one root: where that is known, it decides. */
static bool other_host(const struct host_policy *p, const struct agent_facts *f) {
    return (!roots_told(p, f) || other_root(p, f)) && p->mps_host[0] && dialled(f)[0] &&
           !mps_host_eq(p->mps_host, dialled(f));
}
/* Set up, and nobody here did it: no tunnel of it ever came, or we had taken it down. */
static bool set_up_by_nobody_here(const struct host *h) {
    bool ours = link_usable(&h->link) || h->amt_intent.desired == AMT_STATE_PROVISIONED;
    return !ours && (h->link.state == LINK_NEVER || h->amt_intent.desired == AMT_STATE_UNPROVISIONED);
}

bool owner_is_foreign(const struct ask *a) {
    const struct agent_facts *f = ask_facts(a);
    if (!f || (f->control_mode != AMT_MODE_CCM && f->control_mode != AMT_MODE_ACM) ||
        link_usable(&a->h->link)) /* it is here: whatever it was told by others */
        return false;
    return other_host(a->p, f) || other_root(a->p, f) || set_up_by_nobody_here(a->h);
}
void say_owner_foreign(const struct ask *a, struct finding *f) {
    const struct agent_facts *facts = ask_facts(a);
    const char *mode = facts->control_mode == AMT_MODE_ACM ? "admin" : "client";
    if (other_host(a->p, facts))
        snprintf(f->sentence, sizeof f->sentence,
                 "The firmware is set up (%s control mode) for another orchestrator: it dials %.100s%s%.30s, "
                 "not %.100s",
                 mode, dialled(facts), facts->ras_state[0] ? ", CIRA " : "", facts->ras_state,
                 a->p->mps_host);
    else if (other_root(a->p, facts))
        snprintf(f->sentence, sizeof f->sentence,
                 "The firmware is set up (%s control mode) for another orchestrator: it trusts the root "
                 "certificate %.16s…, not that of this server (%.16s…)",
                 mode, facts->mps_root, a->p->mps_root);
    else
        snprintf(f->sentence, sizeof f->sentence,
                 "The firmware is set up (%s control mode), but not by this server: no tunnel of it is here",
                 mode);
    snprintf(f->remedy, sizeof f->remedy,
             "In the other orchestrator deactivate the node (or deauthorize its host) and delete it there; "
             "then activate it here: orch-cli set host %s --amt-state provisioned. When that orchestrator is "
             "gone: at the node run rpc deactivate%s.",
             ask_name(a),
             facts->control_mode == AMT_MODE_ACM
                 ? " with its AMT password, or unconfigure AMT in MEBx (admin control mode)"
                 : " --local (client control mode needs no password)");
}

bool tunnel_is_orphan(const struct ask *a) {
    return a->h->orphan_at.us && a->now.wall.us - a->h->orphan_at.us < ORPHAN_TOLD_S * (int64_t)1000000;
}
void say_tunnel_orphan(const struct ask *a, struct finding *f) {
    char at[WALL_TEXT_CAP];
    snprintf(
        f->sentence, sizeof f->sentence,
        "This host was given up, but its firmware still dials: the last login, from %s at %s, was refused",
        a->h->orphan_peer, wall_hms(a->h->orphan_at, at));
    snprintf(f->remedy, sizeof f->remedy,
             "It stays set up until it is deactivated: at the node run rpc deactivate (--local in client "
             "control mode), or unconfigure AMT in MEBx. To take it back, activate it again.");
}
