/* SPDX-License-Identifier: Apache-2.0 */
/* Host set-up, the set-up service, the administrator's account (reference 4.13;
 * protocol-redir-activation 5.4, 8). */
#include "sim/firmware.h"

#include "base/text.h"
#include "sim/prov_chain.h"

enum { CERT_MAX = 8192, SIGNATURE_MAX = 1024, MD5_BYTES = 16, ENCRYPTION_DIGEST = 2, SIGNED_SHA256 = 2 };
/* ReturnValue of the host set-up methods */
enum { SET_OK, SET_INTERNAL, SET_STATE, SET_PARAMETER, SET_DISABLED, SET_AUTH };

static int64_t device_time(const struct sim_node *n) {
    return loop_wall(n->fleet->cfg.loop).us / 1000000 + n->clock_offset_s;
}

/* A member in base64; its bytes, or -1. */
static int take_base64(struct fw_call *c, const char *name, uint8_t *out, size_t cap) {
    int n = text_unbase64(wsman_text(c->rq, c->payload, name), out, cap);
    return n > 0 ? n : -1;
}

static void admin_set(struct prov *p, const uint8_t md5[MD5_BYTES]) {
    text_hex(slice_of(md5, MD5_BYTES), p->admin_ha1);
}

/* --- AMT_SetupAndConfigurationService --- */

static void provisioning_mode(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, node_control_mode(c->node) == 1 ? 4 : 1);
}
static void provisioning_state(struct fw_call *c, const char *name) {
    const struct prov *p = c->node->prov;
    fw_put_uint(c, name, p ? p->state : c->node->unprovisioned ? 0 : 2);
}
static const struct fw_prop SETUP[] = {
    FW_TEXT("CreationClassName", "AMT_SetupAndConfigurationService"),
    FW_TEXT("ElementName", "Intel(r) AMT Setup and Configuration Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Setup and Configuration Service"),
    FW_TEXT("PasswordModel", "1"),
    FW_FN("ProvisioningMode", provisioning_mode),
    FW_TEXT("ProvisioningServerOTP", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    FW_FN("ProvisioningState", provisioning_state),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
    FW_TEXT("ZeroTouchConfigurationEnabled", "true"),
};

static uint32_t get_uuid(struct fw_call *c) {
    struct uuid raw = uuid_swap(c->node->cfg.id.uuid);
    fw_put_base64(c, "UUID", slice_of(raw.b, sizeof raw.b));
    return PT_OK;
}

/* What was put and waits comes into force: TLS, and a set-up that began over TLS (5.4). */
static uint32_t commit_changes(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    if (!p)
        return PT_INTERNAL;
    if (p->state == 1) {
        if (!p->admin_ha1[0])
            return PT_NOT_READY;
        p->mode = p->state = 2;
        p->admin_setups++;
        p->changed = true;
        node_mode_changed(c->node);
    }
    if (p->tls_pending) {
        p->tls = p->tls_next;
        p->tls_pending = false;
        p->changed = true;
    }
    return PT_OK;
}

static uint32_t unprovision_as(struct fw_call *c, bool keep) {
    struct prov *p = fw_prov(c);
    uint64_t mode;
    if (!p)
        return PT_INTERNAL;
    if (!keep && !wsman_u64(c->rq, c->payload, "ProvisioningMode", 3, &mode))
        return PT_PARAMETER;
    if (p->state == 0)
        return PT_PROVISIONING_STATE;
    if (keep && p->mode != 2)
        return PT_NOT_PERMITTED;
    prov_reset(p, keep);
    p->unprovisions++;
    node_mode_changed(c->node);
    c->node->unprovisioned = true; /* the tunnel goes once the answer is out */
    return PT_OK;
}
static uint32_t unprovision(struct fw_call *c) {
    return unprovision_as(c, false);
}
static uint32_t partial_unprovision(struct fw_call *c) {
    return unprovision_as(c, true);
}

/* AMT's rule (2.3): 8 to 32 characters, an upper-case and a lower-case letter, a digit, a special character.
 */
static bool password_strong(struct slice s) {
    bool upper = false, lower = false, digit = false, special = false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t b = s.p[i];
        if (b < 33 || b > 126 || strchr(":,\"", b))
            return false;
        upper |= b >= 'A' && b <= 'Z';
        lower |= b >= 'a' && b <= 'z';
        digit |= b >= '0' && b <= '9';
        special |= strchr("!#$%&'()*+-./;<=>?@[\\]^`{|}~", b) != NULL;
    }
    return s.n >= 8 && s.n <= 32 && upper && lower && digit && special;
}
static uint32_t set_mebx_password(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    struct slice password = wsman_text(c->rq, c->payload, "Password");
    if (!p)
        return PT_INTERNAL;
    if (p->mode != 2 && p->state != 1)
        return PT_NOT_PERMITTED;
    if (!password_strong(password))
        return PT_PASSWORD;
    slice_to_str(password, p->mebx_password, sizeof p->mebx_password);
    return PT_OK;
}
static const struct fw_method SETUP_METHODS[] = {
    {"GetUuid", get_uuid},
    {"CommitChanges", commit_changes},
    {"Unprovision", unprovision},
    {"PartialUnprovision", partial_unprovision},
    {"SetMEBxPassword", set_mebx_password},
};

/* --- IPS_HostBasedSetupService --- */

static void control_mode(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, node_control_mode(c->node));
}
static void chain_status(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->prov ? c->node->prov->chain_status : 0);
}
static void nonce(struct fw_call *c, const char *name) {
    const struct prov *p = fw_prov(c);
    if (p)
        fw_put_base64(c, name, slice_of(p->nonce, sizeof p->nonce));
}
static const struct fw_prop HOST_SETUP[] = {
    FW_TEXT("AllowedControlModes", "2"),
    FW_TEXT("AllowedControlModes", "1"),
    FW_FN("CertChainStatus", chain_status),
    FW_FN("ConfigurationNonce", nonce),
    FW_TEXT("CreationClassName", "IPS_HostBasedSetupService"),
    FW_FN("CurrentControlMode", control_mode),
    FW_TEXT("ElementName", "Intel(r) AMT Host Based Setup Service"),
    FW_TEXT("Name", "Intel(r) AMT Host Based Setup Service"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};

/* The administrator's HA1 as Setup and AdminSetup bring it. */
static bool take_admin(struct fw_call *c, uint8_t md5[MD5_BYTES]) {
    uint64_t kind;
    return wsman_u64(c->rq, c->payload, "NetAdminPassEncryptionType", UINT32_MAX, &kind) &&
           kind == ENCRYPTION_DIGEST &&
           text_unhex(wsman_text(c->rq, c->payload, "NetworkAdminPassword"), md5, MD5_BYTES);
}

static void set_up(struct fw_call *c, struct prov *p, uint8_t mode) {
    p->mode = mode;
    p->state = 2;
    p->changed = true;
    prov_chain_drop(p);
    node_mode_changed(c->node);
}

static uint32_t setup(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    uint8_t md5[MD5_BYTES];
    if (!p)
        return SET_INTERNAL;
    if (p->mode != 0 || p->state != 0)
        return SET_STATE;
    if (!take_admin(c, md5))
        return SET_PARAMETER;
    admin_set(p, md5);
    p->setups++;
    set_up(c, p, 1);
    return SET_OK;
}

static uint32_t add_next_cert(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    uint8_t der[CERT_MAX];
    int n = take_base64(c, "NextCertificate", der, sizeof der);
    bool leaf, root;
    if (!p)
        return 2;
    if (p->mode == 2)
        return 3;
    if (n < 0 || !wsman_bool(c->rq, c->payload, "IsLeafCertificate", &leaf) ||
        !wsman_bool(c->rq, c->payload, "IsRootCertificate", &root))
        return 1;
    return prov_chain_add(p, slice_of(der, (size_t)n), leaf, root, device_time(c->node));
}

/* The chain is complete and its leaf signed both nonces. A signature that was looked at takes the nonce and
 * the chain with it. */
static uint32_t check_signature(struct fw_call *c, struct prov *p) {
    uint8_t mc_nonce[AMT_NONCE_BYTES], signature[SIGNATURE_MAX];
    uint64_t algorithm;
    if (p->chain_status != 2)
        return SET_STATE;
    int n = take_base64(c, "DigitalSignature", signature, sizeof signature);
    if (n < 0 || take_base64(c, "McNonce", mc_nonce, sizeof mc_nonce) != AMT_NONCE_BYTES ||
        !wsman_u64(c->rq, c->payload, "SigningAlgorithm", UINT32_MAX, &algorithm) ||
        algorithm != SIGNED_SHA256)
        return SET_PARAMETER;
    bool right = prov_chain_signed(p, mc_nonce, slice_of(signature, (size_t)n));
    loop_random(c->node->fleet->cfg.loop, p->nonce, sizeof p->nonce);
    prov_chain_drop(p);
    return right ? SET_OK : SET_AUTH;
}

static uint32_t admin_setup(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    uint8_t md5[MD5_BYTES];
    if (!p)
        return SET_INTERNAL;
    if (p->mode != 0)
        return SET_STATE;
    if (!take_admin(c, md5))
        return SET_PARAMETER;
    uint32_t r = check_signature(c, p);
    if (r != SET_OK)
        return r;
    admin_set(p, md5);
    p->admin_setups++;
    set_up(c, p, 2);
    return SET_OK;
}

static uint32_t upgrade(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    if (!p)
        return SET_INTERNAL;
    if (p->mode != 1)
        return SET_STATE;
    uint32_t r = check_signature(c, p);
    if (r != SET_OK)
        return r;
    p->upgrades++;
    set_up(c, p, 2);
    return SET_OK;
}
static const struct fw_method HOST_SETUP_METHODS[] = {
    {"Setup", setup},
    {"AddNextCertInChain", add_next_cert},
    {"AdminSetup", admin_setup},
    {"UpgradeClientToAdmin", upgrade},
};

/* --- AMT_AuthorizationService --- */

static const struct fw_prop AUTHORIZATION[] = {
    FW_TEXT("AllowHttpQopAuthOnly", "1"),
    FW_TEXT("CreationClassName", "AMT_AuthorizationService"),
    FW_TEXT("ElementName", "Intel(r) AMT Authorization Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Authorization Service"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static uint32_t set_admin(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    uint8_t md5[MD5_BYTES];
    if (!p)
        return PT_INTERNAL;
    if (!slice_is(wsman_text(c->rq, c->payload, "Username"), c->node->cfg.id.amt_user))
        return PT_NAME;
    if (take_base64(c, "DigestPassword", md5, sizeof md5) != MD5_BYTES)
        return PT_PARAMETER;
    admin_set(p, md5);
    return PT_OK;
}
static const struct fw_method AUTHORIZATION_METHODS[] = {
    {"SetAdminAclEntryEx", set_admin},
};

const struct fw_class FW_SETUP[] = {
    {.cls = WSMAN_AMT_SetupAndConfigurationService,
     FW_PROPS(SETUP),
     FW_METHODS(SETUP_METHODS),
     .os_admin = FW_OS_READS | FW_OS_IN_SETUP},
    {.cls = WSMAN_IPS_HostBasedSetupService,
     FW_PROPS(HOST_SETUP),
     FW_METHODS(HOST_SETUP_METHODS),
     .os_admin = FW_OS_ALL},
    {.cls = WSMAN_AMT_AuthorizationService,
     FW_PROPS(AUTHORIZATION),
     FW_METHODS(AUTHORIZATION_METHODS),
     .os_admin = FW_OS_IN_SETUP},
    {.cls = WSMAN_CLASS_NONE},
};
