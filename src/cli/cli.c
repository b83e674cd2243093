/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/ossl.h"
#include "base/text.h"
#include "cli/when.h"
#include "cli/yaml.h"
#include "proto/http1.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, ANSWER_MS = 30000, CA_BYTES_MAX = 1 << 20 };

int cli_start(struct cli *c, const struct args *a) {
    c->args = a;
    struct errinfo ei = {0};
    int rc = config_path(c->config_path, sizeof c->config_path, &ei);
    if (rc == ERR_NOT_FOUND)
        return EXIT_OK; /* nothing saved, and nowhere to save: fine until somebody wants to */
    if (rc == 0)
        rc = config_load(&c->config, c->config_path, &ei);
    return rc < 0 ? cli_fail(c, &ei) : EXIT_OK;
}

void cli_end(struct cli *c) {
    client_free(&c->client);
    trust_free(&c->trust);
    config_free(&c->config);
}

const char *cli_project(const struct cli *c) {
    const char *given = arg_text(c->args, OPT_PROJECT);
    return given ? given : c->config.project ? c->config.project : "default";
}

int64_t cli_timeout_ms(const struct cli *c, int64_t otherwise) {
    uint64_t s = arg_number(c->args, OPT_TIMEOUT, 0);
    return s ? (int64_t)(s > 86400 * 365 ? 86400 * 365 : s) * 1000 : otherwise;
}

struct client *cli_client_like(const struct cli *c) {
    const struct command *cmd = c->args->command;
    int64_t usual = cmd && cmd->answer_s ? (int64_t)cmd->answer_s * 1000 : ANSWER_MS;
    return cli_client_within(c, cmd && command_takes(cmd, OPT_WAIT) ? usual : cli_timeout_ms(c, usual));
}

struct client *cli_client_within(const struct cli *c, int64_t answer_ms) {
    const struct client_config cfg = {
        .url = &c->url,
        .trust = c->trust,
        .token = c->have_token ? c->config.token : NULL,
        .connect_ms = answer_ms < CONNECT_MS ? answer_ms : CONNECT_MS,
        .answer_ms = answer_ms,
    };
    return client_new(&cfg);
}

static int find_trust(struct cli *c, struct errinfo *ei) {
    const char *file = arg_text(c->args, OPT_ORCH_CA);
    char *pem = NULL;
    size_t n = 0;
    int rc = file ? file_read(file, CA_BYTES_MAX, &pem, &n, ei) : 0;
    if (rc == 0)
        rc = trust_new(&c->trust, pem ? pem : c->config.ca_pem, ei);
    free(pem);
    return rc;
}

/* A saved token is for the server that gave it and for no other. */
static bool token_fits(const struct cli *c) {
    struct url saved;
    return c->config.token && c->config.endpoint && url_parse(&saved, c->config.endpoint, NULL) == 0 &&
           strcmp(saved.origin, c->url.origin) == 0;
}

static int need_token(struct cli *c) {
    if (!c->have_token) {
        term_say(&c->term, "not logged in to %s", c->url.origin);
        term_hint(&c->term, "orch-cli login USER --api-endpoint URL");
        return EXIT_AUTH;
    }
    if (c->config.expires.us && c->config.expires.us <= now_wall().us) {
        char when[WALL_TEXT_CAP];
        wall_rfc3339(c->config.expires, when);
        term_say(&c->term, "the login to %s ended at %s", c->url.origin, when);
        term_hint(&c->term, "Log in again: orch-cli login USER");
        return EXIT_AUTH;
    }
    return EXIT_OK;
}

int cli_connect(struct cli *c, bool need_login) {
    if (!c->client) {
        struct errinfo ei = {0};
        const char *given = arg_text(c->args, OPT_API_ENDPOINT);
        const char *endpoint = given ? given : c->config.endpoint;
        if (!endpoint) {
            term_say(&c->term, "no server is known: nobody has logged in from here");
            term_hint(&c->term, "orch-cli login USER --api-endpoint https://HOST:8443 --orch-ca ca.pem");
            return EXIT_AUTH;
        }
        int rc = url_parse(&c->url, endpoint, &ei);
        if (rc == 0)
            rc = find_trust(c, &ei);
        if (rc < 0) {
            cli_fail(c, &ei);
            return EXIT_USAGE;
        }
        c->have_token = token_fits(c);
        c->client = cli_client_like(c);
        if (!c->client) {
            err_set(&ei, ERR_NOMEM, "", "out of memory");
            return cli_fail(c, &ei);
        }
    }
    return need_login ? need_token(c) : EXIT_OK;
}

int cli_fail(struct cli *c, const struct errinfo *ei) {
    term_say(&c->term, "%s", ei->text);
    term_hint(&c->term, ei->remedy);
    return exit_of_err(ei->code);
}

int cli_usage(struct cli *c, const char *remedy, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    term_say(&c->term, "%s", text);
    term_hint(&c->term, remedy);
    return EXIT_USAGE;
}

int cli_time_to_come(struct cli *c, enum opt o, struct wall *out) {
    const char *text = arg_text(c->args, o), *name = opt_row(o)->name;
    static const char how[] = "Give a time to come: from now (90m, 12h, 30d), or as 2026-11-22T18:00:00Z.";
    if (!when_parse(text, now_wall(), out))
        return cli_usage(c, how, "--%s: \"%.60s\" is not a time", name, text);
    if (out->us <= now_wall().us)
        return cli_usage(c, how, "--%s: %.60s has passed already", name, text);
    return EXIT_OK;
}

int cli_answer(struct cli *c, const struct answer *a) {
    char text[1100], remedy[512];
    int code = answer_problem(a, c->args, text, sizeof text);
    if (code == EXIT_OK)
        return EXIT_OK;
    answer_remedy(a, c->args, remedy, sizeof remedy);
    term_say(&c->term, "%s", text);
    term_hint(&c->term, remedy);
    if (a->status == 401 && !*remedy)
        term_hint(&c->term, "Log in again: orch-cli login USER");
    char note[128];
    if (*a->retry_after) {
        snprintf(note, sizeof note, "Try again in %s s.", a->retry_after);
        term_hint(&c->term, note);
    }
    if (a->status >= 500 && *a->request_id) {
        snprintf(note, sizeof note, "Request id: %s", a->request_id);
        term_hint(&c->term, note);
    }
    return code;
}

int cli_call(struct cli *c, const struct request *rq, struct answer *a) {
    *a = (struct answer){0};
    int code = cli_connect(c, true);
    if (code != EXIT_OK)
        return code;
    struct errinfo ei = {0};
    if (client_call(c->client, rq, a, &ei) < 0)
        return cli_fail(c, &ei);
    code = cli_answer(c, a);
    if (code != EXIT_OK)
        answer_free(a);
    return code;
}

static int no_json(struct cli *c) {
    term_say(&c->term, "%s does not answer as an Outband server: no JSON", c->url.authority);
    term_hint(&c->term, "Is the address and the port of --api-endpoint right?");
    return EXIT_FAILED;
}

int cli_get(struct cli *c, const char *target, json_t **out) {
    *out = NULL;
    const struct request rq = {.method = "GET", .target = target};
    struct answer a;
    int code = cli_call(c, &rq, &a);
    if (code == EXIT_OK && !a.json)
        code = no_json(c);
    if (code == EXIT_OK)
        *out = json_incref(a.json);
    answer_free(&a);
    return code;
}

int cli_send(struct cli *c, const char *method, const char *target, const struct buf *body, json_t **out) {
    struct request rq = {.method = method, .target = target};
    if (body)
        rq.body = buf_slice(body);
    struct answer a;
    int code = cli_call(c, &rq, &a);
    if (out)
        *out = code == EXIT_OK ? json_incref(a.json) : NULL;
    answer_free(&a);
    return code;
}

static void start_path(const struct cli *c, struct buf *b) {
    buf_free(b);
    buf_puts(b, "/v1/projects/");
    http1_escape(b, slice_str(cli_project(c)));
}

const char *cli_project_path(const struct cli *c, struct buf *b, const char *fmt, ...) {
    start_path(c, b);
    va_list ap;
    va_start(ap, fmt);
    buf_vputf(b, fmt, ap);
    va_end(ap);
    return buf_cstr(b);
}

const char *cli_path(const struct cli *c, struct buf *b, const char *fmt, ...) {
    start_path(c, b);
    buf_puts(b, "/compute");
    va_list ap;
    va_start(ap, fmt);
    buf_vputf(b, fmt, ap);
    va_end(ap);
    return buf_cstr(b);
}

const char *cli_host_path(const struct cli *c, struct buf *b, const char *host, const char *suffix) {
    cli_path(c, b, "/hosts/");
    http1_escape(b, slice_str(host));
    buf_puts(b, suffix);
    return buf_cstr(b);
}

void path_query(struct buf *b, const char *name, const char *value) {
    if (!value)
        return;
    struct slice s = buf_slice(b);
    buf_putf(b, "%c%s=", s.n && memchr(s.p, '?', s.n) ? '&' : '?', name);
    http1_escape(b, slice_str(value));
}

enum output cli_output(const struct cli *c) {
    static const char *const names[] = {"table", "wide", "json", "yaml", "name", "csv"};
    const char *o = arg_text(c->args, OPT_OUTPUT);
    for (unsigned i = 0; o && i < sizeof names / sizeof *names; i++)
        if (strcmp(o, names[i]) == 0)
            return (enum output)i;
    return OUTPUT_TABLE;
}

bool cli_print_value(struct cli *c, const json_t *v) {
    enum output o = cli_output(c);
    if (o != OUTPUT_JSON && o != OUTPUT_YAML)
        return false;
    struct buf b = {0};
    if (o == OUTPUT_JSON)
        json_put_text(&b, v, 2);
    else
        yaml_put(&b, v);
    fwrite(buf_slice(&b).p, 1, b.len, c->term.out);
    buf_free(&b);
    return true;
}

static int nobody_to_ask(struct cli *c, const char *doing, size_t count) {
    bool dry = c->args->command && command_takes(c->args->command, OPT_DRY_RUN);
    char on[40] = "";
    if (count > 1)
        snprintf(on, sizeof on, " on %zu hosts", count);
    return cli_usage(
        c, dry ? "Add --yes to do it, or --dry-run to see what would be done." : "Add --yes to do it.",
        "this would %s%s, and nobody can be asked (no terminal)", doing, on);
}

int cli_confirm(struct cli *c, const char *doing, size_t count, size_t threshold) {
    if (arg_given(c->args, OPT_YES) || count <= threshold)
        return EXIT_OK;
    char question[160], typed[32];
    if (count == 1)
        snprintf(question, sizeof question, "This will %s. Type yes to go on:", doing);
    else
        snprintf(question, sizeof question, "This will %s on %zu hosts. Type %zu to go on:", doing, count,
                 count);
    int rc = term_ask(&c->term, question, true, typed, sizeof typed);
    if (rc == ERR_STATE)
        return nobody_to_ask(c, doing, count);
    uint64_t n;
    bool yes = rc == 0 && (count == 1 ? strcmp(typed, "yes") == 0 || strcmp(typed, "y") == 0
                                      : slice_to_u64(slice_str(typed), UINT64_MAX, &n) && n == count);
    if (yes)
        return EXIT_OK;
    term_say(&c->term, "nothing was changed");
    return EXIT_FAILED;
}

const char *cli_key(char out[KEY_CAP]) {
    uint8_t bytes[(KEY_CAP - 1) / 2];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        memset(bytes, 0, sizeof bytes);
    return text_hex(slice_of(bytes, sizeof bytes), out);
}
