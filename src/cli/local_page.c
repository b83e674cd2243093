/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local_page.h"

#include "base/json.h"
#include "base/ossl.h"
#include "base/text.h"
#include "proto/http1.h"
#include "ui_files.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 4096, COOKIE_NAME_CAP = 24 };
#define PROTOCOL "outband.v1"
#define PAGE     "/ui/console.html?local=1"

struct local_conn {
    struct local_site *site;
    struct http1 *http;
    struct ws *ws;  /* NULL: it speaks HTTP */
    struct buf out; /* of HTTP; goes before the WebSocket's */
    int err;
};

/* --- secrets --- */

static int make_secret(char out[LOCAL_SECRET_CAP]) {
    uint8_t random[(LOCAL_SECRET_CAP - 1) / 2];
    if (RAND_bytes(random, sizeof random) != 1)
        return ERR_CRYPTO;
    text_hex(slice_of(random, sizeof random), out);
    return 0;
}

int local_site_seal(struct local_site *s) {
    if (make_secret(s->key) < 0 || make_secret(s->cookie) < 0 || make_secret(s->ticket) < 0)
        return ERR_CRYPTO;
    return 0;
}

const char *local_site_url(const struct local_site *s, char out[LOCAL_URL_CAP]) {
    snprintf(out, LOCAL_URL_CAP, "http://127.0.0.1:%u/?key=%s", s->port, s->key);
    return out;
}

static bool is_secret(struct slice given, const char *secret) {
    return slice_eq_secret(given, slice_str(secret));
}

/* Cookies know no ports: two of our pages in one browser need two names. */
static const char *cookie_name(const struct local_site *s, char out[COOKIE_NAME_CAP]) {
    snprintf(out, COOKIE_NAME_CAP, "outband-kvm-%u", s->port);
    return out;
}

/* --- answers --- */

static int answer(struct local_conn *c, int status, const char *type, struct slice body) {
    char policy[320];
    snprintf(
        policy, sizeof policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' "
        "ws://127.0.0.1:%u ws://localhost:%u; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        c->site->port, c->site->port);
    const char *headers[] = {"X-Content-Type-Options",
                             "nosniff",
                             "Referrer-Policy",
                             "no-referrer",
                             "Cache-Control",
                             "no-store",
                             "Cross-Origin-Opener-Policy",
                             "same-origin",
                             "Cross-Origin-Resource-Policy",
                             "same-origin",
                             "Content-Security-Policy",
                             policy,
                             "Content-Type",
                             type,
                             NULL};
    if (http1_put_response(&c->out, status, headers, (int64_t)body.n) < 0 || buf_put(&c->out, body) < 0)
        return ERR_NOMEM;
    return 0;
}

static int say(struct local_conn *c, int status, const char *text) {
    return answer(c, status, "text/plain; charset=utf-8", slice_str(text));
}

/* --- who may enter --- */

static bool is_own_name(const struct local_site *s, struct slice host, const char *scheme) {
    static const char *const names[] = {"127.0.0.1", "localhost"};
    char own[48];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(own, sizeof own, "%s%s:%u", scheme, names[i], s->port);
        if (slice_ieq(host, slice_str(own)))
            return true;
    }
    return false;
}

/* "a=1; b=2", all headers of the name */
static bool has_cookie(const struct local_conn *c) {
    char name[COOKIE_NAME_CAP];
    struct slice header, value;
    cookie_name(c->site, name);
    for (size_t i = 0; http1_header_at(c->http, i, &header, &value); i++) {
        if (!slice_ieq(header, SLICE_LIT("Cookie")))
            continue;
        while (value.n) {
            struct slice pair = slice_trim(slice_cut(&value, ';')), key = slice_cut(&pair, '=');
            if (slice_is(key, name) && is_secret(pair, c->site->cookie))
                return true;
        }
    }
    return false;
}

/* The printed address: the key is good once, and becomes a cookie that scripts do not see. */
static int enter(struct local_conn *c, struct slice query) {
    struct slice key;
    char name[COOKIE_NAME_CAP], cookie[128];
    if (!http1_query(query, "key", &key) || !is_secret(key, c->site->key))
        return say(c, 403, "This page is opened with the address that orch-cli printed.\n");
    if (c->site->key_used && !has_cookie(c))
        return say(c, 403,
                   "This address was used already. If it was not by you, end orch-cli now: somebody else "
                   "on this machine has the page. Else run the command again.\n");
    c->site->key_used = true;
    snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict", cookie_name(c->site, name),
             c->site->cookie);
    const char *headers[] = {
        "Location",        PAGE,          "Set-Cookie", cookie, "Cache-Control", "no-store",
        "Referrer-Policy", "no-referrer", NULL};
    return http1_put_response(&c->out, 303, headers, 0) < 0 ? ERR_NOMEM : 0;
}

/* --- what there is --- */

static int give_file(struct local_conn *c, struct slice name) {
    char text[64];
    const struct ui_file *f = name.n && slice_to_str(name, text, sizeof text) ? ui_file_find(text) : NULL;
    if (!f)
        return say(c, 404, "There is no such file.\n");
    return answer(c, 200, f->type, slice_of(f->bytes, *f->n_bytes));
}

static int give_json(struct local_conn *c, struct slice rest) {
    char ticket[LOCAL_SECRET_CAP + 8];
    struct buf body = {0};
    struct json j = json_of(&body);
    snprintf(ticket, sizeof ticket, "ticket.%s", c->site->ticket);
    json_obj(&j);
    json_kstr(&j, "kind", "kvm");
    json_kstr(&j, "host", c->site->host);
    json_kstr(&j, "title", c->site->title);
    json_kbool(&j, "viewOnly", c->site->view_only);
    json_kstr(&j, "stream", "/stream");
    json_key(&j, "protocol");
    json_arr(&j);
    json_str(&j, PROTOCOL);
    json_str(&j, ticket);
    json_arr_end(&j);
    json_obj_end(&j);
    int rc = body.failed ? ERR_NOMEM : answer(c, 200, "application/json", buf_slice(&body));
    buf_free(&body);
    return rc;
}

/* "outband.v1, ticket.<TICKET>" */
static bool has_ticket(const struct local_conn *c) {
    struct slice list = http1_header(c->http, "Sec-WebSocket-Protocol");
    bool speaks = false, ticket = false;
    while (list.n) {
        struct slice word = slice_trim(slice_cut(&list, ','));
        speaks |= slice_is(word, PROTOCOL);
        struct slice secret = slice_skip(word, strlen("ticket."));
        ticket |=
            slice_is(slice_head(word, strlen("ticket.")), "ticket.") && is_secret(secret, c->site->ticket);
    }
    return speaks && ticket;
}

int local_end(struct ws *ws, const char *why) {
    struct buf note = {0};
    struct json j = json_of(&note);
    json_obj(&j);
    json_kstr(&j, "type", "end");
    json_kstr(&j, "reason", "local");
    json_kstr(&j, "text", why);
    json_kbool(&j, "resumable", false);
    json_obj_end(&j);
    int rc = note.failed ? ERR_NOMEM : ws_text(ws, buf_slice(&note));
    buf_free(&note);
    ws_close(ws, WS_CLOSE_NORMAL, why);
    return rc;
}

/* Another page has the stream. A browser shows its page nothing of an upgrade that is refused, so it is told
 * on a stream of its own; to try again would take the screen from the other one at its next interruption. */
static int turn_away(struct local_conn *c) {
    char why[256];
    snprintf(why, sizeof why,
             "Another tab of this browser shows %.100s already. Go on there, or close it and reload this one",
             c->site->title);
    int rc = local_end(c->ws, why);
    return rc < 0 ? rc : ERR_CLOSED;
}

static int open_stream(struct local_conn *c, struct slice rest) {
    char accept[WS_ACCEPT_CAP];
    if (!slice_ieq(http1_header(c->http, "Upgrade"), SLICE_LIT("websocket")) ||
        !slice_is(http1_header(c->http, "Sec-WebSocket-Version"), "13") ||
        !ws_accept_key(http1_header(c->http, "Sec-WebSocket-Key"), accept))
        return say(c, 400, "Here is a WebSocket (RFC 6455), version 13.\n");
    if (!is_own_name(c->site, http1_header(c->http, "Origin"), "http://"))
        return say(c, 403, "The stream is for the page of this address only.\n");
    if (!has_ticket(c))
        return say(c, 403, "The stream wants the protocols that /local.json names.\n");
    const char *headers[] = {"Upgrade",
                             "websocket",
                             "Connection",
                             "Upgrade",
                             "Sec-WebSocket-Accept",
                             accept,
                             "Sec-WebSocket-Protocol",
                             PROTOCOL,
                             NULL};
    c->ws = ws_new(WS_SERVER, TEXT_MAX, NULL);
    if (!c->ws || http1_put_response(&c->out, 101, headers, -1) < 0)
        return ERR_NOMEM;
    if (c->site->stream)
        return turn_away(c);
    c->site->stream = c;
    return 0;
}

static const struct route {
    const char *path; /* one with a slash at its end is a folder */
    int (*give)(struct local_conn *c, struct slice rest);
} ROUTES[] = {{"/ui/", give_file}, {"/local.json", give_json}, {"/stream", open_stream}};

static int dispatch(struct local_conn *c) {
    struct slice query = http1_target(c->http), path = slice_cut(&query, '?');
    if (!is_own_name(c->site, http1_header(c->http, "Host"), "")) /* DNS rebinding */
        return say(c, 403, "This server has another name.\n");
    if (!slice_is(http1_method(c->http), "GET"))
        return say(c, 405, "Only GET.\n");
    if (slice_is(path, "/"))
        return enter(c, query);
    if (!has_cookie(c))
        return say(c, 403, "This page is opened with the address that orch-cli printed.\n");
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        size_t n = strlen(ROUTES[i].path);
        bool folder = ROUTES[i].path[n - 1] == '/';
        if (slice_is(slice_head(path, n), ROUTES[i].path) && (folder || path.n == n))
            return ROUTES[i].give(c, slice_skip(path, n));
    }
    return say(c, 404, "There is no such page.\n");
}

/* --- the connection --- */

struct local_conn *local_conn_new(struct local_site *site) {
    const struct http1_limits lim = {.head_bytes = LOCAL_REQUEST_BYTES, .headers_max = 64, .body_bytes = 0};
    struct local_conn *c = calloc(1, sizeof *c);
    if (c)
        c->http = http1_new(HTTP1_REQUESTS, &lim);
    if (c && !c->http)
        local_conn_free(&c);
    if (c)
        c->site = site;
    return c;
}

void local_conn_release(struct local_conn *c) {
    if (c->site && c->site->stream == c)
        c->site->stream = NULL;
}

void local_conn_free(struct local_conn **cp) {
    struct local_conn *c = *cp;
    if (!c)
        return;
    local_conn_release(c);
    http1_free(&c->http);
    ws_free(&c->ws);
    buf_free(&c->out);
    free(c);
    *cp = NULL;
}

/* Requests, until one of them makes it a stream (1). */
static int input_http(struct local_conn *c, struct slice *in, struct local_ev *ev) {
    struct http1_ev h;
    int rc;
    while ((rc = http1_input(c->http, in, &h)) == 1) {
        if (h.kind != HTTP1_END)
            continue;
        rc = dispatch(c);
        if (rc < 0)
            return rc;
        if (c->ws) {
            *ev = (struct local_ev){.kind = LOCAL_EV_STREAM};
            return 1;
        }
        if (!http1_keep_alive(c->http))
            return ERR_CLOSED;
    }
    if (rc < 0 && say(c, http1_error_status(c->http), "This is no request that can be answered.\n") == 0)
        rc = ERR_CLOSED;
    return rc;
}

static int input_ws(struct local_conn *c, struct slice *in, struct local_ev *ev) {
    struct ws_ev w;
    int rc;
    while ((rc = ws_input(c->ws, in, &w)) == 1)
        if (w.kind == WS_EV_BINARY || w.kind == WS_EV_CLOSE) {
            if (w.kind == WS_EV_CLOSE) {
                local_conn_release(c);
                c->err = ERR_CLOSED;
            }
            *ev = (struct local_ev){.kind = w.kind == WS_EV_CLOSE ? LOCAL_EV_CLOSED : LOCAL_EV_DATA,
                                    .data = w.data};
            return 1;
        } /* texts are not used (docs/sessions.md) */
    return rc;
}

int local_conn_input(struct local_conn *c, struct slice *in, struct local_ev *ev) {
    if (c->err)
        return c->err;
    int rc = c->ws ? input_ws(c, in, ev) : input_http(c, in, ev);
    if (rc < 0)
        c->err = rc;
    return rc;
}

struct slice local_conn_output(const struct local_conn *c) {
    return c->out.len || !c->ws ? buf_slice(&c->out) : ws_output(c->ws);
}

void local_conn_sent(struct local_conn *c, size_t n_bytes) {
    if (c->out.len || !c->ws)
        buf_consume(&c->out, n_bytes);
    else
        ws_sent(c->ws, n_bytes);
}

struct ws *local_ws(const struct local_conn *c) {
    return c->ws;
}
