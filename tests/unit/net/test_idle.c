/* SPDX-License-Identifier: Apache-2.0 */
/* What an idle TLS 1.2 tunnel costs the server: design 13 wants at most 17 kB in all, this room at most 15
 * kB. */
#include "fixture.h"

#include "base/ossl.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM = 20, TUNNELS = 120, BYTES_MAX = 15000 };

struct herd {
    struct stream *s[TUNNELS];
    unsigned count, spoke;
};

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct herd *h = ctx;
    h->spoke++;
    stream_write(s, data);
}

static const struct stream_handler handler = {.on_data = on_data};

static void on_accept(void *ctx, struct stream *s) {
    struct herd *h = ctx;
    h->s[h->count++] = s;
    stream_handle(s, &handler, h);
}

static bool some_spoke(void *ctx) {
    return ((struct herd *)ctx)->spoke >= WARM;
}

static bool all_spoke(void *ctx) {
    return ((struct herd *)ctx)->spoke == TUNNELS;
}

/* The other process: TLS 1.2 clients that say one word each and fall silent. Killed in the end. */
static void clients(uint16_t port) {
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < TUNNELS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        SSL *ssl = SSL_new(c);
        char word[8];
        if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || SSL_set_fd(ssl, fd) != 1 ||
            SSL_connect(ssl) != 1 || SSL_write(ssl, "hello", 5) != 5 || SSL_read(ssl, word, sizeof word) != 5)
            _exit(1);
    }
    pause();
    _exit(0);
}

static long rss_bytes(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void an_idle_tunnel_is_small(void **s) {
    struct certs certs;
    struct herd h = {0};
    struct errinfo ei = {0};
    struct loop *l = loop_new();
    certs_make(&certs);
    struct listen_opts o = {.address = "127.0.0.1:0", .tls = certs.server, .on_accept = on_accept, .ctx = &h};
    struct listener *lis = listener_open(l, &o, &ei);
    assert_non_null(lis);
    pid_t child = fork();
    if (child == 0)
        clients(listener_port(lis));
    run_until(l, some_spoke, &h, 20000); /* what the library sets up once is not counted */
    unsigned at = h.count;
    size_t before = mallinfo2().uordblks;
    long rss = rss_bytes();
    run_until(l, all_spoke, &h, 20000);
    run_for(l, 20);
    long n = TUNNELS - at, each = ((long)mallinfo2().uordblks - (long)before) / n;
    print_message("an idle tunnel: %ld bytes of heap, %ld of RSS\n", each, (rss_bytes() - rss) / n);
    assert_true(each < BYTES_MAX); /* heap: RSS has noise in it at this number */
    for (unsigned i = 0; i < h.count; i++) {
        assert_string_equal(stream_tls_version(h.s[i]), "TLSv1.2");
        stream_abort(h.s[i]);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    listener_close(&lis);
    loop_free(&l);
    certs_free(&certs);
}

UNIT_MAIN(T(an_idle_tunnel_is_small))
