/* SPDX-License-Identifier: Apache-2.0 */
/* The agents' door, from enrolment to revocation, over TLS in the simulated world. */
#include "server/objects.h"

#include "base/text.h"
#include "http_rig.h"
#include "net/pki.h"
#include "net/tls.h"
#include "server/agents.h"

#include "base/ossl.h"

#include <openssl/sha.h>

#define AGENTS "127.0.0.1:8444"

static struct buf root_key, root, server_key, server_cert, other_key, other_root;
static struct buf key_pem, csr_pem; /* one key is enough for all agents of the tests */

struct desk {
    struct rig *g;
    struct tls_ctx *tls;
    struct httpd *door;
};

/* What an agent has. */
struct agent {
    struct desk *d;
    struct tls_ctx *tls;
    struct client *c;
    char host[HOST_ID_CAP];
    struct buf cert;
};

static struct wall long_ago(void) {
    return (struct wall){1600000000000000};
}

static int setup(void **s) {
    static const char *const names[] = {"localhost", "127.0.0.1"};
    struct errinfo ei = {0};
    int r = pki_make_key(PKI_P256, &root_key, &ei);
    r |= pki_make_root(buf_slice(&root_key), "Outband agents", long_ago(), 36500, &root, &ei);
    r |= pki_make_key(PKI_P256, &other_key, &ei);
    r |= pki_make_root(buf_slice(&other_key), "Outband agents", long_ago(), 36500, &other_root, &ei);
    r |= pki_make_key(PKI_P256, &server_key, &ei);
    r |= pki_make_leaf(buf_slice(&root), buf_slice(&root_key), buf_slice(&server_key), names, 2, long_ago(),
                       36500, &server_cert, &ei);
    r |= pki_make_key(PKI_P256, &key_pem, &ei);
    r |= pki_make_request(buf_slice(&key_pem), "agent", &csr_pem, &ei);
    assert_int_equal(r, 0);
    return 0;
}
static int teardown(void **s) {
    struct buf *all[] = {&root_key,  &root,       &server_key, &server_cert,
                         &other_key, &other_root, &key_pem,    &csr_pem};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_free(all[i]);
    return 0;
}

/* --- the server --- */

static int ask(struct desk *d, const char *method, const char *path, const char *body, char *out, size_t cap,
               const char *member) {
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(d->g);
    int status = client_ask(c, rig_token(d->g, "admin", token), method, path, NULL, body);
    if (out)
        snprintf(out, cap, "%s", answer_text(c, member));
    client_close(&c);
    return status;
}

static void key_changed(struct object_change *c) {
    assert_int_equal(c->err, 0);
    *(bool *)c->ctx = true;
}

/* Make or revoke an enrolment key whose text is "oek-NAME". */
static void key_change(struct desk *d, enum object_change_kind what, const char *name, int uses) {
    char key[80], hex[65];
    uint8_t hash[32];
    bool done = false;
    snprintf(key, sizeof key, "oek-%s", name);
    SHA256((const unsigned char *)key, strlen(key), hash);
    struct object_change c = {.from = d->g->app->shards[0],
                              .what = what,
                              .kind = OBJECT_ENROL,
                              .project = "default",
                              .done = key_changed,
                              .ctx = &done};
    snprintf(c.name, sizeof c.name, "%s", name);
    if (what == OBJECT_CREATE)
        c.body = json_pack("{s:s,s:i,s:s,s:s}", "expiresAt", "2100-01-01T00:00:00Z", "maxUses", uses,
                           "hostProject", "default", "sha256", text_hex(slice_of(hash, 32), hex));
    objects_change(d->g->app->objects, &c);
    rig_run(d->g, 50);
    assert_true(done);
}

static unsigned key_uses(struct desk *d, const char *name) {
    struct object o = {0};
    struct errinfo ei = {0};
    rig_run(d->g, 50);
    assert_int_equal(objects_get(d->g->app->objects, OBJECT_ENROL, "default", name, &o, &ei), 0);
    unsigned uses = o.uses;
    object_free(&o);
    return uses;
}

static void desk_door(struct desk *d) {
    struct errinfo ei = {0};
    d->g->app->agent_ca = agent_ca_new(buf_slice(&root), buf_slice(&root_key), 3);
    assert_int_equal(agents_load(d->g->app, &ei), 0);
    d->door = httpd_new(d->g->app->shards[1], AGENTS, d->tls, &ei);
    if (!d->door)
        fail_msg("%s", ei.text);
    d->g->app->shards[1]->httpd = d->door;
}

static void desk_open(struct desk *d) {
    struct errinfo ei = {0};
    *d = (struct desk){.g = rig_new()};
    d->tls = tls_server_ctx(buf_slice(&server_cert), buf_slice(&server_key), TLS_MODERN, &ei);
    assert_int_equal(tls_ask_client(d->tls, buf_slice(&root), &ei), 0);
    desk_door(d);
    key_change(d, OBJECT_CREATE, "k", 3);
}

static void desk_close(struct desk *d) {
    httpd_free(&d->door);
    rig_run(d->g, 50);
    tls_ctx_unref(&d->tls);
    rig_free(&d->g);
}

/* --- an agent --- */

static void agent_connect(struct agent *a) {
    static const struct stream_handler h = {.on_data = client_data, .on_end = client_end};
    struct http1_limits lim = {.head_bytes = 16384, .headers_max = 64, .body_bytes = 64 << 20};
    struct connect_opts o = {
        .address = AGENTS, .tls = a->tls, .verify_name = "localhost", .timeout_ms = 5000};
    struct client *c = a->c = calloc(1, sizeof *c);
    c->rig = a->d->g;
    c->parser = http1_new(HTTP1_RESPONSES, &lim);
    c->s = stream_connect(c->rig->client_loop, &o, &h, c);
    rig_run(c->rig, 50);
}

/* cert: what it shows; "" nothing. */
static void agent_dial(struct agent *a, struct desk *d, struct slice cert) {
    struct errinfo ei = {0};
    a->d = d;
    a->tls = tls_client_ctx(buf_slice(&root), false, TLS_MODERN, &ei);
    if (cert.n && tls_show_client(a->tls, cert, buf_slice(&key_pem), &ei))
        fail_msg("%s", ei.text);
    agent_connect(a);
}

static void agent_hang_up(struct agent *a) {
    if (a->c)
        client_close(&a->c);
    tls_ctx_unref(&a->tls);
}
static void agent_free(struct agent *a) {
    agent_hang_up(a);
    buf_free(&a->cert);
}

static int agent_ask(struct agent *a, const char *path, const char *body) {
    return client_ask(a->c, NULL, "POST", path, NULL, body);
}

static void put_csr(struct json *j, const struct buf *csr) {
    json_key(j, "csr");
    json_slice(j, buf_slice(csr));
}

/* Ask for a certificate by a key; the status. */
static int enrol_by(struct agent *a, struct desk *d, const char *key, const char *facts) {
    struct buf body = {0};
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "key", key);
    put_csr(&j, &csr_pem);
    json_key(&j, "facts");
    json_raw(&j, slice_str(facts));
    json_obj_end(&j);
    agent_dial(a, d, SLICE_EMPTY);
    int status = agent_ask(a, "/v1/agent/enrol", buf_cstr(&body));
    if (status == 201) {
        snprintf(a->host, sizeof a->host, "%s", answer_text(a->c, "host"));
        json_t *o = json_loadb((const char *)buf_slice(&a->c->body).p, a->c->body.len, 0, NULL);
        buf_puts(&a->cert, json_string_value(json_object_get(o, "certificate")));
        json_decref(o);
    }
    buf_free(&body);
    return status;
}

#define FACTS "{\"hostName\":\"edge-1.example\",\"serial\":\"PF-77\",\"controlMode\":0}"

static void enrol(struct agent *a, struct desk *d) {
    *a = (struct agent){0};
    int status = enrol_by(a, d, "oek-k", FACTS);
    if (status != 201)
        fail_msg("%d: %s", status, buf_cstr(&a->c->body));
    agent_hang_up(a);
    agent_dial(a, d, buf_slice(&a->cert));
}

static struct fleet_host *host_of(struct agent *a) {
    return fleet_host_find(app_shard_of(a->d->g->app, a->host), a->host);
}

/* --- enrolment --- */

static void a_node_enrols_and_is_a_host(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    struct fleet_host *fh = host_of(&a);
    assert_string_equal(fh->h.name, "edge-1");
    assert_string_equal(fh->h.serial, "PF-77");
    assert_int_equal(fh->h.amt.state, AMT_STATE_UNPROVISIONED);
    assert_int_equal(fh->h.amt.source, SOURCE_AGENT);
    assert_true(fh->h.agent->here);
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":" FACTS "}"), 200);
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"rogue\":1}}"), 400);
    assert_string_equal(answer_text(a.c, "field"), "facts.rogue");

    /* the same machine again: its identity is in use, and the use of the key is given back */
    struct agent twin = {0};
    assert_int_equal(enrol_by(&twin, &d, "oek-k", FACTS), 409);
    assert_non_null(strstr(answer_text(twin.c, "remedy"), "revoke"));
    agent_free(&twin);
    assert_int_equal(key_uses(&d, "k"), 1);
    agent_free(&a);
    desk_close(&d);
}

static void bad_keys_are_refused_with_one_sentence(void **s) {
    struct desk d;
    char said[200];
    desk_open(&d);
    struct agent a = {0};
    assert_int_equal(enrol_by(&a, &d, "oek-nonsense", FACTS), 401);
    snprintf(said, sizeof said, "%s", answer_text(a.c, "message"));
    agent_free(&a);
    /* revoked */
    key_change(&d, OBJECT_REVOKE, "k", 0);
    a = (struct agent){0};
    assert_int_equal(enrol_by(&a, &d, "oek-k", FACTS), 401);
    assert_string_equal(said, answer_text(a.c, "message"));
    agent_free(&a);
    /* used up */
    key_change(&d, OBJECT_CREATE, "once", 1);
    a = (struct agent){0};
    assert_int_equal(enrol_by(&a, &d, "oek-once", FACTS), 201);
    agent_free(&a);
    a = (struct agent){0};
    assert_int_equal(enrol_by(&a, &d, "oek-once", "{\"serial\":\"PF-78\"}"), 401);
    assert_string_equal(said, answer_text(a.c, "message"));
    agent_free(&a);
    desk_close(&d);
}

static void a_bad_request_uses_no_key_up(void **s) {
    struct desk d;
    char body[400];
    desk_open(&d);
    struct agent a = {0};
    agent_dial(&a, &d, SLICE_EMPTY);
    snprintf(body, sizeof body, "%s", "{\"key\":\"oek-k\",\"csr\":\"nonsense\",\"facts\":{}}");
    assert_int_equal(agent_ask(&a, "/v1/agent/enrol", body), 400);
    assert_string_equal(answer_text(a.c, "field"), "csr");
    assert_int_equal(key_uses(&d, "k"), 0);
    agent_free(&a);
    desk_close(&d);
}

/* --- identities --- */

static void without_a_certificate_that_counts_nothing_opens(void **s) {
    struct desk d;
    struct agent a = {0}, real;
    struct errinfo ei = {0};
    struct buf foreign = {0}, leaf = {0};
    char token[TOKEN_MAX_BYTES];
    desk_open(&d);
    enrol(&real, &d);
    /* none */
    agent_dial(&a, &d, SLICE_EMPTY);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    assert_non_null(strstr(answer_text(a.c, "remedy"), "pm-agent enrol"));
    /* not even a user's token opens an agent's route */
    assert_int_equal(
        client_ask(a.c, rig_token(d.g, "admin", token), "POST", "/v1/agent/heartbeat", NULL, "{}"), 401);
    agent_free(&a);
    /* another authority's of the same name, for this very host */
    a = (struct agent){0};
    assert_int_equal(pki_sign_client(buf_slice(&other_root), buf_slice(&other_key), buf_slice(&csr_pem),
                                     real.host, long_ago(), 36500, &foreign, &ei),
                     0);
    agent_dial(&a, &d, buf_slice(&foreign));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    agent_free(&a);
    /* our authority's for the host, but none that was given out */
    a = (struct agent){0};
    buf_clear(&foreign);
    assert_int_equal(pki_sign_client(buf_slice(&root), buf_slice(&root_key), buf_slice(&csr_pem), real.host,
                                     long_ago(), 36500, &foreign, &ei),
                     0);
    agent_dial(&a, &d, buf_slice(&foreign));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    assert_non_null(strstr(answer_text(a.c, "message"), "revoked"));
    agent_free(&a);
    /* a server's certificate of our authority */
    a = (struct agent){0};
    const char *const names[] = {real.host};
    assert_int_equal(pki_make_leaf(buf_slice(&root), buf_slice(&root_key), buf_slice(&key_pem), names, 1,
                                   long_ago(), 36500, &leaf, &ei),
                     0);
    agent_dial(&a, &d, buf_slice(&leaf));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    assert_non_null(strstr(answer_text(a.c, "message"), "purpose"));
    agent_free(&a);
    buf_free(&foreign);
    buf_free(&leaf);
    agent_free(&real);
    desk_close(&d);
}

/* An agent speaks through its own routes, for its own host, whatever token it may have got hold of. */
static void an_agent_opens_nothing_else(void **s) {
    struct desk d;
    struct agent a;
    char token[TOKEN_MAX_BYTES];
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(client_ask(a.c, rig_token(d.g, "admin", token), "GET",
                                "/v1/projects/default/compute/hosts", NULL, NULL),
                     403);
    assert_int_equal(client_ask(a.c, NULL, "GET", "/v1/events", NULL, NULL), 403);
    assert_int_equal(client_ask(a.c, NULL, "GET", "/healthz", NULL, NULL), 200);
    /* what it tells is told of its host, whatever UUID it claims */
    rig_host(d.g, "default", "other");
    struct directory_entry other;
    assert_int_equal(directory_by_name(d.g->app->directory, "default", "other", &other), 0);
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"controlMode\":2},\"host\":\"other\"}"),
                     400);
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"controlMode\":2}}"), 200);
    assert_null(fleet_host_find(app_shard_of(d.g->app, other.id), other.id)->agent);
    agent_free(&a);
    desk_close(&d);
}

static void a_certificate_is_renewed_and_the_old_one_ends_with_the_first_use(void **s) {
    struct desk d;
    struct agent a, old;
    struct buf body = {0};
    desk_open(&d);
    enrol(&a, &d);
    struct json j = json_of(&body);
    json_obj(&j);
    put_csr(&j, &csr_pem);
    json_obj_end(&j);
    assert_int_equal(agent_ask(&a, "/v1/agent/renew", buf_cstr(&body)), 200);
    json_t *o = json_loadb((const char *)buf_slice(&a.c->body).p, a.c->body.len, 0, NULL);
    struct buf fresh = {0};
    buf_puts(&fresh, json_string_value(json_object_get(o, "certificate")));
    json_decref(o);
    /* the answer might have been lost: the old one still opens */
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    old = a;
    a = (struct agent){.d = &d};
    memcpy(a.host, old.host, sizeof a.host);
    agent_dial(&a, &d, buf_slice(&fresh));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_int_equal(agent_ask(&old, "/v1/agent/heartbeat", "{}"), 401);
    buf_free(&fresh);
    buf_free(&body);
    agent_free(&old);
    agent_free(&a);
    desk_close(&d);
}

/* Even one that was given out, and by the server's clock. */
static void an_expired_certificate_is_not_taken(void **s) {
    struct desk d;
    struct agent a = {0}, real;
    struct errinfo ei = {0};
    struct buf pem = {0};
    struct pki_facts f;
    desk_open(&d);
    enrol(&real, &d);
    assert_int_equal(pki_sign_client(buf_slice(&root), buf_slice(&root_key), buf_slice(&csr_pem), real.host,
                                     long_ago(), 30, &pem, &ei),
                     0);
    assert_int_equal(pki_read(buf_slice(&pem), &f, &ei), 0);
    assert_int_equal(agent_ca_admit(d.g->app->agent_ca, real.host, f.sha256, NULL), 0);
    agent_dial(&a, &d, buf_slice(&pem));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    assert_non_null(strstr(answer_text(a.c, "message"), "expired"));
    buf_free(&pem);
    agent_free(&a);
    agent_free(&real);
    desk_close(&d);
}

static void revoked_is_out_at_once(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(ask(&d, "DELETE", "/v1/projects/default/compute/hosts/edge-1/agent", NULL, NULL, 0, ""),
                     200);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401); /* over the same connection */
    assert_null(host_of(&a)->h.agent);
    assert_int_equal(ask(&d, "DELETE", "/v1/projects/default/compute/hosts/edge-1/agent", NULL, NULL, 0, ""),
                     404);
    /* and the machine may enrol again: it is the same host */
    struct agent again = {0};
    assert_int_equal(enrol_by(&again, &d, "oek-k", FACTS), 201);
    assert_string_equal(again.host, a.host);
    agent_free(&again);
    agent_free(&a);
    desk_close(&d);
}

static void identities_outlive_the_server(void **s) {
    struct desk d;
    struct agent a;
    struct errinfo ei = {0};
    desk_open(&d);
    enrol(&a, &d);
    rig_run(d.g, 500);
    /* what a start does, over the same store */
    struct fleet_host *fh = host_of(&a);
    agents_drop(fh, 0);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 401);
    assert_int_equal(agents_load(d.g->app, &ei), 0);
    assert_false(fh->h.agent->here);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_true(fh->h.agent->here);
    agent_free(&a);
    desk_close(&d);
}

/* --- heartbeats and orders --- */

static const char *order_of(struct agent *a, char id[AGENT_ORDER_ID_CAP]) {
    snprintf(id, AGENT_ORDER_ID_CAP, "%s", answer_text(a->c, "orders.0.id"));
    return answer_text(a->c, "orders.0.kind");
}

static void a_heartbeat_waits_for_an_order(void **s) {
    struct desk d;
    struct agent a;
    struct errinfo ei = {0};
    char id[AGENT_ORDER_ID_CAP], body[200];
    desk_open(&d);
    enrol(&a, &d);
    /* nothing comes: an empty answer after the wait */
    a.c->status = 0;
    struct mono before = sim_now(d.g->w);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{\"waitSeconds\":1}"), 200);
    assert_in_range(mono_ms_between(before, sim_now(d.g->w)), 900, 1300);
    assert_string_equal(answer_text(a.c, "orders.0.id"), "");
    /* one comes while it waits */
    client_send(a.c, "POST /v1/agent/heartbeat HTTP/1.1\r\nHost: test\r\nContent-Length: 18\r\n\r\n"
                     "{\"waitSeconds\":25}");
    a.c->status = 0;
    rig_run(d.g, 500);
    assert_int_equal(a.c->status, 0);
    host_of(&a)->h.amt_intent.serial_console = true;
    assert_int_equal(agents_order(host_of(&a), AGENT_ORDER_SERIAL, true, &ei), 0);
    rig_run(d.g, 100);
    assert_int_equal(a.c->status, 200);
    assert_string_equal(order_of(&a, id), "serial-console");
    assert_string_equal(answer_text(a.c, "orders.0.enable"), "true");
    /* it is handed out again until it is taken up, and not while it is worked on */
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(answer_text(a.c, "orders.0.id"), id);
    snprintf(body, sizeof body, "{\"running\":\"%s\"}", id);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", body), 200);
    assert_string_equal(answer_text(a.c, "orders.0.id"), "");
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"ok\":true,\"text\":\"serial-getty@ttyS4 runs\"}", id);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 204);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 404);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(answer_text(a.c, "orders.0.id"), "");
    char said[80];
    ask(&d, "GET", "/v1/projects/default/compute/hosts/edge-1", NULL, said, sizeof said,
        "oob.agent.serialConsole.result");
    assert_string_equal(said, "serial-getty@ttyS4 runs");
    agent_free(&a);
    desk_close(&d);
}

#define HOSTS "/v1/projects/default/compute/hosts"
/* By an operator: it is no change of identity. */
static int patch_console(struct desk *d, const char *host, const char *body) {
    char token[TOKEN_MAX_BYTES], path[100];
    struct client *c = client_open(d->g);
    snprintf(path, sizeof path, HOSTS "/%s", host);
    int status = client_ask(c, rig_token(d->g, "operator", token), "PATCH", path, NULL, body);
    client_close(&c);
    return status;
}

static void the_serial_console_is_an_order(void **s) {
    struct desk d;
    struct agent a;
    char id[AGENT_ORDER_ID_CAP], body[300];
    desk_open(&d);
    rig_host(d.g, "default", "bare");
    assert_int_equal(patch_console(&d, "bare", "{\"serialConsole\":true}"), 409); /* no agent */
    enrol(&a, &d);
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":true}"), 409); /* no port */
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"serialConsole\":{\"tty\":\"ttyS4\"}}}"),
                     200);
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":true,\"serialNumber\":\"x\"}"), 403);
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":true}"), 200);
    assert_true(host_of(&a)->h.amt_intent.serial_console);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "serial-console");
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"ok\":false,\"text\":\"systemctl failed\"}", id);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 204);
    /* it is wanted still: once more, but not at once */
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "");
    rig_run(d.g, 10 * 60 * 1000);
    agent_hang_up(&a);
    agent_dial(&a, &d, buf_slice(&a.cert));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "serial-console");
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":false}"), 200);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "serial-console");
    assert_string_equal(answer_text(a.c, "orders.0.enable"), "false");
    agent_free(&a);
    desk_close(&d);
}

/* Else what came of the first would be lost, and it might be done after the second. */
static void one_order_of_a_kind_at_a_time(void **s) {
    struct desk d;
    struct agent a;
    char first[AGENT_ORDER_ID_CAP], id[AGENT_ORDER_ID_CAP], body[200];
    desk_open(&d);
    enrol(&a, &d);
    host_of(&a)->h.agent->facts.firmware_switch = AGENT_SWITCH_PRESENT;
    /* not handed out yet: the later one counts */
    assert_int_equal(ask(&d, "PATCH", HOSTS "/edge-1", "{\"amtEnabled\":true}", NULL, 0, NULL), 200);
    assert_int_equal(ask(&d, "PATCH", HOSTS "/edge-1", "{\"amtEnabled\":false}", NULL, 0, NULL), 200);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, first), "amt-switch");
    assert_string_equal(answer_text(a.c, "orders.0.enable"), "false");
    snprintf(body, sizeof body, "{\"running\":\"%s\"}", first);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", body), 200);
    char why[200];
    assert_int_equal(ask(&d, "PATCH", HOSTS "/edge-1", "{\"amtEnabled\":true}", why, sizeof why, "detail"),
                     409);
    assert_non_null(strstr(why, "at work on an earlier order (amt-switch off)"));
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"ok\":true,\"text\":\"off\"}", first);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 204); /* it is known still */
    assert_int_equal(ask(&d, "PATCH", HOSTS "/edge-1", "{\"amtEnabled\":true}", NULL, 0, NULL), 200);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "amt-switch");
    assert_string_equal(answer_text(a.c, "orders.0.enable"), "true");
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"ok\":true,\"text\":\"on\"}", id);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 204);

    /* the serial console is wanted or not, whatever is under way: the later one waits */
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"serialConsole\":{\"tty\":\"ttyS4\"}}}"),
                     200);
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":true}"), 200);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, first), "serial-console");
    snprintf(body, sizeof body, "{\"running\":\"%s\"}", first);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", body), 200);
    assert_int_equal(patch_console(&d, "edge-1", "{\"serialConsole\":false}"), 200);
    snprintf(body, sizeof body, "{\"order\":\"%s\",\"ok\":true,\"text\":\"on\"}", first);
    assert_int_equal(agent_ask(&a, "/v1/agent/result", body), 204);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(order_of(&a, id), "serial-console");
    assert_string_equal(answer_text(a.c, "orders.0.enable"), "false");
    agent_free(&a);
    desk_close(&d);
}

static void an_order_that_is_never_taken_up_is_given_up(void **s) {
    struct desk d;
    struct agent a;
    struct errinfo ei = {0};
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(agents_order(host_of(&a), AGENT_ORDER_REPORT, true, &ei), 0);
    for (int i = 0; i < AGENT_GIVEN_MAX; i++) {
        assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
        assert_string_equal(answer_text(a.c, "orders.0.kind"), "report");
    }
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_string_equal(answer_text(a.c, "orders.0.kind"), "");
    /* one of a kind: there is room for as many as there are kinds */
    for (int i = 0; i < 20; i++)
        assert_int_equal(agents_order(host_of(&a), (enum agent_order_kind)(i % AGENT_ORDER_COUNT), true, &ei),
                         0);
    assert_int_equal(host_of(&a)->agent->norders, AGENT_ORDERS_MAX);
    agent_free(&a);
    desk_close(&d);
}

static void one_that_is_not_heard_is_gone(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    rig_run(d.g, (AGENT_DEFAULT_HEARTBEAT_S * 3 - 5) * 1000);
    assert_true(host_of(&a)->h.agent->here);
    rig_run(d.g, 10000);
    assert_false(host_of(&a)->h.agent->here);
    agent_free(&a);
    desk_close(&d);
}

static void a_deleted_host_answers_the_heartbeat_that_waits(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    client_send(a.c, "POST /v1/agent/heartbeat HTTP/1.1\r\nHost: test\r\nContent-Length: 18\r\n\r\n"
                     "{\"waitSeconds\":25}");
    int status = ask(&d, "DELETE", "/v1/projects/default/compute/hosts/edge-1", NULL, NULL, 0, "");
    assert_int_equal(status, 204);
    rig_run(d.g, 100);
    assert_true(a.c->status == 404 || a.c->status == 401);
    agent_free(&a);
    desk_close(&d);
}

static void a_shutdown_is_told_with_its_cause(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"explode\"}"), 400);
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown",
                               "{\"kind\":\"poweroff\",\"cause\":\"uid 1000 (anna): systemctl poweroff\"}"),
                     204);
    assert_true(host_of(&a)->h.local_shutdown);
    assert_string_equal(host_of(&a)->h.local_cause, "uid 1000 (anna): systemctl poweroff");
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"reboot\"}"), 204);
    assert_false(host_of(&a)->h.local_shutdown);
    agent_free(&a);
    desk_close(&d);
}

static void a_shutdown_told_twice_is_one(void **s) {
    struct desk d;
    struct agent a;
    desk_open(&d);
    enrol(&a, &d);
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"poweroff\",\"cause\":\"first\"}"), 204);
    rig_run(d.g, 1000);
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"poweroff\",\"cause\":\"second\"}"),
                     204);
    assert_string_equal(host_of(&a)->h.local_cause, "first");
    /* another kind is news, and so is the same one later */
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"suspend\",\"cause\":\"third\"}"), 204);
    assert_string_equal(host_of(&a)->h.local_cause, "third");
    rig_run(d.g, 61000);
    agent_hang_up(&a);
    agent_dial(&a, &d, buf_slice(&a.cert));
    assert_int_equal(agent_ask(&a, "/v1/agent/shutdown", "{\"kind\":\"suspend\",\"cause\":\"fourth\"}"), 204);
    assert_string_equal(host_of(&a)->h.local_cause, "fourth");
    agent_free(&a);
    desk_close(&d);
}

static void the_clock_of_a_node_is_told(void **s) {
    struct desk d;
    struct agent a;
    char body[128], at[WALL_TEXT_CAP];
    desk_open(&d);
    enrol(&a, &d);
    struct host *h = &host_of(&a)->h;
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{\"clock\":\"yesterday\"}"), 400);
    assert_string_equal(answer_text(a.c, "field"), "clock");
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", "{}"), 200);
    assert_int_equal(h->clock_at.us, 0);
    struct wall ahead = {loop_wall(host_of(&a)->shard->loop).us + (int64_t)3600 * 1000000};
    snprintf(body, sizeof body, "{\"clock\":\"%s\"}", wall_rfc3339(ahead, at));
    assert_int_equal(agent_ask(&a, "/v1/agent/heartbeat", body), 200);
    assert_int_equal(h->clock_source, SOURCE_AGENT);
    assert_true(h->clock_at.us > 0);
    assert_in_range(h->clock_skew_ms, 3590 * 1000, 3601 * 1000);
    agent_free(&a);
    desk_close(&d);
}

/* By its facts a machine is found again, after a restart of the server, too. */
static void a_machine_is_known_by_what_its_agent_told(void **s) {
    struct desk d;
    struct agent a;
    struct errinfo ei = {0};
    struct directory_entry found;
    struct node_ids ids = {0};
    desk_open(&d);
    enrol(&a, &d);
    assert_true(uuid_parse(slice_str("5a0e3b6c-0001-4d2e-9f00-0123456789ab"), &ids.smbios));
    assert_int_equal(agent_ask(&a, "/v1/agent/report",
                               "{\"facts\":{\"smbiosUuid\":\"5a0e3b6c-0001-4d2e-9f00-0123456789ab\"}}"),
                     200);
    assert_int_equal(directory_match_node(d.g->app->directory, "default", &ids, &found, &ei), 0);
    assert_string_equal(found.id, a.host);
    agent_free(&a);
    desk_close(&d);
}

static int read_host_row(void *ctx, const struct store_host *row) {
    struct store_host *out = ctx;
    if (strcmp(row->id, out->id) == 0)
        *out = *row;
    return 0;
}

/* And by the host's record, when the agent's identity is void. */
static void what_it_told_outlives_the_agent(void **s) {
    struct desk d;
    struct agent a;
    struct store_host row = {0};
    struct uuid smbios;
    desk_open(&d);
    enrol(&a, &d);
    assert_true(uuid_parse(slice_str("5b006b9c-09bf-0000-0000-000000000000"), &smbios));
    struct fleet_host *fh = host_of(&a);
    assert_true(uuid_is_nil(fh->h.smbios_uuid));
    fh->h.serial[0] = 0;
    /* a placeholder is no identity */
    assert_int_equal(agent_ask(&a, "/v1/agent/report",
                               "{\"facts\":{\"smbiosUuid\":\"03000200-0400-0500-0006-000700080009\","
                               "\"serial\":\"Default string\"}}"),
                     200);
    rig_run(d.g, 50);
    assert_true(uuid_is_nil(fh->h.smbios_uuid) && !fh->h.serial[0]);
    assert_int_equal(agent_ask(&a, "/v1/agent/report",
                               "{\"facts\":{\"smbiosUuid\":\"5b006b9c-09bf-0000-0000-000000000000\","
                               "\"serial\":\"PF-78\"}}"),
                     200);
    rig_run(d.g, 50);
    assert_true(uuid_eq(fh->h.smbios_uuid, smbios));
    assert_string_equal(fh->h.serial, "PF-78");
    /* what is recorded stays, whatever is told */
    assert_int_equal(agent_ask(&a, "/v1/agent/report", "{\"facts\":{\"serial\":\"PF-79\"}}"), 200);
    rig_run(d.g, 50);
    assert_string_equal(fh->h.serial, "PF-78");
    agents_revoke(fh, "test");
    rig_run(d.g, 50);
    memcpy(row.id, fh->h.id, sizeof row.id);
    assert_int_equal(store_each_host(d.g->app->store, read_host_row, &row), 0);
    assert_true(uuid_eq(row.smbios_uuid, smbios));
    assert_string_equal(row.serial, "PF-78");
    agent_free(&a);
    desk_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_node_enrols_and_is_a_host),
        T(bad_keys_are_refused_with_one_sentence),
        T(a_bad_request_uses_no_key_up),
        T(without_a_certificate_that_counts_nothing_opens),
        T(an_agent_opens_nothing_else),
        T(a_certificate_is_renewed_and_the_old_one_ends_with_the_first_use),
        T(an_expired_certificate_is_not_taken),
        T(revoked_is_out_at_once),
        T(identities_outlive_the_server),
        T(a_heartbeat_waits_for_an_order),
        T(the_serial_console_is_an_order),
        T(one_order_of_a_kind_at_a_time),
        T(an_order_that_is_never_taken_up_is_given_up),
        T(one_that_is_not_heard_is_gone),
        T(a_deleted_host_answers_the_heartbeat_that_waits),
        T(a_shutdown_is_told_with_its_cause),
        T(a_shutdown_told_twice_is_one),
        T(the_clock_of_a_node_is_told),
        T(a_machine_is_known_by_what_its_agent_told),
        T(what_it_told_outlives_the_agent),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
