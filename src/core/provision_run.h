/* SPDX-License-Identifier: Apache-2.0 */
/* provision_run: the machine that works a provisioning off: (state, event, now) -> actions. It never sees a
 * secret: the glue makes, stores and uses them as the actions say. Pure.
 * Owner: the loop thread of the host. Source: docs/activation.md; reference
 * protocol-redir-activation 5.4-5.6.
 */
#pragma once

#include "core/host.h"
#include "core/provision.h"

/* With which of the node's accounts the next jobs log in. */
enum prov_cred {
    PROV_CRED_NONE,
    PROV_CRED_OS_ADMIN, /* local way: $$OsAdmin */
    PROV_CRED_NEXT,     /* the fresh AMT password */
    PROV_CRED_CURRENT,  /* the AMT password as stored */
    PROV_CRED_GIVEN,    /* one that the client at the node was given */
    PROV_CRED_COUNT
};

/* Secrets of the host that exist in the store. The glue tells; the machine keeps count. */
struct prov_has {
    bool amt, amt_next, cira_next;
};
enum { PROV_WHY_CAP = 192 };
/* What the profile asks for. */
struct prov_spec {
    enum amt_control_mode mode;  /* CCM or ACM */
    uint8_t nchain;              /* certificates of the domain's chain; 0: none fits … */
    char no_chain[PROV_WHY_CAP]; /* … and why, as a sentence without a capital; "": not told */
    bool network, tls;
};
struct prov_rules {
    uint32_t check_ms;       /* pause between two looks at what Setup did … */
    uint32_t check_total_ms; /* … at most so long */
    uint32_t release_ms;     /* after Unprovision answered 0: until the tunnel must be gone */
    uint8_t refusals_max;    /* the same refusal by the firmware, over runs, then failed */
    uint32_t tries_max;      /* runs, then failed: a node that breaks off for ever */
};
#define PROV_RULES_DEFAULT                                                                                   \
    ((struct prov_rules){.check_ms = 1000,                                                                   \
                         .check_total_ms = 60000,                                                            \
                         .release_ms = 60000,                                                                \
                         .refusals_max = 3,                                                                  \
                         .tries_max = 200})

enum prov_ev_kind {
    PROV_EV_ORDER,  /* goal, mode, profile, actor, has; ERR_STATE by ACT_REFUSE when one is under way */
    PROV_EV_CANCEL, /* actor */
    PROV_EV_FORGET, /* actor: all secrets are void here; the firmware is not touched */
    PROV_EV_WAY, /* a way to the firmware is there: way, has, spec; os_admin, given: what it can log in as */
    PROV_EV_WAY_LOST,  /* way */
    PROV_EV_RESULT,    /* of a job: result */
    PROV_EV_JOURNALED, /* err */
    PROV_EV_LINK_UP,   /* by_next: the tunnel logged in with the fresh CIRA secret */
    PROV_EV_LINK_DOWN,
    PROV_EV_MODE, /* the agent read the control mode: mode */
    PROV_EV_TIME, /* provision_deadline() came */
};
struct prov_ev {
    enum prov_ev_kind kind;
    enum prov_goal goal;
    enum amt_control_mode mode;
    enum prov_way way;
    const char *profile, *actor;
    struct prov_has has;
    const struct prov_spec *spec;
    bool os_admin, given, by_next;
    const struct wsc_result *result;
    int err;
};

/* With PROV_ACT_JOURNAL. */
enum prov_journal_bits {
    PROV_FRESH_AMT = 1,   /* make amt_next, where there is none */
    PROV_FRESH_CIRA = 2,  /* make cira_next, and a CIRA user when the host has none */
    PROV_PROMOTE_AMT = 4, /* next takes the present one's place */
    PROV_PROMOTE_CIRA = 8,
    PROV_DROP_NEXT = 16, /* fresh AMT and CIRA passwords that were never sent are void */
    PROV_DROP_ALL = 32,  /* all secrets are void: nobody here is to know them any more */
    /* The firmware was unprovisioned and has forgotten its AMT and CIRA passwords: they are void. Nothing
     * says that it resets MEBx's: that one stays, or nobody would know it. */
    PROV_DROP_RELEASED = 256,
    /* No login proves a MEBx password, only SetMEBxPassword's answer: it has bits of its own. */
    PROV_FRESH_MEBX = 64, /* make mebx_next, where there is neither it nor a present one */
    PROV_PROMOTE_MEBX = 128,
};
enum prov_act_kind {
    PROV_ACT_JOURNAL,  /* write the row and do bits, durably; then PROV_EV_JOURNALED */
    PROV_ACT_SAVE,     /* write the row some time soon */
    PROV_ACT_LOGIN,    /* jobs from here on log in as cred */
    PROV_ACT_JOB,      /* job, arg (CHAIN_ADD: index); the glue adds the texts */
    PROV_ACT_PROGRESS, /* text, for the client at the node and for events */
    PROV_ACT_FINISH,   /* the local way is over: ok */
    PROV_ACT_AMT,      /* observation: amt, by the firmware */
    PROV_ACT_SESSIONS, /* end the sessions of the host */
    PROV_ACT_HANG_UP,  /* close the tunnel: the firmware shall log in anew */
    PROV_ACT_REFUSE,   /* the order or cancellation is refused: text, remedy */
    PROV_ACT_ENDED,    /* p.state is an end: orders that wait are answered; text: an event */
};
struct prov_act {
    enum prov_act_kind kind;
    unsigned bits;
    enum wsc_job_kind job;
    uint32_t arg;
    enum prov_cred cred;
    enum amt_state amt;
    bool ok;
    char text[PROV_TEXT_CAP];
};
enum { PROV_ACTS_MAX = 12 };
struct prov_acts {
    struct prov_act v[PROV_ACTS_MAX];
    size_t n;
};

struct prov_turn;
struct prov_machine {
    struct provision p;
    /* of the run; nothing of it outlives the process */
    enum prov_way way; /* attached; NONE */
    enum prov_cred cred;
    unsigned tried; /* 1u << cred: refused in this run */
    bool os_admin, given;
    struct prov_has has;
    struct prov_spec spec;
    struct amt_setup setup; /* as read last */
    uint8_t chain_at, refusals;
    bool link_up, job_out;
    bool upgrade;                      /* the set-up at hand is UpgradeClientToAdmin */
    int64_t setup_rv;                  /* of Setup or its like; -1: no answer */
    struct mono again_at, give_up_at;  /* CHECK, RELEASE; MONO_NEVER: not */
    void (*then)(struct prov_turn *t); /* goes on when the journal is written; NULL: none is out */
    char notes[PROV_TEXT_CAP];         /* steps that were refused and do not matter much */
};

/* An order as it is written down, before anything was done for it. profile and actor are cut to fit; NULL:
 * none. */
void provision_order(struct provision *p, enum prov_goal goal, enum amt_control_mode mode,
                     const char *profile, const char *actor, struct wall now);
/* From a row of the store (p may be zeroed: there never was one). A run that was under way waits for a way.
 */
void provision_init(struct prov_machine *m, const struct prov_rules *r, const struct provision *p,
                    bool link_up, struct mono now);
void provision_input(struct prov_machine *m, const struct prov_rules *r, const struct prov_ev *ev,
                     struct host_now now, struct prov_acts *out);
/* MONO_NEVER: nothing to look at by itself. */
struct mono provision_deadline(const struct prov_machine *m);
/* May this way do something for it now? */
bool provision_wants(const struct prov_machine *m, enum prov_way way);
/* Would it refuse an order now? text: why, as PROV_ACT_REFUSE says it. */
bool provision_refuses(const struct prov_machine *m, char text[PROV_TEXT_CAP]);
/* Is one under way (any state that is no end)? */
bool provision_open(const struct prov_machine *m);
