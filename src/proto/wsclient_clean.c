/* SPDX-License-Identifier: Apache-2.0 */
/* CLEAN: what another orchestrator, or an earlier try of ours, left in the firmware goes, in the order that
 * the firmware wants: what refers before what is referred to. Absent classes and instances are passed over.
 * Source: reference protocol-redir-activation 5.6, protocol-cira-wsman 4.10-4.12, 4.14. */
#include "proto/wsclient_int.h"

enum {
    READ_8021X,
    PUT_8021X,
    LIST_WIFI,
    DROP_WIFI,
    LIST_PROXIES,
    DROP_PROXY,
    LIST_RULES,
    DROP_RULE,
    LIST_SERVERS,
    DROP_SERVER,
    READ_TLS_REMOTE,
    PUT_TLS_REMOTE,
    READ_TLS_LOCAL,
    PUT_TLS_LOCAL,
    COMMIT,
    LIST_CONTEXTS,
    DROP_CONTEXT,
    LIST_KEYS,
    DROP_KEY,
    LIST_CERTIFICATES,
    DROP_CERTIFICATE,
    READ_DETECTION,
    PUT_DETECTION
};

/* --- lists: one step that lists, and after it the one that deletes --- */

/* Which property names the instances of a class, and which instances stay. */
static bool wifi_stays(const struct wsman_msg *m, uint32_t at) {
    return slice_is(wsman_text(m, at, "Priority"), "0"); /* the host's own profile */
}
static bool certificate_stays(const struct wsman_msg *m, uint32_t at) {
    bool read_only = false;
    wsman_bool(m, at, "ReadOnlyCertificate", &read_only);
    return read_only;
}
static const struct {
    enum wsman_class cls;
    const char *key;
    bool (*stays)(const struct wsman_msg *m, uint32_t at); /* NULL: none */
} LISTED[] = {
    {WSMAN_CIM_WiFiEndpointSettings, "InstanceID", wifi_stays},
    {WSMAN_IPS_HTTPProxyAccessPoint, "Name", NULL},
    {WSMAN_AMT_RemoteAccessPolicyRule, "PolicyRuleName", NULL},
    {WSMAN_AMT_ManagementPresenceRemoteSAP, "Name", NULL},
    {WSMAN_AMT_PublicPrivateKeyPair, "InstanceID", NULL},
    {WSMAN_AMT_PublicKeyCertificate, "InstanceID", certificate_stays},
};

static bool list(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct buf *names = &job->work->names;
    if (!instance)
        buf_free(names);
    for (size_t i = 0; i < sizeof LISTED / sizeof LISTED[0]; i++)
        if (wsman_is_instance(m, instance, LISTED[i].cls) &&
            !(LISTED[i].stays && LISTED[i].stays(m, instance)))
            return wsc_name_add(names, wsman_text(m, instance, LISTED[i].key));
    return true;
}

/* To the step that deletes, or over it. */
static uint8_t listed(struct wsc_job *job) {
    return (uint8_t)(job->step + (job->work->names.len ? 1 : 2));
}
static uint8_t on_list(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, list, listed);
}
static uint8_t list_absent(struct wsc_job *job) {
    buf_free(&job->work->names);
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : (uint8_t)(job->step + 2);
}

static uint8_t on_dropped(struct wsc_job *job, const struct wsman_msg *m) {
    wsc_name_drop(job);
    return (uint8_t)(job->step + (job->work->names.len ? 0 : 1));
}
static uint8_t drop_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : on_dropped(job, NULL);
}
/* Keys and certificates that something else is using (802.1x of the host) stay. */
static uint8_t drop_in_use(struct wsc_job *job) {
    return wsc_fault_is(job, "InternalError") ? on_dropped(job, NULL) : drop_absent(job);
}

/* --- settings: a Get and, where it differs, the Put after it --- */

static uint8_t over_put(struct wsc_job *job) {
    return (uint8_t)(job->step + 2);
}
static uint8_t setting_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : over_put(job);
}

static uint8_t on_8021x(struct wsc_job *job, const struct wsman_msg *m) {
    static const struct amt_edit disabled[] = {{"Enabled", "3"}};
    uint32_t at = wsman_first_instance(m);
    if (!wsman_is_instance(m, at, WSMAN_IPS_IEEE8021xSettings))
        return WSC_STEP_NO_SENSE;
    if (slice_is(wsman_text(m, at, "Enabled"), "3"))
        return over_put(job);
    return wsc_change(job, m, WSMAN_IPS_IEEE8021xSettings, disabled, 1);
}

static uint8_t on_tls(struct wsc_job *job, const struct wsman_msg *m) {
    static const struct amt_edit off[] = {
        {"Enabled", "false"}, {"MutualAuthentication", "false"}, {"NonSecureConnectionsSupported", NULL}};
    uint32_t at = wsman_first_instance(m);
    bool enabled = false, may_be_off = true;
    if (!wsman_is_instance(m, at, WSMAN_AMT_TLSSettingData))
        return WSC_STEP_NO_SENSE;
    wsman_bool(m, at, "Enabled", &enabled);
    wsman_bool(m, at, "NonSecureConnectionsSupported", &may_be_off);
    return enabled && may_be_off ? wsc_change(job, m, WSMAN_AMT_TLSSettingData, off, 3) : over_put(job);
}

static uint8_t on_tls_put(struct wsc_job *job, const struct wsman_msg *m) {
    job->work->changed = true;
    return wsc_pass_over(job);
}

/* Only a change wants to be committed: the firmware restarts its ports. */
static uint8_t to_commit(struct wsc_job *job, uint8_t next) {
    return next == COMMIT && !job->work->changed ? LIST_CONTEXTS : next;
}
static uint8_t on_tls_local(struct wsc_job *job, const struct wsman_msg *m) {
    return to_commit(job, on_tls(job, m));
}
static uint8_t tls_local_absent(struct wsc_job *job) {
    return to_commit(job, setting_absent(job));
}

static uint8_t on_detection(struct wsc_job *job, const struct wsman_msg *m) {
    static const struct amt_edit none[] = {{"DetectionStrings", NULL}};
    uint32_t at = wsman_first_instance(m);
    if (!wsman_is_instance(m, at, WSMAN_AMT_EnvironmentDetectionSettingData))
        return WSC_STEP_NO_SENSE;
    if (!wsman_text(m, at, "DetectionStrings").n)
        return WSC_STEP_DONE;
    return wsc_change(job, m, WSMAN_AMT_EnvironmentDetectionSettingData, none, 1);
}

/* --- the TLS credential context: an association, named by its two ends --- */

static bool list_context(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct buf *names = &job->work->names;
    char certificate[WSC_INSTANCE_CAP], collection[WSC_INSTANCE_CAP];
    if (!instance)
        buf_free(names);
    if (!wsman_is_instance(m, instance, WSMAN_AMT_TLSCredentialContext) ||
        !amt_epr_key(m, instance, "ElementInContext", "InstanceID", certificate, sizeof certificate) ||
        !amt_epr_key(m, instance, "ElementProvidingContext", "ElementName", collection, sizeof collection))
        return true;
    return wsc_name_add(names, slice_str(certificate)) && wsc_name_add(names, slice_str(collection));
}
static uint8_t on_contexts(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, list_context, listed);
}

static int put_context_ends(const struct wsc_job *job, struct buf *out) {
    const char *name = wsc_name_first(job);
    const struct wsman_selector certificate[] = {{"InstanceID", name}, {NULL, NULL}};
    const struct wsman_selector collection[] = {{"ElementName", name + strlen(name) + 1}, {NULL, NULL}};
    wsman_put_epr_selector(out, "ElementInContext", WSMAN_AMT_PublicKeyCertificate, certificate);
    return wsman_put_epr_selector(out, "ElementProvidingContext", WSMAN_AMT_TLSProtocolEndpointCollection,
                                  collection);
}
static uint8_t on_context_dropped(struct wsc_job *job, const struct wsman_msg *m) {
    wsc_name_drop(job);
    return on_dropped(job, m);
}
static uint8_t context_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : on_context_dropped(job, NULL);
}

#define LIST(cls)              WSC_ENUMERATE(cls, on_list, list_absent)
#define DROP(cls, key, absent) WSC_DELETE(cls, key, on_dropped, absent)
static const struct wsc_step CLEAN[] = {
    [READ_8021X] = WSC_GET(IPS_IEEE8021xSettings, on_8021x, setting_absent),
    [PUT_8021X] = WSC_PUT(IPS_IEEE8021xSettings, wsc_put_body, wsc_next, wsc_pass_absent),
    [LIST_WIFI] = LIST(CIM_WiFiEndpointSettings),
    [DROP_WIFI] = DROP(CIM_WiFiEndpointSettings, "InstanceID", drop_absent),
    [LIST_PROXIES] = LIST(IPS_HTTPProxyAccessPoint),
    [DROP_PROXY] = DROP(IPS_HTTPProxyAccessPoint, "Name", drop_absent),
    [LIST_RULES] = LIST(AMT_RemoteAccessPolicyRule),
    [DROP_RULE] = DROP(AMT_RemoteAccessPolicyRule, "PolicyRuleName", drop_absent),
    [LIST_SERVERS] = LIST(AMT_ManagementPresenceRemoteSAP),
    [DROP_SERVER] = DROP(AMT_ManagementPresenceRemoteSAP, "Name", drop_absent),
    [READ_TLS_REMOTE] = WSC_TLS_GET(WSC_TLS_REMOTE, on_tls, setting_absent),
    [PUT_TLS_REMOTE] = WSC_TLS_PUT(WSC_TLS_REMOTE, 0, on_tls_put),
    [READ_TLS_LOCAL] = WSC_TLS_GET(WSC_TLS_LOCAL, on_tls_local, tls_local_absent),
    [PUT_TLS_LOCAL] = WSC_TLS_PUT(WSC_TLS_LOCAL, 0, on_tls_put),
    [COMMIT] =
        WSC_CALL(AMT_SetupAndConfigurationService, "CommitChanges", wsc_put_nothing, wsc_on_method, NULL),
    [LIST_CONTEXTS] = WSC_ENUMERATE(AMT_TLSCredentialContext, on_contexts, list_absent),
    [DROP_CONTEXT] = {.cls = WSMAN_AMT_TLSCredentialContext,
                      .op = WSMAN_DELETE,
                      .put_selectors = put_context_ends,
                      .answer = on_context_dropped,
                      .fault = context_absent},
    [LIST_KEYS] = LIST(AMT_PublicPrivateKeyPair),
    [DROP_KEY] = DROP(AMT_PublicPrivateKeyPair, "InstanceID", drop_in_use),
    [LIST_CERTIFICATES] = LIST(AMT_PublicKeyCertificate),
    [DROP_CERTIFICATE] = DROP(AMT_PublicKeyCertificate, "InstanceID", drop_in_use),
    [READ_DETECTION] = WSC_GET(AMT_EnvironmentDetectionSettingData, on_detection, setting_absent),
    [PUT_DETECTION] = WSC_PUT(AMT_EnvironmentDetectionSettingData, wsc_put_body, wsc_next, NULL),
};
const struct wsc_plan WSC_PLAN_CLEAN = WSC_PLAN(CLEAN);
