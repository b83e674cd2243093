/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ctl.h"

#include "base/list.h"
#include "sim/command.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNS_MAX = 16, LINE_MAX_BYTES = 4096 };

struct ctl {
    struct loop *loop;
    struct listener *listener;
    const struct ctl_shard *shards;
    size_t nshards;
    struct list conns;
};

struct job;
struct conn {
    struct list_node link;
    struct ctl *ctl;
    struct stream *stream;
    struct buf in;
    struct job *job; /* the command under way; one at a time */
};

/* One command on its way through all loops. */
struct part {
    struct loop_msg msg;
    struct job *job;
    const struct ctl_shard *shard;
    struct sim_cmd_result result;
};
struct job {
    struct conn *conn; /* NULL: the asker is gone */
    struct loop *home;
    struct sim_cmd cmd;
    struct sim_cmd_result result;
    size_t pending;
    struct part parts[];
};

static void next_line(struct conn *c);

static void conn_free(struct conn *c) {
    if (c->job)
        c->job->conn = NULL;
    list_remove(&c->ctl->conns, &c->link);
    buf_free(&c->in);
    free(c);
}

static void reply(struct conn *c, struct slice text) {
    (void)stream_write(c->stream, text); /* its end follows when this fails */
}

static void job_done(struct job *j) {
    struct conn *c = j->conn;
    if (c) {
        struct buf out = {0};
        sim_cmd_reply(&j->cmd, &j->result, &out);
        reply(c, buf_slice(&out));
        buf_free(&out);
        c->job = NULL;
    }
    sim_cmd_result_free(&j->result);
    free(j);
    if (c)
        next_line(c);
}

/* Back home: on the control socket's loop. */
static void part_home(struct loop *l, struct loop_msg *m) {
    struct part *p = CONTAINER_OF(m, struct part, msg);
    sim_cmd_merge(&p->job->result, &p->result);
    if (--p->job->pending == 0)
        job_done(p->job);
}

/* Out there: on the nodes' loop. */
static void part_run(struct loop *l, struct loop_msg *m) {
    struct part *p = CONTAINER_OF(m, struct part, msg);
    sim_cmd_run(&p->job->cmd, p->shard->nodes, p->shard->n, p->shard->first, p->shard->step, &p->result);
    p->msg.fn = part_home;
    loop_post(p->job->home, &p->msg);
}

static void start_job(struct conn *c, const struct sim_cmd *cmd) {
    struct ctl *ctl = c->ctl;
    struct job *j = calloc(1, sizeof *j + ctl->nshards * sizeof j->parts[0]);
    if (!j) {
        reply(c, SLICE_LIT("error out of memory\n"));
        return;
    }
    j->conn = c;
    j->home = ctl->loop;
    j->pending = ctl->nshards;
    c->job = j;
    sim_cmd_copy(&j->cmd, cmd);
    for (size_t i = 0; i < ctl->nshards; i++) {
        j->parts[i].job = j;
        j->parts[i].shard = &ctl->shards[i];
        j->parts[i].msg.fn = part_run;
        loop_post(ctl->shards[i].loop, &j->parts[i].msg);
    }
}

static void run_line(struct conn *c, struct slice line) {
    struct errinfo ei = {0};
    struct sim_cmd cmd;
    if (sim_cmd_parse(&cmd, line, &ei) == 0) {
        start_job(c, &cmd);
        return;
    }
    struct buf out = {0};
    buf_putf(&out, "error %s\n", ei.text);
    reply(c, buf_slice(&out));
    buf_free(&out);
}

static void next_line(struct conn *c) {
    while (!c->job && c->in.len) {
        struct slice in = buf_slice(&c->in);
        const uint8_t *end = memchr(in.p, '\n', in.n);
        if (!end && in.n < LINE_MAX_BYTES)
            return;
        size_t n = end ? (size_t)(end - in.p) : in.n;
        run_line(c, slice_head(in, n));
        buf_consume(&c->in, end ? n + 1 : n);
    }
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct conn *c = ctx;
    if (c->in.len + data.n > 4 * LINE_MAX_BYTES || buf_put(&c->in, data) < 0) {
        stream_abort(s);
        return;
    }
    next_line(c);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    conn_free(ctx);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_end = on_end};

static void ignore_data(struct stream *s, void *ctx, struct slice data) {}
static void ignore_end(struct stream *s, void *ctx, enum stream_end why) {}
static const struct stream_handler NOBODY = {.on_data = ignore_data, .on_end = ignore_end};

static void on_accept(void *ctx, struct stream *s) {
    struct ctl *ctl = ctx;
    struct conn *c = ctl->conns.count < CONNS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        stream_handle(s, &NOBODY, NULL);
        stream_abort(s);
        return;
    }
    c->ctl = ctl;
    c->stream = s;
    list_push(&ctl->conns, &c->link);
    stream_handle(s, &HANDLER, c);
}

struct ctl *ctl_open(struct loop *l, const char *path, const struct ctl_shard *shards, size_t nshards,
                     struct errinfo *ei) {
    struct ctl *c = calloc(1, sizeof *c);
    char address[512];
    if (!c) {
        err_set(ei, ERR_NOMEM, "control", "out of memory");
        return NULL;
    }
    c->loop = l;
    c->shards = shards;
    c->nshards = nshards;
    list_init(&c->conns);
    snprintf(address, sizeof address, "unix:%s", path);
    struct listen_opts o = {.address = address,
                            .handshakes_max = CONNS_MAX,
                            .handshake_ms = 5000,
                            .per_turn_max = CONNS_MAX,
                            .on_accept = on_accept,
                            .ctx = c};
    c->listener = listener_open(l, &o, ei);
    if (!c->listener)
        ctl_close(&c);
    return c;
}

void ctl_close(struct ctl **cp) {
    struct ctl *c = *cp;
    if (!c)
        return;
    if (c->listener)
        listener_close(&c->listener);
    LIST_EACH (l, &c->conns) {
        struct conn *x = CONTAINER_OF(l, struct conn, link);
        stream_handle(x->stream, &NOBODY, NULL);
        stream_abort(x->stream);
        conn_free(x);
    }
    free(c);
    *cp = NULL;
}

/* --- client --- */

struct client {
    struct loop *loop;
    struct buf line, in;
    const char *path;
    int exit_code; /* -1: no reply yet */
};

static void print_line(struct client *c, struct slice line) {
    if (line.n && line.p[0] == '\t') {
        printf("%.*s\n", (int)line.n - 1, (const char *)line.p + 1);
        return;
    }
    bool ok = slice_is(slice_head(line, 2), "ok");
    c->exit_code = ok ? 0 : 1;
    struct slice rest = slice_trim(slice_skip(line, ok ? 2 : 0));
    if (rest.n)
        fprintf(ok ? stdout : stderr, "%.*s\n", (int)rest.n, (const char *)rest.p);
    loop_stop(c->loop);
}

static void client_open(struct stream *s, void *ctx) {
    struct client *c = ctx;
    (void)stream_write(s, buf_slice(&c->line));
}
static void client_data(struct stream *s, void *ctx, struct slice data) {
    struct client *c = ctx;
    buf_put(&c->in, data);
    const uint8_t *end;
    while (c->exit_code < 0 && c->in.len && (end = memchr(buf_slice(&c->in).p, '\n', c->in.len))) {
        size_t n = (size_t)(end - buf_slice(&c->in).p);
        print_line(c, slice_head(buf_slice(&c->in), n));
        buf_consume(&c->in, n + 1);
    }
    if (c->exit_code >= 0)
        stream_close(s);
}
static void client_end(struct stream *s, void *ctx, enum stream_end why) {
    struct client *c = ctx;
    if (c->exit_code < 0) {
        fprintf(stderr, "amtsim ctl: %s: %s\n", c->path,
                *stream_error(s) ? stream_error(s) : stream_end_text(why));
        c->exit_code = 1;
    }
    loop_stop(c->loop);
}

int ctl_client(const char *path, char *const *words, int nwords) {
    static const struct stream_handler CLIENT = {
        .on_open = client_open, .on_data = client_data, .on_end = client_end};
    struct client c = {.loop = loop_new(), .path = path, .exit_code = -1};
    char address[512];
    if (!c.loop)
        return 1;
    for (int i = 0; i < nwords; i++)
        buf_putf(&c.line, "%s%s", i ? " " : "", words[i]);
    buf_puts(&c.line, "\n");
    snprintf(address, sizeof address, "unix:%s", path);
    struct connect_opts o = {.address = address, .timeout_ms = 5000};
    if (stream_connect(c.loop, &o, &CLIENT, &c))
        loop_run(c.loop);
    loop_free(&c.loop);
    buf_free(&c.line);
    buf_free(&c.in);
    return c.exit_code < 0 ? 1 : c.exit_code;
}
