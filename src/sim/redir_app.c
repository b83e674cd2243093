/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redir_app.h"

#include "sim/sol_side.h"

static bool host_on(const struct sim_node *n) {
    return !machine_state_sleeps(n->host.state);
}

/* --- SOL --- */

static void *sol_make(struct sim_node *n, struct mono now) {
    struct sol_side_config cfg = {.name = n->cfg.id.name,
                                  .host_on = host_on(n),
                                  .up_at = n->host.os_up_at,
                                  .mute = n->redir.no_getty,
                                  .strict = sim_fault_on(&n->faults, SIM_FAULT_SOL_STRICT),
                                  .empty_message = sim_fault_on(&n->faults, SIM_FAULT_SOL_EMPTY)};
    return sol_side_new(&cfg, now);
}
static void sol_free(void *app) {
    struct sol_side *s = app;
    sol_side_free(&s);
}
static int sol_input(void *app, struct slice in, struct mono now) {
    return sol_side_input(app, in, now);
}
static struct slice sol_output(void *app, struct mono now) {
    return sol_side_output(app, now);
}
static void sol_sent(void *app, size_t n_bytes) {
    sol_side_sent(app, n_bytes);
}
static struct mono sol_deadline(const void *app) {
    return sol_side_deadline(app);
}
static int sol_tick(void *app, struct mono now) {
    return sol_side_tick(app, now);
}
static void sol_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {
    sol_side_getty(app, !n->redir.no_getty);
    sol_side_strict(app, sim_fault_on(&n->faults, SIM_FAULT_SOL_STRICT));
    sol_side_power(app, host_on(n), boots, n->host.os_up_at, now);
}
static const char *sol_ended(const void *app) {
    return sol_side_finished(app) ? "the client ended it" : NULL;
}
static enum machine_action sol_wish(void *app) {
    return sol_side_wish(app);
}

static const struct redir_app APPS[REDIR_KIND_COUNT] = {
    [REDIR_SOL] = {sol_make, sol_free, sol_input, sol_output, sol_sent, sol_deadline, sol_tick, sol_changed,
                   sol_ended, sol_wish},
};

const struct redir_app *redir_app_find(enum redir_kind k) {
    return k < REDIR_KIND_COUNT && APPS[k].make ? &APPS[k] : NULL;
}
