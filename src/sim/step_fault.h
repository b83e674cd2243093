/* SPDX-License-Identifier: Apache-2.0 */
/* step_fault: what goes wrong at one step of the set-up, on purpose. A step is a short name of the table, or
 * the name of a class, of a method, or Class.Method. One a node at a time. Owner: struct sim_node; its loop
 * thread only. Source: reference protocol-redir-activation 5.6, 8. */
#pragma once

#include "proto/wsman.h"

/* S(short name, class or "", method or "", only this operation or -1 for any) */
#define SIM_STEP_TABLE(S)                                                                                    \
    S("general", "AMT_GeneralSettings", "", WSMAN_GET)                                                       \
    S("hostsetup", "IPS_HostBasedSetupService", "", WSMAN_GET)                                               \
    S("chain", "", "AddNextCertInChain", -1)                                                                 \
    S("setup", "", "Setup", -1)                                                                              \
    S("adminsetup", "", "AdminSetup", -1)                                                                    \
    S("upgrade", "", "UpgradeClientToAdmin", -1)                                                             \
    S("setacl", "", "SetAdminAclEntryEx", -1)                                                                \
    S("mebx", "", "SetMEBxPassword", -1)                                                                     \
    S("clean", "", "", WSMAN_DELETE)                                                                         \
    S("cira", "", "AddMpServer", -1)                                                                         \
    S("features", "AMT_RedirectionService", "", -1)                                                          \
    S("clock", "", "SetHighAccuracyTimeSynch", -1)                                                           \
    S("unprovision", "", "Unprovision", -1)                                                                  \
    S("commit", "", "CommitChanges", -1)

/* K(name, text, help) */
#define SIM_STEP_FAULT_TABLE(K)                                                                              \
    K(DROP, "prov-drop", "the connection is gone before, or after, STEP was executed")                       \
    K(MUTE, "prov-mute", "the answer of STEP never comes; before: it was not executed either")               \
    K(WRONG, "prov-wrong", "STEP is not executed and returns VALUE (a fault when it is no method)")          \
    K(GARBAGE, "prov-garbage", "STEP is executed and answered with bytes that are no XML")
enum sim_step_fault_kind {
    SIM_STEP_NONE,
#define K(name, text, help) SIM_STEP_##name,
    SIM_STEP_FAULT_TABLE(K)
#undef K
        SIM_STEP_FAULT_COUNT
};

enum { SIM_STEP_CAP = 64 };
struct sim_step_fault {
    char step[SIM_STEP_CAP];
    uint8_t kind;   /* enum sim_step_fault_kind */
    bool after;     /* DROP, MUTE: the step was executed */
    uint32_t value; /* WRONG: ReturnValue */
    uint32_t times; /* so often; 0: each time */
};
/* Is this request that step? */
bool sim_step_is(struct slice step, const struct wsman_msg *rq);
/* Takes one time off f when rq is its step; the kind to act on, else SIM_STEP_NONE. */
enum sim_step_fault_kind sim_step_fault_take(struct sim_step_fault *f, const struct wsman_msg *rq);
/* The i-th short name, NULL behind the last. */
const char *sim_step_name(size_t i);
/* "prov-drop"; "" for NONE. */
const char *sim_step_fault_name(enum sim_step_fault_kind k);
