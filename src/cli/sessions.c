/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sessions.h"

#include "cli/table.h"

#include <inttypes.h>

int sessions_get(struct cli *c, const char *host, json_t **out) {
    struct buf path = {0};
    int code = cli_get(c, cli_host_path(c, &path, host, "/sessions"), out);
    buf_free(&path);
    return code;
}

static bool is_open(const json_t *session) {
    return strcmp(jget_str(session, "state"), "ended") != 0;
}

static enum colour state_colour(const char *state) {
    return strcmp(state, "active") == 0  ? COLOUR_GOOD
           : strcmp(state, "ended") == 0 ? COLOUR_FAINT
                                         : COLOUR_DOUBT;
}

static void row(struct table *t, const json_t *s) {
    char when[WALL_TEXT_CAP];
    table_cell(t, COLOUR_NONE, "%s", jget_str(s, "id"));
    table_cell(t, COLOUR_NONE, "%s", jget_str(s, "kind"));
    table_cell(t, state_colour(jget_str(s, "state")), "%s", jget_str(s, "state"));
    table_cell(t, COLOUR_NONE, "%s%s", jget_str(s, "user"), jget_bool(s, "viewOnly") ? " (views)" : "");
    table_cell(t, COLOUR_NONE, "%s", when_text(jget_str(s, "since"), when));
    table_cell(t, COLOUR_NONE, "%" PRId64, jget_int(s, "bytesToViewer", 0));
    table_cell(t, COLOUR_NONE, "%" PRId64, jget_int(s, "bytesToDevice", 0));
    table_cell(t, COLOUR_NONE, "%s", jget_str(s, "text"));
}

void sessions_print(struct cli *c, const json_t *sessions) {
    static const char *const heads[] = {"ID",    "KIND",      "STATE",     "USER",
                                        "SINCE", "TO VIEWER", "TO DEVICE", "TEXT"};
    size_t n = json_array_size(sessions);
    struct table *t = n ? table_new(sizeof heads / sizeof *heads, heads) : NULL;
    for (size_t i = 0; t && i < n; i++)
        row(t, json_array_get(sessions, i));
    if (t)
        table_print(t, c->term.out, c->term.width, c->term.colour_out, true);
    table_free(&t);
}

static int stop_one(struct cli *c, const char *host, const json_t *session, const char *name) {
    struct buf path = {0};
    char suffix[96];
    snprintf(suffix, sizeof suffix, "/sessions/%.64s", jget_str(session, "id"));
    int code = cli_send(c, "DELETE", cli_host_path(c, &path, host, suffix), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "%s: %s session of %s ended (%s)", host, name, jget_str(session, "user"),
                  jget_str(session, "id"));
    buf_free(&path);
    return code;
}

int sessions_stop(struct cli *c, const char *host, enum redir_kind kind) {
    json_t *v = NULL;
    int code = sessions_get(c, host, &v);
    if (code != EXIT_OK)
        return code;
    const json_t *list = jget(v, "sessions");
    size_t stopped = 0;
    for (size_t i = 0; code == EXIT_OK && i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        if (!is_open(s) || strcmp(jget_str(s, "kind"), redir_kind_id(kind)) != 0)
            continue;
        stopped++;
        code = stop_one(c, host, s, redir_kind_name(kind));
    }
    if (code == EXIT_OK && stopped == 0)
        term_line(&c->term, "%s: no %s session is open", host, redir_kind_name(kind));
    json_decref(v);
    return code;
}
