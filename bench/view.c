/* SPDX-License-Identifier: Apache-2.0 */
/* bench-view: viewers of sessions with bench-device at the other end. Counts the bytes, in CPU time of the
 * server's process as well as in wall time, and takes the age of each chunk from its stamp. Deaf viewers
 * read nothing once they are upgraded; direct ones ask the devices without a server. Prints "watching" when
 * all are open, and one line of JSON in the end. Usage: bench-view --help */
#include "base/json.h"
#include "base/rd.h"
#include "common.h"
#include "flood.h"
#include "net/tls.h"
#include "proto/http1.h"
#include "proto/redir.h"
#include "proto/ws.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { VIEWERS_MAX = 1024, SAMPLES_MAX = 1 << 22, WARM_UP_MS = 1500, TEXT_MAX_BYTES = 65536 };

struct views;
struct view {
    struct views *all;
    char path[160], ticket[96]; /* direct: its address, and its user and password */
    struct stream *stream;
    struct http1 *http; /* until the upgrade */
    struct ws *ws;
    struct redir *redir; /* direct */
    size_t at;           /* in the chunk */
    uint8_t stamp[FLOOD_STAMP_BYTES];
};

struct views {
    const char *address, *ca, *sessions;
    long pid;
    unsigned seconds;
    bool deaf, direct;
    struct loop *loop;
    struct tls_ctx *tls;
    struct view v[VIEWERS_MAX];
    unsigned n, open;
    bool measuring;
    uint64_t bytes, frames;
    uint32_t *samples; /* us */
    size_t nsamples;
    int64_t from_us, upto_us, cpu_from_ns, cpu_upto_ns;
    struct loop_timer phase;
};

/* --- the payload --- */

static void take_age(struct views *a, const struct view *v) {
    struct rd r = rd_of(slice_of(v->stamp, sizeof v->stamp));
    int64_t age = now_us() - (int64_t)rd_le64(&r);
    if (age < 0 || age > UINT32_MAX)
        die("a chunk has no stamp: bytes were lost, or the device is not bench-device", "");
    if (a->measuring && a->nsamples < SAMPLES_MAX)
        a->samples[a->nsamples++] = (uint32_t)age;
}

static void take(struct view *v, struct slice data) {
    struct views *a = v->all;
    if (a->measuring) {
        a->bytes += data.n;
        a->frames++;
    }
    while (data.n) {
        bool stamp = v->at < sizeof v->stamp;
        struct slice piece = slice_head(data, (stamp ? sizeof v->stamp : FLOOD_CHUNK_BYTES) - v->at);
        if (stamp)
            memcpy(v->stamp + v->at, piece.p, piece.n);
        v->at += piece.n;
        data = slice_skip(data, piece.n);
        if (stamp && v->at == sizeof v->stamp)
            take_age(a, v);
        v->at %= FLOOD_CHUNK_BYTES;
    }
}

/* --- connections --- */

static void send_output(struct view *v) {
    struct slice out = ws_output(v->ws);
    if (out.n && stream_write(v->stream, out) == 0)
        ws_sent(v->ws, out.n);
}

static void opened(struct views *a) {
    if (++a->open < a->n)
        return;
    puts("watching");
    fflush(stdout);
    loop_timer_set(a->loop, &a->phase, mono_add_ms(loop_now(a->loop), WARM_UP_MS));
}

static void upgraded(struct view *v) {
    struct views *a = v->all;
    uint8_t random[16];
    loop_random(a->loop, random, sizeof random);
    http1_free(&v->http);
    v->ws = ws_new(WS_CLIENT, TEXT_MAX_BYTES, random);
    if (!v->ws)
        die("out of memory", "");
    if (a->deaf)
        stream_pause(v->stream);
    opened(a);
}

static void take_answer(struct view *v, struct slice *data) {
    struct http1_ev ev;
    int r = 1;
    while (v->http && (r = http1_input(v->http, data, &ev)) > 0)
        if (ev.kind == HTTP1_END && http1_status(v->http) == 101)
            upgraded(v);
        else if (ev.kind == HTTP1_BODY)
            fprintf(stderr, "%.*s\n", (int)ev.data.n, (const char *)ev.data.p);
        else if (ev.kind == HTTP1_END)
            die("a stream was refused", v->path);
    if (r < 0)
        die("an answer is no HTTP", "");
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct view *v = ctx;
    struct ws_ev ev;
    int r = 0;
    (void)s;
    if (v->http)
        take_answer(v, &data);
    while (v->ws && (r = ws_input(v->ws, &data, &ev)) > 0) {
        if (ev.kind == WS_EV_BINARY)
            take(v, ev.data);
        else if (ev.kind == WS_EV_CLOSE)
            die("the server ended a session", v->path);
    }
    if (r < 0)
        die("the server's frames", ws_error(v->ws));
    if (v->ws)
        send_output(v);
}

static void on_open(struct stream *s, void *ctx) {
    struct view *v = ctx;
    char protocols[128], key[25];
    uint8_t random[16];
    struct buf out = {0};
    loop_random(v->all->loop, random, sizeof random);
    ws_make_key(random, key);
    snprintf(protocols, sizeof protocols, "outband.v1, ticket.%s", v->ticket);
    const char *headers[] = {"Host",
                             "localhost",
                             "Upgrade",
                             "websocket",
                             "Connection",
                             "Upgrade",
                             "Sec-WebSocket-Version",
                             "13",
                             "Sec-WebSocket-Key",
                             key,
                             "Sec-WebSocket-Protocol",
                             protocols,
                             NULL};
    if (http1_put_request(&out, "GET", v->path, headers, -1) < 0 || stream_write(s, buf_slice(&out)) < 0)
        die("cannot ask for", v->path);
    buf_free(&out);
}

/* --- without a server --- */

static void send_redir(struct view *v) {
    struct slice out = redir_output(v->redir);
    if (out.n && stream_write(v->stream, out) == 0)
        redir_sent(v->redir, out.n);
}

static void on_direct_open(struct stream *s, void *ctx) {
    static const struct redir_limits lim = REDIR_LIMITS_DEFAULT;
    struct view *v = ctx;
    char user[48], password[48];
    struct slice rest = slice_str(v->ticket);
    slice_to_str(slice_cut(&rest, ' '), user, sizeof user);
    slice_to_str(rest, password, sizeof password);
    struct redir_config cfg = {.kind = REDIR_KVM, .user = user, .password = password};
    v->redir = redir_new(&cfg, &lim, loop_now(v->all->loop));
    if (!v->redir)
        die("out of memory", "");
    send_redir(v);
    (void)s;
}

static void on_direct_data(struct stream *s, void *ctx, struct slice data) {
    struct view *v = ctx;
    struct redir_ev ev;
    int r;
    while ((r = redir_input(v->redir, &data, loop_now(v->all->loop), &ev)) > 0)
        if (ev.kind == REDIR_EV_DATA)
            take(v, ev.data);
        else if (ev.kind == REDIR_EV_OPEN)
            opened(v->all);
    if (r < 0)
        die(v->path, redir_error(v->redir));
    send_redir(v);
    (void)s;
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    (void)ctx;
    die(stream_error(s)[0] ? stream_error(s) : "a connection ended", stream_end_text(why));
}

static void connect_all(struct views *a) {
    static const struct stream_handler handlers[] = {
        {.on_open = on_open, .on_data = on_data, .on_end = on_end},
        {.on_open = on_direct_open, .on_data = on_direct_data, .on_end = on_end}};
    const struct http1_limits lim = {.head_bytes = 16384, .headers_max = 64, .body_bytes = 65536};
    for (unsigned i = 0; i < a->n; i++) {
        struct view *v = &a->v[i];
        const struct connect_opts o = {.address = a->direct ? v->path : a->address,
                                       .tls = a->direct ? NULL : a->tls,
                                       .timeout_ms = 20000};
        v->all = a;
        v->http = http1_new(HTTP1_RESPONSES, &lim);
        v->stream = stream_connect(a->loop, &o, &handlers[a->direct], v);
        if (!v->http || !v->stream)
            die("out of memory", "");
        stream_bulk(v->stream);
    }
}

/* --- phases --- */

static void on_phase(struct loop_timer *t) {
    struct views *a = CONTAINER_OF(t, struct views, phase);
    if (a->measuring) {
        a->upto_us = now_us();
        a->cpu_upto_ns = cpu_ns(a->pid);
        loop_stop(a->loop);
        return;
    }
    a->measuring = true;
    a->from_us = now_us();
    a->cpu_from_ns = cpu_ns(a->pid);
    loop_timer_set(a->loop, t, mono_add_ms(loop_now(a->loop), (int64_t)a->seconds * 1000));
}

static void print(struct views *a) {
    size_t n = a->nsamples;
    double wall_s = (double)(a->upto_us - a->from_us) / 1e6;
    double cpu_s = (double)(a->cpu_upto_ns - a->cpu_from_ns) / 1e9;
    struct buf line = {0};
    struct json j = json_of(&line);
    sort_samples(a->samples, n);
    json_obj(&j);
    json_kint(&j, "viewers", a->n);
    json_kint(&j, "bytes", (int64_t)a->bytes);
    json_kint(&j, "kb_per_s", (int64_t)((double)a->bytes / wall_s / 1e3));
    json_kint(&j, "kb_per_cpu_s", cpu_s > 0 ? (int64_t)((double)a->bytes / cpu_s / 1e3) : 0);
    json_kint(&j, "cpu_percent", (int64_t)(100 * cpu_s / wall_s));
    json_kint(&j, "piece_bytes", a->frames ? (int64_t)(a->bytes / a->frames) : 0);
    json_kint(&j, "chunks", (int64_t)n);
    json_kint(&j, "p50_us", n ? a->samples[n / 2] : 0);
    json_kint(&j, "p99_us", n ? a->samples[n * 99 / 100] : 0);
    json_kint(&j, "max_us", n ? a->samples[n - 1] : 0);
    json_obj_end(&j);
    printf("%s\n", buf_cstr(&line));
    buf_free(&line);
}

/* --- options --- */

static void usage(void) {
    puts(
        "usage: bench-view --address HOST:PORT --ca PEM --pid SERVER --sessions FILE [--seconds S] [--deaf]\n"
        "FILE: a stream's path and a ticket for it a line");
    exit(2);
}

static void read_options(struct views *a, int argc, char **argv) {
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"ca", required_argument, NULL, 'c'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"sessions", required_argument, NULL, 'f'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"deaf", no_argument, NULL, 'd'},
                                          {"direct", no_argument, NULL, 'D'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *number[2] = {"0", "3"};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        const char **at = c == 'a'   ? &a->address
                          : c == 'c' ? &a->ca
                          : c == 'f' ? &a->sessions
                          : c == 'p' ? &number[0]
                          : c == 's' ? &number[1]
                                     : NULL;
        if (c == 'd')
            a->deaf = true;
        else if (c == 'D')
            a->direct = true;
        else if (at)
            *at = optarg;
        else
            usage();
    }
    a->pid = strtol(number[0], NULL, 10);
    a->seconds = (unsigned)strtoul(number[1], NULL, 10);
    if (!a->address || !a->ca || !a->pid || !a->sessions || !a->seconds)
        usage();
}

static void read_sessions(struct views *a) {
    struct buf text = {0};
    read_file(a->sessions, &text);
    for (struct slice rest = buf_slice(&text); rest.n && a->n < VIEWERS_MAX; a->n++) {
        struct view *v = &a->v[a->n];
        struct slice ticket = slice_trim(slice_cut(&rest, '\n')), path = slice_cut(&ticket, ' ');
        if (!slice_to_str(path, v->path, sizeof v->path) ||
            !slice_to_str(ticket, v->ticket, sizeof v->ticket))
            die("a line is too long in", a->sessions);
    }
    buf_free(&text);
    if (!a->n)
        die("no sessions in", a->sessions);
}

int main(int argc, char **argv) {
    static struct views a;
    struct errinfo ei = {0};
    struct buf ca = {0};
    read_options(&a, argc, argv);
    read_sessions(&a);
    read_file(a.ca, &ca);
    a.loop = loop_new();
    a.samples = calloc(SAMPLES_MAX, sizeof *a.samples);
    a.tls = tls_client_ctx(buf_slice(&ca), false, TLS_MODERN, &ei);
    if (!a.loop || !a.samples || !a.tls)
        die("cannot start", ei.text);
    a.phase.fn = on_phase;
    connect_all(&a);
    loop_run(a.loop);
    print(&a);
    fflush(stdout);
    _exit(a.deaf || a.bytes ? 0 : 1); /* the kernel closes what is open */
}
