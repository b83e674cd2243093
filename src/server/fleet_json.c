/* SPDX-License-Identifier: Apache-2.0 */
/* A host and an operation as the API shows them (docs/api.md). What is not known is said to be unknown; the
 * last known value stands beside it with its age. */
#include "base/json.h"
#include "core/diagnose.h"
#include "core/identity.h"
#include "server/agents.h"
#include "server/field.h"
#include "server/fleet.h"
#include "server/provisioning.h"
#include "server/session_call.h"

#include <stdlib.h>

static void kuuid(struct json *j, const char *key, struct uuid u) {
    char text[UUID_TEXT_CAP];
    json_kstr(j, key, uuid_is_nil(u) ? "" : uuid_text(u, text));
}

static void kstate(struct json *j, const char *key, enum power_state s) {
    json_kstr(j, key, power_state_emf(s));
}

static const char *amt_state(const struct host *h) {
    if (h->amt.state == AMT_STATE_PROVISIONED)
        return link_usable(&h->link) ? "AMT_STATE_PROVISIONED" : "AMT_STATE_DISCONNECTED";
    return h->amt.state == AMT_STATE_UNPROVISIONED ? "AMT_STATE_UNPROVISIONED" : "AMT_STATE_UNSPECIFIED";
}

/* What was never ordered is wanted as it is: a host that came with its secrets is to stay provisioned. */
static const char *amt_desired(const struct fleet_host *fh) {
    enum amt_state want = fh->h.amt_intent.desired;
    if (want == AMT_STATE_UNKNOWN)
        want = fh->cira_secret.n ? AMT_STATE_PROVISIONED : AMT_STATE_UNPROVISIONED;
    return want == AMT_STATE_PROVISIONED ? "AMT_STATE_PROVISIONED" : "AMT_STATE_UNPROVISIONED";
}

static const char *control_mode(enum amt_control_mode m) {
    return m == AMT_MODE_ACM   ? "AMT_CONTROL_MODE_ACM"
           : m == AMT_MODE_CCM ? "AMT_CONTROL_MODE_CCM"
                               : "AMT_CONTROL_MODE_UNSPECIFIED";
}

/* The firmware's SKU is a bit field in decimal: bit 3 full AMT, bit 4 standard manageability. */
static const char *sku(const struct amt_info *info) {
    enum { SKU_AMT = 1 << 3, SKU_ISM = 1 << 4 };
    unsigned long bits = info ? strtoul(info->sku, NULL, 10) : 0;
    return bits & SKU_AMT ? "AMT_SKU_AMT" : bits & SKU_ISM ? "AMT_SKU_ISM" : "AMT_SKU_UNSPECIFIED";
}

static void link_json(struct json *j, const struct host *h) {
    json_key(j, "link");
    json_obj(j);
    json_kstr(j, "state", link_state_text(h->link.state));
    json_kwall(j, "since", h->link.since);
    json_kint(j, "generation", h->link.generation);
    json_kstr(j, "reason", h->link.state == LINK_NEVER ? "" : link_reason_text(h->link.why));
    json_kstr(j, "peer", h->link.peer);
    json_obj_end(j);
}

/* What the firmware offers now, as operation kinds; nothing over a dead link or by an old reading. */
static void offers_json(struct json *j, const struct host *h, bool fresh) {
    json_key(j, "availableOperations");
    json_arr(j);
    for (unsigned op = 0; fresh && op < POWER_OP_COUNT; op++) {
        const struct power_op_row *row = power_op_row((enum power_op)op);
        bool offered = !h->power.available_told;
        for (unsigned i = 0; i < h->power.navailable; i++)
            offered |= h->power.available[i] == row->cim;
        if (offered)
            json_str(j, row->kind);
    }
    json_arr_end(j);
}

static void age_json(struct json *j, struct wall at, struct wall now) {
    json_kwall(j, "observedAt", at);
    json_key(j, "ageMs");
    if (at.us)
        json_int(j, now.us > at.us ? (now.us - at.us) / 1000 : 0);
    else
        json_nil(j);
}

static void power_json(struct json *j, const struct host *h, enum power_state state, struct host_now now) {
    const struct observation *o = &h->power;
    bool fresh = state != POWER_UNKNOWN;
    json_key(j, "power");
    json_obj(j);
    json_kstr(j, "state", power_state_text(state));
    json_kstr(j, "source", observe_source_text(o->source));
    age_json(j, o->at, now.wall);
    json_kstr(j, "detail", o->cim ? power_cim_text(o->cim) : "never observed");
    json_key(j, "lastKnown");
    if (o->at.us) {
        json_obj(j);
        json_kstr(j, "state", power_state_text(o->state));
        age_json(j, o->at, now.wall);
        json_obj_end(j);
    } else {
        json_nil(j);
    }
    offers_json(j, h, fresh);
    json_obj_end(j);
}

static void decision_json(struct json *j, const struct host *h, const struct host_policy *p,
                          struct host_now now) {
    char why[400];
    host_explain(h, p, now, why, sizeof why);
    json_key(j, "decision");
    json_obj(j);
    json_kstr(j, "action", decision_action(&h->decided));
    json_kstr(j, "reason", decision_id(h->decided.kind));
    json_kstr(j, "why", why);
    json_kwall(j, "at", h->decided_at);
    json_kwall(j, "nextLookAt", host_next_look(h, now));
    json_obj_end(j);
}

static void findings_json(struct json *j, const struct host *h, const struct host_policy *p,
                          struct host_now now) {
    struct finding found[FINDING_COUNT];
    size_t n = diagnose(h, p, now, found);
    json_key(j, "findings");
    json_arr(j);
    for (size_t i = 0; i < n; i++) {
        json_obj(j);
        json_kstr(j, "id", finding_text_id(found[i].id));
        json_kstr(j, "severity", finding_severity(found[i].id));
        json_kstr(j, "sentence", found[i].sentence);
        json_kstr(j, "remedy", found[i].remedy);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void aliases_json(struct json *j, const struct host *h) {
    json_key(j, "aliases");
    json_obj(j);
    kuuid(j, "amtUuid", h->amt_uuid);
    kuuid(j, "seenUuid", h->seen_uuid);
    kuuid(j, "smbiosUuid", h->smbios_uuid);
    json_kstr(j, "serial", h->serial);
    json_kstr(j, "ciraUser", h->cira_user);
    json_kbool(j, "ciraShared", h->cira_shared);
    json_kstr(j, "uuidOrder", uuid_order_text(host_uuid_order(h)));
    json_obj_end(j);
}

/* Can AMT be switched off in the BIOS, and who says so? */
static void bios_switch_json(struct json *j, const struct host *h) {
    struct bios_switch b = host_bios_switch(h);
    json_key(j, "amtBiosSwitch");
    json_obj(j);
    json_kstr(j, "state", agent_switch_text(b.state));
    json_kstr(j, "source", b.source);
    json_kstr(j, "note", b.note);
    json_obj_end(j);
}

static void firmware_json(struct json *j, const struct host *h) {
    json_key(j, "firmware");
    if (!h->info) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "version", h->info->version);
    json_kstr(j, "sku", h->info->sku);
    json_kstr(j, "model", h->info->model);
    json_kstr(j, "biosVersion", h->info->bios_version);
    json_kwall(j, "observedAt", h->info_at);
    json_obj_end(j);
}

void fleet_op_json(struct json *j, const char *host, const struct operation *o) {
    json_obj(j);
    json_kstr(j, "id", o->id);
    json_kstr(j, "host", host);
    json_kstr(j, "kind", power_op_row(o->kind)->kind);
    json_kstr(j, "state", op_state_text(o->state));
    json_kstr(j, "code", op_code_id(o->code));
    json_kstr(j, "text", o->text);
    json_kstr(j, "actor", o->actor);
    json_kbool(j, "byReconcile", o->by_reconcile);
    json_kbool(j, "force", o->force);
    json_kwall(j, "createdAt", o->created);
    json_kwall(j, "updatedAt", o->updated);
    json_kwall(j, "sentAt", o->sent);
    json_kwall(j, "finishedAt", o->finished);
    json_kwall(j, "deadline", o->deadline);
    json_obj_end(j);
}

static void op_or_null(struct json *j, const char *key, const struct host *h, const struct operation *o) {
    json_key(j, key);
    if (o)
        fleet_op_json(j, h->id, o);
    else
        json_nil(j);
}

static void amt_json(struct json *j, const struct host *h, struct host_now now) {
    json_key(j, "amt");
    json_obj(j);
    json_kstr(j, "state", amt_state_text(h->amt.state));
    json_kstr(j, "source", observe_source_text(h->amt.source));
    age_json(j, h->amt.at, now.wall);
    json_obj_end(j);
}

static void oob_json(struct json *j, const struct fleet_host *fh, const struct host_policy *p,
                     struct host_now now, enum power_state state) {
    const struct host *h = &fh->h;
    json_key(j, "oob");
    json_obj(j);
    link_json(j, h);
    power_json(j, h, state, now);
    decision_json(j, h, p, now);
    op_or_null(j, "operation", h, h->op);
    op_or_null(j, "nextOperation", h, h->next);
    findings_json(j, h, p, now);
    json_kstr(j, "recoveryPolicy", recovery_policy_text(h->intent.policy));
    json_kwall(j, "holdUntil", h->intent.policy == RECOVERY_HOLD ? h->intent.hold_until : WALL_NEVER);
    aliases_json(j, h);
    firmware_json(j, h);
    amt_json(j, h, now);
    provisioning_json(j, "provisioning", fh);
    bios_switch_json(j, h);
    sessions_of_host_json(j, h);
    agents_json(j, "agent", fh);
    json_kint(j, "version", (int64_t)h->version);
    json_obj_end(j);
}

void fleet_host_json(struct buf *out, const struct fleet_host *fh) {
    const struct host *h = &fh->h;
    const struct host_policy *p = &fh->shard->app->policy;
    struct host_now now = shard_now(fh->shard);
    struct json j = json_of(out);
    enum power_state state = host_power_now(h, p, now.mono);
    char status[400];
    const char *indicator = host_power_status(h, p, now, status, sizeof status);
    struct wall status_at = h->power.at.us > h->link.since.us ? h->power.at : h->link.since;
    json_obj(&j);
    json_kstr(&j, "resourceId", h->id);
    json_kstr(&j, "name", h->name);
    kuuid(&j, "uuid", h->smbios_uuid);
    json_kstr(&j, "serialNumber", h->serial);
    json_kstr(&j, "projectId", h->project);
    kstate(&j, "desiredPowerState", h->intent.desired);
    kstate(&j, "currentPowerState", state);
    json_kstr(&j, "powerStatus", status);
    json_kstr(&j, "powerStatusIndicator", indicator);
    json_kint(&j, "powerStatusTimestamp", status_at.us / 1000000);
    json_kstr(&j, "currentAmtState", amt_state(h));
    json_kstr(&j, "desiredAmtState", amt_desired(fh));
    json_kstr(&j, "amtControlMode",
              control_mode(h->amt.state == AMT_STATE_UNPROVISIONED ? h->amt_intent.mode : h->control_mode));
    provisioning_status_json(&j, fh);
    json_kstr(&j, "amtSku", sku(h->info));
    emf_sessions_json(&j, h);
    json_key(&j, "timestamps");
    json_obj(&j);
    json_kwall(&j, "createdAt", h->created);
    json_kwall(&j, "updatedAt", h->updated);
    json_obj_end(&j);
    oob_json(&j, fh, p, now, state);
    json_obj_end(&j);
}
