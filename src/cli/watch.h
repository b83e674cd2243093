/* SPDX-License-Identifier: Apache-2.0 */
/* watch: the event stream as a command sees it: opened, resumed after drops, ended by time or count. Main
 * thread. */
#pragma once

#include "cli/cli.h"

struct watch {
    const char *host, *kind; /* NULL: all */
    const char *since;       /* begin behind this event; NULL: only new ones */
    int64_t max_ms;          /* 0: without end */
    uint64_t count;          /* events to give; 0: without end */
    /* Called once, when the first stream is open, so that nothing is lost between a first look and the
     * events; may be NULL. Anything but EXIT_OK ends the watch with that code. */
    int (*opened)(void *ctx);
    /* One CloudEvents object. False ends the watch with EXIT_OK. */
    bool (*event)(void *ctx, const json_t *event);
    void *ctx;
};

/* EXIT_OK when it ended by count, time, or a reader of stdout that went away; else why the server could not
 * be watched (printed). */
int watch_run(struct cli *c, const struct watch *w);
/* "14:02:11  link-lost     n1  text" to stdout; with_host: name the host, with_date: date and number, too. */
void event_print(struct cli *c, const json_t *event, bool with_host, bool with_date);
