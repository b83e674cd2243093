/* SPDX-License-Identifier: Apache-2.0 */
/* pki: makes and reads the few certificates we need: our root, our leaf, a simulated device's. Blocking (key
 * generation takes up to seconds): not on a loop thread. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum pki_key { PKI_RSA_2048, PKI_RSA_3072, PKI_P256 };
/* "rsa-2048", "rsa-3072", "p-256"; false when unknown. */
bool pki_key_parse(const char *text, enum pki_key *out);

/* Append a new private key in PEM (PKCS#8). */
NODISCARD int pki_make_key(enum pki_key kind, struct buf *key_pem, struct errinfo *ei);
/* Self-signed root, positive random serial, CA:TRUE, pathlen 0, RSA with SHA-384 or ECDSA with SHA-256 by its
 * key. */
NODISCARD int pki_make_root(struct slice key_pem, const char *common_name, struct wall from, int days,
                            struct buf *cert_pem, struct errinfo *ei);
/* Leaf for a server: names are DNS names or IP addresses (each goes to subjectAltName by its kind; the first
 * one is the CN). */
NODISCARD int pki_make_leaf(struct slice root_cert_pem, struct slice root_key_pem, struct slice key_pem,
                            const char *const *names, size_t nnames, struct wall from, int days,
                            struct buf *cert_pem, struct errinfo *ei);
/* A request for a client certificate of this key (PKCS#10, PEM), signed by it. */
NODISCARD int pki_make_request(struct slice key_pem, const char *common_name, struct buf *request_pem,
                               struct errinfo *ei);
/* A client certificate (clientAuth) for the key of a request; nothing else of the request is taken over.
 * ERR_INVALID: it is no request, its signature is not its key's, or the key is not EC P-256 or RSA with 2048
 * to 4096 bits. ERR_CRYPTO. */
NODISCARD int pki_sign_client(struct slice root_cert_pem, struct slice root_key_pem, struct slice request_pem,
                              const char *common_name, struct wall from, int days, struct buf *cert_pem,
                              struct errinfo *ei);
/* A server certificate for a device's own key: RSA of 2048 bits or more, DER as SubjectPublicKeyInfo or as
 * RSAPublicKey. ERR_INVALID, ERR_CRYPTO. */
NODISCARD int pki_sign_device(struct slice root_cert_pem, struct slice root_key_pem, struct slice key_der,
                              const char *common_name, struct wall from, int days, struct buf *cert_pem,
                              struct errinfo *ei);
struct pki_facts {
    char subject[128], issuer[128];
    struct wall not_before, not_after;
    uint8_t sha256[32];
    bool is_ca;
};
/* DER of the first certificate of a PEM text, in base64, appended. ERR_CRYPTO: there is none; ERR_NOMEM. */
NODISCARD int pki_base64(struct slice cert_pem, struct buf *out);
/* The first certificate of a PEM text. */
NODISCARD int pki_read(struct slice cert_pem, struct pki_facts *out, struct errinfo *ei);
