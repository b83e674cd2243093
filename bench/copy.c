/* SPDX-License-Identifier: Apache-2.0 */
/* bench-copy: what a relay could be at best: bytes from one TLS connection to another with bare OpenSSL and
 * blocking sockets, nothing in between. The ciphers are those of a relay (TLS 1.2 in, as devices speak; TLS
 * 1.3 out). Source and sink are processes of their own, on another core. Usage: bench-copy [RECORD-BYTES
 * [SECONDS [CORE]]]. Prints one line of JSON, in CPU time of the copy and in wall time. */
#include "base/json.h"
#include "plain.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE_BYTES = 16384, READ_AHEAD_BYTES = 65536 };

/* --- source and sink --- */

static SSL *dial(uint16_t port, int version) {
    struct sockaddr_in to = plain_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        plain_die("connect failed");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD_BYTES);
    SSL *s = SSL_new(ctx);
    SSL_set_fd(s, fd);
    if (SSL_connect(s) != 1)
        plain_die("no handshake");
    return s;
}

static void source(uint16_t port, int record) {
    static uint8_t bytes[PIECE_BYTES];
    SSL *s = dial(port, TLS1_2_VERSION);
    while (SSL_write(s, bytes, record) > 0)
        ;
}

static void sink(uint16_t port, int record) {
    static uint8_t bytes[PIECE_BYTES];
    SSL *s = dial(port, TLS1_3_VERSION);
    (void)record;
    while (SSL_read(s, bytes, sizeof bytes) > 0)
        ;
}

static pid_t start(void (*role)(uint16_t port, int record), uint16_t port, int record, int core) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        plain_die("there is no such core");
    role(port, record);
    _exit(0);
}

/* --- the copy --- */

static SSL *take(SSL_CTX *ctx, int lis) {
    int fd;
    while ((fd = accept4(lis, NULL, NULL, SOCK_CLOEXEC)) < 0)
        usleep(1000); /* the listener does not block */
    SSL *s = SSL_new(ctx);
    SSL_set_fd(s, fd);
    if (SSL_accept(s) != 1)
        plain_die("no handshake");
    return s;
}

/* For so long; bytes copied. Small records are gathered into one, as far as they are there already. */
static uint64_t copy(SSL *in, SSL *out, double for_s) {
    static uint8_t bytes[PIECE_BYTES];
    uint64_t sum = 0;
    for (double until = plain_seconds(CLOCK_MONOTONIC) + for_s; plain_seconds(CLOCK_MONOTONIC) < until;) {
        int have = 0;
        do {
            int n = SSL_read(in, bytes + have, PIECE_BYTES - have);
            if (n <= 0)
                plain_die("the source has ended");
            have += n;
        } while (have < PIECE_BYTES && SSL_has_pending(in));
        if (SSL_write(out, bytes, have) != have)
            plain_die("the sink has ended");
        sum += (uint64_t)have;
    }
    return sum;
}

static void print(uint64_t bytes, int record, double cpu, double wall, SSL *in, SSL *out) {
    struct buf line = {0};
    struct json j = json_of(&line);
    json_obj(&j);
    json_kstr(&j, "name", "copy");
    json_kint(&j, "record_bytes", record);
    json_kint(&j, "mb_per_s", (int64_t)((double)bytes / wall / 1e6));
    json_kint(&j, "mb_per_cpu_s", (int64_t)((double)bytes / cpu / 1e6));
    json_kint(&j, "cpu_percent", (int64_t)(100 * cpu / wall));
    json_kstr(&j, "in", SSL_get_cipher_name(in));
    json_kstr(&j, "out", SSL_get_cipher_name(out));
    json_obj_end(&j);
    printf("%s\n", buf_cstr(&line));
    buf_free(&line);
}

int main(int argc, char **argv) {
    int record = argc > 1 ? atoi(argv[1]) : PIECE_BYTES;
    double for_s = argc > 2 ? strtod(argv[2], NULL) : 2;
    int core = argc > 3 ? atoi(argv[3]) : 1;
    if (record < 1 || record > PIECE_BYTES || for_s <= 0)
        plain_die("usage: bench-copy [RECORD-BYTES up to 16384 [SECONDS [CORE]]]");
    uint16_t in_port, out_port;
    int in_lis = plain_listen(&in_port), out_lis = plain_listen(&out_port);
    SSL_CTX *ctx = plain_server_ctx(PKI_RSA_2048);
    SSL_CTX_clear_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD_BYTES);
    signal(SIGPIPE, SIG_IGN);
    pid_t ends[] = {start(source, in_port, record, core), start(sink, out_port, record, core)};
    SSL *in = take(ctx, in_lis), *out = take(ctx, out_lis);
    copy(in, out, for_s / 4); /* windows of TCP open, caches warm up */
    double cpu = plain_seconds(CLOCK_PROCESS_CPUTIME_ID), wall = plain_seconds(CLOCK_MONOTONIC);
    uint64_t bytes = copy(in, out, for_s);
    cpu = plain_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = plain_seconds(CLOCK_MONOTONIC) - wall;
    print(bytes, record, cpu, wall, in, out);
    for (size_t i = 0; i < 2; i++) {
        kill(ends[i], SIGKILL);
        waitpid(ends[i], NULL, 0);
    }
    return 0;
}
