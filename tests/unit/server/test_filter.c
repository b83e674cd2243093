/* SPDX-License-Identifier: Apache-2.0 */
#include "server/filter.h"

#include "unit.h"

#include <stdio.h>

static struct host HOST;
static struct host_policy POLICY;

static int setup(void **s) {
    POLICY = HOST_POLICY_DEFAULT;
    host_init(&HOST, "host-1a2b3c4d", 1);
    snprintf(HOST.name, sizeof HOST.name, "node-7");
    snprintf(HOST.project, sizeof HOST.project, "default");
    snprintf(HOST.cira_user, sizeof HOST.cira_user, "u7");
    HOST.created = (struct wall){1700000000000000};
    HOST.version = 7;
    HOST.intent.desired = POWER_ON;
    link_set_state(&HOST.link, LINK_UP, LINK_WHY_LOGIN, (struct wall){1700000500000000});
    HOST.link.generation = 3;
    snprintf(HOST.link.peer, sizeof HOST.link.peer, "192.0.2.7:49152");
    assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &HOST.seen_uuid));
    return 0;
}

static bool match(const char *text) {
    struct arena a = {0};
    struct filter *f;
    struct errinfo ei = {0};
    struct host_view v = host_view_of(&HOST, &POLICY, (struct host_now){{0}, {1700001000000000}});
    if (filter_parse(&a, slice_str(text), &f, &ei))
        fail_msg("%s: %s", text, ei.text);
    bool yes = filter_match(f, &v);
    arena_free(&a);
    return yes;
}

static void comparisons(void **s) {
    static const struct {
        const char *text;
        bool yes;
    } v[] = {
        {"", true},
        {"  ", true},
        {"name=\"node-7\"", true},
        {"name='node-7'", true},
        {"name = node-7", true},
        {"name=\"node\"", false},
        {"name!=\"node-7\"", false},
        {"name!=\"x\"", true},
        {"name=\"node*\"", true},
        {"name=\"*7\"", true},
        {"name=\"*de-*\"", true},
        {"name=\"*x*\"", false},
        {"name=\"*\"", true},
        {"name=node*", true},
        {"name!=node*", false},
        {"name=\"node\\*\"", false},
        {"name=\"n\\\"\"", false},
        {"name:\"NODE\"", true},
        {"name:x", false},
        {"name:*", true},
        {"serialNumber:*", false},
        {"name<\"node-8\"", true},
        {"name>=\"node-7\"", true},
        {"name>\"node-7\"", false},
        {"oob.version=7", true},
        {"oob.version>6 AND oob.version<8", true},
        {"oob.version>=8", false},
        {"oob.version!=7", false},
        {"oob.link.generation<=3", true},
        {"oob.link.state=\"up\"", true},
        {"oob.link.reason=\"logged in\"", true},
        {"oob.link.since>\"2023-11-14T22:13:20Z\"", true},
        {"oob.link.since<\"2023-11-14T22:13:20Z\"", false},
        {"timestamps.createdAt=\"2023-11-14T22:13:20Z\"", true},
        {"oob.holdUntil:*", false},
        {"desiredPowerState=POWER_STATE_ON", true},
        {"currentPowerState=POWER_STATE_UNSPECIFIED", true},
        {"oob.operation.state:*", false},
        {"oob.operation.state=\"waiting\"", false},
        {"oob.operation.state!=\"waiting\"", true}, /* it has none: none is equal */
        {"oob.findings:\"uuid-placeholder\"", true},
        {"oob.findings=\"uuid-duplicate\"", false},
        {"oob.findings!=\"uuid-placeholder\"", false},
        {"oob.findings.severity=\"warning\"", true},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        if (match(v[i].text) != v[i].yes)
            fail_msg("%s", v[i].text);
}

/* AIP-160: OR binds stronger than AND. */
static void words_and_brackets(void **s) {
#define YES "name=\"node-7\""
#define NO  "name=\"x\""
    assert_true(match(YES " AND " YES));
    assert_false(match(YES " AND " NO));
    assert_true(match(NO " OR " YES));
    assert_false(match(NO " AND " NO " OR " YES));
    assert_true(match("(" NO " AND " NO ") OR " YES));
    assert_false(match(NO " AND (" NO " OR " YES ")"));
    assert_true(match("NOT " NO));
    assert_false(match("NOT " YES));
    assert_true(match("NOT NOT " YES));
    assert_true(match("NOT (" NO " OR " NO ") AND " YES));
}

static void errors_name_the_place(void **s) {
    static const struct {
        const char *text, *position, *part;
    } v[] = {
        {"nonsense=1", "position 1", "no field"},
        {"name", "position 5", "is needed"},
        {"name==\"x\"", "position 6", "a value is needed"},
        {"name=", "position 6", "a value is needed"},
        {"name=\"x", "position 6", "closing quote"},
        {"name=\"x\" name=\"y\"", "position 10", "AND, OR or the end"},
        {"(name=\"x\"", "position 10", "a ) is needed"},
        {"name=\"x\")", "position 9", "AND, OR or the end"},
        {"name=\"x\" AND", "position 13", "a field, NOT or ("},
        {"AND", "position 1", "no field"},
        {"NOT", "position 4", "a field"},
        {"oob.version=\"x\"", "position 13", "a number"},
        {"oob.link.since=\"x\"", "position 16", "a time"},
        {"name<\"x*\"", "position 6", "* works with"},
        {"name ~ \"x\"", "position 6", "one of = !="},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct arena a = {0};
        struct filter *f = (struct filter *)1;
        struct errinfo ei = {0};
        assert_int_equal(filter_parse(&a, slice_str(v[i].text), &f, &ei), ERR_INVALID);
        assert_null(f);
        assert_string_equal(ei.field, "filter");
        if (!strstr(ei.text, v[i].position) || !strstr(ei.text, v[i].part))
            fail_msg("%s: %s", v[i].text, ei.text);
        arena_free(&a);
    }
}

static void limits(void **s) {
    struct buf b = {0};
    struct arena a = {0};
    struct filter *f;
    struct errinfo ei = {0};
    for (int i = 0; i <= FILTER_TERMS_MAX; i++)
        buf_putf(&b, "%sname=a", i ? " AND " : "");
    assert_int_equal(filter_parse(&a, buf_slice(&b), &f, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "64 comparisons"));
    buf_clear(&b);
    for (int i = 0; i <= FILTER_DEPTH_MAX; i++)
        buf_puts(&b, i % 2 ? "NOT " : "(");
    assert_int_equal(filter_parse(&a, buf_slice(&b), &f, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "too deeply"));
    arena_free(&a);
    buf_free(&b);
}

static void orders(void **s) {
    struct order_key v[ORDER_MAX];
    struct errinfo ei = {0};
    assert_int_equal(order_parse(SLICE_EMPTY, v, &ei), 0);
    assert_int_equal(order_parse(SLICE_LIT("name"), v, &ei), 1);
    assert_false(v[0].descending);
    assert_int_equal(order_parse(SLICE_LIT("oob.link.since desc, name asc"), v, &ei), 2);
    assert_true(v[0].descending);
    assert_string_equal(v[1].field->path, "name");
    assert_int_equal(order_parse(SLICE_LIT("nothing"), v, &ei), ERR_INVALID);
    assert_string_equal(ei.field, "orderBy");
    assert_int_equal(order_parse(SLICE_LIT("name down"), v, &ei), ERR_INVALID);
    assert_int_equal(order_parse(SLICE_LIT("name,name,name,name,name"), v, &ei), ERR_INVALID);
}

/* Every field can be read of a bare host, and ends. */
static void every_field_has_a_getter(void **s) {
    struct host bare;
    host_init(&bare, "host-00000000", 0);
    for (size_t i = 0; i < HOST_FIELDS_COUNT; i++) {
        struct host_view v = host_view_of(&bare, &POLICY, (struct host_now){{0}, {1}});
        struct host_value out = {0};
        unsigned n = 0;
        while (HOST_FIELDS[i].get(&v, n, &out))
            assert_true(++n < 40);
        assert_ptr_equal(host_field_find(slice_str(HOST_FIELDS[i].path)), &HOST_FIELDS[i]);
    }
    host_fini(&bare);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(comparisons), T(words_and_brackets),      T(errors_name_the_place), T(limits),
        T(orders),      T(every_field_has_a_getter)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
