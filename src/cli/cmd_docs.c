/* SPDX-License-Identifier: Apache-2.0 */
/* completion, man, help: the command table, printed. */
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/handlers.h"
#include "cli/usage.h"

int cmd_completion(struct cli *c, const struct args *a) {
    if (strcmp(a->words[0], "candidates") == 0) {
        completion_candidates(c, a->words + 1, a->nwords - 1);
        return EXIT_OK;
    }
    if (a->nwords == 1 && completion_print(a->words[0], c->term.out))
        return EXIT_OK;
    return cli_usage(c, NULL, "completion is for bash, zsh or fish, not \"%.40s\"", a->words[0]);
}

/* The command that the words name; *c NULL for no words. */
static int named(struct cli *c, const struct args *a, const struct command **cmd) {
    size_t used = 0;
    *cmd = a->nwords ? command_find(a->words, a->nwords, &used) : NULL;
    if (a->nwords && (!*cmd || used < a->nwords))
        return cli_usage(c, "orch-cli help lists the commands", "no such command: %.40s%s%.40s", a->words[0],
                         a->nwords > 1 ? " " : "", a->nwords > 1 ? a->words[1] : "");
    return EXIT_OK;
}

int cmd_man(struct cli *c, const struct args *a) {
    const struct command *cmd;
    int code = named(c, a, &cmd);
    if (code == EXIT_OK)
        man_print(cmd, c->term.out);
    return code;
}

int cmd_help(struct cli *c, const struct args *a) {
    const struct command *cmd;
    int code = named(c, a, &cmd);
    if (code == EXIT_OK)
        usage_print(cmd, c->term.out);
    return code;
}
