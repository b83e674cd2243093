/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

/* Text with what roff would take for itself escaped. */
static void put_text(FILE *out, const char *text) {
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else if (strncmp(p, "…", 3) == 0) {
            fputs("\\&...", out);
            p += 2;
        } else
            fputc(*p, out);
    }
}

/* own: the command whose own rows replace some of opts; NULL: print all. */
static void put_options(FILE *out, const struct command_opt *opts, const struct command *own) {
    for (; opts->opt != OPT_NONE; opts++) {
        if (own && command_takes(own, opts->opt) != opts)
            continue;
        char shown[OPT_SHOWN_CAP];
        const char *text = opt_shown(opts, shown);
        while (*text == ' ')
            text++;
        fputs(".TP\n.B ", out);
        put_text(out, text);
        fputc('\n', out);
        put_text(out, opts->help);
        fputs(".\n", out);
    }
}

static void put_examples(FILE *out, const struct command *c) {
    for (const char *const *e = c->examples; e && *e; e += 2) {
        fputs(".PP\n.EX\norch\\-cli ", out);
        put_text(out, e[0]);
        fputs("\n.EE\n.RS 4\n", out);
        put_text(out, e[1]);
        fputs("\n.RE\n", out);
    }
}

static void put_exits(FILE *out, unsigned which) {
    fputs(".SH EXIT STATUS\n", out);
    for (int i = 0; i < EXIT_COUNT; i++)
        if (which >> i & 1) {
            fprintf(out, ".TP\n.B %d\n", i);
            put_text(out, exit_text(i));
            fputs(".\n", out);
        }
}

static void put_command(FILE *out, const struct command *c) {
    char name[COMMAND_NAME_CAP];
    fputs(".SS ", out);
    put_text(out, command_name(c, name));
    if (*c->words) {
        fputc(' ', out);
        put_text(out, c->words);
    }
    fputc('\n', out);
    put_text(out, c->summary);
    fputs(".\n", out);
    if (c->details) {
        fputs(".PP\n", out);
        put_text(out, c->details);
        fputc('\n', out);
    }
    put_options(out, c->opts, NULL);
    put_examples(out, c);
}

static void put_files(FILE *out) {
    fputs(".SH FILES\n.TP\n.I ~/.orch\\-cli\nWhat login keeps: address, certificates, project and token. "
          "Mode 0600.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B ORCH_CLI_CONFIG\nPath of that file.\n"
          ".TP\n.B NO_COLOR\nWhen set and not empty, nothing is coloured.\n"
          ".TP\n.B COLUMNS\nWidth that tables are cut to on a terminal.\n",
          out);
}

void man_print(const struct command *c, FILE *out) {
    char name[COMMAND_NAME_CAP] = "";
    unsigned always = 1u << EXIT_OK | 1u << EXIT_FAILED | 1u << EXIT_USAGE;
    fputs(".\\\" printed by: orch-cli man\n.TH ORCH\\-CLI 1 \"\" \"Outband " OUTBAND_VERSION
          "\" \"Outband\"\n"
          ".SH NAME\norch\\-cli ",
          out);
    if (c) {
        put_text(out, command_name(c, name));
        fputs(" \\- ", out);
        put_text(out, c->summary);
    } else {
        fputs("\\- the command line of Outband, an orchestrator for Intel AMT fleets", out);
    }
    fputs("\n.SH SYNOPSIS\n.B orch\\-cli\n", out);
    if (c) {
        put_text(out, name);
        fputc('\n', out);
        put_text(out, *c->words ? c->words : " ");
        fputs("\n[OPTIONS]\n.SH DESCRIPTION\n", out);
        put_text(out, c->details ? c->details : c->summary);
        fputs("\n.SH OPTIONS\n", out);
        put_options(out, c->opts, NULL);
    } else {
        fputs("COMMAND [WORDS] [OPTIONS]\n.SH DESCRIPTION\n"
              "Data goes to standard output, everything else to standard error. Options may stand before or "
              "after words.\n"
              ".SH COMMANDS\n",
              out);
        for (size_t i = 0; i < commands_n; i++)
            put_command(out, &commands[i]);
        fputs(".SH OPTIONS OF EVERY COMMAND\n", out);
    }
    put_options(out, command_globals, c);
    if (c && c->examples) {
        fputs(".SH EXAMPLES\n", out);
        put_examples(out, c);
    }
    put_exits(out, c ? always | c->exits : ~0u);
    put_files(out);
}
