/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redir_front.h"

#include "base/buf.h"
#include "base/text.h"
#include "proto/redir_wire.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HELD_MAX = 1024, /* bytes that come while the server logs in; stops a client that does not wait */
    LOGINS_MAX = 16, /* messages 0x13; stops a client that asks and does not read */
};

struct redir_front {
    enum redir_front_state state;
    enum redir_kind kind;
    int err;
    char error[160];
    char realm[7 + 32 + 1], nonce[32 + 1];
    uint32_t logins; /* at most LOGINS_MAX */
    bool challenged, given;
    uint8_t mem[REDIR_AUTH_MAX]; /* the message that is coming in */
    size_t n;
    struct buf held; /* at most HELD_MAX */
    struct buf out;
};

static void redir_front_set_state(struct redir_front *f, enum redir_front_state st) {
    f->state = st;
}
enum redir_front_state redir_front_state(const struct redir_front *f) {
    return f->state;
}
const char *redir_front_error(const struct redir_front *f) {
    return f->error;
}

static int PRINTF_LIKE(3, 4) fail(struct redir_front *f, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->error, sizeof f->error, fmt, ap);
    va_end(ap);
    return f->err = err;
}

static int put(struct redir_front *f, const struct wr *w) {
    assert(!w->bad);
    return buf_put(&f->out, wr_done(w)) < 0 ? fail(f, ERR_NOMEM, "out of memory") : 0;
}

/* --- its messages --- */

static int on_start(struct redir_front *f, struct slice msg) {
    static const char *const magic[] = {
#define K(sym, id, magic, flag, name) magic,
        REDIR_KIND_TABLE(K)
#undef K
    };
    if (!slice_is(slice_skip(msg, 4), magic[f->kind]))
        return fail(f, ERR_PROTO,
                    "the client starts another kind of session than %s, which this stream is for",
                    redir_kind_name(f->kind));
    redir_front_set_state(f, REDIR_FRONT_HELD);
    return 0;
}

/* Has it answered our challenge? Whatever it answered is good; what cannot be read counts as an answer, too.
 * Reference 3.1: public clients send wrong uris and a user of their own. */
static bool has_answered(const struct redir_front *f, const struct redir_auth_msg *m) {
    struct digest_answer a;
    return redir_get_digest(m->data, m->type, &a) ? a.response.n > 0 : f->challenged;
}

static int on_auth(struct redir_front *f, struct slice msg) {
    uint8_t mem[REDIR_AUTH_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    struct redir_auth_msg m = redir_get_auth(msg);
    bool digest = m.type == REDIR_AUTH_DIGEST || m.type == REDIR_AUTH_DIGEST_OLD;
    if (f->logins++ == LOGINS_MAX)
        return fail(f, ERR_LIMIT, "the client sent more than %d login messages", LOGINS_MAX);
    if (m.type == REDIR_AUTH_QUERY) {
        redir_put_auth_reply(&w, REDIR_AUTH_OK, REDIR_AUTH_QUERY, SLICE_LIT("\4"));
    } else if (digest && !has_answered(f, &m)) {
        const struct redir_challenge c = {slice_str(f->realm), slice_str(f->nonce), SLICE_LIT("auth")};
        redir_put_challenge(&w, m.type, &c);
        f->challenged = true;
    } else if (digest || m.type == REDIR_AUTH_PLAIN) {
        redir_put_auth_reply(&w, REDIR_AUTH_OK, m.type, SLICE_EMPTY);
        redir_front_set_state(f, REDIR_FRONT_OPEN);
    } else {
        redir_put_auth_reply(&w, REDIR_AUTH_UNSUPPORTED, m.type, SLICE_EMPTY);
    }
    return put(f, &w);
}

static int on_end(struct redir_front *f, struct slice msg) {
    return fail(f, ERR_CLOSED, "the client ended the session before its login");
}

static const struct rule {
    uint8_t msg;
    enum redir_front_state state;
    int (*handle)(struct redir_front *f, struct slice msg);
} RULES[] = {
    {REDIR_MSG_START, REDIR_FRONT_START, on_start},
    {REDIR_MSG_END, REDIR_FRONT_START, on_end},
    {REDIR_MSG_AUTH, REDIR_FRONT_AUTH, on_auth},
    {REDIR_MSG_END, REDIR_FRONT_AUTH, on_end},
};

static const struct rule *rule_of(const struct redir_front *f, uint8_t id) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].msg == id && RULES[i].state == f->state)
            return &RULES[i];
    return NULL;
}

/* Messages of *in until one changes what is to be done with the rest. */
static int login(struct redir_front *f, struct slice *in) {
    while (f->state == REDIR_FRONT_START || f->state == REDIR_FRONT_AUTH) {
        int want = redir_msg_length(REDIR_FROM_CLIENT, slice_of(f->mem, f->n));
        if (want < 0)
            return fail(f, want, "the client sent a login message of more than %d bytes", REDIR_AUTH_MAX);
        if (want && f->n == (size_t)want) {
            f->n = 0;
            int r = rule_of(f, f->mem[0])->handle(f, slice_of(f->mem, (size_t)want));
            if (r < 0)
                return r;
            continue;
        }
        if (in->n == 0)
            return 0;
        if (f->n == 0 && !rule_of(f, in->p[0]))
            return fail(f, ERR_PROTO, "the client sent message 0x%02x before its login", in->p[0]);
        struct slice piece = slice_head(*in, want ? (size_t)want - f->n : 1);
        assert(f->n + piece.n <= sizeof f->mem);
        memcpy(f->mem + f->n, piece.p, piece.n);
        f->n += piece.n;
        *in = slice_skip(*in, piece.n);
    }
    return 0;
}

static int hold(struct redir_front *f, struct slice *in) {
    if (f->held.len + in->n > HELD_MAX)
        return fail(f, ERR_LIMIT, "the client sent more than %d bytes before it was answered", HELD_MAX);
    if (buf_put(&f->held, *in) < 0)
        return fail(f, ERR_NOMEM, "out of memory");
    *in = slice_skip(*in, in->n);
    return 0;
}

int redir_front_input(struct redir_front *f, struct slice *in, struct slice *data) {
    if (f->given)
        buf_free(&f->held);
    f->given = false;
    if (f->err)
        return f->err;
    if (f->state == REDIR_FRONT_OPEN && f->held.len) {
        *data = buf_slice(&f->held);
        f->given = true;
        return 1;
    }
    int r = login(f, in);
    if (r == 0 && f->state == REDIR_FRONT_HELD)
        r = hold(f, in);
    if (r < 0 || f->state != REDIR_FRONT_OPEN || in->n == 0)
        return r;
    *data = *in;
    *in = slice_skip(*in, in->n);
    return 1;
}

/* --- the server says how its own login went --- */

int redir_front_started(struct redir_front *f, struct slice reply11) {
    if (f->err || f->state != REDIR_FRONT_HELD)
        return f->err ? f->err : ERR_STATE;
    if (buf_put(&f->out, reply11) < 0)
        return fail(f, ERR_NOMEM, "out of memory");
    redir_front_set_state(f, REDIR_FRONT_AUTH);
    struct slice rest = buf_slice(&f->held);
    int r = login(f, &rest);
    buf_consume(&f->held, f->held.len - rest.n); /* the rest is data: redir_front_input() gives it */
    return r;
}

int redir_front_failed(struct redir_front *f, uint8_t status) {
    uint8_t mem[REDIR_STATUS_BYTES];
    struct wr w = wr_of(mem, sizeof mem);
    if (f->err || f->state != REDIR_FRONT_HELD)
        return f->err ? f->err : ERR_STATE;
    wr_u8(&w, REDIR_MSG_START_REPLY);
    wr_u8(&w, status);
    wr_zero(&w, 2);
    int r = put(f, &w);
    if (r == 0)
        (void)fail(f, ERR_CLOSED, "the firmware refused the session");
    return r;
}

struct slice redir_front_output(const struct redir_front *f) {
    return buf_slice(&f->out);
}
void redir_front_sent(struct redir_front *f, size_t n_bytes) {
    buf_consume(&f->out, n_bytes);
}

struct redir_front *redir_front_new(enum redir_kind kind, const uint8_t random[32]) {
    struct redir_front *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->kind = kind;
    memcpy(f->realm, "Digest:", 7);
    text_hex(slice_of(random, 16), f->realm + 7);
    text_hex(slice_of(random + 16, 16), f->nonce);
    return f;
}

void redir_front_free(struct redir_front **f) {
    if (!*f)
        return;
    buf_free(&(*f)->held);
    buf_free(&(*f)->out);
    free(*f);
    *f = NULL;
}
