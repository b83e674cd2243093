/* SPDX-License-Identifier: Apache-2.0 */
/* targets: the hosts that a command is to change, named by words or by --filter; asked about, then worked on
 * one by one or many at a time. Owner: a command; main thread, but for work(). */
#pragma once

#include "cli/bulk.h"

enum { DEED_ASK_ABOVE = 10 };

struct deed {
    const char *doing; /* "power off", as the question says it */
    bool dry_run;      /* look only: say what would be done */
    size_t ask_above;  /* so many hosts pass unasked */
    /* Once, when the hosts are known and the user has agreed; NULL: none. A code but EXIT_OK ends the
     * command.
     */
    int (*before)(struct cli *c, struct bulk_item *items, size_t n, void *ctx);
    /* As of struct bulk; on the main thread when single. */
    void (*work)(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx);
    void *ctx;
};
/* Words and --filter: one of them, not both. An exit code; why is printed. usage: what to type. */
int targets_given(struct cli *c, const struct args *a, const char *usage);
/* Will one host be worked on, whose result is told as a sentence? */
bool targets_single(const struct args *a);
/* Find, ask, work, print. An exit code. */
int targets_run(struct cli *c, const struct args *a, const struct deed *d);
