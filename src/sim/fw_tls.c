/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's own TLS: the certificate that a set-up gave it, else that of the fleet. Made at the first
 * use. */
#include "base/ossl.h"
#include "net/tls.h"
#include "sim/life.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static int put_key(struct buf *out, EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    int r = ERR_NOMEM;
    if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(bio, &text);
        r = n > 0 ? buf_put(out, slice_of(text, (size_t)n)) : ERR_NOMEM;
    }
    BIO_free(bio);
    return r;
}

static struct tls_ctx *make(const struct prov *p, const struct prov_cert *c) {
    struct buf key = {0}, cert = {0};
    struct errinfo ei;
    struct tls_ctx *tls = NULL;
    life_put_pem(&cert, slice_of(c->der, c->n));
    if (!cert.failed && put_key(&key, p->key) == 0)
        tls = tls_server_ctx(buf_slice(&cert), buf_slice(&key), TLS_MODERN, &ei);
    if (key.mem)
        explicit_bzero(key.mem, key.cap);
    buf_free(&key);
    buf_free(&cert);
    return tls;
}

struct tls_ctx *node_tls_ctx(struct sim_node *n) {
    struct prov *p = n->prov;
    bool own = p && p->key && p->tls_cert && (p->tls.remote || p->tls.local);
    if (!own)
        return n->fleet->cfg.device_tls;
    const struct prov_cert *c = prov_cert_find(p, p->tls_cert);
    if (c && (!n->own_tls || n->own_tls_cert != p->tls_cert)) {
        tls_ctx_unref(&n->own_tls);
        n->own_tls = make(p, c);
        n->own_tls_cert = p->tls_cert;
    }
    return n->own_tls ? n->own_tls : n->fleet->cfg.device_tls;
}

bool node_tls_local(const struct sim_node *n) {
    return sim_profile_info(n->cfg.profile)->tls_only || (n->prov && n->prov->tls.local);
}

bool node_tls_remote(const struct sim_node *n) {
    return sim_profile_info(n->cfg.profile)->tls_only ||
           (n->prov && n->prov->tls.remote && !n->prov->tls.plain_too);
}
