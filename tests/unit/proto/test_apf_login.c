/* SPDX-License-Identifier: Apache-2.0 */
/* Login, forwards and keepalives: reference vectors, the strict server, the tolerant device. */
#include "apf_pair.h"
#include "base/text.h"

#define HEX_AUTH                                                                                             \
    "00000012"                                                                                               \
    "6175746840616d742e696e74656c2e636f6d"
#define HEX_PFWD                                                                                             \
    "00000012"                                                                                               \
    "7066776440616d742e696e74656c2e636f6d"
#define HEX_FORWARD                                                                                          \
    "0000000d"                                                                                               \
    "74637069702d666f7277617264"
#define HEX_CANCEL                                                                                           \
    "00000014"                                                                                               \
    "63616e63656c2d74637069702d666f7277617264"
#define HEX_VERSION                                                                                          \
    "c0000000010000000000000004"                                                                             \
    "13aee355d2bfbb6117a088aedd7037ea"                                                                       \
    "0000000000000000000000000000000000000000000000000000000000000000"                                       \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define HEX_LOGIN                                                                                            \
    "32"                                                                                                     \
    "00000005"                                                                                               \
    "61646d696e" HEX_PFWD "00000008"                                                                         \
    "70617373776f7264"                                                                                       \
    "00"                                                                                                     \
    "00000008"                                                                                               \
    "5040737377307264"

/* A machine fed with hex, its events noted as text. */
struct feed {
    struct apf *a;
    struct buf log;
    int err;
    bool auto_accept;
};

static struct feed feed_of(enum apf_role role, const struct apf_limits *lim) {
    return (struct feed){.a = apf_new(role, lim ? lim : &APF_LIMITS_DEFAULT), .auto_accept = true};
}

static void note(struct feed *f, const struct apf_ev *ev) {
    char uuid[UUID_TEXT_CAP];
    buf_putf(&f->log, "%d", (int)ev->kind);
    switch (ev->kind) {
    case APF_EV_VERSION:
        buf_putf(&f->log, ":%s:%u", uuid_text(ev->uuid, uuid), ev->trigger);
        break;
    case APF_EV_AUTH:
        buf_putf(&f->log, ":%.*s:%.*s:%d", (int)ev->user_name.n, (const char *)ev->user_name.p,
                 (int)ev->password.n, (const char *)ev->password.p, ev->method_none);
        if (f->auto_accept)
            apf_auth_accept(f->a);
        break;
    default:
        buf_putf(&f->log, ":%u:%u:%u", ev->port, ev->cookie, ev->reason);
    }
    buf_puts(&f->log, " ");
}

static void feed_bytes(struct feed *f, struct slice in, size_t piece) {
    while (in.n && f->err >= 0) {
        /* an exact copy on the heap: reading past a piece shows in the sanitizer */
        struct slice s = slice_head(in, piece);
        uint8_t *copy = malloc(s.n);
        memcpy(copy, s.p, s.n);
        struct slice left = slice_of(copy, s.n);
        struct apf_ev ev;
        int r;
        while ((r = apf_input(f->a, &left, (struct mono){0}, &ev)) == 1)
            note(f, &ev);
        f->err = r;
        free(copy);
        in = slice_skip(in, s.n);
    }
}

static void feed(struct feed *f, const char *hex, size_t piece) {
    uint8_t bin[2048];
    size_t n = strlen(hex) / 2;
    assert_true(n <= sizeof bin && text_unhex(slice_str(hex), bin, n));
    feed_bytes(f, slice_of(bin, n), piece);
}

static void feed_end(struct feed *f) {
    apf_free(&f->a);
    buf_free(&f->log);
}

/* The output is exactly this, and is taken. */
static void sends(struct apf *a, const char *hex) {
    char text[2048];
    struct slice out = apf_output(a);
    assert_true(out.n < sizeof text / 2);
    assert_string_equal(text_hex(out, text), hex);
    apf_sent(a, out.n);
}

static void vectors_of_the_server(void **s) {
    for (size_t piece = 1; piece < 300; piece += piece < 4 ? 1 : 37) {
        struct feed f = feed_of(APF_SERVER, NULL);
        feed(&f, HEX_VERSION "05" HEX_AUTH HEX_LOGIN, piece);
        assert_int_equal(f.err, 0);
        assert_string_equal(buf_cstr(&f.log), "0:55e3ae13-bfd2-61bb-17a0-88aedd7037ea:4 1:admin:P@ssw0rd:0 ");
        sends(f.a, "06" HEX_AUTH "34");
        feed(&f,
             "05" HEX_PFWD "50" HEX_FORWARD "01"
             "00000000"
             "00004260",
             piece);
        sends(f.a, "06" HEX_PFWD "5100004260");
        assert_true(apf_forwards(f.a, 16992));
        assert_false(apf_forwards(f.a, 16993));
        assert_string_equal(buf_cstr(&f.log) + 60, "4:0:0:0 2:16992:0:0 ");
        assert_int_equal(apf_count(f.a, 5), 2);
        assert_int_equal(apf_count(f.a, 80), 1);
        feed_end(&f);
    }
}

static void vectors_of_the_device(void **s) {
    struct feed f = feed_of(APF_DEVICE, NULL);
    uint32_t port = 16992;
    struct apf_login login = PAIR_LOGIN;
    login.ports = &port;
    login.nports = 1;
    assert_int_equal(apf_login(f.a, &login), 0);
    assert_int_equal(apf_login(f.a, &login), ERR_STATE);
    sends(f.a, HEX_VERSION "05" HEX_AUTH);
    feed(&f, HEX_VERSION "06" HEX_AUTH, 3); /* a server that echoes 192 */
    assert_int_equal(apf_output(f.a).n, 57);
    sends(f.a, HEX_LOGIN);
    feed(&f, "34", 1);
    sends(f.a, "05" HEX_PFWD);
    feed(&f, "06" HEX_PFWD, 3);
    assert_int_equal(apf_output(f.a).n, 27);
    sends(f.a, "50" HEX_FORWARD "010000000000004260");
    assert_int_equal(apf_unforward(f.a, 16992), 0);
    assert_int_equal(apf_forward(f.a, 623), 0);
    assert_int_equal(apf_output(f.a).n, 0); /* one at a time */
    feed(&f, "5100004260", 2);
    sends(f.a, "50" HEX_CANCEL "010000000000004260");
    feed(&f, "51", 1);
    sends(f.a, "50" HEX_FORWARD "01000000000000026f");
    feed(&f, "52", 1); /* refused */
    assert_int_equal(apf_output(f.a).n, 0);
    assert_string_equal(buf_cstr(&f.log), "4:0:0:0 2:16992:0:0 3:16992:0:0 ");
    feed(&f, "d20000001e0000005a", 4);
    sends(f.a, "d30000001e0000005a");
    feed(&f, "52", 1);
    assert_int_equal(f.err, ERR_PROTO);
    feed_end(&f);
}

/* What a refused request began to say must not show in the next event. */
static void events_do_not_mix(void **s) {
    struct feed f = feed_of(APF_SERVER, NULL);
    feed(&f, HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD, 1000);
    buf_clear(&f.log);
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000000"
         "00010001"
         "d000000001",
         1000);
    assert_string_equal(buf_cstr(&f.log), "13:0:1:0 ");
    feed_end(&f);
}

static void failure_with_a_stray_byte(void **s) {
    for (size_t piece = 1; piece < 40; piece += 6) {
        struct feed f = feed_of(APF_DEVICE, NULL);
        assert_int_equal(apf_login(f.a, &PAIR_LOGIN), 0);
        feed(&f,
             "06" HEX_AUTH "33"
             "00000008"
             "70617373776f7264"
             "00"
             "00"
             "01"
             "0000000f0000",
             piece);
        assert_int_equal(f.err, 0);
        assert_string_equal(buf_cstr(&f.log), "5:0:0:0 15:0:0:15 ");
        feed(&f, "ffffff", piece); /* nothing follows a disconnect */
        assert_int_equal(f.err, 0);
        feed_end(&f);
        f = feed_of(APF_DEVICE, NULL);
        assert_int_equal(apf_login(f.a, &PAIR_LOGIN), 0);
        feed(&f,
             "06" HEX_AUTH "33"
             "00000008"
             "70617373776f7264"
             "00"
             "00"
             "00",
             piece);
        assert_int_equal(f.err, ERR_PROTO); /* one is tolerated, not two */
        feed_end(&f);
    }
}

static void the_server_is_strict(void **s) {
    const struct {
        const char *hex;
        unsigned disconnect;
    } rows[] = {
        {"05" HEX_AUTH, 2}, /* before 192 */
        {"c0"
         "00000000"
         "00000001",
         8},                            /* version 0.1; completed below */
        {HEX_VERSION HEX_VERSION, 2},   /* twice */
        {HEX_VERSION "05" HEX_PFWD, 2}, /* out of turn */
        {HEX_VERSION "05"
                     "00000001"
                     "61",
         7},                                                    /* unknown service */
        {HEX_VERSION "05" HEX_AUTH "05" HEX_AUTH, 2},           /* a login was due */
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_AUTH, 2}, /* auth again */
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05"
                     "00000000",
         7},                                                       /* unknown service */
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "50" HEX_FORWARD, 2}, /* before pfwd */
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "5a", 2},             /* before pfwd */
        {HEX_VERSION "05" HEX_AUTH "32"
                     "00000041",
         2}, /* user of 65 bytes */
        {HEX_VERSION "05" HEX_AUTH "32"
                     "00000000"
                     "00000801",
         2}, /* string of 2049 bytes */
        {HEX_VERSION "05" HEX_AUTH "32"
                     "00000000" HEX_PFWD "00000001"
                     "61",
         14}, /* unknown method */
        {HEX_VERSION "05" HEX_AUTH "32"
                     "00000000" HEX_AUTH "00000004"
                     "6e6f6e65",
         7},
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD "50"
                     "00000001"
                     "61"
                     "00",
         2},
        {HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD "34", 2}, /* the server's own message */
        {"47", 2},                                                   /* GET */
        {"00", 2},
        {HEX_VERSION "62", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t piece = 1; piece < 1000; piece += 499) {
            struct feed f = feed_of(APF_SERVER, NULL);
            assert_string_equal(apf_error(f.a), "");
            feed(&f, rows[i].hex, piece);
            if (i == 1) {
                uint8_t rest[84] = {0};
                feed_bytes(&f, slice_of(rest, sizeof rest), piece);
            }
            if (f.err != ERR_PROTO && f.err != ERR_LIMIT)
                fail_msg("row %zu: %d", i, f.err);
            assert_true(strlen(apf_error(f.a)) > 0);
            struct slice out = apf_output(f.a);
            assert_true(out.n >= 7);
            assert_int_equal(out.p[out.n - 7], 1);
            if (out.p[out.n - 3] != rows[i].disconnect)
                fail_msg("row %zu: disconnect %u (%s)", i, out.p[out.n - 3], apf_error(f.a));
            struct slice more = SLICE_LIT("\xd0");
            struct apf_ev ev;
            assert_int_equal(apf_input(f.a, &more, (struct mono){0}, &ev), f.err); /* sticky */
            assert_int_equal(apf_keepalive(f.a, 1), ERR_CLOSED);
            feed_end(&f);
        }
    }
}

static void rejecting(void **s) {
    struct feed f = feed_of(APF_SERVER, NULL);
    f.auto_accept = false;
    feed(&f,
         HEX_VERSION "05" HEX_AUTH "32"
                     "00000000" HEX_PFWD "00000004"
                     "6e6f6e65",
         10);
    assert_string_equal(buf_cstr(&f.log) + 41, "1:::1 ");
    apf_sent(f.a, apf_output(f.a).n);
    apf_auth_again(f.a);
    sends(f.a, "33"
               "00000008"
               "70617373776f7264"
               "00");
    feed(&f, HEX_LOGIN, 100);
    apf_auth_reject(f.a);
    sends(f.a, "33"
               "00000008"
               "70617373776f7264"
               "00"
               "01"
               "0000000f"
               "0000");
    apf_auth_accept(f.a); /* too late: without effect */
    assert_int_equal(apf_output(f.a).n, 0);
    feed(&f, "05" HEX_PFWD, 100);
    assert_int_equal(f.err, 0);
    assert_int_equal(apf_output(f.a).n, 0);
    feed_end(&f);
}

static void preauth_bytes(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.preauth_bytes = 93 + 23 + 57;
    for (size_t piece = 1; piece < 300; piece += 23) {
        struct feed f = feed_of(APF_SERVER, &lim);
        feed(&f, HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD "d000000001", piece);
        assert_int_equal(f.err, 0);
        feed_end(&f);
        f = feed_of(APF_SERVER, &lim);
        feed(&f, HEX_VERSION "05" HEX_AUTH "d000000001" HEX_LOGIN, piece);
        assert_int_equal(f.err, ERR_LIMIT);
        assert_int_equal(f.log.len, strlen("0:55e3ae13-bfd2-61bb-17a0-88aedd7037ea:4 13:0:1:0 "));
        feed_end(&f);
    }
}

static void forwards(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.forwards_max = 2;
    struct feed f = feed_of(APF_SERVER, &lim);
    feed(&f, HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD, 1000);
    apf_sent(f.a, apf_output(f.a).n);
    buf_clear(&f.log);
    /* with a name as address, without a reply, again, and one too many */
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000002"
         "6162"
         "00000001",
         9);
    feed(&f,
         "50" HEX_FORWARD "00"
         "00000000"
         "0000ffff",
         9);
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000000"
         "00000001",
         9);
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000000"
         "00000003",
         9);
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000000"
         "00000000",
         9);
    feed(&f,
         "50" HEX_FORWARD "01"
         "00000000"
         "00010001",
         9);
    assert_string_equal(buf_cstr(&f.log), "2:1:0:0 2:65535:0:0 2:1:0:0 ");
    sends(f.a, "5100000001"
               "5100000001"
               "52"
               "52"
               "52");
    uint32_t ports[4];
    assert_int_equal(apf_forward_list(f.a, ports, 4), 2);
    assert_true(ports[0] == 1 && ports[1] == 65535);
    buf_clear(&f.log);
    feed(&f,
         "50" HEX_CANCEL "01"
         "00000000"
         "00000001"
         "50" HEX_CANCEL "01"
         "00000000"
         "00000001",
         9);
    sends(f.a, "51"
               "52");
    assert_string_equal(buf_cstr(&f.log), "3:1:0:0 ");
    assert_false(apf_forwards(f.a, 1));
    /* udp-send-to: parsed, not answered, discarded */
    feed(&f,
         "50"
         "00000019"
         "7564702d73656e642d746f40616d742e696e74656c2e636f6d"
         "01"
         "00000001"
         "61"
         "00000001"
         "00000001"
         "62"
         "00000002"
         "00000003"
         "aabbcc"
         "d000000007",
         5);
    sends(f.a, "d100000007");
    assert_int_equal(f.err, 0);
    feed(&f,
         "50"
         "00000019"
         "7564702d73656e642d746f40616d742e696e74656c2e636f6d"
         "01"
         "00000801",
         5);
    assert_int_equal(f.err, ERR_LIMIT);
    feed_end(&f);
}

static void keepalives(void **s) {
    struct feed f = feed_of(APF_SERVER, NULL);
    assert_int_equal(apf_keepalive_options(f.a, 30, 90), ERR_STATE);
    feed(&f, "d0deadbeef", 2); /* before anything else */
    sends(f.a, "d1deadbeef");
    feed(&f, HEX_VERSION "05" HEX_AUTH HEX_LOGIN "05" HEX_PFWD, 1000);
    apf_sent(f.a, apf_output(f.a).n);
    assert_int_equal(apf_keepalive_options(f.a, 30, 90), 0);
    assert_int_equal(apf_keepalive(f.a, 0x01020304), 0);
    sends(f.a, "d20000001e0000005a"
               "d001020304");
    buf_clear(&f.log);
    feed(&f,
         "d30000001e0000005a"
         "d101020304",
         1);
    assert_string_equal(buf_cstr(&f.log), "7:0:0:0 14:0:16909060:0 ");
    apf_disconnect(f.a, APF_DISC_BY_APPLICATION);
    apf_disconnect(f.a, APF_DISC_BY_APPLICATION);
    sends(f.a, "010000000b0000");
    feed_end(&f);
}

static void logins_that_cannot_be(void **s) {
    struct apf *a = apf_new(APF_DEVICE, &APF_LIMITS_DEFAULT);
    struct apf_login login = PAIR_LOGIN;
    login.user = "12345678901234567890123456789012345678901234567890123456789012345";
    assert_int_equal(apf_login(a, &login), ERR_INVALID);
    login.user = NULL;
    assert_int_equal(apf_login(a, &login), 0);
    for (int i = 7; i < APF_REQUESTS_MAX; i++)
        assert_int_equal(apf_forward(a, 1), 0);
    assert_int_equal(apf_forward(a, 1), ERR_FULL);
    apf_free(&a);
    apf_free(&a);
    assert_null(a);
    assert_string_equal(apf_msg_name(94), "CHANNEL_DATA");
    assert_null(apf_msg_name(96));
}

UNIT_MAIN(T(vectors_of_the_server), T(vectors_of_the_device), T(events_do_not_mix),
          T(failure_with_a_stray_byte), T(the_server_is_strict), T(rejecting), T(preauth_bytes), T(forwards),
          T(keepalives), T(logins_that_cannot_be))
