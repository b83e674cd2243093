/* SPDX-License-Identifier: Apache-2.0 */
/* host: one managed node: identity, link, observation, intent, operation. A pure machine:
 * host_input(event, now) -> actions; host_deadline(); host_tick(). Nothing here blocks or knows a clock or
 * socket. Owner: the loop thread the host belongs to. Source: design 4, 5, 7. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/uuid.h"
#include "core/agent.h"
#include "core/link.h"
#include "core/operation.h"
#include "core/power.h"
#include "core/session.h"
#include "proto/wsclient.h"

enum {
    HOST_ID_CAP = 16,
    HOST_NAME_CAP = 64,
    HOST_SERIAL_CAP = 64,
    HOST_USER_CAP = 65,
    HOST_PROJECT_CAP = 40,
    HOST_COMMANDS_MAX = 4
};

/* P(symbol, text): what to do when a node is not as desired */
#define RECOVERY_POLICY_TABLE(P) P(KEEP, "keep") P(RESPECT_LOCAL, "respect-local") P(HOLD, "hold")
enum recovery_policy {
#define P(sym, text) RECOVERY_##sym,
    RECOVERY_POLICY_TABLE(P)
#undef P
};
const char *recovery_policy_text(enum recovery_policy p);
bool recovery_policy_parse(const char *text, enum recovery_policy *p);

enum observe_source { SOURCE_NONE, SOURCE_FIRMWARE, SOURCE_AGENT, SOURCE_INFERRED };
const char *observe_source_text(enum observe_source s);

/* The last power observation. It stays what it was; whether it may be relied on is host_power_now(). */
struct observation {
    enum power_state state; /* UNKNOWN: never observed, or the firmware's answer was no settled state */
    uint8_t cim;            /* code as read; 0 none */
    enum observe_source source;
    struct wall at;
    struct mono at_mono;
    uint32_t generation; /* of the link it came over */
    uint16_t agreeing;   /* consecutive reads with this state over this link */
    uint8_t available[AMT_STATES_MAX], navailable;
    bool available_told;
};

/* The standing order. */
struct intent {
    enum power_state desired; /* UNKNOWN: none, nothing is ever done */
    enum recovery_policy policy;
    struct wall hold_until; /* with RECOVERY_HOLD; WALL_NEVER = until told otherwise */
    struct wall since;
    char actor[OP_ACTOR_CAP];
};

/* Is the firmware set up? An observation like power; docs/activation.md says what makes it so. A(symbol,
 * word) */
#define AMT_STATE_TABLE(A)                                                                                   \
    A(UNKNOWN, "unknown") A(UNPROVISIONED, "unprovisioned") A(PROVISIONED, "provisioned")
enum amt_state {
#define A(sym, word) AMT_STATE_##sym,
    AMT_STATE_TABLE(A)
#undef A
        AMT_STATE_COUNT
};
const char *amt_state_text(enum amt_state s);
struct amt_observation {
    enum amt_state state;
    enum observe_source source;
    struct wall at;
};
/* What the operator wants of it. */
struct amt_intent {
    enum amt_state desired;     /* UNKNOWN: nothing */
    enum amt_control_mode mode; /* CCM or ACM, when it is to be provisioned; UNKNOWN: as the profile says */
    char profile[64];           /* "": <project>_ccm or <project>_acm by mode */
    bool serial_console;        /* serial-getty on the AMT port is wanted */
};

/* What the operating system is about to do, as the agent announces it. L(symbol, word, as an event says it)
 */
#define LOCAL_TABLE(L)                                                                                       \
    L(POWEROFF, "poweroff", "Shut down")                                                                     \
    L(REBOOT, "reboot", "Restarted")                                                                         \
    L(SUSPEND, "suspend", "Suspended") L(HIBERNATE, "hibernate", "Hibernated")
enum local_kind {
#define L(sym, word, verb) LOCAL_##sym,
    LOCAL_TABLE(L)
#undef L
        LOCAL_COUNT
};
const char *local_kind_text(enum local_kind k);
bool local_kind_parse(const char *word, enum local_kind *out);
enum { HOST_CAUSE_CAP = 128 };

/* Why decide() says what it says. D(symbol, id) */
#define DECISION_TABLE(D)                                                                                    \
    D(NO_INTENT, "no-intent")                                                                                \
    D(LINK_DOWN, "link-down")                                                                                \
    D(LINK_SUSPECT, "link-suspect")                                                                          \
    D(OPERATION, "operation-in-flight")                                                                      \
    D(JOURNAL, "journal-pending")                                                                            \
    D(READ, "read")           /* no fresh observation: read first */                                         \
    D(UNSETTLED, "unsettled") /* the firmware reports a state on its way */                                  \
    D(AS_DESIRED, "as-desired")                                                                              \
    D(CONFIRM, "confirm") /* differs once: read again before acting */                                       \
    D(HELD_BY_POLICY, "held-by-policy")                                                                      \
    D(LOCAL_SHUTDOWN, "local-shutdown") /* respected */                                                      \
    D(LOCAL_PAUSE, "local-pause")       /* it restarts, or was put to sleep: given time */                   \
    D(NOT_AVAILABLE, "not-available")   /* the firmware does not offer it now */                             \
    D(BACK_OFF, "back-off")                                                                                  \
    D(HELD, "held") /* attempts used up */                                                                   \
    D(ACT, "act")
enum decision_kind {
#define D(sym, id) DECIDE_##sym,
    DECISION_TABLE(D)
#undef D
        DECIDE_COUNT
};
const char *decision_id(enum decision_kind d);

struct decision {
    enum decision_kind kind;
    enum power_op op;       /* with DECIDE_ACT */
    struct mono look_again; /* MONO_NEVER: when an event comes */
    bool mismatch;          /* observed (freshly) and not as desired */
};

/* now in both kinds. */
struct host_now {
    struct mono mono;
    struct wall wall;
};

/* Settings of power and link, one copy a server. */
struct host;
struct host_policy {
    /* NULL: decide(). The whole-system simulation puts a broken one here to show that it is caught. */
    struct decision (*decide)(const struct host *h, const struct host_policy *p, struct host_now now);
    struct link_policy link;
    uint32_t poll_calm_ms, poll_doubt_ms; /* power reads: as desired / anything else */
    uint32_t fresh_ms;                    /* an older observation is stale */
    uint32_t confirm_ms;                  /* between the two reads that confirm a mismatch */
    uint32_t read_timeout_ms, command_read_timeout_ms;
    uint32_t op_confirm_first_ms, op_confirm_max_ms; /* growing pause between confirming reads */
    uint32_t op_confirm_total_ms;                    /* then not-confirmed */
    uint32_t op_deadline_ms;                         /* default of an operation */
    uint32_t settle_ms;                              /* least time between two power requests to a node */
    uint8_t attempts_max;                            /* of reconcile, then held */
    uint32_t stable_ms;                              /* as desired this long: attempts start over */
    uint32_t backoff_first_ms, backoff_max_ms;
    uint32_t ticket_ms;        /* life of a session's ticket */
    uint32_t session_ready_ms; /* a session that nobody comes for */
    uint32_t resume_ms;        /* how long an interrupted session may be resumed */
    uint32_t kvm_idle_ms;      /* KVM without input is ended; 0 never */
    uint32_t idle_warn_ms;     /* … and the viewer is warned this long before */
    uint32_t sol_mute_ms;      /* silence after opening that is told */
    uint32_t consent_poll_ms;  /* while a code is waited for */
    uint32_t expiry_warn_s;    /* a certificate that ends so soon is told */
    uint32_t skew_max_s;       /* clocks that differ by more are told */
    /* What firmware of ours is set up for; "": not known. */
    char mps_host[AGENT_LONG_CAP]; /* where nodes dial, without port */
    char mps_root[AGENT_HASH_CAP]; /* SHA-256 of the root that signs the CIRA port, hex */
    struct wall started;           /* this server process */
};
/* 25 s calm poll + 1 s confirm: half of all soft-offs are answered within 15 s and all within 30 s. */
#define HOST_POLICY_DEFAULT                                                                                  \
    ((struct host_policy){.link = LINK_POLICY_DEFAULT,                                                       \
                          .poll_calm_ms = 25000,                                                             \
                          .poll_doubt_ms = 10000,                                                            \
                          .fresh_ms = 60000,                                                                 \
                          .confirm_ms = 1000,                                                                \
                          .read_timeout_ms = 15000,                                                          \
                          .command_read_timeout_ms = 5000,                                                   \
                          .op_confirm_first_ms = 200,                                                        \
                          .op_confirm_max_ms = 3000,                                                         \
                          .op_confirm_total_ms = 60000,                                                      \
                          .op_deadline_ms = 300000,                                                          \
                          .settle_ms = 2000,                                                                 \
                          .attempts_max = 5,                                                                 \
                          .stable_ms = 60000,                                                                \
                          .backoff_first_ms = 10000,                                                         \
                          .backoff_max_ms = 600000,                                                          \
                          .ticket_ms = 30000,                                                                \
                          .session_ready_ms = 60000,                                                         \
                          .resume_ms = 120000,                                                               \
                          .kvm_idle_ms = 1800000,                                                            \
                          .idle_warn_ms = 60000,                                                             \
                          .sol_mute_ms = 5000,                                                               \
                          .consent_poll_ms = 5000,                                                           \
                          .expiry_warn_s = 30 * 86400,                                                       \
                          .skew_max_s = 300})

struct host {
    /* identity: changes by operator only */
    char id[HOST_ID_CAP]; /* host-xxxxxxxx */
    char project[HOST_PROJECT_CAP];
    char name[HOST_NAME_CAP];
    char serial[HOST_SERIAL_CAP];
    char cira_user[HOST_USER_CAP];
    bool cira_shared; /* others have the same CIRA user: amt_uuid tells them apart */
    char amt_user[HOST_USER_CAP];
    struct uuid smbios_uuid, amt_uuid; /* as recorded; nil = not told */
    struct uuid seen_uuid;             /* of the last login's message 192; nil = never */
    enum amt_control_mode control_mode;
    struct wall created, updated;
    uint64_t version; /* counts changes by operators: ETag */

    struct link link;
    struct observation power;
    struct intent intent;
    struct operation *op;   /* in flight or waiting; NULL none */
    struct operation *next; /* waits behind op; NULL none */
    struct operation *last; /* the last finished one of this process; NULL none */
    struct operation *gone; /* finished before last; actions may borrow them until the next call */
    struct amt_observation amt;
    struct amt_intent amt_intent;
    struct host_agent *agent; /* NULL: never enrolled */
    struct amt_info *info;    /* device card; NULL until read */
    struct wall info_at;
    struct host_sessions *sessions; /* NULL until the first one */

    /* reconcile */
    uint8_t attempts;                 /* of reconcile, until it was as desired for stable_ms */
    struct mono stable_since;         /* as desired since; MONO_NEVER when not */
    struct mono next_attempt;         /* back-off */
    struct mono settle_until;         /* no power request before */
    bool mismatch_told;               /* the mismatch event is out */
    bool local_seen_off;              /* … and the node was seen not on since */
    bool local_shutdown;              /* the agent announced it; until the node is seen on again */
    struct wall local_shutdown_at;    /* of the last announcement, whatever its kind */
    enum local_kind local_kind;       /* … its kind */
    char local_cause[HOST_CAUSE_CAP]; /* … and who or what did it; "" not told */
    struct mono local_pause;          /* no recovery before: a restart or a sleep was announced */
    struct decision decided;          /* last decision, for explain */
    struct wall decided_at;

    /* what is under way */
    struct journal *journal;                       /* a write we wait for; nothing is decided meanwhile */
    struct host_command *queue[HOST_COMMANDS_MAX]; /* commands that came meanwhile; owned */
    uint8_t nqueue;
    uint8_t reads_pending; /* POWER_READ jobs with the WS-MAN client */
    bool read_urgent;      /* the last of them is urgent */
    bool info_pending;
    struct mono next_read; /* poll */
    struct mono next_info;
    uint32_t read_failures; /* consecutive */
    char read_error[96];    /* why the last read failed; "" when it did not */
    uint32_t spread;        /* 0..999: spreads the polls of many nodes */

    /* evidence for findings */
    uint8_t drops_at_off; /* link losses within a minute of an observed or requested off, in a row */
    struct wall last_off_seen;
    struct wall leaving;   /* its deactivation was begun then: what ends now was ended by us; 0 never */
    bool duplicate_uuid;   /* set by the directory: another host was seen with this UUID */
    struct wall orphan_at; /* the login of a node that we gave up was refused; 0 never */
    char orphan_peer[LINK_PEER_CAP]; /* … from there */
    struct wall leaf_until;          /* end of the firmware's own TLS certificate; 0 not known */
    struct wall clock_at;            /* when the node's clock was read; 0 never */
    int64_t clock_skew_ms;           /* … and how far it was ahead of ours */
    enum observe_source clock_source;
    uint32_t findings; /* bit set of enum finding_id, as last published */

    void *owner; /* the glue's */
};

/* --- events --- */
enum host_ev_kind {
    HOST_EV_LINK_UP,   /* authenticated login: peer, uuid */
    HOST_EV_LINK_LOST, /* why; generation must match, else ignored */
    HOST_EV_HEARD,     /* the device answered a keepalive: only needed while suspect */
    HOST_EV_RESULT,    /* a WS-MAN job ended: result, generation */
    HOST_EV_COMMAND,   /* an operator's word: command */
    HOST_EV_JOURNALED, /* the write asked for by ACT_JOURNAL is done: err (0, ERR_STORE, ERR_STORE_FULL) */
    HOST_EV_LOCAL_SHUTDOWN, /* the agent says that the OS goes down on purpose: local, text (who did it) */
    HOST_EV_AMT,            /* it was seen whether the firmware is set up: amt, mode, source */
    HOST_EV_LOOK,           /* look now (an operator wants a fresh state) */
    HOST_EV_SESSION_ORDER,  /* a door's word on sessions and consent: order */
    HOST_EV_SESSION_REPORT, /* the glue tells of a session's ends: report */
    HOST_EV_END_SESSIONS,   /* the node is about to be deactivated */
};

enum command_kind {
    CMD_OPERATE, /* op, deadline_ms, key, force; sets the intent too when the operation has one */
    CMD_INTENT,  /* desired: the intent, and the operation that follows from it; what --power on|off does */
    CMD_POLICY,  /* policy, hold_until */
    CMD_CANCEL,  /* operation id in key */
};
struct host_command {
    enum command_kind kind;
    enum power_op op;
    enum power_state desired;
    enum recovery_policy policy;
    struct wall hold_until;
    bool force;
    uint32_t deadline_ms; /* 0: default */
    char key[OP_KEY_CAP];
    char actor[OP_ACTOR_CAP];
    char new_id[OP_ID_CAP]; /* id for the operation, made by the glue */
    uint64_t token;         /* comes back in ACT_REPLY */
};

struct host_ev {
    enum host_ev_kind kind;
    const char *peer;
    struct uuid uuid;
    enum link_reason why;
    uint32_t generation;
    const struct wsc_result *result;
    const struct host_command *command;
    const struct session_order *order;
    const struct session_report *report;
    int err;
    enum local_kind local;
    const char *text; /* NULL: not told */
    enum amt_state amt;
    enum amt_control_mode mode; /* UNKNOWN: not told */
    enum observe_source source;
};

/* --- actions: data; the glue does them in order --- */
enum action_kind {
    ACT_WSMAN,      /* submit: job, arg, prio, deadline_ms */
    ACT_KEEPALIVE,  /* APF keepalive request */
    ACT_CLOSE,      /* close the tunnel: why */
    ACT_JOURNAL,    /* write host->journal durably, then HOST_EV_JOURNALED; an operation without id gets one
                       first */
    ACT_PERSIST,    /* write the host's row (what bits) some time soon; no answer */
    ACT_PERSIST_OP, /* write the operation's row some time soon: op (copy taken at once) */
    ACT_EVENT,      /* history line and event stream: event, text */
    ACT_REPLY,      /* answer the command: token, error (code 0 = accepted), op (may be NULL) */
    ACT_SESSION_REPLY, /* answer the order: token, error, session (may be NULL) */
    ACT_SESSION_END,   /* close both sides of session, as its state, why and text say */
    ACT_SESSION_NOTE,  /* tell the viewer of session: note, n, text */
};
enum persist_bits {
    PERSIST_LINK = 1,
    PERSIST_POWER = 2,
    PERSIST_INFO = 4,
    PERSIST_INTENT = 8,
    PERSIST_AMT = 16
};

/* What is written and only then true. Freed by the host when HOST_EV_JOURNALED comes. */
struct journal {
    bool has_intent, has_op;
    struct intent intent;
    struct operation op;         /* new, or with its new state */
    struct operation *place;     /* memory for a new one: what was written down is not lost for want of it */
    bool replaces_op;            /* op is host->op with a new state (accepted -> running) */
    struct host_command command; /* answered when written; kind only valid with has_command */
    bool has_command;
};

/* E(symbol, kind as published) */
#define HOST_EVENT_TABLE(E)                                                                                  \
    E(LINK_UP, "link-up")                                                                                    \
    E(LINK_LOST, "link-lost")                                                                                \
    E(LINK_SUSPECT, "link-suspect")                                                                          \
    E(LINK_RECOVERED, "link-recovered")                                                                      \
    E(POWER_CHANGED, "power-changed")                                                                        \
    E(MISMATCH, "mismatch")                                                                                  \
    E(RECOVERED, "recovered")                                                                                \
    E(INTENT, "intent")                                                                                      \
    E(POLICY, "policy")                                                                                      \
    E(OPERATION, "operation")                                                                                \
    E(HELD, "recovery-held")                                                                                 \
    E(FINDING, "finding")                                                                                    \
    E(FINDING_CLEARED, "finding-cleared")                                                                    \
    E(LOCAL_SHUTDOWN, "local-shutdown")                                                                      \
    E(AMT, "amt")                                                                                            \
    E(AGENT, "agent")                                                                                        \
    E(SESSION, "session")                                                                                    \
    E(CONSENT, "consent")                                                                                    \
    E(PROVISIONING, "provisioning")                                                                          \
    E(CREATED, "created")                                                                                    \
    E(CHANGED, "changed")                                                                                    \
    E(DELETED, "deleted")
enum host_event {
#define E(sym, text) HOST_EVENT_##sym,
    HOST_EVENT_TABLE(E)
#undef E
        HOST_EVENT_COUNT
};
const char *host_event_text(enum host_event e);

struct action {
    enum action_kind kind;
    enum wsc_job_kind job;
    uint32_t arg;
    enum wsc_priority prio;
    uint32_t deadline_ms;
    enum link_reason why;
    unsigned bits;
    enum host_event event;
    uint64_t token;
    struct operation
        *op; /* ACT_PERSIST_OP, ACT_REPLY, ACT_EVENT of an operation: borrowed until the next host_* call */
    struct session *session; /* ACT_SESSION_…: borrowed until the next host_* call */
    enum session_note note;
    uint32_t n;
    struct errinfo error;
    char text[256];
};
/* Filled by host_*; reuse one a loop. actions_clear() before each call. */
struct actions {
    struct action *v;
    size_t n, cap;
    bool failed; /* out of memory: an action is missing; the glue closes the tunnel and starts over */
};
void actions_clear(struct actions *a);
void actions_free(struct actions *a);

/* Zeroed host with id, policy-independent defaults; spread: any number, spreads polls. */
void host_init(struct host *h, const char *id, uint64_t spread);
/* Frees op, next, last, info, journal, sessions; not the host. */
void host_fini(struct host *h);
/* After loading from the store: an unfinished operation becomes `resumed`; a link that was up is down by
 * server-crash. */
void host_restore(struct host *h, const struct host_policy *p, struct host_now now, struct actions *out);

void host_input(struct host *h, const struct host_policy *p, const struct host_ev *ev, struct host_now now,
                struct actions *out);
void host_tick(struct host *h, const struct host_policy *p, struct host_now now, struct actions *out);
struct mono host_deadline(const struct host *h, const struct host_policy *p);

/* A session of the host by id, open or ended lately; NULL. */
struct session *host_session_find(const struct host *h, const char *id);
/* The consent of the host as a person should see it. */
void host_consent_view(const struct host *h, struct host_now now, struct consent_view *v);
/* The first session whose device's side is open; NULL. It blocks what would take the power away. */
const struct session *host_session_blocking(const struct host *h);

/* The one pure decision of reconcile. Changes nothing. */
struct decision decide(const struct host *h, const struct host_policy *p, struct host_now now);
/* The sentence of the last decision with its evidence and when it will look again. */
void host_explain(const struct host *h, const struct host_policy *p, struct host_now now, char *out,
                  size_t cap);

/* When it will look at the node again by itself; WALL_NEVER: when an event comes (the link, the database). */
struct wall host_next_look(const struct host *h, struct host_now now);

/* The power state that may be relied on now: the observation when it came over the present link and is fresh,
 * else UNKNOWN. */
enum power_state host_power_now(const struct host *h, const struct host_policy *p, struct mono now);
/* EMF's powerStatus sentence and indicator ("STATUS_INDICATION_IDLE", "…_ERROR", "…_IN_PROGRESS",
 * "…_UNSPECIFIED"). */
const char *host_power_status(const struct host *h, const struct host_policy *p, struct host_now now,
                              char *out, size_t cap);
/* It is being deactivated: its tunnel goes because we said so. */
static inline bool host_is_leaving(const struct host *h, struct host_now now) {
    enum { LEAVING_US = 60 * 1000000 };
    return h->leaving.us && now.wall.us - h->leaving.us < LEAVING_US;
}
/* Why a command cannot reach the node now: "Device not found/connected: AMT link lost 14:02:11 (reset by
 * peer), last known power On 14:02:05"; 0 when it can. */
int host_unreachable(const struct host *h, struct host_now now, struct errinfo *ei);
