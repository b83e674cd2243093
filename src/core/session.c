/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session.h"

#include <assert.h>
#include <stdio.h>

const char *session_state_id(enum session_state s) {
    static const char *const ids[] = {
#define S(sym, id) [SESSION_##sym] = id,
        SESSION_STATE_TABLE(S)
#undef S
    };
    assert((unsigned)s < sizeof ids / sizeof *ids);
    return ids[s];
}

const struct session_reason_row *session_reason_row(enum session_reason r) {
    static const struct session_reason_row rows[] = {
#define R(sym, id, code, resumable, text) [SESSION_WHY_##sym] = {id, code, resumable, text},
        SESSION_REASON_TABLE(R)
#undef R
    };
    assert((unsigned)r < SESSION_WHY_COUNT);
    return &rows[r];
}

void session_set_state(struct session *s, enum session_state state) {
    s->state = state;
    s->until = MONO_NEVER;
}

const char *session_describe(const struct session *s, char *out, size_t cap) {
    char at[WALL_TEXT_CAP];
    snprintf(out, cap, "%s session %s by %s since %s", redir_kind_name(s->kind), s->id, s->user,
             wall_hms(s->since, at));
    return out;
}
