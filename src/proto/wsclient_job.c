/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of a wsclient as tables of requests: what each step asks, what its answer means, and where to go
 * on when the device does not know the class. Source: reference protocol-cira-wsman 4.1, 4.6, 6. */
#include "proto/wsclient_int.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- POWER_READ --- */

static uint8_t on_power(struct wsc_job *job, const struct wsman_msg *m) {
    if (amt_decode_power(m, &job->power) != 0 || job->power.state == 0)
        return WSC_STEP_NO_SENSE;
    return WSC_STEP_DONE;
}

static const struct wsc_step POWER_READ[] = {
    WSC_GET(CIM_AssociatedPowerManagementService, on_power, NULL),
};
const struct wsc_plan WSC_PLAN_POWER_READ = WSC_PLAN(POWER_READ);

/* --- INFO_READ: the device card, class by class (6.3) --- */

static uint8_t on_info(struct wsc_job *job, const struct wsman_msg *m);

static uint8_t next_class(struct wsc_job *job) {
    return (uint8_t)(job->step + 1);
}

#define GET(cls)       WSC_GET(cls, on_info, next_class)
#define ENUMERATE(cls) WSC_ENUMERATE(cls, on_info, next_class)
static const struct wsc_step INFO_READ[] = {
    ENUMERATE(CIM_SoftwareIdentity),
    GET(AMT_GeneralSettings),
    GET(AMT_SetupAndConfigurationService),
    GET(IPS_HostBasedSetupService),
    GET(CIM_ComputerSystemPackage),
    GET(CIM_Chassis),
    GET(CIM_BIOSElement),
    GET(IPS_PowerManagementService),
    GET(IPS_OptInService),
    GET(AMT_RedirectionService),
    GET(CIM_KVMRedirectionSAP),
    ENUMERATE(CIM_ElementSettingData), /* before the schemes: it says which one is active */
    ENUMERATE(AMT_SystemPowerScheme),
};
#undef GET
#undef ENUMERATE
const struct wsc_plan WSC_PLAN_INFO_READ = WSC_PLAN(INFO_READ);

/* A class that answers with something else is passed over. */
static bool take_info(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_card *card = wsc_card_of(job);
    if (card && instance && amt_decode_info(m, instance, &card->info) == 0 && job->answered < UINT16_MAX)
        job->answered++;
    return card != NULL;
}

static uint8_t on_info(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, take_info, next_class);
}

/* --- POWER_CHANGE (4.1, 4.6) --- */

enum { READ_SAVING, WAKE_OS, READ_BOOT, CLEAR_ORDER, CLEAR_BOOT, REQUEST };

static uint8_t to_read_boot(struct wsc_job *job) {
    return READ_BOOT;
}

static uint8_t to_request(struct wsc_job *job) {
    return REQUEST;
}

static uint8_t to_clear_boot(struct wsc_job *job) {
    return CLEAR_BOOT;
}

/* Options that could not be cleared are a nuisance; those that erase something must not meet a boot. */
static uint8_t not_cleared(struct wsc_job *job) {
    return job->destructive ? WSC_STEP_FAULT : REQUEST;
}

static uint8_t on_saving(struct wsc_job *job, const struct wsman_msg *m) {
    struct amt_info info = {0};
    bool told = amt_decode_info(m, wsman_first_instance(m), &info) == 0;
    return told && info.os_saving == AMT_OS_SAVING ? WAKE_OS : READ_BOOT;
}

static int put_wake(const struct wsc_job *job, struct buf *out) {
    return amt_put_os_saving_request(out, AMT_OS_FULL);
}

static uint8_t on_wake(struct wsc_job *job, const struct wsman_msg *m) {
    return READ_BOOT;
}

static uint8_t on_boot(struct wsc_job *job, const struct wsman_msg *m) {
    struct amt_boot boot;
    if (amt_decode_boot(m, &boot) != 0 || !boot.options_set)
        return REQUEST;
    job->destructive = boot.destructive;
    buf_free(&job->body);
    return amt_put_boot_cleared(&job->body, m) == 0 ? CLEAR_ORDER : WSC_STEP_NOMEM;
}

static int put_order(const struct wsc_job *job, struct buf *out) {
    return amt_put_clear_boot_order(out);
}

static uint8_t on_order(struct wsc_job *job, const struct wsman_msg *m) {
    return CLEAR_BOOT;
}

static uint8_t on_cleared(struct wsc_job *job, const struct wsman_msg *m) {
    return REQUEST;
}

static int put_power(const struct wsc_job *job, struct buf *out) {
    return amt_put_power_request(out, (uint8_t)job->arg);
}

static uint8_t on_requested(struct wsc_job *job, const struct wsman_msg *m) {
    enum { JOB_STARTED = 4096 };
    job->return_value = amt_return_value(m);
    if (job->return_value < 0)
        return WSC_STEP_NO_SENSE;
    job->maybe_sent = false;
    return job->return_value == 0 || job->return_value == JOB_STARTED ? WSC_STEP_DONE : WSC_STEP_REFUSED;
}

static const struct wsc_step POWER_CHANGE[] = {
    [READ_SAVING] = WSC_GET(IPS_PowerManagementService, on_saving, to_read_boot),
    [WAKE_OS] = WSC_CALL(IPS_PowerManagementService, "RequestOSPowerSavingStateChange", put_wake, on_wake,
                         to_read_boot),
    [READ_BOOT] = WSC_GET(AMT_BootSettingData, on_boot, to_request),
    [CLEAR_ORDER] = WSC_CALL(CIM_BootConfigSetting, "ChangeBootOrder", put_order, on_order, to_clear_boot),
    [CLEAR_BOOT] = WSC_PUT(AMT_BootSettingData, wsc_put_body, on_cleared, not_cleared),
    [REQUEST] =
        WSC_CALL_ONCE(CIM_PowerManagementService, "RequestPowerStateChange", put_power, on_requested, NULL),
};
const struct wsc_plan WSC_PLAN_POWER_CHANGE = WSC_PLAN(POWER_CHANGE);

/* --- the table of kinds --- */

static const struct {
    const struct wsc_plan *plan;
    bool safe;
    uint32_t deadline_ms;
} KINDS[] = {
#define J(name, is_safe, ms) [WSC_##name] = {&WSC_PLAN_##name, is_safe, ms},
    WSC_JOB_TABLE(J)
#undef J
};

bool wsc_kind_safe(enum wsc_job_kind kind) {
    assert(kind < WSC_JOB_COUNT);
    return KINDS[kind].safe;
}

uint32_t wsc_kind_deadline_ms(enum wsc_job_kind kind) {
    return KINDS[kind].deadline_ms;
}

uint8_t wsc_first_step(enum wsc_job_kind kind, uint32_t arg) {
    enum { ON = 2, CYCLE = 5, RESET = 10 };
    if (kind != WSC_POWER_CHANGE || arg == ON)
        return 0;
    return arg == CYCLE || arg == RESET ? READ_BOOT : REQUEST;
}

static const struct wsc_step *step_of(const struct wsc_job *job) {
    assert(job->step < KINDS[job->kind].plan->n);
    return &KINDS[job->kind].plan->steps[job->step];
}

const char *wsc_method_of(const struct wsc_job *job) {
    return step_of(job)->method;
}

bool wsc_step_safe(const struct wsc_job *job) {
    return !step_of(job)->unsafe;
}

int wsc_put_step(const struct wsc_job *job, struct buf *out) {
    const struct wsc_step *s = step_of(job);
    struct buf body = {0}, selectors = {0};
    const struct wsman_selector by_key[] = {{s->key, s->key && !s->value ? wsc_name_first(job) : s->value},
                                            {NULL, NULL}};
    struct wsman_request rq = {.op = s->op, .cls = s->cls, .method = s->method, .selectors = by_key};
    if (job->context.len) {
        rq.op = WSMAN_PULL;
        rq.enum_context = buf_slice(&job->context);
    }
    if (job->work && s->put_body) {
        buf_room(&body, WSC_SECRET_ROOM);
        buf_room(out, WSC_SECRET_ROOM);
    }
    int err = s->put_body ? s->put_body(job, &body) : 0;
    if (err == 0 && s->put_selectors)
        err = s->put_selectors(job, &selectors);
    rq.body = buf_slice(&body);
    rq.epr_selectors = buf_slice(&selectors);
    if (err == 0)
        err = wsman_put_request(out, &rq, job->message_id);
    buf_wipe(&body);
    buf_free(&selectors);
    return err;
}

/* A context may be used up by the Pull whose answer was lost: the enumeration begins anew. After a 401 that
 * costs one request more than needed. */
void wsc_step_again(struct wsc_job *job) {
    buf_free(&job->context);
}

int wsc_put_params(const struct wsc_job *job, struct buf *out, const struct wsc_param *params, size_t n) {
    const struct wsc_step *s = step_of(job);
    amt_put_input(out, s->cls, s->method);
    for (size_t i = 0; i < n; i++)
        if (params[i].value)
            wsman_put_element(out, "p", params[i].name, slice_str(params[i].value));
    return buf_putf(out, "</p:%s_INPUT>", s->method);
}

/* --- answers --- */

struct wsc_card *wsc_card_of(struct wsc_job *job) {
    if (!job->card && (job->card = calloc(1, sizeof *job->card)))
        job->card->refs = 1;
    return job->card;
}

uint8_t wsc_walk(struct wsc_job *job, const struct wsman_msg *m,
                 bool (*each)(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance),
                 uint8_t (*after)(struct wsc_job *job)) {
    bool pull = job->context.len > 0;
    bool enumerate = step_of(job)->op == WSMAN_ENUMERATE && !pull;
    if (!pull)
        job->pulls = job->instances = 0;
    bool ok = pull || each(job, m, 0);
    for (uint32_t i = enumerate ? 0 : wsman_first_instance(m); ok && i && job->instances < WSC_INSTANCES_MAX;
         i = m->nodes[i].next_sibling) {
        job->instances++;
        ok = each(job, m, i);
    }
    struct slice context = enumerate || pull ? wsman_enum_context(m) : SLICE_EMPTY;
    bool more = context.n && job->instances < WSC_INSTANCES_MAX && job->pulls++ < WSC_PULLS_MAX;
    buf_clear(&job->context);
    if (ok && more)
        return buf_put(&job->context, context) == 0 ? job->step : WSC_STEP_NOMEM;
    buf_free(&job->context);
    return ok ? after(job) : WSC_STEP_NOMEM;
}

/* ERR_… and a sentence when the answer is none to our request. */
static int check_answer(const struct wsc_job *job, const struct wsc_answer *a, char *why, size_t cap) {
    const struct wsman_msg *m = a->msg;
    uint64_t id = 0;
    if (a->err == ERR_NOMEM || a->err == ERR_LIMIT) {
        snprintf(why, cap, "%s", a->err == ERR_LIMIT ? a->why : err_text(a->err));
        return a->err;
    }
    if (!m && (a->status == 400 || a->status == 500)) {
        snprintf(why, cap, "the firmware refused the request (HTTP %d without a fault)", a->status);
        return ERR_FAULT;
    }
    if (!m && a->status != 200)
        snprintf(why, cap, "the firmware answered HTTP %d", a->status);
    else if (!m)
        snprintf(why, cap, "the answer is %s%.90s", a->err ? "no XML we can read: " : "empty", a->why);
    else if ((m->relates_to.n || !m->is_fault) &&
             !(slice_to_u64(m->relates_to, UINT64_MAX, &id) && id == job->message_id))
        snprintf(why, cap, "the answer belongs to another request");
    else if (!m->is_fault && a->status != 200)
        snprintf(why, cap, "the firmware answered HTTP %d", a->status);
    else
        return 0;
    return ERR_PROTO;
}

/* "DestinationUnreachable: No route can be …" */
static void keep_fault(struct wsc_job *job, const struct wsman_msg *m) {
    char code[48], text[72];
    text_clean(code, sizeof code, m->fault_subcode);
    text_clean(text, sizeof text, m->fault_detail.n ? m->fault_detail : m->fault_text);
    snprintf(job->fault, sizeof job->fault, "%s: %s", code[0] ? code : "fault", text);
}

bool wsc_fault_is(const struct wsc_job *job, const char *subcode) {
    size_t n = strlen(subcode);
    return strncmp(job->fault, subcode, n) == 0 && job->fault[n] == ':';
}

/* What the step at hand asks, in words: "AddMpServer" or the class. */
static const char *step_name(const struct wsc_job *job) {
    const struct wsc_step *s = step_of(job);
    return s->method ? s->method : wsman_class_name(s->cls);
}

static void finish(struct wsclient *c, struct wsc_job *job, uint8_t next, struct mono now) {
    switch (next) {
    case WSC_STEP_DONE:
        if (job->work && job->return_value < 0) /* a plan without methods */
            job->return_value = 0;
        wsc_job_done(c, job, now);
        break;
    case WSC_STEP_FAULT:
        wsc_job_failed(c, job, now, ERR_FAULT, "the firmware answered with a fault: %s%s%s%s", job->fault,
                       job->work ? " (" : "", job->work ? step_name(job) : "", job->work ? ")" : "");
        break;
    case WSC_STEP_REFUSED:
        wsc_job_failed(c, job, now, ERR_REFUSED, "the firmware refused (%lld): %s",
                       (long long)job->return_value, amt_power_return_text(job->return_value));
        break;
    case WSC_STEP_NOMEM:
        wsc_job_failed(c, job, now, ERR_NOMEM, "out of memory");
        break;
    default:
        wsc_job_failed(c, job, now, ERR_PROTO, "the answer does not hold what was asked for");
    }
}

/* All steps are through. A device that knows none of the card's classes has not told anything. */
static uint8_t at_end(const struct wsc_job *job) {
    if (job->work || job->answered)
        return WSC_STEP_DONE;
    return job->fault[0] ? WSC_STEP_FAULT : WSC_STEP_NO_SENSE;
}

void wsc_step_answered(struct wsclient *c, struct wsc_job *job, const struct wsc_answer *a, struct mono now) {
    char why[sizeof a->why + 32];
    const struct wsc_step *s = step_of(job);
    int err = check_answer(job, a, why, sizeof why);
    if (err && err != ERR_FAULT) {
        wsc_job_failed(c, job, now, err, "%s", why);
        return;
    }
    wsc_breaker_close(c);
    uint8_t next;
    if (err || a->msg->is_fault) {
        job->maybe_sent = false; /* refused for sure */
        if (err)
            snprintf(job->fault, sizeof job->fault, "%.100s", why);
        else
            keep_fault(job, a->msg);
        next = s->fault ? s->fault(job) : WSC_STEP_FAULT;
        buf_free(&job->context);
    } else {
        next = s->answer(job, a->msg);
    }
    if (next == KINDS[job->kind].plan->n)
        next = at_end(job);
    if (next >= WSC_STEP_NOMEM) {
        finish(c, job, next, now);
        return;
    }
    uint16_t pause_ms = next != job->step ? KINDS[job->kind].plan->steps[next].pause_ms : 0;
    job->step = next;
    wsc_job_ready(c, job, mono_add_ms(now, pause_ms));
}
