/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the machine itself: its BIOS, firmware, clock and certificates. */
#include "core/diagnose_int.h"
#include "core/identity.h"
#include "core/known.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGENT_WARN_S = 5 * 86400 /* the agent renews with ten days to go: at five it does not come */ };

/* Only where AMT is there: on such a board it always is. */
bool bios_has_no_switch(const struct ask *a) {
    return host_bios_switch(a->h).state == AGENT_SWITCH_ABSENT;
}
void say_no_switch(const struct ask *a, struct finding *f) {
    struct bios_switch b = host_bios_switch(a->h);
    const struct agent_facts *facts = ask_facts(a);
    bool firmware = facts && facts->firmware_switch == AGENT_SWITCH_PRESENT;
    snprintf(f->sentence, sizeof f->sentence,
             "The BIOS of this %.40s %.60s has no setting that switches AMT off (%s)%s%.120s",
             host_vendor(a->h), host_product(a->h), b.source, b.note[0] ? ": " : "", b.note);
    snprintf(f->remedy, sizeof f->remedy,
             "%s For the compliance report record it as an exception of this platform: orch-cli create "
             "exception %s --control amt-bios-switch --reason … --until …. Where a BIOS switch is required, "
             "choose other "
             "hardware.",
             firmware ? "The firmware can be told to switch AMT off: PATCH the host with amtEnabled false."
                      : "AMT stays on; deactivate it to leave it without a manager.",
             ask_name(a));
}

bool me_sleeps_with_host(const struct ask *a) {
    const struct agent_facts *f = ask_facts(a);
    return f && amt_me_sleep_of(f->power_policy) == AMT_ME_SLEEP_OFF;
}
void say_me_power(const struct ask *a, struct finding *f) {
    snprintf(f->sentence, sizeof f->sentence,
             "The agent reads the ME's power policy \"%.100s\": AMT is off while the host sleeps or is shut "
             "down, so it cannot be powered on remotely",
             ask_facts(a)->power_policy);
    snprintf(f->remedy, sizeof f->remedy, "In the BIOS set " BIOS_PATH " to: " BIOS_VALUE ".");
}

/* --- certificates --- */

static bool ends_within(struct wall until, struct wall now, int64_t seconds) {
    return until.us && until.us - now.us < seconds * 1000000;
}
static bool agent_certificate_ends(const struct ask *a) {
    return a->h->agent && ends_within(a->h->agent->cert_until, a->now.wall, AGENT_WARN_S);
}
static bool leaf_ends(const struct ask *a) {
    return ends_within(a->h->leaf_until, a->now.wall, a->p->expiry_warn_s);
}
bool certificate_ends(const struct ask *a) {
    return agent_certificate_ends(a) || leaf_ends(a);
}
void say_certificate(const struct ask *a, struct finding *f) {
    bool leaf = leaf_ends(a);
    struct wall until = leaf ? a->h->leaf_until : a->h->agent->cert_until;
    char at[WALL_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence, "The certificate of the node's %s %s on %s",
             leaf ? "AMT TLS server" : "agent", until.us <= a->now.wall.us ? "ended" : "ends",
             wall_rfc3339(until, at));
    snprintf(
        f->remedy, sizeof f->remedy, "%s",
        leaf ? "Activate the node again: it gets a new one."
             : "The agent renews it by itself when it can reach this server: look at its log. Once it has "
               "ended, enrol the agent again: pm-agent enrol.");
}

/* --- the clock --- */

bool clock_is_wrong(const struct ask *a) {
    return a->h->clock_at.us && llabs(a->h->clock_skew_ms) > (int64_t)a->p->skew_max_s * 1000;
}
void say_clock(const struct ask *a, struct finding *f) {
    char by[WALL_TEXT_CAP];
    int64_t skew = a->h->clock_skew_ms;
    snprintf(f->sentence, sizeof f->sentence, "The clock of the node's %s is %s %s this server's",
             a->h->clock_source == SOURCE_AGENT ? "operating system" : "firmware",
             duration_text(llabs(skew), by), skew > 0 ? "ahead of" : "behind");
    snprintf(
        f->remedy, sizeof f->remedy, "%s",
        a->h->clock_source == SOURCE_AGENT
            ? "Certificates may be refused: let the node keep its time by NTP, and check this server's."
            : "Its log entries and TLS are off: at the node run rpc maintenance --synctime, or activate it "
              "again.");
}

/* --- advisories --- */

bool firmware_has_advisory(const struct ask *a) {
    return known_advisory(host_firmware_version(a->h)) != NULL;
}
void say_advisory(const struct ask *a, struct finding *f) {
    const struct known_advisory *k = known_advisory(host_firmware_version(a->h));
    snprintf(f->sentence, sizeof f->sentence, "AMT firmware %.40s is concerned by %.80s: %.200s",
             host_firmware_version(a->h), k->id, k->what);
    snprintf(f->remedy, sizeof f->remedy, "%.300s.", k->remedy);
}
