/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_impl.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

/* --- errors in people's words --- */

/* An alert from the peer, or a failure of ours -> what it means. */
static const struct {
    int reason;
    const char *text;
} sentences[] = {
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the peer does not trust our certificate (alert unknown ca)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refused our certificate (alert bad certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "the peer says that our certificate has expired; is its clock right? "
     "(alert certificate expired)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
     "the peer says that our certificate is revoked (alert certificate revoked)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refused our certificate (alert certificate unknown)"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "the peer cannot use our kind of certificate (alert unsupported certificate)"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer found no common cipher or curve (alert handshake failure)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer refused our TLS versions (alert protocol version)"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY,
     "the peer wants stronger ciphers (alert insufficient security)"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "the peer had an internal error (alert internal error)"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "the peer could not verify the handshake (alert decrypt error)"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "the peer denied access (alert access denied)"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "the peer does not serve this name (alert unrecognized name)"},
    {SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE, "the peer did not expect our message (alert unexpected message)"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer offers only TLS versions that are too old here"},
    {SSL_R_NO_SHARED_CIPHER, "the peer offers no cipher that is allowed here"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "the peer offers no curve that is allowed here"},
    {SSL_R_NO_SHARED_GROUPS, "the peer offers no curve that is allowed here"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS on this port"},
    {SSL_R_HTTP_REQUEST, "the peer speaks plain HTTP on a TLS port"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer takes this TLS port for a plain HTTP proxy"},
    {SSL_R_BAD_RECORD_TYPE, "the peer does not speak TLS on this port"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged on the way (bad MAC)"},
    {SSL_R_NO_RENEGOTIATION, "the peer asked for renegotiation, which is not allowed"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "the peer's TLS lacks secure renegotiation (RFC 5746)"},
    {SSL_R_DH_KEY_TOO_SMALL, "the peer's Diffie-Hellman key is too small"},
    {SSL_R_EE_KEY_TOO_SMALL, "the certificate's key is too small"},
    {SSL_R_CA_MD_TOO_WEAK, "the certificate is signed with a digest that is too weak"},
};

void tls_explain(const SSL *ssl, char *out, size_t cap) {
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);
    ERR_clear_error();
    if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
        if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && ssl) {
            snprintf(out, cap, "the peer's certificate is not acceptable: %s",
                     X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
            return;
        }
        for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
            if (sentences[i].reason == reason) {
                snprintf(out, cap, "%s", sentences[i].text);
                return;
            }
        }
    }
    const char *text = e ? ERR_reason_error_string(e) : NULL;
    snprintf(out, cap, "TLS failed: %s", text ? text : "no reason given by the library");
}

/* --- library contexts --- */

struct tls_lib *tls_lib_new(void) {
    struct tls_lib *lib = calloc(1, sizeof *lib);
    if (!lib)
        return NULL;
    atomic_init(&lib->refs, 1);
    lib->ossl = OSSL_LIB_CTX_new();
    lib->bio = tls_bio_method();
    if (!lib->ossl || !lib->bio)
        tls_lib_unref(&lib);
    return lib;
}

static struct tls_lib *lib_ref(struct tls_lib *lib) {
    atomic_fetch_add(&lib->refs, 1);
    return lib;
}

void tls_lib_unref(struct tls_lib **libp) {
    struct tls_lib *lib = *libp;
    *libp = NULL;
    if (!lib || atomic_fetch_sub(&lib->refs, 1) != 1)
        return;
    BIO_meth_free(lib->bio);
    OSSL_LIB_CTX_free(lib->ossl);
    free(lib);
}

/* --- contexts --- */

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c) {
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void tls_ctx_unref(struct tls_ctx **cp) {
    struct tls_ctx *c = *cp;
    *cp = NULL;
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    SSL_CTX_free(c->ssl);
    sk_X509_pop_free(c->seen, X509_free);
    tls_lib_unref(&c->lib);
    free(c);
}

struct policy {
    int min_version, max_version; /* 0: none */
    const char *ciphers;
    uint64_t extra_options;
};
static const struct policy policies[] = {
    /* a library context of our own does not read openssl.cnf, so Debian's level is said here */
    [TLS_MODERN] = {TLS1_2_VERSION, 0, "DEFAULT:@SECLEVEL=2", 0},
    [TLS_ONLY_12] = {TLS1_2_VERSION, TLS1_2_VERSION, "DEFAULT:@SECLEVEL=2", 0},
    [TLS_LEGACY] = {TLS1_VERSION, 0, "DEFAULT:@SECLEVEL=0", SSL_OP_LEGACY_SERVER_CONNECT},
};

static bool apply(SSL_CTX *s, const struct policy *p) {
    SSL_CTX_set_options(s, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | p->extra_options);
    SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(s, 0);
    return SSL_CTX_set_min_proto_version(s, p->min_version) == 1 &&
           SSL_CTX_set_max_proto_version(s, p->max_version) == 1 &&
           SSL_CTX_set_cipher_list(s, p->ciphers) == 1 &&
           SSL_CTX_set1_groups_list(s, "X25519:P-256:P-384") == 1; /* P-384 costs four times as much */
}

static struct tls_ctx *ctx_new(struct tls_lib *lib, const SSL_METHOD *method, enum tls_policy policy,
                               struct errinfo *ei) {
    struct tls_ctx *c = calloc(1, sizeof *c);
    if (c && lib) {
        ERR_clear_error();
        atomic_init(&c->refs, 1);
        c->lib = lib_ref(lib);
        c->ssl = SSL_CTX_new_ex(lib->ossl, NULL, method);
        if (c->ssl && apply(c->ssl, &policies[policy]))
            return c;
        tls_ctx_unref(&c);
    }
    free(c);
    ERR_clear_error();
    err_set(ei, ERR_NOMEM, "", "out of memory for a TLS context");
    return NULL;
}

static int refuse(struct errinfo *ei, const char *field, const char *what) {
    char why[200];
    tls_explain(NULL, why, sizeof why);
    return err_set(ei, ERR_CRYPTO, field, "%s (%s)", what, why);
}

/* The next certificate of a PEM text, NULL at its end. */
static X509 *next_cert(struct tls_lib *lib, BIO *pem) {
    X509 *x = X509_new_ex(lib->ossl, NULL);
    if (x && PEM_read_bio_X509(pem, &x, NULL, NULL))
        return x;
    X509_free(x);
    return NULL;
}

static BIO *pem_of(struct slice text) {
    return BIO_new_mem_buf(text.n ? (const void *)text.p : "", (int)text.n);
}

static int load_chain(struct tls_ctx *c, struct slice pem, struct errinfo *ei) {
    BIO *b = pem_of(pem);
    X509 *leaf = b ? next_cert(c->lib, b) : NULL;
    int r = leaf && SSL_CTX_use_certificate(c->ssl, leaf) == 1
                ? 0
                : refuse(ei, "certificate", "the certificate cannot be read or used");
    X509_free(leaf);
    for (X509 *x; r == 0 && (x = next_cert(c->lib, b));) {
        if (SSL_CTX_add0_chain_cert(c->ssl, x) != 1) {
            X509_free(x);
            r = refuse(ei, "certificate", "the certificate chain cannot be used");
        }
    }
    BIO_free(b);
    ERR_clear_error(); /* the end of the text shows as an error */
    return r;
}

static int load_key(struct tls_ctx *c, struct slice pem, struct errinfo *ei) {
    BIO *b = pem_of(pem);
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, c->lib->ossl, NULL) : NULL;
    BIO_free(b);
    int r = 0;
    if (!k || SSL_CTX_use_PrivateKey(c->ssl, k) != 1)
        r = refuse(ei, "key", "the private key cannot be read or does not belong to the certificate");
    EVP_PKEY_free(k);
    return r;
}

struct tls_ctx *tls_server_ctx_in(struct tls_lib *lib, struct slice chain_pem, struct slice key_pem,
                                  enum tls_policy policy, struct errinfo *ei) {
    struct tls_ctx *c = ctx_new(lib, TLS_server_method(), policy, ei);
    if (c && (load_chain(c, chain_pem, ei) < 0 || load_key(c, key_pem, ei) < 0))
        tls_ctx_unref(&c);
    return c;
}

struct tls_ctx *tls_server_ctx(struct slice chain_pem, struct slice key_pem, enum tls_policy policy,
                               struct errinfo *ei) {
    struct tls_lib *lib = tls_lib_new();
    struct tls_ctx *c = tls_server_ctx_in(lib, chain_pem, key_pem, policy, ei);
    tls_lib_unref(&lib);
    return c;
}

static int load_roots(struct tls_ctx *c, struct slice pem, struct errinfo *ei) {
    BIO *b = pem_of(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
    int n = 0;
    for (X509 *x; b && (x = next_cert(c->lib, b)); n++) {
        X509_STORE_add_cert(store, x);
        X509_free(x);
    }
    BIO_free(b);
    if (n == 0)
        return refuse(ei, "ca", "no certificate authority can be read");
    ERR_clear_error();
    return 0;
}

struct tls_ctx *tls_client_ctx_in(struct tls_lib *lib, struct slice ca_pem, bool use_system,
                                  enum tls_policy policy, struct errinfo *ei) {
    struct tls_ctx *c = ctx_new(lib, TLS_client_method(), policy, ei);
    if (!c)
        return NULL;
    int r = 0;
    if (ca_pem.n)
        r = load_roots(c, ca_pem, ei);
    else if (use_system && SSL_CTX_set_default_verify_paths(c->ssl) != 1)
        r = refuse(ei, "ca", "the system's certificate authorities cannot be read");
    SSL_CTX_set_verify(c->ssl, ca_pem.n || use_system ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (r < 0)
        tls_ctx_unref(&c);
    return c;
}

struct tls_ctx *tls_client_ctx(struct slice ca_pem, bool use_system, enum tls_policy policy,
                               struct errinfo *ei) {
    struct tls_lib *lib = tls_lib_new();
    struct tls_ctx *c = tls_client_ctx_in(lib, ca_pem, use_system, policy, ei);
    tls_lib_unref(&lib);
    return c;
}

/* --- clients with certificates --- */

/* The handshake goes on whatever is shown: who shows a bad certificate is told so by an answer, which says
 * more than an alert. The result stays with the session for tls_peer_identity(). */
static int accept_any(int ok, X509_STORE_CTX *x) {
    (void)ok;
    (void)x;
    return 1;
}

int tls_ask_client(struct tls_ctx *c, struct slice ca_pem, struct errinfo *ei) {
    static const unsigned char id[] = "outband";
    BIO *b = pem_of(ca_pem);
    X509 *x = b ? next_cert(c->lib, b) : NULL;
    BIO_free(b);
    int r = x && X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ssl), x) == 1 &&
                    SSL_CTX_add_client_CA(c->ssl, x) == 1 &&
                    SSL_CTX_set_session_id_context(c->ssl, id, sizeof id - 1) == 1
                ? 0
                : refuse(ei, "ca", "the certificate authority of the agents cannot be read");
    X509_free(x);
    if (r == 0) {
        SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, accept_any);
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ssl), X509_V_FLAG_NO_CHECK_TIME);
    }
    return r;
}

int tls_show_client(struct tls_ctx *c, struct slice cert_pem, struct slice key_pem, struct errinfo *ei) {
    int r = load_chain(c, cert_pem, ei);
    return r < 0 ? r : load_key(c, key_pem, ei);
}

/* --- peers' certificates, kept once --- */

enum { SEEN_MAX = 16 }; /* stops a peer that shows another one each time */

/* The certificate seen before that equals x; x itself when it is new. */
static X509 *first_seen(struct tls_ctx *c, X509 *x) {
    for (int i = 0; i < sk_X509_num(c->seen); i++)
        if (X509_cmp(sk_X509_value(c->seen, i), x) == 0)
            return sk_X509_value(c->seen, i);
    if (sk_X509_num(c->seen) < SEEN_MAX && X509_up_ref(x) == 1 && sk_X509_push(c->seen, x) == 0)
        X509_free(x);
    return x;
}

static void share(struct tls_ctx *c, STACK_OF(X509) * chain) {
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *own = sk_X509_value(chain, i), *kept = first_seen(c, own);
        if (kept == own || X509_up_ref(kept) != 1)
            continue;
        sk_X509_set(chain, i, kept);
        X509_free(own);
    }
}

/* What the session will keep are these two stacks. */
static int verify_and_share(X509_STORE_CTX *x, void *arg) {
    int ok = X509_verify_cert(x);
    share(arg, X509_STORE_CTX_get0_chain(x));
    share(arg, X509_STORE_CTX_get0_untrusted(x));
    return ok;
}

int tls_share_peers(struct tls_ctx *c) {
    if (!c->seen && !(c->seen = sk_X509_new_null()))
        return ERR_NOMEM;
    SSL_CTX_set_cert_verify_callback(c->ssl, verify_and_share, c);
    return 0;
}
