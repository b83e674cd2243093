/* SPDX-License-Identifier: Apache-2.0 */
/* bench-load: K keep-alive HTTPS connections that ask a server as fast as it answers, one request each at a
 * time. Counts in CPU time of the server's process as well as in wall time, because machines are shared.
 *
 *   get    GET the path given
 *   host   GET one host after the other
 *   look   POST :look, then GET the host until a newer observation is there: an asked power read
 *   op     POST power-off or power-on, done when the event stream says that the operation is done
 *
 * Prints one line of JSON. Usage: bench-load --help */
#include "base/json.h"
#include "common.h"
#include "net/tls.h"
#include "proto/http1.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONNS_MAX = 256, SAMPLES_MAX = 1 << 20, ID_CAP = 32, FINISHED = 1024, PATH_CAP = 160 };

struct load;
struct conn {
    struct load *l;
    struct stream *stream;
    struct http1 *http;
    struct buf body;
    int status;
    int64_t began_us;
    size_t host;     /* index of the host at hand */
    char op[ID_CAP]; /* op: waits for its end */
    char seen[40];   /* look: the observation to be replaced */
    bool on;         /* op: what is asked for next */
    bool events;     /* this one carries the event stream */
};

struct mode {
    const char *name;
    void (*ask)(struct conn *c);
    void (*answered)(struct conn *c);
};

struct load {
    const struct mode *mode;
    const char *address, *ca, *token_file, *path, *ids_file;
    unsigned k, seconds;
    long pid;
    struct loop *loop;
    struct tls_ctx *tls;
    struct buf token, auth;
    char (*ids)[ID_CAP];
    size_t nids, next_id;
    struct conn conns[CONNS_MAX + 1];
    unsigned open;
    char finished[FINISHED][ID_CAP]; /* operations that ended before their 202 was read */
    unsigned nfinished;
    uint32_t *samples; /* us */
    size_t nsamples;
    uint64_t failed;
    bool measuring;
    int64_t from_us, upto_us, cpu_from_ns, cpu_upto_ns;
    struct loop_timer phase;
    char trouble[200];
};

/* The text between before and the next quote, of the first place; false when there is none. */
static bool quoted(struct slice in, const char *before, char *out, size_t cap) {
    const uint8_t *p = memmem(in.p, in.n, before, strlen(before));
    if (!p)
        return false;
    struct slice rest = slice_skip(in, (size_t)(p - in.p) + strlen(before));
    return slice_to_str(slice_cut(&rest, '"'), out, cap);
}

/* --- asking --- */

static void send_request(struct conn *c, const char *method, const char *path, const char *body) {
    struct buf out = {0};
    const char *headers[] = {
        "Host", "localhost", "Authorization", buf_cstr(&c->l->auth), "Content-Type", "application/json",
        NULL};
    size_t n = body ? strlen(body) : 0;
    if (http1_put_request(&out, method, path, headers, body ? (int64_t)n : -1) < 0 ||
        (n && buf_puts(&out, body) < 0) || stream_write(c->stream, buf_slice(&out)) < 0)
        c->l->failed++;
    buf_free(&out);
}

static const char *host_path(struct conn *c, const char *tail, char out[PATH_CAP]) {
    snprintf(out, PATH_CAP, "/v1/projects/default/compute/hosts/%s%s", c->l->ids[c->host], tail);
    return out;
}

static void begin(struct conn *c) {
    struct load *l = c->l;
    c->began_us = now_us();
    if (l->nids) {
        c->host = l->next_id++ % l->nids;
        c->on = l->next_id / l->nids % 2 == 1; /* a round of off, a round of on */
    }
    l->mode->ask(c);
}

static void done(struct conn *c) {
    struct load *l = c->l;
    int64_t took = now_us() - c->began_us;
    if (l->measuring && l->nsamples < SAMPLES_MAX)
        l->samples[l->nsamples++] = (uint32_t)took;
    begin(c);
}

static void failed(struct conn *c) {
    struct load *l = c->l;
    if (!l->failed++)
        snprintf(l->trouble, sizeof l->trouble, "HTTP %d: %.150s", c->status, buf_cstr(&c->body));
    begin(c);
}

/* --- modes --- */

static void ask_path(struct conn *c) {
    send_request(c, "GET", c->l->path, NULL);
}

static void ask_host(struct conn *c) {
    char path[PATH_CAP];
    send_request(c, "GET", host_path(c, "", path), NULL);
}

static void got_it(struct conn *c) {
    if (c->status == 200)
        done(c);
    else
        failed(c);
}

static void ask_look(struct conn *c) {
    char path[PATH_CAP];
    c->seen[0] = 0;
    send_request(c, "POST", host_path(c, ":look", path), "");
}

static void got_look(struct conn *c) {
    static const char before[] = "\"power\":{\"state\":";
    char at[sizeof c->seen] = "";
    struct slice body = buf_slice(&c->body);
    const uint8_t *p = body.n ? memmem(body.p, body.n, before, sizeof before - 1) : NULL;
    if (p)
        quoted(slice_skip(body, (size_t)(p - body.p)), "\"observedAt\":\"", at, sizeof at);
    if (c->status == 202)
        memcpy(c->seen, at, sizeof at);
    if (c->status != 202 && c->status != 200)
        failed(c);
    else if (strcmp(at, c->seen) != 0)
        done(c);
    else
        ask_host(c);
}

static void ask_op(struct conn *c) {
    char path[PATH_CAP];
    c->op[0] = 0;
    send_request(c, "POST", host_path(c, "/operations", path),
                 c->on ? "{\"kind\":\"power-on\"}" : "{\"kind\":\"power-off\"}");
}

static void got_op(struct conn *c) {
    struct load *l = c->l;
    if (c->status != 202 || !quoted(buf_slice(&c->body), "\"id\":\"", c->op, sizeof c->op)) {
        failed(c);
        return;
    }
    for (unsigned i = 0; i < FINISHED; i++) {
        if (strcmp(l->finished[i], c->op) == 0) {
            done(c);
            return;
        }
    }
}

/* A line of the event stream: "…Operation op-… (power off) done: …" */
static void event_line(struct load *l, struct slice line) {
    char id[ID_CAP];
    const uint8_t *p = line.p ? memmem(line.p, line.n, "\"Operation op-", 14) : NULL;
    if (!p)
        return;
    struct slice text = slice_skip(line, (size_t)(p - line.p) + 11);
    slice_to_str(slice_cut(&text, ' '), id, sizeof id);
    slice_cut(&text, ')');
    bool ok = slice_is(slice_head(text, 6), " done:"), bad = slice_is(slice_head(text, 8), " failed:");
    if (!ok && !bad)
        return;
    if (bad && !l->failed++)
        slice_to_str(slice_head(line, 190), l->trouble, sizeof l->trouble);
    for (unsigned i = 0; i < l->k; i++) {
        if (strcmp(l->conns[i].op, id) == 0) {
            done(&l->conns[i]);
            return;
        }
    }
    memcpy(l->finished[l->nfinished++ % FINISHED], id, sizeof id);
}

static void take_events(struct conn *c) {
    for (;;) {
        struct slice all = buf_slice(&c->body);
        const uint8_t *nl = all.n ? memchr(all.p, '\n', all.n) : NULL;
        if (!nl)
            return;
        struct slice line = slice_head(all, (size_t)(nl - all.p));
        event_line(c->l, line);
        buf_consume(&c->body, line.n + 1);
    }
}

static const struct mode modes[] = {
    {"get", ask_path, got_it},
    {"host", ask_host, got_it},
    {"look", ask_look, got_look},
    {"op", ask_op, got_op},
};

/* --- connections --- */

static void start_all(struct load *l) {
    for (unsigned i = 0; i < l->k; i++)
        begin(&l->conns[i]);
}

static void on_open(struct stream *s, void *ctx) {
    struct conn *c = ctx;
    struct load *l = c->l;
    (void)s;
    if (c->events)
        send_request(c, "GET", "/v1/events?kind=operation", NULL);
    else if (++l->open == l->k)
        start_all(l);
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct conn *c = ctx;
    struct http1_ev ev;
    int r;
    (void)s;
    while ((r = http1_input(c->http, &data, &ev)) > 0) {
        if (ev.kind == HTTP1_HEAD) {
            c->status = http1_status(c->http);
            buf_clear(&c->body);
        } else if (ev.kind == HTTP1_BODY) {
            buf_put(&c->body, ev.data);
            if (c->events)
                take_events(c);
        } else {
            c->l->mode->answered(c);
        }
    }
    if (r < 0)
        die("an answer is no HTTP", "");
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    (void)ctx;
    die(stream_error(s)[0] ? stream_error(s) : "a connection ended", stream_end_text(why));
}

static void connect_all(struct load *l) {
    static const struct stream_handler handler = {.on_open = on_open, .on_data = on_data, .on_end = on_end};
    const struct http1_limits lim = {.head_bytes = 16384, .headers_max = 64, .body_bytes = UINT32_MAX};
    const struct connect_opts o = {.address = l->address, .tls = l->tls, .timeout_ms = 10000};
    bool events = strcmp(l->mode->name, "op") == 0;
    for (unsigned i = 0; i < l->k + events; i++) {
        struct conn *c = &l->conns[i];
        c->l = l;
        c->events = i == l->k;
        c->http = http1_new(HTTP1_RESPONSES, &lim);
        c->stream = stream_connect(l->loop, &o, &handler, c);
        if (!c->http || !c->stream)
            die("out of memory", "");
    }
}

/* --- phases --- */

static void on_phase(struct loop_timer *t) {
    struct load *l = CONTAINER_OF(t, struct load, phase);
    if (!l->measuring) {
        l->measuring = true;
        l->from_us = now_us();
        l->cpu_from_ns = cpu_ns(l->pid);
        loop_timer_set(l->loop, t, mono_add_ms(loop_now(l->loop), (int64_t)l->seconds * 1000));
        return;
    }
    l->upto_us = now_us();
    l->cpu_upto_ns = cpu_ns(l->pid);
    loop_stop(l->loop);
}

static void print(struct load *l) {
    size_t n = l->nsamples;
    double wall_s = (double)(l->upto_us - l->from_us) / 1e6;
    double cpu_s = (double)(l->cpu_upto_ns - l->cpu_from_ns) / 1e9;
    struct buf line = {0};
    struct json j = json_of(&line);
    sort_samples(l->samples, n);
    json_obj(&j);
    json_kstr(&j, "mode", l->mode->name);
    json_kint(&j, "in_flight", l->k);
    json_kint(&j, "count", (int64_t)n);
    json_kint(&j, "failed", (int64_t)l->failed);
    json_kint(&j, "per_s", (int64_t)((double)n / wall_s));
    json_kint(&j, "per_cpu_s", cpu_s > 0 ? (int64_t)((double)n / cpu_s) : 0);
    json_kint(&j, "cpu_percent", (int64_t)(100 * cpu_s / wall_s));
    json_kint(&j, "p50_us", n ? l->samples[n / 2] : 0);
    json_kint(&j, "p99_us", n ? l->samples[n * 99 / 100] : 0);
    json_kint(&j, "max_us", n ? l->samples[n - 1] : 0);
    if (l->trouble[0])
        json_kstr(&j, "trouble", l->trouble);
    json_obj_end(&j);
    printf("%s\n", buf_cstr(&line));
    buf_free(&line);
}

/* --- options --- */

static void usage(void) {
    puts("usage: bench-load MODE --address HOST:PORT --ca PEM --token FILE --pid SERVER\n"
         "       [--ids FILE] [--path PATH] [--connections K] [--seconds S]\n"
         "MODE: get, host, look, op; all but get want --ids: one host id a line");
    exit(2);
}

static void read_options(struct load *l, int argc, char **argv) {
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"ca", required_argument, NULL, 'c'},
                                          {"token", required_argument, NULL, 't'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"ids", required_argument, NULL, 'i'},
                                          {"path", required_argument, NULL, 'u'},
                                          {"connections", required_argument, NULL, 'k'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *number[2] = {"1", "3"};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        const char **at = c == 'a'   ? &l->address
                          : c == 'c' ? &l->ca
                          : c == 't' ? &l->token_file
                          : c == 'i' ? &l->ids_file
                          : c == 'u' ? &l->path
                          : c == 'k' ? &number[0]
                          : c == 's' ? &number[1]
                                     : NULL;
        if (c == 'p')
            l->pid = strtol(optarg, NULL, 10);
        else if (at)
            *at = optarg;
        else
            usage();
    }
    l->k = (unsigned)strtoul(number[0], NULL, 10);
    l->seconds = (unsigned)strtoul(number[1], NULL, 10);
    for (size_t i = 0; optind < argc && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[optind], modes[i].name) == 0)
            l->mode = &modes[i];
    if (!l->mode || !l->address || !l->ca || !l->token_file || !l->pid || !l->seconds || l->k < 1 ||
        l->k > CONNS_MAX || (l->mode == &modes[0] ? !l->path : !l->ids_file))
        usage();
}

static void read_ids(struct load *l) {
    struct buf text = {0};
    if (!l->ids_file)
        return;
    read_file(l->ids_file, &text);
    struct slice rest = buf_slice(&text);
    l->ids = calloc(text.len / 4 + 1, sizeof *l->ids);
    while (l->ids && rest.n) {
        struct slice id = slice_trim(slice_cut(&rest, '\n'));
        if (id.n && slice_to_str(id, l->ids[l->nids], ID_CAP))
            l->nids++;
    }
    buf_free(&text);
    if (!l->nids)
        die("no ids in", l->ids_file);
}

int main(int argc, char **argv) {
    static struct load l;
    struct errinfo ei = {0};
    struct buf ca = {0};
    read_options(&l, argc, argv);
    read_ids(&l);
    read_file(l.ca, &ca);
    read_file(l.token_file, &l.token);
    struct slice token = slice_trim(buf_slice(&l.token));
    buf_putf(&l.auth, "Bearer %.*s", (int)token.n, (const char *)token.p);
    l.loop = loop_new();
    l.samples = calloc(SAMPLES_MAX, sizeof *l.samples);
    l.tls = tls_client_ctx(buf_slice(&ca), false, TLS_MODERN, &ei);
    if (!l.loop || !l.samples || !l.tls)
        die("cannot start", ei.text);
    l.phase.fn = on_phase;
    connect_all(&l);
    loop_timer_set(l.loop, &l.phase, mono_add_ms(loop_now(l.loop), 700)); /* warm-up */
    loop_run(l.loop);
    print(&l);
    fflush(stdout);
    _exit(l.nsamples ? 0 : 1); /* the kernel closes what is open; nothing here is worth an orderly end */
}
