/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"

#include "base/file.h"
#include "base/json.h"
#include "base/ossl.h"
#include "cli/jget.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

int config_set(char **member, const char *value) {
    char *copy = value ? strdup(value) : NULL;
    if (value && !copy)
        return ERR_NOMEM;
    secret_free(member);
    *member = copy;
    return 0;
}

void config_free(struct config *c) {
    secret_free(&c->token);
    free(c->endpoint);
    free(c->user);
    free(c->role);
    free(c->project);
    free(c->ca_pem);
    *c = (struct config){0};
}

int config_path(char *out, size_t cap, struct errinfo *ei) {
    const char *path = getenv("ORCH_CLI_CONFIG"), *home = getenv("HOME");
    int n = path && *path   ? snprintf(out, cap, "%s", path)
            : home && *home ? snprintf(out, cap, "%s/.orch-cli", home)
                            : -1;
    if (n < 0)
        return err_set(ei, ERR_NOT_FOUND, "", "neither ORCH_CLI_CONFIG nor HOME is set");
    return (size_t)n < cap ? 0 : err_set(ei, ERR_LIMIT, "", "the path of the configuration file is too long");
}

static const char *or_null(const json_t *o, const char *key) {
    const char *s = jget_str(o, key);
    return *s ? s : NULL;
}

static int config_parse(struct config *c, const char *text, size_t n, const char *path, struct errinfo *ei) {
    json_error_t je;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (!json_is_object(o)) {
        json_decref(o);
        err_set(ei, ERR_SYNTAX, "", "%.200s is not a configuration of orch-cli", path);
        err_remedy(ei, "Remove it and log in again, or set ORCH_CLI_CONFIG to another path.");
        return ERR_SYNTAX;
    }
    struct {
        char **to;
        const char *key;
    } members[] = {{&c->endpoint, "apiEndpoint"}, {&c->user, "user"},   {&c->role, "role"},
                   {&c->project, "project"},      {&c->token, "token"}, {&c->ca_pem, "orchCa"}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof members / sizeof *members; i++)
        rc = config_set(members[i].to, or_null(o, members[i].key));
    const char *expires = or_null(o, "expiresAt");
    if (!expires || !wall_parse(expires, &c->expires))
        c->expires = WALL_NEVER;
    json_decref(o);
    return rc;
}

int config_load(struct config *c, const char *path, struct errinfo *ei) {
    *c = (struct config){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set(ei, ERR_IO, "", "cannot open %.300s: %s", path, strerror(errno));
    char *text = NULL;
    size_t n = 0;
    struct stat st;
    int rc = ERR_OK;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        rc = err_set(ei, ERR_IO, "", "%.300s is not a plain file", path);
    } else if (st.st_mode & 077) {
        rc = err_set(ei, ERR_DENIED, "", "%.200s holds a token, but others may read it (mode %04o)", path,
                     st.st_mode & 07777);
        err_remedy(ei, "chmod 600 %.200s; log out and in again if somebody may have read it.", path);
    } else {
        rc = file_read_fd(fd, path, CONFIG_BYTES_MAX, &text, &n, ei);
    }
    close(fd);
    if (rc == 0)
        rc = config_parse(c, text, n, path, ei);
    secret_free(&text);
    if (rc < 0)
        config_free(c);
    return rc;
}

static void config_print(const struct config *c, struct buf *out) {
    struct json j = json_of(out);
    json_obj(&j);
    json_kstr(&j, "apiEndpoint", c->endpoint);
    json_kstr(&j, "user", c->user);
    json_kstr(&j, "role", c->role);
    json_kstr(&j, "project", c->project);
    json_kstr(&j, "token", c->token);
    json_kwall(&j, "expiresAt", c->expires);
    json_kstr(&j, "orchCa", c->ca_pem);
    json_obj_end(&j);
    buf_puts(out, "\n");
}

int config_save(const struct config *c, const char *path, struct errinfo *ei) {
    struct buf text = {0};
    config_print(c, &text);
    int rc = text.failed ? err_set(ei, ERR_NOMEM, "", "out of memory")
                         : file_replace(path, buf_slice(&text), 0600, "", ei);
    if (text.mem)
        OPENSSL_cleanse(text.mem, text.cap);
    buf_free(&text);
    return rc;
}
