/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/targets.h"

#include "base/text.h"
#include "cli/hosts.h"
#include "cli/range.h"

#include <stdlib.h>

/* Nothing but a look: would it find the node, and how is the node now? */
static void look_only(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx) {
    const struct deed *d = ctx;
    struct buf path = {0};
    const struct request rq = {.method = "GET", .target = cli_host_path(c, &path, item->target, "")};
    struct answer a;
    struct outcome *o = &item->outcome;
    if (outcome_call(c, cl, &rq, &a, o) == EXIT_OK) {
        char power[SAY_CAP];
        snprintf(o->text, sizeof o->text, "would %s; now %s, link %s", d->doing,
                 host_power_text(o->json, power), jget_str(o->json, "oob.link.state"));
    }
    answer_free(&a);
    buf_free(&path);
}

struct targets {
    struct bulk_item *items;
    size_t n;
    struct names names;
    json_t *hosts;
};

static void targets_free(struct targets *t) {
    for (size_t i = 0; i < t->n; i++)
        outcome_free(&t->items[i].outcome);
    free(t->items);
    names_free(&t->names);
    json_decref(t->hosts);
}

static int targets_of_filter(struct cli *c, const char *filter, struct targets *t) {
    int code = hosts_fetch(c, filter, "name", &t->hosts);
    if (code != EXIT_OK)
        return code;
    size_t n = json_array_size(t->hosts);
    t->items = calloc(n + 1, sizeof *t->items);
    if (!t->items)
        return EXIT_FAILED;
    for (t->n = 0; t->n < n; t->n++) {
        const json_t *h = json_array_get(t->hosts, t->n);
        t->items[t->n].target = jget_str(h, "resourceId");
        text_clean(t->items[t->n].label, sizeof t->items->label, slice_str(host_label(h)));
    }
    return EXIT_OK;
}

static int targets_of_words(struct cli *c, const struct args *a, struct targets *t) {
    struct errinfo ei = {0};
    for (size_t i = 0; i < a->nwords; i++)
        if (range_expand(&t->names, a->words[i], &ei) < 0) {
            cli_fail(c, &ei);
            return EXIT_USAGE;
        }
    t->items = calloc(t->names.n + 1, sizeof *t->items);
    if (!t->items)
        return EXIT_FAILED;
    for (t->n = 0; t->n < t->names.n; t->n++) {
        t->items[t->n].target = t->names.list[t->n];
        text_clean(t->items[t->n].label, sizeof t->items->label, slice_str(t->names.list[t->n]));
    }
    return EXIT_OK;
}

/* One node named by itself: the result is said as a sentence, a failure goes to stderr with its remedy. */
static int say_single(struct cli *c, const struct bulk_item *item) {
    const struct outcome *o = &item->outcome;
    if (cli_print_value(c, o->json ? o->json : NULL) && o->exit == EXIT_OK)
        return EXIT_OK;
    if (o->exit == EXIT_OK) {
        term_line(&c->term, "%s: %s", item->label, o->text);
    } else {
        bool named = strstr(o->text, item->label);
        term_say(&c->term, "%s%s%s", named ? "" : item->label, named ? "" : ": ", o->text);
        term_hint(&c->term, o->remedy);
    }
    return o->exit;
}

int targets_given(struct cli *c, const struct args *a, const char *usage) {
    char name[COMMAND_NAME_CAP];
    if (arg_given(a, OPT_FILTER) && a->nwords)
        return cli_usage(c, NULL, "give hosts or --filter, not both");
    if (!arg_given(a, OPT_FILTER) && !a->nwords)
        return cli_usage(c, usage, "%s: which host?", command_name(a->command, name));
    return EXIT_OK;
}

bool targets_single(const struct args *a) {
    return !arg_given(a, OPT_FILTER) && a->nwords == 1 && !strchr(a->words[0], '[');
}

static int work_many(struct cli *c, const struct targets *t, unsigned fanout, const struct deed *d) {
    const struct bulk b = {.items = t->items,
                           .n = t->n,
                           .fanout = fanout,
                           .quiet = cli_output(c) != OUTPUT_TABLE,
                           .work = d->dry_run ? look_only : d->work,
                           .ctx = d->dry_run ? d : d->ctx};
    int code = bulk_run(c, &b);
    if (b.quiet) {
        json_t *v = bulk_json(t->items, t->n);
        cli_print_value(c, v);
        json_decref(v);
    }
    return code;
}

int targets_run(struct cli *c, const struct args *a, const struct deed *d) {
    struct targets t = {0};
    bool filtered = arg_given(a, OPT_FILTER);
    uint64_t fanout = arg_number(a, OPT_FANOUT, BULK_FANOUT);
    if (fanout < 1 || fanout > BULK_FANOUT_MAX)
        return cli_usage(c, NULL, "--fanout takes a number from 1 to %d", BULK_FANOUT_MAX);
    int code = cli_connect(c, true);
    if (code == EXIT_OK)
        code = filtered ? targets_of_filter(c, arg_text(a, OPT_FILTER), &t) : targets_of_words(c, a, &t);
    if (code == EXIT_OK && filtered && t.n == 0) {
        term_say(&c->term, "no host matches the filter; nothing was changed");
        code = EXIT_NOT_FOUND;
    }
    if (code == EXIT_OK && !d->dry_run)
        code = cli_confirm(c, d->doing, t.n, d->ask_above);
    if (code == EXIT_OK && !d->dry_run && d->before)
        code = d->before(c, t.items, t.n, d->ctx);
    if (code == EXIT_OK && t.n == 1 && !filtered) {
        (d->dry_run ? look_only : d->work)(c, c->client, &t.items[0], d->dry_run ? (const void *)d : d->ctx);
        code = say_single(c, &t.items[0]);
    } else if (code == EXIT_OK) {
        code = work_many(c, &t, (unsigned)fanout, d);
    }
    targets_free(&t);
    return code;
}
