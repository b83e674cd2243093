/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, the key pair, TLS (reference 4.10, 4.11). */
#include "sim/firmware.h"

#include "base/ossl.h"
#include "base/text.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CERT_NAME "Intel(r) AMT Certificate: Handle: "
#define KEY_NAME  "Intel(r) AMT Key: Handle: "
#define TLS_USERS "TLSProtocolEndpoint Instances Collection"

enum { CERT_MAX = 8192, RSA_BITS = 2048, DN_MAX = 512 };

static const char *handle_key(const char *name, uint32_t handle, char *scratch) {
    snprintf(scratch, FW_KEY_CAP, "%s%u", name, handle);
    return scratch;
}
static void put_epr(struct fw_call *c, const char *name, enum wsman_class cls, const char *key) {
    const char *const selectors[] = {"InstanceID", key, NULL};
    fw_put_epr(c, name, cls, selectors);
}
static X509 *x509_of(const struct prov_cert *k) {
    const uint8_t *p = k->der;
    return d2i_X509(NULL, &p, (long)k->n);
}

/* --- AMT_PublicKeyCertificate --- */

static unsigned cert_slot(const struct prov *p, unsigned index) {
    unsigned i = 0;
    while (i < PROV_CERTS_MAX && (!p->certs[i].der || index-- > 0))
        i++;
    return i;
}
static struct prov_cert *cert_of(const struct fw_call *c) {
    return &c->node->prov->certs[cert_slot(c->node->prov, c->index)];
}
static unsigned cert_count(const struct sim_node *n) {
    unsigned k = 0;
    for (size_t i = 0; i < PROV_CERTS_MAX; i++)
        k += n->prov->certs[i].der != NULL;
    return k;
}
static const char *cert_key(const struct sim_node *n, unsigned index, char *scratch) {
    return handle_key(CERT_NAME, n->prov->certs[cert_slot(n->prov, index)].handle, scratch);
}

/* "C=..,O=..,CN=.." */
static void put_dn(struct fw_call *c, const char *name, bool issuer) {
    X509 *x = x509_of(cert_of(c));
    BIO *b = BIO_new(BIO_s_mem());
    char text[DN_MAX] = "";
    const X509_NAME *dn = x ? (issuer ? X509_get_issuer_name(x) : X509_get_subject_name(x)) : NULL;
    if (dn && b && X509_NAME_print_ex(b, dn, 0, XN_FLAG_SEP_COMMA_PLUS | ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        int n = BIO_read(b, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
    }
    fw_put_text(c, name, text);
    BIO_free(b);
    X509_free(x);
}
static void cert_id(struct fw_call *c, const char *name) {
    char key[FW_KEY_CAP];
    fw_put_text(c, name, cert_key(c->node, c->index, key));
}
static void cert_issuer(struct fw_call *c, const char *name) {
    put_dn(c, name, true);
}
static void cert_subject(struct fw_call *c, const char *name) {
    put_dn(c, name, false);
}
static void cert_root(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, cert_of(c)->root);
}
static void cert_der(struct fw_call *c, const char *name) {
    fw_put_base64(c, name, slice_of(cert_of(c)->der, cert_of(c)->n));
}
static const struct fw_prop CERT[] = {
    FW_TEXT("ElementName", "Intel(r) AMT Certificate"),
    FW_FN("InstanceID", cert_id),
    FW_FN("Issuer", cert_issuer),
    FW_TEXT("ReadOnlyCertificate", "false"),
    FW_FN("Subject", cert_subject),
    FW_FN("TrustedRootCertficate", cert_root),
    FW_FN("X509Certificate", cert_der),
};
static void delete_cert(struct fw_call *c) {
    struct prov *p = c->node->prov;
    if (cert_of(c)->handle == p->tls_cert) {
        fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 16"); /* in use */
        return;
    }
    prov_cert_drop(cert_of(c));
    p->changed = true;
}

/* --- AMT_PublicPrivateKeyPair --- */

static unsigned key_count(const struct sim_node *n) {
    unsigned k = 0;
    while (k < PROV_KEYS_MAX && n->prov->keys[k])
        k++;
    return k;
}
static const char *key_key(const struct sim_node *n, unsigned index, char *scratch) {
    return handle_key(KEY_NAME, n->prov->keys[index], scratch);
}
static void key_id(struct fw_call *c, const char *name) {
    char key[FW_KEY_CAP];
    fw_put_text(c, name, key_key(c->node, c->index, key));
}
/* The public key as PKCS#1 has it. */
static void key_der(struct fw_call *c, const char *name) {
    uint8_t *der = NULL;
    int n = i2d_PublicKey(c->node->prov->key, &der);
    if (n > 0)
        fw_put_base64(c, name, slice_of(der, (size_t)n));
    else
        fw_fault(c, FW_FAULT_INTERNAL);
    OPENSSL_free(der);
}
static const struct fw_prop KEY[] = {
    FW_FN("DERKey", key_der),
    FW_TEXT("ElementName", "Intel(r) AMT Key"),
    FW_FN("InstanceID", key_id),
};
/* Not that of the certificate in use. */
static void delete_key(struct fw_call *c) {
    struct prov *p = c->node->prov;
    const struct prov_cert *leaf = p->tls_cert ? prov_cert_find(p, p->tls_cert) : NULL;
    if (leaf && leaf->key == p->keys[c->index]) {
        fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 16");
        return;
    }
    for (size_t i = c->index; i < PROV_KEYS_MAX; i++)
        p->keys[i] = i + 1 < PROV_KEYS_MAX ? p->keys[i + 1] : 0;
    if (p->keys[0])
        return;
    EVP_PKEY_free(p->key);
    p->key = NULL;
}

/* --- AMT_PublicKeyManagementService --- */

static const struct fw_prop MANAGEMENT[] = {
    FW_TEXT("CreationClassName", "AMT_PublicKeyManagementService"),
    FW_TEXT("ElementName", "Intel(r) AMT Certificate Store Service"),
    FW_TEXT("EnabledDefault", "5"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Public Key Management Service"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};

/* Is that certificate one that the store may take? PT_STATUS. */
static uint32_t cert_fits(const struct prov *p, struct slice der, bool root) {
    X509 *x = x509_of(&(struct prov_cert){.der = (uint8_t *)(uintptr_t)der.p, .n = der.n});
    uint32_t r = PT_OK;
    if (!x || (root && X509_check_ca(x) < 1))
        r = PT_CERT;
    else if (!root && (!p->key || EVP_PKEY_eq(X509_get0_pubkey(x), p->key) != 1))
        r = PT_KEY_NOT_MATCH;
    for (size_t i = 0; i < PROV_CERTS_MAX && r == PT_OK; i++)
        if (p->certs[i].der && slice_eq(slice_of(p->certs[i].der, p->certs[i].n), der))
            r = PT_DUPLICATE;
    X509_free(x);
    ERR_clear_error();
    return r;
}
static uint32_t add_cert(struct fw_call *c, bool root) {
    struct prov *p = c->node->prov;
    uint8_t der[CERT_MAX];
    int n = text_unbase64(wsman_text(c->rq, c->payload, "CertificateBlob"), der, sizeof der);
    if (n <= 0)
        return PT_PARAMETER;
    uint32_t r = cert_fits(p, slice_of(der, (size_t)n), root);
    if (r != PT_OK)
        return r;
    struct prov_cert *slot = prov_cert_free(p);
    char key[FW_KEY_CAP];
    if (!slot)
        return PT_MAX_LIMIT;
    if (!prov_cert_set(slot, slice_of(der, (size_t)n), ++p->next_handle, root))
        return PT_INTERNAL;
    if (!root)
        slot->key = p->keys[key_count(c->node) - 1];
    p->changed = true;
    put_epr(c, "CreatedCertificate", WSMAN_AMT_PublicKeyCertificate,
            handle_key(CERT_NAME, slot->handle, key));
    return PT_OK;
}
static uint32_t add_root(struct fw_call *c) {
    return add_cert(c, true);
}
static uint32_t add_leaf(struct fw_call *c) {
    return add_cert(c, false);
}

/* The fleet's one key under a new handle. */
static uint32_t generate_key(struct fw_call *c) {
    struct prov *p = c->node->prov;
    struct sim_fleet *f = c->node->fleet;
    uint64_t algorithm, bits;
    char key[FW_KEY_CAP];
    unsigned at = key_count(c->node);
    if (!wsman_u64(c->rq, c->payload, "KeyAlgorithm", UINT32_MAX, &algorithm) || algorithm != 0 ||
        !wsman_u64(c->rq, c->payload, "KeyLength", UINT32_MAX, &bits))
        return PT_PARAMETER;
    if (bits != RSA_BITS)
        return PT_UNSUPPORTED;
    if (at == PROV_KEYS_MAX)
        return PT_MAX_LIMIT;
    if (!f->key)
        f->key = EVP_RSA_gen(RSA_BITS);
    if (!f->key || (!p->key && EVP_PKEY_up_ref(f->key) != 1))
        return PT_INTERNAL;
    p->key = f->key;
    p->keys[at] = ++p->next_handle;
    put_epr(c, "KeyPair", WSMAN_AMT_PublicPrivateKeyPair, key_key(c->node, at, key));
    return PT_OK;
}
static const struct fw_method MANAGEMENT_METHODS[] = {
    {"AddTrustedRootCertificate", add_root},
    {"AddCertificate", add_leaf},
    {"GenerateKeyPair", generate_key},
};

/* --- AMT_TLSCredentialContext, AMT_TLSProtocolEndpointCollection --- */

static const struct fw_prop COLLECTION[] = {FW_TEXT("ElementName", TLS_USERS)};

static unsigned context_count(const struct sim_node *n) {
    return n->prov->tls_cert ? 1 : 0;
}
static void context_cert(struct fw_call *c, const char *name) {
    char key[FW_KEY_CAP];
    put_epr(c, name, WSMAN_AMT_PublicKeyCertificate, handle_key(CERT_NAME, c->node->prov->tls_cert, key));
}
static void context_users(struct fw_call *c, const char *name) {
    static const char *const SELECTORS[] = {"ElementName", TLS_USERS, NULL};
    fw_put_epr(c, name, WSMAN_AMT_TLSProtocolEndpointCollection, SELECTORS);
}
static const struct fw_prop CONTEXT[] = {
    FW_FN("ElementInContext", context_cert),
    FW_FN("ElementProvidingContext", context_users),
};
/* The handle of the leaf that the body's reference names; 0 after a fault. */
static uint32_t context_handle(struct fw_call *c) {
    uint32_t epr = wsman_child(c->rq, c->payload, "ElementInContext");
    struct slice want = epr ? wsman_selector(c->rq, epr, "InstanceID") : SLICE_EMPTY;
    char key[FW_KEY_CAP];
    for (size_t i = 0; i < PROV_CERTS_MAX; i++) {
        const struct prov_cert *k = &c->node->prov->certs[i];
        if (k->der && !k->root && slice_is(want, handle_key(CERT_NAME, k->handle, key)))
            return k->handle;
    }
    fw_fault(c, FW_FAULT_SCHEMA);
    return 0;
}
static void set_context(struct fw_call *c) {
    uint32_t handle = context_handle(c);
    if (!handle)
        return;
    c->node->prov->tls_cert = handle;
    c->node->prov->changed = true;
}
static void create_context(struct fw_call *c) {
    static const char *const NONE[] = {NULL}; /* its selectors are references; there is only one */
    if (c->node->prov->tls_cert)
        fw_fault(c, FW_FAULT_EXISTS);
    set_context(c);
    if (c->fault == FW_OK)
        fw_put_epr(c, "ResourceCreated", WSMAN_AMT_TLSCredentialContext, NONE);
}
/* Only while TLS is off. */
static void delete_context(struct fw_call *c) {
    struct prov *p = c->node->prov;
    if (p->tls.remote || p->tls.local) {
        fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 16");
        return;
    }
    p->tls_cert = 0;
    p->changed = true;
}

/* --- AMT_TLSSettingData: 0 remote, 1 local --- */

static const char *const TLS_NAMES[] = {"Intel(r) AMT 802.3 TLS Settings", "Intel(r) AMT LMS TLS Settings"};

static unsigned tls_count(const struct sim_node *n) {
    return FW_LEN(TLS_NAMES);
}
static const char *tls_key(const struct sim_node *n, unsigned index, char *scratch) {
    return TLS_NAMES[index];
}
/* What was put shows, though it waits for CommitChanges. */
static const struct prov_tls *tls_of(const struct fw_call *c) {
    const struct prov *p = c->node->prov;
    return p->tls_pending ? &p->tls_next : &p->tls;
}
static void tls_plain_too(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->index == 0 && tls_of(c)->plain_too);
}
static void tls_enabled(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->index == 0 ? tls_of(c)->remote : tls_of(c)->local);
}
static void tls_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, TLS_NAMES[c->index]);
}
static void tls_mutual(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->index == 0 && tls_of(c)->mutual);
}
static void tls_plain_supported(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, !sim_profile_info(c->node->cfg.profile)->tls_only);
}
static const struct fw_prop TLS[] = {
    FW_FN("AcceptNonSecureConnections", tls_plain_too),
    FW_FN("ElementName", tls_name),
    FW_FN("Enabled", tls_enabled),
    FW_FN("InstanceID", tls_name),
    FW_FN("MutualAuthentication", tls_mutual),
    FW_FN("NonSecureConnectionsSupported", tls_plain_supported),
};
static void put_tls(struct fw_call *c) {
    struct prov *p = c->node->prov;
    struct prov_tls wish = *tls_of(c);
    bool enabled, mutual = false, plain = false;
    if (!wsman_bool(c->rq, c->payload, "Enabled", &enabled)) {
        fw_fault(c, FW_FAULT_SCHEMA);
        return;
    }
    (void)wsman_bool(c->rq, c->payload, "MutualAuthentication", &mutual);
    (void)wsman_bool(c->rq, c->payload, "AcceptNonSecureConnections", &plain);
    if (enabled && !p->tls_cert) {
        fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 2060"); /* PKI_MISSING_KEYS */
        return;
    }
    if (c->index == 0) {
        wish.remote = enabled;
        wish.mutual = mutual;
        wish.plain_too = plain;
    } else {
        wish.local = enabled;
    }
    p->tls_next = wish;
    p->tls_pending = true;
}

const struct fw_class FW_CERTS[] = {
    {.cls = WSMAN_AMT_PublicKeyManagementService,
     FW_PROPS(MANAGEMENT),
     FW_METHODS(MANAGEMENT_METHODS),
     .prov = true},
    {.cls = WSMAN_AMT_PublicKeyCertificate,
     FW_PROPS(CERT),
     .prov = true,
     .count = cert_count,
     .key = "InstanceID",
     .key_of = cert_key,
     .del = delete_cert,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_PublicPrivateKeyPair,
     FW_PROPS(KEY),
     .prov = true,
     .count = key_count,
     .key = "InstanceID",
     .key_of = key_key,
     .del = delete_key},
    {.cls = WSMAN_AMT_TLSProtocolEndpointCollection, FW_PROPS(COLLECTION)},
    {.cls = WSMAN_AMT_TLSCredentialContext,
     FW_PROPS(CONTEXT),
     .prov = true,
     .count = context_count,
     .put = set_context,
     .create = create_context,
     .del = delete_context},
    {.cls = WSMAN_AMT_TLSSettingData,
     FW_PROPS(TLS),
     .prov = true,
     .count = tls_count,
     .key = "InstanceID",
     .key_of = tls_key,
     .put = put_tls},
    {.cls = WSMAN_CLASS_NONE},
};
