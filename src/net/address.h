/* SPDX-License-Identifier: Apache-2.0 */
/* address: texts such as "192.0.2.7:4433", "[::1]:4433", ":0", "host.example:443", "unix:/run/x" and back.
 * Plain values, any thread. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    ADDRESS_TEXT_CAP = 56, /* "[" IPv6 "]:65535" */
    ADDRESS_HOST_CAP = 254,
};
enum address_kind {
    ADDRESS_IP,   /* sa is filled */
    ADDRESS_NAME, /* host must be resolved */
    ADDRESS_ANY,  /* ":PORT": all addresses of this machine */
    ADDRESS_UNIX, /* sa is filled */
};
struct address {
    enum address_kind kind;
    char host[ADDRESS_HOST_CAP]; /* without brackets; "" for ANY and UNIX */
    uint16_t port;
    union {
        struct sockaddr any;
        struct sockaddr_storage ip;
        struct sockaddr_un un;
    } sa;
    socklen_t sa_len;
};

/* ERR_INVALID and ei filled when text is none of the forms above, a port is not 0-65535, or a path is too
 * long. */
NODISCARD int address_parse(const char *text, struct address *out, struct errinfo *ei);
/* "192.0.2.7:49152" / "[2001:db8::1]:4433" / "unix" into text[ADDRESS_TEXT_CAP], the part before the port
 * into host[ADDRESS_TEXT_CAP] (may be NULL). IPv4 peers of a dual-stack socket are written as IPv4. Returns
 * text. */
const char *address_text(const struct sockaddr *sa, char *text, char *host);
uint16_t address_port(const struct sockaddr *sa);
/* The text of host and port: brackets where needed. Returns out. */
const char *address_join(const char *host, uint16_t port, char *out, size_t cap);
/* Is host an IPv4 or IPv6 address in numbers? */
bool address_is_ip(const char *host);
