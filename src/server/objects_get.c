/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does with objects: built-in ones, and bodies as structs with their secrets opened. */
#include "server/objects_int.h"

#include "base/json.h"
#include "base/ossl.h"
#include "base/text.h"
#include "net/address.h"
#include "net/pki.h"
#include "server/pfx.h"
#include "server/schema.h"
#include "server/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* --- always there --- */
static const char *const MODES[] = {"ccm", "acm"};
enum { NMODES = sizeof MODES / sizeof *MODES };

bool objects_built_in_name(enum object_kind k, const char *project, unsigned i, char name[OBJECT_NAME_CAP]) {
    if (k == OBJECT_PROFILE && i < NMODES) {
        snprintf(name, OBJECT_NAME_CAP, "%s_%s", project, MODES[i]);
        return true;
    }
    if (k == OBJECT_CIRA && i == 0) {
        snprintf(name, OBJECT_NAME_CAP, "default");
        return true;
    }
    return false;
}

/* Which of them; -1: none. */
static int built_in(enum object_kind k, const char *project, const char *name) {
    char one[OBJECT_NAME_CAP];
    for (unsigned i = 0; objects_built_in_name(k, project, i, one); i++)
        if (strcmp(one, name) == 0)
            return (int)i;
    return -1;
}
bool objects_built_in(enum object_kind k, const char *project, const char *name) {
    return built_in(k, project, name) >= 0;
}

/* In client control mode the firmware wants consent for everything anyway. */
static json_t *profile_body(unsigned mode) {
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:b,s:b,s:s,s:b,s:b}", "controlMode", MODES[mode], "domain", "",
                     "ciraConfig", "default", "tlsMode", "none", "kvm", 1, "sol", 1, "ider", 1, "userConsent",
                     mode == 0 ? "all" : "none", "hostNameFromOs", 1, "dhcp", 1);
}

const char *objects_address_format(const char *address) {
    struct in_addr v4;
    if (!address_is_ip(address))
        return "fqdn";
    return inet_pton(AF_INET, address, &v4) == 1 ? "ipv4" : "ipv6";
}

static json_t *this_server(const struct app *a) {
    char host[PUBLIC_HOST_CAP] = "";
    uint16_t port = 0;
    if (a->settings && settings_public_address(a->settings, host, &port, NULL))
        *host = 0;
    const char *address = *host ? host : a->cira_name, *name = a->cira_name;
    struct slice root = buf_slice(&a->cira_root_pem);
    return json_pack("{s:s,s:i,s:s,s:s,s:s%}", "address", address, "port",
                     port ? port : (int)atomic_load(&a->cira_port), "format", objects_address_format(address),
                     "commonName", name, "rootCertificate", root.n ? (const char *)root.p : "", root.n);
}

json_t *objects_built_in_body(struct objects *o, enum object_kind k, const char *project, const char *name) {
    int i = built_in(k, project, name);
    return i < 0 ? NULL : k == OBJECT_PROFILE ? profile_body((unsigned)i) : this_server(o->app);
}

/* --- secrets --- */
/* Appends the secret; the caller wipes it. */
static int open_secret(struct objects *o, const struct object *x, struct buf *out, struct errinfo *ei) {
    char context[OBJECT_KEY_MAX];
    objects_context(x->kind, x->project, x->name, context);
    int r = o->app->seal && x->secret ? seal_open_text(o->app->seal, context, slice_str(x->secret), out)
                                      : ERR_CRYPTO;
    if (r == 0)
        return 0;
    err_set(ei, r, "", "the secret of the %s %s cannot be opened: it was sealed by another master key",
            object_kind_text(x->kind), x->name);
    err_remedy(ei, "Put back the master.key that this database belongs to, or import it again.");
    return r;
}

/* The index of text among words; 0 when it is none. */
static unsigned word_of(const char *const *words, unsigned n, const char *text) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return 0;
}

/* --- profiles --- */
static void profile_fill(const json_t *body, struct profile *p) {
    static const char *const TLS[] = {
#define L(sym, word) word,
        PROFILE_TLS_TABLE(L)
#undef L
    };
    static const char *const CONSENT[] = {
#define C(sym, word) word,
        PROFILE_CONSENT_TABLE(C)
#undef C
    };
    p->mode = word_of(MODES, NMODES, body_text(body, "controlMode", "")) ? AMT_MODE_ACM : AMT_MODE_CCM;
    body_copy(body, "domain", p->domain, sizeof p->domain);
    body_copy(body, "ciraConfig", p->cira_config, sizeof p->cira_config);
    p->tls = (enum profile_tls)word_of(TLS, sizeof TLS / sizeof *TLS, body_text(body, "tlsMode", ""));
    p->kvm = body_flag(body, "kvm", true);
    p->sol = body_flag(body, "sol", true);
    p->ider = body_flag(body, "ider", true);
    p->consent = (enum profile_consent)word_of(CONSENT, sizeof CONSENT / sizeof *CONSENT,
                                               body_text(body, "userConsent", ""));
    p->host_name_from_os = body_flag(body, "hostNameFromOs", true);
    p->dhcp = body_flag(body, "dhcp", true);
}

int objects_profile(struct objects *o, const char *project, const char *name, struct profile *out,
                    struct errinfo *ei) {
    struct object x;
    struct buf secret = {0};
    *out = (struct profile){0};
    int r = objects_get(o, OBJECT_PROFILE, project, name, &x, ei);
    if (r)
        return r;
    memcpy(out->name, x.name, sizeof out->name);
    out->version = x.version;
    profile_fill(x.body, out);
    if (x.secret) {
        r = open_secret(o, &x, &secret, ei);
        if (r == 0 && !slice_to_str(buf_slice(&secret), out->shared_password, sizeof out->shared_password))
            r = err_set(ei, ERR_LIMIT, "", "the shared password of the profile %s is too long", x.name);
        buf_wipe(&secret);
    }
    object_free(&x);
    if (r)
        profile_wipe(out);
    return r;
}

void profile_wipe(struct profile *p) {
    explicit_bzero(p, sizeof *p);
}

/* --- CIRA configurations --- */
int objects_cira(struct objects *o, const char *project, const char *name, struct cira_config *out,
                 struct errinfo *ei) {
    static const char *const FORMATS[] = {"ipv4", "ipv6", "fqdn"};
    static const uint16_t INFO_FORMATS[] = {3, 4, 201}; /* reference 5.6 */
    struct object x;
    struct pki_facts facts;
    *out = (struct cira_config){0};
    int r = objects_get(o, OBJECT_CIRA, project, *name ? name : "default", &x, ei);
    if (r)
        return r;
    const char *pem = body_text(x.body, "rootCertificate", "");
    memcpy(out->name, x.name, sizeof out->name);
    body_copy(x.body, "address", out->address, sizeof out->address);
    body_copy(x.body, "commonName", out->common_name, sizeof out->common_name);
    out->port = (uint16_t)body_number(x.body, "port", 4433);
    out->format =
        INFO_FORMATS[word_of(FORMATS, sizeof FORMATS / sizeof *FORMATS, body_text(x.body, "format", ""))];
    r = pki_read(slice_str(pem), &facts, ei);
    if (r == 0 && (r = pki_base64(slice_str(pem), &out->root_base64)))
        err_set(ei, r, "", "the root certificate of the CIRA configuration %s cannot be read", x.name);
    if (r == 0)
        text_hex(slice_of(facts.sha256, sizeof facts.sha256), out->root_sha256);
    object_free(&x);
    return r;
}

void cira_config_free(struct cira_config *c) {
    buf_free(&c->root_base64);
}

/* --- domains --- */
void domain_free(struct domain **dp) {
    struct domain *d = *dp;
    if (!d)
        return;
    for (size_t i = 0; i < DOMAIN_CHAIN_MAX; i++)
        buf_free(&d->chain[i]);
    EVP_PKEY_free(d->key);
    free(d);
    *dp = NULL;
}

static int open_key(struct objects *o, const struct object *x, struct domain *d, struct errinfo *ei) {
    struct buf text = {0};
    uint8_t der[8192];
    int r = open_secret(o, x, &text, ei);
    int n = r == 0 ? text_unbase64(buf_slice(&text), der, sizeof der) : 0;
    const unsigned char *p = der;
    if (r == 0 && (n <= 0 || !(d->key = d2i_AutoPrivateKey(NULL, &p, n))))
        r = err_set(ei, ERR_CRYPTO, "", "the private key of the domain %s cannot be read", x->name);
    explicit_bzero(der, sizeof der);
    buf_wipe(&text);
    ERR_clear_error();
    return r;
}

static json_t *strings(const char *const *v, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_string(v[i]));
    return a;
}

void objects_put_pfx(json_t *body, struct pfx *p) {
    const char *hashes[] = {p->root_hash[0], p->root_hash[1], p->root_hash[2]}, *chain[DOMAIN_CHAIN_MAX];
    char when[WALL_TEXT_CAP];
    for (size_t i = 0; i < p->nchain; i++)
        chain[i] = buf_cstr(&p->chain[i]);
    json_object_set_new(body, "subject", json_string(p->subject));
    json_object_set_new(body, "notAfter", json_string(wall_rfc3339(p->not_after, when)));
    json_object_set_new(body, "rootHashes", strings(hashes, sizeof hashes / sizeof *hashes));
    json_object_set_new(body, "chain", strings(chain, p->nchain));
}

static void domain_fill(const struct object *x, struct domain *d) {
    const json_t *hashes = json_object_get(x->body, "rootHashes"), *chain = json_object_get(x->body, "chain");
    memcpy(d->name, x->name, sizeof d->name);
    body_copy(x->body, "suffix", d->suffix, sizeof d->suffix);
    (void)wall_parse(body_text(x->body, "notAfter", ""), &d->not_after);
    for (size_t i = 0; i < 3; i++) {
        const char *hex = json_string_value(json_array_get(hashes, i));
        slice_to_str(slice_str(hex), d->root_hash[i], sizeof d->root_hash[i]);
    }
    for (d->nchain = 0; d->nchain < DOMAIN_CHAIN_MAX && d->nchain < json_array_size(chain); d->nchain++)
        buf_puts(&d->chain[d->nchain], json_string_value(json_array_get(chain, d->nchain)));
}

static int expired(struct errinfo *ei, const struct domain *d) {
    char when[WALL_TEXT_CAP];
    err_set(ei, ERR_STATE, "domain", "the provisioning certificate of the domain %s expired at %s", d->name,
            wall_rfc3339(d->not_after, when));
    err_remedy(ei, "Import a new one: orch-cli create domain NAME --pfx FILE.");
    return ERR_STATE;
}

static int domain_open(struct objects *o, const struct object *x, struct wall now, struct domain **out,
                       struct errinfo *ei) {
    struct domain *d = *out = calloc(1, sizeof *d);
    if (!d)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    domain_fill(x, d);
    int r = d->not_after.us <= now.us ? expired(ei, d) : open_key(o, x, d, ei);
    if (r)
        domain_free(out);
    return r;
}

int objects_domain(struct objects *o, const char *project, const char *name, struct wall now,
                   struct domain **out, struct errinfo *ei) {
    struct object x;
    *out = NULL;
    int r = objects_get(o, OBJECT_DOMAIN, project, name, &x, ei);
    if (r)
        return r;
    r = domain_open(o, &x, now, out, ei);
    object_free(&x);
    return r;
}

static bool root_trusted(const json_t *body, const char (*hashes)[AMT_CERT_HASH_CAP], size_t n) {
    const json_t *own = json_object_get(body, "rootHashes");
    for (size_t i = 0; i < json_array_size(own); i++)
        for (size_t k = 0; k < n; k++)
            if (slice_ieq(slice_str(json_string_value(json_array_get(own, i))), slice_str(hashes[k])))
                return true;
    return n == 0;
}

/* The domains of a project, and why none of those for a suffix would do. */
struct search {
    const struct object *all;
    size_t nall;
    const char (*hashes)[AMT_CERT_HASH_CAP];
    size_t nhashes;
    struct wall now;
    const struct object *late, *strange; /* expired; of a root that is not trusted */
};
static const struct object *fits(struct search *s, struct slice suffix) {
    struct wall until = WALL_NEVER;
    for (size_t i = 0; i < s->nall; i++) {
        const struct object *x = &s->all[i];
        if (!slice_ieq(slice_str(body_text(x->body, "suffix", "")), suffix))
            continue;
        if (!wall_parse(body_text(x->body, "notAfter", ""), &until) || until.us <= s->now.us)
            s->late = x;
        else if (!root_trusted(x->body, s->hashes, s->nhashes))
            s->strange = x;
        else
            return x;
    }
    return NULL;
}

static int none_fits(const struct search *s, const char *project, const char *suffix, struct errinfo *ei) {
    char clean[AMT_HOST_CAP];
    text_clean(clean, sizeof clean, slice_str(suffix));
    if (!*clean)
        err_set(ei, ERR_NOT_FOUND, "domain",
                "the node knows no DNS suffix, so no provisioning certificate fits");
    else if (s->strange)
        err_set(
            ei, ERR_NOT_FOUND, "domain",
            "the domain %s fits the DNS suffix %.100s, but its root certificate is not among those that the "
            "node trusts",
            s->strange->name, clean);
    else if (s->late)
        err_set(ei, ERR_NOT_FOUND, "domain", "the domain %s fits the DNS suffix %.100s, but it is expired",
                s->late->name, clean);
    else
        err_set(ei, ERR_NOT_FOUND, "domain", "no domain of the project %s fits the DNS suffix %.100s",
                project, clean);
    err_remedy(ei,
               "Import a provisioning certificate (orch-cli create domain NAME --suffix SUFFIX --pfx FILE), "
               "or set the node's PKI DNS suffix in MEBx.");
    return ERR_NOT_FOUND;
}

int objects_domain_for(struct objects *o, const char *project, const char *dns_suffix,
                       const char (*root_hashes)[AMT_CERT_HASH_CAP], size_t n, struct wall now,
                       struct domain **out, struct errinfo *ei) {
    struct object *all;
    size_t nall;
    *out = NULL;
    int r = objects_list(o, OBJECT_DOMAIN, project, &all, &nall);
    if (r)
        return err_set(ei, r, "", "%s", err_text(r));
    struct search s = {.all = all, .nall = nall, .hashes = root_hashes, .nhashes = n, .now = now};
    const struct object *x = NULL;
    struct slice suffix = slice_str(dns_suffix);
    while (suffix.n && suffix.p[suffix.n - 1] == '.')
        suffix.n--;
    /* up the labels: never a bare TLD, which would let one certificate stand for half the world */
    for (; !x && suffix.n && memchr(suffix.p, '.', suffix.n); slice_cut(&suffix, '.'))
        x = fits(&s, suffix);
    r = x ? domain_open(o, x, now, out, ei) : none_fits(&s, project, dns_suffix, ei);
    for (size_t i = 0; i < nall; i++)
        object_free(&all[i]);
    free(all);
    return r;
}

int domain_sign(const struct domain *d, struct slice bytes, struct buf *out) {
    uint8_t sig[1024];
    size_t n = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, d->key) == 1 &&
              EVP_DigestSign(ctx, sig, &n, bytes.p, bytes.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok ? text_base64(out, slice_of(sig, n)) : ERR_CRYPTO;
}

/* --- exceptions --- */
bool objects_exception(struct objects *o, const char *project, const char *host, const char *control,
                       struct wall now, struct exception *out) {
    struct object x;
    char name[OBJECT_NAME_CAP];
    *out = (struct exception){0};
    if (snprintf(name, sizeof name, "%s.%s", host, control) >= (int)sizeof name ||
        objects_get(o, OBJECT_EXCEPTION, project, name, &x, NULL))
        return false;
    memcpy(out->name, name, sizeof out->name);
    body_copy(x.body, "reason", out->reason, sizeof out->reason);
    body_copy(x.body, "approver", out->approver, sizeof out->approver);
    bool good = wall_parse(body_text(x.body, "until", ""), &out->until) && out->until.us > now.us;
    object_free(&x);
    return good;
}
