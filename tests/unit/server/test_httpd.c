/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"

/* --- the wire --- */
static void answers_and_keeps_the_connection(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    assert_string_equal(buf_cstr(&c->body), "ok\n");
    assert_non_null(strstr(c->head, "Strict-Transport-Security: "));
    assert_non_null(strstr(c->head, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(c->head, "Cache-Control: no-store"));
    assert_non_null(strstr(c->head, "X-Request-Id: "));
    assert_non_null(strstr(c->head, "Date: "));
    assert_int_equal(client_ask(c, NULL, "HEAD", "/healthz", NULL, NULL), 200);
    assert_int_equal(c->body.len, 0);
    assert_non_null(strstr(c->head, "Content-Length: 3"));
    assert_int_equal(client_ask(c, NULL, "GET", "/readyz?verbose", NULL, NULL), 200);
    assert_false(c->ended);
    assert_int_equal(c->answers, 3);
    client_close(&c);
    rig_free(&g);
}

static void pipelined_requests_are_answered_in_order(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    struct buf b = {0};
    for (int i = 0; i < 50; i++)
        buf_puts(&b, i % 2 ? "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n"
                           : "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
    client_send(c, buf_cstr(&b));
    assert_int_equal(c->answers, 50);
    assert_int_equal(c->status, 404);
    buf_free(&b);
    client_close(&c);
    rig_free(&g);
}

static void byte_by_byte(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    const char *text = "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";
    for (const char *p = text; *p; p++) {
        (void)stream_write(c->s, slice_of(p, 1));
        rig_run(g, 1);
    }
    rig_run(g, 50);
    assert_int_equal(c->answers, 2);
    assert_int_equal(c->status, 200);
    client_close(&c);
    rig_free(&g);
}

static void what_is_not_http_is_refused(void **s) {
    static const struct {
        const char *text;
        int status;
    } v[] = {
        {"\x16\x03\x01 nonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET nopath HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
         400},
        {"POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct rig *g = rig_new();
        struct client *c = client_open(g);
        client_send(c, v[i].text);
        assert_int_equal(c->status, v[i].status);
        assert_string_equal(answer_text(c, "code"), v[i].status == 501 ? "Unimplemented" : "InvalidArgument");
        client_close(&c);
        rig_free(&g);
    }
}

/* --- limits, each tripped --- */
static void slow_heads_are_cut_off(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    client_send(c, "GET /healthz HT");
    for (int i = 0; i < 12 && !c->ended; i++) {
        rig_run(g, 1000);
        if (c->s)
            (void)stream_write(c->s, SLICE_LIT("T")); /* a drip keeps no connection open */
    }
    assert_int_equal(c->status, 408);
    rig_run(g, 5000);
    assert_true(c->ended);
    client_close(&c);
    rig_free(&g);
}

static void slow_bodies_are_cut_off(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    client_send(c, "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n{");
    for (int i = 0; i < 25 && !c->ended; i++) {
        rig_run(g, 1000);
        if (c->s)
            (void)stream_write(c->s, SLICE_LIT(" "));
    }
    assert_int_equal(c->status, 408);
    assert_true(c->ended);
    client_close(&c);
    rig_free(&g);
}

static void steady_bodies_are_not(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    char piece[2001];
    memset(piece, ' ', 2000);
    piece[2000] = 0;
    client_send(c, "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        rig_run(g, 1000);
        (void)stream_write(c->s, slice_of(piece, 2000));
    }
    rig_run(g, 100);
    assert_int_equal(c->status, 400); /* blanks are no JSON, but they were all taken */
    client_close(&c);
    rig_free(&g);
}

static void idle_connections_end(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    rig_run(g, 70000);
    assert_false(c->ended);
    rig_run(g, 10000);
    assert_true(c->ended);
    client_close(&c);
    rig_free(&g);
}

static void large_heads_and_bodies_are_refused(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    struct buf b = {0};
    buf_puts(&b, "GET /healthz HTTP/1.1\r\nHost: t\r\nX-Long: ");
    for (int i = 0; i < 20000; i++)
        buf_puts(&b, "x");
    client_send(c, buf_cstr(&b));
    assert_int_equal(c->status, 431);
    client_close(&c);
    /* told beforehand */
    c = client_open(g);
    client_send(c, "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n");
    assert_int_equal(c->status, 413);
    assert_string_equal(answer_text(c, "type"), "/problems/limit");
    client_close(&c);
    /* or not */
    c = client_open(g);
    buf_clear(&b);
    buf_puts(&b, "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    char piece[4097];
    memset(piece, ' ', 4096);
    piece[4096] = 0;
    for (int i = 0; i < 20; i++)
        buf_putf(&b, "1000\r\n%s\r\n", piece);
    client_send(c, buf_cstr(&b));
    assert_int_equal(c->status, 413);
    rig_run(g, 3000);
    assert_true(c->ended);
    buf_free(&b);
    client_close(&c);
    rig_free(&g);
}

static void expect_is_answered(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    client_send(
        c, "POST /api/v1/authorize HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_non_null(strstr(buf_cstr(&c->raw), "HTTP/1.1 100 Continue\r\n\r\n"));
    client_close(&c);
    c = client_open(g);
    client_send(c, "POST /v1/projects/default/compute/hosts HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                   "Content-Length: 2\r\n\r\n");
    assert_int_equal(c->status, 401);
    client_close(&c);
    rig_free(&g);
}

static void too_many_connections_are_told(void **s) {
    struct rig *g = rig_new();
    struct httpd_limits lim = HTTPD_LIMITS_DEFAULT;
    lim.connections_max = 2;
    httpd_set_limits(g->httpd, &lim);
    struct client *a = client_open(g), *b = client_open(g), *c = client_open(g);
    rig_run(g, 100);
    assert_int_equal(c->status, 503);
    assert_non_null(strstr(c->head, "Retry-After: "));
    rig_run(g, 3000);
    assert_true(c->ended);
    assert_int_equal(client_ask(a, NULL, "GET", "/healthz", NULL, NULL), 200);
    /* a place that became free is used again */
    client_close(&b);
    client_close(&c);
    c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    client_close(&a);
    client_close(&c);
    rig_free(&g);
}

static void one_address_has_its_share(void **s) {
    struct rig *g = rig_new();
    struct httpd_limits lim = HTTPD_LIMITS_DEFAULT;
    lim.connections_peer_max = 2;
    httpd_set_limits(g->httpd, &lim);
    struct client *v[3];
    for (int i = 0; i < 3; i++) {
        sim_next_source(g->client_loop, "10.0.0.7:999");
        v[i] = client_open(g);
    }
    assert_true(v[2]->ended);
    assert_false(v[1]->ended);
    sim_next_source(g->client_loop, "10.0.0.8:999");
    struct client *other = client_open(g);
    assert_int_equal(client_ask(other, NULL, "GET", "/healthz", NULL, NULL), 200);
    for (int i = 0; i < 3; i++)
        client_close(&v[i]);
    client_close(&other);
    rig_free(&g);
}

static void requests_of_a_connection_are_counted(void **s) {
    struct rig *g = rig_new();
    struct httpd_limits lim = HTTPD_LIMITS_DEFAULT;
    lim.requests_max = 2;
    httpd_set_limits(g->httpd, &lim);
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    rig_run(g, 3000);
    assert_true(c->ended);
    client_close(&c);
    rig_free(&g);
}

static void draining_ends_idle_connections(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, NULL, "GET", "/healthz", NULL, NULL), 200);
    httpd_drain(g->httpd);
    rig_run(g, 100);
    assert_true(c->ended);
    assert_false(httpd_busy(g->httpd));
    client_close(&c);
    rig_free(&g);
}

/* The answer comes when the client is gone: nothing breaks, nothing leaks. */
static void a_client_that_leaves_early(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct buf b = {0};
    struct client *c = client_open(g);
    buf_putf(&b,
             "GET /v1/projects/default/compute/hosts HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n\r\n",
             rig_token(g, "viewer", token));
    (void)stream_write(c->s, buf_slice(&b));
    sim_run_until(g->w, mono_add_ms(sim_now(g->w), 1));
    stream_abort(c->s);
    rig_run(g, 200);
    assert_true(c->ended);
    buf_free(&b);
    client_close(&c);
    rig_free(&g);
}

UNIT_MAIN(T(answers_and_keeps_the_connection), T(pipelined_requests_are_answered_in_order), T(byte_by_byte),
          T(what_is_not_http_is_refused), T(slow_heads_are_cut_off), T(slow_bodies_are_cut_off),
          T(steady_bodies_are_not), T(idle_connections_end), T(large_heads_and_bodies_are_refused),
          T(expect_is_answered), T(too_many_connections_are_told), T(one_address_has_its_share),
          T(requests_of_a_connection_are_counted), T(draining_ends_idle_connections),
          T(a_client_that_leaves_early))
