/* SPDX-License-Identifier: Apache-2.0 */
/* login, logout, version. */
#include "base/json.h"
#include "cli/handlers.h"
#include "cli/secrets.h"

#include <stdlib.h>

static int authorize(struct cli *c, const char *user, const char *password, json_t **out) {
    struct buf body = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "username", user);
    json_kstr(&j, "password", password);
    json_obj_end(&j);
    const struct request rq = {.method = "POST", .target = "/api/v1/authorize", .body = buf_slice(&body)};
    struct answer a;
    struct errinfo ei = {0};
    *out = NULL;
    int code = client_call(c->client, &rq, &a, &ei) < 0 ? cli_fail(c, &ei) : cli_answer(c, &a);
    if (code == EXIT_OK && !*jget_str(a.json, "token")) {
        term_say(&c->term, "%s gave no token: is it an Outband server?", c->url.origin);
        code = EXIT_FAILED;
    }
    if (code == EXIT_OK)
        *out = json_incref(a.json);
    answer_free(&a);
    secret_buf_free(&body);
    return code;
}

/* What is to be kept. ERR_*. */
static int remember(struct cli *c, const struct args *a, const json_t *given, struct errinfo *ei) {
    struct config *cf = &c->config;
    const char *ca = arg_text(a, OPT_ORCH_CA);
    char *pem = NULL;
    size_t n = 0;
    int rc = ca ? file_read(ca, 1 << 20, &pem, &n, ei) : 0;
    if (rc == 0 && pem)
        rc = config_set(&cf->ca_pem, pem);
    free(pem);
    if (rc == 0)
        rc = config_set(&cf->endpoint, c->url.origin);
    if (rc == 0)
        rc = config_set(&cf->user, a->words[0]);
    if (rc == 0)
        rc = config_set(&cf->role, jget_str(given, "role"));
    if (rc == 0 && arg_given(a, OPT_PROJECT))
        rc = config_set(&cf->project, arg_text(a, OPT_PROJECT));
    if (rc == 0)
        rc = config_set(&cf->token, jget_str(given, "token"));
    if (!wall_parse(jget_str(given, "expiresAt"), &cf->expires))
        cf->expires = WALL_NEVER;
    if (rc == ERR_NOMEM)
        err_set(ei, rc, "", "out of memory");
    return rc == 0 ? config_save(cf, c->config_path, ei) : rc;
}

static void say_login(struct cli *c) {
    const struct config *cf = &c->config;
    char when[WALL_TEXT_CAP], full[WALL_TEXT_CAP], age[WALL_TEXT_CAP];
    if (!cf->expires.us) {
        term_line(&c->term, "Logged in to %s as %s.", cf->endpoint, cf->user);
        return;
    }
    int64_t left_ms = (cf->expires.us - now_wall().us) / 1000;
    term_line(&c->term, "Logged in to %s as %s%s%s. The token expires in %s, at %s.", cf->endpoint, cf->user,
              cf->role && *cf->role ? ", role " : "", cf->role ? cf->role : "", duration_text(left_ms, age),
              when_text(wall_rfc3339(cf->expires, full), when));
}

int cmd_login(struct cli *c, const struct args *a) {
    struct errinfo ei = {0};
    /* another server than the saved one: its certificates are not the saved ones */
    int code = cli_connect(c, false);
    if (code == EXIT_AUTH)
        return cli_usage(c, NULL, "login needs --api-endpoint URL the first time");
    if (code != EXIT_OK)
        return code;
    if (config_path(c->config_path, sizeof c->config_path, &ei) < 0)
        return cli_fail(c, &ei);
    char question[160];
    snprintf(question, sizeof question, "Password of %.60s at %.80s:", a->words[0], c->url.authority);
    char *password = NULL;
    json_t *given = NULL;
    code = secret_get(c, OPT_PASSWORD_FILE, question, false, &password);
    if (code == EXIT_OK)
        code = authorize(c, a->words[0], password, &given);
    secret_free(&password);
    if (code == EXIT_OK && remember(c, a, given, &ei) < 0)
        code = cli_fail(c, &ei);
    if (code == EXIT_OK)
        say_login(c);
    json_decref(given);
    return code;
}

int cmd_logout(struct cli *c, const struct args *a) {
    if (!c->config.token) {
        term_say(&c->term, "not logged in");
        return EXIT_OK;
    }
    int code = cli_connect(c, false);
    struct errinfo ei = {0};
    if (code == EXIT_OK && c->have_token) {
        const struct request rq = {.method = "POST", .target = "/api/v1/logout"};
        struct answer an;
        if (client_call(c->client, &rq, &an, &ei) < 0) {
            code = cli_fail(c, &ei);
            term_hint(&c->term, "The token was forgotten here, but the server has not been told.");
        }
        answer_free(&an);
    }
    if (config_set(&c->config.token, NULL) < 0)
        return EXIT_FAILED;
    c->config.expires = WALL_NEVER;
    if (config_save(&c->config, c->config_path, &ei) < 0)
        return cli_fail(c, &ei);
    if (code == EXIT_OK)
        term_line(&c->term, "Logged out of %s.", c->config.endpoint);
    return code;
}

int cmd_version(struct cli *c, const struct args *a) {
    const char *server = "", *note = "";
    json_t *v = NULL;
    int code = EXIT_OK;
    if (!arg_given(a, OPT_API_ENDPOINT) && !c->config.token)
        note = "not logged in";
    else
        code = cli_get(c, "/v1/orchestrator", &v);
    server = jget_str(v, "orchestrator.version");
    if (cli_output(c) != OUTPUT_TABLE) {
        json_t *both = json_pack("{s:s,s:s?}", "client", OUTBAND_VERSION, "server", *server ? server : NULL);
        cli_print_value(c, both);
        json_decref(both);
    } else {
        term_line(&c->term, "orch-cli %s", OUTBAND_VERSION);
        term_line(&c->term, "server   %s", *server ? server : *note ? note : "unknown");
    }
    json_decref(v);
    return code;
}
