/* SPDX-License-Identifier: Apache-2.0 */
/* api_auth: signing in and out. */
#include "server/api.h"

#include "base/text.h"
#include "server/audit.h"
#include "server/request.h"

#include <inttypes.h>
#include <stdio.h>

static const struct field AUTHORIZE_FIELDS[] = {
    {"username", FIELD_TEXT, .required = true, .min = 1, .max = STORE_USER_CAP - 1},
    {"password", FIELD_TEXT, .required = true, .secret = true, .min = 1, .max = 128},
    {"cookie", FIELD_FLAG, .doc = "The token comes as a cookie, and a csrfToken in the body."},
    {0}};
const struct schema SCHEMA_AUTHORIZE = {"Authorize", AUTHORIZE_FIELDS};

struct sign_in {
    struct auth_login login;
    struct request *r;
    bool cookie;
};

static void set_cookie(struct request *r, struct slice token, int64_t age_s) {
    buf_puts(&r->extra, "Set-Cookie: " COOKIE_NAME "=");
    buf_put(&r->extra, token);
    buf_putf(&r->extra, "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%" PRId64 "\r\n", age_s);
}

static void put_session(struct json *j, const struct principal *who, const struct auth_session *s,
                        bool csrf) {
    char text[CSRF_CAP];
    json_kstr(j, "user", who->user);
    json_kstr(j, "role", role_text(who->role));
    json_kstr(j, "project", who->project);
    json_kwall(j, "expiresAt", s->expires);
    if (csrf) {
        auth_csrf(s, text);
        json_kstr(j, "csrfToken", text);
    }
}

static void signed_in(struct sign_in *si) {
    struct auth_login *l = &si->login;
    struct request *r = si->r;
    struct json j = request_json(r);
    json_obj(&j);
    if (si->cookie) {
        set_cookie(r, buf_slice(&l->token), auth_token_life_s(r->shard->app->auth));
    } else {
        json_key(&j, "token");
        json_slice(&j, buf_slice(&l->token));
    }
    put_session(&j, &l->who, &l->session, si->cookie);
    json_obj_end(&j);
    auth_login_fini(l);
    reply_json(r, 200);
}

static void login_done(struct auth_login *l) {
    struct sign_in *si = l->ctx;
    struct request *r = si->r;
    char result[24];
    snprintf(result, sizeof result, l->err ? "refused %d" : "ok %d", l->err ? error_status(l->err) : 200);
    audit_add(r->shard, l->user, "user.login", "", result, l->err ? l->error.text : "", r->id, r->peer);
    if (!l->err) {
        signed_in(si);
        return;
    }
    if (l->retry_after_s) {
        char text[16];
        snprintf(text, sizeof text, "%u", l->retry_after_s);
        request_put_header(r, "Retry-After", text);
    }
    struct errinfo ei = l->error;
    auth_login_fini(l);
    reply_error(r, &ei);
}

void api_authorize(struct request *r) {
    struct sign_in *si = arena_alloc(&r->arena, sizeof *si);
    if (!si) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    struct auth_login *l = &si->login;
    si->r = r;
    si->cookie = body_flag(r->json, "cookie", false);
    l->from = r->shard;
    l->done = login_done;
    l->ctx = si;
    body_copy(r->json, "username", l->user, sizeof l->user);
    body_copy(r->json, "password", l->password, sizeof l->password);
    snprintf(l->peer_addr, sizeof l->peer_addr, "%s", r->peer_addr);
    request_hold(r);
    auth_login(r->shard->app->auth, l);
}

/* A page that is used stays signed in: past half of its life the cookie is renewed. */
static void renew_cookie(struct request *r) {
    int64_t left_s = (r->session.expires.us - request_now(r).wall.us) / 1000000;
    int64_t life_s = auth_token_life_s(r->shard->app->auth);
    struct buf token = {0};
    if (left_s > life_s / 2)
        return;
    struct auth_session s = r->session;
    if (auth_renew(r->shard->app->auth, r->shard, r->who.user, &s, &token) == 0) {
        set_cookie(r, buf_slice(&token), life_s);
        r->session = s;
    }
    buf_free(&token);
}

void api_session(struct request *r) {
    if (r->by_cookie)
        renew_cookie(r);
    struct json j = request_json(r);
    json_obj(&j);
    put_session(&j, &r->who, &r->session, r->by_cookie);
    json_obj_end(&j);
    reply_json(r, 200);
}

void api_logout(struct request *r) {
    auth_logout(r->shard->app->auth, r->shard, r->who.user, &r->session);
    if (r->by_cookie)
        set_cookie(r, SLICE_EMPTY, 0);
    snprintf(r->target, sizeof r->target, "%s", r->who.user);
    reply_empty(r, 204);
}
