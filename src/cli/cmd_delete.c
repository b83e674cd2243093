/* SPDX-License-Identifier: Apache-2.0 */
/* delete host, delete agent, deauthorize host: what takes a node out of the server's hands. */
#include "cli/handlers.h"
#include "cli/targets.h"

struct removal {
    const char *method, *path; /* path: behind the host's */
    const char *done;
    bool force;
};

static void remove_one(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx) {
    const struct removal *rm = ctx;
    struct buf path = {0};
    cli_host_path(c, &path, item->target, rm->path);
    path_query(&path, "force", rm->force ? "true" : NULL);
    const struct request rq = {.method = rm->method, .target = buf_cstr(&path)};
    struct answer a;
    struct outcome *o = &item->outcome;
    if (outcome_call(c, cl, &rq, &a, o) == EXIT_OK)
        snprintf(o->text, sizeof o->text, "%s%s%s", rm->done, *a.left_behind ? ". Left behind: " : "",
                 a.left_behind);
    answer_free(&a);
    buf_free(&path);
}

static int run(struct cli *c, const struct args *a, const char *doing, struct removal *rm) {
    rm->force = arg_given(a, OPT_FORCE);
    const struct deed d = {.doing = doing,
                           .dry_run = arg_given(a, OPT_DRY_RUN),
                           .ask_above = c->term.in_tty ? 0 : DEED_ASK_ABOVE,
                           .work = remove_one,
                           .ctx = rm};
    return targets_run(c, a, &d);
}

int cmd_delete_host(struct cli *c, const struct args *a) {
    struct removal rm = {"DELETE", "", "deleted", false};
    return run(c, a, "deactivate and delete", &rm);
}

int cmd_delete_agent(struct cli *c, const struct args *a) {
    struct removal rm = {"DELETE", "/agent", "its agent's identity is void", false};
    return run(c, a, "revoke the agent of", &rm);
}

int cmd_deauthorize_host(struct cli *c, const struct args *a) {
    struct removal rm = {"POST", ":deauthorize", "deauthorized", false};
    return run(c, a, "deactivate and deauthorize", &rm);
}
