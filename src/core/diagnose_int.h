/* SPDX-License-Identifier: Apache-2.0 */
/* diagnose_int: what the files of the findings share: what a rule may look at, and the rules that stand
 * beside the table of diagnose.c. */
#pragma once

#include "core/diagnose.h"

#define BIOS_PATH  "Advanced -> Power -> ME Configuration -> Power Control -> ME on in Host Sleep Status"
#define BIOS_VALUE "Mobile ON in S0, ME wake in S3, S4-S5 (AC only)"

struct ask {
    const struct host *h;
    const struct host_policy *p;
    struct host_now now;
};
/* What people call the host. */
const char *ask_name(const struct ask *a);
/* What its agent told; NULL: it has none. */
static inline const struct agent_facts *ask_facts(const struct ask *a) {
    return a->h->agent && a->h->agent->facts_at.us ? &a->h->agent->facts : NULL;
}

/* --- diagnose_identity.c --- */
bool uuids_differ(const struct ask *a);
void say_uuids_differ(const struct ask *a, struct finding *f);
bool uuid_is_factory(const struct ask *a);
void say_uuid_factory(const struct ask *a, struct finding *f);
bool uuid_is_shared(const struct ask *a);
void say_uuid_shared(const struct ask *a, struct finding *f);
bool owner_is_foreign(const struct ask *a);
void say_owner_foreign(const struct ask *a, struct finding *f);
bool tunnel_is_orphan(const struct ask *a);
void say_tunnel_orphan(const struct ask *a, struct finding *f);

/* --- diagnose_session.c --- */
bool consent_is_wanted(const struct ask *a);
void say_consent(const struct ask *a, struct finding *f);
bool power_waits_for_session(const struct ask *a);
void say_power_waits(const struct ask *a, struct finding *f);
bool kvm_is_idle(const struct ask *a);
void say_kvm_idle(const struct ask *a, struct finding *f);
bool sol_is_mute(const struct ask *a);
void say_sol_mute(const struct ask *a, struct finding *f);

/* --- diagnose_node.c --- */
bool bios_has_no_switch(const struct ask *a);
void say_no_switch(const struct ask *a, struct finding *f);
bool me_sleeps_with_host(const struct ask *a);
void say_me_power(const struct ask *a, struct finding *f);
bool certificate_ends(const struct ask *a);
void say_certificate(const struct ask *a, struct finding *f);
bool clock_is_wrong(const struct ask *a);
void say_clock(const struct ask *a, struct finding *f);
bool firmware_has_advisory(const struct ask *a);
void say_advisory(const struct ask *a, struct finding *f);
