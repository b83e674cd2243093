/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proxyv2.h"

#include "base/rd.h"

#include <arpa/inet.h>

static const uint8_t SIGNATURE[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
enum { CMD_LOCAL = 0x20, CMD_PROXY = 0x21 };

/* Address family and transport in one byte; who has no address text counts as "not said". */
static const struct family {
    uint8_t code;
    int af; /* of inet_ntop, 0 = none */
    uint16_t block_bytes, addr_bytes;
} FAMILIES[] = {
    {0x00, 0, 0, 0},          /* unspecified */
    {0x11, AF_INET, 12, 4},   /* TCP over IPv4 */
    {0x21, AF_INET6, 36, 16}, /* TCP over IPv6 */
    {0x31, 0, 216, 108},      /* UNIX stream */
};

static const struct family *family_of(uint8_t code) {
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
        if (FAMILIES[i].code == code)
            return &FAMILIES[i];
    return NULL;
}

/* The 16 bytes of the head are in: is it one that we take? */
static int check_head(struct proxyv2 *p, size_t *total) {
    struct rd r = rd_of(slice_of(p->mem + sizeof SIGNATURE, PROXYV2_HEAD - sizeof SIGNATURE));
    uint8_t command = rd_u8(&r), code = rd_u8(&r);
    size_t rest = rd_be16(&r);
    const struct family *f = family_of(code);
    if (command >> 4 != 2)
        return ERR_PROTO;
    if (command != CMD_LOCAL && command != CMD_PROXY)
        return ERR_UNSUPPORTED;
    p->local = command == CMD_LOCAL;
    /* with LOCAL the family and the block are to be ignored */
    if (!p->local && !f)
        return ERR_UNSUPPORTED;
    if (!p->local && rest < f->block_bytes)
        return ERR_SYNTAX;
    if (PROXYV2_HEAD + rest > PROXYV2_MAX)
        return ERR_LIMIT;
    *total = PROXYV2_HEAD + rest;
    return 0;
}

/* source address, destination address, source port, destination port */
static void read_source(struct proxyv2 *p) {
    const struct family *f = family_of(p->mem[13]);
    if (p->local || !f || !f->af)
        return;
    struct rd r = rd_of(slice_of(p->mem + PROXYV2_HEAD, f->block_bytes));
    struct slice source = rd_take(&r, f->addr_bytes);
    rd_take(&r, f->addr_bytes);
    p->port = rd_be16(&r);
    if (!inet_ntop(f->af, source.p, p->addr, sizeof p->addr))
        p->addr[0] = 0;
}

static int take(struct proxyv2 *p, struct slice *in) {
    size_t total = PROXYV2_HEAD;
    for (;;) {
        if (p->len >= PROXYV2_HEAD) {
            int r = check_head(p, &total);
            if (r < 0)
                return r;
            if (p->len == total) {
                read_source(p);
                return 1;
            }
        }
        struct slice piece = slice_head(*in, total - p->len);
        if (piece.n == 0)
            return 0;
        if (p->len < sizeof p->mem)
            memcpy(p->mem + p->len, piece.p,
                   piece.n < sizeof p->mem - p->len ? piece.n : sizeof p->mem - p->len);
        p->len = (uint16_t)(p->len + piece.n);
        *in = slice_skip(*in, piece.n);
        /* a TLS hello on the wrong listener is told by its first byte */
        if (memcmp(p->mem, SIGNATURE, p->len < sizeof SIGNATURE ? p->len : sizeof SIGNATURE) != 0)
            return ERR_PROTO;
    }
}

int proxyv2_input(struct proxyv2 *p, struct slice *in) {
    if (p->err)
        return p->err;
    int r = take(p, in);
    if (r < 0)
        p->err = (int16_t)r;
    return r;
}
