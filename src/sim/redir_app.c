/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redir_app.h"

#include "sim/ider_side.h"
#include "sim/kvm_side.h"
#include "sim/sol_side.h"

#include <stdlib.h>

static bool host_on(const struct sim_node *n) {
    return !machine_state_sleeps(n->host.state);
}

/* --- SOL --- */

static void *app_sol_make(struct sim_node *n, struct mono now) {
    struct sol_side_config cfg = {.name = n->cfg.id.name,
                                  .host_on = host_on(n),
                                  .up_at = n->host.os_up_at,
                                  .mute = n->redir.no_getty,
                                  .strict = sim_fault_on(&n->faults, SIM_FAULT_SOL_STRICT),
                                  .empty_message = sim_fault_on(&n->faults, SIM_FAULT_SOL_EMPTY)};
    return sol_side_new(&cfg, now);
}
static void app_sol_free(void *app) {
    struct sol_side *s = app;
    sol_side_free(&s);
}
static int app_sol_input(void *app, struct slice in, struct mono now) {
    return sol_side_input(app, in, now);
}
static struct slice app_sol_output(void *app, struct mono now) {
    return sol_side_output(app, now);
}
static void app_sol_sent(void *app, size_t n_bytes) {
    sol_side_sent(app, n_bytes);
}
static struct mono app_sol_deadline(const void *app) {
    return sol_side_deadline(app);
}
static int app_sol_tick(void *app, struct mono now) {
    return sol_side_tick(app, now);
}
static void app_sol_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {
    sol_side_getty(app, !n->redir.no_getty);
    sol_side_strict(app, sim_fault_on(&n->faults, SIM_FAULT_SOL_STRICT));
    sol_side_power(app, host_on(n), boots, n->host.os_up_at, now);
}
static const char *app_sol_ended(const void *app) {
    return sol_side_finished(app) ? "the client ended it" : NULL;
}
static enum machine_action app_sol_wish(void *app) {
    return sol_side_wish(app);
}

/* --- KVM --- */

struct kvm_app {
    struct sim_kvm *kvm;
    bool host_on, still; /* as it was told last */
};

static void app_kvm_apply(struct kvm_app *a, const struct sim_node *n, struct mono now) {
    const struct node_kvm *k = &n->redir.kvm;
    if (k->w)
        sim_kvm_set_size(a->kvm, k->w, k->h);
    if (a->still != k->still)
        sim_kvm_animate(a->kvm, !k->still, now);
    a->still = k->still;
    for (int f = 0; f < SIM_KVM_FAULT_COUNT; f++)
        sim_kvm_fault(a->kvm, (enum sim_kvm_fault)f, (k->faults & (1u << f)) != 0);
}

static void *app_kvm_make(struct sim_node *n, struct mono now) {
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
    app_kvm_apply(a, n, now);
    return a;
}
static void app_kvm_free(void *app) {
    struct kvm_app *a = app;
    sim_kvm_free(&a->kvm);
    free(a);
}
static int app_kvm_input(void *app, struct slice in, struct mono now) {
    sim_kvm_input(((struct kvm_app *)app)->kvm, in, now);
    return 0;
}
static struct slice app_kvm_output(void *app, struct mono now) {
    return sim_kvm_output(((struct kvm_app *)app)->kvm);
}
static void app_kvm_sent(void *app, size_t n_bytes) {
    sim_kvm_sent(((struct kvm_app *)app)->kvm, n_bytes);
}
static struct mono app_kvm_deadline(const void *app) {
    return sim_kvm_deadline(((const struct kvm_app *)app)->kvm);
}
static int app_kvm_tick(void *app, struct mono now) {
    sim_kvm_tick(((struct kvm_app *)app)->kvm, now);
    return 0;
}
static void app_kvm_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {
    struct kvm_app *a = app;
    app_kvm_apply(a, n, now);
    if (a->host_on != host_on(n))
        sim_kvm_power(a->kvm, host_on(n), now);
    a->host_on = host_on(n);
}
static const char *app_kvm_ended(const void *app) {
    enum sim_kvm_end e = sim_kvm_ended(((const struct kvm_app *)app)->kvm);
    return e == SIM_KVM_END_NONE ? NULL : sim_kvm_end_text(e);
}

/* --- IDE-R --- */

struct ider_app {
    struct sim_ider *ider;
    bool over;
};

static void *app_ider_make(struct sim_node *n, struct mono now) {
    struct ider_app *a = calloc(1, sizeof *a);
    struct sim_ider_config cfg = SIM_IDER_DEFAULT;
    cfg.dma = n->redir.ider_dma;
    cfg.refuse_enable = sim_fault_on(&n->faults, SIM_FAULT_IDER_REFUSE);
    if (a)
        a->ider = sim_ider_new(&cfg, now);
    if (a && a->ider)
        return a;
    free(a);
    return NULL;
}
static void app_ider_free(void *app) {
    struct ider_app *a = app;
    sim_ider_free(&a->ider);
    free(a);
}
static int app_ider_input(void *app, struct slice in, struct mono now) {
    struct ider_app *a = app;
    int r = sim_ider_input(a->ider, &in, now);
    a->over = a->over || r == 1;
    return r;
}
static struct slice app_ider_output(void *app, struct mono now) {
    return sim_ider_output(((struct ider_app *)app)->ider);
}
static void app_ider_sent(void *app, size_t n_bytes) {
    sim_ider_sent(((struct ider_app *)app)->ider, n_bytes);
}
static struct mono app_ider_deadline(const void *app) {
    return sim_ider_deadline(((const struct ider_app *)app)->ider);
}
static int app_ider_tick(void *app, struct mono now) {
    return sim_ider_tick(((struct ider_app *)app)->ider, now);
}
static void app_ider_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {
    if (boots) /* ERR_BUSY, ERR_STATE: nothing to be told of it yet */
        (void)!sim_ider_reset(((struct ider_app *)app)->ider);
}
static const char *app_ider_ended(const void *app) {
    return ((const struct ider_app *)app)->over ? "the client ended it" : NULL;
}

struct sim_ider *redir_app_ider(void *app) {
    return ((struct ider_app *)app)->ider;
}

static const struct redir_app APPS[REDIR_KIND_COUNT] = {
    [REDIR_KVM] = {app_kvm_make, app_kvm_free, app_kvm_input, app_kvm_output, app_kvm_sent, app_kvm_deadline,
                   app_kvm_tick, app_kvm_changed, app_kvm_ended, NULL},
    [REDIR_IDER] = {app_ider_make, app_ider_free, app_ider_input, app_ider_output, app_ider_sent,
                    app_ider_deadline, app_ider_tick, app_ider_changed, app_ider_ended, NULL},
    [REDIR_SOL] = {app_sol_make, app_sol_free, app_sol_input, app_sol_output, app_sol_sent, app_sol_deadline,
                   app_sol_tick, app_sol_changed, app_sol_ended, app_sol_wish},
};

const struct redir_app *redir_app_find(enum redir_kind k) {
    return &APPS[k];
}
