/* SPDX-License-Identifier: Apache-2.0 */
/* digest: HTTP digest authentication as AMT speaks it (RFC 2617 MD5, qop auth; auth-int is not offered back).
 * Both roles. Pure. Source: reference protocol-cira-wsman 2.3. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum { DIGEST_REALM_MAX = 96, DIGEST_NONCE_MAX = 128, DIGEST_USER_MAX = 64, DIGEST_HA1_CAP = 33 };

/* What a client keeps of a challenge: one a device, cached over channels. Zeroed = none yet. */
struct digest_client {
    char realm[DIGEST_REALM_MAX], nonce[DIGEST_NONCE_MAX];
    uint32_t nc;   /* uses of this nonce */
    bool qop_auth; /* the server offered qop "auth" */
};

/* Parse a WWW-Authenticate value, which may hold several challenges: the first one that can be answered is
 * taken. ERR_SYNTAX; ERR_UNSUPPORTED (not Digest, not MD5, only auth-int); c is unchanged then. Resets nc
 * when the nonce is new. */
NODISCARD int digest_challenge(struct digest_client *c, struct slice www_authenticate);
/* Append an Authorization value ("Digest username=…") for one request and count nc up.
 * cnonce: hex text from the caller, fresh a request. ERR_STATE before the first challenge; ERR_INVALID when
 * user or uri hold a quote, a backslash or a line break; ERR_CRYPTO; ERR_NOMEM. */
NODISCARD int digest_authorize(struct digest_client *c, struct buf *out, const char *user,
                               const char *password, const char *method, const char *uri, const char *cnonce);

/* MD5(user:realm:password) in lower-case hex into out[DIGEST_HA1_CAP]. ERR_CRYPTO when MD5 is not to be had.
 */
int digest_ha1(const char *user, const char *realm, const char *password, char *out);

/* Server role: append a challenge as firmware writes it; qop_both: `"auth-int, auth"` (AMT 14+). */
int digest_put_challenge(struct buf *out, const char *realm, const char *nonce, bool qop_both);
/* Parsed Authorization value; slices point into the header. ERR_SYNTAX: malformed, a parameter twice or
 * missing; ERR_UNSUPPORTED: not Digest, or a qop other than auth. */
struct digest_answer {
    struct slice user, realm, nonce, uri, response, cnonce, qop, nc;
};
NODISCARD int digest_parse_answer(struct slice authorization, struct digest_answer *a);
/* Constant-time check of an answer against HA1. That realm, nonce and uri are the right ones is the caller's
 * part. */
bool digest_verify(const struct digest_answer *a, const char *ha1, const char *method);
/* The response for one request into out[DIGEST_HA1_CAP], RFC 2617 3.2.2.1; without qop in the form of RFC
 * 2069. ERR_CRYPTO. */
int digest_response(const char *ha1, const char *method, const struct digest_answer *a, char *out);
