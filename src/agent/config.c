/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"

#include "base/file.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 65536 };

static const struct {
    const char *name, *fallback, *doc;
    size_t at;
} ROWS[] = {
#define C(member, name, fallback, doc) {name, fallback, doc, offsetof(struct agent_config, member)},
    AGENT_CONFIG_TABLE(C)
#undef C
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

void agent_config_defaults(struct agent_config *c) {
    for (size_t i = 0; i < ROW_COUNT; i++)
        snprintf((char *)c + ROWS[i].at, AGENT_CONFIG_CAP, "%s", ROWS[i].fallback);
}

struct reading {
    struct agent_config *c;
    const char *shown;
    struct errinfo *ei;
    int err;
};

static int take(void *ctx, const char *section, const char *name, const char *value) {
    struct reading *r = ctx;
    if (r->err)
        return 1;
    for (size_t i = 0; !section[0] && i < ROW_COUNT; i++) {
        if (strcmp(ROWS[i].name, name) != 0)
            continue;
        if (!slice_to_str(slice_str(value), (char *)r->c + ROWS[i].at, AGENT_CONFIG_CAP))
            r->err = err_set(r->ei, ERR_INVALID, ROWS[i].name, "%.200s: %s is longer than %d bytes", r->shown,
                             name, AGENT_CONFIG_CAP - 1);
        return 1;
    }
    r->err = err_set(r->ei, ERR_INVALID, "", "%.200s: %.60s%s%.60s is not known", r->shown, section,
                     section[0] ? "." : "", name);
    err_remedy(r->ei, "pm-agent --help lists what may stand there; there are no sections.");
    return 1;
}

int agent_config_parse(struct agent_config *c, const char *text, const char *shown, struct errinfo *ei) {
    struct agent_config next = *c;
    struct reading r = {&next, shown, ei, 0};
    int line = ini_parse_string(text, take, &r);
    if (r.err == 0 && line != 0)
        r.err = err_set(ei, ERR_SYNTAX, "", "%.200s line %d is not name = value", shown, line);
    if (r.err == 0)
        *c = next;
    return r.err;
}

int agent_config_read(struct agent_config *c, const char *path, struct errinfo *ei) {
    char *text = NULL;
    size_t n;
    int r = file_read(path, FILE_BYTES_MAX, &text, &n, ei);
    if (r == 0)
        r = agent_config_parse(c, text, path, ei);
    free(text);
    return r;
}

void agent_config_help(struct buf *out) {
    for (size_t i = 0; i < ROW_COUNT; i++)
        buf_putf(out, "  %-10s = %-28s %s\n", ROWS[i].name, ROWS[i].fallback, ROWS[i].doc);
}
