/* SPDX-License-Identifier: Apache-2.0 */
/* host: the machine around one simulated firmware: its power state, BIOS choices and operating system. Pure:
 * time comes in as an argument, what happened comes out as a set of HOST_DID_* bits.
 * Owner: struct sim_node; its loop thread only. Source: reference protocol-cira-wsman 4.1, 5.1-5.3, 5.5. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

/* H(name, CIM PowerState, ME sleeps along when "ME on in Host Sleep States" is off) */
#define HOST_STATE_TABLE(H)                                                                                  \
    H(S0, 2, false)                                                                                          \
    H(MS, 2, false) /* modern standby: still 2 on the wire, OSPowerSavingState tells (5.3) */                \
    H(S3, 4, true)                                                                                           \
    H(S4, 7, true)                                                                                           \
    H(S5, 8, true)                                                                                           \
    H(G3, 0, true) /* no power at all: nothing answers */

enum host_state {
#define H(name, cim, sleeps) HOST_##name,
    HOST_STATE_TABLE(H)
#undef H
        HOST_STATE_COUNT
};

/* What can happen to a machine. A(name, text). */
#define HOST_ACTION_TABLE(A)                                                                                 \
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

enum host_action {
#define A(name, text) HOST_ACT_##name,
    HOST_ACTION_TABLE(A)
#undef A
        HOST_ACT_COUNT
};

const char *host_state_name(enum host_state s);
/* CIM PowerState of a state. */
uint8_t host_state_cim(enum host_state s);
bool host_state_sleeps(enum host_state s);
const char *host_action_name(enum host_action a);

/* Durations; all 0: everything happens at once. */
struct host_times {
    uint32_t transition_ms; /* accepted -> power state changes (hard actions) */
    uint32_t cycle_ms;      /* power cycle: time in S5 */
    uint32_t post_ms;       /* power-on -> the operating system (and LMS) runs */
    uint32_t os_ms;         /* what the operating system takes to shut down, sleep, restart */
};
#define HOST_TIMES_DEFAULT                                                                                   \
    ((struct host_times){.transition_ms = 1500, .cycle_ms = 3000, .post_ms = 15000, .os_ms = 6000})

enum host_after_loss { HOST_LOSS_LAST, HOST_LOSS_ON, HOST_LOSS_OFF };

/* One thing that truly happened. */
struct host_record {
    struct mono at;
    uint8_t action;   /* enum host_action */
    uint8_t from, to; /* enum host_state */
    bool remote;      /* asked for through the firmware, not at the machine */
};
enum { HOST_RECORDS = 32 };

struct host {
    enum host_state state;
    enum host_state before_cut; /* what "last state" after power loss means */
    enum host_after_loss after_loss;
    bool lms;           /* LMS and agent are installed: graceful operations are offered */
    bool modern;        /* a Modern Standby platform: S3 does not exist */
    bool blocks_off;    /* a redirection session is active: 5 and 8 are refused (5.2) or queued */
    bool queue_blocked; /* … queued until the session ends, as the product's requirement describes */
    uint8_t queued;     /* CIM code that waits for the session's end; 0 = none */
    /* the action under way: firmware answers 4099 meanwhile */
    enum host_action doing;
    bool doing_remote;
    uint8_t step;
    struct mono step_at; /* MONO_NEVER: nothing under way */
    struct mono os_up_at;
    uint8_t previous_sx; /* of the last boot: 0, 3, 4, 5 */
    /* truth for invariants: how often each action was executed (its first effect took place) */
    uint32_t done[HOST_ACT_COUNT];
    uint32_t done_remote[HOST_ACT_COUNT];
    uint32_t requests, refused;  /* RequestPowerStateChange calls */
    struct host_record *records; /* ring, allocated at the first record */
    uint32_t nrecords;           /* ever made; the last HOST_RECORDS are kept */
};

/* state S0, S5 … at now; the operating system runs at once when S0. */
void host_init(struct host *h, enum host_state state, struct mono now);
void host_done(struct host *h);

/* RequestPowerStateChange(code): the ReturnValue (0, 1, 2, 5, 4097, 4099), rules of 5.2. */
uint32_t host_request(struct host *h, uint32_t code, const struct host_times *t, struct mono now);
/* RequestOSPowerSavingStateChange(state). */
uint32_t host_request_os_saving(struct host *h, uint32_t state, const struct host_times *t, struct mono now);
/* Something done at the machine or by its operating system. 0; ERR_STATE when it makes no sense now;
 * ERR_BUSY while another action is under way. CUT and RESTORE always win. */
NODISCARD int host_local(struct host *h, enum host_action a, const struct host_times *t, struct mono now);
/* The power button: shutdown in S0 (with an operating system that runs), power-on or resume otherwise. */
NODISCARD int host_button(struct host *h, const struct host_times *t, struct mono now);
/* A redirection session began or ended; a queued power-off runs at its end. */
void host_set_session(struct host *h, bool active, const struct host_times *t, struct mono now);

/* When to call host_tick(); MONO_NEVER when nothing is under way. */
struct mono host_deadline(const struct host *h);
enum { HOST_DID_CHANGE = 1, HOST_DID_BOOT = 2 /* BIOS ran: boot options are consumed */ };
/* Execute what is due; the bits of all that happened. */
unsigned host_tick(struct host *h, const struct host_times *t, struct mono now);

/* Does the operating system (and with lms, the agent) run? */
bool host_os_up(const struct host *h, struct mono now);
/* AvailableRequestedPowerStates into out[8]; how many. */
size_t host_available(const struct host *h, struct mono now, uint8_t *out);
/* IPS_PowerManagementService.OSPowerSavingState */
uint8_t host_os_saving(const struct host *h);
/* The i-th newest record (0 = newest); NULL past the end. */
const struct host_record *host_record(const struct host *h, uint32_t i);
