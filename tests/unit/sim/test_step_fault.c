/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of set-up that go wrong: which request is which step, and what becomes of it. */
#include "fw_rig.h"
#include "unit.h"

static const char SETUP_BODY[] =
    "<p:Setup_INPUT xmlns:p=\"http://intel.com/wbem/wscim/1/ips-schema/1/IPS_HostBasedSetupService\">"
    "<p:NetAdminPassEncryptionType>2</p:NetAdminPassEncryptionType>"
    "<p:NetworkAdminPassword>0123456789ABCDEF0123456789ABCDEF</p:NetworkAdminPassword></p:Setup_INPUT>";

static const struct wsman_request GENERAL = {.op = WSMAN_GET, .cls = WSMAN_AMT_GeneralSettings};
static const struct wsman_request PUT_GENERAL = {.op = WSMAN_PUT, .cls = WSMAN_AMT_GeneralSettings};
static const struct wsman_request DELETE = {.op = WSMAN_DELETE, .cls = WSMAN_AMT_RemoteAccessPolicyRule};

static struct wsman_request setup(void) {
    return (struct wsman_request){.op = WSMAN_INVOKE,
                                  .cls = WSMAN_IPS_HostBasedSetupService,
                                  .method = "Setup",
                                  .body = slice_str(SETUP_BODY)};
}

static struct wsman_msg *parsed(const struct wsman_request *rq) {
    struct wsman_limits lim = WSMAN_LIMITS_DEFAULT;
    struct wsman_parser *p = wsman_parser_new(&lim);
    struct buf xml = {0};
    struct wsman_msg *m = NULL;
    wsman_put_request(&xml, rq, 1);
    assert_int_equal(wsman_feed(p, buf_slice(&xml)), 0);
    assert_int_equal(wsman_finish(p, &m), 0);
    buf_free(&xml);
    wsman_parser_free(&p);
    return m;
}

static void steps_are_known_by_any_of_their_names(void **state) {
    const struct wsman_request set = setup();
    const struct {
        const char *step;
        const struct wsman_request *rq;
        bool is;
    } CASES[] = {
        {"setup", &set, true},
        {"Setup", &set, true},
        {"IPS_HostBasedSetupService", &set, true},
        {"IPS_HostBasedSetupService.Setup", &set, true},
        {"IPS_HostBasedSetupService.AdminSetup", &set, false},
        {"AMT_GeneralSettings.Setup", &set, false},
        {"adminsetup", &set, false},
        {"hostsetup", &set, false},
        {"", &set, false},
        {"general", &GENERAL, true},
        {"general", &PUT_GENERAL, false},
        {"AMT_GeneralSettings", &PUT_GENERAL, true},
        {"clean", &DELETE, true},
        {"clean", &GENERAL, false},
        {"", &GENERAL, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct wsman_msg *m = parsed(CASES[i].rq);
        assert_int_equal(sim_step_is(slice_str(CASES[i].step), m), CASES[i].is);
        wsman_msg_free(&m);
    }
    for (size_t i = 0; sim_step_name(i); i++)
        assert_true(strlen(sim_step_name(i)) > 0);
}

/* What came of asking for Setup while f is set: the status; the envelope or bytes in *out. */
static int answer(struct bench *b, const struct sim_step_fault *f, struct buf *out) {
    const struct wsman_request rq = setup();
    struct wsman_msg *m = parsed(&rq);
    sim_node_step_fault(b->node, f);
    buf_free(out);
    int status = fw_answer(b->node, m, loop_now(b->loop), out);
    wsman_msg_free(&m);
    return status;
}

static void each_kind_does_what_it_says(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct buf out = {0};
    b.node->unprovisioned = true;
    const struct prov *p = node_prov(b.node);
    struct sim_step_fault f = {.step = "setup", .kind = SIM_STEP_DROP, .times = 1};
    assert_int_equal(answer(&b, &f, &out), FW_DROP);
    assert_int_equal(p->setups, 0);
    f.kind = SIM_STEP_MUTE;
    assert_int_equal(answer(&b, &f, &out), FW_MUTE);
    assert_int_equal(p->setups, 0);
    f.kind = SIM_STEP_WRONG;
    f.value = 77;
    assert_int_equal(answer(&b, &f, &out), 200);
    assert_non_null(strstr(buf_cstr(&out), "<g:ReturnValue>77</g:ReturnValue>"));
    assert_int_equal(p->setups, 0);
    f.kind = SIM_STEP_DROP;
    f.after = true;
    assert_int_equal(answer(&b, &f, &out), FW_DROP);
    assert_int_equal(p->setups, 1);
    f.kind = SIM_STEP_GARBAGE;
    assert_int_equal(answer(&b, &f, &out), 200);
    assert_null(strstr(buf_cstr(&out), "ReturnValue"));
    buf_free(&out);
    bench_free(&b);
}

static void a_class_that_is_no_method_faults(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    int status;
    sim_node_step_fault(b.node, &(struct sim_step_fault){.step = "general", .kind = SIM_STEP_WRONG});
    for (int i = 0; i < 3; i++) { /* times 0: each time */
        struct wsman_msg *m = bench_ask(&b, &GENERAL, &status);
        assert_int_equal(status, 500);
        assert_true(m->is_fault);
        wsman_msg_free(&m);
    }
    sim_node_faults_clear(b.node);
    bench_text(&b, WSMAN_AMT_GeneralSettings, "DigestRealm");
    sim_node_step_fault(b.node,
                        &(struct sim_step_fault){.step = "general", .kind = SIM_STEP_WRONG, .times = 2});
    for (int i = 0; i < 3; i++) {
        struct wsman_msg *m = bench_ask(&b, &GENERAL, &status);
        assert_int_equal(status, i < 2 ? 500 : 200);
        wsman_msg_free(&m);
    }
    bench_free(&b);
}

UNIT_MAIN(T(steps_are_known_by_any_of_their_names), T(each_kind_does_what_it_says),
          T(a_class_that_is_no_method_faults))
