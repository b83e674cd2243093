/* SPDX-License-Identifier: Apache-2.0 */
/* import hosts: the nodes of a public MPS/RPS. */
#include "base/json.h"
#include "cli/handlers.h"
#include "cli/import.h"
#include "cli/secrets.h"
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 16 << 20, PAGE = 100, PAGES_MAX = IMPORT_NODES_MAX / PAGE + 1, ANSWER_MS = 30000 };

/* --- the other server --- */

struct mps {
    struct url url;
    struct trust *trust;
    struct client *client;
    char *token;
};

static void mps_close(struct mps *m) {
    client_free(&m->client);
    trust_free(&m->trust);
    secret_free(&m->token);
}

static int mps_open(struct cli *c, struct mps *m, const char *token, struct errinfo *ei) {
    struct client_config cfg = {
        .url = &m->url, .trust = m->trust, .token = token, .connect_ms = ANSWER_MS, .answer_ms = ANSWER_MS};
    (void)c;
    client_free(&m->client);
    m->client = client_new(&cfg);
    return m->client ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
}

/* A token for user and password; behind its gateway the path has another front. */
static int mps_login(struct cli *c, struct mps *m, const char *password) {
    static const char *const paths[] = {"/api/v1/authorize", "/login/api/v1/authorize"};
    struct buf body = {0};
    struct answer an = {0};
    struct errinfo ei = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "username", arg_text(c->args, OPT_MPS_USER));
    json_kstr(&j, "password", password);
    json_obj_end(&j);
    int code = EXIT_OK;
    for (size_t i = 0; code == EXIT_OK && i < sizeof paths / sizeof *paths; i++) {
        const struct request rq = {
            .method = "POST", .target = paths[i], .body = buf_slice(&body), .no_token = true};
        answer_free(&an);
        if (client_call(m->client, &rq, &an, &ei) < 0)
            code = cli_fail(c, &ei);
        if (an.status != 404)
            break;
    }
    if (code == EXIT_OK && an.status == 401) {
        term_say(&c->term, "%s refuses the user %s and its password", m->url.origin,
                 arg_text(c->args, OPT_MPS_USER));
        code = EXIT_AUTH;
    } else if (code == EXIT_OK && !*jget_str(an.json, "token")) {
        term_say(&c->term, "%s gave no token (HTTP %d): is it a public MPS?", m->url.origin, an.status);
        code = EXIT_FAILED;
    }
    if (code == EXIT_OK && !(m->token = strdup(jget_str(an.json, "token"))))
        code = EXIT_FAILED;
    answer_free(&an);
    secret_buf_free(&body);
    if (code == EXIT_OK && mps_open(c, m, m->token, &ei) < 0)
        code = cli_fail(c, &ei);
    return code;
}

/* One page; *more: there may be another. */
static int mps_page(struct cli *c, struct mps *m, unsigned page, struct import_list *l, bool *more) {
    struct buf target = {0};
    struct answer an = {0};
    struct errinfo ei = {0};
    buf_putf(&target, "/api/v1/devices?%%24top=%d&%%24skip=%u", PAGE, page * PAGE);
    const struct request rq = {.method = "GET", .target = buf_cstr(&target)};
    int code = EXIT_OK;
    if (client_call(m->client, &rq, &an, &ei) < 0) {
        code = cli_fail(c, &ei);
    } else if (an.status != 200) {
        term_say(&c->term, "%s: GET /api/v1/devices answered with HTTP %d", m->url.origin, an.status);
        code = EXIT_FAILED;
    } else {
        const json_t *data = jget(an.json, "data");
        data = data ? data : an.json;
        if (import_devices(l, data, &ei) < 0)
            code = cli_fail(c, &ei);
        *more = json_array_size(data) == PAGE;
    }
    answer_free(&an);
    buf_free(&target);
    return code;
}

static int from_mps(struct cli *c, struct import_list *l) {
    struct mps m = {0};
    struct errinfo ei = {0};
    char *password = NULL, *pem = NULL, question[160];
    size_t n;
    const char *ca = arg_text(c->args, OPT_MPS_CA);
    if (!arg_given(c->args, OPT_MPS_USER))
        return cli_usage(c, NULL, "--from-mps needs --mps-user, and --password-file or a terminal");
    int r = url_parse(&m.url, arg_text(c->args, OPT_FROM_MPS), &ei);
    if (r == 0 && ca)
        r = file_read(ca, FILE_BYTES_MAX, &pem, &n, &ei);
    if (r == 0)
        r = trust_new(&m.trust, pem, &ei);
    if (r == 0)
        r = mps_open(c, &m, NULL, &ei);
    free(pem);
    if (r < 0) {
        cli_fail(c, &ei);
        mps_close(&m);
        return EXIT_USAGE;
    }
    snprintf(question, sizeof question, "Password of %.60s at %.80s:", arg_text(c->args, OPT_MPS_USER),
             m.url.authority);
    int code = secret_get(c, OPT_PASSWORD_FILE, question, false, &password);
    if (code == EXIT_OK)
        code = mps_login(c, &m, password);
    secret_free(&password);
    bool more = true;
    for (unsigned page = 0; code == EXIT_OK && more && page < PAGES_MAX; page++)
        code = mps_page(c, &m, page, l, &more);
    mps_close(&m);
    return code;
}

/* --- files --- */

static int from_file(struct cli *c, enum opt o, struct import_list *l) {
    const char *path = arg_text(c->args, o);
    char *text = NULL;
    size_t n = 0;
    struct errinfo ei = {0};
    int r = file_read(path, FILE_BYTES_MAX, &text, &n, &ei);
    if (r == 0 && o == OPT_FROM_CSV) {
        r = import_csv(l, slice_of(text, n), &ei);
    } else if (r == 0) {
        json_error_t e;
        json_t *v = json_loadb(text, n, 0, &e);
        r = v ? import_vault(l, v, &ei)
              : err_set(&ei, ERR_SYNTAX, "", "no JSON: line %d: %s", e.line, e.text);
        json_decref(v); /* jansson's copies of the secrets go with the process */
    }
    if (text)
        explicit_bzero(text, n);
    free(text);
    if (r >= 0)
        return EXIT_OK;
    term_say(&c->term, "%s: %s", path, ei.text);
    term_hint(&c->term, ei.remedy);
    return EXIT_USAGE;
}

/* --- what comes over --- */

static json_t *as_json(const struct import_list *l, bool done) {
    json_t *rows = json_array();
    for (size_t i = 0; i < l->n; i++) {
        const struct import_node *n = &l->v[i];
        char uuid[UUID_TEXT_CAP];
        json_array_append_new(rows,
                              json_pack("{s:s,s:s,s:s,s:b,s:s,s:s}", "guid", uuid_text(n->uuid, uuid), "name",
                                        n->name, "ciraUser", n->cira_user, "ciraShared", n->shared,
                                        "comesOver", import_verdict_text(n->verdict), "note", n->note));
    }
    return json_pack("{s:b,s:o}", "imported", done, "nodes", rows);
}

static void show(struct cli *c, const struct import_list *l, bool done) {
    static const char *const heads[] = {"NAME", "GUID", "CIRA USER", "COMES OVER", "NOTE"};
    json_t *v = cli_output(c) == OUTPUT_TABLE ? NULL : as_json(l, done);
    if (v && cli_print_value(c, v)) {
        json_decref(v);
        return;
    }
    json_decref(v);
    struct table *t = table_new(sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; t && i < l->n; i++) {
        const struct import_node *n = &l->v[i];
        char uuid[UUID_TEXT_CAP];
        table_cell(t, COLOUR_NONE, "%s", n->name);
        table_cell(t, COLOUR_NONE, "%s", uuid_text(n->uuid, uuid));
        table_cell(t, COLOUR_NONE, "%s%s", n->cira_user[0] ? n->cira_user : "-",
                   n->shared ? " (shared)" : "");
        table_cell(t,
                   n->verdict == IMPORT_WHOLE ? COLOUR_GOOD
                   : n->verdict == IMPORT_NOT ? COLOUR_BAD
                                              : COLOUR_DOUBT,
                   "%s", import_verdict_text(n->verdict));
        table_cell(t, COLOUR_NONE, "%s", n->note);
    }
    if (t)
        table_print(t, c->term.out, c->term.width, c->term.colour_out, true);
    table_free(&t);
}

/* Those with secrets: all of them or none. */
static int send_whole(struct cli *c, const struct import_list *l, bool dry) {
    struct buf csv = {0}, path = {0};
    struct answer an = {0};
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->v[i].verdict <= IMPORT_NO_AMT;
    if (n == 0)
        return EXIT_OK;
    int code = import_put_csv(l, &csv) < 0 ? EXIT_FAILED : EXIT_OK;
    cli_path(c, &path, "/hosts:import");
    path_query(&path, "dryRun", dry ? "true" : NULL);
    const struct request rq = {
        .method = "POST", .target = buf_cstr(&path), .body = buf_slice(&csv), .type = "text/csv"};
    if (code == EXIT_OK)
        code = cli_call(c, &rq, &an);
    if (code == EXIT_OK)
        code = cli_answer(c, &an);
    if (code != EXIT_OK)
        term_hint(&c->term, "Nothing was imported.");
    answer_free(&an);
    secret_buf_free(&csv);
    buf_free(&path);
    return code;
}

/* Those without: name and UUID. */
static int send_identity(struct cli *c, const struct import_node *n, bool dry) {
    struct buf body = {0}, path = {0};
    char uuid[UUID_TEXT_CAP];
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "name", n->name);
    json_kstr(&j, "amtUuid", uuid_text(n->uuid, uuid));
    json_obj_end(&j);
    cli_path(c, &path, "/hosts");
    path_query(&path, "dryRun", dry ? "true" : NULL);
    int code = cli_send(c, "POST", buf_cstr(&path), &body, NULL);
    if (code != EXIT_OK)
        term_say(&c->term, "%s was not imported", n->name);
    buf_free(&body);
    buf_free(&path);
    return code;
}

static int gather(struct cli *c, const struct args *a, struct import_list *l) {
    int code = EXIT_OK;
    if (arg_given(a, OPT_FROM_MPS))
        code = from_mps(c, l);
    if (code == EXIT_OK && arg_given(a, OPT_FROM_CSV))
        code = from_file(c, OPT_FROM_CSV, l);
    if (code == EXIT_OK && arg_given(a, OPT_VAULT_JSON))
        code = from_file(c, OPT_VAULT_JSON, l);
    if (code == EXIT_OK && l->n == 0) {
        term_say(&c->term, "there are no nodes to import");
        code = EXIT_FAILED;
    }
    return code;
}

int cmd_import_host(struct cli *c, const struct args *a) {
    struct import_list l = {0};
    bool dry = arg_given(a, OPT_DRY_RUN);
    if (!arg_given(a, OPT_FROM_MPS) && !arg_given(a, OPT_FROM_CSV) && !arg_given(a, OPT_VAULT_JSON))
        return cli_usage(c, NULL, "import hosts needs --from-mps, --from-csv or --vault-json");
    int code = cli_connect(c, true);
    if (code == EXIT_OK)
        code = gather(c, a, &l);
    if (code == EXIT_OK) {
        import_judge(&l);
        code = send_whole(c, &l, dry);
    }
    size_t failed = 0;
    for (size_t i = 0; code == EXIT_OK && i < l.n; i++)
        if (l.v[i].verdict == IMPORT_IDENTITY)
            failed += send_identity(c, &l.v[i], dry) != EXIT_OK;
    if (code == EXIT_OK)
        show(c, &l, !dry);
    import_free(&l);
    return code == EXIT_OK && failed ? EXIT_PARTIAL : code;
}
