/* SPDX-License-Identifier: Apache-2.0 */
/* The file: opened with limits, its certificates and key taken out. What they must be: pfx_check.c. */
#include "server/pfx_int.h"

#include "base/text.h"

#include <openssl/pkcs12.h>
#include <openssl/provider.h>

void pfx_parts_free(struct pfx_parts *p) {
    for (size_t i = 0; i < p->ncerts; i++)
        X509_free(p->certs[i]);
    for (size_t i = 0; i < p->nkeys; i++)
        EVP_PKEY_free(p->keys[i]);
    *p = (struct pfx_parts){0};
}

/* Old files are encrypted with RC2, which only the legacy provider still knows; in a context of its own, so
 * that nothing else of the server can use what it brings. */
struct library {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *now, *legacy; /* legacy NULL: not installed */
};

static bool library_open(struct library *lib) {
    *lib = (struct library){.ctx = OSSL_LIB_CTX_new()};
    if (!lib->ctx)
        return false;
    lib->now = OSSL_PROVIDER_load(lib->ctx, "default");
    lib->legacy = OSSL_PROVIDER_load(lib->ctx, "legacy");
    ERR_clear_error();
    return lib->now != NULL;
}

static void library_close(struct library *lib) {
    if (lib->legacy)
        OSSL_PROVIDER_unload(lib->legacy);
    if (lib->now)
        OSSL_PROVIDER_unload(lib->now);
    OSSL_LIB_CTX_free(lib->ctx);
}

/* --- limits before work --- */
static bool few(const ASN1_INTEGER *iterations) {
    int64_t n;
    return !iterations || (ASN1_INTEGER_get_int64(&n, iterations) == 1 && n >= 0 && n <= PFX_ITERATIONS_MAX);
}

static bool pbes2_cheap(const ASN1_TYPE *param) {
    PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), param);
    PBKDF2PARAM *kdf = p && OBJ_obj2nid(p->keyfunc->algorithm) == NID_id_pbkdf2
                           ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p->keyfunc->parameter)
                           : NULL; /* another function may want any amount of memory */
    bool ok = kdf && few(kdf->iter);
    PBKDF2PARAM_free(kdf);
    PBE2PARAM_free(p);
    return ok;
}

static bool cheap(const X509_ALGOR *alg) {
    const ASN1_OBJECT *oid;
    const void *value;
    int type;
    X509_ALGOR_get0(&oid, &type, &value, alg);
    if (type != V_ASN1_SEQUENCE)
        return false;
    ASN1_TYPE param = {.type = type, .value.sequence = (ASN1_STRING *)value};
    if (OBJ_obj2nid(oid) == NID_pbes2)
        return pbes2_cheap(&param);
    PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), &param);
    bool ok = p && few(p->iter);
    PBEPARAM_free(p);
    return ok;
}

static int too_costly(struct errinfo *ei) {
    err_set(ei, ERR_INVALID, "certificate",
            "the PFX file is encrypted in a way that takes too much work to open (more than %d rounds, or a "
            "function other than PBKDF2)",
            PFX_ITERATIONS_MAX);
    err_remedy(ei, "Export it again with usual settings, such as those of `openssl pkcs12 -export`.");
    return ERR_INVALID;
}

static int malformed(struct errinfo *ei) {
    err_set(ei, ERR_INVALID, "certificate", "the file is no PKCS #12 (PFX) file that can be read");
    err_remedy(ei, "It must be the .pfx or .p12 file itself; PEM files become one with `openssl pkcs12 "
                   "-export -inkey KEY -in CHAIN`.");
    return ERR_INVALID;
}

/* What could not be decrypted although the password is right. */
static int undecipherable(struct errinfo *ei, const struct library *lib) {
    err_set(ei, ERR_UNSUPPORTED, "certificate",
            "the PFX file is encrypted by a method that is not supported%s",
            lib->legacy ? "" : " here (OpenSSL's legacy provider, which old files need, is not installed)");
    err_remedy(ei, "Export it again with AES-256, such as with `openssl pkcs12 -export` of OpenSSL 3.");
    return ERR_UNSUPPORTED;
}

/* --- taking apart --- */
struct opening {
    const struct library *lib;
    const char *password;
    int npassword;
    struct pfx_parts *parts;
    struct errinfo *ei;
};

static int too_many(struct errinfo *ei) {
    return err_set(ei, ERR_INVALID, "certificate", "the PFX file holds more than %d certificates or keys",
                   PFX_PARTS_MAX);
}

static int take_cert(struct opening *o, const PKCS12_SAFEBAG *bag) {
    X509 *x = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate ? PKCS12_SAFEBAG_get1_cert(bag) : NULL;
    if (!x)
        return malformed(o->ei);
    if (o->parts->ncerts == PFX_PARTS_MAX) {
        X509_free(x);
        return too_many(o->ei);
    }
    o->parts->certs[o->parts->ncerts++] = x;
    return 0;
}

static int take_key(struct opening *o, const PKCS8_PRIV_KEY_INFO *p8) {
    if (o->parts->nkeys == PFX_PARTS_MAX)
        return too_many(o->ei);
    EVP_PKEY *k = p8 ? EVP_PKCS82PKEY(p8) : NULL;
    if (!k)
        return malformed(o->ei);
    o->parts->keys[o->parts->nkeys++] = k;
    return 0;
}

static int take_shrouded(struct opening *o, const PKCS12_SAFEBAG *bag) {
    const X509_ALGOR *alg;
    X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
    if (!cheap(alg))
        return too_costly(o->ei);
    PKCS8_PRIV_KEY_INFO *p8 = PKCS12_decrypt_skey_ex(bag, o->password, o->npassword, o->lib->ctx, NULL);
    int r = p8 ? take_key(o, p8) : undecipherable(o->ei, o->lib);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return r;
}

static int take_bag(struct opening *o, const PKCS12_SAFEBAG *bag) {
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_certBag:
        return take_cert(o, bag);
    case NID_keyBag:
        return take_key(o, PKCS12_SAFEBAG_get0_p8inf(bag));
    case NID_pkcs8ShroudedKeyBag:
        return take_shrouded(o, bag);
    default:
        return 0; /* nothing that we need */
    }
}

static int take_safe(struct opening *o, PKCS7 *safe) {
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    if (PKCS7_type_is_data(safe)) {
        bags = PKCS12_unpack_p7data(safe);
        if (!bags)
            return malformed(o->ei);
    } else if (PKCS7_type_is_encrypted(safe)) {
        if (!safe->d.encrypted || !safe->d.encrypted->enc_data || !safe->d.encrypted->enc_data->algorithm)
            return malformed(o->ei);
        if (!cheap(safe->d.encrypted->enc_data->algorithm))
            return too_costly(o->ei);
        bags = PKCS12_unpack_p7encdata(safe, o->password, o->npassword);
        if (!bags)
            return undecipherable(o->ei, o->lib);
    } else {
        return undecipherable(o->ei, o->lib);
    }
    int r = 0;
    for (int i = 0; r == 0 && i < sk_PKCS12_SAFEBAG_num(bags); i++)
        r = take_bag(o, sk_PKCS12_SAFEBAG_value(bags, i));
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return r;
}

/* The MAC tells a wrong password from a broken file. */
static int check_mac(struct opening *o, PKCS12 *p12) {
    const ASN1_INTEGER *rounds = NULL;
    if (!PKCS12_mac_present(p12)) {
        err_set(o->ei, ERR_INVALID, "certificate",
                "the PFX file has no integrity check, so nothing shows that it is whole");
        err_remedy(o->ei, "Export it again with a password.");
        return ERR_INVALID;
    }
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
    if (!few(rounds))
        return too_costly(o->ei);
    if (PKCS12_verify_mac(p12, o->password, o->npassword) == 1)
        return 0;
    /* some programs take no password for NULL, and some for an empty one */
    if (!o->npassword && PKCS12_verify_mac(p12, NULL, 0) == 1) {
        o->password = NULL;
        return 0;
    }
    err_set(o->ei, ERR_INVALID, "password", "the password does not open the PFX file");
    err_remedy(o->ei, "Check it; a file with the password must hold it alone in its first line.");
    return ERR_INVALID;
}

static int take_all(struct opening *o, PKCS12 *p12, bool mac) {
    int r = mac ? check_mac(o, p12) : 0;
    STACK_OF(PKCS7) *safes = r ? NULL : PKCS12_unpack_authsafes(p12);
    if (r)
        return r;
    if (!safes)
        return malformed(o->ei);
    for (int i = 0; r == 0 && i < sk_PKCS7_num(safes); i++)
        r = take_safe(o, sk_PKCS7_value(safes, i));
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return r;
}

int pfx_take_apart(struct slice file, const char *password, bool mac, struct pfx_parts *out,
                   struct errinfo *ei) {
    struct library lib;
    struct opening o = {
        .lib = &lib, .password = password, .npassword = (int)strlen(password), .parts = out, .ei = ei};
    *out = (struct pfx_parts){0};
    if (file.n > PFX_MAX_BYTES)
        return err_set(ei, ERR_INVALID, "certificate", "the PFX file has %zu bytes; at most %d are taken",
                       file.n, PFX_MAX_BYTES);
    if (!library_open(&lib)) {
        library_close(&lib);
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    }
    const unsigned char *p = file.p;
    PKCS12 *p12 = PKCS12_init_ex(NID_pkcs7_data, lib.ctx, NULL);
    int r = p12 && d2i_PKCS12(&p12, &p, (long)file.n) && p == file.p + file.n ? take_all(&o, p12, mac)
                                                                              : malformed(ei);
    PKCS12_free(p12);
    if (r)
        pfx_parts_free(out);
    ERR_clear_error();
    library_close(&lib);
    return r;
}
