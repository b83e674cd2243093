/* SPDX-License-Identifier: Apache-2.0 */
/* prov: what is configured in a simulated firmware: set-up state, accounts, remote access, certificates, TLS,
 * clock. The WS-MAN classes of set-up (wsman_setup.c, wsman_remote.c, wsman_certs.c) change it; the node, its
 * tunnel and the MEI side (mei_*.c) act on it. Owner: struct sim_node; its loop thread.
 * Source: reference protocol-redir-activation 5, 6, 8; protocol-cira-wsman 4.9-4.12. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "proto/amt_setup.h"

struct sim_node;

enum {
    PROV_CERTS_MAX = 8,
    PROV_KEYS_MAX = 4,
    PROV_MPS_MAX = 4,
    PROV_POLICIES_MAX = 4,
    PROV_ROOT_HASHES_MAX = 8,
    PROV_CHAIN_MAX = 4,
    PROV_HA1_CAP = 33
};

/* A certificate in the firmware's store; DER owned. */
struct prov_cert {
    uint8_t *der;
    size_t n;
    uint32_t handle; /* InstanceID "Intel(r) AMT Certificate: Handle: N" */
    uint32_t key;    /* handle of the key pair that it is for; 0: not ours */
    bool root;
};
/* A provisioning root hash (PTHI 2C, 2D). */
struct prov_root_hash {
    char name[40];
    uint8_t hash[64];
    uint8_t alg, n; /* 2 SHA-256, 1 SHA-1, 3 SHA-384; bytes */
    bool is_default, active;
};
struct prov_mps {
    bool used;
    char address[AMT_HOST_CAP], common_name[AMT_HOST_CAP];
    char user[40], password[40];
    uint16_t port;
    uint16_t format;
};
struct prov_policy {
    bool used;
    uint8_t trigger; /* 0 user, 1 alert, 2 periodic */
    uint32_t lifetime_s;
    uint8_t extended[32], nextended;
    int mps;          /* index into mps, -1 none */
    uint8_t mps_type; /* AMT_RemoteAccessPolicyAppliesToMPS.MpsType: 0 outside, 1 inside, 2 both */
    uint8_t order;    /* … OrderOfAccess */
};
/* AMT_TLSSettingData */
struct prov_tls {
    bool remote, local, mutual, plain_too;
};

struct prov {
    uint8_t mode;               /* 0 none, 1 CCM, 2 ACM */
    uint8_t state;              /* 0 pre, 1 in, 2 post provisioning */
    char os_admin_password[33]; /* of $$OsAdmin; a new one after each reset of it */
    char admin_ha1[33];         /* MD5(admin:realm:password), hex; "" none */
    char mebx_password[40];
    uint8_t nonce[AMT_NONCE_BYTES]; /* ConfigurationNonce, renewed after each attempt */
    /* the chain that is being handed over, leaf first */
    struct prov_cert chain[PROV_CHAIN_MAX];
    uint8_t nchain, chain_status;
    struct prov_root_hash roots[PROV_ROOT_HASHES_MAX];
    uint8_t nroots;
    char dns_suffix[128]; /* MEBx PKI DNS suffix; "" unset: then dhcp_suffix counts */
    char dhcp_suffix[128];
    struct prov_cert certs[PROV_CERTS_MAX];
    struct prov_mps mps[PROV_MPS_MAX];
    struct prov_policy policies[PROV_POLICIES_MAX];
    uint16_t user_initiated; /* AMT_UserInitiatedConnectionService.EnabledState */
    char detection[128];     /* DetectionStrings[0] */
    char host_name[64], domain[128];
    struct prov_tls tls, tls_next; /* in force; put and not yet committed, while tls_pending */
    bool tls_pending;
    void *key; /* EVP_PKEY of GenerateKeyPair, the same for all handles; NULL none */
    uint32_t keys[PROV_KEYS_MAX], tls_cert; /* handles, the keys in the order of making; 0 none */
    uint32_t next_handle;
    uint32_t setups, admin_setups, upgrades,
        unprovisions; /* truth for tests: how often each was *executed* */
    bool changed;     /* remote access, set-up or TLS changed: the node looks at its tunnel anew */
};
/* pre-provisioning: nothing configured; roots, suffixes, MEBx's password and the counters stay. Frees what it
 * holds. keep: as PartialUnprovision, which leaves certificates, keys and the administrator. */
void prov_reset(struct prov *p, bool keep);
void prov_free(struct prov **p);
/* The chain that is being handed over is forgotten. */
void prov_chain_drop(struct prov *p);
/* A copy of a DER certificate in slot c. false when out of memory. */
bool prov_cert_set(struct prov_cert *c, struct slice der, uint32_t handle, bool root);
void prov_cert_drop(struct prov_cert *c);
/* Slots: NULL when all are taken; NULL when there is none of that handle. */
struct prov_cert *prov_cert_free(struct prov *p);
struct prov_cert *prov_cert_find(struct prov *p, uint32_t handle);
/* Trust a provisioning root: SHA-256 of its certificate. false: the list is full. */
bool prov_root_add(struct prov *p, const char *name, const uint8_t sha256[32], bool is_default);
/* The firmware's answers at each of the set-up's steps may be wrong or missing: see fault.h (prov-*). */
