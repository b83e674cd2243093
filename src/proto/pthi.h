/* SPDX-License-Identifier: Apache-2.0 */
/* pthi: the frames of the firmware's host interface (PTHI, over MEI), as both of its ends need them: the
 * program at the node asks, a simulated firmware answers. No state; any thread. Integers are little-endian.
 * Source: reference protocol-redir-activation 5.2, 6. */
#pragma once

#include "base/err.h"
#include "base/rd.h"
#include "base/uuid.h"

/* GUIDs of the MEI clients, in printed order; the wire carries them as uuid_swap() gives. Reference 5.1. */
#define MEI_GUID_PTHI "12f80028-b4b7-4b2d-aca8-46e0ff65814c"
#define MEI_GUID_LME  "6733a4db-0476-4e7b-b3af-bcfc29bee7a7"
#define MEI_GUID_WD   "05b79a6f-4628-4d7f-899d-a91514cb32ab"

/* P(SYMBOL, operation, request data least, most, least data of an answer with status 0, what it does) */
#define PTHI_CMD_TABLE(P)                                                                                    \
    P(PROVISIONING_MODE, 0x08, 0, 0, 4, "read the provisioning mode")                                        \
    P(UNPROVISION, 0x10, 4, 4, 0, "unprovision")                                                             \
    P(PROVISIONING_STATE, 0x11, 0, 0, 4, "read the provisioning state")                                      \
    P(CODE_VERSIONS, 0x1A, 0, 0, 69, "read the firmware's versions")                                         \
    P(MAC_ADDRESSES, 0x25, 0, 0, 12, "read the MAC addresses")                                               \
    P(HASH_HANDLES, 0x2C, 0, 0, 4, "list the root hashes")                                                   \
    P(HASH_ENTRY, 0x2D, 4, 4, 75, "read a root hash")                                                        \
    P(DNS_SUFFIX, 0x36, 0, 0, 2, "read the PKI DNS suffix")                                                  \
    P(DNS_SUFFIX_LIST, 0x3E, 0, 0, 2, "read the list of DNS suffixes")                                       \
    P(RAS_STATUS, 0x46, 0, 0, 14, "read the remote access status")                                           \
    P(POWER_POLICY, 0x47, 0, 0, 2, "read the power policy")                                                  \
    P(LAN_SETTINGS, 0x48, 4, 4, 20, "read the network settings")                                             \
    P(FEATURES_STATE, 0x49, 4, 4, 8, "read a feature's state")                                               \
    P(FQDN, 0x56, 0, 0, 22, "read the host name")                                                            \
    P(REDIRECTION_STATE, 0x58, 0, 0, 4, "read the redirection features")                                     \
    P(UUID, 0x5C, 0, 0, 16, "read the UUID")                                                                 \
    P(STOP_CONFIGURATION, 0x5E, 0, 0, 0, "stop the configuration")                                           \
    P(LOCAL_ACCOUNT, 0x67, 40, 40, 66, "read the local account")                                             \
    P(CONTROL_MODE, 0x6B, 0, 0, 4, "read the control mode")                                                  \
    P(EHBC_STATE, 0x84, 0, 0, 4, "read the EHBC state")                                                      \
    P(START_CONFIGURATION, 0x8B, 390, 393, 65, "start the configuration by certificate")
enum pthi_cmd {
#define P(sym, ...) PTHI_CMD_##sym,
    PTHI_CMD_TABLE(P)
#undef P
        PTHI_CMD_COUNT /* in a parsed request: a command that is not in the table */
};

/* S(SYMBOL, number, text): what an answer says */
#define PTHI_STATUS_TABLE(S)                                                                                 \
    S(OK, 0, "done")                                                                                         \
    S(INTERNAL, 1, "an internal error of the firmware")                                                      \
    S(NOT_READY, 2, "the firmware is not ready")                                                             \
    S(INVALID_MODE, 3, "not possible in the present mode")                                                   \
    S(BAD_LENGTH, 4, "the firmware takes another length of this request")                                    \
    S(NOT_PERMITTED, 0x10, "not permitted")                                                                  \
    S(MAX_LIMIT, 0x17, "a limit of the firmware is reached")                                                 \
    S(INVALID_PARAMETER, 0x24, "the firmware takes no such value")                                           \
    S(RNG_IN_PROGRESS, 0x2F, "random numbers are being made")                                                \
    S(RNG_NOT_READY, 0x30, "there are no random numbers yet")                                                \
    S(CERTIFICATE_NOT_READY, 0x31, "the certificate is not ready")                                           \
    S(INVALID_HANDLE, 0x805, "no such handle")                                                               \
    S(DATA_MISSING, 0x809, "something is missing")                                                           \
    S(NOT_FOUND, 0x814, "not found")                                                                         \
    S(CONSENT_REQUIRED, 0x821, "the user's consent is required")
enum pthi_status {
#define S(sym, num, text) PTHI_STATUS_##sym = (num),
    PTHI_STATUS_TABLE(S)
#undef S
};
/* Never NULL. */
const char *pthi_status_text(uint32_t status);
const char *pthi_cmd_text(enum pthi_cmd cmd);

enum {
    PTHI_HEAD = 12,
    PTHI_COMMAND_OF = 0x04000000, /* | operation */
    PTHI_RESPONSE_BIT = 0x00800000,
    PTHI_MSG_MAX = 4096, /* stops a device that claims more; MEI's own limit is usually 5120 */
    PTHI_VERSIONS_MAX = 16,
    PTHI_VERSION_CAP = 21, /* 20 bytes and a NUL */
    PTHI_BIOS_BYTES = 65,
    PTHI_HASHES_MAX = 33,
    PTHI_HASH_BYTES = 64,
    PTHI_TEXT_CAP = 256, /* names and suffixes; longer ones are cut */
    PTHI_ACCOUNT_CAP = 33,
    PTHI_SUFFIXES_BYTES = 320,
};

/* --- frames --- */

/* The node's side. w->bad when it does not fit. */
void pthi_put_request(struct wr *w, enum pthi_cmd cmd, struct slice data);
/* The answer to cmd: version, echoed command, length (slack behind it is tolerated), status, least data.
 * 0: *data is what follows the status, and points into msg. ERR_PROTO: not an answer to that; ERR_REFUSED:
 * the status is not 0. Both with a sentence. *status (may be NULL) is set in every case, 0 unless told. */
NODISCARD int pthi_get_response(struct slice msg, enum pthi_cmd cmd, struct slice *data, uint32_t *status,
                                struct errinfo *ei);

/* The firmware's side. ERR_PROTO: not a request at all (answer nothing). 0: answer with rq.status when it is
 * not 0: BAD_LENGTH, or INVALID_PARAMETER for a command that is not in the table. */
struct pthi_request {
    enum pthi_cmd cmd;
    uint32_t command; /* as it came, for pthi_put_response() */
    uint32_t status;
    struct slice data; /* points into msg */
};
NODISCARD int pthi_get_request(struct slice msg, struct pthi_request *rq);
/* data is left away when status is not 0. */
void pthi_put_response(struct wr *w, uint32_t command, uint32_t status, struct slice data);

/* --- data: put appends what follows the head (request) or the status (answer); get: false when it is too
 * short or makes no sense. Texts are cleaned (text_clean()). --- */

/* PROVISIONING_MODE (a legacy flag, a second u32, may follow), PROVISIONING_STATE, CONTROL_MODE, EHBC_STATE,
 * REDIRECTION_STATE; requests of UNPROVISION, HASH_ENTRY, LAN_SETTINGS, FEATURES_STATE */
void pthi_put_u32(struct wr *w, uint32_t v);
bool pthi_get_u32(struct slice data, uint32_t *v);

enum { PTHI_REDIR_SOL = 1, PTHI_REDIR_IDER = 2, PTHI_REDIR_KVM = 4 }; /* REDIRECTION_STATE */

/* DNS_SUFFIX, DNS_SUFFIX_LIST (its NULs become commas), POWER_POLICY: u16 length and bytes */
void pthi_put_text(struct wr *w, const char *text);
bool pthi_get_text(struct slice data, char out[PTHI_TEXT_CAP]);

struct pthi_version {
    char name[PTHI_VERSION_CAP], value[PTHI_VERSION_CAP];
};
struct pthi_versions {
    char bios[PTHI_BIOS_BYTES + 1];
    size_t n;
    struct pthi_version all[PTHI_VERSIONS_MAX]; /* Flash, Netstack, AMTApps, AMT, Sku, VendorID, … */
};
void pthi_put_versions(struct wr *w, const struct pthi_versions *v);
bool pthi_get_versions(struct slice data, struct pthi_versions *v);
/* "AMT", "Sku", "Build Number", …; NULL when it is not told. */
const char *pthi_version_of(const struct pthi_versions *v, const char *name);

/* UUID: *u is in printed order */
void pthi_put_uuid(struct wr *w, struct uuid u);
bool pthi_get_uuid(struct slice data, struct uuid *u);

struct pthi_macs {
    uint8_t dedicated[6], host[6];
};
void pthi_put_macs(struct wr *w, const struct pthi_macs *m);
bool pthi_get_macs(struct slice data, struct pthi_macs *m);

struct pthi_handles {
    size_t n;
    uint32_t all[PTHI_HASHES_MAX];
};
void pthi_put_handles(struct wr *w, const struct pthi_handles *h);
bool pthi_get_handles(struct slice data, struct pthi_handles *h);

/* A(SYMBOL, number, name, bytes). 3: as the tested clients have it; an older table says SHA-512. */
#define PTHI_ALG_TABLE(A)                                                                                    \
    A(MD5, 0, "MD5", 16)                                                                                     \
    A(SHA1, 1, "SHA1", 20)                                                                                   \
    A(SHA256, 2, "SHA256", 32)                                                                               \
    A(SHA384, 3, "SHA384", 48)                                                                               \
    A(SHA224, 4, "SHA224", 28)                                                                               \
    A(SHA512, 5, "SHA512", 64)
enum pthi_alg {
#define A(sym, num, name, bytes) PTHI_ALG_##sym = (num),
    PTHI_ALG_TABLE(A)
#undef A
};
/* "unknown" and 0 for another number. */
const char *pthi_alg_text(uint8_t alg);
size_t pthi_alg_bytes(uint8_t alg);
struct pthi_hash {
    bool is_default, active;
    uint8_t hash[PTHI_HASH_BYTES]; /* unused tail zero */
    uint8_t alg;
    char name[PTHI_TEXT_CAP];
};
void pthi_put_hash(struct wr *w, const struct pthi_hash *h);
bool pthi_get_hash(struct slice data, struct pthi_hash *h);

struct pthi_ras {
    uint32_t network; /* 0 direct, 1 VPN, 2 outside */
    uint32_t state;   /* 0 not connected, 1 connecting, 2 connected */
    uint32_t trigger; /* 0 user, 1 alert; 2 and 3: periodic or provisioning, sources differ */
    char mps[PTHI_TEXT_CAP];
};
void pthi_put_ras(struct wr *w, const struct pthi_ras *r);
bool pthi_get_ras(struct slice data, struct pthi_ras *r);

enum { PTHI_LAN_WIRED = 0, PTHI_LAN_WIRELESS = 1 }; /* request of LAN_SETTINGS */
struct pthi_lan {
    bool enabled, dhcp_enabled, link_up;
    uint32_t ipv4;     /* most significant byte = first octet; 0 none */
    uint8_t dhcp_mode; /* 1 active, 2 passive */
    uint8_t mac[6];
};
void pthi_put_lan(struct wr *w, const struct pthi_lan *l);
bool pthi_get_lan(struct slice data, struct pthi_lan *l);

enum pthi_feature { /* request of FEATURES_STATE */
                    PTHI_FEATURE_REDIRECTION = 0,
                    PTHI_FEATURE_DEFENCE = 1,
                    PTHI_FEATURE_WEB_UI = 2,
                    PTHI_FEATURE_EAC = 3,
                    PTHI_FEATURE_KVM = 4,
};
struct pthi_feature_state {
    uint32_t id;     /* as asked */
    uint32_t states; /* REDIRECTION: bit 0 IDE-R open, bit 1 SOL open; KVM: bit 0 active, bit 1 waits for
                        consent; else the state */
};
void pthi_put_feature(struct wr *w, const struct pthi_feature_state *f);
bool pthi_get_feature(struct slice data, struct pthi_feature_state *f);

struct pthi_fqdn {
    bool shared;
    char name[PTHI_TEXT_CAP];
};
void pthi_put_fqdn(struct wr *w, const struct pthi_fqdn *f);
bool pthi_get_fqdn(struct slice data, struct pthi_fqdn *f);

/* LOCAL_ACCOUNT: its request is 40 zero bytes. Wipe it with pthi_account_wipe() after use. */
struct pthi_account {
    char user[PTHI_ACCOUNT_CAP + 1], password[PTHI_ACCOUNT_CAP + 1];
};
void pthi_put_account(struct wr *w, const struct pthi_account *a);
bool pthi_get_account(struct slice data, struct pthi_account *a);
void pthi_account_wipe(struct pthi_account *a);

/* START_CONFIGURATION: 390 bytes (host VPN as one byte) are put; 393 (as u32) are taken, too. */
struct pthi_start {
    uint8_t alg;                   /* PTHI_ALG_SHA256, PTHI_ALG_SHA384 */
    uint8_t hash[PTHI_HASH_BYTES]; /* of the server's leaf; unused tail zero */
    bool host_vpn;
    uint32_t suffixes_n;
    uint8_t suffixes[PTHI_SUFFIXES_BYTES];
};
void pthi_put_start(struct wr *w, const struct pthi_start *s);
bool pthi_get_start(struct slice data, struct pthi_start *s);
/* its answer: alg and hash of the firmware's certificate */
struct pthi_started {
    uint8_t alg, hash[PTHI_HASH_BYTES];
};
void pthi_put_started(struct wr *w, const struct pthi_started *s);
bool pthi_get_started(struct slice data, struct pthi_started *s);

/* --- the watchdog client (MEI_GUID_WD): its messages have no PTHI head --- */

enum {
    WD_TRANSITION_ALLOWED = 1,
    WD_AMT_ENABLED = 2,
    WD_RESTRICTED_FIX = 0x20,
    WD_TLS_LOCAL = 0x40, /* TLS is enforced on the local ports */
    WD_NEW_INTERFACE = 0x80,
};
enum { WD_MSG_MAX = 64 };
void wd_put_state_request(struct wr *w);
void wd_put_enable_request(struct wr *w, bool enable);
/* The firmware's side: ERR_PROTO when it is neither. */
struct wd_request {
    bool set, enable; /* set: the operational state is to be `enable` */
};
NODISCARD int wd_get_request(struct slice msg, struct wd_request *rq);
void wd_put_state(struct wr *w, uint8_t flags);
void wd_put_enable_status(struct wr *w, uint32_t status);
/* The node's side. */
bool wd_get_state(struct slice msg, uint8_t *flags);
bool wd_get_enable_status(struct slice msg, uint32_t *status);
