/* SPDX-License-Identifier: Apache-2.0 */
/* agent_ca: the authority that gives agents their certificates, and which certificate of which host counts:
 * the newest one, and the one before until the newest was used. Shared by the shards behind a lock that is
 * held for a look-up only. Any thread. Source: docs/activation.md, "The agent's door" */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "core/host.h"

struct agent_ca;

/* cert and key in PEM (copied); seed: of the map. NULL: out of memory. */
struct agent_ca *agent_ca_new(struct slice cert_pem, struct slice key_pem, uint64_t seed);
/* Wipes the key. */
void agent_ca_free(struct agent_ca **ca);
/* The authority's certificate. */
struct slice agent_ca_cert(const struct agent_ca *ca);

/* A certificate that has been made. */
struct agent_cert {
    struct buf pem;
    uint8_t sha256[32];
    struct wall until;
};
/* A certificate of a host for the key of a request, of which nothing else is taken. 0: c->pem is the
 * caller's. ERR_INVALID (csr: no request, or a key that is not taken), ERR_CRYPTO. */
NODISCARD int agent_ca_sign(const struct agent_ca *ca, struct slice csr_pem, const char *host,
                            struct wall now, uint32_t days, struct agent_cert *c, struct errinfo *ei);

/* The same for a firmware's own key (DER), as a server certificate. */
NODISCARD int agent_ca_sign_device(const struct agent_ca *ca, struct slice key_der, const char *name,
                                   struct wall now, uint32_t days, struct agent_cert *c, struct errinfo *ei);

/* What counts for a host. before: NULL, there is none. ERR_NOMEM. */
NODISCARD int agent_ca_admit(struct agent_ca *ca, const char *host, const uint8_t cert[32],
                             const uint8_t *before);
/* Nothing counts for this host any more. */
void agent_ca_revoke(struct agent_ca *ca, const char *host);
/* Does this certificate count for this host? Once the newest was seen, the one before does not. */
bool agent_ca_knows(struct agent_ca *ca, const char *host, const uint8_t cert[32]);
