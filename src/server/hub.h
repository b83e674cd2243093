/* SPDX-License-Identifier: Apache-2.0 */
/* hub: the event stream. Events get their number here, go to the store lazily, stay in a ring for resuming
 * subscribers, and are posted to every shard that has subscribers. Lives on shard 0; publish from any shard.
 */
#pragma once

#include "server/app.h"

struct hub_event {
    uint64_t seq;
    struct wall at;
    char host[HOST_ID_CAP], project[HOST_PROJECT_CAP], kind[STORE_ACTION_CAP];
    char text[STORE_TEXT_CAP];
    struct slice host_json; /* the host as it is now (may be empty); owned by the event's memory */
};
struct hub *hub_new(struct app *a, uint64_t last_seq, uint32_t ring_max);
void hub_free(struct hub **h);
/* From any shard. The strings are copied. */
void hub_publish(struct shard *s, const char *host, const char *project, const char *kind, const char *text,
                 struct slice host_json);

/* A subscriber lives on one shard; fn is called there for each event (also for the resumed ones, in order,
 * first). The slice is valid during the call. gap: events between after_seq and the ring's oldest were lost
 * to this subscriber: read the store. */
struct hub_sub {
    struct list_node node;
    struct shard *shard;
    void (*fn)(struct hub_sub *sub, const struct hub_event *e, bool gap);
    void *ctx;
    void *impl;
};
/* after_seq: resume behind it; UINT64_MAX: only what is new. ERR_LIMIT (events.subscribers_max), ERR_NOMEM.
 */
NODISCARD int hub_subscribe(struct hub *h, struct hub_sub *sub, uint64_t after_seq);
void hub_unsubscribe(struct hub *h, struct hub_sub *sub);
uint64_t hub_last_seq(const struct hub *h);
