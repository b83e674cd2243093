/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

const char *opt_shown(const struct command_opt *o, char out[OPT_SHOWN_CAP]) {
    const struct opt_row *r = opt_row(o->opt);
    char letter[8] = "    ";
    if (r->letter)
        snprintf(letter, sizeof letter, "-%c, ", r->letter);
    const char *arg = command_opt_arg(o);
    snprintf(out, OPT_SHOWN_CAP, "%s--%s%s%s", letter, r->name, *arg ? " " : "", arg);
    return out;
}

/* Text from column `at` on, broken at blanks, further lines indented to `indent`. */
static void put_wrapped(FILE *out, const char *text, size_t at, size_t indent) {
    struct slice rest = slice_str(text);
    bool first = true;
    while (rest.n) {
        struct slice word = slice_cut(&rest, ' ');
        if (!first && at + 1 + word.n > HELP_WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)word.n, (const char *)word.p);
        at += word.n + (first ? 0 : 1);
        first = false;
    }
    fputc('\n', out);
}

/* own: the command whose own rows replace some of opts; NULL: print all. */
static void put_options(FILE *out, const struct command_opt *opts, const struct command *own) {
    for (; opts->opt != OPT_NONE; opts++) {
        if (own && command_takes(own, opts->opt) != opts)
            continue;
        char shown[OPT_SHOWN_CAP];
        size_t n = strlen(opt_shown(opts, shown));
        if (n + 4 > HELP_COLUMN)
            fprintf(out, "  %s\n%*s", shown, HELP_COLUMN, "");
        else
            fprintf(out, "  %-*s", HELP_COLUMN - 2, shown);
        put_wrapped(out, opts->help, HELP_COLUMN, HELP_COLUMN);
    }
}

static void put_exits(FILE *out, const struct command *c) {
    fputs("\nExit codes:\n", out);
    unsigned always = 1u << EXIT_OK | 1u << EXIT_FAILED | 1u << EXIT_USAGE;
    for (int i = 0; i < EXIT_COUNT; i++)
        if (!c || (always | c->exits) >> i & 1)
            fprintf(out, "  %d  %s\n", i, exit_text(i));
}

static void command_usage(const struct command *c, FILE *out) {
    char name[COMMAND_NAME_CAP];
    command_name(c, name);
    fprintf(out, "usage: orch-cli %s%s%s%s\n\n", name, *c->words ? " " : "", c->words,
            c->opts->opt != OPT_NONE ? " [OPTION…]" : "");
    fprintf(out, "%s.\n", c->summary);
    if (c->details) {
        fputc('\n', out);
        put_wrapped(out, c->details, 0, 0);
    }
    if (c->opts->opt != OPT_NONE) {
        fputs("\nOptions:\n", out);
        put_options(out, c->opts, NULL);
    }
    fputs("\nOptions of every command:\n", out);
    put_options(out, command_globals, c);
    if (c->examples && *c->examples) {
        fputs("\nExamples:\n", out);
        for (const char *const *e = c->examples; *e; e += 2)
            fprintf(out, "  orch-cli %s\n      %s\n", e[0], e[1]);
    }
    put_exits(out, c);
}

static void program_usage(FILE *out) {
    fputs("usage: orch-cli COMMAND [WORDS] [OPTIONS]\n\nThe command line of Outband, an orchestrator for "
          "Intel AMT fleets.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < commands_n; i++) {
        char name[COMMAND_NAME_CAP], line[128];
        command_name(&commands[i], name);
        snprintf(line, sizeof line, "%s%s%s", name, *commands[i].words ? " " : "", commands[i].words);
        /* the ellipsis is three bytes and one column */
        int extra = strstr(line, "…") ? 2 : 0;
        fprintf(out, "  %-*s %s\n", HELP_COLUMN + extra, line, commands[i].summary);
    }
    fputs("\nOptions of every command:\n", out);
    put_options(out, command_globals, NULL);
    put_exits(out, NULL);
    fputs("\nMore about a command: orch-cli COMMAND --help, or orch-cli man COMMAND | man -l -\n", out);
}

void usage_print(const struct command *c, FILE *out) {
    if (c)
        command_usage(c, out);
    else
        program_usage(out);
}
