/* SPDX-License-Identifier: Apache-2.0 */
#include "http/conn.h"

#include "base/ossl.h"
#include "http/now.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct trust {
    SSL_CTX *ctx;
};
struct conn {
    int fd;
    SSL *ssl; /* NULL: plain */
};

static int add_certificates(SSL_CTX *ctx, const char *pem, struct errinfo *ei) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int n = 0;
    X509 *x;
    while (bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        n += X509_STORE_add_cert(store, x);
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (n == 0)
        return err_set(ei, ERR_INVALID, "orch-ca", "the file given with --orch-ca holds no PEM certificate");
    return 0;
}

int trust_new(struct trust **t, const char *ca_pem, struct errinfo *ei) {
    *t = calloc(1, sizeof **t);
    SSL_CTX *ctx = *t ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (!ctx) {
        free(*t);
        *t = NULL;
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    (*t)->ctx = ctx;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_AUTO_RETRY);
    int rc = 0;
    if (ca_pem)
        rc = add_certificates(ctx, ca_pem, ei);
    else if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        rc = err_set(ei, ERR_TLS, "", "the system's certificates cannot be loaded");
    if (rc < 0)
        trust_free(t);
    return rc;
}

/* The leaf, and what follows it in the same text. */
static bool use_certificates(SSL_CTX *ctx, const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;
    X509_free(x);
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = SSL_CTX_add1_chain_cert(ctx, x) == 1;
        X509_free(x);
    }
    BIO_free(bio);
    return ok;
}

/* A key with a passphrase is not asked about: it counts as unreadable. */
static int no_passphrase(char *into, int cap, int writing, void *ctx) {
    return -1;
}

static bool use_key(SSL_CTX *ctx, const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    bool ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

int trust_identity(struct trust *t, const char *cert_pem, const char *key_pem, struct errinfo *ei) {
    const char *field = NULL, *what = NULL;
    if (!use_certificates(t->ctx, cert_pem)) {
        field = "cert";
        what = "the client certificate is no PEM certificate";
    } else if (!use_key(t->ctx, key_pem)) {
        field = "key";
        what = "the client certificate's key is no PEM private key without passphrase, or another's";
    }
    ERR_clear_error();
    return what ? err_set(ei, ERR_INVALID, field, "%s", what) : 0;
}

void trust_free(struct trust **t) {
    if (!*t)
        return;
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

/* For poll(); 0 when the deadline has passed. */
static int ms_left(struct mono deadline) {
    int64_t left = mono_is_never(deadline) ? INT_MAX : mono_ms_between(now_mono(), deadline) + 1;
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Wait until fd is ready for events. ERR_TIMEOUT. */
static int wait_fd(int fd, short events, struct mono deadline) {
    for (;;) {
        int left = ms_left(deadline);
        if (left <= 0)
            return ERR_TIMEOUT;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return ERR_IO;
    }
}

static bool is_loopback(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof in6);
    return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* One address: a connected descriptor, or -1 with errno. */
static int connect_one(const struct addrinfo *ai, struct mono deadline) {
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
    if (fd < 0)
        return -1;
    int why = 0;
    socklen_t len = sizeof why;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
        why = errno;
        if (why == EINPROGRESS && wait_fd(fd, POLLOUT, deadline) < 0)
            why = ETIMEDOUT;
        else if (why == EINPROGRESS && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
            why = errno;
    }
    if (why) {
        close(fd);
        errno = why;
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int tcp_connect(const struct url *u, struct mono deadline, struct errinfo *ei) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    int gai = getaddrinfo(u->host, u->port, &hints, &list);
    if (gai != 0) {
        hints.ai_flags = 0; /* only loopback interfaces: AI_ADDRCONFIG hides 127.0.0.1 */
        gai = getaddrinfo(u->host, u->port, &hints, &list);
    }
    if (gai != 0)
        return err_set(ei, ERR_UNREACHABLE, "", "the server's name %s is not known: %s", u->host,
                       gai_strerror(gai));
    int fd = -1, why = ECONNREFUSED;
    for (struct addrinfo *ai = list; fd < 0 && ai; ai = ai->ai_next) {
        if (!u->tls && !is_loopback(ai->ai_addr))
            continue;
        fd = connect_one(ai, deadline);
        if (fd < 0)
            why = errno;
    }
    freeaddrinfo(list);
    if (fd >= 0)
        return fd;
    err_set(ei, ERR_UNREACHABLE, "", "the server at %s cannot be reached: %s", u->authority, strerror(why));
    err_remedy(ei, "Is outbandd running there, and is the address right? See --api-endpoint.");
    return ERR_UNREACHABLE;
}

/* The reason of a failed handshake, in words. */
static int handshake_error(const struct conn *c, const struct url *u, struct errinfo *ei) {
    long verify = SSL_get_verify_result(c->ssl);
    unsigned long e = ERR_get_error();
    ERR_clear_error();
    if (verify != X509_V_OK) {
        err_set(ei, ERR_TLS, "", "the certificate of %s is not to be trusted: %s", u->authority,
                X509_verify_cert_error_string(verify));
        err_remedy(ei, verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH
                           ? "Use the name that the certificate was made for."
                           : "Give the server's ca.pem with --orch-ca.");
    } else {
        const char *reason = e ? ERR_reason_error_string(e) : NULL;
        err_set(ei, ERR_TLS, "", "no TLS connection to %s: %s", u->authority,
                reason ? reason : "the server hung up");
    }
    return ERR_TLS;
}

static int set_name(SSL *ssl, const char *host) {
    struct in6_addr any;
    X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(p, host);
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host);
}

/* What to wait for before an SSL call is made again; ERR_CLOSED when it never will succeed. */
static int ssl_wait(struct conn *c, int ret, struct mono deadline) {
    switch (SSL_get_error(c->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        return wait_fd(c->fd, POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE:
        return wait_fd(c->fd, POLLOUT, deadline);
    default:
        return ERR_CLOSED;
    }
}

static int handshake(struct conn *c, const struct url *u, struct mono deadline, struct errinfo *ei) {
    for (;;) {
        ERR_clear_error();
        int ret = SSL_connect(c->ssl);
        if (ret == 1)
            return 0;
        int rc = ssl_wait(c, ret, deadline);
        if (rc == ERR_TIMEOUT)
            return err_set(ei, ERR_UNREACHABLE, "",
                           "%s accepts connections but does not answer the TLS handshake", u->authority);
        if (rc < 0)
            return handshake_error(c, u, ei);
    }
}

int conn_open(struct conn **out, const struct url *u, const struct trust *t, struct mono deadline,
              struct errinfo *ei) {
    *out = NULL;
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    c->fd = tcp_connect(u, deadline, ei);
    int rc = c->fd < 0 ? c->fd : 0;
    if (rc == 0 && u->tls) {
        c->ssl = SSL_new(t->ctx);
        if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || !set_name(c->ssl, u->host))
            rc = err_set(ei, ERR_NOMEM, "", "out of memory");
        else
            rc = handshake(c, u, deadline, ei);
    }
    if (rc < 0)
        conn_close(&c);
    *out = c;
    return rc;
}

void conn_close(struct conn **c) {
    if (!*c)
        return;
    if ((*c)->ssl && SSL_is_init_finished((*c)->ssl))
        SSL_shutdown((*c)->ssl);
    ERR_clear_error();
    SSL_free((*c)->ssl);
    if ((*c)->fd >= 0)
        close((*c)->fd);
    free(*c);
    *c = NULL;
}

/* One attempt: bytes sent, 0 after waiting, or an error. */
static int write_some(struct conn *c, struct slice s, struct mono deadline) {
    size_t n = s.n > 1 << 20 ? 1 << 20 : s.n;
    if (c->ssl) {
        ERR_clear_error();
        int ret = SSL_write(c->ssl, s.p, (int)n);
        return ret > 0 ? ret : ssl_wait(c, ret, deadline);
    }
    ssize_t sent = send(c->fd, s.p, n, MSG_NOSIGNAL);
    if (sent >= 0)
        return (int)sent;
    return errno == EAGAIN ? wait_fd(c->fd, POLLOUT, deadline) : errno == EINTR ? 0 : ERR_CLOSED;
}

int conn_write(struct conn *c, struct slice s, struct mono deadline) {
    while (s.n) {
        int n = write_some(c, s, deadline);
        if (n < 0)
            return n;
        s = slice_skip(s, (size_t)n);
    }
    return 0;
}

int conn_read(struct conn *c, uint8_t *into, size_t cap, struct mono deadline) {
    int n = cap > INT_MAX ? INT_MAX : (int)cap;
    for (;;) {
        int rc;
        if (c->ssl) {
            ERR_clear_error();
            int ret = SSL_read(c->ssl, into, n);
            if (ret > 0)
                return ret;
            if (SSL_get_error(c->ssl, ret) == SSL_ERROR_ZERO_RETURN)
                return 0;
            rc = ssl_wait(c, ret, deadline);
        } else {
            ssize_t got = recv(c->fd, into, (size_t)n, 0);
            if (got >= 0)
                return (int)got;
            rc = errno == EAGAIN ? wait_fd(c->fd, POLLIN, deadline) : errno == EINTR ? 0 : ERR_CLOSED;
        }
        if (rc < 0)
            return rc;
    }
}

bool conn_usable(struct conn *c) {
    uint8_t byte;
    if (c->ssl) {
        ERR_clear_error();
        int ret = SSL_peek(c->ssl, &byte, 1);
        return ret <= 0 && SSL_get_error(c->ssl, ret) == SSL_ERROR_WANT_READ;
    }
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int conn_wait(struct conn *c, int wants, struct pollfd *others, size_t n, struct mono deadline) {
    struct pollfd fds[1 + CONN_OTHERS_MAX];
    assert(n <= CONN_OTHERS_MAX);
    /* nothing wanted: not even the hang-up, which would be told without end */
    fds[0] = (struct pollfd){.fd = c && wants ? c->fd : -1};
    fds[0].events = (short)((wants & CONN_READABLE ? POLLIN : 0) | (wants & CONN_WRITABLE ? POLLOUT : 0));
    if (n)
        memcpy(fds + 1, others, n * sizeof *others);
    bool here = c && wants & CONN_READABLE && c->ssl && SSL_pending(c->ssl) > 0;
    int ready = poll(fds, (nfds_t)(n + 1), here ? 0 : ms_left(deadline));
    if (ready < 0 && errno != EINTR)
        return ERR_IO;
    int got = here ? CONN_READABLE : 0;
    for (size_t i = 0; i < n; i++) {
        others[i].revents = (short)(ready > 0 ? fds[i + 1].revents : 0);
        got |= others[i].revents ? CONN_OTHER : 0;
    }
    if (ready > 0 && fds[0].revents & POLLOUT)
        got |= CONN_WRITABLE;
    if (ready > 0 && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
        got |= CONN_READABLE; /* reading tells of a hang-up */
    return got;
}

int conn_write_some(struct conn *c, struct slice s) {
    int n = write_some(c, s, (struct mono){0});
    return n == ERR_TIMEOUT ? 0 : n;
}
