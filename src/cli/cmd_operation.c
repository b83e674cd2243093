/* SPDX-License-Identifier: Apache-2.0 */
/* operations, get operation, cancel operation. */
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/operations.h"
#include "cli/watch_host.h"
#include "proto/http1.h"

#include <inttypes.h>

enum { LIMIT_DEFAULT = 100, PAGE_MAX = 1000 };

static enum colour state_colour(const char *state) {
    return strcmp(state, "done") == 0                                      ? COLOUR_GOOD
           : strcmp(state, "failed") == 0 || strcmp(state, "expired") == 0 ? COLOUR_BAD
           : strcmp(state, "cancelled") == 0                               ? COLOUR_FAINT
                                                                           : COLOUR_DOUBT;
}

static void row(struct table *t, const json_t *op) {
    char when[WALL_TEXT_CAP];
    const char *state = jget_str(op, "state");
    table_cell(t, COLOUR_NONE, "%s", jget_str(op, "id"));
    table_cell(t, COLOUR_NONE, "%s", jget_str(op, "host"));
    table_cell(t, COLOUR_NONE, "%s", jget_str(op, "kind"));
    table_cell(t, state_colour(state), "%s", state);
    table_cell(t, COLOUR_NONE, "%s", jget_str(op, "actor"));
    table_cell(t, COLOUR_NONE, "%s", when_text(jget_str(op, "createdAt"), when));
    table_cell(t, COLOUR_NONE, "%s", jget_str(op, "text"));
}

/* Pages of operations until limit; *out owns an array. */
static int fetch(struct cli *c, const char *host, uint64_t limit, json_t **out) {
    struct buf path = {0};
    json_t *all = json_array();
    int code = all ? EXIT_OK : EXIT_FAILED;
    bool more = true;
    char after[96] = "";
    while (code == EXIT_OK && more && json_array_size(all) < limit) {
        uint64_t want = limit - json_array_size(all);
        char size[24];
        snprintf(size, sizeof size, "%" PRIu64, want < PAGE_MAX ? want : PAGE_MAX);
        cli_path(c, &path, "/operations");
        path_query(&path, "host", host);
        path_query(&path, "state", arg_text(c->args, OPT_STATE));
        path_query(&path, "pageSize", size);
        path_query(&path, "after", *after ? after : NULL);
        json_t *page = NULL;
        code = cli_get(c, buf_cstr(&path), &page);
        json_t *ops = jget(page, "operations");
        size_t n = json_array_size(ops);
        if (code == EXIT_OK && n)
            json_array_extend(all, ops);
        more = n && jget_bool(page, "hasNext");
        if (n)
            slice_to_str(slice_str(jget_str(json_array_get(ops, n - 1), "id")), after, sizeof after);
        json_decref(page);
    }
    buf_free(&path);
    *out = all;
    return code;
}

int cmd_operations(struct cli *c, const struct args *a) {
    static const char *const heads[] = {"ID", "HOST", "KIND", "STATE", "BY", "CREATED", "TEXT"};
    char id[64] = "";
    int code = arg_given(a, OPT_HOST) ? host_id(c, arg_text(a, OPT_HOST), id) : EXIT_OK;
    if (code != EXIT_OK)
        return code;
    json_t *ops = NULL;
    code = fetch(c, *id ? id : NULL, arg_number(a, OPT_LIMIT, LIMIT_DEFAULT), &ops);
    size_t n = json_array_size(ops);
    enum output o = cli_output(c);
    if (code == EXIT_OK && (o == OUTPUT_JSON || o == OUTPUT_YAML)) {
        json_t *v = json_pack("{s:O}", "operations", ops);
        cli_print_value(c, v);
        json_decref(v);
    } else if (code == EXIT_OK && o == OUTPUT_NAME) {
        for (size_t i = 0; i < n; i++)
            term_line(&c->term, "%s", jget_str(json_array_get(ops, i), "id"));
    } else if (code == EXIT_OK && n) {
        struct table *t = table_new(7, heads);
        for (size_t i = 0; t && i < n; i++)
            row(t, json_array_get(ops, i));
        if (t)
            table_print(t, c->term.out, o == OUTPUT_WIDE ? 0 : c->term.width, c->term.colour_out, true);
        table_free(&t);
    } else if (code == EXIT_OK) {
        term_say(&c->term, "no operations");
    }
    json_decref(ops);
    return code;
}

static void describe(struct cli *c, const json_t *op) {
    static const struct {
        const char *key, *member;
        bool time;
    } lines[] = {{"ID", "id", false},           {"Host", "host", false},
                 {"Kind", "kind", false},       {"State", "state", false},
                 {"Code", "code", false},       {"Text", "text", false},
                 {"By", "actor", false},        {"Created", "createdAt", true},
                 {"Sent", "sentAt", true},      {"Finished", "finishedAt", true},
                 {"Deadline", "deadline", true}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char when[WALL_TEXT_CAP];
        const char *v = jget_str(op, lines[i].member);
        term_line(&c->term, "%-12s%s", lines[i].key, lines[i].time ? when_text(v, when) : v);
    }
}

static void print_change(void *ctx, const json_t *op) {
    struct cli *c = ctx;
    char text[512], when[WALL_TEXT_CAP];
    operation_text(op, text, sizeof text);
    when_text(jget_str(op, "updatedAt"), when);
    term_line(&c->term, "%s  %s", strlen(when) > 11 ? when + 11 : when, text);
    fflush(c->term.out);
}

static int watch_operation(struct cli *c, const char *id) {
    int code = cli_connect(c, true);
    if (code != EXIT_OK)
        return code;
    struct outcome o = {0};
    int64_t limit = cli_timeout_ms(c, 0);
    bool quiet = cli_output(c) != OUTPUT_TABLE;
    operation_wait(c, c->client, id, limit ? mono_add_ms(now_mono(), limit) : MONO_NEVER, &o,
                   quiet ? NULL : print_change, c);
    if (quiet && o.json)
        cli_print_value(c, o.json);
    if (o.exit != EXIT_OK && (!o.json || o.exit == EXIT_TIMEOUT)) {
        term_say(&c->term, "%s", o.text);
        term_hint(&c->term, o.remedy);
    }
    outcome_free(&o);
    return o.exit;
}

int cmd_get_operation(struct cli *c, const struct args *a) {
    if (arg_given(a, OPT_WATCH))
        return watch_operation(c, a->words[0]);
    struct buf path = {0};
    json_t *op = NULL;
    cli_path(c, &path, "/operations/");
    http1_escape(&path, slice_str(a->words[0]));
    int code = cli_get(c, buf_cstr(&path), &op);
    if (code == EXIT_OK && !cli_print_value(c, op))
        describe(c, op);
    json_decref(op);
    buf_free(&path);
    return code;
}

int cmd_cancel_operation(struct cli *c, const struct args *a) {
    struct buf path = {0};
    cli_path(c, &path, "/operations/");
    http1_escape(&path, slice_str(a->words[0]));
    int code = cli_send(c, "DELETE", buf_cstr(&path), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "operation %s cancelled", a->words[0]);
    buf_free(&path);
    return code;
}
