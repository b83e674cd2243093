/* SPDX-License-Identifier: Apache-2.0 */
/* persist: from the host machine to rows of the store, and back at start. Lazy writes are dropped when the
 * store cannot take them (the next one heals the row); durable ones are answered on the shard that asked.
 * Owner: the shard; its thread only. */
#pragma once

#include "server/fleet.h"

/* A durable transaction on its way. Embed it; done is called on shard's thread; w is the caller's. */
struct persist_wait {
    struct loop_msg msg;
    struct shard *shard;
    struct store_txn *txn;
    int err; /* 0, ERR_STORE, ERR_STORE_FULL */
    char why[160];
    void (*done)(struct persist_wait *w);
};
/* Takes the transaction in any case. 0: done will be called; else ERR_FULL, ERR_STORE, ERR_NOMEM (t NULL),
 * and done is not called. */
NODISCARD int persist_submit(struct persist_wait *w, struct store_txn *t);
/* An empty durable transaction for persist_submit(). NULL when out of memory. */
struct store_txn *persist_txn(void);

/* The host's whole row as it is now (with the intent that is being journaled, if one is). */
void persist_row(const struct fleet_host *fh, struct store_host *row);
/* Write the columns of these bits some time soon. */
void persist_lazy(struct fleet_host *fh, unsigned bits);
void persist_op(struct fleet_host *fh, const struct operation *op);
/* The pin of the device's own certificate: durable, nobody waits. */
void persist_pin(struct fleet_host *fh);
/* Write fh->h.journal durably; HOST_EV_JOURNALED follows, also when it cannot be written. */
void persist_journal(struct fleet_host *fh);
/* Fill the machine of a host from its row. ERR_NOMEM. */
NODISCARD int persist_fill(struct fleet_host *fh, const struct store_host *row);
