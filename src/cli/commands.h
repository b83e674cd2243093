/* SPDX-License-Identifier: Apache-2.0 */
/* commands: the one table of orch-cli. Usage, --help, completion and man pages are printed from it, and the
 * command line is read against it. Constant; any thread. */
#pragma once

#include "cli/args.h"
#include "cli/exits.h"

struct cli;

/* What a command's words are, for completion. */
enum word_kind { WORD_NONE, WORD_HOST, WORD_OPERATION, WORD_USER, WORD_SHELL, WORD_COMMAND, WORD_OTHER };

/* An option as one command takes it. */
struct command_opt {
    enum opt opt;
    const char *help;
    const char *words; /* narrows the accepted words of a choice; NULL: as in the option table */
};

struct command {
    const char *verb, *object; /* object may be NULL: a command of one word */
    const char *words;         /* how the usage line shows what follows: "HOST", "[HOST…]", "" */
    enum word_kind word;
    uint16_t words_min, words_max;
    const char *summary; /* one line, no full stop */
    const char *details; /* sentences; NULL when the summary says all */
    const struct command_opt *opts;
    const char *const *examples; /* pairs: command line without the program's name, what it does; NULL ends */
    uint16_t exits;              /* bit set of the exit codes that can come, but OK, FAILED and USAGE */
    uint16_t answer_s;           /* so long the server may take to answer; 0: as usual */
    int (*run)(struct cli *c, const struct args *a); /* gives the exit code */
};

extern const struct command commands[];
extern const size_t commands_n;
extern const struct command_opt command_globals[]; /* every command takes them; ends with OPT_NONE */

/* The row for an option of this command (its own or a global one); NULL when the command does not take it. */
const struct command_opt *command_takes(const struct command *c, enum opt o);
/* The accepted words of a choice for this command; the argument's name for other kinds. */
const char *command_opt_arg(const struct command_opt *o);
/* The command these words begin with, the longest name first; *used is how many words are its name. NULL when
 * none. */
const struct command *command_find(const char *const *words, size_t n, size_t *used);
/* "set host" or "summary" into out. Returns out. */
enum { COMMAND_NAME_CAP = 48 };
const char *command_name(const struct command *c, char out[COMMAND_NAME_CAP]);
