/* SPDX-License-Identifier: Apache-2.0 */
/* splice: sockets of programs on this machine beside a session: listened for, and moved without waiting. What
 * moves between them is its user's. Owner: a command; main thread. */
#pragma once

#include "cli/session.h"

struct splice_door {
    int fd; /* -1: closed */
    uint16_t port;
    bool loopback;
    char shown[80]; /* "127.0.0.1:5900", as one would type it */
};
/* where: "ADDRESS:PORT", "[IPV6]:PORT" or "PORT" (then 127.0.0.1); port 0 picks one. option: whose value it
 * is, for the sentence. ERR_INVALID, ERR_IO. */
NODISCARD int splice_listen(struct splice_door *d, const char *option, const char *where, struct errinfo *ei);
void splice_close_door(struct splice_door *d);
/* A connection, or -1 when none waits. */
int splice_accept(const struct splice_door *d);

/* Bytes that are there: 1..cap; 0 none now; ERR_CLOSED at its end. */
NODISCARD int splice_read(int fd, uint8_t *into, size_t cap);
/* Bytes that went: 0 none now; ERR_CLOSED. */
NODISCARD int splice_write(int fd, struct slice s);

/* So much waits for the device that what gives rise to more must not be read. Nothing tells when it has gone:
 * splice_wait() looks again soon. s NULL: false. */
enum { SPLICE_QUEUE_BYTES = 65536, SPLICE_LOOK_MS = 10 };
bool splice_full(const struct session *s);

/* The next event of s beside the descriptors; s NULL: there is no session (yet), only OTHER and TIME come. */
void splice_wait(struct session *s, struct pollfd *fds, size_t n, struct mono deadline,
                 struct session_ev *ev);
