/* SPDX-License-Identifier: Apache-2.0 */
/* listing: lists of small objects of the server as tables. Main thread. */
#pragma once

#include "cli/cli.h"

struct listing_col {
    const char *head, *member;
    bool time;
};
/* GET target and print the objects under key, one row each; -o name prints the first column. An exit code;
 * why is printed. */
int listing_print(struct cli *c, const char *target, const char *key, const struct listing_col *cols,
                  size_t ncols);
/* GET target and print all members of the object, one row each. */
int listing_print_one(struct cli *c, const char *target);
