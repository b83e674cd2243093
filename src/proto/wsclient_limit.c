/* SPDX-License-Identifier: Apache-2.0 */
/* What spares weak firmware: circuit breaker, token bucket, few requests in flight. */
#include "proto/wsclient_int.h"

/* --- circuit breaker: a device that fails again and again is left alone for a while --- */

void wsc_breaker_close(struct wsclient *c) {
    c->failures = c->breaker_growth = 0;
    c->breaker_open = false;
}

void wsc_breaker_failed(struct wsclient *c, struct mono now) {
    if (c->failures < UINT8_MAX)
        c->failures++;
    if (!c->breaker_open && c->failures < c->lim.breaker_failures)
        return;
    if (c->breaker_open && !mono_due(c->breaker_until, now))
        return; /* one that was under way already, or an urgent probe: the pause stays as it is */
    uint8_t growth = c->breaker_growth;
    c->breaker_growth = growth == 0 ? 1 : growth < WSC_BREAKER_GROWTH_MAX ? (uint8_t)(growth * 2) : growth;
    c->breaker_open = true;
    c->breaker_until = mono_add_ms(now, (int64_t)c->lim.breaker_open_ms * c->breaker_growth);
}

struct mono wsc_breaker_until(const struct wsclient *c) {
    return c->breaker_open ? c->breaker_until : MONO_NEVER;
}

/* --- token bucket --- */

/* Tokens at that time, without taking any. *rest: what of the time is not yet turned into tokens begins here.
 */
static uint8_t tokens_at(const struct wsclient *c, struct mono now, struct mono *rest) {
    int64_t each_us = (int64_t)c->lim.bucket_refill_ms * 1000;
    int64_t gained = each_us == 0 ? c->lim.bucket_burst : (now.us - c->bucket_at.us) / each_us;
    *rest = c->bucket_at;
    if (gained <= 0)
        return c->tokens;
    if (gained >= c->lim.bucket_burst - c->tokens) {
        *rest = now;
        return c->lim.bucket_burst;
    }
    rest->us += gained * each_us;
    return (uint8_t)(c->tokens + gained);
}

/* Idle jobs leave half of the bucket to those that somebody waits for. */
static uint8_t tokens_needed(const struct wsclient *c, enum wsc_priority prio) {
    return (uint8_t)(1 + (prio == WSC_IDLE ? c->lim.bucket_burst / 2 : 0));
}

static struct mono token_time(const struct wsclient *c, enum wsc_priority prio) {
    uint8_t need = tokens_needed(c, prio);
    if (c->tokens >= need)
        return (struct mono){INT64_MIN};
    return mono_add_ms(c->bucket_at, (int64_t)c->lim.bucket_refill_ms * (need - c->tokens));
}

void wsc_token_take(struct wsclient *c, struct mono now) {
    struct mono rest;
    c->tokens = tokens_at(c, now, &rest);
    c->bucket_at = rest;
    if (c->tokens)
        c->tokens--;
}

/* --- both, and the requests in flight --- */

struct mono wsc_ready_at(const struct wsclient *c, const struct wsc_job *job) {
    uint32_t in_flight = c->busy->in_flight;
    if (job->state == WSC_JOB_BUSY || in_flight >= c->lim.in_flight_max)
        return MONO_NEVER;
    /* the first request alone asks for the challenge: each 401 costs a channel and a log entry */
    if (!c->answered && in_flight)
        return MONO_NEVER;
    struct mono at = mono_max(job->not_before, token_time(c, job->prio));
    if (c->breaker_open && in_flight)
        return MONO_NEVER; /* one probe at a time */
    if (c->breaker_open && job->prio != WSC_URGENT)
        at = mono_max(at, c->breaker_until);
    return at;
}
