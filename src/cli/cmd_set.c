/* SPDX-License-Identifier: Apache-2.0 */
/* set host, on one node or many. */
#include "base/json.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/provisionings.h"
#include "cli/secrets.h"
#include "cli/targets.h"
#include "cli/when.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WAIT_GRACE_MS = 5000 };

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
    const char *amt;               /* the wanted AMT state as the API names it; NULL: none */
    struct buf patch;              /* JSON; empty: none */
    bool force, wait;
    uint64_t deadline_s; /* 0: the server's */
    char doing[200];     /* "power off, policy hold" */
    struct follow_say say;
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
    if (outcome_call(c, cl, &rq, &a, o) == EXIT_OK) {
        char text[512], id[64];
        slice_to_str(slice_str(jget_str(o->json, "id")), id, sizeof id);
        if (ch->wait) {
            int64_t ms = ch->deadline_s ? (int64_t)ch->deadline_s * 1000 + WAIT_GRACE_MS : OPERATION_WAIT_MS;
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

/* Change; what was begun with the firmware is followed to its end. */
static void patch_host(const struct cli *c, struct client *cl, struct bulk_item *item,
                       const struct change *ch) {
    struct buf path = {0};
    const struct request rq = {.method = "PATCH",
                               .target = cli_host_path(c, &path, item->target, ""),
                               .body = buf_slice(&ch->patch)};
    struct answer a;
    struct outcome *o = &item->outcome;
    if (outcome_call(c, cl, &rq, &a, o) == EXIT_OK) {
        snprintf(o->text, sizeof o->text, "changed");
        if (ch->amt)
            provisioning_begun(c, cl, item->target, ch->amt, ch->wait, &ch->say, o);
    }
    answer_free(&a);
    buf_free(&path);
}

static void work(const struct cli *c, struct client *cl, struct bulk_item *item, const void *ctx) {
    const struct change *ch = ctx;
    if (ch->patch.len)
        patch_host(c, cl, item, ch);
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
        static const enum opt needs[] = {OPT_GRACEFUL, OPT_FORCE};
        for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
            if (arg_given(a, needs[i]))
                return cli_usage(c, NULL, "--%s goes with --power", opt_row(needs[i])->name);
        if (arg_given(a, OPT_WAIT) && !arg_given(a, OPT_AMT_STATE))
            return cli_usage(c, NULL, "--wait goes with --power or --amt-state");
        return EXIT_OK;
    }
    for (size_t i = 0; i < sizeof power_rows / sizeof *power_rows; i++)
        if (strcmp(power_rows[i].word, word) == 0)
            ch->power = &power_rows[i];
    ch->kind = graceful ? ch->power->graceful_kind : ch->power->kind;
    if (!ch->kind)
        return cli_usage(c, NULL, "--graceful goes with --power off or reset, not with %s", word);
    ch->force = arg_given(a, OPT_FORCE);
    ch->deadline_s = arg_number(a, OPT_TIMEOUT, 0);
    return add_doing(ch, graceful ? "gracefully " : "", ch->power->doing);
}

/* --amt-state and what goes with it. */
static int put_amt(struct cli *c, const struct args *a, struct json *j, struct change *ch) {
    const char *state = arg_text(a, OPT_AMT_STATE), *mode = arg_text(a, OPT_CONTROL_MODE),
               *profile = arg_text(a, OPT_AMT_PROFILE);
    bool up = state && strcmp(state, "provisioned") == 0;
    if ((mode || profile) && !up)
        return cli_usage(c, NULL, "--%s goes with --amt-state provisioned",
                         mode ? "control-mode" : "amt-profile");
    if (!state)
        return EXIT_OK;
    ch->amt = up ? "AMT_STATE_PROVISIONED" : "AMT_STATE_UNPROVISIONED";
    json_kstr(j, "desiredAmtState", ch->amt);
    if (mode)
        json_kstr(j, "amtControlMode",
                  strcmp(mode, "acm") == 0 ? "AMT_CONTROL_MODE_ACM" : "AMT_CONTROL_MODE_CCM");
    if (profile)
        json_kstr(j, "amtProfile", profile);
    return add_doing(ch, up ? "activate AMT" : "deactivate AMT", "");
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
    if (until && cli_time_to_come(c, OPT_UNTIL, &end) != EXIT_OK)
        return EXIT_USAGE;
    struct json j = json_of(&ch->patch);
    json_obj(&j);
    if (put_amt(c, a, &j, ch) != EXIT_OK)
        return EXIT_USAGE;
    if (!policy && !name && !amt_password && !console && !ch->amt) {
        buf_free(&ch->patch);
        return EXIT_OK;
    }
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

int cmd_set_host(struct cli *c, const struct args *a) {
    if (session_options_given(a))
        return cmd_set_session(c, a);
    struct change ch = {.wait = arg_given(a, OPT_WAIT),
                        .say = {targets_single(a) && cli_output(c) == OUTPUT_TABLE ? c : NULL}};
    int code = targets_given(c, a, "usage: orch-cli set host HOST --power off, or --filter FILTER");
    if (code == EXIT_OK && arg_given(a, OPT_NAME) && !targets_single(a))
        code = cli_usage(c, NULL, "--name is for one host");
    if (code == EXIT_OK)
        code = read_power(c, a, &ch);
    if (code == EXIT_OK)
        code = read_patch(c, a, &ch);
    if (code == EXIT_OK && !ch.kind && !ch.patch.len)
        code = cli_usage(c, "orch-cli set host --help lists what can be set", "set host: nothing to set");
    const struct deed d = {.doing = ch.doing,
                           .dry_run = arg_given(a, OPT_DRY_RUN),
                           .ask_above = DEED_ASK_ABOVE,
                           .work = work,
                           .ctx = &ch};
    if (code == EXIT_OK)
        code = targets_run(c, a, &d);
    secret_buf_free(&ch.patch);
    return code;
}
