/* SPDX-License-Identifier: Apache-2.0 */
/* amtinfo: what the firmware says of itself at the node, read once, and printed for people or as JSON. Holds
 * no password. Any thread. Source: reference protocol-redir-activation 5.2, device-management-toolkit 5. */
#pragma once

#include "base/buf.h"
#include "proto/amt_setup.h"
#include "proto/pthi.h"
#include "rpc/fw.h"
#include "rpc/os.h"

struct amtinfo_lan {
    bool present;
    struct pthi_lan lan;
    struct os_net os;
};
struct amtinfo {
    struct pthi_versions versions;
    char amt[PTHI_VERSION_CAP], build[PTHI_VERSION_CAP], sku[PTHI_VERSION_CAP];
    char features[64]; /* what the SKU's bits mean */
    struct uuid uuid;
    uint32_t control_mode;       /* 0 none, 1 client, 2 admin */
    uint32_t provisioning_state; /* 0 pre, 1 in, 2 post */
    bool wd_known;               /* the watchdog client answered: */
    uint8_t wd_flags;
    char dns_suffix[PTHI_TEXT_CAP];
    char power_policy[PTHI_TEXT_CAP];
    bool ras_known;
    struct pthi_ras ras;
    bool mps_known; /* amtinfo_read_mps() could read it: */
    struct amt_cira mps;
    struct amtinfo_lan wired, wireless;
    size_t nhashes;
    struct pthi_hash hashes[PTHI_HASHES_MAX];
    char os_host_name[OS_NAME_CAP], os_dns_suffix[OS_NAME_CAP];
};

/* Versions, UUID and control mode must be readable: their error is given back. What else the firmware does
 * not tell stays empty. */
NODISCARD int amtinfo_read(struct amtinfo *i, struct fw *f, struct errinfo *ei);
/* Where an activated firmware is to dial, and whom it trusts there, by its local WS-MAN. What cannot be read
 * stays unknown. After amtinfo_read(). where: as in mei_open(). */
void amtinfo_read_mps(struct amtinfo *i, struct fw *f, const char *where);
void amtinfo_text(const struct amtinfo *i, struct buf *out);
void amtinfo_json(const struct amtinfo *i, struct buf *out);

const char *amtinfo_mode_text(uint32_t control_mode);
const char *amtinfo_state_text(uint32_t provisioning_state);
const char *amtinfo_network_text(uint32_t network);
const char *amtinfo_remote_text(uint32_t state);
const char *amtinfo_trigger_text(uint32_t trigger);
/* The SKU (a decimal number of bits) of a firmware of this version, in words. */
void amtinfo_features(const char *version, const char *sku, char *out, size_t cap);
