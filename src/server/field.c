/* SPDX-License-Identifier: Apache-2.0 */
#include "server/field.h"

#include "core/identity.h"

#include <stdio.h>

struct host_view host_view_of(const struct host *h, const struct host_policy *p, struct host_now now) {
    return (struct host_view){.h = h, .policy = p, .now = now};
}

static uint32_t findings_of(struct host_view *v) {
    if (!v->has_findings)
        v->findings = diagnose_bits(v->h, v->policy, v->now);
    v->has_findings = true;
    return v->findings;
}
/* The i-th finding that holds, -1 past the last. */
static int finding_at(struct host_view *v, unsigned i) {
    uint32_t bits = findings_of(v);
    for (int f = 0; f < FINDING_COUNT; f++)
        if ((bits >> f & 1) && i-- == 0)
            return f;
    return -1;
}

static bool text(struct host_value *out, unsigned i, const char *s) {
    out->text = slice_str(s);
    return i == 0;
}
static bool number(struct host_value *out, unsigned i, int64_t n) {
    out->number = n;
    return i == 0;
}
static bool time_of(struct host_value *out, unsigned i, struct wall t) {
    out->number = t.us;
    return i == 0 && t.us;
}
static bool uuid_of(struct host_view *v, struct host_value *out, unsigned i, struct uuid u) {
    return text(out, i, uuid_is_nil(u) ? "" : uuid_text(u, v->scratch));
}

static const char *mode_text(enum amt_control_mode m) {
    return m == AMT_MODE_ACM   ? "AMT_CONTROL_MODE_ACM"
           : m == AMT_MODE_CCM ? "AMT_CONTROL_MODE_CCM"
                               : "AMT_CONTROL_MODE_UNSPECIFIED";
}

static enum power_state power_now(struct host_view *v) {
    return host_power_now(v->h, v->policy, v->now.mono);
}
static int64_t power_age_ms(const struct host_view *v) {
    return v->h->power.at.us ? (v->now.wall.us - v->h->power.at.us) / 1000 : -1;
}

const char *decision_action(const struct decision *d) {
    static const char *const words[DECIDE_COUNT] = {
        [DECIDE_NO_INTENT] = "none",      [DECIDE_LINK_DOWN] = "wait",      [DECIDE_LINK_SUSPECT] = "wait",
        [DECIDE_OPERATION] = "wait",      [DECIDE_JOURNAL] = "wait",        [DECIDE_READ] = "read",
        [DECIDE_UNSETTLED] = "wait",      [DECIDE_AS_DESIRED] = "none",     [DECIDE_CONFIRM] = "read",
        [DECIDE_HELD_BY_POLICY] = "hold", [DECIDE_LOCAL_SHUTDOWN] = "hold", [DECIDE_LOCAL_PAUSE] = "wait",
        [DECIDE_NOT_AVAILABLE] = "wait",  [DECIDE_BACK_OFF] = "wait",       [DECIDE_HELD] = "hold",
    };
    return d->kind == DECIDE_ACT ? power_op_row(d->op)->kind : words[d->kind] ? words[d->kind] : "none";
}

static const char *info_text(const struct host_view *v, size_t offset) {
    return v->h->info ? (const char *)v->h->info + offset : "";
}

/* The i-th open session, NULL past the last. */
static const struct session *session_at(const struct host_view *v, unsigned i) {
    for (unsigned k = 0; v->h->sessions && k < REDIR_KIND_COUNT; k++)
        if (v->h->sessions->open[k] && i-- == 0)
            return v->h->sessions->open[k];
    return NULL;
}

/* F(name of the getter, path, type, expression that fills out and says whether there is an i-th value) */
#define FIELD_TABLE(F)                                                                                       \
    F(resource_id, "resourceId", TEXT, text(out, i, v->h->id))                                               \
    F(name, "name", TEXT, text(out, i, v->h->name))                                                          \
    F(project, "projectId", TEXT, text(out, i, v->h->project))                                               \
    F(uuid, "uuid", TEXT, uuid_of(v, out, i, v->h->smbios_uuid))                                             \
    F(serial, "serialNumber", TEXT, text(out, i, v->h->serial))                                              \
    F(desired, "desiredPowerState", TEXT, text(out, i, power_state_emf(v->h->intent.desired)))               \
    F(current, "currentPowerState", TEXT, text(out, i, power_state_emf(power_now(v))))                       \
    F(power_status, "powerStatus", TEXT,                                                                     \
      (host_power_status(v->h, v->policy, v->now, v->scratch, sizeof v->scratch), text(out, i, v->scratch))) \
    F(control_mode, "amtControlMode", TEXT, text(out, i, mode_text(v->h->control_mode)))                     \
    F(created, "timestamps.createdAt", TIME, time_of(out, i, v->h->created))                                 \
    F(updated, "timestamps.updatedAt", TIME, time_of(out, i, v->h->updated))                                 \
    F(link_state, "oob.link.state", TEXT, text(out, i, link_state_text(v->h->link.state)))                   \
    F(link_since, "oob.link.since", TIME, time_of(out, i, v->h->link.since))                                 \
    F(link_generation, "oob.link.generation", NUMBER, number(out, i, v->h->link.generation))                 \
    F(link_reason, "oob.link.reason", TEXT, text(out, i, link_reason_text(v->h->link.why)))                  \
    F(link_peer, "oob.link.peer", TEXT, text(out, i, v->h->link.peer))                                       \
    F(power_state, "oob.power.state", TEXT, text(out, i, power_state_text(power_now(v))))                    \
    F(power_source, "oob.power.source", TEXT, text(out, i, observe_source_text(v->h->power.source)))         \
    F(power_at, "oob.power.observedAt", TIME, time_of(out, i, v->h->power.at))                               \
    F(power_age, "oob.power.ageMs", NUMBER, number(out, i, power_age_ms(v)) && v->h->power.at.us)            \
    F(power_detail, "oob.power.detail", TEXT, text(out, i, power_cim_text(v->h->power.cim)))                 \
    F(last_known, "oob.power.lastKnown.state", TEXT, text(out, i, power_state_text(v->h->power.state)))      \
    F(decision, "oob.decision.action", TEXT, text(out, i, decision_action(&v->h->decided)))                  \
    F(decision_reason, "oob.decision.reason", TEXT, text(out, i, decision_id(v->h->decided.kind)))           \
    F(op_id, "oob.operation.id", TEXT, v->h->op &&text(out, i, v->h->op->id))                                \
    F(op_kind, "oob.operation.kind", TEXT, v->h->op &&text(out, i, power_op_row(v->h->op->kind)->kind))      \
    F(op_state, "oob.operation.state", TEXT, v->h->op &&text(out, i, op_state_text(v->h->op->state)))        \
    F(finding, "oob.findings", TEXT,                                                                         \
      finding_at(v, i) >= 0 && text(out, 0, finding_text_id((enum finding_id)finding_at(v, i))))             \
    F(finding_id, "oob.findings.id", TEXT,                                                                   \
      finding_at(v, i) >= 0 && text(out, 0, finding_text_id((enum finding_id)finding_at(v, i))))             \
    F(finding_severity, "oob.findings.severity", TEXT,                                                       \
      finding_at(v, i) >= 0 && text(out, 0, finding_severity((enum finding_id)finding_at(v, i))))            \
    F(session, "oob.sessions", TEXT,                                                                         \
      session_at(v, i) && text(out, 0, redir_kind_id(session_at(v, i)->kind)))                               \
    F(session_kind, "oob.sessions.kind", TEXT,                                                               \
      session_at(v, i) && text(out, 0, redir_kind_id(session_at(v, i)->kind)))                               \
    F(session_state, "oob.sessions.state", TEXT,                                                             \
      session_at(v, i) && text(out, 0, session_state_id(session_at(v, i)->state)))                           \
    F(session_user, "oob.sessions.user", TEXT, session_at(v, i) && text(out, 0, session_at(v, i)->user))     \
    F(policy, "oob.recoveryPolicy", TEXT, text(out, i, recovery_policy_text(v->h->intent.policy)))           \
    F(hold_until, "oob.holdUntil", TIME, time_of(out, i, v->h->intent.hold_until))                           \
    F(amt_uuid, "oob.aliases.amtUuid", TEXT, uuid_of(v, out, i, v->h->amt_uuid))                             \
    F(seen_uuid, "oob.aliases.seenUuid", TEXT, uuid_of(v, out, i, v->h->seen_uuid))                          \
    F(smbios_uuid, "oob.aliases.smbiosUuid", TEXT, uuid_of(v, out, i, v->h->smbios_uuid))                    \
    F(alias_serial, "oob.aliases.serial", TEXT, text(out, i, v->h->serial))                                  \
    F(cira_user, "oob.aliases.ciraUser", TEXT, text(out, i, v->h->cira_user))                                \
    F(uuid_order, "oob.aliases.uuidOrder", TEXT, text(out, i, uuid_order_text(host_uuid_order(v->h))))       \
    F(bios_switch, "oob.amtBiosSwitch.state", TEXT,                                                          \
      text(out, i, agent_switch_text(host_bios_switch(v->h).state)))                                         \
    F(fw_version, "oob.firmware.version", TEXT,                                                              \
      text(out, i, info_text(v, offsetof(struct amt_info, version))))                                        \
    F(fw_sku, "oob.firmware.sku", TEXT, text(out, i, info_text(v, offsetof(struct amt_info, sku))))          \
    F(fw_model, "oob.firmware.model", TEXT, text(out, i, info_text(v, offsetof(struct amt_info, model))))    \
    F(fw_bios, "oob.firmware.biosVersion", TEXT,                                                             \
      text(out, i, info_text(v, offsetof(struct amt_info, bios_version))))                                   \
    F(version, "oob.version", NUMBER, number(out, i, (int64_t)v->h->version))

#define F(getter, path, type, expr)                                                                          \
    static bool get_##getter(struct host_view *v, unsigned i, struct host_value *out) {                      \
        return expr;                                                                                         \
    }
FIELD_TABLE(F)
#undef F

const struct host_field HOST_FIELDS[] = {
#define F(getter, path, type, expr) {path, HOST_FIELD_##type, get_##getter},
    FIELD_TABLE(F)
#undef F
};
const size_t HOST_FIELDS_COUNT = sizeof HOST_FIELDS / sizeof *HOST_FIELDS;

const struct host_field *host_field_find(struct slice path) {
    for (size_t i = 0; i < HOST_FIELDS_COUNT; i++)
        if (slice_is(path, HOST_FIELDS[i].path))
            return &HOST_FIELDS[i];
    return NULL;
}
