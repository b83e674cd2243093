/* SPDX-License-Identifier: Apache-2.0 */
#include "server/directory.h"

#include "unit.h"

static struct directory_entry entry(const char *id, const char *name, const char *user) {
    struct directory_entry e = {0};
    snprintf(e.id, sizeof e.id, "%s", id);
    snprintf(e.project, sizeof e.project, "default");
    snprintf(e.name, sizeof e.name, "%s", name);
    snprintf(e.cira_user, sizeof e.cira_user, "%s", user);
    return e;
}

static void names_and_users_are_taken_once(void **s) {
    struct directory *d = directory_new(7);
    struct errinfo ei = {0};
    struct directory_entry a = entry("host-1", "n1", "u1"), got;
    assert_int_equal(directory_add(d, &a, &ei), 0);
    struct directory_entry same_name = entry("host-2", "n1", "u2");
    assert_int_equal(directory_add(d, &same_name, &ei), ERR_EXISTS);
    assert_string_equal(ei.field, "name");
    assert_non_null(strstr(ei.text, "host-1"));
    struct directory_entry same_user = entry("host-2", "n2", "u1");
    assert_int_equal(directory_add(d, &same_user, &ei), ERR_EXISTS);
    assert_string_equal(ei.field, "cira.user");
    struct directory_entry other_project = entry("host-2", "n1", "u2");
    snprintf(other_project.project, sizeof other_project.project, "lab");
    assert_int_equal(directory_add(d, &other_project, &ei), 0);
    struct directory_entry same_id = entry("host-1", "n9", "u9");
    assert_int_equal(directory_add(d, &same_id, &ei), ERR_EXISTS);

    assert_int_equal(directory_by_user(d, SLICE_LIT("u1"), &got), 0);
    assert_string_equal(got.id, "host-1");
    assert_int_equal(directory_by_user(d, SLICE_LIT("u9"), &got), ERR_NOT_FOUND);
    assert_int_equal(directory_by_user(d, SLICE_EMPTY, &got), ERR_NOT_FOUND);
    assert_int_equal(directory_by_name(d, "lab", "n1", &got), 0);
    assert_string_equal(got.id, "host-2");
    assert_int_equal(directory_by_id(d, "host-2", NULL), 0);
    assert_int_equal(directory_count(d), 2);
    directory_free(&d);
}

static void a_change_is_whole_or_nothing(void **s) {
    struct directory *d = directory_new(7);
    struct directory_entry a = entry("host-1", "n1", "u1"), b = entry("host-2", "n2", "u2"), got;
    assert_int_equal(directory_add(d, &a, NULL), 0);
    assert_int_equal(directory_add(d, &b, NULL), 0);
    struct directory_entry bad = entry("host-1", "n9", "u2");
    assert_int_equal(directory_change(d, &bad, NULL), ERR_EXISTS);
    assert_int_equal(directory_by_name(d, "default", "n1", &got), 0);
    assert_int_equal(directory_by_name(d, "default", "n9", &got), ERR_NOT_FOUND);
    struct directory_entry good = entry("host-1", "n9", "");
    assert_int_equal(directory_change(d, &good, NULL), 0);
    assert_int_equal(directory_by_name(d, "default", "n9", &got), 0);
    assert_int_equal(directory_by_user(d, SLICE_LIT("u1"), &got), ERR_NOT_FOUND);
    struct directory_entry none = entry("host-7", "n7", "u7");
    assert_int_equal(directory_change(d, &none, NULL), ERR_NOT_FOUND);
    /* what was given up may be taken by another */
    struct directory_entry c = entry("host-3", "n1", "u1");
    assert_int_equal(directory_add(d, &c, NULL), 0);
    directory_remove(d, "host-3", NULL);
    assert_int_equal(directory_by_user(d, SLICE_LIT("u1"), &got), ERR_NOT_FOUND);
    directory_free(&d);
}

static struct uuid uuid_of(const char *text) {
    struct uuid u = {{0}};
    assert_true(uuid_parse(slice_str(text), &u));
    return u;
}
#define BOARD_A "55e3ae13-bfd2-61bb-17a0-88aedd7037ea"
#define BOARD_B "5b006b9c-09bf-0000-0000-000000000000"
#define FACTORY "03000200-0400-0500-0006-000700080009"

static void a_shared_user_is_told_apart_by_uuid(void **s) {
    struct directory *d = directory_new(7);
    struct errinfo ei = {0};
    struct directory_entry a = entry("host-1", "n1", "admin"), b = entry("host-2", "n2", "admin"), got;
    a.cira_shared = b.cira_shared = true;
    assert_int_equal(directory_add(d, &a, &ei), ERR_INVALID); /* no UUID */
    a.ids.amt = uuid_of(FACTORY);
    assert_int_equal(directory_add(d, &a, &ei), ERR_INVALID);
    assert_string_equal(ei.field, "amtUuid");
    a.ids.amt = uuid_of(BOARD_A);
    b.ids.amt = uuid_swap(a.ids.amt);
    assert_int_equal(directory_add(d, &a, &ei), 0);
    assert_int_equal(directory_add(d, &b, &ei), ERR_EXISTS); /* the same board */
    b.ids.amt = uuid_of(BOARD_B);
    assert_int_equal(directory_add(d, &b, &ei), 0);
    struct directory_entry alone = entry("host-3", "n3", "admin");
    assert_int_equal(directory_add(d, &alone, &ei), ERR_EXISTS); /* one that is not shared */

    assert_int_equal(directory_by_login(d, SLICE_LIT("admin"), uuid_of(BOARD_B), &got), 0);
    assert_string_equal(got.id, "host-2");
    assert_int_equal(directory_by_login(d, SLICE_LIT("admin"), uuid_swap(uuid_of(BOARD_A)), &got), 0);
    assert_string_equal(got.id, "host-1");
    assert_int_equal(directory_by_login(d, SLICE_LIT("admin"), uuid_of(FACTORY), &got), ERR_NOT_FOUND);

    /* the first of the chain goes, then the other gets a user of its own */
    directory_remove(d, "host-1", NULL);
    assert_int_equal(directory_by_login(d, SLICE_LIT("admin"), uuid_of(BOARD_B), &got), 0);
    snprintf(b.cira_user, sizeof b.cira_user, "own");
    b.cira_shared = false;
    assert_int_equal(directory_change(d, &b, &ei), 0);
    assert_int_equal(directory_by_user(d, SLICE_LIT("admin"), &got), ERR_NOT_FOUND);
    assert_int_equal(directory_by_login(d, SLICE_LIT("own"), uuid_of(FACTORY), &got), 0);
    directory_free(&d);
}

static int match(struct directory *d, const char *smbios, const char *amt, const char *serial,
                 struct directory_entry *got) {
    struct node_ids ids = {0};
    struct errinfo ei = {0};
    if (smbios)
        ids.smbios = uuid_of(smbios);
    if (amt)
        ids.amt = uuid_of(amt);
    snprintf(ids.serial, sizeof ids.serial, "%s", serial ? serial : "");
    int r = directory_match_node(d, "default", &ids, got, &ei);
    assert_true(r != ERR_EXISTS || strstr(ei.text, "merge"));
    return r;
}

static void a_machine_finds_its_host(void **s) {
    struct directory *d = directory_new(7);
    struct directory_entry a = entry("host-1", "n1", ""), b = entry("host-2", "n2", ""), got;
    a.ids.smbios = uuid_of(BOARD_A);
    snprintf(a.ids.serial, sizeof a.ids.serial, "SN-1");
    b.ids.smbios = uuid_of(BOARD_B);
    b.ids.amt = uuid_of(FACTORY);
    snprintf(b.ids.serial, sizeof b.ids.serial, "Default string");
    assert_int_equal(directory_add(d, &a, NULL), 0);
    assert_int_equal(directory_add(d, &b, NULL), 0);
    char left[HOST_ID_CAP], other[HOST_ID_CAP];
    struct uuid seen = {{0xaa, 0xbb, 0xcc, 1, 2, 3}};
    directory_see_uuid(d, "host-2", seen, other, left);

    assert_int_equal(match(d, BOARD_A, NULL, NULL, &got), 0);
    assert_string_equal(got.id, "host-1");
    char swapped[UUID_TEXT_CAP], text[UUID_TEXT_CAP];
    uuid_text(uuid_swap(uuid_of(BOARD_B)), swapped);
    assert_int_equal(match(d, swapped, NULL, NULL, &got), 0);
    assert_string_equal(got.id, "host-2");
    assert_int_equal(match(d, NULL, uuid_text(seen, text), NULL, &got), 0); /* of its tunnel */
    assert_string_equal(got.id, "host-2");
    assert_int_equal(match(d, NULL, BOARD_A, NULL, &got), 0); /* a client that knows the AMT UUID only */
    assert_int_equal(match(d, NULL, NULL, "sn-1", &got), 0);
    assert_string_equal(got.id, "host-1");

    /* placeholders are nobody's; another board with the same serial is another machine */
    assert_int_equal(match(d, FACTORY, FACTORY, "Default string", &got), ERR_NOT_FOUND);
    assert_int_equal(match(d, "11111111-2222-3333-4444-555555555555", NULL, "SN-1", &got), ERR_NOT_FOUND);
    struct node_ids elsewhere = {.smbios = uuid_of(BOARD_A)};
    assert_int_equal(directory_match_node(d, "lab", &elsewhere, &got, NULL), ERR_NOT_FOUND);
    directory_free(&d);
}

static void several_that_fit_are_told(void **s) {
    struct directory *d = directory_new(7);
    struct directory_entry a = entry("host-1", "n1", ""), b = entry("host-2", "n2", ""), got;
    assert_int_equal(directory_add(d, &a, NULL), 0);
    assert_int_equal(directory_add(d, &b, NULL), 0);
    struct node_ids told = {.amt = uuid_of(BOARD_A)};
    directory_learn(d, "host-1", &told);
    directory_learn(d, "host-2", &told);
    assert_int_equal(match(d, NULL, BOARD_A, NULL, &got), ERR_EXISTS);
    struct node_ids serial = {.serial = "SN-2"};
    directory_learn(d, "host-2", &serial);                      /* what was told before stays */
    assert_int_equal(match(d, NULL, BOARD_A, "SN-2", &got), 0); /* more agrees with one of them */
    assert_string_equal(got.id, "host-2");
    assert_int_equal(match(d, NULL, BOARD_A, NULL, &got), ERR_EXISTS);
    directory_free(&d);
}

static void serials_that_say_nothing(void **s) {
    assert_true(serial_is_placeholder(""));
    assert_true(serial_is_placeholder("TO BE FILLED BY O.E.M."));
    assert_true(serial_is_placeholder("000000"));
    assert_false(serial_is_placeholder("SN-1"));
}

static void uuids_tell_twins(void **s) {
    struct directory *d = directory_new(7);
    char other[HOST_ID_CAP], left[HOST_ID_CAP];
    struct uuid u = {{1, 2, 3}}, v = {{9}}, nil = {{0}};
    for (int i = 1; i <= 3; i++) {
        char id[HOST_ID_CAP + 16], n[16];
        snprintf(id, sizeof id, "host-%d", i);
        snprintf(n, sizeof n, "n%d", i);
        struct directory_entry e = entry(id, n, n);
        assert_int_equal(directory_add(d, &e, NULL), 0);
    }
    assert_int_equal(directory_see_uuid(d, "host-1", u, other, left), 0);
    assert_string_equal(other, "");
    assert_int_equal(directory_see_uuid(d, "host-1", u, other, left), 0); /* the same again */
    assert_int_equal(directory_see_uuid(d, "host-2", u, other, left), 1);
    assert_string_equal(other, "host-1");
    assert_string_equal(left, "");
    assert_int_equal(directory_see_uuid(d, "host-3", nil, other, left), 0); /* nobody's */
    /* one moves away: the other is alone again */
    assert_int_equal(directory_see_uuid(d, "host-1", v, other, left), 0);
    assert_string_equal(left, "host-2");
    assert_int_equal(directory_see_uuid(d, "host-1", u, other, left), 1);
    directory_remove(d, "host-2", left);
    assert_string_equal(left, "host-1");
    directory_free(&d);
}

UNIT_MAIN(T(names_and_users_are_taken_once), T(a_change_is_whole_or_nothing),
          T(a_shared_user_is_told_apart_by_uuid), T(a_machine_finds_its_host), T(several_that_fit_are_told),
          T(serials_that_say_nothing), T(uuids_tell_twins))
