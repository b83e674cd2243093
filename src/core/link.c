/* SPDX-License-Identifier: Apache-2.0 */
#include "core/link.h"

#include <assert.h>
#include <string.h>

static const char *const states[] = {
#define L(sym, text) [LINK_##sym] = text,
    LINK_STATE_TABLE(L)
#undef L
};
struct reason_row {
    const char *id, *text;
};
static const struct reason_row reasons[] = {
#define W(sym, id, text) [LINK_WHY_##sym] = {id, text},
    LINK_REASON_TABLE(W)
#undef W
};

const char *link_state_text(enum link_state s) {
    assert((unsigned)s < sizeof states / sizeof *states);
    return states[s];
}

const char *link_reason_id(enum link_reason r) {
    assert((unsigned)r < LINK_WHY_COUNT);
    return reasons[r].id;
}

const char *link_reason_text(enum link_reason r) {
    assert((unsigned)r < LINK_WHY_COUNT);
    return reasons[r].text;
}

bool link_reason_parse(const char *id, enum link_reason *r) {
    for (int i = 0; i < LINK_WHY_COUNT; i++)
        if (strcmp(id, reasons[i].id) == 0) {
            *r = (enum link_reason)i;
            return true;
        }
    return false;
}

bool link_state_parse(const char *text, enum link_state *s) {
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(text, states[i]) == 0) {
            *s = (enum link_state)i;
            return true;
        }
    return false;
}

void link_set_state(struct link *l, enum link_state s, enum link_reason why, struct wall wall) {
    l->state = s;
    l->why = why;
    l->since = wall;
    l->misses = 0;
    l->asked = MONO_NEVER;
}

/* A question is open and nothing came since it was asked. */
static bool unanswered(const struct link *l) {
    return !mono_is_never(l->asked) && !mono_before(l->asked, l->heard);
}

static enum link_verdict ask(struct link *l, struct mono now) {
    l->asked = now;
    return LINK_ASK;
}

enum link_verdict link_check(struct link *l, const struct link_policy *p, struct mono now, struct wall wall) {
    if (!link_usable(l))
        return LINK_KEEP;
    if (!mono_is_never(l->asked) && mono_before(l->asked, l->heard)) { /* answered */
        l->asked = MONO_NEVER;
        l->misses = 0;
        if (l->state == LINK_SUSPECT) {
            link_set_state(l, LINK_UP, LINK_WHY_NONE, wall);
            return LINK_RECOVERED;
        }
    }
    if (mono_is_never(l->asked)) {
        if (mono_due(mono_add_ms(l->heard, p->quiet_ms), now))
            return ask(l, now);
        return LINK_KEEP;
    }
    if (!mono_due(mono_add_ms(l->asked, p->probe_ms), now))
        return LINK_KEEP;
    if (++l->misses >= p->probes)
        return LINK_DEAD;
    if (l->state == LINK_UP) {
        uint8_t misses = l->misses;
        link_set_state(l, LINK_SUSPECT, LINK_WHY_SILENT, wall);
        l->misses = misses;
    }
    return ask(l, now);
}

struct mono link_deadline(const struct link *l, const struct link_policy *p) {
    if (!link_usable(l))
        return MONO_NEVER;
    if (unanswered(l))
        return mono_add_ms(l->asked, p->probe_ms);
    if (!mono_is_never(l->asked)) /* answered, and not looked at yet */
        return l->state == LINK_SUSPECT ? l->heard : mono_add_ms(l->heard, p->quiet_ms);
    return mono_add_ms(l->heard, p->quiet_ms);
}

enum link_verdict link_ask_now(struct link *l, struct mono now, struct wall wall) {
    (void)wall;
    if (!link_usable(l) || unanswered(l))
        return LINK_KEEP;
    return ask(l, now);
}
