/* SPDX-License-Identifier: Apache-2.0 */
#include "core/power.h"

#include <assert.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

struct state_row {
    const char *text, *emf, *redfish;
};
static const struct state_row states[] = {
#define S(sym, text, emf, redfish) [POWER_##sym] = {text, emf, redfish},
    POWER_STATE_TABLE(S)
#undef S
};
static_assert(LEN(states) == POWER_STATE_COUNT, "a row a state");

struct cim_row {
    uint8_t code;
    enum power_state state;
    bool settled;
    const char *text;
};
static const struct cim_row cims[] = {
#define C(code, state, settled, text) {code, POWER_##state, settled, text},
    POWER_CIM_TABLE(C)
#undef C
};

static const struct power_op_row ops[] = {
#define O(sym, kind, cim, confirms, intent, repeatable, boots, blocked, dmt, redfish, verb)                  \
    [POWER_OP_##sym] = {kind,           redfish,    verb,  cim,    dmt, POWER_##confirms,                    \
                        POWER_##intent, repeatable, boots, blocked},
    POWER_OP_TABLE(O)
#undef O
};

const struct power_op_row *power_op_row(enum power_op op) {
    assert((unsigned)op < POWER_OP_COUNT);
    return &ops[op];
}

bool power_op_parse(struct slice kind, enum power_op *op) {
    for (size_t i = 0; i < LEN(ops); i++)
        if (slice_is(kind, ops[i].kind)) {
            *op = (enum power_op)i;
            return true;
        }
    return false;
}

const char *power_state_text(enum power_state s) {
    assert((unsigned)s < POWER_STATE_COUNT);
    return states[s].text;
}

const char *power_state_emf(enum power_state s) {
    assert((unsigned)s < POWER_STATE_COUNT);
    return states[s].emf;
}

bool power_state_parse(struct slice text, enum power_state *s) {
    for (size_t i = 0; i < LEN(states); i++)
        if (slice_ieq(text, slice_str(states[i].text)) || slice_ieq(text, slice_str(states[i].emf))) {
            *s = (enum power_state)i;
            return true;
        }
    return false;
}

static const struct cim_row *cim_row(uint8_t code) {
    for (size_t i = 0; i < LEN(cims); i++)
        if (cims[i].code == code)
            return &cims[i];
    return NULL;
}

enum power_state power_state_of_cim(uint8_t code, bool *settled) {
    const struct cim_row *r = cim_row(code);
    *settled = r && r->settled;
    return r ? r->state : POWER_UNKNOWN;
}

const char *power_cim_text(uint8_t code) {
    const struct cim_row *r = cim_row(code);
    return r ? r->text : "a state that CIM does not name";
}

enum power_op power_op_for(enum power_state desired) {
    switch (desired) {
    case POWER_OFF:
        return POWER_OP_OFF;
    case POWER_SLEEP:
        return POWER_OP_SLEEP;
    case POWER_HIBERNATE:
        return POWER_OP_HIBERNATE;
    default:
        assert(desired == POWER_ON);
        return POWER_OP_ON;
    }
}
