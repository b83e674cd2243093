/* SPDX-License-Identifier: Apache-2.0 */
/* gone: hosts that were deleted while their firmware may still be set up for this server. When it dials, the
 * refused login says whose it was and what to do. A bounded table, the oldest goes first; kept in the store
 * as objects of the kind "gone". Behind a lock held for a look-up. Any thread. */
#pragma once

#include "store/store.h"

#define GONE_KIND "gone" /* of objects; server/objects.c passes it over */
enum { GONE_MAX = 1000 /* stops a table that grows for ever */ };

struct gone_host {
    char id[HOST_ID_CAP], project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], cira_user[HOST_USER_CAP];
    bool cira_shared;
    struct uuid amt; /* as last seen, else as recorded */
    struct wall at;
    char actor[OP_ACTOR_CAP];
};

struct gone;
/* st may be NULL. NULL when out of memory. */
struct gone *gone_new(struct store *st);
void gone_free(struct gone **g);
/* Before the loops run. Blocking. */
NODISCARD int gone_load(struct gone *g);
/* Could its firmware still dial? What deleting must remember of it. */
bool gone_of_row(const struct store_host *row, const char *actor, struct wall now, struct gone_host *out);
/* Its row, into the transaction that deletes it. ERR_NOMEM. */
NODISCARD int gone_put(struct store_txn *t, const struct gone_host *h);
/* It was written. Out of memory: known again after a restart. */
void gone_enter(struct gone *g, const struct gone_host *h);
/* Whose login was this? By its own CIRA user, or by the UUID (no placeholder). */
bool gone_find(struct gone *g, struct slice user, struct uuid uuid, struct gone_host *out);
size_t gone_count(struct gone *g);
