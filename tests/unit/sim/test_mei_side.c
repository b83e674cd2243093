/* SPDX-License-Identifier: Apache-2.0 */
/* The host interface of a simulated node, as programs at the node use it. */
#include "mei_rig.h"
#include "net/pki.h"
#include "net/sim.h"
#include "unit.h"

static const struct wsman_request GENERAL = {.op = WSMAN_GET, .cls = WSMAN_AMT_GeneralSettings};

/* Set up already, in that mode. */
static void make(struct bench *b, enum sim_profile profile, enum sim_mode mode) {
    bench_make(b, profile, NULL);
    b->node->cfg.mode = mode;
    mei_rig_listen(b);
}

static void clients_are_found_by_their_guid(void **state) {
    struct bench b;
    struct mei m, other;
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_connect(&other, &b, MEI_GUID_PTHI), 5); /* for several at a time */
    mei_disconnect(&m);
    mei_disconnect(&other);
    assert_int_equal(mei_connect(&m, &b, "8e6a6715-9abc-4043-88ef-9e39c6f63e0f"), 0);
    assert_false(bench_run(&b, bench_has_result, 100));
    assert_true(m.ended);
    mei_disconnect(&m);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    assert_int_equal(mei_connect(&other, &b, MEI_GUID_LME), 1); /* busy */
    mei_disconnect(&other);
    mei_disconnect(&m);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5); /* and free again */
    mei_disconnect(&m);
    sim_node_bios_amt(b.node, false);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 0);
    mei_disconnect(&m);
    bench_unmake(&b);
}

static void pthi_tells_what_the_node_is(void **state) {
    struct bench b;
    struct mei m;
    struct buf data = {0};
    struct pthi_versions v;
    struct pthi_account account;
    struct pthi_ras ras;
    struct uuid u;
    make(&b, SIM_A16, SIM_CCM);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_ask(&m, PTHI_CMD_CODE_VERSIONS, SLICE_EMPTY, &data), 0);
    assert_true(pthi_get_versions(buf_slice(&data), &v));
    assert_string_equal(pthi_version_of(&v, "AMT"), "16.1.25");
    assert_string_equal(pthi_version_of(&v, "Build Number"), "1885");
    buf_free(&data);
    assert_int_equal(mei_ask(&m, PTHI_CMD_UUID, SLICE_EMPTY, &data), 0);
    assert_true(pthi_get_uuid(buf_slice(&data), &u));
    assert_memory_equal(u.b, b.node->cfg.id.uuid.b, sizeof u.b);
    buf_free(&data);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), 1);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_PROVISIONING_STATE), 2);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_PROVISIONING_MODE), 1);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_REDIRECTION_STATE), 7);
    assert_int_equal(mei_ask(&m, PTHI_CMD_RAS_STATUS, SLICE_EMPTY, &data), 0);
    assert_true(pthi_get_ras(buf_slice(&data), &ras));
    assert_int_equal(ras.network, 2);
    assert_int_equal(ras.state, 2);
    assert_string_equal(ras.mps, "10.0.0.1");
    buf_free(&data);
    static const uint8_t ZEROS[40] = {0};
    assert_int_equal(mei_ask(&m, PTHI_CMD_LOCAL_ACCOUNT, slice_of(ZEROS, sizeof ZEROS), &data), 0);
    assert_true(pthi_get_account(buf_slice(&data), &account));
    assert_string_equal(account.user, "$$OsAdmin");
    assert_int_equal(strlen(account.password), 32);
    buf_free(&data);
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* Each command of the table has an answer of the right size, whatever its status. */
static void every_command_is_answered(void **state) {
    struct bench b;
    struct mei m;
    static const uint8_t ZEROS[400] = {0};
    static const size_t SIZES[PTHI_CMD_COUNT] = {
        [PTHI_CMD_UNPROVISION] = 4,    [PTHI_CMD_HASH_ENTRY] = 4,     [PTHI_CMD_LAN_SETTINGS] = 4,
        [PTHI_CMD_FEATURES_STATE] = 4, [PTHI_CMD_LOCAL_ACCOUNT] = 40, [PTHI_CMD_START_CONFIGURATION] = 390};
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    for (int c = 0; c < PTHI_CMD_COUNT; c++) {
        int64_t status = mei_ask(&m, (enum pthi_cmd)c, slice_of(ZEROS, SIZES[c]), NULL);
        assert_true(status >= 0 && status != PTHI_STATUS_INTERNAL && status != PTHI_STATUS_BAD_LENGTH);
    }
    assert_int_equal(mei_ask(&m, PTHI_CMD_HASH_ENTRY, slice_of(ZEROS, 4), NULL), PTHI_STATUS_INVALID_HANDLE);
    assert_int_equal(mei_ask(&m, PTHI_CMD_HASH_ENTRY, slice_of(ZEROS, 5), NULL), PTHI_STATUS_BAD_LENGTH);
    mei_put(&m, SLICE_LIT("hello")); /* is not answered */
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), 2);
    mei_disconnect(&m);
    bench_unmake(&b);
}

static const uint8_t MODE[4] = {0};
static bool link_down(struct bench *b) {
    return !sim_node_connected(b->node);
}

static void the_host_ends_client_control_mode_alone(void **state) {
    struct bench b;
    struct mei m;
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_ask(&m, PTHI_CMD_UNPROVISION, slice_of(MODE, 4), NULL), PTHI_STATUS_INVALID_MODE);
    assert_int_equal(mei_ask(&m, PTHI_CMD_STOP_CONFIGURATION, SLICE_EMPTY, NULL), PTHI_STATUS_INVALID_MODE);
    mei_disconnect(&m);
    bench_unmake(&b);
    make(&b, SIM_A16, SIM_CCM);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_ask(&m, PTHI_CMD_UNPROVISION, slice_of(MODE, 4), NULL), 0);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), 0);
    assert_int_equal(b.node->prov->unprovisions, 1);
    assert_true(bench_run(&b, link_down, SOON));
    assert_false(bench_run(&b, bench_is_up, 60000));
    assert_int_equal(mei_ask(&m, PTHI_CMD_UNPROVISION, slice_of(MODE, 4), NULL), PTHI_STATUS_INVALID_MODE);
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* --- LME --- */

/* $$OsAdmin's password, as a program at the node gets it. */
static void os_admin(struct bench *b, struct pthi_account *account) {
    struct mei m;
    struct buf data = {0};
    static const uint8_t ZEROS[40] = {0};
    assert_int_equal(mei_connect(&m, b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_ask(&m, PTHI_CMD_LOCAL_ACCOUNT, slice_of(ZEROS, sizeof ZEROS), &data), 0);
    assert_true(pthi_get_account(buf_slice(&data), account));
    buf_free(&data);
    mei_disconnect(&m);
}

static void the_host_reads_as_os_admin(void **state) {
    struct bench b;
    struct mei m;
    struct pthi_account account;
    struct buf body = {0};
    make(&b, SIM_A16, SIM_ACM);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    os_admin(&b, &account);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    mei_lme_start(&m);
    assert_int_equal(mei_wsman(&m, NULL, NULL, &GENERAL, NULL), 401);
    assert_int_equal(mei_wsman(&m, account.user, account.password, &GENERAL, &body), 200);
    assert_non_null(strstr(buf_cstr(&body), "DigestRealm"));
    buf_free(&body);
    assert_int_equal(mei_wsman(&m, account.user, "wrong", &GENERAL, NULL), 401);
    assert_int_equal(mei_wsman(&m, id->amt_user, id->amt_password, &GENERAL, NULL), 200);
    static const struct wsman_request POWER = {.op = WSMAN_GET,
                                               .cls = WSMAN_CIM_AssociatedPowerManagementService};
    assert_int_equal(mei_wsman(&m, account.user, account.password, &POWER, &body), 400);
    assert_non_null(strstr(buf_cstr(&body), "AccessDenied"));
    buf_free(&body);
    assert_false(mei_lme_open_port(&m, 16994));
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* From AMT 19 on, the local port is TLS, too, and the plain one is not there. */
static void newer_firmware_is_tls_alone(void **state) {
    struct bench b;
    struct mei m;
    struct tls_ctx *device = bench_device_tls();
    bench_make(&b, SIM_A19, device);
    mei_rig_listen(&b);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    mei_lme_start(&m);
    assert_true(apf_forwards(m.apf, 16993));
    assert_false(apf_forwards(m.apf, 16992));
    assert_false(mei_lme_open_port(&m, 16992));
    assert_true(mei_lme_open_port(&m, 16993));
    struct errinfo ei;
    struct tls_ctx *ctx = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, &ei);
    struct tls *tls = tls_new(ctx, false, NULL);
    assert_int_equal(tls_start(tls), 0);
    assert_true(mei_lme_tls(&m, tls));
    tls_free(&tls);
    tls_ctx_unref(&ctx);
    mei_disconnect(&m);
    bench_unmake(&b);
    tls_ctx_unref(&device);
}

/* A user of the host's own does not exist behind the tunnel. */
static void os_admin_is_local(void **state) {
    struct bench b;
    make(&b, SIM_A16, SIM_ACM);
    struct buf challenge = {0}, auth = {0};
    struct digest_client d = {0};
    struct mono now = loop_now(b.node_loop);
    assert_int_equal(fw_challenge(b.node, now, &challenge), 0);
    assert_int_equal(digest_challenge(&d, buf_slice(&challenge)), 0);
    assert_int_equal(digest_authorize(&d, &auth, FW_OS_ADMIN_NAME, fw_os_admin_password(b.node), "POST",
                                      "/wsman", "0a4f113b"),
                     0);
    assert_int_equal(fw_login(b.node, buf_slice(&auth), "POST", false, now), FW_NOBODY);
    assert_int_equal(fw_login(b.node, buf_slice(&auth), "POST", true, now), FW_OS_ADMIN);
    buf_free(&challenge);
    buf_free(&auth);
    bench_unmake(&b);
}

static void a_host_is_set_up_from_inside(void **state) {
    struct bench b;
    struct mei m;
    struct pthi_account account;
    make(&b, SIM_A16, SIM_ACM);
    sim_node_stop(b.node);
    b.node->unprovisioned = true;
    os_admin(&b, &account);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    mei_lme_start(&m);
    static const struct wsman_request SETUP = {
        .op = WSMAN_INVOKE,
        .cls = WSMAN_IPS_HostBasedSetupService,
        .method = "Setup",
        .body = SLICE_LIT(
            "<p:Setup_INPUT xmlns:p=\"http://intel.com/wbem/wscim/1/ips-schema/1/IPS_HostBasedSetupService\">"
            "<p:NetAdminPassEncryptionType>2</p:NetAdminPassEncryptionType>"
            "<p:NetworkAdminPassword>0123456789ABCDEF0123456789ABCDEF</p:NetworkAdminPassword></"
            "p:Setup_INPUT>")};
    struct buf body = {0};
    /* the answer is lost, and the step was executed: mode tells */
    sim_node_step_fault(
        b.node, &(struct sim_step_fault){.step = "setup", .kind = SIM_STEP_DROP, .after = true, .times = 1});
    assert_int_equal(mei_wsman(&m, account.user, account.password, &SETUP, NULL), 0);
    assert_int_equal(b.node->prov->mode, 1);
    assert_int_equal(b.node->prov->setups, 1);
    assert_string_equal(b.node->prov->admin_ha1, "0123456789abcdef0123456789abcdef");
    assert_int_equal(mei_wsman(&m, account.user, account.password, &SETUP, &body), 200);
    assert_non_null(strstr(buf_cstr(&body), "<g:ReturnValue>2</g:ReturnValue>")); /* invalid state */
    assert_int_equal(b.node->prov->setups, 1);
    buf_free(&body);
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* From nothing to the tunnel, as a server does it by way of the host: then back. */
static void a_whole_life(void **state) {
    struct bench b;
    struct mei m;
    struct pthi_account account;
    struct buf key = {0}, root = {0}, b64 = {0};
    struct errinfo ei = {0};
    bench_make(&b, SIM_A16, NULL);
    mei_rig_listen(&b);
    sim_node_stop(b.node);
    b.node->unprovisioned = b.node->cfg.unprovisioned = true;
    sim_node_start(b.node);
    os_admin(&b, &account);
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(
        pki_make_root(buf_slice(&key), "root", (struct wall){1600000000000000}, 36500, &root, &ei), 0);
    for (struct slice pem = buf_slice(&root), line; pem.n;)
        if ((line = slice_cut(&pem, '\n')).n && line.p[0] != '-')
            buf_put(&b64, line);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    const struct wsc_args admin = {.user = "admin", .password = "P@ssw0rd"},
                          cira = {.certificate = buf_cstr(&b64),
                                  .address = "10.0.0.1",
                                  .common_name = "10.0.0.1",
                                  .user = id->cira_user,
                                  .password = id->cira_password,
                                  .domain = "outside.example"};
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    mei_lme_start(&m);
    struct wsc_result r = mei_job(&m, account.user, account.password, WSC_SETUP_CCM, 0, &admin);
    assert_string_equal(r.why, "");
    assert_int_equal(r.return_value, 0);
    assert_true(sim_node_admin_is(b.node, "P@ssw0rd"));
    r = mei_job(&m, "admin", "P@ssw0rd", WSC_CIRA_SET, 4433 | 3u << 16, &cira);
    assert_string_equal(r.why, "");
    assert_int_equal(r.return_value, 0);
    assert_true(bench_run(&b, bench_is_up, 60000));
    r = mei_job(&m, "admin", "P@ssw0rd", WSC_UNPROVISION, 0, NULL);
    assert_string_equal(r.why, "");
    assert_true(bench_run(&b, link_down, SOON));
    assert_int_equal(node_control_mode(b.node), 0);
    mei_disconnect(&m);
    buf_free(&key);
    buf_free(&root);
    buf_free(&b64);
    bench_unmake(&b);
}

/* --- faults, the host's sleep, the switch --- */

static void faults_of_the_interface(void **state) {
    struct bench b;
    struct mei m;
    make(&b, SIM_A16, SIM_ACM);
    sim_node_fault(b.node, SIM_FAULT_MEI_BUSY, true, 0);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 1);
    mei_disconnect(&m);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    sim_node_faults_clear(b.node);
    sim_node_fault(b.node, SIM_FAULT_MEI_SLOW, true, 2000);
    struct mono before = sim_now(b.world);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), 2);
    assert_true(mono_ms_between(before, sim_now(b.world)) >= 2000);
    sim_node_faults_clear(b.node);
    sim_node_fault(b.node, SIM_FAULT_MEI_RESET, true, 0);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), -1);
    assert_true(m.gone);
    mei_disconnect(&m);
    bench_unmake(&b);
}

static void a_sleeping_host_has_no_programs(void **state) {
    struct bench b;
    struct mei m;
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    assert_int_equal(sim_node_local(b.node, MACHINE_ACT_SHUTDOWN), 0);
    assert_int_equal(mei_ask_u32(&m, PTHI_CMD_CONTROL_MODE), -1);
    mei_disconnect(&m);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), -1);
    mei_disconnect(&m);
    assert_int_equal(sim_node_local(b.node, MACHINE_ACT_POWER_ON), 0);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    mei_disconnect(&m);
    bench_unmake(&b);
}

static void the_watchdog_client_switches_amt(void **state) {
    struct bench b;
    struct mei m;
    uint8_t out[64], in[64], flags = 0;
    uint32_t status = 1;
    make(&b, SIM_A16, SIM_ACM);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_WD), 5);
    for (int on = 1; on >= 0; on--) {
        struct wr w = wr_of(out, sizeof out);
        wd_put_state_request(&w);
        mei_put(&m, wr_done(&w));
        int n = mei_take(&m, in, sizeof in, SOON);
        assert_true(n > 0 && wd_get_state(slice_of(in, (size_t)n), &flags));
        assert_int_equal((flags & WD_AMT_ENABLED) != 0, on);
        w = wr_of(out, sizeof out);
        wd_put_enable_request(&w, !on);
        mei_put(&m, wr_done(&w));
        n = mei_take(&m, in, sizeof in, SOON);
        assert_true(n > 0 && wd_get_enable_status(slice_of(in, (size_t)n), &status));
        assert_int_equal(status, 0);
        assert_true(bench_run(&b, on ? link_down : bench_is_up, SOON));
    }
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* Frames that are none end the connection, and no other. */
static void hostile_frames_end_it(void **state) {
    struct bench b;
    struct mei m, good;
    static const uint8_t ENDLESS[] = {0xff, 0xff, 0xff, 0x7f, 1}, EMPTY[] = {0, 0, 0, 0};
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&good, &b, MEI_GUID_PTHI), 5);
    const struct slice bad[] = {slice_of(ENDLESS, sizeof ENDLESS), slice_of(EMPTY, sizeof EMPTY)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
        assert_int_equal(stream_write(m.stream, bad[i]), 0);
        assert_int_equal(mei_take(&m, (uint8_t[8]){0}, 8, SOON), -1);
        assert_true(m.ended);
        mei_disconnect(&m);
    }
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_LME), 5);
    mei_put(&m, SLICE_LIT("\xff\xfe no APF"));
    assert_int_equal(
        mei_take(&m, (uint8_t[256]){0}, 256, SOON) >= 0 ? mei_take(&m, (uint8_t[256]){0}, 256, SOON) : -1,
        -1);
    assert_true(m.ended);
    mei_disconnect(&m);
    assert_int_equal(mei_ask_u32(&good, PTHI_CMD_CONTROL_MODE), 2);
    mei_disconnect(&good);
    bench_unmake(&b);
}

/* Who asks and never reads the answers is dropped; the others are not. */
static void a_host_that_does_not_read_is_dropped(void **state) {
    struct bench b;
    struct mei m;
    uint8_t out[64];
    make(&b, SIM_A16, SIM_ACM);
    assert_int_equal(mei_connect(&m, &b, MEI_GUID_PTHI), 5);
    stream_pause(m.stream);
    for (int i = 0; i < 2000 && !m.ended; i++) {
        struct wr w = wr_of(out, sizeof out);
        pthi_put_request(&w, PTHI_CMD_CODE_VERSIONS, SLICE_EMPTY);
        mei_put(&m, wr_done(&w));
        sim_run_until(b.world, mono_add_ms(sim_now(b.world), 5));
    }
    if (!m.ended)
        stream_resume(m.stream);
    sim_run_until(b.world, mono_add_ms(sim_now(b.world), 100));
    assert_true(m.ended && m.gone);
    mei_disconnect(&m);
    bench_unmake(&b);
}

/* Sixteen connections a node, the seventeenth is refused. */
static void connections_are_bounded(void **state) {
    struct bench b;
    struct mei all[17];
    make(&b, SIM_A16, SIM_ACM);
    for (int i = 0; i < 16; i++)
        assert_int_equal(mei_connect(&all[i], &b, MEI_GUID_PTHI), 5);
    assert_int_equal(mei_connect(&all[16], &b, MEI_GUID_PTHI), -1);
    for (int i = 0; i < 17; i++)
        mei_disconnect(&all[i]);
    bench_unmake(&b);
}

UNIT_MAIN(T(clients_are_found_by_their_guid), T(pthi_tells_what_the_node_is), T(every_command_is_answered),
          T(the_host_ends_client_control_mode_alone), T(the_host_reads_as_os_admin),
          T(newer_firmware_is_tls_alone), T(os_admin_is_local), T(a_host_is_set_up_from_inside),
          T(a_whole_life), T(faults_of_the_interface), T(a_sleeping_host_has_no_programs),
          T(the_watchdog_client_switches_amt), T(hostile_frames_end_it),
          T(a_host_that_does_not_read_is_dropped), T(connections_are_bounded))
