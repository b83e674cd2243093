/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way: a client of the RPS protocol with simulated firmware that is not set up, the server's own
 * provisioning, and the tunnel that comes of it. */
#include "server/objects.h" /* its macros come before those of unit.h */

#include "rps_rig.h"

#include "net/pki.h"
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

/* What nodes are to trust. */
static void make_root(void) {
    struct buf key = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_RSA_2048, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "outband", (struct wall){1600000000000000}, 36500,
                                   &d.g->app->ca_pem, &ei),
                     0);
    buf_free(&key);
}

static int setup(void **state) {
    (void)state;
    desk_open(&d, 1);
    make_root();
    plug_fresh(SIM_A15);
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
    snprintf(i.password, sizeof i.password, "%s", fw_os_admin_password(d.node));
    i.current_mode = node_prov(d.node)->mode;
    return i;
}

static void client_control_mode(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = fresh_info();
    make_host();
    lender_open(&l, &d, "admin");
    lender_command(&l, &(struct rps_command){.verb = RPS_ACTIVATE, .profile = "default_ccm"}, &info);
    if (!lender_run(&l, 60000))
        fail_msg("no end: heard%s", l.heard);
    fprintf(stderr, "%d %s\nheard%s\n", l.end.kind, l.end.outcome.status, l.heard);
    assert_int_equal(l.end.kind, RPS_S_SUCCESS);
    assert_int_equal(node_prov(d.node)->mode, 1);
    assert_int_equal(node_prov(d.node)->setups, 1);
    lender_free(&l);
}

#define AT_DESK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        AT_DESK(client_control_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
