/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing: the lock of the data directory, the database, the writer's thread. */
#include "store/store_int.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    BACKLOG_EVENTS = 10000, /* history kept while the disk is full */
    OPS_MAX_DEFAULT = 100000,
};

static int lock_dir(struct store *s, struct errinfo *ei) {
    char path[PATH_MAX], owner[32] = "";
    snprintf(path, sizeof path, "%s/outband.lock", s->dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return err_set(ei,
                       errno == ENOENT   ? ERR_NOT_FOUND
                       : errno == EACCES ? ERR_DENIED
                                         : ERR_IO,
                       "data.dir", "could not open %s: %s", path, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        int n = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
        if (ftruncate(s->lock_fd, 0) || pwrite(s->lock_fd, owner, (size_t)n, 0) != n)
            log_debug("store", "the lock file could not be written; the lock itself holds");
        return 0;
    }
    ssize_t n = pread(s->lock_fd, owner, sizeof owner - 1, 0);
    owner[n > 0 ? strcspn(owner, "\n") : 0] = 0;
    err_set(ei, ERR_BUSY, "data.dir", "the data directory %s is in use by another outbandd (process %s)",
            s->dir, *owner ? owner : "unknown");
    err_remedy(ei, "stop that process first, or choose another data.dir");
    return ERR_BUSY;
}

static void init_sync(struct store *s) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mu, NULL);
    pthread_mutex_init(&s->readers_mu, NULL);
    pthread_cond_init(&s->wake, &attr);
    pthread_cond_init(&s->handled_more, NULL);
    pthread_cond_init(&s->reader_back, NULL);
    pthread_condattr_destroy(&attr);
}

static void destroy(struct store **ps) {
    struct store *s = *ps;
    while (s->readers) {
        struct reader *r = s->readers;
        s->readers = r->next;
        reader_close(&r);
    }
    db_close(&s->db);
    backlog_fini(&s->backlog);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->handled_more);
    pthread_cond_destroy(&s->reader_back);
    pthread_mutex_destroy(&s->mu);
    pthread_mutex_destroy(&s->readers_mu);
    if (s->lock_fd >= 0)
        close(s->lock_fd); /* frees the lock */
    free(s->dir);
    free(s);
    *ps = NULL;
}

int store_open_with(struct store **ps, const struct store_opts *o, bool create, const struct migration *m,
                    size_t n, struct errinfo *ei) {
    struct store *s = calloc(1, sizeof *s);
    *ps = NULL;
    if (!s)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    s->o = *o;
    s->o.ops_max = o->ops_max ? o->ops_max : OPS_MAX_DEFAULT;
    s->o.path = s->dir = strdup(o->path);
    s->lock_fd = -1;
    s->healthy = true;
    init_sync(s);
    backlog_init(&s->backlog, o->queue_max, BACKLOG_EVENTS);
    int err = s->dir ? lock_dir(s, ei) : err_set(ei, ERR_NOMEM, "", "out of memory");
    err = err ? err : db_open(&s->db, s->dir, create, m, n, ei);
    if (!err && !o->manual) {
        s->has_writer = pthread_create(&s->writer, NULL, store_writer, s) == 0;
        if (!s->has_writer)
            err = err_set(ei, ERR_NOMEM, "", "the writer's thread could not be started");
    }
    if (err)
        destroy(&s);
    *ps = s;
    return err;
}

int store_open(struct store **s, const struct store_opts *o, bool create, struct errinfo *ei) {
    return store_open_with(s, o, create, schema, schema_n, ei);
}

void store_close(struct store **ps) {
    struct store *s = *ps;
    if (!s)
        return;
    if (s->has_writer) {
        pthread_mutex_lock(&s->mu);
        s->stopping = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mu);
        pthread_join(s->writer, NULL);
    } else
        store_pump(s);
    if (backlog_length(&s->backlog)) {
        s->retry_us = 0;
        store_run_group(s, NULL);
        if (backlog_length(&s->backlog))
            log_error("store", "%zu observations and history lines are lost: %s", backlog_length(&s->backlog),
                      s->trouble);
    }
    destroy(ps);
}

void store_abandon(struct store **ps) {
    struct store *s = *ps;
    if (!s)
        return;
    assert(s->o.manual);
    while (s->first) {
        struct store_txn *t = s->first;
        s->first = t->next;
        store_txn_free(&t);
    }
    destroy(ps);
}
