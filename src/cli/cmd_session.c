/* SPDX-License-Identifier: Apache-2.0 */
/* set host --session-type --session-state, list session, iso mount, iso eject. */
#include "cli/handlers.h"
#include "cli/iso.h"
#include "cli/kvm_view.h"
#include "cli/sessions.h"
#include "cli/signals.h"
#include "cli/sol.h"

enum { LINGER_S = 2 };

/* What goes with a session of set host, and with which; and what does not. */
static const struct session_opt {
    enum opt opt;
    const char *type, *state; /* NULL: any */
} with_session[] = {
    {OPT_CONSENT_CODE, NULL, "start"}, {OPT_TAKE_OVER, NULL, "start"}, {OPT_VIEW_ONLY, "kvm", "start"},
    {OPT_NO_BROWSER, "kvm", "start"},  {OPT_LOG, "sol", "start"},      {OPT_LINGER, "sol", "start"},
};
static const enum opt without_session[] = {OPT_POWER,
                                           OPT_GRACEFUL,
                                           OPT_FORCE,
                                           OPT_WAIT,
                                           OPT_NAME,
                                           OPT_RECOVERY_POLICY,
                                           OPT_SERIAL_CONSOLE,
                                           OPT_UNTIL,
                                           OPT_FILTER,
                                           OPT_AMT_USER,
                                           OPT_AMT_PASSWORD_FILE,
                                           OPT_YES,
                                           OPT_DRY_RUN,
                                           OPT_FANOUT,
                                           OPT_OUTPUT,
                                           OPT_TIMEOUT};

bool session_options_given(const struct args *a) {
    bool given = arg_given(a, OPT_SESSION_TYPE) || arg_given(a, OPT_SESSION_STATE);
    for (size_t i = 0; i < sizeof with_session / sizeof *with_session; i++)
        given |= arg_given(a, with_session[i].opt);
    return given;
}

static int check_options(struct cli *c, const struct args *a, const char *type, const char *state) {
    static const char usage[] =
        "usage: orch-cli set host HOST --session-type kvm|sol --session-state start|stop";
    if (!type || !state)
        return cli_usage(c, usage, "--session-type and --session-state go together");
    for (size_t i = 0; i < sizeof without_session / sizeof *without_session; i++)
        if (arg_given(a, without_session[i]))
            return cli_usage(c, "Give two commands.", "--%s does not go with --session-type",
                             opt_row(without_session[i])->name);
    for (size_t i = 0; i < sizeof with_session / sizeof *with_session; i++) {
        const struct session_opt *o = &with_session[i];
        bool fits = (!o->type || strcmp(o->type, type) == 0) && strcmp(o->state, state) == 0;
        if (arg_given(a, o->opt) && !fits)
            return cli_usage(c, NULL, "--%s goes with --session-state %s%s%s", opt_row(o->opt)->name,
                             o->state, o->type ? " of --session-type " : "", o->type ? o->type : "");
    }
    if (a->nwords != 1 || strchr(a->words[0], '['))
        return cli_usage(c, usage, "a session is of one host");
    return EXIT_OK;
}

static int run_kvm(struct session *s) {
    int code = signals_begin() < 0 ? EXIT_FAILED : session_start(s);
    if (code == EXIT_OK)
        code = kvm_view(s->c, s);
    session_end(s);
    signals_end();
    return code;
}

int cmd_set_session(struct cli *c, const struct args *a) {
    const char *type = arg_text(a, OPT_SESSION_TYPE), *state = arg_text(a, OPT_SESSION_STATE);
    int code = check_options(c, a, type, state);
    enum redir_kind kind;
    if (code != EXIT_OK || !redir_kind_parse(type, &kind))
        return code;
    if (strcmp(state, "stop") == 0)
        return sessions_stop(c, a->words[0], kind);
    struct session s = {.c = c,
                        .kind = kind,
                        .host = a->words[0],
                        .view_only = arg_given(a, OPT_VIEW_ONLY),
                        .take_over = arg_given(a, OPT_TAKE_OVER),
                        .consent_code = arg_text(a, OPT_CONSENT_CODE)};
    if (kind == REDIR_KVM)
        return run_kvm(&s);
    const struct sol_options o = {.log = arg_text(a, OPT_LOG),
                                  .linger_ms = (int64_t)arg_number(a, OPT_LINGER, LINGER_S) * 1000};
    return sol_run(&s, &o);
}

/* "host X …" or "X …": the word host may be left out. The first word behind it; NULL with a usage error. */
static const char *const *host_words(struct cli *c, const struct args *a, size_t n) {
    const char *const *w = a->words;
    size_t left = a->nwords;
    if (left == n + 1 && strcmp(w[0], "host") == 0)
        return w + 1;
    if (left == n)
        return w;
    char name[COMMAND_NAME_CAP], usage[160];
    snprintf(usage, sizeof usage, "usage: orch-cli %s %s", command_name(a->command, name), a->command->words);
    cli_usage(c, usage, "%s: %s is what it takes", name, a->command->words);
    return NULL;
}

int cmd_list_session(struct cli *c, const struct args *a) {
    const char *const *w = host_words(c, a, 1);
    json_t *v = NULL;
    int code = w ? sessions_get(c, w[0], &v) : EXIT_USAGE;
    const json_t *list = jget(v, "sessions");
    if (code == EXIT_OK && !cli_print_value(c, v)) {
        bool names = cli_output(c) == OUTPUT_NAME;
        for (size_t i = 0; names && i < json_array_size(list); i++)
            term_line(&c->term, "%s", jget_str(json_array_get(list, i), "id"));
        if (!names && json_array_size(list))
            sessions_print(c, list);
        if (!json_array_size(list))
            term_say(&c->term, "no sessions");
    }
    json_decref(v);
    return code;
}

int cmd_iso_mount(struct cli *c, const struct args *a) {
    static const struct {
        const char *word;
        enum ider_when when;
    } whens[] = {{"now", IDER_NOW}, {"graceful", IDER_GRACEFUL}, {"reboot", IDER_ON_REBOOT}};
    const char *const *w = host_words(c, a, 2);
    if (!w)
        return EXIT_USAGE;
    struct session s = {.c = c,
                        .kind = REDIR_IDER,
                        .host = w[0],
                        .take_over = arg_given(a, OPT_TAKE_OVER),
                        .consent_code = arg_text(a, OPT_CONSENT_CODE)};
    struct iso_options o = {.path = w[1], .floppy = arg_given(a, OPT_FLOPPY)};
    const char *when = arg_text(a, OPT_WHEN);
    for (size_t i = 0; when && i < sizeof whens / sizeof *whens; i++)
        if (strcmp(when, whens[i].word) == 0)
            o.when = whens[i].when;
    return iso_run(&s, &o);
}

int cmd_iso_eject(struct cli *c, const struct args *a) {
    const char *const *w = host_words(c, a, 1);
    return w ? sessions_stop(c, w[0], REDIR_IDER) : EXIT_USAGE;
}
