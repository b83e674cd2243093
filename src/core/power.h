/* SPDX-License-Identifier: Apache-2.0 */
/* power: the words of power in one place: observed states, operations, and their numbers in CIM, EMF, DMT and
 * Redfish. Constant tables. Source: reference protocol-cira-wsman 4.1, users-and-peers 3.3. */
#pragma once

#include "base/slice.h"

/* S(symbol, our text, EMF name, Redfish PowerState) */
#define POWER_STATE_TABLE(S)                                                                                 \
    S(UNKNOWN, "unknown", "POWER_STATE_UNSPECIFIED", "")                                                     \
    S(ON, "on", "POWER_STATE_ON", "On")                                                                      \
    S(OFF, "off", "POWER_STATE_OFF", "Off")                                                                  \
    S(SLEEP, "sleep", "POWER_STATE_SLEEP", "On")                                                             \
    S(HIBERNATE, "hibernate", "POWER_STATE_HIBERNATE", "Off")

enum power_state {
#define S(sym, ...) POWER_##sym,
    POWER_STATE_TABLE(S)
#undef S
        POWER_STATE_COUNT
};

/* C(CIM code read, state it means, settled, text). A code that is not settled is on its way and confirms
 * nothing. */
#define POWER_CIM_TABLE(C)                                                                                   \
    C(2, ON, true, "on (S0)")                                                                                \
    C(3, SLEEP, true, "light sleep (S1/S2)")                                                                 \
    C(4, SLEEP, true, "deep sleep (S3)")                                                                     \
    C(5, UNKNOWN, false, "power cycling")                                                                    \
    C(6, OFF, true, "off (hard)")                                                                            \
    C(7, HIBERNATE, true, "hibernate (S4)")                                                                  \
    C(8, OFF, true, "soft off (S5)")                                                                         \
    C(9, UNKNOWN, false, "power cycling (hard)")                                                             \
    C(10, UNKNOWN, false, "resetting")                                                                       \
    C(12, OFF, false, "shutting down")                                                                       \
    C(13, OFF, false, "shutting down (hard)")                                                                \
    C(14, UNKNOWN, false, "restarting")

/* O(symbol, kind, RequestPowerStateChange code, state that confirms it, intent it sets or UNKNOWN,
 * repeatable, boots, blocked by an open session, DMT number, Redfish ResetType, verb for sentences).
 * repeatable: sending it again when the state is not reached does no harm (on, off); reset and cycle are not.
 */
#define POWER_OP_TABLE(O)                                                                                    \
    O(ON, "power-on", 2, ON, ON, true, true, false, 2, "On", "power on")                                     \
    O(OFF, "power-off", 8, OFF, OFF, true, false, true, 8, "ForceOff", "power off")                          \
    O(RESET, "reset", 10, ON, UNKNOWN, false, true, false, 10, "ForceRestart", "reset")                      \
    O(CYCLE, "power-cycle", 5, ON, UNKNOWN, false, true, true, 5, "PowerCycle", "power cycle")               \
    O(SLEEP, "sleep", 4, SLEEP, SLEEP, true, false, false, 4, "Suspend", "put to sleep")                     \
    O(HIBERNATE, "hibernate", 7, HIBERNATE, HIBERNATE, true, false, false, 7, "", "hibernate")               \
    O(OFF_GRACEFUL, "power-off-graceful", 12, OFF, OFF, true, false, false, 12, "GracefulShutdown",          \
      "shut down")                                                                                           \
    O(RESET_GRACEFUL, "reset-graceful", 14, ON, UNKNOWN, false, false, false, 14, "GracefulRestart",         \
      "restart")

enum power_op {
#define O(sym, ...) POWER_OP_##sym,
    POWER_OP_TABLE(O)
#undef O
        POWER_OP_COUNT
};

struct power_op_row {
    const char *kind, *redfish, *verb;
    uint8_t cim, dmt;
    enum power_state confirms, intent;
    bool repeatable, boots;
    bool blocked; /* the firmware refuses it while a redirection session is open (reference 5.2) */
};
/* op < POWER_OP_COUNT. */
const struct power_op_row *power_op_row(enum power_op op);
/* By kind ("power-on"); false when unknown. */
bool power_op_parse(struct slice kind, enum power_op *op);

const char *power_state_text(enum power_state s);
const char *power_state_emf(enum power_state s);
/* By our text or by the EMF name, any case; false when unknown. */
bool power_state_parse(struct slice text, enum power_state *s);
/* What a read CIM code means; UNKNOWN and not settled for a code that is not in the table. */
enum power_state power_state_of_cim(uint8_t code, bool *settled);
const char *power_cim_text(uint8_t code);
/* The operation that brings a node to the desired state; ON, OFF, SLEEP or HIBERNATE only. */
enum power_op power_op_for(enum power_state desired);
