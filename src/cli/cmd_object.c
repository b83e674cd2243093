/* SPDX-License-Identifier: Apache-2.0 */
/* What activation needs: profiles, CIRA configurations, domains, enrolment keys, exceptions. */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/listing.h"
#include "cli/secrets.h"
#include "cli/when.h"
#include "proto/http1.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { FILE_BYTES_MAX = 32768 };

struct kind {
    const char *path, *key, *text;
};
static const struct kind PROFILE = {"/amt/profiles", "profiles", "profile"};
static const struct kind CIRACONFIG = {"/amt/ciraconfigs", "ciraconfigs", "CIRA configuration"};
static const struct kind DOMAIN = {"/amt/domains", "domains", "domain"};
static const struct kind ENROLMENT_KEY = {"/enrolmentkeys", "enrolmentkeys", "enrolment key"};
static const struct kind EXCEPTION = {"/exceptions", "exceptions", "exception"};

/* --- all kinds --- */
static const char *path_of(struct cli *c, struct buf *b, const struct kind *k, const char *name,
                           const char *verb) {
    cli_project_path(c, b, "%s/", k->path);
    http1_escape(b, slice_str(name));
    buf_puts(b, verb);
    return buf_cstr(b);
}

static int list(struct cli *c, const struct kind *k, const struct listing_col *cols, size_t ncols) {
    struct buf path = {0};
    int code = listing_print(c, cli_project_path(c, &path, "%s", k->path), k->key, cols, ncols);
    buf_free(&path);
    return code;
}

static int get(struct cli *c, const struct args *a, const struct kind *k) {
    struct buf path = {0};
    int code = listing_print_one(c, path_of(c, &path, k, a->words[0], ""));
    buf_free(&path);
    return code;
}

static int delete_one(struct cli *c, const struct args *a, const struct kind *k) {
    char doing[160];
    snprintf(doing, sizeof doing, "delete the %s %.64s", k->text, a->words[0]);
    int code = cli_confirm(c, doing, 1, c->term.in_tty ? 0 : 1);
    struct buf path = {0};
    if (code == EXIT_OK)
        code = cli_send(c, "DELETE", path_of(c, &path, k, a->words[0], ""), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "%s %s deleted", k->text, a->words[0]);
    buf_free(&path);
    return code;
}

/* POST what j holds (its object still open). *out, when it is wanted, is the caller's. */
static int create(struct cli *c, const struct kind *k, struct json *j, json_t **out) {
    struct buf path = {0};
    json_t *v = NULL;
    json_obj_end(j);
    int code = cli_send(c, "POST", cli_project_path(c, &path, "%s", k->path), j->out, &v);
    if (code == EXIT_OK && !(v && cli_print_value(c, v)) && !out)
        term_line(&c->term, "%s %s created", k->text, jget_str(v, "name"));
    if (out && cli_output(c) != OUTPUT_JSON && cli_output(c) != OUTPUT_YAML)
        *out = json_incref(v);
    json_decref(v);
    buf_free(&path);
    return code;
}

static struct json begin(struct buf *body, const char *name) {
    struct json j = json_of(body);
    json_obj(&j);
    if (name)
        json_kstr(&j, "name", name);
    return j;
}

static void put_given(struct json *j, const struct args *a, enum opt o, const char *member) {
    if (arg_given(a, o))
        json_kstr(j, member, arg_text(a, o));
}

/* The named file, whole. An exit code; why is printed. */
static int read_given(struct cli *c, enum opt o, char **out, size_t *n) {
    struct errinfo ei = {0};
    if (!arg_given(c->args, o))
        return cli_usage(c, NULL, "--%s FILE is needed", opt_row(o)->name);
    if (file_read(arg_text(c->args, o), FILE_BYTES_MAX, out, n, &ei) == 0)
        return EXIT_OK;
    return cli_usage(c, ei.remedy, "--%s: %s", opt_row(o)->name, ei.text);
}

static int put_until(struct cli *c, struct json *j, const char *member) {
    struct wall until;
    char text[WALL_TEXT_CAP];
    if (!arg_given(c->args, OPT_UNTIL))
        return EXIT_OK;
    int code = cli_time_to_come(c, OPT_UNTIL, &until);
    if (code != EXIT_OK)
        return code;
    json_kstr(j, member, wall_rfc3339(until, text));
    return EXIT_OK;
}

/* --- profiles --- */
int cmd_list_profile(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {{"NAME", "name", false},
                                              {"MODE", "controlMode", false},
                                              {"DOMAIN", "domain", false},
                                              {"CIRA", "ciraConfig", false},
                                              {"TLS", "tlsMode", false},
                                              {"CONSENT", "userConsent", false},
                                              {"SHARED PASSWORD", "sharedPasswordSet", false},
                                              {"BUILT IN", "builtIn", false}};
    return list(c, &PROFILE, cols, sizeof cols / sizeof *cols);
}
int cmd_get_profile(struct cli *c, const struct args *a) {
    return get(c, a, &PROFILE);
}
int cmd_delete_profile(struct cli *c, const struct args *a) {
    return delete_one(c, a, &PROFILE);
}

/* --without kvm,sol */
static int put_without(struct cli *c, struct json *j) {
    static const char *const FEATURES[][2] = {
        {"kvm", "kvm"}, {"sol", "sol"}, {"ider", "ider"}, {"host-name", "hostNameFromOs"}, {"dhcp", "dhcp"}};
    struct slice rest = slice_str(arg_text(c->args, OPT_WITHOUT));
    while (rest.n) {
        struct slice one = slice_cut(&rest, ',');
        const char *member = NULL;
        for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
            if (slice_is(one, FEATURES[i][0]))
                member = FEATURES[i][1];
        if (!member)
            return cli_usage(c, "Known are kvm, sol, ider, host-name and dhcp, with commas between.",
                             "--without: there is no feature \"%.*s\"", (int)one.n, (const char *)one.p);
        json_kbool(j, member, false);
    }
    return EXIT_OK;
}

int cmd_create_profile(struct cli *c, const struct args *a) {
    struct buf body = {0};
    char *password = NULL;
    if (!arg_given(a, OPT_CONTROL_MODE))
        return cli_usage(c, NULL, "create profile needs --control-mode acm or ccm");
    struct json j = begin(&body, a->words[0]);
    put_given(&j, a, OPT_CONTROL_MODE, "controlMode");
    put_given(&j, a, OPT_DOMAIN, "domain");
    put_given(&j, a, OPT_CIRA_CONFIG, "ciraConfig");
    put_given(&j, a, OPT_TLS_MODE, "tlsMode");
    put_given(&j, a, OPT_USER_CONSENT, "userConsent");
    int code = put_without(c, &j);
    if (code == EXIT_OK)
        code = secret_from_file(c, OPT_SHARED_PASSWORD_FILE, &password);
    if (code == EXIT_OK && password)
        json_kstr(&j, "sharedPassword", password);
    if (code == EXIT_OK)
        code = create(c, &PROFILE, &j, NULL);
    secret_free(&password);
    secret_buf_free(&body);
    return code;
}

/* --- CIRA configurations --- */
int cmd_list_ciraconfig(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {
        {"NAME", "name", false},     {"ADDRESS", "address", false},        {"PORT", "port", false},
        {"FORMAT", "format", false}, {"COMMON NAME", "commonName", false}, {"BUILT IN", "builtIn", false}};
    return list(c, &CIRACONFIG, cols, sizeof cols / sizeof *cols);
}
int cmd_get_ciraconfig(struct cli *c, const struct args *a) {
    return get(c, a, &CIRACONFIG);
}
int cmd_delete_ciraconfig(struct cli *c, const struct args *a) {
    return delete_one(c, a, &CIRACONFIG);
}

/* "HOST", "HOST:PORT", "[IPV6]:PORT", or an IPv6 address alone. */
static int put_address(struct cli *c, struct json *j) {
    struct slice text = slice_str(arg_text(c->args, OPT_ADDRESS)), host = text;
    const char *first = strchr(arg_text(c->args, OPT_ADDRESS), ':'),
               *last = strrchr(arg_text(c->args, OPT_ADDRESS), ':');
    bool bracketed = text.n && text.p[0] == '[';
    uint64_t port = 0;
    if (last && (first == last || bracketed)) {
        size_t n = (size_t)((const uint8_t *)last - text.p);
        host = slice_head(text, n);
        if (!slice_to_u64(slice_skip(text, n + 1), 65535, &port) || !port)
            return cli_usage(c, NULL, "--address: the port is no number from 1 to 65535");
    }
    if (bracketed)
        host = slice_of(host.p + 1, host.n >= 2 ? host.n - 2 : 0);
    json_key(j, "address");
    json_slice(j, host);
    if (port)
        json_kint(j, "port", (int64_t)port);
    return EXIT_OK;
}

int cmd_create_ciraconfig(struct cli *c, const struct args *a) {
    struct buf body = {0};
    char *pem = NULL;
    size_t n = 0;
    if (!arg_given(a, OPT_ADDRESS))
        return cli_usage(c, NULL, "create ciraconfig needs --address HOST[:PORT] and --root PEM");
    struct json j = begin(&body, a->words[0]);
    int code = put_address(c, &j);
    put_given(&j, a, OPT_COMMON_NAME, "commonName");
    if (code == EXIT_OK)
        code = read_given(c, OPT_ROOT, &pem, &n);
    if (code == EXIT_OK) {
        json_key(&j, "rootCertificate");
        json_slice(&j, slice_of(pem, n));
        code = create(c, &CIRACONFIG, &j, NULL);
    }
    free(pem);
    buf_free(&body);
    return code;
}

/* --- domains --- */
int cmd_list_domain(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {{"NAME", "name", false},
                                              {"SUFFIX", "suffix", false},
                                              {"SUBJECT", "subject", false},
                                              {"ENDS", "notAfter", true}};
    return list(c, &DOMAIN, cols, sizeof cols / sizeof *cols);
}
int cmd_get_domain(struct cli *c, const struct args *a) {
    return get(c, a, &DOMAIN);
}
int cmd_delete_domain(struct cli *c, const struct args *a) {
    return delete_one(c, a, &DOMAIN);
}

int cmd_create_domain(struct cli *c, const struct args *a) {
    struct buf body = {0}, text = {0};
    char *pfx = NULL, *password = NULL;
    size_t n = 0;
    if (!arg_given(a, OPT_SUFFIX))
        return cli_usage(c, NULL, "create domain needs --suffix SUFFIX and --pfx FILE");
    int code = read_given(c, OPT_PFX, &pfx, &n);
    if (code == EXIT_OK)
        code = secret_get(c, OPT_PASSWORD_FILE, "Password of the PFX file:", false, &password);
    if (code == EXIT_OK) {
        struct json j = begin(&body, a->words[0]);
        put_given(&j, a, OPT_SUFFIX, "suffix");
        text_base64(&text, slice_of(pfx, n));
        json_key(&j, "certificate");
        json_slice(&j, buf_slice(&text));
        json_kstr(&j, "password", password);
        code = create(c, &DOMAIN, &j, NULL);
    }
    free(pfx);
    secret_free(&password);
    secret_buf_free(&text);
    secret_buf_free(&body);
    return code;
}

/* --- enrolment keys --- */
int cmd_list_enrolment_key(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {
        {"NAME", "name", false},     {"USES", "uses", false},       {"OF", "maxUses", false},
        {"ENDS", "expiresAt", true}, {"REVOKED", "revoked", false}, {"HOSTS GO TO", "hostProject", false}};
    return list(c, &ENROLMENT_KEY, cols, sizeof cols / sizeof *cols);
}
int cmd_get_enrolment_key(struct cli *c, const struct args *a) {
    return get(c, a, &ENROLMENT_KEY);
}
int cmd_delete_enrolment_key(struct cli *c, const struct args *a) {
    return delete_one(c, a, &ENROLMENT_KEY);
}

/* The key alone on standard output: KEY=$(orch-cli create enrolment-key k) */
int cmd_create_enrolment_key(struct cli *c, const struct args *a) {
    struct buf body = {0};
    json_t *v = NULL;
    char hint[256], when[WALL_TEXT_CAP];
    struct json j = begin(&body, a->words[0]);
    if (arg_given(a, OPT_USES))
        json_kint(&j, "maxUses", (int64_t)arg_number(a, OPT_USES, 1));
    put_given(&j, a, OPT_HOST_PROJECT, "hostProject");
    int code = put_until(c, &j, "expiresAt");
    if (code == EXIT_OK)
        code = create(c, &ENROLMENT_KEY, &j, &v);
    if (code == EXIT_OK && v) {
        int64_t uses = jget_int(v, "maxUses", 1);
        term_line(&c->term, "%s", jget_str(v, "key"));
        snprintf(hint, sizeof hint, "The key is shown this once. It is good for %" PRId64 " %s, until %s.",
                 uses, uses == 1 ? "node" : "nodes", when_text(jget_str(v, "expiresAt"), when));
        term_hint(&c->term, hint);
    }
    json_decref(v);
    buf_free(&body);
    return code;
}

int cmd_revoke_enrolment_key(struct cli *c, const struct args *a) {
    struct buf path = {0};
    int code = cli_send(c, "POST", path_of(c, &path, &ENROLMENT_KEY, a->words[0], ":revoke"), NULL, NULL);
    if (code == EXIT_OK)
        term_line(&c->term, "enrolment key %s revoked: nobody gets in with it any more", a->words[0]);
    buf_free(&path);
    return code;
}

/* --- exceptions --- */
int cmd_list_exception(struct cli *c, const struct args *a) {
    static const struct listing_col cols[] = {{"NAME", "name", false},         {"HOST", "host", false},
                                              {"CONTROL", "control", false},   {"UNTIL", "until", true},
                                              {"APPROVER", "approver", false}, {"REASON", "reason", false}};
    return list(c, &EXCEPTION, cols, sizeof cols / sizeof *cols);
}
int cmd_get_exception(struct cli *c, const struct args *a) {
    return get(c, a, &EXCEPTION);
}
int cmd_delete_exception(struct cli *c, const struct args *a) {
    return delete_one(c, a, &EXCEPTION);
}

int cmd_create_exception(struct cli *c, const struct args *a) {
    struct buf body = {0};
    if (!arg_given(a, OPT_CONTROL) || !arg_given(a, OPT_REASON) || !arg_given(a, OPT_UNTIL))
        return cli_usage(c, NULL, "create exception needs --control, --reason and --until");
    struct json j = begin(&body, NULL);
    json_kstr(&j, "host", a->words[0]);
    put_given(&j, a, OPT_CONTROL, "control");
    put_given(&j, a, OPT_REASON, "reason");
    put_given(&j, a, OPT_APPROVER, "approver");
    int code = put_until(c, &j, "until");
    if (code == EXIT_OK)
        code = create(c, &EXCEPTION, &j, NULL);
    buf_free(&body);
    return code;
}
