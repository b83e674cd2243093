/* SPDX-License-Identifier: Apache-2.0 */
/* provision_impl: what the files of the provisioning machine share. Not for other rooms. */
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

/* --- provision_login.c: READ, LOGIN, ADMIN --- */
void prov_begin_read(struct prov_turn *t);
void prov_on_read(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_login(struct prov_turn *t);
void prov_on_login(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_admin(struct prov_turn *t);
void prov_on_admin(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_admin_check(struct prov_turn *t);
void prov_on_admin_check(struct prov_turn *t, const struct wsc_result *r);
/* The firmware is set up, and m->cred logged in: what is next for an activation. */
void prov_set_up_seen(struct prov_turn *t);

/* --- provision_setup.c: STORE, CHAIN, SETUP, CHECK --- */
/* The set-up from its first step: may it be, and are its secrets written down? */
void prov_set_up(struct prov_turn *t);
void prov_begin_chain(struct prov_turn *t);
void prov_on_chain(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_setup(struct prov_turn *t);
void prov_on_setup(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_check(struct prov_turn *t);
void prov_on_check(struct prov_turn *t, const struct wsc_result *r);

/* --- provision_config.c: each of these steps may be repeated --- */
/* The first step of the configuration. */
void prov_configure(struct prov_turn *t);
/* The AMT password of a rotation is the firmware's. */
void prov_rotated_amt(struct prov_turn *t);
void prov_begin_plain(struct prov_turn *t);
void prov_on_plain(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_mebx(struct prov_turn *t);
void prov_on_mebx(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_cira(struct prov_turn *t);
void prov_on_cira(struct prov_turn *t, const struct wsc_result *r);
void prov_begin_connect(struct prov_turn *t);
/* The tunnel logged in, which was written down. */
void prov_connected(struct prov_turn *t);

/* --- provision_steps.c --- */
#define PROV_GET_OUT                                                                                         \
    "In client control mode deactivate it at the node: rpc deactivate --local. In admin control mode the "   \
    "old password is needed, or unprovision it in MEBx."
/* An answer that did not come is nobody's refusal. */
bool prov_no_answer(const struct wsc_result *r);
/* Why it failed, or was refused; into out, which is returned. */
const char *prov_why(const struct wsc_result *r, char *out, size_t cap);
void prov_broke_off(struct prov_turn *t, const struct wsc_result *r);
/* Begin a step; its job's result comes to prov_step_result(). */
void prov_enter(struct prov_turn *t, enum prov_step s);
void prov_step_result(struct prov_turn *t, const struct wsc_result *r);
/* The firmware is free: its AMT and CIRA secrets are void, and it is done. */
void prov_release_seen(struct prov_turn *t);
/* CHECK and RELEASE look again. */
void prov_step_time(struct prov_turn *t);
/* The tunnel logged in (with the fresh secret), or went. */
void prov_step_link(struct prov_turn *t, bool up, bool by_next);
