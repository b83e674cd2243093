/* SPDX-License-Identifier: Apache-2.0 */
/* problem: what the server refused, in the words of who typed the command: members of the API's bodies become
 * the options that they came from, routes become commands. Constant tables, any thread. */
#pragma once

#include "cli/args.h"
#include "http/client.h"

/* The exit code of an answer and its sentence, for one node's result line. 0 when it is a success. args: the
 * command as it was typed; NULL: the sentence stays as it came. */
int answer_problem(const struct answer *a, const struct args *args, char *text, size_t cap);
/* The remedy of a problem as a person can use it; "" when there is none, or when it names a route of the API
 * that no command stands for. */
void answer_remedy(const struct answer *a, const struct args *args, char *text, size_t cap);
