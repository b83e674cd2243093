/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/step_fault.h"

static const struct {
    const char *name, *cls, *method;
    int op;
} STEPS[] = {
#define S(name, cls, method, op) {name, cls, method, op},
    SIM_STEP_TABLE(S)
#undef S
};
static const char *const NAMES[] = {[SIM_STEP_NONE] = "",
#define K(name, text, help) [SIM_STEP_##name] = text,
                                    SIM_STEP_FAULT_TABLE(K)
#undef K
};

const char *sim_step_fault_name(enum sim_step_fault_kind k) {
    return NAMES[k];
}

const char *sim_step_name(size_t i) {
    return i < sizeof STEPS / sizeof STEPS[0] ? STEPS[i].name : NULL;
}

bool sim_step_is(struct slice step, const struct wsman_msg *rq) {
    const char *cls = wsman_class_name(rq->cls);
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
        if (slice_is(step, STEPS[i].name))
            return (!*STEPS[i].cls || strcmp(cls, STEPS[i].cls) == 0) &&
                   (!*STEPS[i].method || slice_is(rq->method, STEPS[i].method)) &&
                   (STEPS[i].op < 0 || rq->op == (enum wsman_op)STEPS[i].op);
    if (slice_is(step, cls) || (rq->method.n && slice_eq(step, rq->method)))
        return true;
    struct slice method = step, head = slice_cut(&method, '.');
    return method.n && slice_is(head, cls) && slice_eq(method, rq->method);
}

enum sim_step_fault_kind sim_step_fault_take(struct sim_step_fault *f, const struct wsman_msg *rq) {
    enum sim_step_fault_kind kind = (enum sim_step_fault_kind)f->kind;
    if (kind == SIM_STEP_NONE || !sim_step_is(slice_str(f->step), rq))
        return SIM_STEP_NONE;
    if (f->times && --f->times == 0)
        f->kind = SIM_STEP_NONE;
    return kind;
}
