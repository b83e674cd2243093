/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"
#include "base/rng.h"
#include "base/text.h"
#include "sim/sol_shell.h"
#include "sim/sol_side.h"
#include "unit.h"

#include <openssl/sha.h>

/* A client that takes messages apart. */
struct bench {
    struct sol_side *side;
    struct mono now;
    struct buf raw, term; /* what is in no whole message yet; the terminal's bytes */
    unsigned count[256];  /* messages by id */
    uint32_t seq;
    uint8_t control, status; /* of the last 0x29 */
    uint8_t statuses;        /* bits of all of them */
    int err;
};

static void at_ms(struct bench *b, int64_t ms) {
    b->now = mono_add_ms(b->now, ms);
    if (mono_due(sol_side_deadline(b->side), b->now) && b->err == 0)
        b->err = sol_side_tick(b->side, b->now);
}

static size_t length_of(struct slice m) {
    static const uint8_t LENGTH[256] = {
        [0x21] = 23, [0x23] = 8, [0x25] = 8, [0x29] = 10, [0x2A] = 10, [0x2B] = 8};
    if (!LENGTH[m.p[0]])
        fail_msg("message 0x%02x", m.p[0]);
    if (m.n < LENGTH[m.p[0]])
        return SIZE_MAX;
    return LENGTH[m.p[0]] + (m.p[0] == 0x2A ? (size_t)(m.p[8] | m.p[9] << 8) : 0);
}

static void look_at(struct bench *b, struct slice m) {
    struct rd r = rd_of(slice_skip(m, 4));
    assert_int_equal(rd_le32(&r), b->seq++); /* monotonic, without a gap */
    b->count[m.p[0]]++;
    if (m.p[0] == 0x29) {
        b->control = m.p[8];
        b->status = m.p[9];
        b->statuses |= m.p[9];
    }
    if (m.p[0] == 0x2A)
        buf_put(&b->term, slice_skip(m, 10));
}

/* Take at most most bytes of what the side has to say; how many there were. */
static size_t take(struct bench *b, size_t most) {
    size_t n, all = 0;
    while (most && (n = sol_side_output(b->side, b->now).n) > 0) {
        n = n < most ? n : most;
        buf_put(&b->raw, slice_head(sol_side_output(b->side, b->now), n));
        sol_side_sent(b->side, n);
        most -= n;
        all += n;
        struct slice in;
        size_t want;
        while ((in = buf_slice(&b->raw)).n && (want = length_of(in)) <= in.n) {
            look_at(b, slice_head(in, want));
            buf_consume(&b->raw, want);
        }
    }
    return all;
}

static void send_raw(struct bench *b, const void *p, size_t n) {
    if (b->err == 0)
        b->err = sol_side_input(b->side, slice_of(p, n), b->now);
}

static void put_data(struct buf *out, struct slice s) {
    uint8_t head[10];
    struct wr w = wr_of(head, sizeof head);
    wr_u8(&w, 0x28);
    wr_zero(&w, 7);
    wr_le16(&w, (uint16_t)s.n);
    buf_put(out, wr_done(&w));
    buf_put(out, s);
}

/* Type it and wait for what comes of it. */
static void type(struct bench *b, const char *text) {
    struct buf m = {0};
    put_data(&m, slice_str(text));
    send_raw(b, buf_slice(&m).p, m.len);
    buf_free(&m);
    for (int i = 0; i < 3; i++) {
        take(b, SIZE_MAX);
        at_ms(b, 100);
    }
    take(b, SIZE_MAX);
}

struct settings {
    uint16_t max_tx, tx, overflow, rx, flush, beat;
};
#define AMTTERM ((struct settings){1000, 100, 0, 10000, 0, 5000})

static void open_with(struct bench *b, struct sol_side_config cfg, struct settings s) {
    uint8_t start[24];
    struct wr w = wr_of(start, sizeof start);
    *b = (struct bench){.now = {1000000000}};
    cfg.name = "node001";
    b->side = sol_side_new(&cfg, b->now);
    assert_non_null(b->side);
    wr_u8(&w, 0x20);
    wr_zero(&w, 7);
    const uint16_t all[] = {s.max_tx, s.tx, s.overflow, s.rx, s.flush, s.beat};
    for (size_t i = 0; i < 6; i++)
        wr_le16(&w, all[i]);
    wr_zero(&w, 4);
    send_raw(b, start, sizeof start);
    take(b, SIZE_MAX);
}
static void open_on(struct bench *b, struct settings s) {
    open_with(b, (struct sol_side_config){.host_on = true}, s);
}
static void close_bench(struct bench *b) {
    sol_side_free(&b->side);
    buf_free(&b->raw);
    buf_free(&b->term);
}

static const char *term(struct bench *b) {
    return buf_cstr(&b->term);
}
/* What came since the last time. */
static void expect(struct bench *b, const char *text) {
    assert_string_equal(term(b), text);
    buf_clear(&b->term);
}
static void login(struct bench *b) {
    type(b, "\rroot\rsecret\r");
    expect(b, "\r\nnode001 login: root\r\nPassword: \r\n\r\nroot@node001:~# ");
}

/* --- */

static void settings_are_echoed(void **state) {
    struct sol_side_config cfg = {.name = "x", .host_on = true};
    struct sol_side *s = sol_side_new(&cfg, (struct mono){0});
    static const uint8_t START[24] = {0x20, 0, 0,    0,    5,  0, 0,    0,    0xe8, 3, 100, 0,
                                      7,    0, 0x10, 0x27, 50, 0, 0x88, 0x13, 0,    0, 0,   0};
    static const uint8_t REPLY[] = {0x21, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 100, 0, 7, 0, 0x10, 0x27, 50, 0, 0x88,
                                    0x13, 0, 0, 0,
                                    /* and the host's state */
                                    0x29, 0, 0, 0, 1, 0, 0, 0, 3, 4};
    assert_int_equal(sol_side_input(s, slice_of(START, sizeof START), (struct mono){0}), 0);
    struct slice out = sol_side_output(s, (struct mono){0});
    assert_true(slice_eq(out, slice_of(REPLY, sizeof REPLY)));
    sol_side_free(&s);
}

static void a_shell_answers(void **state) {
    struct bench b;
    open_on(&b, AMTTERM);
    expect(&b, ""); /* a getty that has said its name long ago */
    login(&b);
    type(&b, "echo  two words\r");
    expect(&b, "echo  two words\r\ntwo words\r\nroot@node001:~# ");
    type(&b, "unamex\x7f\r\n");
    expect(&b, "unamex\b \b\r\nLinux node001 6.1.0 simulated\r\nroot@node001:~# ");
    type(&b, "lss\x15ls\r");
    expect(&b, "lss\b \b\b \b\b \bls\r\nls: command not found; help lists them\r\nroot@node001:~# ");
    type(&b, "count 3\r");
    expect(&b, "count 3\r\n1\r\n2\r\n3\r\nroot@node001:~# ");
    type(&b, "count x\r");
    expect(&b, "count x\r\na number from 1 to 1000000000 is missing\r\nroot@node001:~# ");
    type(&b, "half\x03");
    expect(&b, "half^C\r\nroot@node001:~# ");
    type(&b, "uptime\r");
    assert_non_null(strstr(term(&b), "up 16 min"));
    buf_clear(&b.term);
    type(&b, "\x04");
    expect(&b, "\r\nnode001 login: ");
    assert_int_equal(b.err, 0);
    close_bench(&b);
}

static void what_is_typed_ahead_waits(void **state) {
    struct bench b;
    open_on(&b, AMTTERM);
    login(&b);
    type(&b, "count 2\recho a\r");
    expect(&b, "count 2\r\n1\r\n2\r\nroot@node001:~# echo a\r\na\r\nroot@node001:~# ");
    struct buf m = {0};
    put_data(&m, SLICE_LIT("flood 1000000000\recho gone\r"));
    send_raw(&b, buf_slice(&m).p, m.len);
    take(&b, 5000);
    type(&b, "\x03");
    struct slice end = slice_skip(buf_slice(&b.term), b.term.len - 20);
    assert_true(slice_is(end, "^C\r\nroot@node001:~# "));
    buf_free(&m);
    close_bench(&b);
}

static void lines_and_keys_ahead_are_bounded(void **state) {
    struct bench b;
    struct buf m = {0};
    char keys[3000];
    memset(keys, 'k', sizeof keys);
    open_on(&b, (struct settings){1000, 0, 0, 0, 0, 0});
    login(&b);
    put_data(&m, slice_of(keys, 300));
    send_raw(&b, buf_slice(&m).p, m.len);
    type(&b, "");
    assert_int_equal(b.term.len, 255); /* of a line; the rest is lost */
    type(&b, "\x03");
    buf_clear(&b.term);
    buf_clear(&m);
    put_data(&m, SLICE_LIT("count 100000\r"));
    send_raw(&b, buf_slice(&m).p, m.len);
    take(&b, 3000);
    buf_clear(&m);
    put_data(&m, SLICE_LIT("\r\r\r"));
    put_data(&m, slice_of(keys, 200));
    put_data(&m, SLICE_LIT("\r"));
    for (int i = 0; i < 3; i++)
        put_data(&m, slice_of(keys, sizeof keys));
    send_raw(&b, buf_slice(&m).p, m.len); /* 204 + 820 of 9000 are kept, 255 of those in the line */
    take(&b, SIZE_MAX);
    type(&b, "");
    const char *last = strrchr(term(&b), '#');
    assert_int_equal(strlen(last), 2 + 255);
    buf_clear(&b.term);
    type(&b, "\x15");
    assert_int_equal(b.term.len, 3 * 255);
    /* a typist who does not read: what the system keeps for the line is bounded, too */
    buf_clear(&b.term);
    buf_clear(&m);
    for (int i = 0; i < 1000; i++)
        put_data(&m, SLICE_LIT("echo 0123456789012345678901234567890123456789\r"));
    send_raw(&b, buf_slice(&m).p, m.len);
    type(&b, "");
    assert_true(b.term.len > 8000 && b.term.len < 11000);
    buf_free(&m);
    close_bench(&b);
}

static void hex_of(struct slice s, char *out) {
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA256(s.p, s.n, sum);
    text_hex(slice_of(sum, sizeof sum), out);
}

static void streams_can_be_checked(void **state) {
    struct bench b;
    char hex[65], line[160];
    struct buf pattern = {0}, m = {0};
    for (uint64_t i = 0; i < 100000; i++)
        buf_put(&pattern, slice_of((uint8_t[]){sol_flood_byte(i)}, 1));
    hex_of(buf_slice(&pattern), hex);
    open_on(&b, AMTTERM);
    login(&b);
    type(&b, "flood 100000\r");
    struct slice got = slice_skip(buf_slice(&b.term), strlen("flood 100000\r\n"));
    assert_true(slice_eq(slice_head(got, 100000), buf_slice(&pattern)));
    snprintf(line, sizeof line, "\r\nflood: 100000 bytes, sha256 %s\r\nroot@node001:~# ", hex);
    assert_true(slice_is(slice_skip(got, 100000), line));
    buf_clear(&b.term);
    /* the other way: all bytes but ^D */
    buf_clear(&pattern);
    for (int i = 0; i < 2560; i++)
        buf_put(&pattern, slice_of((uint8_t[]){(uint8_t)(i % 256 == 4 ? 5 : i % 256)}, 1));
    hex_of(buf_slice(&pattern), hex);
    type(&b, "sum\r");
    for (struct slice rest = buf_slice(&pattern); rest.n; rest = slice_skip(rest, 1000))
        put_data(&m, slice_head(rest, 1000));
    send_raw(&b, buf_slice(&m).p, m.len);
    type(&b, "\x04");
    snprintf(line, sizeof line, "sum\r\n\r\nsum: 2560 bytes, sha256 %s\r\nroot@node001:~# ", hex);
    expect(&b, line);
    buf_free(&pattern);
    buf_free(&m);
    close_bench(&b);
}

static void any_split_gives_the_same(void **state) {
    struct bench b;
    struct buf in = {0}, want = {0};
    struct rng rng = {.s = 3};
    put_data(&in, SLICE_LIT("\rroot\rx\r"));
    buf_put(&in, SLICE_LIT("\x24\0\0\0\1\0\0\0\x27\0\0\0\2\0\0\0\0\0\x1b\0\0\0\x2b\0\0\0\3\0\0\0"));
    put_data(&in, SLICE_LIT("count 500\recho done\r"));
    for (int round = 0; round < 60; round++) {
        open_on(&b, AMTTERM);
        for (struct slice rest = buf_slice(&in); rest.n;) {
            struct slice part = slice_head(rest, round == 0   ? rest.n
                                                 : round == 1 ? 1
                                                              : 1 + rng_u64(&rng) % 30);
            send_raw(&b, part.p, part.n);
            rest = slice_skip(rest, part.n);
            if (round % 2)
                take(&b, rng_u64(&rng) % 50);
        }
        type(&b, "");
        assert_int_equal(b.err, 0);
        assert_int_equal(b.count[0x25], 1);
        if (round == 0)
            buf_put(&want, buf_slice(&b.term));
        assert_true(slice_eq(buf_slice(&b.term), buf_slice(&want)));
        close_bench(&b);
    }
    assert_non_null(strstr(buf_cstr(&want), "499\r\n500\r\nroot@node001:~# echo done\r\ndone\r\n"));
    buf_free(&in);
    buf_free(&want);
}

static void characters_are_gathered(void **state) {
    struct bench b;
    struct buf m = {0};
    open_on(&b, AMTTERM);
    put_data(&m, SLICE_LIT("\r"));
    send_raw(&b, buf_slice(&m).p, m.len);
    assert_int_equal(take(&b, SIZE_MAX), 0);
    assert_int_equal(mono_ms_between(b.now, sol_side_deadline(b.side)), 100);
    at_ms(&b, 99);
    assert_int_equal(take(&b, SIZE_MAX), 0);
    at_ms(&b, 1);
    assert_true(take(&b, SIZE_MAX) > 0);
    assert_int_equal(b.count[0x2A], 1);
    buf_free(&m);
    close_bench(&b);
}

static void a_silent_client_is_dropped(void **state) {
    struct bench b;
    open_on(&b, (struct settings){1000, 100, 0, 10000, 0, 0});
    at_ms(&b, 9999);
    assert_int_equal(b.err, 0);
    send_raw(&b, "\x2b\0\0\0\0\0\0\0", 8);
    at_ms(&b, 9999);
    assert_int_equal(b.err, 0);
    at_ms(&b, 1);
    assert_int_equal(b.err, ERR_TIMEOUT);
    close_bench(&b);
    open_on(&b, (struct settings){1000, 100, 0, 0, 0, 0});
    at_ms(&b, 1000000000);
    assert_int_equal(b.err, 0); /* RxTimeout 0: never */
    close_bench(&b);
}

static void heartbeats(void **state) {
    struct bench b;
    open_on(&b, AMTTERM);
    for (int i = 0; i < 3; i++) {
        at_ms(&b, 5000);
        send_raw(&b, "\x24\0\0\0\0\0\0\0", 8);
        take(&b, SIZE_MAX);
    }
    assert_int_equal(b.count[0x2B], 3);
    assert_int_equal(b.count[0x25], 3);
    close_bench(&b);
}

static void a_strict_device_waits_to_be_acknowledged(void **state) {
    struct bench b;
    open_with(&b, (struct sol_side_config){.host_on = true, .strict = true}, AMTTERM);
    login(&b);
    type(&b, "flood 5000\r");
    assert_int_equal(b.term.len, 1000); /* since 0x28 */
    size_t before = b.term.len;
    at_ms(&b, 1000);
    assert_int_equal(take(&b, SIZE_MAX), 0);
    send_raw(&b, "\x2b\0\0\0\0\0\0\0", 8);
    take(&b, SIZE_MAX);
    assert_int_equal(b.term.len - before, 1000);
    sol_side_strict(b.side, false);
    type(&b, "");
    assert_true(b.term.len > 5000);
    close_bench(&b);
}

/* The BIOS does not wait for a client that does not read; a system does. */
static void overflow_is_told(void **state) {
    struct bench b;
    open_on(&b, (struct settings){64, 100, 0, 0, 0, 0});
    sol_side_power(b.side, true, true, mono_add_ms(b.now, 5000), b.now);
    sol_side_power(b.side, true, true, mono_add_ms(b.now, 5000), b.now);
    at_ms(&b, 100);
    take(&b, SIZE_MAX);
    assert_int_equal(b.status, 1 | 4);
    assert_int_equal(b.count[0x29], 2); /* told once */
    assert_int_equal(b.term.len, 64);
    close_bench(&b);
}

static void power_is_told(void **state) {
    struct bench b;
    open_on(&b, (struct settings){1000, 0, 0, 0, 50, 0});
    assert_int_equal(b.status, 4);
    login(&b);
    type(&b, "poweroff\r");
    assert_int_equal(sol_side_wish(b.side), MACHINE_ACT_SHUTDOWN);
    assert_int_equal(sol_side_wish(b.side), MACHINE_ACT_NONE);
    buf_clear(&b.term);
    sol_side_power(b.side, false, false, (struct mono){0}, b.now);
    take(&b, SIZE_MAX);
    assert_int_equal(b.status, 0);
    assert_int_equal(b.control, 0);
    type(&b, "anybody?\r");
    expect(&b, "");
    assert_int_equal(b.status, 8); /* nobody took it: flushed */
    sol_side_power(b.side, true, true, mono_add_ms(b.now, 2000), b.now);
    take(&b, SIZE_MAX);
    assert_int_equal(b.status, 4);
    assert_non_null(strstr(term(&b), "Simulated BIOS"));
    assert_null(strstr(term(&b), "login:"));
    at_ms(&b, 2000);
    take(&b, SIZE_MAX);
    assert_non_null(strstr(term(&b), "ttyS4"));
    assert_non_null(strstr(term(&b), "node001 login: "));
    buf_clear(&b.term);
    type(&b, "root\rx\rreboot\r");
    assert_int_equal(sol_side_wish(b.side), MACHINE_ACT_RESTART);
    close_bench(&b);
}

static void without_a_getty_it_is_mute(void **state) {
    struct bench b;
    open_with(&b, (struct sol_side_config){.host_on = true, .mute = true}, AMTTERM);
    type(&b, "\r\r");
    expect(&b, "");
    sol_side_getty(b.side, true);
    type(&b, "\r");
    expect(&b, "\r\nnode001 login: ");
    close_bench(&b);
}

static void empty_messages(void **state) {
    struct bench b;
    open_with(&b, (struct sol_side_config){.host_on = true, .empty_message = true}, AMTTERM);
    type(&b, "\r");
    expect(&b, "\r\nnode001 login: ");
    assert_int_equal(b.count[0x2A], 2);
    close_bench(&b);
}

/* amtterm goes on talking between 0x22 and 0x12. */
static void it_ends(void **state) {
    struct bench b;
    open_on(&b, AMTTERM);
    send_raw(&b, "\x22\0\0\0\0\0\0\0\x28\0\0\0\0\0\0\0\1\0\x1d", 19);
    take(&b, SIZE_MAX);
    assert_int_equal(b.count[0x23], 1);
    assert_false(sol_side_finished(b.side));
    send_raw(&b, "\x12\0\0\0\xff", 5);
    assert_int_equal(b.err, 0);
    assert_true(sol_side_finished(b.side));
    close_bench(&b);
}

static void rules_are_held(void **state) {
    struct bench b;
    struct sol_side_config cfg = {.name = "x", .host_on = true};
    struct sol_side *s = sol_side_new(&cfg, (struct mono){0});
    assert_int_equal(sol_side_input(s, SLICE_LIT("\x28"), (struct mono){0}), ERR_PROTO); /* before 0x20 */
    sol_side_free(&s);
    open_on(&b, AMTTERM);
    send_raw(&b, "\x20", 1); /* twice */
    assert_int_equal(b.err, ERR_PROTO);
    close_bench(&b);
    open_on(&b, AMTTERM);
    send_raw(&b, "\x50", 1);
    assert_int_equal(b.err, ERR_PROTO);
    close_bench(&b);
    open_on(&b, AMTTERM);
    send_raw(&b, "\x28\0\0\0\0\0\0\0\0\x10", 10); /* SOL_SIDE_DATA_MAX */
    assert_int_equal(b.err, 0);
    close_bench(&b);
    open_on(&b, AMTTERM);
    send_raw(&b, "\x28\0\0\0\0\0\0\0\1\x10", 10);
    assert_int_equal(b.err, ERR_LIMIT);
    close_bench(&b);
}

UNIT_MAIN(T(settings_are_echoed), T(a_shell_answers), T(what_is_typed_ahead_waits),
          T(lines_and_keys_ahead_are_bounded), T(streams_can_be_checked), T(any_split_gives_the_same),
          T(characters_are_gathered), T(a_silent_client_is_dropped), T(heartbeats),
          T(a_strict_device_waits_to_be_acknowledged), T(overflow_is_told), T(power_is_told),
          T(without_a_getty_it_is_mute), T(empty_messages), T(it_ends), T(rules_are_held))
