/* SPDX-License-Identifier: Apache-2.0 */
/* tls: a TLS session as a byte filter on OpenSSL: ciphertext in, plain bytes out, and back; no descriptor.
 * Streams use it for sockets; the tunnel uses it for TLS inside an APF channel (port 16993).
 * One OSSL_LIB_CTX a tls_ctx family (a loop): what costs most with threads is sharing it.
 * Idle cost: SSL_MODE_RELEASE_BUFFERS, one BIO buffer a thread. Owner: the stream; its thread only. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

struct tls_ctx; /* reference counted; sessions hold a reference, so a swapped context lives on under them */
struct tls_lib; /* an OSSL_LIB_CTX; reference counted, contexts hold a reference */

/* One a loop, so that its contexts share what OpenSSL caches and share it with no other loop. NULL when out
 * of memory. */
struct tls_lib *tls_lib_new(void);
void tls_lib_unref(struct tls_lib **lib);

enum tls_policy {
    TLS_MODERN,  /* TLS 1.2 and 1.3, Debian's default security level */
    TLS_ONLY_12, /* 1.2 alone, which is what AMT speaks through its tunnels; for simulated devices */
    TLS_LEGACY,  /* TLS 1.0 up, SECLEVEL=0: the separate listener for old firmware only */
};
/* Each context makes a tls_lib of its own; the _in forms take one that is there.
 * Server context: certificate chain and key in PEM text. Groups X25519:P-256:P-384, server preference, no
 * tickets, no session cache, no renegotiation. NULL and ei filled. */
struct tls_ctx *tls_server_ctx(struct slice chain_pem, struct slice key_pem, enum tls_policy policy,
                               struct errinfo *ei);
struct tls_ctx *tls_server_ctx_in(struct tls_lib *lib, struct slice chain_pem, struct slice key_pem,
                                  enum tls_policy policy, struct errinfo *ei);
/* Client context. ca_pem: trusted roots; empty and use_system: the system's store; empty and not use_system:
 * no chain check (the caller pins with tls_peer_fingerprint). */
struct tls_ctx *tls_client_ctx(struct slice ca_pem, bool use_system, enum tls_policy policy,
                               struct errinfo *ei);
struct tls_ctx *tls_client_ctx_in(struct tls_lib *lib, struct slice ca_pem, bool use_system,
                                  enum tls_policy policy, struct errinfo *ei);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
void tls_ctx_unref(struct tls_ctx **c);

/* Server: ask clients for a certificate of this authority, and name it alone, so that browsers with other
 * certificates bother nobody. One that shows none, or one that does not hold, is served all the same, without
 * an identity. ERR_CRYPTO. */
NODISCARD int tls_ask_client(struct tls_ctx *c, struct slice ca_pem, struct errinfo *ei);
/* Client: show this certificate to servers that ask. ERR_CRYPTO. */
NODISCARD int tls_show_client(struct tls_ctx *c, struct slice cert_pem, struct slice key_pem,
                              struct errinfo *ei);

/* Certificates that the sessions of a client context are shown again and again are kept once, not nine
 * kilobytes a session. For programs with thousands of sessions to a few servers; the context must then be
 * used by one thread only. ERR_NOMEM. */
NODISCARD int tls_share_peers(struct tls_ctx *c);

struct tls;
/* server: role. verify_name: see connect_opts. NULL when out of memory. */
struct tls *tls_new(struct tls_ctx *c, bool server, const char *verify_name);
void tls_free(struct tls **t);
/* Take ciphertext. Handshake progresses; plain bytes are appended to *plain (may be NULL during the
 * handshake). 0; ERR_CLOSED (close_notify came: clean end); ERR_TLS (tls_error() says why; send the alert in
 * tls_output). */
NODISCARD int tls_input(struct tls *t, struct slice cipher, struct buf *plain);
/* Same, but plain bytes go to a callback without a copy. */
NODISCARD int tls_input_cb(struct tls *t, struct slice cipher, void (*fn)(void *ctx, struct slice plain),
                           void *ctx);
/* The form streams use. fn gets plain bytes, and one empty slice at the moment the handshake is done; when it
 * returns false the session stops at once (it is not even looked at again, so fn may give it to another
 * thread), and 1 is returned: then call tls_keep() before the input goes away, and go on later with an empty
 * slice. */
NODISCARD int tls_feed(struct tls *t, struct slice cipher, bool (*fn)(void *ctx, struct slice plain),
                       void *ctx);
/* Copy input that was not looked at yet, and then `more`, into the session's own memory. 0; ERR_NOMEM. */
NODISCARD int tls_keep(struct tls *t, struct slice more);
/* Does the session hold input back? */
bool tls_kept(const struct tls *t);
/* Forget input that was not looked at. */
void tls_discard(struct tls *t);
/* Start a client handshake (fills the output). */
NODISCARD int tls_start(struct tls *t);
bool tls_ready(const struct tls *t);
/* Encrypt. 0; ERR_STATE before the handshake is done; ERR_TLS. */
NODISCARD int tls_write(struct tls *t, struct slice plain);
/* Queue close_notify. */
void tls_close(struct tls *t);
/* Ciphertext to send; the caller takes it with buf_consume()/buf_free(). */
struct buf *tls_output(const struct tls *t);
const char *tls_error(const struct tls *t);
const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
/* SHA-256 over the peer's certificate (DER). False when it sent none. */
bool tls_peer_fingerprint(const struct tls *t, uint8_t out[32]);
/* Who a client is, by its certificate. */
struct tls_identity {
    char name[64];      /* its common name, cleaned */
    uint8_t sha256[32]; /* of the certificate (DER) */
    struct wall until;  /* it expires then: the caller's to check, by its own clock */
    char why[128];      /* with ERR_AUTH: what is wrong with it */
};
/* Of a server that asked: 1, and out filled; 0: it showed no certificate; ERR_AUTH: it does not hold (another
 * authority's, not for clients). */
NODISCARD int tls_peer_identity(const struct tls *t, struct tls_identity *out);
/* Larger read buffer for a relayed stream. */
void tls_bulk(struct tls *t);
