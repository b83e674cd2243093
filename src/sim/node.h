/* SPDX-License-Identifier: Apache-2.0 */
/* node: a simulated AMT machine: firmware behind a CIRA tunnel, and the host around it. The same code runs on
 * the real loop (amtsim) and on the simulated one (tests/sim). A fleet is what the nodes of one loop share.
 * Owner: whoever made it; its loop's thread only. Source: reference protocol-cira-wsman 5, 7. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/uuid.h"
#include "net/loop.h"
#include "proto/ider.h"
#include "proto/redir.h"
#include "sim/fault.h"
#include "sim/kvm_side.h"
#include "sim/machine.h"

struct sim_fleet;
struct sim_node;

/* P(name, firmware version, build) — what differs is in the table of profile.c (reference 7). */
#define SIM_PROFILE_TABLE(P)                                                                                 \
    P(A11, "11.8.93", "4323")                                                                                \
    P(A12, "12.0.90", "2072")                                                                                \
    P(A14, "14.1.70", "2228")                                                                                \
    P(A15, "15.0.23", "1706")                                                                                \
    P(A16, "16.1.25", "1885")                                                                                \
    P(A18, "18.0.10", "2285")                                                                                \
    P(A19, "19.0.5", "1992")
enum sim_profile {
#define P(name, version, build) SIM_##name,
    SIM_PROFILE_TABLE(P)
#undef P
        SIM_PROFILE_COUNT
};
/* SIM_PROFILE_COUNT when unknown ("A15"). */
enum sim_profile sim_profile_find(struct slice name);
const char *sim_profile_name(enum sim_profile p);
/* As the driver tells it: "0:15.0.23.1706". */
const char *sim_profile_firmware(enum sim_profile p);

enum sim_mode { SIM_ACM, SIM_CCM };

/* What the tunnel does when the host reaches Sx and BIOS has "ME on in Host Sleep States" off (5.4). */
enum sim_sleep_drop { SIM_DROP_RESET, SIM_DROP_CLOSE, SIM_DROP_SILENT };

enum { SIM_NAME_CAP = 40, SIM_SECRET_CAP = 34, SIM_SERIAL_CAP = 20, SIM_BOARD_CAP = 32 };
struct sim_identity {
    char name[SIM_NAME_CAP];
    char serial[SIM_SERIAL_CAP];
    char cira_user[SIM_SECRET_CAP], cira_password[SIM_SECRET_CAP];
    char amt_user[SIM_SECRET_CAP], amt_password[SIM_SECRET_CAP];
    struct uuid uuid;   /* of the firmware (message 192), printed order */
    struct uuid smbios; /* of the BIOS */
};
/* Identity number index (from 1) of a fleet: the same seed and prefix give the same names and secrets, so
 * that a restarted program is the same fleet. Passwords fit AMT's rules (2.3) and a CSV file. */
void sim_identity_make(struct sim_identity *id, uint64_t seed, const char *prefix, uint32_t index);

struct sim_node_config {
    struct sim_identity id;
    enum sim_profile profile;
    enum sim_mode mode;
    enum machine_state start;
    enum machine_after_loss after_loss;
    enum sim_sleep_drop sleep_drop;
    bool me_in_sleep;                                       /* BIOS: ME on in Host Sleep States */
    bool no_lms;                                            /* no LMS and agent in the operating system */
    bool modern;                                            /* Modern Standby platform */
    bool no_kvm;                                            /* a SKU without KVM */
    char board_vendor[SIM_BOARD_CAP], board[SIM_BOARD_CAP]; /* what SMBIOS tells */
    bool unprovisioned; /* begins without set-up, and dials nobody until it has one */
};

struct sim_times {
    struct machine_times host;
    uint32_t latency_min_ms, latency_max_ms;    /* firmware answering HTTP; 0 = at once */
    uint32_t reconnect_ms, reconnect_max_ms;    /* first pause; doubles up to the second */
    uint32_t connect_timeout_ms;                /* TCP + TLS + APF login */
    uint32_t commit_ms;                         /* a changed set-up takes effect after this long */
    uint32_t keepalive_s;                       /* until message 210 says otherwise; 0 = none */
    uint32_t sprite_ms;                         /* consent requested -> code on the screen */
    uint32_t consent_code_s, consent_display_s; /* OptInCodeTimeout, OptInDisplayTimeout */
    uint32_t grave_ms;                          /* a tunnel of before the power cut is dropped this long
                                                   after the new one is up */
};
#define SIM_TIMES_DEFAULT                                                                                    \
    ((struct sim_times){.host = MACHINE_TIMES_DEFAULT,                                                       \
                        .latency_min_ms = 20,                                                                \
                        .latency_max_ms = 120,                                                               \
                        .reconnect_ms = 1000,                                                                \
                        .reconnect_max_ms = 300000,                                                          \
                        .connect_timeout_ms = 30000,                                                         \
                        .commit_ms = 1000,                                                                   \
                        .keepalive_s = 60,                                                                   \
                        .sprite_ms = 500,                                                                    \
                        .consent_code_s = 120,                                                               \
                        .consent_display_s = 300,                                                            \
                        .grave_ms = 10000})
/* Everything at once but the protocol's own timers: for benches and unit tests. */
#define SIM_TIMES_INSTANT                                                                                    \
    ((struct sim_times){.reconnect_ms = 1000,                                                                \
                        .reconnect_max_ms = 1000,                                                            \
                        .connect_timeout_ms = 30000,                                                         \
                        .keepalive_s = 60,                                                                   \
                        .consent_code_s = 120,                                                               \
                        .consent_display_s = 300,                                                            \
                        .grave_ms = 10000})

struct sim_fleet_config {
    struct loop *loop;
    const char *server;         /* "HOST:PORT" */
    struct tls_ctx *tls;        /* client context towards the server; NULL: plain (tests/sim). Referenced */
    struct tls_ctx *device_tls; /* server context of the firmware's own TLS (port 16993), one certificate for
                                   all; NULL: A19 nodes offer no WS-MAN. Referenced */
    uint8_t device_sha256[32];  /* of that certificate */
    const char *verify_name;    /* see connect_opts; NULL: chain only */
    bool legacy_tls;            /* TLS 1.0 up, towards servers that a set-up names, too */
    /* of every firmware: SHA-256 of a provisioning root certificate (NULL: none, copied) and its PKI DNS
     * suffix
     * ("" or NULL: unset) */
    const uint8_t *root_sha256;
    const char *dns_suffix;
    struct sim_times times;
    uint64_t seed;                                         /* of jitter */
    void *ctx;                                             /* of the hooks; each may be NULL */
    void (*before_connect)(void *ctx, struct sim_node *n); /* e.g. sim_next_source() */
    void (*on_link)(void *ctx, struct sim_node *n, bool up);
    void (*on_host)(void *ctx, struct sim_node *n); /* the host's power state changed or it booted */
    /* what its operating system can see of the machine changed (SMBIOS, board) */
    void (*on_identity)(void *ctx, struct sim_node *n);
    /* a redirection session was opened or closed; number: never the same twice in a fleet */
    void (*on_session)(void *ctx, struct sim_node *n, enum redir_kind k, uint64_t number, bool open);
    /* what one says after its login, to its client (also its last words, when it is closed) or from it */
    void (*on_session_bytes)(void *ctx, uint64_t number, bool to_client, struct slice bytes);
};

/* C(name): since the start, but connected and sessions (of redirection): now. */
#define SIM_COUNTER_TABLE(C)                                                                                 \
    C(connected)                                                                                             \
    C(connects)                                                                                              \
    C(connect_failed)                                                                                        \
    C(logins)                                                                                                \
    C(rejected)                                                                                              \
    C(drops)                                                                                                 \
    C(keepalives)                                                                                            \
    C(requests)                                                                                              \
    C(unauthorized)                                                                                          \
    C(faults)                                                                                                \
    C(power_requests)                                                                                        \
    C(sessions)                                                                                              \
    C(sessions_opened)                                                                                       \
    C(sessions_refused)                                                                                      \
    C(bytes_in)                                                                                              \
    C(bytes_out)
struct sim_counters {
#define C(name) uint64_t name;
    SIM_COUNTER_TABLE(C)
#undef C
};
void sim_counters_add(struct sim_counters *into, const struct sim_counters *from);

/* cfg is copied (server too). NULL when out of memory. */
struct sim_fleet *sim_fleet_new(const struct sim_fleet_config *cfg);
/* All its nodes must be freed before. */
void sim_fleet_free(struct sim_fleet **f);
const struct sim_counters *sim_fleet_counters(const struct sim_fleet *f);
struct loop *sim_fleet_loop(const struct sim_fleet *f);
struct sim_times *sim_fleet_times(struct sim_fleet *f); /* may be changed at run time */

/* NULL when out of memory. cfg is copied. */
struct sim_node *sim_node_new(struct sim_fleet *f, const struct sim_node_config *cfg);
/* Connect, and keep connecting. A node that was unprovisioned is provisioned again, as it was before, unless
 * it began without set-up: such a one connects when it gets one. */
void sim_node_start(struct sim_node *n);
/* Close the tunnel and stay off-line. */
void sim_node_stop(struct sim_node *n);
void sim_node_free(struct sim_node **n);
/* Answer WS-MAN on a listening address of its own, too. 0 or an error with ei filled. */
NODISCARD int sim_node_listen(struct sim_node *n, const char *address, struct errinfo *ei);
/* The same for redirection; closed while the firmware's listener is off. */
NODISCARD int sim_node_listen_redirection(struct sim_node *n, const char *address, struct errinfo *ei);
/* The host interface (MEI) on a Unix socket, "unix:PATH" (docs/activation.md). */
NODISCARD int sim_node_listen_mei(struct sim_node *n, const char *address, struct errinfo *ei);
/* "" when it does not listen. */
const char *sim_node_listen_address(const struct sim_node *n);
const char *sim_node_redirection_address(const struct sim_node *n);

const struct sim_node_config *sim_node_config(const struct sim_node *n);
/* The truth, for invariants. */
const struct machine *sim_node_machine(const struct sim_node *n);
/* Logged in and ready. */
bool sim_node_connected(const struct sim_node *n);
/* "on", "off" … what a person at the machine sees, and the tunnel's state, in one line. */
int sim_node_describe(const struct sim_node *n, struct buf *out);
struct sim_fleet *sim_node_fleet(const struct sim_node *n);
uint32_t sim_node_logins(const struct sim_node *n);

/* --- commands --- */
/* Something happens at the machine; errors of machine_local(). */
NODISCARD int sim_node_local(struct sim_node *n, enum machine_action a);
NODISCARD int sim_node_button(struct sim_node *n);
/* The whole machine loses power: its tunnel goes silent and is never closed, or (rst) is reset. */
NODISCARD int sim_node_power_cut(struct sim_node *n, bool rst);
/* Power is back: BIOS boots by its after-power-loss setting, a new tunnel connects. */
NODISCARD int sim_node_power_restore(struct sim_node *n);
/* End the tunnel by FIN (with DISCONNECT 11) or RST; it reconnects. ERR_STATE when there is none. */
NODISCARD int sim_node_drop(struct sim_node *n, bool rst);
/* arg 0: the fault's default. Once-faults act at once and are not kept. */
void sim_node_fault(struct sim_node *n, enum sim_fault f, bool on, uint32_t arg);
void sim_node_faults_clear(struct sim_node *n);
const struct sim_faults *sim_node_faults(const struct sim_node *n);
void sim_node_me_in_sleep(struct sim_node *n, bool on);
void sim_node_sleep_drop(struct sim_node *n, enum sim_sleep_drop d);
void sim_node_after_loss(struct sim_node *n, enum machine_after_loss a);
void sim_node_lms(struct sim_node *n, bool on);
/* Takes effect with a new tunnel, which this causes. */
void sim_node_set_uuid(struct sim_node *n, struct uuid u);
/* What SMBIOS tells from now on: the UUID alone, or the board. */
void sim_node_set_smbios(struct sim_node *n, struct uuid u);
void sim_node_set_board(struct sim_node *n, struct slice vendor, struct slice name);
/* AMT is disabled or enabled: by BIOS (its MEI clients go, too), or by the host as the watchdog client does.
 */
void sim_node_bios_amt(struct sim_node *n, bool on);
void sim_node_switch(struct sim_node *n, bool on);
/* The PKI DNS suffix of MEBx, or what DHCP tells on the wired link; "" unset. ERR_LIMIT, ERR_NOMEM. */
NODISCARD int sim_node_dns_suffix(struct sim_node *n, bool mebx, struct slice name);
/* Set up by somebody else: mode 1 CCM, 2 ACM, another administrator's password, and a tunnel to server
 * ("HOST" or "HOST:PORT"). ERR_INVALID with ei filled. */
NODISCARD int sim_node_foreign(struct sim_node *n, struct slice server, uint8_t mode, struct errinfo *ei);
/* What is set up, and how often each step was executed, in one line. */
int sim_node_prov_describe(struct sim_node *n, struct buf *out);
/* The secrets that it has, in one line of key=value: user, realm and HA1 of the administrator, whose password
 * firmware is never told ("none" but for the one that it had from the start), MEBx password, CIRA user and
 * password, password of
 * $$OsAdmin; "none": there is none. Real firmware never tells: for tests. ERR_NOMEM. */
NODISCARD int sim_node_secrets(struct sim_node *n, struct buf *out);
/* Is this the administrator's password? For invariants. */
bool sim_node_admin_is(struct sim_node *n, const char *password);
/* What goes wrong at a step of the set-up (step_fault.h); copied. */
void sim_node_step_fault(struct sim_node *n, const struct sim_step_fault *f);
/* Override the fleet's latency; min > max: back to the fleet's. */
void sim_node_latency(struct sim_node *n, uint32_t min_ms, uint32_t max_ms);
/* Pretend a KVM/SOL session is open (blocks power-off, 5.2, as a true one does); queue: the firmware queues
 * it instead of refusing, for true sessions, too. */
void sim_node_session(struct sim_node *n, bool active, bool queue);
/* The open redirection sessions, a line each. */
int sim_node_sessions_describe(const struct sim_node *n, struct buf *out);
/* The firmware closes one. ERR_NOT_FOUND when none is open. */
NODISCARD int sim_node_session_close(struct sim_node *n, enum redir_kind k);
/* Pretend that a session of this kind is open to somebody else: the next is refused. */
void sim_node_busy(struct sim_node *n, enum redir_kind k, bool on);
/* KVM, from the next session on: minutes without input until the firmware closes it (SessionTimeout). */
void sim_node_kvm_timeout(struct sim_node *n, uint16_t minutes);
/* Does something answer on the serial line? */
void sim_node_getty(struct sim_node *n, bool on);
/* IDE-R: the host reads its medium (blocks 0: to the end), as BIOS and a driver do. ERR_NOT_FOUND: no
 * session; ERR_STATE: no drives; ERR_BUSY. What came of it, in a line: bytes, SHA-256, sense. */
NODISCARD int sim_node_ider_read(struct sim_node *n, enum ider_drive drive, uint32_t lba, uint32_t blocks);
int sim_node_ider_describe(const struct sim_node *n, struct buf *out);
void sim_node_ider_dma(struct sim_node *n, bool on); /* from the next session on */
/* Once, now: the next message skips a sequence number; or the firmware reports an error (0x4A). */
NODISCARD int sim_node_ider_skip(struct sim_node *n);
NODISCARD int sim_node_ider_error(struct sim_node *n);
/* KVM: the display's size, the moving part of its picture, filled rows in packed palettes, and what is wrong
 * with the stream (sim/kvm_side.h). */
void sim_node_kvm_size(struct sim_node *n, uint16_t w, uint16_t h);
void sim_node_kvm_still(struct sim_node *n, bool on);
void sim_node_kvm_padded(struct sim_node *n, bool on);
void sim_node_kvm_fault(struct sim_node *n, enum sim_kvm_fault f, bool on);
/* The consent code on the screen, "" when none; valid until the next call on the node. */
const char *sim_node_consent_code(struct sim_node *n);
/* "not-started", "displayed" … with its clocks, appended. */
int sim_node_consent_describe(struct sim_node *n, struct buf *out);
/* The next new code is this one, of six digits. */
void sim_node_consent_next(struct sim_node *n, uint32_t code);
/* OptInCodeTimeout and OptInDisplayTimeout, in seconds, from the next state of the consent on. */
void sim_node_consent_times(struct sim_node *n, uint32_t code_s, uint32_t display_s);
/* OptInRequired: 0 none, 1 KVM only, 4294967295 all. */
void sim_node_consent_policy(struct sim_node *n, uint32_t required);
