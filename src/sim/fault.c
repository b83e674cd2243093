/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fault.h"

static const struct {
    const char *name, *arg;
    uint32_t def;
    const char *help;
} FAULTS[] = {
#define F(id, name, arg, def, help) {name, arg, def, help},
    SIM_FAULT_TABLE(F)
#undef F
};
_Static_assert(SIM_FAULT_COUNT <= 64, "one bit a fault");

const char *sim_fault_name(enum sim_fault id) {
    return FAULTS[id].name;
}
const char *sim_fault_arg_name(enum sim_fault id) {
    return FAULTS[id].arg;
}
const char *sim_fault_help(enum sim_fault id) {
    return FAULTS[id].help;
}
uint32_t sim_fault_default(enum sim_fault id) {
    return FAULTS[id].def;
}

enum sim_fault sim_fault_find(struct slice name) {
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if (slice_is(name, FAULTS[i].name))
            return (enum sim_fault)i;
    return SIM_FAULT_COUNT;
}
