/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redir_app.h"

#include "sim/kvm_side.h"
#include "sim/sol_side.h"

#include <stdlib.h>

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

/* --- KVM --- */

struct kvm_app {
    struct sim_kvm *kvm;
    bool host_on, still; /* as it was told last */
};

static void kvm_apply(struct kvm_app *a, const struct sim_node *n, struct mono now) {
    const struct node_kvm *k = &n->redir.kvm;
    if (k->w)
        sim_kvm_set_size(a->kvm, k->w, k->h);
    if (a->still != k->still)
        sim_kvm_animate(a->kvm, !k->still, now);
    a->still = k->still;
    for (int f = 0; f < SIM_KVM_FAULT_COUNT; f++)
        sim_kvm_fault(a->kvm, (enum sim_kvm_fault)f, (k->faults & (1u << f)) != 0);
}

static void *kvm_make(struct sim_node *n, struct mono now) {
    struct kvm_app *a = calloc(1, sizeof *a);
    struct sim_kvm_config cfg = SIM_KVM_CONFIG_DEFAULT;
    const struct node_kvm *k = &n->redir.kvm;
    if (!a)
        return NULL;
    if (k->w) {
        cfg.w = k->w;
        cfg.h = k->h;
    }
    cfg.name = n->cfg.id.name;
    cfg.rfb4 = n->cfg.profile == SIM_A11;
    cfg.zlib = n->cfg.profile != SIM_A11;
    cfg.padded = k->padded;
    cfg.host_off = !host_on(n);
    cfg.idle_ms = k->session_timeout_min * 60000u;
    cfg.faults = k->faults;
    a->host_on = host_on(n);
    a->kvm = sim_kvm_new(&cfg, now);
    if (!a->kvm) {
        free(a);
        return NULL;
    }
    kvm_apply(a, n, now);
    return a;
}
static void kvm_free(void *app) {
    struct kvm_app *a = app;
    sim_kvm_free(&a->kvm);
    free(a);
}
static int kvm_input(void *app, struct slice in, struct mono now) {
    sim_kvm_input(((struct kvm_app *)app)->kvm, in, now);
    return 0;
}
static struct slice kvm_output(void *app, struct mono now) {
    return sim_kvm_output(((struct kvm_app *)app)->kvm);
}
static void kvm_sent(void *app, size_t n_bytes) {
    sim_kvm_sent(((struct kvm_app *)app)->kvm, n_bytes);
}
static struct mono kvm_deadline(const void *app) {
    return sim_kvm_deadline(((const struct kvm_app *)app)->kvm);
}
static int kvm_tick(void *app, struct mono now) {
    sim_kvm_tick(((struct kvm_app *)app)->kvm, now);
    return 0;
}
static void kvm_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {
    struct kvm_app *a = app;
    kvm_apply(a, n, now);
    if (a->host_on != host_on(n))
        sim_kvm_power(a->kvm, host_on(n), now);
    a->host_on = host_on(n);
}
static const char *kvm_ended(const void *app) {
    enum sim_kvm_end e = sim_kvm_ended(((const struct kvm_app *)app)->kvm);
    return e == SIM_KVM_END_NONE ? NULL : sim_kvm_end_text(e);
}

static const struct redir_app APPS[REDIR_KIND_COUNT] = {
    [REDIR_KVM] = {kvm_make, kvm_free, kvm_input, kvm_output, kvm_sent, kvm_deadline, kvm_tick, kvm_changed,
                   kvm_ended, NULL},
    [REDIR_SOL] = {sol_make, sol_free, sol_input, sol_output, sol_sent, sol_deadline, sol_tick, sol_changed,
                   sol_ended, sol_wish},
};

const struct redir_app *redir_app_find(enum redir_kind k) {
    return k < REDIR_KIND_COUNT && APPS[k].make ? &APPS[k] : NULL;
}
