/* SPDX-License-Identifier: Apache-2.0 */
/* reading: what handlers share that answer from one host: find it (id or name, in the request's project),
 * look at it on its own shard, answer. A host of the request's own shard is answered at once. */
#pragma once

#include "server/fleet.h"
#include "server/request.h"

struct reading {
    struct fleet_call call;
    struct request *r;
    /* On the host's shard: write JSON into out. 0, or an error with call.error filled. fh is of the project.
     */
    int (*show)(struct reading *rd, struct fleet_host *fh);
    struct buf *out, own;
    char etag[72]; /* "" = none */
    int status;    /* of success */
};
/* Answers r with what show says of the host named by the second parameter. */
void reading_answer(struct request *r, int (*show)(struct reading *rd, struct fleet_host *fh));
/* The same of the host with this id. */
void reading_answer_id(struct request *r, const char *id, int status,
                       int (*show)(struct reading *rd, struct fleet_host *fh));
/* show: the host itself, with its ETag. */
int reading_host(struct reading *rd, struct fleet_host *fh);

/* The id of the host that text names ("host-xxxxxxxx", or a name) in the project. 0; ERR_NOT_FOUND: ei
 * filled. */
NODISCARD int host_id_of(struct request *r, const char *project, const char *text, char id[HOST_ID_CAP],
                         struct errinfo *ei);
/* The same for the request's first and second parameters; false: r was answered. */
bool host_id_param(struct request *r, char id[HOST_ID_CAP]);
/* On the host's shard: NULL or of another project: ERR_NOT_FOUND and ei filled. */
NODISCARD int host_check(const struct fleet_host *fh, const char *project, const char *id,
                         struct errinfo *ei);
/* ETag of a host: its version leads, for If-Match. */
void host_etag(const struct fleet_host *fh, struct host_now now, char out[72]);
/* The version that an If-Match header names; 0: none, or "*"; UINT64_MAX: one that no host has. */
uint64_t host_version_wanted(struct slice if_match);
