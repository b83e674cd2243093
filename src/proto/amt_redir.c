/* SPDX-License-Identifier: Apache-2.0 */
/* User consent and KVM settings. Source: reference protocol-cira-wsman 4.7, 4.8. */
#include "proto/amt.h"

#include <stdio.h>

int amt_decode_optin(const struct wsman_msg *m, struct amt_optin *out) {
    static const struct {
        const char *name;
        size_t at;
    } members[] = {
        {"OptInRequired", offsetof(struct amt_optin, required)},
        {"OptInState", offsetof(struct amt_optin, state)},
        {"OptInCodeTimeout", offsetof(struct amt_optin, code_timeout_s)},
        {"OptInDisplayTimeout", offsetof(struct amt_optin, display_s)},
    };
    *out = (struct amt_optin){0};
    uint32_t node = wsman_first_instance(m);
    uint64_t v;
    if (!wsman_is_instance(m, node, WSMAN_IPS_OptInService) ||
        !wsman_u64(m, node, "OptInRequired", UINT32_MAX, &v) ||
        !wsman_u64(m, node, "OptInState", AMT_OPTIN_IN_SESSION, &v))
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (wsman_u64(m, node, members[i].name, UINT32_MAX, &v))
            *(uint32_t *)(void *)((char *)out + members[i].at) = (uint32_t)v;
    return 0;
}

int amt_put_optin_code(struct buf *out, uint32_t code) {
    amt_put_input(out, WSMAN_IPS_OptInService, "SendOptInCode");
    return buf_putf(out, "<p:OptInCode>%06u</p:OptInCode></p:SendOptInCode_INPUT>", code % 1000000u);
}

int64_t amt_kvm_timeout(const struct wsman_msg *m) {
    uint32_t node = wsman_first_instance(m);
    uint64_t v;
    if (!wsman_is_instance(m, node, WSMAN_IPS_KVMRedirectionSettingData) ||
        !wsman_u64(m, node, "SessionTimeout", UINT16_MAX, &v))
        return -1;
    return (int64_t)v;
}

/* RFBPassword is write-only; what newer firmware refuses to have set is left out, too (4.7). */
static bool edit_timeout(void *ctx, struct slice name, struct slice *value) {
    if (slice_is(name, "SessionTimeout"))
        *value = slice_str(ctx);
    return !slice_is(name, "RFBPassword") && !slice_is(name, "EnabledByMEBx");
}

int amt_put_kvm_timeout(struct buf *out, const struct wsman_msg *current, uint32_t minutes) {
    char text[12];
    snprintf(text, sizeof text, "%u", minutes);
    return amt_put_edited(out, current, WSMAN_IPS_KVMRedirectionSettingData, edit_timeout, text);
}
