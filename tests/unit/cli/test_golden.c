/* SPDX-License-Identifier: Apache-2.0 */
/* What the command table prints, compared with files that are checked in. UPDATE_GOLDEN=1 writes them. */
#include "unit.h"

#include "cli/completion.h"
#include "cli/usage.h"

#include <stdlib.h>

static const char *root; /* of the sources; argv[1] */
static char *text;
static size_t text_n;

static FILE *open_text(void) {
    free(text);
    text = NULL;
    return open_memstream(&text, &text_n);
}

static void compare(const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, file);
    const char *update = getenv("UPDATE_GOLDEN");
    FILE *f = fopen(path, update && *update ? "w" : "r");
    if (!f)
        fail_msg("cannot open %s", path);
    if (update && *update) {
        fwrite(text, 1, text_n, f);
        assert_int_equal(fclose(f), 0);
        return;
    }
    char *want = calloc(1, text_n + 2);
    size_t n = fread(want, 1, text_n + 1, f);
    fclose(f);
    bool same = n == text_n && memcmp(want, text, n) == 0;
    free(want);
    if (!same)
        fail_msg("%s is not what the command table prints; run the test with UPDATE_GOLDEN=1 and look at the "
                 "difference",
                 path);
}

static void manual(void **state) {
    FILE *f = open_text();
    man_print(NULL, f);
    fclose(f);
    compare("docs/man/orch-cli.1");
}

static void manual_of_each_command(void **state) {
    for (size_t i = 0; i < commands_n; i++) {
        FILE *f = open_text();
        man_print(&commands[i], f);
        fclose(f);
        assert_non_null(strstr(text, ".SH DESCRIPTION"));
        assert_null(strstr(text, "…"));
    }
}

static void help(void **state) {
    FILE *f = open_text();
    usage_print(NULL, f);
    for (size_t i = 0; i < commands_n; i++) {
        fputs("\n", f);
        usage_print(&commands[i], f);
    }
    fclose(f);
    compare("tests/unit/cli/golden/help.txt");
}

static void completion_scripts(void **state) {
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < 3; i++) {
        FILE *f = open_text();
        assert_true(completion_print(shells[i], f));
        fclose(f);
        char file[64];
        snprintf(file, sizeof file, "tests/unit/cli/golden/completion.%s", shells[i]);
        compare(file);
    }
    assert_false(completion_print("csh", stdout));
}

/* Lines that are being typed; the last word is the one to complete. What needs a server gives nothing here.
 */
static void completion_candidates_of_lines(void **state) {
    static const char *const lines[][8] = {
        {""},
        {"s"},
        {"set", ""},
        {"set", "host", "n1", "--po"},
        {"set", "host", "n1", "--power", ""},
        {"set", "host", "n1", "--power", "=", "o"},
        {"set", "host", "n1", "--power=re"},
        {"list", "host", "-o", ""},
        {"quarantine", "list", "-o", ""},
        {"login", "admin", "--orch-ca", ""},
        {"login", "admin", "-"},
        {"completion", ""},
        {"help", "de"},
        {"help", "delete", ""},
        {"-o", "json", "li"},
        {"doctor", "h"},
        {"set", "host", "--", "-"},
        {"set", "host", "n1", "--wait", "--w"},
        {"nonsense", "x", ""},
        {"get", "host", "n1", ""},
    };
    FILE *f = open_text();
    struct cli c = {0};
    struct args a = {0};
    FILE *quiet = fopen("/dev/null", "w");
    c.args = &a;
    term_init(&c.term, f, quiet, 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t n = 0;
        fputs("$ orch-cli", f);
        while (n < 8 && lines[i][n])
            fprintf(f, " %s", lines[i][n++]);
        fputs("<TAB>\n", f);
        completion_candidates(&c, lines[i], n);
    }
    fclose(f);
    fclose(quiet);
    compare("tests/unit/cli/golden/candidates.txt");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {T(manual), T(manual_of_each_command), T(help), T(completion_scripts),
                                       T(completion_candidates_of_lines)};
    if (argc < 2)
        return 99;
    root = argv[1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
