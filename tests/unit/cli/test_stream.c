/* SPDX-License-Identifier: Apache-2.0 */
/* A session's WebSocket, against the scripted server, plain and over TLS. */
#include "rig.h"

#include "cli/jget.h"
#include "cli/term.h"
#include "http/stream.h"
#include "net/pki.h"

#include <unistd.h>

#define TARGET "/v1/stream"
enum { BULK = 300000 };

static struct url url;
static struct trust *trust;
static struct client *client;
static struct stream *stream;
static struct answer refused;
static struct errinfo ei;
static uint8_t bulk[BULK];

static int open_stream(const struct script *rows) {
    scripted_play(rig.server, rows);
    const struct client_config cfg = {
        .url = &url, .trust = trust, .token = "tok-1", .connect_ms = 5000, .answer_ms = 5000};
    ei = (struct errinfo){0};
    client = client_new(&cfg);
    const struct stream_opts o = {.target = TARGET, .protocol = "outband.v1", .ticket = "ticket.T1"};
    return stream_open(&stream, client, &o, &refused, &ei);
}

static void shut(void) {
    stream_free(&stream);
    client_free(&client);
    answer_free(&refused);
}

static const char *asked(void) {
    free(rig.log);
    rig.log = scripted_log(rig.server);
    return rig.log;
}

/* The server's thread gets to the log when it does. */
static void wait_log(const char *text) {
    for (unsigned i = 0; i < 500 && !strstr(asked(), text); i++)
        usleep(10000);
    if (!strstr(rig.log, text))
        fail_msg("never logged: %s\n%s", text, rig.log);
}

static struct stream_ev next(void) {
    struct stream_ev ev;
    stream_next(stream, NULL, 0, mono_add_ms(now_mono(), 5000), &ev);
    return ev;
}

static void expect_text(enum stream_ev_kind kind, const char *text) {
    struct stream_ev ev = next();
    if (ev.kind != kind || !slice_is(ev.data, text))
        fail_msg("event %d \"%.*s\", wanted %d \"%s\"", ev.kind, (int)ev.data.n, (const char *)ev.data.p,
                 kind, text);
}

#define PLAY(fn)                                                                                             \
    (const struct script[]) {                                                                                \
        {.method = "GET", .target = TARGET, .status = 101, .play = fn}, {                                    \
            0                                                                                                \
        }                                                                                                    \
    }

static void talks(struct peer *p) {
    peer_text(p, "{\"type\":\"hello\"}");
    peer_ping(p);
    peer_binary(p, SLICE_LIT("login: "));
    peer_expect(p, "root\rsecret\r");
    peer_close(p, 4004, "It was idle");
    peer_wait_close(p);
}

static void both_ways(void **state) {
    assert_int_equal(open_stream(PLAY(talks)), 0);
    expect_text(STREAM_EV_TEXT, "{\"type\":\"hello\"}");
    expect_text(STREAM_EV_BINARY, "login: ");
    assert_int_equal(stream_send(stream, SLICE_LIT("root\r")), 0);
    assert_int_equal(stream_send(stream, SLICE_LIT("secret\r")), 0);
    struct stream_ev ev = next();
    assert_int_equal(ev.kind, STREAM_EV_CLOSE);
    assert_int_equal(ev.code, 4004);
    assert_true(slice_is(ev.data, "It was idle"));
    assert_int_equal(stream_send(stream, SLICE_LIT("x")), ERR_CLOSED);
    assert_int_equal(next().kind, STREAM_EV_LOST);
    wait_log("ws: closed 4004"); /* our answer */
    assert_non_null(strstr(rig.log, "ws: pong"));
    assert_non_null(strstr(rig.log, "Sec-WebSocket-Protocol: outband.v1, ticket.T1\n"));
    assert_non_null(strstr(rig.log, "Sec-WebSocket-Version: 13\n"));
    assert_null(strstr(rig.log, "Authorization"));
    assert_null(strstr(rig.log, "wanted"));
    shut();
}

static void bursts(struct peer *p) {
    for (size_t at = 0; at < BULK; at += 30000)
        peer_binary(p, slice_of(bulk + at, 30000));
    peer_wait_close(p);
}

/* All bytes come, though another descriptor is ready all the time; and TLS records that were read ahead are
 * not forgotten. */
static void nobody_starves(void **state) {
    uint8_t *got = malloc(BULK);
    size_t n = 0;
    unsigned others = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(open_stream(PLAY(bursts)), 0);
    struct mono end = mono_add_ms(now_mono(), 20000);
    while (n < BULK && mono_before(now_mono(), end)) {
        struct pollfd fds[2] = {{.fd = -1}, {.fd = ends[0], .events = POLLIN}};
        struct stream_ev ev;
        stream_next(stream, fds, 2, end, &ev);
        if (ev.kind == STREAM_EV_OTHER) {
            assert_int_equal(fds[0].revents, 0);
            assert_true(fds[1].revents & POLLIN);
            others++;
            continue;
        }
        assert_int_equal(ev.kind, STREAM_EV_BINARY);
        memcpy(got + n, ev.data.p, ev.data.n);
        n += ev.data.n;
    }
    assert_int_equal(n, BULK);
    assert_memory_equal(got, bulk, BULK);
    assert_true(others > 3);
    shut();
    wait_log("ws: closed 1000");
    close(ends[0]);
    close(ends[1]);
    free(got);
}

static void sends_one(struct peer *p) {
    peer_binary(p, SLICE_LIT("now"));
    peer_wait_close(p);
}

static void hold_and_deadline(void **state) {
    struct stream_ev ev;
    assert_int_equal(open_stream(PLAY(sends_one)), 0);
    stream_hold(stream, true);
    stream_next(stream, NULL, 0, mono_add_ms(now_mono(), 100), &ev);
    assert_int_equal(ev.kind, STREAM_EV_TIME);
    stream_hold(stream, false);
    expect_text(STREAM_EV_BINARY, "now");
    stream_next(stream, NULL, 0, mono_add_ms(now_mono(), 30), &ev);
    assert_int_equal(ev.kind, STREAM_EV_TIME);
    shut();
}

static void reads_nothing(struct peer *p) {
    peer_pause(p, 300);
}

static void the_queue_has_an_end(void **state) {
    assert_int_equal(open_stream(PLAY(reads_nothing)), 0);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 10; i++)
        rc = stream_send(stream, slice_of(bulk, BULK));
    assert_int_equal(rc, ERR_FULL);
    assert_true(stream_queued(stream) <= STREAM_QUEUE_MAX + 1000);
    shut();
}

static void drops(struct peer *p) {
    peer_binary(p, SLICE_LIT("a"));
}

static void a_cut_is_no_close(void **state) {
    assert_int_equal(open_stream(PLAY(drops)), 0);
    expect_text(STREAM_EV_BINARY, "a");
    /* TLS knows an end that was announced from one that was not */
    expect_text(STREAM_EV_LOST, url.tls ? "the connection broke" : "the server closed the connection");
    shut();
}

static void what_is_no_upgrade(void **state) {
    static const struct script busy[] = {
        {.method = "GET", .target = TARGET, .status = 409, .body = "{\"message\":\"busy\"}"}, {0}};
    assert_int_equal(open_stream(busy), ERR_REFUSED);
    assert_null(stream);
    assert_int_equal(refused.status, 409);
    assert_string_equal(jget_str(refused.json, "message"), "busy");
    shut();
    static const struct script wrong[] = {{.method = "GET",
                                           .target = TARGET,
                                           .status = 101,
                                           .play = drops,
                                           .accept = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
                                          {0}};
    assert_int_equal(open_stream(wrong), ERR_PROTO);
    assert_null(stream);
    assert_non_null(strstr(ei.text, "does not answer as an Outband server"));
    shut();
    static const struct script gone[] = {{.method = "GET", .target = TARGET, .status = 0}, {0}};
    assert_int_equal(open_stream(gone), ERR_CLOSED);
    shut();
}

static int over_tls(void **state) {
    struct buf ca = {0}, ca_key = {0}, key = {0}, leaf = {0};
    const char *name = "localhost";
    struct wall from = wall_add_ms(now_wall(), -3600000);
    scripted_stop(&rig.server);
    if (pki_make_key(PKI_P256, &ca_key, &ei) < 0 ||
        pki_make_root(buf_slice(&ca_key), "test root", from, 2, &ca, &ei) < 0 ||
        pki_make_key(PKI_P256, &key, &ei) < 0 ||
        pki_make_leaf(buf_slice(&ca), buf_slice(&ca_key), buf_slice(&key), &name, 1, from, 2, &leaf, &ei) < 0)
        return -1;
    rig.server = scripted_start(buf_cstr(&leaf), buf_cstr(&key));
    snprintf(rig.origin, sizeof rig.origin, "https://localhost:%u", scripted_port(rig.server));
    trust_free(&trust);
    int rc = url_parse(&url, rig.origin, &ei) < 0 ? -1 : trust_new(&trust, buf_cstr(&ca), &ei);
    buf_free(&ca);
    buf_free(&ca_key);
    buf_free(&key);
    buf_free(&leaf);
    return rc;
}

static int begin(const char *program) {
    for (size_t i = 0; i < BULK; i++)
        bulk[i] = (uint8_t)(i * 7 + i / 253);
    if (rig_begin(program) < 0)
        return -1;
    return url_parse(&url, rig.origin, &ei) < 0 ? -1 : trust_new(&trust, NULL, &ei);
}

int main(int argc, char **argv) {
    const struct CMUnitTest plain[] = {T(both_ways),         T(nobody_starves),
                                       T(hold_and_deadline), T(the_queue_has_an_end),
                                       T(a_cut_is_no_close), T(what_is_no_upgrade)};
    const struct CMUnitTest tls[] = {T(both_ways), T(nobody_starves), T(hold_and_deadline),
                                     T(a_cut_is_no_close), T(what_is_no_upgrade)};
    if (argc != 2 || begin(argv[1]) < 0)
        return 1;
    int failed = cmocka_run_group_tests_name("plain", plain, NULL, NULL);
    failed += cmocka_run_group_tests_name("over TLS", tls, over_tls, NULL);
    trust_free(&trust);
    return rig_end() || failed;
}
