/* SPDX-License-Identifier: Apache-2.0 */
/* list host, get host, summary. */
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/watch_host.h"

#include <inttypes.h>

int cmd_list_host(struct cli *c, const struct args *a) {
    if (arg_given(a, OPT_WATCH))
        return watch_fleet(c);
    json_t *hosts = NULL;
    int code = hosts_fetch(c, arg_text(a, OPT_FILTER), arg_text(a, OPT_ORDER_BY), &hosts);
    if (code != EXIT_OK)
        return code;
    enum output o = cli_output(c);
    size_t n = json_array_size(hosts);
    if (o == OUTPUT_JSON || o == OUTPUT_YAML) {
        json_t *v = json_pack("{s:O,s:i,s:b}", "hosts", hosts, "totalElements", (int)n, "hasNext", 0);
        cli_print_value(c, v);
        json_decref(v);
    } else if (o == OUTPUT_NAME) {
        for (size_t i = 0; i < n; i++)
            term_line(&c->term, "%s", host_label(json_array_get(hosts, i)));
    } else {
        struct table *t = hosts_table_new(o == OUTPUT_WIDE);
        for (size_t i = 0; t && i < n; i++)
            hosts_table_row(t, json_array_get(hosts, i), o == OUTPUT_WIDE);
        if (t && n)
            table_print(t, c->term.out, o == OUTPUT_WIDE ? 0 : c->term.width, c->term.colour_out, true);
        if (n == 0)
            term_say(&c->term,
                     arg_given(a, OPT_FILTER) ? "no host matches the filter" : "there are no hosts yet");
        table_free(&t);
    }
    json_decref(hosts);
    return EXIT_OK;
}

int cmd_get_host(struct cli *c, const struct args *a) {
    if (arg_given(a, OPT_WATCH))
        return watch_one_host(c, a->words[0]);
    struct buf path = {0};
    json_t *host = NULL;
    int code = cli_get(c, cli_host_path(c, &path, a->words[0], ""), &host);
    if (code == EXIT_OK && !cli_print_value(c, host)) {
        if (cli_output(c) == OUTPUT_NAME)
            term_line(&c->term, "%s", host_label(host));
        else
            host_describe(c, host);
    }
    json_decref(host);
    buf_free(&path);
    return code;
}

/* "link       up 24, down 1" for each number above zero */
static void counts(struct cli *c, const char *key, const json_t *o) {
    struct buf b = {0};
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, name, v) {
        if (json_integer_value(v))
            buf_putf(&b, "%s%s %" JSON_INTEGER_FORMAT, b.len ? ", " : "", name, json_integer_value(v));
    }
    term_line(&c->term, "%-12s%s", key, b.len ? buf_cstr(&b) : "-");
    buf_free(&b);
}

int cmd_summary(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *v = NULL;
    int code = cli_get(c, cli_path(c, &path, "/hosts/summary"), &v);
    if (code == EXIT_OK && !cli_print_value(c, v)) {
        term_line(&c->term, "%-12s%" PRId64, "hosts", jget_int(v, "total", 0));
        counts(c, "link", jget(v, "link"));
        counts(c, "power", jget(v, "power"));
        term_line(&c->term, "%-12s%" PRId64, "mismatch", jget_int(v, "mismatch", 0));
        counts(c, "findings", jget(v, "findings"));
        counts(c, "operations", jget(v, "operations"));
    }
    json_decref(v);
    buf_free(&path);
    return code;
}
