/* SPDX-License-Identifier: Apache-2.0 */
/* lme: byte streams to the firmware's own web server from inside the node: APF channels over the LME client
 * of the management engine. The session (versions, services, forwarded ports) is made once and kept; each
 * exchange is a channel of its own, since AMT closes after each answer. Blocking. Owner: its maker; one
 * thread at a time. Source: reference protocol-redir-activation 5.3. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

enum {
    LME_OPEN_MS = 5000,      /* session: until the port is forwarded; channel: until it is confirmed */
    LME_WINDOW_BYTES = 4096, /* what the deployed programs give the firmware */
};

struct lme;
/* where: as in mei_open(). Waits until the firmware forwards port. Errors as mei_open(); ERR_NOT_FOUND: the
 * firmware does not forward that port. */
NODISCARD int lme_open(struct lme **l, const char *where, uint16_t port, struct errinfo *ei);
void lme_close(struct lme **l);
/* For poll(); look at lme_pending() first. */
int lme_fd(const struct lme *l);

/* One channel at a time. ERR_REFUSED: the firmware has no such port open; ERR_CLOSED: the session is over (a
 * reset): close it and open another; ERR_TIMEOUT. */
NODISCARD int lme_channel_open(struct lme *l, uint16_t port, struct errinfo *ei);
void lme_channel_close(struct lme *l);
/* All of s. ERR_CLOSED: the channel is closed; ERR_TIMEOUT: the firmware gives no window. */
NODISCARD int lme_write(struct lme *l, struct slice s, struct mono deadline, struct errinfo *ei);
/* 1..cap bytes; 0: the firmware closed the channel; ERR_TIMEOUT (nothing was taken); ERR_CLOSED. */
NODISCARD int lme_read(struct lme *l, uint8_t *into, size_t cap, struct mono deadline, struct errinfo *ei);
/* lme_read() would give something without waiting. */
bool lme_pending(const struct lme *l);
