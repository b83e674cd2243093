/* SPDX-License-Identifier: Apache-2.0 */
/* Bad clients of the HTTPS port. */
#include "hostile.h"

#include <sys/socket.h>

#define HOSTS "/v1/projects/default/compute/hosts"

/* Send a request and read the status of the answer; 0 when none came in time. */
static int ask(struct peer *p, struct slice rq) {
    buf_free(&p->got);
    peer_send(p, rq);
    for (int64_t until = now_ms() + 6000; now_ms() < until;) {
        bool more = peer_read(p, 100);
        const char *s = buf_cstr(&p->got);
        if (p->got.len >= 12 && strncmp(s, "HTTP/1.1 ", 9) == 0)
            return (int)strtol(s + 9, NULL, 10);
        if (!more)
            return 0;
    }
    return 0;
}

static void put_request(struct buf *b, const struct peer *p, const char *method, const char *path,
                        const char *more, struct slice body) {
    buf_putf(b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s", method, path,
             p->to->token, more);
    if (body.p)
        buf_putf(b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.n);
    buf_puts(b, "\r\n");
    if (body.n && buf_put(b, body) < 0)
        abort();
}

/* The answer to one JSON body; the connection is a new one each time. */
static int post(struct peer *p, const char *path, struct slice body) {
    struct buf b = {0};
    peer_drop(p, false);
    peer_connect(p);
    put_request(&b, p, "POST", path, "", body);
    int status = ask(p, buf_slice(&b));
    buf_free(&b);
    return status;
}

static void must_refuse(struct peer *p, int status, const char *what) {
    must(p, status >= 400 && status < 500, "%s: answered with %d", what, status);
}

/* --- slow and large --- */

static void silence(struct peer *p) {}
static void slow_head(struct peer *p) {
    const char *s = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (; *s && !p->ended; s++) {
        peer_send(p, slice_of(s, 1));
        peer_read(p, 200);
    }
    must(p, peer_ends(p, 4000), "a head of five bytes a second was waited for");
}
static void slow_body(struct peer *p) {
    struct buf b = {0};
    put_request(&b, p, "POST", HOSTS, "Content-Type: application/json\r\nContent-Length: 100000\r\n",
                SLICE_EMPTY);
    peer_send_buf(p, &b);
    for (int i = 0; i < 60 && !p->ended; i++) {
        peer_send(p, SLICE_LIT(" "));
        peer_read(p, 250);
    }
    must(p, peer_ends(p, 4000), "a body of four bytes a second was waited for");
}
/* Many of them at once, all in the middle of a head. */
static void slow_crowd(struct peer *p) {
    enum { CROWD = 60 };
    struct peer *all = calloc(CROWD, sizeof *all);
    for (int i = 0; i < CROWD; i++) {
        all[i] = (struct peer){.to = p->to, .kind = p->kind, .fd = -1};
        peer_connect(&all[i]);
        peer_send(&all[i], SLICE_LIT("GET / HTTP/1.1\r\nHost: local"));
    }
    for (int i = 0; i < CROWD; i++) {
        must(p, peer_ends(&all[i], 20000), "client %d of a slow crowd was kept", i);
        peer_drop(&all[i], false);
    }
    free(all);
}
static void head_1_mb(struct peer *p) {
    struct buf b = {0};
    buf_puts(&b, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
    for (int i = 0; i < 65536; i++)
        buf_puts(&b, "0123456789abcdef");
    must_refuse(p, ask(p, buf_slice(&b)), "a head of 1 MB");
    buf_free(&b);
}
static void headers_10000(struct peer *p) {
    struct buf b = {0};
    buf_puts(&b, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 10000; i++)
        buf_putf(&b, "X-%d: y\r\n", i);
    buf_puts(&b, "\r\n");
    must_refuse(p, ask(p, buf_slice(&b)), "10000 headers");
    buf_free(&b);
}
static void body_1_tb(struct peer *p) {
    struct buf b = {0};
    put_request(&b, p, "POST", HOSTS, "Content-Type: application/json\r\nContent-Length: 1099511627776\r\n",
                SLICE_EMPTY);
    must_refuse(p, ask(p, buf_slice(&b)), "a body of 1 TB");
    buf_free(&b);
}
static void body_17_mb(struct peer *p) {
    struct buf b = {0};
    put_request(&b, p, "POST", HOSTS, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                SLICE_EMPTY);
    peer_send_buf(p, &b);
    static char chunk[65536 + 8];
    int n = snprintf(chunk, 8, "10000\r\n");
    memset(chunk + n, ' ', 65536);
    for (int i = 0; i < 17 * 16 && !p->ended; i++) {
        peer_send(p, slice_of(chunk, (size_t)n + 65536));
        peer_send(p, SLICE_LIT("\r\n"));
        peer_read(p, 0);
    }
    peer_ends(p, 3000);
    must(p, p->got.len > 9 && memcmp(p->got.mem + p->got.head, "HTTP/1.1 4", 10) == 0,
         "a body of 17 MB was not refused");
}
/* Without a token the body is not even waited for. */
static void body_without_token(struct peer *p) {
    must_refuse(
        p,
        ask(p, SLICE_LIT("POST " HOSTS " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Content-Length: 1000000\r\n\r\n{")),
        "a large body without a token");
}
static void long_target(struct peer *p) {
    struct buf b = {0};
    buf_puts(&b, "GET /");
    for (int i = 0; i < 15000; i++)
        buf_puts(&b, "%");
    buf_puts(&b, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    must_refuse(p, ask(p, buf_slice(&b)), "a target of 15 kB");
    buf_free(&b);
}

/* --- not HTTP, or nearly --- */

static void garbage(struct peer *p) {
    uint8_t mem[4096];
    for (size_t i = 0; i < sizeof mem; i++)
        mem[i] = (uint8_t)noise(p);
    mem[0] = 0;
    peer_send(p, slice_of(mem, sizeof mem));
}
static void http_2_preface(struct peer *p) {
    peer_send(p, SLICE_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
}
static void heads_that_are_none(struct peer *p) {
    static const char *const all[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int status = ask(p, slice_str(all[i]));
        must(p, status == 400 || status == 501 || status == 505, "head %zu: answered with %d", i, status);
        must(p, peer_ends(p, 6000), "head %zu: the connection was kept", i);
        peer_drop(p, false);
        peer_connect(p);
    }
}
static void targets(struct peer *p) {
    static const char *const all[] = {"/../../etc/passwd",
                                      "/ui/../../etc/passwd",
                                      "/ui/%2e%2e/%2e%2e/etc/passwd",
                                      "/%00",
                                      "/v1/projects/%ff/compute/hosts",
                                      "//",
                                      "/v1/projects/../users",
                                      HOSTS "?pageSize=-1",
                                      HOSTS "?pageSize=99999999999999999999",
                                      HOSTS
                                      "?filter=((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
                                      HOSTS "?orderBy=%27%3bdrop%20table%20hosts",
                                      HOSTS "/host-%00",
                                      HOSTS "/host-1%0d%0aSet-Cookie:x"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct buf b = {0};
        peer_drop(p, false);
        peer_connect(p);
        put_request(&b, p, "GET", all[i], "", SLICE_EMPTY);
        must_refuse(p, ask(p, buf_slice(&b)), all[i]);
        buf_free(&b);
    }
}
static void pipelined(struct peer *p) {
    struct buf b = {0};
    for (int i = 0; i < 500; i++)
        buf_puts(&b, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    buf_puts(&b, "NONSENSE\r\n\r\n");
    peer_send_buf(p, &b);
}
/* Asks for much and reads nothing. */
static void pipelined_unread(struct peer *p) {
    struct buf b = {0};
    int small = 2048;
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 2000; i++)
        buf_puts(&b, "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer_send_buf(p, &b);
    nap_ms(3000);
    p->ended = false;
}
static void cut_in_the_answer(struct peer *p) {
    for (int i = 0; i < 40; i++) {
        peer_send(p, SLICE_LIT("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        if (i % 3)
            peer_read(p, 5);
        peer_drop(p, true);
        peer_connect(p);
    }
}

/* --- crowds --- */

static void connect_storm(struct peer *p) {
    for (int i = 0; i < 600; i++) {
        peer_drop(p, i % 2);
        peer_dial(p);
    }
}
static void crowd(struct peer *p) {
    enum { CROWD = 400 };
    struct peer *all = calloc(CROWD, sizeof *all);
    for (int i = 0; i < CROWD; i++) {
        all[i] = (struct peer){.to = p->to, .kind = p->kind, .fd = -1};
        peer_dial(&all[i]); /* no TLS: as cheap as an attacker likes it */
    }
    int status = ask(p, SLICE_LIT("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    must(p, status == 200, "one among %d silent clients got %d", CROWD, status);
    for (int i = 0; i < CROWD; i++)
        peer_drop(&all[i], true);
    free(all);
}
/* Event streams that are never read, while events come. */
static void deaf_subscribers(struct peer *p) {
    enum { DEAF = 30 };
    struct peer *all = calloc(DEAF, sizeof *all);
    int small = 2048;
    for (int i = 0; i < DEAF; i++) {
        struct buf b = {0};
        all[i] = (struct peer){.to = p->to, .kind = p->kind, .fd = -1};
        peer_connect(&all[i]);
        setsockopt(all[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        put_request(&b, p, "GET", "/v1/events", "Accept: text/event-stream\r\n", SLICE_EMPTY);
        int status = ask(&all[i], buf_slice(&b));
        must(p, status == 200, "subscriber %d got %d", i, status);
        buf_free(&b);
    }
    nap_ms(6000);
    for (int i = 0; i < DEAF; i++)
        peer_drop(&all[i], i % 2);
    free(all);
}

/* --- tokens and passwords --- */

static void bad_tokens(struct peer *p) {
    for (int i = 0; i < 120; i++) {
        struct buf b = {0};
        char token[sizeof p->to->token];
        snprintf(token, sizeof token, "%s", p->to->token);
        if (i % 4 == 0)
            token[(size_t)i % (strlen(token) - 1)] ^= 1; /* any part */
        else if (i % 4 == 1)
            snprintf(token, sizeof token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9.");
        else if (i % 4 == 2)
            token[strlen(token) - 8] = 0;
        else
            memset(token, '.', 200);
        buf_putf(&b, "GET " HOSTS " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token);
        int status = ask(p, buf_slice(&b));
        buf_free(&b);
        must(p, status == 401 || status == 400 || status == 429, "token %d: answered with %d", i, status);
        peer_drop(p, false);
        peer_connect(p);
    }
}
/* Hashing passwords is dear: many wrong ones must not cost everybody else their answers. */
static void wrong_passwords(struct peer *p) {
    for (int i = 0; i < 40; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"username\":\"nobody-%d\",\"password\":\"wrong\"}", i % 10);
        int status = post(p, "/api/v1/authorize", slice_str(body));
        must(p, status == 401 || status == 429, "a wrong password was answered with %d", status);
    }
}

/* --- JSON --- */

static void json_depth(struct peer *p) {
    struct buf b = {0};
    for (int i = 0; i < 200000; i++)
        buf_puts(&b, i % 2 ? "[" : "{\"a\":");
    must_refuse(p, post(p, HOSTS, buf_slice(&b)), "200000 levels");
    buf_free(&b);
}
static void json_values(struct peer *p) {
    static const char *const all[] = {"1e999999999",
                                      "99999999999999999999999999999",
                                      "{\"name\":1e400}",
                                      "null",
                                      "[]",
                                      "\"\"",
                                      "{\"name\":null}",
                                      "{\"name\":[]}",
                                      "{\"name\":\"a\\u0000b\"}",
                                      "{\"name\":\"\\ud800\"}",
                                      "{\"name\":\"x\",\"name\":\"y\"}",
                                      "{",
                                      "",
                                      "{\"name\":\"a\"}{}",
                                      "\xef\xbb\xbf{}",
                                      "{\"name\":\"\xff\xfe\"}",
                                      "{\"name\":\"\xed\xa0\x80\"}",
                                      "NaN",
                                      "-",
                                      "{\"\":{\"\":{}}}"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        must_refuse(p, post(p, HOSTS, slice_of(all[i], strlen(all[i]))), all[i]);
    must_refuse(p, post(p, HOSTS, SLICE_LIT("{\"name\":\"a\0b\"}")), "a NUL");
}
static void json_large(struct peer *p) {
    struct buf b = {0};
    buf_puts(&b, "{\"name\":\"");
    for (int i = 0; i < 500000; i++)
        buf_puts(&b, "aaaaaaaa");
    buf_puts(&b, "\"}");
    must_refuse(p, post(p, HOSTS, buf_slice(&b)), "a name of 4 MB");
    buf_free(&b);
    buf_puts(&b, "{");
    for (int i = 0; i < 200000; i++)
        buf_putf(&b, "\"k%d\":0,", i);
    buf_puts(&b, "\"k\":0}");
    must_refuse(p, post(p, HOSTS, buf_slice(&b)), "200000 members");
    buf_free(&b);
}
static void csv_bombs(struct peer *p) {
    struct buf b = {0};
    static const char *const all[] = {
        "",           "\n\n\n",
        "Name\n",     "Name,CiraUser,CiraPassword\n\"",
        "\xff\xfe\n", "Name,CiraUser,CiraPassword\n=cmd|' /C calc'!A0,u,password\n"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        must_refuse(p, post(p, HOSTS ":import", slice_of(all[i], strlen(all[i]))), "a CSV file");
    buf_puts(&b, "Name,CiraUser,CiraPassword\n");
    for (int i = 0; i < 150000; i++)
        buf_putf(&b, "n%d,u%d,password\n", i, i);
    must_refuse(p, post(p, HOSTS ":import", buf_slice(&b)), "150000 rows");
    buf_free(&b);
}

const struct kind KINDS_HTTPS[] = {
    {"https-silence", HTTPS, AT_TCP, CLOSED, silence, NULL},
    {"https-silence-in-tls", HTTPS, AT_TLS, EITHER, silence, NULL},
    {"https-slow-head", HTTPS, AT_TLS, CLOSED, slow_head, NULL},
    {"https-slow-body", HTTPS, AT_TLS, CLOSED, slow_body, NULL},
    {"https-slow-crowd", HTTPS, AT_TLS, EITHER, slow_crowd, NULL},
    {"https-head-1-mb", HTTPS, AT_TLS, CLOSED, head_1_mb, NULL},
    {"https-headers-10000", HTTPS, AT_TLS, CLOSED, headers_10000, NULL},
    {"https-body-1-tb", HTTPS, AT_TLS, CLOSED, body_1_tb, NULL},
    {"https-body-17-mb", HTTPS, AT_TLS, CLOSED, body_17_mb, NULL},
    {"https-body-without-token", HTTPS, AT_TLS, EITHER, body_without_token, NULL},
    {"https-long-target", HTTPS, AT_TLS, EITHER, long_target, NULL},
    {"https-garbage", HTTPS, AT_TLS, CLOSED, garbage, NULL},
    {"https-plain-garbage", HTTPS, AT_TCP, CLOSED, garbage, NULL},
    {"https-http-2-preface", HTTPS, AT_TLS, CLOSED, http_2_preface, NULL},
    {"https-heads-that-are-none", HTTPS, AT_TLS, EITHER, heads_that_are_none, NULL},
    {"https-targets", HTTPS, AT_TLS, EITHER, targets, NULL},
    {"https-pipelined", HTTPS, AT_TLS, CLOSED, pipelined, NULL},
    {"https-pipelined-unread", HTTPS, AT_TLS, EITHER, pipelined_unread, NULL},
    {"https-cut-in-the-answer", HTTPS, AT_TLS, EITHER, cut_in_the_answer, NULL},
    {"https-connect-storm", HTTPS, AT_TCP, EITHER, connect_storm, NULL},
    {"https-crowd", HTTPS, AT_TLS, EITHER, crowd, NULL},
    {"https-deaf-subscribers", HTTPS, AT_TLS, EITHER, deaf_subscribers, NULL},
    {"https-bad-tokens", HTTPS, AT_TLS, EITHER, bad_tokens, NULL},
    {"https-wrong-passwords", HTTPS, AT_TLS, EITHER, wrong_passwords, NULL},
    {"https-json-depth", HTTPS, AT_TLS, EITHER, json_depth, NULL},
    {"https-json-values", HTTPS, AT_TLS, EITHER, json_values, NULL},
    {"https-json-large", HTTPS, AT_TLS, EITHER, json_large, NULL},
    {"https-csv-bombs", HTTPS, AT_TLS, EITHER, csv_bombs, NULL},
    {0},
};
