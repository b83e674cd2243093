/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row.h"

#include <assert.h>

static_assert(sizeof(enum power_state) == sizeof(unsigned), "COL_WORD copies an unsigned");

/* --- words --- */
static const char *mode_text(unsigned v) {
    static const char *const t[] = {"unknown", "none", "ccm", "acm"};
    static_assert(sizeof t / sizeof *t == AMT_MODE_ACM + 1, "one word a mode");
    return t[v];
}
static const char *os_saving_text(unsigned v) {
    static const char *const t[] = {"unknown", "unsupported", "full", "saving"};
    static_assert(sizeof t / sizeof *t == AMT_OS_SAVING + 1, "one word a state");
    return t[v];
}
static const char *me_sleep_text(unsigned v) {
    static const char *const t[] = {"unknown", "off", "wake"};
    static_assert(sizeof t / sizeof *t == AMT_ME_SLEEP_WAKE + 1, "one word a setting");
    return t[v];
}
static const char *verdict_text(unsigned v) {
    static const char *const t[] = {"none", "denied"};
    static_assert(sizeof t / sizeof *t == QUARANTINE_DENIED + 1, "one word a verdict");
    return t[v];
}
static const char *link_state_word(unsigned v) {
    return link_state_text((enum link_state)v);
}
static const char *link_why_word(unsigned v) {
    return link_reason_id((enum link_reason)v);
}
static const char *power_word(unsigned v) {
    return power_state_text((enum power_state)v);
}
static const char *source_word(unsigned v) {
    return observe_source_text((enum observe_source)v);
}
static const char *policy_word(unsigned v) {
    return recovery_policy_text((enum recovery_policy)v);
}
static const char *op_kind_word(unsigned v) {
    return power_op_row((enum power_op)v)->kind;
}
static const char *op_state_word(unsigned v) {
    return op_state_text((enum op_state)v);
}
static const char *op_code_word(unsigned v) {
    return op_code_id((enum op_code)v);
}
static const char *amt_state_word(unsigned v) {
    return amt_state_text((enum amt_state)v);
}
static const char *goal_word(unsigned v) {
    return prov_goal_text((enum prov_goal)v);
}
static const char *prov_state_word(unsigned v) {
    return prov_state_text((enum prov_state)v);
}
static const char *prov_step_word(unsigned v) {
    return prov_step_text((enum prov_step)v);
}
static const char *prov_way_word(unsigned v) {
    return prov_way_text((enum prov_way)v);
}
static const char *prov_code_word(unsigned v) {
    return prov_code_text((enum prov_code)v);
}
static const char *mei_word(unsigned v) {
    return agent_mei_text((enum agent_mei)v);
}
static const char *switch_word(unsigned v) {
    return agent_switch_text((enum agent_switch)v);
}

static const struct words mode_words = {mode_text, AMT_MODE_ACM + 1};
static const struct words os_saving_words = {os_saving_text, AMT_OS_SAVING + 1};
static const struct words me_sleep_words = {me_sleep_text, AMT_ME_SLEEP_WAKE + 1};
static const struct words verdict_words = {verdict_text, QUARANTINE_DENIED + 1};
static const struct words link_state_words = {link_state_word, LINK_DOWN + 1};
static const struct words link_why_words = {link_why_word, LINK_WHY_COUNT};
static const struct words power_words = {power_word, POWER_STATE_COUNT};
static const struct words source_words = {source_word, SOURCE_INFERRED + 1};
static const struct words policy_words = {policy_word, RECOVERY_HOLD + 1};
static const struct words op_kind_words = {op_kind_word, POWER_OP_COUNT};
static const struct words op_state_words = {op_state_word, OP_STATE_COUNT};
static const struct words op_code_words = {op_code_word, OP_CODE_COUNT};
static const struct words amt_state_words = {amt_state_word, AMT_STATE_COUNT};
static const struct words goal_words = {goal_word, PROV_GOAL_COUNT};
static const struct words prov_state_words = {prov_state_word, PROV_STATE_COUNT};
static const struct words prov_step_words = {prov_step_word, PROV_STEP_COUNT};
static const struct words prov_way_words = {prov_way_word, PROV_WAY_COUNT};
static const struct words prov_code_words = {prov_code_word, PROV_CODE_COUNT};
static const struct words mei_words = {mei_word, AGENT_MEI_COUNT};
static const struct words switch_words = {switch_word, AGENT_SWITCH_COUNT};

const char *words_text(const struct words *w, unsigned v) {
    return w->text(v < w->count ? v : 0);
}

bool words_parse(const struct words *w, const char *text, unsigned *v) {
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->text(i), text) == 0) {
            *v = i;
            return true;
        }
    *v = 0;
    return false;
}

/* --- columns --- */
#define G_INTENT ROW_GROUP(STORE_HOST_INTENT)
#define G_LINK   ROW_GROUP(STORE_HOST_LINK)
#define G_POWER  ROW_GROUP(STORE_HOST_POWER)
#define G_INFO   ROW_GROUP(STORE_HOST_INFO)
#define G_PIN    ROW_GROUP(STORE_HOST_PIN)
#define G_AMT    ROW_GROUP(STORE_HOST_AMT)
#define G_SEEN   ROW_GROUP(STORE_AGENT_SEEN)

#define COL(kind, col, m, t, g)                                                                              \
    { .name = col, .type = t, .groups = g, MEMBER_OF(kind, m) }
#define MEMBER_OF(kind, m) .off = offsetof(struct kind, m), .size = sizeof(((struct kind *)0)->m)
#define WORD(kind, col, m, w, g)                                                                             \
    { .name = col, .type = COL_WORD, .groups = g, MEMBER_OF(kind, m), .words = &(w) }
/* NULL while the bool `has` is false */
#define COL_IF(kind, col, m, has, t, g)                                                                      \
    { .name = col, .type = t, .groups = g, MEMBER_OF(kind, m), .has_off = offsetof(struct kind, has) }
#define ROW_OF(table_name, cols_table, n)                                                                    \
    { .table = table_name, .cols = cols_table, .ncols = sizeof cols_table / sizeof *cols_table, .nkeys = n }
#define ROW(table_name, cols_table) ROW_OF(table_name, cols_table, 1)

static const struct col info_cols[] = {
    COL(amt_info, "version", version, COL_STR, 0),
    COL(amt_info, "sku", sku, COL_STR, 0),
    COL(amt_info, "host_name", host_name, COL_STR, 0),
    COL(amt_info, "digest_realm", digest_realm, COL_STR, 0),
    COL(amt_info, "manufacturer", manufacturer, COL_STR, 0),
    COL(amt_info, "model", model, COL_STR, 0),
    COL(amt_info, "serial", serial, COL_STR, 0),
    COL(amt_info, "bios_version", bios_version, COL_STR, 0),
    COL(amt_info, "have_uuid", have_uuid, COL_BOOL, 0),
    COL(amt_info, "uuid", uuid, COL_UUID, 0),
    WORD(amt_info, "control_mode", control_mode, mode_words, 0),
    COL(amt_info, "provisioning_state", provisioning_state, COL_U8, 0),
    WORD(amt_info, "os_saving", os_saving, os_saving_words, 0),
    WORD(amt_info, "me_sleep", me_sleep, me_sleep_words, 0),
    COL(amt_info, "power_scheme", power_scheme, COL_STR, 0),
    COL(amt_info, "optin_required", optin_required, COL_U32, 0),
    COL(amt_info, "optin_state", optin_state, COL_U32, 0),
    COL(amt_info, "redirection_state", redirection_state, COL_U16, 0),
    COL(amt_info, "listener_enabled", listener_enabled, COL_BOOL, 0),
    COL(amt_info, "kvm_present", kvm_present, COL_BOOL, 0),
    COL(amt_info, "kvm_state", kvm_state, COL_U16, 0),
    COL(amt_info, "power_source", power_source, COL_U8, 0),
};
static const struct row_type row_info = ROW("info", info_cols);

static const struct col host_cols[] = {
    COL(store_host, "id", id, COL_STR, 0),
    COL(store_host, "project", project, COL_STR, 0),
    COL(store_host, "name", name, COL_STR, 0),
    COL(store_host, "serial", serial, COL_STR, 0),
    COL(store_host, "cira_user", cira_user, COL_STR, 0),
    COL(store_host, "amt_user", amt_user, COL_STR, 0),
    COL(store_host, "cira_secret", cira_secret, COL_SEALED, 0),
    COL(store_host, "amt_secret", amt_secret, COL_SEALED, 0),
    COL(store_host, "smbios_uuid", smbios_uuid, COL_UUID, 0),
    COL(store_host, "amt_uuid", amt_uuid, COL_UUID, 0),
    COL(store_host, "seen_uuid", seen_uuid, COL_UUID, G_LINK),
    WORD(store_host, "control_mode", control_mode, mode_words, G_INFO | G_AMT),
    COL(store_host, "created", created, COL_WALL, 0),
    {.name = "updated",
     .type = COL_WALL,
     .groups = G_INTENT,
     MEMBER_OF(store_host, updated),
     .max_in = G_INTENT},
    {.name = "version",
     .type = COL_U64,
     .groups = G_INTENT,
     MEMBER_OF(store_host, version),
     .max_in = G_INTENT},
    WORD(store_host, "intent_desired", intent.desired, power_words, G_INTENT),
    WORD(store_host, "intent_policy", intent.policy, policy_words, G_INTENT),
    COL(store_host, "intent_hold_until", intent.hold_until, COL_WALL, G_INTENT),
    COL(store_host, "intent_since", intent.since, COL_WALL, G_INTENT),
    COL(store_host, "intent_actor", intent.actor, COL_STR, G_INTENT),
    WORD(store_host, "link_state", link_state, link_state_words, G_LINK),
    WORD(store_host, "link_why", link_why, link_why_words, G_LINK),
    COL(store_host, "link_generation", link_generation, COL_U32, G_LINK),
    COL(store_host, "link_since", link_since, COL_WALL, G_LINK),
    COL(store_host, "link_peer", link_peer, COL_STR, G_LINK),
    WORD(store_host, "power_state", power_state, power_words, G_POWER),
    COL(store_host, "power_cim", power_cim, COL_U8, G_POWER),
    WORD(store_host, "power_source", power_source, source_words, G_POWER),
    COL(store_host, "power_at", power_at, COL_WALL, G_POWER),
    COL(store_host, "drops_at_off", drops_at_off, COL_U8, G_LINK),
    COL(store_host, "last_off_seen", last_off_seen, COL_WALL, G_LINK | G_POWER),
    COL_IF(store_host, "pin", pin, has_pin, COL_HASH, G_PIN),
    COL(store_host, "info_at", info_at, COL_WALL, G_INFO),
    {.name = "info",
     .type = COL_JSON,
     .groups = G_INFO,
     MEMBER_OF(store_host, info),
     .has_off = offsetof(struct store_host, has_info),
     .members = &row_info},
    WORD(store_host, "amt_state", amt_state, amt_state_words, G_AMT),
    WORD(store_host, "amt_source", amt_source, source_words, G_AMT),
    COL(store_host, "amt_at", amt_at, COL_WALL, G_AMT),
    WORD(store_host, "amt_desired", amt_intent.desired, amt_state_words, 0),
    WORD(store_host, "amt_mode", amt_intent.mode, mode_words, 0),
    COL(store_host, "amt_profile", amt_intent.profile, COL_STR, 0),
    COL(store_host, "serial_console", amt_intent.serial_console, COL_BOOL, 0),
    COL(store_host, "cira_next", cira_next, COL_SEALED, 0),
    COL(store_host, "amt_next", amt_next, COL_SEALED, 0),
    COL(store_host, "mebx_secret", mebx_secret, COL_SEALED, 0),
    COL(store_host, "mebx_next", mebx_next, COL_SEALED, 0),
    COL(store_host, "cira_shared", cira_shared, COL_BOOL, 0),
};
const struct row_type row_host = ROW("host", host_cols);

static const struct col op_cols[] = {
    COL(store_op, "id", op.id, COL_STR, 0),
    COL(store_op, "host", host, COL_STR, 0),
    COL(store_op, "project", project, COL_STR, 0),
    WORD(store_op, "kind", op.kind, op_kind_words, 0),
    WORD(store_op, "state", op.state, op_state_words, 0),
    WORD(store_op, "code", op.code, op_code_words, 0),
    COL(store_op, "text", op.text, COL_STR, 0),
    COL(store_op, "actor", op.actor, COL_STR, 0),
    COL(store_op, "key", op.key, COL_STR, 0),
    COL(store_op, "by_reconcile", op.by_reconcile, COL_BOOL, 0),
    COL(store_op, "force", op.force, COL_BOOL, 0),
    WORD(store_op, "prior", op.prior, power_words, 0),
    COL(store_op, "created", op.created, COL_WALL, 0),
    COL(store_op, "updated", op.updated, COL_WALL, 0),
    COL(store_op, "deadline", op.deadline, COL_WALL, 0),
    COL(store_op, "sent", op.sent, COL_WALL, 0),
    COL(store_op, "finished", op.finished, COL_WALL, 0),
};
const struct row_type row_op = ROW("operation", op_cols);

static const struct col event_cols[] = {
    COL(store_event, "seq", seq, COL_U64, 0),   COL(store_event, "at", at, COL_WALL, 0),
    COL(store_event, "host", host, COL_STR, 0), COL(store_event, "project", project, COL_STR, 0),
    COL(store_event, "kind", kind, COL_STR, 0), COL(store_event, "text", text, COL_STR, 0),
};
const struct row_type row_event = ROW("event", event_cols);

static const struct col quarantine_cols[] = {
    COL(store_quarantine, "id", id, COL_STR, 0),
    COL(store_quarantine, "cira_user", user, COL_STR, 0),
    COL(store_quarantine, "uuid", uuid, COL_UUID, 0),
    COL(store_quarantine, "peer", peer, COL_STR, 0),
    COL(store_quarantine, "reason", reason, COL_STR, 0),
    COL(store_quarantine, "first_seen", first_seen, COL_WALL, 0),
    COL(store_quarantine, "last_seen", last_seen, COL_WALL, 0),
    COL(store_quarantine, "count", count, COL_U32, 0),
    WORD(store_quarantine, "verdict", verdict, verdict_words, 0),
};
const struct row_type row_quarantine = ROW("quarantine", quarantine_cols);

static const struct col user_cols[] = {
    COL(store_user, "name", name, COL_STR, 0),          COL(store_user, "role", role, COL_STR, 0),
    COL(store_user, "project", project, COL_STR, 0),    COL(store_user, "hash", hash, COL_STR, 0),
    COL(store_user, "created", created, COL_WALL, 0),   COL(store_user, "changed", changed, COL_WALL, 0),
    COL(store_user, "disabled", disabled, COL_BOOL, 0),
};
const struct row_type row_user = ROW("account", user_cols);

static const struct col audit_cols[] = {
    COL(store_audit, "seq", seq, COL_U64, 0),       COL(store_audit, "at", at, COL_WALL, 0),
    COL(store_audit, "actor", actor, COL_STR, 0),   COL(store_audit, "action", action, COL_STR, 0),
    COL(store_audit, "target", target, COL_STR, 0), COL(store_audit, "result", result, COL_STR, 0),
    COL(store_audit, "detail", detail, COL_STR, 0), COL(store_audit, "req", req, COL_STR, 0),
    COL(store_audit, "peer", peer, COL_STR, 0),     COL(store_audit, "hash", hash, COL_HASH, 0),
};
const struct row_type row_audit = ROW("audit", audit_cols);

static const struct col provision_cols[] = {
    COL(store_provision, "host", host, COL_STR, 0),
    WORD(store_provision, "goal", p.goal, goal_words, 0),
    WORD(store_provision, "state", p.state, prov_state_words, 0),
    WORD(store_provision, "step", p.step, prov_step_words, 0),
    WORD(store_provision, "way", p.way, prov_way_words, 0),
    WORD(store_provision, "code", p.code, prov_code_words, 0),
    WORD(store_provision, "mode", p.mode, mode_words, 0),
    COL(store_provision, "profile", p.profile, COL_STR, 0),
    COL(store_provision, "actor", p.actor, COL_STR, 0),
    COL(store_provision, "text", p.text, COL_STR, 0),
    COL(store_provision, "remedy", p.remedy, COL_STR, 0),
    COL(store_provision, "tries", p.tries, COL_U32, 0),
    COL(store_provision, "secrets_stored", p.secrets_stored, COL_BOOL, 0),
    COL(store_provision, "setup_sent", p.setup_sent, COL_BOOL, 0),
    COL(store_provision, "admin_ours", p.admin_ours, COL_BOOL, 0),
    COL(store_provision, "cira_sent", p.cira_sent, COL_BOOL, 0),
    COL(store_provision, "rolling_back", p.rolling_back, COL_BOOL, 0),
    COL(store_provision, "created", p.created, COL_WALL, 0),
    COL(store_provision, "updated", p.updated, COL_WALL, 0),
    COL(store_provision, "finished", p.finished, COL_WALL, 0),
};
const struct row_type row_provision = ROW("provision", provision_cols);

static const struct col facts_cols[] = {
    COL(agent_facts, "agent_version", agent_version, COL_STR, 0),
    COL(agent_facts, "os", os, COL_STR, 0),
    COL(agent_facts, "host_name", host_name, COL_STR, 0),
    COL(agent_facts, "smbios_uuid", smbios_uuid, COL_UUID, 0),
    COL(agent_facts, "amt_uuid", amt_uuid, COL_UUID, 0),
    COL(agent_facts, "serial", serial, COL_STR, 0),
    COL(agent_facts, "vendor", vendor, COL_STR, 0),
    COL(agent_facts, "product", product, COL_STR, 0),
    COL(agent_facts, "board_vendor", board_vendor, COL_STR, 0),
    COL(agent_facts, "board", board, COL_STR, 0),
    COL(agent_facts, "bios_vendor", bios_vendor, COL_STR, 0),
    COL(agent_facts, "bios_version", bios_version, COL_STR, 0),
    WORD(agent_facts, "mei", mei, mei_words, 0),
    COL(agent_facts, "mei_text", mei_text, COL_STR, 0),
    COL(agent_facts, "firmware_version", firmware_version, COL_STR, 0),
    COL(agent_facts, "sku", sku, COL_STR, 0),
    WORD(agent_facts, "control_mode", control_mode, mode_words, 0),
    COL(agent_facts, "provisioning_state", provisioning_state, COL_U8, 0),
    COL(agent_facts, "power_policy", power_policy, COL_STR, 0),
    COL(agent_facts, "dns_suffix", dns_suffix, COL_STR, 0),
    COL(agent_facts, "os_dns_suffix", os_dns_suffix, COL_STR, 0),
    COL(agent_facts, "ras_network", ras_network, COL_STR, 0),
    COL(agent_facts, "ras_state", ras_state, COL_STR, 0),
    COL(agent_facts, "ras_trigger", ras_trigger, COL_STR, 0),
    COL(agent_facts, "ras_mps_host", ras_mps_host, COL_STR, 0),
    COL(agent_facts, "mps_address", mps_address, COL_STR, 0),
    COL(agent_facts, "mps_root", mps_root, COL_STR, 0),
    WORD(agent_facts, "bios_switch", bios_switch, switch_words, 0),
    WORD(agent_facts, "firmware_switch", firmware_switch, switch_words, 0),
    COL(agent_facts, "tty", tty, COL_STR, 0),
    COL(agent_facts, "getty", getty, COL_BOOL, 0),
    COL(agent_facts, "getty_enabled", getty_enabled, COL_BOOL, 0),
    COL(agent_facts, "tty_text", tty_text, COL_STR, 0),
};
static const struct row_type row_facts = ROW("facts", facts_cols);

static const struct col agent_cols[] = {
    COL(store_agent, "host", host, COL_STR, 0),
    COL_IF(store_agent, "cert", cert, has_cert, COL_HASH, 0),
    COL_IF(store_agent, "before", before, has_before, COL_HASH, 0),
    COL(store_agent, "key_name", key_name, COL_STR, 0),
    COL(store_agent, "enrolled", enrolled, COL_WALL, 0),
    COL(store_agent, "seen", seen, COL_WALL, G_SEEN),
    COL(store_agent, "cert_until", cert_until, COL_WALL, 0),
    COL(store_agent, "facts_at", facts_at, COL_WALL, G_SEEN),
    {.name = "facts",
     .type = COL_JSON,
     .groups = G_SEEN,
     MEMBER_OF(store_agent, facts),
     .members = &row_facts},
};
const struct row_type row_agent = ROW("agent", agent_cols);

static const struct col object_cols[] = {
    COL(store_object, "kind", kind, COL_STR, 0),        COL(store_object, "project", project, COL_STR, 0),
    COL(store_object, "name", name, COL_STR, 0),        COL(store_object, "version", version, COL_U64, 0),
    COL(store_object, "created", created, COL_WALL, 0), COL(store_object, "updated", updated, COL_WALL, 0),
    COL(store_object, "body", body, COL_HEAP, 0),       COL(store_object, "secret", secret, COL_HEAP, 0),
};
const struct row_type row_object = ROW_OF("object", object_cols, 3);

void row_put_names(struct buf *out, const struct row_type *t) {
    for (size_t i = 0; i < t->ncols; i++)
        buf_putf(out, "%s%s", i ? ", " : "", t->cols[i].name);
}
