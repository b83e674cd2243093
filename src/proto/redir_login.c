/* SPDX-License-Identifier: Apache-2.0 */
/* From 0x10 to the verdict over our digest. Reference 1.1, 1.2. */
#include "proto/redir_int.h"

#include "base/ossl.h"
#include "base/text.h"

#include <openssl/crypto.h>
#include <string.h>

static const struct kind {
    const char *magic;
    uint8_t flag;
} KINDS[] = {
#define K(sym, id, magic, flag, name) {magic, flag},
    REDIR_KIND_TABLE(K)
#undef K
};

int redir_put_start(struct redir *r) {
    uint8_t mem[8];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, REDIR_MSG_START);
    wr_u8(&w, KINDS[r->kind].flag);
    wr_zero(&w, 2);
    wr_bytes(&w, slice_str(KINDS[r->kind].magic));
    return redir_put(r, &w);
}

int redir_on_start_reply(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    switch (msg.p[1]) {
    case REDIR_START_STATUS_OK:
        break;
    case REDIR_START_STATUS_TYPE:
        return redir_fail(r, REDIR_FAIL_TYPE, NULL);
    case REDIR_START_STATUS_BUSY:
        return redir_fail(r, REDIR_FAIL_BUSY, NULL);
    case REDIR_START_STATUS_UNSUPPORTED:
        return redir_fail(r, REDIR_FAIL_DISABLED, NULL);
    default:
        return redir_fail(r, REDIR_FAIL_DEVICE, "status %u to the start of the session", msg.p[1]);
    }
    snprintf(r->firmware, sizeof r->firmware, "AMT %u.%u", msg.p[6], msg.p[7]);
    uint8_t mem[9];
    struct wr w = wr_of(mem, sizeof mem);
    redir_put_auth(&w, REDIR_AUTH_QUERY, SLICE_EMPTY);
    int err = redir_put(r, &w);
    if (err < 0)
        return err;
    redir_set_state(r, REDIR_ST_QUERY, now);
    *ev = (struct redir_ev){.kind = REDIR_EV_STARTED, .data = msg};
    return 1;
}

/* A 0x13 of the chosen method. */
static int put_digest(struct redir *r, const struct digest_answer *a) {
    uint8_t mem[REDIR_AUTH_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    redir_put_digest(&w, r->method, a);
    if (w.bad)
        return redir_fail(r, REDIR_FAIL_AUTH, "the user name is longer than 255 bytes");
    return redir_put(r, &w);
}

static bool offers(struct slice methods, enum redir_auth type) {
    return methods.n && memchr(methods.p, (int)type, methods.n);
}

int redir_on_methods(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    struct redir_auth_msg m = redir_get_auth(msg);
    char hex[2 * 8 + 1];
    if (m.status != REDIR_AUTH_OK)
        return redir_fail(r, REDIR_FAIL_AUTH_METHOD, "it does not tell its methods: status %u", m.status);
    if (offers(m.data, REDIR_AUTH_DIGEST))
        r->method = REDIR_AUTH_DIGEST;
    else if (offers(m.data, REDIR_AUTH_DIGEST_OLD))
        r->method = REDIR_AUTH_DIGEST_OLD;
    else /* nothing weaker: a plain password would be for everyone to read */
        return redir_fail(r, REDIR_FAIL_AUTH_METHOD, "its methods in hex: %s",
                          m.data.n ? text_hex(slice_head(m.data, 8), hex) : "none");
    const struct digest_answer a = {.user = slice_str(r->user), .uri = SLICE_LIT(REDIR_DIGEST_URI)};
    int err = put_digest(r, &a);
    if (err == 0)
        redir_set_state(r, REDIR_ST_CHALLENGE, now);
    return err;
}

/* auth, or a list that has it. */
static bool has_auth(struct slice qop) {
    while (qop.n)
        if (slice_ieq(slice_trim(slice_cut(&qop, ',')), SLICE_LIT("auth")))
            return true;
    return false;
}

static int answer(struct redir *r, const struct redir_challenge *c) {
    char realm[256], ha1[DIGEST_HA1_CAP], response[DIGEST_HA1_CAP];
    struct digest_answer a = {.user = slice_str(r->user),
                              .realm = c->realm,
                              .nonce = c->nonce,
                              .uri = SLICE_LIT(REDIR_DIGEST_URI),
                              .cnonce = slice_str(r->cnonce),
                              .nc = SLICE_LIT("00000001"),
                              .qop = SLICE_LIT("auth")};
    if (!slice_to_str(c->realm, realm, sizeof realm) || strlen(realm) != c->realm.n)
        return redir_fail(r, REDIR_FAIL_PROTOCOL, "its realm has a zero byte");
    int err = digest_ha1(r->user, realm, r->password, ha1);
    if (err == 0)
        err = redir_digest_response(ha1, r->method, &a, response);
    OPENSSL_cleanse(ha1, sizeof ha1);
    if (err < 0) /* out of memory, or MD5 is forbidden here: either way not the device's doing */
        return redir_fail(r, REDIR_FAIL_NOMEM, "MD5 is not to be had");
    a.response = slice_str(response);
    return put_digest(r, &a);
}

int redir_on_challenge(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    struct redir_auth_msg m = redir_get_auth(msg);
    struct redir_challenge c;
    if (m.status == REDIR_AUTH_UNSUPPORTED)
        return redir_fail(r, REDIR_FAIL_AUTH_METHOD, "it refuses method %u, which it offered", r->method);
    if (m.status == REDIR_AUTH_FAIL && m.data.n == 0)
        return redir_fail(r, REDIR_FAIL_AUTH, NULL);
    if (m.status != REDIR_AUTH_FAIL || m.type != r->method || !redir_get_challenge(m.data, r->method, &c) ||
        c.nonce.n == 0)
        return redir_fail(r, REDIR_FAIL_PROTOCOL, "its challenge cannot be read");
    if (r->method == REDIR_AUTH_DIGEST && !has_auth(c.qop))
        return redir_fail(r, REDIR_FAIL_AUTH_METHOD, "its challenge has no qop auth");
    int err = answer(r, &c);
    if (err == 0)
        redir_set_state(r, REDIR_ST_RESPONSE, now);
    return err;
}

static int open_channel(struct redir *r) {
    uint8_t mem[8];
    struct wr w = wr_of(mem, sizeof mem);
    if (r->kind == REDIR_SOL)
        return redir_sol_open(r);
    wr_u8(&w, REDIR_MSG_KVM_OPEN);
    wr_zero(&w, 7);
    return redir_put(r, &w);
}

int redir_on_verdict(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    struct redir_auth_msg m = redir_get_auth(msg);
    /* a second challenge is the firmware's way to say no: never another try, it locks the account for a while
     */
    if (m.status != REDIR_AUTH_OK)
        return redir_fail(r, REDIR_FAIL_AUTH, NULL);
    redir_forget_login(r);
    if (r->bare) {
        redir_set_state(r, REDIR_ST_OPEN, now);
        *ev = (struct redir_ev){.kind = REDIR_EV_OPEN};
        return 1;
    }
    int err = open_channel(r);
    if (err == 0)
        redir_set_state(r, REDIR_ST_OPENING, now);
    return err;
}

int redir_on_kvm_open(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    if (msg.p[1] != 0)
        return redir_fail(r, REDIR_FAIL_DEVICE, "status %u to the opening of KVM", msg.p[1]);
    redir_set_state(r, REDIR_ST_OPEN, now);
    *ev = (struct redir_ev){.kind = REDIR_EV_OPEN};
    return 1;
}
