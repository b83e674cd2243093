/* SPDX-License-Identifier: Apache-2.0 */
/* node_int: what the files of this room share about a node; nobody else includes it.
 * Owner and thread: as node.h. */
#pragma once

#include "base/list.h"
#include "base/rng.h"
#include "proto/digest.h"
#include "proto/redir.h"
#include "proto/wsman.h"
#include "sim/node.h"
#include "sim/optin.h"
#include "sim/prov.h"

/* Firmware differences between releases (reference 7). */
struct sim_profile_info {
    const char *name, *version, *build;
    const uint32_t *ports;
    size_t nports;
    bool tls_only; /* WS-MAN on 16993 only, Connection: close on every response */
    bool qop_both; /* challenges offer "auth-int, auth" */
    bool has_rpe;  /* boot service states, remote platform erase */
    bool has_ocr;
};
const struct sim_profile_info *sim_profile_info(enum sim_profile p);

struct sim_fleet {
    struct sim_fleet_config cfg;
    char *server, *dns_suffix;
    uint8_t root_sha256[32]; /* while cfg.root_sha256 */
    struct sim_counters counters;
    struct wsman_parser *parser; /* one request is parsed at a time */
    uint64_t message_counter;    /* of MessageIDs and enumeration contexts */
    struct rng rng;
    size_t nnodes;
    struct life_ctxs *ctxs; /* life.c */
    void *key; /* EVP_PKEY that GenerateKeyPair of every node yields: a key each would take seconds */
};

/* Nonces that were given out and not used up (2.3). */
enum { FW_NONCES = 4, FW_NONCE_TEXT = 32, FW_NONCE_USES = 1000, FW_NONCE_MS = 30 * 60 * 1000 };
struct fw_nonce {
    char text[FW_NONCE_TEXT + 1];
    uint16_t uses;
    struct mono until;
};
struct fw_auth {
    char ha1[DIGEST_HA1_CAP];
    uint8_t next;
    uint64_t counter;
    struct fw_nonce nonces[FW_NONCES];
};

/* AMT_BootSettingData and what belongs to it; all zero but cleared = factory defaults (4.6). */
struct fw_boot {
    uint32_t flags; /* bit a writable boolean, order of BOOT_FLAGS in wsman_boot.c */
    uint8_t media_index, verbosity, ider_device;
    uint8_t source;         /* 1 + index of the boot source set by ChangeBootOrder; 0 = none */
    bool next_single_use;   /* SetBootConfigRole(1) */
    bool cleared;           /* OptionsCleared */
    uint8_t last_status;    /* BIOSLastStatus[0] */
    uint16_t service_state; /* CIM_BootService.EnabledState */
    /* what the last boot used, for tests */
    uint32_t used_flags;
    uint8_t used_source;
};

/* An open enumeration (3.4). */
enum { FW_ENUMS = 16, FW_ENUM_MS = 60000 };
struct fw_enum {
    uint32_t id; /* 0 = free */
    uint16_t cls, index;
    struct mono until;
};

/* KVM: its settings (4.7) and what the simulation adds. */
struct node_kvm {
    uint16_t session_timeout_min, opt_in_timeout_s;
    uint8_t default_screen, decimation;
    bool back_to_back;
    bool still, padded; /* the picture does not move; packed palettes with filled rows */
    uint8_t faults;     /* 1u << SIM_KVM_FAULT_… */
    uint16_t w, h;      /* of the display; 0: as kvm_side has it */
};

/* Redirection: the connection that holds each kind, and knobs. Sessions have their memory elsewhere. */
struct redir_conn;
struct node_redir {
    struct redir_conn *conns[REDIR_KIND_COUNT];
    uint8_t busy;  /* bit a kind: pretends a foreign session */
    bool no_getty; /* the serial line swallows all and says nothing */
    bool ider_dma; /* the host's driver asks for DMA */
    struct node_kvm kvm;
};

struct sim_tunnel;
struct node_mei;

struct sim_node {
    struct sim_fleet *fleet;
    struct sim_node_config cfg;
    struct machine host;
    struct optin optin;
    struct sim_faults faults;
    struct loop_timer timer;
    uint64_t index_seed; /* constant of the machine: its digest realm */
    struct rng rng;
    /* link */
    struct sim_tunnel *tunnel, *twin; /* twin: of the duplicate-login fault */
    struct list graves;               /* tunnels of before a power cut: never closed, never answered */
    struct mono connect_at;           /* next attempt; MONO_NEVER: none is due */
    struct mono graves_until;         /* when they are dropped; MONO_NEVER: not yet */
    struct mono life_at;              /* a changed set-up takes effect; MONO_NEVER: none did */
    uint64_t dial_key;                /* of the server that the last tunnel was for (life.h) */
    uint32_t backoff_ms, logins;
    bool running, link_up;
    bool unprovisioned; /* while there is no prov: nothing is set up */
    bool switched_off;  /* AMT is disabled, by the host */
    bool bios_off;      /* … by BIOS: its MEI clients are not there either */
    /* firmware */
    struct tls_ctx *own_tls; /* of the certificate with handle own_tls_cert; made at its first use */
    uint32_t own_tls_cert;
    struct prov *prov;    /* made by node_prov() at the first need */
    struct fw_auth *auth; /* made at the first challenge */
    struct fw_boot boot;
    struct fw_enum *enums; /* made at the first enumeration */
    uint16_t redir_state;  /* AMT_RedirectionService.EnabledState */
    bool listener, listener_told /* to the server, by forwards */, kvm_enabled, session;
    uint8_t scheme_override;                 /* SetPowerScheme: 1 + index; 0: as BIOS has it */
    uint8_t frozen_power;                    /* of the stale-power fault */
    int32_t clock_offset_s;                  /* device clock minus wall clock */
    uint32_t latency_min_ms, latency_max_ms; /* min > max: the fleet's */
    struct listener *direct, *direct_redir;
    char *redir_address;  /* of direct_redir, also while that is closed */
    struct list conns;    /* direct connections */
    struct node_mei *mei; /* NULL: no host interface */
    struct node_redir redir;
    char consent_text[8];
    uint32_t next_code; /* 1 + the consent code that is shown next; 0: a random one */
};

struct mono node_now(const struct sim_node *n);
/* DigestRealm: "Digest:" + 32 upper-case hex, constant for the node. */
enum { NODE_REALM_CAP = 40 };
const char *node_realm(const struct sim_node *n, char *out);
/* What is configured. Until something of it is asked for, it is not there and is as the identity says:
 * activated earlier, or nothing while n->unprovisioned. NULL when out of memory. */
struct prov *node_prov(struct sim_node *n);
/* CurrentControlMode without making it: 0 none, 1 CCM, 2 ACM. */
uint8_t node_control_mode(const struct sim_node *n);
/* Activated as the identity says, whatever happened since. */
void node_prov_restore(struct sim_node *n);
/* Control mode changed: the consent policy follows (4.8). */
void node_mode_changed(struct sim_node *n);
/* AMT is enabled, by BIOS and the host. */
static inline bool node_amt_on(const struct sim_node *n) {
    return !n->switched_off && !n->bios_off;
}
/* Disabled, AMT keeps its set-up and has no tunnel. Settle afterwards. */
void node_switch(struct sim_node *n, bool on);
/* The MAC address, constant for the machine. */
void node_mac(const struct sim_node *n, uint8_t out[6]);
/* TLS is enforced on the local port, too: by release or by its settings. */
bool node_tls_local(const struct sim_node *n);
/* … on the ports behind the tunnel: the plain ones are closed. */
bool node_tls_remote(const struct sim_node *n);
/* The firmware's side of its own TLS; NULL: it has none. Borrowed. */
struct tls_ctx *node_tls_ctx(struct sim_node *n);
/* ME runs: the tunnel may exist. */
bool node_me_runs(const struct sim_node *n);
/* ME wakes in Sx: of the active power scheme or BIOS. */
bool node_me_in_sleep(const struct sim_node *n);
/* Something changed: work off what is due and arm the timer anew. Call it last in every callback. */
void node_settle(struct sim_node *n);
/* The screen can show something. */
bool node_screen(const struct sim_node *n);
uint32_t node_latency(struct sim_node *n);
/* StartOptIn (4.8): its return value. */
uint32_t node_consent_start(struct sim_node *n, struct mono now);
/* The tunnel t reached READY. */
void node_link_up(struct sim_node *n, struct sim_tunnel *t);
