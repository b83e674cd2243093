/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up, remote access and certificates: what the answers say, and pieces of what is sent. Source: reference
 * protocol-redir-activation 5.4, protocol-cira-wsman 4.10-4.13. */
#include "proto/amt_setup.h"

#include "base/ossl.h"
#include "base/text.h"
#include "proto/digest.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

/* --- AMT_GeneralSettings, IPS_HostBasedSetupService --- */

static void read_general(const struct wsman_msg *m, uint32_t node, struct amt_setup *out) {
    text_clean(out->realm, sizeof out->realm, wsman_text(m, node, "DigestRealm"));
    text_clean(out->host_name, sizeof out->host_name, wsman_text(m, node, "HostName"));
    text_clean(out->domain, sizeof out->domain, wsman_text(m, node, "DomainName"));
}

static void read_host_setup(const struct wsman_msg *m, uint32_t node, struct amt_setup *out) {
    static const enum amt_control_mode modes[] = {AMT_MODE_NONE, AMT_MODE_CCM, AMT_MODE_ACM};
    enum { CLIENT = 1, ADMIN = 2, CHAIN_COMPLETE = 2 };
    uint64_t v;
    if (wsman_u64(m, node, "CurrentControlMode", 2, &v))
        out->control_mode = modes[v];
    if (wsman_u64(m, node, "CertChainStatus", CHAIN_COMPLETE, &v))
        out->chain_status = (uint8_t)v;
    uint32_t allowed = wsman_child(m, node, "AllowedControlModes");
    for (; allowed; allowed = wsman_again(m, allowed)) {
        out->allows_ccm |= slice_to_u64(m->nodes[allowed].text, ADMIN, &v) && v == CLIENT;
        out->allows_acm |= slice_to_u64(m->nodes[allowed].text, ADMIN, &v) && v == ADMIN;
    }
    int n = text_unbase64(wsman_text(m, node, "ConfigurationNonce"), out->nonce, sizeof out->nonce);
    out->nonce_n = n == AMT_NONCE_BYTES ? AMT_NONCE_BYTES : 0;
}

int amt_decode_setup(const struct wsman_msg *m, uint32_t instance, struct amt_setup *out) {
    if (wsman_is_instance(m, instance, WSMAN_AMT_GeneralSettings))
        read_general(m, instance, out);
    else if (wsman_is_instance(m, instance, WSMAN_IPS_HostBasedSetupService))
        read_host_setup(m, instance, out);
    else
        return ERR_UNSUPPORTED;
    return 0;
}

/* --- certificates --- */

/* The bytes of a base64 text with blanks in it. 0 (free *der), ERR_SYNTAX or ERR_NOMEM. */
static int der_of(struct slice base64, uint8_t **der, size_t *n) {
    uint8_t *text = malloc(2 * base64.n + 1);
    size_t kept = 0;
    *der = NULL;
    if (!text)
        return ERR_NOMEM;
    for (size_t i = 0; i < base64.n; i++)
        if (!memchr(" \t\r\n", base64.p[i], 4))
            text[kept++] = base64.p[i];
    int got = text_unbase64(slice_of(text, kept), text + kept, kept + 1);
    if (got <= 0) {
        free(text);
        return ERR_SYNTAX;
    }
    memmove(text, text + kept, (size_t)got);
    *der = text;
    *n = (size_t)got;
    return 0;
}

int amt_cert_hash(struct slice base64, char *out) {
    uint8_t hash[EVP_MAX_MD_SIZE], *der;
    unsigned n = 0;
    size_t len;
    int err = der_of(base64, &der, &len);
    if (err)
        return err;
    if (EVP_Digest(der, len, hash, &n, EVP_sha256(), NULL) == 1)
        text_hex(slice_of(hash, n), out);
    else
        err = ERR_CRYPTO;
    free(der);
    return err;
}

int amt_cert_not_after(struct slice base64, struct wall *out) {
    struct tm tm;
    uint8_t *der;
    size_t n;
    *out = WALL_NEVER;
    int err = der_of(base64, &der, &n);
    if (err)
        return err;
    const uint8_t *p = der;
    X509 *cert = d2i_X509(NULL, &p, (long)n);
    if (cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
        *out = wall_of_utc(&tm);
    else
        err = ERR_SYNTAX;
    X509_free(cert);
    ERR_clear_error();
    free(der);
    return err;
}

/* The next character that counts; -1 at the end. */
static int next_char(struct slice *s) {
    while (s->n) {
        uint8_t c = *s->p;
        *s = slice_skip(*s, 1);
        if (!memchr(" \t\r\n=", c, 5))
            return c;
    }
    return -1;
}

bool amt_cert_eq(struct slice a, struct slice b) {
    int x = next_char(&a), y = next_char(&b);
    bool any = x >= 0;
    for (; x == y && x >= 0; x = next_char(&a))
        y = next_char(&b);
    return any && x < 0 && y < 0;
}

/* --- remote access --- */

static void read_server(const struct wsman_msg *m, uint32_t node, struct amt_cira *out) {
    uint64_t port;
    if (out->servers < UINT8_MAX)
        out->servers++;
    if (out->servers != 1)
        return;
    text_clean(out->address, sizeof out->address, wsman_text(m, node, "AccessInfo"));
    text_clean(out->common_name, sizeof out->common_name, wsman_text(m, node, "CN"));
    if (wsman_u64(m, node, "Port", UINT16_MAX, &port))
        out->port = (uint16_t)port;
}

/* One that cannot be read is not shown. */
static int read_certificate(const struct wsman_msg *m, uint32_t node, const char *leaf,
                            struct amt_cira *out) {
    struct slice text = wsman_text(m, node, "X509Certificate");
    bool root = false;
    int err = 0;
    if (wsman_bool(m, node, "TrustedRootCertficate", &root) && root) { /* sic */
        if (out->nroots < AMT_ROOTS_MAX && (err = amt_cert_hash(text, out->roots[out->nroots])) == 0)
            out->nroots++;
    } else if (leaf && *leaf && slice_is(wsman_text(m, node, "InstanceID"), leaf)) {
        err = amt_cert_not_after(text, &out->leaf_not_after);
    }
    return err == ERR_NOMEM ? err : 0;
}

int amt_decode_cira(const struct wsman_msg *m, uint32_t instance, const char *leaf, struct amt_cira *out) {
    if (wsman_is_instance(m, instance, WSMAN_AMT_ManagementPresenceRemoteSAP))
        read_server(m, instance, out);
    else if (wsman_is_instance(m, instance, WSMAN_AMT_RemoteAccessPolicyRule))
        out->policies = (uint8_t)(out->policies + (out->policies < UINT8_MAX));
    else if (wsman_is_instance(m, instance, WSMAN_AMT_PublicKeyCertificate))
        return read_certificate(m, instance, leaf, out);
    else
        return ERR_UNSUPPORTED;
    return 0;
}

/* --- pieces of requests --- */

int amt_digest64(const char *user, const char *realm, const char *password, char *out) {
    enum { MD5_BYTES = 16 };
    char hex[DIGEST_HA1_CAP];
    uint8_t raw[MD5_BYTES];
    int err = digest_ha1(user, realm, password, hex);
    if (err == 0 && text_unhex(slice_of(hex, sizeof hex - 1), raw, sizeof raw))
        EVP_EncodeBlock((uint8_t *)out, raw, sizeof raw);
    explicit_bzero(hex, sizeof hex);
    explicit_bzero(raw, sizeof raw);
    return err;
}

bool amt_epr_key(const struct wsman_msg *m, uint32_t parent, const char *property, const char *selector,
                 char *out, size_t cap) {
    uint32_t epr = wsman_child(m, parent, property);
    struct slice key = epr ? wsman_selector(m, epr, selector) : SLICE_EMPTY;
    return key.n && slice_to_str(key, out, cap);
}

int amt_put_epr(struct buf *out, const char *name, enum wsman_class cls,
                const struct wsman_selector *selectors) {
    buf_putf(out, "<p:%s>", name);
    wsman_put_epr(out, cls, selectors);
    return buf_putf(out, "</p:%s>", name);
}
