/* SPDX-License-Identifier: Apache-2.0 */
/* The real orch-cli between a browser's page (played here) and a scripted server: the way in, frames and
 * notes as they are, back-pressure, a break, a page that comes back, the ends. */
#include "background.h"
#include "proto/ws.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTS "/v1/projects/default/compute/hosts"
#define READY                                                                                                \
    "{\"id\":\"ses-1\",\"host\":\"host-1\",\"hostName\":\"node003\",\"kind\":\"kvm\",\"state\":\"ready\","   \
    "\"user\":\"admin\"}"
#define ROWS(...)                                                                                            \
    {                                                                                                        \
        {.method = "POST",                                                                                   \
         .target = HOSTS "/n1/sessions/ses-1/ticket",                                                        \
         .status = 201,                                                                                      \
         .body = "{\"ticket\":\"T1\"}"},                                                                     \
            __VA_ARGS__,                                                                                     \
            {.method = "GET", .target = HOSTS "/n1/sessions/ses-1", .status = 200, .body = READY},           \
            {.method = "DELETE", .target = HOSTS "/n1/sessions/ses-1", .status = 204},                       \
            {.method = "POST", .target = HOSTS "/n1/sessions", .status = 201, .body = READY}, {              \
            0                                                                                                \
        }                                                                                                    \
    }
#define STREAM(fn)                                                                                           \
    { .method = "GET", .target = HOSTS "/n1/sessions/ses-1/stream", .status = 101, .play = fn, .times = 1 }
#define HELLO "{\"type\":\"hello\",\"session\":\"ses-1\",\"kind\":\"kvm\",\"host\":\"node003\"}"
#define OPEN  "{\"type\":\"open\"}"

enum { BIG = 32 << 20 }; /* more than the sockets between hold */

/* --- the page --- */

struct page {
    unsigned port;
    char cookie[128], ticket[64];
    int fd;
    struct ws *ws;
    uint8_t in[16384];
    struct slice rest;
};

/* A request of the browser; the answer's text stays valid until the next. */
static const char *get(const struct page *g, const char *path) {
    static char answer[65536];
    char text[512];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s%sConnection: close\r\n\r\n",
             path, g->port, *g->cookie ? "Cookie: " : "", g->cookie, *g->cookie ? "\r\n" : "");
    raw_exchange(g->port, text, answer, sizeof answer);
    return answer;
}

static void copy_until(const char *text, const char *begins, char end, char *out, size_t cap) {
    const char *at = strstr(text, begins), *stop = at ? strchr(at + strlen(begins), end) : NULL;
    if (!stop)
        fail_msg("no \"%s\" in\n%s", begins, text);
    at += strlen(begins);
    snprintf(out, cap, "%.*s", (int)(stop - at), at);
}

/* By the printed address: cookie, page, ticket. */
static void page_enter(struct page *g, struct background *b) {
    char key[64], path[80];
    *g = (struct page){.port = background_port(b, "http://127.0.0.1:"), .fd = -1};
    copy_until(b->out, "/?key=", '\n', key, sizeof key);
    snprintf(path, sizeof path, "/?key=%s", key);
    assert_non_null(strstr(get(g, "/local.json"), "HTTP/1.1 403 "));
    const char *answer = get(g, path);
    assert_non_null(strstr(answer, "HTTP/1.1 303 "));
    copy_until(answer, "Set-Cookie: ", ';', g->cookie, sizeof g->cookie);
    copy_until(answer, "Location: ", '\r', path, sizeof path);
    assert_non_null(strstr(get(g, path), "HTTP/1.1 200 "));
    answer = get(g, "/local.json");
    assert_non_null(strstr(answer, "\"host\":\"n1\",\"title\":\"node003\""));
    copy_until(answer, "\"ticket.", '"', g->ticket, sizeof g->ticket);
    assert_non_null(strstr(get(g, "/ui/style.css"), "HTTP/1.1 200 "));
}

static void page_open(struct page *g) {
    static const uint8_t random[16] = {7};
    char text[1024], answer[2048];
    size_t n = 0;
    g->fd = raw_connect(g->port);
    snprintf(text, sizeof text,
             "GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\nCookie: %s\r\n"
             "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: outband.v1, ticket.%s\r\n\r\n",
             g->port, g->port, g->cookie, g->ticket);
    assert_int_equal(send(g->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    for (memset(answer, 0, sizeof answer); !strstr(answer, "\r\n\r\n"); n++)
        assert_int_equal(recv(g->fd, answer + n, 1, 0), 1);
    if (strncmp(answer, "HTTP/1.1 101 ", 13) != 0)
        fail_msg("no stream: %s", answer);
    g->ws = ws_new(WS_CLIENT, 65536, random);
    g->rest = SLICE_EMPTY;
}

static void page_flush(struct page *g) {
    struct slice out = ws_output(g->ws);
    assert_int_equal(send(g->fd, out.p, out.n, MSG_NOSIGNAL), out.n);
    ws_sent(g->ws, out.n);
}

static void page_send(struct page *g, struct slice data) {
    assert_int_equal(ws_binary(g->ws, data), 0);
    page_flush(g);
}

static struct ws_ev page_next(struct page *g) {
    struct ws_ev ev;
    for (;;) {
        int rc = ws_input(g->ws, &g->rest, &ev);
        assert_in_range(rc, 0, 1);
        if (rc == 1)
            return ev;
        ssize_t n = recv(g->fd, g->in, sizeof g->in, 0);
        assert_true(n > 0);
        g->rest = slice_of(g->in, (size_t)n);
    }
}

static void page_expect(struct page *g, enum ws_ev_kind kind, const char *text) {
    size_t have = 0, n = strlen(text);
    while (have < n) { /* binary comes in any pieces */
        struct ws_ev ev = page_next(g);
        assert_int_equal(ev.kind, kind);
        assert_in_range(ev.data.n, 1, n - have);
        assert_memory_equal(ev.data.p, text + have, ev.data.n);
        have += ev.data.n;
    }
}

static void page_expect_close(struct page *g, unsigned code, const char *reason) {
    struct ws_ev ev;
    do
        ev = page_next(g);
    while (ev.kind != WS_EV_CLOSE);
    assert_int_equal(ev.code, code);
    char text[200];
    slice_to_str(ev.data, text, sizeof text);
    assert_non_null(strstr(text, reason));
}

static void page_close(struct page *g) {
    ws_close(g->ws, WS_CLOSE_NORMAL, "");
    if (ws_output(g->ws).n)
        page_flush(g);
    close(g->fd);
    ws_free(&g->ws);
}

static void start(struct background *b, const struct script *rows) {
    background_start(b, rows, "set", "host", "n1", "--session-type", "kvm", "--session-state", "start",
                     "--no-browser", NULL);
}

/* --- the server's side --- */

static void greet(struct peer *p) {
    peer_text(p, HELLO);
    peer_text(p, OPEN);
    peer_binary(p, SLICE_LIT("RFB 004.000\n"));
}
static void talk(struct peer *p) {
    greet(p);
    if (peer_expect(p, "RFB 003.008\n"))
        peer_binary(p, SLICE_LIT("\x01\x01"));
    peer_text(p, "{\"type\":\"idle\",\"inSeconds\":60}");
    if (peer_expect(p, "bye"))
        peer_log(p, "bye");
    peer_wait_close(p);
}
static void break_off(struct peer *p) {
    greet(p);
    peer_text(
        p, "{\"type\":\"end\",\"reason\":\"link-lost\",\"text\":\"the link was lost\",\"resumable\":true}");
    peer_close(p, 4009, "the link was lost");
}
static void stop(struct peer *p) {
    greet(p);
    peer_text(
        p,
        "{\"type\":\"end\",\"reason\":\"taken-over\",\"text\":\"taken over by admin2\",\"resumable\":false}");
    peer_close(p, 4002, "taken over by admin2");
}
static void flood(struct peer *p) {
    static uint8_t chunk[65536];
    greet(p);
    for (size_t i = 0; i < BIG / sizeof chunk; i++) {
        memset(chunk, (int)(i % 251), sizeof chunk);
        peer_binary(p, slice_of(chunk, sizeof chunk));
    }
    peer_log(p, "all is sent");
    peer_wait_close(p);
}
/* Reads nothing for a while. */
static void sleepy(struct peer *p) {
    static uint8_t chunk[65536];
    greet(p);
    peer_pause(p, 500);
    for (size_t i = 0; i < BIG / sizeof chunk && peer_read(p, chunk, sizeof chunk); i++)
        for (size_t k = 0; k < sizeof chunk; k++)
            if (chunk[k] != i % 251) {
                peer_log(p, "wrong bytes");
                return;
            }
    peer_log(p, "all came");
    peer_wait_close(p);
}

/* --- stories --- */

static void frames_and_notes_pass_as_they_are(void **state) {
    const struct script rows[] = ROWS(STREAM(talk));
    struct background b;
    struct page g;
    start(&b, rows);
    page_enter(&g, &b);
    /* nobody looks yet: the stream is not taken */
    char *log = scripted_log(rig.server);
    assert_null(strstr(log, "/ticket"));
    free(log);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_expect(&g, WS_EV_TEXT, OPEN);
    page_expect(&g, WS_EV_BINARY, "RFB 004.000\n");
    page_send(&g, SLICE_LIT("RFB 003."));
    page_send(&g, SLICE_LIT("008\n"));
    page_expect(&g, WS_EV_BINARY, "\x01\x01");
    page_expect(&g, WS_EV_TEXT, "{\"type\":\"idle\",\"inSeconds\":60}");
    page_send(&g, SLICE_LIT("bye"));
    background_expect_log("ws: bye", 1);
    kill(b.pid, SIGINT);
    page_expect_close(&g, 1000, "orch-cli was ended");
    page_close(&g);
    assert_int_equal(background_end(&b), 0);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
}

/* A page that does not read stops us, and we the server. */
static void a_page_that_does_not_read(void **state) {
    const struct script rows[] = ROWS(STREAM(flood));
    struct background b;
    struct page g;
    start(&b, rows);
    page_enter(&g, &b);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_expect(&g, WS_EV_TEXT, OPEN);
    page_expect(&g, WS_EV_BINARY, "RFB 004.000\n");
    usleep(700000);
    char *log = scripted_log(rig.server);
    assert_null(strstr(log, "all is sent"));
    free(log);
    assert_in_range(background_memory(&b), 1, BIG / 2);
    for (size_t have = 0; have < BIG;) {
        struct ws_ev ev = page_next(&g);
        assert_int_equal(ev.kind, WS_EV_BINARY);
        for (size_t i = 0; i < ev.data.n; i++, have++)
            if (ev.data.p[i] != have / 65536 % 251)
                fail_msg("byte %zu is wrong", have);
    }
    background_expect_log("ws: all is sent", 1);
    kill(b.pid, SIGINT);
    page_expect_close(&g, 1000, "");
    page_close(&g);
    assert_int_equal(background_end(&b), 0);
}

/* … and a server that does not read stops the page. */
static void a_server_that_does_not_read(void **state) {
    const struct script rows[] = ROWS(STREAM(sleepy));
    static uint8_t chunk[65536];
    struct background b;
    struct page g;
    bool stopped = false;
    start(&b, rows);
    page_enter(&g, &b);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_expect(&g, WS_EV_TEXT, OPEN);
    page_expect(&g, WS_EV_BINARY, "RFB 004.000\n");
    for (size_t i = 0; i < BIG / sizeof chunk; i++) {
        memset(chunk, (int)(i % 251), sizeof chunk);
        assert_int_equal(ws_binary(g.ws, slice_of(chunk, sizeof chunk)), 0);
        while (ws_output(g.ws).n) {
            struct slice out = ws_output(g.ws);
            ssize_t n = send(g.fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
            stopped |= n < 0;
            struct pollfd p = {.fd = g.fd, .events = POLLOUT};
            if (n < 0)
                assert_int_equal(poll(&p, 1, 20000), 1);
            else
                ws_sent(g.ws, (size_t)n);
        }
    }
    assert_true(stopped);
    background_expect_log("ws: all came", 1);
    kill(b.pid, SIGINT);
    page_expect_close(&g, 1000, "");
    page_close(&g);
    assert_int_equal(background_end(&b), 0);
}

static void a_break_and_the_page_comes_again(void **state) {
    const struct script rows[] = ROWS(STREAM(break_off), STREAM(talk));
    struct background b;
    struct page g;
    start(&b, rows);
    page_enter(&g, &b);
    page_open(&g);
    page_expect_close(&g, 4009, "the link was lost");
    page_close(&g);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_expect(&g, WS_EV_TEXT, OPEN);
    page_expect(&g, WS_EV_BINARY, "RFB 004.000\n");
    kill(b.pid, SIGINT);
    page_expect_close(&g, 1000, "");
    page_close(&g);
    assert_int_equal(background_end(&b), 0);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
}

/* Reloaded: the old session is ended, and a new one begins with a new handshake. */
static void a_page_that_is_reloaded(void **state) {
    const struct script rows[] = ROWS(STREAM(talk), STREAM(talk));
    struct background b;
    struct page g;
    start(&b, rows);
    page_enter(&g, &b);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_close(&g);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    kill(b.pid, SIGINT);
    page_expect_close(&g, 1000, "");
    page_close(&g);
    assert_int_equal(background_end(&b), 0);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 2);
}

static void the_end_of_the_session_is_the_end(void **state) {
    const struct script rows[] = ROWS(STREAM(stop));
    struct background b;
    struct page g;
    start(&b, rows);
    page_enter(&g, &b);
    page_open(&g);
    page_expect(&g, WS_EV_TEXT, HELLO);
    page_expect(&g, WS_EV_TEXT, OPEN);
    page_expect(&g, WS_EV_BINARY, "RFB 004.000\n");
    page_expect(
        &g, WS_EV_TEXT,
        "{\"type\":\"end\",\"reason\":\"taken-over\",\"text\":\"taken over by admin2\",\"resumable\":false}");
    page_expect_close(&g, 1000, "taken over by admin2");
    page_close(&g);
    assert_int_equal(background_end(&b), 5);
    assert_non_null(strstr(b.err, "taken over by admin2"));
}

static void options_of_another_kind(void **state) {
    const struct script rows[] = {{0}};
    rig_run(rows, "set", "host", "n1", "--session-type", "sol", "--session-state", "start", "--no-browser",
            NULL);
    rig_expect(2, "", "--no-browser goes with --session-state start of --session-type kvm");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {T(frames_and_notes_pass_as_they_are),
                                       T(a_page_that_does_not_read),
                                       T(a_server_that_does_not_read),
                                       T(a_break_and_the_page_comes_again),
                                       T(a_page_that_is_reloaded),
                                       T(the_end_of_the_session_is_the_end),
                                       T(options_of_another_kind)};
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rig_end() != 0 || failed;
}
