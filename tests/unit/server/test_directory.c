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

UNIT_MAIN(T(names_and_users_are_taken_once), T(a_change_is_whole_or_nothing), T(uuids_tell_twins))
