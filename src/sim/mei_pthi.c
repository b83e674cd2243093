/* SPDX-License-Identifier: Apache-2.0 */
/* PTHI and the watchdog client: what programs at the node ask the firmware (reference 5.2). */
#include "sim/firmware.h"
#include "sim/life.h"
#include "sim/mei_int.h"
#include "sim/redir_conn.h"

#include "proto/pthi.h"

#include <stdio.h>

enum { STATE_PRE, STATE_IN, STATE_POST };
enum { NETWORK_DIRECT = 0, NETWORK_OUTSIDE = 2, TRIGGER_PERIODIC = 2 };
enum { REDIR_BASE = 32768 /* AMT_RedirectionService.EnabledState: + 1 IDE-R, + 2 SOL */ };

/* One answer: data into w, and the status. p is never NULL. */
struct ask {
    struct sim_node *node;
    struct prov *p;
    struct slice data;
};

/* --- what it is --- */

static uint32_t code_versions(struct ask *a, struct wr *w) {
    const struct sim_profile_info *f = sim_profile_info(a->node->cfg.profile);
    struct pthi_versions v = {.bios = "SIMBIOS.1.0"};
    const struct {
        const char *name, *value;
    } ALL[] = {{"Flash", f->version},
               {"Netstack", f->version},
               {"AMTApps", f->version},
               {"AMT", f->version},
               {"Sku", "16392"},
               {"VendorID", "8086"},
               {"Build Number", f->build},
               {"Recovery Version", f->version},
               {"Recovery Build Num", f->build},
               {"Legacy Mode", "False"}};
    v.n = FW_LEN(ALL);
    for (size_t i = 0; i < v.n; i++) {
        slice_to_str(slice_str(ALL[i].name), v.all[i].name, sizeof v.all[i].name);
        slice_to_str(slice_str(ALL[i].value), v.all[i].value, sizeof v.all[i].value);
    }
    pthi_put_versions(w, &v);
    return PTHI_STATUS_OK;
}
static uint32_t uuid(struct ask *a, struct wr *w) {
    pthi_put_uuid(w, a->node->cfg.id.uuid);
    return PTHI_STATUS_OK;
}
static uint32_t mac_addresses(struct ask *a, struct wr *w) {
    struct pthi_macs m = {0};
    node_mac(a->node, m.dedicated);
    node_mac(a->node, m.host);
    pthi_put_macs(w, &m);
    return PTHI_STATUS_OK;
}
static uint32_t lan_settings(struct ask *a, struct wr *w) {
    uint32_t which;
    if (!pthi_get_u32(a->data, &which) || which > PTHI_LAN_WIRELESS)
        return PTHI_STATUS_INVALID_PARAMETER;
    if (which != PTHI_LAN_WIRED)
        return PTHI_STATUS_NOT_FOUND;
    struct pthi_lan l = {.enabled = true, .dhcp_enabled = true, .link_up = true, .dhcp_mode = 2};
    node_mac(a->node, l.mac);
    l.ipv4 = 10u << 24 | (uint32_t)(a->node->index_seed & 0xffffff);
    pthi_put_lan(w, &l);
    return PTHI_STATUS_OK;
}
static uint32_t fqdn(struct ask *a, struct wr *w) {
    struct pthi_fqdn f = {.shared = true};
    const struct prov *p = a->p;
    snprintf(f.name, sizeof f.name, "%s%s%s", p->host_name[0] ? p->host_name : a->node->cfg.id.name,
             p->domain[0] ? "." : "", p->domain);
    pthi_put_fqdn(w, &f);
    return PTHI_STATUS_OK;
}
static uint32_t power_policy(struct ask *a, struct wr *w) {
    pthi_put_text(w,
                  node_me_in_sleep(a->node) ? "Desktop: ON in S0, ME Wake in S3, S4-5" : "Desktop: ON in S0");
    return PTHI_STATUS_OK;
}
static uint32_t ehbc_state(struct ask *a, struct wr *w) {
    pthi_put_u32(w, 0);
    return PTHI_STATUS_OK;
}

/* --- what is set up --- */

static uint32_t provisioning_mode(struct ask *a, struct wr *w) {
    pthi_put_u32(w, a->p->mode ? 1 : 0);
    return PTHI_STATUS_OK;
}
static uint32_t provisioning_state(struct ask *a, struct wr *w) {
    pthi_put_u32(w, a->p->state);
    return PTHI_STATUS_OK;
}
static uint32_t control_mode(struct ask *a, struct wr *w) {
    pthi_put_u32(w, a->p->mode);
    return PTHI_STATUS_OK;
}
static uint32_t hash_handles(struct ask *a, struct wr *w) {
    struct pthi_handles h = {.n = a->p->nroots};
    for (uint32_t i = 0; i < a->p->nroots; i++)
        h.all[i] = i + 1;
    pthi_put_handles(w, &h);
    return PTHI_STATUS_OK;
}
static uint32_t hash_entry(struct ask *a, struct wr *w) {
    uint32_t handle;
    if (!pthi_get_u32(a->data, &handle) || handle == 0 || handle > a->p->nroots)
        return PTHI_STATUS_INVALID_HANDLE;
    const struct prov_root_hash *r = &a->p->roots[handle - 1];
    struct pthi_hash h = {.is_default = r->is_default, .active = r->active, .alg = r->alg};
    memcpy(h.hash, r->hash, r->n);
    slice_to_str(slice_str(r->name), h.name, sizeof h.name);
    pthi_put_hash(w, &h);
    return PTHI_STATUS_OK;
}
static uint32_t dns_suffix(struct ask *a, struct wr *w) {
    pthi_put_text(w, a->p->dns_suffix);
    return PTHI_STATUS_OK;
}
static uint32_t dns_suffix_list(struct ask *a, struct wr *w) {
    pthi_put_text(w, a->p->dhcp_suffix);
    return PTHI_STATUS_OK;
}
static uint32_t local_account(struct ask *a, struct wr *w) {
    struct pthi_account x = {.user = FW_OS_ADMIN_NAME};
    const char *password = fw_os_admin_password(a->node);
    if (!*password)
        return PTHI_STATUS_INTERNAL;
    slice_to_str(slice_str(password), x.password, sizeof x.password);
    pthi_put_account(w, &x);
    pthi_account_wipe(&x);
    return PTHI_STATUS_OK;
}

/* --- what is going on --- */

static uint32_t ras_status(struct ask *a, struct wr *w) {
    struct node_dial d;
    struct pthi_ras r = {.network = NETWORK_DIRECT};
    if (node_dial(a->node, &d) && strchr(d.address, ':')) {
        r = (struct pthi_ras){.network = NETWORK_OUTSIDE,
                              .state = a->node->link_up  ? 2
                                       : a->node->tunnel ? 1
                                                         : 0,
                              .trigger = TRIGGER_PERIODIC};
        struct slice host = slice_str(d.address);
        host = slice_head(host, (size_t)(strrchr(d.address, ':') - d.address));
        if (host.n > 2 && host.p[0] == '[')
            host = slice_of(host.p + 1, host.n - 2);
        slice_to_str(host, r.mps, sizeof r.mps);
    }
    pthi_put_ras(w, &r);
    return PTHI_STATUS_OK;
}
static uint32_t redirection_state(struct ask *a, struct wr *w) {
    static const uint32_t OF_STATE[] = {0, PTHI_REDIR_IDER, PTHI_REDIR_SOL, PTHI_REDIR_IDER | PTHI_REDIR_SOL};
    pthi_put_u32(w, OF_STATE[(a->node->redir_state - REDIR_BASE) & 3] |
                        (a->node->kvm_enabled ? PTHI_REDIR_KVM : 0));
    return PTHI_STATUS_OK;
}
static uint32_t features_state(struct ask *a, struct wr *w) {
    struct pthi_feature_state f = {0};
    struct sim_node *n = a->node;
    if (!pthi_get_u32(a->data, &f.id) || f.id > PTHI_FEATURE_KVM)
        return PTHI_STATUS_INVALID_PARAMETER;
    if (f.id == PTHI_FEATURE_REDIRECTION)
        f.states = (redir_open(n, REDIR_IDER) ? 1u : 0) | (redir_open(n, REDIR_SOL) ? 2u : 0);
    else if (f.id == PTHI_FEATURE_KVM)
        f.states = (redir_open(n, REDIR_KVM) ? 1u : 0) | (n->optin.state == OPTIN_DISPLAYED ? 2u : 0);
    pthi_put_feature(w, &f);
    return PTHI_STATUS_OK;
}

/* --- what it does --- */

/* Only what the host may end by itself: client control mode, and a set-up that is under way (5.4). */
static uint32_t unprovision(struct ask *a, struct wr *w) {
    if (a->p->mode == 2 || a->p->state == STATE_PRE)
        return PTHI_STATUS_INVALID_MODE;
    prov_reset(a->p, false);
    a->p->unprovisions++;
    a->node->unprovisioned = true;
    node_mode_changed(a->node);
    pthi_put_u32(w, STATE_PRE);
    return PTHI_STATUS_OK;
}
static uint32_t stop_configuration(struct ask *a, struct wr *w) {
    if (a->p->state != STATE_IN)
        return PTHI_STATUS_INVALID_MODE;
    prov_reset(a->p, false);
    return PTHI_STATUS_OK;
}
/* The certificate whose hash comes is the one that may set up over TLS; ours is that of the TLS port. */
static uint32_t start_configuration(struct ask *a, struct wr *w) {
    struct pthi_start s;
    struct pthi_started done = {.alg = PTHI_ALG_SHA256};
    if (!pthi_get_start(a->data, &s) || (s.alg != PTHI_ALG_SHA256 && s.alg != PTHI_ALG_SHA384))
        return PTHI_STATUS_INVALID_PARAMETER;
    if (a->p->mode)
        return PTHI_STATUS_INVALID_MODE;
    if (!a->node->fleet->cfg.device_tls)
        return PTHI_STATUS_CERTIFICATE_NOT_READY;
    memcpy(done.hash, a->node->fleet->cfg.device_sha256, sizeof a->node->fleet->cfg.device_sha256);
    a->p->state = STATE_IN;
    pthi_put_started(w, &done);
    return PTHI_STATUS_OK;
}

static uint32_t (*const ANSWERS[PTHI_CMD_COUNT])(struct ask *a, struct wr *w) = {
    [PTHI_CMD_PROVISIONING_MODE] = provisioning_mode,
    [PTHI_CMD_UNPROVISION] = unprovision,
    [PTHI_CMD_PROVISIONING_STATE] = provisioning_state,
    [PTHI_CMD_CODE_VERSIONS] = code_versions,
    [PTHI_CMD_MAC_ADDRESSES] = mac_addresses,
    [PTHI_CMD_HASH_HANDLES] = hash_handles,
    [PTHI_CMD_HASH_ENTRY] = hash_entry,
    [PTHI_CMD_DNS_SUFFIX] = dns_suffix,
    [PTHI_CMD_DNS_SUFFIX_LIST] = dns_suffix_list,
    [PTHI_CMD_RAS_STATUS] = ras_status,
    [PTHI_CMD_POWER_POLICY] = power_policy,
    [PTHI_CMD_LAN_SETTINGS] = lan_settings,
    [PTHI_CMD_FEATURES_STATE] = features_state,
    [PTHI_CMD_FQDN] = fqdn,
    [PTHI_CMD_REDIRECTION_STATE] = redirection_state,
    [PTHI_CMD_UUID] = uuid,
    [PTHI_CMD_STOP_CONFIGURATION] = stop_configuration,
    [PTHI_CMD_LOCAL_ACCOUNT] = local_account,
    [PTHI_CMD_CONTROL_MODE] = control_mode,
    [PTHI_CMD_EHBC_STATE] = ehbc_state,
    [PTHI_CMD_START_CONFIGURATION] = start_configuration,
};

bool mei_pthi_input(struct mei_conn *c, struct slice msg, struct mono now) {
    struct pthi_request rq;
    uint8_t data[PTHI_MSG_MAX], answer[PTHI_MSG_MAX];
    struct wr w = wr_of(data, sizeof data), out = wr_of(answer, sizeof answer);
    struct ask a = {.node = c->node, .p = node_prov(c->node)};
    if (pthi_get_request(msg, &rq) < 0)
        return true; /* the firmware says nothing to that */
    a.data = rq.data;
    uint32_t status = rq.status;
    if (status == PTHI_STATUS_OK)
        status = a.p && ANSWERS[rq.cmd] ? ANSWERS[rq.cmd](&a, &w) : PTHI_STATUS_INTERNAL;
    pthi_put_response(&out, rq.command, status, wr_done(&w));
    mei_say(c, wr_done(&out));
    explicit_bzero(data, sizeof data);
    explicit_bzero(answer, sizeof answer);
    return true;
}

/* The watchdog client also has the switch that turns AMT off and on. */
bool mei_wd_input(struct mei_conn *c, struct slice msg, struct mono now) {
    struct wd_request rq;
    uint8_t answer[WD_MSG_MAX];
    struct wr w = wr_of(answer, sizeof answer);
    struct sim_node *n = c->node;
    if (wd_get_request(msg, &rq) < 0)
        return true;
    if (rq.set) {
        node_switch(n, rq.enable);
        wd_put_enable_status(&w, PTHI_STATUS_OK);
    } else {
        wd_put_state(&w, (uint8_t)(WD_TRANSITION_ALLOWED | WD_NEW_INTERFACE |
                                   (n->switched_off ? 0 : WD_AMT_ENABLED) |
                                   (node_tls_local(n) ? WD_TLS_LOCAL : 0)));
    }
    mei_say(c, wr_done(&w));
    return true;
}
