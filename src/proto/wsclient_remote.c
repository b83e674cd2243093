/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of remote access (CIRA): reading it, bringing it to what is wanted, its secret. Source: reference
 * protocol-redir-activation 5.6, protocol-cira-wsman 4.10, 4.12. */
#include "proto/wsclient_int.h"

#include <stdio.h>

#define MPS_NAME "Intel(r) AMT:Management Presence Server 0"
#define SYSTEM_KEYS                                                                                          \
    {"SystemCreationClassName", "CIM_ComputerSystem"}, {                                                     \
        "SystemName", "Intel(r) AMT"                                                                         \
    }

/* --- CIRA_READ --- */

static bool take_cira(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_card *card = wsc_card_of(job);
    int err = card && instance ? amt_decode_cira(m, instance, job->work->instance, &card->cira) : 0;
    return card && err != ERR_NOMEM;
}

/* Begun anew, each list is counted anew. */
static bool take_server(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    if (!instance && job->card)
        job->card->cira.servers = 0;
    return take_cira(job, m, instance);
}
static bool take_policy(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    if (!instance && job->card)
        job->card->cira.policies = 0;
    return take_cira(job, m, instance);
}
static bool take_certificate(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    if (!instance && job->card)
        job->card->cira.nroots = 0;
    return take_cira(job, m, instance);
}
/* Which certificate is the firmware's own for TLS? */
static bool take_context(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    if (wsman_is_instance(m, instance, WSMAN_AMT_TLSCredentialContext))
        amt_epr_key(m, instance, "ElementInContext", "InstanceID", job->work->instance,
                    sizeof job->work->instance);
    return true;
}

static uint8_t on_servers_read(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, take_server, wsc_pass_over);
}
static uint8_t on_policies_read(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, take_policy, wsc_pass_over);
}
static uint8_t on_context_read(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, take_context, wsc_pass_over);
}
static uint8_t on_certificates_read(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, take_certificate, wsc_pass_over);
}

/* Denied or absent: nothing is known of it. */
static uint8_t unknown(struct wsc_job *job) {
    return wsc_card_of(job) ? wsc_pass_over(job) : WSC_STEP_NOMEM;
}

static const struct wsc_step CIRA_READ[] = {
    WSC_ENUMERATE(AMT_ManagementPresenceRemoteSAP, on_servers_read, unknown),
    WSC_ENUMERATE(AMT_RemoteAccessPolicyRule, on_policies_read, unknown),
    WSC_ENUMERATE(AMT_TLSCredentialContext, on_context_read, unknown),
    WSC_ENUMERATE(AMT_PublicKeyCertificate, on_certificates_read, unknown),
};
const struct wsc_plan WSC_PLAN_CIRA_READ = WSC_PLAN(CIRA_READ);

/* --- CIRA_SET --- */

enum {
    READ_ROOTS,
    ADD_ROOT,
    READ_SERVERS,
    READ_RULES,
    DROP_RULE,
    DROP_SERVER,
    ADD_SERVER,
    ADD_PERIODIC,
    ADD_USER,
    READ_LINKS,
    PUT_LINK,
    PUT_SECRET,
    READ_INITIATED,
    SET_INITIATED,
    READ_DETECTION,
    PUT_DETECTION
};
/* u32 0, u32 25 (big-endian): every 25 s while there is no tunnel */
#define PERIODIC_DATA "AAAAAAAAABk="
enum { TRIGGER_USER = 0, TRIGGER_PERIODIC = 2, USER_LIFETIME_S = 300, MPS_BOTH = 2, INITIATED_BOTH = 32771 };

static uint32_t port_of(const struct wsc_job *job) {
    return job->arg & UINT16_MAX;
}
static uint32_t format_of(const struct wsc_job *job) {
    return job->arg >> 16;
}
static bool has_u64(const struct wsman_msg *m, uint32_t at, const char *name, uint64_t want) {
    uint64_t v;
    return wsman_u64(m, at, name, UINT32_MAX, &v) && v == want;
}

static bool find_root(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_work *w = job->work;
    bool root = false;
    if (!wsman_is_instance(m, instance, WSMAN_AMT_PublicKeyCertificate))
        return true;
    wsman_bool(m, instance, "TrustedRootCertficate", &root);
    w->have_root |=
        root && amt_cert_eq(wsman_text(m, instance, "X509Certificate"), slice_str(w->args.certificate));
    return true;
}

static uint8_t to_add_root(struct wsc_job *job) {
    return job->work->have_root ? READ_SERVERS : ADD_ROOT;
}

static uint8_t on_roots(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, find_root, to_add_root);
}

/* --- the server's entry: the only one, or a fresh one --- */

static bool is_ours(const struct wsc_job *job, const struct wsman_msg *m, uint32_t at) {
    const struct wsc_args *a = &job->work->args;
    return slice_is(wsman_text(m, at, "AccessInfo"), a->address) && has_u64(m, at, "Port", port_of(job)) &&
           has_u64(m, at, "InfoFormat", format_of(job)) &&
           (!a->common_name || slice_is(wsman_text(m, at, "CN"), a->common_name));
}

static bool list_server(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_work *w = job->work;
    if (!instance) {
        buf_free(&w->later);
        w->same_server = false;
    }
    if (!wsman_is_instance(m, instance, WSMAN_AMT_ManagementPresenceRemoteSAP))
        return true;
    w->same_server = job->instances == 1 && is_ours(job, m, instance);
    return wsc_name_add(&w->later, wsman_text(m, instance, "Name"));
}

static uint8_t on_servers(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, list_server, wsc_pass_over);
}

/* Rules of a server that stays are kept when they are as wanted; a server that goes takes all of them along.
 */
static bool list_rule(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_work *w = job->work;
    if (!instance) {
        buf_free(&w->names);
        w->have_periodic = w->have_user = false;
    }
    if (!wsman_is_instance(m, instance, WSMAN_AMT_RemoteAccessPolicyRule))
        return true;
    bool periodic = has_u64(m, instance, "Trigger", TRIGGER_PERIODIC);
    bool user = has_u64(m, instance, "Trigger", TRIGGER_USER);
    bool same = (periodic && has_u64(m, instance, "TunnelLifeTime", 0) &&
                 slice_is(wsman_text(m, instance, "ExtendedData"), PERIODIC_DATA)) ||
                (user && has_u64(m, instance, "TunnelLifeTime", USER_LIFETIME_S));
    if (w->same_server && same) {
        w->have_periodic |= periodic;
        w->have_user |= user;
        return true;
    }
    if (w->same_server && !periodic && !user)
        return true;
    return wsc_name_add(&w->names, wsman_text(m, instance, "PolicyRuleName"));
}

static uint8_t to_add_user(struct wsc_job *job) {
    return job->work->have_user ? READ_LINKS : ADD_USER;
}

static uint8_t to_add_rules(struct wsc_job *job) {
    return job->work->have_periodic ? to_add_user(job) : ADD_PERIODIC;
}

/* The rules are gone: now their servers can go. */
static uint8_t to_servers(struct wsc_job *job) {
    struct wsc_work *w = job->work;
    if (w->same_server) {
        const char *name = w->later.len ? (const char *)buf_slice(&w->later).p : MPS_NAME;
        slice_to_str(slice_str(name), w->instance, sizeof w->instance);
        return to_add_rules(job);
    }
    buf_free(&w->names);
    w->names = w->later;
    w->later = (struct buf){0};
    return w->names.len ? DROP_SERVER : ADD_SERVER;
}

static uint8_t to_drop_rules(struct wsc_job *job) {
    return job->work->names.len ? DROP_RULE : to_servers(job);
}

static uint8_t on_rules(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, list_rule, to_drop_rules);
}
static uint8_t rules_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : to_drop_rules(job);
}

static uint8_t on_rule_dropped(struct wsc_job *job, const struct wsman_msg *m) {
    wsc_name_drop(job);
    return to_drop_rules(job);
}
static uint8_t rule_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : on_rule_dropped(job, NULL);
}

static uint8_t on_server_dropped(struct wsc_job *job, const struct wsman_msg *m) {
    wsc_name_drop(job);
    return job->work->names.len ? DROP_SERVER : ADD_SERVER;
}
static uint8_t server_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : on_server_dropped(job, NULL);
}

/* AuthMethod 2: user and password */
static int put_server(const struct wsc_job *job, struct buf *out) {
    const struct wsc_args *a = &job->work->args;
    char format[12], port[12];
    snprintf(format, sizeof format, "%u", format_of(job));
    snprintf(port, sizeof port, "%u", port_of(job));
    const struct wsc_param params[] = {
        {"AccessInfo", a->address}, {"InfoFormat", format},    {"Port", port},        {"AuthMethod", "2"},
        {"Username", a->user},      {"Password", a->password}, {"CN", a->common_name}};
    return WSC_PUT_PARAMS(job, out, params);
}

static uint8_t on_server_added(struct wsc_job *job, const struct wsman_msg *m) {
    struct wsc_work *w = job->work;
    uint8_t next = wsc_on_method(job, m);
    if (!amt_epr_key(m, wsman_payload(m), "MpServer", "Name", w->instance, sizeof w->instance))
        snprintf(w->instance, sizeof w->instance, "%s", MPS_NAME);
    return next;
}

/* --- the policies, and the server that they are for --- */

static int put_rule(const struct wsc_job *job, struct buf *out, const char *trigger, const char *lifetime,
                    const char *data) {
    const struct wsman_selector server[] = {{"CreationClassName", "AMT_ManagementPresenceRemoteSAP"},
                                            {"Name", job->work->instance},
                                            SYSTEM_KEYS,
                                            {NULL, NULL}};
    amt_put_input(out, WSMAN_AMT_RemoteAccessService, "AddRemoteAccessPolicyRule");
    wsman_put_element(out, "p", "Trigger", slice_str(trigger));
    wsman_put_element(out, "p", "TunnelLifeTime", slice_str(lifetime));
    if (data)
        wsman_put_element(out, "p", "ExtendedData", slice_str(data));
    amt_put_epr(out, "MpServer", WSMAN_AMT_ManagementPresenceRemoteSAP, server);
    return buf_puts(out, "</p:AddRemoteAccessPolicyRule_INPUT>");
}

static int put_periodic(const struct wsc_job *job, struct buf *out) {
    return put_rule(job, out, "2", "0", PERIODIC_DATA);
}
static int put_user(const struct wsc_job *job, struct buf *out) {
    return put_rule(job, out, "0", "300", NULL);
}

static uint8_t on_periodic_added(struct wsc_job *job, const struct wsman_msg *m) {
    uint8_t next = wsc_on_method(job, m);
    return next >= WSC_STEP_NOMEM ? next : to_add_user(job);
}

/* The link's two ends, one after the other. Firmware before 11.6 has no MpsType. */
static bool list_link(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct buf *names = &job->work->names;
    char server[WSC_INSTANCE_CAP], rule[WSC_INSTANCE_CAP];
    if (!instance)
        buf_free(names);
    if (!wsman_is_instance(m, instance, WSMAN_AMT_RemoteAccessPolicyAppliesToMPS) ||
        !wsman_child(m, instance, "MpsType") || has_u64(m, instance, "MpsType", MPS_BOTH) ||
        !amt_epr_key(m, instance, "ManagedElement", "Name", server, sizeof server) ||
        !amt_epr_key(m, instance, "PolicySet", "PolicyRuleName", rule, sizeof rule))
        return true;
    return wsc_name_add(names, slice_str(server)) && wsc_name_add(names, slice_str(rule));
}

/* AddMpServer brings the secret along; a server that stayed gets it here. */
static uint8_t to_secret(struct wsc_job *job) {
    return job->work->same_server ? PUT_SECRET : READ_INITIATED;
}
static uint8_t to_links(struct wsc_job *job) {
    return job->work->names.len ? PUT_LINK : to_secret(job);
}
static uint8_t on_links(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, list_link, to_links);
}
static uint8_t links_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : to_secret(job);
}

static int put_link(const struct wsc_job *job, struct buf *out) {
    const char *server_name = wsc_name_first(job);
    const struct wsman_selector server[] = {{"CreationClassName", "AMT_ManagementPresenceRemoteSAP"},
                                            {"Name", server_name},
                                            SYSTEM_KEYS,
                                            {NULL, NULL}};
    const struct wsman_selector rule[] = {{"CreationClassName", "AMT_RemoteAccessPolicyRule"},
                                          {"PolicyRuleName", server_name + strlen(server_name) + 1},
                                          SYSTEM_KEYS,
                                          {NULL, NULL}};
    const char *uri = wsman_class_uri(WSMAN_AMT_RemoteAccessPolicyAppliesToMPS);
    buf_putf(out, "<p:AMT_RemoteAccessPolicyAppliesToMPS xmlns:p=\"%s\">", uri);
    amt_put_epr(out, "ManagedElement", WSMAN_AMT_ManagementPresenceRemoteSAP, server);
    buf_puts(out, "<p:MpsType>2</p:MpsType><p:OrderOfAccess>0</p:OrderOfAccess>");
    amt_put_epr(out, "PolicySet", WSMAN_AMT_RemoteAccessPolicyRule, rule);
    return buf_puts(out, "</p:AMT_RemoteAccessPolicyAppliesToMPS>");
}

static uint8_t on_link_put(struct wsc_job *job, const struct wsman_msg *m) {
    wsc_name_drop(job);
    wsc_name_drop(job);
    return to_links(job);
}

/* --- the secret; CIRA_SECRET --- */

static int put_secret(const struct wsc_job *job, struct buf *out) {
    const struct wsc_args *a = &job->work->args;
    const char *uri = wsman_class_uri(WSMAN_AMT_MPSUsernamePassword);
    buf_putf(out, "<p:AMT_MPSUsernamePassword xmlns:p=\"%s\">", uri);
    buf_puts(out, "<p:InstanceID>Intel(r) AMT:MPS Username Password 0</p:InstanceID>");
    wsman_put_element(out, "p", "RemoteID", slice_str(a->user));
    wsman_put_element(out, "p", "Secret", slice_str(a->password));
    return buf_puts(out, "</p:AMT_MPSUsernamePassword>");
}

static const struct wsc_step CIRA_SECRET[] = {
    WSC_PUT(AMT_MPSUsernamePassword, put_secret, wsc_next, NULL),
};
const struct wsc_plan WSC_PLAN_CIRA_SECRET = WSC_PLAN(CIRA_SECRET);

/* --- who may start a tunnel, and where the firmware believes to be --- */

static uint8_t on_initiated(struct wsc_job *job, const struct wsman_msg *m) {
    uint32_t at = wsman_first_instance(m);
    if (!wsman_is_instance(m, at, WSMAN_AMT_UserInitiatedConnectionService))
        return WSC_STEP_NO_SENSE;
    return has_u64(m, at, "EnabledState", INITIATED_BOTH) ? READ_DETECTION : SET_INITIATED;
}
static uint8_t initiated_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : READ_DETECTION;
}

static int put_initiated(const struct wsc_job *job, struct buf *out) {
    static const struct wsc_param params[] = {{"RequestedState", "32771"}};
    return WSC_PUT_PARAMS(job, out, params);
}

/* With a suffix that no network has, it is always outside and keeps its tunnel. */
static uint8_t on_detection(struct wsc_job *job, const struct wsman_msg *m) {
    const char *domain = job->work->args.domain;
    uint32_t at = wsman_first_instance(m);
    uint32_t string = wsman_child(m, at, "DetectionStrings");
    if (!wsman_is_instance(m, at, WSMAN_AMT_EnvironmentDetectionSettingData))
        return WSC_STEP_NO_SENSE;
    if (!domain || (string && slice_is(m->nodes[string].text, domain) && !wsman_again(m, string)))
        return WSC_STEP_DONE;
    const struct amt_edit edits[] = {{"DetectionAlgorithm", "0"}, {"DetectionStrings", domain}};
    return wsc_change(job, m, WSMAN_AMT_EnvironmentDetectionSettingData, edits, 2);
}

static const struct wsc_step CIRA_SET[] = {
    [READ_ROOTS] = WSC_ENUMERATE(AMT_PublicKeyCertificate, on_roots, wsc_pass_absent),
    [ADD_ROOT] = WSC_CALL(AMT_PublicKeyManagementService, "AddTrustedRootCertificate", wsc_put_root,
                          wsc_on_add, wsc_pass_absent),
    [READ_SERVERS] = WSC_ENUMERATE(AMT_ManagementPresenceRemoteSAP, on_servers, wsc_pass_absent),
    [READ_RULES] = WSC_ENUMERATE(AMT_RemoteAccessPolicyRule, on_rules, rules_absent),
    [DROP_RULE] = WSC_DELETE(AMT_RemoteAccessPolicyRule, "PolicyRuleName", on_rule_dropped, rule_absent),
    [DROP_SERVER] = WSC_DELETE(AMT_ManagementPresenceRemoteSAP, "Name", on_server_dropped, server_absent),
    [ADD_SERVER] = WSC_CALL_ONCE(AMT_RemoteAccessService, "AddMpServer", put_server, on_server_added, NULL),
    [ADD_PERIODIC] = WSC_CALL_ONCE(AMT_RemoteAccessService, "AddRemoteAccessPolicyRule", put_periodic,
                                   on_periodic_added, NULL),
    [ADD_USER] =
        WSC_CALL_ONCE(AMT_RemoteAccessService, "AddRemoteAccessPolicyRule", put_user, wsc_on_method, NULL),
    [READ_LINKS] = WSC_ENUMERATE(AMT_RemoteAccessPolicyAppliesToMPS, on_links, links_absent),
    [PUT_LINK] = WSC_PUT(AMT_RemoteAccessPolicyAppliesToMPS, put_link, on_link_put, NULL),
    [PUT_SECRET] = WSC_PUT(AMT_MPSUsernamePassword, put_secret, wsc_next, NULL),
    [READ_INITIATED] = WSC_GET(AMT_UserInitiatedConnectionService, on_initiated, initiated_absent),
    [SET_INITIATED] = WSC_CALL(AMT_UserInitiatedConnectionService, "RequestStateChange", put_initiated,
                               wsc_on_method, NULL),
    [READ_DETECTION] = WSC_GET(AMT_EnvironmentDetectionSettingData, on_detection, NULL),
    [PUT_DETECTION] = WSC_PUT(AMT_EnvironmentDetectionSettingData, wsc_put_body, wsc_next, NULL),
};
const struct wsc_plan WSC_PLAN_CIRA_SET = WSC_PLAN(CIRA_SET);
