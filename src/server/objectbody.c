/* SPDX-License-Identifier: Apache-2.0 */
#include "server/objectbody.h"

#include "base/ossl.h"
#include "base/text.h"
#include "net/address.h"
#include "net/pki.h"
#include "server/directory.h"
#include "server/objects_int.h"
#include "server/pfx.h"
#include "server/reading.h"

#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROOT_PEM_MAX = 16000,
    ENROL_USES_MAX = 1000000,
    ENROL_DEFAULT_MS = 86400000,
    ENROL_DAYS_MAX = 366,
    CONTROL_CAP = 40,
};

/* --- what may be sent --- */
static const char *const MODE_VALUES[] = {"ccm", "acm", NULL};
static const char *const TLS_VALUES[] = {
#define L(sym, word) word,
    PROFILE_TLS_TABLE(L)
#undef L
        NULL};
static const char *const CONSENT_VALUES[] = {
#define C(sym, word) word,
    PROFILE_CONSENT_TABLE(C)
#undef C
        NULL};
static const char *const FORMAT_VALUES[] = {"ipv4", "ipv6", "fqdn", NULL};

#define NAME                                                                                                 \
    { "name", FIELD_TEXT, .required = true, .min = 1, .max = OBJECT_NAME_CAP - 1 }
#define PROFILE_MEMBERS(needed)                                                                              \
    {"controlMode", FIELD_ENUM, .required = needed, .values = MODE_VALUES},                                  \
        {"domain", FIELD_TEXT, .max = OBJECT_NAME_CAP - 1,                                                   \
         .doc = "Provisioning certificate; empty: the one that fits the node."},                             \
        {"ciraConfig", FIELD_TEXT, .max = OBJECT_NAME_CAP - 1, .doc = "default is this server."},            \
        {"tlsMode", FIELD_ENUM, .values = TLS_VALUES, .doc = "Of the firmware's own ports."},                \
        {"kvm", FIELD_FLAG, .doc = "Let KVM sessions in."},                                                  \
        {"sol", FIELD_FLAG, .doc = "Let serial consoles in."},                                               \
        {"ider", FIELD_FLAG, .doc = "Let media redirection in."},                                            \
        {"userConsent", FIELD_ENUM, .values = CONSENT_VALUES,                                                \
         .doc = "In client control mode the firmware always wants it for all."},                             \
        {"hostNameFromOs", FIELD_FLAG, .doc = "The firmware takes the name of the operating system."},       \
        {"dhcp", FIELD_FLAG, .doc = "The firmware asks DHCP for its address."}, {                            \
        "sharedPassword", FIELD_TEXT,                                                                        \
            .nullable = true, .secret = true, .min = 8, .max = 32,                                           \
            .doc = "AMT password of all nodes of the profile; null: each node its own."                      \
    }
static const struct field PROFILE_FIELDS[] = {NAME, PROFILE_MEMBERS(true), {0}};
static const struct field PROFILE_CHANGE_FIELDS[] = {PROFILE_MEMBERS(false), {0}};
const struct schema SCHEMA_PROFILE = {"Profile", PROFILE_FIELDS};
const struct schema SCHEMA_PROFILE_CHANGE = {"ChangeProfile", PROFILE_CHANGE_FIELDS};

#define CIRA_MEMBERS(needed)                                                                                 \
    {"address", FIELD_TEXT, .required = needed, .min = 1, .max = AMT_HOST_CAP - 1},                          \
        {"port", FIELD_NUMBER, .min = 1, .max = 65535},                                                      \
        {"format", FIELD_ENUM, .values = FORMAT_VALUES, .doc = "Follows from the address."},                 \
        {"commonName", FIELD_TEXT, .max = AMT_HOST_CAP - 1,                                                  \
         .doc = "Of the server's certificate; needed when the address is an IP address."},                   \
    {                                                                                                        \
        "rootCertificate", FIELD_TEXT, .required = needed, .min = 1, .max = ROOT_PEM_MAX,                    \
                                       .doc = "PEM of the root that nodes are to trust."                     \
    }
static const struct field CIRA_CONFIG_FIELDS[] = {NAME, CIRA_MEMBERS(true), {0}};
static const struct field CIRA_CONFIG_CHANGE_FIELDS[] = {CIRA_MEMBERS(false), {0}};
const struct schema SCHEMA_CIRACONFIG = {"CiraConfig", CIRA_CONFIG_FIELDS};
const struct schema SCHEMA_CIRACONFIG_CHANGE = {"ChangeCiraConfig", CIRA_CONFIG_CHANGE_FIELDS};

#define DOMAIN_MEMBERS(needed)                                                                               \
    {"suffix", FIELD_TEXT, .required = needed, .min = 3, .max = AMT_HOST_CAP - 1, .doc = "DNS suffix."},     \
        {"certificate",                                                                                      \
         FIELD_TEXT,                                                                                         \
         .required = true,                                                                                   \
         .secret = true,                                                                                     \
         .min = 1,                                                                                           \
         .max = PFX_MAX_BYTES * 4 / 3 + 4,                                                                   \
         .doc = "The PFX file in base64, with its whole chain."},                                            \
    {                                                                                                        \
        "password", FIELD_TEXT, .secret = true, .max = 127, .doc = "Of the PFX file."                        \
    }
static const struct field DOMAIN_FIELDS[] = {NAME, DOMAIN_MEMBERS(true), {0}};
static const struct field DOMAIN_CHANGE_FIELDS[] = {DOMAIN_MEMBERS(false), {0}};
const struct schema SCHEMA_DOMAIN = {"Domain", DOMAIN_FIELDS};
const struct schema SCHEMA_DOMAIN_CHANGE = {"ChangeDomain", DOMAIN_CHANGE_FIELDS};

static const struct field ENROL_FIELDS[] = {
    NAME,
    {"expiresAt", FIELD_TIME, .doc = "In a day, when it is left out; at most a year from now."},
    {"maxUses", FIELD_NUMBER, .min = 1, .max = ENROL_USES_MAX, .doc = "1"},
    {"hostProject", FIELD_TEXT, .min = 1, .max = HOST_PROJECT_CAP - 1, .doc = "Of new hosts: the key's own."},
    {0}};
const struct schema SCHEMA_ENROLMENT_KEY = {"EnrolmentKey", ENROL_FIELDS};

#define EXCEPTION_MEMBERS(needed)                                                                            \
    {"reason", FIELD_TEXT, .required = needed, .min = 1, .max = STORE_TEXT_CAP - 1},                         \
        {"approver", FIELD_TEXT, .min = 1, .max = STORE_USER_CAP - 1, .doc = "The one who asks."}, {         \
        "until", FIELD_TIME, .required = needed                                                              \
    }
static const struct field EXCEPTION_FIELDS[] = {
    {"host", FIELD_TEXT, .required = true, .min = 1, .max = HOST_NAME_CAP - 1, .doc = "Id or name."},
    {"control", FIELD_TEXT, .required = true, .min = 1, .max = CONTROL_CAP - 1, .doc = "amt-bios-switch"},
    EXCEPTION_MEMBERS(true),
    {0}};
static const struct field EXCEPTION_CHANGE_FIELDS[] = {EXCEPTION_MEMBERS(false), {0}};
const struct schema SCHEMA_EXCEPTION = {"Exception", EXCEPTION_FIELDS};
const struct schema SCHEMA_EXCEPTION_CHANGE = {"ChangeException", EXCEPTION_CHANGE_FIELDS};

/* --- profile --- */
/* What the firmware takes: reference 5.6, Intel's rule for AMT passwords. */
static bool amt_password_ok(const char *p) {
    bool upper = false, lower = false, digit = false, other = false;
    for (; *p; p++) {
        if (*p <= ' ' || *p > '~' || strchr("\":,", *p))
            return false;
        upper |= isupper((unsigned char)*p) != 0;
        lower |= islower((unsigned char)*p) != 0;
        digit |= isdigit((unsigned char)*p) != 0;
        other |= !isalnum((unsigned char)*p) && *p != '_';
    }
    return upper && lower && digit && other;
}

static int check_profile(struct object_work *w, struct errinfo *ei) {
    const char *password = body_text(w->r->json, "sharedPassword", NULL);
    w->c.keep_secret = !body_has(w->r->json, "sharedPassword");
    if (!password)
        return 0;
    if (!amt_password_ok(password)) {
        err_set(ei, ERR_INVALID, "sharedPassword", "sharedPassword: the firmware takes no such password");
        err_remedy(ei, "Use 8 to 32 ASCII characters: upper and lower case letters, digits and others, but "
                       "none of \" : , and no blank.");
        return ERR_INVALID;
    }
    return objects_seal(w->r->shard->app->objects, w->c.kind, w->c.project, w->c.name, slice_str(password),
                        &w->c.secret, ei);
}

/* --- CIRA configuration --- */
static int check_address(const char *address, struct errinfo *ei) {
    if (address_is_ip(address) || text_in_set(slice_str(address), TEXT_ALNUM "-.", 1, AMT_HOST_CAP - 1))
        return 0;
    err_set(ei, ERR_INVALID, "address", "address is neither a host name nor an IP address");
    err_remedy(ei, "Give a name such as mps.example.com or an IP address, without port, brackets or blanks.");
    return ERR_INVALID;
}

static int check_root(const char *pem, struct wall now, struct errinfo *ei) {
    struct pki_facts f;
    char when[WALL_TEXT_CAP];
    if (pki_read(slice_str(pem), &f, NULL)) {
        err_set(ei, ERR_INVALID, "rootCertificate", "rootCertificate is no certificate in PEM");
        err_remedy(ei, "It begins with -----BEGIN CERTIFICATE-----.");
        return ERR_INVALID;
    }
    if (!f.is_ca)
        return err_set(ei, ERR_INVALID, "rootCertificate",
                       "the certificate of %s is not that of a certificate authority", f.subject);
    if (f.not_after.us <= now.us)
        return err_set(ei, ERR_INVALID, "rootCertificate", "the certificate of %s expired at %s", f.subject,
                       wall_rfc3339(f.not_after, when));
    return 0;
}

static int check_cira(struct object_work *w, struct errinfo *ei) {
    const char *address = body_text(w->c.body, "address", "");
    const char *format = objects_address_format(address);
    int r = check_address(address, ei);
    if (r)
        return r;
    if (body_has(w->r->json, "format") && strcmp(body_text(w->r->json, "format", ""), format) != 0)
        return err_set(ei, ERR_INVALID, "format", "the address %s has the format %s", address, format);
    json_object_set_new(w->c.body, "format", json_string(format));
    const char *name = body_text(w->c.body, "commonName", "");
    if (!*name && strcmp(format, "fqdn") != 0) {
        err_set(ei, ERR_INVALID, "commonName",
                "commonName is missing; the firmware needs it when it dials an IP "
                "address");
        err_remedy(ei, "Give the CN of the server's certificate.");
        return ERR_INVALID;
    }
    if (!*name)
        json_object_set_new(w->c.body, "commonName", json_string(address));
    return check_root(body_text(w->c.body, "rootCertificate", ""), w->now, ei);
}

/* --- domain --- */
static int check_domain(struct object_work *w, struct errinfo *ei) {
    struct slice text = slice_str(body_text(w->r->json, "certificate", ""));
    uint8_t *der = arena_alloc(&w->r->arena, text.n + 1);
    w->password = arena_str(&w->r->arena, slice_str(body_text(w->r->json, "password", "")));
    if (!der || !w->password)
        return err_set(ei, ERR_BUSY, "", "out of memory");
    int n = text_unbase64(text, der, text.n + 1);
    if (n <= 0) {
        err_set(ei, ERR_INVALID, "certificate", "certificate is no base64");
        err_remedy(ei, "Send the PFX file as `base64 -w0 FILE` prints it.");
        return ERR_INVALID;
    }
    w->file = slice_of(der, (size_t)n);
    return 0;
}

/* On a helper thread. */
static int open_domain(struct object_work *w) {
    struct object_change *c = &w->c;
    struct pfx p;
    int r = pfx_open(w->file, w->password, body_text(c->body, "suffix", ""), w->now, &p, &c->error);
    explicit_bzero(w->password, strlen(w->password));
    explicit_bzero((void *)w->file.p, w->file.n);
    if (r)
        return r;
    objects_put_pfx(c->body, &p);
    r = objects_seal(w->r->shard->app->objects, c->kind, c->project, c->name, buf_slice(&p.key_base64),
                     &c->secret, &c->error);
    pfx_free(&p);
    return r;
}

/* --- enrolment key --- */
static int make_key(struct object_work *w, struct errinfo *ei) {
    uint8_t random[32], hash[32];
    char hex[2 * sizeof hash + 1];
    struct buf text = {0};
    loop_random(w->r->shard->loop, random, sizeof random);
    buf_puts(&text, "oek-");
    text_base64url(&text, slice_of(random, sizeof random));
    bool ok = slice_to_str(buf_slice(&text), w->key, sizeof w->key) &&
              EVP_Digest(w->key, strlen(w->key), hash, NULL, EVP_sha256(), NULL) == 1;
    explicit_bzero(random, sizeof random);
    if (text.mem)
        explicit_bzero(text.mem, text.cap);
    buf_free(&text);
    if (!ok)
        return err_set(ei, ERR_CRYPTO, "", "no key could be made");
    json_object_set_new(w->c.body, "sha256", json_string(text_hex(slice_of(hash, sizeof hash), hex)));
    return 0;
}

static int too_late(struct errinfo *ei) {
    err_set(ei, ERR_INVALID, "expiresAt",
            "expiresAt is more than a year away; a key that lives for ever is one that gets lost");
    err_remedy(ei, "At most %d days from now; make another one then.", ENROL_DAYS_MAX);
    return ERR_INVALID;
}

static int check_enrol(struct object_work *w, struct errinfo *ei) {
    struct wall until = wall_add_ms(w->now, ENROL_DEFAULT_MS);
    char text[WALL_TEXT_CAP];
    const char *project = body_text(w->r->json, "hostProject", w->c.project);
    (void)wall_parse(body_text(w->r->json, "expiresAt", ""), &until);
    if (until.us <= w->now.us)
        return err_set(ei, ERR_INVALID, "expiresAt", "expiresAt is in the past");
    if (until.us > wall_add_ms(w->now, ENROL_DAYS_MAX * 86400000LL).us)
        return too_late(ei);
    if (!project_name_ok(project))
        return err_set(ei, ERR_INVALID, "hostProject",
                       "a project name has lower-case letters, digits and dashes");
    int r = auth_allow(&w->r->who, ROLE_ADMIN, project, false, ei);
    if (r)
        return r;
    json_object_set_new(w->c.body, "expiresAt", json_string(wall_rfc3339(until, text)));
    json_object_set_new(w->c.body, "hostProject", json_string(project));
    return make_key(w, ei);
}

/* --- exception --- */
static int name_exception(struct object_work *w, struct errinfo *ei) {
    char id[HOST_ID_CAP];
    struct directory_entry e;
    const char *control = body_text(w->c.body, "control", "");
    int r = host_id_of(w->r, w->c.project, body_text(w->c.body, "host", ""), id, ei);
    if (r == 0 &&
        (directory_by_id(w->r->shard->app->directory, id, &e) || strcmp(e.project, w->c.project) != 0))
        r = host_check(NULL, w->c.project, id, ei);
    if (r)
        return r;
    if (!text_in_set(slice_str(control), TEXT_LOWER TEXT_DIGITS "-", 1, CONTROL_CAP - 1))
        return err_set(ei, ERR_INVALID, "control",
                       "a control has lower-case letters, digits and dashes, such as "
                       "amt-bios-switch");
    snprintf(w->c.name, sizeof w->c.name, "%s.%s", id, control);
    json_object_set_new(w->c.body, "host", json_string(id));
    return 0;
}

static int check_exception(struct object_work *w, struct errinfo *ei) {
    struct wall until = WALL_NEVER;
    int r = w->c.what == OBJECT_CREATE ? name_exception(w, ei) : 0;
    if (r)
        return r;
    if (!wall_parse(body_text(w->c.body, "until", ""), &until) || until.us <= w->now.us)
        return err_set(ei, ERR_INVALID, "until", "until is in the past");
    if (!*body_text(w->c.body, "approver", ""))
        json_object_set_new(w->c.body, "approver", json_string(w->r->who.user));
    return 0;
}

static const char *const NOTHING[] = {NULL};
static const char *const PROFILE_SECRETS[] = {"sharedPassword", NULL};
static const char *const DOMAIN_SECRETS[] = {"certificate", "password", NULL};
static const char *const DOMAIN_HIDDEN[] = {"chain", NULL};
static const char *const ENROL_HIDDEN[] = {"sha256", "uses", "revoked", NULL};
const struct object_body OBJECT_BODIES[OBJECT_KINDS] = {
    [OBJECT_PROFILE] =
        {"{\"domain\":\"\",\"ciraConfig\":\"default\",\"tlsMode\":\"none\",\"kvm\":true,\"sol\":true,"
         "\"ider\":true,\"userConsent\":\"all\",\"hostNameFromOs\":true,\"dhcp\":true}",
         NOTHING, PROFILE_SECRETS, check_profile, NULL},
    [OBJECT_CIRA] = {"{\"port\":4433,\"commonName\":\"\"}", NOTHING, NOTHING, check_cira, NULL},
    [OBJECT_DOMAIN] = {"{}", DOMAIN_HIDDEN, DOMAIN_SECRETS, check_domain, open_domain},
    [OBJECT_ENROL] = {"{\"maxUses\":1,\"uses\":0,\"revoked\":false}", ENROL_HIDDEN, NOTHING, check_enrol,
                      NULL},
    [OBJECT_EXCEPTION] = {"{}", NOTHING, NOTHING, check_exception, NULL},
};
