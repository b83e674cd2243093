/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct certs certs;

enum { MANY = 24 };
struct crowd {
    struct loop *l;
    struct server v;
    struct party p[MANY];
};

static void crowd_open(struct crowd *c, struct tls_ctx *tls) {
    c->l = loop_new();
    c->v.opts.address = c->v.opts.address ? c->v.opts.address : "127.0.0.1:0";
    c->v.opts.tls = tls;
    server_open(&c->v, c->l);
}

static void crowd_free(struct crowd *c) {
    for (int i = 0; i < MANY; i++) {
        if (c->p[i].s)
            stream_abort(c->p[i].s);
    }
    server_free(&c->v);
    loop_free(&c->l);
    for (int i = 0; i < MANY; i++)
        party_free(&c->p[i]);
}

static bool all_accepted(void *ctx) {
    struct crowd *c = ctx;
    return c->v.accepted == MANY;
}

/* --- limits, each tripped --- */

static void handshake_deadline(void **s) {
    struct crowd c = {.v.opts.handshake_ms = 60};
    crowd_open(&c, certs.server);
    party_connect(&c.p[0], c.l, &c.v, NULL, NULL); /* never says a word of TLS */
    struct mono before = loop_now(c.l);
    run_until(c.l, party_ended, &c.p[0], 2000);
    assert_in_range(mono_ms_between(before, loop_now(c.l)), 55, 1000);
    assert_int_equal(c.p[0].why, STREAM_RESET);
    assert_int_equal(c.v.gone, 1);
    assert_int_equal(c.v.accepted, 0);
    assert_int_equal(listener_handshakes(c.v.l), 0);
    crowd_free(&c);
}

static bool two_in_flight(void *ctx) {
    struct crowd *c = ctx;
    return listener_handshakes(c->v.l) == 2;
}

static bool third_is_open(void *ctx) {
    struct crowd *c = ctx;
    return c->p[2].opened && c->p[3].opened;
}

static void handshakes_max(void **s) {
    struct crowd c = {.v.opts.handshakes_max = 2};
    crowd_open(&c, certs.server);
    for (int i = 0; i < 2; i++)
        party_connect(&c.p[i], c.l, &c.v, NULL, NULL); /* hold both places */
    run_until(c.l, two_in_flight, &c, 2000);
    for (int i = 2; i < 4; i++)
        party_connect(&c.p[i], c.l, &c.v, certs.client, NULL);
    run_for(c.l, 50);
    assert_int_equal(c.v.admitted, 2); /* the others are not even accepted */
    assert_false(c.p[2].opened || c.p[3].opened);
    stream_abort(c.p[0].s);
    run_until(c.l, third_is_open, &c, 2000);
    assert_int_equal(c.v.accepted, 2);
    crowd_free(&c);
}

static void admit_refuses(void **s) {
    struct crowd c = {.v.refuse = true};
    crowd_open(&c, certs.server);
    party_connect(&c.p[0], c.l, &c.v, certs.client, NULL);
    run_until(c.l, party_ended, &c.p[0], 2000);
    assert_int_equal(c.p[0].why, STREAM_RESET);
    assert_int_equal(c.v.gone, 0); /* it was never in */
    assert_int_equal(c.v.accepted, 0);
    assert_string_equal(c.v.last_admit, "127.0.0.1");
    crowd_free(&c);
}

struct turns {
    struct loop_timer t;
    struct crowd *c;
    const unsigned *what; /* a counter */
    unsigned seen, most;
};

static void count_turn(struct loop_timer *t) {
    struct turns *x = CONTAINER_OF(t, struct turns, t);
    unsigned now = *x->what;
    if (now - x->seen > x->most)
        x->most = now - x->seen;
    x->seen = now;
    loop_timer_set(x->c->l, t, loop_now(x->c->l)); /* once a turn */
}

static void accepts_a_turn(void **s) {
    struct crowd c = {.v.opts.per_turn_max = 3};
    crowd_open(&c, certs.server);
    int fd[MANY];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(listener_port(c.v.l))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < MANY; i++) { /* all wait before the loop looks */
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (struct sockaddr *)&to, sizeof to), 0);
    }
    struct turns x = {.t = {.fn = count_turn}, .c = &c, .what = &c.v.admitted};
    loop_timer_set(c.l, &x.t, loop_now(c.l));
    run_for(c.l, 60);
    assert_int_equal(c.v.admitted, MANY);
    assert_in_range(x.most, 1, 3);
    loop_timer_stop(c.l, &x.t);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    crowd_free(&c);
}

static void a_storm_of_handshakes_in_slices(void **s) {
    struct crowd c = {.v.opts.per_turn_max = 1};
    crowd_open(&c, certs.server);
    for (int i = 0; i < MANY; i++)
        party_connect(&c.p[i], c.l, &c.v, certs.client, "127.0.0.1");
    struct turns x = {.t = {.fn = count_turn}, .c = &c, .what = &c.v.accepted};
    loop_timer_set(c.l, &x.t, loop_now(c.l));
    run_until(c.l, all_accepted, &c, 5000);
    loop_timer_stop(c.l, &x.t);
    assert_int_equal(c.v.gone, 0);
    assert_int_equal(x.most, 1);
    crowd_free(&c);
}

static void out_of_descriptors(void **s) {
    struct crowd c = {0};
    crowd_open(&c, NULL);
    struct rlimit old, few;
    int fd[3], low = dup(0);
    close(low);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(listener_port(c.v.l))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 3; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (struct sockaddr *)&to, sizeof to), 0);
    }
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = (rlim_t)low + 3; /* what the three clients took: nothing is left to accept with */
    setrlimit(RLIMIT_NOFILE, &few);
    run_for(c.l, 50);
    assert_int_equal(c.v.accepted, 0);
    setrlimit(RLIMIT_NOFILE, &old);
    run_for(c.l, 250);
    assert_int_equal(c.v.accepted, 3); /* they waited */
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    crowd_free(&c);
}

/* --- opening and closing --- */

static void addresses_that_cannot_be(void **s) {
    struct crowd c = {0};
    crowd_open(&c, NULL);
    struct listen_opts o = c.v.opts;
    struct errinfo ei = {0};
    o.address = listener_address(c.v.l);
    assert_null(listener_open(c.l, &o, &ei));
    assert_int_equal(ei.code, ERR_EXISTS);
    assert_true(ei.remedy[0]);
    o.address = "192.0.2.1:0";
    assert_null(listener_open(c.l, &o, &ei));
    assert_non_null(strstr(ei.text, "192.0.2.1:0"));
    o.address = "what";
    assert_null(listener_open(c.l, &o, &ei));
    assert_int_equal(ei.code, ERR_INVALID);
    crowd_free(&c);
}

static void two_loops_share_a_port(void **s) {
    struct crowd c = {.v.opts.reuse_port = true};
    crowd_open(&c, NULL);
    struct server second = {.opts = {.address = listener_address(c.v.l), .reuse_port = true}};
    struct loop *other = loop_new();
    server_open(&second, other);
    assert_int_equal(listener_port(second.l), listener_port(c.v.l));
    server_free(&second);
    loop_free(&other);
    crowd_free(&c);
}

/* … which another program could do as well: it is asked first. */
static void a_shared_port_is_probed(void **s) {
    struct crowd c = {.v.opts.reuse_port = true};
    struct errinfo ei = {0};
    char address[64];
    crowd_open(&c, NULL);
    snprintf(address, sizeof address, "%s", listener_address(c.v.l));
    assert_int_equal(listener_probe(address, &ei), ERR_EXISTS);
    assert_string_equal(ei.field, "address");
    assert_non_null(strstr(ei.remedy, "choose another port"));
    listener_close(&c.v.l);
    assert_int_equal(listener_probe("127.0.0.1:0", &ei), 0);
    assert_int_equal(listener_probe("what", &ei), ERR_INVALID);
    crowd_free(&c);
}

static void closing_ends_handshakes(void **s) {
    struct crowd c = {0};
    crowd_open(&c, certs.server);
    party_connect(&c.p[0], c.l, &c.v, NULL, NULL);
    party_connect(&c.p[1], c.l, &c.v, NULL, NULL);
    run_until(c.l, two_in_flight, &c, 2000);
    listener_close(&c.v.l);
    assert_null(c.v.l);
    assert_int_equal(c.v.gone, 2);
    run_until(c.l, party_ended, &c.p[0], 2000);
    run_until(c.l, party_ended, &c.p[1], 2000);
    crowd_free(&c);
}

static void a_new_certificate_for_new_connections(void **s) {
    struct crowd c = {0};
    struct certs next;
    uint8_t before[32], after[32], still[32];
    certs_make(&next);
    crowd_open(&c, certs.server);
    party_connect(&c.p[0], c.l, &c.v, certs.client, NULL);
    run_until(c.l, party_opened, &c.p[0], 2000);
    assert_true(stream_peer_fingerprint(c.p[0].s, before));
    listener_set_tls(c.v.l, next.server);
    party_connect(&c.p[1], c.l, &c.v, next.client, NULL);
    run_until(c.l, party_opened, &c.p[1], 2000);
    assert_true(stream_peer_fingerprint(c.p[1].s, after));
    assert_true(stream_peer_fingerprint(c.p[0].s, still));
    assert_memory_not_equal(before, after, 32);
    assert_memory_equal(before, still, 32);
    stream_write(c.p[0].s, SLICE_LIT("old but alive"));
    run_for(c.l, 30);
    assert_int_equal(c.p[0].got.len, 13);
    certs_free(&next); /* its context lives on under the listener and the session */
    crowd_free(&c);
}

/* --- PROXY v2 --- */

#define PROXY_HEAD "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x02\x03\x7f\0\0\x01\xc0\xde\x11\x51"

static int dial(const struct crowd *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(listener_port(c->v.l))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool one_accepted(void *ctx) {
    return ((struct crowd *)ctx)->v.accepted == 1;
}

static void proxy_header(void **s) {
    struct crowd c = {.v.opts.proxy_v2 = true};
    crowd_open(&c, NULL);
    int fd = dial(&c);
    struct slice all = SLICE_LIT(PROXY_HEAD "hello");
    assert_int_equal(write(fd, all.p, 10), 10);
    run_for(c.l, 20);
    assert_int_equal(c.v.admitted, 0); /* who it is is not known yet */
    assert_int_equal(write(fd, all.p + 10, all.n - 10), (ssize_t)all.n - 10);
    run_until(c.l, one_accepted, &c, 2000);
    assert_string_equal(c.v.last_admit, "10.1.2.3");
    assert_string_equal(stream_peer(c.v.parties[0].s), "10.1.2.3:49374");
    run_for(c.l, 20);
    assert_true(slice_is(buf_slice(&c.v.parties[0].got), "hello"));
    close(fd);
    crowd_free(&c);
}

static void a_paused_stream_behind_a_proxy_header(void **s) {
    struct crowd c = {.v = {.opts.proxy_v2 = true, .pause = true}};
    crowd_open(&c, NULL);
    int fd = dial(&c);
    struct slice all = SLICE_LIT(PROXY_HEAD "hello");
    assert_int_equal(write(fd, all.p, all.n), (ssize_t)all.n);
    run_until(c.l, one_accepted, &c, 2000);
    assert_int_equal(write(fd, " you", 4), 4);
    run_for(c.l, 20);
    assert_int_equal(c.v.parties[0].got.len, 0);
    stream_resume(c.v.parties[0].s);
    run_for(c.l, 20);
    assert_true(slice_is(buf_slice(&c.v.parties[0].got), "hello you"));
    close(fd);
    crowd_free(&c);
}

static void no_proxy_header(void **s) {
    struct crowd c = {.v = {.opts.proxy_v2 = true, .opts.handshake_ms = 50}};
    crowd_open(&c, NULL);
    party_connect(&c.p[0], c.l, &c.v, NULL, NULL);
    stream_write(c.p[0].s, SLICE_LIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    run_until(c.l, party_ended, &c.p[0], 2000);
    assert_int_equal(c.p[0].why, STREAM_RESET);
    party_connect(&c.p[1], c.l, &c.v, NULL, NULL); /* says nothing: the deadline is for this too */
    run_until(c.l, party_ended, &c.p[1], 2000);
    assert_int_equal(c.v.admitted + c.v.accepted + c.v.gone, 0);
    crowd_free(&c);
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
        T(handshake_deadline),
        T(handshakes_max),
        T(admit_refuses),
        T(accepts_a_turn),
        T(a_storm_of_handshakes_in_slices),
        T(out_of_descriptors),
        T(addresses_that_cannot_be),
        T(two_loops_share_a_port),
        T(a_shared_port_is_probed),
        T(closing_ends_handshakes),
        T(a_new_certificate_for_new_connections),
        T(proxy_header),
        T(a_paused_stream_behind_a_proxy_header),
        T(no_proxy_header),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
