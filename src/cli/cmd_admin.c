/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine and users. */
#include "base/json.h"
#include "cli/handlers.h"
#include "cli/hosts.h"
#include "cli/listing.h"
#include "cli/secrets.h"
#include "proto/http1.h"

#include <inttypes.h>

int cmd_quarantine_list(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {
        {"ID", "id", false},           {"USER", "user", false},     {"UUID", "uuid", false},
        {"PEER", "peer", false},       {"COUNT", "count", false},   {"LAST SEEN", "lastSeen", true},
        {"VERDICT", "verdict", false}, {"REASON", "reason", false},
    };
    return listing_print(c, "/api/v1/quarantine", "entries", cols, sizeof cols / sizeof *cols);
}

static void entry_path(struct buf *b, const char *id, const char *verb) {
    buf_puts(b, "/api/v1/quarantine/");
    http1_escape(b, slice_str(id));
    buf_puts(b, verb);
}

int cmd_quarantine_adopt(struct cli *c, const struct args *a) {
    if (!arg_given(a, OPT_NAME))
        return cli_usage(c, NULL, "quarantine adopt needs --name");
    char *cira = NULL, *amt = NULL;
    struct buf body = {0}, path = {0};
    json_t *host = NULL;
    int code = secret_get(c, OPT_CIRA_PASSWORD_FILE, "Password of the device's tunnel:", false, &cira);
    if (code == EXIT_OK)
        code = secret_from_file(c, OPT_AMT_PASSWORD_FILE, &amt);
    if (code == EXIT_OK) {
        struct json j = json_of(&body);
        json_obj(&j);
        json_kstr(&j, "name", arg_text(a, OPT_NAME));
        json_kstr(&j, "ciraPassword", cira);
        if (amt || arg_given(a, OPT_AMT_USER)) {
            json_key(&j, "amt");
            json_obj(&j);
            json_kstr(&j, "user", arg_given(a, OPT_AMT_USER) ? arg_text(a, OPT_AMT_USER) : "admin");
            if (amt)
                json_kstr(&j, "password", amt);
            json_obj_end(&j);
        }
        json_obj_end(&j);
        entry_path(&path, a->words[0], ":adopt");
        code = cli_send(c, "POST", buf_cstr(&path), &body, &host);
    }
    if (code == EXIT_OK && !(host && cli_print_value(c, host)))
        term_line(&c->term, "%s: adopted as %s", arg_text(a, OPT_NAME), jget_str(host, "resourceId"));
    json_decref(host);
    secret_free(&cira);
    secret_free(&amt);
    secret_buf_free(&body);
    buf_free(&path);
    return code;
}

static int entry_call(struct cli *c, const struct args *a, const char *method, const char *verb,
                      const char *done) {
    struct buf path = {0};
    entry_path(&path, a->words[0], verb);
    int code = cli_send(c, method, buf_cstr(&path), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "%s: %s", a->words[0], done);
    buf_free(&path);
    return code;
}
int cmd_quarantine_deny(struct cli *c, const struct args *a) {
    return entry_call(c, a, "POST", ":deny", "denied from now on");
}
int cmd_quarantine_forget(struct cli *c, const struct args *a) {
    return entry_call(c, a, "DELETE", "", "forgotten");
}

int cmd_list_user(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {
        {"NAME", "name", false}, {"ROLE", "role", false}, {"PROJECT", "project", false}};
    return listing_print(c, "/api/v1/users", "users", cols, sizeof cols / sizeof *cols);
}

static void user_path(struct buf *b, const char *user, const char *suffix) {
    buf_puts(b, "/api/v1/users/");
    http1_escape(b, slice_str(user));
    buf_puts(b, suffix);
}

int cmd_create_user(struct cli *c, const struct args *a) {
    if (!arg_given(a, OPT_ROLE))
        return cli_usage(c, NULL, "create user needs --role viewer, operator or admin");
    char *password = NULL;
    struct buf body = {0};
    int code = cli_connect(c, true);
    if (code == EXIT_OK)
        code = secret_get(c, OPT_PASSWORD_FILE, "Password of the new user:", true, &password);
    if (code == EXIT_OK) {
        struct json j = json_of(&body);
        json_obj(&j);
        json_kstr(&j, "name", a->words[0]);
        json_kstr(&j, "role", arg_text(a, OPT_ROLE));
        if (arg_given(a, OPT_PROJECT))
            json_kstr(&j, "project", arg_text(a, OPT_PROJECT));
        json_kstr(&j, "password", password);
        json_obj_end(&j);
        code = cli_send(c, "POST", "/api/v1/users", &body, NULL);
    }
    if (code == EXIT_OK)
        term_line(&c->term, "user %s created, role %s", a->words[0], arg_text(a, OPT_ROLE));
    secret_free(&password);
    secret_buf_free(&body);
    return code;
}

int cmd_delete_user(struct cli *c, const struct args *a) {
    char doing[160];
    snprintf(doing, sizeof doing, "delete the user %.64s", a->words[0]);
    int code = cli_confirm(c, doing, 1, c->term.in_tty ? 0 : 1);
    if (code != EXIT_OK)
        return code;
    struct buf path = {0};
    user_path(&path, a->words[0], "");
    code = cli_send(c, "DELETE", buf_cstr(&path), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "user %s deleted", a->words[0]);
    buf_free(&path);
    return code;
}

int cmd_set_password(struct cli *c, const struct args *a) {
    char *old = NULL, *new = NULL;
    struct buf body = {0}, path = {0};
    int code = cli_connect(c, true);
    if (code != EXIT_OK)
        return code;
    const char *user = a->nwords ? a->words[0] : c->config.user;
    bool own = c->config.user && user && strcmp(user, c->config.user) == 0;
    if (!user)
        return cli_usage(c, NULL, "set password: whose?");
    if (own || arg_given(a, OPT_OLD_PASSWORD_FILE))
        code = secret_get(c, OPT_OLD_PASSWORD_FILE, "Present password:", false, &old);
    if (code == EXIT_OK)
        code = secret_get(c, OPT_PASSWORD_FILE, "New password:", true, &new);
    if (code == EXIT_OK) {
        struct json j = json_of(&body);
        json_obj(&j);
        json_kstr(&j, "password", new);
        if (old)
            json_kstr(&j, "oldPassword", old);
        json_obj_end(&j);
        user_path(&path, user, "/password");
        code = cli_send(c, "PUT", buf_cstr(&path), &body, NULL);
    }
    if (code == EXIT_OK)
        term_line(&c->term, "the password of %s was changed%s", user, own ? "; log in again" : "");
    secret_free(&old);
    secret_free(&new);
    secret_buf_free(&body);
    buf_free(&path);
    return code;
}
