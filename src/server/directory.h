/* SPDX-License-Identifier: Apache-2.0 */
/* directory: which host a name, CIRA user or UUID belongs to. Identity only, never state: the one thing
 * shards share, behind a read-write lock that is held for a look-up only. Any thread. */
#pragma once

#include "base/uuid.h"
#include "core/host.h"

struct directory;
struct directory *directory_new(uint64_t seed);
void directory_free(struct directory **d);

struct directory_entry {
    char id[HOST_ID_CAP], project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], cira_user[HOST_USER_CAP];
};
/* Reserve id, name (within its project) and CIRA user ("" = none). ERR_EXISTS with the field and the host
 * that has it; ERR_NOMEM. */
NODISCARD int directory_add(struct directory *d, const struct directory_entry *e, struct errinfo *ei);
/* Change name and CIRA user. Same errors, and then nothing is changed; ERR_NOT_FOUND. */
NODISCARD int directory_change(struct directory *d, const struct directory_entry *e, struct errinfo *ei);
/* Forget the host. left: the host that is now alone with the UUID both had, "" when none; may be NULL. */
void directory_remove(struct directory *d, const char *id, char left[HOST_ID_CAP]);
/* 0 or ERR_NOT_FOUND. */
NODISCARD int directory_by_user(struct directory *d, struct slice cira_user, struct directory_entry *out);
NODISCARD int directory_by_name(struct directory *d, const char *project, const char *name,
                                struct directory_entry *out);
NODISCARD int directory_by_id(struct directory *d, const char *id, struct directory_entry *out);
size_t directory_count(struct directory *d);

/* A host was seen with this UUID (message 192). Returns how many *other* hosts were last seen with it; the
 * first other id into other ("" when none). left: as in directory_remove, for the UUID it had before. A nil
 * UUID is nobody's and counts as none. Out of memory: the UUID is not kept. */
size_t directory_see_uuid(struct directory *d, const char *id, struct uuid u, char other[HOST_ID_CAP],
                          char left[HOST_ID_CAP]);
