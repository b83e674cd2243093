/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/door.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "http/client.h"
#include "http/now.h"
#include "net/pki.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, ANSWER_MS = 75000 /* longer than a heartbeat waits */, PEM_BYTES_MAX = 65536 };

struct door {
    struct url url;
    struct trust *trust;
    struct client *client;
};

int door_ca(const struct agent_config *c, char **pem, struct errinfo *ei) {
    size_t n;
    *pem = NULL;
    return c->ca[0] ? file_read(c->ca, PEM_BYTES_MAX, pem, &n, ei) : 0;
}

int door_open(struct door **out, const struct agent_config *c, const struct identity *id,
              struct errinfo *ei) {
    struct door *d = calloc(1, sizeof *d);
    char *ca = NULL;
    *out = NULL;
    if (!d)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    int r = 0;
    if (!c->server[0]) {
        r = err_set(ei, ERR_INVALID, "server", "it is not said which server this agent belongs to");
        err_remedy(ei, "Write server = https://HOST:8443 into " AGENT_CONFIG_PATH ".");
    }
    if (r == 0)
        r = url_parse(&d->url, c->server, ei);
    if (r == 0)
        r = door_ca(c, &ca, ei);
    if (r == 0)
        r = trust_new(&d->trust, ca, ei);
    if (r == 0 && id)
        r = trust_identity(d->trust, id->cert_pem, id->key_pem, ei);
    free(ca);
    if (r == 0) {
        const struct client_config cfg = {
            .url = &d->url, .trust = d->trust, .connect_ms = CONNECT_MS, .answer_ms = ANSWER_MS};
        if (!(d->client = client_new(&cfg)))
            r = err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    if (r < 0)
        door_close(&d);
    *out = d;
    return r;
}

void door_close(struct door **dp) {
    struct door *d = *dp;
    if (!d)
        return;
    *dp = NULL;
    client_free(&d->client);
    trust_free(&d->trust);
    free(d);
}

static const char *text_of(const json_t *o, const char *name) {
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

/* The server's own words, cleaned: it may be another one. */
static int refusal(const struct answer *a, struct errinfo *ei) {
    static const struct {
        int status, code;
    } codes[] = {{401, ERR_AUTH}, {404, ERR_NOT_FOUND}, {409, ERR_STATE}};
    char text[300], remedy[200];
    int code = ERR_REFUSED;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].status == a->status)
            code = codes[i].code;
    text_clean(text, sizeof text, slice_str(text_of(a->json, "message")));
    text_clean(remedy, sizeof remedy, slice_str(text_of(a->json, "remedy")));
    err_set(ei, code, text_of(a->json, "field"), "the server says (%d): %s", a->status,
            text[0] ? text : "no reason");
    err_remedy(ei, "%s", remedy);
    return code;
}

int door_post(struct door *d, const char *path, struct slice body, json_t **out, struct errinfo *ei) {
    const struct request rq = {.method = "POST", .target = path, .body = body};
    struct answer a;
    if (out)
        *out = NULL;
    int r = client_call(d->client, &rq, &a, ei);
    if (r == 0 && a.status / 100 != 2)
        r = refusal(&a, ei);
    if (r == 0 && out) {
        *out = a.json;
        a.json = NULL;
        if (!json_is_object(*out)) {
            json_decref(*out);
            *out = NULL;
            r = err_set(ei, ERR_PROTO, "", "the server's answer is no JSON object");
        }
    }
    answer_free(&a);
    return r;
}

/* --- identities --- */

static int make_request(struct buf *key, struct buf *csr, struct errinfo *ei) {
    int r = pki_make_key(PKI_P256, key, ei);
    return r < 0 ? r : pki_make_request(buf_slice(key), "agent", csr, ei);
}

static int take_certificate(const json_t *o, struct buf *key, struct identity *id, struct errinfo *ei) {
    if (!wall_parse(text_of(o, "notAfter"), &id->until) || !text_of(o, "certificate")[0])
        return err_set(ei, ERR_PROTO, "", "the server's answer has no certificate");
    id->issued = now_wall();
    id->cert_pem = strdup(text_of(o, "certificate"));
    id->key_pem = strdup(buf_cstr(key));
    return id->cert_pem && id->key_pem ? 0 : err_set(ei, ERR_NOMEM, "", "out of memory");
}

static void take_host(const json_t *o, struct identity *id) {
    text_clean(id->host, sizeof id->host, slice_str(text_of(o, "host")));
    text_clean(id->name, sizeof id->name, slice_str(text_of(o, "name")));
    text_clean(id->project, sizeof id->project, slice_str(text_of(o, "project")));
    id->heartbeat_s = (uint32_t)json_integer_value(json_object_get(o, "heartbeatSeconds"));
}

/* key NULL: a renewal. */
static void put_body(struct buf *body, const char *key, struct buf *csr, const char *facts) {
    struct json j = json_of(body);
    json_obj(&j);
    json_kstr(&j, "csr", buf_cstr(csr));
    if (key) {
        json_kstr(&j, "key", key);
        json_key(&j, "facts");
        json_raw(&j, slice_str(facts));
    }
    json_obj_end(&j);
}

int door_enrol(const struct agent_config *c, const char *facts, struct identity *id, struct errinfo *ei) {
    struct buf key = {0}, csr = {0}, body = {0};
    struct door *d = NULL;
    char *secret = NULL;
    json_t *o = NULL;
    *id = (struct identity){0};
    int r = password_read(c->key_file, &secret, ei);
    if (r == 0)
        r = door_open(&d, c, NULL, ei);
    if (r == 0)
        r = make_request(&key, &csr, ei);
    if (r == 0) {
        put_body(&body, secret, &csr, facts);
        r = door_post(d, "/v1/agent/enrol", buf_slice(&body), &o, ei);
    }
    if (r == 0) {
        take_host(o, id);
        r = take_certificate(o, &key, id, ei);
    }
    json_decref(o);
    door_close(&d);
    secret_free(&secret);
    buf_wipe(&body);
    buf_wipe(&key);
    buf_free(&csr);
    if (r < 0)
        identity_free(id);
    return r;
}

int door_renew(struct door *d, const struct identity *id, struct identity *next, struct errinfo *ei) {
    struct buf key = {0}, csr = {0}, body = {0};
    json_t *o = NULL;
    *next = *id;
    next->key_pem = next->cert_pem = NULL;
    int r = make_request(&key, &csr, ei);
    if (r == 0) {
        put_body(&body, NULL, &csr, NULL);
        r = door_post(d, "/v1/agent/renew", buf_slice(&body), &o, ei);
    }
    if (r == 0)
        r = take_certificate(o, &key, next, ei);
    json_decref(o);
    buf_wipe(&key);
    buf_free(&csr);
    buf_free(&body);
    if (r < 0)
        identity_free(next);
    return r;
}
