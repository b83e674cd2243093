/* SPDX-License-Identifier: Apache-2.0 */
/* session_impl: what the files of the host's sessions share. host_session.c: telling and ending; _order:
 * doors; _report: the glue and the link; _clock: time. Not for other rooms. */
#pragma once

#include "core/host_impl.h"

/* --- host_session.c --- */
/* A viewer's stream is there, or on its way. */
bool session_attached(const struct session *s);
void session_reply(struct turn *t, uint64_t token, const struct errinfo *ei, struct session *s);
void session_note_to(struct turn *t, struct session *s, enum session_note kind, uint32_t n, const char *text);
/* Answer the order that waits for s, if any. */
void session_answer(struct turn *t, struct session *s, const struct errinfo *ei);
/* text "": the reason's own sentence. */
void session_end_now(struct turn *t, struct session *s, enum session_reason why, const char *text);
void session_interrupt(struct turn *t, struct session *s, enum session_reason why, const char *text);
/* One of the two, as the reason and the state allow. */
void session_leave(struct turn *t, struct session *s, enum session_reason why, const char *text);

/* --- host_session_order.c --- */
void session_answer_when_known(struct turn *t, struct session *s);

/* --- host_session_report.c --- */
/* The operation that waits for sessions, NULL when none. */
const struct operation *session_queued_op(const struct host *h);
void session_note_queued(struct turn *t, struct session *s);
