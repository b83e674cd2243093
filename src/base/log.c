/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static struct {
    enum log_level min;
    bool json;
    struct wall (*clock)(void);
} sink = {.min = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level min, bool json, struct wall (*clock)(void)) {
    sink.min = min;
    sink.json = json;
    sink.clock = clock;
}

bool log_enabled(enum log_level level) {
    return level >= sink.min;
}

bool log_level_parse(const char *text, enum log_level *out) {
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

static void line_json(struct buf *b, enum log_level level, const char *room, const struct log_ctx *ctx,
                      const char *time, const char *msg) {
    struct json j = json_of(b);
    json_obj(&j);
    if (time[0])
        json_kstr(&j, "time", time);
    json_kstr(&j, "level", level_names[level]);
    json_kstr(&j, "room", room);
    if (ctx && ctx->host)
        json_kstr(&j, "host", ctx->host);
    if (ctx && ctx->peer)
        json_kstr(&j, "peer", ctx->peer);
    if (ctx && ctx->req)
        json_kstr(&j, "req", ctx->req);
    json_kstr(&j, "msg", msg);
    json_obj_end(&j);
}

static void line_text(struct buf *b, enum log_level level, const char *room, const struct log_ctx *ctx,
                      const char *time, const char *msg) {
    buf_putf(b, "%s%s%-5s %s:", time, time[0] ? " " : "", level_names[level], room);
    if (ctx && ctx->host)
        buf_putf(b, " [%s]", ctx->host);
    if (ctx && ctx->peer)
        buf_putf(b, " <%s>", ctx->peer);
    if (ctx && ctx->req)
        buf_putf(b, " #%s", ctx->req);
    buf_puts(b, " ");
    for (const char *p = msg; *p; p++) /* one line stays one line, whatever a peer sent */
        buf_put(b, (uint8_t)*p < 0x20 ? SLICE_LIT(" ") : slice_of(p, 1));
}

void log_line(enum log_level level, const char *room, const struct log_ctx *ctx, const char *fmt, ...) {
    if (level < sink.min)
        return;
    int saved = errno;
    struct buf msg = {0}, line = {0};
    char time[WALL_TEXT_CAP] = "";
    if (sink.clock)
        wall_rfc3339(sink.clock(), time);
    va_list ap;
    va_start(ap, fmt);
    buf_vputf(&msg, fmt, ap);
    va_end(ap);
    (sink.json ? line_json : line_text)(&line, level, room, ctx, time, buf_cstr(&msg));
    buf_puts(&line, "\n");
    struct slice out = buf_slice(&line);
    while (out.n) {
        ssize_t n = write(STDERR_FILENO, out.p, out.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        out = slice_skip(out, (size_t)n);
    }
    buf_free(&msg);
    buf_free(&line);
    errno = saved;
}
