/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way: a client of the RPS protocol with simulated firmware that is not set up, the server's own
 * provisioning, and the tunnel that comes of it. */
#include "server/objects.h" /* its macros come before those of unit.h */

#include "rps_rig.h"

#include "sim/firmware.h"
#include "sim/prov.h"

static struct desk d;

static void before_connect(void *ctx, struct sim_node *n) {
    char source[32];
    (void)ctx, (void)n;
    snprintf(source, sizeof source, "10.0.8.1:%u", d.port++);
    sim_next_source(d.node_loop, source);
}

/* Instead of the desk's machine one that nobody has set up. */
static void plug_fresh(enum sim_profile profile) {
    struct sim_fleet_config f = {.loop = d.node_loop,
                                 .server = "10.0.0.1:4433",
                                 .times = SIM_TIMES_INSTANT,
                                 .device_tls = d.device_tls,
                                 .seed = 1,
                                 .before_connect = before_connect};
    struct sim_node_config c = {.profile = profile, .me_in_sleep = true, .unprovisioned = true};
    desk_unplug(&d);
    d.fleet = sim_fleet_new(&f);
    sim_identity_make(&c.id, 1, "fresh", 7);
    d.node = sim_node_new(d.fleet, &c);
    assert_non_null(d.node);
    sim_node_start(d.node);
}

static int setup(void **state) {
    (void)state;
    desk_open(&d, 1);
    rps_make_root(&d);
    plug_fresh(SIM_A15);
    return 0;
}
static int setup_tls(void **state) {
    (void)state;
    desk_open_tls(&d, 0);
    rps_make_root(&d);
    plug_fresh(SIM_A19);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    desk_close(&d);
    return 0;
}

static void make_host(void) {
    char body[200], u[UUID_TEXT_CAP];
    snprintf(body, sizeof body, "{\"name\":\"fresh\",\"amtUuid\":\"%s\"}", uuid_text(d.node->cfg.id.uuid, u));
    if (desk_ask_path(&d, "admin", "POST", "/v1/projects/default/compute/hosts", body) != 201)
        fail_msg("%s", answer_text(d.c, "message"));
    struct directory_entry e;
    assert_int_equal(directory_by_name(d.g->app->directory, "default", "fresh", &e), 0);
    memcpy(d.host, e.id, sizeof d.host);
}

static struct rps_info fresh_info(void) {
    struct rps_info i = rps_info_of(&d);
    i.tls_enforced = d.device_tls != NULL;
    snprintf(i.password, sizeof i.password, "%s", fw_os_admin_password(d.node));
    i.current_mode = node_prov(d.node)->mode;
    return i;
}

static const struct rps_command CCM = {.verb = RPS_ACTIVATE, .profile = "default_ccm"};

/* A client with this command; false: its connection was cut before the end. */
static bool run(struct lender *l, const struct rps_command *c, unsigned cut_at, bool cut_late) {
    struct rps_info info = fresh_info();
    lender_open(l, &d, "admin");
    l->cut_at = cut_at;
    l->cut_late = cut_late;
    lender_command(l, c, &info);
    for (int i = 0; i < 600 && !l->v.ended; i++)
        if (lender_run(l, 80))
            return true;
    if (lender_run(l, 0))
        return true;
    if (!l->v.ended)
        fail_msg("no end: heard%s", l->heard);
    return false;
}

static void assert_done(const struct lender *l) {
    if (l->end.kind != RPS_S_SUCCESS)
        fail_msg("%s; heard%s", l->end.outcome.status, l->heard);
}

/* The tunnel of the new set-up comes, and logs in with the new secrets. */
static void assert_comes(void) {
    desk_settle(&d);
    assert_int_equal(desk_ask(&d, "viewer", "GET", "/provisioning", NULL), 200);
    assert_answer(&d, "state", "done");
    assert_int_equal(desk_host(&d)->h.amt.state, AMT_STATE_PROVISIONED);
}

static void client_control_mode(void **state) {
    (void)state;
    struct lender l;
    make_host();
    desk_host(&d)->h.amt_intent.desired = AMT_STATE_UNPROVISIONED; /* of an order before */
    assert_true(run(&l, &CCM, 0, false));
    assert_done(&l);
    assert_int_equal(l.end.outcome.parts[RPS_PART_ACTIVATION].result, RPS_RESULT_SUCCESS);
    assert_int_equal(l.end.outcome.parts[RPS_PART_CIRA].result, RPS_RESULT_SUCCESS);
    assert_int_equal(node_prov(d.node)->mode, 1);
    assert_int_equal(node_prov(d.node)->setups, 1);
    assert_true(l.requests > 10);
    assert_int_equal(l.kept_open, 0);
    lender_free(&l);
    assert_comes();
    assert_int_equal(desk_host(&d)->h.amt_intent.desired, AMT_STATE_PROVISIONED);
    assert_int_equal(desk_host(&d)->h.amt_intent.mode, AMT_MODE_CCM);
    /* and out of it again */
    assert_true(run(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, 0, false));
    assert_done(&l);
    assert_int_equal(node_prov(d.node)->mode, 0);
    assert_int_equal(node_prov(d.node)->unprovisions, 1);
    lender_free(&l);
    desk_run(&d, 5000);
    assert_int_equal(desk_host(&d)->h.amt_intent.desired, AMT_STATE_UNPROVISIONED);
}

/* A profile with one AMT password for all its nodes: until a rotation gives this one its own. */
static void the_password_of_the_profile(void **state) {
    (void)state;
    struct lender l;
    const struct rps_command lab = {.verb = RPS_ACTIVATE, .profile = "lab"};
    make_host();
    assert_int_equal(
        desk_ask_path(&d, "admin", "POST", "/v1/projects/default/amt/profiles",
                      "{\"name\":\"lab\",\"controlMode\":\"ccm\",\"sharedPassword\":\"L@bPassw0rd\"}"),
        201);
    assert_true(run(&l, &lab, 0, false));
    assert_done(&l);
    lender_free(&l);
    assert_comes();
    assert_true(sim_node_admin_is(d.node, "L@bPassw0rd"));
    assert_int_equal(desk_ask(&d, "admin", "POST", ":rotate", "{\"secret\":\"amt\"}"), 202);
    for (int i = 0; i < 100 && sim_node_admin_is(d.node, "L@bPassw0rd"); i++)
        desk_run(&d, 100);
    assert_false(sim_node_admin_is(d.node, "L@bPassw0rd"));
    desk_run(&d, 2000);
    assert_comes();
}

/* Firmware that speaks TLS only on its local ports. */
static void through_tls(void **state) {
    (void)state;
    struct lender l;
    make_host();
    assert_true(run(&l, &CCM, 0, false));
    assert_done(&l);
    assert_string_equal(l.switched, "16993");
    assert_null(strstr(l.heard, "wsman"));
    assert_int_equal(node_prov(d.node)->setups, 1);
    lender_free(&l);
}

/* Whatever request the client's connection breaks with, before the firmware has it or after: the next run
 * goes on, and the set-up is executed once. */
static void cut_at_every_request(void **state) {
    (void)state;
    bool whole = false;
    for (unsigned k = 1; !whole; k++) {
        struct lender l;
        setup(NULL);
        make_host();
        whole = run(&l, &CCM, k, k % 2 == 0);
        lender_free(&l);
        if (!whole) {
            assert_true(run(&l, &CCM, 0, false));
            assert_done(&l);
            lender_free(&l);
        }
        assert_int_equal(node_prov(d.node)->setups, 1);
        assert_int_equal(node_prov(d.node)->mode, 1);
        desk_close(&d);
        assert_in_range(k, 1, 200);
    }
}

#define AT_DESK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        AT_DESK(client_control_mode),
        AT_DESK(the_password_of_the_profile),
        cmocka_unit_test_setup_teardown(through_tls, setup_tls, teardown),
        cmocka_unit_test(cut_at_every_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
