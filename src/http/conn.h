/* SPDX-License-Identifier: Apache-2.0 */
/* conn: one connection to the server, plain (loopback only) or TLS, blocking up to a deadline. Owner: a
 * client; one thread at a time. */
#pragma once

#include "base/clock.h"
#include "http/url.h"

#include <poll.h>

/* What certificates are trusted; may be shared by threads once made. */
struct trust;
/* ca_pem: PEM certificates to trust alone; NULL: the system's store. ERR_INVALID when it holds none. */
NODISCARD int trust_new(struct trust **t, const char *ca_pem, struct errinfo *ei);
/* Show this certificate to servers that ask for one: PEM, the leaf first, and its private key. ERR_INVALID:
 * unreadable, or they do not belong together. Before the first connection. */
NODISCARD int trust_identity(struct trust *t, const char *cert_pem, const char *key_pem, struct errinfo *ei);
void trust_free(struct trust **t);

struct conn;
/* Connect, and shake hands with the server's name checked. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_TLS, ERR_NOMEM,
 * each with a sentence. trust must outlive the connection. */
NODISCARD int conn_open(struct conn **c, const struct url *u, const struct trust *t, struct mono deadline,
                        struct errinfo *ei);
void conn_close(struct conn **c);
/* Send all of s. ERR_TIMEOUT, ERR_CLOSED. */
NODISCARD int conn_write(struct conn *c, struct slice s, struct mono deadline);
/* 1..cap bytes; 0 at the orderly end of the stream; ERR_TIMEOUT (nothing was taken), ERR_CLOSED. */
NODISCARD int conn_read(struct conn *c, uint8_t *into, size_t cap, struct mono deadline);
/* Nothing came and nobody closed while it was idle: it can be used again. */
bool conn_usable(struct conn *c);

/* For a connection that is used both ways at once, beside other descriptors. */
enum { CONN_READABLE = 1, CONN_WRITABLE = 2, CONN_OTHER = 4 };
enum { CONN_OTHERS_MAX = 16 };
/* Wait for what wants names (CONN_READABLE, CONN_WRITABLE) or for one of n others; TLS data that are here
 * already count. The bits that hold (CONN_OTHER: revents say which); 0 at the deadline or a signal; ERR_IO.
 * n <= CONN_OTHERS_MAX. c may be NULL: only the others are watched. */
NODISCARD int conn_wait(struct conn *c, int wants, struct pollfd *others, size_t n, struct mono deadline);
/* What can be sent without waiting: bytes, 0 when none; ERR_CLOSED. */
NODISCARD int conn_write_some(struct conn *c, struct slice s);
