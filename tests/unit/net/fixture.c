/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "net/address.h"

void certs_make(struct certs *c) {
    struct errinfo ei = {0};
    struct wall from = {1700000000000000};
    const char *names[] = {"localhost", "127.0.0.1", "::1"};
    *c = (struct certs){0};
    assert_int_equal(pki_make_key(PKI_P256, &c->root_key, &ei), 0);
    assert_int_equal(pki_make_key(PKI_P256, &c->leaf_key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&c->root_key), "Test Root", from, 36000, &c->root, &ei), 0);
    assert_int_equal(pki_make_leaf(buf_slice(&c->root), buf_slice(&c->root_key), buf_slice(&c->leaf_key),
                                   names, 3, from, 36000, &c->leaf, &ei),
                     0);
    c->server = tls_server_ctx(buf_slice(&c->leaf), buf_slice(&c->leaf_key), TLS_MODERN, &ei);
    c->client = tls_client_ctx(buf_slice(&c->root), false, TLS_MODERN, &ei);
    assert_non_null(c->server);
    assert_non_null(c->client);
}

void certs_free(struct certs *c) {
    buf_free(&c->root_key);
    buf_free(&c->root);
    buf_free(&c->leaf_key);
    buf_free(&c->leaf);
    tls_ctx_unref(&c->server);
    tls_ctx_unref(&c->client);
}

/* --- one side --- */

static void on_open(struct stream *s, void *ctx) {
    struct party *p = ctx;
    assert_false(p->opened);
    p->opened = true;
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct party *p = ctx;
    assert_true(p->opened && !p->ended);
    if (p->echo)
        stream_write(s, data);
    buf_put(&p->got, data);
    if (p->close_after && p->got.len >= p->close_after)
        stream_close(s);
}

static void on_drain(struct stream *s, void *ctx) {
    struct party *p = ctx;
    p->drains++;
    assert_int_equal(stream_queued(s), 0);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct party *p = ctx;
    assert_false(p->ended);
    p->ended = true;
    p->why = why;
    snprintf(p->error, sizeof p->error, "%s", stream_error(s));
    p->s = NULL;
}

const struct stream_handler party_handler = {on_open, on_data, on_drain, on_end};

void party_connect(struct party *p, struct loop *l, const struct server *v, struct tls_ctx *tls,
                   const char *name) {
    char address[64];
    const char *listening = listener_address(v->l);
    if (strncmp(listening, "[::]:", 5) == 0)
        address_join("::1", listener_port(v->l), address, sizeof address);
    else
        snprintf(address, sizeof address, "%s", listening);
    struct connect_opts o = {.address = address, .tls = tls, .verify_name = name, .timeout_ms = 3000};
    p->s = stream_connect(l, &o, &party_handler, p);
    assert_non_null(p->s);
}

void party_free(struct party *p) {
    buf_free(&p->got);
}

bool party_opened(void *p) {
    return ((struct party *)p)->opened;
}

bool party_ended(void *p) {
    return ((struct party *)p)->ended;
}

/* --- the server --- */

static bool admit(void *ctx, const char *peer_addr) {
    struct server *v = ctx;
    snprintf(v->last_admit, sizeof v->last_admit, "%s", peer_addr);
    if (v->refuse)
        return false;
    v->admitted++;
    return true;
}

static void gone(void *ctx, const char *peer_addr) {
    ((struct server *)ctx)->gone++;
}

static void on_accept(void *ctx, struct stream *s) {
    struct server *v = ctx;
    assert_in_range(v->accepted, 0, 63);
    struct party *p = &v->parties[v->accepted++];
    p->s = s;
    p->opened = true;
    p->echo = !v->no_echo;
    stream_handle(s, &party_handler, p);
    if (v->pause)
        stream_pause(s);
}

void server_open(struct server *v, struct loop *l) {
    struct errinfo ei = {0};
    v->opts.admit = admit;
    v->opts.gone = gone;
    v->opts.on_accept = on_accept;
    v->opts.ctx = v;
    v->l = listener_open(l, &v->opts, &ei);
    if (!v->l)
        fail_msg("listen: %s", ei.text);
}

void server_free(struct server *v) {
    listener_close(&v->l);
    for (unsigned i = 0; i < v->accepted; i++) {
        if (v->parties[i].s)
            stream_abort(v->parties[i].s);
        party_free(&v->parties[i]);
    }
}

/* --- running --- */

struct watch {
    struct loop_timer t;
    struct loop *l;
    bool (*done)(void *ctx);
    void *ctx;
    struct mono until;
    bool late;
};

static void on_look(struct loop_timer *t) {
    struct watch *w = CONTAINER_OF(t, struct watch, t);
    w->late = mono_due(w->until, loop_now(w->l));
    if (w->late || (w->done && w->done(w->ctx)))
        loop_stop(w->l);
    else
        loop_timer_set(w->l, t, mono_add_ms(loop_now(w->l), 1));
}

void run_until(struct loop *l, bool (*done)(void *ctx), void *ctx, int limit_ms) {
    struct watch w = {.t = {.fn = on_look}, .l = l, .done = done, .ctx = ctx};
    w.until = mono_add_ms(loop_now(l), limit_ms);
    loop_timer_set(l, &w.t, loop_now(l));
    loop_run(l);
    loop_timer_stop(l, &w.t);
    if (done && !done(ctx))
        fail_msg("nothing happened within %d ms", limit_ms);
}

void run_for(struct loop *l, int ms) {
    run_until(l, NULL, NULL, ms);
}
