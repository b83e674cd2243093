/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "net/sim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static struct certs certs;

enum { BYTES = 3000 * 1000, MOVE_AT = 300 * 1000, PIECE = 7001 };

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 37 + (i >> 9) * 11);
}

/* A server's stream that echoes, and moves to the next loop in the middle of it all. */
struct mover {
    struct loop *from, *to;
    struct listener *l;
    struct stream *s;
    struct stream_moving *moving;
    struct loop_msg letter;
    size_t got, move_at;
    atomic_bool moved, ended;
    char peer[64];
};

static void mover_data(struct stream *s, void *ctx, struct slice data);

static void mover_end(struct stream *s, void *ctx, enum stream_end why) {
    struct mover *m = ctx;
    LOOP_ASSERT(m->to);
    assert_true(why == STREAM_EOF || why == STREAM_LOCAL);
    m->s = NULL;
    atomic_store(&m->ended, true);
}

static const struct stream_handler mover_handler = {.on_data = mover_data, .on_end = mover_end};

static void arrived(struct loop *l, struct loop_msg *letter) {
    struct mover *m = CONTAINER_OF(letter, struct mover, letter);
    m->s = stream_attach(l, &m->moving, &mover_handler, m);
    assert_null(m->moving);
    assert_non_null(m->s);
    assert_ptr_equal(stream_loop(m->s), m->to);
    assert_string_equal(stream_peer(m->s), m->peer);
    atomic_store(&m->moved, true);
}

static void mover_data(struct stream *s, void *ctx, struct slice data) {
    struct mover *m = ctx;
    assert_true(loop_here(stream_loop(s)));
    for (size_t i = 0; i < data.n; i++)
        if (data.p[i] != pattern(m->got + i))
            fail_msg("byte %zu is wrong", m->got + i);
    m->got += data.n;
    stream_write(s, data);
    if (m->got < m->move_at || atomic_load(&m->moved))
        return;
    snprintf(m->peer, sizeof m->peer, "%s", stream_peer(s));
    m->moving = stream_detach(s);
    assert_non_null(m->moving);
    m->letter.fn = arrived;
    loop_post(m->to, &m->letter); /* from here on the other thread may work on it */
}

static void mover_accept(void *ctx, struct stream *s) {
    struct mover *m = ctx;
    m->s = s;
    stream_handle(s, &mover_handler, m);
}

static bool has_all(void *ctx) {
    return ((struct party *)ctx)->got.len == BYTES;
}

static void mover_open(struct mover *m, struct loop *from, struct loop *to, struct tls_ctx *tls,
                       const char *address) {
    struct errinfo ei = {0};
    *m = (struct mover){.from = from, .to = to, .move_at = MOVE_AT};
    struct listen_opts o = {.address = address, .tls = tls, .on_accept = mover_accept, .ctx = m};
    m->l = listener_open(from, &o, &ei);
    assert_non_null(m->l);
}

static void talk(struct party *p, struct loop *l, struct mover *m, struct tls_ctx *tls) {
    struct connect_opts o = {.address = listener_address(m->l), .tls = tls, .timeout_ms = 5000};
    p->s = stream_connect(l, &o, &party_handler, p);
    uint8_t piece[PIECE];
    for (size_t at = 0; at < BYTES;) {
        size_t n = BYTES - at < PIECE ? BYTES - at : PIECE;
        for (size_t i = 0; i < n; i++)
            piece[i] = pattern(at + i);
        stream_write(p->s, slice_of(piece, n));
        at += n;
    }
}

static void check_echo(const struct party *p) {
    assert_int_equal(p->got.len, BYTES);
    struct slice got = buf_slice(&p->got);
    for (size_t i = 0; i < BYTES; i++)
        if (got.p[i] != pattern(i))
            fail_msg("echo: byte %zu is wrong", i);
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static bool mover_ended(void *ctx) {
    return atomic_load(&((struct mover *)ctx)->ended);
}

static void to_another_thread(struct tls_ctx *server, struct tls_ctx *client, const char *address) {
    struct loop *a = loop_new(), *b = loop_new();
    struct mover m;
    struct party p = {0};
    pthread_t t;
    mover_open(&m, a, b, server, address);
    pthread_create(&t, NULL, run_loop, b);
    talk(&p, a, &m, client);
    run_until(a, has_all, &p, 10000);
    assert_true(atomic_load(&m.moved));
    check_echo(&p);
    stream_close(p.s);
    run_until(a, party_ended, &p, 3000);
    run_until(a, mover_ended, &m, 3000);
    loop_stop(b);
    pthread_join(t, NULL);
    listener_close(&m.l);
    loop_free(&a);
    loop_free(&b);
    party_free(&p);
}

static void in_the_middle_of_tls(void **s) {
    to_another_thread(certs.server, certs.client, "127.0.0.1:0");
}

static void in_the_middle_of_plain(void **s) {
    to_another_thread(NULL, NULL, "127.0.0.1:0");
}

static void unix_socket(void **s) {
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/outband-move-%d", (int)getpid());
    to_another_thread(certs.server, certs.client, path);
}

static void in_the_simulated_world(void **s) {
    for (int tls = 0; tls < 2; tls++) {
        struct sim_world *w = sim_world_new(3, (struct wall){1});
        struct loop *a = sim_loop_new(w), *b = sim_loop_new(w), *c = sim_loop_new(w);
        struct mover m;
        struct party p = {0};
        mover_open(&m, a, b, tls ? certs.server : NULL, "s:1");
        talk(&p, c, &m, tls ? certs.client : NULL);
        run_until(c, has_all, &p, 60000);
        assert_true(m.moved);
        check_echo(&p);
        stream_close(p.s);
        run_until(c, party_ended, &p, 3000);
        run_until(c, mover_ended, &m, 3000);
        listener_close(&m.l);
        loop_free(&a);
        loop_free(&b);
        loop_free(&c);
        sim_world_free(&w);
        party_free(&p);
    }
}

/* Half taken by libuv and half not, while the peer does not read. */
static void the_queue_moves_along(void **s) {
    for (int tls = 0; tls < 2; tls++) {
        struct loop *l = loop_new();
        struct mover m;
        struct party p = {0};
        mover_open(&m, l, l, tls ? certs.server : NULL, "127.0.0.1:0");
        struct connect_opts o = {.address = listener_address(m.l), .tls = tls ? certs.client : NULL};
        p.s = stream_connect(l, &o, &party_handler, &p);
        run_until(l, party_opened, &p, 2000);
        run_for(l, 20);
        stream_pause(p.s);
        uint8_t *big = malloc(BYTES);
        for (size_t i = 0; i < BYTES; i++)
            big[i] = pattern(i);
        size_t rest = 0;
        for (; rest < BYTES / 2 && stream_queued(m.s) == 0; rest += BYTES / 50) {
            stream_write(m.s, slice_of(big + rest, BYTES / 50));
            run_for(l, 3); /* until the kernel takes no more */
        }
        for (; rest < BYTES; rest += BYTES / 50)
            stream_write(m.s, slice_of(big + rest, BYTES / 50));
        size_t queued = stream_queued(m.s);
        m.moving = stream_detach(m.s);
        m.to = l;
        m.s = stream_attach(l, &m.moving, &mover_handler, &m);
        assert_true(queued > 0);
        assert_int_equal(stream_queued(m.s), queued);
        stream_resume(p.s);
        run_until(l, has_all, &p, 5000);
        check_echo(&p);
        stream_close(p.s);
        run_until(l, party_ended, &p, 2000);
        listener_close(&m.l);
        loop_free(&l);
        party_free(&p);
        free(big);
    }
}

static bool detached(void *ctx) {
    return ((struct mover *)ctx)->moving != NULL;
}

/* Nobody takes it: the peer sees the end of the connection. */
static void given_up_on_the_way(void **s) {
    struct sim_world *w = sim_world_new(3, (struct wall){1});
    struct loop *loops[2] = {loop_new(), sim_loop_new(w)};
    for (int i = 0; i < 2; i++) {
        struct mover m;
        struct party p = {0};
        struct loop *l = loops[i];
        mover_open(&m, l, l, certs.server, "127.0.0.1:0");
        struct connect_opts o = {.address = listener_address(m.l), .tls = certs.client, .timeout_ms = 5000};
        p.s = stream_connect(l, &o, &party_handler, &p);
        run_until(l, party_opened, &p, 2000);
        run_for(l, 20);
        assert_non_null(m.s);
        m.moving = stream_detach(m.s);
        assert_true(detached(&m));
        run_for(l, 20);
        assert_false(p.ended || atomic_load(&m.ended)); /* the old side says nothing */
        stream_moving_free(&m.moving);
        assert_null(m.moving);
        run_until(l, party_ended, &p, 2000);
        listener_close(&m.l);
        loop_free(&loops[i]);
        party_free(&p);
    }
    sim_world_free(&w);
}

static void a_closing_stream_stays(void **s) {
    struct loop *l = loop_new();
    struct mover m;
    struct party p = {0};
    mover_open(&m, l, l, NULL, "127.0.0.1:0");
    struct connect_opts o = {.address = listener_address(m.l)};
    p.s = stream_connect(l, &o, &party_handler, &p);
    run_until(l, party_opened, &p, 2000);
    stream_close(p.s);
    assert_null(stream_detach(p.s));
    run_until(l, party_ended, &p, 2000);
    listener_close(&m.l);
    loop_free(&l);
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
        T(in_the_middle_of_tls),   T(in_the_middle_of_plain), T(unix_socket),
        T(in_the_simulated_world), T(the_queue_moves_along),  T(given_up_on_the_way),
        T(a_closing_stream_stays),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
