/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redir_wire.h"

static const struct msg {
    uint8_t id, from, head, at, width, status;
} MSGS[] = {
#define M(name, id, from, head, at, width, status) {id, REDIR_FROM_##from, head, at, width, status},
    REDIR_MSG_TABLE(M)
#undef M
};

static const struct msg *msg_of(uint8_t id) {
    for (size_t i = 0; i < sizeof MSGS / sizeof *MSGS; i++)
        if (MSGS[i].id == id)
            return &MSGS[i];
    return NULL;
}

size_t redir_msg_head(uint8_t id) {
    const struct msg *m = msg_of(id);
    return m ? m->head : 0;
}

int redir_msg_length(enum redir_from from, struct slice have) {
    if (have.n == 0)
        return 0;
    const struct msg *m = msg_of(have.p[0]);
    if (!m || !(m->from & from))
        return ERR_PROTO;
    if (m->status && have.n < 2)
        return 0;
    if (m->status && have.p[1] != 0)
        return REDIR_STATUS_BYTES;
    if (m->width == 0)
        return m->head;
    if (have.n < m->head)
        return 0;
    struct rd r = rd_of(slice_skip(have, m->at));
    uint32_t n = m->width == 1 ? rd_u8(&r) : m->width == 2 ? rd_le16(&r) : rd_le32(&r);
    if (m->width == 4 && n > REDIR_AUTH_DATA_MAX)
        return ERR_LIMIT;
    return (int)(m->head + n);
}

/* --- 0x13, 0x14 --- */

static void put_auth(struct wr *w, uint8_t id, uint8_t status, enum redir_auth type, struct slice data) {
    wr_u8(w, id);
    wr_u8(w, status);
    wr_zero(w, 2);
    wr_u8(w, (uint8_t)type);
    wr_le32(w, (uint32_t)data.n);
    wr_bytes(w, data);
}
void redir_put_auth(struct wr *w, enum redir_auth type, struct slice data) {
    put_auth(w, REDIR_MSG_AUTH, 0, type, data);
}
void redir_put_auth_reply(struct wr *w, uint8_t status, enum redir_auth type, struct slice data) {
    put_auth(w, REDIR_MSG_AUTH_REPLY, status, type, data);
}

struct redir_auth_msg redir_get_auth(struct slice msg) {
    struct redir_auth_msg m = {0};
    struct rd r = rd_of(msg);
    rd_u8(&r);
    m.status = rd_u8(&r);
    rd_take(&r, 2);
    m.type = rd_u8(&r);
    m.data = rd_take(&r, rd_le32(&r));
    return m;
}

/* --- fields --- */

void redir_put_digest(struct wr *w, enum redir_auth type, const struct digest_answer *a) {
    uint8_t mem[REDIR_AUTH_DATA_MAX];
    struct wr data = wr_of(mem, sizeof mem);
    const struct slice fields[] = {a->user,   a->realm, a->nonce,    a->uri,
                                   a->cnonce, a->nc,    a->response, a->qop};
    for (size_t i = 0; i < (type == REDIR_AUTH_DIGEST ? 8 : 7); i++)
        wr_str8(&data, fields[i]);
    redir_put_auth(w, type, wr_done(&data));
    w->bad |= data.bad;
}

bool redir_get_digest(struct slice data, enum redir_auth type, struct digest_answer *a) {
    struct rd r = rd_of(data);
    *a = (struct digest_answer){0};
    struct slice *const fields[] = {&a->user,   &a->realm, &a->nonce,    &a->uri,
                                    &a->cnonce, &a->nc,    &a->response, &a->qop};
    for (size_t i = 0; i < (type == REDIR_AUTH_DIGEST ? 8 : 7); i++)
        *fields[i] = rd_str8(&r);
    return !r.bad;
}

void redir_put_challenge(struct wr *w, enum redir_auth type, const struct redir_challenge *c) {
    uint8_t mem[3 * 256];
    struct wr data = wr_of(mem, sizeof mem);
    wr_str8(&data, c->realm);
    wr_str8(&data, c->nonce);
    if (type == REDIR_AUTH_DIGEST)
        wr_str8(&data, c->qop);
    redir_put_auth_reply(w, REDIR_AUTH_FAIL, type, wr_done(&data));
    w->bad |= data.bad;
}

bool redir_get_challenge(struct slice data, enum redir_auth type, struct redir_challenge *c) {
    struct rd r = rd_of(data);
    *c = (struct redir_challenge){.realm = rd_str8(&r)};
    c->nonce = rd_str8(&r);
    if (type == REDIR_AUTH_DIGEST)
        c->qop = rd_str8(&r);
    return !r.bad;
}

int redir_digest_response(const char *ha1, enum redir_auth type, const struct digest_answer *a,
                          char out[DIGEST_HA1_CAP]) {
    struct digest_answer hashed = *a;
    hashed.uri = SLICE_LIT(REDIR_DIGEST_URI);
    if (type != REDIR_AUTH_DIGEST)
        hashed.qop = SLICE_EMPTY; /* the form of RFC 2069 */
    return digest_response(ha1, REDIR_DIGEST_METHOD, &hashed, out);
}
