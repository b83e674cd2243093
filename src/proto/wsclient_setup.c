/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that set the firmware up, change its secrets, and take it down again; and what all plans of set-up
 * share. Source: reference protocol-redir-activation 5.4, protocol-cira-wsman 4.13. */
#include "proto/wsclient_int.h"

#include <assert.h>
#include <stdlib.h>

/* --- arguments --- */

enum {
    ARG_USER = 1,
    ARG_PASSWORD = 2,
    ARG_CERTIFICATE = 4,
    ARG_LEAF = 8,
    ARG_NONCE = 16,
    ARG_SIGNATURE = 32,
    ARG_ADDRESS = 64
};

/* A(member, its bit in NEEDS) */
static const struct {
    size_t at;
    uint8_t bit;
} ARGS[] = {
#define A(member, bit)                                                                                       \
    { offsetof(struct wsc_args, member), bit }
    A(user, ARG_USER),
    A(password, ARG_PASSWORD),
    A(certificate, ARG_CERTIFICATE),
    A(leaf, ARG_LEAF),
    A(nonce, ARG_NONCE),
    A(signature, ARG_SIGNATURE),
    A(address, ARG_ADDRESS),
    A(common_name, 0),
    A(host_name, 0),
    A(domain, 0),
#undef A
};
enum { NARGS = sizeof ARGS / sizeof ARGS[0] };
static_assert(NARGS * sizeof(char *) == sizeof(struct wsc_args), "every argument is in the table");

/* Without these a job cannot do what it is for. */
static const uint8_t NEEDS[WSC_JOB_COUNT] = {
    [WSC_SETUP_CCM] = ARG_USER | ARG_PASSWORD,
    [WSC_CHAIN_ADD] = ARG_CERTIFICATE,
    [WSC_SETUP_ACM] = ARG_USER | ARG_PASSWORD | ARG_NONCE | ARG_SIGNATURE,
    [WSC_UPGRADE_ACM] = ARG_NONCE | ARG_SIGNATURE,
    [WSC_ADMIN_SET] = ARG_USER | ARG_PASSWORD,
    [WSC_MEBX_SET] = ARG_PASSWORD,
    [WSC_CIRA_SET] = ARG_CERTIFICATE | ARG_ADDRESS | ARG_USER | ARG_PASSWORD,
    [WSC_CIRA_SECRET] = ARG_USER | ARG_PASSWORD,
    [WSC_TLS_SET] = ARG_LEAF,
};

static const char **arg_at(struct wsc_args *args, size_t i) {
    return (const char **)(void *)((char *)args + ARGS[i].at);
}

int wsc_work_new(enum wsc_job_kind kind, const struct wsc_args *args, struct wsc_work **out) {
    struct wsc_args given = args ? *args : (struct wsc_args){0};
    size_t bytes = sizeof(struct wsc_work);
    for (size_t i = 0; i < NARGS; i++) {
        const char *text = *arg_at(&given, i);
        if ((NEEDS[kind] & ARGS[i].bit) && (!text || !*text))
            return ERR_INVALID;
        bytes += text ? strlen(text) + 1 : 0;
    }
    if (bytes > WSC_ARGS_MAX)
        return ERR_LIMIT;
    struct wsc_work *w = *out = calloc(1, bytes);
    if (!w)
        return ERR_NOMEM;
    w->bytes = bytes;
    char *at = (char *)(w + 1);
    for (size_t i = 0; i < NARGS; i++) {
        const char *text = *arg_at(&given, i);
        if (!text)
            continue;
        size_t n = strlen(text) + 1;
        memcpy(at, text, n);
        *arg_at(&w->args, i) = at;
        at += n;
    }
    return 0;
}

void wsc_work_free(struct wsc_work **wp) {
    struct wsc_work *w = *wp;
    if (!w)
        return;
    buf_free(&w->names);
    buf_free(&w->later);
    explicit_bzero(w, w->bytes);
    free(w);
    *wp = NULL;
}

/* --- steps that all plans share --- */

uint8_t wsc_pass_over(struct wsc_job *job) {
    return (uint8_t)(job->step + 1);
}

uint8_t wsc_next(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_pass_over(job);
}

uint8_t wsc_pass_absent(struct wsc_job *job) {
    static const char *const HARMLESS[] = {"DestinationUnreachable", "InvalidSelectors", "AlreadyExists",
                                           "ActionNotSupported"};
    for (size_t i = 0; i < sizeof HARMLESS / sizeof HARMLESS[0]; i++)
        if (wsc_fault_is(job, HARMLESS[i]))
            return wsc_pass_over(job);
    return WSC_STEP_FAULT;
}

uint8_t wsc_on_method(struct wsc_job *job, const struct wsman_msg *m) {
    job->return_value = amt_return_value(m);
    if (job->return_value < 0)
        return WSC_STEP_NO_SENSE;
    job->method = wsc_method_of(job);
    job->maybe_sent = false;
    return job->return_value == 0 ? wsc_pass_over(job) : WSC_STEP_DONE;
}

uint8_t wsc_on_add(struct wsc_job *job, const struct wsman_msg *m) {
    enum { DUPLICATE = 2058 };
    uint8_t next = wsc_on_method(job, m);
    if (job->return_value != DUPLICATE)
        return next;
    job->return_value = 0;
    return wsc_pass_over(job);
}

int wsc_put_nothing(const struct wsc_job *job, struct buf *out) {
    return wsc_put_params(job, out, NULL, 0);
}

int wsc_put_root(const struct wsc_job *job, struct buf *out) {
    const struct wsc_param params[] = {{"CertificateBlob", job->work->args.certificate}};
    return WSC_PUT_PARAMS(job, out, params);
}

int wsc_put_body(const struct wsc_job *job, struct buf *out) {
    return buf_put(out, buf_slice(&job->body));
}

uint8_t wsc_change(struct wsc_job *job, const struct wsman_msg *m, enum wsman_class cls,
                   const struct amt_edit *edits, size_t n) {
    buf_free(&job->body);
    int err = amt_put_changed(&job->body, m, cls, edits, n);
    return err == 0 ? wsc_pass_over(job) : err == ERR_INVALID ? WSC_STEP_NO_SENSE : WSC_STEP_NOMEM;
}

const char *wsc_name_first(const struct wsc_job *job) {
    return job->work && job->work->names.len ? (const char *)buf_slice(&job->work->names).p : "";
}

void wsc_name_drop(struct wsc_job *job) {
    buf_consume(&job->work->names, strlen(wsc_name_first(job)) + 1);
}

bool wsc_name_add(struct buf *names, struct slice name) {
    if (!name.n || name.n >= WSC_INSTANCE_CAP || memchr(name.p, 0, name.n))
        return true;
    buf_put(names, name);
    return buf_put(names, slice_of("", 1)) == 0;
}

/* --- SETUP_READ --- */

static bool take_setup(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_card *card = wsc_card_of(job);
    if (card && instance && amt_decode_setup(m, instance, &card->setup) == 0)
        job->answered++;
    return card != NULL;
}

static uint8_t on_setup_read(struct wsc_job *job, const struct wsman_msg *m) {
    uint16_t before = job->answered;
    uint8_t next = wsc_walk(job, m, take_setup, wsc_pass_over);
    return next == WSC_STEP_NOMEM || job->answered > before ? next : WSC_STEP_NO_SENSE;
}

static const struct wsc_step SETUP_READ[] = {
    WSC_GET(AMT_GeneralSettings, on_setup_read, NULL),
    WSC_GET(IPS_HostBasedSetupService, on_setup_read, NULL),
};
const struct wsc_plan WSC_PLAN_SETUP_READ = WSC_PLAN(SETUP_READ);

/* --- the admin's password: Setup, AdminSetup, SetAdminAclEntryEx --- */

static uint8_t on_realm(struct wsc_job *job, const struct wsman_msg *m) {
    uint32_t at = wsman_first_instance(m);
    struct slice realm = wsman_text(m, at, "DigestRealm");
    if (!wsman_is_instance(m, at, WSMAN_AMT_GeneralSettings) || !realm.n ||
        !slice_to_str(realm, job->work->realm, sizeof job->work->realm))
        return WSC_STEP_NO_SENSE;
    return wsc_pass_over(job);
}

/* Type 2: the password is MD5(user:realm:password), hex */
static int put_setup(const struct wsc_job *job, struct buf *out) {
    const struct wsc_args *a = &job->work->args;
    bool admin = job->kind == WSC_SETUP_ACM;
    char ha1[DIGEST_HA1_CAP];
    int err = digest_ha1(a->user, job->work->realm, a->password, ha1);
    const struct wsc_param params[] = {{"NetAdminPassEncryptionType", "2"},
                                       {"NetworkAdminPassword", ha1},
                                       {"McNonce", admin ? a->nonce : NULL},
                                       {"SigningAlgorithm", admin ? "2" : NULL},
                                       {"DigitalSignature", admin ? a->signature : NULL}};
    if (err == 0)
        err = WSC_PUT_PARAMS(job, out, params);
    explicit_bzero(ha1, sizeof ha1);
    return err;
}

static const struct wsc_step SETUP_CCM[] = {
    WSC_GET(AMT_GeneralSettings, on_realm, NULL),
    WSC_CALL_ONCE(IPS_HostBasedSetupService, "Setup", put_setup, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_SETUP_CCM = WSC_PLAN(SETUP_CCM);

static const struct wsc_step SETUP_ACM[] = {
    WSC_GET(AMT_GeneralSettings, on_realm, NULL),
    WSC_CALL_ONCE(IPS_HostBasedSetupService, "AdminSetup", put_setup, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_SETUP_ACM = WSC_PLAN(SETUP_ACM);

static int put_admin(const struct wsc_job *job, struct buf *out) {
    const struct wsc_args *a = &job->work->args;
    char digest[AMT_DIGEST64_CAP];
    int err = amt_digest64(a->user, job->work->realm, a->password, digest);
    const struct wsc_param params[] = {{"Username", a->user}, {"DigestPassword", digest}};
    if (err == 0)
        err = WSC_PUT_PARAMS(job, out, params);
    explicit_bzero(digest, sizeof digest);
    return err;
}

/* Once: after the first time the old password does not log in any more. */
static const struct wsc_step ADMIN_SET[] = {
    WSC_GET(AMT_GeneralSettings, on_realm, NULL),
    WSC_CALL_ONCE(AMT_AuthorizationService, "SetAdminAclEntryEx", put_admin, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_ADMIN_SET = WSC_PLAN(ADMIN_SET);

static int put_mebx(const struct wsc_job *job, struct buf *out) {
    const struct wsc_param params[] = {{"Password", job->work->args.password}};
    return WSC_PUT_PARAMS(job, out, params);
}

static const struct wsc_step MEBX_SET[] = {
    WSC_CALL_ONCE(AMT_SetupAndConfigurationService, "SetMEBxPassword", put_mebx, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_MEBX_SET = WSC_PLAN(MEBX_SET);

/* --- the chain, the upgrade, the way back --- */

static int put_chain(const struct wsc_job *job, struct buf *out) {
    const struct wsc_param params[] = {{"NextCertificate", job->work->args.certificate},
                                       {"IsLeafCertificate", job->arg & 1 ? "true" : "false"},
                                       {"IsRootCertificate", job->arg & 2 ? "true" : "false"}};
    return WSC_PUT_PARAMS(job, out, params);
}

/* Once: the firmware counts them. */
static const struct wsc_step CHAIN_ADD[] = {
    WSC_CALL_ONCE(IPS_HostBasedSetupService, "AddNextCertInChain", put_chain, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_CHAIN_ADD = WSC_PLAN(CHAIN_ADD);

static int put_upgrade(const struct wsc_job *job, struct buf *out) {
    const struct wsc_param params[] = {{"McNonce", job->work->args.nonce},
                                       {"SigningAlgorithm", "2"},
                                       {"DigitalSignature", job->work->args.signature}};
    return WSC_PUT_PARAMS(job, out, params);
}

static const struct wsc_step UPGRADE_ACM[] = {
    WSC_CALL_ONCE(IPS_HostBasedSetupService, "UpgradeClientToAdmin", put_upgrade, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_UPGRADE_ACM = WSC_PLAN(UPGRADE_ACM);

static int put_unprovision(const struct wsc_job *job, struct buf *out) {
    static const struct wsc_param params[] = {{"ProvisioningMode", "1"}};
    return WSC_PUT_PARAMS(job, out, params);
}

static const struct wsc_step UNPROVISION[] = {
    WSC_CALL_ONCE(AMT_SetupAndConfigurationService, "Unprovision", put_unprovision, wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_UNPROVISION = WSC_PLAN(UNPROVISION);
