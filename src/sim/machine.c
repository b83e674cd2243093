/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/machine.h"

#include <assert.h>
#include <stdlib.h>

#define BIT(s) (1u << MACHINE_##s)
enum { AWAKE = BIT(S0) | BIT(MS), ASLEEP = BIT(S3) | BIT(S4) | BIT(S5) };
/* DMTF return values of RequestPowerStateChange (reference 3.6) */
enum { RV_OK = 0, RV_UNSUPPORTED = 1, RV_ERROR = 2, RV_PARAMETER = 5, RV_TRANSITION = 4097, RV_BUSY = 4099 };

static const struct {
    const char *name;
    uint8_t cim;
    bool sleeps;
} STATES[] = {
#define H(name, cim, sleeps) {#name, cim, sleeps},
    MACHINE_STATE_TABLE(H)
#undef H
};

static const char *const ACTION_NAMES[] = {
#define A(name, text) text,
    MACHINE_ACTION_TABLE(A)
#undef A
};

const char *machine_state_name(enum machine_state s) {
    return STATES[s].name;
}
uint8_t machine_state_cim(enum machine_state s) {
    return STATES[s].cim;
}
bool machine_state_sleeps(enum machine_state s) {
    return STATES[s].sleeps;
}
const char *machine_action_name(enum machine_action a) {
    return ACTION_NAMES[a];
}

/* How an action goes on: up to two steps, each after a delay. */
enum delay { D_NOW, D_TRANSITION, D_CYCLE, D_OS };
struct step {
    enum delay delay;
    enum machine_state to;
    bool boots;
};
static const struct {
    uint8_t from; /* states in which a person or the operating system can do it */
    bool needs_os;
    uint8_t nsteps;
    struct step steps[2];
} ACTIONS[] = {
    [MACHINE_ACT_NONE] = {.nsteps = 0},
    [MACHINE_ACT_POWER_ON] = {BIT(S4) | BIT(S5), false, 1, {{D_TRANSITION, MACHINE_S0, true}}},
    [MACHINE_ACT_RESUME] = {BIT(S3), false, 1, {{D_TRANSITION, MACHINE_S0, false}}},
    [MACHINE_ACT_POWER_OFF] = {AWAKE | BIT(S3) | BIT(S4), false, 1, {{D_TRANSITION, MACHINE_S5, false}}},
    [MACHINE_ACT_CYCLE] = {AWAKE | BIT(S3),
                           false,
                           2,
                           {{D_TRANSITION, MACHINE_S5, false}, {D_CYCLE, MACHINE_S0, true}}},
    [MACHINE_ACT_RESET] = {AWAKE, false, 1, {{D_TRANSITION, MACHINE_S0, true}}},
    [MACHINE_ACT_NMI] = {AWAKE, false, 1, {{D_NOW, MACHINE_STATE_COUNT, false}}},
    [MACHINE_ACT_SLEEP] = {BIT(S0), true, 1, {{D_OS, MACHINE_S3, false}}},
    [MACHINE_ACT_HIBERNATE] = {BIT(S0), true, 1, {{D_OS, MACHINE_S4, false}}},
    [MACHINE_ACT_SHUTDOWN] = {AWAKE, true, 1, {{D_OS, MACHINE_S5, false}}},
    [MACHINE_ACT_RESTART] = {AWAKE, true, 1, {{D_OS, MACHINE_S0, true}}},
    [MACHINE_ACT_STANDBY] = {BIT(S0), true, 1, {{D_TRANSITION, MACHINE_MS, false}}},
    [MACHINE_ACT_WAKE] = {BIT(MS), true, 1, {{D_TRANSITION, MACHINE_S0, false}}},
    [MACHINE_ACT_CUT] = {AWAKE | ASLEEP, false, 1, {{D_NOW, MACHINE_G3, false}}},
    [MACHINE_ACT_RESTORE] = {BIT(G3), false, 1, {{D_NOW, MACHINE_S5, false}}},
};
_Static_assert(sizeof ACTIONS / sizeof ACTIONS[0] == MACHINE_ACT_COUNT, "one row an action");

/* What firmware does with a requested CIM code (5.2). The first row that matches decides. */
static const struct {
    uint8_t code, from;
    enum machine_action action; /* NONE: rv is the answer */
    uint16_t rv;
} RULES[] = {
    {2, AWAKE, MACHINE_ACT_NONE, RV_OK},
    {2, BIT(S3), MACHINE_ACT_RESUME, RV_OK},
    {2, BIT(S4) | BIT(S5), MACHINE_ACT_POWER_ON, RV_OK},
    {5, AWAKE | BIT(S3), MACHINE_ACT_CYCLE, RV_OK},
    {5, ASLEEP, MACHINE_ACT_NONE, RV_TRANSITION},
    {8, AWAKE | BIT(S3) | BIT(S4), MACHINE_ACT_POWER_OFF, RV_OK},
    {8, ASLEEP, MACHINE_ACT_NONE, RV_TRANSITION},
    {10, AWAKE, MACHINE_ACT_RESET, RV_OK},
    {10, ASLEEP, MACHINE_ACT_NONE, RV_TRANSITION},
    {11, AWAKE, MACHINE_ACT_NMI, RV_OK},
    {11, ASLEEP, MACHINE_ACT_NONE, RV_TRANSITION},
    {4, BIT(S0), MACHINE_ACT_SLEEP, RV_OK},
    {7, BIT(S0), MACHINE_ACT_HIBERNATE, RV_OK},
    {12, AWAKE, MACHINE_ACT_SHUTDOWN, RV_OK},
    {14, AWAKE, MACHINE_ACT_RESTART, RV_OK},
    {4, 0xff, MACHINE_ACT_NONE, RV_ERROR},
    {7, 0xff, MACHINE_ACT_NONE, RV_ERROR},
    {12, 0xff, MACHINE_ACT_NONE, RV_ERROR},
    {14, 0xff, MACHINE_ACT_NONE, RV_ERROR},
    {3, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
    {6, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
    {9, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
    {13, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
    {15, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
    {16, 0xff, MACHINE_ACT_NONE, RV_UNSUPPORTED},
};

void machine_init(struct machine *h, enum machine_state state, struct mono now) {
    *h = (struct machine){.before_cut = state, .step_at = MONO_NEVER, .os_up_at = now};
    h->state = state;
}

void machine_done(struct machine *h) {
    free(h->records);
    h->records = NULL;
    h->nrecords = 0;
}

static void record(struct machine *h, enum machine_state from, struct mono now) {
    h->done[h->doing]++;
    if (h->doing_remote)
        h->done_remote[h->doing]++;
    if (!h->records)
        h->records = calloc(MACHINE_RECORDS, sizeof *h->records);
    if (!h->records)
        return;
    h->records[h->nrecords++ % MACHINE_RECORDS] = (struct machine_record){.at = now,
                                                                          .action = (uint8_t)h->doing,
                                                                          .from = (uint8_t)from,
                                                                          .to = (uint8_t)h->state,
                                                                          .remote = h->doing_remote};
}

const struct machine_record *machine_record(const struct machine *h, uint32_t i) {
    uint32_t kept = h->nrecords < MACHINE_RECORDS ? h->nrecords : MACHINE_RECORDS;
    if (!h->records || i >= kept)
        return NULL;
    return &h->records[(h->nrecords - 1 - i) % MACHINE_RECORDS];
}

static void machine_set_state(struct machine *h, enum machine_state s, bool boots,
                              const struct machine_times *t, struct mono now) {
    bool was_off = machine_state_sleeps(h->state);
    if (boots)
        h->previous_sx = h->state == MACHINE_S4 ? 4 : h->state == MACHINE_S5 ? 5 : 0;
    if (s == MACHINE_G3)
        h->before_cut = h->state;
    h->state = s;
    if (boots)
        h->os_up_at = mono_add_ms(now, t->post_ms);
    else if (was_off && s == MACHINE_S0) /* resume: the operating system is back with the state */
        h->os_up_at = now;
}

static struct mono step_time(enum delay d, const struct machine_times *t, struct mono now) {
    switch (d) {
    case D_TRANSITION:
        return mono_add_ms(now, t->transition_ms);
    case D_CYCLE:
        return mono_add_ms(now, t->cycle_ms);
    case D_OS:
        return mono_add_ms(now, t->os_ms);
    case D_NOW:
        break;
    }
    return now;
}

static void begin(struct machine *h, enum machine_action a, bool remote, const struct machine_times *t,
                  struct mono now) {
    if (a == MACHINE_ACT_SLEEP && h->modern)
        a = MACHINE_ACT_STANDBY;
    h->doing = a;
    h->doing_remote = remote;
    h->step = 0;
    h->step_at = step_time(ACTIONS[a].steps[0].delay, t, now);
}

static bool is_os_action(enum machine_action a) {
    return ACTIONS[a].needs_os;
}

uint32_t machine_request(struct machine *h, uint32_t code, const struct machine_times *t, struct mono now) {
    h->requests++;
    uint32_t rv = RV_PARAMETER;
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        if (RULES[i].code != code || !(RULES[i].from & (1u << h->state)))
            continue;
        rv = RULES[i].rv;
        if (RULES[i].action == MACHINE_ACT_NONE)
            break;
        if (!mono_is_never(h->step_at)) {
            rv = RV_BUSY;
        } else if (is_os_action(RULES[i].action) && (!h->lms || !machine_os_up(h, now))) {
            rv = RV_ERROR;
        } else if (RULES[i].action == MACHINE_ACT_SLEEP && h->modern) {
            rv = RV_ERROR; /* S3 requests are refused where only Modern Standby exists (5.3) */
        } else if (h->blocks_off && (code == 5 || code == 8)) {
            h->blocked++;
            rv = h->queue_blocked ? RV_OK : RV_TRANSITION;
            if (h->queue_blocked)
                h->queued = (uint8_t)code;
        } else {
            begin(h, RULES[i].action, true, t, now);
        }
        break;
    }
    if (rv != RV_OK)
        h->refused++;
    return rv;
}

uint32_t machine_request_os_saving(struct machine *h, uint32_t state, const struct machine_times *t,
                                   struct mono now) {
    if (state != 2 && state != 3)
        return RV_PARAMETER;
    if (!h->modern)
        return RV_UNSUPPORTED;
    if (!mono_is_never(h->step_at))
        return RV_BUSY;
    if (!(AWAKE & (1u << h->state)))
        return RV_TRANSITION;
    if (state == 2 && h->state == MACHINE_MS)
        begin(h, MACHINE_ACT_WAKE, true, t, now);
    if (state == 3 && h->state == MACHINE_S0)
        begin(h, MACHINE_ACT_STANDBY, true, t, now);
    return RV_OK;
}

int machine_local(struct machine *h, enum machine_action a, const struct machine_times *t, struct mono now) {
    if (!(ACTIONS[a].from & (1u << h->state)))
        return ERR_STATE;
    if (a != MACHINE_ACT_CUT && a != MACHINE_ACT_RESTORE) {
        if (!mono_is_never(h->step_at))
            return ERR_BUSY;
        if (is_os_action(a) && !machine_os_up(h, now))
            return ERR_STATE;
    }
    if (a == MACHINE_ACT_STANDBY && !h->modern)
        return ERR_STATE;
    begin(h, a, false, t, now);
    return 0;
}

int machine_button(struct machine *h, const struct machine_times *t, struct mono now) {
    switch (h->state) {
    case MACHINE_S0:
        return machine_local(h, machine_os_up(h, now) ? MACHINE_ACT_SHUTDOWN : MACHINE_ACT_POWER_OFF, t, now);
    case MACHINE_MS:
        return machine_local(h, MACHINE_ACT_WAKE, t, now);
    case MACHINE_S3:
        return machine_local(h, MACHINE_ACT_RESUME, t, now);
    case MACHINE_S4:
    case MACHINE_S5:
        return machine_local(h, MACHINE_ACT_POWER_ON, t, now);
    case MACHINE_G3:
    case MACHINE_STATE_COUNT:
        break;
    }
    return ERR_STATE;
}

void machine_set_session(struct machine *h, bool active, const struct machine_times *t, struct mono now) {
    h->blocks_off = active;
    if (active || !h->queued)
        return;
    uint8_t code = h->queued;
    h->queued = 0;
    h->requests--; /* counted when it came */
    (void)machine_request(h, code, t, now);
}

struct mono machine_deadline(const struct machine *h) {
    return h->step_at;
}

/* After power loss BIOS decides: last state, on, or off. */
static void after_restore(struct machine *h, const struct machine_times *t, struct mono now) {
    bool was_on = h->before_cut == MACHINE_S0 || h->before_cut == MACHINE_MS;
    if (h->after_loss == MACHINE_LOSS_ON || (h->after_loss == MACHINE_LOSS_LAST && was_on))
        begin(h, MACHINE_ACT_POWER_ON, false, t, now);
}

unsigned machine_tick(struct machine *h, const struct machine_times *t, struct mono now) {
    unsigned did = 0;
    while (!mono_is_never(h->step_at) && mono_due(h->step_at, now)) {
        const struct step *s = &ACTIONS[h->doing].steps[h->step];
        enum machine_state from = h->state;
        if (s->to != MACHINE_STATE_COUNT) {
            machine_set_state(h, s->to, s->boots, t, now);
            did |= from != h->state ? MACHINE_DID_CHANGE : 0u;
            did |= s->boots ? MACHINE_DID_BOOT : 0u;
        }
        if (h->step == 0)
            record(h, from, now);
        enum machine_action done = h->doing;
        if (++h->step < ACTIONS[done].nsteps) {
            h->step_at = step_time(ACTIONS[done].steps[h->step].delay, t, now);
            continue;
        }
        h->step_at = MONO_NEVER;
        h->doing = MACHINE_ACT_NONE;
        if (done == MACHINE_ACT_RESTORE)
            after_restore(h, t, now);
    }
    return did;
}

bool machine_os_up(const struct machine *h, struct mono now) {
    return (AWAKE & (1u << h->state)) && mono_due(h->os_up_at, now);
}

size_t machine_available(const struct machine *h, struct mono now, uint8_t *out) {
    /* order as firmware writes it (4.1) */
    static const uint8_t ON[] = {10, 8, 5, 11}, ON_OS[] = {4, 7, 14, 12}, MS_OS[] = {14, 12};
    size_t n = 0;
    if (AWAKE & (1u << h->state)) {
        for (size_t i = 0; i < sizeof ON; i++)
            out[n++] = ON[i];
        if (h->lms && machine_os_up(h, now)) {
            bool plain = h->state == MACHINE_S0 && !h->modern;
            const uint8_t *more = plain ? ON_OS : MS_OS;
            for (size_t i = 0; i < (plain ? sizeof ON_OS : sizeof MS_OS); i++)
                out[n++] = more[i];
        }
        return n;
    }
    out[n++] = 2;
    if (h->state == MACHINE_S3 || h->state == MACHINE_S4)
        out[n++] = 8;
    return n;
}

uint8_t machine_os_saving(const struct machine *h) {
    if (!(AWAKE & (1u << h->state)))
        return 0;
    if (!h->modern)
        return 1;
    return h->state == MACHINE_MS ? 3 : 2;
}
