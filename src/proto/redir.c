/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redir_int.h"

#include "base/ossl.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* --- kinds --- */

static const struct kind {
    const char *id, *name;
} KINDS[] = {
#define K(sym, id, magic, flag, name) {id, name},
    REDIR_KIND_TABLE(K)
#undef K
};

const char *redir_kind_id(enum redir_kind k) {
    return KINDS[k].id;
}
const char *redir_kind_name(enum redir_kind k) {
    return KINDS[k].name;
}
bool redir_kind_parse(const char *id, enum redir_kind *k) {
    for (int i = 0; i < REDIR_KIND_COUNT; i++)
        if (strcmp(KINDS[i].id, id) == 0) {
            *k = (enum redir_kind)i;
            return true;
        }
    return false;
}

/* --- states and ends --- */

static const char *const AWAITED[] = {
#define S(name, text) text,
    REDIR_STATE_TABLE(S)
#undef S
};

void redir_set_state(struct redir *r, enum redir_state st, struct mono now) {
    r->state = st;
    r->due = st < REDIR_ST_OPEN ? mono_add_ms(now, r->lim.answer_ms) : MONO_NEVER;
    if (st >= REDIR_ST_OPEN)
        redir_forget_login(r);
}

/* What happened, with the kind's name between the first two; what to do next. */
static const struct end {
    int err;
    const char *before, *after, *next;
} ENDS[] = {
    [REDIR_FAIL_NONE] = {0, "", "", ""},
    [REDIR_FAIL_BUSY] = {ERR_BUSY, "another ", " session is open at the firmware, not through this server",
                         "it ends when that console closes"},
    [REDIR_FAIL_DISABLED] = {ERR_REFUSED, "the firmware refuses ",
                             ": it is disabled there, or waits for consent",
                             "enable it in the settings of AMT, or give the consent code, and try again"},
    [REDIR_FAIL_TYPE] = {ERR_REFUSED, "the firmware does not know ", "",
                         "this machine cannot do it; see what its AMT version offers"},
    [REDIR_FAIL_DEVICE] = {ERR_REFUSED, "the firmware could not open ", ": an error of its own",
                           "try again in a minute; if it stays, the machine needs a power cycle"},
    [REDIR_FAIL_AUTH] =
        {ERR_AUTH, "the firmware refused user or password for ", "",
         "check the host's AMT credentials before the next try: wrong ones lock it for a while"},
    [REDIR_FAIL_AUTH_METHOD] = {ERR_AUTH, "the firmware offers no digest login for ", "",
                                "no other method is safe; set it up with a digest user"},
    [REDIR_FAIL_PROTOCOL] = {ERR_PROTO, "the firmware broke the protocol of ", "",
                             "try again; if it stays, report it with the AMT version"},
    [REDIR_FAIL_TIMEOUT] = {ERR_TIMEOUT, "the firmware did not answer for ", "",
                            "see that the machine has power and network, and try again"},
    [REDIR_FAIL_NOMEM] = {ERR_NOMEM, "out of memory for ", "", "try again when the server has less to do"},
};
static_assert(sizeof ENDS / sizeof *ENDS == REDIR_FAIL_COUNT, "every failure has its sentence");

int redir_fail(struct redir *r, enum redir_fail why, const char *fmt, ...) {
    const struct end *e = &ENDS[why];
    char detail[128] = "";
    if (r->err) /* the first one counts */
        return r->err;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof detail, fmt, ap);
        va_end(ap);
    }
    snprintf(r->error, sizeof r->error, "%s%s%s%s%s%s; %s", e->before, KINDS[r->kind].name, e->after,
             fmt ? " (" : "", detail, fmt ? ")" : "", e->next);
    r->fail = why;
    r->err = e->err;
    redir_set_state(r, REDIR_ST_FAILED, MONO_NEVER);
    return r->err;
}

enum redir_fail redir_failure(const struct redir *r) {
    return r->fail;
}
const char *redir_error(const struct redir *r) {
    return r->error;
}
bool redir_is_open(const struct redir *r) {
    return r->state == REDIR_ST_OPEN;
}
const char *redir_firmware(const struct redir *r) {
    return r->firmware;
}

/* --- output --- */

int redir_put(struct redir *r, const struct wr *w) {
    assert(!w->bad);
    return buf_put(&r->out, wr_done(w)) < 0 ? redir_fail(r, REDIR_FAIL_NOMEM, NULL) : 0;
}

struct slice redir_output(const struct redir *r) {
    return buf_slice(&r->out);
}
void redir_sent(struct redir *r, size_t n_bytes) {
    buf_consume(&r->out, n_bytes);
}

/* SOL in its messages; all else as it is. */
static bool passes(const struct redir *r) {
    return r->bare || r->kind != REDIR_SOL;
}

size_t redir_room(const struct redir *r) {
    size_t left = r->lim.queue_bytes > r->out.len ? r->lim.queue_bytes - r->out.len : 0;
    if (r->state != REDIR_ST_OPEN)
        return 0;
    return passes(r) ? left : redir_sol_room(r, left);
}

int redir_send(struct redir *r, struct slice data, struct mono now) {
    if (r->err == ERR_NOMEM)
        return ERR_NOMEM;
    if (r->state != REDIR_ST_OPEN)
        return ERR_STATE;
    if (data.n > redir_room(r))
        return ERR_FULL;
    if (!passes(r))
        return redir_sol_send(r, data, now);
    return buf_put(&r->out, data) < 0 ? redir_fail(r, REDIR_FAIL_NOMEM, NULL) : 0;
}

void redir_end(struct redir *r) {
    static const uint8_t end[] = {REDIR_MSG_END, 0, 0, 0};
    enum redir_state st = r->state;
    if (st == REDIR_ST_FAILED || st == REDIR_ST_ENDED)
        return;
    redir_set_state(r, REDIR_ST_ENDED, MONO_NEVER);
    if ((st == REDIR_ST_OPEN || st == REDIR_ST_OPENING) && r->kind == REDIR_KVM)
        return; /* behind 0x40 is RFB, which has no such word: it would be taken for the viewer's */
    if (st == REDIR_ST_OPEN && !passes(r) && redir_sol_close(r) < 0)
        return;
    if (buf_put(&r->out, slice_of(end, sizeof end)) < 0)
        (void)redir_fail(r, REDIR_FAIL_NOMEM, NULL);
}

/* --- input --- */

static const struct rule {
    uint8_t msg;
    uint16_t states;
    int kind; /* REDIR_KIND_COUNT: all */
    int (*handle)(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev);
} RULES[] = {
#define R(msg, kind, states, handler) {REDIR_MSG_##msg, states, REDIR_##kind, handler},
#define REDIR_COUNT                   REDIR_KIND_COUNT
    REDIR_RULE_TABLE(R)
#undef R
};

static const struct rule *rule_of(const struct redir *r, uint8_t id) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].msg == id && RULES[i].states & 1u << r->state &&
            (RULES[i].kind == REDIR_KIND_COUNT || RULES[i].kind == (int)r->kind))
            return &RULES[i];
    return NULL;
}

/* Bytes of the message in r->mem, 0 while they are not known; of a 0x2A the head alone, the rest is streamed.
 */
static int wanted(struct redir *r) {
    int length = redir_msg_length(REDIR_FROM_DEVICE, slice_of(r->mem, r->n));
    if (length == ERR_LIMIT)
        return redir_fail(r, REDIR_FAIL_PROTOCOL, "a login message of more than %u bytes",
                          (unsigned)REDIR_AUTH_MAX);
    assert(length >= 0); /* its first byte has a rule */
    return length && r->mem[0] == REDIR_MSG_SOL_FROM_HOST ? (int)redir_msg_head(r->mem[0]) : length;
}

/* Take from *in what the message in r->mem lacks: 1 when it is whole, 0, an error. */
static int gather(struct redir *r, struct slice *in) {
    for (;;) {
        int want = wanted(r);
        if (want < 0)
            return want;
        if (want && r->n == (size_t)want)
            return 1;
        if (in->n == 0)
            return 0;
        if (r->n == 0 && !rule_of(r, in->p[0]))
            return redir_fail(r, REDIR_FAIL_PROTOCOL, "message 0x%02x while the answer to %s was awaited",
                              in->p[0], AWAITED[r->state]);
        struct slice piece = slice_head(*in, want ? (size_t)want - r->n : 1);
        assert(r->n + piece.n <= sizeof r->mem);
        memcpy(r->mem + r->n, piece.p, piece.n);
        r->n += piece.n;
        *in = slice_skip(*in, piece.n);
    }
}

static int take(struct redir *r, struct slice *in, struct mono now, struct redir_ev *ev) {
    if (r->state == REDIR_ST_ENDED) {
        *in = slice_skip(*in, in->n);
        return 0;
    }
    if (r->state == REDIR_ST_OPEN && passes(r)) {
        *ev = (struct redir_ev){.kind = REDIR_EV_DATA, .data = *in};
        *in = slice_skip(*in, in->n);
        return 1;
    }
    if (r->payload)
        return redir_sol_payload(r, in, now, ev);
    int n = gather(r, in);
    if (n <= 0)
        return n;
    struct slice msg = slice_of(r->mem, r->n);
    r->n = 0;
    return rule_of(r, msg.p[0])->handle(r, msg, now, ev);
}

int redir_input(struct redir *r, struct slice *in, struct mono now, struct redir_ev *ev) {
    int n = r->err;
    while (n == 0 && in->n)
        n = take(r, in, now, ev);
    if (n == 0 && r->state == REDIR_ST_OPEN && !passes(r))
        n = redir_sol_acknowledge(r, now);
    return n;
}

/* --- time --- */

struct mono redir_deadline(const struct redir *r) {
    return r->due;
}

int redir_tick(struct redir *r, struct mono now) {
    if (r->err || !mono_due(r->due, now))
        return r->err;
    if (r->state == REDIR_ST_OPEN)
        return redir_sol_tick(r, now);
    return redir_fail(r, REDIR_FAIL_TIMEOUT, "%u s after %s", r->lim.answer_ms / 1000, AWAITED[r->state]);
}

/* --- life --- */

void redir_forget_login(struct redir *r) {
    if (r->password)
        OPENSSL_cleanse(r->password, strlen(r->password));
    free(r->user);
    free(r->password);
    r->user = r->password = NULL;
}

struct redir *redir_new(const struct redir_config *cfg, const struct redir_limits *lim, struct mono now) {
    assert(cfg->user && cfg->password && lim->sol_chunk_bytes > 0 && lim->sol_chunk_bytes <= UINT16_MAX);
    struct redir *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->kind = cfg->kind;
    r->bare = cfg->bare || cfg->kind == REDIR_IDER;
    r->lim = *lim;
    text_hex(slice_of(cfg->random, sizeof cfg->random), r->cnonce);
    r->user = strdup(cfg->user);
    r->password = strdup(cfg->password);
    redir_set_state(r, REDIR_ST_START, now);
    if (!r->user || !r->password || redir_put_start(r) < 0)
        redir_free(&r);
    return r;
}

void redir_free(struct redir **r) {
    if (!*r)
        return;
    redir_forget_login(*r);
    buf_free(&(*r)->out);
    free(*r);
    *r = NULL;
}
