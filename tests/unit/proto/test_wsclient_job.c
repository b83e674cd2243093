/* SPDX-License-Identifier: Apache-2.0 */
/* What the jobs ask, in which order, and what they make of the answers. */
#include "wsclient_testing.h"

static void power_is_read(void **s) {
    static const struct fake_rule rules[] = {FAKE_POWER("8"), {0}};
    /* chunked or not, in any pieces, with and without authentication, keeping or closing */
    for (int mode = 0; mode < 48; mode++) {
        struct fake f = {.rules = rules,
                         .password = mode & 1 ? "P@ssw0rd" : NULL,
                         .close_each = mode & 2,
                         .plain = mode & 4,
                         .qop_both = mode & 8,
                         .keep_on_401 = mode & 8,
                         .split = mode < 16   ? 0
                                  : mode < 32 ? 7
                                              : -1};
        fake_start(&f);
        for (int i = 0; i < 3; i++) {
            struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
            assert_int_equal(r.err, 0);
            assert_true(r.power.state == 8 && r.power.navailable == 1);
            assert_true(r.rtt_us >= 0 && !r.maybe_sent && r.return_value == -1);
        }
        assert_int_equal(f.unauthorized, mode & 1);
        int lost = mode & 1 && !(mode & 8); /* the channel of the 401 */
        assert_int_equal(f.opens, (mode & 2 ? 3 : 1) + lost);
        fake_stop(&f);
    }
}

static void power_reads_that_fail(void **s) {
    static const struct {
        struct fake_rule rule;
        int err;
        const char *why;
    } all[] = {
        {FAKE_POWER(""), ERR_PROTO, "does not hold"},
        {{WSMAN_CIM_AssociatedPowerManagementService, WSMAN_GET, NULL, "", NULL}, ERR_PROTO, "does not hold"},
        {{WSMAN_CIM_AssociatedPowerManagementService, WSMAN_GET, NULL, NULL, "e:AccessDenied"},
         ERR_FAULT,
         "AccessDenied: No route"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct fake_rule rules[] = {all[i].rule, {0}};
        struct fake f = {.rules = rules};
        fake_start(&f);
        struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
        assert_int_equal(r.err, all[i].err);
        assert_non_null(strstr(r.why, all[i].why));
        fake_stop(&f);
    }
}

/* --- POWER_CHANGE --- */

static void expect_log(const struct fake *f, const char *const *want) {
    int n = 0;
    for (; want[n]; n++)
        assert_string_equal(n < f->executed ? f->log[n] : "nothing", want[n]);
    assert_int_equal(f->executed, n);
}
#define EXPECT_LOG(f, ...) expect_log(f, (const char *const[]){__VA_ARGS__, NULL})

#define SAVING(n)                                                                                            \
    {                                                                                                        \
        WSMAN_IPS_PowerManagementService, WSMAN_GET, NULL,                                                   \
            "<g:IPS_PowerManagementService><g:OSPowerSavingState>" n                                         \
            "</g:OSPowerSavingState></g:IPS_PowerManagementService>",                                        \
            NULL                                                                                             \
    }
#define BOOT(inner)                                                                                          \
    {                                                                                                        \
        WSMAN_AMT_BootSettingData, WSMAN_GET, NULL,                                                          \
            "<g:AMT_BootSettingData>" inner "</g:AMT_BootSettingData>", NULL                                 \
    }
#define POWER_OK FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "0")

static struct wsc_result change(struct fake *f, const struct fake_rule *rules, uint8_t arg) {
    f->rules = rules;
    fake_start(f);
    struct wsc_result r = fake_job(f, WSC_POWER_CHANGE, arg);
    fake_stop(f);
    return r;
}

static void off_is_one_request(void **s) {
    static const struct fake_rule rules[] = {POWER_OK, {0}};
    struct fake f = {0};
    struct wsc_result r = change(&f, rules, 8);
    assert_true(r.err == 0 && r.return_value == 0 && !r.maybe_sent);
    EXPECT_LOG(&f, "RequestPowerStateChange");
}

static void on_without_features(void **s) {
    /* neither class exists on this firmware: that is no error */
    static const struct fake_rule rules[] = {POWER_OK, {0}};
    struct fake f = {.password = "P@ssw0rd"};
    struct wsc_result r = change(&f, rules, 2);
    assert_int_equal(r.err, 0);
    EXPECT_LOG(&f, "GET IPS_PowerManagementService", "GET AMT_BootSettingData", "RequestPowerStateChange");
}

static void on_wakes_the_os_and_clears_boot(void **s) {
    static const struct fake_rule rules[] = {
        SAVING("3"),
        BOOT("<g:BIOSSetup>true</g:BIOSSetup>"),
        FAKE_RETURN(IPS_PowerManagementService, "RequestOSPowerSavingStateChange", "0"),
        FAKE_RETURN(CIM_BootConfigSetting, "ChangeBootOrder", "0"),
        {WSMAN_AMT_BootSettingData, WSMAN_PUT, NULL, "", NULL},
        POWER_OK,
        {0}};
    struct fake f = {0};
    struct wsc_result r = change(&f, rules, 2);
    assert_int_equal(r.err, 0);
    EXPECT_LOG(&f, "GET IPS_PowerManagementService", "RequestOSPowerSavingStateChange",
               "GET AMT_BootSettingData", "ChangeBootOrder", "PUT AMT_BootSettingData",
               "RequestPowerStateChange");
}

static void nothing_to_clear(void **s) {
    static const struct fake_rule rules[] = {
        SAVING("2"), BOOT("<g:BIOSSetup>false</g:BIOSSetup>"), POWER_OK, {0}};
    struct fake f = {0};
    assert_int_equal(change(&f, rules, 2).err, 0);
    EXPECT_LOG(&f, "GET IPS_PowerManagementService", "GET AMT_BootSettingData", "RequestPowerStateChange");
    f = (struct fake){0};
    assert_int_equal(change(&f, rules, 10).err, 0);
    EXPECT_LOG(&f, "GET AMT_BootSettingData", "RequestPowerStateChange");
    f = (struct fake){0};
    assert_int_equal(change(&f, rules, 5).err, 0);
    EXPECT_LOG(&f, "GET AMT_BootSettingData", "RequestPowerStateChange");
}

static void clearing_is_refused(void **s) {
    /* consent is missing: a harmless option does not hold up the power … */
    static const struct fake_rule harmless[] = {
        BOOT("<g:UseSOL>true</g:UseSOL>"),
        {WSMAN_CIM_BootConfigSetting, WSMAN_INVOKE, "ChangeBootOrder", NULL, "e:AccessDenied"},
        {WSMAN_AMT_BootSettingData, WSMAN_PUT, NULL, NULL, "e:AccessDenied"},
        POWER_OK,
        {0}};
    struct fake f = {0};
    assert_int_equal(change(&f, harmless, 10).err, 0);
    EXPECT_LOG(&f, "GET AMT_BootSettingData", "ChangeBootOrder", "PUT AMT_BootSettingData",
               "RequestPowerStateChange");
    /* … but no boot runs into an erasure that nobody asked for now */
    static const struct fake_rule erasing[] = {
        BOOT("<g:SecureErase>true</g:SecureErase>"),
        FAKE_RETURN(CIM_BootConfigSetting, "ChangeBootOrder", "0"),
        {WSMAN_AMT_BootSettingData, WSMAN_PUT, NULL, NULL, "e:AccessDenied"},
        POWER_OK,
        {0}};
    f = (struct fake){0};
    struct wsc_result r = change(&f, erasing, 10);
    assert_int_equal(r.err, ERR_FAULT);
    assert_true(!r.maybe_sent && r.return_value == -1);
    EXPECT_LOG(&f, "GET AMT_BootSettingData", "ChangeBootOrder", "PUT AMT_BootSettingData");
}

static bool check_put(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (rq->op != WSMAN_PUT)
        return false;
    uint32_t boot = wsman_payload(rq);
    assert_true(wsman_is_instance(rq, boot, WSMAN_AMT_BootSettingData));
    wt_assert_slice(wsman_text(rq, boot, "UseSOL"), "false");
    wt_assert_slice(wsman_text(rq, boot, "OwningEntity"), "Intel(r) AMT");
    assert_int_equal(wsman_child(rq, boot, "OptionsCleared"), 0);
    return false;
}

static void the_put_carries_the_instance(void **s) {
    static const struct fake_rule rules[] = {
        BOOT("<g:OptionsCleared>false</g:OptionsCleared><g:OwningEntity>Intel(r) AMT</g:OwningEntity>"
             "<g:UseSOL>true</g:UseSOL>"),
        {WSMAN_AMT_BootSettingData, WSMAN_PUT, NULL, "", NULL},
        POWER_OK,
        {0}};
    struct fake f = {.hook = check_put};
    assert_int_equal(change(&f, rules, 10).err, 0);
    assert_int_equal(f.executed, 4);
}

static void power_is_refused(void **s) {
    static const struct fake_rule busy[] = {
        FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "4099"), {0}};
    struct fake f = {0};
    struct wsc_result r = change(&f, busy, 8);
    assert_true(r.err == ERR_REFUSED && r.return_value == 4099 && !r.maybe_sent);
    assert_non_null(strstr(r.why, "4099"));
    assert_non_null(strstr(r.why, "busy"));
    static const struct fake_rule job[] = {
        FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "4096"), {0}};
    f = (struct fake){0};
    r = change(&f, job, 8);
    assert_true(r.err == 0 && r.return_value == 4096);
    f = (struct fake){0};
    r = change(&f, NULL, 8); /* the table is empty: a fault */
    assert_true(r.err == ERR_FAULT && r.return_value == -1 && !r.maybe_sent);
    static const struct fake_rule mute[] = {
        {WSMAN_CIM_PowerManagementService, WSMAN_INVOKE, NULL, "<g:RequestPowerStateChange_OUTPUT/>", NULL},
        {0}};
    f = (struct fake){0};
    r = change(&f, mute, 8);
    assert_true(r.err == ERR_PROTO && r.maybe_sent);
}

/* --- INFO_READ --- */

/* Versions in three Pulls, one of them empty; schemes with the active one told before. */
static bool enumerations(struct fake *f, int chan, const struct wsman_msg *rq) {
    struct slice context = wsman_text(rq, wsman_payload(rq), "EnumerationContext");
    char body[2000];
    if (rq->op == WSMAN_ENUMERATE && rq->cls != WSMAN_CIM_Chassis) {
        snprintf(body, sizeof body,
                 "<g:EnumerateResponse><g:EnumerationContext>%s-0</g:EnumerationContext>"
                 "</g:EnumerateResponse>",
                 wsman_class_name(rq->cls));
        fake_answer(f, chan, rq, body);
        return true;
    }
    if (rq->op != WSMAN_PULL)
        return false;
    if (slice_is(context, "CIM_SoftwareIdentity-0"))
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:EnumerationContext>CIM_SoftwareIdentity-1</g:EnumerationContext>"
                    "<g:Items><h:CIM_SoftwareIdentity><h:InstanceID>AMT</h:InstanceID>"
                    "<h:VersionString>16.1.25</h:VersionString></h:CIM_SoftwareIdentity></g:Items>"
                    "</g:PullResponse>");
    else if (slice_is(context, "CIM_SoftwareIdentity-1"))
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:EnumerationContext>CIM_SoftwareIdentity-2</g:EnumerationContext>"
                    "<g:Items/></g:PullResponse>");
    else if (slice_is(context, "CIM_SoftwareIdentity-2"))
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:Items><h:CIM_SoftwareIdentity><h:InstanceID>Sku</h:InstanceID>"
                    "<h:VersionString>16392</h:VersionString></h:CIM_SoftwareIdentity></g:Items>"
                    "<g:EndOfSequence/></g:PullResponse>");
    else if (slice_is(context, "CIM_ElementSettingData-0"))
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:Items><h:CIM_ElementSettingData><h:IsCurrent>1</h:IsCurrent>"
                    "<h:SettingData><b:Address>x</b:Address><b:ReferenceParameters><c:ResourceURI>" WT_AMT
                    "AMT_SystemPowerScheme</c:ResourceURI><c:SelectorSet><c:Selector Name=\"InstanceID\">"
                    "SCHEME 1</c:Selector></c:SelectorSet></b:ReferenceParameters></h:SettingData>"
                    "</h:CIM_ElementSettingData></g:Items><g:EndOfSequence/></g:PullResponse>");
    else
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:Items><h:AMT_SystemPowerScheme><h:Description>Mobile: ON in S0"
                    "</h:Description><h:InstanceID>SCHEME 0</h:InstanceID></h:AMT_SystemPowerScheme>"
                    "<h:AMT_SystemPowerScheme><h:Description>Mobile: ON in S0, ME Wake in S3, S4-5 (AC only)"
                    "</h:Description><h:InstanceID>SCHEME 1</h:InstanceID></h:AMT_SystemPowerScheme>"
                    "</g:Items><g:EndOfSequence/></g:PullResponse>");
    return true;
}

static void the_device_card_is_read(void **s) {
    static const struct fake_rule rules[] = {
        {WSMAN_AMT_GeneralSettings, WSMAN_GET, NULL,
         "<g:AMT_GeneralSettings><g:HostName>n7</g:HostName></g:AMT_GeneralSettings>", NULL},
        SAVING("2"),
        {WSMAN_CIM_KVMRedirectionSAP, WSMAN_GET, NULL,
         "<g:CIM_KVMRedirectionSAP><g:EnabledState>6</g:EnabledState></g:CIM_KVMRedirectionSAP>", NULL},
        {0}};
    struct fake f = {.rules = rules, .hook = enumerations, .password = "P@ssw0rd", .split = -1};
    fake_start(&f);
    struct wsc_result r = fake_job(&f, WSC_INFO_READ, 0);
    assert_int_equal(r.err, 0);
    assert_non_null(r.info);
    assert_string_equal(f.info.version, "16.1.25");
    assert_string_equal(f.info.sku, "16392");
    assert_string_equal(f.info.host_name, "n7");
    assert_true(f.info.kvm_present && f.info.kvm_state == 6);
    assert_int_equal(f.info.os_saving, AMT_OS_FULL);
    assert_int_equal(f.info.me_sleep, AMT_ME_SLEEP_WAKE);
    assert_false(f.info.have_uuid); /* absent on this device */
    assert_int_equal(f.open_max, 1);
    fake_stop(&f);
}

static void a_device_without_any_class(void **s) {
    struct fake f = {0};
    fake_start(&f);
    struct wsc_result r = fake_job(&f, WSC_INFO_READ, 0);
    assert_int_equal(r.err, ERR_FAULT);
    assert_null(r.info);
    assert_non_null(strstr(r.why, "DestinationUnreachable"));
    fake_stop(&f);
}

/* An enumeration without end. */
static bool endless(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (rq->op != WSMAN_ENUMERATE && rq->op != WSMAN_PULL)
        return false;
    bool pull = rq->op == WSMAN_PULL;
    struct buf b = {0};
    buf_puts(&b, pull ? "<g:PullResponse>" : "<g:EnumerateResponse>");
    buf_puts(&b, "<g:EnumerationContext>E</g:EnumerationContext>");
    if (pull && rq->cls == WSMAN_CIM_SoftwareIdentity) {
        buf_puts(&b, "<g:Items>");
        for (int i = 0; i < 200; i++)
            buf_puts(&b, "<h:CIM_SoftwareIdentity/>");
        buf_puts(&b, "</g:Items>");
    }
    buf_puts(&b, pull ? "</g:PullResponse>" : "</g:EnumerateResponse>");
    fake_answer(f, chan, rq, buf_cstr(&b));
    buf_free(&b);
    return true;
}

static void enumerations_are_capped(void **s) {
    static const struct fake_rule rules[] = {SAVING("2"), {0}};
    struct fake f = {.rules = rules, .hook = endless};
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.bucket_refill_ms = 1;
    fake_start_with(&f, &lim);
    struct wsc_result r = fake_job(&f, WSC_INFO_READ, 0);
    assert_int_equal(r.err, 0);
    int pulls[2] = {0};
    for (int i = 0; i < f.executed; i++)
        if (strncmp(f.log[i], "PULL", 4) == 0)
            pulls[strcmp(f.log[i], "PULL CIM_SoftwareIdentity") != 0]++;
    assert_int_equal(pulls[0], 5);   /* 1000 instances */
    assert_int_equal(pulls[1], 200); /* 100 Pulls each */
    fake_stop(&f);
}

UNIT_MAIN(T(power_is_read), T(power_reads_that_fail), T(off_is_one_request), T(on_without_features),
          T(on_wakes_the_os_and_clears_boot), T(nothing_to_clear), T(clearing_is_refused),
          T(the_put_carries_the_instance), T(power_is_refused), T(the_device_card_is_read),
          T(a_device_without_any_class), T(enumerations_are_capped))
