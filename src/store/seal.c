/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include "base/ossl.h"
#include "base/rd.h"
#include "base/text.h"
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16, HEAD_BYTES = 1 + 4 + NONCE_BYTES };
#define KEY_PREFIX "outband-master-key-1:"
enum { KEY_LINE = sizeof KEY_PREFIX - 1 + 2 * KEY_BYTES };

/* On pages of its own that stay out of core dumps and swap. */
struct seal_key {
    uint8_t key[KEY_BYTES];
    uint32_t id;
};

/* --- key files --- */
static int io_error(struct errinfo *ei, const char *what, const char *path) {
    return err_set(ei, errno == EEXIST ? ERR_EXISTS : ERR_IO, "", "could not %s the master key %s: %s", what,
                   path, strerror(errno));
}

static int write_key(const char *path, struct errinfo *ei) {
    uint8_t key[KEY_BYTES];
    char line[KEY_LINE + 2];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(ei, "make", path);
    int err = 0;
    if (RAND_priv_bytes(key, sizeof key) != 1)
        err = err_set(ei, ERR_CRYPTO, "", "there are no random bytes for a master key");
    memcpy(line, KEY_PREFIX, sizeof KEY_PREFIX - 1);
    text_hex(slice_of(key, sizeof key), line + sizeof KEY_PREFIX - 1);
    line[KEY_LINE] = '\n';
    if (!err && (write(fd, line, KEY_LINE + 1) != KEY_LINE + 1 || fsync(fd)))
        err = io_error(ei, "write", path);
    close(fd);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(line, sizeof line);
    return err;
}

int seal_key_create(const char *path, struct errinfo *ei) {
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(ei, ERR_LIMIT, "", "the path of the master key is too long");
    unlink(part); /* of an attempt that was cut short */
    int err = write_key(part, ei);
    if (!err && link(part, path)) /* link, because rename would replace a key that is in use */
        err = io_error(ei, "make", path);
    unlink(part);
    if (!err)
        file_sync_dir_of(path);
    return err;
}

static int key_text(const char *path, char line[KEY_LINE + 2], struct errinfo *ei) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        err_set(ei, ERR_NOT_FOUND, "",
                "the master key %s is not there; a lost key cannot be made anew, for the secrets "
                "in the database can be read with it only",
                path);
        err_remedy(ei, "put the key file back from your copy, or begin again with `outbandd init` in a new "
                       "data directory");
        return ERR_NOT_FOUND;
    }
    if (fd < 0)
        return io_error(ei, "open", path);
    int err = fstat(fd, &st) ? io_error(ei, "read", path) : 0;
    if (!err && (st.st_mode & (S_IRWXG | S_IRWXO))) {
        err = err_set(ei, ERR_DENIED, "", "the master key %s may be read by others (mode %04o)", path,
                      (unsigned)st.st_mode & 07777);
        err_remedy(ei, "chmod 600 %s", path);
    }
    memset(line, 0, KEY_LINE + 2);
    if (!err && read(fd, line, KEY_LINE + 1) < 0)
        err = io_error(ei, "read", path);
    close(fd);
    return err;
}

static struct seal_key *key_alloc(void) {
    void *p = mmap(NULL, sizeof(struct seal_key), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    /* both are precautions: where they are not allowed, the key still works */
    (void)madvise(p, sizeof(struct seal_key), MADV_DONTDUMP);
    (void)mlock(p, sizeof(struct seal_key));
    return p;
}

static int key_id(struct seal_key *k) {
    static const char label[] = "outband master key id";
    uint8_t in[sizeof label + KEY_BYTES], hash[EVP_MAX_MD_SIZE];
    memcpy(in, label, sizeof label);
    memcpy(in + sizeof label, k->key, KEY_BYTES);
    int ok = EVP_Digest(in, sizeof in, hash, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(in, sizeof in);
    struct rd r = rd_of(slice_of(hash, 4));
    k->id = rd_be32(&r);
    return ok == 1 ? 0 : ERR_CRYPTO;
}

int seal_key_load(const char *path, struct seal_key **out, struct errinfo *ei) {
    char line[KEY_LINE + 2];
    *out = NULL;
    int err = key_text(path, line, ei);
    if (err)
        return err;
    struct seal_key *k = key_alloc();
    struct slice text = slice_trim(slice_str(line));
    if (!k)
        err = err_set(ei, ERR_NOMEM, "", "out of memory");
    else if (text.n != KEY_LINE || memcmp(text.p, KEY_PREFIX, sizeof KEY_PREFIX - 1) != 0 ||
             !text_unhex(slice_skip(text, sizeof KEY_PREFIX - 1), k->key, KEY_BYTES))
        err = err_set(ei, ERR_SYNTAX, "", "%s is not a master key of outbandd", path);
    else if (key_id(k))
        err = err_set(ei, ERR_CRYPTO, "", "SHA-256 is not available");
    OPENSSL_cleanse(line, sizeof line);
    if (err)
        seal_key_free(&k);
    *out = k;
    return err;
}

void seal_key_free(struct seal_key **k) {
    if (!*k)
        return;
    OPENSSL_cleanse(*k, sizeof **k);
    munmap(*k, sizeof **k);
    *k = NULL;
}

uint32_t seal_key_id(const struct seal_key *k) {
    return k->id;
}

/* --- AES-256-GCM. The version and key id are authenticated with the context. --- */
static bool put_aad(EVP_CIPHER_CTX *c, const uint8_t *head, const char *context, bool encrypt) {
    int n;
    int (*update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int) =
        encrypt ? EVP_EncryptUpdate : EVP_DecryptUpdate;
    return update(c, NULL, &n, head, 1 + 4) == 1 &&
           update(c, NULL, &n, (const unsigned char *)context, (int)strlen(context)) == 1;
}

/* out holds secret.n + SEAL_OVERHEAD bytes. */
static int encrypt(const struct seal_key *k, const char *context, struct slice secret, uint8_t *out) {
    struct wr w = wr_of(out, HEAD_BYTES);
    uint8_t nonce[NONCE_BYTES];
    int n, last;
    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return ERR_CRYPTO;
    wr_u8(&w, VERSION);
    wr_be32(&w, k->id);
    wr_bytes(&w, slice_of(nonce, sizeof nonce));
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->key, nonce) == 1 &&
              put_aad(c, out, context, true) &&
              EVP_EncryptUpdate(c, out + HEAD_BYTES, &n, secret.p, (int)secret.n) == 1 &&
              EVP_EncryptFinal_ex(c, out + HEAD_BYTES + n, &last) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, out + HEAD_BYTES + secret.n) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok ? 0 : ERR_CRYPTO;
}

/* out holds in.n - SEAL_OVERHEAD bytes. */
static int decrypt(const struct seal_key *k, const char *context, struct slice in, uint8_t *out) {
    struct rd r = rd_of(in);
    uint8_t version = rd_u8(&r), tag[TAG_BYTES];
    uint32_t id = rd_be32(&r);
    struct slice nonce = rd_take(&r, NONCE_BYTES);
    if (r.bad || version != VERSION || id != k->id || rd_left(&r) < TAG_BYTES)
        return ERR_CRYPTO;
    struct slice body = rd_take(&r, rd_left(&r) - TAG_BYTES);
    memcpy(tag, rd_take(&r, TAG_BYTES).p, TAG_BYTES);
    int n, last;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->key, nonce.p) == 1 &&
              put_aad(c, in.p, context, false) && EVP_DecryptUpdate(c, out, &n, body.p, (int)body.n) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
              EVP_DecryptFinal_ex(c, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok ? 0 : ERR_CRYPTO;
}

int seal_put(const struct seal_key *k, const char *context, struct slice secret, struct sealed *out) {
    *out = (struct sealed){0};
    if (secret.n > SEAL_SECRET_MAX)
        return ERR_LIMIT;
    int err = encrypt(k, context, secret, out->b);
    if (!err)
        out->n = (uint8_t)(secret.n + SEAL_OVERHEAD);
    return err;
}

int seal_open(const struct seal_key *k, const char *context, const struct sealed *s, char *out, size_t cap) {
    out[0] = 0;
    if (s->n < SEAL_OVERHEAD || s->n > SEALED_MAX)
        return ERR_CRYPTO;
    size_t n = s->n - (size_t)SEAL_OVERHEAD;
    if (n >= cap)
        return ERR_LIMIT;
    uint8_t plain[SEALED_MAX];
    int err = decrypt(k, context, slice_of(s->b, s->n), plain);
    if (!err && memchr(plain, 0, n))
        err = ERR_CRYPTO;
    if (!err)
        slice_to_str(slice_of(plain, n), out, cap);
    OPENSSL_cleanse(plain, sizeof plain);
    return err;
}

int seal_put_text(const struct seal_key *k, const char *context, struct slice secret, struct buf *out) {
    if (secret.n > SEAL_TEXT_MAX)
        return ERR_LIMIT;
    uint8_t *blob = malloc(secret.n + SEAL_OVERHEAD);
    if (!blob)
        return ERR_NOMEM;
    int err = encrypt(k, context, secret, blob);
    err = err ? err : text_base64url(out, slice_of(blob, secret.n + SEAL_OVERHEAD));
    free(blob);
    return err;
}

int seal_open_text(const struct seal_key *k, const char *context, struct slice text, struct buf *out) {
    if (text.n > (SEAL_TEXT_MAX + SEAL_OVERHEAD) / 3 * 4 + 4)
        return ERR_LIMIT;
    size_t cap = text.n / 4 * 3 + 3;
    uint8_t *blob = malloc(cap);
    if (!blob)
        return ERR_NOMEM;
    int n = text_unbase64(text, blob, cap), err = n < 0 ? ERR_SYNTAX : 0;
    if (!err && n < SEAL_OVERHEAD)
        err = ERR_CRYPTO;
    uint8_t *room = err ? NULL : buf_room(out, (size_t)n);
    if (!err && !room)
        err = ERR_NOMEM;
    err = err ? err : decrypt(k, context, slice_of(blob, (size_t)n), room);
    if (!err)
        buf_commit(out, (size_t)(n - SEAL_OVERHEAD));
    free(blob);
    return err;
}
