/* SPDX-License-Identifier: Apache-2.0 */
/* host_impl: what the files of the host machine share. Not for other rooms. */
#pragma once

#include "core/host.h"

/* One call into the machine: the host, the rules, the time, and where actions go. */
struct turn {
    struct host *h;
    const struct host_policy *p;
    struct host_now now;
    struct actions *out;
};

/* Append an action; NULL when out of memory (out->failed is set). */
struct action *act(struct turn *t, enum action_kind kind);
void act_event(struct turn *t, enum host_event event, const char *fmt, ...) PRINTF_LIKE(3, 4);
void act_persist(struct turn *t, unsigned bits);
void act_read(struct turn *t, enum wsc_priority prio, uint32_t deadline_ms);
void act_reply(struct turn *t, uint64_t token, const struct errinfo *error, struct operation *op);

enum { INFO_EVERY_MS = 24 * 3600 * 1000 };

/* host_link.c */
void link_came_up(struct turn *t, const struct host_ev *ev);
void link_was_lost(struct turn *t, enum link_reason why);
void link_turn(struct turn *t);

/* host_observe.c */
void observe_result(struct turn *t, const struct wsc_result *r);
void poll_turn(struct turn *t);
/* The one writer of host.amt. mode UNKNOWN: not told. */
void amt_observed(struct turn *t, enum amt_state s, enum amt_control_mode mode, enum observe_source source);
/* The observation came over the present link, is settled and not older than max_age_ms. */
bool observation_fresh(const struct host *h, struct mono now, uint32_t max_age_ms);

/* host_command.c */
void command_came(struct turn *t, const struct host_command *c);
void journal_done(struct turn *t, int err);
/* Ask for a durable write; false when out of memory or when one is pending. */
bool journal_start(struct turn *t, const struct journal *j);
void journal_free(struct journal **j);

/* host_operate.c */
/* A finished operation becomes the last one; the one before stays readable until the next call. */
void operation_retire(struct host *h, struct operation *o);
void operation_free_gone(struct host *h);
void operation_turn(struct turn *t);
void operation_link_gone(struct turn *t);
void operation_power_read(struct turn *t, const struct wsc_result *r);
void operation_power_changed(struct turn *t, const struct wsc_result *r);
void operation_finish(struct turn *t, enum op_state s, enum op_code code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* May it still be taken back: nothing of it has gone to the firmware. */
bool operation_unsent(const struct operation *o);

/* host_session.c */
void session_order_came(struct turn *t, const struct session_order *o);
void session_reported(struct turn *t, const struct session_report *r);
void session_result(struct turn *t, const struct wsc_result *r);
/* why: of the link that is gone, or is replaced by the one that just came up. */
void session_link_gone(struct turn *t, enum link_reason why);
void session_turn(struct turn *t);
struct mono session_deadline(const struct host *h, const struct host_policy *p);
/* End every session whose device's side is open; what for, as people read it. */
void session_force(struct turn *t, enum session_reason why, const char *what);
/* It waits for the firmware's consent state only: nothing of its kind is open at the firmware any more. */
bool session_may_go_on(const struct host_sessions *hs, const struct session *s);
/* The consent state was read anew: an OPENING or CONSENT session goes on. */
void session_consent_known(struct turn *t, struct session *s);
/* It cannot be opened: whoever started it is told so. */
void session_refused(struct turn *t, struct session *s, enum session_reason why, const struct errinfo *ei);
void session_fini(struct host *h);
void session_free_gone(struct host *h);

/* host_consent.c */
/* Ask the firmware what is due, and answer the orders that waited. */
void consent_turn(struct turn *t);
struct mono consent_deadline(const struct host *h, const struct host_policy *p);
void consent_order(struct turn *t, const struct session_order *o);
void consent_result(struct turn *t, const struct wsc_result *r);
/* No answer will come any more: the link is gone. */
void consent_link_gone(struct turn *t, const struct errinfo *ei);

/* reconcile.c */
void reconcile_turn(struct turn *t);
/* A recovery was written down: it counts, and the next one waits longer. */
void reconcile_attempt(struct turn *t);
void reconcile_operation_ended(struct turn *t, const struct operation *o);
