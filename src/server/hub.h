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
struct hub_limits {
    uint32_t ring_max;        /* events kept in memory for those that resume */
    uint32_t subscribers_max; /* stops subscription floods */
    uint32_t in_flight_max;   /* events on their way to one shard: a stalled shard loses them (gap) */
};
#define HUB_LIMITS_DEFAULT                                                                                   \
    ((struct hub_limits){.ring_max = 4096, .subscribers_max = 256, .in_flight_max = 1024})

/* last_seq: of the store; numbers go on behind it. NULL when out of memory. */
struct hub *hub_new(struct app *a, uint64_t last_seq, const struct hub_limits *lim);
/* Other limits from now on, but for ring_max, which stays. No loop runs a turn meanwhile. */
void hub_set_limits(struct hub *h, const struct hub_limits *lim);
/* The loops have ended; subscribers are gone. */
void hub_free(struct hub **h);
/* From any shard. The strings are copied. */
void hub_publish(struct shard *s, const char *host, const char *project, const char *kind, const char *text,
                 struct slice host_json);
/* Does anybody listen? A publisher that would have to make the JSON of a host asks first. Any thread. */
bool hub_wanted(const struct hub *h);

/* A subscriber lives on one shard; fn is called there for each event (also for the resumed ones, in order,
 * first), never from inside a hub_* call. The slice is valid during the call. gap: events between the last
 * one it saw and this one were lost to this subscriber: read the store. fn may unsubscribe. */
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
/* Back-pressure: no calls until hub_resume(), which goes on behind the last event that was given to fn: from
 * the ring, with gap when the ring has moved on. */
void hub_pause(struct hub_sub *sub);
void hub_resume(struct hub *h, struct hub_sub *sub);
uint64_t hub_last_seq(const struct hub *h);
