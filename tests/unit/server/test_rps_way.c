/* SPDX-License-Identifier: Apache-2.0 */
/* WS-MAN over a client of the RPS protocol, with the simulated firmware behind it: in the clear, through TLS,
 * and what breaks on the way. */
#include "rps_rig.h"

static struct desk d;
static const struct rps_command ACTIVATE = {.verb = RPS_ACTIVATE, .profile = "p1"};

static int setup(void **state) {
    (void)state;
    stand_in = (struct stand_in){.jobs = {WSC_POWER_READ, WSC_INFO_READ}, .njobs = 2};
    desk_open(&d, 1); /* the doors are on shard 0: the connection moves */
    return 0;
}
static int setup_tls(void **state) {
    (void)state;
    stand_in = (struct stand_in){.jobs = {WSC_POWER_READ, WSC_POWER_READ}, .njobs = 2};
    desk_open_tls(&d, 0);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    desk_close(&d);
    return 0;
}
static size_t clients(void) {
    return d.g->app->shards[0]->rps.count + d.g->app->shards[1]->rps.count;
}

static void an_activation_in_the_clear(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    stand_in.progress = "one moment";
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    assert_end(&l, true, "all is well");
    assert_int_equal(stand_in.results, 2);
    assert_int_equal(stand_in.goal, PROV_GOAL_ACTIVATE);
    assert_string_equal(stand_in.profile, "p1");
    assert_string_equal(stand_in.actor, "admin");
    assert_string_equal(stand_in.host, d.host);
    assert_string_equal(l.progress, "one moment");
    assert_non_null(strstr(l.heard, " progress wsman wsman")); /* the 401 first */
    assert_int_equal(l.end.outcome.parts[RPS_PART_ACTIVATION].result, RPS_RESULT_SUCCESS);
    assert_string_equal(l.end.outcome.parts[RPS_PART_ACTIVATION].mode, "client control mode");
    assert_int_equal(l.v.code, 1000);
    viewer_leave(&l.v, 1000);
    assert_true(viewer_ends(&l.v, 2000));
    desk_run(&d, 50);
    assert_int_equal(clients(), 0);
    lender_free(&l);
}

/* A client that supports no progress is told none; what it tells reaches the provisioning. */
static void what_the_client_told(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    info.progress_supported = false;
    info.current_mode = 1;
    info.ncert_hashes = 1;
    snprintf(info.cert_hashes[0], sizeof info.cert_hashes[0], "%096d", 7);
    stand_in.progress = "one moment";
    stand_in.njobs = 0;
    lender_open(&l, &d, "admin");
    lender_command(&l, &(struct rps_command){.verb = RPS_DEACTIVATE}, &info);
    desk_run(&d, 200);
    assert_non_null(stand_in.way);
    assert_int_equal(stand_in.goal, PROV_GOAL_DEACTIVATE);
    const struct rps_device *dev = &stand_in.way->dev;
    assert_string_equal(dev->version, "15.0.23");
    assert_string_equal(dev->user, "$$OsAdmin");
    assert_string_equal(dev->password, "local-secret");
    assert_string_equal(dev->host_name, "edge-1");
    assert_int_equal(dev->current_mode, 1);
    assert_int_equal(dev->nroot_hashes, 1);
    assert_int_equal(strlen(dev->root_hashes[0]), 96);
    assert_false(lender_run(&l, 100));
    assert_string_equal(l.heard, "");
    viewer_leave(&l.v, 1001);
    assert_true(viewer_ends(&l.v, 1000));
    desk_run(&d, 50);
    assert_int_equal(stand_in.lost, 1);
    assert_int_equal(clients(), 0);
    lender_free(&l);
}

/* This firmware closes after each answer (reference protocol-cira-wsman 5.9): each request is a new session.
 */
static void firmware_with_tls(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    snprintf(info.ver, sizeof info.ver, "19.0.5");
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    assert_end(&l, true, "all is well");
    assert_int_equal(stand_in.results, 2);
    assert_string_equal(l.switched, "16993");
    assert_null(strstr(l.heard, "wsman"));
    lender_free(&l);
}

/* A node that is set up must show the certificate of its tunnels. */
static void another_certificate(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    info.tls_enforced = true;
    info.current_mode = 2;
    assert_true(desk_host(&d)->has_pin); /* its tunnel speaks TLS */
    desk_host(&d)->pin[0] ^= 1;
    stand_in.njobs = 1;
    lender_open(&l, &d, "admin");
    lender_command(&l, &ACTIVATE, &info);
    assert_true(lender_run(&l, 60000));
    assert_int_equal(l.end.kind, RPS_S_ERROR);
    assert_int_equal(stand_in.failed, 1);
    lender_free(&l);
}

static void maintenance(void **state) {
    (void)state;
    struct rps_info info = rps_info_of(&d);
    info.current_mode = 2;
    static const struct {
        enum rps_task task;
        bool ok;
        const char *text;
    } T[] = {{RPS_TASK_SYNC_IP, true, "DHCP"}, {RPS_TASK_SYNC_DEVICE_INFO, true, "by itself"}};
    for (size_t i = 0; i < sizeof T / sizeof *T; i++) {
        struct lender l;
        lender_open(&l, &d, "admin");
        lender_command(&l, &(struct rps_command){.verb = RPS_MAINTENANCE, .task = T[i].task}, &info);
        assert_end(&l, T[i].ok, T[i].text);
        lender_free(&l);
    }
    assert_int_equal(stand_in.attached, 0);
    struct lender l;
    stand_in.njobs = 1;
    struct rps_command rotate = {.verb = RPS_MAINTENANCE, .task = RPS_TASK_CHANGE_PASSWORD};
    lender_open(&l, &d, "admin");
    lender_command(&l, &rotate, &info);
    assert_end(&l, true, "all is well");
    assert_int_equal(stand_in.goal, PROV_GOAL_ROTATE_AMT);
    lender_free(&l);
    snprintf(rotate.new_password, sizeof rotate.new_password, "N3w!pass");
    lender_open(&l, &d, "admin");
    lender_command(&l, &rotate, &info);
    assert_end(&l, false, "makes AMT passwords itself");
    lender_free(&l);
    const struct rps_command clock = {.verb = RPS_MAINTENANCE, .task = RPS_TASK_SYNC_TIME};
    lender_open(&l, &d, "admin");
    lender_command(&l, &clock, &info);
    assert_end(&l, true, "Time Synchronized");
    assert_true(l.requests >= 2);
    assert_int_equal(l.kept_open, 0);
    lender_free(&l);
    info.current_mode = 0;
    lender_open(&l, &d, "admin");
    lender_command(&l, &clock, &info);
    assert_end(&l, false, "not provisioned by this server");
    lender_free(&l);
}

/* Its request is sent again: a reset is not yet the end. */
static void a_reset_of_the_firmware(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    struct buf b = {0};
    l.deaf = true;
    stand_in.njobs = 1;
    lender_open(&l, &d, "admin");
    l.deaf = true;
    lender_command(&l, &ACTIVATE, &info);
    assert_false(lender_run(&l, 300));
    assert_string_equal(l.heard, " wsman");
    rps_put_client(&b, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
    lender_text(&l, buf_slice(&b));
    l.deaf = false;
    assert_end(&l, true, "all is well");
    buf_free(&b);
    lender_free(&l);
}

/* The answer that is due does not come: pings alone do not help. */
static void a_client_that_answers_nothing(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    lender_open(&l, &d, "admin");
    l.deaf = true;
    lender_command(&l, &ACTIVATE, &info);
    assert_true(lender_run(&l, 70000));
    assert_int_equal(l.end.kind, RPS_S_ERROR);
    assert_non_null(strstr(l.end.outcome.status, "did not answer for 60 s"));
    assert_true(l.v.pings > 0);
    assert_int_equal(stand_in.lost, 1);
    assert_true(viewer_ends(&l.v, 2000)); /* though it never closes */
    lender_free(&l);
}

/* A late answer of a request that was given up is not taken for that of the next one. */
static void a_late_answer(void **state) {
    (void)state;
    struct lender l;
    struct rps_info info = rps_info_of(&d);
    struct buf b = {0};
    stand_in.njobs = 2;
    lender_open(&l, &d, "admin");
    l.deaf = true;
    lender_command(&l, &ACTIVATE, &info);
    assert_false(lender_run(&l, 16000)); /* POWER_READ's deadline */
    assert_int_equal(stand_in.failed, 1);
    assert_string_equal(l.heard, " wsman"); /* the second one waits */
    rps_put_client(&b, RPS_C_RESPONSE, SLICE_LIT("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"));
    lender_text(&l, buf_slice(&b));
    l.deaf = false;
    assert_true(lender_run(&l, 5000));
    assert_int_equal(stand_in.results, 2);
    assert_int_equal(stand_in.failed, 1);
    buf_free(&b);
    lender_free(&l);
}

#define PLAIN(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define SECURE(f) cmocka_unit_test_setup_teardown(f, setup_tls, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        PLAIN(an_activation_in_the_clear),    PLAIN(what_the_client_told), SECURE(firmware_with_tls),
        SECURE(another_certificate),          PLAIN(maintenance),          PLAIN(a_reset_of_the_firmware),
        PLAIN(a_client_that_answers_nothing), PLAIN(a_late_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
