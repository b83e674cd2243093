/* SPDX-License-Identifier: Apache-2.0 */
/* directory: which host a name, CIRA user or UUID belongs to. Identity only, never state: the one thing
 * shards share, behind a read-write lock that is held for a look-up only. Any thread. */
#pragma once

#include "base/uuid.h"
#include "core/host.h"

struct directory;
struct directory *directory_new(uint64_t seed);
void directory_free(struct directory **d);

/* What a machine says of itself; nil and "" = not told. */
struct node_ids {
    struct uuid smbios, amt;
    char serial[HOST_SERIAL_CAP];
};
struct directory_entry {
    char id[HOST_ID_CAP], project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], cira_user[HOST_USER_CAP];
    bool cira_shared;    /* other hosts may have the same CIRA user: told apart by ids.amt */
    struct node_ids ids; /* as recorded */
};
/* Reserve id, name (within its project) and CIRA user ("" = none). A shared CIRA user may be had by many,
 * each with an AMT UUID of its own (no placeholder). ERR_EXISTS with the field and the host that has it;
 * ERR_INVALID (a shared user without a UUID); ERR_NOMEM. */
NODISCARD int directory_add(struct directory *d, const struct directory_entry *e, struct errinfo *ei);
/* What directory_add() would say of name and CIRA user now, without doing it. */
NODISCARD int directory_may_add(struct directory *d, const struct directory_entry *e, struct errinfo *ei);
/* Change name, CIRA user and what is recorded of the node. Same errors, and then nothing is changed;
 * ERR_NOT_FOUND. */
NODISCARD int directory_change(struct directory *d, const struct directory_entry *e, struct errinfo *ei);
/* Several hosts become others in one step, for merge and split: drop_id (NULL: none) goes, change becomes as
 * said, add (NULL: none) comes. left: as in directory_remove. Errors as directory_add, and then nothing is
 * changed. */
NODISCARD int directory_replace(struct directory *d, const struct directory_entry *change,
                                const char *drop_id, const struct directory_entry *add,
                                char left[HOST_ID_CAP], struct errinfo *ei);
/* Forget the host. left: the host that is now alone with the UUID both had, "" when none; may be NULL. */
void directory_remove(struct directory *d, const char *id, char left[HOST_ID_CAP]);
/* Whose tunnel is this? The CIRA user, and where several hosts share it, the UUID of message 192, too: the
 * user and UUID narrow, the password proves. 0 or ERR_NOT_FOUND. */
NODISCARD int directory_by_login(struct directory *d, struct slice cira_user, struct uuid uuid,
                                 struct directory_entry *out);
/* A host that has this CIRA user, whoever of them. 0 or ERR_NOT_FOUND. */
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

/* What an agent or a client of the RPS protocol at the host told of the node, beside what is recorded: what
 * is not told here keeps its old value. */
void directory_learn(struct directory *d, const char *id, const struct node_ids *told);
/* Which host of the project is this machine? By its UUIDs in either byte order (as recorded, told by an
 * agent, or seen in a tunnel), else by its serial; placeholders never match, and a host whose real SMBIOS
 * UUID is another one is not it. 0 and out (may be NULL); ERR_NOT_FOUND: a new one; ERR_EXISTS: several
 * match, and the sentence says which. */
NODISCARD int directory_match_node(struct directory *d, const char *project, const struct node_ids *ids,
                                   struct directory_entry *out, struct errinfo *ei);
/* A serial that says nothing: "", "0", "Default string", "To be filled by O.E.M.", … */
bool serial_is_placeholder(const char *serial);
