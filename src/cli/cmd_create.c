/* SPDX-License-Identifier: Apache-2.0 */
/* create host: one, or a file of them. */
#include "base/json.h"
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/secrets.h"

#include <inttypes.h>

enum { CSV_BYTES_MAX = 16 << 20 };

static void put_given(struct json *j, const struct args *a, enum opt o, const char *member) {
    if (arg_given(a, o))
        json_kstr(j, member, arg_text(a, o));
}

static void put_emf(struct json *j, const struct args *a, enum opt o, const char *member,
                    const char *prefix) {
    const char *word = arg_text(a, o);
    char name[64];
    if (!word)
        return;
    size_t n = (size_t)snprintf(name, sizeof name, "%s", prefix);
    for (; *word && n + 1 < sizeof name; word++)
        name[n++] = (char)(*word >= 'a' && *word <= 'z' ? *word - 32 : *word);
    name[n] = 0;
    json_kstr(j, member, name);
}

static int create_one(struct cli *c, const struct args *a) {
    char *cira = NULL, *amt = NULL;
    struct buf body = {0}, path = {0};
    json_t *host = NULL;
    int code = secret_from_file(c, OPT_CIRA_PASSWORD_FILE, &cira);
    if (code == EXIT_OK)
        code = secret_from_file(c, OPT_AMT_PASSWORD_FILE, &amt);
    if (code == EXIT_OK) {
        struct json j = json_of(&body);
        json_obj(&j);
        json_kstr(&j, "name", a->words[0]);
        secret_put_account(&j, "cira", arg_text(a, OPT_CIRA_USER), cira);
        secret_put_account(&j, "amt",
                           arg_given(a, OPT_AMT_USER) ? arg_text(a, OPT_AMT_USER)
                           : amt                      ? "admin"
                                                      : NULL,
                           amt);
        put_given(&j, a, OPT_AMT_UUID, "amtUuid");
        put_given(&j, a, OPT_UUID, "uuid");
        put_given(&j, a, OPT_SERIAL, "serialNumber");
        put_emf(&j, a, OPT_DESIRED_POWER, "desiredPowerState", "POWER_STATE_");
        put_emf(&j, a, OPT_CONTROL_MODE, "amtControlMode", "AMT_CONTROL_MODE_");
        json_obj_end(&j);
        cli_path(c, &path, "/hosts");
        path_query(&path, "dryRun", arg_given(a, OPT_DRY_RUN) ? "true" : NULL);
        code = cli_send(c, "POST", buf_cstr(&path), &body, &host);
    }
    if (code == EXIT_OK && !(host && cli_print_value(c, host)))
        term_line(&c->term, "%s: %s%s", a->words[0],
                  arg_given(a, OPT_DRY_RUN) ? "would be created" : "created ",
                  arg_given(a, OPT_DRY_RUN) ? "" : jget_str(host, "resourceId"));
    json_decref(host);
    secret_free(&cira);
    secret_free(&amt);
    secret_buf_free(&body);
    buf_free(&path);
    return code;
}

/* "fleet.csv:7: AmtUUID: …" */
static int bad_csv(struct cli *c, const char *file, const struct answer *a) {
    char text[1024], remedy[512];
    int code = answer_problem(a, NULL, text, sizeof text); /* its fields are columns */
    const char *field = jget_str(a->json, "field");
    int64_t line = jget_int(a->json, "line", 0);
    char at[48] = "";
    if (line && strncmp(text, "line ", 5) != 0)
        snprintf(at, sizeof at, ":%" PRId64, line);
    bool named = *field && strstr(text, field);
    term_say(&c->term, "%s%s: %s%s%s", file, at, named ? "" : field, !named && *field ? ": " : "", text);
    answer_remedy(a, NULL, remedy, sizeof remedy);
    term_hint(&c->term, remedy);
    if (a->status == 400)
        term_hint(&c->term, "Nothing of the file was taken.");
    return code;
}

static int import_csv(struct cli *c, const struct args *a) {
    const char *file = arg_text(a, OPT_IMPORT_FROM_CSV);
    char *csv = NULL;
    size_t n = 0;
    struct errinfo ei = {0};
    struct buf path = {0};
    struct answer an = {0};
    int code = cli_connect(c, true);
    if (code != EXIT_OK)
        return code;
    if (file_read(file, CSV_BYTES_MAX, &csv, &n, &ei) < 0) {
        cli_fail(c, &ei);
        return EXIT_USAGE;
    }
    cli_path(c, &path, "/hosts:import");
    bool dry = arg_given(a, OPT_DRY_RUN);
    path_query(&path, "dryRun", dry ? "true" : NULL);
    const struct request rq = {
        .method = "POST", .target = buf_cstr(&path), .body = slice_of(csv, n), .type = "text/csv"};
    if (n == 0)
        code = cli_usage(c, NULL, "%s is empty", file);
    else if (client_call(c->client, &rq, &an, &ei) < 0)
        code = cli_fail(c, &ei);
    else if (an.status >= 300)
        code = bad_csv(c, file, &an);
    else if (!an.json || !cli_print_value(c, an.json))
        term_line(&c->term, "%s: %" PRId64 " hosts %s", file, jget_int(an.json, "created", 0),
                  dry ? "would be created" : "created");
    answer_free(&an);
    buf_free(&path);
    secret_free(&csv);
    return code;
}

int cmd_create_host(struct cli *c, const struct args *a) {
    if (!arg_given(a, OPT_IMPORT_FROM_CSV))
        return a->nwords ? create_one(c, a)
                         : cli_usage(c, "usage: orch-cli create host NAME …, or --import-from-csv FILE",
                                     "create host: a name is missing");
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++) {
        bool fits = o == OPT_IMPORT_FROM_CSV || o == OPT_DRY_RUN || o == OPT_OUTPUT ||
                    o == OPT_API_ENDPOINT || o == OPT_ORCH_CA || o == OPT_PROJECT || o == OPT_TIMEOUT;
        if (!fits && arg_given(a, (enum opt)o))
            return cli_usage(c, NULL, "--%s does not go with --import-from-csv", opt_row((enum opt)o)->name);
    }
    if (a->nwords)
        return cli_usage(c, NULL, "give a name or --import-from-csv, not both");
    return import_csv(c, a);
}
