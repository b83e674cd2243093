/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/commands.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "rpc/activate.h"
#include "rpc/amtinfo.h"
#include "rpc/args.h"
#include "rpc/deactivate.h"
#include "rpc/dmi.h"
#include "rpc/exits.h"

#include <stdlib.h>

enum { PEM_BYTES_MAX = 1 << 20 };
#define KEY_VARIABLE      "OUTBAND_ENROLMENT_KEY"
#define PASSWORD_VARIABLE "AMT_PASSWORD"

struct run {
    const struct rpc_args *args;
    FILE *out, *err;
};

static const char *option(const struct run *r, enum rpc_option o) {
    return r->args->value[o];
}

static void print(FILE *to, struct buf *text) {
    fwrite(buf_slice(text).p, 1, text->len, to);
    buf_free(text);
}

static int fail(const struct run *r, const struct errinfo *ei, enum rpc_exit code) {
    fprintf(r->err, "rpc: %s\n", ei->text);
    if (*ei->remedy)
        fprintf(r->err, "  %s\n", ei->remedy);
    return (int)code;
}

/* --- amtinfo --- */

static int amtinfo(const struct run *r) {
    struct errinfo ei = {0};
    struct buf text = {0};
    struct fw *f = fw_new(option(r, RPC_OPT_MEI));
    struct amtinfo *info = calloc(1, sizeof *info);
    int rc = f && info ? amtinfo_read(info, f, &ei) : err_set(&ei, ERR_NOMEM, "", "out of memory");
    if (rc == 0) {
        amtinfo_read_mps(info, f, option(r, RPC_OPT_MEI));
        (option(r, RPC_OPT_JSON) ? amtinfo_json : amtinfo_text)(info, &text);
        print(r->out, &text);
    }
    free(info);
    fw_free(&f);
    return rc < 0 ? fail(r, &ei, rpc_exit_of_mei(rc)) : RPC_EXIT_OK;
}

/* --- what a remote command is given --- */

/* Files and secrets; to be freed with given_free(). */
struct given {
    char *ca, *cert, *key, *token, *password;
    struct rps_command command;
};

static void given_free(struct given *g) {
    free(g->ca);
    free(g->cert);
    secret_free(&g->key);
    secret_free(&g->token);
    secret_free(&g->password);
    explicit_bzero(&g->command, sizeof g->command);
}

static int read_pem(const struct run *r, enum rpc_option o, char **out, struct errinfo *ei) {
    size_t n;
    return option(r, o) ? file_read(option(r, o), PEM_BYTES_MAX, out, &n, ei) : 0;
}

/* From the file that an option names, else from the environment, which forgets it then: no child sees it. */
static int read_secret(const struct run *r, enum rpc_option o, const char *variable, char **out,
                       struct errinfo *ei) {
    char *value = getenv(variable);
    if (option(r, o))
        return password_read(option(r, o), out, ei);
    if (!value || !*value)
        return 0;
    *out = strdup(value);
    explicit_bzero(value, strlen(value));
    unsetenv(variable);
    return *out ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
}

static const struct {
    enum rpc_option option;
    enum rps_task task;
    enum rpc_exit exit;
} TASKS[] = {
    {RPC_OPT_SYNC_TIME, RPS_TASK_SYNC_TIME, RPC_EXIT_SYNC_TIME},
    {RPC_OPT_SYNC_HOST_NAME, RPS_TASK_SYNC_HOST_NAME, RPC_EXIT_SYNC_HOST_NAME},
    {RPC_OPT_SYNC_IP, RPS_TASK_SYNC_IP, RPC_EXIT_SYNC_IP},
    {RPC_OPT_SYNC_DEVICE_INFO, RPS_TASK_SYNC_DEVICE_INFO, RPC_EXIT_SYNC_DEVICE_INFO},
    {RPC_OPT_CHANGE_PASSWORD, RPS_TASK_CHANGE_PASSWORD, RPC_EXIT_CHANGE_PASSWORD},
};

/* Checks before anything is opened. 0 or an exit code with a sentence. */
static int check_remote(const struct run *r, struct errinfo *ei) {
    size_t tasks = 0;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++)
        tasks += option(r, TASKS[i].option) != NULL;
    if (!option(r, RPC_OPT_URL)) {
        err_set(ei, ERR_INVALID, "url", "--url is missing: which server is to do it?");
        err_remedy(ei, "It looks like --url wss://HOST:8443/activate");
        return RPC_EXIT_URL;
    }
    if (r->args->command == RPC_ACTIVATE && !option(r, RPC_OPT_PROFILE)) {
        err_set(ei, ERR_INVALID, "profile", "--profile is missing: what is to be set up?");
        err_remedy(ei, "Give the name of a profile of the server, such as PROJECT_ccm.");
        return RPC_EXIT_PROFILE;
    }
    if (!option(r, RPC_OPT_CERT) != !option(r, RPC_OPT_KEY)) {
        err_set(ei, ERR_INVALID, "cert", "--cert and --key belong together");
        return RPC_EXIT_USAGE;
    }
    if (r->args->command == RPC_MAINTENANCE && tasks != 1) {
        err_set(ei, ERR_INVALID, "", "maintenance does one thing: say which");
        err_remedy(ei, "One of --synctime, --synchostname, --syncip, --syncdeviceinfo, --changepassword.");
        return RPC_EXIT_USAGE;
    }
    return 0;
}

static int put_command(const struct run *r, struct given *g, struct errinfo *ei) {
    static const enum rps_verb verbs[RPC_COMMAND_COUNT] = {[RPC_ACTIVATE] = RPS_ACTIVATE,
                                                           [RPC_DEACTIVATE] = RPS_DEACTIVATE,
                                                           [RPC_MAINTENANCE] = RPS_MAINTENANCE};
    struct rps_command *c = &g->command;
    c->verb = verbs[r->args->command];
    c->force = option(r, RPC_OPT_FORCE) != NULL;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++)
        if (option(r, TASKS[i].option))
            c->task = TASKS[i].task;
    if (!slice_to_str(slice_str(option(r, RPC_OPT_PROFILE)), c->profile, sizeof c->profile)) {
        err_set(ei, ERR_INVALID, "profile", "--profile is longer than %zu bytes", sizeof c->profile - 1);
        return RPC_EXIT_PROFILE;
    }
    if (!slice_to_str(slice_str(g->password), c->password, sizeof c->password)) {
        err_set(ei, ERR_INVALID, "password-file", "the AMT password is longer than %zu bytes",
                sizeof c->password - 1);
        return RPC_EXIT_PASSWORD;
    }
    return 0;
}

static int read_given(const struct run *r, struct given *g, struct errinfo *ei) {
    int code = check_remote(r, ei);
    if (code)
        return code;
    if (read_pem(r, RPC_OPT_CA, &g->ca, ei) < 0 || read_pem(r, RPC_OPT_CERT, &g->cert, ei) < 0 ||
        read_pem(r, RPC_OPT_KEY, &g->key, ei) < 0)
        return RPC_EXIT_FILE;
    if (read_secret(r, RPC_OPT_KEY_FILE, KEY_VARIABLE, &g->token, ei) < 0)
        return RPC_EXIT_FILE;
    if (read_secret(r, RPC_OPT_PASSWORD_FILE, PASSWORD_VARIABLE, &g->password, ei) < 0)
        return RPC_EXIT_PASSWORD;
    return put_command(r, g, ei);
}

/* --- the server's work --- */

static void say(void *ctx, const char *text) {
    const struct run *r = ctx;
    fprintf(r->err, "%s\n", text);
}

static void print_parts(const struct rps_outcome *o, struct json *j, struct buf *text) {
    for (unsigned p = 0; o->has_parts && p < RPS_PART_COUNT; p++) {
        if (o->parts[p].result == RPS_RESULT_NONE)
            continue;
        const char *key = rps_part_key((enum rps_part)p), *result = rps_result_word(o->parts[p].result);
        if (!j) {
            buf_putf(text, "%-20s %s%s%s\n", key, result, *o->parts[p].details ? ": " : "",
                     o->parts[p].details);
            continue;
        }
        json_key(j, key);
        json_obj(j);
        json_kstr(j, "result", result);
        json_kstr(j, "mode", o->parts[p].mode);
        json_kstr(j, "details", o->parts[p].details);
        json_obj_end(j);
    }
}

static void print_end(const struct run *r, const struct rps_outcome *o, int rc, const struct errinfo *ei) {
    struct buf text = {0};
    struct json j = json_of(&text);
    const char *const lines[][2] = {{"status", o->status},
                                    {"network", o->network},
                                    {"ciraConnection", o->cira},
                                    {"tlsConfiguration", o->tls}};
    bool as_json = option(r, RPC_OPT_JSON) != NULL;
    if (as_json) {
        json_obj(&j);
        json_kbool(&j, "ok", rc == 0);
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!*lines[i][1])
            continue;
        if (as_json)
            json_kstr(&j, lines[i][0], lines[i][1]);
        else
            buf_putf(&text, "%-20s %s\n", lines[i][0], lines[i][1]);
    }
    print_parts(o, as_json ? &j : NULL, &text);
    if (as_json) {
        if (rc < 0)
            json_kstr(&j, "error", ei->text);
        json_obj_end(&j);
        buf_puts(&text, "\n");
    }
    print(r->out, &text);
}

/* What a failure of the server's work is called. */
static enum rpc_exit exit_of_work(const struct run *r) {
    if (r->args->command == RPC_ACTIVATE)
        return RPC_EXIT_ACTIVATION;
    if (r->args->command == RPC_DEACTIVATE)
        return RPC_EXIT_DEACTIVATION;
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++)
        if (option(r, TASKS[i].option))
            return TASKS[i].exit;
    return RPC_EXIT_FAILED;
}

/* Behind a socket is another machine than this one. */
static const char *dmi_of(const struct run *r, char root[DMI_ROOT_CAP]) {
    const char *sysfs = option(r, RPC_OPT_SYSFS), *mei = option(r, RPC_OPT_MEI);
    if (!sysfs && mei && strncmp(mei, "unix:", 5) == 0)
        return NULL;
    snprintf(root, DMI_ROOT_CAP, "%s/" DMI_DIR, sysfs ? sysfs : "/sys");
    return root;
}

static enum rpc_exit exit_of_end(const struct run *r, const struct activate_end *end, int rc,
                                 const struct errinfo *ei) {
    if (rc == ERR_FAULT || rc == ERR_REFUSED)
        return exit_of_work(r);
    if (rc == ERR_EXISTS)
        return RPC_EXIT_UUID;
    if (end->mei)
        return rpc_exit_of_mei(rc);
    if (rc == ERR_INVALID)
        return strcmp(ei->field, "url") == 0 ? RPC_EXIT_URL : RPC_EXIT_FILE;
    return rpc_exit_of_server(rc);
}

static int remote(const struct run *r) {
    struct errinfo ei = {0};
    struct given g = {0};
    struct activate_end end = {0};
    uint64_t retries = 3;
    const char *n = option(r, RPC_OPT_RETRIES);
    char dmi[DMI_ROOT_CAP];
    int code = read_given(r, &g, &ei);
    if (code == 0 && n && !slice_to_u64(slice_str(n), 1000, &retries)) {
        err_set(&ei, ERR_INVALID, "retries", "--retries %.20s is not a number from 0 to 1000", n);
        code = RPC_EXIT_USAGE;
    }
    if (code == 0) {
        const struct activate_opts o = {.local = {.where = option(r, RPC_OPT_MEI)},
                                        .dmi = dmi_of(r, dmi),
                                        .url = option(r, RPC_OPT_URL),
                                        .ca_pem = g.ca,
                                        .cert_pem = g.cert,
                                        .key_pem = g.key,
                                        .token = g.token,
                                        .command = &g.command,
                                        .friendly_name = option(r, RPC_OPT_NAME),
                                        .retries = (unsigned)retries,
                                        .say = say,
                                        .ctx = (void *)(uintptr_t)r};
        int rc = activate_run(&o, &end, &ei);
        print_end(r, &end.outcome, rc, &ei);
        code = rc < 0 ? (int)exit_of_end(r, &end, rc, &ei) : 0;
    }
    given_free(&g);
    return code ? fail(r, &ei, (enum rpc_exit)code) : RPC_EXIT_OK;
}

static int deactivate(const struct run *r) {
    if (!option(r, RPC_OPT_LOCAL))
        return remote(r);
    struct errinfo ei = {0};
    if (option(r, RPC_OPT_URL)) {
        err_set(&ei, ERR_INVALID, "local", "--local and --url are two ways: give one of them");
        return fail(r, &ei, RPC_EXIT_USAGE);
    }
    struct fw *f = fw_new(option(r, RPC_OPT_MEI));
    int rc = f ? deactivate_local(f, &ei) : err_set(&ei, ERR_NOMEM, "", "out of memory");
    fw_free(&f);
    if (rc == ERR_STATE)
        return fail(r, &ei, RPC_EXIT_NOT_ACTIVATED);
    /* of the device, too: that has no field "local" */
    if (rc == ERR_DENIED && strcmp(ei.field, "local") == 0)
        return fail(r, &ei, RPC_EXIT_CANNOT_DEACTIVATE);
    if (rc == ERR_REFUSED || rc == ERR_UNKNOWN_OUTCOME)
        return fail(r, &ei, RPC_EXIT_DEACTIVATION);
    if (rc < 0)
        return fail(r, &ei, rpc_exit_of_mei(rc));
    fputs(option(r, RPC_OPT_JSON) ? "{\"ok\":true}\n" : "The firmware is deactivated.\n", r->out);
    return RPC_EXIT_OK;
}

static int version(const struct run *r) {
    fputs("rpc " OUTBAND_VERSION "\n", r->out);
    return RPC_EXIT_OK;
}

static int (*const RUN[RPC_COMMAND_COUNT])(const struct run *) = {
    [RPC_AMTINFO] = amtinfo,    [RPC_ACTIVATE] = remote, [RPC_DEACTIVATE] = deactivate,
    [RPC_MAINTENANCE] = remote, [RPC_VERSION] = version,
};

int rpc_main(int argc, char *const argv[], FILE *out, FILE *err) {
    struct rpc_args args;
    struct errinfo ei = {0};
    const struct run r = {.args = &args, .out = out, .err = err};
    int rc = rpc_args_parse(&args, argc, argv, &ei);
    if (rc < 0)
        return fail(&r, &ei, RPC_EXIT_USAGE);
    if (args.help) {
        struct buf text = {0};
        rpc_help(&text);
        print(out, &text);
        return RPC_EXIT_OK;
    }
    int code = RUN[args.command](&r);
    if (fflush(out) != 0 && code == RPC_EXIT_OK)
        code = RPC_EXIT_FAILED;
    return code;
}
