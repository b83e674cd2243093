/* SPDX-License-Identifier: Apache-2.0 */
#include "core/operation.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct state_row {
    const char *text;
    bool final;
};
static const struct state_row states[] = {
#define S(sym, text, final) [OP_##sym] = {text, final},
    OP_STATE_TABLE(S)
#undef S
};
static const char *const codes[] = {
#define C(sym, id) [OP_CODE_##sym] = id,
    OP_CODE_TABLE(C)
#undef C
};

const char *op_state_text(enum op_state s) {
    assert((unsigned)s < OP_STATE_COUNT);
    return states[s].text;
}

bool op_state_final(enum op_state s) {
    assert((unsigned)s < OP_STATE_COUNT);
    return states[s].final;
}

bool op_state_parse(const char *text, enum op_state *s) {
    for (int i = 0; i < OP_STATE_COUNT; i++)
        if (strcmp(text, states[i].text) == 0) {
            *s = (enum op_state)i;
            return true;
        }
    return false;
}

const char *op_code_id(enum op_code c) {
    assert((unsigned)c < OP_CODE_COUNT);
    return codes[c];
}

bool op_code_parse(const char *id, enum op_code *c) {
    for (int i = 0; i < OP_CODE_COUNT; i++)
        if (strcmp(id, codes[i]) == 0) {
            *c = (enum op_code)i;
            return true;
        }
    return false;
}

void operation_set_state(struct operation *o, enum op_state s, enum op_code code, struct wall now,
                         const char *fmt, ...) {
    o->state = s;
    o->code = code;
    o->updated = now;
    if (op_state_final(s))
        o->finished = now;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(o->text, sizeof o->text, fmt, ap);
    va_end(ap);
}
