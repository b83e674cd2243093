/* SPDX-License-Identifier: Apache-2.0 */
/* set host and delete host, on one node or many. */
#include "base/json.h"
#include "base/text.h"
#include "cli/bulk.h"
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/range.h"
#include "cli/secrets.h"
#include "cli/when.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ASK_ABOVE = 10, WAIT_DEFAULT_MS = 900000, WAIT_GRACE_MS = 5000 };

/* What --power asks for. */
static const struct power_row {
    const char *word, *kind, *graceful_kind, *doing;
} power_rows[] = {
    {"on", "power-on", NULL, "power on"},          {"off", "power-off", "power-off-graceful", "power off"},
    {"reset", "reset", "reset-graceful", "reset"}, {"power-cycle", "power-cycle", NULL, "power cycle"},
    {"sleep", "sleep", NULL, "put to sleep"},      {"hibernate", "hibernate", NULL, "hibernate"},
};

/* The same change for every node; read by workers. */
struct change {
    const struct power_row *power; /* NULL: none */
    const char *kind;              /* of the operation */
    struct buf patch;              /* JSON; empty: none */
    bool force, wait, dry_run, deletes;
    bool revokes;        /* the agent's identity */
    uint64_t deadline_s; /* 0: the server's */
    char doing[200];     /* "power off, policy hold" */
};

static void post_operation(const struct cli *c, struct client *cl, struct bulk_item *item,
                           const struct change *ch) {
    struct buf body = {0}, path = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "kind", ch->kind);
    if (ch->force)
        json_kbool(&j, "force", true);
    if (ch->deadline_s)
        json_kint(&j, "deadlineSeconds", (int64_t)ch->deadline_s);
    json_obj_end(&j);
    char key[KEY_CAP];
    const struct request rq = {.method = "POST",
                               .target = cli_host_path(c, &path, item->target, "/operations"),
                               .body = buf_slice(&body),
                               .key = cli_key(key)};
    struct answer a;
    struct outcome *o = &item->outcome;
    if (outcome_call(cl, &rq, &a, o) == EXIT_OK) {
        char text[512], id[64];
        slice_to_str(slice_str(jget_str(o->json, "id")), id, sizeof id);
        if (ch->wait) {
            int64_t ms = ch->deadline_s ? (int64_t)ch->deadline_s * 1000 + WAIT_GRACE_MS : WAIT_DEFAULT_MS;
            operation_wait(c, cl, id, mono_add_ms(now_mono(), ms), o, NULL, NULL);
        } else {
            operation_text(o->json, text, sizeof text);
            snprintf(o->text, sizeof o->text, "%s (%s)", text, id);
        }
    }
    answer_free(&a);
    buf_free(&body);
    buf_free(&path);
}

/* Nothing but a look: would it find the node, and how is the node now? */
static void look_only(const struct cli *c, struct client *cl, struct bulk_item *item,
                      const struct change *ch) {
    struct buf path = {0};
    const struct request rq = {.method = "GET", .target = cli_host_path(c, &path, item->target, "")};
    struct answer a;
    struct outcome *o = &item->outcome;
    if (outcome_call(cl, &rq, &a, o) == EXIT_OK) {
        char power[SAY_CAP];
        snprintf(o->text, sizeof o->text, "would %s; now %s, link %s", ch->doing,
                 host_power_text(o->json, power), jget_str(o->json, "oob.link.state"));
    }
    answer_free(&a);
    buf_free(&path);
}

static void simple_call(const struct cli *c, struct client *cl, struct bulk_item *item, const char *method,
                        const char *what, struct slice body, const char *done) {
    struct buf path = {0};
    const struct request rq = {
        .method = method, .target = cli_host_path(c, &path, item->target, what), .body = body};
    struct answer a;
    if (outcome_call(cl, &rq, &a, &item->outcome) == EXIT_OK)
        snprintf(item->outcome.text, sizeof item->outcome.text, "%s", done);
    answer_free(&a);
    buf_free(&path);
}

static void work(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx) {
    const struct change *ch = ctx;
    if (ch->dry_run) {
        look_only(c, cl, item, ch);
        return;
    }
    if (ch->deletes)
        simple_call(c, cl, item, "DELETE", "", SLICE_EMPTY, "deleted");
    if (ch->revokes)
        simple_call(c, cl, item, "DELETE", "/agent", SLICE_EMPTY, "its agent's identity is void");
    if (ch->patch.len)
        simple_call(c, cl, item, "PATCH", "", buf_slice(&ch->patch), "changed");
    if (ch->kind && item->outcome.exit == EXIT_OK)
        post_operation(c, cl, item, ch);
}

static int add_doing(struct change *ch, const char *verb, const char *what) {
    size_t at = strlen(ch->doing);
    snprintf(ch->doing + at, sizeof ch->doing - at, "%s%s%s", at ? ", " : "", verb, what);
    return EXIT_OK;
}

static int read_power(struct cli *c, const struct args *a, struct change *ch) {
    const char *word = arg_text(a, OPT_POWER);
    bool graceful = arg_given(a, OPT_GRACEFUL);
    if (!word) {
        static const enum opt needs[] = {OPT_GRACEFUL, OPT_FORCE, OPT_WAIT};
        for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
            if (arg_given(a, needs[i]))
                return cli_usage(c, NULL, "--%s goes with --power", opt_row(needs[i])->name);
        return EXIT_OK;
    }
    for (size_t i = 0; i < sizeof power_rows / sizeof *power_rows; i++)
        if (strcmp(power_rows[i].word, word) == 0)
            ch->power = &power_rows[i];
    ch->kind = graceful ? ch->power->graceful_kind : ch->power->kind;
    if (!ch->kind)
        return cli_usage(c, NULL, "--graceful goes with --power off or reset, not with %s", word);
    ch->force = arg_given(a, OPT_FORCE);
    ch->wait = arg_given(a, OPT_WAIT);
    ch->deadline_s = arg_number(a, OPT_TIMEOUT, 0);
    return add_doing(ch, graceful ? "gracefully " : "", ch->power->doing);
}

/* The members of the PATCH; amt_password may be NULL. */
static int put_patch(struct cli *c, const struct args *a, const char *amt_password, struct change *ch) {
    const char *policy = arg_text(a, OPT_RECOVERY_POLICY), *until = arg_text(a, OPT_UNTIL),
               *name = arg_text(a, OPT_NAME), *console = arg_text(a, OPT_SERIAL_CONSOLE);
    struct wall end = WALL_NEVER;
    if (arg_given(a, OPT_AMT_USER) && !amt_password)
        return cli_usage(c, NULL, "--amt-user goes with --amt-password-file");
    if (until && (!policy || strcmp(policy, "hold") != 0))
        return cli_usage(c, NULL, "--until goes with --recovery-policy hold");
    if (until && !when_parse(until, now_wall(), &end))
        return cli_usage(c, "A time is 2026-11-22T18:00:00Z, or from now: 90m, 2h, 3d.",
                         "--until: \"%.60s\" is not a time", until);
    if (until && end.us <= now_wall().us)
        return cli_usage(c, NULL, "--until: %.60s has passed already", until);
    if (!policy && !name && !amt_password && !console)
        return EXIT_OK;
    struct json j = json_of(&ch->patch);
    json_obj(&j);
    if (policy)
        json_kstr(&j, "recoveryPolicy", policy);
    if (until)
        json_kwall(&j, "holdUntil", end);
    if (name)
        json_kstr(&j, "name", name);
    if (console)
        json_kbool(&j, "serialConsole", strcmp(console, "enable") == 0);
    secret_put_account(&j, "amt", arg_text(a, OPT_AMT_USER), amt_password);
    json_obj_end(&j);
    if (policy)
        add_doing(ch, "set the recovery policy to ", policy);
    if (name)
        add_doing(ch, "rename to ", name);
    if (console)
        add_doing(ch, console, " the serial console");
    if (amt_password)
        add_doing(ch, "change the AMT login", "");
    return EXIT_OK;
}

static int read_patch(struct cli *c, const struct args *a, struct change *ch) {
    char *amt = NULL;
    int code = secret_from_file(c, OPT_AMT_PASSWORD_FILE, &amt);
    if (code == EXIT_OK)
        code = put_patch(c, a, amt, ch);
    secret_free(&amt);
    return code;
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
        term_say(&c->term, "%s: %s", item->label, o->text);
        term_hint(&c->term, o->remedy);
    }
    return o->exit;
}

static int run_change(struct cli *c, const struct args *a, const struct change *ch, size_t ask_above) {
    struct targets t = {0};
    bool filtered = arg_given(a, OPT_FILTER), quiet = cli_output(c) != OUTPUT_TABLE;
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
    if (code == EXIT_OK && !ch->dry_run)
        code = cli_confirm(c, ch->doing, t.n, ask_above);
    if (code == EXIT_OK && t.n == 1 && !filtered) {
        work(c, c->client, &t.items[0], ch);
        code = say_single(c, &t.items[0]);
    } else if (code == EXIT_OK) {
        const struct bulk b = {
            .items = t.items, .n = t.n, .fanout = (unsigned)fanout, .quiet = quiet, .work = work, .ctx = ch};
        code = bulk_run(c, &b);
        if (quiet) {
            json_t *v = bulk_json(t.items, t.n);
            cli_print_value(c, v);
            json_decref(v);
        }
    }
    targets_free(&t);
    return code;
}

int cmd_set_host(struct cli *c, const struct args *a) {
    if (session_options_given(a))
        return cmd_set_session(c, a);
    struct change ch = {.dry_run = arg_given(a, OPT_DRY_RUN)};
    int code = EXIT_OK;
    if (arg_given(a, OPT_FILTER) && a->nwords)
        code = cli_usage(c, NULL, "give hosts or --filter, not both");
    else if (!arg_given(a, OPT_FILTER) && !a->nwords)
        code = cli_usage(c, "usage: orch-cli set host HOST --power off, or --filter FILTER",
                         "set host: which host?");
    else if (arg_given(a, OPT_NAME) && (a->nwords != 1 || strchr(a->words[0], '[')))
        code = cli_usage(c, NULL, "--name is for one host");
    if (code == EXIT_OK)
        code = read_power(c, a, &ch);
    if (code == EXIT_OK)
        code = read_patch(c, a, &ch);
    if (code == EXIT_OK && !ch.kind && !ch.patch.len)
        code = cli_usage(c, "orch-cli set host --help lists what can be set", "set host: nothing to set");
    if (code == EXIT_OK)
        code = run_change(c, a, &ch, ASK_ABOVE);
    secret_buf_free(&ch.patch);
    return code;
}

int cmd_delete_agent(struct cli *c, const struct args *a) {
    const struct change ch = {
        .revokes = true, .dry_run = arg_given(a, OPT_DRY_RUN), .doing = "revoke the agent of"};
    return run_change(c, a, &ch, c->term.in_tty ? 0 : ASK_ABOVE);
}

int cmd_delete_host(struct cli *c, const struct args *a) {
    const struct change ch = {.deletes = true, .dry_run = arg_given(a, OPT_DRY_RUN), .doing = "delete"};
    return run_change(c, a, &ch, c->term.in_tty ? 0 : ASK_ABOVE);
}
