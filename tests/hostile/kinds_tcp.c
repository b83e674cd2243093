/* SPDX-License-Identifier: Apache-2.0 */
/* Bad behaviour before and below TLS, and in TLS itself. */
#include "hostile.h"

#include <sys/socket.h>

static void silence(struct peer *p) {}

static void garbage(struct peer *p) {
    uint8_t mem[4096];
    for (size_t i = 0; i < sizeof mem; i++)
        mem[i] = (uint8_t)noise(p);
    mem[0] = 0x47; /* no TLS record by chance */
    peer_send(p, slice_of(mem, sizeof mem));
}

static void garbage_megabyte(struct peer *p) {
    for (int i = 0; i < 256 && !p->ended; i++)
        garbage(p);
}

static void half_record(struct peer *p) {
    peer_send(p, SLICE_LIT("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"));
}
static void record_too_long(struct peer *p) {
    peer_send(p, SLICE_LIT("\x16\x03\x01\xff\xff"));
    garbage_megabyte(p);
}
static void alert_first(struct peer *p) {
    peer_send(p, SLICE_LIT("\x15\x03\x01\x00\x02\x02\x28"));
}
static void sslv2_hello(struct peer *p) {
    peer_send(p, SLICE_LIT("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80"));
    garbage(p);
}

/* A real ClientHello, kept in memory. */
static size_t client_hello(uint8_t *mem, size_t cap) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_connect(ssl);
    int n = BIO_read(out, mem, (int)cap);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return n > 0 ? (size_t)n : 0;
}

static void handshake_byte_by_byte(struct peer *p) {
    uint8_t mem[2048];
    size_t n = client_hello(mem, sizeof mem);
    for (size_t i = 0; i < n && !p->ended; i++) {
        peer_send(p, slice_of(mem + i, 1));
        peer_read(p, 100);
    }
    must(p, p->ended, "a handshake of a byte each 100 ms was waited for");
}

static void hello_then_silence(struct peer *p) {
    uint8_t mem[2048];
    peer_send(p, slice_of(mem, client_hello(mem, sizeof mem)));
}
static void hello_then_half_open(struct peer *p) {
    hello_then_silence(p);
    shutdown(p->fd, SHUT_WR);
}
static void hello_then_rst(struct peer *p) {
    for (int i = 0; i < 60; i++) {
        hello_then_silence(p);
        if (i % 2)
            peer_read(p, 20);
        peer_drop(p, true);
        peer_dial(p);
    }
}
static void hello_twice(struct peer *p) {
    hello_then_silence(p);
    hello_then_silence(p);
}
static void connect_storm(struct peer *p) {
    for (int i = 0; i < 400; i++) {
        peer_drop(p, i % 2);
        peer_dial(p);
    }
}
/* A crowd that says nothing and is let go by the deadline. */
static void silent_crowd(struct peer *p) {
    enum { CROWD = 150 };
    int fds[CROWD];
    for (int i = 0; i < CROWD; i++) {
        fds[i] = p->fd;
        peer_dial(p);
    }
    for (int i = 0; i < CROWD; i++) {
        int last = p->fd;
        p->fd = fds[i];
        p->ended = false;
        must(p, peer_ends(p, 15000), "connection %d of a silent crowd was kept", i);
        peer_drop(p, false);
        p->fd = last;
    }
    p->ended = false;
}

static void proxy_v1(struct peer *p) {
    peer_send(p, SLICE_LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"));
    hello_then_silence(p);
}
static void proxy_v2(struct peer *p) {
    peer_send(p, SLICE_LIT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\0\1\0\2"));
    hello_then_silence(p);
}
static void plain_http(struct peer *p) {
    peer_send(p, SLICE_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
}
static void plain_apf(struct peer *p) {
    struct buf b = {0};
    put_version(&b);
    put_service(&b, "auth@amt.intel.com");
    peer_send_buf(p, &b);
}

static void old_tls_only(struct peer *p) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    p->ssl = SSL_new(ctx);
    SSL_set_fd(p->ssl, p->fd);
    for (int64_t until = now_ms() + 2000; now_ms() < until;) {
        int r = SSL_connect(p->ssl);
        must(p, r != 1, "TLS 1.1 was accepted");
        if (SSL_get_error(p->ssl, r) != SSL_ERROR_WANT_READ)
            break;
        nap_ms(10);
    }
    SSL_CTX_free(ctx);
}

static void key_updates(struct peer *p) {
    for (int i = 0; i < 2000 && !p->ended; i++) {
        SSL_key_update(p->ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(p->ssl);
        if (i % 50 == 0)
            peer_read(p, 0);
    }
}

static void renegotiate(struct peer *p) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    p->ssl = SSL_new(ctx);
    SSL_set_fd(p->ssl, p->fd);
    for (int64_t until = now_ms() + 3000; SSL_connect(p->ssl) != 1 && now_ms() < until;)
        nap_ms(5);
    for (int i = 0; i < 50; i++) {
        SSL_renegotiate(p->ssl);
        SSL_do_handshake(p->ssl);
        peer_read(p, 10);
    }
    SSL_CTX_free(ctx);
}

static void bad_record(struct peer *p) {
    peer_send_tcp(p, SLICE_LIT("\x17\x03\x03\x00\x20"
                               "this is not what AES-GCM gives.."));
}
static void records_out_of_nowhere(struct peer *p) {
    for (int i = 0; i < 200 && !p->ended; i++)
        peer_send_tcp(p, SLICE_LIT("\x14\x03\x03\x00\x01\x01"));
}
/* Ends TLS properly, and stays. */
static void close_notify_and_stay(struct peer *p) {
    SSL_shutdown(p->ssl);
}
static void tcp_fin_inside_tls(struct peer *p) {
    shutdown(p->fd, SHUT_WR);
}

const struct kind KINDS_TCP[] = {
    {"silence", CIRA, AT_TCP, CLOSED, silence, NULL},
    {"garbage", CIRA, AT_TCP, CLOSED, garbage, NULL},
    {"garbage-megabyte", CIRA, AT_TCP, CLOSED, garbage_megabyte, NULL},
    {"half-record", CIRA, AT_TCP, CLOSED, half_record, NULL},
    {"record-too-long", CIRA, AT_TCP, CLOSED, record_too_long, NULL},
    {"alert-first", CIRA, AT_TCP, CLOSED, alert_first, NULL},
    {"sslv2-hello", CIRA, AT_TCP, CLOSED, sslv2_hello, NULL},
    {"handshake-byte-by-byte", CIRA, AT_TCP, CLOSED, handshake_byte_by_byte, NULL},
    {"hello-then-silence", CIRA, AT_TCP, CLOSED, hello_then_silence, NULL},
    {"hello-then-half-open", CIRA, AT_TCP, CLOSED, hello_then_half_open, NULL},
    {"hello-then-rst", CIRA, AT_TCP, EITHER, hello_then_rst, NULL},
    {"hello-twice", CIRA, AT_TCP, CLOSED, hello_twice, NULL},
    {"connect-storm", CIRA, AT_TCP, EITHER, connect_storm, NULL},
    {"silent-crowd", CIRA, AT_TCP, CLOSED, silent_crowd, NULL},
    {"proxy-v1-unasked", CIRA, AT_TCP, CLOSED, proxy_v1, NULL},
    {"proxy-v2-unasked", CIRA, AT_TCP, CLOSED, proxy_v2, NULL},
    {"plain-http", CIRA, AT_TCP, CLOSED, plain_http, NULL},
    {"plain-apf", CIRA, AT_TCP, CLOSED, plain_apf, NULL},
    {"old-tls-only", CIRA, AT_TCP, CLOSED, old_tls_only, NULL},
    {"tls-renegotiate", CIRA, AT_TCP, CLOSED, renegotiate, NULL},
    {"tls-key-updates", CIRA, AT_TLS, CLOSED, key_updates, NULL},
    {"tls-bad-record", CIRA, AT_TLS, CLOSED, bad_record, NULL},
    {"tls-records-out-of-nowhere", CIRA, AT_TLS, CLOSED, records_out_of_nowhere, NULL},
    {"tls-close-notify-and-stay", CIRA, AT_TLS, CLOSED, close_notify_and_stay, NULL},
    {"tls-tcp-fin", CIRA, AT_TLS, CLOSED, tcp_fin_inside_tls, NULL},
    {0},
};
