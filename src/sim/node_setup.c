/* SPDX-License-Identifier: Apache-2.0 */
/* What a person, a test or the control socket does to the set-up and the identity of a node. */
#include "base/text.h"
#include "sim/firmware.h"
#include "sim/life.h"
#include "sim/mei_side.h"

#include <stdio.h>

enum { FOREIGN_PORT = 4433, POST_PROVISIONING = 2, ROW_CAP = 24 };

static void identity_changed(struct sim_node *n) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    if (cfg->on_identity)
        cfg->on_identity(cfg->ctx, n);
}

void sim_node_set_smbios(struct sim_node *n, struct uuid u) {
    n->cfg.id.smbios = u;
    identity_changed(n);
}

void sim_node_set_board(struct sim_node *n, struct slice vendor, struct slice name) {
    slice_to_str(vendor, n->cfg.board_vendor, sizeof n->cfg.board_vendor);
    slice_to_str(name, n->cfg.board, sizeof n->cfg.board);
    identity_changed(n);
}

void sim_node_bios_amt(struct sim_node *n, bool on) {
    n->bios_off = !on;
    n->life_at = node_now(n);
    if (!on)
        mei_drop(n);
    node_settle(n);
}

void sim_node_switch(struct sim_node *n, bool on) {
    node_switch(n, on);
    node_settle(n);
}

/* --- set-up by somebody else --- */

/* Text that nobody here knows. */
static void random_text(struct sim_node *n, char *out, size_t cap) {
    uint8_t raw[ROW_CAP / 2];
    char text[ROW_CAP + 1];
    loop_random(n->fleet->cfg.loop, raw, sizeof raw);
    text_hex(slice_of(raw, sizeof raw), text);
    slice_to_str(slice_str(text), out, cap);
}

int sim_node_foreign(struct sim_node *n, struct slice server, uint8_t mode, struct errinfo *ei) {
    struct slice port = server, host = slice_cut(&port, ':');
    uint64_t number = FOREIGN_PORT;
    struct prov *p = node_prov(n);
    char realm[NODE_REALM_CAP], password[ROW_CAP + 1];
    if (!p)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    if (host.n == 0 || host.n >= sizeof p->mps[0].address ||
        (port.n && (!slice_to_u64(port, UINT16_MAX, &number) || number == 0)))
        return err_set(ei, ERR_INVALID, "foreign", "the other server is HOST or HOST:PORT");
    prov_reset(p, false);
    random_text(n, password, sizeof password);
    int r = digest_ha1(n->cfg.id.amt_user, node_realm(n, realm), password, p->admin_ha1);
    explicit_bzero(password, sizeof password);
    if (r < 0)
        return err_set(ei, r, "", "out of memory");
    struct prov_mps *m = &p->mps[0];
    *m = (struct prov_mps){.used = true, .port = (uint16_t)number, .format = 201};
    slice_to_str(host, m->address, sizeof m->address);
    random_text(n, m->user, sizeof m->user);
    random_text(n, m->password, sizeof m->password);
    p->policies[0] = (struct prov_policy){.used = true, .trigger = 2, .mps_type = 2};
    snprintf(p->detection, sizeof p->detection, "%s.foreign.example", n->cfg.id.serial);
    p->mode = mode;
    p->state = POST_PROVISIONING;
    p->changed = true;
    node_mode_changed(n);
    node_settle(n);
    return 0;
}

int sim_node_dns_suffix(struct sim_node *n, bool mebx, struct slice name) {
    struct prov *p = node_prov(n);
    if (!p)
        return ERR_NOMEM;
    if (name.n >= sizeof p->dns_suffix)
        return ERR_LIMIT;
    slice_to_str(name, mebx ? p->dns_suffix : p->dhcp_suffix, sizeof p->dns_suffix);
    p->changed = true; /* environment detection looks at it */
    node_settle(n);
    return 0;
}

/* --- looking --- */

int sim_node_prov_describe(struct sim_node *n, struct buf *out) {
    static const char *const MODES[] = {"none", "ccm", "acm"}, *const STATES[] = {"pre", "in", "post"};
    const struct prov *p = node_prov(n);
    unsigned certs = 0, policies = 0;
    if (!p)
        return ERR_NOMEM;
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        certs += p->certs[i].der != NULL;
    for (size_t i = 0; i < PROV_POLICIES_MAX; i++)
        policies += p->policies[i].used;
    buf_putf(out, "%s mode=%s state=%s setups=%u admin-setups=%u upgrades=%u unprovisions=%u", n->cfg.id.name,
             MODES[p->mode], STATES[p->state], p->setups, p->admin_setups, p->upgrades, p->unprovisions);
    for (size_t i = 0; i < PROV_MPS_MAX; i++)
        if (p->mps[i].used)
            buf_putf(out, " mps=%s:%u mps-user=%s", p->mps[i].address, p->mps[i].port, p->mps[i].user);
    buf_putf(out, " mebx-suffix=%s dhcp-suffix=%s", p->dns_suffix[0] ? p->dns_suffix : "none",
             p->dhcp_suffix[0] ? p->dhcp_suffix : "none");
    buf_putf(out, " policies=%u detection=%s certificates=%u tls-remote=%s tls-local=%s amt=%s", policies,
             p->detection[0] ? p->detection : "none", certs, p->tls.remote ? "on" : "off",
             node_tls_local(n) ? "on" : "off",
             n->bios_off       ? "bios-off"
             : n->switched_off ? "off"
                               : "on");
    if (n->faults.step.kind)
        buf_putf(out, " fault=%s:%s", sim_step_fault_name((enum sim_step_fault_kind)n->faults.step.kind),
                 n->faults.step.step);
    return out->failed ? ERR_NOMEM : 0;
}

static const char *or_none(const char *secret) {
    return secret && *secret ? secret : "none";
}

int sim_node_secrets(struct sim_node *n, struct buf *out) {
    const struct prov *p = node_prov(n);
    char realm[NODE_REALM_CAP];
    struct node_dial d;
    if (!p)
        return ERR_NOMEM;
    bool first = sim_node_admin_is(n, n->cfg.id.amt_password);
    buf_putf(out, "%s amt-user=%s realm=%s amt-ha1=%s amt=%s mebx=%s", n->cfg.id.name, n->cfg.id.amt_user,
             node_realm(n, realm), or_none(fw_ha1(n)), first ? n->cfg.id.amt_password : "none",
             or_none(p->mebx_password));
    bool dials = node_dial(n, &d);
    buf_putf(out, " cira-user=%s cira=%s os-admin=%s", or_none(dials ? d.user : NULL),
             or_none(dials ? d.password : NULL), or_none(fw_os_admin_password(n)));
    return out->failed ? ERR_NOMEM : 0;
}

bool sim_node_admin_is(struct sim_node *n, const char *password) {
    const char *ha1 = fw_ha1(n);
    char realm[NODE_REALM_CAP], other[DIGEST_HA1_CAP];
    return ha1 && digest_ha1(n->cfg.id.amt_user, node_realm(n, realm), password, other) == 0 &&
           strcmp(ha1, other) == 0;
}

void sim_node_step_fault(struct sim_node *n, const struct sim_step_fault *f) {
    n->faults.step = *f;
}
