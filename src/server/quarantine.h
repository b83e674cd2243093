/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine: logins that were refused: who knocked, from where, how often. A bounded list in memory, kept in
 * the store; the operator adopts (fleet_create with the entry's CIRA user, then forget), denies or lets
 * expire. Shared by the shards behind a lock held for a look-up. Any thread. Source: design 7. */
#pragma once

#include "base/uuid.h"
#include "store/store.h"

struct quarantine_limits {
    uint32_t entries_max;  /* stops floods; the one not seen for longest goes first, denied ones last */
    uint32_t per_peer_max; /* new entries one peer address may cause in window_ms */
    uint32_t window_ms;
    uint32_t expire_s;  /* an entry not seen for so long goes */
    uint32_t rewrite_s; /* a known entry's count is written at most so often: no write a knock */
};
#define QUARANTINE_LIMITS_DEFAULT                                                                            \
    ((struct quarantine_limits){.entries_max = 1000,                                                         \
                                .per_peer_max = 10,                                                          \
                                .window_ms = 60000,                                                          \
                                .expire_s = 30 * 86400,                                                      \
                                .rewrite_s = 60})

struct quarantine;
/* st may be NULL (nothing is kept). NULL when out of memory. */
struct quarantine *quarantine_new(const struct quarantine_limits *lim, struct store *st);
void quarantine_free(struct quarantine **q);
/* Other limits from now on; entries over them go with the next new one. */
void quarantine_set_limits(struct quarantine *q, const struct quarantine_limits *lim);
/* Read what the store kept. Blocking, before the loops run. */
NODISCARD int quarantine_load(struct quarantine *q, struct wall now);

/* A login that was refused. */
struct quarantine_knock {
    struct slice user; /* as sent; cleaned here */
    struct uuid uuid;
    const char *peer, *peer_addr, *reason; /* reason: a sentence */
    struct wall at;
    uint64_t random; /* for the id of a new entry */
};
enum quarantine_answer {
    QUARANTINE_NEW,             /* a new entry: worth an event */
    QUARANTINE_KNOWN,           /* counted */
    QUARANTINE_DENIED_SILENTLY, /* the operator denied it: say nothing, log nothing */
    QUARANTINE_NOT_KEPT,        /* over per_peer_max: refused, but not listed */
};
enum quarantine_answer quarantine_note(struct quarantine *q, const struct quarantine_knock *k);
/* Is this user and UUID denied? Asked before any password is looked at. */
bool quarantine_denied(struct quarantine *q, struct slice user, struct uuid uuid);

/* A copy of the list, newest sighting first, owned by the caller (free()); entries older than expire_s at now
 * are dropped first. NULL and *n = 0 when empty or out of memory. */
struct store_quarantine *quarantine_list(struct quarantine *q, struct wall now, size_t *n);
size_t quarantine_count(struct quarantine *q);
/* 0 or ERR_NOT_FOUND. */
NODISCARD int quarantine_get(struct quarantine *q, const char *id, struct store_quarantine *out);
NODISCARD int quarantine_deny(struct quarantine *q, const char *id);
/* Drop the entry: it was adopted, or may knock again as new. */
NODISCARD int quarantine_forget(struct quarantine *q, const char *id);
