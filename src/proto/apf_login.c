/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel side of apf: version, services, login, forwards, keepalives. Reference 1.3, 1.4. */
#include "proto/apf_int.h"

#include <assert.h>
#include <stdlib.h>

/* Before every message that holds strings: a writer over mem with the type byte in it. */
static struct wr begin(uint8_t *mem, uint8_t type) {
    struct wr w = wr_of(mem, APF_MSG_OUT_CAP);
    wr_u8(&w, type);
    return w;
}

/* Our own strings are bounded where they come in, so they always fit. */
static int put(struct apf *a, const struct wr *w) {
    assert(!w->bad);
    return apf_put(a, wr_done(w));
}

static int put_service(struct apf *a, uint8_t type, const char *service) {
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = begin(mem, type);
    wr_str32(&w, slice_str(service));
    return put(a, &w);
}

/* --- layouts that depend on content --- */

static const struct global_kind {
    const char *name, *tail;
    enum { GLOBAL_FORWARD, GLOBAL_CANCEL, GLOBAL_UDP } kind;
} GLOBALS[] = {
    {"tcpip-forward", "s4", GLOBAL_FORWARD},
    {"cancel-tcpip-forward", "s4", GLOBAL_CANCEL},
    {"udp-send-to@amt.intel.com", "s4s4s", GLOBAL_UDP},
};

static const struct global_kind *global_of(struct slice name) {
    for (size_t i = 0; i < sizeof GLOBALS / sizeof *GLOBALS; i++)
        if (slice_is(name, GLOBALS[i].name))
            return &GLOBALS[i];
    return NULL;
}

/* The oldest unanswered request; false when none is on the wire. */
static bool first_request(const struct apf *a, struct apf_request *rq) {
    if (!a->request_out)
        return false;
    memcpy(rq, buf_slice(&a->requests).p, sizeof *rq);
    return true;
}

const char *apf_layout_tail(const struct apf *a, uint8_t type, struct slice have) {
    struct rd r = rd_of(slice_skip(have, 1));
    if (type == APF_USERAUTH_REQUEST) {
        rd_str32(&r, APF_STR_MAX);
        rd_str32(&r, APF_STR_MAX);
        struct slice method = rd_str32(&r, APF_STR_MAX);
        return slice_is(method, "password") ? "1s" : slice_is(method, "none") ? "" : NULL;
    }
    if (type == APF_GLOBAL_REQUEST) {
        const struct global_kind *g = global_of(rd_str32(&r, APF_STR_MAX));
        return g ? g->tail : NULL;
    }
    /* REQUEST_SUCCESS: 5 bytes for tcpip-forward, 1 for cancel */
    struct apf_request rq;
    return !first_request(a, &rq) ? NULL : rq.cancel ? "" : "4";
}

/* --- server role --- */

int apf_on_version(struct apf *a, struct rd *body, struct apf_ev *ev) {
    uint32_t major = rd_be32(body);
    rd_be32(body);
    if (a->role == APF_DEVICE && (!a->local || a->state != APF_ST_D_START))
        return 0; /* some servers echo it */
    if (major < 1)
        return apf_fail(a, ERR_PROTO, APF_DISC_VERSION_NOT_SUPPORTED, "APF version %u is too old", major);
    ev->kind = APF_EV_VERSION;
    ev->trigger = rd_be32(body);
    struct uuid wire;
    memcpy(wire.b, rd_take(body, sizeof wire.b).p, sizeof wire.b);
    ev->uuid = uuid_swap(wire);
    if (a->role == APF_SERVER)
        apf_set_state(a, APF_ST_AUTH_SVC);
    return 1;
}

int apf_on_service_request(struct apf *a, struct rd *body, struct apf_ev *ev) {
    struct slice service = rd_str32(body, APF_STR_MAX);
    bool auth = slice_is(service, APF_SVC_AUTH);
    if (!auth && !slice_is(service, APF_SVC_PFWD))
        return apf_fail(a, ERR_PROTO, APF_DISC_SERVICE_NOT_AVAILABLE, "unknown service");
    /* firmware may ask its host for the two in any order, or for one of them */
    if (!a->local && auth != (a->state == APF_ST_AUTH_SVC))
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "the %s service out of turn",
                        auth ? "auth" : "pfwd");
    int r = put_service(a, APF_SERVICE_ACCEPT, auth ? APF_SVC_AUTH : APF_SVC_PFWD);
    if (r < 0)
        return r;
    apf_set_state(a, !auth ? APF_ST_RUN : a->local ? APF_ST_PFWD_SVC : APF_ST_AUTH);
    ev->kind = APF_EV_READY;
    return auth ? 0 : 1;
}

int apf_on_userauth(struct apf *a, struct rd *body, struct apf_ev *ev) {
    ev->user_name = rd_str32(body, APF_USER_MAX);
    struct slice service = rd_str32(body, APF_STR_MAX);
    if (!slice_is(service, APF_SVC_PFWD))
        return apf_fail(a, ERR_PROTO, APF_DISC_SERVICE_NOT_AVAILABLE, "login for an unknown service");
    ev->method_none = slice_is(rd_str32(body, APF_STR_MAX), "none");
    if (!ev->method_none) {
        /* a change of password would have another layout, RFC 4252 8 */
        if (rd_u8(body) != 0)
            return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "a change of password");
        ev->password = rd_str32(body, APF_STR_MAX);
        if (ev->password.n > APF_PASSWORD_MAX)
            return apf_fail(a, ERR_LIMIT, APF_DISC_PROTOCOL_ERROR, "the password is too long");
    }
    ev->kind = APF_EV_AUTH;
    apf_set_state(a, APF_ST_AUTH_WAIT);
    return 1;
}

void apf_auth_accept(struct apf *a) {
    if (a->state == APF_ST_AUTH_WAIT && apf_put(a, SLICE_LIT("\x34")) == 0)
        apf_set_state(a, APF_ST_PFWD_SVC);
}

void apf_auth_again(struct apf *a) {
    if (a->state != APF_ST_AUTH_WAIT)
        return;
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = begin(mem, APF_USERAUTH_FAILURE);
    wr_str32(&w, SLICE_LIT("password"));
    wr_u8(&w, 0);
    if (put(a, &w) == 0)
        apf_set_state(a, APF_ST_AUTH);
}

void apf_auth_reject(struct apf *a) {
    apf_auth_again(a);
    if (a->state == APF_ST_AUTH)
        apf_disconnect(a, APF_DISC_ILLEGAL_USER);
}

/* --- forwards --- */

static size_t forward_index(const struct apf *a, uint32_t port) {
    size_t i = 0;
    while (i < a->nforwards && a->forwards[i] != port)
        i++;
    return i;
}

bool apf_forwards(const struct apf *a, uint32_t port) {
    return forward_index(a, port) < a->nforwards;
}

size_t apf_forward_list(const struct apf *a, uint32_t *ports, size_t n) {
    for (size_t i = 0; i < n && i < a->nforwards; i++)
        ports[i] = a->forwards[i];
    return a->nforwards;
}

/* False when the port is none, or the table is full. */
static bool forward_add(struct apf *a, uint32_t port) {
    if (port == 0 || port > UINT16_MAX)
        return false;
    if (apf_forwards(a, port))
        return true;
    if (a->nforwards == a->lim.forwards_max)
        return false;
    a->forwards[a->nforwards++] = (uint16_t)port;
    return true;
}

static bool forward_drop(struct apf *a, uint32_t port) {
    size_t i = forward_index(a, port);
    if (i == a->nforwards)
        return false;
    /* the order is the order of registration */
    memmove(&a->forwards[i], &a->forwards[i + 1], (a->nforwards - i - 1) * sizeof a->forwards[0]);
    a->nforwards--;
    return true;
}

int apf_on_global_request(struct apf *a, struct rd *body, struct apf_ev *ev) {
    const struct global_kind *g = global_of(rd_str32(body, APF_STR_MAX));
    bool want_reply = rd_u8(body) != 0;
    if (!g || g->kind == GLOBAL_UDP) /* alerts by UDP are not served, and a server never answers them */
        return g && a->local ? apf_put(a, SLICE_LIT("\x52")) : 0;
    if (a->role == APF_DEVICE)
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "%s from the server", g->name);
    rd_str32(body, APF_STR_MAX); /* the device's address; forwards are keyed by port (reference 1.7) */
    ev->port = rd_be32(body);
    bool forward = g->kind == GLOBAL_FORWARD;
    bool granted = forward ? forward_add(a, ev->port) : forward_drop(a, ev->port);
    int r = 0;
    if (want_reply)
        r = !granted  ? apf_put(a, SLICE_LIT("\x52"))
            : forward ? APF_PUT(a, APF_REQUEST_SUCCESS, ev->port)
                      : apf_put(a, SLICE_LIT("\x51"));
    if (r < 0)
        return r;
    ev->kind = forward ? APF_EV_FORWARD : APF_EV_UNFORWARD;
    return granted;
}

/* --- device role --- */

/* One global request at a time: the next one goes when the last was answered (reference 1.3). */
static int send_request(struct apf *a) {
    if (a->state != APF_ST_RUN || a->request_out || a->requests.len == 0)
        return 0;
    struct apf_request rq;
    memcpy(&rq, buf_slice(&a->requests).p, sizeof rq);
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = begin(mem, APF_GLOBAL_REQUEST);
    wr_str32(&w, slice_str(GLOBALS[rq.cancel ? GLOBAL_CANCEL : GLOBAL_FORWARD].name));
    wr_u8(&w, 1);
    wr_str32(&w, SLICE_EMPTY);
    wr_be32(&w, rq.port);
    a->request_out = true;
    return put(a, &w);
}

static int add_request(struct apf *a, uint32_t port, bool cancel) {
    struct apf_request rq = {.port = port, .cancel = cancel};
    if (!apf_alive(a))
        return ERR_CLOSED;
    if (a->requests.len >= APF_REQUESTS_MAX * sizeof rq)
        return ERR_FULL;
    if (buf_put(&a->requests, slice_of(&rq, sizeof rq)) < 0)
        return apf_fail(a, ERR_NOMEM, APF_DISC_TEMPORARILY_UNAVAILABLE, "out of memory");
    return send_request(a);
}

int apf_forward(struct apf *a, uint32_t port) {
    assert(a->role == APF_DEVICE);
    return add_request(a, port, false);
}

int apf_unforward(struct apf *a, uint32_t port) {
    assert(a->role == APF_DEVICE);
    return add_request(a, port, true);
}

static int request_answered(struct apf *a, bool granted, struct apf_ev *ev) {
    struct apf_request rq;
    if (!first_request(a, &rq))
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "an answer without a request");
    buf_consume(&a->requests, sizeof rq);
    a->request_out = false;
    ev->kind = rq.cancel ? APF_EV_UNFORWARD : APF_EV_FORWARD;
    ev->port = rq.port;
    granted = granted && (rq.cancel ? forward_drop(a, rq.port) : forward_add(a, rq.port));
    int r = send_request(a);
    return r < 0 ? r : granted;
}

int apf_on_request_success(struct apf *a, struct rd *body, struct apf_ev *ev) {
    return request_answered(a, true, ev);
}

int apf_on_request_failure(struct apf *a, struct rd *body, struct apf_ev *ev) {
    return request_answered(a, false, ev);
}

int apf_put_version(struct apf *a, struct uuid uuid, uint32_t trigger) {
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = begin(mem, APF_PROTOCOLVERSION);
    wr_be32(&w, 1);
    wr_be32(&w, 0);
    wr_be32(&w, trigger);
    struct uuid wire = uuid_swap(uuid);
    wr_bytes(&w, slice_of(wire.b, sizeof wire.b));
    wr_zero(&w, 64);
    return put(a, &w);
}

static int keep_credentials(struct apf *a, const struct apf_login *login) {
    struct slice user = slice_str(login->user), password = slice_str(login->password);
    if (user.n > APF_USER_MAX || password.n > APF_PASSWORD_MAX)
        return ERR_INVALID;
    a->cred = calloc(1, sizeof *a->cred);
    if (!a->cred)
        return ERR_NOMEM;
    slice_to_str(user, a->cred->user, sizeof a->cred->user);
    slice_to_str(password, a->cred->password, sizeof a->cred->password);
    a->cred->none = !login->user;
    return 0;
}

int apf_login(struct apf *a, const struct apf_login *login) {
    assert(a->role == APF_DEVICE);
    if (a->state != APF_ST_D_START)
        return ERR_STATE;
    int r = a->local ? 0 : keep_credentials(a, login);
    for (size_t i = 0; r == 0 && i < login->nports; i++)
        r = add_request(a, login->ports[i], false);
    if (r == 0)
        r = apf_put_version(a, login->uuid, login->trigger);
    if (r == 0)
        r = put_service(a, APF_SERVICE_REQUEST, APF_SVC_AUTH); /* 192 is not answered: do not wait */
    if (r == 0)
        apf_set_state(a, APF_ST_D_AUTH_SVC);
    return r;
}

static int put_userauth(struct apf *a) {
    uint8_t mem[APF_MSG_OUT_CAP];
    struct wr w = begin(mem, APF_USERAUTH_REQUEST);
    wr_str32(&w, slice_str(a->cred->user));
    wr_str32(&w, SLICE_LIT(APF_SVC_PFWD));
    wr_str32(&w, slice_str(a->cred->none ? "none" : "password"));
    if (!a->cred->none) {
        wr_u8(&w, 0);
        wr_str32(&w, slice_str(a->cred->password));
    }
    int r = put(a, &w);
    explicit_bzero(mem, sizeof mem);
    return r;
}

int apf_on_service_accept(struct apf *a, struct rd *body, struct apf_ev *ev) {
    bool auth = a->state == APF_ST_D_AUTH_SVC;
    if (!slice_is(rd_str32(body, APF_STR_MAX), auth ? APF_SVC_AUTH : APF_SVC_PFWD))
        return apf_fail(a, ERR_PROTO, APF_DISC_PROTOCOL_ERROR, "another service was accepted");
    if (auth && a->local) { /* no login between the two */
        apf_set_state(a, APF_ST_D_PFWD_SVC);
        return put_service(a, APF_SERVICE_REQUEST, APF_SVC_PFWD);
    }
    apf_set_state(a, auth ? APF_ST_D_AUTH : APF_ST_RUN);
    int r = auth ? put_userauth(a) : send_request(a);
    ev->kind = APF_EV_READY;
    return r < 0 ? r : !auth;
}

int apf_on_userauth_failure(struct apf *a, struct rd *body, struct apf_ev *ev) {
    a->stray_ok = true; /* widespread servers append a byte too many (reference 1.3) */
    apf_set_state(a, APF_ST_D_DENIED);
    ev->kind = APF_EV_AUTH_FAILED;
    return 1;
}

int apf_on_userauth_success(struct apf *a, struct rd *body, struct apf_ev *ev) {
    apf_set_state(a, APF_ST_D_PFWD_SVC);
    return put_service(a, APF_SERVICE_REQUEST, APF_SVC_PFWD);
}

/* --- keepalives and the end, both roles --- */

int apf_keepalive(struct apf *a, uint32_t cookie) {
    return APF_PUT(a, APF_KEEPALIVE_REQUEST, cookie);
}

int apf_on_keepalive(struct apf *a, struct rd *body, struct apf_ev *ev) {
    ev->kind = APF_EV_KEEPALIVE;
    ev->cookie = rd_be32(body);
    int r = APF_PUT(a, APF_KEEPALIVE_REPLY, ev->cookie);
    return r < 0 ? r : 1;
}

int apf_on_keepalive_reply(struct apf *a, struct rd *body, struct apf_ev *ev) {
    ev->kind = APF_EV_KEEPALIVE_REPLY;
    ev->cookie = rd_be32(body);
    return 1;
}

int apf_keepalive_options(struct apf *a, uint32_t interval_s, uint32_t timeout_s) {
    assert(a->role == APF_SERVER);
    if (a->state != APF_ST_PFWD_SVC && a->state != APF_ST_RUN)
        return apf_alive(a) ? ERR_STATE : ERR_CLOSED;
    return APF_PUT(a, APF_KEEPALIVE_OPTIONS_REQUEST, interval_s, timeout_s);
}

int apf_on_options_reply(struct apf *a, struct rd *body, struct apf_ev *ev) {
    ev->kind = APF_EV_KEEPALIVE_OPTIONS;
    ev->interval_s = rd_be32(body);
    ev->timeout_s = rd_be32(body);
    return 1;
}

int apf_on_keepalive_options(struct apf *a, struct rd *body, struct apf_ev *ev) {
    apf_on_options_reply(a, body, ev);
    int r = APF_PUT(a, APF_KEEPALIVE_OPTIONS_REPLY, ev->interval_s, ev->timeout_s);
    return r < 0 ? r : 1;
}

int apf_on_disconnect(struct apf *a, struct rd *body, struct apf_ev *ev) {
    ev->kind = APF_EV_DISCONNECT;
    ev->reason = rd_be32(body);
    apf_set_state(a, APF_ST_CLOSED);
    return 1;
}
