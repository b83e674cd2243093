/* SPDX-License-Identifier: Apache-2.0 */
#include "server/init.h"

#include "base/ossl.h"
#include "server/auth.h"
#include "server/datadir.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PASSWORD_CHARS = 20, PASSWORD_CAP = 136 };

/* 20 letters and digits without those that look alike: more than 110 bits. */
static int make_password(char out[PASSWORD_CAP], struct errinfo *ei) {
    static const char set[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    uint8_t r[4 * PASSWORD_CHARS];
    size_t n = 0;
    while (n < PASSWORD_CHARS) {
        if (RAND_bytes(r, sizeof r) != 1)
            return err_set(ei, ERR_CRYPTO, "", "the system gives no random bytes");
        for (size_t i = 0; i < sizeof r && n < PASSWORD_CHARS; i++)
            if (r[i] < 256 / (sizeof set - 1) * (sizeof set - 1)) /* no bias towards the first ones */
                out[n++] = set[r[i] % (sizeof set - 1)];
    }
    out[n] = 0;
    explicit_bzero(r, sizeof r);
    return 0;
}

/* The file's first line. */
static int read_password(const char *path, char out[PASSWORD_CAP], struct errinfo *ei) {
    struct buf text = {0};
    int r = datadir_read_file(path, &text, ei);
    struct slice rest = buf_slice(&text), line = slice_cut(&rest, '\n');
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (r == 0 && !slice_to_str(line, out, PASSWORD_CAP))
        r = err_set(ei, ERR_INVALID, "admin-password-file", "the first line of %s is too long for a password",
                    path);
    if (text.mem)
        explicit_bzero(text.mem, text.cap);
    buf_free(&text);
    return r;
}

static enum pki_key leaf_kind(const struct settings *s) {
    static const enum pki_key kinds[] = {
        [LEAF_KEY_RSA_2048] = PKI_RSA_2048, [LEAF_KEY_RSA_3072] = PKI_RSA_3072, [LEAF_KEY_P_256] = PKI_P256};
    return kinds[s->tls_leaf_key];
}

static void remove_database(const char *dir) {
    static const char *const parts[] = {"outband.db", "outband.db-wal", "outband.db-shm"};
    char path[DATADIR_PATH_CAP];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
        unlink(path);
    }
}

static int make_database(const struct settings *s, const char *password, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    struct seal_key *seal = NULL;
    struct store *st = NULL;
    struct store_opts opts;
    settings_store_opts(s, &opts);
    snprintf(path, sizeof path, "%s/" DATADIR_MASTER_KEY, s->data_dir);
    int r = seal_key_load(path, &seal, ei);
    if (r == 0)
        r = store_open(&st, &opts, true, ei);
    if (r == 0)
        r = auth_init(st, seal, "admin", slice_str(password), ei);
    if (r == 0 && store_sync(st) < 0)
        r = err_set(ei, ERR_STORE, "", "the database could not be written");
    bool made = st != NULL;
    store_close(&st);
    seal_key_free(&seal);
    if (r < 0 && made)
        remove_database(s->data_dir);
    return r;
}

int init_agent_ca(const struct settings *s, struct errinfo *ei) {
    struct wall now = {(int64_t)time(NULL) * 1000000};
    int r = datadir_make_agent_ca(s->data_dir, now, ei);
    if (r == 0)
        printf("made the authority of the agents: %s/" DATADIR_AGENT_CERT
               "\nIt is in use when the server is started again.\n",
               s->data_dir);
    return r;
}

static int count_connected(void *ctx, const struct store_host *row) {
    *(unsigned *)ctx += row->link_generation > 0;
    return 0;
}
/* The server must not run, and nobody may depend on the authority that is replaced. */
static int nobody_depends(const struct settings *s, struct errinfo *ei) {
    struct store_opts opts;
    struct store *st = NULL;
    unsigned n = 0;
    settings_store_opts(s, &opts);
    int r = store_open(&st, &opts, false, ei);
    if (r == 0 && (r = store_each_host(st, count_connected, &n)) < 0)
        err_set(ei, r, "data-dir", "the hosts of %s cannot be read", s->data_dir);
    store_close(&st);
    if (r < 0 || n == 0)
        return r;
    err_set(ei, ERR_STATE, "data-dir",
            "%u host(s) of %s have connected before: their firmware trusts this server's own authority and "
            "would not come back",
            n, s->data_dir);
    err_remedy(ei, "Import the other MPS into a new data directory, with a CIRA address of its own.");
    return ERR_STATE;
}

int init_import_ca(const struct settings *s, const char *cert_file, const char *key_file,
                   struct errinfo *ei) {
    struct buf cert = {0}, key = {0};
    struct wall now = {(int64_t)time(NULL) * 1000000};
    int r = datadir_read_file(cert_file, &cert, ei);
    if (r == 0)
        r = datadir_read_file(key_file, &key, ei);
    if (r == 0)
        r = nobody_depends(s, ei);
    if (r == 0)
        r = datadir_import_cira_ca(s->data_dir, buf_slice(&cert), buf_slice(&key), s->tls_hostname,
                                   leaf_kind(s), now, ei);
    if (r == 0)
        printf("imported %s: it signs the CIRA port's certificate when the server is started again.\nNodes "
               "that trust it connect when the name and address they dial lead here.\n",
               cert_file);
    if (key.mem)
        explicit_bzero(key.mem, key.cap);
    buf_free(&key);
    buf_free(&cert);
    return r;
}

int init_run(const struct init_opts *o, struct errinfo *ei) {
    const struct settings *s = o->settings;
    char password[PASSWORD_CAP], hash[160];
    struct wall now = {(int64_t)time(NULL) * 1000000};
    int r = o->admin_password_file ? read_password(o->admin_password_file, password, ei)
                                   : make_password(password, ei);
    if (r == 0)
        r = auth_hash(slice_str(password), hash, ei); /* a refused password refuses before anything is made */
    if (r == 0)
        r = datadir_make(s->data_dir, s->tls_hostname, leaf_kind(s), now, ei);
    if (r == 0 && (r = make_database(s, password, ei)) < 0)
        datadir_unmake(s->data_dir);
    if (r == 0) {
        printf("initialised %s\nroot certificate for clients and devices: %s/" DATADIR_CA_CERT "\n",
               s->data_dir, s->data_dir);
        if (o->admin_password_file)
            printf("user: admin (password from %s)\n", o->admin_password_file);
        else
            printf("user: admin\npassword: %s\nThe password is shown this once and stored nowhere.\n",
                   password);
    }
    explicit_bzero(password, sizeof password);
    explicit_bzero(hash, sizeof hash);
    return r;
}
