/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redir_side.h"

#include <stdlib.h>

enum side_state {
    SIDE_START,
    SIDE_HELD, /* has 0x10, waits for redir_side_start() */
    SIDE_AUTH,
    SIDE_KVM, /* logged in, waits for 0x40 */
    SIDE_OPEN,
    SIDE_FINISHED,
};
enum { IANA_INTEL = 343, HEAD_AUTH = 9 /* of 0x14 */ };

struct redir_side {
    struct redir_side_config cfg;
    enum side_state state;
    enum redir_kind kind;
    struct buf in; /* the message that is not complete */
    struct buf out;
};

static void side_set_state(struct redir_side *r, enum side_state s) {
    r->state = s;
}

struct redir_side *redir_side_new(const struct redir_side_config *cfg) {
    struct redir_side *r = calloc(1, sizeof *r);
    if (r)
        r->cfg = *cfg;
    return r;
}

void redir_side_free(struct redir_side **rp) {
    struct redir_side *r = *rp;
    if (!r)
        return;
    buf_free(&r->in);
    buf_free(&r->out);
    free(r);
    *rp = NULL;
}

bool redir_side_is_open(const struct redir_side *r) {
    return r->state == SIDE_OPEN;
}
bool redir_side_finished(const struct redir_side *r) {
    return r->state == SIDE_FINISHED;
}
struct buf *redir_side_output(struct redir_side *r) {
    return &r->out;
}

/* --- start --- */

static int on_start(struct redir_side *r, struct slice msg, struct redir_side_ev *ev) {
    static const struct {
        const char *letters;
        uint8_t flag;
    } KINDS[] = {
#define K(sym, id, letters, flag, name) {letters, flag},
        REDIR_KIND_TABLE(K)
#undef K
    };
    int k = 0;
    while (k < REDIR_KIND_COUNT &&
           !(slice_is(slice_skip(msg, 4), KINDS[k].letters) && msg.p[1] == KINDS[k].flag))
        k++;
    r->kind = (enum redir_kind)k;
    side_set_state(r, SIDE_HELD);
    *ev = (struct redir_side_ev){.kind = REDIR_SIDE_START, .session = r->kind};
    return 1;
}

void redir_side_start(struct redir_side *r, uint8_t status) {
    uint8_t raw[13];
    struct wr w = wr_of(raw, sizeof raw);
    if (r->state != SIDE_HELD)
        return;
    wr_u8(&w, REDIR_MSG_START_REPLY);
    wr_u8(&w, status);
    wr_zero(&w, 2);
    if (status == REDIR_START_STATUS_OK) {
        wr_le16(&w, 1); /* protocol 1.0 */
        wr_u8(&w, r->cfg.major);
        wr_u8(&w, r->cfg.minor);
        wr_le32(&w, IANA_INTEL);
        wr_u8(&w, 0); /* no OEM data */
    }
    buf_put(&r->out, wr_done(&w));
    side_set_state(r, status == REDIR_START_STATUS_OK ? SIDE_AUTH : SIDE_FINISHED);
}

static int on_end(struct redir_side *r, struct slice msg, struct redir_side_ev *ev) {
    side_set_state(r, SIDE_FINISHED);
    return 0;
}

/* --- login --- */

static void put_reply(struct redir_side *r, uint8_t status, enum redir_auth type, struct slice data) {
    uint8_t raw[HEAD_AUTH + 3];
    struct wr w = wr_of(raw, sizeof raw);
    redir_put_auth_reply(&w, status, type, data);
    buf_put(&r->out, wr_done(&w));
}

static void put_challenge(struct redir_side *r, enum redir_auth type) {
    uint8_t raw[HEAD_AUTH + 3 + REDIR_SIDE_REALM_CAP + REDIR_SIDE_NONCE_CAP + 4];
    struct wr w = wr_of(raw, sizeof raw);
    redir_put_challenge(&w, type,
                        &(struct redir_challenge){.realm = slice_str(r->cfg.realm),
                                                  .nonce = slice_str(r->cfg.nonce),
                                                  .qop = SLICE_LIT("auth")});
    if (r->cfg.bad_length)
        raw[HEAD_AUTH] = 255; /* of the realm */
    buf_put(&r->out, wr_done(&w));
}

static bool knows_type(const struct redir_side *r, enum redir_auth type) {
    if (type == REDIR_AUTH_PLAIN)
        return r->cfg.legacy || r->cfg.no_digest;
    if (type == REDIR_AUTH_DIGEST_OLD)
        return r->cfg.legacy && !r->cfg.no_digest;
    return type == REDIR_AUTH_DIGEST && !r->cfg.no_digest;
}

static void put_types(struct redir_side *r) {
    uint8_t list[3], n = 0;
    for (uint8_t type = REDIR_AUTH_PLAIN; type <= REDIR_AUTH_DIGEST; type++)
        if (knows_type(r, (enum redir_auth)type))
            list[n++] = type;
    put_reply(r, REDIR_AUTH_OK, REDIR_AUTH_QUERY, slice_of(list, n));
}

static int accept_login(struct redir_side *r, enum redir_auth type, struct redir_side_ev *ev) {
    put_reply(r, REDIR_AUTH_OK, type, SLICE_EMPTY);
    side_set_state(r, r->kind == REDIR_KVM ? SIDE_KVM : SIDE_OPEN);
    ev->kind = REDIR_SIDE_LOGIN;
    return 1;
}

/* 5.7: status 1, then close. */
static int reject_login(struct redir_side *r, enum redir_auth type, struct redir_side_ev *ev) {
    if (r->cfg.bare_reject || type == REDIR_AUTH_PLAIN)
        put_reply(r, REDIR_AUTH_FAIL, type, SLICE_EMPTY);
    else
        put_challenge(r, type);
    side_set_state(r, SIDE_FINISHED);
    ev->kind = REDIR_SIDE_WRONG;
    return 1;
}

static int on_plain(struct redir_side *r, struct slice data, struct redir_side_ev *ev) {
    struct rd in = rd_of(data);
    struct slice user = rd_str8(&in), password = rd_str8(&in);
    if (in.bad || rd_left(&in))
        return ERR_PROTO;
    char text[REDIR_SIDE_PASSWORD_CAP], ha1[DIGEST_HA1_CAP];
    bool right = slice_is(user, r->cfg.user) && password.n < sizeof text;
    if (right) {
        slice_to_str(password, text, sizeof text);
        right = digest_ha1(r->cfg.user, r->cfg.realm, text, ha1) == 0 &&
                slice_eq_secret(slice_str(ha1), slice_str(r->cfg.ha1));
        explicit_bzero(text, sizeof text);
    }
    return right ? accept_login(r, REDIR_AUTH_PLAIN, ev) : reject_login(r, REDIR_AUTH_PLAIN, ev);
}

static int on_digest(struct redir_side *r, enum redir_auth type, struct slice data,
                     struct redir_side_ev *ev) {
    struct digest_answer a;
    if (!redir_get_digest(data, type, &a))
        return ERR_PROTO;
    if (a.response.n == 0) {
        put_challenge(r, type);
        return 0;
    }
    bool right = slice_is(a.user, r->cfg.user) && slice_is(a.realm, r->cfg.realm) &&
                 slice_is(a.nonce, r->cfg.nonce) && slice_is(a.uri, REDIR_DIGEST_URI) &&
                 slice_is(a.qop, type == REDIR_AUTH_DIGEST ? "auth" : "") &&
                 digest_verify(&a, r->cfg.ha1, REDIR_DIGEST_METHOD);
    return right ? accept_login(r, type, ev) : reject_login(r, type, ev);
}

static int on_auth(struct redir_side *r, struct slice msg, struct redir_side_ev *ev) {
    struct redir_auth_msg m = redir_get_auth(msg);
    enum redir_auth type = (enum redir_auth)m.type;
    if (type == REDIR_AUTH_QUERY) {
        put_types(r);
        return 0;
    }
    if (!knows_type(r, type)) {
        put_reply(r, REDIR_AUTH_UNSUPPORTED, type, SLICE_EMPTY);
        return 0;
    }
    return type == REDIR_AUTH_PLAIN ? on_plain(r, m.data, ev) : on_digest(r, type, m.data, ev);
}

/* --- KVM's own opening (1.6) --- */

static int on_open(struct redir_side *r, struct slice msg, struct redir_side_ev *ev) {
    static const uint8_t REPLY[8] = {REDIR_MSG_KVM_OPEN_REPLY};
    buf_put(&r->out, slice_of(REPLY, sizeof REPLY));
    side_set_state(r, SIDE_OPEN);
    return 0;
}

/* --- input --- */

static const struct message {
    uint8_t id, states; /* in which it may come, a bit each */
    int (*handle)(struct redir_side *r, struct slice msg, struct redir_side_ev *ev);
} MESSAGES[] = {
    {REDIR_MSG_START, 1u << SIDE_START, on_start},
    {REDIR_MSG_END, 1u << SIDE_START | 1u << SIDE_AUTH | 1u << SIDE_KVM, on_end},
    {REDIR_MSG_AUTH, 1u << SIDE_AUTH, on_auth},
    {REDIR_MSG_KVM_OPEN, 1u << SIDE_KVM, on_open},
};

static const struct message *message_find(const struct redir_side *r, uint8_t id) {
    for (size_t i = 0; i < sizeof MESSAGES / sizeof MESSAGES[0]; i++)
        if (MESSAGES[i].id == id && (MESSAGES[i].states & (1u << r->state)))
            return &MESSAGES[i];
    return NULL;
}

/* Move bytes from *in until the message is complete: 1; 0 when *in is used up. */
static int gather(struct redir_side *r, const struct message *m, struct slice *in) {
    for (;;) {
        size_t want = redir_msg_head(m->id), have = r->in.len;
        if (have >= want) {
            int length = redir_msg_length(REDIR_FROM_CLIENT, buf_slice(&r->in));
            if (length < 0)
                return length;
            want = (size_t)length;
            if (have == want)
                return 1;
        }
        if (in->n == 0)
            return 0;
        struct slice part = slice_head(*in, want - have);
        if (buf_put(&r->in, part) < 0)
            return ERR_NOMEM;
        *in = slice_skip(*in, part.n);
    }
}

int redir_side_input(struct redir_side *r, struct slice *in, struct redir_side_ev *ev) {
    while (in->n && r->state != SIDE_HELD) {
        if (r->state == SIDE_FINISHED || r->state == SIDE_OPEN) {
            *ev = (struct redir_side_ev){.kind = REDIR_SIDE_DATA, .session = r->kind, .data = *in};
            *in = SLICE_EMPTY;
            return r->state == SIDE_OPEN; /* what comes after the end is not looked at */
        }
        const struct message *m = message_find(r, r->in.len ? buf_slice(&r->in).p[0] : in->p[0]);
        if (!m) /* also: anything else before the login is fatal (1.2) */
            return ERR_PROTO;
        int e = gather(r, m, in);
        if (e <= 0)
            return e;
        *ev = (struct redir_side_ev){.session = r->kind};
        e = m->handle(r, buf_slice(&r->in), ev);
        buf_clear(&r->in);
        if (e == 0 && r->out.failed)
            e = ERR_NOMEM;
        if (e != 0)
            return e;
    }
    return 0;
}
