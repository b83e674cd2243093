/* SPDX-License-Identifier: Apache-2.0 */
/* url: the address of a server as people give it: "https://host:8443". Any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct url {
    bool tls;
    char host[256]; /* without the brackets of an IPv6 address */
    char port[8];
    char prefix[128];    /* path in front of every target, without a slash at its end; usually "" */
    char origin[300];    /* scheme://host[:port][prefix], the port only when it is not the scheme's own */
    char authority[272]; /* for the Host header */
};

/* Scheme https, or http for a loopback host; none means https. User names, queries and fragments are refused.
 * ERR_INVALID with a sentence. */
NODISCARD int url_parse(struct url *u, const char *text, struct errinfo *ei);
/* "localhost", 127.0.0.0/8 or ::1 */
bool url_is_loopback(const struct url *u);
