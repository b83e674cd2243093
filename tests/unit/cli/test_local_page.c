/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enter the page of a KVM session, and what there is; the stream's bytes. Without a socket. */
#include "cli/local_page.h"
#include "unit.h"

#include <stdlib.h>

enum { PORT = 4321 };
static struct local_site site;
static char cookie[80];

static int setup(void **state) {
    snprintf(cookie, sizeof cookie, "Cookie: a=b; outband-kvm-4321=");
    site = (struct local_site){.port = PORT, .host = "node003", .title = "node003: KVM", .view_only = true};
    int rc = local_site_seal(&site);
    strncat(cookie, site.cookie, sizeof cookie - strlen(cookie) - 1);
    return rc;
}

/* A request on a connection of its own, whole or byte by byte; the answer is to be freed. */
static char *ask_pieces(const char *text, size_t piece, int *rc) {
    struct local_conn *c = local_conn_new(&site);
    struct local_ev ev;
    struct slice in = slice_str(text);
    *rc = 0;
    while (in.n && *rc == 0) {
        struct slice part = slice_head(in, piece);
        *rc = local_conn_input(c, &part, &ev);
        in = slice_skip(in, piece);
    }
    struct slice out = local_conn_output(c);
    char *answer = calloc(1, out.n + 1);
    memcpy(answer, out.p ? out.p : (const uint8_t *)"", out.n);
    local_conn_sent(c, out.n);
    assert_int_equal(local_conn_output(c).n, 0);
    local_conn_free(&c);
    return answer;
}

static void expect_answer(const char *text, const char *begins, const char *has) {
    for (int way = 0; way < 2; way++) {
        int rc;
        char *answer = ask_pieces(text, way ? 1 : SIZE_MAX, &rc);
        if (strncmp(answer, begins, strlen(begins)) != 0 || !strstr(answer, has))
            fail_msg("wanted \"%s\" with \"%s\", got\n%s", begins, has, answer);
        free(answer);
    }
}

/* "GET path", headers with line breaks between. */
static void expect(const char *line, const char *headers, const char *begins, const char *has) {
    char text[1024];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\n%s%s\r\n", line, headers, *headers ? "\r\n" : "");
    expect_answer(text, begins, has);
}
#define OWN_HOST "Host: 127.0.0.1:4321"
static void expect_inside(const char *line, const char *begins, const char *has) {
    char headers[256];
    snprintf(headers, sizeof headers, OWN_HOST "\r\n%s", cookie);
    expect(line, headers, begins, has);
}

static void the_key_opens_once(void **state) {
    char line[96], url[LOCAL_URL_CAP], want[160], again[256];
    snprintf(line, sizeof line, "http://127.0.0.1:4321/?key=%s", site.key);
    assert_string_equal(local_site_url(&site, url), line);
    snprintf(line, sizeof line, "GET /?key=%s", site.key);
    snprintf(want, sizeof want, "Set-Cookie: outband-kvm-4321=%s; Path=/; HttpOnly; SameSite=Strict\r\n",
             site.cookie);
    int rc;
    char text[512];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\n" OWN_HOST "\r\n\r\n", line);
    char *answer = ask_pieces(text, 7, &rc);
    assert_non_null(strstr(answer, "HTTP/1.1 303 "));
    assert_non_null(strstr(answer, want));
    assert_non_null(strstr(answer, "Location: /ui/console.html?local=1\r\n"));
    free(answer);
    expect(line, OWN_HOST, "HTTP/1.1 403 ", "was used already");
    /* the one who used it may reload */
    snprintf(again, sizeof again, OWN_HOST "\r\n%s", cookie);
    expect(line, again, "HTTP/1.1 303 ", "Location: ");
}

static void no_key_and_wrong_keys(void **state) {
    char line[96];
    expect("GET /", OWN_HOST, "HTTP/1.1 403 ", "address that orch-cli printed");
    expect("GET /?key=", OWN_HOST, "HTTP/1.1 403 ", "address that orch-cli printed");
    expect("GET /?key=00000000000000000000000000000000", OWN_HOST, "HTTP/1.1 403 ", "printed");
    /* the cookie is no key */
    snprintf(line, sizeof line, "GET /?key=%s", site.cookie);
    expect(line, OWN_HOST, "HTTP/1.1 403 ", "printed");
    assert_false(site.key_used);
}

static void without_the_cookie_nothing(void **state) {
    static const char *const paths[] = {"GET /local.json", "GET /stream", "GET /ui/style.css", "GET /other"};
    char wrong[256];
    snprintf(wrong, sizeof wrong, OWN_HOST "\r\nCookie: outband-kvm-4321=%.31s0; outband-kvm-4320=%s",
             site.cookie[31] == '0' ? "ffffffffffffffffffffffffffffffff" : site.cookie, site.cookie);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        expect(paths[i], OWN_HOST, "HTTP/1.1 403 ", "printed");
        expect(paths[i], wrong, "HTTP/1.1 403 ", "printed");
    }
}

static void another_name_gets_nothing(void **state) {
    static const char *const hosts[] = {
        "evil.example:4321",           "127.0.0.1", "127.0.0.1:4322", "localhost",
        "127.0.0.1.evil.example:4321", "[::1]:4321"};
    char line[96], headers[256];
    snprintf(line, sizeof line, "GET /?key=%s", site.key);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n%s", hosts[i], cookie);
        expect("GET /local.json", headers, "HTTP/1.1 403 ", "another name");
        expect(line, headers, "HTTP/1.1 403 ", "another name");
    }
    assert_false(site.key_used);
    snprintf(headers, sizeof headers, "Host: LocalHost:4321\r\n%s", cookie);
    expect("GET /local.json", headers, "HTTP/1.1 200 ", "node003");
}

static void what_there_is(void **state) {
    char want[200];
    snprintf(want, sizeof want,
             "\r\n\r\n{\"kind\":\"kvm\",\"host\":\"node003\",\"title\":\"node003: "
             "KVM\",\"viewOnly\":true,\"stream\":\"/stream\","
             "\"protocol\":[\"outband.v1\",\"ticket.%s\"]}",
             site.ticket);
    expect_inside("GET /local.json", "HTTP/1.1 200 ", want);
    expect_inside("GET /ui/style.css", "HTTP/1.1 200 ", "Content-Type: text/css");
    expect_inside("GET /ui/style.css?v=1", "HTTP/1.1 200 ", "nosniff");
    expect_inside("GET /ui/style.css", "HTTP/1.1 200 ", "Content-Security-Policy: default-src 'none'; ");
    expect_inside("GET /ui/", "HTTP/1.1 404 ", "no such file");
    expect_inside("GET /ui/../secret", "HTTP/1.1 404 ", "no such file");
    expect_inside("GET /local.jsonx", "HTTP/1.1 404 ", "no such page");
    expect_inside("GET /streams", "HTTP/1.1 404 ", "no such page");
    expect_inside("POST /local.json", "HTTP/1.1 405 ", "Only GET");
}

static void requests_that_break_rules(void **state) {
    expect_answer("GARBAGE\r\n\r\n", "HTTP/1.1 400 ", "no request");
    expect_answer("GET / HTTP/1.1\r\n" OWN_HOST "\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413 ",
                  "no request");
    char *big = malloc(LOCAL_REQUEST_BYTES + 200);
    int n = snprintf(big, 100, "GET / HTTP/1.1\r\n" OWN_HOST "\r\nX: ");
    memset(big + n, 'x', LOCAL_REQUEST_BYTES);
    snprintf(big + n + LOCAL_REQUEST_BYTES, 5, "\r\n\r\n");
    expect_answer(big, "HTTP/1.1 431 ", "no request");
    free(big);
}

/* --- the stream --- */

static void upgrade_text(char out[1024], const char *origin, const char *protocol, const char *version) {
    snprintf(out, 1024,
             "GET /stream HTTP/1.1\r\n" OWN_HOST
             "\r\n%s\r\n%s%s%sUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: %s\r\n"
             "Sec-WebSocket-Protocol: %s\r\n\r\n",
             cookie, *origin ? "Origin: " : "", origin, *origin ? "\r\n" : "", version, protocol);
}

static void who_may_have_the_stream(void **state) {
    char text[1024], protocol[80];
    snprintf(protocol, sizeof protocol, "outband.v1, ticket.%s", site.ticket);
    static const char *const foreign[] = {"http://evil.example", "https://127.0.0.1:4321", "null", "",
                                          "http://127.0.0.1:4322"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        upgrade_text(text, foreign[i], protocol, "13");
        expect_answer(text, "HTTP/1.1 403 ", "for the page of this address");
    }
    upgrade_text(text, "http://127.0.0.1:4321", "outband.v1, ticket.0123", "13");
    expect_answer(text, "HTTP/1.1 403 ", "/local.json names");
    upgrade_text(text, "http://127.0.0.1:4321", protocol + 12, "13");
    expect_answer(text, "HTTP/1.1 403 ", "/local.json names");
    upgrade_text(text, "http://127.0.0.1:4321", protocol, "8");
    expect_answer(text, "HTTP/1.1 400 ", "version 13");
    upgrade_text(text, "http://localhost:4321", protocol, "13");
    /* RFC 6455 1.3 */
    expect_answer(text, "HTTP/1.1 101 ", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    expect_answer(text, "HTTP/1.1 101 ", "Sec-WebSocket-Protocol: outband.v1\r\n");
}

static struct local_conn *open_stream(const char *text) {
    struct local_conn *c = local_conn_new(&site);
    struct slice in = slice_str(text);
    struct local_ev ev;
    assert_int_equal(local_conn_input(c, &in, &ev), 1);
    assert_int_equal(ev.kind, LOCAL_EV_STREAM);
    assert_true(slice_is(slice_head(local_conn_output(c), 13), "HTTP/1.1 101 "));
    return c;
}

/* The browser's end of a connection takes the answer to its upgrade, then this event. */
static void expect_event(struct local_conn *c, struct ws *browser, enum ws_ev_kind kind, struct ws_ev *w) {
    if (slice_is(slice_head(local_conn_output(c), 9), "HTTP/1.1 "))
        local_conn_sent(c, local_conn_output(c).n);
    struct slice out = local_conn_output(c), in = out;
    assert_int_equal(ws_input(browser, &in, w), 1);
    assert_int_equal(w->kind, kind);
    local_conn_sent(c, out.n - in.n);
}

/* A browser tells its page nothing of an upgrade that is refused: it must hear why on its stream. */
static void expect_turned_away(const char *text) {
    const struct local_conn *holder = site.stream;
    const uint8_t random[16] = {2};
    struct local_conn *c = local_conn_new(&site);
    struct ws *browser = ws_new(WS_CLIENT, 4096, random);
    struct local_ev ev = {.kind = LOCAL_EV_DATA};
    struct ws_ev w;
    struct slice in = slice_str(text);
    assert_int_equal(local_conn_input(c, &in, &ev), ERR_CLOSED);
    assert_int_equal(ev.kind, LOCAL_EV_DATA); /* none came */
    assert_true(slice_is(slice_head(local_conn_output(c), 13), "HTTP/1.1 101 "));
    expect_event(c, browser, WS_EV_TEXT, &w);
    assert_true(slice_is(w.data,
                         "{\"type\":\"end\",\"reason\":\"local\",\"text\":\"Another tab of this browser "
                         "shows node003: KVM already. Go on there, or close it and reload this one\","
                         "\"resumable\":false}"));
    expect_event(c, browser, WS_EV_CLOSE, &w);
    assert_int_equal(w.code, WS_CLOSE_NORMAL);
    assert_int_equal(local_conn_output(c).n, 0);
    in = ws_output(browser); /* it is not listened to any more */
    assert_int_equal(local_conn_input(c, &in, &ev), ERR_CLOSED);
    assert_ptr_equal(site.stream, holder);
    local_conn_free(&c);
    assert_ptr_equal(site.stream, holder);
    ws_free(&browser);
}

static void one_stream_at_a_time_and_its_bytes(void **state) {
    char text[1024], protocol[80];
    const uint8_t random[16] = {1};
    struct local_ev ev;
    snprintf(protocol, sizeof protocol, "outband.v1, ticket.%s", site.ticket);
    upgrade_text(text, "http://127.0.0.1:4321", protocol, "13");
    struct local_conn *one = open_stream(text);
    expect_turned_away(text);
    struct ws *browser = ws_new(WS_CLIENT, 4096, random);
    assert_int_equal(ws_text(browser, SLICE_LIT("not used")), 0);
    assert_int_equal(ws_binary(browser, SLICE_LIT("RFB 003.008\n")), 0);
    struct slice in = ws_output(browser);
    assert_int_equal(local_conn_input(one, &in, &ev), 1);
    assert_int_equal(ev.kind, LOCAL_EV_DATA);
    assert_true(slice_is(ev.data, "RFB 003.008\n"));
    assert_int_equal(local_conn_input(one, &in, &ev), 0);
    ws_sent(browser, ws_output(browser).n);
    /* what the server says comes behind the answer to the upgrade */
    assert_int_equal(ws_binary(local_ws(one), SLICE_LIT("picture")), 0);
    struct ws_ev w;
    expect_event(one, browser, WS_EV_BINARY, &w);
    assert_true(slice_is(w.data, "picture"));
    /* closed by the page: at once another one may come */
    ws_close(browser, WS_CLOSE_NORMAL, "");
    in = ws_output(browser);
    assert_int_equal(local_conn_input(one, &in, &ev), 1);
    assert_int_equal(ev.kind, LOCAL_EV_CLOSED);
    assert_int_equal(local_conn_input(one, &in, &ev), ERR_CLOSED);
    struct local_conn *two = open_stream(text);
    local_conn_free(&one); /* the old one takes nothing from the new one */
    expect_turned_away(text);
    local_conn_release(two);
    struct local_conn *three = open_stream(text);
    local_conn_free(&two);
    local_conn_free(&three);
    ws_free(&browser);
}

static void requests_follow_each_other(void **state) {
    struct local_conn *c = local_conn_new(&site);
    struct local_ev ev;
    struct buf text = {0};
    for (int i = 0; i < 3; i++)
        buf_putf(&text, "GET /local.json HTTP/1.1\r\n" OWN_HOST "\r\n%s\r\n%s\r\n", cookie,
                 i == 2 ? "Connection: close\r\n" : "");
    struct slice in = buf_slice(&text);
    assert_int_equal(local_conn_input(c, &in, &ev), ERR_CLOSED);
    struct slice out = local_conn_output(c);
    unsigned answers = 0;
    for (size_t i = 0; i + 9 < out.n; i++)
        answers += memcmp(out.p + i, "HTTP/1.1 ", 9) == 0;
    assert_int_equal(answers, 3);
    local_conn_free(&c);
    buf_free(&text);
}

#define FRESH(fn) cmocka_unit_test_setup(fn, setup)
int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(the_key_opens_once),
        FRESH(no_key_and_wrong_keys),
        FRESH(without_the_cookie_nothing),
        FRESH(another_name_gets_nothing),
        FRESH(what_there_is),
        FRESH(requests_that_break_rules),
        FRESH(who_may_have_the_stream),
        FRESH(one_stream_at_a_time_and_its_bytes),
        FRESH(requests_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
