/* SPDX-License-Identifier: Apache-2.0 */
/* clock: two kinds of time that cannot be mixed. mono counts from an arbitrary start and never jumps: all
 * deadlines use it. wall is UTC since 1970: only for people and for the store. Nothing here reads a clock;
 * net/loop.h does. Plain values, any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mono {
    int64_t us;
};
struct wall {
    int64_t us;
};

#define MONO_NEVER ((struct mono){INT64_MAX})
#define WALL_NEVER ((struct wall){0})

/* ms may be negative; what is never stays so. */
static inline struct mono mono_add_ms(struct mono t, int64_t ms) {
    bool never = ms > 0 ? t.us > INT64_MAX - ms * 1000 : t.us == INT64_MAX;
    return never ? MONO_NEVER : (struct mono){t.us + ms * 1000};
}
static inline bool mono_before(struct mono a, struct mono b) {
    return a.us < b.us;
}
static inline bool mono_due(struct mono deadline, struct mono now) {
    return deadline.us <= now.us;
}
static inline bool mono_is_never(struct mono t) {
    return t.us == INT64_MAX;
}
static inline struct mono mono_min(struct mono a, struct mono b) {
    return a.us < b.us ? a : b;
}
static inline struct mono mono_max(struct mono a, struct mono b) {
    return a.us > b.us ? a : b;
}
/* b - a in milliseconds, rounded down. */
static inline int64_t mono_ms_between(struct mono a, struct mono b) {
    return (b.us - a.us) / 1000;
}

static inline struct wall wall_add_ms(struct wall t, int64_t ms) {
    return (struct wall){t.us + ms * 1000};
}

enum { WALL_TEXT_CAP = 32 };
/* "2026-11-22T14:02:11.482Z" into out[WALL_TEXT_CAP]; "" for WALL_NEVER. Returns out. */
const char *wall_rfc3339(struct wall t, char *out);
/* "14:02:11" (UTC) into out[WALL_TEXT_CAP]; "never" for WALL_NEVER. Returns out. */
const char *wall_hms(struct wall t, char *out);
/* Of a date in UTC as the C library has it (tm_year from 1900, tm_mon from 0); nothing else of it is looked
 * at. */
struct tm;
struct wall wall_of_utc(const struct tm *tm);
/* Parse RFC 3339 with a Z or numeric offset, fraction optional. False when malformed. */
bool wall_parse(const char *text, struct wall *out);
/* "4 s", "3 min 20 s", "2 h 5 min", "3 d 4 h" into out[WALL_TEXT_CAP]. Returns out. */
const char *duration_text(int64_t ms, char *out);
