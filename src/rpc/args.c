/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/args.h"

#include "rpc/exits.h"

#include <string.h>

static const struct {
    const char *word, *summary;
} COMMANDS[] = {
#define C(sym, word, summary) {word, summary},
    RPC_COMMAND_TABLE(C)
#undef C
};
static const struct {
    const char *name, *arg;
    unsigned commands;
    const char *help;
} OPTIONS[] = {
#define O(sym, name, arg, commands, help) {name, arg, commands, help},
    RPC_OPTION_TABLE(O)
#undef O
};

const char *rpc_command_word(enum rpc_command c) {
    return COMMANDS[c].word;
}

static int command_of(const char *word) {
    for (int i = 0; i < RPC_COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].word, word) == 0)
            return i;
    return -1;
}

static int option_of(struct slice name) {
    for (int i = 0; i < RPC_OPT_COUNT; i++)
        if (slice_is(name, OPTIONS[i].name))
            return i;
    return -1;
}

static int bad(struct errinfo *ei, const char *field, const char *what, struct slice word) {
    char shown[64];
    slice_to_str(word, shown, sizeof shown);
    err_set(ei, ERR_INVALID, field, "%s \"%s\"", what, shown);
    err_remedy(ei, "rpc --help lists all there is.");
    return ERR_INVALID;
}

/* One argument that begins with two dashes; *i moves on when its value is the next one. */
static int take_option(struct rpc_args *a, int argc, char *const argv[], int *i, struct errinfo *ei) {
    struct slice rest = slice_str(argv[*i] + 2);
    const char *equals = strchr(argv[*i], '=');
    struct slice name = slice_cut(&rest, '=');
    int o = option_of(name);
    if (o < 0)
        return bad(ei, "", "there is no option", name);
    if (a->value[o])
        return bad(ei, OPTIONS[o].name, "given twice: option", name);
    if (!*OPTIONS[o].arg) {
        a->value[o] = "";
        return equals ? bad(ei, OPTIONS[o].name, "no value belongs to", name) : 0;
    }
    a->value[o] = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    return a->value[o] && *a->value[o] ? 0 : bad(ei, OPTIONS[o].name, "a value is missing behind", name);
}

int rpc_args_parse(struct rpc_args *a, int argc, char *const argv[], struct errinfo *ei) {
    *a = (struct rpc_args){.command = RPC_COMMAND_COUNT};
    for (int i = 1; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "-h") == 0)
            a->help = true;
        else if (strncmp(argv[i], "--", 2) == 0)
            rc = take_option(a, argc, argv, &i, ei);
        else if (a->command == RPC_COMMAND_COUNT && command_of(argv[i]) >= 0)
            a->command = (enum rpc_command)command_of(argv[i]);
        else
            rc = bad(ei, "", a->command == RPC_COMMAND_COUNT ? "there is no command" : "one word too many:",
                     slice_str(argv[i]));
        if (rc < 0)
            return rc;
    }
    a->help |= a->value[RPC_OPT_HELP] != NULL;
    if (a->command == RPC_COMMAND_COUNT)
        a->command = RPC_AMTINFO;
    for (int o = 0; !a->help && o < RPC_OPT_COUNT; o++)
        if (a->value[o] && !(OPTIONS[o].commands >> a->command & 1)) {
            err_set(ei, ERR_INVALID, OPTIONS[o].name, "%s takes no option --%s", COMMANDS[a->command].word,
                    OPTIONS[o].name);
            err_remedy(ei, "rpc --help lists all there is.");
            return ERR_INVALID;
        }
    return 0;
}

void rpc_help(struct buf *out) {
    buf_puts(out, "Usage: rpc COMMAND [OPTION…]\n\nThe program at a node with Intel AMT. Without a command: "
                  "amtinfo.\n\nCommands:\n");
    for (int c = 0; c < RPC_COMMAND_COUNT; c++)
        buf_putf(out, "  %-14s %s\n", COMMANDS[c].word, COMMANDS[c].summary);
    for (int c = 0; c < RPC_COMMAND_COUNT; c++) {
        buf_putf(out, "\nOptions of %s:\n", COMMANDS[c].word);
        for (int o = 0; o < RPC_OPT_COUNT; o++)
            if (OPTIONS[o].commands >> c & 1)
                buf_putf(out, "  --%s%s%-*s %s\n", OPTIONS[o].name, *OPTIONS[o].arg ? " " : "",
                         24 - (int)strlen(OPTIONS[o].name) - (*OPTIONS[o].arg != 0), OPTIONS[o].arg,
                         OPTIONS[o].help);
    }
    buf_puts(out, "\nExit codes:\n");
    for (size_t i = 0; i < rpc_exits_n; i++)
        buf_putf(out, "  %3d  %s\n", rpc_exits[i].code, rpc_exits[i].text);
}
