/* SPDX-License-Identifier: Apache-2.0 */
/* The queue and its one writer: group commit, and what happens while the disk is full. */
#include "store/store_int.h"

#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
    GROUP_MAX = 2048, /* transactions in one commit: keeps the wait of a durable one short */
    RETRY_MIN_US = 250000,
};

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- trouble: nothing can be written --- */
static void set_trouble(struct store *s, int err, const char *why, int64_t began_us) {
    int64_t now = now_us(), pause = 4 * (now - began_us); /* a big backlog must not keep the disk busy */
    if (!s->trouble_err) {
        s->trouble_since_us = now;
        log_error("store", "nothing can be written: %s", why);
    }
    s->trouble_err = err;
    s->retry_us = now + (pause > RETRY_MIN_US ? pause : RETRY_MIN_US);
    atomic_store(&s->healthy, false);
    pthread_mutex_lock(&s->mu);
    snprintf(s->trouble, sizeof s->trouble, "%s", why);
    pthread_mutex_unlock(&s->mu);
}

static void clear_trouble(struct store *s) {
    char span[WALL_TEXT_CAP];
    if (!s->trouble_err)
        return;
    s->trouble_err = 0;
    log_info("store", "writing again after %s; writes lost so far: %" PRIu64,
             duration_text((now_us() - s->trouble_since_us) / 1000, span), s->backlog.dropped);
    pthread_mutex_lock(&s->mu);
    s->trouble[0] = 0;
    pthread_mutex_unlock(&s->mu);
    atomic_store(&s->healthy, true);
}

static bool space_left(struct store *s, char *why, size_t cap) {
    struct statvfs v;
    if (atomic_load(&s->pretend_full)) {
        snprintf(why, cap, "the disk of the data directory is full (simulated)");
        return false;
    }
    if (!s->o.reserve_bytes || statvfs(s->dir, &v))
        return true;
    uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
    if (left >= s->o.reserve_bytes)
        return true;
    snprintf(why, cap,
             "the disk of the data directory is full: %" PRIu64 " MiB left, %" PRIu64
             " MiB are kept free; free some space, then try again",
             left >> 20, s->o.reserve_bytes >> 20);
    return false;
}

/* --- groups --- */
static void finish(struct store_txn *t) {
    if (t->err && !t->done)
        log_warn("store", "a write was lost: %s", t->why);
    if (t->done)
        t->done(t);
    else
        store_txn_free(&t);
}

/* Not written. Those whose owner is not told are kept. */
static void refuse(struct store *s, struct store_txn *list, int err, const char *why) {
    struct store_txn *next;
    for (struct store_txn *t = list; t; t = next) {
        next = t->next;
        t->next = NULL;
        if (!t->durable && !t->done) {
            backlog_take(&s->backlog, t);
            store_txn_free(&t);
            continue;
        }
        t->err = err;
        snprintf(t->why, sizeof t->why, "%s", why);
        finish(t);
    }
    atomic_store(&s->kept, backlog_length(&s->backlog));
    atomic_store(&s->dropped, s->backlog.dropped);
}

static int write_kept(void *ctx, const struct store_write *w) {
    struct store *s = ctx;
    int err = db_txn(&s->db, w, true);
    if (err && !s->db.broken) {
        log_warn("store", "a write was lost: %s", s->db.why);
        return 0;
    }
    return err;
}

/* Something must be written to see whether it can be. */
static int write_probe(struct store *s) {
    static char key[] = "store.probe", value[] = "";
    const struct store_write probe = {.kind = STORE_META_PUT, .u.meta = {key, value}};
    return db_txn(&s->db, &probe, true);
}

static int write_all(struct store *s, struct store_txn *list) {
    int err = s->trouble_err ? write_probe(s) : 0;
    err = err ? err : backlog_each(&s->backlog, write_kept, s);
    for (struct store_txn *t = list; t && !err; t = t->next) {
        t->err = db_txn(&s->db, t->first, !t->durable);
        if (t->err)
            snprintf(t->why, sizeof t->why, "%s", s->db.why);
        if (s->db.broken)
            err = t->err;
    }
    return err ? err : db_prune(&s->db, s->o.events_max, s->o.ops_max);
}

static int write_group(struct store *s, struct store_txn *list) {
    bool durable = false;
    for (struct store_txn *t = list; t; t = t->next)
        durable = durable || t->durable;
    int err = db_begin(&s->db, durable);
    err = err ? err : write_all(s, list);
    err = err ? err : db_commit(&s->db);
    if (err)
        db_rollback(&s->db);
    return err;
}

void store_run_group(struct store *s, struct store_txn *list) {
    char why[sizeof s->trouble];
    int64_t began = now_us();
    if (!list && !s->trouble_err && !backlog_length(&s->backlog))
        return;
    if (s->trouble_err && !s->o.manual && began < s->retry_us) {
        store_trouble(s, why, sizeof why);
        refuse(s, list, s->trouble_err, why);
        return;
    }
    if (!space_left(s, why, sizeof why)) {
        set_trouble(s, ERR_STORE_FULL, why, began);
        refuse(s, list, ERR_STORE_FULL, why);
        return;
    }
    int64_t pages = atomic_exchange(&s->test_pages_max, 0);
    if (pages)
        db_pages_max(&s->db, pages);
    int err = write_group(s, list);
    if (err) {
        snprintf(why, sizeof why, "%s", s->db.why);
        if (!s->trouble_err)
            db_checkpoint(&s->db);
        set_trouble(s, err, why, began);
        refuse(s, list, err, why);
        return;
    }
    backlog_clear(&s->backlog);
    atomic_store(&s->kept, 0);
    atomic_fetch_add(&s->commits, 1);
    clear_trouble(s);
    struct store_txn *next;
    for (struct store_txn *t = list; t; t = next) {
        next = t->next;
        t->next = NULL;
        finish(t);
    }
}

/* --- the queue --- */
/* The oldest ones, at most GROUP_MAX; under mu. */
static struct store_txn *take_group(struct store *s, size_t *n) {
    struct store_txn *list = s->first, *last = NULL;
    for (*n = 0; s->first && *n < GROUP_MAX; (*n)++) {
        last = s->first;
        s->first = last->next;
        s->ndurable -= last->durable;
    }
    if (last)
        last->next = NULL;
    if (!s->first)
        s->last = NULL;
    return last ? list : NULL;
}

/* Take one group and write it; under mu, which is let go meanwhile. */
static size_t handle_group(struct store *s) {
    size_t n;
    struct store_txn *list = take_group(s, &n);
    pthread_mutex_unlock(&s->mu);
    store_run_group(s, list);
    atomic_fetch_sub(&s->queued, n);
    pthread_mutex_lock(&s->mu);
    s->handled += n;
    pthread_cond_broadcast(&s->handled_more);
    return n;
}

/* When there is work for the writer; INT64_MAX: when woken. Under mu. */
static int64_t next_work_us(const struct store *s) {
    int64_t at = INT64_MAX;
    if (s->first)
        at = s->ndurable || s->sync_upto > s->handled ? 0 : s->lazy_due_us;
    if (atomic_load(&s->trouble_err) && s->retry_us < at)
        at = s->retry_us; /* also when nothing waits: somebody may ask whether the store is healthy */
    return at;
}

static void wait_until(struct store *s, int64_t at_us) {
    struct timespec t = {.tv_sec = (time_t)(at_us / 1000000), .tv_nsec = (long)(at_us % 1000000) * 1000};
    if (at_us == INT64_MAX)
        pthread_cond_wait(&s->wake, &s->mu);
    else
        pthread_cond_timedwait(&s->wake, &s->mu, &t);
}

void *store_writer(void *arg) {
    struct store *s = arg;
    pthread_mutex_lock(&s->mu);
    while (!s->stopping || s->first) {
        int64_t at = next_work_us(s);
        if (!s->stopping && at > now_us())
            wait_until(s, at);
        else
            handle_group(s);
    }
    pthread_mutex_unlock(&s->mu);
    return NULL;
}

int store_submit(struct store *s, struct store_txn *t) {
    t->next = NULL;
    t->err = 0;
    pthread_mutex_lock(&s->mu);
    assert(!s->stopping);
    if (atomic_load(&s->queued) >= s->o.queue_max) {
        pthread_mutex_unlock(&s->mu);
        return ERR_FULL;
    }
    if (s->last)
        s->last->next = t;
    else {
        s->first = t;
        s->lazy_due_us = now_us() + (int64_t)s->o.flush_ms * 1000;
    }
    /* the writer sleeps until the first lazy one is due; only news that change that wake it */
    bool wake = s->first == t || (t->durable && !s->ndurable);
    s->last = t;
    s->ndurable += t->durable;
    s->submitted++;
    atomic_fetch_add(&s->queued, 1);
    if (wake)
        pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
    return 0;
}

size_t store_pump(struct store *s) {
    assert(s->o.manual);
    size_t n = 0;
    pthread_mutex_lock(&s->mu);
    do
        n += handle_group(s);
    while (s->first);
    pthread_mutex_unlock(&s->mu);
    return n;
}

int store_sync(struct store *s) {
    if (s->o.manual) {
        store_pump(s);
        return atomic_load(&s->kept) ? s->trouble_err : 0;
    }
    pthread_mutex_lock(&s->mu);
    uint64_t upto = s->submitted;
    if (upto > s->sync_upto)
        s->sync_upto = upto;
    pthread_cond_signal(&s->wake);
    while (s->handled < upto)
        pthread_cond_wait(&s->handled_more, &s->mu);
    pthread_mutex_unlock(&s->mu);
    return atomic_load(&s->kept) ? atomic_load(&s->trouble_err) : 0;
}

/* --- numbers --- */
size_t store_queue_length(const struct store *s) {
    return atomic_load(&s->queued);
}
uint64_t store_commits(const struct store *s) {
    return atomic_load(&s->commits);
}
size_t store_kept(const struct store *s) {
    return atomic_load(&s->kept);
}
uint64_t store_dropped(const struct store *s) {
    return atomic_load(&s->dropped);
}
bool store_healthy(const struct store *s) {
    return atomic_load(&s->healthy);
}
void store_trouble(struct store *s, char *out, size_t cap) {
    pthread_mutex_lock(&s->mu);
    snprintf(out, cap, "%s", s->trouble);
    pthread_mutex_unlock(&s->mu);
}
void store_pretend_full(struct store *s, bool full) {
    atomic_store(&s->pretend_full, full);
}
void store_test_pages_max(struct store *s, int64_t pages) {
    atomic_store(&s->test_pages_max, pages ? pages : UINT32_MAX - 1);
}
