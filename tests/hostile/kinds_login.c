/* SPDX-License-Identifier: Apache-2.0 */
/* Bad behaviour inside TLS, until the login is over. */
#include "hostile.h"

#define AUTH "auth@amt.intel.com"
#define PFWD "pfwd@amt.intel.com"

static void silence(struct peer *p) {}

static void http_get(struct peer *p) {
    peer_send(p, SLICE_LIT("GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_ends(p, 2000);
    must(p, p->got.len > 12 && memcmp(p->got.mem + p->got.head, "HTTP/1.1 200", 12) == 0,
         "a browser on the CIRA port got no page");
}
static void almost_get(struct peer *p) {
    peer_send(p, SLICE_LIT("GEX / HTTP/1.1\r\n"));
}

/* The usual first part: version and the authentication service. */
static void begin(struct buf *b) {
    put_version(b);
    put_service(b, AUTH);
}

static void slow_login(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    for (size_t i = 0; i < b.len && !p->ended; i++) {
        peer_send(p, slice_of(b.mem + b.head + i, 1));
        peer_read(p, 250);
    }
    buf_free(&b);
    must(p, p->ended, "a login of four bytes a second was waited for");
}
static void half_login(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    b.len -= 7;
    peer_send_buf(p, &b);
}
static void login_then_silence(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    peer_send_buf(p, &b);
}
/* Goes away at each byte of a login in turn. */
static void cut_at_each_byte(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), PFWD, "password", slice_str(p->password));
    put_service(&b, PFWD);
    for (size_t at = 1; at < b.len; at += 9) {
        peer_send(p, slice_of(b.mem + b.head, at));
        peer_drop(p, at % 2);
        peer_connect(p);
    }
    buf_free(&b);
}

static void version_again_and_again(struct peer *p) {
    struct buf b = {0};
    for (int i = 0; i < 50; i++)
        put_version(&b);
    peer_send_buf(p, &b);
}
static void version_zero(struct peer *p) {
    struct buf b = {0};
    put_version(&b);
    b.mem[b.head + 4] = 0;
    peer_send_buf(p, &b);
}

/* Every message number as the first message behind `before` of the login. */
static void each_number(struct peer *p, unsigned before) {
    static const uint8_t legal_next[] = {192, 5, 50, 5};
    for (unsigned type = 0; type < 256;
         type += type < 8 || (type > 48 && type < 100) || type > 188 ? 1 : 13) {
        struct buf b = {0};
        if (before > 0)
            put_version(&b);
        if (before > 1)
            put_service(&b, AUTH);
        if (before > 2)
            put_auth(&b, slice_str(p->user), PFWD, "password", slice_str(p->password));
        put_u8(&b, (uint8_t)type);
        for (int i = 0; i < 40; i++)
            put_be32(&b, i % 3 ? 0 : 1);
        peer_send_buf(p, &b);
        if (type != legal_next[before] && type % 5 == 0)
            must(p, peer_ends(p, 6000), "message %u after %u messages was swallowed", type, before);
        peer_drop(p, type % 2);
        peer_connect(p);
    }
}
static void each_number_first(struct peer *p) {
    each_number(p, 0);
}
static void each_number_second(struct peer *p) {
    each_number(p, 1);
}
static void each_number_third(struct peer *p) {
    each_number(p, 2);
}
static void each_number_fourth(struct peer *p) {
    each_number(p, 3);
}

static void send_service_length(struct peer *p, uint32_t n) {
    struct buf b = {0};
    put_version(&b);
    put_u8(&b, 5);
    put_be32(&b, n);
    peer_send_buf(p, &b);
    char fill[1024];
    memset(fill, 'a', sizeof fill);
    for (int i = 0; i < 64 && !p->ended; i++)
        peer_send(p, slice_of(fill, sizeof fill));
}
static void length_4g(struct peer *p) {
    send_service_length(p, UINT32_MAX);
}
static void length_2049(struct peer *p) {
    send_service_length(p, 2049);
}
static void length_2048(struct peer *p) {
    send_service_length(p, 2048); /* legal as a string, no service */
}
static void unknown_service(struct peer *p) {
    struct buf b = {0};
    put_version(&b);
    put_service(&b, "");
    peer_send_buf(p, &b);
}
static void pfwd_first(struct peer *p) {
    struct buf b = {0};
    put_version(&b);
    put_service(&b, PFWD);
    peer_send_buf(p, &b);
}
static void preauth_flood(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    peer_send_buf(p, &b);
    for (int i = 0; i < 3000 && !p->ended; i++) { /* method none may be tried again */
        put_auth(&b, slice_str(p->user), PFWD, "none", SLICE_EMPTY);
        peer_send_buf(p, &b);
    }
}

static void auth_with(struct peer *p, struct slice user, const char *method, struct slice password) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, user, PFWD, method, password);
    peer_send_buf(p, &b);
}
static void user_of(struct peer *p, size_t n) {
    char name[4096];
    memset(name, 'u', n);
    auth_with(p, slice_of(name, n), "password", SLICE_LIT("x"));
}
/* Behind SERVICE_ACCEPT (23 bytes) comes 52 when the login was taken, 51 when not. */
static bool was_accepted(struct peer *p) {
    enum { ACCEPT_BYTES = 23, SUCCESS = 52 };
    for (int64_t until = now_ms() + 3000; p->got.len <= ACCEPT_BYTES && !p->ended && now_ms() < until;)
        peer_read(p, 100);
    return p->got.len > ACCEPT_BYTES && p->got.mem[p->got.head + ACCEPT_BYTES] == SUCCESS;
}
static void user_64(struct peer *p) {
    user_of(p, 64);
}
static void user_65(struct peer *p) {
    user_of(p, 65);
}
static void user_2048(struct peer *p) {
    user_of(p, 2048);
}
static void user_empty(struct peer *p) {
    auth_with(p, SLICE_EMPTY, "password", SLICE_LIT("x"));
}
static void user_nul(struct peer *p) {
    char name[64]; /* a known user, then a NUL */
    int n = snprintf(name, sizeof name, "%s%cx", p->user, 0);
    auth_with(p, slice_of(name, (size_t)n), "password", slice_str(p->password));
    must(p, !was_accepted(p), "a user with a NUL behind it was taken");
}
static void user_markup(struct peer *p) {
    auth_with(p, SLICE_LIT("<script>alert(1)</script>\r\n\x1b[2J\xff\xfe"), "password", SLICE_LIT("x"));
}
static void password_256(struct peer *p) {
    char word[256];
    memset(word, 'p', sizeof word);
    auth_with(p, slice_str(p->user), "password", slice_of(word, sizeof word));
    must(p, !was_accepted(p), "a wrong password was taken");
}
static void password_2048(struct peer *p) {
    char word[2048];
    memset(word, 'p', sizeof word);
    auth_with(p, slice_str(p->user), "password", slice_of(word, sizeof word));
}
static void password_nul(struct peer *p) {
    char word[64]; /* the right one, then a NUL */
    int n = snprintf(word, sizeof word, "%s%cx", p->password, 0);
    auth_with(p, slice_str(p->user), "password", slice_of(word, (size_t)n));
    must(p, !was_accepted(p), "a password with a NUL behind it was taken");
}
static void password_change(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), PFWD, "password", SLICE_EMPTY);
    put_u8(&b, 1);
    put_str(&b, slice_str(p->password));
    put_str(&b, SLICE_LIT("new"));
    peer_send_buf(p, &b);
}
static void method_publickey(struct peer *p) {
    auth_with(p, slice_str(p->user), "publickey", SLICE_LIT("x"));
}
static void auth_for_another_service(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), "ssh-connection", "password", slice_str(p->password));
    peer_send_buf(p, &b);
}
static void accepted_then_silence(struct peer *p) {
    auth_with(p, slice_str(p->user), "password", slice_str(p->password));
    must(p, was_accepted(p), "the right password was not taken");
}
static void ready_without_forwards(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), PFWD, "password", slice_str(p->password));
    put_service(&b, PFWD);
    peer_send_buf(p, &b);
    peer_read(p, 1000);
}
static void coalesced_login(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), PFWD, "password", slice_str(p->password));
    put_service(&b, PFWD);
    for (uint32_t i = 0; i < 8; i++)
        put_forward(&b, "tcpip-forward", SLICE_EMPTY, 16992 + i);
    put_u32s(&b, 208, 1, 0xc0ffeeu);
    peer_send_buf(p, &b);
    for (int64_t until = now_ms() + 4000; now_ms() < until && !p->ended;) {
        peer_read(p, 100);
        if (p->got.len && memmem(p->got.mem + p->got.head, p->got.len, "\xd1\x00\xc0\xff\xee", 5))
            return;
    }
    must(p, false, "a login in one piece did not work");
}
/* A login of one byte a TLS record is odd, and right. */
static void a_byte_a_record(struct peer *p) {
    struct buf b = {0};
    begin(&b);
    put_auth(&b, slice_str(p->user), PFWD, "password", slice_str(p->password));
    put_service(&b, PFWD);
    put_forward(&b, "tcpip-forward", SLICE_EMPTY, 16992);
    put_u32s(&b, 208, 1, 0xc0ffeeu);
    for (size_t i = 0; i < b.len; i++)
        must(p, peer_send(p, slice_of(b.mem + b.head + i, 1)), "closed at byte %zu", i);
    buf_free(&b);
    for (int64_t until = now_ms() + 4000; now_ms() < until && !p->ended;) {
        peer_read(p, 100);
        if (p->got.len && memmem(p->got.mem + p->got.head, p->got.len, "\xd1\x00\xc0\xff\xee", 5))
            return;
    }
    must(p, false, "a login of one byte a record did not work");
}

static void wrong_password_again_and_again(struct peer *p) {
    for (int i = 0; i < 40; i++) {
        char word[24];
        snprintf(word, sizeof word, "wrong-%d", i);
        must(p, !tunnel_login(p, p->user, word), "a wrong password was taken");
        peer_drop(p, false);
        peer_connect(p);
    }
}
/* Another name each time: the list of knocks must not grow without end. */
static void a_new_name_each_time(struct peer *p) {
    for (int i = 0; i < 150; i++) {
        struct buf b = {0};
        char name[40];
        snprintf(name, sizeof name, "stranger-%d-%llu", i, (unsigned long long)noise(p));
        begin(&b);
        put_auth(&b, slice_str(name), PFWD, "password", SLICE_LIT("x"));
        peer_send_buf(p, &b);
        if (i % 4 == 0)
            must(p, peer_ends(p, 6000), "a stranger was kept");
        peer_drop(p, false);
        peer_connect(p);
    }
}
/* The same host twice and more at once: the newest wins, nobody falls over. */
static void duplicates(struct peer *p) {
    enum { MANY = 25 };
    struct peer *all = calloc(MANY, sizeof *all);
    for (int i = 0; i < MANY; i++) {
        all[i] = (struct peer){.to = p->to, .kind = p->kind, .index = p->index, .fd = -1};
        memcpy(all[i].user, p->user, sizeof p->user);
        memcpy(all[i].password, p->password, sizeof p->password);
        peer_connect(&all[i]);
        tunnel_up(&all[i]);
        tunnel_run(&all[i], i % 5 == 0 ? 400 : 1);
    }
    int kept = 0;
    for (int i = 0; i < MANY; i++)
        kept += !peer_ends(&all[i], 500);
    must(p, kept <= 1, "%d tunnels of one host were kept", kept);
    for (int i = 0; i < MANY; i++)
        peer_drop(&all[i], i % 2);
    free(all);
}

const struct kind KINDS_LOGIN[] = {
    {"login-silence", CIRA, AT_TLS, CLOSED, silence, NULL},
    {"login-http-get", CIRA, AT_TLS, CLOSED, http_get, NULL},
    {"login-almost-get", CIRA, AT_TLS, CLOSED, almost_get, NULL},
    {"login-slow", CIRA, AT_TLS, CLOSED, slow_login, NULL},
    {"login-half", CIRA, AT_TLS, CLOSED, half_login, NULL},
    {"login-then-silence", CIRA, AT_TLS, CLOSED, login_then_silence, NULL},
    {"login-cut-at-each-byte", CIRA, AT_TLS, CLOSED, cut_at_each_byte, NULL},
    {"version-again-and-again", CIRA, AT_TLS, CLOSED, version_again_and_again, NULL},
    {"version-zero", CIRA, AT_TLS, CLOSED, version_zero, NULL},
    {"each-number-first", CIRA, AT_TLS, CLOSED, each_number_first, NULL},
    {"each-number-second", CIRA, AT_TLS, CLOSED, each_number_second, NULL},
    {"each-number-third", CIRA, AT_TLS, CLOSED, each_number_third, NULL},
    {"each-number-fourth", CIRA, AT_TLS, CLOSED, each_number_fourth, NULL},
    {"length-4g", CIRA, AT_TLS, CLOSED, length_4g, NULL},
    {"length-2049", CIRA, AT_TLS, CLOSED, length_2049, NULL},
    {"length-2048", CIRA, AT_TLS, CLOSED, length_2048, NULL},
    {"service-unknown", CIRA, AT_TLS, CLOSED, unknown_service, NULL},
    {"service-pfwd-first", CIRA, AT_TLS, CLOSED, pfwd_first, NULL},
    {"preauth-flood", CIRA, AT_TLS, CLOSED, preauth_flood, NULL},
    {"user-64", CIRA, AT_TLS, CLOSED, user_64, NULL},
    {"user-65", CIRA, AT_TLS, CLOSED, user_65, NULL},
    {"user-2048", CIRA, AT_TLS, CLOSED, user_2048, NULL},
    {"user-empty", CIRA, AT_TLS, CLOSED, user_empty, NULL},
    {"user-nul", CIRA, AT_TLS, CLOSED, user_nul, NULL},
    {"user-markup", CIRA, AT_TLS, CLOSED, user_markup, NULL},
    {"password-256", CIRA, AT_TLS, CLOSED, password_256, NULL},
    {"password-2048", CIRA, AT_TLS, CLOSED, password_2048, NULL},
    {"password-nul", CIRA, AT_TLS, CLOSED, password_nul, NULL},
    {"password-change", CIRA, AT_TLS, CLOSED, password_change, NULL},
    {"method-publickey", CIRA, AT_TLS, CLOSED, method_publickey, NULL},
    {"auth-for-another-service", CIRA, AT_TLS, CLOSED, auth_for_another_service, NULL},
    {"accepted-then-silence", CIRA, AT_TLS, CLOSED, accepted_then_silence, NULL},
    {"ready-without-forwards", CIRA, AT_TLS, EITHER, ready_without_forwards, NULL},
    {"coalesced-login", CIRA, AT_TLS, EITHER, coalesced_login, NULL},
    {"a-byte-a-record", CIRA, AT_TLS, EITHER, a_byte_a_record, NULL},
    {"wrong-password-again-and-again", CIRA, AT_TLS, EITHER, wrong_password_again_and_again, NULL},
    {"a-new-name-each-time", CIRA, AT_TLS, EITHER, a_new_name_each_time, NULL},
    {"duplicate-logins", CIRA, AT_TLS, EITHER, duplicates, NULL},
    {0},
};
