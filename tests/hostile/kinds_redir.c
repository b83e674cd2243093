/* SPDX-License-Identifier: Apache-2.0 */
/* Bad behaviour of a device on its redirection port, while an honest viewer is at the other end. */
#include "hostile.h"

/* A session on this device up to the server's first message there. */
static void begin(struct session *s, struct peer *p, const char *kind) {
    unsigned opens = p->redir_opens;
    p->until = now_ms() + 30000;
    if (!s->device)
        session_init(s, p);
    session_open(s, p->user, kind);
    session_watch(s);
    for (int64_t until = now_ms() + 5000; p->redir_opens == opens && now_ms() < until;)
        tunnel_run(p, 20);
    must(p, p->redir_opens > opens, "the server opened no channel to the redirection port");
}

static bool say(struct peer *p, const char *bytes, size_t n) {
    return chan_put(p, p->redir_chan, slice_of(bytes, n));
}
#define SAY(p, s) say(p, s, sizeof(s) - 1)

/* Wait for so many bytes of the server, and forget them. */
static void hear(struct peer *p, size_t n) {
    for (int64_t until = now_ms() + 5000; p->redir.len < n && now_ms() < until;)
        tunnel_run(p, 10);
    must(p, p->redir.len >= n, "the server said %zu bytes, not %zu", p->redir.len, n);
    buf_free(&p->redir);
}

/* What a good device says, step by step; what comes of the server before it. */
static const struct step {
    size_t hears;
    struct slice says;
} KVM_STEPS[] = {
#define STEP(hears, s)                                                                                       \
    {                                                                                                        \
        hears, {                                                                                             \
            (const uint8_t *)(s), sizeof(s) - 1                                                              \
        }                                                                                                    \
    }
    STEP(8, "\x11\0\0\0\1\0\x0f\0\x57\1\0\0\0"),
    STEP(9, "\x14\0\0\0\0\1\0\0\0\4"),
    STEP(9, "\x14\1\0\0\4\x0d\0\0\0\5realm\1n\4auth"),
    STEP(9, "\x14\0\0\0\4\0\0\0\0"),
    STEP(8, "\x41\0\0\0\0\0\0\0"),
};
enum { STEPS = sizeof KVM_STEPS / sizeof *KVM_STEPS };
static void step(struct peer *p, size_t i, bool bytewise) {
    const struct step *st = &KVM_STEPS[i];
    hear(p, st->hears);
    for (size_t k = 0; bytewise && k < st->says.n; k++)
        chan_put(p, p->redir_chan, slice_of(st->says.p + k, 1));
    if (!bytewise)
        chan_put(p, p->redir_chan, st->says);
}
static void steps(struct peer *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        step(p, i, false);
}
static void kvm_open(struct session *s, struct peer *p) {
    begin(s, p, "kvm");
    steps(p, STEPS);
    must(p, session_hears(s, "\"open\"", 5000), "the session does not open");
}

/* The viewer is told that it is over. */
static void must_end(struct session *s, struct peer *p, int64_t ms, const char *what) {
    must(p, session_hears(s, "\"end\"", ms), "%s: the viewer was not told", what);
    session_end(s);
}

/* --- the login --- */

static void silent(struct peer *p) {
    static struct session s;
    begin(&s, p, "kvm");
    must_end(&s, p, 20000, "silence");
}
static void statuses(struct peer *p) {
    static const char status[] = {1, 2, 3, 4, 0x7f, (char)0xff};
    static struct session s;
    for (size_t i = 0; i < sizeof status; i++) {
        char msg[4] = {0x11, status[i]};
        begin(&s, p, "kvm");
        hear(p, 8);
        say(p, msg, sizeof msg);
        must_end(&s, p, 5000, "a refusal");
    }
}
static void oem_without_end(struct peer *p) {
    static struct session s;
    static char fill[255];
    begin(&s, p, "kvm");
    hear(p, 8);
    SAY(p, "\x11\0\0\0\1\0\x0f\0\x57\1\0\0\xff");
    for (int i = 0; i < 40 && say(p, fill, sizeof fill); i++)
        ;
    must_end(&s, p, 5000, "OEM data without end");
}
static void byte_by_byte(struct peer *p) {
    static struct session s;
    begin(&s, p, "kvm");
    for (size_t i = 0; i < STEPS; i++)
        step(p, i, true);
    must(p, session_hears(&s, "\"open\"", 5000), "a login in single bytes was not understood");
    session_end(&s);
}
static void lengths_that_lie(struct peer *p) {
    static const struct {
        size_t after;
        struct slice says;
    } all[] = {
        STEP(1, "\x14\0\0\0\0\xff\xff\xff\xff"),    /* 4 GB of methods */
        STEP(1, "\x14\0\0\0\0\1\x10\0\0"),          /* more than any login has */
        STEP(1, "\x14\0\0\0\0\0\0\0\0"),            /* no methods */
        STEP(2, "\x14\1\0\0\4\2\0\0\0\xffx"),       /* a field longer than the message */
        STEP(2, "\x14\1\0\0\4\0\0\0\0"),            /* no fields */
        STEP(2, "\x14\1\0\0\4\7\0\0\0\5realm\xff"), /* the second one is */
        STEP(3, "\x14\0\0\0\4\xff\xff\xff\x7f"),    /* 2 GB with the verdict */
        STEP(0, "\x14\0\0\0\4\0\0\0\0"),            /* a verdict before anything */
        STEP(4, "\x42\0\0\0\0\0\0\0"),              /* not the answer to 0x40 */
    };
    static struct session s;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin(&s, p, "kvm");
        steps(p, all[i].after);
        hear(p, 4);
        chan_put(p, p->redir_chan, all[i].says);
        must_end(&s, p, 5000, "a wrong answer");
    }
}
static void challenge_for_ever(struct peer *p) {
    static struct session s;
    begin(&s, p, "kvm");
    steps(p, 3);
    for (int i = 0; i < 50 && !session_hears(&s, "\"end\"", 10); i++)
        chan_put(p, p->redir_chan, KVM_STEPS[2].says);
    must_end(&s, p, 5000, "challenge after challenge");
}
static void close_at_each_step(struct peer *p) {
    static struct session s;
    for (size_t i = 0; i <= STEPS; i++) {
        begin(&s, p, "kvm");
        steps(p, i);
        tunnel_run(p, 30);
        apf_close(p->apf, p->redir_chan);
        must_end(&s, p, 5000, "a close");
    }
}
static void open_never_answered(struct peer *p) {
    static struct session s;
    p->keep_redir = true;
    begin(&s, p, "kvm");
    must_end(&s, p, 15000, "an open without answer");
}
static void opens_refused(struct peer *p) {
    static struct session s;
    p->keep_redir = true;
    for (uint32_t reason = 0; reason < 6; reason++) {
        begin(&s, p, "kvm");
        apf_refuse(p->apf, p->redir_chan, (enum apf_open_failure)reason);
        must_end(&s, p, 5000, "a refused open");
    }
}

/* --- the open session --- */

/* As much as is taken in ms. */
static size_t flood(struct session *s, struct peer *p, struct slice unit, int64_t ms, bool read) {
    struct buf b = {0};
    size_t sent = 0;
    while (b.len < 16384)
        if (buf_put(&b, unit) < 0)
            abort();
    p->until = now_ms() + ms;
    while (now_ms() < p->until && chan_put(p, p->redir_chan, buf_slice(&b))) {
        sent += b.len;
        tunnel_run(p, 0);
        while (read && (buf_free(&s->viewer.got), peer_read(&s->viewer, 0), s->viewer.got.len))
            ;
    }
    buf_free(&b);
    p->until = now_ms() + 30000;
    return sent;
}
static void rfb_flood(struct peer *p) {
    static struct session s;
    kvm_open(&s, p);
    size_t sent = flood(&s, p, SLICE_LIT("\0\0\0\1\0\0\0\0\0\0\0\0"), 3000, true);
    must(p, sent > 1 << 20, "only %zu bytes went through", sent);
    session_end(&s);
}
static void rfb_flood_unread(struct peer *p) {
    static struct session s = {.small_buffer = true};
    kvm_open(&s, p);
    size_t sent = flood(&s, p, SLICE_LIT("\0\0\0\1\0\0\0\0\0\0\0\0"), 3000, false);
    must(p, sent < 8 << 20, "%zu bytes were taken for a viewer that does not read", sent);
}

static void sol_open(struct session *s, struct peer *p) {
    begin(s, p, "sol");
    steps(p, 4);
    hear(p, 24);
    SAY(p, "\x21\0\0\0\0\0\0\0\x10\x27\x64\0\0\0\x10\x27\x64\0\0\0\0\0\0");
    must(p, session_hears(s, "\"open\"", 5000), "the session does not open");
}
static void sol_flood(struct peer *p) {
    static struct session s;
    sol_open(&s, p);
    flood(&s, p, SLICE_LIT("\x2a\0\0\0\0\0\0\0\4\0data\x2a\0\0\0\0\0\0\0\0\0"), 2000, true);
    flood(&s, p, SLICE_LIT("\x2b\0\0\0\0\0\0\0\x24\0\0\0\0\0\0\0"), 2000, true); /* heartbeats, pings */
    session_end(&s);
}
/* Each word about the power is a note to the viewer, longer than itself. */
static void sol_power_flood(struct peer *p) {
    static struct session s = {.small_buffer = true};
    sol_open(&s, p);
    size_t sent = flood(&s, p, SLICE_LIT("\x29\0\0\0\0\0\0\0\0\4\x29\0\0\0\0\0\0\0\0\0"), 3000, false);
    must(p, sent < 2 << 20, "%zu bytes of notes were taken for a viewer that does not read", sent);
}
static void sol_not_sol(struct peer *p) {
    static struct session s;
    sol_open(&s, p);
    SAY(p, "\x99\xff\xff\xff");
    must_end(&s, p, 5000, "a message that is none");
}

const struct kind KINDS_REDIR[] = {
    {"redir-silent", CIRA, AT_UP, STAYS, silent, answer_healthy},
    {"redir-statuses", CIRA, AT_UP, STAYS, statuses, answer_healthy},
    {"redir-oem-without-end", CIRA, AT_UP, STAYS, oem_without_end, answer_healthy},
    {"redir-byte-by-byte", CIRA, AT_UP, STAYS, byte_by_byte, answer_healthy},
    {"redir-lengths-that-lie", CIRA, AT_UP, STAYS, lengths_that_lie, answer_healthy},
    {"redir-challenge-for-ever", CIRA, AT_UP, STAYS, challenge_for_ever, answer_healthy},
    {"redir-close-at-each-step", CIRA, AT_UP, STAYS, close_at_each_step, answer_healthy},
    {"redir-open-never-answered", CIRA, AT_UP, STAYS, open_never_answered, answer_healthy},
    {"redir-opens-refused", CIRA, AT_UP, STAYS, opens_refused, answer_healthy},
    {"redir-rfb-flood", CIRA, AT_UP, STAYS, rfb_flood, answer_healthy},
    {"redir-rfb-flood-unread", CIRA, AT_UP, STAYS, rfb_flood_unread, answer_healthy},
    {"redir-sol-flood", CIRA, AT_UP, STAYS, sol_flood, answer_healthy},
    {"redir-sol-power-flood", CIRA, AT_UP, STAYS, sol_power_flood, answer_healthy},
    {"redir-sol-not-sol", CIRA, AT_UP, STAYS, sol_not_sol, answer_healthy},
    {0},
};
