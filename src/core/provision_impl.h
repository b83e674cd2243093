/* SPDX-License-Identifier: Apache-2.0 */
/* provision_impl: what the two files of the provisioning machine share. Not for other rooms. */
#pragma once

#include "core/provision_run.h"

struct prov_turn {
    struct prov_machine *m;
    const struct prov_rules *r;
    struct host_now now;
    struct prov_acts *out;
};

/* --- provision_run.c --- */
struct prov_act *prov_act(struct prov_turn *t, enum prov_act_kind kind);
void prov_say(struct prov_turn *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Submit a job of the step at hand. */
void prov_job(struct prov_turn *t, enum wsc_job_kind job, uint32_t arg);
void prov_login(struct prov_turn *t, enum prov_cred cred);
/* Write down, then go on with then. */
void prov_journal(struct prov_turn *t, unsigned bits, void (*then)(struct prov_turn *t));
void prov_set_state(struct prov_turn *t, enum prov_state s, enum prov_code code, const char *text,
                    const char *remedy);
/* The way broke, or the firmware gives no answer: it goes on when there is a way again. */
void prov_interrupted(struct prov_turn *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The firmware refused; tried again in another run, and failed after refusals_max. */
void prov_refused(struct prov_turn *t, enum prov_code code, const char *text, const char *remedy);
void prov_fail(struct prov_turn *t, enum prov_code code, const char *text, const char *remedy);
void prov_done(struct prov_turn *t, const char *text);
/* The local client is told that its part is over. */
void prov_finish_way(struct prov_turn *t, bool ok);

bool prov_rotates_amt(enum prov_goal g);
bool prov_rotates_cira(enum prov_goal g);

/* --- provision_steps.c --- */
/* Begin a step; its job's result comes to prov_step_result(). */
void prov_enter(struct prov_turn *t, enum prov_step s);
void prov_step_result(struct prov_turn *t, const struct wsc_result *r);
/* The firmware is free: its AMT and CIRA secrets are void, and it is done. */
void prov_release_seen(struct prov_turn *t);
/* CHECK and RELEASE look again. */
void prov_step_time(struct prov_turn *t);
/* The tunnel logged in (with the fresh secret), or went. */
void prov_step_link(struct prov_turn *t, bool up, bool by_next);
