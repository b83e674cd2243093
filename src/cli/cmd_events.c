/* SPDX-License-Identifier: Apache-2.0 */
/* events, and the watching forms of list host and get host. */
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/watch.h"
#include "cli/watch_host.h"
#include "cli/yaml.h"

int host_id(struct cli *c, const char *given, char out[64]) {
    struct buf path = {0};
    json_t *host = NULL;
    int code = cli_get(c, cli_host_path(c, &path, given, ""), &host);
    if (code == EXIT_OK)
        slice_to_str(slice_str(jget_str(host, "resourceId")), out, 64);
    json_decref(host);
    buf_free(&path);
    return code;
}

static void print_line(struct cli *c, const json_t *v) {
    struct buf b = {0};
    json_put_text(&b, v, 0);
    fwrite(buf_slice(&b).p, 1, b.len, c->term.out);
    buf_free(&b);
}

static bool on_event(void *ctx, const json_t *event) {
    struct cli *c = ctx;
    if (cli_output(c) == OUTPUT_JSON)
        print_line(c, event);
    else
        event_print(c, event, true, true);
    return true;
}

int cmd_events(struct cli *c, const struct args *a) {
    char id[64] = "";
    if (arg_given(a, OPT_HOST)) {
        int code = host_id(c, arg_text(a, OPT_HOST), id);
        if (code != EXIT_OK)
            return code;
    }
    const struct watch w = {
        .host = *id ? id : NULL,
        .kind = arg_text(a, OPT_KIND),
        .since = arg_text(a, OPT_SINCE),
        .max_ms = cli_timeout_ms(c, 0),
        .count = arg_number(a, OPT_MAX_COUNT, 0),
        .event = on_event,
        .ctx = c,
    };
    return watch_run(c, &w);
}

struct story {
    struct cli *c;
    const char *given;
};

static int story_begins(void *ctx) {
    struct story *s = ctx;
    struct buf path = {0};
    json_t *host = NULL;
    int code = cli_get(s->c, cli_host_path(s->c, &path, s->given, ""), &host);
    if (code == EXIT_OK) {
        if (cli_output(s->c) == OUTPUT_JSON)
            print_line(s->c, host);
        else
            host_state_line(s->c, host);
    }
    json_decref(host);
    buf_free(&path);
    return code;
}

static bool story_goes_on(void *ctx, const json_t *event) {
    struct story *s = ctx;
    if (cli_output(s->c) == OUTPUT_JSON)
        print_line(s->c, event);
    else
        event_print(s->c, event, false, false);
    return strcmp(jget_str(event, "type"), "host.deleted") != 0;
}

int watch_one_host(struct cli *c, const char *given) {
    char id[64];
    int code = host_id(c, given, id);
    if (code != EXIT_OK)
        return code;
    struct story s = {c, id};
    const struct watch w = {
        .host = id,
        .max_ms = cli_timeout_ms(c, 0),
        .count = arg_number(c->args, OPT_MAX_COUNT, 0),
        .opened = story_begins,
        .event = story_goes_on,
        .ctx = &s,
    };
    return watch_run(c, &w);
}

/* The fleet as it was printed last. */
struct fleet {
    struct cli *c;
    unsigned widths[TABLE_COLS_MAX];
    json_t *printed; /* id: the row as text, so that an event that changes nothing visible prints nothing */
};

/* Has the host's row changed since it was printed? Ages do not count. */
static bool row_changed(struct fleet *f, const json_t *host) {
    char power[SAY_CAP], problem[SAY_CAP], row[3 * SAY_CAP];
    host_power_text(host, power);
    const char *state = jget_str(host, "oob.power.state"), *op = jget_str(host, "oob.operation.state");
    snprintf(row, sizeof row, "%s|%s|%s|%s|%s|%s|%s", host_label(host), jget_str(host, "desiredPowerState"),
             state, jget_str(host, "oob.power.lastKnown.state"), jget_str(host, "oob.link.state"), op,
             host_problem(host, problem));
    const char *id = jget_str(host, "resourceId"), *last = json_string_value(json_object_get(f->printed, id));
    if (last && strcmp(last, row) == 0)
        return false;
    json_object_set_new_nocheck(f->printed, id, json_string_nocheck(row));
    return true;
}

static void print_hosts(struct fleet *f, const json_t *hosts, bool with_head) {
    struct cli *c = f->c;
    enum output o = cli_output(c);
    bool wide = o == OUTPUT_WIDE;
    size_t rows = 0;
    struct table *t = o == OUTPUT_TABLE || wide ? hosts_table_new(wide) : NULL;
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        const json_t *h = json_array_get(hosts, i);
        if (!row_changed(f, h))
            continue;
        rows++;
        if (t)
            hosts_table_row(t, h, wide);
        else if (o == OUTPUT_NAME)
            term_line(&c->term, "%s", host_label(h));
        else
            print_line(c, h);
    }
    if (t && (rows || with_head)) {
        table_widen(t, f->widths);
        table_print(t, c->term.out, wide ? 0 : c->term.width, c->term.colour_out, with_head);
    }
    table_free(&t);
}

static int fleet_begins(void *ctx) {
    struct fleet *f = ctx;
    json_t *hosts = NULL;
    int code =
        hosts_fetch(f->c, arg_text(f->c->args, OPT_FILTER), arg_text(f->c->args, OPT_ORDER_BY), &hosts);
    if (code == EXIT_OK)
        print_hosts(f, hosts, true);
    json_decref(hosts);
    return code;
}

/* The host of an event as it is now, if it passes the filter; owned. */
static json_t *event_hosts(struct cli *c, const json_t *event) {
    const char *filter = arg_text(c->args, OPT_FILTER), *id = jget_str(event, "subject");
    json_t *host = jget(event, "data.host"), *list = NULL;
    if (!filter && json_is_object(host))
        return json_pack("[O]", host);
    if (!*id || strpbrk(id, "\"\\"))
        return NULL;
    struct buf both = {0};
    buf_putf(&both, "resourceId=\"%s\"%s%s%s", id, filter ? " AND (" : "", filter ? filter : "",
             filter ? ")" : "");
    hosts_fetch(c, buf_cstr(&both), NULL, &list);
    buf_free(&both);
    return list;
}

static bool fleet_changes(void *ctx, const json_t *event) {
    struct fleet *f = ctx;
    json_t *hosts = event_hosts(f->c, event);
    print_hosts(f, hosts, false);
    json_decref(hosts);
    return true;
}

int watch_fleet(struct cli *c) {
    struct fleet f = {.c = c, .printed = json_object()};
    const struct watch w = {
        .max_ms = cli_timeout_ms(c, 0), .opened = fleet_begins, .event = fleet_changes, .ctx = &f};
    int code = watch_run(c, &w);
    json_decref(f.printed);
    return code;
}
