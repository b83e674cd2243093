/* SPDX-License-Identifier: Apache-2.0 */
/* Remote access: the servers that firmware dials, when it does, and who it says it is (reference 4.12). */
#include "sim/firmware.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

#define MPS_NAME    "Intel(r) AMT:Management Presence Server "
#define SECRET_NAME "Intel(r) AMT:MPS Username Password "

enum { FORMAT_IPV4 = 3, FORMAT_IPV6 = 4, FORMAT_FQDN = 201, AUTH_PASSWORD = 2 };
enum { TRIGGER_PERIODIC = 2, TRIGGERS = 3, MPS_TYPE_MAX = 2 };

static const char *const RULE_NAMES[TRIGGERS] = {"User Initiated", "Alert", "Periodic"};

/* --- the index-th that is used; its slot --- */

static unsigned mps_slot(const struct prov *p, unsigned index) {
    unsigned i = 0;
    while (i < PROV_MPS_MAX && (!p->mps[i].used || index-- > 0))
        i++;
    return i;
}
static unsigned rule_slot(const struct prov *p, unsigned index) {
    unsigned i = 0;
    while (i < PROV_POLICIES_MAX && (!p->policies[i].used || index-- > 0))
        i++;
    return i;
}
static unsigned mps_count(const struct sim_node *n) {
    unsigned k = 0;
    for (size_t i = 0; i < PROV_MPS_MAX; i++)
        k += n->prov->mps[i].used;
    return k;
}
static unsigned rule_count(const struct sim_node *n) {
    unsigned k = 0;
    for (size_t i = 0; i < PROV_POLICIES_MAX; i++)
        k += n->prov->policies[i].used;
    return k;
}
static struct prov_mps *mps_of(const struct fw_call *c) {
    return &c->node->prov->mps[mps_slot(c->node->prov, c->index)];
}
static struct prov_policy *rule_of(const struct fw_call *c) {
    return &c->node->prov->policies[rule_slot(c->node->prov, c->index)];
}
static const char *numbered(const char *name, unsigned slot, char *scratch) {
    snprintf(scratch, FW_KEY_CAP, "%s%u", name, slot);
    return scratch;
}
static const char *mps_key(const struct sim_node *n, unsigned index, char *scratch) {
    return numbered(MPS_NAME, mps_slot(n->prov, index), scratch);
}
static const char *secret_key(const struct sim_node *n, unsigned index, char *scratch) {
    return numbered(SECRET_NAME, mps_slot(n->prov, index), scratch);
}
static const char *rule_key(const struct sim_node *n, unsigned index, char *scratch) {
    return RULE_NAMES[n->prov->policies[rule_slot(n->prov, index)].trigger];
}

static void put_mps_epr(struct fw_call *c, const char *name, unsigned slot) {
    char key[FW_KEY_CAP];
    const char *const selectors[] = {"CreationClassName",
                                     "AMT_ManagementPresenceRemoteSAP",
                                     "Name",
                                     numbered(MPS_NAME, slot, key),
                                     "SystemCreationClassName",
                                     "CIM_ComputerSystem",
                                     "SystemName",
                                     "Intel(r) AMT",
                                     NULL};
    fw_put_epr(c, name, WSMAN_AMT_ManagementPresenceRemoteSAP, selectors);
}
static void put_rule_epr(struct fw_call *c, const char *name, uint8_t trigger) {
    const char *const selectors[] = {"CreationClassName",
                                     "AMT_RemoteAccessPolicyRule",
                                     "PolicyRuleName",
                                     RULE_NAMES[trigger],
                                     "SystemCreationClassName",
                                     "CIM_ComputerSystem",
                                     "SystemName",
                                     "Intel(r) AMT",
                                     NULL};
    fw_put_epr(c, name, WSMAN_AMT_RemoteAccessPolicyRule, selectors);
}

/* --- AMT_RemoteAccessService --- */

static void tunnel_connected(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->link_up);
}
static const struct fw_prop SERVICE[] = {
    FW_TEXT("CreationClassName", "AMT_RemoteAccessService"),
    FW_TEXT("ElementName", "Intel(r) AMT Remote Access Service"),
    FW_FN("IsRemoteTunnelConnected", tunnel_connected),
    FW_TEXT("Name", "Intel(r) AMT Remote Access Service"),
    FW_TEXT("RemoteTunnelKeepAliveTimeout", "4294967295"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};

static bool take_text(struct fw_call *c, const char *member, char *out, size_t cap) {
    return slice_to_str(wsman_text(c->rq, c->payload, member), out, cap);
}

/* What AddMpServer says; PT_STATUS. */
static uint32_t read_mps(struct fw_call *c, struct prov_mps *m) {
    uint64_t format, port, auth;
    uint8_t raw[16];
    *m = (struct prov_mps){.used = true};
    if (!wsman_u64(c->rq, c->payload, "InfoFormat", UINT16_MAX, &format) ||
        !wsman_u64(c->rq, c->payload, "Port", UINT16_MAX, &port) || port == 0 ||
        !wsman_u64(c->rq, c->payload, "AuthMethod", UINT8_MAX, &auth) || auth != AUTH_PASSWORD ||
        !take_text(c, "AccessInfo", m->address, sizeof m->address) || !m->address[0] ||
        !take_text(c, "CN", m->common_name, sizeof m->common_name) ||
        !take_text(c, "Username", m->user, sizeof m->user) || !m->user[0] ||
        !take_text(c, "Password", m->password, sizeof m->password) || !m->password[0])
        return PT_PARAMETER;
    m->format = (uint16_t)format;
    m->port = (uint16_t)port;
    if (format == FORMAT_FQDN)
        return PT_OK;
    if (format != FORMAT_IPV4 && format != FORMAT_IPV6)
        return PT_PARAMETER;
    if (inet_pton(format == FORMAT_IPV4 ? AF_INET : AF_INET6, m->address, raw) != 1)
        return PT_IP;
    return m->common_name[0] ? PT_OK : PT_PARAMETER; /* an address says no name to check */
}

static uint32_t add_mps(struct fw_call *c) {
    struct prov *p = c->node->prov;
    struct prov_mps m;
    unsigned at = PROV_MPS_MAX;
    uint32_t r = read_mps(c, &m);
    for (unsigned i = 0; i < PROV_MPS_MAX && r == PT_OK; i++) {
        if (!p->mps[i].used)
            at = at < i ? at : i;
        else if (strcmp(p->mps[i].address, m.address) == 0 && p->mps[i].port == m.port)
            r = PT_DUPLICATE;
    }
    if (r == PT_OK && at == PROV_MPS_MAX)
        r = PT_MAX_LIMIT;
    if (r == PT_OK) {
        p->mps[at] = m;
        p->changed = true;
        put_mps_epr(c, "MpServer", at);
    }
    explicit_bzero(&m, sizeof m);
    return r;
}

/* The slot of the server that the EPR names; PROV_MPS_MAX when there is none. */
static unsigned find_mps(struct fw_call *c, uint32_t epr) {
    struct slice want = epr ? wsman_selector(c->rq, epr, "Name") : SLICE_EMPTY;
    char key[FW_KEY_CAP];
    unsigned i = 0;
    while (i < PROV_MPS_MAX && !(c->node->prov->mps[i].used && slice_is(want, numbered(MPS_NAME, i, key))))
        i++;
    return i;
}

static bool read_rule(struct fw_call *c, struct prov_policy *r) {
    uint64_t trigger, lifetime;
    unsigned mps = find_mps(c, wsman_child(c->rq, c->payload, "MpServer"));
    struct slice extended = wsman_text(c->rq, c->payload, "ExtendedData");
    *r = (struct prov_policy){.used = true};
    int n = extended.n ? text_unbase64(extended, r->extended, sizeof r->extended) : 0;
    if (!wsman_u64(c->rq, c->payload, "Trigger", TRIGGERS - 1, &trigger) ||
        !wsman_u64(c->rq, c->payload, "TunnelLifeTime", UINT32_MAX, &lifetime) || mps == PROV_MPS_MAX ||
        n < 0 || (trigger == TRIGGER_PERIODIC && n < 8))
        return false;
    r->trigger = (uint8_t)trigger;
    r->lifetime_s = (uint32_t)lifetime;
    r->nextended = (uint8_t)n;
    r->mps = (int)mps;
    return true;
}

static uint32_t add_rule(struct fw_call *c) {
    struct prov *p = c->node->prov;
    struct prov_policy r, *free_slot = NULL;
    if (!read_rule(c, &r))
        return PT_PARAMETER;
    for (size_t i = 0; i < PROV_POLICIES_MAX; i++) {
        if (!p->policies[i].used)
            free_slot = free_slot ? free_slot : &p->policies[i];
        else if (p->policies[i].trigger == r.trigger)
            return PT_DUPLICATE;
    }
    if (!free_slot)
        return PT_MAX_LIMIT;
    *free_slot = r;
    p->changed = true;
    put_rule_epr(c, "PolicyRule", r.trigger);
    return PT_OK;
}
static const struct fw_method SERVICE_METHODS[] = {
    {"AddMpServer", add_mps},
    {"AddRemoteAccessPolicyRule", add_rule},
};

static const struct fw_prop CAPABILITIES[] = {
    FW_TEXT("ElementName", "Intel(r) AMT:Remote Access Capabilities"),
    FW_TEXT("InstanceID", "Intel(r) AMT:Remote Access Capabilities"),
    FW_TEXT("MaxMpsPerPolicy", "1"),
    FW_TEXT("MaxTotalMpServers", "4"),
    FW_TEXT("MaxTotalPolicies", "3"),
    FW_TEXT("MaxTotalProxyEntryPoints", "0"),
};
_Static_assert(PROV_MPS_MAX == 4 && (int)PROV_POLICIES_MAX >= (int)TRIGGERS, "as CAPABILITIES says");

/* --- AMT_ManagementPresenceRemoteSAP --- */

static void access_info(struct fw_call *c, const char *name) {
    fw_put_text(c, name, mps_of(c)->address);
}
static void common_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, mps_of(c)->common_name);
}
static void info_format(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, mps_of(c)->format);
}
static void mps_name(struct fw_call *c, const char *name) {
    char key[FW_KEY_CAP];
    fw_put_text(c, name, mps_key(c->node, c->index, key));
}
static void mps_port(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, mps_of(c)->port);
}
static const struct fw_prop MPS[] = {
    FW_FN("AccessInfo", access_info),
    FW_FN("CN", common_name),
    FW_TEXT("CreationClassName", "AMT_ManagementPresenceRemoteSAP"),
    FW_TEXT("ElementName", "Intel(r) AMT:Management Presence Server"),
    FW_FN("InfoFormat", info_format),
    FW_FN("Name", mps_name),
    FW_FN("Port", mps_port),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
/* Only when no rule refers to it. */
static void delete_mps(struct fw_call *c) {
    struct prov *p = c->node->prov;
    unsigned slot = mps_slot(p, c->index);
    for (size_t i = 0; i < PROV_POLICIES_MAX; i++) {
        if (p->policies[i].used && p->policies[i].mps == (int)slot) {
            fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 16");
            return;
        }
    }
    explicit_bzero(&p->mps[slot], sizeof p->mps[slot]);
    p->changed = true;
}

/* --- AMT_MPSUsernamePassword --- */

static void secret_id(struct fw_call *c, const char *name) {
    char key[FW_KEY_CAP];
    fw_put_text(c, name, secret_key(c->node, c->index, key));
}
static void remote_id(struct fw_call *c, const char *name) {
    fw_put_text(c, name, mps_of(c)->user);
}
static const struct fw_prop SECRET[] = {FW_FN("InstanceID", secret_id), FW_FN("RemoteID", remote_id)};
static void put_secret(struct fw_call *c) {
    struct prov_mps *m = mps_of(c), wish = *m;
    if (!take_text(c, "RemoteID", wish.user, sizeof wish.user) || !wish.user[0] ||
        !take_text(c, "Secret", wish.password, sizeof wish.password) || !wish.password[0])
        fw_fault(c, FW_FAULT_SCHEMA);
    else
        *m = wish;
    c->node->prov->changed |= c->fault == FW_OK;
    explicit_bzero(&wish, sizeof wish);
}

/* --- AMT_RemoteAccessPolicyRule --- */

static void extended_data(struct fw_call *c, const char *name) {
    const struct prov_policy *r = rule_of(c);
    if (r->nextended)
        fw_put_base64(c, name, slice_of(r->extended, r->nextended));
}
static void rule_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, RULE_NAMES[rule_of(c)->trigger]);
}
static void rule_trigger(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, rule_of(c)->trigger);
}
static void rule_lifetime(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, rule_of(c)->lifetime_s);
}
static const struct fw_prop RULE[] = {
    FW_TEXT("CreationClassName", "AMT_RemoteAccessPolicyRule"),
    FW_TEXT("ElementName", "Inte(r) AMT:Remote Access Policy"),
    FW_FN("ExtendedData", extended_data),
    FW_FN("PolicyRuleName", rule_name),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
    FW_FN("Trigger", rule_trigger),
    FW_FN("TunnelLifeTime", rule_lifetime),
};
static void delete_rule(struct fw_call *c) {
    *rule_of(c) = (struct prov_policy){0};
    c->node->prov->changed = true;
}

/* --- AMT_RemoteAccessPolicyAppliesToMPS: one a rule --- */

static void managed_element(struct fw_call *c, const char *name) {
    put_mps_epr(c, name, (unsigned)rule_of(c)->mps);
}
static void mps_type(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, rule_of(c)->mps_type);
}
static void order_of_access(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, rule_of(c)->order);
}
static void policy_set(struct fw_call *c, const char *name) {
    put_rule_epr(c, name, rule_of(c)->trigger);
}
static const struct fw_prop APPLIES[] = {
    FW_FN("ManagedElement", managed_element),
    FW_FN("MpsType", mps_type),
    FW_FN("OrderOfAccess", order_of_access),
    FW_FN("PolicySet", policy_set),
};
/* The instance is the one that the body's two references name. */
static void put_applies(struct fw_call *c) {
    uint64_t type, order = 0;
    uint32_t element = wsman_child(c->rq, c->payload, "ManagedElement");
    uint32_t set = wsman_child(c->rq, c->payload, "PolicySet");
    if (!element || !set || !wsman_u64(c->rq, c->payload, "MpsType", MPS_TYPE_MAX, &type)) {
        fw_fault(c, FW_FAULT_SCHEMA);
        return;
    }
    (void)wsman_u64(c->rq, c->payload, "OrderOfAccess", 1, &order);
    struct slice rule = wsman_selector(c->rq, set, "PolicyRuleName");
    unsigned mps = find_mps(c, element), count = rule_count(c->node);
    for (c->index = 0; c->index < count; c->index++) {
        struct prov_policy *r = rule_of(c);
        if (r->mps == (int)mps && slice_is(rule, RULE_NAMES[r->trigger])) {
            r->mps_type = (uint8_t)type;
            r->order = (uint8_t)order;
            c->node->prov->changed = true;
            return;
        }
    }
    fw_fault(c, FW_FAULT_DESTINATION);
}

const struct fw_class FW_REMOTE[] = {
    {.cls = WSMAN_AMT_RemoteAccessService,
     FW_PROPS(SERVICE),
     FW_METHODS(SERVICE_METHODS),
     .prov = true,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_RemoteAccessCapabilities, FW_PROPS(CAPABILITIES), .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_ManagementPresenceRemoteSAP,
     FW_PROPS(MPS),
     .prov = true,
     .count = mps_count,
     .key = "Name",
     .key_of = mps_key,
     .del = delete_mps,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_MPSUsernamePassword,
     FW_PROPS(SECRET),
     .prov = true,
     .count = mps_count,
     .key = "InstanceID",
     .key_of = secret_key,
     .put = put_secret,
     .put_quiet = true},
    {.cls = WSMAN_AMT_RemoteAccessPolicyRule,
     FW_PROPS(RULE),
     .prov = true,
     .count = rule_count,
     .key = "PolicyRuleName",
     .key_of = rule_key,
     .del = delete_rule,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_RemoteAccessPolicyAppliesToMPS,
     FW_PROPS(APPLIES),
     .prov = true,
     .count = rule_count,
     .put = put_applies,
     .put_quiet = true,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_CLASS_NONE},
};
