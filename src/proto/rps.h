/* SPDX-License-Identifier: Apache-2.0 */
/* rps: the messages of the RPS protocol (4.0.0), by which a client at the node lends its firmware to a
 * server: JSON in WebSocket text frames, either role. Pure: text in, plain values out, and back. Any thread.
 * Source: docs/activation.md; reference protocol-redir-activation 5.5, device-management-toolkit 4.1, App. E.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/uuid.h"
#include "proto/amt_setup.h"

enum {
    RPS_MESSAGE_MAX = 102400, /* bytes of one text frame; stops floods of memory */
    RPS_PAYLOAD_MAX = 76000,  /* so much raw payload fits, in base64, into a message of ours */
    RPS_HASHES_MAX = 64,      /* certHashes; a longer list is refused */
    RPS_PASSWORD_CAP = 72,
    RPS_USER_CAP = 40,
    RPS_PROFILE_CAP = 64,
    RPS_TEXT_CAP = 704, /* of status texts: a sentence and a remedy */
    RPS_ADDRESS_CAP = 48
};
#define RPS_PROTOCOL_VERSION "4.0.0"

/* M(symbol, method). What a client says: first its command, then these. */
#define RPS_CLIENT_TABLE(M)                                                                                  \
    M(COMMAND, "")                          /* a command line: struct rps_command, struct rps_info */        \
    M(RESPONSE, "response")                 /* payload: a whole HTTP response of the firmware */             \
    M(TLS_DATA, "tls_data")                 /* payload: TLS records of the firmware */                       \
    M(CONNECTION_RESET, "connection_reset") /* the firmware closed, or did not answer */                     \
    M(PORT_SWITCH_ACK, "port_switch_ack")                                                                    \
    M(HEARTBEAT_RESPONSE, "heartbeat_response")
enum rps_client_kind {
#define M(sym, method) RPS_C_##sym,
    RPS_CLIENT_TABLE(M)
#undef M
        RPS_C_COUNT
};
/* M(symbol, method, status). What a server says. */
#define RPS_SERVER_TABLE(M)                                                                                  \
    M(WSMAN, "wsman", "ok")             /* payload: a whole HTTP request for the firmware */                 \
    M(TLS_DATA, "tls_data", "ok")       /* payload: TLS records for the firmware */                          \
    M(PORT_SWITCH, "port_switch", "ok") /* port, delay_s: dial the firmware there from now on, then ack */   \
    M(HEARTBEAT_REQUEST, "heartbeat_request", "heartbeat")                                                   \
    M(PROGRESS, "progress", "ok")    /* text for people */                                                   \
    M(SUCCESS, "success", "success") /* the end: outcome */                                                  \
    M(ERROR, "error", "failed")      /* the end: outcome */
enum rps_server_kind {
#define M(sym, method, status) RPS_S_##sym,
    RPS_SERVER_TABLE(M)
#undef M
        RPS_S_COUNT
};
const char *rps_client_method(enum rps_client_kind k);
const char *rps_server_method(enum rps_server_kind k);

/* V(symbol, word) */
#define RPS_VERB_TABLE(V) V(ACTIVATE, "activate") V(DEACTIVATE, "deactivate") V(MAINTENANCE, "maintenance")
enum rps_verb {
#define V(sym, word) RPS_##sym,
    RPS_VERB_TABLE(V)
#undef V
        RPS_VERB_COUNT
};
/* K(symbol, option): what a maintenance is to do */
#define RPS_TASK_TABLE(K)                                                                                    \
    K(NONE, "")                                                                                              \
    K(SYNC_TIME, "synctime")                                                                                 \
    K(SYNC_IP, "syncip")                                                                                     \
    K(SYNC_HOST_NAME, "synchostname")                                                                        \
    K(SYNC_DEVICE_INFO, "syncdeviceinfo")                                                                    \
    K(CHANGE_PASSWORD, "changepassword")
enum rps_task {
#define K(sym, option) RPS_TASK_##sym,
    RPS_TASK_TABLE(K)
#undef K
        RPS_TASK_COUNT
};
const char *rps_verb_word(enum rps_verb v);
const char *rps_task_option(enum rps_task t);

/* The command line in `method`. Has secrets: wipe it. */
struct rps_command {
    enum rps_verb verb;
    enum rps_task task; /* MAINTENANCE only */
    char profile[RPS_PROFILE_CAP];
    char password[RPS_PASSWORD_CAP];     /* the AMT password that the client knows; "" none */
    char new_password[RPS_PASSWORD_CAP]; /* CHANGE_PASSWORD: the wanted one; "" the server's choice */
    bool force;
};
/* The node, as the first payload tells. Texts are cleaned (text_clean). Has a secret: wipe it. */
struct rps_info {
    char ver[AMT_TEXT_CAP], build[AMT_TEXT_CAP], sku[AMT_TEXT_CAP], features[AMT_TEXT_CAP];
    char client[AMT_TEXT_CAP];
    struct uuid uuid;   /* of the firmware; printed order */
    struct uuid smbios; /* of the machine, as its SMBIOS says; nil: not told. The public clients do not */
    char user[RPS_USER_CAP], password[RPS_PASSWORD_CAP]; /* of $$OsAdmin, or of admin */
    uint8_t current_mode;                                /* 0, 1 CCM, 2 ACM */
    char host_name[AMT_TEXT_CAP], fqdn[AMT_HOST_CAP];    /* fqdn: the DNS suffix that the firmware knows */
    char dns_suffix_os[AMT_HOST_CAP], friendly_name[AMT_TEXT_CAP];
    bool dhcp, static_ip, ip_sync;
    char ip[RPS_ADDRESS_CAP], netmask[RPS_ADDRESS_CAP], gateway[RPS_ADDRESS_CAP];
    char dns1[RPS_ADDRESS_CAP], dns2[RPS_ADDRESS_CAP];
    bool tls_enforced, tls_tunnel, lms_installed, progress_supported;
    char cert_hashes[RPS_HASHES_MAX][AMT_CERT_HASH_CAP]; /* lower-case hex: 40, 64 or 96 digits */
    uint8_t ncert_hashes;
};

/* R(symbol, word) */
#define RPS_RESULT_TABLE(R) R(NONE, "NotApplicable") R(SUCCESS, "Success") R(FAILURE, "Failure")
enum rps_result {
#define R(sym, word) RPS_RESULT_##sym,
    RPS_RESULT_TABLE(R)
#undef R
        RPS_RESULT_COUNT
};
/* P(symbol, key) */
#define RPS_PART_TABLE(P)                                                                                    \
    P(ACTIVATION, "Activation")                                                                              \
    P(WIRED, "WiredNetwork")                                                                                 \
    P(WIRELESS, "WirelessNetwork") P(TLS, "TLS") P(PROXY, "CIRAProxy") P(CIRA, "CIRAConnection")
enum rps_part {
#define P(sym, key) RPS_PART_##sym,
    RPS_PART_TABLE(P)
#undef P
        RPS_PART_COUNT
};
const char *rps_result_word(enum rps_result r);
const char *rps_part_key(enum rps_part p);
/* The message of `success` and `error`. "" members are left out. */
struct rps_outcome {
    char status[RPS_TEXT_CAP], network[RPS_TEXT_CAP], cira[RPS_TEXT_CAP], tls[RPS_TEXT_CAP];
    struct {
        enum rps_result result;
        char mode[AMT_TEXT_CAP], details[RPS_TEXT_CAP];
    } parts[RPS_PART_COUNT];
    bool has_parts; /* `Components` is there */
};

/* --- a server reads --- */
struct rps_from_client {
    enum rps_client_kind kind;
    struct rps_command command; /* COMMAND */
    struct rps_info info;       /* COMMAND */
    struct buf payload;         /* the others: decoded */
};
/* *m starts zeroed, or was freed. 0, and m is to be freed; or why not, with a sentence: ERR_LIMIT (longer
 * than RPS_MESSAGE_MAX, too many hashes), ERR_SYNTAX (no JSON, no base64), ERR_UNSUPPORTED (protocol version,
 * an unknown method), ERR_INVALID (a member), ERR_NOMEM. On error there is nothing to free. */
NODISCARD int rps_read_client(struct slice text, struct rps_from_client *m, struct errinfo *ei);
/* Frees what it has, and wipes it. */
void rps_from_client_free(struct rps_from_client *m);
/* May a client of this protocol version talk with ours? Major equal; minor not newer; revision of the same
 * minor not newer. */
bool rps_version_ok(struct slice version);

/* --- a server writes: whole messages, appended; a failed append shows in out->failed --- */
/* WSMAN, TLS_DATA, HEARTBEAT_REQUEST (payload empty). */
void rps_put_server(struct buf *out, enum rps_server_kind k, struct slice payload);
void rps_put_port_switch(struct buf *out, uint16_t port, uint32_t delay_s);
void rps_put_progress(struct buf *out, const char *text);
/* SUCCESS or ERROR. */
void rps_put_end(struct buf *out, bool ok, const struct rps_outcome *o);

/* --- a client reads --- */
struct rps_from_server {
    enum rps_server_kind kind;
    struct buf payload;         /* WSMAN, TLS_DATA: decoded; HEARTBEAT_REQUEST: as it came */
    uint16_t port;              /* PORT_SWITCH */
    uint32_t delay_s;           /* PORT_SWITCH; at most 60 */
    char text[RPS_TEXT_CAP];    /* PROGRESS; ERROR and SUCCESS: the message when it is no JSON. Cleaned */
    struct rps_outcome outcome; /* SUCCESS, ERROR; cleaned. status is text when it is no JSON */
};
/* As rps_read_client(). */
NODISCARD int rps_read_server(struct slice text, struct rps_from_server *m, struct errinfo *ei);
void rps_from_server_free(struct rps_from_server *m);

/* --- a client writes --- */
/* The first message. Words are quoted where they need it. out has secrets then: wipe it. */
void rps_put_command(struct buf *out, const struct rps_command *c, const struct rps_info *info);
/* RESPONSE, TLS_DATA: raw bytes; CONNECTION_RESET, PORT_SWITCH_ACK: payload is ignored;
 * HEARTBEAT_RESPONSE: that of the request. */
void rps_put_client(struct buf *out, enum rps_client_kind k, struct slice payload);
