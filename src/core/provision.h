/* SPDX-License-Identifier: Apache-2.0 */
/* provision: bringing a node's firmware under our management, out of it again, and changing its secrets: one
 * journal of steps. A pure machine: provision_input(event, now) -> actions; it never sees a secret. Every run
 * begins with reading what the firmware is, so that a run that broke at any point goes on or rolls back.
 * Owner: the loop thread of the host. Source: docs/activation.md; reference
 * protocol-redir-activation 5.4-5.6.
 */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "proto/amt.h"
#include "proto/wsclient.h"

enum { PROV_TEXT_CAP = 256, PROV_PROFILE_CAP = 64, PROV_ACTOR_CAP = 64 };

/* G(symbol, word) */
#define PROV_GOAL_TABLE(G)                                                                                   \
    G(NONE, "none")                                                                                          \
    G(ACTIVATE, "activate")                                                                                  \
    G(DEACTIVATE, "deactivate")                                                                              \
    G(ROTATE_AMT, "rotate-amt") G(ROTATE_CIRA, "rotate-cira") G(ROTATE_ALL, "rotate-all")
enum prov_goal {
#define G(sym, word) PROV_GOAL_##sym,
    PROV_GOAL_TABLE(G)
#undef G
        PROV_GOAL_COUNT
};
/* S(symbol, word, is the end) */
#define PROV_STATE_TABLE(S)                                                                                  \
    S(IDLE, "idle", true)                                                                                    \
    S(WAITING, "waiting", false) /* for a way to the firmware */                                             \
    S(RUNNING, "running", false)                                                                             \
    S(CONNECTING, "connecting", false) /* configured; the tunnel's login is the proof (or its end is) */     \
    S(DONE, "done", true)                                                                                    \
    S(FAILED, "failed", true)                                                                                \
    S(CANCELLED, "cancelled", true)
enum prov_state {
#define S(sym, word, end) PROV_STATE_##sym,
    PROV_STATE_TABLE(S)
#undef S
        PROV_STATE_COUNT
};
/* W(symbol, word): how the firmware is reached */
#define PROV_WAY_TABLE(W) W(NONE, "") W(LOCAL, "agent") W(TUNNEL, "tunnel")
enum prov_way {
#define W(sym, word) PROV_WAY_##sym,
    PROV_WAY_TABLE(W)
#undef W
        PROV_WAY_COUNT
};
/* The steps in their order. P(symbol, id, phase as people know it) */
#define PROV_STEP_TABLE(P)                                                                                   \
    P(NONE, "", "")                                                                                          \
    P(READ, "read", "preflight")             /* control mode, realm, nonce: as $$OsAdmin or as admin */      \
    P(LOGIN, "login", "preflight")           /* it is set up: does a stored secret log in? */                \
    P(STORE, "store", "secrets")             /* fresh secrets are on the disk */                             \
    P(CHAIN, "chain", "setup")               /* ACM: one certificate of the chain after the other */         \
    P(SETUP, "setup", "setup")               /* Setup, AdminSetup or UpgradeClientToAdmin: once */           \
    P(CHECK, "check", "setup")               /* what did it do? control mode, by the admin's own login */    \
    P(ADMIN, "admin", "secrets")             /* the new AMT password */                                      \
    P(ADMIN_CHECK, "admin-check", "secrets") /* … logs in; then it takes the old one's place */            \
    P(MEBX, "mebx", "secrets")                                                                               \
    P(CLEAN, "clean", "clean") /* nothing of another orchestrator is left */                                 \
    P(NETWORK, "network", "network")                                                                         \
    P(CIRA, "cira", "cira")                                                                                  \
    P(CIRA_SECRET, "cira-secret", "cira")                                                                    \
    P(FEATURES, "features", "features")                                                                      \
    P(CLOCK, "clock", "clock")                                                                               \
    P(TLS_KEY, "tls-key", "tls")                                                                             \
    P(TLS, "tls", "tls")                                                                                     \
    P(CONNECT, "connect", "connect") /* the tunnel logs in with the new secret */                            \
    P(UNPROVISION, "unprovision", "unprovision")                                                             \
    P(RELEASE, "release", "release") /* the tunnel is seen to go */
enum prov_step {
#define P(sym, id, phase) PROV_STEP_##sym,
    PROV_STEP_TABLE(P)
#undef P
        PROV_STEP_COUNT
};
/* Why it failed or waits. C(symbol, id) */
#define PROV_CODE_TABLE(C)                                                                                   \
    C(NONE, "")                                                                                              \
    C(NO_WAY, "no-way")                 /* neither agent nor tunnel is there */                              \
    C(INTERRUPTED, "interrupted")       /* the way broke; it goes on when there is one again */              \
    C(FOREIGN, "foreign")               /* set up by somebody else: our secrets do not log in */             \
    C(NOT_ALLOWED, "not-allowed")       /* the firmware does not offer this control mode */                  \
    C(NO_CERTIFICATE, "no-certificate") /* ACM: no domain fits the node's suffix or trusted roots */         \
    C(CHAIN_REFUSED, "chain-refused")                                                                        \
    C(SETUP_REFUSED, "setup-refused")                                                                        \
    C(REFUSED, "refused")         /* a method answered with another return value */                          \
    C(UNSUPPORTED, "unsupported") /* this firmware release needs what is not built */                        \
    C(DOWNGRADE, "downgrade")     /* ACM wanted as CCM: deactivate first */                                  \
    C(UNCLEAR, "unclear")         /* sent, and no answer told what became of it */                           \
    C(STILL_HERE, "still-here")   /* unprovisioned, it said; but its tunnel does not go */                   \
    C(PROFILE, "profile")         /* the profile or what it names is not there */                            \
    C(TOO_OFTEN, "too-often")     /* tries are used up */                                                    \
    C(CANCELLED, "cancelled")                                                                                \
    C(STORE, "store")
enum prov_code {
#define C(sym, id) PROV_CODE_##sym,
    PROV_CODE_TABLE(C)
#undef C
        PROV_CODE_COUNT
};
const char *prov_goal_text(enum prov_goal g);
const char *prov_state_text(enum prov_state s);
bool prov_state_ended(enum prov_state s);
const char *prov_way_text(enum prov_way w);
const char *prov_step_text(enum prov_step s);
const char *prov_phase_text(enum prov_step s);
const char *prov_code_text(enum prov_code c);

/* What is kept of a provisioning: a row of the store. */
struct provision {
    enum prov_goal goal;
    enum prov_state state;
    enum prov_step step;
    enum prov_way way;
    enum prov_code code;
    enum amt_control_mode mode; /* wanted */
    char profile[PROV_PROFILE_CAP], actor[PROV_ACTOR_CAP];
    char text[PROV_TEXT_CAP], remedy[PROV_TEXT_CAP];
    uint32_t tries;
    bool secrets_stored; /* fresh secrets of this provisioning are beside the old ones */
    bool setup_sent;     /* Setup/AdminSetup/Upgrade of this provisioning went out at least once */
    bool admin_ours;     /* the firmware's admin password is the new one: proved by a login */
    bool cira_sent;      /* the CIRA secret may be the new one */
    bool tls;            /* of the run: TLS is switched on; not kept */
    bool rolling_back;   /* cancelled after the set-up: what was done is undone */
    struct wall created, updated, finished;
};
