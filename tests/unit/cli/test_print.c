/* SPDX-License-Identifier: Apache-2.0 */
/* What people see: tables, YAML, JSON, cleaned lines, ages, suggestions. */
#include "unit.h"

#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/when.h"
#include "cli/yaml.h"

#include <stdlib.h>

static char *text;
static size_t text_n;

static FILE *open_text(void) {
    free(text);
    text = NULL;
    return open_memstream(&text, &text_n);
}

static void print_table(unsigned width) {
    static const char *const heads[] = {"NAME", "STATE", "PROBLEM"};
    struct table *t = table_new(3, heads);
    table_cell(t, COLOUR_NONE, "n1");
    table_cell(t, COLOUR_GOOD, "on");
    table_cell(t, COLOUR_NONE, "%s", "");
    table_cell(t, COLOUR_NONE, "%s", "größe-日本");
    table_cell(t, COLOUR_BAD, "off");
    table_cell(t, COLOUR_NONE, "%s", "AMT link lost 14:02:11 (reset by peer)");
    FILE *f = open_text();
    table_print(t, f, width, false, true);
    fclose(f);
    table_free(&t);
    assert_null(t);
}

static void table_aligns_by_columns_not_bytes(void **state) {
    print_table(0);
    assert_string_equal(text, "NAME        STATE  PROBLEM\n"
                              "n1          on     \n"
                              "größe-日本  off    AMT link lost 14:02:11 (reset by peer)\n");
}

static void table_is_cut_to_a_terminal(void **state) {
    print_table(40);
    assert_string_equal(text, "NAME        STATE  PROBLEM\n"
                              "n1          on     \n"
                              "größe-日本  off    AMT link lost 14:02:…\n");
    for (unsigned w = 30; w < 80; w++) {
        print_table(w);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true(text_width(slice_str(line)) <= w);
    }
    print_table(1); /* narrower than any table: still ends, still prints */
    assert_non_null(strstr(text, "…"));
}

static void table_colours_cells_only(void **state) {
    static const char *const heads[] = {"A", "B"};
    struct table *t = table_new(2, heads);
    table_cell(t, COLOUR_BAD, "x");
    table_cell(t, COLOUR_NONE, "%s", "\033[31mevil\x9b\nline");
    FILE *f = open_text();
    table_print(t, f, 0, true, true);
    fclose(f);
    table_free(&t);
    assert_string_equal(text, "A  B\n\033[31mx\033[0m  ?[31mevil??line\n");
}

static void widths(void **state) {
    assert_int_equal(text_width(SLICE_LIT("abc")), 3);
    assert_int_equal(text_width(SLICE_LIT("日本")), 4);
    assert_int_equal(text_width(SLICE_LIT("e\xcc\x81")), 1);
    assert_int_equal(text_width(SLICE_LIT("\xff\xfe")), 2);
    assert_int_equal(text_fit(SLICE_LIT("日本"), 3), 3);
    assert_int_equal(text_fit(SLICE_LIT("abc"), 0), 0);
}

static void yaml_is(const char *json, const char *want) {
    json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    struct buf b = {0};
    assert_int_equal(yaml_put(&b, v), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
    json_decref(v);
}

static void yaml(void **state) {
    yaml_is(
        "{\"hosts\":[{\"name\":\"n1\",\"up\":true,\"age\":3,\"none\":null},{\"name\":\"n2\",\"l\":[]}],\"o\":"
        "{}}",
        "hosts:\n  - name: n1\n    up: true\n    age: 3\n    none: null\n  - name: n2\n    l: []\no: {}\n");
    yaml_is("[[1,2],[{\"a\":{\"b\":[\"c\"]}}]]", "- - 1\n  - 2\n- - a:\n      b:\n        - c\n");
    yaml_is("[]", "[]\n");
    yaml_is("\"x\"", "x\n");
    yaml_is("1.5", "1.5\n");
}

/* Strings that YAML would read as something else are quoted; hostile bytes are escaped. */
static void yaml_strings(void **state) {
    yaml_is(
        "[\"on\",\"No\",\"null\",\"\",\"12\",\"1e3\",\"2026-11-22\",\"a: b\",\"- x\",\"#c\",\"x \",\"~\"]",
        "- \"on\"\n- \"No\"\n- \"null\"\n- \"\"\n- \"12\"\n- \"1e3\"\n- \"2026-11-22\"\n- \"a: b\"\n- \"- "
        "x\"\n- \"#c\"\n"
        "- \"x \"\n- \"~\"\n");
    yaml_is("[\"POWER_STATE_ON\",\"host-1a2b\",\"on (S0)\"]", "- POWER_STATE_ON\n- host-1a2b\n- on (S0)\n");
    yaml_is("[\"a\\u001b[31m\",\"b\\u009bc\",\"d\\u007f\",\"e\\nf\"]",
            "- \"a\\u001B[31m\"\n- \"b\\u009bc\"\n- \"d\\u007f\"\n- \"e\\nf\"\n");
    yaml_is("{\"a: b\":1}", "\"a: b\": 1\n");
}

static void json_text(void **state) {
    json_t *v = json_loads("{\"b\":\"x\\u009b\\u007f\",\"a\":[1]}", 0, NULL);
    struct buf b = {0};
    json_put_text(&b, v, 0);
    assert_string_equal(buf_cstr(&b), "{\"b\": \"x\\u009b\\u007f\", \"a\": [1]}\n");
    buf_free(&b);
    json_decref(v);
}

static void lines_are_cleaned(void **state) {
    FILE *f = open_text();
    struct term t;
    term_init(&t, f, f, 0);
    term_line(&t, "host %s", "n\033]0;x\a1\n2");
    term_line_head(&t, COLOUR_BAD, "BAD\t", "%s", " y\xc2\x9b");
    term_hint(&t, "");
    fclose(f);
    assert_int_equal(t.width, 0);
    assert_string_equal(text, "host n?]0;x?1?2\nBAD? y?\n");
}

static void ages_and_times(void **state) {
    char out[WALL_TEXT_CAP];
    assert_string_equal(age_text(812, out), "0 s");
    assert_string_equal(age_text(-5, out), "0 s");
    assert_string_equal(age_text(14 * 60000 + 20000, out), "14 min");
    assert_string_equal(age_text(3 * 3600000, out), "3 h");
    assert_string_equal(age_text(9ll * 86400000, out), "9 d");
    assert_string_equal(when_text("2026-11-22T14:02:11.482Z", out), "2026-11-22 14:02:11Z");
    assert_string_equal(when_text("", out), "-");
    assert_string_equal(when_text(NULL, out), "-");
    assert_string_equal(when_text("yesterday", out), "-");
}

static void times_given_by_people(void **state) {
    struct wall now = {1000000000000000}, w;
    assert_true(when_parse("90m", now, &w));
    assert_int_equal(w.us - now.us, 90ll * 60 * 1000000);
    assert_true(when_parse("+2h", now, &w));
    assert_int_equal(w.us - now.us, 7200ll * 1000000);
    assert_true(when_parse("3d", now, &w));
    assert_true(when_parse("2026-11-22T18:00:00Z", now, &w));
    assert_false(when_parse("", now, &w));
    assert_false(when_parse("h", now, &w));
    assert_false(when_parse("2w", now, &w));
    assert_false(when_parse("-2h", now, &w));
    assert_false(when_parse("99999999999h", now, &w));
}

static void distances(void **state) {
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("abc", "abc"), 0);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("filter", "filtr"), 1);
    assert_int_equal(edit_distance("host", "hsot"), 1);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    char longword[200];
    memset(longword, 'a', 199);
    longword[199] = 0;
    assert_true(edit_distance(longword, "a") > 63);
    struct suggest s = {.word = "cycle"};
    suggest_offer(&s, "off");
    suggest_offer(&s, "power-cycle");
    assert_string_equal(suggest_best(&s), "power-cycle");
    s = (struct suggest){.word = "zzz"};
    suggest_offer(&s, "on");
    assert_null(suggest_best(&s));
}

static int forget(void **state) {
    free(text);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(table_aligns_by_columns_not_bytes),
        T(table_is_cut_to_a_terminal),
        T(table_colours_cells_only),
        T(widths),
        T(yaml),
        T(yaml_strings),
        T(json_text),
        T(lines_are_cleaned),
        T(ages_and_times),
        T(times_given_by_people),
        T(distances),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
