/* SPDX-License-Identifier: Apache-2.0 */
/* mei: one connection to one client of the management engine: a descriptor of /dev/mei*, or a socket that
 * behaves like one (docs/activation.md, "At the node"). Blocking, with a time limit on everything. Owner: its
 * maker; one thread at a time. Source: reference protocol-redir-activation 5.1. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/uuid.h"

enum {
    MEI_MESSAGE_MAX = 65536, /* stops a device that claims longer messages */
    MEI_ANSWER_MS = 3000,    /* a message and its answer */
    MEI_BUSY_TRIES = 8,      /* a client that takes one connection only may be taken for a moment */
    MEI_BUSY_STEP_MS = 750,  /* before the n-th new try: n times so long */
};

struct mei;

/* Connect to the client with this GUID (printed order). where: "/dev/mei0", "unix:PATH", or NULL: every
 * /dev/mei* in turn. busy_tries: 1 gives up at once when it is taken.
 * ERR_NOT_FOUND: no such device or socket; ERR_UNSUPPORTED: it has no such client; ERR_BUSY: taken by another
 * program; ERR_DENIED; ERR_IO, ERR_TIMEOUT: the firmware resets or is silent; ERR_NOMEM. With sentence and
 * remedy. */
NODISCARD int mei_open(struct mei **m, const char *where, const char *guid, unsigned busy_tries,
                       struct errinfo *ei);
void mei_close(struct mei **m);
/* Longest message either way, bytes. */
size_t mei_message_max(const struct mei *m);
/* For poll(). */
int mei_fd(const struct mei *m);

/* One message. ERR_CLOSED: the firmware was reset, and this connection is over: open another. ERR_LIMIT:
 * longer than mei_message_max(); ERR_TIMEOUT. */
NODISCARD int mei_send(struct mei *m, struct slice msg, struct mono deadline, struct errinfo *ei);
/* The next message, valid until the next call. ERR_TIMEOUT (nothing was taken), ERR_CLOSED. */
NODISCARD int mei_receive(struct mei *m, struct slice *msg, struct mono deadline, struct errinfo *ei);
/* Wipes the memory of the last message: it held a secret. */
void mei_wipe(struct mei *m);
