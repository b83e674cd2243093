/* SPDX-License-Identifier: Apache-2.0 */
/* objects_int: the table behind objects.h, shared by objects*.c. */
#pragma once

#include "base/map.h"
#include "server/objects.h"

#include <pthread.h>

enum { OBJECT_KEY_MAX = OBJECT_KIND_CAP + HOST_PROJECT_CAP + OBJECT_NAME_CAP };

enum entry_state {
    ENTRY_LIVE,
    ENTRY_MAKING,   /* its first row is being written: only its name is taken */
    ENTRY_CHANGING, /* as it was until the write is done */
    ENTRY_GOING,    /* its delete is being written: nobody sees it any more */
    ENTRY_MOVING,   /* as it is, until the merge of its host with another one is written */
};
struct entry {
    struct map_node node; /* objects.all, by key */
    uint8_t key[OBJECT_KEY_MAX];
    enum object_kind kind;
    enum entry_state state;
    char project[HOST_PROJECT_CAP], name[OBJECT_NAME_CAP];
    uint64_t version;
    struct wall created, updated;
    char *body, *secret;
    struct entry *becomes; /* MOVING: what it will be, of the other host; NULL: the other has one already */
    /* profile: what it names, and what it will name when a change is written */
    char refs[2][2][OBJECT_NAME_CAP]; /* [now, next][domain, CIRA configuration] */
    /* enrolment key */
    struct map_node by_hash; /* objects.hashes; not in it: key.n 0 */
    uint8_t hash[32];        /* SHA-256 of the key's text */
    uint32_t uses, uses_max;
    struct wall expires;
    bool revoked;
    char host_project[HOST_PROJECT_CAP];
};
struct objects {
    struct app *app;
    pthread_rwlock_t lock;
    struct map all, hashes;
};

/* With the lock held. NULL: there is none (in any state). */
struct entry *objects_find(const struct objects *o, enum object_kind k, const char *project,
                           const char *name);
static inline bool entry_seen(const struct entry *e) {
    return e && (e->state == ENTRY_LIVE || e->state == ENTRY_CHANGING || e->state == ENTRY_MOVING);
}
/* The one writer of it; with the lock held for writing. */
static inline void entry_set_state(struct entry *e, enum entry_state state) {
    e->state = state;
}
/* A new entry. ERR_EXISTS, ERR_NOMEM, ERR_INVALID (a body that is none). Both with the lock held. */
NODISCARD int objects_enter(struct objects *o, enum object_kind k, const char *project, const char *name,
                            const struct json_t *body, struct entry **out);
void objects_forget(struct objects *o, struct entry *e);
/* ERR_NOT_FOUND with its sentence. */
NODISCARD int objects_not_found(struct errinfo *ei, enum object_kind k, const char *project,
                                const char *name);
/* Is this name one of those that are always there? */
bool objects_built_in(enum object_kind k, const char *project, const char *name);
/* Its body; NULL when it is none, or out of memory. */
struct json_t *objects_built_in_body(struct objects *o, enum object_kind k, const char *project,
                                     const char *name);
/* The i-th name that is always there in a project, into name; false past the last. */
bool objects_built_in_name(enum object_kind k, const char *project, unsigned i, char name[OBJECT_NAME_CAP]);
/* Write what the entry now is; with the lock held, so that the last one written is the newest. done gets the
 * transaction on the store's thread. ERR_STORE, ERR_FULL, ERR_NOMEM; without a store: ERR_UNSUPPORTED. */
NODISCARD int objects_write(struct objects *o, const struct entry *e, enum store_write_kind kind,
                            void (*done)(struct store_txn *t), void *owner);
/* The body of an enrolment key as it is stored; malloc()ed. */
char *objects_enrol_body(const struct entry *e);
/* What is kept of a provisioning certificate: into the body of a domain. Texts of p get a NUL behind them. */
struct pfx;
void objects_put_pfx(struct json_t *body, struct pfx *p);
void objects_context(enum object_kind k, const char *project, const char *name, char out[OBJECT_KEY_MAX]);
