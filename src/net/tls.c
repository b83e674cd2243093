/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_impl.h"

#include "base/text.h"
#include "net/address.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    RECORD_BYTES = 16384, /* RFC 5246 6.2.1: most plain bytes of a record */
    ERROR_CAP = 320,
};

/* --- the BIO: reads what the caller lent, writes to the output --- */

static int bio_read(BIO *b, char *dst, int n) {
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!t->in.n) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t k = (size_t)n < t->in.n ? (size_t)n : t->in.n;
    memcpy(dst, t->in.p, k);
    t->in = slice_skip(t->in, k);
    return (int)k;
}

static int bio_write(BIO *b, const char *src, int n) {
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    return buf_put(&t->out, slice_of(src, (size_t)n)) < 0 ? -1 : n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr) {
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *tls_bio_method(void) {
    /* the type number only has to differ from those that libssl looks for */
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 100, "session");
    if (!m)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

/* --- life --- */

static bool set_verify_name(SSL *ssl, const char *name) {
    X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
    if (address_is_ip(name))
        return X509_VERIFY_PARAM_set1_ip_asc(p, name) == 1;
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(p, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls *tls_new(struct tls_ctx *c, bool server, const char *verify_name) {
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->ctx = tls_ctx_ref(c);
    t->server = server;
    t->ssl = SSL_new(c->ssl);
    BIO *b = t->ssl ? BIO_new_ex(c->lib->ossl, c->lib->bio) : NULL;
    if (!b || (verify_name && !set_verify_name(t->ssl, verify_name))) {
        BIO_free(b);
        tls_free(&t);
        return NULL;
    }
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    SSL_set_bio(t->ssl, b, b);
    if (server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return t;
}

void tls_free(struct tls **tp) {
    struct tls *t = *tp;
    *tp = NULL;
    if (!t)
        return;
    if (t->feeding) {
        t->freed =
            true; /* a callback of tls_input_cb() ended the session: it goes when the input call returns */
        return;
    }
    SSL_free(t->ssl);
    tls_ctx_unref(&t->ctx);
    buf_free(&t->kept);
    buf_free(&t->out);
    free(t->error);
    free(t);
}

/* --- errors --- */

static int fail(struct tls *t, const char *text) {
    char sentence[ERROR_CAP];
    if (!text) {
        tls_explain(t->ssl, sentence, sizeof sentence);
        text = sentence;
    }
    t->failed = true;
    if (!t->error)
        t->error = strdup(text);
    return ERR_TLS;
}

/* What a call of libssl that returned r <= 0 means: 0 more input is needed, ERR_CLOSED, ERR_TLS. */
static int outcome(struct tls *t, int r) {
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        t->closed = true;
        return ERR_CLOSED;
    default:
        return fail(t, t->out.failed ? "out of memory" : NULL);
    }
}

/* --- input --- */

static void lend(struct tls *t, struct slice cipher) {
    t->in_is_kept = t->kept.len > 0;
    if (t->in_is_kept && buf_put(&t->kept, cipher) < 0)
        t->failed = true;
    t->in = t->in_is_kept ? buf_slice(&t->kept) : cipher;
}

int tls_keep(struct tls *t, struct slice more) {
    int r = 0;
    if (t->in_is_kept)
        buf_consume(&t->kept, t->kept.len - t->in.n);
    else
        r = buf_put(&t->kept, t->in);
    if (r == 0)
        r = buf_put(&t->kept, more);
    t->in = SLICE_EMPTY;
    t->in_is_kept = false;
    return r;
}

bool tls_kept(const struct tls *t) {
    return t->kept.len || SSL_pending(t->ssl) > 0;
}

void tls_discard(struct tls *t) {
    t->in = SLICE_EMPTY;
    t->in_is_kept = false;
    buf_free(&t->kept);
}

/* 1 when the handshake is done, 0 when it needs more input, ERR_TLS. */
static int handshake(struct tls *t) {
    t->started = true;
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r != 1)
        return outcome(t, r);
    t->ready = true;
    return 1;
}

int tls_feed(struct tls *t, struct slice cipher, bool (*fn)(void *ctx, struct slice plain), void *ctx) {
    if (t->failed)
        return ERR_TLS;
    if (t->closed)
        return ERR_CLOSED;
    lend(t, cipher);
    if (t->failed)
        return fail(t, "out of memory");
    int r;
    if (!t->ready) {
        r = handshake(t);
        if (r == 1 && !fn(ctx, SLICE_EMPTY))
            return 1;
        if (r != 1)
            goto used;
    }
    for (;;) {
        uint8_t plain[RECORD_BYTES]; /* on the stack: sessions nest (TLS in a tunnel that is TLS itself) */
        ERR_clear_error();
        int n = SSL_read(t->ssl, plain, sizeof plain);
        if (n <= 0) {
            r = outcome(t, n);
            break;
        }
        if (!fn(ctx, slice_of(plain, (size_t)n)))
            return 1;
    }
used:
    tls_discard(t); /* all of it went in, or the session is over */
    return r;
}

struct sink {
    void (*fn)(void *ctx, struct slice plain);
    void *ctx;
    struct tls *t;
};

static bool sink_put(void *ctx, struct slice plain) {
    struct sink *k = ctx;
    if (plain.n)
        k->fn(k->ctx, plain);
    return !k->t->freed;
}

int tls_input_cb(struct tls *t, struct slice cipher, void (*fn)(void *ctx, struct slice plain), void *ctx) {
    struct sink k = {fn, ctx, t};
    assert(!t->feeding);
    t->feeding = true;
    int r = tls_feed(t, cipher, sink_put, &k);
    t->feeding = false;
    if (t->freed) {
        tls_free(&t);
        return ERR_CLOSED;
    }
    return r;
}

static void to_buf(void *ctx, struct slice plain) {
    if (ctx)
        buf_put(ctx, plain);
}

int tls_input(struct tls *t, struct slice cipher, struct buf *plain) {
    int r = tls_input_cb(t, cipher, to_buf, plain);
    return r == 0 && plain && plain->failed ? ERR_NOMEM : r;
}

/* --- output --- */

int tls_start(struct tls *t) {
    if (t->server || t->started)
        return 0;
    int r = handshake(t);
    return r < 0 ? r : 0;
}

bool tls_ready(const struct tls *t) {
    return t->ready;
}

int tls_write(struct tls *t, struct slice plain) {
    if (!t->ready)
        return ERR_STATE;
    if (t->failed)
        return ERR_TLS;
    /* once, instead of a growing copy for each record: at most 64 bytes more a record (RFC 5246 6.2.3) */
    if (plain.n > RECORD_BYTES && !buf_room(&t->out, plain.n + (plain.n / RECORD_BYTES + 1) * 64))
        return ERR_NOMEM;
    while (plain.n) {
        int n = plain.n > INT32_MAX ? INT32_MAX : (int)plain.n;
        ERR_clear_error();
        int r = SSL_write(t->ssl, plain.p, n);
        if (r <= 0)
            return t->out.failed ? ERR_NOMEM : fail(t, NULL);
        plain = slice_skip(plain, (size_t)r);
    }
    return 0;
}

void tls_close(struct tls *t) {
    if (!t->ready || t->failed)
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct buf *tls_output(const struct tls *t) {
    return (struct buf *)(uintptr_t)&t->out;
}

/* --- facts --- */

const char *tls_error(const struct tls *t) {
    return t->error ? t->error : "";
}

const char *tls_version(const struct tls *t) {
    return t->ready ? SSL_get_version(t->ssl) : "";
}

const char *tls_cipher(const struct tls *t) {
    return t->ready ? SSL_get_cipher_name(t->ssl) : "";
}

bool tls_peer_fingerprint(const struct tls *t, uint8_t out[32]) {
    X509 *x = SSL_get1_peer_certificate(t->ssl);
    unsigned n = 0;
    bool ok = x && X509_digest(x, EVP_sha256(), out, &n) == 1 && n == 32;
    X509_free(x);
    return ok;
}

int tls_peer_identity(const struct tls *t, struct tls_identity *out) {
    *out = (struct tls_identity){0};
    X509 *x = SSL_get1_peer_certificate(t->ssl);
    if (!x)
        return 0;
    long verdict = SSL_get_verify_result(t->ssl);
    unsigned n = 0;
    char name[sizeof out->name];
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, (int)sizeof name);
    struct tm tm = {0};
    bool dated = ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1;
    if (dated)
        out->until = wall_of_utc(&tm);
    if (verdict != X509_V_OK)
        snprintf(out->why, sizeof out->why, "%s", X509_verify_cert_error_string(verdict));
    else if (len <= 0 || X509_digest(x, EVP_sha256(), out->sha256, &n) != 1 || !dated)
        snprintf(out->why, sizeof out->why, "it names nobody");
    else
        text_clean(out->name, sizeof out->name, slice_of(name, (size_t)len));
    X509_free(x);
    ERR_clear_error();
    return out->why[0] ? ERR_AUTH : 1;
}

void tls_bulk(struct tls *t) {
    /* the caller reads 64 KiB at a time anyway; what is left to save is taking and giving back record buffers
     */
    SSL_clear_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
}
