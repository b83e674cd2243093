/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wsclient_int.h"

const struct wsc_plan WSC_PLAN_SETUP_READ = {0};
const struct wsc_plan WSC_PLAN_SETUP_CCM = {0};
const struct wsc_plan WSC_PLAN_CHAIN_ADD = {0};
const struct wsc_plan WSC_PLAN_SETUP_ACM = {0};
const struct wsc_plan WSC_PLAN_UPGRADE_ACM = {0};
const struct wsc_plan WSC_PLAN_ADMIN_SET = {0};
const struct wsc_plan WSC_PLAN_MEBX_SET = {0};
const struct wsc_plan WSC_PLAN_CLEAN = {0};
const struct wsc_plan WSC_PLAN_NETWORK_SET = {0};
const struct wsc_plan WSC_PLAN_CIRA_READ = {0};
const struct wsc_plan WSC_PLAN_CIRA_SET = {0};
const struct wsc_plan WSC_PLAN_CIRA_SECRET = {0};
const struct wsc_plan WSC_PLAN_TLS_KEY = {0};
const struct wsc_plan WSC_PLAN_TLS_SET = {0};
const struct wsc_plan WSC_PLAN_FEATURES_SET = {0};
const struct wsc_plan WSC_PLAN_CLOCK_SET = {0};
const struct wsc_plan WSC_PLAN_UNPROVISION = {0};

int wsc_submit_with(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg, const struct wsc_args *args,
                    enum wsc_priority prio, uint32_t deadline_ms, struct mono now, void *user) {
    return ERR_UNSUPPORTED;
}
