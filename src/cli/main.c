/* SPDX-License-Identifier: Apache-2.0 */
/* orch-cli: the command line of Outband. */
#include "cli/cli.h"
#include "cli/usage.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int run(struct cli *c, const struct args *a) {
    if (arg_given(a, OPT_HELP) || !a->command) {
        usage_print(a->command, a->command || arg_given(a, OPT_HELP) ? c->term.out : c->term.err);
        return a->command || arg_given(a, OPT_HELP) ? EXIT_OK : EXIT_USAGE;
    }
    int code = cli_start(c, a);
    return code == EXIT_OK ? a->command->run(c, a) : code;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away shows as a write error */
    struct cli c = {0};
    term_init(&c.term, stdout, stderr, STDIN_FILENO);
    struct args a;
    struct errinfo ei = {0};
    int rc = args_parse(&a, argc, (const char *const *)argv, &ei), code;
    if (rc < 0) {
        cli_fail(&c, &ei);
        code = rc == ERR_NOMEM ? EXIT_FAILED : EXIT_USAGE;
    } else {
        code = run(&c, &a);
    }
    cli_end(&c);
    args_free(&a);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = EXIT_FAILED;
    return code;
}
