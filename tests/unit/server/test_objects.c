/* SPDX-License-Identifier: Apache-2.0 */
/* Objects by REST and from inside: what may be made, what is shown of it, what it is good for. */
#include "base/text.h"
#include "http_rig.h"
#include "net/pki.h"
#include "pfx_maker.h"
#include "server/objects_int.h"
#include "server/pfx.h"
#include "server/settings.h"

#include <ctype.h>
#include <openssl/evp.h>

#define P   "/v1/projects/default"
#define AMT P "/amt"

static struct rig *g;
static struct client *c;

static struct wall now_wall(void) {
    return loop_wall(g->loops[0]);
}
static void begin(void) {
    g = rig_new();
    c = client_open(g);
}
static void end(void) {
    client_close(&c);
    rig_free(&g);
}
static int ask_with(const char *user, const char *method, const char *path, const char *headers,
                    const char *body) {
    char token[TOKEN_MAX_BYTES];
    return client_ask(c, rig_token(g, user, token), method, path, headers, body);
}
static int ask(const char *method, const char *path, const char *body) {
    return ask_with("admin", method, path, NULL, body);
}
#define assert_answer(path, text) assert_string_equal(answer_text(c, path), text)
#define assert_says(part)                                                                                    \
    do {                                                                                                     \
        if (!strstr(answer_text(c, "detail"), part))                                                         \
            fail_msg("%s", answer_text(c, "detail"));                                                        \
    } while (0)

/* The server anew over the same store. */
static void restart(void) {
    struct objects *fresh = objects_new(g->app);
    assert_int_equal(objects_load(fresh), 0);
    objects_free(&g->app->objects);
    g->app->objects = fresh;
}

/* --- profiles --- */
static void two_profiles_are_always_there(void **state) {
    struct profile p;
    struct errinfo ei = {0};
    begin();
    assert_int_equal(ask_with("viewer", "GET", AMT "/profiles", NULL, NULL), 200);
    assert_answer("totalElements", "2");
    assert_answer("profiles.0.name", "default_ccm");
    assert_answer("profiles.0.userConsent", "all");
    assert_answer("profiles.1.name", "default_acm");
    assert_answer("profiles.1.builtIn", "true");
    assert_int_equal(ask("GET", "/v1/projects/other/amt/profiles/other_acm", NULL), 200);
    assert_answer("controlMode", "acm");
    assert_int_equal(ask("GET", AMT "/profiles/other_acm", NULL), 404);
    assert_int_equal(ask("DELETE", AMT "/profiles/default_ccm", NULL), 409);
    assert_says("is always there");
    assert_int_equal(ask("PATCH", AMT "/profiles/default_ccm", "{\"kvm\":false}"), 409);
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"default_ccm\",\"controlMode\":\"acm\"}"), 409);
    assert_int_equal(objects_profile(g->app->objects, "default", "default_acm", &p, &ei), 0);
    assert_int_equal(p.mode, AMT_MODE_ACM);
    assert_int_equal(p.consent, PROFILE_CONSENT_NONE);
    assert_true(p.version == 0 && p.kvm && p.sol && p.ider && p.host_name_from_os && p.dhcp);
    assert_string_equal(p.cira_config, "default");
    assert_int_equal(objects_profile(g->app->objects, "default", "none", &p, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "there is no profile \"none\" in the project default"));
    end();
}

static void a_profile_lives(void **state) {
    struct profile p;
    struct errinfo ei = {0};
    begin();
    assert_int_equal(ask("POST", AMT "/profiles",
                         "{\"name\":\"lab\",\"controlMode\":\"acm\",\"tlsMode\":\"server\",\"ider\":false,"
                         "\"userConsent\":\"kvm\",\"sharedPassword\":\"P@ssw0rd\"}"),
                     201);
    assert_answer("name", "lab");
    assert_answer("sharedPasswordSet", "true");
    assert_answer("version", "1");
    assert_null(strstr(buf_cstr(&c->body), "P@ssw0rd"));
    assert_non_null(strstr(c->head, "Location: " AMT "/profiles/lab\n"));
    assert_non_null(strstr(c->head, "ETag: \"1\"\n"));
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"lab\",\"controlMode\":\"acm\"}"), 409);
    assert_says("the profile \"lab\" is there already, in the project default");

    restart();
    assert_int_equal(objects_profile(g->app->objects, "default", "lab", &p, &ei), 0);
    assert_string_equal(p.shared_password, "P@ssw0rd");
    assert_true(p.tls == PROFILE_TLS_SERVER && !p.ider && p.kvm && p.consent == PROFILE_CONSENT_KVM);
    profile_wipe(&p);

    /* changed: only what was sent; the password stays until it is taken away */
    assert_int_equal(
        ask_with("admin", "PATCH", AMT "/profiles/lab", "If-Match: \"7\"\r\n", "{\"kvm\":false}"), 412);
    assert_int_equal(
        ask_with("admin", "PATCH", AMT "/profiles/lab", "If-Match: \"1\"\r\n", "{\"kvm\":false}"), 200);
    assert_answer("kvm", "false");
    assert_answer("tlsMode", "server");
    assert_answer("version", "2");
    assert_answer("sharedPasswordSet", "true");
    assert_int_equal(ask_with("viewer", "GET", AMT "/profiles/lab", "If-None-Match: \"2\"\r\n", NULL), 304);
    assert_int_equal(ask("PATCH", AMT "/profiles/lab", "{\"sharedPassword\":null}"), 200);
    assert_answer("sharedPasswordSet", "false");
    restart();
    assert_int_equal(objects_profile(g->app->objects, "default", "lab", &p, &ei), 0);
    assert_true(p.version == 3 && !p.kvm && !*p.shared_password);

    assert_int_equal(ask_with("operator", "DELETE", AMT "/profiles/lab", NULL, NULL), 403);
    assert_int_equal(ask_with("admin", "DELETE", AMT "/profiles/lab", "If-Match: \"1\"\r\n", NULL), 412);
    assert_int_equal(ask("DELETE", AMT "/profiles/lab", NULL), 204);
    assert_int_equal(ask("GET", AMT "/profiles/lab", NULL), 404);
    assert_int_equal(ask("DELETE", AMT "/profiles/lab", NULL), 404);
    restart();
    assert_int_equal(ask("GET", AMT "/profiles/lab", NULL), 404);
    end();
}

static struct fleet_host *host_named(const char *name) {
    struct directory_entry e;
    assert_int_equal(directory_by_name(g->app->directory, "default", name, &e), 0);
    return fleet_host_find(app_shard_of(g->app, e.id), e.id);
}

/* What a host is set up by stays, until the host is set up by another one. */
static void a_profile_in_use_stays(void **state) {
    begin();
    rig_host(g, "default", "n1");
    rig_host(g, "default", "n2");
    rig_host(g, "other", "n3");
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"lab\",\"controlMode\":\"ccm\"}"), 201);
    static const struct amt_intent lab = {.desired = AMT_STATE_PROVISIONED, .profile = "lab"};
    host_named("n1")->h.amt_intent = host_named("n2")->h.amt_intent = lab;
    assert_int_equal(ask("DELETE", AMT "/profiles/lab", NULL), 409);
    assert_says("and 1 more");
    host_named("n1")->h.amt_intent.profile[0] = 0;
    assert_int_equal(ask("DELETE", AMT "/profiles/lab", NULL), 409);
    assert_says("the profile lab is in use: the host n2 is, or is to be, set up by it");
    assert_non_null(strstr(answer_text(c, "remedy"), "set host n2"));
    assert_int_equal(ask("DELETE", AMT "/profiles/gone", NULL), 404);
    /* a host that is to be free names none; and another project's host another profile */
    host_named("n2")->h.amt_intent.desired = AMT_STATE_UNPROVISIONED;
    struct directory_entry e;
    assert_int_equal(directory_by_name(g->app->directory, "other", "n3", &e), 0);
    fleet_host_find(app_shard_of(g->app, e.id), e.id)->h.amt_intent = lab;
    assert_int_equal(ask("DELETE", AMT "/profiles/lab", NULL), 204);
    end();
}

static void profiles_that_are_refused(void **state) {
    static const struct {
        const char *body, *field;
    } v[] = {
        {"{\"name\":\"a\"}", "controlMode"},
        {"{\"controlMode\":\"ccm\"}", "name"},
        {"{\"name\":\"a b\",\"controlMode\":\"ccm\"}", "name"},
        {"{\"name\":\".a\",\"controlMode\":\"ccm\"}", "name"},
        {"{\"name\":\"a\",\"controlMode\":\"full\"}", "controlMode"},
        {"{\"name\":\"a\",\"controlMode\":\"ccm\",\"ciraConfig\":\"none\"}", "ciraConfig"},
        {"{\"name\":\"a\",\"controlMode\":\"acm\",\"domain\":\"none\"}", "domain"},
        {"{\"name\":\"a\",\"controlMode\":\"ccm\",\"sharedPassword\":\"password\"}", "sharedPassword"},
        {"{\"name\":\"a\",\"controlMode\":\"ccm\",\"sharedPassword\":\"P@ss w0rd\"}", "sharedPassword"},
        {"{\"name\":\"a\",\"controlMode\":\"ccm\",\"sharedPassword\":\"Passw0rd_\"}", "sharedPassword"},
        {"{\"name\":\"a\",\"controlMode\":\"ccm\",\"colour\":1}", "colour"},
    };
    begin();
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        assert_int_equal(ask("POST", AMT "/profiles", v[i].body), 400);
        assert_answer("field", v[i].field);
    }
    assert_int_equal(ask("GET", AMT "/profiles", NULL), 200);
    assert_answer("totalElements", "2");
    end();
}

/* --- CIRA configurations --- */
static void make_root(struct buf *pem) {
    struct buf key = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "A root", now_wall(), 30, pem, &ei), 0);
    buf_free(&key);
}
/* As a JSON text, without the quotes. */
static void put_pem(struct buf *out, struct slice pem) {
    for (size_t i = 0; i < pem.n; i++)
        if (pem.p[i] == '\n')
            buf_puts(out, "\\n");
        else
            buf_put(out, slice_of(&pem.p[i], 1));
}
static int post_cira(const char *members, struct slice pem) {
    struct buf body = {0};
    buf_putf(&body, "{%s,\"rootCertificate\":\"", members);
    put_pem(&body, pem);
    buf_puts(&body, "\"}");
    int status = ask("POST", AMT "/ciraconfigs", buf_cstr(&body));
    buf_free(&body);
    return status;
}

static void the_default_cira_configuration_is_this_server(void **state) {
    struct cira_config k;
    struct errinfo ei = {0};
    struct settings s;
    begin();
    make_root(&g->app->cira_root_pem);
    snprintf(g->app->cira_name, sizeof g->app->cira_name, "outband.example");
    atomic_store(&g->app->cira_port, 14433);
    assert_int_equal(objects_cira(g->app->objects, "default", "", &k, &ei), 0);
    assert_string_equal(k.address, "outband.example");
    assert_int_equal(k.port, 14433);
    assert_int_equal(k.format, 201);
    assert_string_equal(k.common_name, "outband.example");
    assert_true(k.root_base64.len > 100 && !memchr(buf_cstr(&k.root_base64), '-', k.root_base64.len));
    assert_int_equal(strlen(k.root_sha256), 64);
    cira_config_free(&k);

    settings_defaults(&s);
    assert_int_equal(settings_set(&s, "cira.public_address", "[2001:db8::7]:5", ORIGIN_FLAG, &ei), 0);
    g->app->settings = &s;
    assert_int_equal(objects_cira(g->app->objects, "other", "default", &k, &ei), 0);
    assert_string_equal(k.address, "2001:db8::7");
    assert_int_equal(k.port, 5);
    assert_int_equal(k.format, 4);
    assert_string_equal(k.common_name, "outband.example");
    cira_config_free(&k);
    assert_int_equal(ask("GET", AMT "/ciraconfigs/default", NULL), 200);
    assert_answer("format", "ipv6");
    assert_int_equal(ask("DELETE", AMT "/ciraconfigs/default", NULL), 409);
    g->app->settings = NULL;
    end();
}

static void a_cira_configuration_lives(void **state) {
    struct buf pem = {0};
    struct cira_config k;
    struct errinfo ei = {0};
    begin();
    make_root(&pem);
    assert_int_equal(post_cira("\"name\":\"site\",\"address\":\"mps.example.com\"", buf_slice(&pem)), 201);
    assert_answer("format", "fqdn");
    assert_answer("port", "4433");
    assert_answer("commonName", "mps.example.com");
    assert_int_equal(
        post_cira("\"name\":\"ip\",\"address\":\"192.0.2.1\",\"port\":44330,\"commonName\":\"mps\"",
                  buf_slice(&pem)),
        201);
    restart();
    assert_int_equal(objects_cira(g->app->objects, "default", "ip", &k, &ei), 0);
    assert_true(k.format == 3 && k.port == 44330);
    assert_string_equal(k.common_name, "mps");
    cira_config_free(&k);

    assert_int_equal(post_cira("\"name\":\"a\",\"address\":\"192.0.2.1\"", buf_slice(&pem)), 400);
    assert_answer("field", "commonName");
    assert_int_equal(post_cira("\"name\":\"a\",\"address\":\"mps:4433\"", buf_slice(&pem)), 400);
    assert_answer("field", "address");
    assert_int_equal(post_cira("\"name\":\"a\",\"address\":\"mps\",\"format\":\"ipv4\"", buf_slice(&pem)),
                     400);
    assert_answer("field", "format");
    assert_int_equal(post_cira("\"name\":\"a\",\"address\":\"mps\"", SLICE_LIT("nonsense")), 400);
    assert_answer("field", "rootCertificate");

    /* in use */
    assert_int_equal(
        ask("POST", AMT "/profiles", "{\"name\":\"p\",\"controlMode\":\"ccm\",\"ciraConfig\":\"site\"}"),
        201);
    assert_int_equal(ask("DELETE", AMT "/ciraconfigs/site", NULL), 409);
    assert_says("the CIRA configuration site is in use: the profile p names it");
    restart();
    assert_int_equal(ask("DELETE", AMT "/ciraconfigs/site", NULL), 409);
    assert_int_equal(ask("PATCH", AMT "/profiles/p", "{\"ciraConfig\":\"ip\"}"), 200);
    assert_int_equal(ask("DELETE", AMT "/ciraconfigs/site", NULL), 204);
    assert_int_equal(ask("DELETE", AMT "/ciraconfigs/ip", NULL), 409);
    buf_free(&pem);
    end();
}

/* --- domains --- */
static struct maker ca;

static int send_domain(const char *method, const char *path, const char *members, const struct recipe *r,
                       const char *password) {
    struct buf file = {0}, body = {0};
    maker_pfx(&ca, now_wall(), r, &file);
    buf_putf(&body, "{%s\"password\":\"%s\",\"certificate\":\"", members, password);
    text_base64(&body, buf_slice(&file));
    buf_puts(&body, "\"}");
    int status = ask(method, path, buf_cstr(&body));
    buf_free(&file);
    buf_free(&body);
    return status;
}
static int post_domain(const char *name, const char *suffix, const struct recipe *r) {
    char members[160];
    snprintf(members, sizeof members, "\"name\":\"%s\",\"suffix\":\"%s\",", name, suffix);
    return send_domain("POST", AMT "/domains", members, r, PFX_PASSWORD);
}

static void a_domain_lives(void **state) {
    struct domain *d;
    struct errinfo ei = {0};
    begin();
    maker_new(&ca, now_wall());
    assert_int_equal(post_domain("corp", "example.com", &(struct recipe){0}), 201);
    assert_answer("subject", "CN=amt.example.com");
    assert_int_equal(strlen(answer_text(c, "rootHashes.1")), 64);
    assert_true(strlen(answer_text(c, "notAfter")) > 10);
    assert_null(strstr(buf_cstr(&c->body), "chain"));
    assert_null(strstr(buf_cstr(&c->body), PFX_PASSWORD));
    restart();

    /* the key opens, and signs */
    assert_int_equal(objects_domain(g->app->objects, "default", "corp", now_wall(), &d, &ei), 0);
    assert_int_equal(d->nchain, 3);
    struct buf sig = {0};
    uint8_t raw[512];
    assert_int_equal(domain_sign(d, SLICE_LIT("nonces"), &sig), 0);
    int n = text_unbase64(buf_slice(&sig), raw, sizeof raw);
    assert_int_equal(n, 256);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, ca.leaf_key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, raw, (size_t)n, (const unsigned char *)"nonces", 6), 1);
    EVP_MD_CTX_free(ctx);
    buf_free(&sig);
    domain_free(&d);

    /* refused: nothing is changed, the field is named */
    assert_int_equal(post_domain("corp2", "example.org", &(struct recipe){0}), 400);
    assert_answer("field", "suffix");
    assert_int_equal(
        send_domain("PATCH", AMT "/domains/corp", "", &(struct recipe){.no_oid = true}, PFX_PASSWORD), 400);
    assert_answer("field", "certificate");
    assert_int_equal(send_domain("PATCH", AMT "/domains/corp", "", &(struct recipe){0}, "wrong"), 400);
    assert_answer("field", "password");
    assert_int_equal(
        ask("POST", AMT "/domains", "{\"name\":\"x\",\"suffix\":\"example.com\",\"certificate\":\"%%\"}"),
        400);
    assert_answer("field", "certificate");
    assert_int_equal(ask("GET", AMT "/domains", NULL), 200);
    assert_answer("totalElements", "1");
    /* renewed */
    assert_int_equal(send_domain("PATCH", AMT "/domains/corp", "",
                                 &(struct recipe){.common_name = "new.example.com"}, PFX_PASSWORD),
                     200);
    assert_answer("subject", "CN=new.example.com");
    assert_answer("version", "2");
    assert_int_equal(
        ask("POST", AMT "/profiles", "{\"name\":\"p\",\"controlMode\":\"acm\",\"domain\":\"corp\"}"), 201);
    assert_int_equal(ask("DELETE", AMT "/domains/corp", NULL), 409);
    maker_free(&ca);
    end();
}

static const char *fits(const char *suffix, const char *hash, struct wall now, struct errinfo *ei) {
    static char name[OBJECT_NAME_CAP];
    char hashes[2][AMT_CERT_HASH_CAP] = {"00", ""};
    struct domain *d;
    snprintf(hashes[1], sizeof hashes[1], "%s", hash);
    *ei = (struct errinfo){0};
    *name = 0;
    if (objects_domain_for(g->app->objects, "default", suffix, hashes, *hash ? 2 : 0, now, &d, ei))
        return "";
    snprintf(name, sizeof name, "%s", d->name);
    domain_free(&d);
    return name;
}

static void the_domain_for_a_node(void **state) {
    struct errinfo ei;
    char sha1[64], sha384[AMT_CERT_HASH_CAP];
    begin();
    maker_new(&ca, now_wall());
    struct wall now = now_wall(), later = wall_add_ms(now, 100 * 86400000LL);
    assert_int_equal(
        post_domain("corp", "example.com",
                    &(struct recipe){.common_name = "x.lab.example.com", .to_day = 200, .from_day = -1}),
        201);
    snprintf(sha1, sizeof sha1, "%s", answer_text(c, "rootHashes.0"));
    snprintf(sha384, sizeof sha384, "%s", answer_text(c, "rootHashes.2"));
    assert_int_equal(
        post_domain("lab", "lab.example.com", &(struct recipe){.common_name = "x.lab.example.com"}), 201);
    for (char *p = sha1; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    assert_string_equal(fits("example.com", sha1, now, &ei), "corp");
    assert_string_equal(fits("EXAMPLE.com.", sha384, now, &ei), "corp");
    assert_string_equal(fits("lab.example.com", sha384, now, &ei), "lab");
    assert_string_equal(fits("a.b.lab.example.com", sha384, now, &ei), "lab");
    assert_string_equal(fits("a.office.example.com", "", now, &ei), "corp");
    assert_string_equal(fits("lab.example.com", "", later, &ei),
                        "corp"); /* lab is expired: its parent does */
    assert_string_equal(fits("badexample.com", "", now, &ei), "");
    assert_non_null(strstr(ei.text, "no domain of the project default fits the DNS suffix badexample.com"));
    assert_string_equal(fits("com", "", now, &ei), "");
    assert_string_equal(fits("", "", now, &ei), "");
    assert_non_null(strstr(ei.text, "knows no DNS suffix"));
    assert_string_equal(fits("example.com", "11", now, &ei), "");
    assert_non_null(strstr(ei.text, "its root certificate is not among those that the node trusts"));
    assert_string_equal(fits("example.com", "", wall_add_ms(now, 300 * 86400000LL), &ei), "");
    assert_non_null(strstr(ei.text, "it is expired"));
    struct domain *d;
    assert_int_equal(objects_domain(g->app->objects, "default", "lab", later, &d, &ei), ERR_STATE);
    assert_null(d);
    maker_free(&ca);
    end();
}

/* --- enrolment keys --- */
static struct objects_enrol last;
static int dones;
static void enrolled(struct objects_enrol *e) {
    last = *e;
    dones++;
}
static int enrol(const char *key, bool peek) {
    struct objects_enrol e = {.from = g->app->shards[0], .peek = peek, .done = enrolled};
    int before = dones;
    objects_enrol(g->app->objects, slice_str(key), &e);
    rig_run(g, 50);
    assert_int_equal(dones, before + 1);
    return last.err;
}

static void enrolment_keys_are_counted(void **state) {
    char key[64], refused[sizeof last.error.text];
    begin();
    assert_int_equal(
        ask("POST", P "/enrolmentkeys", "{\"name\":\"k\",\"maxUses\":2,\"hostProject\":\"other\"}"), 201);
    snprintf(key, sizeof key, "%s", answer_text(c, "key"));
    assert_int_equal(strlen(key), 47);
    assert_answer("uses", "0");
    assert_answer("hostProject", "other");
    assert_null(strstr(buf_cstr(&c->body), "sha256"));
    assert_int_equal(ask("GET", P "/enrolmentkeys/k", NULL), 200);
    assert_null(strstr(buf_cstr(&c->body), "oek-")); /* shown once */
    assert_int_equal(ask_with("operator", "GET", P "/enrolmentkeys", NULL, NULL), 403);

    assert_int_equal(enrol("oek-nonsense", false), ERR_AUTH);
    memcpy(refused, last.error.text, sizeof refused);
    assert_int_equal(enrol(key, true), 0); /* looked at only */
    assert_int_equal(enrol(key, false), 0);
    assert_string_equal(last.project, "default");
    assert_string_equal(last.host_project, "other");
    assert_string_equal(last.key_name, "k");
    assert_int_equal(ask_with("admin", "GET", P "/enrolmentkeys/k", "If-None-Match: \"1-0\"\r\n", NULL), 200);
    assert_answer("uses", "1");
    objects_enrol_back(g->app->objects, "default", "k");
    assert_int_equal(enrol(key, false), 0);
    restart(); /* uses are on the disk */
    assert_int_equal(enrol(key, false), 0);
    assert_int_equal(enrol(key, false), ERR_AUTH);
    assert_string_equal(last.error.text, refused); /* one sentence for all */
    assert_int_equal(enrol(key, true), ERR_AUTH);

    /* two at once for one place: one gets in */
    assert_int_equal(ask("POST", P "/enrolmentkeys", "{\"name\":\"one\"}"), 201);
    snprintf(key, sizeof key, "%s", answer_text(c, "key"));
    struct objects_enrol e[2];
    for (int i = 0; i < 2; i++) {
        e[i] = (struct objects_enrol){.from = g->app->shards[i], .done = enrolled};
        objects_enrol(g->app->objects, slice_str(key), &e[i]);
    }
    rig_run(g, 50);
    assert_true(e[0].err == 0 && e[1].err == ERR_AUTH);

    /* revoked */
    assert_int_equal(ask("POST", P "/enrolmentkeys", "{\"name\":\"r\",\"maxUses\":9}"), 201);
    snprintf(key, sizeof key, "%s", answer_text(c, "key"));
    assert_int_equal(enrol(key, false), 0);
    assert_int_equal(ask("POST", P "/enrolmentkeys/r:revoke", NULL), 200);
    assert_answer("revoked", "true");
    assert_answer("version", "2");
    assert_int_equal(enrol(key, false), ERR_AUTH);
    assert_int_equal(ask("POST", P "/enrolmentkeys/r:revoke", NULL), 409);
    restart();
    assert_int_equal(enrol(key, false), ERR_AUTH);
    assert_string_equal(last.error.text, refused);
    assert_int_equal(ask("DELETE", P "/enrolmentkeys/r", NULL), 204);
    assert_int_equal(enrol(key, false), ERR_AUTH);
    end();
}

static void enrolment_keys_end(void **state) {
    char key[64], body[128], when[WALL_TEXT_CAP];
    struct settings s;
    begin();
    snprintf(body, sizeof body, "{\"name\":\"k\",\"expiresAt\":\"%s\"}",
             wall_rfc3339(wall_add_ms(now_wall(), 20000), when));
    assert_int_equal(ask("POST", P "/enrolmentkeys", body), 201);
    snprintf(key, sizeof key, "%s", answer_text(c, "key"));
    assert_int_equal(enrol(key, true), 0);
    rig_run(g, 20000);
    assert_int_equal(enrol(key, true), ERR_AUTH);
    static const char *const bad[][2] = {
        {"{\"name\":\"a\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}", "expiresAt"},
        {"{\"name\":\"a\",\"expiresAt\":\"2099-01-01T00:00:00Z\"}", "expiresAt"},
        {"{\"name\":\"a\",\"maxUses\":0}", "maxUses"},
        {"{\"name\":\"a\",\"hostProject\":\"A B\"}", "hostProject"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ask("POST", P "/enrolmentkeys", bad[i][0]), 400);
        assert_answer("field", bad[i][1]);
    }
    /* an admin of one project makes no keys into another one */
    assert_int_equal(ask_with("bound", "POST", "/v1/projects/other/enrolmentkeys", NULL,
                              "{\"name\":\"a\",\"hostProject\":\"default\"}"),
                     403);
    assert_int_equal(ask_with("bound", "POST", "/v1/projects/other/enrolmentkeys", NULL, "{\"name\":\"a\"}"),
                     201);
    settings_defaults(&s);
    s.enrol_keys_max = 1;
    g->app->settings = &s;
    assert_int_equal(ask("POST", P "/enrolmentkeys", "{\"name\":\"b\"}"), 429);
    assert_says("which is the most that enrol.keys_max allows");
    g->app->settings = NULL;
    end();
}

/* --- exceptions --- */
static void exceptions_are_good_for_a_while(void **state) {
    char id[HOST_ID_CAP], body[256], path[128], when[WALL_TEXT_CAP];
    struct directory_entry e;
    struct exception x;
    begin();
    rig_host(g, "default", "n1");
    assert_int_equal(directory_by_name(g->app->directory, "default", "n1", &e), 0);
    memcpy(id, e.id, sizeof id);
    struct wall until = wall_add_ms(now_wall(), 86400000);
    snprintf(body, sizeof body,
             "{\"host\":\"n1\",\"control\":\"amt-bios-switch\",\"reason\":\"old board\",\"until\":\"%s\"}",
             wall_rfc3339(until, when));
    assert_int_equal(ask("POST", P "/exceptions", body), 201);
    snprintf(path, sizeof path, "%s.amt-bios-switch", id);
    assert_answer("name", path);
    assert_answer("host", id);
    assert_answer("approver", "admin");
    assert_int_equal(ask("POST", P "/exceptions", body), 409);
    assert_true(objects_exception(g->app->objects, "default", id, "amt-bios-switch", now_wall(), &x));
    assert_string_equal(x.reason, "old board");
    assert_string_equal(x.approver, "admin");
    assert_false(objects_exception(g->app->objects, "default", id, "other", now_wall(), &x));
    assert_false(objects_exception(g->app->objects, "default", id, "amt-bios-switch", until, &x));
    snprintf(path, sizeof path, P "/exceptions/%s.amt-bios-switch", id);
    assert_int_equal(ask("PATCH", path, "{\"approver\":\"anna\"}"), 200);
    assert_answer("approver", "anna");
    assert_answer("reason", "old board");
    assert_int_equal(ask("PATCH", path, "{\"until\":\"2020-01-01T00:00:00Z\"}"), 400);
    assert_int_equal(
        ask("POST", P "/exceptions",
            "{\"host\":\"n2\",\"control\":\"c\",\"reason\":\"r\",\"until\":\"2099-01-01T00:00:00Z\"}"),
        404);
    assert_int_equal(ask("POST", "/v1/projects/other/exceptions", body), 404);
    assert_int_equal(
        ask("POST", P "/exceptions",
            "{\"host\":\"n1\",\"control\":\"A B\",\"reason\":\"r\",\"until\":\"2099-01-01T00:00:00Z\"}"),
        400);
    assert_answer("field", "control");
    assert_int_equal(ask("DELETE", path, NULL), 204);
    end();
}

static int except(const char *host, const char *control, const char *reason) {
    char body[160];
    snprintf(body, sizeof body,
             "{\"host\":\"%s\",\"control\":\"%s\",\"reason\":\"%s\",\"until\":\"2099-01-01T00:00:00Z\"}",
             host, control, reason);
    return ask("POST", P "/exceptions", body);
}
static void exceptions_go_with_their_host(void **state) {
    char gone[128], stays[128];
    struct directory_entry e;
    begin();
    rig_host(g, "default", "n1");
    rig_host(g, "default", "n2");
    assert_int_equal(except("n1", "amt-bios-switch", "old board"), 201);
    assert_int_equal(except("n2", "amt-bios-switch", "old board"), 201);
    assert_int_equal(directory_by_name(g->app->directory, "default", "n1", &e), 0);
    snprintf(gone, sizeof gone, P "/exceptions/%s.amt-bios-switch", e.id);
    assert_int_equal(directory_by_name(g->app->directory, "default", "n2", &e), 0);
    snprintf(stays, sizeof stays, P "/exceptions/%s.amt-bios-switch", e.id);
    assert_int_equal(ask("GET", gone, NULL), 200);
    assert_int_equal(ask("DELETE", P "/compute/hosts/n1", NULL), 204);
    assert_int_equal(ask("GET", gone, NULL), 404);
    assert_int_equal(ask("GET", stays, NULL), 200);
    restart(); /* durably */
    assert_int_equal(ask("GET", gone, NULL), 404);
    assert_int_equal(ask("GET", stays, NULL), 200);
    end();
}

/* The path of the exception of a host for a control, whether or not there is one. */
static const char *exception_of(const char *host, const char *control, char path[128]) {
    struct directory_entry e;
    assert_int_equal(directory_by_name(g->app->directory, "default", host, &e), 0);
    snprintf(path, 128, P "/exceptions/%s.%s", e.id, control);
    return path;
}
static void assert_reason(const char *path, const char *reason) {
    assert_int_equal(ask("GET", path, NULL), 200);
    assert_answer("reason", reason);
}

static void exceptions_move_with_a_merge(void **state) {
    char own[128], moved[128], old[2][128], host[HOST_ID_CAP];
    begin();
    rig_host(g, "default", "n1");
    rig_host(g, "default", "n2");
    assert_int_equal(except("n1", "amt-bios-switch", "of n1"), 201);
    assert_int_equal(except("n2", "amt-bios-switch", "of n2"), 201);
    assert_int_equal(except("n2", "other", "moved"), 201);
    exception_of("n1", "amt-bios-switch", own);
    exception_of("n1", "other", moved);
    exception_of("n2", "amt-bios-switch", old[0]);
    exception_of("n2", "other", old[1]);
    snprintf(host, sizeof host, "%.13s", own + strlen(P "/exceptions/"));
    /* not stored, not moved */
    store_pretend_full(g->store, true);
    assert_true(ask("POST", P "/compute/hosts/n1:merge", "{\"with\":\"n2\"}") >= 500);
    store_pretend_full(g->store, false);
    assert_int_equal(ask("GET", moved, NULL), 404);
    assert_reason(own, "of n1");
    assert_reason(old[0], "of n2");
    assert_reason(old[1], "moved");
    rig_run(g, 30000);
    assert_int_equal(ask("POST", P "/compute/hosts/n1:merge", "{\"with\":\"n2\"}"), 200);
    for (int again = 0; again < 2; again++) {
        assert_reason(own, "of n1"); /* it has one of its own */
        assert_reason(moved, "moved");
        assert_answer("host", host);
        assert_int_equal(ask("GET", old[0], NULL), 404);
        assert_int_equal(ask("GET", old[1], NULL), 404);
        restart(); /* durably */
    }
    assert_int_equal(ask("DELETE", moved, NULL), 204);
    end();
}

/* --- limits and failures --- */
static void only_so_many(void **state) {
    char body[96];
    begin();
    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        struct entry *e;
        snprintf(body, sizeof body, "p%u", i);
        json_t *b = json_pack("{s:s}", "controlMode", "ccm");
        assert_int_equal(objects_enter(g->app->objects, OBJECT_PROFILE, "default", body, b, &e), 0);
        json_decref(b);
    }
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"x\",\"controlMode\":\"ccm\"}"), 429);
    assert_says("has 1000 objects of the kind profile, which is the most");
    assert_int_equal(
        ask("POST", "/v1/projects/other/amt/profiles", "{\"name\":\"x\",\"controlMode\":\"ccm\"}"), 201);
    end();
}

/* A disk that takes nothing: an answer that says so, and everything is as it was. */
static void a_full_disk_changes_nothing(void **state) {
    char key[64];
    begin();
    assert_int_equal(ask("POST", P "/enrolmentkeys", "{\"name\":\"k\"}"), 201);
    snprintf(key, sizeof key, "%s", answer_text(c, "key"));
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"a\",\"controlMode\":\"ccm\"}"), 201);
    store_pretend_full(g->store, true);
    assert_int_equal(ask("POST", AMT "/profiles", "{\"name\":\"b\",\"controlMode\":\"ccm\"}"), 503);
    assert_int_equal(ask("PATCH", AMT "/profiles/a", "{\"controlMode\":\"acm\"}"), 503);
    assert_int_equal(ask("DELETE", AMT "/profiles/a", NULL), 503);
    assert_int_equal(ask("POST", P "/enrolmentkeys/k:revoke", NULL), 503);
    assert_int_equal(enrol(key, false), ERR_STORE_FULL);
    assert_int_equal(ask("GET", AMT "/profiles", NULL), 200);
    assert_answer("totalElements", "3");
    assert_answer("profiles.2.controlMode", "ccm");
    assert_answer("profiles.2.version", "1");
    store_pretend_full(g->store, false);
    rig_run(g, 30000);
    assert_int_equal(enrol(key, false), 0); /* the use was given back, the key is not revoked */
    assert_int_equal(ask("DELETE", AMT "/profiles/a", NULL), 204);
    end();
}

UNIT_MAIN(T(two_profiles_are_always_there), T(a_profile_lives), T(a_profile_in_use_stays),
          T(profiles_that_are_refused), T(the_default_cira_configuration_is_this_server),
          T(a_cira_configuration_lives), T(a_domain_lives), T(the_domain_for_a_node),
          T(enrolment_keys_are_counted), T(enrolment_keys_end), T(exceptions_are_good_for_a_while),
          T(exceptions_go_with_their_host), T(exceptions_move_with_a_merge), T(only_so_many),
          T(a_full_disk_changes_nothing))
