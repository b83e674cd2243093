/* SPDX-License-Identifier: Apache-2.0 */
/* get provisioning, delete provisioning, rotate host. */
#include "base/json.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/provisionings.h"
#include "cli/targets.h"

static void describe(struct cli *c, const json_t *p) {
    static const struct {
        const char *key, *member;
        bool time;
    } lines[] = {
        {"Goal", "goal", false},        {"State", "state", false},       {"Phase", "phase", false},
        {"Step", "step", false},        {"Way", "way", false},           {"Profile", "profile", false},
        {"Mode", "controlMode", false}, {"By", "actor", false},          {"Code", "code", false},
        {"Text", "text", false},        {"Remedy", "remedy", false},     {"Created", "createdAt", true},
        {"Updated", "updatedAt", true}, {"Finished", "finishedAt", true}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char when[WALL_TEXT_CAP];
        const char *v = jget_str(p, lines[i].member);
        if (*v)
            term_line(&c->term, "%-12s%s", lines[i].key, lines[i].time ? when_text(v, when) : v);
    }
    term_line(&c->term, "%-12s%d", "Tries", (int)jget_int(p, "tries", 0));
}

/* null is no JSON of its own to cli_get(): the host never had one. */
int cmd_get_provisioning(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *p = NULL;
    int code = cli_get(c, cli_host_path(c, &path, a->words[0], "/provisioning"), &p);
    if (code == EXIT_OK && !cli_print_value(c, p)) {
        if (json_is_object(p))
            describe(c, p);
        else
            term_say(&c->term, "%s: there was no provisioning yet", a->words[0]);
    }
    json_decref(p);
    buf_free(&path);
    return code;
}

int cmd_delete_provisioning(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *p = NULL;
    char text[512];
    int code = cli_send(c, "DELETE", cli_host_path(c, &path, a->words[0], "/provisioning"), NULL, &p);
    if (code == EXIT_OK && !(p && cli_print_value(c, p))) {
        provisioning_text(p, text, sizeof text);
        term_line(&c->term, "%s: %s", a->words[0], text);
    }
    json_decref(p);
    buf_free(&path);
    return code;
}

/* --- rotate --- */
struct rotation {
    const char *secret;
    const char *filter; /* NULL: each host is ordered by itself */
    bool wait;
    struct follow_say say;
};

static void put_body(struct buf *body, const struct rotation *ro) {
    struct json j = json_of(body);
    json_obj(&j);
    json_kstr(&j, "secret", ro->secret);
    if (ro->filter)
        json_kstr(&j, "filter", ro->filter);
    json_obj_end(&j);
}

static void rotate_one(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx) {
    const struct rotation *ro = ctx;
    struct outcome *o = &item->outcome;
    if (o->exit != EXIT_OK) /* the order for all was refused for this one */
        return;
    if (!ro->filter) {
        struct buf body = {0}, path = {0};
        put_body(&body, ro);
        const struct request rq = {.method = "POST",
                                   .target = cli_host_path(c, &path, item->target, ":rotate"),
                                   .body = buf_slice(&body)};
        struct answer a;
        if (outcome_call(c, cl, &rq, &a, o) == EXIT_OK)
            provisioning_text(o->json, o->text, sizeof o->text);
        answer_free(&a);
        buf_free(&body);
        buf_free(&path);
    } else {
        snprintf(o->text, sizeof o->text, "ordered");
    }
    if (o->exit == EXIT_OK && ro->wait)
        provisioning_follow(c, cl, item->target, &ro->say, o);
}

/* One order for all that match; who was refused is kept for its result line. */
static int rotate_matching(struct cli *c, struct bulk_item *items, size_t n, void *ctx) {
    const struct rotation *ro = ctx;
    struct buf body = {0}, path = {0};
    json_t *v = NULL;
    put_body(&body, ro);
    int code = cli_send(c, "POST", cli_path(c, &path, "/hosts:rotate"), &body, &v);
    const json_t *refused = jget(v, "refused");
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const json_t *r = json_array_get(refused, i);
        for (size_t k = 0; k < n; k++)
            if (strcmp(items[k].target, jget_str(r, "host")) == 0) {
                items[k].outcome.exit = EXIT_REFUSED;
                text_clean(items[k].outcome.text, sizeof items->outcome.text,
                           slice_str(jget_str(r, "message")));
                text_clean(items[k].outcome.remedy, sizeof items->outcome.remedy,
                           slice_str(jget_str(r, "remedy")));
            }
    }
    json_decref(v);
    buf_free(&body);
    buf_free(&path);
    return code;
}

int cmd_rotate_host(struct cli *c, const struct args *a) {
    struct rotation ro = {.secret = arg_text(a, OPT_SECRET),
                          .filter = arg_text(a, OPT_FILTER),
                          .wait = arg_given(a, OPT_WAIT),
                          .say = {targets_single(a) && cli_output(c) == OUTPUT_TABLE ? c : NULL}};
    char doing[64];
    int code = targets_given(c, a, "usage: orch-cli rotate host HOST --secret amt, or --filter FILTER");
    if (code == EXIT_OK && !ro.secret)
        code = cli_usage(c, NULL, "rotate host needs --secret amt, cira or all");
    if (code != EXIT_OK)
        return code;
    snprintf(doing, sizeof doing, "change the %s",
             strcmp(ro.secret, "amt") == 0    ? "AMT password"
             : strcmp(ro.secret, "cira") == 0 ? "CIRA password"
                                              : "AMT and CIRA passwords");
    const struct deed d = {.doing = doing,
                           .dry_run = arg_given(a, OPT_DRY_RUN),
                           .ask_above = DEED_ASK_ABOVE,
                           .before = ro.filter ? rotate_matching : NULL,
                           .work = rotate_one,
                           .ctx = &ro};
    return targets_run(c, a, &d);
}
