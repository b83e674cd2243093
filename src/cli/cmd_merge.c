/* SPDX-License-Identifier: Apache-2.0 */
/* merge host, split host. */
#include "base/json.h"
#include "cli/handlers.h"
#include "cli/hosts.h"

static int send(struct cli *c, const char *host, const char *verb, struct buf *body, json_t **out) {
    struct buf path = {0};
    int code = cli_send(c, "POST", cli_host_path(c, &path, host, verb), body, out);
    buf_free(&path);
    return code;
}

int cmd_merge_host(struct cli *c, const struct args *a) {
    const char *host = a->words[0], *other = a->words[1];
    struct buf body = {0};
    json_t *kept = NULL;
    char doing[128];
    if (strcmp(host, other) == 0)
        return cli_usage(
            c, "Name the two that are one machine: orch-cli list host -o json shows UUIDs and serials.",
            "%s is named twice: a host cannot be merged with itself", host);
    snprintf(doing, sizeof doing, "make one host of %.40s and %.40s", host, other);
    int code = cli_connect(c, true);
    if (code == EXIT_OK)
        code = cli_confirm(c, doing, 1, 0);
    if (code == EXIT_OK) {
        struct json j = json_of(&body);
        json_obj(&j);
        json_kstr(&j, "with", other);
        json_obj_end(&j);
        code = send(c, host, ":merge", &body, &kept);
    }
    if (code == EXIT_OK && !(kept && cli_print_value(c, kept)))
        term_line(&c->term, "%s and %s are one host now: %s (%s)", host, other, host_label(kept),
                  jget_str(kept, "resourceId"));
    json_decref(kept);
    buf_free(&body);
    return code;
}

int cmd_split_host(struct cli *c, const struct args *a) {
    struct buf body = {0};
    json_t *born = NULL;
    if (!arg_given(a, OPT_ALIAS) || !arg_given(a, OPT_NAME))
        return cli_usage(c, "usage: orch-cli split host HOST --alias serial,ciraUser --name NEW",
                         "split host needs --alias and --name");
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "name", arg_text(a, OPT_NAME));
    json_key(&j, "aliases");
    json_arr(&j);
    for (struct slice rest = slice_str(arg_text(a, OPT_ALIAS)); rest.n;)
        json_slice(&j, slice_trim(slice_cut(&rest, ',')));
    json_arr_end(&j);
    json_obj_end(&j);
    int code = send(c, a->words[0], ":split", &body, &born);
    if (code == EXIT_OK && !(born && cli_print_value(c, born)))
        term_line(&c->term, "%s (%s) was split from %s", host_label(born), jget_str(born, "resourceId"),
                  a->words[0]);
    json_decref(born);
    buf_free(&body);
    return code;
}
