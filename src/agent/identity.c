/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 65536, PATH_CAP = 512 };

static const char *path_of(const char *dir, char out[PATH_CAP]) {
    snprintf(out, PATH_CAP, "%.400s/identity.json", dir);
    return out;
}

void identity_free(struct identity *id) {
    secret_free(&id->key_pem);
    free(id->cert_pem);
    *id = (struct identity){0};
}

static const char *text_of(const json_t *o, const char *name) {
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

static int parse(struct identity *id, const char *text, size_t n, const char *path, struct errinfo *ei) {
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(o) && wall_parse(text_of(o, "issuedAt"), &id->issued) &&
              wall_parse(text_of(o, "notAfter"), &id->until) && text_of(o, "host")[0] &&
              text_of(o, "key")[0] && text_of(o, "certificate")[0];
    if (ok) {
        snprintf(id->host, sizeof id->host, "%s", text_of(o, "host"));
        snprintf(id->name, sizeof id->name, "%s", text_of(o, "name"));
        snprintf(id->project, sizeof id->project, "%s", text_of(o, "project"));
        id->heartbeat_s = (uint32_t)json_integer_value(json_object_get(o, "heartbeatSeconds"));
        id->key_pem = strdup(text_of(o, "key"));
        id->cert_pem = strdup(text_of(o, "certificate"));
    }
    const char *key = text_of(o, "key");
    explicit_bzero((char *)(uintptr_t)key, strlen(key));
    json_decref(o);
    if (!ok) {
        err_set(ei, ERR_SYNTAX, "", "%.300s is not the identity of an agent", path);
        err_remedy(ei, "Remove it, have the agent of this host revoked at the server, and enrol again.");
        return ERR_SYNTAX;
    }
    return id->key_pem && id->cert_pem ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
}

int identity_load(struct identity *id, const char *state_dir, struct errinfo *ei) {
    char path[PATH_CAP], *text = NULL;
    size_t n;
    struct stat st;
    *id = (struct identity){0};
    int fd = open(path_of(state_dir, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        err_set(ei, ERR_NOT_FOUND, "", "this node is not enrolled: there is no %.300s", path);
        err_remedy(ei,
                   "Get an enrolment key (orch-cli create enrolment-key), put it into the key-file, and run: "
                   "pm-agent enrol");
        return ERR_NOT_FOUND;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = err_set(ei, ERR_IO, "", "%.300s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return r;
    }
    int r = 0;
    if (st.st_mode & 077) {
        r = err_set(ei, ERR_DENIED, "", "%.300s holds a private key, but others may read it (mode %04o)",
                    path, st.st_mode & 07777);
        err_remedy(ei, "chmod 600 it; enrol again if somebody may have read it.");
    }
    if (r == 0)
        r = file_read_fd(fd, path, FILE_BYTES_MAX, &text, &n, ei);
    close(fd);
    if (r == 0)
        r = parse(id, text, n, path, ei);
    secret_free(&text);
    if (r < 0)
        identity_free(id);
    return r;
}

int identity_save(const struct identity *id, const char *state_dir, struct errinfo *ei) {
    char path[PATH_CAP];
    struct buf text = {0};
    if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
        return err_set(ei, ERR_IO, "state-dir", "%.300s: %s", state_dir, strerror(errno));
    struct json j = json_of(&text);
    json_obj(&j);
    json_kstr(&j, "host", id->host);
    json_kstr(&j, "name", id->name);
    json_kstr(&j, "project", id->project);
    json_kint(&j, "heartbeatSeconds", id->heartbeat_s);
    json_kwall(&j, "issuedAt", id->issued);
    json_kwall(&j, "notAfter", id->until);
    json_kstr(&j, "certificate", id->cert_pem);
    json_kstr(&j, "key", id->key_pem);
    json_obj_end(&j);
    int r = text.failed ? err_set(ei, ERR_NOMEM, "", "out of memory")
                        : file_replace(path_of(state_dir, path), buf_slice(&text), 0600, "state-dir", ei);
    if (text.mem)
        explicit_bzero(text.mem, text.cap);
    buf_free(&text);
    return r;
}

bool identity_is_due(const struct identity *id, struct wall now) {
    return now.us - id->issued.us >= (id->until.us - id->issued.us) / 3 * 2;
}
