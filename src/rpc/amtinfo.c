/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/amtinfo.h"

#include "base/json.h"
#include "base/text.h"
#include "rpc/local_wsman.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* --- numbers as words --- */

#define TEXT_OF(name, ...)                                                                                   \
    const char *name(uint32_t v) {                                                                           \
        static const char *const words[] = {__VA_ARGS__};                                                    \
        return v < sizeof words / sizeof *words ? words[v] : "unknown";                                      \
    }
TEXT_OF(amtinfo_mode_text, "pre-provisioning state", "activated in client control mode",
        "activated in admin control mode")
TEXT_OF(amtinfo_state_text, "pre-provisioning", "in provisioning", "post-provisioning")
TEXT_OF(amtinfo_network_text, "direct", "VPN", "outside enterprise")
TEXT_OF(amtinfo_remote_text, "not connected", "connecting", "connected")
/* 2 and 3: sources differ; the number is printed beside it (reference 5.2) */
TEXT_OF(amtinfo_trigger_text, "user initiated", "alert", "periodic", "provisioning")

static const struct {
    uint32_t bit;
    unsigned before; /* the bit means this on releases before that; 0: on all */
    const char *word;
} FEATURES[] = {
    {0x02, 7, "iQST"},        {0x04, 6, "ASF"},
    {0x08, 0, "AMT Pro"},     {0x10, 0, "Intel Standard Manageability"},
    {0x20, 6, "TPM"},         {0x100, 6, "Home IT"},
    {0x400, 6, "WOX"},        {0x2000, 7, "AntiTheft"},
    {0x4000, 0, "Corporate"}, {0x8000, 8, "L3 Mgt Upgrade"},
};

void amtinfo_features(const char *version, const char *sku, char *out, size_t cap) {
    uint64_t bits = 0, major = 0;
    struct slice v = slice_str(version);
    out[0] = 0;
    if (!slice_to_u64(slice_cut(&v, '.'), 1000, &major) || !slice_to_u64(slice_str(sku), UINT32_MAX, &bits))
        return;
    size_t n = 0;
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES && n < cap; i++)
        if (bits & FEATURES[i].bit && (FEATURES[i].before == 0 || major < FEATURES[i].before))
            n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? " " : "", FEATURES[i].word);
}

/* --- reading --- */

/* What older firmware does not know stays empty. */
static void may_fail(int rc) {}

static void version_of(const struct pthi_versions *v, const char *name, char out[PTHI_VERSION_CAP]) {
    slice_to_str(slice_str(pthi_version_of(v, name)), out, PTHI_VERSION_CAP);
}

static void read_lan(struct amtinfo_lan *l, struct fw *f, uint32_t which) {
    static const uint8_t none[6];
    /* an interface that is not there is told by a status, or by an address of zeros */
    l->present = fw_lan(f, which, &l->lan, NULL) == 0 && memcmp(l->lan.mac, none, sizeof none) != 0;
    if (l->present)
        (void)os_net_of(l->lan.mac, &l->os);
}

int amtinfo_read(struct amtinfo *i, struct fw *f, struct errinfo *ei) {
    *i = (struct amtinfo){0};
    int rc = fw_versions(f, &i->versions, ei);
    if (rc == 0)
        rc = fw_uuid(f, &i->uuid, ei);
    if (rc == 0)
        rc = fw_number(f, PTHI_CMD_CONTROL_MODE, &i->control_mode, ei);
    if (rc < 0)
        return rc;
    version_of(&i->versions, "AMT", i->amt);
    version_of(&i->versions, "Build Number", i->build);
    version_of(&i->versions, "Sku", i->sku);
    amtinfo_features(i->amt, i->sku, i->features, sizeof i->features);
    may_fail(fw_number(f, PTHI_CMD_PROVISIONING_STATE, &i->provisioning_state, NULL));
    may_fail(fw_text(f, PTHI_CMD_DNS_SUFFIX, i->dns_suffix, NULL));
    may_fail(fw_text(f, PTHI_CMD_POWER_POLICY, i->power_policy, NULL));
    i->ras_known = fw_ras(f, &i->ras, NULL) == 0;
    read_lan(&i->wired, f, PTHI_LAN_WIRED);
    read_lan(&i->wireless, f, PTHI_LAN_WIRELESS);
    may_fail(fw_hashes(f, i->hashes, &i->nhashes, NULL));
    i->wd_known = fw_wd_state(f, &i->wd_flags, NULL) == 0;
    os_host_name(i->os_host_name);
    os_dns_suffix("/etc/resolv.conf", i->os_dns_suffix);
    return 0;
}

void amtinfo_read_mps(struct amtinfo *i, struct fw *f, const char *where) {
    i->mps_known = i->control_mode && local_wsman_cira(where, f, &i->mps, NULL) == 0;
}

static const char *operational(const struct amtinfo *i) {
    return !i->wd_known ? "unknown" : i->wd_flags & WD_AMT_ENABLED ? "enabled" : "disabled";
}

/* --- JSON: the names that programs around know --- */

enum { MAC_CAP = 18 };
static const char *mac_text(const uint8_t m[6], char out[MAC_CAP]) {
    snprintf(out, MAC_CAP, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    return out;
}

static const char *ip_text(uint32_t ipv4, char out[OS_ADDRESS_CAP]) {
    struct in_addr a = {.s_addr = htonl(ipv4)};
    return inet_ntop(AF_INET, &a, out, OS_ADDRESS_CAP) ? out : "";
}

static const char *dhcp_text(const struct pthi_lan *l) {
    return l->dhcp_mode == 1 ? "active" : l->dhcp_mode == 2 ? "passive" : "unknown";
}

static void json_lan(struct json *j, const char *key, const struct amtinfo_lan *l) {
    char mac[MAC_CAP], ip[OS_ADDRESS_CAP];
    if (!l->present)
        return;
    json_key(j, key);
    json_obj(j);
    json_kbool(j, "isEnable", l->lan.enabled);
    json_kstr(j, "linkStatus", l->lan.link_up ? "up" : "down");
    json_kbool(j, "dhcpEnabled", l->lan.dhcp_enabled);
    json_kstr(j, "dhcpMode", dhcp_text(&l->lan));
    json_kstr(j, "ipAddress", ip_text(l->lan.ipv4, ip));
    json_kstr(j, "osIpAddress", l->os.address);
    json_kstr(j, "macAddress", mac_text(l->lan.mac, mac));
    json_obj_end(j);
}

static void json_ras(struct json *j, const struct pthi_ras *r) {
    json_key(j, "ras");
    json_obj(j);
    json_kstr(j, "networkStatus", amtinfo_network_text(r->network));
    json_kstr(j, "remoteStatus", amtinfo_remote_text(r->state));
    json_kstr(j, "remoteTrigger", amtinfo_trigger_text(r->trigger));
    json_kint(j, "remoteTriggerNumber", r->trigger);
    json_kstr(j, "mpsHostname", r->mps);
    json_obj_end(j);
}

static void json_mps(struct json *j, const struct amt_cira *m) {
    json_key(j, "mps");
    json_obj(j);
    json_kstr(j, "address", m->address);
    json_kint(j, "port", m->port);
    json_kstr(j, "commonName", m->common_name);
    json_key(j, "rootSha256");
    json_arr(j);
    for (unsigned k = 0; k < m->nroots; k++)
        json_str(j, m->roots[k]);
    json_arr_end(j);
    json_obj_end(j);
}

static const char *hash_text(const struct pthi_hash *h, char out[2 * PTHI_HASH_BYTES + 1]) {
    return text_hex(slice_of(h->hash, pthi_alg_bytes(h->alg)), out);
}

static void json_hashes(struct json *j, const struct amtinfo *i) {
    char hex[2 * PTHI_HASH_BYTES + 1];
    json_key(j, "certificateHashes");
    json_obj(j);
    for (size_t k = 0; k < i->nhashes; k++) {
        const struct pthi_hash *h = &i->hashes[k];
        unsigned same = 1; /* two roots may have one name */
        for (size_t m = 0; m < k; m++)
            same += strcmp(i->hashes[m].name, h->name) == 0;
        char name[PTHI_TEXT_CAP + 16];
        snprintf(name, sizeof name, same > 1 ? "%s (%u)" : "%s", h->name, same);
        json_key(j, name);
        json_obj(j);
        json_kstr(j, "hash", hash_text(h, hex));
        json_kstr(j, "algorithm", pthi_alg_text(h->alg));
        json_kbool(j, "isActive", h->active);
        json_kbool(j, "isDefault", h->is_default);
        json_obj_end(j);
    }
    json_obj_end(j);
}

void amtinfo_json(const struct amtinfo *i, struct buf *out) {
    char uuid[UUID_TEXT_CAP];
    struct json j = json_of(out);
    json_obj(&j);
    json_kbool(&j, "heciAvailable", true);
    json_kstr(&j, "amt", i->amt);
    json_kstr(&j, "buildNumber", i->build);
    json_kstr(&j, "sku", i->sku);
    json_kstr(&j, "features", i->features);
    json_kstr(&j, "uuid", uuid_text(i->uuid, uuid));
    json_kstr(&j, "controlMode", amtinfo_mode_text(i->control_mode));
    json_kstr(&j, "provisioningState", amtinfo_state_text(i->provisioning_state));
    json_kstr(&j, "operationalState", operational(i));
    if (i->wd_known)
        json_kbool(&j, "tlsEnforced", i->wd_flags & WD_TLS_LOCAL);
    json_kstr(&j, "dnsSuffix", i->dns_suffix);
    json_kstr(&j, "dnsSuffixOS", i->os_dns_suffix);
    json_kstr(&j, "hostnameOS", i->os_host_name);
    json_kstr(&j, "powerPolicy", i->power_policy);
    if (i->ras_known)
        json_ras(&j, &i->ras);
    if (i->mps_known)
        json_mps(&j, &i->mps);
    json_lan(&j, "wiredAdapter", &i->wired);
    json_lan(&j, "wirelessAdapter", &i->wireless);
    json_hashes(&j, i);
    json_obj_end(&j);
    buf_puts(out, "\n");
}

/* --- text --- */

static void line(struct buf *out, const char *name, const char *value) {
    buf_putf(out, "%-26s %s\n", name, *value ? value : "-");
}

static void text_lan(struct buf *out, const char *head, const struct amtinfo_lan *l) {
    char mac[MAC_CAP], ip[OS_ADDRESS_CAP];
    if (!l->present)
        return;
    buf_putf(out, "%s\n", head);
    line(out, "  enabled", l->lan.enabled ? "yes" : "no");
    line(out, "  link", l->lan.link_up ? "up" : "down");
    line(out, "  DHCP", !l->lan.dhcp_enabled ? "off" : dhcp_text(&l->lan));
    line(out, "  AMT address", l->lan.ipv4 ? ip_text(l->lan.ipv4, ip) : "");
    line(out, "  OS address", l->os.address);
    line(out, "  MAC address", mac_text(l->lan.mac, mac));
}

static void text_mps(struct buf *out, const struct amt_cira *m) {
    char at[AMT_HOST_CAP + 8] = "";
    if (m->address[0])
        snprintf(at, sizeof at, "%s:%u", m->address, m->port);
    line(out, "MPS", at);
    for (unsigned k = 0; k < m->nroots; k++)
        line(out, "MPS root", m->roots[k]);
}

void amtinfo_text(const struct amtinfo *i, struct buf *out) {
    char uuid[UUID_TEXT_CAP], hex[2 * PTHI_HASH_BYTES + 1], trigger[64];
    line(out, "AMT version", i->amt);
    line(out, "build number", i->build);
    line(out, "SKU", i->sku);
    line(out, "features", i->features);
    line(out, "UUID", uuid_text(i->uuid, uuid));
    line(out, "control mode", amtinfo_mode_text(i->control_mode));
    line(out, "provisioning state", amtinfo_state_text(i->provisioning_state));
    line(out, "operational state", operational(i));
    line(out, "DNS suffix (AMT)", i->dns_suffix);
    line(out, "DNS suffix (OS)", i->os_dns_suffix);
    line(out, "host name (OS)", i->os_host_name);
    line(out, "power policy", i->power_policy);
    if (i->ras_known) {
        snprintf(trigger, sizeof trigger, "%s (%u)", amtinfo_trigger_text(i->ras.trigger), i->ras.trigger);
        buf_puts(out, "remote access\n");
        line(out, "  network", amtinfo_network_text(i->ras.network));
        line(out, "  connection", amtinfo_remote_text(i->ras.state));
        line(out, "  trigger", trigger);
        line(out, "  server", i->ras.mps);
    }
    if (i->mps_known)
        text_mps(out, &i->mps);
    text_lan(out, "wired network", &i->wired);
    text_lan(out, "wireless network", &i->wireless);
    if (i->nhashes)
        buf_puts(out, "root hashes\n");
    for (size_t k = 0; k < i->nhashes; k++)
        buf_putf(out, "  %s%s%s\n    %s %s\n", i->hashes[k].name, i->hashes[k].active ? ", active" : "",
                 i->hashes[k].is_default ? ", default" : "", pthi_alg_text(i->hashes[k].alg),
                 hash_text(&i->hashes[k], hex));
}
