/* SPDX-License-Identifier: Apache-2.0 */
/* Bad viewers: WebSockets of sessions on healthy nodes, a node for each kind. */
#include "hostile.h"

enum { FIN = 0x80, CONTINUES = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9 };

/* SOL on a healthy node of its own; node001 is the probe's. */
static void open_one(struct session *s, struct peer *p) {
    char host[16];
    snprintf(host, sizeof host, "node%03u", 2 + p->index % 18);
    if (s->kind.run == NULL)
        session_init(s, p);
    session_open(s, host, "sol");
}
static void watch_one(struct session *s, struct peer *p) {
    open_one(s, p);
    session_watch(s);
    must(p, session_hears(s, "\"open\"", 8000), "the stream does not open");
}
static bool send_frame(struct session *s, uint8_t first, struct slice payload) {
    struct buf b = {0};
    put_frame(&b, first, payload.n, payload);
    return peer_send_buf(&s->viewer, &b);
}

/* --- the upgrade --- */

static void handshakes(struct peer *p) {
#define UPGRADE  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION  "Sec-WebSocket-Version: 13\r\n"
#define KEY(k)   "Sec-WebSocket-Key: " k "\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: outband.v1, ticket.AAAAAAAAAAAAAAAAAAAAAA\r\n"
#define GOOD_KEY KEY("AAAAAAAAAAAAAAAAAAAAAA==")
    static const struct {
        const char *headers;
        int status;
    } all[] = {
        {"", 426},
        {"Upgrade: websocket\r\n" VERSION GOOD_KEY PROTOCOL, 426},
        {"Connection: Upgrade\r\n" VERSION GOOD_KEY PROTOCOL, 426},
        {"Upgrade: h2c\r\nConnection: Upgrade\r\n" VERSION GOOD_KEY PROTOCOL, 426},
        {UPGRADE GOOD_KEY PROTOCOL, 426},
        {UPGRADE "Sec-WebSocket-Version: 8\r\n" GOOD_KEY PROTOCOL, 426},
        {UPGRADE VERSION PROTOCOL, 400},
        {UPGRADE VERSION KEY("") PROTOCOL, 400},
        {UPGRADE VERSION KEY("AAAA") PROTOCOL, 400},
        {UPGRADE VERSION KEY("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") PROTOCOL, 400},
        {UPGRADE VERSION KEY("!!!!!!!!!!!!!!!!!!!!!!==") PROTOCOL, 400},
        {UPGRADE VERSION GOOD_KEY, 0},
        {UPGRADE VERSION GOOD_KEY "Sec-WebSocket-Protocol: chat\r\n", 0},
        {UPGRADE VERSION GOOD_KEY "Sec-WebSocket-Protocol: outband.v1\r\n", 401},
        {UPGRADE VERSION GOOD_KEY "Sec-WebSocket-Protocol: outband.v1, ticket.\r\n", 401},
        {UPGRADE VERSION GOOD_KEY PROTOCOL, 401},
        {UPGRADE VERSION GOOD_KEY PROTOCOL "Origin: https://evil.example\r\n", 403},
        {UPGRADE VERSION GOOD_KEY PROTOCOL "Origin: http://localhost\r\n", 403},
        {UPGRADE VERSION GOOD_KEY PROTOCOL "Origin: null\r\n", 403},
    };
    static struct session s;
    open_one(&s, p);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int status = session_upgrade(&s, all[i].headers);
        must(p, all[i].status ? status == all[i].status : status >= 400 && status <= 501,
             "upgrade %zu: answered with %d", i, status);
    }
    session_watch(&s); /* the true one still works */
    session_end(&s);
}

/* The session has noticed that its viewer is gone: another ticket. */
static void come_again(struct session *s) {
    for (int64_t until = now_ms() + 4000; now_ms() < until; nap_ms(20))
        if (session_rest(s, "GET", s->path, "") == 200 &&
            strstr(buf_cstr(&s->rest.got), "\"state\":\"interrupted\""))
            break;
    session_ticket(s);
}

/* An upgrade whose bytes come one by one, and a frame in the same record as its end: RFC 6455 4.1 wants the
 * client to wait, so that is the end of it, but not of the session. */
static void drip_upgrade(struct peer *p) {
    static struct session s;
    char headers[400];
    struct buf b = {0};
    open_one(&s, p);
    session_headers(&s, headers, sizeof headers);
    buf_putf(&b, "GET %s/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n", s.path, headers);
    peer_connect(&s.viewer);
    size_t n = b.len - 2;
    for (size_t i = 0; i < n; i++)
        peer_send(&s.viewer, slice_of(buf_slice(&b).p + i, 1));
    buf_consume(&b, n);
    put_frame(&b, FIN | PING, 5, SLICE_LIT("early"));
    peer_send_buf(&s.viewer, &b);
    must(p, peer_ends(&s.viewer, 6000), "a frame before the answer was passed over in silence");
    come_again(&s);
    session_watch(&s);
    session_end(&s);
}

static void tickets_guessed(struct peer *p) {
    static struct session s;
    char headers[400], good[sizeof s.ticket];
    open_one(&s, p);
    memcpy(good, s.ticket, sizeof good);
    for (int i = 0; i < 150; i++) {
        size_t at = (size_t)i % strlen(good);
        memcpy(s.ticket, good, sizeof good);
        s.ticket[at] = s.ticket[at] == 'A' ? 'B' : 'A';
        session_headers(&s, headers, sizeof headers);
        int status = session_upgrade(&s, headers);
        must(p, status == 401 || status == 403 || status == 429, "a guessed ticket was answered with %d",
             status);
    }
    memcpy(s.ticket, good, sizeof good);
    session_watch(&s); /* nobody can use up another's ticket by guessing */
    session_headers(&s, headers, sizeof headers);
    struct peer first = s.viewer;
    s.viewer = (struct peer){.to = p->to, .kind = &s.kind, .fd = -1};
    int status = session_upgrade(&s, headers);
    must(p, status == 401 || status == 409, "a ticket was used twice: %d", status);
    peer_drop(&first, true);
    session_end(&s);
}

/* --- frames --- */

static void frames_against_the_rules(struct peer *p) {
    static const struct {
        const char *what;
        struct slice bytes;
    } all[] = {
#define BYTES(s) {(const uint8_t *)(s), sizeof(s) - 1}
        {"not masked", BYTES("\x82\x01x")},
        {"reserved bits", BYTES("\xc2\x81\0\0\0\0x")},
        {"an opcode that is none", BYTES("\x83\x81\0\0\0\0x")},
        {"a control opcode that is none", BYTES("\x8b\x80\0\0\0\0")},
        {"a ping of 126 bytes", BYTES("\x89\xfe\0\x7e\0\0\0\0")},
        {"a ping in fragments", BYTES("\x09\x80\0\0\0\0")},
        {"a length of 2^63", BYTES("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0")},
        {"a length in too many bytes", BYTES("\x82\xfe\0\1\0\0\0\0x")},
        {"a continuation of nothing", BYTES("\x80\x81\0\0\0\0x")},
        {"a message inside another", BYTES("\x02\x81\0\0\0\0x\x82\x81\0\0\0\0x")},
        {"a close of one byte", BYTES("\x88\x81\0\0\0\0\3")},
        {"a close code that is none", BYTES("\x88\x82\0\0\0\0\3\xed")},
        {"text that is not UTF-8", BYTES("\x81\x82\0\0\0\0\xc3\x28")},
    };
    static struct session s;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        watch_one(&s, p);
        peer_send(&s.viewer, all[i].bytes);
        must(p, session_hears(&s, "\x88", 6000), "%s: the stream was kept", all[i].what);
        session_end(&s);
    }
}

/* The length is legal, what comes of it is taken as it comes; the rest never does. */
static void huge_length(struct peer *p) {
    static struct session s;
    static uint8_t fill[65536];
    struct buf b = {0};
    watch_one(&s, p);
    put_frame(&b, FIN | BINARY, UINT64_C(1) << 62, slice_of(fill, sizeof fill));
    peer_send_buf(&s.viewer, &b);
    for (int i = 0; i < 40 && peer_send(&s.viewer, slice_of(fill, sizeof fill)); i++)
        peer_read(&s.viewer, 10);
}

static void fragments_without_end(struct peer *p) {
    static struct session s;
    struct buf b = {0};
    watch_one(&s, p);
    put_frame(&b, BINARY, 0, SLICE_EMPTY);
    for (size_t i = 0; i < 30000; i++)
        put_frame(&b, CONTINUES, i % 2, slice_head(SLICE_LIT("\0"), i % 2));
    peer_send_buf(&s.viewer, &b);
    peer_read(&s.viewer, 500);
    must(p, !s.viewer.ended, "binary fragments were not taken");
    session_end(&s);
    watch_one(&s, p);
    put_frame(&b, TEXT, 1, SLICE_LIT("a"));
    for (int i = 0; i < 5000; i++)
        put_frame(&b, CONTINUES, 1, SLICE_LIT("a"));
    peer_send_buf(&s.viewer, &b);
    must(p, peer_ends(&s.viewer, 6000), "text without end was taken");
    session_end(&s);
}

/* Some thousands a second; false when they are not taken any more. */
static bool send_pings(struct session *s, bool read) {
    static char fill[125];
    struct buf b = {0};
    for (int i = 0; i < 100; i++)
        put_frame(&b, FIN | PING, sizeof fill, slice_of(fill, sizeof fill));
    bool taken = peer_send_buf(&s->viewer, &b);
    while (read && (buf_free(&s->viewer.got), peer_read(&s->viewer, 0), s->viewer.got.len))
        ;
    return taken;
}
static void ping_flood(struct peer *p) {
    static struct session s;
    watch_one(&s, p);
    for (int i = 0; i < 400; i++)
        must(p, send_pings(&s, true), "pings were not taken");
    send_frame(&s, FIN | PING, SLICE_LIT("last"));
    for (int64_t until = now_ms() + 9000; now_ms() < until && !session_hears(&s, "last", 0);) {
        struct buf *got = &s.viewer.got;
        buf_consume(got, got->len > 200 ? got->len - 200 : 0);
        peer_read(&s.viewer, 20);
    }
    must(p, session_hears(&s, "last", 0), "the newest ping was not answered");
    session_end(&s);
}
static void ping_flood_unread(struct peer *p) {
    static struct session s = {.small_buffer = true};
    int batches = 0;
    watch_one(&s, p);
    while (batches < 4000 && send_pings(&s, false))
        batches++;
    must(p, batches < 4000, "52 MB of pings were taken from a viewer that does not read");
}

static void close_storm(struct peer *p) {
    static struct session s;
    struct buf b = {0};
    for (int i = 0; i < 8; i++) {
        watch_one(&s, p);
        for (int k = 0; k < 500; k++)
            put_frame(&b, FIN | CLOSE, 2, SLICE_LIT("\3\xe8"));
        peer_send_buf(&s.viewer, &b);
        must(p, session_hears(&s, "\x88", 6000), "a close was not answered");
        session_end(&s);
    }
}

/* Opens and leaves at once, by FIN and RST, in every state. */
static void come_and_go(struct peer *p) {
    static struct session s;
    open_one(&s, p);
    for (int i = 0; i < 25; i++) {
        session_watch(&s);
        if (i % 3)
            session_hears(&s, "\"open\"", 40 * (i % 3));
        peer_drop(&s.viewer, i % 2);
        come_again(&s);
    }
    session_end(&s);
}

/* --- reading --- */

/* The node's shell sends for ever; the viewer does not read. */
static void flood_unread(struct session *s, struct peer *p) {
    s->small_buffer = true;
    watch_one(s, p);
    send_frame(s, FIN | BINARY, SLICE_LIT("\r"));
    session_hears(s, "$", 3000);
    send_frame(s, FIN | BINARY, SLICE_LIT("flood 50000000\r"));
}
static void deaf(struct peer *p) {
    static struct session s;
    flood_unread(&s, p);
    nap_ms(4000);
    must(p, session_rest(&s, "GET", s.path, "") == 200, "the session cannot be asked for");
}
static void reads_a_byte_a_second(struct peer *p) {
    static struct session s;
    uint8_t byte;
    int bytes = 0;
    flood_unread(&s, p);
    for (int64_t until = now_ms() + 7000; now_ms() < until; nap_ms(1000))
        bytes += SSL_read(s.viewer.ssl, &byte, 1) == 1;
    must(p, bytes > 2, "nothing to read");
}

const struct kind KINDS_WS[] = {
    {"ws-handshakes", HTTPS, AT_TCP, EITHER, handshakes, NULL},
    {"ws-drip-upgrade", HTTPS, AT_TCP, EITHER, drip_upgrade, NULL},
    {"ws-tickets-guessed", HTTPS, AT_TCP, EITHER, tickets_guessed, NULL},
    {"ws-frames-against-the-rules", HTTPS, AT_TCP, EITHER, frames_against_the_rules, NULL},
    {"ws-huge-length", HTTPS, AT_TCP, EITHER, huge_length, NULL},
    {"ws-fragments-without-end", HTTPS, AT_TCP, EITHER, fragments_without_end, NULL},
    {"ws-ping-flood", HTTPS, AT_TCP, EITHER, ping_flood, NULL},
    {"ws-ping-flood-unread", HTTPS, AT_TCP, EITHER, ping_flood_unread, NULL},
    {"ws-close-storm", HTTPS, AT_TCP, EITHER, close_storm, NULL},
    {"ws-come-and-go", HTTPS, AT_TCP, EITHER, come_and_go, NULL},
    {"ws-deaf", HTTPS, AT_TCP, EITHER, deaf, NULL},
    {"ws-reads-a-byte-a-second", HTTPS, AT_TCP, EITHER, reads_a_byte_a_second, NULL},
    {0},
};
