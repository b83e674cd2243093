/* SPDX-License-Identifier: Apache-2.0 */
/* prov_chain: what firmware checks of a provisioning certificate chain and of the signature that goes with
 * it. Owner and thread: as prov.h. Source: reference protocol-redir-activation 5.4, 8. */
#pragma once

#include "sim/prov.h"

/* AddNextCertInChain: one certificate more, leaf first, root last; a leaf begins a new chain. now_s: of the
 * device's clock, seconds since 1970. Its return value: 0, 1 parameter, 2 internal, 3 state (order), 4 the
 * chain does not hold, 5 too long; after each but 0 and 3 the chain is forgotten. */
uint32_t prov_chain_add(struct prov *p, struct slice der, bool leaf, bool root, int64_t now_s);
/* Is that the leaf's signature (RSA PKCS#1 v1.5, SHA-256) over ConfigurationNonce and McNonce? */
bool prov_chain_signed(const struct prov *p, const uint8_t mc_nonce[AMT_NONCE_BYTES], struct slice signature);
