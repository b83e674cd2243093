/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of user consent and KVM settings. A method's ReturnValue is a fact for the consent machine, never
 * a failure of the job; what the firmware's state is afterwards is read. Source: reference
 * protocol-cira-wsman 4.7, 4.8. */
#include "proto/wsclient_int.h"

static uint8_t on_optin(struct wsc_job *job, const struct wsman_msg *m) {
    return amt_decode_optin(m, &job->optin) == 0 ? WSC_STEP_DONE : WSC_STEP_NO_SENSE;
}

static uint8_t on_method(struct wsc_job *job, const struct wsman_msg *m) {
    job->return_value = amt_return_value(m);
    job->maybe_sent = false;
    return job->return_value < 0 ? WSC_STEP_NO_SENSE : 1;
}

static int put_start(const struct wsc_job *job, struct buf *out) {
    amt_put_input(out, WSMAN_IPS_OptInService, "StartOptIn");
    return buf_puts(out, "</p:StartOptIn_INPUT>");
}

static int put_send(const struct wsc_job *job, struct buf *out) {
    return amt_put_optin_code(out, job->arg);
}

static int put_cancel(const struct wsc_job *job, struct buf *out) {
    amt_put_input(out, WSMAN_IPS_OptInService, "CancelOptIn");
    return buf_puts(out, "</p:CancelOptIn_INPUT>");
}

#define READ              WSC_GET(IPS_OptInService, on_optin, NULL)
#define CALL(method, put) WSC_CALL_ONCE(IPS_OptInService, method, put, on_method, NULL)
static const struct wsc_step OPTIN_READ[] = {READ};
static const struct wsc_step OPTIN_START[] = {CALL("StartOptIn", put_start), READ};
static const struct wsc_step OPTIN_SEND[] = {CALL("SendOptInCode", put_send), READ};
static const struct wsc_step OPTIN_CANCEL[] = {CALL("CancelOptIn", put_cancel), READ};
const struct wsc_plan WSC_PLAN_OPTIN_READ = WSC_PLAN(OPTIN_READ);
const struct wsc_plan WSC_PLAN_OPTIN_START = WSC_PLAN(OPTIN_START);
const struct wsc_plan WSC_PLAN_OPTIN_SEND = WSC_PLAN(OPTIN_SEND);
const struct wsc_plan WSC_PLAN_OPTIN_CANCEL = WSC_PLAN(OPTIN_CANCEL);

static uint8_t on_kvm_settings(struct wsc_job *job, const struct wsman_msg *m) {
    int64_t now = amt_kvm_timeout(m);
    if (now < 0)
        return WSC_STEP_NO_SENSE;
    if (now == job->arg)
        return WSC_STEP_DONE;
    buf_free(&job->body);
    return amt_put_kvm_timeout(&job->body, m, job->arg) == 0 ? 1 : WSC_STEP_NOMEM;
}

static uint8_t on_kvm_put(struct wsc_job *job, const struct wsman_msg *m) {
    return WSC_STEP_DONE;
}

static const struct wsc_step KVM_TIMEOUT[] = {
    WSC_GET(IPS_KVMRedirectionSettingData, on_kvm_settings, NULL),
    WSC_PUT(IPS_KVMRedirectionSettingData, wsc_put_body, on_kvm_put, NULL),
};
const struct wsc_plan WSC_PLAN_KVM_TIMEOUT = WSC_PLAN(KVM_TIMEOUT);
