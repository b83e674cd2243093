/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the redirection port against bytes of firmware, as captured where the reference has a
 * capture. What it tells is written as words and compared: whole, byte by byte, and cut at random. */
#include "proto/redir.h"

#include "base/buf.h"
#include "base/rng.h"
#include "proto/redir_wire.h"
#include "unit.h"

#include <stdlib.h>

enum { ROUNDS = 30, S = 1000000 };
#define REALM "Digest:0123456789ABCDEF0123456789ABCDEF"
#define NONCE "00112233445566778899aabbccddeeff"

#define STARTED_15   SLICE_LIT("\x11\0\0\0\1\0\x0f\0\x57\1\0\0\0")
#define STARTED_OEM  SLICE_LIT("\x11\0\0\0\1\0\x0b\x08\x57\1\0\0\5hello")
#define METHODS      SLICE_LIT("\x14\0\0\0\0\1\0\0\0\4")
#define METHODS_OLD  SLICE_LIT("\x14\0\0\0\0\2\0\0\0\1\3")
#define METHODS_MANY SLICE_LIT("\x14\0\0\0\0\3\0\0\0\1\3\4")
#define CHALLENGE    SLICE_LIT("\x14\1\0\0\4\x4e\0\0\0\x27" REALM "\x20" NONCE "\4auth")
#define CHALLENGE_3  SLICE_LIT("\x14\1\0\0\3\x49\0\0\0\x27" REALM "\x20" NONCE)
#define ACCEPT       SLICE_LIT("\x14\0\0\0\4\0\0\0\0")
#define ACCEPT_3     SLICE_LIT("\x14\0\0\0\3\0\0\0\0")
#define KVM_OK       SLICE_LIT("\x41\0\0\0\0\0\0\0")
#define SOL_OK       SLICE_LIT("\x21\0\0\0\0\0\0\0\x10\x27\x64\0\0\0\x10\x27\x64\0\0\0\0\0\0")

static struct redir_limits lim = REDIR_LIMITS_DEFAULT;
static struct mono now = {1000 * S};

static struct redir *client(enum redir_kind kind, bool bare) {
    const struct redir_config cfg = {
        .kind = kind, .bare = bare, .user = "admin", .password = "P@ssw0rd", .random = "0123456789abcde"};
    struct redir *r = redir_new(&cfg, &lim, now);
    assert_non_null(r);
    return r;
}

/* --- what it tells --- */

static struct buf said;

static void note(const struct redir_ev *ev, bool *in_data) {
    static const char *const name[] = {"started", "open", "data", "power", "ended"};
    if (ev->kind != REDIR_EV_DATA || !*in_data)
        buf_putf(&said, " %s", name[ev->kind]);
    if (ev->kind == REDIR_EV_DATA && !*in_data)
        buf_puts(&said, ":");
    *in_data = ev->kind == REDIR_EV_DATA;
    if (ev->kind == REDIR_EV_STARTED)
        buf_putf(&said, ":%zu", ev->data.n);
    if (ev->kind == REDIR_EV_POWER)
        buf_putf(&said, ":%d%d", ev->host_on, ev->overflow);
    if (ev->kind == REDIR_EV_DATA)
        buf_put(&said, ev->data);
}

/* Give it bytes, in a block of their own. */
static int hear(struct redir *r, struct slice bytes) {
    bool in_data = false;
    struct redir_ev ev;
    int n;
    uint8_t *copy = malloc(bytes.n + 1);
    memcpy(copy, bytes.p, bytes.n);
    struct slice in = slice_of(copy, bytes.n);
    buf_free(&said);
    while ((n = redir_input(r, &in, now, &ev)) == 1)
        note(&ev, &in_data);
    assert_true(n < 0 || in.n == 0);
    free(copy);
    return n;
}
static void hears(struct redir *r, struct slice bytes, const char *words) {
    assert_int_equal(hear(r, bytes), 0);
    assert_string_equal(buf_cstr(&said), words);
    buf_free(&said);
}
/* It has said exactly this, and it is sent. */
static void says(struct redir *r, struct slice want) {
    struct slice out = redir_output(r);
    assert_int_equal(out.n, want.n);
    if (want.n)
        assert_memory_equal(out.p, want.p, want.n);
    redir_sent(r, out.n);
}

static struct buf stream;
static void put(struct slice s) {
    buf_put(&stream, s);
}

static const char *read_in(enum redir_kind kind, bool bare, struct rng *rng, size_t piece) {
    struct redir *r = client(kind, bare);
    struct slice all = buf_slice(&stream);
    bool in_data = false;
    int n = 0;
    buf_free(&said);
    while (all.n && n == 0) {
        size_t cut = piece ? piece : (size_t)rng_range(rng, 1, 60);
        uint8_t *copy = malloc(all.n);
        struct slice in = slice_head(all, cut);
        memcpy(copy, in.p, in.n);
        all = slice_skip(all, in.n);
        in.p = copy;
        struct redir_ev ev;
        while ((n = redir_input(r, &in, now, &ev)) == 1)
            note(&ev, &in_data);
        free(copy);
    }
    if (n < 0) {
        buf_putf(&said, " %s: %s", err_name(n), redir_error(r));
        struct slice none = SLICE_EMPTY;
        assert_int_equal(redir_input(r, &none, now, &(struct redir_ev){0}), n); /* and it stays so */
        assert_true(redir_failure(r) != REDIR_FAIL_NONE);
        assert_true(mono_is_never(redir_deadline(r)));
    }
    redir_free(&r);
    assert_null(r);
    return buf_cstr(&said);
}
/* The stream reads as the words say, however it is cut; then it is forgotten. */
static void reads(enum redir_kind kind, bool bare, const char *words) {
    struct rng rng = {7};
    assert_string_equal(read_in(kind, bare, &rng, SIZE_MAX), words);
    assert_string_equal(read_in(kind, bare, &rng, 1), words);
    for (int i = 0; i < ROUNDS; i++)
        assert_string_equal(read_in(kind, bare, &rng, 0), words);
    buf_free(&stream);
    buf_free(&said);
}

/* --- login --- */

static void kinds(void **s) {
    enum redir_kind k;
    for (int i = 0; i < REDIR_KIND_COUNT; i++) {
        assert_true(redir_kind_parse(redir_kind_id((enum redir_kind)i), &k));
        assert_int_equal(k, i);
    }
    assert_false(redir_kind_parse("vnc", &k));
    assert_string_equal(redir_kind_name(REDIR_IDER), "IDE-R");
}

/* The answer to a challenge is what the reference's formula gives for our cnonce. */
static void check_response(struct redir *r, enum redir_auth type) {
    struct redir_auth_msg m = redir_get_auth(redir_output(r));
    struct digest_answer a;
    char ha1[DIGEST_HA1_CAP], want[DIGEST_HA1_CAP];
    assert_int_equal(redir_output(r).p[0], REDIR_MSG_AUTH);
    assert_int_equal(redir_msg_length(REDIR_FROM_CLIENT, redir_output(r)), redir_output(r).n);
    assert_int_equal(m.type, type);
    assert_true(redir_get_digest(m.data, type, &a));
    assert_true(slice_is(a.user, "admin") && slice_is(a.realm, REALM) && slice_is(a.nonce, NONCE));
    assert_true(slice_is(a.uri, "/RedirectionService") && slice_is(a.nc, "00000001"));
    assert_true(slice_is(a.cnonce, "30313233343536373839616263646500"));
    assert_int_equal(a.qop.n, type == REDIR_AUTH_DIGEST ? 4 : 0);
    assert_int_equal(digest_ha1("admin", REALM, "P@ssw0rd", ha1), 0);
    assert_int_equal(redir_digest_response(ha1, type, &a, want), 0);
    assert_true(slice_is(a.response, want));
    redir_sent(r, redir_output(r).n);
}

#define QUERY    SLICE_LIT("\x13\0\0\0\0\0\0\0\0")
#define BEGIN    SLICE_LIT("\x13\0\0\0\4\x20\0\0\0\5admin\0\0\x13/RedirectionService\0\0\0\0")
#define BEGIN_3  SLICE_LIT("\x13\0\0\0\3\x1f\0\0\0\5admin\0\0\x13/RedirectionService\0\0\0")
#define SOL_OPEN SLICE_LIT("\x20\0\0\0\0\0\0\0\x10\x27\x64\0\0\0\x10\x27\x64\0\0\0\0\0\0\0")
#define SOL_27   SLICE_LIT("\x27\0\0\0\1\0\0\0\0\0\x1b\0\0\0")

static void a_login_step_by_step(void **s) {
    struct redir *r = client(REDIR_KVM, false);
    says(r, SLICE_LIT("\x10\1\0\0KVMR"));
    assert_string_equal(redir_firmware(r), "");
    hears(r, STARTED_15, " started:13");
    assert_string_equal(redir_firmware(r), "AMT 15.0");
    says(r, QUERY);
    hears(r, METHODS_MANY, "");
    says(r, BEGIN);
    hears(r, CHALLENGE, "");
    check_response(r, REDIR_AUTH_DIGEST);
    assert_int_equal(redir_send(r, SLICE_LIT("x"), now), ERR_STATE);
    assert_int_equal(redir_room(r), 0);
    hears(r, ACCEPT, "");
    says(r, SLICE_LIT("\x40\0\0\0\0\0\0\0"));
    assert_false(redir_is_open(r));
    hears(r, KVM_OK, " open");
    assert_true(redir_is_open(r));
    says(r, SLICE_EMPTY);
    hears(r, SLICE_LIT("RFB 003.008\n"), " data:RFB 003.008\n");
    assert_int_equal(redir_send(r, SLICE_LIT("RFB 003.008\n\1\1"), now), 0);
    says(r, SLICE_LIT("RFB 003.008\n\1\1"));
    assert_true(mono_is_never(redir_deadline(r)));
    assert_string_equal(redir_error(r), "");
    assert_int_equal(redir_failure(r), REDIR_FAIL_NONE);
    redir_free(&r);
}

static void older_firmware_has_method_3(void **s) {
    struct redir *r = client(REDIR_SOL, false);
    says(r, SLICE_LIT("\x10\0\0\0SOL "));
    hears(r, STARTED_OEM, " started:18");
    assert_string_equal(redir_firmware(r), "AMT 11.8");
    says(r, QUERY);
    hears(r, METHODS_OLD, "");
    says(r, BEGIN_3);
    hears(r, CHALLENGE_3, "");
    check_response(r, REDIR_AUTH_DIGEST_OLD);
    hears(r, ACCEPT_3, "");
    says(r, SOL_OPEN);
    hears(r, SOL_OK, " open");
    says(r, SOL_27);
    redir_free(&r);
}

static void put_login(void) {
    put(STARTED_15);
    put(METHODS);
    put(CHALLENGE);
    put(ACCEPT);
}

static void any_split(void **s) {
    put_login();
    put(KVM_OK);
    put(SLICE_LIT("RFB 004.000\n"));
    reads(REDIR_KVM, false, " started:13 open data:RFB 004.000\n");
    put_login();
    put(SLICE_LIT("@ whatever \x2a follows"));
    reads(REDIR_IDER, false, " started:13 open data:@ whatever \x2a follows");
    put_login();
    put(KVM_OK);
    reads(REDIR_KVM, true, " started:13 open data:A"); /* the words end at its zero */
    put(STARTED_OEM);
    put(METHODS_OLD);
    put(CHALLENGE_3);
    put(ACCEPT_3);
    put(SOL_OK);
    put(SLICE_LIT("\x2a\0\0\0\0\0\0\0\6\0login:"));
    put(SLICE_LIT("\x2a\0\0\0\1\0\0\0\0\0"));
    put(SLICE_LIT("\x2a\0\0\0\2\0\0\0\1\0 "));
    put(SLICE_LIT("\x29\0\0\0\3\0\0\0\0\4"));
    put(SLICE_LIT("\x2b\0\0\0\4\0\0\0"));
    put(SLICE_LIT("\x24\0\0\0\5\0\0\0"));
    put(SLICE_LIT("\x25\0\0\0\6\0\0\0"));
    put(SLICE_LIT("\x2a\0\0\0\7\0\0\0\4\0root"));
    put(SLICE_LIT("\x29\0\0\0\x08\0\0\0\0\1"));
    put(SLICE_LIT("\x23\0\0\0\x09\0\0\0 and rubbish"));
    reads(REDIR_SOL, false, " started:18 open data:login:  power:10 data:root power:01 ended");
}

/* --- how it fails --- */

static void refusals_have_their_sentence(void **s) {
    static const struct {
        struct slice bytes;
        enum redir_fail fail;
        const char *words;
    } all[] = {
        {SLICE_LIT("\x11\2\0\0"), REDIR_FAIL_BUSY,
         " busy: another KVM session is open at the firmware, not through this server; it ends when that "
         "console "
         "closes"},
        {SLICE_LIT("\x11\3\0\0\1\0\x0f\0\x57\1\0\0\0"), REDIR_FAIL_DISABLED,
         " refused: the firmware refuses KVM: it is disabled there, or waits for consent; enable it in the "
         "settings "
         "of AMT, or give the consent code, and try again"},
        {SLICE_LIT("\x11\1\0\0"), REDIR_FAIL_TYPE,
         " refused: the firmware does not know KVM; this machine cannot do it; see what its AMT version "
         "offers"},
        {SLICE_LIT("\x11\xff\0\0"), REDIR_FAIL_DEVICE,
         " refused: the firmware could not open KVM: an error of its own (status 255 to the start of the "
         "session); "
         "try again in a minute; if it stays, the machine needs a power cycle"},
        {SLICE_LIT("HTTP/1.1 400"), REDIR_FAIL_PROTOCOL,
         " proto: the firmware broke the protocol of KVM (message 0x48 while the answer to the start of the "
         "session "
         "was awaited); try again; if it stays, report it with the AMT version"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct redir *r = client(REDIR_KVM, false);
        assert_true(hear(r, all[i].bytes) < 0);
        assert_int_equal(redir_failure(r), all[i].fail);
        redir_free(&r);
        put(all[i].bytes);
        reads(REDIR_KVM, false, all[i].words);
    }
}

/* After the given messages comes the last one; this failure is the end, and its sentence has these words. */
static void ends(enum redir_kind kind, int before, struct slice last, enum redir_fail fail,
                 const char *words) {
    const struct slice login[] = {STARTED_15, METHODS, CHALLENGE, ACCEPT};
    for (int i = 0; i < before; i++)
        put(login[i]);
    put(last);
    struct redir *r = client(kind, false);
    assert_true(hear(r, buf_slice(&stream)) < 0);
    assert_int_equal(redir_failure(r), fail);
    if (!strstr(redir_error(r), words))
        fail_msg("'%s' does not say '%s'", redir_error(r), words);
    char *all = strdup(read_in(kind, false, &(struct rng){0}, SIZE_MAX));
    reads(kind, false, all);
    free(all);
    assert_int_equal(redir_send(r, SLICE_LIT("x"), now), ERR_STATE);
    redir_free(&r);
}

static void logins_that_fail(void **s) {
    ends(REDIR_SOL, 1, SLICE_LIT("\x14\0\0\0\0\1\0\0\0\1"), REDIR_FAIL_AUTH_METHOD,
         "(its methods in hex: 01)");
    ends(REDIR_SOL, 1, SLICE_LIT("\x14\0\0\0\0\0\0\0\0"), REDIR_FAIL_AUTH_METHOD,
         "(its methods in hex: none)");
    ends(REDIR_SOL, 1, SLICE_LIT("\x14\2\0\0\0\0\0\0\0"), REDIR_FAIL_AUTH_METHOD, "status 2");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\2\0\0\4\0\0\0\0"), REDIR_FAIL_AUTH_METHOD, "refuses method 4");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\4\0\0\0\0"), REDIR_FAIL_AUTH,
         "refused user or password for SOL;");
    ends(REDIR_SOL, 2, ACCEPT, REDIR_FAIL_PROTOCOL, "challenge cannot be read"); /* without our password */
    ends(REDIR_SOL, 2, CHALLENGE_3, REDIR_FAIL_PROTOCOL, "challenge cannot be read");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\3\x09\0\0\0\1r\1n\4auth"), REDIR_FAIL_PROTOCOL,
         "challenge cannot be read");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\4\3\0\0\0\1r\0"), REDIR_FAIL_PROTOCOL,
         "challenge cannot be read");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\4\4\0\0\0\1r\0\0"), REDIR_FAIL_PROTOCOL,
         "challenge cannot be read");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\4\6\0\0\0\2r\0\1n\0"), REDIR_FAIL_AUTH_METHOD, "no qop auth");
    ends(REDIR_SOL, 2, SLICE_LIT("\x14\1\0\0\4\x0a\0\0\0\2r\0\1n\4auth"), REDIR_FAIL_PROTOCOL, "zero byte");
    ends(REDIR_SOL, 3, CHALLENGE, REDIR_FAIL_AUTH, "check the host's AMT credentials");
    ends(REDIR_SOL, 1, SLICE_LIT("\x14\0\0\0\0\1\x08\0\0"), REDIR_FAIL_PROTOCOL, "more than 2057 bytes");
    ends(REDIR_SOL, 1, SLICE_LIT("\x14\0\0\0\0\xff\xff\xff\xff"), REDIR_FAIL_PROTOCOL,
         "more than 2057 bytes");
    ends(REDIR_SOL, 2, STARTED_15, REDIR_FAIL_PROTOCOL,
         "message 0x11 while the answer to the beginning of the login");
    ends(REDIR_SOL, 4, SLICE_LIT("\x21\1\0\0"), REDIR_FAIL_DEVICE, "status 1 to the opening of SOL");
    ends(REDIR_SOL, 4, KVM_OK, REDIR_FAIL_PROTOCOL, "message 0x41");
    ends(REDIR_KVM, 4, SOL_OK, REDIR_FAIL_PROTOCOL, "message 0x21");
    ends(REDIR_KVM, 4, SLICE_LIT("\x41\1\0\0"), REDIR_FAIL_DEVICE, "status 1 to the opening of KVM");
}

/* A list is as good as the word, AMT 14's way. */
static void a_list_of_qops(void **s) {
    struct redir *r = client(REDIR_KVM, false);
    hears(r, STARTED_15, " started:13");
    hears(r, METHODS, "");
    hears(r,
          SLICE_LIT("\x14\1\0\0\4\x13\0\0\0\1r\1n\x0e"
                    "auth-int, auth"),
          "");
    redir_free(&r);
}

static void each_answer_has_its_time(void **s) {
    const struct slice login[] = {STARTED_15, METHODS, CHALLENGE, ACCEPT, KVM_OK};
    static const char *const words[] = {"the start of the session", "the question for its login methods",
                                        "the beginning of the login", "the login",
                                        "the opening of the channel"};
    for (size_t n = 0; n < 5; n++) {
        char want[64];
        now = (struct mono){1000 * S};
        struct redir *r = client(REDIR_KVM, false);
        for (size_t i = 0; i < n; i++) {
            now.us += 10 * S;
            assert_int_equal(hear(r, login[i]), 0);
        }
        assert_int_equal(redir_deadline(r).us, now.us + 15 * S);
        now.us += 15 * S - 1;
        assert_int_equal(redir_tick(r, now), 0);
        now.us += 1;
        assert_int_equal(redir_tick(r, now), ERR_TIMEOUT);
        assert_int_equal(redir_failure(r), REDIR_FAIL_TIMEOUT);
        snprintf(want, sizeof want, "(15 s after %s)", words[n]);
        assert_non_null(strstr(redir_error(r), want));
        assert_true(mono_is_never(redir_deadline(r)));
        redir_free(&r);
    }
    now = (struct mono){1000 * S};
    buf_free(&said);
}

/* --- SOL --- */

static struct redir *sol(void) {
    struct redir *r = client(REDIR_SOL, false);
    put_login();
    put(SOL_OK);
    assert_int_equal(hear(r, buf_slice(&stream)), 0);
    assert_true(redir_is_open(r));
    redir_sent(r, redir_output(r).n);
    buf_free(&stream);
    return r;
}

static void what_the_host_says_is_acknowledged(void **s) {
    struct redir *r = sol();
    hears(r, SLICE_LIT("\x2a\0\0\0\0\0\0\0\3\0abc\x2a\0\0\0\0\0\0\0\2\0de"), " data:abcde");
    says(r, SLICE_LIT("\x2b\0\0\0\5\0\0\0")); /* one for the burst: the bytes since the last one */
    hears(r, SLICE_LIT("\x2a\0\0\0\0\0\0\0\3\0x"), " data:x");
    says(r, SLICE_EMPTY); /* the burst goes on */
    hears(r, SLICE_LIT("yz"), " data:yz");
    says(r, SLICE_LIT("\x2b\0\0\0\3\0\0\0"));
    redir_free(&r);
}

/* Firmware that stops after 10000 bytes without a 0x2B never has to, however its bytes come. */
static void a_strict_device_is_not_stalled(void **s) {
    static uint8_t msg[10 + 3000] = "\x2a\0\0\0\0\0\0\0\xb8\x0b";
    struct redir *r = sol();
    uint32_t given = 0, acked = 0;
    for (int i = 0; i < 40; i++)
        put(slice_of(msg, sizeof msg));
    struct slice all = buf_slice(&stream);
    struct redir_ev ev;
    int n;
    while ((n = redir_input(r, &all, now, &ev)) == 1) {
        given += (uint32_t)ev.data.n;
        for (struct slice out = redir_output(r); out.n; out = redir_output(r)) {
            assert_int_equal(out.p[0], 0x2b);
            struct rd rd = rd_of(slice_skip(out, 4));
            acked += rd_le32(&rd);
            redir_sent(r, 8);
        }
        assert_true(given - acked < 4096 + 3000);
    }
    assert_int_equal(n, 0);
    assert_int_equal(given, 40 * 3000);
    redir_free(&r);
    buf_free(&stream);
}

static void it_is_alive_every_two_seconds(void **s) {
    struct redir *r = sol();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(redir_deadline(r).us, now.us + 2 * S);
        now.us += 2 * S - 1;
        assert_int_equal(redir_tick(r, now), 0);
        says(r, SLICE_EMPTY);
        now.us += 1;
        assert_int_equal(redir_tick(r, now), 0);
        says(r, SLICE_LIT("\x2b\0\0\0\0\0\0\0"));
    }
    redir_free(&r);
}

static void the_device_asks_whether_we_live(void **s) {
    struct redir *r = sol();
    hears(r, SLICE_LIT("\x24\0\0\0\x44\0\0\0"), "");
    says(r, SLICE_LIT("\x24\0\0\0\x44\0\0\0"));
    hears(r, SLICE_LIT("\x2b\0\0\0\x07\0\0\0"), "");
    says(r, SLICE_LIT("\x2b\0\0\0\0\0\0\0"));
    hears(r, SLICE_LIT("\x2b\0\0\0\x08\0\0\0"), ""); /* it answers our answer: no end of it */
    says(r, SLICE_EMPTY);
    now.us += S;
    hears(r, SLICE_LIT("\x2b\0\0\0\x09\0\0\0"), "");
    says(r, SLICE_LIT("\x2b\0\0\0\0\0\0\0"));
    redir_free(&r);
}

static void a_device_that_does_not_read_costs_little(void **s) {
    struct redir *r = sol();
    for (int i = 0; i < 20000; i++)
        hears(r, SLICE_LIT("\x24\0\0\0\1\0\0\0"), "");
    assert_true(redir_output(r).n <= lim.queue_bytes + 8);
    size_t full = redir_output(r).n;
    for (int i = 0; i < 100; i++) {
        now.us += 2 * S;
        assert_int_equal(redir_tick(r, now), 0);
        hears(r, SLICE_LIT("\x2a\0\0\0\0\0\0\0\1\0a"), " data:a");
    }
    assert_int_equal(redir_output(r).n, full);
    redir_sent(r, full);
    now.us += 2 * S;
    assert_int_equal(redir_tick(r, now), 0);
    says(r, SLICE_LIT("\x2b\0\0\0\x64\0\0\0")); /* nothing is forgotten */
    redir_free(&r);
}

static void data_to_the_host(void **s) {
    static uint8_t paste[600];
    struct redir *r = sol();
    assert_int_equal(redir_send(r, SLICE_LIT("ls\r"), now), 0);
    says(r, SLICE_LIT("\x28\0\0\0\2\0\0\0\3\0ls\r")); /* 0 was 0x20, 1 was 0x27 */
    assert_int_equal(redir_send(r, slice_of(paste, sizeof paste), now), 0);
    struct slice out = redir_output(r);
    assert_int_equal(out.n, 600 + 3 * 10);
    assert_memory_equal(out.p, "\x28\0\0\0\3\0\0\0\0\1", 10);
    assert_memory_equal(out.p + 266, "\x28\0\0\0\4\0\0\0\0\1", 10);
    assert_memory_equal(out.p + 532, "\x28\0\0\0\5\0\0\0\x58\0", 10);
    redir_sent(r, out.n);
    assert_int_equal(redir_send(r, SLICE_EMPTY, now), 0);
    says(r, SLICE_EMPTY);
    redir_free(&r);
}

static void the_queue_is_bounded(void **s) {
    static uint8_t bytes[200000];
    for (int kind = 0; kind < 2; kind++) {
        struct redir *r = kind ? sol() : client(REDIR_KVM, false);
        put_login();
        put(KVM_OK);
        if (!kind)
            assert_int_equal(hear(r, buf_slice(&stream)), 0);
        buf_free(&stream);
        redir_sent(r, redir_output(r).n);
        size_t room = redir_room(r);
        assert_true(kind ? room == 65536 / 266 * 256 + 65536 % 266 - 10 : room == 65536);
        assert_int_equal(redir_send(r, slice_of(bytes, room + 1), now), ERR_FULL);
        says(r, SLICE_EMPTY);
        assert_int_equal(redir_send(r, slice_of(bytes, room), now), 0);
        assert_int_equal(redir_room(r), 0);
        assert_int_equal(redir_output(r).n, 65536);
        assert_int_equal(redir_send(r, slice_of(bytes, 1), now), ERR_FULL);
        redir_sent(r, 11);
        assert_int_equal(redir_room(r), kind ? 1 : 11);
        redir_free(&r);
    }
    buf_free(&said);
}

/* --- the end --- */

static void farewells(void **s) {
    struct redir *r = sol();
    redir_end(r);
    redir_end(r);
    says(r, SLICE_LIT("\x22\0\0\0\2\0\0\0\x12\0\0\0"));
    assert_int_equal(redir_send(r, SLICE_LIT("x"), now), ERR_STATE);
    assert_true(mono_is_never(redir_deadline(r)));
    hears(r, SLICE_LIT("\x23\0\0\0\0\0\0\0\x2a"), "");
    redir_free(&r);
    r = client(REDIR_KVM, false); /* in the middle of a login */
    redir_sent(r, redir_output(r).n);
    redir_end(r);
    says(r, SLICE_LIT("\x12\0\0\0"));
    redir_free(&r);
    r = client(REDIR_KVM, false);
    put_login();
    assert_int_equal(hear(r, buf_slice(&stream)), 0);
    redir_sent(r, redir_output(r).n);
    redir_end(r); /* 0x40 went out, and its answer may be on the way: what follows would be RFB */
    says(r, SLICE_EMPTY);
    redir_free(&r);
    buf_clear(&stream);
    r = client(REDIR_KVM, false);
    put_login();
    put(KVM_OK);
    assert_int_equal(hear(r, buf_slice(&stream)), 0);
    redir_sent(r, redir_output(r).n);
    redir_end(r); /* RFB knows no such message */
    says(r, SLICE_EMPTY);
    redir_free(&r);
    r = client(REDIR_KVM, false);
    assert_int_equal(hear(r, SLICE_LIT("\x11\2\0\0")), ERR_BUSY);
    redir_sent(r, redir_output(r).n);
    redir_end(r);
    says(r, SLICE_EMPTY);
    redir_free(&r);
    redir_free(&r);
    buf_free(&stream);
    buf_free(&said);
}

UNIT_MAIN(T(kinds), T(a_login_step_by_step), T(older_firmware_has_method_3), T(any_split),
          T(refusals_have_their_sentence), T(logins_that_fail), T(a_list_of_qops),
          T(each_answer_has_its_time), T(what_the_host_says_is_acknowledged),
          T(a_strict_device_is_not_stalled), T(it_is_alive_every_two_seconds),
          T(the_device_asks_whether_we_live), T(a_device_that_does_not_read_costs_little),
          T(data_to_the_host), T(the_queue_is_bounded), T(farewells))
