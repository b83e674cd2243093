/* SPDX-License-Identifier: Apache-2.0 */
/* amt_setup: the firmware's classes of set-up, remote access, certificates, TLS and clock: bodies to send,
 * and what their answers say. The jobs that use them are in wsclient_setup*.c. Pure. Source: reference
 * protocol-redir-activation 5.4-5.6, protocol-cira-wsman 4.9-4.12, fixtures/wsman. */
#pragma once

#include "base/clock.h"
#include "proto/amt.h"

enum { AMT_NONCE_BYTES = 20, AMT_ROOTS_MAX = 8, AMT_CERT_HASH_CAP = 97, AMT_HOST_CAP = 256 };

/* SETUP_READ: AMT_GeneralSettings and IPS_HostBasedSetupService */
struct amt_setup {
    char realm[AMT_TEXT_CAP], host_name[AMT_TEXT_CAP], domain[AMT_HOST_CAP];
    enum amt_control_mode control_mode; /* CurrentControlMode: NONE, CCM, ACM */
    bool allows_ccm, allows_acm;        /* AllowedControlModes */
    uint8_t chain_status;               /* 0 not started, 1 in progress, 2 complete */
    uint8_t nonce[AMT_NONCE_BYTES];     /* ConfigurationNonce */
    uint8_t nonce_n;                    /* 0: not told */
};
/* CIRA_READ: what remote access the firmware is configured for, and the roots that it trusts */
struct amt_cira {
    uint8_t servers; /* AMT_ManagementPresenceRemoteSAP instances */
    char address[AMT_HOST_CAP];
    uint16_t port;
    char common_name[AMT_HOST_CAP];
    uint8_t policies;                             /* AMT_RemoteAccessPolicyRule instances */
    char roots[AMT_ROOTS_MAX][AMT_CERT_HASH_CAP]; /* SHA-256 of trusted root certificates, hex */
    uint8_t nroots;
    struct wall leaf_not_after; /* of the firmware's own TLS certificate; 0: none */
};

/* What a job needs beside arg. Texts are borrowed while wsc_submit_with() runs; which ones a job uses is said
 * in WSC_JOB_TABLE. */
struct wsc_args {
    const char *user;        /* SETUP, ADMIN_SET: "admin"; CIRA_SET: the CIRA user */
    const char *password;    /* new AMT, MEBx or CIRA password */
    const char *certificate; /* base64 DER: CHAIN_ADD: one of the chain; CIRA_SET, TLS_SET: a trusted root */
    const char *leaf;        /* base64 DER: TLS_SET: the firmware's own certificate */
    const char *nonce;       /* base64: McNonce */
    const char *signature;   /* base64 */
    const char *address;     /* CIRA_SET: host of the server, as the firmware is to dial it */
    const char *common_name; /* CIRA_SET: of the server's certificate */
    const char *host_name, *domain; /* NETWORK_SET; CIRA_SET: domain is the detection string */
};

/* One instance of AMT_GeneralSettings or IPS_HostBasedSetupService, into the members it speaks of. 0;
 * ERR_UNSUPPORTED for other classes. What is malformed is left unknown. */
NODISCARD int amt_decode_setup(const struct wsman_msg *m, uint32_t instance, struct amt_setup *out);
/* The same for AMT_ManagementPresenceRemoteSAP (the first one is shown), AMT_RemoteAccessPolicyRule and
 * AMT_PublicKeyCertificate; leaf: InstanceID of the certificate whose end is leaf_not_after, NULL or "":
 * none. */
NODISCARD int amt_decode_cira(const struct wsman_msg *m, uint32_t instance, const char *leaf,
                              struct amt_cira *out);
/* SHA-256 of a certificate, hex, into out[AMT_CERT_HASH_CAP]; der is its base64 text. ERR_SYNTAX; ERR_CRYPTO;
 * ERR_NOMEM. */
int amt_cert_hash(struct slice base64, char *out);
/* Its end. ERR_SYNTAX (*out is WALL_NEVER); ERR_NOMEM. */
int amt_cert_not_after(struct slice base64, struct wall *out);
/* The same certificate? Blanks and line breaks of the texts do not count. */
bool amt_cert_eq(struct slice a, struct slice b);
/* SetAdminAclEntryEx: base64 of the 16 bytes of MD5(user:realm:password) into out[AMT_DIGEST64_CAP].
 * ERR_CRYPTO. */
enum { AMT_DIGEST64_CAP = 25 };
int amt_digest64(const char *user, const char *realm, const char *password, char *out);
/* InstanceID, Name … of the endpoint reference that a method returned as that property (or an instance has);
 * false when there is none, or it is too long for out. */
bool amt_epr_key(const struct wsman_msg *m, uint32_t parent, const char *property, const char *selector,
                 char *out, size_t cap);
/* Append <p:name> with an endpoint reference. */
int amt_put_epr(struct buf *out, const char *name, enum wsman_class cls,
                const struct wsman_selector *selectors);
/* Sentence for a ReturnValue other than 0 of a method of set-up. Static text; an unknown method's values are
 * read as PT_STATUS. Source: reference protocol-cira-wsman 3.6, 4.13. */
const char *amt_setup_return_text(const char *method, int64_t value);
