/* SPDX-License-Identifier: Apache-2.0 */
#include "core/provision.h"

#define WORD_OF(table, v, count) ((unsigned)(v) < (count) ? (table)[v] : (table)[0])

const char *prov_goal_text(enum prov_goal g) {
    static const char *const TEXT[] = {
#define G(sym, word) word,
        PROV_GOAL_TABLE(G)
#undef G
    };
    return WORD_OF(TEXT, g, PROV_GOAL_COUNT);
}

static const struct {
    const char *word;
    bool end;
} STATES[] = {
#define S(sym, word, end) {word, end},
    PROV_STATE_TABLE(S)
#undef S
};

const char *prov_state_text(enum prov_state s) {
    return STATES[(unsigned)s < PROV_STATE_COUNT ? s : PROV_STATE_IDLE].word;
}

bool prov_state_ended(enum prov_state s) {
    return STATES[(unsigned)s < PROV_STATE_COUNT ? s : PROV_STATE_IDLE].end;
}

const char *prov_way_text(enum prov_way w) {
    static const char *const TEXT[] = {
#define W(sym, word) word,
        PROV_WAY_TABLE(W)
#undef W
    };
    return WORD_OF(TEXT, w, PROV_WAY_COUNT);
}

static const struct {
    const char *id, *phase;
} STEPS[] = {
#define P(sym, id, phase) {id, phase},
    PROV_STEP_TABLE(P)
#undef P
};

const char *prov_step_text(enum prov_step s) {
    return STEPS[(unsigned)s < PROV_STEP_COUNT ? s : PROV_STEP_NONE].id;
}

const char *prov_phase_text(enum prov_step s) {
    return STEPS[(unsigned)s < PROV_STEP_COUNT ? s : PROV_STEP_NONE].phase;
}

const char *prov_code_text(enum prov_code c) {
    static const char *const TEXT[] = {
#define C(sym, id) id,
        PROV_CODE_TABLE(C)
#undef C
    };
    return WORD_OF(TEXT, c, PROV_CODE_COUNT);
}
