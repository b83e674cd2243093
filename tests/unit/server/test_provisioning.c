/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning over REST: cancel, rotate, deauthorize and delete as a barrier, and who may. */
#include "desk.h"

#include "sim/firmware.h"
#include "sim/prov.h"

static struct desk d;

static int setup(void **state) {
    (void)state;
    desk_open(&d, 1);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    desk_close(&d);
    return 0;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}
/* The rig gives an answer 2 s; what waits for the firmware takes longer. */
static int ask(const char *user, const char *method, const char *path, const char *body) {
    int status = desk_ask(&d, user, method, path, body);
    for (int i = 0; !status && i < 1200; i++) {
        desk_run(&d, 100);
        status = d.c->status;
    }
    return status;
}
#define assert_ask(want, user, method, path, body)                                                           \
    do {                                                                                                     \
        int got = ask(user, method, path, body);                                                             \
        if (got != (want))                                                                                   \
            fail_msg("%s %s: %d %s", method, path, got, answer_text(d.c, "message"));                        \
    } while (0)

/* The provisioning ends; it is in d.c. */
static void until_ended(const char *state) {
    for (int i = 0; i < 600; i++) {
        assert_ask(200, "viewer", "GET", "/provisioning", NULL);
        const char *now = answer_text(d.c, "state");
        if (strcmp(now, "waiting") != 0 && strcmp(now, "running") != 0 && strcmp(now, "connecting") != 0)
            break;
        desk_run(&d, 100);
    }
    if (strcmp(answer_text(d.c, "state"), state) != 0)
        fail_msg("%s", buf_cstr(&d.c->body));
}

static void there_was_none(void **state) {
    assert_ask(200, "viewer", "GET", "/provisioning", NULL);
    assert_string_equal(buf_cstr(&d.c->body), "null");
    assert_ask(409, "admin", "DELETE", "/provisioning", NULL);
    assert_ask(200, "viewer", "GET", "", NULL);
    assert_answer(&d, "oob.amt.state", "provisioned");
    assert_answer(&d, "currentAmtState", "AMT_STATE_PROVISIONED");
    assert_answer(&d, "amtStatus", "Provisioned");
    /* it is as wanted: nothing begins */
    assert_ask(200, "admin", "PATCH", "", "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\"}");
    assert_answer(&d, "desiredAmtState", "AMT_STATE_PROVISIONED");
    assert_ask(200, "viewer", "GET", "/provisioning", NULL);
    assert_string_equal(buf_cstr(&d.c->body), "null");
}

static void only_an_admin_may(void **state) {
    static const struct {
        const char *method, *path, *body;
    } v[] = {{"POST", ":deauthorize", NULL},
             {"POST", ":rotate", "{\"secret\":\"amt\"}"},
             {"DELETE", "", NULL},
             {"DELETE", "/provisioning", NULL},
             {"PATCH", "", "{\"desiredAmtState\":\"AMT_STATE_UNPROVISIONED\"}"}};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        assert_ask(403, "viewer", v[i].method, v[i].path, v[i].body);
        assert_ask(403, "operator", v[i].method, v[i].path, v[i].body);
    }
    assert_int_equal(desk_ask_path(&d, "operator", "POST", "/v1/projects/default/compute/hosts:rotate",
                                   "{\"secret\":\"amt\",\"filter\":\"\"}"),
                     403);
    assert_int_equal(node_prov(d.node)->unprovisions, 0);
}

static void bad_changes_change_nothing(void **state) {
    const uint64_t version = desk_host(&d)->h.version;
    static const struct {
        const char *body, *field;
    } v[] = {{"{\"amtProfile\":\"default_ccm\"}", "amtProfile"},
             {"{\"amtControlMode\":\"AMT_CONTROL_MODE_ACM\"}", "amtControlMode"},
             {"{\"desiredAmtState\":\"AMT_STATE_UNSPECIFIED\"}", "desiredAmtState"},
             {"{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\",\"amtControlMode\":\"ccm\"}", "amtControlMode"},
             {"{\"amtEnabled\":true,\"name\":\"x\"}", "amtEnabled"}};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        assert_ask(400, "admin", "PATCH", "", v[i].body);
        assert_answer(&d, "field", v[i].field);
    }
    assert_ask(400, "admin", "PATCH", "",
               "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\",\"amtControlMode\":\"AMT_CONTROL_MODE_ACM\","
               "\"amtProfile\":\"default_ccm\"}");
    assert_has(answer_text(d.c, "message"), "is for CCM, not for ACM");
    assert_answer(&d, "field", "amtProfile");
    assert_has(answer_text(d.c, "remedy"), "Leave the control mode out");
    assert_ask(400, "admin", "PATCH", "",
               "{\"name\":\"other\",\"desiredAmtState\":\"AMT_STATE_PROVISIONED\",\"amtProfile\":\"nobody\","
               "\"recoveryPolicy\":\"hold\"}");
    assert_answer(&d, "field", "amtProfile");
    assert_has(answer_text(d.c, "message"), "there is no profile \"nobody\" in the project default");
    assert_int_equal(desk_host(&d)->h.amt_intent.desired, AMT_STATE_UNKNOWN);
    assert_string_equal(desk_host(&d)->h.amt_intent.profile, "");
    assert_int_equal(desk_host(&d)->h.intent.policy, RECOVERY_KEEP);
    assert_string_equal(desk_host(&d)->h.name, "n1");
    assert_int_equal(desk_host(&d)->h.version, version);
    assert_ask(400, "admin", "POST", ":rotate", "{\"secret\":\"mebx\"}");
    assert_ask(200, "viewer", "GET", "/provisioning", NULL);
    assert_string_equal(buf_cstr(&d.c->body), "null");
}

static void deauthorize_frees_the_node(void **state) {
    assert_ask(200, "admin", "POST", ":deauthorize", NULL);
    assert_answer(&d, "oob.amt.state", "unprovisioned");
    assert_answer(&d, "currentAmtState", "AMT_STATE_UNPROVISIONED");
    assert_int_equal(node_prov(d.node)->unprovisions, 1);
    assert_int_equal(desk_host(&d)->cira_secret.n, 0);
    assert_int_equal(desk_host(&d)->amt_secret.n, 0);
    assert_ask(200, "viewer", "GET", "/provisioning", NULL);
    assert_answer(&d, "goal", "deactivate");
    assert_answer(&d, "state", "done");
    /* again: it is so already */
    assert_ask(200, "admin", "POST", ":deauthorize", NULL);
    assert_int_equal(node_prov(d.node)->unprovisions, 1);
    assert_ask(409, "admin", "POST", ":rotate", "{\"secret\":\"all\"}");
    assert_ask(204, "admin", "DELETE", "", NULL);
    assert_ask(404, "viewer", "GET", "", NULL);
}

/* A plain deactivation leaves MEBx's password as it is, in the firmware and here; who deauthorizes wants it
 * gone. */
static void the_mebx_password_goes_with_the_authorization(void **state) {
    struct sealed mebx = desk_host(&d)->amt_secret, none = {0};
    desk_host(&d)->mebx_secret = desk_host(&d)->mebx_next = mebx;
    assert_ask(200, "admin", "PATCH", "", "{\"desiredAmtState\":\"AMT_STATE_UNPROVISIONED\"}");
    until_ended("done");
    assert_int_equal(desk_host(&d)->amt_secret.n, 0);
    assert_memory_equal(&mebx, &desk_host(&d)->mebx_secret, sizeof mebx);
    assert_memory_equal(&mebx, &desk_host(&d)->mebx_next, sizeof mebx);
    assert_ask(200, "admin", "POST", ":deauthorize", NULL); /* it is free already */
    assert_memory_equal(&none, &desk_host(&d)->mebx_secret, sizeof none);
    assert_memory_equal(&none, &desk_host(&d)->mebx_next, sizeof none);
}
static void a_deauthorization_makes_mebx_void_at_once(void **state) {
    desk_host(&d)->mebx_secret = desk_host(&d)->amt_secret;
    assert_ask(200, "admin", "POST", ":deauthorize", NULL);
    assert_int_equal(desk_host(&d)->mebx_secret.n, 0);
    assert_ask(200, "viewer", "GET", "/provisioning", NULL);
    assert_answer(&d, "state", "done"); /* and no second one */
}

static void delete_frees_the_node_first(void **state) {
    assert_ask(204, "admin", "DELETE", "", NULL);
    assert_int_equal(node_prov(d.node)->unprovisions, 1);
    assert_null(strstr(d.c->head, "X-Left-Behind"));
    assert_ask(404, "viewer", "GET", "", NULL);
}

/* The firmware says no: nothing has changed, and the host is shown as it is. */
static void a_refused_unprovision_keeps_the_host(void **state) {
    const struct sim_step_fault f = {.step = "unprovision", .kind = SIM_STEP_WRONG, .value = 1};
    sim_node_step_fault(d.node, &f);
    assert_ask(409, "admin", "POST", ":deauthorize", NULL);
    assert_true(*answer_text(d.c, "message"));
    assert_ask(409, "admin", "DELETE", "", NULL);
    assert_ask(200, "viewer", "GET", "", NULL);
    assert_answer(&d, "oob.amt.state", "provisioned");
    assert_answer(&d, "oob.link.state", "up");
    assert_int_equal(node_prov(d.node)->unprovisions, 0);
    assert_int_not_equal(desk_host(&d)->cira_secret.n, 0);
}

static void a_refused_unprovision_with_force(void **state) {
    const struct sim_step_fault f = {.step = "unprovision", .kind = SIM_STEP_WRONG, .value = 1};
    sim_node_step_fault(d.node, &f);
    assert_ask(200, "admin", "POST", ":deauthorize?force=true", NULL);
    assert_has(d.c->head, "X-Left-Behind: ");
    assert_int_equal(desk_host(&d)->amt_secret.n, 0);
}

static void an_unreachable_node_needs_force(void **state) {
    desk_unplug(&d);
    desk_run(&d, 120000);
    assert_ask(409, "admin", "POST", ":deauthorize", NULL);
    assert_has(answer_text(d.c, "message"), "cannot be reached");
    assert_has(answer_text(d.c, "remedy"), "--force");
    assert_ask(409, "admin", "DELETE", "", NULL);
    assert_ask(200, "viewer", "GET", "", NULL);
    assert_answer(&d, "currentAmtState", "AMT_STATE_DISCONNECTED");
    assert_int_not_equal(desk_host(&d)->cira_secret.n, 0);
    assert_ask(204, "admin", "DELETE", "?force=true", NULL);
    assert_has(d.c->head, "X-Left-Behind: The firmware of n1 is still set up");
    assert_ask(404, "viewer", "GET", "", NULL);
}

static void forced_deauthorization(void **state) {
    desk_unplug(&d);
    desk_run(&d, 120000);
    assert_ask(200, "admin", "POST", ":deauthorize?force=true", NULL);
    assert_has(d.c->head, "X-Left-Behind: ");
    assert_has(d.c->head, "to free it, run rpc deactivate --local at the node, or unprovision it in MEBx");
    assert_int_equal(desk_host(&d)->cira_secret.n, 0);
    assert_int_equal(desk_host(&d)->amt_secret.n, 0);
}

/* Admin control mode does not let itself be taken down from inside: nobody is sent there for nothing. */
static void the_way_out_of_admin_control_mode(void **state) {
    desk_host(&d)->h.control_mode = AMT_MODE_ACM;
    desk_unplug(&d);
    desk_run(&d, 120000);
    assert_ask(409, "admin", "DELETE", "", NULL);
    assert_string_equal(
        answer_text(d.c, "remedy"),
        "Bring the node back and try again; or use --force, and then unprovision it in MEBx.");
    assert_ask(204, "admin", "DELETE", "?force=true", NULL);
    assert_has(d.c->head, "to free it, unprovision it in MEBx");
}

static void secrets_are_changed(void **state) {
    struct sealed amt = desk_host(&d)->amt_secret, cira = desk_host(&d)->cira_secret, mebx = amt;
    desk_host(&d)->mebx_secret = mebx;
    assert_ask(202, "admin", "POST", ":rotate", "{\"secret\":\"amt\"}");
    assert_answer(&d, "goal", "rotate-amt");
    until_ended("done");
    assert_memory_not_equal(&amt, &desk_host(&d)->amt_secret, sizeof amt);
    assert_memory_equal(&cira, &desk_host(&d)->cira_secret, sizeof cira);
    amt = desk_host(&d)->amt_secret;
    assert_ask(202, "admin", "POST", ":rotate", "{\"secret\":\"cira\"}");
    until_ended("done");
    assert_memory_equal(&amt, &desk_host(&d)->amt_secret, sizeof amt);
    assert_memory_not_equal(&cira, &desk_host(&d)->cira_secret, sizeof cira);
    /* nobody changed that of MEBx: it stays what the firmware has */
    assert_memory_equal(&mebx, &desk_host(&d)->mebx_secret, sizeof mebx);
    assert_int_equal(desk_host(&d)->mebx_next.n, 0);
    desk_settle(&d);
}

/* The server dies with a rotation under way; the node is not lost, and it is finished. */
static void a_rotation_over_a_restart(void **state) {
    for (int ms = 5; ms < 400; ms = ms * 2) {
        assert_ask(202, "admin", "POST", ":rotate", "{\"secret\":\"all\"}");
        desk_run(&d, ms);
        desk_restart(&d);
        desk_settle(&d);
        until_ended("done");
        desk_settle(&d);
    }
}

static void all_that_match(void **state) {
#define ROTATE "/v1/projects/default/compute/hosts:rotate"
    assert_int_equal(desk_ask_path(&d, "admin", "POST", ROTATE, "{\"secret\":\"amt\"}"), 400);
    assert_answer(&d, "field", "filter");
    assert_int_equal(
        desk_ask_path(&d, "admin", "POST", ROTATE, "{\"secret\":\"amt\",\"filter\":\"nonsense=1\"}"), 400);
    assert_int_equal(
        desk_ask_path(&d, "admin", "POST", ROTATE, "{\"secret\":\"amt\",\"filter\":\"name=\\\"x\\\"\"}"),
        202);
    assert_answer(&d, "ordered", "0");
    rig_host(d.g, "default", "free"); /* nothing of its firmware was ever seen */
    assert_int_equal(desk_ask_path(&d, "admin", "POST", ROTATE, "{\"secret\":\"amt\",\"filter\":\"\"}"), 202);
    assert_answer(&d, "ordered", "1");
    assert_answer(&d, "refused.0.name", "free");
    assert_has(answer_text(d.c, "refused.0.message"), "not provisioned");
    until_ended("done");
}

/* While another one is under way an order is refused, and what is wanted is what it was. */
static void an_order_that_comes_second_changes_nothing(void **state) {
    assert_ask(200, "admin", "POST", ":deauthorize", NULL);
    assert_ask(200, "admin", "PATCH", "", "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\"}");
    assert_answer(&d, "desiredAmtState", "AMT_STATE_PROVISIONED");
    for (int i = 0; i < 2; i++) {
        const bool off = i;
        assert_ask(409, "admin", "PATCH", "",
                   off ? "{\"name\":\"n2\",\"desiredAmtState\":\"AMT_STATE_UNPROVISIONED\"}"
                       : "{\"name\":\"n2\",\"desiredAmtState\":\"AMT_STATE_PROVISIONED\",\"amtControlMode\":"
                         "\"AMT_CONTROL_MODE_ACM\"}");
        assert_has(answer_text(d.c, "message"), "activate by admin is under way");
        assert_has(answer_text(d.c, "remedy"), "delete provisioning");
        assert_ask(200, "viewer", "GET", "", NULL);
        assert_answer(&d, "desiredAmtState", "AMT_STATE_PROVISIONED");
        assert_answer(&d, "name", "n1");
        assert_int_equal(desk_host(&d)->h.amt_intent.mode, AMT_MODE_UNKNOWN);
    }
    assert_ask(200, "admin", "DELETE", "/provisioning", NULL);
    until_ended("cancelled");
    assert_ask(200, "admin", "PATCH", "",
               "{\"name\":\"n2\",\"desiredAmtState\":\"AMT_STATE_UNPROVISIONED\"}");
    assert_answer(&d, "desiredAmtState", "AMT_STATE_UNPROVISIONED");
    assert_answer(&d, "name", "n2");
}

/* Nobody is there who could activate it: it waits, and is cancelled. */
static void a_waiting_one_is_cancelled(void **state) {
    assert_ask(200, "admin", "POST", ":deauthorize", NULL);
    assert_ask(200, "admin", "PATCH", "", "{\"desiredAmtState\":\"AMT_STATE_PROVISIONED\"}");
    assert_answer(&d, "oob.provisioning.goal", "activate");
    assert_answer(&d, "oob.provisioning.state", "waiting");
    assert_answer(&d, "oob.provisioning.profile", "default_ccm");
    assert_answer(&d, "amtStatusIndicator", "STATUS_INDICATION_IN_PROGRESS");
    /* who follows the events learns of it, too: what it waits for is not seen otherwise */
    assert_ask(200, "viewer", "GET", "/history", NULL);
    assert_has(buf_cstr(&d.c->body), "activate waiting: Waits for the node's agent");
    assert_has(buf_cstr(&d.c->body), "deactivate connecting: The firmware said that it is unprovisioned");
    assert_ask(200, "admin", "DELETE", "/provisioning", NULL);
    until_ended("cancelled");
    assert_ask(200, "viewer", "GET", "", NULL);
    assert_answer(&d, "oob.amt.state", "unprovisioned");
}

/* A server that stops does not leave those without an answer who wait for the firmware. */
static void a_barrier_is_answered_when_the_server_stops(void **state) {
    sim_node_fault(d.node, SIM_FAULT_SILENT_HTTP, true, 0);
    assert_int_equal(desk_ask(&d, "admin", "DELETE", "", NULL), 0); /* it waits */
    atomic_store(&d.g->app->draining, 1);
    for (unsigned i = 0; i < d.g->app->nshards; i++)
        provisioning_drain(d.g->app->shards[i]);
    desk_run(&d, 100);
    assert_int_equal(d.c->status, 503);
    assert_has(answer_text(d.c, "message"), "goes on when it is back");
    atomic_store(&d.g->app->draining, 0);
}

#define AT_DESK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        AT_DESK(there_was_none),
        AT_DESK(only_an_admin_may),
        AT_DESK(bad_changes_change_nothing),
        AT_DESK(deauthorize_frees_the_node),
        AT_DESK(the_mebx_password_goes_with_the_authorization),
        AT_DESK(a_deauthorization_makes_mebx_void_at_once),
        AT_DESK(delete_frees_the_node_first),
        AT_DESK(a_refused_unprovision_keeps_the_host),
        AT_DESK(a_refused_unprovision_with_force),
        AT_DESK(an_unreachable_node_needs_force),
        AT_DESK(forced_deauthorization),
        AT_DESK(the_way_out_of_admin_control_mode),
        AT_DESK(secrets_are_changed),
        AT_DESK(a_rotation_over_a_restart),
        AT_DESK(all_that_match),
        AT_DESK(an_order_that_comes_second_changes_nothing),
        AT_DESK(a_waiting_one_is_cancelled),
        AT_DESK(a_barrier_is_answered_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
