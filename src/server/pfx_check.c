/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware will ask of a provisioning certificate, asked here first. Reference 5.4 */
#include "server/pfx_int.h"

#include "base/text.h"
#include "net/pki.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define SETUP_OID "2.16.840.1.113741.1.2.3"
#define SETUP_OU  "Intel(R) Client Setup Certificate"

static int bad(struct errinfo *ei, const char *remedy, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int bad(struct errinfo *ei, const char *remedy, const char *fmt, ...) {
    char text[sizeof ei->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(ei, ERR_INVALID, "certificate", "%s", text);
    err_remedy(ei, "%s", remedy);
    return ERR_INVALID;
}

static int no_memory(struct errinfo *ei) {
    return err_set(ei, ERR_NOMEM, "", "out of memory");
}

/* --- names --- */
bool pfx_suffix_ok(const char *suffix) {
    struct slice rest = slice_str(suffix);
    size_t labels = 0;
    if (rest.n >= AMT_HOST_CAP || !text_in_set(rest, TEXT_LOWER TEXT_DIGITS "-.", 1, AMT_HOST_CAP - 1) ||
        rest.p[rest.n - 1] == '.')
        return false;
    for (; rest.n; labels++) {
        struct slice label = slice_cut(&rest, '.');
        if (!label.n || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    }
    return labels >= 2;
}

/* Equal to the suffix, or below it. */
static bool under(struct slice name, const char *suffix) {
    struct slice want = slice_str(suffix);
    if (name.n < want.n)
        return false;
    struct slice tail = slice_skip(name, name.n - want.n);
    return slice_ieq(tail, want) && (name.n == want.n || name.p[name.n - want.n - 1] == '.');
}

static struct slice string_of(const ASN1_STRING *s) {
    return slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static bool subject_has(const X509 *x, int nid, bool (*fits)(struct slice value, const char *want),
                        const char *want) {
    const X509_NAME *subject = X509_get_subject_name(x);
    for (int i = -1; (i = X509_NAME_get_index_by_NID((X509_NAME *)subject, nid, i)) >= 0;)
        if (fits(string_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))), want))
            return true;
    return false;
}

static bool alt_name_under(const X509 *x, const char *suffix) {
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        found = g->type == GEN_DNS && under(string_of(g->d.dNSName), suffix);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static int check_suffix(const X509 *leaf, const char *subject, const char *suffix, struct errinfo *ei) {
    if (subject_has(leaf, NID_commonName, under, suffix) || alt_name_under(leaf, suffix))
        return 0;
    err_set(ei, ERR_INVALID, "suffix",
            "the certificate (%s) has no name under %s: neither its CN nor a DNS name of subjectAltName is",
            subject, suffix);
    err_remedy(ei, "Use the suffix that the certificate was issued for, or a certificate for this suffix.");
    return ERR_INVALID;
}

/* --- purpose --- */
static bool has_setup_oid(const X509 *x) {
    EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    char oid[64];
    bool found = false;
    for (int i = 0; !found && i < sk_ASN1_OBJECT_num(uses); i++)
        found =
            OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(uses, i), 1) > 0 && strcmp(oid, SETUP_OID) == 0;
    EXTENDED_KEY_USAGE_free(uses);
    return found;
}

static int check_purpose(const X509 *leaf, const char *subject, struct errinfo *ei) {
    if (has_setup_oid(leaf) || subject_has(leaf, NID_organizationalUnitName, slice_is, SETUP_OU))
        return 0;
    return bad(ei, "Ask the certificate authority for a certificate for Intel AMT provisioning.",
               "the certificate (%s) is not meant for AMT: its extended key usage lacks " SETUP_OID
               " (or its subject OU=" SETUP_OU ")",
               subject);
}

/* --- key and leaf --- */
static int check_key(const struct pfx_parts *p, struct errinfo *ei) {
    if (p->nkeys == 1)
        return 0;
    if (p->nkeys)
        return bad(ei, "Export the one certificate and its key only.",
                   "the PFX file holds %zu private keys; one is wanted", p->nkeys);
    return bad(ei, "Export the certificate together with its private key.",
               "the PFX file holds no private key");
}

static X509 *find_leaf(const struct pfx_parts *p) {
    X509 *found = NULL;
    for (size_t i = 0; !found && i < p->ncerts; i++)
        if (X509_check_private_key(p->certs[i], p->keys[0]) == 1)
            found = p->certs[i];
    return found;
}

/* --- chain --- */
static bool is_issuer(X509 *issuer, X509 *x) {
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(x)) == 0 &&
           X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

static X509 *issuer_of(const struct pfx_parts *p, X509 *x) {
    for (size_t i = 0; i < p->ncerts; i++)
        if (is_issuer(p->certs[i], x))
            return p->certs[i];
    return NULL;
}

/* What pki_read() tells of it; pem is scratch. */
static int facts_of(X509 *x, struct pki_facts *out, struct errinfo *ei) {
    BIO *b = BIO_new(BIO_s_mem());
    char *p;
    long n = b && PEM_write_bio_X509(b, x) == 1 ? BIO_get_mem_data(b, &p) : 0;
    int r = n > 0 ? pki_read(slice_of(p, (size_t)n), out, ei) : no_memory(ei);
    BIO_free(b);
    return r;
}

static int check_cert(X509 *x, bool leaf, struct wall now, struct pki_facts *f, struct errinfo *ei) {
    char when[WALL_TEXT_CAP];
    const EVP_PKEY *k = X509_get0_pubkey(x);
    int r = facts_of(x, f, ei);
    if (r)
        return r;
    if (f->not_after.us <= now.us)
        return bad(ei, "Renew it, then import the new file.", "the certificate of %s expired at %s",
                   f->subject, wall_rfc3339(f->not_after, when));
    if (f->not_before.us > now.us)
        return bad(ei, "Check the clock of this server.", "the certificate of %s is not valid before %s",
                   f->subject, wall_rfc3339(f->not_before, when));
    if (!k || !EVP_PKEY_is_a(k, "RSA"))
        return bad(ei, "AMT takes RSA only: ask for a certificate with an RSA key.",
                   "the key of the certificate of %s is not RSA", f->subject);
    if (EVP_PKEY_get_bits(k) < PFX_KEY_BITS_MIN)
        return bad(ei, "Ask for a certificate with a longer key.",
                   "the RSA key of the certificate of %s has %d bits; at least %d are wanted", f->subject,
                   EVP_PKEY_get_bits(k), PFX_KEY_BITS_MIN);
    if (!leaf && X509_check_ca(x) < 1)
        return bad(ei, "Export the chain of the certificate authority.",
                   "the certificate of %s stands in the chain, but is not that of a certificate authority",
                   f->subject);
    return 0;
}

static int incomplete(X509 *x, struct errinfo *ei) {
    struct pki_facts f;
    int r = facts_of(x, &f, ei);
    return r ? r
             : bad(ei, "Export the file with all certificates of its chain, up to and with the root.",
                   "the chain is incomplete: the certificate of %s is missing, which issued that of %s",
                   f.issuer, f.subject);
}

static int put_cert(X509 *x, struct pfx *out) {
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    int r = n > 0 ? text_base64(&out->chain[out->nchain++], slice_of(der, (size_t)n)) : ERR_NOMEM;
    OPENSSL_free(der);
    return r;
}

/* From the leaf upwards, whatever their order in the file; what does not belong to the chain stays out. */
static int build_chain(const struct pfx_parts *p, X509 *leaf, struct wall now, struct pfx *out, X509 **root,
                       struct errinfo *ei) {
    X509 *x = leaf;
    for (;;) {
        struct pki_facts f;
        if (out->nchain == DOMAIN_CHAIN_MAX)
            return bad(ei, "Ask for a certificate that is nearer to its root.",
                       "the chain is longer than %d certificates, which is the most that the firmware takes",
                       DOMAIN_CHAIN_MAX);
        int r = check_cert(x, x == leaf, now, &f, ei);
        if (r == 0 && put_cert(x, out))
            r = no_memory(ei);
        if (r)
            return r;
        if (x == leaf)
            snprintf(out->subject, sizeof out->subject, "%s", f.subject);
        if (!out->not_after.us || f.not_after.us < out->not_after.us)
            out->not_after = f.not_after;
        if (is_issuer(x, x))
            break;
        X509 *next = issuer_of(p, x);
        if (!next)
            return incomplete(x, ei);
        x = next;
    }
    *root = x;
    if (x != leaf)
        return 0;
    return bad(ei, "Use a certificate that a root certificate has issued.",
               "the certificate of %s is its own root", out->subject);
}

static int put_hashes(const X509 *root, struct pfx *out) {
    const EVP_MD *const MD[] = {EVP_sha1(), EVP_sha256(), EVP_sha384()};
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned n;
    for (size_t i = 0; i < sizeof MD / sizeof *MD; i++) {
        if (X509_digest(root, MD[i], sum, &n) != 1 || 2 * n >= sizeof out->root_hash[i])
            return ERR_NOMEM;
        text_hex(slice_of(sum, n), out->root_hash[i]);
    }
    return 0;
}

static int put_key(EVP_PKEY *k, struct pfx *out) {
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k);
    unsigned char *der = NULL;
    int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
    int r = n > 0 ? text_base64(&out->key_base64, slice_of(der, (size_t)n)) : ERR_NOMEM;
    if (n > 0)
        OPENSSL_clear_free(der, (size_t)n);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return r;
}

int pfx_judge(const struct pfx_parts *p, const char *suffix, struct wall now, struct pfx *out,
              struct errinfo *ei) {
    X509 *leaf, *root = NULL;
    int r = check_key(p, ei);
    if (r)
        return r;
    if (!(leaf = find_leaf(p)))
        return bad(ei, "Export the certificate together with its own private key.",
                   "none of the %zu certificates in the PFX file belongs to its private key", p->ncerts);
    r = build_chain(p, leaf, now, out, &root, ei);
    r = r ? r : check_purpose(leaf, out->subject, ei);
    r = r ? r : check_suffix(leaf, out->subject, suffix, ei);
    if (r == 0 && (put_hashes(root, out) || put_key(p->keys[0], out)))
        r = no_memory(ei);
    return r;
}

int pfx_open(struct slice file, const char *password, const char *suffix, struct wall now, struct pfx *out,
             struct errinfo *ei) {
    struct pfx_parts parts;
    *out = (struct pfx){0};
    if (!pfx_suffix_ok(suffix)) {
        err_set(ei, ERR_INVALID, "suffix",
                "the suffix is no DNS suffix of at least two labels in lower case");
        err_remedy(ei, "Use one such as example.com; a top-level domain alone is not taken.");
        return ERR_INVALID;
    }
    int r = pfx_take_apart(file, password, true, &parts, ei);
    if (r == 0)
        r = pfx_judge(&parts, suffix, now, out, ei);
    pfx_parts_free(&parts);
    ERR_clear_error();
    if (r)
        pfx_free(out);
    return r;
}

void pfx_free(struct pfx *p) {
    if (p->key_base64.mem)
        explicit_bzero(p->key_base64.mem, p->key_base64.cap);
    buf_free(&p->key_base64);
    for (size_t i = 0; i < DOMAIN_CHAIN_MAX; i++)
        buf_free(&p->chain[i]);
    *p = (struct pfx){0};
}
