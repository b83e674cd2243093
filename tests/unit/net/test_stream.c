/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>

static struct certs certs;

struct pair {
    struct loop *l;
    struct server v;
    struct party p;
};

static void pair_open(struct pair *x, const char *address, bool tls) {
    memset(x, 0, sizeof *x);
    x->l = loop_new();
    x->v.opts.address = address;
    x->v.opts.tls = tls ? certs.server : NULL;
    server_open(&x->v, x->l);
    party_connect(&x->p, x->l, &x->v, tls ? certs.client : NULL, tls ? "localhost" : NULL);
}

static void pair_free(struct pair *x) {
    if (x->p.s)
        stream_abort(x->p.s);
    server_free(&x->v);
    loop_free(&x->l);
    party_free(&x->p);
}

static bool echoed_five(void *ctx) {
    struct pair *x = ctx;
    return x->p.got.len == 5;
}

static void echo_over(const char *address, bool tls) {
    struct pair x;
    pair_open(&x, address, tls);
    assert_int_equal(stream_write(x.p.s, SLICE_LIT("he")), 0); /* before it is open */
    run_until(x.l, party_opened, &x.p, 2000);
    assert_int_equal(stream_write(x.p.s, SLICE_LIT("llo")), 0);
    assert_true(stream_queued(x.p.s) > 0); /* goes out with the turn */
    run_until(x.l, echoed_five, &x, 2000);
    assert_true(slice_is(buf_slice(&x.p.got), "hello"));
    assert_int_equal(stream_queued(x.p.s), 0);
    assert_true(x.p.drains > 0);
    assert_string_equal(stream_tls_version(x.p.s), tls ? "TLSv1.3" : "");
    assert_true(tls == (strlen(stream_tls_cipher(x.p.s)) > 0));
    assert_true(stream_peer(x.p.s)[0] != 0);
    uint8_t print[32];
    assert_true(stream_peer_fingerprint(x.p.s, print) == tls);
    stream_close(x.p.s);
    assert_int_equal(stream_write(x.p.s, SLICE_LIT("x")), ERR_CLOSED);
    run_until(x.l, party_ended, &x.p, 2000);
    run_until(x.l, party_ended, &x.v.parties[0], 2000);
    assert_int_equal(x.p.why, STREAM_LOCAL);
    assert_int_equal(x.v.parties[0].why, STREAM_EOF);
    pair_free(&x);
}

static void echo(void **s) {
    echo_over("127.0.0.1:0", false);
    echo_over("127.0.0.1:0", true);
    echo_over("localhost:0", false);
    echo_over(":0", false);
    if (access("/proc/net/if_inet6", R_OK) == 0) {
        echo_over("[::1]:0", false);
        echo_over("[::]:0", true);
    }
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/outband-stream-%d", getpid());
    echo_over(path, false);
    echo_over(path, true);
    assert_int_not_equal(access(path + 5, F_OK), 0); /* the socket file went with the listener */
}

static void peer_names(void **s) {
    struct pair x;
    pair_open(&x, "127.0.0.1:0", false);
    run_until(x.l, party_opened, &x.p, 2000);
    assert_string_equal(stream_peer(x.p.s), listener_address(x.v.l));
    assert_string_equal(stream_peer_addr(x.p.s), "127.0.0.1");
    assert_string_equal(x.v.last_admit, "127.0.0.1");
    assert_ptr_equal(stream_loop(x.p.s), x.l);
    pair_free(&x);
}

/* --- how streams end --- */

static void reset_is_not_eof(void **s) {
    for (int tls = 0; tls < 2; tls++) {
        struct pair x;
        pair_open(&x, "127.0.0.1:0", tls);
        run_until(x.l, party_opened, &x.p, 2000);
        stream_abort(x.p.s);
        run_until(x.l, party_ended, &x.p, 2000);
        assert_int_equal(x.p.why, STREAM_LOCAL);
        if (!x.v.accepted) {
            pair_free(&x);
            continue;
        }
        run_until(x.l, party_ended, &x.v.parties[0], 2000);
        assert_int_equal(x.v.parties[0].why, STREAM_RESET);
        assert_true(strlen(x.v.parties[0].error) > 0);
        pair_free(&x);
    }
}

/* Nobody reads the peer's end before the next write; that write must not raise SIGPIPE. */
static void writing_to_the_dead(void **s) {
    struct pair x;
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/outband-dead-%d", getpid()); /* where the first write raises it */
    pair_open(&x, path, false);
    run_until(x.l, party_opened, &x.p, 2000);
    run_until(x.l, party_opened, &x.v.parties[0], 2000);
    struct party *writer = &x.v.parties[0];
    stream_pause(writer->s);
    stream_abort(x.p.s);
    run_until(x.l, party_ended, &x.p, 2000);
    for (int i = 0; i < 3 && writer->s; i++) {
        stream_write(writer->s, SLICE_LIT("anybody?"));
        run_for(x.l, 10);
    }
    assert_true(writer->ended);
    assert_int_equal(writer->why, STREAM_RESET);
    pair_free(&x);
}

/* A TLS client by hand over a plain stream, to end without close_notify. */
struct rude {
    struct party p;
    struct tls *t;
};

static void rude_data(struct stream *s, void *ctx, struct slice data) {
    struct rude *r = ctx;
    assert_int_equal(tls_input(r->t, data, &r->p.got), 0);
    stream_write(s, buf_slice(tls_output(r->t)));
    buf_free(tls_output(r->t));
    if (r->p.got.len)
        stream_close(s);
}

static void rude_end(struct stream *s, void *ctx, enum stream_end why) {
    struct rude *r = ctx;
    r->p.ended = true;
}

static void truncated_tls_is_eof(void **s) {
    static const struct stream_handler handler = {.on_data = rude_data, .on_end = rude_end};
    struct pair x = {.l = loop_new(), .v.opts = {.address = "127.0.0.1:0", .tls = certs.server}};
    struct rude r = {.t = tls_new(certs.client, false, NULL)};
    server_open(&x.v, x.l);
    struct connect_opts o = {.address = listener_address(x.v.l)};
    r.p.s = stream_connect(x.l, &o, &handler, &r);
    assert_int_equal(tls_start(r.t), 0);
    stream_write(r.p.s, buf_slice(tls_output(r.t)));
    buf_free(tls_output(r.t));
    run_until(x.l, party_opened, &x.v.parties[0], 2000);
    stream_write(x.v.parties[0].s, SLICE_LIT("hello"));
    run_until(x.l, party_ended, &x.v.parties[0], 2000);
    assert_int_equal(x.v.parties[0].why, STREAM_EOF);
    run_until(x.l, party_ended, &r.p, 2000);
    assert_true(slice_is(buf_slice(&r.p.got), "hello"));
    tls_free(&r.t);
    party_free(&r.p);
    pair_free(&x);
}

static void close_in_on_data(void **s) {
    struct pair x;
    pair_open(&x, "127.0.0.1:0", true);
    x.p.close_after = 3;
    stream_write(x.p.s, SLICE_LIT("abc"));
    run_until(x.l, party_ended, &x.p, 2000);
    assert_int_equal(x.p.why, STREAM_LOCAL);
    assert_true(slice_is(buf_slice(&x.p.got), "abc"));
    run_until(x.l, party_ended, &x.v.parties[0], 2000);
    pair_free(&x);
}

static enum stream_end connect_to(const char *address, char *error) {
    struct loop *l = loop_new();
    struct party p = {0};
    struct connect_opts o = {.address = address, .timeout_ms = 2000};
    p.s = stream_connect(l, &o, &party_handler, &p);
    assert_non_null(p.s);
    assert_false(p.ended); /* never from inside the call */
    run_until(l, party_ended, &p, 3000);
    snprintf(error, 400, "%s", p.error);
    loop_free(&l);
    return p.why;
}

static void connects_that_fail(void **s) {
    char error[400];
    struct pair x;
    pair_open(&x, "127.0.0.1:0", false);
    char dead[64];
    snprintf(dead, sizeof dead, "%s", listener_address(x.v.l));
    pair_free(&x);
    assert_int_equal(connect_to(dead, error), STREAM_REFUSED);
    assert_true(strlen(error) > 0);
    assert_int_equal(connect_to("not an address", error), STREAM_UNREACHABLE);
    assert_non_null(strstr(error, "not an address"));
    assert_int_equal(connect_to(":443", error), STREAM_UNREACHABLE);
    assert_int_equal(connect_to("unix:/tmp/outband-nobody-is-here", error), STREAM_REFUSED);
}

static void a_connect_that_is_given_up(void **s) {
    struct loop *l = loop_new();
    struct party p = {0}, q = {0};
    struct connect_opts o = {.address = "localhost:1", .timeout_ms = 2000};
    p.s = stream_connect(l, &o, &party_handler, &p);
    q.s = stream_connect(l, &o, &party_handler, &q);
    stream_close(p.s);
    stream_abort(q.s);
    assert_false(p.ended);
    run_until(l, party_ended, &p, 2000);
    run_until(l, party_ended, &q, 2000);
    assert_int_equal(p.why, STREAM_LOCAL);
    p = (struct party){0};
    p.s = stream_connect(l, &o, &party_handler, &p); /* left to loop_free() */
    loop_free(&l);
    assert_true(p.ended);
}

/* --- volume and back-pressure --- */

enum { BIG = 4 * 1024 * 1024, PIECE = 100 * 1000 };

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8) * 7);
}

struct slow {
    struct party p;
    struct loop_timer t;
    struct loop *l;
    bool paused;
    unsigned pauses;
    size_t got;
};

static void slow_resume(struct loop_timer *t) {
    struct slow *w = CONTAINER_OF(t, struct slow, t);
    w->paused = false;
    stream_resume(w->p.s);
}

static void slow_data(struct stream *s, void *ctx, struct slice d) {
    struct slow *w = ctx;
    assert_false(w->paused); /* pause really stops */
    for (size_t i = 0; i < d.n; i++)
        if (d.p[i] != pattern(w->got + i))
            fail_msg("byte %zu is wrong", w->got + i);
    size_t before = w->got / (256 * 1024);
    w->got += d.n;
    if (w->got / (256 * 1024) != before) {
        stream_pause(s);
        w->paused = true;
        w->pauses++;
        loop_timer_set(w->l, &w->t, mono_add_ms(loop_now(w->l), 2));
    }
}

static void slow_end(struct stream *s, void *ctx, enum stream_end why) {
    struct slow *w = ctx;
    w->p.ended = true;
    w->p.s = NULL;
}

static const struct stream_handler slow_handler = {.on_data = slow_data, .on_end = slow_end};

static bool slow_has_all(void *ctx) {
    return ((struct slow *)ctx)->got == BIG;
}

static void four_mebibytes(void **s) {
    uint8_t *big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        big[i] = pattern(i);
    for (int tls = 0; tls < 2; tls++) {
        struct pair x;
        pair_open(&x, "127.0.0.1:0", tls);
        struct slow w = {.l = x.l, .t = {.fn = slow_resume}};
        run_until(x.l, party_opened, &x.v.parties[0], 2000);
        w.p.s = x.v.parties[0].s;
        x.v.parties[0].s = NULL;
        stream_handle(w.p.s, &slow_handler, &w);
        if (tls)
            stream_bulk(w.p.s);
        for (size_t at = 0; at < BIG; at += PIECE)
            stream_write(x.p.s, slice_of(big + at, at + PIECE > BIG ? BIG - at : PIECE));
        stream_close(x.p.s); /* what is queued still goes out */
        run_until(x.l, slow_has_all, &w, 5000);
        assert_true(w.pauses >= 15);
        run_until(x.l, party_ended, &w.p, 2000);
        run_until(x.l, party_ended, &x.p, 2000);
        loop_timer_stop(x.l, &w.t);
        pair_free(&x);
    }
    free(big);
}

static void a_paused_reader_holds_the_writer(void **s) {
    struct pair x;
    pair_open(&x, "127.0.0.1:0", false);
    run_until(x.l, party_opened, &x.v.parties[0], 2000);
    struct stream *reader = x.v.parties[0].s;
    stream_pause(reader);
    uint8_t *big = calloc(1, 16 * BIG);
    stream_write(x.p.s, slice_of(big, 16 * BIG));
    run_for(x.l, 50);
    assert_int_equal(x.v.parties[0].got.len, 0);
    assert_true(stream_queued(x.p.s) > BIG);
    assert_int_equal(x.p.drains, 0);
    pair_free(&x);
    free(big);
}

/* --- TLS --- */

static void stranger_is_refused(void **s) {
    struct certs other;
    certs_make(&other);
    struct pair x = {.l = loop_new()};
    x.v.opts.address = "127.0.0.1:0";
    x.v.opts.tls = certs.server;
    server_open(&x.v, x.l);
    party_connect(&x.p, x.l, &x.v, other.client, "localhost");
    run_until(x.l, party_ended, &x.p, 2000);
    assert_int_equal(x.p.why, STREAM_TLS_FAILED);
    assert_non_null(strstr(x.p.error, "certificate is not acceptable"));
    run_for(x.l, 20);
    assert_int_equal(x.v.accepted, 0);
    assert_int_equal(x.v.gone, 1);

    struct party wrong = {0}; /* the right root, but another name */
    party_connect(&wrong, x.l, &x.v, certs.client, "other.example");
    run_until(x.l, party_ended, &wrong, 2000);
    assert_int_equal(wrong.why, STREAM_TLS_FAILED);
    assert_non_null(strstr(wrong.error, "ostname mismatch"));
    pair_free(&x);
    certs_free(&other);
}

static void plain_client_on_a_tls_port(void **s) {
    struct pair x = {.l = loop_new()};
    x.v.opts.address = "127.0.0.1:0";
    x.v.opts.tls = certs.server;
    server_open(&x.v, x.l);
    party_connect(&x.p, x.l, &x.v, NULL, NULL);
    stream_write(x.p.s, SLICE_LIT("GET / HTTP/1.1\r\n\r\n"));
    run_until(x.l, party_ended, &x.p, 2000);
    assert_int_equal(x.p.why, STREAM_EOF);
    assert_int_equal(x.v.gone, 1);
    assert_int_equal(listener_handshakes(x.v.l), 0);
    pair_free(&x);
}

static int setup(void **s) {
    certs_make(&certs);
    return 0;
}

static int teardown(void **s) {
    certs_free(&certs);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(echo),
        T(peer_names),
        T(reset_is_not_eof),
        T(writing_to_the_dead),
        T(truncated_tls_is_eof),
        T(close_in_on_data),
        T(connects_that_fail),
        T(a_connect_that_is_given_up),
        T(four_mebibytes),
        T(a_paused_reader_holds_the_writer),
        T(stranger_is_refused),
        T(plain_client_on_a_tls_port),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
