/* SPDX-License-Identifier: Apache-2.0 */
/* local: the firmware's web server as a program at the node reaches it: by the LMS service where one listens
 * (it keeps the LME client for itself), else by LME. A connection carries one exchange, or a TLS session.
 * Blocking. Owner: its maker; one thread at a time. Source: reference protocol-redir-activation 5.3, 5.5. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum {
    LOCAL_PORT = 16992,
    LOCAL_PORT_TLS = 16993,
    LOCAL_FIRST_BYTE_MS = 3000, /* of an answer */
    LOCAL_REST_MS = 4000,       /* between two pieces of one */
    LOCAL_CONNECT_MS = 2000,    /* LMS is on this machine */
    LOCAL_ANSWER_MAX = 262144,  /* stops a firmware that does not end */
};

struct local;
struct local_opts {
    const char *where;    /* of LME, as in mei_open() */
    const char *lms_host; /* NULL: 127.0.0.1, unless where is a socket; "": LMS is not tried */
    uint16_t lms_port;    /* 0: the port that is asked for; for tests */
};
/* Strings must outlive l. Nothing is opened yet. NULL: no memory. */
struct local *local_new(const struct local_opts *o);
void local_free(struct local **l);
/* Does LMS listen on port? */
bool local_has_lms(const struct local *l, uint16_t port);

/* Connect. Ends a connection that is open. Errors as lme_open(), lme_channel_open(). */
NODISCARD int local_connect(struct local *l, uint16_t port, struct errinfo *ei);
void local_disconnect(struct local *l);
bool local_connected(const struct local *l);
/* As lme_write(), lme_read(). */
NODISCARD int local_write(struct local *l, struct slice s, struct mono deadline, struct errinfo *ei);
NODISCARD int local_read(struct local *l, uint8_t *into, size_t cap, struct mono deadline,
                         struct errinfo *ei);
/* For poll(): -1 when not connected; and local_read() would not wait. */
int local_fd(const struct local *l);
bool local_pending(const struct local *l);

/* One HTTP request and its whole answer, bytes as they came, appended to answer; on a connection of its own.
 * ERR_TIMEOUT: no first byte within LOCAL_FIRST_BYTE_MS, or silence within; ERR_CLOSED: closed before the
 * answer was whole; ERR_PROTO: not HTTP; ERR_LIMIT; others as local_connect(). */
NODISCARD int local_exchange(struct local *l, uint16_t port, struct slice request, struct buf *answer,
                             struct errinfo *ei);
