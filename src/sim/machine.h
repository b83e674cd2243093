/* SPDX-License-Identifier: Apache-2.0 */
/* host: the machine around one simulated firmware: its power state, BIOS choices and operating system. Pure:
 * time comes in as an argument, what happened comes out as a set of MACHINE_DID_* bits.
 * Owner: struct sim_node; its loop thread only. Source: reference protocol-cira-wsman 4.1, 5.1-5.3, 5.5. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

/* H(name, CIM PowerState, ME sleeps along when "ME on in Host Sleep States" is off) */
#define MACHINE_STATE_TABLE(H)                                                                               \
    H(S0, 2, false)                                                                                          \
    H(MS, 2, false) /* modern standby: still 2 on the wire, OSPowerSavingState tells (5.3) */                \
    H(S3, 4, true)                                                                                           \
    H(S4, 7, true)                                                                                           \
    H(S5, 8, true)                                                                                           \
    H(G3, 0, true) /* no power at all: nothing answers */

enum machine_state {
#define H(name, cim, sleeps) MACHINE_##name,
    MACHINE_STATE_TABLE(H)
#undef H
        MACHINE_STATE_COUNT
};

/* What can happen to a machine. A(name, text). */
#define MACHINE_ACTION_TABLE(A)                                                                              \
    A(NONE, "none")                                                                                          \
    A(POWER_ON, "power-on")                                                                                  \
    A(RESUME, "resume")                                                                                      \
    A(POWER_OFF, "power-off")                                                                                \
    A(CYCLE, "power-cycle")                                                                                  \
    A(RESET, "reset")                                                                                        \
    A(NMI, "nmi")                                                                                            \
    A(SLEEP, "sleep")                                                                                        \
    A(HIBERNATE, "hibernate")                                                                                \
    A(SHUTDOWN, "shutdown")                                                                                  \
    A(RESTART, "restart")                                                                                    \
    A(STANDBY, "modern-standby")                                                                             \
    A(WAKE, "wake")                                                                                          \
    A(CUT, "power-cut")                                                                                      \
    A(RESTORE, "power-restore")

enum machine_action {
#define A(name, text) MACHINE_ACT_##name,
    MACHINE_ACTION_TABLE(A)
#undef A
        MACHINE_ACT_COUNT
};

const char *machine_state_name(enum machine_state s);
/* CIM PowerState of a state. */
uint8_t machine_state_cim(enum machine_state s);
bool machine_state_sleeps(enum machine_state s);
const char *machine_action_name(enum machine_action a);

/* Durations; all 0: everything happens at once. */
struct machine_times {
    uint32_t transition_ms; /* accepted -> power state changes (hard actions) */
    uint32_t cycle_ms;      /* power cycle: time in S5 */
    uint32_t post_ms;       /* power-on -> the operating system (and LMS) runs */
    uint32_t os_ms;         /* what the operating system takes to shut down, sleep, restart */
};
#define MACHINE_TIMES_DEFAULT                                                                                \
    ((struct machine_times){.transition_ms = 1500, .cycle_ms = 3000, .post_ms = 15000, .os_ms = 6000})

enum machine_after_loss { MACHINE_LOSS_LAST, MACHINE_LOSS_ON, MACHINE_LOSS_OFF };

/* One thing that truly happened. */
struct machine_record {
    struct mono at;
    uint8_t action;   /* enum machine_action */
    uint8_t from, to; /* enum machine_state */
    bool remote;      /* asked for through the firmware, not at the machine */
};
enum { MACHINE_RECORDS = 32 };

struct machine {
    enum machine_state state;
    enum machine_state before_cut; /* what "last state" after power loss means */
    enum machine_after_loss after_loss;
    bool lms;           /* LMS and agent are installed: graceful operations are offered */
    bool modern;        /* a Modern Standby platform: S3 does not exist */
    bool blocks_off;    /* a redirection session is active: 5 and 8 are refused (5.2) or queued */
    bool queue_blocked; /* … queued until the session ends, as the product's requirement describes */
    uint8_t queued;     /* CIM code that waits for the session's end; 0 = none */
    /* the action under way: firmware answers 4099 meanwhile */
    enum machine_action doing;
    bool doing_remote;
    uint8_t step;
    struct mono step_at; /* MONO_NEVER: nothing under way */
    struct mono os_up_at;
    uint8_t previous_sx; /* of the last boot: 0, 3, 4, 5 */
    /* truth for invariants: how often each action was executed (its first effect took place) */
    uint32_t done[MACHINE_ACT_COUNT];
    uint32_t done_remote[MACHINE_ACT_COUNT];
    uint32_t requests, refused;     /* RequestPowerStateChange calls */
    uint32_t blocked;               /* … that came while a session was open, and wanted the power away */
    struct machine_record *records; /* ring, allocated at the first record */
    uint32_t nrecords;              /* ever made; the last MACHINE_RECORDS are kept */
};

/* state S0, S5 … at now; the operating system runs at once when S0. */
void machine_init(struct machine *h, enum machine_state state, struct mono now);
void machine_done(struct machine *h);

/* RequestPowerStateChange(code): the ReturnValue (0, 1, 2, 5, 4097, 4099), rules of 5.2. */
uint32_t machine_request(struct machine *h, uint32_t code, const struct machine_times *t, struct mono now);
/* RequestOSPowerSavingStateChange(state). */
uint32_t machine_request_os_saving(struct machine *h, uint32_t state, const struct machine_times *t,
                                   struct mono now);
/* Something done at the machine or by its operating system. 0; ERR_STATE when it makes no sense now;
 * ERR_BUSY while another action is under way. CUT and RESTORE always win. */
NODISCARD int machine_local(struct machine *h, enum machine_action a, const struct machine_times *t,
                            struct mono now);
/* The power button: shutdown in S0 (with an operating system that runs), power-on or resume otherwise. */
NODISCARD int machine_button(struct machine *h, const struct machine_times *t, struct mono now);
/* A redirection session began or ended; a queued power-off runs at its end. */
void machine_set_session(struct machine *h, bool active, const struct machine_times *t, struct mono now);

/* When to call machine_tick(); MONO_NEVER when nothing is under way. */
struct mono machine_deadline(const struct machine *h);
enum { MACHINE_DID_CHANGE = 1, MACHINE_DID_BOOT = 2 /* BIOS ran: boot options are consumed */ };
/* Execute what is due; the bits of all that happened. */
unsigned machine_tick(struct machine *h, const struct machine_times *t, struct mono now);

/* Does the operating system (and with lms, the agent) run? */
bool machine_os_up(const struct machine *h, struct mono now);
/* AvailableRequestedPowerStates into out[8]; how many. */
size_t machine_available(const struct machine *h, struct mono now, uint8_t *out);
/* IPS_PowerManagementService.OSPowerSavingState */
uint8_t machine_os_saving(const struct machine *h);
/* The i-th newest record (0 = newest); NULL past the end. */
const struct machine_record *machine_record(const struct machine *h, uint32_t i);
