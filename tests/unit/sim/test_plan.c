/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/plan.h"
#include "unit.h"

#define TEXT_U "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TEXT_L "abcdefghijklmnopqrstuvwxyz"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct sim_plan PLAN = {.seed = 7, .prefix = "n", .count = 5, .profile = SIM_A16};

static void same_seed_same_fleet(void **state) {
    struct sim_node_config a, b;
    sim_plan_node(&PLAN, 3, &a);
    sim_plan_node(&PLAN, 3, &b);
    assert_memory_equal(&a.id, &b.id, sizeof a.id);
    assert_string_equal(a.id.name, "n003");
    struct sim_plan other = PLAN;
    other.seed = 8;
    sim_plan_node(&other, 3, &b);
    assert_string_not_equal(a.id.cira_password, b.id.cira_password);
    assert_false(uuid_eq(a.id.uuid, b.id.uuid));
    other = PLAN;
    other.prefix = "m";
    sim_plan_node(&other, 3, &b);
    assert_false(uuid_eq(a.id.uuid, b.id.uuid));
}

/* The rules of AMT for passwords (reference 2.3), and no character that a CSV or a shell would mind. */
static void passwords_obey_the_rules(void **state) {
    for (uint32_t i = 1; i < 500; i++) {
        struct sim_identity id;
        sim_identity_make(&id, i, "node", i);
        const char *words[] = {id.cira_password, id.amt_password};
        for (int k = 0; k < 2; k++) {
            size_t n = strlen(words[k]);
            assert_true(n >= 8 && n <= 32);
            assert_true(strcspn(words[k], TEXT_U) < n && strcspn(words[k], TEXT_L) < n);
            assert_true(strcspn(words[k], "0123456789") < n && strcspn(words[k], "!*+-") < n);
            assert_int_equal(strcspn(words[k], "%,:\"'$` _#"), n);
        }
        assert_true(strlen(id.cira_user) <= 16);
    }
}

static void shapes_of_fleets(void **state) {
    struct sim_plan p = PLAN;
    struct sim_node_config a, b;
    p.placeholder_first = 2;
    p.me_off_first = 1;
    p.ccm_first = 3;
    p.start_off = true;
    sim_plan_node(&p, 2, &a);
    assert_true(uuid_is_placeholder(a.id.uuid));
    assert_false(uuid_is_placeholder(a.id.smbios));
    assert_true(a.me_in_sleep);
    assert_int_equal(a.mode, SIM_CCM);
    assert_int_equal(a.start, MACHINE_S5);
    sim_plan_node(&p, 1, &a);
    assert_false(a.me_in_sleep);
    sim_plan_node(&p, 4, &a);
    assert_int_equal(a.mode, SIM_ACM);
    assert_true(uuid_eq(a.id.uuid, a.id.smbios));
    p = PLAN;
    p.same_first = 2;
    sim_plan_node(&p, 1, &a);
    sim_plan_node(&p, 2, &b);
    assert_true(uuid_eq(a.id.uuid, b.id.uuid));
    assert_false(uuid_eq(a.id.smbios, b.id.smbios));
    sim_plan_node(&p, 3, &b);
    assert_false(uuid_eq(a.id.uuid, b.id.uuid));
}

static void the_csv_has_the_contracted_columns(void **state) {
    struct buf out = {0};
    struct sim_plan p = PLAN;
    p.ccm_first = 1;
    assert_int_equal(sim_plan_csv(&p, &out), 0);
    struct slice text = buf_slice(&out), line = slice_cut(&text, '\n');
    assert_true(slice_is(line, "Name,AmtUUID,SmbiosUUID,Serial,CiraUser,CiraPassword,AmtUser,AmtPassword,"
                               "DesiredPowerState,ControlMode"));
    for (uint32_t i = 1; i <= 5; i++) {
        struct sim_node_config c;
        char uuid[UUID_TEXT_CAP];
        sim_plan_node(&p, i, &c);
        line = slice_cut(&text, '\n');
        const char *expected[] = {c.id.name,
                                  uuid_text(c.id.uuid, uuid),
                                  uuid,
                                  c.id.serial,
                                  c.id.cira_user,
                                  c.id.cira_password,
                                  "admin",
                                  c.id.amt_password,
                                  "POWER_STATE_ON",
                                  i == 1 ? "AMT_CONTROL_MODE_CCM" : "AMT_CONTROL_MODE_ACM"};
        for (int k = 0; k < 10; k++)
            assert_true(slice_is(slice_cut(&line, ','), expected[k]));
        assert_int_equal(line.n, 0);
    }
    assert_int_equal(text.n, 0);
    buf_clear(&out);
    p.start_off = true;
    p.count = 1;
    sim_plan_csv(&p, &out);
    assert_non_null(strstr(buf_cstr(&out), ",POWER_STATE_OFF,"));
    buf_clear(&out);
    p.desired_set = true;
    sim_plan_csv(&p, &out);
    assert_non_null(strstr(buf_cstr(&out), ",POWER_STATE_ON,"));
    buf_free(&out);
}

static void the_file_is_private(void **state) {
    char dir[] = "/tmp/sim-plan-XXXXXX", path[64];
    struct errinfo ei = {0};
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f.csv", dir);
    assert_int_equal(sim_plan_write_csv(&PLAN, path, &ei), 0);
    assert_int_equal(sim_plan_write_csv(&PLAN, path, &ei), 0); /* again, over the old one */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size > 500);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* nothing else is left */
    assert_int_equal(sim_plan_write_csv(&PLAN, "/no/such/dir/f.csv", &ei), ERR_IO);
    assert_non_null(strstr(ei.text, "/no/such/dir/f.csv"));
}

UNIT_MAIN(T(same_seed_same_fleet), T(passwords_obey_the_rules), T(shapes_of_fleets),
          T(the_csv_has_the_contracted_columns), T(the_file_is_private))
