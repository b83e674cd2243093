/* SPDX-License-Identifier: Apache-2.0 */
#include "server/datadir.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, ROOT_DAYS = 3650, BACKDATE_MS = 3600 * 1000 };

static const char *const all_files[] = {DATADIR_MASTER_KEY, DATADIR_CA_KEY,    DATADIR_CA_CERT,
                                        DATADIR_LEAF_KEY,   DATADIR_LEAF_CERT, DATADIR_AGENT_KEY,
                                        DATADIR_AGENT_CERT, DATADIR_CIRA_CERT, DATADIR_CIRA_KEY,
                                        DATADIR_CIRA_LEAF,  DATADIR_CIRA_LEAFK};
enum { FILE_COUNT = sizeof all_files / sizeof *all_files };

/* --- files --- */

static const char *path_of(const char *dir, const char *file, char out[DATADIR_PATH_CAP]) {
    snprintf(out, DATADIR_PATH_CAP, "%s/%s", dir, file);
    return out;
}

int datadir_read_file(const char *path, struct buf *out, struct errinfo *ei) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(ei, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "", "%s: %s", path, strerror(errno));
    int r = 0;
    for (;;) {
        uint8_t *room = buf_room(out, 4096);
        ssize_t n = room ? read(fd, room, 4096) : -1;
        if (n < 0)
            r = err_set(ei, room ? ERR_IO : ERR_NOMEM, "", "%s: %s", path,
                        room ? strerror(errno) : "out of memory");
        if (n <= 0)
            break;
        buf_commit(out, (size_t)n);
        if (out->len > FILE_BYTES_MAX) {
            r = err_set(ei, ERR_LIMIT, "", "%s is larger than any file of its kind", path);
            break;
        }
    }
    close(fd);
    return r;
}

static void sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* some filesystems cannot, and need not */
    close(fd);
}

/* A new file that survives a power cut once this returns. replace: over an old one, in one step. */
static int write_file(const char *dir, const char *file, struct slice text, mode_t mode, bool replace,
                      struct errinfo *ei) {
    char path[DATADIR_PATH_CAP], tmp[DATADIR_PATH_CAP + 8];
    path_of(dir, file, path);
    snprintf(tmp, sizeof tmp, "%s%s", path, replace ? ".new" : "");
    int fd = open(tmp, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), mode);
    bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    if (ok && replace)
        ok = rename(tmp, path) == 0;
    int r =
        ok ? 0 : err_set(ei, errno == ENOSPC ? ERR_STORE_FULL : ERR_IO, "", "%s: %s", tmp, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (ok)
        sync_dir(dir);
    else if (fd >= 0)
        unlink(tmp);
    return r;
}

/* --- the leaf --- */

struct names {
    char first[256];
    const char *v[5];
    size_t n;
};

static void add_name(struct names *names, const char *name) {
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return;
    names->v[names->n++] = name;
}

/* The given name comes first: firmware compares the CN with it. Loopback is always there for the machine's
 * own tools. */
static void collect_names(struct names *names, const char *hostname) {
    snprintf(names->first, sizeof names->first, "%s", hostname);
    if (!names->first[0] && (gethostname(names->first, sizeof names->first - 1) != 0 || !names->first[0]))
        snprintf(names->first, sizeof names->first, "localhost");
    names->n = 0;
    add_name(names, names->first);
    add_name(names, "localhost");
    add_name(names, "127.0.0.1");
    add_name(names, "::1");
}

/* Which files are a certificate and who signs it. */
struct leaf_files {
    const char *ca_key, *cert, *key;
};
static const struct leaf_files https_files = {DATADIR_CA_KEY, DATADIR_LEAF_CERT, DATADIR_LEAF_KEY},
                               cira_files = {DATADIR_CIRA_KEY, DATADIR_CIRA_LEAF, DATADIR_CIRA_LEAFK};

static int make_leaf(const char *dir, const struct leaf_files *files, struct slice ca_pem,
                     struct slice ca_key, const char *hostname, enum pki_key kind, struct wall now,
                     bool replace, struct errinfo *ei) {
    struct names names;
    struct buf key = {0}, cert = {0};
    collect_names(&names, hostname);
    struct wall from = wall_add_ms(now, -(int64_t)BACKDATE_MS); /* firmware clocks are often a little slow */
    int r = pki_make_key(kind, &key, ei);
    if (r == 0)
        r = pki_make_leaf(ca_pem, ca_key, buf_slice(&key), names.v, names.n, from, DATADIR_LEAF_DAYS, &cert,
                          ei);
    if (r == 0 && buf_put(&cert, ca_pem) < 0)
        r = err_set(ei, ERR_NOMEM, "", "out of memory");
    if (r == 0)
        r = write_file(dir, files->key, buf_slice(&key), 0600, replace, ei);
    if (r == 0)
        r = write_file(dir, files->cert, buf_slice(&cert), 0644, replace, ei);
    buf_wipe(&key);
    buf_free(&cert);
    return r;
}

/* --- init --- */

static int make_dirs(const char *dir, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path - 64)
        return err_set(ei, ERR_INVALID, "data-dir", "the path of the data directory is too long");
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return err_set(ei, ERR_IO, "data-dir", "%s: %s", path, strerror(errno));
        *p = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(ei, ERR_IO, "data-dir", "%s: %s", path, strerror(errno));
    if (chmod(path, 0700) != 0)
        return err_set(ei, ERR_IO, "data-dir", "%s: %s", path, strerror(errno));
    return 0;
}

static int nothing_is_there(const char *dir, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    for (size_t i = 0; i <= FILE_COUNT; i++) {
        path_of(dir, i < FILE_COUNT ? all_files[i] : "outband.db", path);
        if (access(path, F_OK) == 0) {
            err_set(ei, ERR_EXISTS, "data-dir", "%s exists already: init never overwrites a data directory",
                    path);
            err_remedy(
                ei,
                "Choose another directory, or start the server with this one: outbandd serve --data-dir %s",
                dir);
            return ERR_EXISTS;
        }
    }
    return 0;
}

void datadir_unmake(const char *dir) {
    char path[DATADIR_PATH_CAP];
    for (size_t i = 0; i < FILE_COUNT; i++)
        unlink(path_of(dir, all_files[i], path));
}

static int make_root(const char *dir, struct wall now, struct buf *key, struct buf *cert,
                     struct errinfo *ei) {
    int r = pki_make_key(PKI_RSA_3072, key, ei);
    struct wall from = wall_add_ms(now, -(int64_t)BACKDATE_MS);
    if (r == 0)
        r = pki_make_root(buf_slice(key), "Outband CIRA root", from, ROOT_DAYS, cert, ei);
    if (r == 0)
        r = write_file(dir, DATADIR_CA_KEY, buf_slice(key), 0600, false, ei);
    return r < 0 ? r : write_file(dir, DATADIR_CA_CERT, buf_slice(cert), 0644, false, ei);
}

static int make_agent_ca(const char *dir, struct wall now, struct errinfo *ei) {
    struct buf key = {0}, cert = {0};
    struct wall from = wall_add_ms(now, -(int64_t)BACKDATE_MS);
    int r = pki_make_key(PKI_P256, &key, ei);
    if (r == 0)
        r = pki_make_root(buf_slice(&key), "Outband agents", from, ROOT_DAYS, &cert, ei);
    if (r == 0)
        r = write_file(dir, DATADIR_AGENT_KEY, buf_slice(&key), 0600, false, ei);
    if (r == 0)
        r = write_file(dir, DATADIR_AGENT_CERT, buf_slice(&cert), 0644, false, ei);
    buf_wipe(&key);
    buf_free(&cert);
    return r;
}

int datadir_make_agent_ca(const char *dir, struct wall now, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    if (access(path_of(dir, DATADIR_MASTER_KEY, path), F_OK) != 0) {
        err_set(ei, ERR_NOT_FOUND, "data-dir", "%s is no data directory: it has no " DATADIR_MASTER_KEY, dir);
        err_remedy(ei, "A new one is made by outbandd init, with the authority of the agents in it.");
        return ERR_NOT_FOUND;
    }
    static const char *const parts[] = {DATADIR_AGENT_CERT, DATADIR_AGENT_KEY};
    for (size_t i = 0; i < 2; i++)
        if (access(path_of(dir, parts[i], path), F_OK) == 0)
            return err_set(ei, ERR_EXISTS, "data-dir",
                           "%s exists already: agents trust it, so it is not made anew", path);
    int r = make_agent_ca(dir, now, ei);
    for (size_t i = 0; r < 0 && i < 2; i++)
        unlink(path_of(dir, parts[i], path));
    return r;
}

int datadir_make(const char *dir, const char *hostname, enum pki_key leaf_key, struct wall now,
                 struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    struct buf key = {0}, cert = {0};
    int r = make_dirs(dir, ei);
    if (r < 0 || (r = nothing_is_there(dir, ei)) < 0)
        return r;
    r = seal_key_create(path_of(dir, DATADIR_MASTER_KEY, path), ei);
    if (r == 0)
        r = make_root(dir, now, &key, &cert, ei);
    if (r == 0)
        r = make_leaf(dir, &https_files, buf_slice(&cert), buf_slice(&key), hostname, leaf_key, now, false,
                      ei);
    if (r == 0)
        r = make_agent_ca(dir, now, ei);
    buf_wipe(&key);
    buf_free(&cert);
    if (r < 0)
        datadir_unmake(dir);
    return r;
}

/* --- serve --- */

static int read_part(const char *dir, const char *file, struct buf *out, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    int r = datadir_read_file(path_of(dir, file, path), out, ei);
    if (r == ERR_NOT_FOUND) {
        err_set(
            ei, ERR_NOT_FOUND, "data-dir",
            "%s is missing: a new one would not be the one that devices and clients trust, so none is made",
            path);
        err_remedy(ei,
                   "Bring it back from a backup; for a new server run outbandd init --data-dir with an empty "
                   "directory");
    }
    return r;
}

/* The name that the leaf was made for: its CN. */
static void leaf_name(const struct pki_facts *leaf, char *out, size_t cap) {
    const char *cn = strstr(leaf->subject, "CN=");
    const char *from = cn ? cn + 3 : leaf->subject;
    snprintf(out, cap, "%.*s", (int)strcspn(from, ",/"), from);
    char *start = out + strspn(out, " ");
    memmove(out, start, strlen(start) + 1);
}

static bool leaf_is_due(const struct pki_facts *leaf, const char *hostname, struct wall now) {
    char name[128];
    leaf_name(leaf, name, sizeof name);
    int64_t left_ms = (leaf->not_after.us - now.us) / 1000;
    return left_ms < (int64_t)DATADIR_RENEW_DAYS * 86400 * 1000 ||
           (hostname[0] && strcmp(hostname, name) != 0);
}

static int renew(struct datadir *d, const struct leaf_files *files, struct slice ca_pem,
                 const struct datadir_leaf *leaf, const char *hostname, enum pki_key leaf_key,
                 struct wall now, struct errinfo *ei) {
    struct buf ca_key = {0};
    char name[DATADIR_NAME_CAP];
    leaf_name(&leaf->facts, name, sizeof name);
    int r = read_part(d->dir, files->ca_key, &ca_key, ei);
    if (r == 0)
        r = make_leaf(d->dir, files, ca_pem, buf_slice(&ca_key), hostname[0] ? hostname : name, leaf_key, now,
                      true, ei);
    buf_wipe(&ca_key);
    if (r == 0)
        log_info("tls", "the certificate %s was renewed for %s", files->cert, hostname[0] ? hostname : name);
    return r;
}

static void leaf_free(struct datadir_leaf *l) {
    buf_free(&l->chain_pem);
    buf_wipe(&l->key_pem);
}

static int read_leaf(const char *dir, const struct leaf_files *files, struct datadir_leaf *out,
                     struct errinfo *ei) {
    struct datadir_leaf l = {0};
    int r = read_part(dir, files->cert, &l.chain_pem, ei);
    if (r == 0)
        r = read_part(dir, files->key, &l.key_pem, ei);
    if (r == 0)
        r = pki_read(buf_slice(&l.chain_pem), &l.facts, ei);
    if (r < 0) {
        leaf_free(&l);
        return r;
    }
    leaf_free(out);
    *out = l;
    return 0;
}

/* Read it; renew it when it is due. */
static int fresh_leaf(struct datadir *d, const struct leaf_files *files, struct slice ca_pem,
                      struct datadir_leaf *leaf, const char *hostname, enum pki_key leaf_key, struct wall now,
                      struct errinfo *ei) {
    int r = read_leaf(d->dir, files, leaf, ei);
    if (r == 0 && leaf_is_due(&leaf->facts, hostname, now) &&
        (r = renew(d, files, ca_pem, leaf, hostname, leaf_key, now, ei)) == 0)
        r = read_leaf(d->dir, files, leaf, ei);
    return r;
}

int datadir_reload(struct datadir *d, const char *hostname, enum pki_key leaf_key, struct wall now,
                   struct errinfo *ei) {
    int r = fresh_leaf(d, &https_files, buf_slice(&d->ca_pem), &d->leaf, hostname, leaf_key, now, ei);
    /* the name that nodes were told once stays */
    if (r == 0 && d->cira_ca_pem.len)
        r = fresh_leaf(d, &cira_files, buf_slice(&d->cira_ca_pem), &d->cira, "", leaf_key, now, ei);
    return r;
}

/* --- the authority of another MPS --- */

static int read_cira_ca(struct datadir *d, const char *dir, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    return access(path_of(dir, DATADIR_CIRA_CERT, path), F_OK) == 0
               ? read_part(dir, DATADIR_CIRA_CERT, &d->cira_ca_pem, ei)
               : 0;
}

static int check_cira_ca(const char *dir, struct slice cert, struct slice key, struct wall now,
                         struct errinfo *ei) {
    char path[DATADIR_PATH_CAP], until[WALL_TEXT_CAP];
    struct pki_facts f;
    if (access(path_of(dir, DATADIR_MASTER_KEY, path), F_OK) != 0) {
        err_set(ei, ERR_NOT_FOUND, "data-dir", "%s is no data directory: it has no " DATADIR_MASTER_KEY, dir);
        err_remedy(ei, "Make one first: outbandd init");
        return ERR_NOT_FOUND;
    }
    if (access(path_of(dir, DATADIR_CIRA_CERT, path), F_OK) == 0)
        return err_set(ei, ERR_EXISTS, "cert", "%s exists already: nodes trust it, so it is not replaced",
                       path);
    if (memmem(key.p, key.n, "ENCRYPTED", strlen("ENCRYPTED"))) {
        err_set(ei, ERR_INVALID, "key", "the private key is encrypted");
        err_remedy(ei, "Decrypt it first: openssl pkey -in KEY -out PLAIN, and delete PLAIN afterwards.");
        return ERR_INVALID;
    }
    int r = pki_read(cert, &f, ei);
    if (r == 0 && !f.is_ca)
        r = err_set(ei, ERR_INVALID, "cert", "the certificate %s is no authority (CA:TRUE): it signs nothing",
                    f.subject);
    if (r == 0 && f.not_after.us < now.us)
        r = err_set(ei, ERR_INVALID, "cert", "the certificate %s ended on %s: nodes would refuse it",
                    f.subject, wall_rfc3339(f.not_after, until));
    return r;
}

int datadir_import_cira_ca(const char *dir, struct slice cert, struct slice key, const char *name,
                           enum pki_key leaf_key, struct wall now, struct errinfo *ei) {
    static const char *const parts[] = {DATADIR_CIRA_CERT, DATADIR_CIRA_KEY, DATADIR_CIRA_LEAF,
                                        DATADIR_CIRA_LEAFK};
    char path[DATADIR_PATH_CAP];
    int r = check_cira_ca(dir, cert, key, now, ei);
    if (r < 0)
        return r;
    /* the leaf first: it fails when the key is not the certificate's */
    r = make_leaf(dir, &cira_files, cert, key, name, leaf_key, now, true, ei);
    if (r == 0)
        r = write_file(dir, DATADIR_CIRA_KEY, key, 0600, true, ei);
    if (r == 0)
        r = write_file(dir, DATADIR_CIRA_CERT, cert, 0644, true, ei);
    for (size_t i = 0; r < 0 && i < sizeof parts / sizeof *parts; i++)
        unlink(path_of(dir, parts[i], path));
    return r;
}

const struct datadir_leaf *datadir_cira_leaf(const struct datadir *d) {
    return d->cira_ca_pem.len ? &d->cira : &d->leaf;
}
struct slice datadir_cira_root(const struct datadir *d) {
    return buf_slice(d->cira_ca_pem.len ? &d->cira_ca_pem : &d->ca_pem);
}

/* Both files or none: half of them is a mistake, none is a directory of before the agents. */
static int read_agent_ca(struct datadir *d, const char *dir, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    bool cert = access(path_of(dir, DATADIR_AGENT_CERT, path), F_OK) == 0;
    bool key = access(path_of(dir, DATADIR_AGENT_KEY, path), F_OK) == 0;
    if (!cert && !key)
        return 0;
    int r = read_part(dir, DATADIR_AGENT_CERT, &d->agent_ca_pem, ei);
    return r < 0 ? r : read_part(dir, DATADIR_AGENT_KEY, &d->agent_key_pem, ei);
}

int datadir_open(struct datadir *d, const char *dir, const char *hostname, enum pki_key leaf_key,
                 struct wall now, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    *d = (struct datadir){0};
    if (snprintf(d->dir, sizeof d->dir, "%s", dir) >= (int)sizeof d->dir - 64)
        return err_set(ei, ERR_INVALID, "data-dir", "the path of the data directory is too long");
    int r = seal_key_load(path_of(dir, DATADIR_MASTER_KEY, path), &d->seal, ei);
    if (r == 0)
        r = read_part(dir, DATADIR_CA_CERT, &d->ca_pem, ei);
    if (r == 0)
        r = read_agent_ca(d, dir, ei);
    if (r == 0)
        r = read_cira_ca(d, dir, ei);
    if (r == 0)
        r = datadir_reload(d, hostname, leaf_key, now, ei);
    if (r < 0)
        datadir_close(d);
    return r;
}

void datadir_server_name(const struct datadir *d, char out[DATADIR_NAME_CAP]) {
    leaf_name(&d->leaf.facts, out, DATADIR_NAME_CAP);
}
void datadir_cira_name(const struct datadir *d, char out[DATADIR_NAME_CAP]) {
    leaf_name(&datadir_cira_leaf(d)->facts, out, DATADIR_NAME_CAP);
}

void datadir_close(struct datadir *d) {
    seal_key_free(&d->seal);
    buf_free(&d->ca_pem);
    leaf_free(&d->leaf);
    leaf_free(&d->cira);
    buf_free(&d->cira_ca_pem);
    buf_free(&d->agent_ca_pem);
    buf_wipe(&d->agent_key_pem);
}
