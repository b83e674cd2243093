/* SPDX-License-Identifier: Apache-2.0 */
/* proxyv2: the binary PROXY header that a load balancer puts before a connection's first byte, to say who the
 * peer really is. Only for listeners whose setting demands it. Sans-IO. Owner: the connection; its thread
 * only. Source: HAProxy's proxy-protocol.txt, version 2, section 2.2. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

enum {
    PROXYV2_MAX = 536, /* whole header: every receiver must take so much, none need take more */
    PROXYV2_HEAD = 16, /* signature, command, family, length */
    PROXYV2_KEPT = 16 + 36 /* head and an IPv6 address block; what follows is skipped */,
    PROXYV2_ADDR_CAP = 46, /* longest text of an IPv6 address and its NUL */
};

/* Zeroed = at the start. Read the result members when proxyv2_input() returned 1. */
struct proxyv2 {
    uint8_t mem[PROXYV2_KEPT];
    uint16_t len; /* bytes of the header taken so far */
    int16_t err;  /* sticky */
    /* result */
    bool local; /* LOCAL: the balancer itself (a health check); its own address is the peer's */
    char addr[PROXYV2_ADDR_CAP]; /* source; "" when local or when the balancer does not say */
    uint16_t port;
};

/* Take bytes off *in, never one more than the header has: 1 when it is complete, 0 when *in is used up;
 * ERR_PROTO (no such header, or another version), ERR_UNSUPPORTED (a reserved command or family), ERR_SYNTAX
 * (too short for its family), ERR_LIMIT (longer than PROXYV2_MAX): close the connection. Any split gives the
 * same result. */
NODISCARD int proxyv2_input(struct proxyv2 *p, struct slice *in);
