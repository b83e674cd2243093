/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of the firmware's own TLS: a key pair of its making, its certificate and settings. Source:
 * reference protocol-redir-activation 5.6, protocol-cira-wsman 4.10, 4.11. */
#include "proto/wsclient_int.h"

#include <stdio.h>

/* --- TLS_KEY --- */

static int put_key(const struct wsc_job *job, struct buf *out) {
    static const struct wsc_param params[] = {{"KeyAlgorithm", "0"}, {"KeyLength", "2048"}}; /* RSA */
    return WSC_PUT_PARAMS(job, out, params);
}

static uint8_t on_key_made(struct wsc_job *job, const struct wsman_msg *m) {
    struct wsc_work *w = job->work;
    uint8_t next = wsc_on_method(job, m);
    if (next >= WSC_STEP_NOMEM)
        return next;
    if (!amt_epr_key(m, wsman_payload(m), "KeyPair", "InstanceID", w->instance, sizeof w->instance))
        return WSC_STEP_NO_SENSE;
    return wsc_name_add(&w->names, slice_str(w->instance)) ? next : WSC_STEP_NOMEM;
}

static uint8_t on_key_read(struct wsc_job *job, const struct wsman_msg *m) {
    uint32_t at = wsman_first_instance(m);
    struct slice key = wsman_text(m, at, "DERKey");
    if (!wsman_is_instance(m, at, WSMAN_AMT_PublicPrivateKeyPair) || !key.n)
        return WSC_STEP_NO_SENSE;
    struct wsc_card *card = wsc_card_of(job);
    if (!card)
        return WSC_STEP_NOMEM;
    return slice_to_str(key, card->text, sizeof card->text) ? WSC_STEP_DONE : WSC_STEP_NO_SENSE;
}

static const struct wsc_step TLS_KEY[] = {
    WSC_CALL_ONCE(AMT_PublicKeyManagementService, "GenerateKeyPair", put_key, on_key_made, NULL),
    {.cls = WSMAN_AMT_PublicPrivateKeyPair, .op = WSMAN_GET, .key = "InstanceID", .answer = on_key_read},
};
const struct wsc_plan WSC_PLAN_TLS_KEY = WSC_PLAN(TLS_KEY);

/* --- TLS_SET --- */

enum {
    READ_CERTIFICATES,
    ADD_ROOT,
    ADD_LEAF,
    READ_CONTEXT,
    CREATE_CONTEXT,
    PUT_CONTEXT,
    READ_REMOTE,
    PUT_REMOTE,
    READ_LOCAL,
    PUT_LOCAL,
    COMMIT
};
enum { MUTUAL = 1, PLAIN_TOO = 2, SETTLE_MS = 5000 /* between the two settings; 5.6 */ };

static bool find_certificates(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_work *w = job->work;
    if (!wsman_is_instance(m, instance, WSMAN_AMT_PublicKeyCertificate))
        return true;
    struct slice text = wsman_text(m, instance, "X509Certificate");
    bool root = false;
    wsman_bool(m, instance, "TrustedRootCertficate", &root);
    if (root)
        w->have_root |= amt_cert_eq(text, slice_str(w->args.certificate));
    else if (amt_cert_eq(text, slice_str(w->args.leaf)))
        slice_to_str(wsman_text(m, instance, "InstanceID"), w->instance, sizeof w->instance);
    return true;
}

static uint8_t to_leaf(struct wsc_job *job) {
    return job->work->instance[0] ? READ_CONTEXT : ADD_LEAF;
}
static uint8_t to_root(struct wsc_job *job) {
    const char *root = job->work->args.certificate;
    return !root || !*root || job->work->have_root ? to_leaf(job) : ADD_ROOT;
}
static uint8_t on_certificates(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, find_certificates, to_root);
}
static uint8_t certificates_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : to_root(job);
}

static uint8_t on_root(struct wsc_job *job, const struct wsman_msg *m) {
    uint8_t next = wsc_on_add(job, m);
    return next >= WSC_STEP_NOMEM ? next : to_leaf(job);
}
static uint8_t root_there(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : to_leaf(job);
}

static int put_leaf(const struct wsc_job *job, struct buf *out) {
    const struct wsc_param params[] = {{"CertificateBlob", job->work->args.leaf}};
    return WSC_PUT_PARAMS(job, out, params);
}
static uint8_t on_leaf(struct wsc_job *job, const struct wsman_msg *m) {
    struct wsc_work *w = job->work;
    uint8_t next = wsc_on_method(job, m);
    if (next < WSC_STEP_NOMEM && !amt_epr_key(m, wsman_payload(m), "CreatedCertificate", "InstanceID",
                                              w->instance, sizeof w->instance))
        return WSC_STEP_NO_SENSE;
    return next;
}

/* --- which certificate it shows --- */

static bool find_context(struct wsc_job *job, const struct wsman_msg *m, uint32_t instance) {
    struct wsc_work *w = job->work;
    char certificate[WSC_INSTANCE_CAP];
    if (!instance)
        w->have_context = w->changed = false;
    if (!wsman_is_instance(m, instance, WSMAN_AMT_TLSCredentialContext))
        return true;
    w->have_context = true;
    w->changed =
        !amt_epr_key(m, instance, "ElementInContext", "InstanceID", certificate, sizeof certificate) ||
        strcmp(certificate, w->instance) != 0;
    return true;
}
static uint8_t to_context(struct wsc_job *job) {
    return !job->work->have_context ? CREATE_CONTEXT : job->work->changed ? PUT_CONTEXT : READ_REMOTE;
}
static uint8_t on_context(struct wsc_job *job, const struct wsman_msg *m) {
    return wsc_walk(job, m, find_context, to_context);
}

static int put_context(const struct wsc_job *job, struct buf *out) {
    static const struct wsman_selector collection[] = {
        {"ElementName", "TLSProtocolEndpointInstances Collection"}, {NULL, NULL}};
    const struct wsman_selector certificate[] = {{"InstanceID", job->work->instance}, {NULL, NULL}};
    const char *uri = wsman_class_uri(WSMAN_AMT_TLSCredentialContext);
    buf_putf(out, "<p:AMT_TLSCredentialContext xmlns:p=\"%s\">", uri);
    amt_put_epr(out, "ElementInContext", WSMAN_AMT_PublicKeyCertificate, certificate);
    amt_put_epr(out, "ElementProvidingContext", WSMAN_AMT_TLSProtocolEndpointCollection, collection);
    return buf_puts(out, "</p:AMT_TLSCredentialContext>");
}
static uint8_t on_created(struct wsc_job *job, const struct wsman_msg *m) {
    return READ_REMOTE;
}
static uint8_t context_there(struct wsc_job *job) {
    return wsc_fault_is(job, "AlreadyExists") ? READ_REMOTE : WSC_STEP_FAULT;
}

/* --- the two settings: of the network, and of the host's own ports --- */

static const char *word(bool v) {
    return v ? "true" : "false";
}
static bool bool_is(const struct wsman_msg *m, uint32_t at, const char *name, bool want) {
    bool v = false;
    return wsman_bool(m, at, name, &v) && v == want;
}

static uint8_t on_remote(struct wsc_job *job, const struct wsman_msg *m) {
    bool mutual = job->arg & MUTUAL, plain = job->arg & PLAIN_TOO;
    uint32_t at = wsman_first_instance(m);
    const struct amt_edit edits[] = {{"AcceptNonSecureConnections", word(plain)},
                                     {"Enabled", "true"},
                                     {"MutualAuthentication", word(mutual)},
                                     {"NonSecureConnectionsSupported", NULL}}; /* read-only */
    if (bool_is(m, at, "Enabled", true) && bool_is(m, at, "MutualAuthentication", mutual) &&
        bool_is(m, at, "AcceptNonSecureConnections", plain))
        return READ_LOCAL;
    return wsc_change(job, m, WSMAN_AMT_TLSSettingData, edits, 4);
}

static uint8_t on_local(struct wsc_job *job, const struct wsman_msg *m) {
    static const struct amt_edit edits[] = {{"Enabled", "true"}, {"NonSecureConnectionsSupported", NULL}};
    if (bool_is(m, wsman_first_instance(m), "Enabled", true))
        return COMMIT;
    return wsc_change(job, m, WSMAN_AMT_TLSSettingData, edits, 2);
}
static uint8_t local_absent(struct wsc_job *job) {
    return wsc_pass_absent(job) == WSC_STEP_FAULT ? WSC_STEP_FAULT : COMMIT;
}

static const struct wsc_step TLS_SET[] = {
    [READ_CERTIFICATES] = WSC_ENUMERATE(AMT_PublicKeyCertificate, on_certificates, certificates_absent),
    [ADD_ROOT] = WSC_CALL(AMT_PublicKeyManagementService, "AddTrustedRootCertificate", wsc_put_root, on_root,
                          root_there),
    [ADD_LEAF] = WSC_CALL_ONCE(AMT_PublicKeyManagementService, "AddCertificate", put_leaf, on_leaf, NULL),
    [READ_CONTEXT] = WSC_ENUMERATE(AMT_TLSCredentialContext, on_context, NULL),
    [CREATE_CONTEXT] = {.cls = WSMAN_AMT_TLSCredentialContext,
                        .op = WSMAN_CREATE,
                        .put_body = put_context,
                        .answer = on_created,
                        .fault = context_there},
    [PUT_CONTEXT] = WSC_PUT(AMT_TLSCredentialContext, put_context, wsc_next, NULL),
    [READ_REMOTE] = WSC_TLS_GET(WSC_TLS_REMOTE, on_remote, NULL),
    [PUT_REMOTE] = WSC_TLS_PUT(WSC_TLS_REMOTE, 0, wsc_next),
    [READ_LOCAL] = WSC_TLS_GET(WSC_TLS_LOCAL, on_local, local_absent),
    [PUT_LOCAL] = WSC_TLS_PUT(WSC_TLS_LOCAL, SETTLE_MS, wsc_next),
    /* once: it restarts the ports, and what comes after it may meet none */
    [COMMIT] = WSC_CALL_ONCE(AMT_SetupAndConfigurationService, "CommitChanges", wsc_put_nothing,
                             wsc_on_method, NULL),
};
const struct wsc_plan WSC_PLAN_TLS_SET = WSC_PLAN(TLS_SET);
