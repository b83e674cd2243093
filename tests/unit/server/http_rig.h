/* SPDX-License-Identifier: Apache-2.0 */
/* http_rig: a whole server (two shards, store, users, hosts) in the simulated world, and clients that speak
 * raw HTTP to it over the memory network. One rig a test. */
#pragma once

#include "net/sim.h"
#include "proto/http1.h"
#include "server/auth_int.h"
#include "server/directory.h"
#include "server/fleet.h"
#include "server/httpd_int.h"
#include "server/hub.h"
#include "server/provisioning.h"
#include "store/seal.h"
#include "unit.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

struct rig {
    char dir[64];
    struct sim_world *w;
    struct loop *loops[2], *client_loop;
    struct store *store;
    struct seal_key *seal;
    struct app *app;
    struct httpd *httpd;
};

/* One client connection and all that came back. */
struct client {
    struct rig *rig;
    struct stream *s;
    struct http1 *parser;
    struct buf raw;  /* everything, as received */
    struct buf body; /* of the last answer; of a stream: what came so far */
    char head[4096]; /* of the last answer */
    int status;      /* of the last complete answer; 0: none yet */
    int answers;     /* complete ones */
    bool ended;
    enum stream_end why;
};

static inline void rig_run(struct rig *g, int64_t ms) {
    struct mono until = mono_add_ms(sim_now(g->w), ms);
    do {
        struct mono step = mono_min(until, mono_add_ms(sim_now(g->w), 20));
        sim_run_until(g->w, step);
        store_pump(g->store);
    } while (mono_before(sim_now(g->w), until));
}

static inline void rig_user(struct rig *g, const char *name, const char *role, const char *project) {
    struct store_user u = {.created = {1}, .changed = {1}};
    snprintf(u.name, sizeof u.name, "%s", name);
    snprintf(u.role, sizeof u.role, "%s", role);
    snprintf(u.project, sizeof u.project, "%s", project);
    struct store_txn *t = store_txn_new(NULL, NULL);
    assert_int_equal(store_txn_add(t, STORE_USER_PUT, &u), 0);
    assert_int_equal(store_submit(g->store, t), 0);
    store_pump(g->store);
}

/* A token without hashing a password. */
static inline const char *rig_token(struct rig *g, const char *user, char out[TOKEN_MAX_BYTES]) {
    struct store_user u;
    struct auth_session s;
    struct buf b = {0};
    assert_int_equal(auth_user_get(g->app->auth, user, &u), 0);
    assert_int_equal(auth_issue(g->app->auth, g->app->shards[0], &u, &s, &b), 0);
    snprintf(out, TOKEN_MAX_BYTES, "%s", buf_cstr(&b));
    buf_free(&b);
    return out;
}

static inline void rig_created(struct fleet_create *c) {
    assert_int_equal(c->err, 0);
    *(bool *)c->ctx = true;
    fleet_create_free(&c);
}
static inline void rig_host(struct rig *g, const char *project, const char *name) {
    bool done = false;
    struct fleet_create *c = calloc(1, sizeof *c);
    c->from = g->app->shards[0];
    c->rows = calloc(1, sizeof *c->rows);
    c->nrows = 1;
    snprintf(c->rows->project, sizeof c->rows->project, "%s", project);
    snprintf(c->rows->name, sizeof c->rows->name, "%s", name);
    snprintf(c->rows->cira_user, sizeof c->rows->cira_user, "cira-%s-%s", project, name);
    snprintf(c->rows->cira_password, sizeof c->rows->cira_password, "P@ssw0rd!");
    snprintf(c->rows->actor, sizeof c->rows->actor, "rig");
    c->done = rig_created;
    c->ctx = &done;
    fleet_create(c);
    rig_run(g, 50);
    assert_true(done);
}

static inline void rig_auth(struct rig *g) {
    struct errinfo ei = {0};
    auth_free(&g->app->auth);
    if (auth_new(&g->app->auth, g->app, &ei))
        fail_msg("%s", ei.text);
}

/* A store with a token key and the users admin, operator, viewer, and "bound" (admin of the project other).
 */
static inline struct rig *rig_new(void) {
    struct rig *g = calloc(1, sizeof *g);
    struct errinfo ei = {0};
    char key[96];
    snprintf(g->dir, sizeof g->dir, "/tmp/outband-http-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    snprintf(key, sizeof key, "%s/master.key", g->dir);
    struct store_opts o = STORE_OPTS_DEFAULT(g->dir);
    o.manual = true;
    o.reserve_bytes = 0;
    if (seal_key_create(key, &ei) || seal_key_load(key, &g->seal, &ei) ||
        store_open(&g->store, &o, true, &ei))
        fail_msg("%s", ei.text);
    struct token_ring ring = {0};
    struct store_txn *t = store_txn_new(NULL, NULL);
    g->w = sim_world_new(7, (struct wall){1795356131000000});
    g->client_loop = sim_loop_new(g->w);
    for (int i = 0; i < 2; i++)
        g->loops[i] = sim_loop_new(g->w);
    assert_int_equal(token_key_make(&ring.current, loop_wall(g->loops[0])), 0);
    assert_int_equal(token_ring_save(t, g->seal, &ring), 0);
    assert_int_equal(store_submit(g->store, t), 0);
    rig_user(g, "admin", "admin", "");
    rig_user(g, "operator", "operator", "");
    rig_user(g, "viewer", "viewer", "");
    rig_user(g, "bound", "admin", "other");
    struct app_opts ao = {.nshards = 2,
                          .loops = {g->loops[0], g->loops[1]},
                          .store = g->store,
                          .seal = g->seal,
                          .instance = 42};
    g->app = app_new(&ao, &ei);
    assert_non_null(g->app);
    rig_auth(g);
    atomic_store(&g->app->ready, 1);
    g->httpd = httpd_new(g->app->shards[0], "127.0.0.1:8443", NULL, &ei);
    if (!g->httpd)
        fail_msg("%s", ei.text);
    g->app->shards[0]->httpd = g->httpd;
    return g;
}

static inline void rig_free(struct rig **gp) {
    struct rig *g = *gp;
    char path[400];
    atomic_store(&g->app->draining, 1);
    for (unsigned i = 0; i < g->app->nshards; i++)
        provisioning_drain(g->app->shards[i]);
    httpd_free(&g->httpd);
    rig_run(g, 100);
    auth_free(&g->app->auth);
    app_free(&g->app);
    for (int i = 0; i < 2; i++)
        loop_free(&g->loops[i]);
    loop_free(&g->client_loop);
    sim_world_free(&g->w);
    store_close(&g->store);
    seal_key_free(&g->seal);
    DIR *d = opendir(g->dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", g->dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(g->dir);
    free(g);
    *gp = NULL;
}

/* --- a client --- */
static inline void client_data(struct stream *s, void *ctx, struct slice data) {
    struct client *c = ctx;
    struct http1_ev ev;
    buf_put(&c->raw, data);
    while (http1_input(c->parser, &data, &ev) > 0) {
        if (ev.kind == HTTP1_HEAD) {
            struct slice name, value;
            buf_clear(&c->body);
            size_t n = 0;
            for (size_t i = 0; http1_header_at(c->parser, i, &name, &value) && n < sizeof c->head - 1; i++)
                n += (size_t)snprintf(c->head + n, sizeof c->head - n, "%.*s: %.*s\n", (int)name.n, name.p,
                                      (int)value.n, value.p);
            c->status = 0;
        } else if (ev.kind == HTTP1_BODY) {
            buf_put(&c->body, ev.data);
        } else {
            c->status = http1_status(c->parser);
            c->answers++;
        }
    }
}
static inline void client_end(struct stream *s, void *ctx, enum stream_end why) {
    struct client *c = ctx;
    c->ended = true;
    c->why = why;
    c->s = NULL;
}

static inline struct client *client_open(struct rig *g) {
    static const struct stream_handler h = {.on_data = client_data, .on_end = client_end};
    struct http1_limits lim = {.head_bytes = 16384, .headers_max = 64, .body_bytes = 64 << 20};
    struct connect_opts o = {.address = "127.0.0.1:8443", .timeout_ms = 5000};
    struct client *c = calloc(1, sizeof *c);
    c->rig = g;
    c->parser = http1_new(HTTP1_RESPONSES, &lim);
    c->s = stream_connect(g->client_loop, &o, &h, c);
    rig_run(g, 10);
    return c;
}
static inline void client_close(struct client **cp) {
    struct client *c = *cp;
    if (c->s) {
        stream_abort(c->s);
        rig_run(c->rig, 20);
    }
    http1_free(&c->parser);
    buf_free(&c->raw);
    buf_free(&c->body);
    free(c);
    *cp = NULL;
}

/* Send raw text; what comes back is in c after some virtual time. */
static inline void client_send(struct client *c, const char *text) {
    if (c->s)
        (void)stream_write(c->s, slice_str(text));
    rig_run(c->rig, 60);
}

/* One whole request on c; extra: header lines, each ended by CRLF. Returns the status. */
static inline int client_ask(struct client *c, const char *token, const char *method, const char *path,
                             const char *extra, const char *body) {
    struct buf b = {0};
    buf_putf(&b, "%s %s HTTP/1.1\r\nHost: test\r\n", method, path);
    if (token)
        buf_putf(&b, "Authorization: Bearer %s\r\n", token);
    if (body)
        buf_putf(&b, "Content-Length: %zu\r\n", strlen(body));
    buf_putf(&b, "%s\r\n%s", extra ? extra : "", body ? body : "");
    if (strcmp(method, "HEAD") == 0)
        http1_expect_no_body(c->parser);
    c->status = 0;
    client_send(c, buf_cstr(&b));
    for (int i = 0; !c->status && !c->ended && i < 20; i++)
        rig_run(c->rig, 100);
    buf_free(&b);
    return c->status;
}

/* A text member of the answer's JSON, "a.b.c"; "" when absent. Valid until the next call. */
static inline const char *answer_text(struct client *c, const char *path) {
    static char out[512];
    json_t *root = json_loadb((const char *)buf_slice(&c->body).p, c->body.len, 0, NULL), *v = root;
    struct slice rest = slice_str(path);
    char name[64];
    while (v && rest.n) {
        slice_to_str(slice_cut(&rest, '.'), name, sizeof name);
        v = json_is_array(v) ? json_array_get(v, (size_t)strtoul(name, NULL, 10)) : json_object_get(v, name);
    }
    *out = 0;
    if (json_is_string(v))
        snprintf(out, sizeof out, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(out, sizeof out, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        snprintf(out, sizeof out, "%s", json_is_true(v) ? "true" : "false");
    json_decref(root);
    return out;
}
