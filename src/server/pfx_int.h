/* SPDX-License-Identifier: Apache-2.0 */
/* pfx_int: what pfx.c (opening) hands to pfx_check.c (judging). */
#pragma once

#include "base/ossl.h"

#include "server/pfx.h"

#include <openssl/x509.h>

struct pfx_parts {
    X509 *certs[PFX_PARTS_MAX];
    EVP_PKEY *keys[PFX_PARTS_MAX];
    size_t ncerts, nkeys;
};
/* Open the file. mac: its integrity check comes first; false only where strange content is wanted (fuzzing).
 * 0, or as pfx_open(), and then out is empty. */
NODISCARD int pfx_take_apart(struct slice file, const char *password, bool mac, struct pfx_parts *out,
                             struct errinfo *ei);
/* Is it a provisioning certificate for the suffix? out is filled, also in part when it is not. */
NODISCARD int pfx_judge(const struct pfx_parts *p, const char *suffix, struct wall now, struct pfx *out,
                        struct errinfo *ei);
void pfx_parts_free(struct pfx_parts *p);
