/* SPDX-License-Identifier: Apache-2.0 */
/* log: lines to stderr, as text or as JSON. The only global state of the program. Never called from proto/
 * or core/. Secrets never go in. Any thread (one write(2) a line). */
#pragma once

#include "base/clock.h"
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* fd 2 by default; clock gives the time stamp (NULL: lines have none). Call before other threads start. */
void log_setup(enum log_level min, bool json, struct wall (*clock)(void));
bool log_enabled(enum log_level level);
/* "debug", "info", "warn", "error"; false when unknown. */
bool log_level_parse(const char *text, enum log_level *out);

/* What a line is about; any member may be NULL. */
struct log_ctx {
    const char *host; /* host-xxxxxxxx */
    const char *peer; /* address:port */
    const char *req;  /* request id */
};
/* room: "tunnel", "power", "http", … the folder or file that speaks. */
void log_line(enum log_level level, const char *room, const struct log_ctx *ctx, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
#define log_info(room, ...)  log_line(LOG_INFO, room, NULL, __VA_ARGS__)
#define log_warn(room, ...)  log_line(LOG_WARN, room, NULL, __VA_ARGS__)
#define log_error(room, ...) log_line(LOG_ERROR, room, NULL, __VA_ARGS__)
#define log_debug(room, ...) log_line(LOG_DEBUG, room, NULL, __VA_ARGS__)
