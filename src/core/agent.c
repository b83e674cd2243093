/* SPDX-License-Identifier: Apache-2.0 */
#include "core/agent.h"

const char *agent_mei_text(enum agent_mei m) {
    static const char *const TEXT[] = {
#define M(sym, word) [AGENT_MEI_##sym] = word,
        AGENT_MEI_TABLE(M)
#undef M
    };
    return (unsigned)m < AGENT_MEI_COUNT ? TEXT[m] : TEXT[0];
}

const char *agent_switch_text(enum agent_switch s) {
    static const char *const TEXT[] = {
#define W(sym, word) [AGENT_SWITCH_##sym] = word,
        AGENT_SWITCH_TABLE(W)
#undef W
    };
    return (unsigned)s < AGENT_SWITCH_COUNT ? TEXT[s] : TEXT[0];
}
