/* SPDX-License-Identifier: Apache-2.0 */
/* exits: what orch-cli tells the shell, and the one table that maps server problems, local errors and ends of
 * operations to it. Constant tables, any thread. Source: design 15; docs/api.md (problem types). */
#pragma once

#include "base/err.h"

/* X(symbol, number, meaning) */
#define EXIT_TABLE(X)                                                                                        \
    X(OK, 0, "everything asked for was done")                                                                \
    X(FAILED, 1, "it was tried and failed")                                                                  \
    X(USAGE, 2, "the command line or a value in it is wrong")                                                \
    X(NOT_FOUND, 3, "no such object")                                                                        \
    X(AUTH, 4, "not logged in, or not allowed")                                                              \
    X(REFUSED, 5, "refused: not possible in the present state")                                              \
    X(UNREACHABLE, 6, "the server or the device cannot be reached")                                          \
    X(TIMEOUT, 7, "no answer in time; the outcome is not known")                                             \
    X(PARTIAL, 8, "done for some hosts, failed for others")

enum exit_code {
#define X(sym, num, text) EXIT_##sym = (num),
    EXIT_TABLE(X)
#undef X
        EXIT_COUNT
};
/* Meaning of a code; NULL for a number that is none. */
const char *exit_text(int code);

/* From an HTTP answer. type: the last part of the problem's `type` ("not-found"), "" when there was none; it
 * wins over the status. 2xx gives EXIT_OK. */
int exit_of_problem(int status, const char *type);
/* From a local failure (ERR_*). ERR_OK gives EXIT_OK. */
int exit_of_err(int err);
/* From the final state and code of an operation or a provisioning, as the API names them ("failed",
 * "unreachable"). */
int exit_of_operation(const char *state, const char *code);
