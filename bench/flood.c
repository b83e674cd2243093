/* SPDX-License-Identifier: Apache-2.0 */
/* bench-device: amtsim, but for KVM, which sends chunks of a fixed length instead of a picture, each
 * beginning with the time at which it was made. As fast as they are taken, or BENCH_RATE of them in bytes a
 * second. Everything else (login, consent, APF) is amtsim's; this redir_app_find() takes the place of the
 * library's. */
#include "sim/redir_app.h"

#include "base/rd.h"
#include "flood.h"

#include <stdlib.h>
#include <time.h>

struct flood {
    struct mono next_at; /* of the next chunk; MONO_NEVER: at once */
    int64_t every_us;    /* 0: as fast as they are taken */
    size_t sent;         /* of the chunk */
    uint8_t chunk[FLOOD_CHUNK_BYTES];
};

static void *flood_make(struct sim_node *n, struct mono now) {
    struct flood *f = calloc(1, sizeof *f);
    const char *rate = getenv("BENCH_RATE");
    long bytes_per_s = rate ? strtol(rate, NULL, 10) : 0;
    if (!f)
        return NULL;
    if (bytes_per_s > 0)
        f->every_us = FLOOD_CHUNK_BYTES * INT64_C(1000000) / bytes_per_s;
    f->next_at = now;
    f->sent = sizeof f->chunk;
    for (size_t i = 0; i < sizeof f->chunk; i++)
        f->chunk[i] = (uint8_t)(i * 7);
    return f;
}
static void flood_free(void *app) {
    free(app);
}
static int flood_input(void *app, struct slice in, struct mono now) {
    return 0;
}
static struct slice flood_output(void *app, struct mono now) {
    struct flood *f = app;
    if (f->sent == sizeof f->chunk && (!f->every_us || mono_due(f->next_at, now))) {
        struct timespec ts;
        struct wr w = wr_of(f->chunk, sizeof f->chunk);
        clock_gettime(CLOCK_MONOTONIC, &ts);
        wr_le64(&w, (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
        f->sent = 0;
        f->next_at.us += f->every_us;
    }
    return slice_of(f->chunk + f->sent, sizeof f->chunk - f->sent);
}
static void flood_sent(void *app, size_t n_bytes) {
    ((struct flood *)app)->sent += n_bytes;
}
static struct mono flood_deadline(const void *app) {
    const struct flood *f = app;
    return f->every_us && f->sent == sizeof f->chunk ? f->next_at : MONO_NEVER;
}
static int flood_tick(void *app, struct mono now) {
    return 0;
}
static void flood_changed(void *app, const struct sim_node *n, bool boots, struct mono now) {}
static const char *flood_ended(const void *app) {
    return NULL;
}

const struct redir_app *redir_app_find(enum redir_kind k) {
    static const struct redir_app app = {flood_make,     flood_free, flood_input,   flood_output, flood_sent,
                                         flood_deadline, flood_tick, flood_changed, flood_ended,  NULL};
    return k == REDIR_KVM ? &app : NULL;
}

struct sim_ider *redir_app_ider(void *app) {
    return NULL; /* there is no IDE-R here */
}
