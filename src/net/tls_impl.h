/* SPDX-License-Identifier: Apache-2.0 */
/* tls_impl: what tls.c and tls_ctx.c share. Only they include it. */
#pragma once

#include "base/ossl.h"
#include "net/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_lib {
    atomic_uint refs;
    OSSL_LIB_CTX *ossl;
    BIO_METHOD *bio; /* moves bytes between a session and its struct tls */
};
struct tls_ctx {
    atomic_uint refs;
    struct tls_lib *lib;
    SSL_CTX *ssl;
    STACK_OF(X509) * seen; /* of tls_share_peers(); NULL: every session has its own */
};

struct tls {
    SSL *ssl;
    struct tls_ctx *ctx;
    struct slice in; /* ciphertext not read yet: the caller's, or with in_is_kept the end of kept */
    bool in_is_kept;
    struct buf kept; /* input that must outlive the caller's buffer */
    struct buf out;
    char *error;
    bool server, started, ready, closed, failed;
    bool feeding; /* in tls_input*(): tls_free() waits for its end */
    bool freed;
};

/* The BIO of all sessions of a library context. NULL when out of memory. */
BIO_METHOD *tls_bio_method(void);
/* OpenSSL's queue as a sentence for people; empties the queue. ssl may be NULL. */
void tls_explain(const SSL *ssl, char *out, size_t cap);
