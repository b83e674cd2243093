/* SPDX-License-Identifier: Apache-2.0 */
#include "plain.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

void plain_die(const char *what) {
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(1);
}

double plain_seconds(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

struct sockaddr_in plain_loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int plain_listen(uint16_t *port) {
    struct sockaddr_in a = plain_loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1024) < 0)
        plain_die("listen failed");
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

SSL_CTX *plain_server_ctx(enum pki_key kind) {
    static const char *const names[] = {"localhost"};
    struct buf key = {0}, cert = {0};
    struct errinfo ei = {0};
    struct wall from = {1700000000000000};
    struct buf leaf_key = {0}, leaf = {0};
    if (pki_make_key(PKI_P256, &key, &ei) < 0 ||
        pki_make_root(buf_slice(&key), "Bench", from, 36000, &cert, &ei) < 0 ||
        pki_make_key(kind, &leaf_key, &ei) < 0 ||
        pki_make_leaf(buf_slice(&cert), buf_slice(&key), buf_slice(&leaf_key), names, 1, from, 36000, &leaf,
                      &ei) < 0)
        plain_die(ei.text);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *k = BIO_new_mem_buf(buf_slice(&leaf_key).p, (int)leaf_key.len);
    BIO *c = BIO_new_mem_buf(buf_slice(&leaf).p, (int)leaf.len);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
    X509 *x = PEM_read_bio_X509(c, NULL, NULL, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
    if (SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, pkey) != 1)
        plain_die("the certificate cannot be used");
    EVP_PKEY_free(pkey);
    X509_free(x);
    BIO_free(k);
    BIO_free(c);
    buf_free(&key);
    buf_free(&cert);
    buf_free(&leaf_key);
    buf_free(&leaf);
    return ctx;
}
