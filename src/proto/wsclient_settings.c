/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that bring settings to what is wanted: name, clock, redirection and consent. What is as wanted is
 * left. Source: reference protocol-redir-activation 5.6, protocol-cira-wsman 4.7-4.9, 6.4. */
#include "proto/wsclient_int.h"

#include <stdio.h>

/* --- NETWORK_SET --- */

static bool text_differs(const struct wsman_msg *m, uint32_t at, const char *name, const char *want) {
    return want && !slice_is(wsman_text(m, at, name), want);
}

static uint8_t on_general(struct wsc_job *job, const struct wsman_msg *m) {
    const struct wsc_args *a = &job->work->args;
    uint32_t at = wsman_first_instance(m);
    struct amt_edit edits[2];
    size_t n = 0;
    if (text_differs(m, at, "DomainName", a->domain))
        edits[n++] = (struct amt_edit){"DomainName", a->domain};
    if (text_differs(m, at, "HostName", a->host_name))
        edits[n++] = (struct amt_edit){"HostName", a->host_name};
    if (!wsman_is_instance(m, at, WSMAN_AMT_GeneralSettings))
        return WSC_STEP_NO_SENSE;
    return n ? wsc_change(job, m, WSMAN_AMT_GeneralSettings, edits, n) : WSC_STEP_DONE;
}

static const struct wsc_step NETWORK_SET[] = {
    WSC_GET(AMT_GeneralSettings, on_general, NULL),
    WSC_PUT(AMT_GeneralSettings, wsc_put_body, wsc_next, NULL),
};
const struct wsc_plan WSC_PLAN_NETWORK_SET = WSC_PLAN(NETWORK_SET);

/* --- CLOCK_SET (4.9) --- */

static uint8_t on_device_time(struct wsc_job *job, const struct wsman_msg *m) {
    uint8_t next = wsc_on_method(job, m);
    uint64_t v;
    if (next >= WSC_STEP_NOMEM)
        return next;
    if (!wsman_u64(m, wsman_payload(m), "Ta0", UINT32_MAX, &v))
        return WSC_STEP_NO_SENSE;
    job->work->device_time_s = (uint32_t)v;
    return next;
}

static int put_time(const struct wsc_job *job, struct buf *out) {
    char device[12], ours[12];
    snprintf(device, sizeof device, "%u", job->work->device_time_s);
    snprintf(ours, sizeof ours, "%u", job->arg);
    const struct wsc_param params[] = {{"Ta0", device}, {"Tm1", ours}, {"Tm2", ours}};
    return WSC_PUT_PARAMS(job, out, params);
}

static const struct wsc_step CLOCK_SET[] = {
    WSC_CALL(AMT_TimeSynchronizationService, "GetLowAccuracyTimeSynch", wsc_put_nothing, on_device_time,
             NULL),
    WSC_CALL(AMT_TimeSynchronizationService, "SetHighAccuracyTimeSynch", put_time, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_CLOCK_SET = WSC_PLAN(CLOCK_SET);

/* --- FEATURES_SET (4.7, 4.8, 6.4) --- */

enum { READ_REDIR, SET_REDIR, READ_KVM, SET_KVM, LISTEN, READ_CONSENT, PUT_CONSENT };
enum { KVM = 1, SOL = 2, IDER = 4, CONSENT_SHIFT = 8, CONSENT_MASK = 3 };
enum { REDIR_BASE = 32768, KVM_ENABLE = 2, KVM_DISABLE = 3 };

/* 32768, bit 0 IDE-R, bit 1 SOL */
static unsigned redir_state(const struct wsc_job *job) {
    return REDIR_BASE + (job->arg & IDER ? 1u : 0) + (job->arg & SOL ? 2u : 0);
}

/* The Put of the listener is made of this answer, with the state that is asked for before it. */
static uint8_t on_redir(struct wsc_job *job, const struct wsman_msg *m) {
    char state[12];
    uint32_t at = wsman_first_instance(m);
    bool listens = false, wanted = job->arg & (KVM | SOL | IDER);
    uint64_t now = 0;
    wsman_u64(m, at, "EnabledState", UINT16_MAX, &now);
    wsman_bool(m, at, "ListenerEnabled", &listens);
    snprintf(state, sizeof state, "%u", redir_state(job));
    const struct amt_edit edits[] = {{"EnabledState", state}, {"ListenerEnabled", wanted ? "true" : "false"}};
    uint8_t next = wsc_change(job, m, WSMAN_AMT_RedirectionService, edits, 2);
    if (listens == wanted)
        buf_free(&job->body);
    return next >= WSC_STEP_NOMEM || now != redir_state(job) ? next : READ_KVM;
}

static int put_state(const struct wsc_job *job, struct buf *out, unsigned state) {
    char text[12];
    snprintf(text, sizeof text, "%u", state);
    const struct wsc_param params[] = {{"RequestedState", text}};
    return WSC_PUT_PARAMS(job, out, params);
}

static int put_redir(const struct wsc_job *job, struct buf *out) {
    return put_state(job, out, redir_state(job));
}

/* The listener's Put, where there is one to be made */
static uint8_t to_listen(struct wsc_job *job) {
    return job->body.len ? LISTEN : READ_CONSENT;
}

static uint8_t no_kvm(struct wsc_job *job) {
    uint8_t next = wsc_pass_absent(job); /* not on every SKU */
    return next == WSC_STEP_FAULT ? next : to_listen(job);
}

static uint8_t on_kvm(struct wsc_job *job, const struct wsman_msg *m) {
    uint32_t at = wsman_first_instance(m);
    uint64_t state;
    if (!wsman_is_instance(m, at, WSMAN_CIM_KVMRedirectionSAP) ||
        !wsman_u64(m, at, "EnabledState", UINT16_MAX, &state))
        return WSC_STEP_NO_SENSE;
    return (state != KVM_DISABLE) == ((job->arg & KVM) != 0) ? to_listen(job) : SET_KVM;
}

static int put_kvm(const struct wsc_job *job, struct buf *out) {
    return put_state(job, out, job->arg & KVM ? KVM_ENABLE : KVM_DISABLE);
}

static uint8_t on_kvm_set(struct wsc_job *job, const struct wsman_msg *m) {
    uint8_t next = wsc_on_method(job, m);
    return next >= WSC_STEP_NOMEM ? next : to_listen(job);
}

/* Client control mode asks for consent always, and does not let itself be changed. */
static uint8_t on_consent(struct wsc_job *job, const struct wsman_msg *m) {
    static const char *const WANTED[] = {"0", "1", "4294967295", "4294967295"};
    const char *wanted = WANTED[job->arg >> CONSENT_SHIFT & CONSENT_MASK];
    uint32_t at = wsman_first_instance(m);
    uint64_t may = 1;
    if (!wsman_is_instance(m, at, WSMAN_IPS_OptInService))
        return WSC_STEP_NO_SENSE;
    wsman_u64(m, at, "CanModifyOptInPolicy", UINT32_MAX, &may);
    if (!may || slice_is(wsman_text(m, at, "OptInRequired"), wanted))
        return WSC_STEP_DONE;
    const struct amt_edit edits[] = {{"OptInRequired", wanted}};
    return wsc_change(job, m, WSMAN_IPS_OptInService, edits, 1);
}

static const struct wsc_step FEATURES_SET[] = {
    [READ_REDIR] = WSC_GET(AMT_RedirectionService, on_redir, NULL),
    [SET_REDIR] = WSC_CALL(AMT_RedirectionService, "RequestStateChange", put_redir, wsc_on_method, NULL),
    [READ_KVM] = WSC_GET(CIM_KVMRedirectionSAP, on_kvm, no_kvm),
    [SET_KVM] = WSC_CALL(CIM_KVMRedirectionSAP, "RequestStateChange", put_kvm, on_kvm_set, NULL),
    [LISTEN] = WSC_PUT(AMT_RedirectionService, wsc_put_body, wsc_next, NULL),
    [READ_CONSENT] = WSC_GET(IPS_OptInService, on_consent, NULL),
    [PUT_CONSENT] = WSC_PUT(IPS_OptInService, wsc_put_body, wsc_next, NULL),
};
const struct wsc_plan WSC_PLAN_FEATURES_SET = WSC_PLAN(FEATURES_SET);
