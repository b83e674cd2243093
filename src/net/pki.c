/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ossl.h"

#include "base/text.h"
#include "net/address.h"
#include "net/pki.h"

#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <time.h>

enum {
    SERIAL_BITS = 126, /* RFC 5280 4.1.2.2: positive, at most 20 octets, unpredictable */
    COMMON_NAME_MAX = 64,
    DAYS_MAX = 36500,
};

static const struct {
    const char *name;
    int rsa_bits;
    const char *curve;
} kinds[] = {
    [PKI_RSA_2048] = {"rsa-2048", 2048, NULL},
    [PKI_RSA_3072] = {"rsa-3072", 3072, NULL},
    [PKI_P256] = {"p-256", 0, "P-256"},
};

bool pki_key_parse(const char *text, enum pki_key *out) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(text, kinds[i].name) == 0) {
            *out = (enum pki_key)i;
            return true;
        }
    }
    return false;
}

static int failed(struct errinfo *ei, const char *what) {
    const char *why = ERR_reason_error_string(ERR_peek_error());
    int r = err_set(ei, ERR_CRYPTO, "", "%s: %s", what, why ? why : "no reason given by the library");
    ERR_clear_error();
    return r;
}

static BIO *pem_of(struct slice pem) {
    return BIO_new_mem_buf(pem.n ? (const void *)pem.p : "", (int)pem.n);
}

static EVP_PKEY *read_key(struct slice pem, struct errinfo *ei) {
    BIO *b = pem_of(pem);
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
    BIO_free(b);
    if (!k)
        failed(ei, "the private key cannot be read");
    return k;
}

static X509 *read_cert(struct slice pem, struct errinfo *ei) {
    BIO *b = pem_of(pem);
    X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
    BIO_free(b);
    if (!x)
        failed(ei, "the certificate cannot be read");
    return x;
}

static int take_bio(BIO *b, struct buf *out) {
    char *p;
    long n = BIO_get_mem_data(b, &p);
    return n < 0 ? ERR_NOMEM : buf_put(out, slice_of(p, (size_t)n));
}

int pki_make_key(enum pki_key kind, struct buf *key_pem, struct errinfo *ei) {
    ERR_clear_error();
    EVP_PKEY *k =
        kinds[kind].curve ? EVP_EC_gen(kinds[kind].curve) : EVP_RSA_gen((unsigned)kinds[kind].rsa_bits);
    BIO *b = BIO_new(BIO_s_secmem());
    int r = 0;
    if (!k || !b || PEM_write_bio_PKCS8PrivateKey(b, k, NULL, NULL, 0, NULL, NULL) != 1)
        r = failed(ei, "no private key could be made");
    else
        r = take_bio(b, key_pem);
    BIO_free(b);
    EVP_PKEY_free(k);
    return r;
}

/* --- making certificates --- */

static bool set_serial(X509 *x) {
    BIGNUM *n = BN_new();
    bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_validity(X509 *x, struct wall from, int days) {
    time_t start = (time_t)(from.us / 1000000);
    ASN1_TIME *a = ASN1_TIME_adj(NULL, start, 0, 0), *b = ASN1_TIME_adj(NULL, start, days, 0);
    bool ok = a && b && X509_set1_notBefore(x, a) == 1 && X509_set1_notAfter(x, b) == 1;
    ASN1_TIME_free(a);
    ASN1_TIME_free(b);
    return ok;
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&v3);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    bool ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

/* Fields that a root and a leaf share. */
static X509 *new_cert(EVP_PKEY *key, const char *common_name, struct wall from, int days) {
    X509 *x = X509_new();
    if (!x)
        return NULL;
    char cn[COMMON_NAME_MAX + 1];
    text_clean(cn, sizeof cn, slice_str(common_name));
    if (X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_validity(x, from, days) &&
        X509_set_pubkey(x, key) == 1 &&
        X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)cn, -1, -1, 0) == 1)
        return x;
    X509_free(x);
    return NULL;
}

static bool sign_and_write(X509 *x, EVP_PKEY *issuer_key, struct buf *out) {
    const EVP_MD *md = EVP_PKEY_is_a(issuer_key, "RSA") ? EVP_sha384() : EVP_sha256();
    BIO *b = BIO_new(BIO_s_mem());
    bool ok = b && X509_sign(x, issuer_key, md) > 0 && PEM_write_bio_X509(b, x) == 1 && take_bio(b, out) == 0;
    BIO_free(b);
    return ok;
}

static int check_days(int days, struct errinfo *ei) {
    if (days >= 1 && days <= DAYS_MAX)
        return 0;
    return err_set(ei, ERR_INVALID, "days", "a certificate is valid for 1 to %d days, not %d", DAYS_MAX,
                   days);
}

int pki_make_root(struct slice key_pem, const char *common_name, struct wall from, int days,
                  struct buf *cert_pem, struct errinfo *ei) {
    ERR_clear_error();
    if (check_days(days, ei) < 0)
        return ERR_INVALID;
    EVP_PKEY *k = read_key(key_pem, ei);
    if (!k)
        return ERR_CRYPTO;
    X509 *x = new_cert(k, common_name, from, days);
    int r = 0;
    if (!x || X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
        !add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_ext(x, x, NID_subject_key_identifier, "hash") || !sign_and_write(x, k, cert_pem))
        r = failed(ei, "no root certificate could be made");
    X509_free(x);
    EVP_PKEY_free(k);
    return r;
}

/* An owned subjectAltName entry of the kind that the text is; NULL when out of memory. */
static GENERAL_NAME *alt_name(const char *name) {
    bool ip = address_is_ip(name);
    ASN1_STRING *v = ip ? a2i_IPADDRESS(name) : ASN1_IA5STRING_new();
    GENERAL_NAME *g = v ? GENERAL_NAME_new() : NULL;
    if (!g || (!ip && ASN1_STRING_set(v, name, (int)strlen(name)) != 1)) {
        ASN1_STRING_free(v);
        GENERAL_NAME_free(g);
        return NULL;
    }
    GENERAL_NAME_set0_value(g, ip ? GEN_IPADD : GEN_DNS, v);
    return g;
}

static bool add_alt_names(X509 *x, const char *const *names, size_t n) {
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        GENERAL_NAME *g = alt_name(names[i]);
        ok = g && sk_GENERAL_NAME_push(all, g) > 0;
        if (!ok)
            GENERAL_NAME_free(g);
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(all);
    return ok;
}

static int check_names(const char *const *names, size_t n, struct errinfo *ei) {
    if (n == 0)
        return err_set(ei, ERR_INVALID, "names", "a certificate needs at least one name");
    for (size_t i = 0; i < n; i++)
        if (!address_is_ip(names[i]) && !text_in_set(slice_str(names[i]), TEXT_ALNUM "-._*", 1, 253))
            return err_set(ei, ERR_INVALID, "names", "'%.100s' is neither a DNS name nor an IP address",
                           names[i]);
    return 0;
}

int pki_make_leaf(struct slice root_cert_pem, struct slice root_key_pem, struct slice key_pem,
                  const char *const *names, size_t nnames, struct wall from, int days, struct buf *cert_pem,
                  struct errinfo *ei) {
    ERR_clear_error();
    if (check_days(days, ei) < 0 || check_names(names, nnames, ei) < 0)
        return ERR_INVALID;
    X509 *root = read_cert(root_cert_pem, ei), *x = NULL;
    EVP_PKEY *rk = root ? read_key(root_key_pem, ei) : NULL, *k = rk ? read_key(key_pem, ei) : NULL;
    int r = ERR_CRYPTO;
    if (!k)
        goto out;
    if (X509_check_private_key(root, rk) != 1) {
        failed(ei, "the root's key does not belong to the root certificate");
        goto out;
    }
    x = new_cert(k, names[0], from, days);
    if (!x || X509_set_issuer_name(x, X509_get_subject_name(root)) != 1 ||
        !add_ext(x, root, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_ext(x, root, NID_key_usage, "critical,digitalSignature,keyEncipherment") ||
        !add_ext(x, root, NID_ext_key_usage, "serverAuth") ||
        !add_ext(x, root, NID_subject_key_identifier, "hash") ||
        !add_ext(x, root, NID_authority_key_identifier, "keyid") || !add_alt_names(x, names, nnames) ||
        !sign_and_write(x, rk, cert_pem))
        failed(ei, "no certificate could be made");
    else
        r = 0;
out:
    X509_free(x);
    X509_free(root);
    EVP_PKEY_free(rk);
    EVP_PKEY_free(k);
    return r;
}

/* --- client certificates --- */

int pki_make_request(struct slice key_pem, const char *common_name, struct buf *request_pem,
                     struct errinfo *ei) {
    ERR_clear_error();
    EVP_PKEY *k = read_key(key_pem, ei);
    if (!k)
        return ERR_CRYPTO;
    X509_REQ *q = X509_REQ_new();
    BIO *b = BIO_new(BIO_s_mem());
    int r = 0;
    if (!q || !b || X509_REQ_set_pubkey(q, k) != 1 ||
        X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(q), NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)common_name, -1, -1, 0) != 1 ||
        X509_REQ_sign(q, k, EVP_sha256()) <= 0 || PEM_write_bio_X509_REQ(b, q) != 1)
        r = failed(ei, "no certificate request could be made");
    else
        r = take_bio(b, request_pem);
    BIO_free(b);
    X509_REQ_free(q);
    EVP_PKEY_free(k);
    return r;
}

static bool client_key_ok(EVP_PKEY *k) {
    char group[32] = "";
    int bits = EVP_PKEY_get_bits(k);
    if (EVP_PKEY_is_a(k, "RSA"))
        return bits >= 2048 && bits <= 4096;
    return EVP_PKEY_is_a(k, "EC") && EVP_PKEY_get_group_name(k, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

/* The public key of a request; the caller's. NULL: refused. */
static EVP_PKEY *request_key(struct slice request_pem, struct errinfo *ei) {
    enum { REQUEST_BYTES_MAX = 8192 };
    BIO *b = request_pem.n <= REQUEST_BYTES_MAX ? pem_of(request_pem) : NULL;
    X509_REQ *q = b ? PEM_read_bio_X509_REQ(b, NULL, NULL, NULL) : NULL;
    EVP_PKEY *k = q ? X509_REQ_get_pubkey(q) : NULL;
    const char *wrong = !k                  ? "csr is no certificate request in PEM"
                        : !client_key_ok(k) ? "the key of csr must be EC P-256, or RSA with 2048 to 4096 bits"
                        : X509_REQ_verify(q, k) != 1 ? "the signature of csr is not that of its key"
                                                     : NULL;
    if (wrong) {
        err_set(ei, ERR_INVALID, "csr", "%s", wrong);
        EVP_PKEY_free(k);
        k = NULL;
    }
    X509_REQ_free(q);
    BIO_free(b);
    ERR_clear_error();
    return k;
}

/* A certificate for k, which is freed; usage and purpose as OpenSSL's texts. */
static int sign_key(struct slice root_cert_pem, struct slice root_key_pem, EVP_PKEY *k,
                    const char *common_name, const char *usage, const char *purpose, struct wall from,
                    int days, struct buf *cert_pem, struct errinfo *ei) {
    X509 *root = read_cert(root_cert_pem, ei), *x = NULL;
    EVP_PKEY *rk = root ? read_key(root_key_pem, ei) : NULL;
    int r = ERR_CRYPTO;
    if (!rk)
        goto out;
    x = new_cert(k, common_name, from, days);
    if (!x || X509_set_issuer_name(x, X509_get_subject_name(root)) != 1 ||
        !add_ext(x, root, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_ext(x, root, NID_key_usage, usage) || !add_ext(x, root, NID_ext_key_usage, purpose) ||
        !add_ext(x, root, NID_authority_key_identifier, "keyid") || !sign_and_write(x, rk, cert_pem))
        failed(ei, "no certificate could be made");
    else
        r = 0;
out:
    X509_free(x);
    X509_free(root);
    EVP_PKEY_free(rk);
    EVP_PKEY_free(k);
    return r;
}

int pki_sign_client(struct slice root_cert_pem, struct slice root_key_pem, struct slice request_pem,
                    const char *common_name, struct wall from, int days, struct buf *cert_pem,
                    struct errinfo *ei) {
    ERR_clear_error();
    if (check_days(days, ei) < 0)
        return ERR_INVALID;
    EVP_PKEY *k = request_key(request_pem, ei);
    return k ? sign_key(root_cert_pem, root_key_pem, k, common_name, "critical,digitalSignature",
                        "clientAuth", from, days, cert_pem, ei)
             : ERR_INVALID;
}

int pki_sign_device(struct slice root_cert_pem, struct slice root_key_pem, struct slice key_der,
                    const char *common_name, struct wall from, int days, struct buf *cert_pem,
                    struct errinfo *ei) {
    ERR_clear_error();
    if (check_days(days, ei) < 0)
        return ERR_INVALID;
    const unsigned char *p = key_der.p;
    EVP_PKEY *k = d2i_PUBKEY(NULL, &p, (long)key_der.n);
    p = key_der.p;
    if (!k)
        k = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)key_der.n);
    ERR_clear_error();
    if (!k || EVP_PKEY_get_bits(k) < 2048) {
        EVP_PKEY_free(k);
        return err_set(ei, ERR_INVALID, "", "the device's public key cannot be read, or is too short");
    }
    return sign_key(root_cert_pem, root_key_pem, k, common_name, "critical,digitalSignature,keyEncipherment",
                    "serverAuth", from, days, cert_pem, ei);
}

/* --- reading --- */

static void name_text(const X509_NAME *name, char *out, size_t cap) {
    BIO *b = BIO_new(BIO_s_mem());
    out[0] = 0;
    if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        char *p;
        long n = BIO_get_mem_data(b, &p);
        text_clean(out, cap, slice_of(p, n > 0 ? (size_t)n : 0));
    }
    BIO_free(b);
}

static bool wall_of(const ASN1_TIME *t, struct wall *out) {
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = wall_of_utc(&tm);
    return true;
}

int pki_base64(struct slice pem, struct buf *out) {
    static const char BEGIN[] = "-----BEGIN CERTIFICATE-----", END[] = "-----END";
    const uint8_t *from = memmem(pem.p, pem.n, BEGIN, sizeof BEGIN - 1);
    if (!from)
        return ERR_CRYPTO;
    from += sizeof BEGIN - 1;
    size_t left = (size_t)(pem.p + pem.n - from);
    const uint8_t *to = memmem(from, left, END, sizeof END - 1);
    for (; to && from < to; from++)
        if (!isspace(*from))
            buf_put(out, slice_of(from, 1));
    return !to ? ERR_CRYPTO : out->failed ? ERR_NOMEM : 0;
}

int pki_read(struct slice cert_pem, struct pki_facts *out, struct errinfo *ei) {
    ERR_clear_error();
    *out = (struct pki_facts){0};
    X509 *x = read_cert(cert_pem, ei);
    if (!x)
        return ERR_CRYPTO;
    int r = 0;
    unsigned n = sizeof out->sha256;
    name_text(X509_get_subject_name(x), out->subject, sizeof out->subject);
    name_text(X509_get_issuer_name(x), out->issuer, sizeof out->issuer);
    out->is_ca = X509_check_ca(x) == 1;
    if (!wall_of(X509_get0_notBefore(x), &out->not_before) ||
        !wall_of(X509_get0_notAfter(x), &out->not_after) ||
        X509_digest(x, EVP_sha256(), out->sha256, &n) != 1)
        r = failed(ei, "the certificate has fields that cannot be read");
    X509_free(x);
    ERR_clear_error();
    return r;
}
