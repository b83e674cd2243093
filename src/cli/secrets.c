/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secrets.h"

#include "base/ossl.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { PASSWORD_CAP = 512 };

void secret_buf_free(struct buf *b) {
    if (b->mem)
        OPENSSL_cleanse(b->mem, b->cap);
    buf_free(b);
}

void secret_put_account(struct json *j, const char *key, const char *user, const char *password) {
    if (!user && !password)
        return;
    json_key(j, key);
    json_obj(j);
    if (user)
        json_kstr(j, "user", user);
    if (password)
        json_kstr(j, "password", password);
    json_obj_end(j);
}

int secret_from_file(struct cli *c, enum opt o, char **out) {
    *out = NULL;
    if (!arg_given(c->args, o))
        return EXIT_OK;
    struct errinfo ei = {0};
    if (password_read(arg_text(c->args, o), out, &ei) == 0)
        return EXIT_OK;
    return cli_usage(c, ei.remedy, "--%s: %s", opt_row(o)->name, ei.text);
}

static int ask(struct cli *c, const char *question, char answer[PASSWORD_CAP]) {
    int rc = term_ask(&c->term, question, false, answer, PASSWORD_CAP);
    if (rc == 0 && *answer)
        return EXIT_OK;
    term_say(&c->term, rc == 0 ? "the password must not be empty" : "cancelled");
    return EXIT_FAILED;
}

int secret_get(struct cli *c, enum opt o, const char *question, bool again, char **out) {
    int code = secret_from_file(c, o, out);
    if (code != EXIT_OK || *out)
        return code;
    if (!c->term.in_tty) {
        char remedy[128];
        snprintf(remedy, sizeof remedy, "Give --%s FILE (- is standard input).", opt_row(o)->name);
        return cli_usage(c, remedy, "a password is needed, and there is no terminal to ask on");
    }
    char first[PASSWORD_CAP], second[PASSWORD_CAP];
    code = ask(c, question, first);
    if (code == EXIT_OK && again)
        code = ask(c, "The same again:", second);
    if (code == EXIT_OK && again && strcmp(first, second) != 0) {
        term_say(&c->term, "the two passwords differ; nothing was changed");
        code = EXIT_FAILED;
    }
    if (code == EXIT_OK && !(*out = strdup(first)))
        code = EXIT_FAILED;
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(second, sizeof second);
    return code;
}
