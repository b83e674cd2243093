/* SPDX-License-Identifier: Apache-2.0 */
/* The WS-MAN client with failing allocations: each job that was taken gets exactly one result, a power
 * request whose fate is not known says so, and with memory again the client goes on. The device costs no
 * memory: it is paused around. */
#include "oom/failmalloc.h"

#include "proto/wsclient.h"

/* Only what the client itself takes may fail: the calls below are let through, the rest of the fake is not.
 */
#define LET(call) (failmalloc_resume(), call, failmalloc_pause())
static void let_opened(struct wsclient *c, int chan, struct mono now) {
    LET(wsc_opened(c, chan, now));
}
static void let_data(struct wsclient *c, int chan, struct slice data, struct mono now) {
    LET(wsc_data(c, chan, data, now));
}
static void let_closed(struct wsclient *c, int chan, int err, struct mono now) {
    LET(wsc_closed(c, chan, err, now));
}
static void let_tick(struct wsclient *c, struct mono now) {
    LET(wsc_tick(c, now));
}
static int let_submit(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg, enum wsc_priority prio,
                      uint32_t deadline_ms, struct mono now, void *user) {
    failmalloc_resume();
    int r = wsc_submit(c, kind, arg, prio, deadline_ms, now, user);
    failmalloc_pause();
    return r;
}
static int let_submit_with(struct wsclient *c, enum wsc_job_kind kind, uint32_t arg,
                           const struct wsc_args *args, enum wsc_priority prio, uint32_t deadline_ms,
                           struct mono now, void *user) {
    failmalloc_resume();
    int r = wsc_submit_with(c, kind, arg, args, prio, deadline_ms, now, user);
    failmalloc_pause();
    return r;
}
#define wsc_opened      let_opened
#define wsc_data        let_data
#define wsc_closed      let_closed
#define wsc_tick        let_tick
#define wsc_submit      let_submit
#define wsc_submit_with let_submit_with
#include "proto/setup_testing.h"

static int io_open(void *ctx) {
    failmalloc_pause();
    int r = fake_open(ctx);
    failmalloc_resume();
    return r;
}
static int io_send(void *ctx, int chan, struct slice data) {
    failmalloc_pause();
    int r = fake_send(ctx, chan, data);
    failmalloc_resume();
    return r;
}
static void io_close(void *ctx, int chan) {
    failmalloc_pause();
    fake_close(ctx, chan);
    failmalloc_resume();
}

#define CLASS_OK(cls)                                                                                        \
    { WSMAN_##cls, WSMAN_GET, NULL, "<g:" #cls "><g:HostName>n</g:HostName></g:" #cls ">", NULL }
static const struct fake_rule RULES[] = {
    FAKE_POWER("8"),
    FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "0"),
    CLASS_OK(AMT_GeneralSettings),
    {WSMAN_CIM_SoftwareIdentity, WSMAN_ENUMERATE, NULL,
     "<g:EnumerateResponse><g:EnumerationContext>1</g:EnumerationContext></g:EnumerateResponse>", NULL},
    {WSMAN_CIM_SoftwareIdentity, WSMAN_PULL, NULL,
     "<g:PullResponse><g:Items><h:CIM_SoftwareIdentity><h:InstanceID>AMT</h:InstanceID>"
     "<h:VersionString>16.1.25</h:VersionString></h:CIM_SoftwareIdentity></g:Items>"
     "<g:EndOfSequence></g:EndOfSequence></g:PullResponse>",
     NULL},
    {WSMAN_AMT_BootSettingData, WSMAN_GET, NULL,
     "<g:AMT_BootSettingData><g:BIOSSetup>true</g:BIOSSetup></g:AMT_BootSettingData>", NULL},
    {WSMAN_AMT_BootSettingData, WSMAN_PUT, NULL, "", NULL},
    FAKE_RETURN(CIM_BootConfigSetting, "ChangeBootOrder", "0"),
    {0}};

static bool once_was_sent(const struct fake *f, int from) {
    static const char *const ONCE[] = {"RequestPowerStateChange",   "Setup",           "AddMpServer",
                                       "AddRemoteAccessPolicyRule", "GenerateKeyPair", "AddCertificate"};
    for (size_t i = 0; i < sizeof ONCE / sizeof *ONCE; i++)
        if (f->executed > from && strcmp(f->log[(f->executed - 1) % FAKE_LOG], ONCE[i]) == 0)
            return true;
    return false;
}

/* One job of a kind; 0 or ERR_NOMEM. */
static int job(struct fake *f, enum wsc_job_kind kind, uint32_t arg) {
    int requests = f->executed;
    int id = kind < WSC_SETUP_READ ? wsc_submit(f->c, kind, arg, WSC_NORMAL, 0, f->now, f)
                                   : wsc_submit_with(f->c, kind, arg, &ARGS, WSC_NORMAL, 0, f->now, f);
    if (id < 0)
        return id;
    fake_run(f);
    if (f->nresults == 0)
        fake_pass(f, 61000);
    assert_int_equal(f->nresults, 1);
    struct wsc_result r = fake_result(f);
    assert_int_equal(r.id, (uint32_t)id);
    if (r.err == ERR_PROTO && failmalloc_hit_expat())
        r.err = ERR_NOMEM;
    if (r.err == ERR_TIMEOUT || r.err == ERR_CLOSED || r.err == ERR_FAULT || r.err == ERR_PROTO)
        fail_msg("the device is blamed for our want of memory: %s", r.why);
    if (r.err) /* what went out last and was not answered to the end is not known */
        assert_true(r.maybe_sent || r.return_value >= 0 || !once_was_sent(f, requests));
    if (r.err == 0 && kind == WSC_POWER_READ)
        assert_int_equal(r.power.state, 8);
    if (r.err == 0 && (kind == WSC_POWER_CHANGE || kind >= WSC_SETUP_READ))
        assert_int_equal(r.return_value, 0);
    return r.err;
}

struct what {
    enum wsc_job_kind kind;
    uint32_t arg;
    int split;
    const struct fake_rule *rules;
};

static int scenario(void *ctx) {
    static const struct wsc_limits standard = WSC_LIMITS_DEFAULT;
    static struct fake fake;
    struct fake *f = &fake;
    const struct what *w = ctx;
    *f = (struct fake){.rules = w->rules, .password = "P@ssw0rd", .keep_on_401 = true, .split = w->split};
    f->now.us = 1000000;
    struct wsc_io io = {f, io_open, io_send, io_close, fake_random};
    f->c = wsc_new(&standard, &io, "admin", "P@ssw0rd");
    if (!f->c)
        return ERR_NOMEM;
    failmalloc_pause();
    int r = job(f, w->kind, w->arg);
    assert_true(r || !failmalloc_hit() || failmalloc_hit_expat()); /* nothing of ours was passed over */
    failmalloc_pause(); /* with memory again it is as good as new */
    f->rules = RULES;
    assert_int_equal(job(f, WSC_POWER_READ, 0), 0);
    failmalloc_resume();
    wsc_free(&f->c);
    for (int i = 1; i <= FAKE_CHANS; i++)
        assert_false(f->chans[i - 1].used);
    failmalloc_resume();
    return r;
}

static void jobs(void **s) {
    static const struct what all[] = {
        {WSC_POWER_READ, 0, 0, RULES}, {WSC_POWER_READ, 0, 100, RULES}, {WSC_POWER_CHANGE, 10, 0, RULES},
        {WSC_INFO_READ, 0, 0, RULES},  {WSC_SETUP_READ, 0, 0, FRESH},   {WSC_SETUP_CCM, 0, 0, FRESH},
        {WSC_CLEAN, 0, 0, FOREIGN},    {WSC_CIRA_READ, 0, 0, FOREIGN},  {WSC_CIRA_SET, SET_PORT, 0, FOREIGN},
        {WSC_TLS_KEY, 0, 0, FRESH},    {WSC_TLS_SET, 0, 0, FOREIGN},    {WSC_FEATURES_SET, 7, 0, FRESH}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct what w = all[i];
        failmalloc_each(scenario, &w);
    }
}

/* set_password keeps the old words when there is no memory for the new ones */
static int set_password(void *ctx) {
    static const struct wsc_limits standard = WSC_LIMITS_DEFAULT;
    struct wsc_io io = {ctx, io_open, io_send, io_close, fake_random};
    struct wsclient *c = wsc_new(&standard, &io, "admin", "P@ssw0rd");
    int r = c ? wsc_set_password(c, "admin", "another-P@ssw0rd") : ERR_NOMEM;
    wsc_free(&c);
    return r;
}

static void passwords(void **s) {
    failmalloc_each(set_password, NULL);
}

UNIT_MAIN(T(jobs), T(passwords))
