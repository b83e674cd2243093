/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/prov_chain.h"

#include "base/ossl.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

enum { ADD_OK, ADD_PARAMETER, ADD_INTERNAL, ADD_STATE, ADD_REFUSED, ADD_TOO_LONG };

#define EKU_PROVISIONING "2.16.840.1.113741.1.2.3"
#define OU_PROVISIONING  "Intel(R) Client Setup Certificate"

static X509 *read_cert(struct slice der) {
    const uint8_t *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    if (x && p != der.p + der.n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static bool has_eku(X509 *x) {
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    bool found = false;
    char oid[64];
    for (int i = 0; i < sk_ASN1_OBJECT_num(all) && !found; i++)
        found = OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(all, i), 1) > 0 &&
                strcmp(oid, EKU_PROVISIONING) == 0;
    EXTENDED_KEY_USAGE_free(all);
    return found;
}

/* Does one of the subject's entries of that kind pass the test? */
static bool any_entry(X509 *x, int nid, bool (*test)(struct slice text, const char *arg), const char *arg) {
    X509_NAME *name = X509_get_subject_name(x);
    for (int i = -1; (i = X509_NAME_get_index_by_NID(name, nid, i)) >= 0;) {
        const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
        if (test(slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), arg))
            return true;
    }
    return false;
}

static bool is_text(struct slice text, const char *arg) {
    return slice_is(text, arg);
}

/* The name is the suffix or lies under it. */
static bool under(struct slice name, const char *suffix) {
    size_t n = strlen(suffix);
    if (name.n < n || !slice_ieq(slice_skip(name, name.n - n), slice_str(suffix)))
        return false;
    return name.n == n || name.p[name.n - n - 1] == '.';
}

static bool san_under(X509 *x, const char *suffix) {
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && !found; i++) {
        int kind;
        const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &kind);
        found = kind == GEN_DNS &&
                under(slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), suffix);
    }
    GENERAL_NAMES_free(all);
    return found;
}

static bool is_rsa(X509 *x) {
    const EVP_PKEY *key = X509_get0_pubkey(x);
    return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

static bool leaf_ok(const struct prov *p, X509 *x, int64_t now_s) {
    const char *suffix = p->dns_suffix[0] ? p->dns_suffix : p->dhcp_suffix;
    time_t now = (time_t)now_s;
    if (!is_rsa(x) || !(has_eku(x) || any_entry(x, NID_organizationalUnitName, is_text, OU_PROVISIONING)))
        return false;
    if (X509_cmp_time(X509_get0_notBefore(x), &now) > 0 || X509_cmp_time(X509_get0_notAfter(x), &now) < 0)
        return false;
    return suffix[0] && (any_entry(x, NID_commonName, under, suffix) || san_under(x, suffix));
}

static bool issued(X509 *issuer, struct slice subject_der) {
    X509 *subject = read_cert(subject_der);
    bool r = subject && X509_check_ca(issuer) >= 1 && X509_check_issued(issuer, subject) == X509_V_OK &&
             X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
    X509_free(subject);
    return r;
}

static bool root_trusted(const struct prov *p, struct slice der) {
    static const char *const ALGS[] = {NULL, "SHA1", "SHA256", "SHA384"};
    for (size_t i = 0; i < p->nroots; i++) {
        const struct prov_root_hash *h = &p->roots[i];
        uint8_t md[EVP_MAX_MD_SIZE];
        size_t n = 0;
        if (h->active && h->alg && h->alg < sizeof ALGS / sizeof ALGS[0] &&
            EVP_Q_digest(NULL, ALGS[h->alg], NULL, der.p, der.n, md, &n) == 1 &&
            slice_eq(slice_of(md, n), slice_of(h->hash, h->n)))
            return true;
    }
    return false;
}

static uint32_t check(const struct prov *p, struct slice der, bool leaf, bool root, int64_t now_s) {
    X509 *x = read_cert(der);
    if (!x)
        return ADD_PARAMETER;
    bool ok = true;
    if (leaf)
        ok = leaf_ok(p, x, now_s);
    else
        ok = issued(x, slice_of(p->chain[p->nchain - 1].der, p->chain[p->nchain - 1].n));
    if (ok && root)
        ok = issued(x, der) && root_trusted(p, der);
    X509_free(x);
    return ok ? ADD_OK : ADD_REFUSED;
}

uint32_t prov_chain_add(struct prov *p, struct slice der, bool leaf, bool root, int64_t now_s) {
    if (leaf && root)
        return ADD_PARAMETER;
    if (leaf)
        prov_chain_drop(p);
    else if (p->nchain == 0 || p->chain_status == 2)
        return ADD_STATE;
    uint32_t r = p->nchain == PROV_CHAIN_MAX ? ADD_TOO_LONG : check(p, der, leaf, root, now_s);
    struct prov_cert *c = &p->chain[p->nchain % PROV_CHAIN_MAX];
    if (r == ADD_OK && !prov_cert_set(c, der, 0, root))
        r = ADD_INTERNAL;
    ERR_clear_error();
    if (r != ADD_OK) {
        prov_chain_drop(p);
        return r;
    }
    p->nchain++;
    p->chain_status = root ? 2 : 1;
    return ADD_OK;
}

bool prov_chain_signed(const struct prov *p, const uint8_t mc_nonce[AMT_NONCE_BYTES],
                       struct slice signature) {
    uint8_t text[2 * AMT_NONCE_BYTES];
    memcpy(text, p->nonce, AMT_NONCE_BYTES);
    memcpy(text + AMT_NONCE_BYTES, mc_nonce, AMT_NONCE_BYTES);
    X509 *leaf = p->nchain ? read_cert(slice_of(p->chain[0].der, p->chain[0].n)) : NULL;
    EVP_MD_CTX *md = leaf ? EVP_MD_CTX_new() : NULL;
    bool ok = md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, X509_get0_pubkey(leaf)) == 1 &&
              EVP_DigestVerify(md, signature.p, signature.n, text, sizeof text) == 1;
    EVP_MD_CTX_free(md);
    X509_free(leaf);
    ERR_clear_error();
    return ok;
}
