/* SPDX-License-Identifier: Apache-2.0 */
/* The command line against the command table: every command's good and bad words. */
#include "unit.h"

#include "cli/commands.h"

enum { ARGV_MAX = 32 };

/* Split line at blanks (a "_" in a word stands for a blank) and read it. The strings live in mem. */
struct parsed {
    char mem[1024];
    const char *argv[ARGV_MAX];
    struct args args;
    struct errinfo ei;
    int rc;
};

static struct parsed parse_it;
static struct parsed *parse(const char *line) {
    struct parsed *p = &parse_it;
    args_free(&p->args);
    *p = (struct parsed){0};
    snprintf(p->mem, sizeof p->mem, "%s", line);
    int argc = 0;
    p->argv[argc++] = "orch-cli";
    for (char *at = p->mem; *at && argc < ARGV_MAX;) {
        p->argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    p->rc = args_parse(&p->args, argc, p->argv, &p->ei);
    return p;
}

static void every_command_has_what_a_row_needs(void **state) {
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        char name[COMMAND_NAME_CAP];
        assert_non_null(c->run);
        assert_non_null(c->opts);
        assert_non_null(c->words);
        assert_true(c->summary[0] >= 'A' && c->summary[0] <= 'Z');
        assert_true(c->summary[strlen(c->summary) - 1] != '.');
        assert_true(c->words_min <= c->words_max);
        assert_int_equal(c->words_max == 0, *c->words == 0);
        for (size_t k = 0; k < i; k++) {
            char other[COMMAND_NAME_CAP];
            assert_string_not_equal(command_name(c, name), command_name(&commands[k], other));
        }
        for (const struct command_opt *o = c->opts; o->opt != OPT_NONE; o++)
            assert_non_null(o->help);
    }
}

static void option_names_and_letters_are_unique(void **state) {
    for (unsigned a = OPT_NONE + 1; a < OPT_COUNT; a++)
        for (unsigned b = a + 1; b < OPT_COUNT; b++) {
            const struct opt_row *x = opt_row((enum opt)a), *y = opt_row((enum opt)b);
            assert_string_not_equal(x->name, y->name);
            assert_true(!x->letter || x->letter != y->letter);
        }
}

/* Each command with the fewest words is taken; with one word less or one more it is refused. */
static void every_command_takes_its_words(void **state) {
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        char name[COMMAND_NAME_CAP], line[256];
        command_name(c, name);
        const char *words[] = {"", " x1", " x1 x2", " x1 x2 x3"};
        assert_true(c->words_min <= 2);
        snprintf(line, sizeof line, "%s%s", name, words[c->words_min]);
        struct parsed *p = parse(line);
        assert_int_equal(p->rc, 0);
        assert_ptr_equal(p->args.command, c);
        assert_int_equal(p->args.nwords, c->words_min);
        if (c->words_max < 3) {
            snprintf(line, sizeof line, "%s%s", name, words[c->words_max + 1]);
            assert_int_equal(parse(line)->rc, ERR_INVALID);
            assert_non_null(strstr(parse_it.ei.text, "one word too many"));
        }
        if (c->words_min > 0) {
            snprintf(line, sizeof line, "%s%s", name, words[c->words_min - 1]);
            assert_int_equal(parse(line)->rc, ERR_INVALID);
            assert_non_null(strstr(parse_it.ei.text, "is missing"));
        }
    }
}

/* Each option of each command is taken in both spellings, and by no command that does not have it. */
static void every_option_of_every_command(void **state) {
    for (size_t i = 0; i < commands_n; i++)
        for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++) {
            const struct command *c = &commands[i];
            const struct opt_row *r = opt_row((enum opt)o);
            const struct command_opt *co = command_takes(c, (enum opt)o);
            char value[64] = "7", line[256], name[COMMAND_NAME_CAP];
            if (co && r->kind == OPT_KIND_CHOICE)
                snprintf(value, sizeof value, "%.*s", (int)strcspn(command_opt_arg(co), "|"),
                         command_opt_arg(co));
            bool flag = r->kind == OPT_KIND_FLAG;
            static const char *const some[] = {"", " w", " w w"};
            assert_true(c->words_min < sizeof some / sizeof *some);
            const char *words = some[c->words_min];
            command_name(c, name);
            snprintf(line, sizeof line, "%s%s --%s%s%s", name, words, r->name, flag ? "" : " ",
                     flag ? "" : value);
            struct parsed *p = parse(line);
            if (o == OPT_HELP) {
                assert_int_equal(p->rc, 0);
                continue;
            }
            assert_int_equal(p->rc, co ? 0 : ERR_INVALID);
            snprintf(line, sizeof line, "--%s%s%s %s%s", r->name, flag ? "" : "=", flag ? "" : value, name,
                     words);
            p = parse(line);
            assert_int_equal(p->rc, co ? 0 : ERR_INVALID);
            if (co)
                assert_string_equal(arg_text(&p->args, (enum opt)o), flag ? "" : value);
        }
}

static void spellings(void **state) {
    struct parsed *p = parse("-o json list hosts -fname=x");
    assert_int_equal(p->rc, 0);
    assert_string_equal(arg_text(&p->args, OPT_OUTPUT), "json");
    assert_string_equal(arg_text(&p->args, OPT_FILTER), "name=x");
    p = parse("set host n1 --power=off -- --n2");
    assert_int_equal(p->rc, 0);
    assert_int_equal(p->args.nwords, 2);
    assert_string_equal(p->args.words[1], "--n2");
    p = parse("login admin --password-file -");
    assert_int_equal(p->rc, 0);
    assert_string_equal(arg_text(&p->args, OPT_PASSWORD_FILE), "-");
    p = parse("operations --limit 12");
    assert_int_equal(arg_number(&p->args, OPT_LIMIT, 100), 12);
    assert_int_equal(arg_number(&p->args, OPT_FANOUT, 100), 100);
    p = parse("doctor");
    assert_null(p->args.command->object);
    p = parse("doctor host n1");
    assert_string_equal(p->args.command->object, "host");
    assert_int_equal(parse("")->rc, 0);
    assert_null(parse_it.args.command);
}

static void what_is_wrong_is_said_with_what_is_right(void **state) {
    static const struct {
        const char *line, *text, *remedy;
    } cases[] = {
        {"set host n1 --power cycle", "use one of on, off, reset, power-cycle, sleep, hibernate",
         "--power power-cycle"},
        {"set host n1 --power restart", "--power cannot be \"restart\"", "--power reset"},
        {"set host n1 --power OFF", "--power cannot be \"OFF\"", ""},
        {"set host n1 --power", "--power needs a value", ""},
        {"set host n1 --power --wait", "--power needs a value", ""},
        {"set host n1 --power=", "--power cannot be \"\"", ""},
        {"set host n1 --powr off", "unknown option --powr", "--power"},
        {"set host n1 --graceful=yes", "--graceful takes no value", ""},
        {"set host n1 --fanout x", "--fanout takes a whole number", ""},
        {"set host n1 --fanout -3", "needs a value", ""},
        {"set host n1 --name a --name b", "--name was given twice", ""},
        {"list host --yes", "list host: unknown option --yes", "list host --help"},
        {"get host n1 --amt-state provisioned", "unknown option --amt-state", ""},
        {"list", "list: of what?", "list host"},
        {"list hoost", "no such command: list hoost", "list host"},
        {"quarantine", "quarantine: of what?", ""},
        {"lits host", "no such command", "list host"},
        {"frobnicate", "no such command: frobnicate", "orch-cli help"},
        {"-x", "unknown option -x", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed *p = parse(cases[i].line);
        if (p->rc != ERR_INVALID || !strstr(p->ei.text, cases[i].text) ||
            !strstr(p->ei.remedy, cases[i].remedy))
            fail_msg("%s: %d \"%s\" \"%s\"", cases[i].line, p->rc, p->ei.text, p->ei.remedy);
    }
}

static int forget(void **state) {
    args_free(&parse_it.args);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_command_has_what_a_row_needs),
        T(option_names_and_letters_are_unique),
        T(every_command_takes_its_words),
        T(every_option_of_every_command),
        T(spellings),
        T(what_is_wrong_is_said_with_what_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
