/* SPDX-License-Identifier: Apache-2.0 */
/* rig_session: what the tests of sessions do again and again: order, report, look. Session ids are given by
 * the test, "a" being "ses-a". */
#pragma once

#include "rig.h"

#define TICKET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
enum { CODE = 12345 };

static inline struct rig *rig_ccm(void) {
    struct rig *r = rig_new();
    r->optin = (struct rig_optin){.required = AMT_OPTIN_ALL, .code = CODE, .sprite_ms = 1000};
    r->nlog = 0;
    return r;
}

static inline const struct session *rig_session(const struct rig *r, const char *id) {
    const struct session *s = host_session_find(&r->h, id);
    assert_non_null(s);
    return s;
}

static inline struct session_order rig_words(enum session_order_kind what, const char *id, const char *user) {
    struct session_order o = {.what = what};
    snprintf(o.id, sizeof o.id, "%s", id);
    snprintf(o.user, sizeof o.user, "%s", user);
    return o;
}

static inline struct session_order rig_start_words(enum redir_kind kind, const char *id, const char *user) {
    struct session_order o = {.what = SESSION_START, .kind = kind};
    snprintf(o.new_id, sizeof o.new_id, "%s", id);
    snprintf(o.user, sizeof o.user, "%s", user);
    return o;
}

/* Ordered and, after a while, answered: once. */
static inline int rig_ask(struct rig *r, struct session_order o) {
    unsigned times = r->answer.times;
    uint64_t token = rig_order(r, o);
    rig_run(r, 3000);
    assert_int_equal(r->answer.times, times + 1);
    assert_int_equal(r->answer.token, token);
    if (r->answer.error.code)
        assert_true(r->answer.error.text[0] != 0);
    return r->answer.error.code;
}

static inline int rig_start(struct rig *r, enum redir_kind kind, const char *id, const char *user) {
    return rig_ask(r, rig_start_words(kind, id, user));
}

static inline int rig_stop(struct rig *r, const char *id, const char *user) {
    return rig_ask(r, rig_words(SESSION_STOP, id, user));
}

static inline int rig_ticket(struct rig *r, const char *id, const char *user) {
    struct session_order o = rig_words(SESSION_TICKET, id, user);
    snprintf(o.ticket, sizeof o.ticket, "%s", TICKET);
    return rig_ask(r, o);
}

static inline int rig_attach(struct rig *r, const char *id, const char *ticket) {
    struct session_order o = rig_words(SESSION_ATTACH, id, "");
    unsigned times = r->answer.times;
    snprintf(o.ticket, sizeof o.ticket, "%s", ticket);
    rig_order(r, o);
    assert_int_equal(r->answer.times, times + 1); /* at once */
    return r->answer.error.code;
}

static inline int rig_code(struct rig *r, uint32_t code) {
    return rig_ask(r, (struct session_order){.what = SESSION_CONSENT_CODE, .code = code});
}

/* From ready to active. */
static inline void rig_open(struct rig *r, const char *id) {
    assert_int_equal(rig_ticket(r, id, rig_session(r, id)->user), 0);
    assert_int_equal(rig_attach(r, id, TICKET), 0);
    assert_int_equal(rig_session(r, id)->state, SESSION_CONNECTING);
    rig_optin_session(&r->optin, true, r->now_ms);
    rig_report(r, id, SESSION_OPENED, SESSION_WHY_NONE);
    assert_int_equal(rig_session(r, id)->state, SESSION_ACTIVE);
}

/* Its device's side is closed at the firmware, too. */
static inline void rig_release(struct rig *r, const char *id) {
    rig_optin_session(&r->optin, false, r->now_ms);
    rig_report(r, id, SESSION_RELEASED, SESSION_WHY_NONE);
}

/* A session that is active, without consent. */
static inline struct rig *rig_active(enum redir_kind kind, const char *id, const char *user) {
    struct rig *r = rig_new();
    assert_int_equal(rig_start(r, kind, id, user), 0);
    rig_open(r, id);
    r->nlog = 0;
    return r;
}

static inline bool rig_found(struct rig *r, enum finding_id id, struct finding *out) {
    struct finding f[FINDING_COUNT];
    size_t n = diagnose(&r->h, &r->p, rig_now(r), f);
    bool bit = diagnose_bits(&r->h, &r->p, rig_now(r)) >> id & 1;
    for (size_t i = 0; i < n; i++)
        if (f[i].id == id) {
            *out = f[i];
            assert_true(bit);
            return true;
        }
    assert_false(bit);
    return false;
}
