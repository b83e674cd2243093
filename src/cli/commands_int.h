/* SPDX-License-Identifier: Apache-2.0 */
/* commands_int: words that rows of the table of commands (commands.c) are written with. */
#pragma once

#include "cli/commands.h"
#include "cli/handlers.h"

#define OPTS(...)                                                                                            \
    (const struct command_opt[]) {                                                                           \
        __VA_ARGS__ {                                                                                        \
            OPT_NONE, NULL, NULL                                                                             \
        }                                                                                                    \
    }
#define EXAMPLES(...)                                                                                        \
    (const char *const[]) {                                                                                  \
        __VA_ARGS__, NULL                                                                                    \
    }
#define CODE(x) (1u << EXIT_##x)

enum {
    ANY = UINT16_MAX,
    BARRIER_S = 120, /* a node is deactivated before the answer; the server gives up earlier */
};

#define OUTPUT(words)                                                                                        \
    { OPT_OUTPUT, "how to print", words }
#define DATA OUTPUT("table|json|yaml")
#define FANOUT                                                                                               \
    { OPT_FANOUT, "hosts worked on at a time (1 to 64, default 16)", NULL }
#define YES                                                                                                  \
    { OPT_YES, "do not ask", NULL }
#define CONSENT_CODE                                                                                         \
    {                                                                                                        \
        OPT_CONSENT_CODE,                                                                                    \
            "the six digits of the node's screen (- reads them from standard input); else asked for on the " \
            "terminal. With neither, a node that wants them is left alone: exit code 2",                     \
            NULL                                                                                             \
    }
#define TAKE_OVER                                                                                            \
    { OPT_TAKE_OVER, "end the session of this kind that is open first: one's own, or as admin any", NULL }
#define FORGET_FORCE                                                                                         \
    { OPT_FORCE, "go on when the node cannot be reached, and say what is left behind", NULL }
#define FILTER_HELP                                                                                          \
    "which hosts: comparisons (= != < > <= >= and : for has) of fields, joined by AND, OR, NOT, such as "    \
    "'oob.link.state=\"up\" AND name=\"rack1-*\"'"

/* Rows of things that are listed, shown and deleted by name. fn: as in cmd_list_FN; few: what more may go
 * wrong
 */
#define LIST_ROW(what, fn, doc)                                                                              \
    {                                                                                                        \
        .verb = "list", .object = what, .words = "", .summary = doc,                                         \
        .opts = OPTS(OUTPUT("table|json|yaml|name"), ),                                                      \
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT), .run = cmd_list_##fn,                       \
    }
#define GET_ROW(what, fn)                                                                                    \
    {                                                                                                        \
        .verb = "get", .object = what, .words = "NAME", .word = WORD_OTHER, .words_min = 1, .words_max = 1,  \
        .summary = "Show one " what, .opts = OPTS(DATA, ),                                                   \
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT), .run = cmd_get_##fn,      \
    }
#define DELETE_ROW(what, fn)                                                                                 \
    {                                                                                                        \
        .verb = "delete", .object = what, .words = "NAME", .word = WORD_OTHER, .words_min = 1,               \
        .words_max = 1, .summary = "Delete one " what, .opts = OPTS(YES, ),                                  \
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),           \
        .run = cmd_delete_##fn,                                                                              \
    }
