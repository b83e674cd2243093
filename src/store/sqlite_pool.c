/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of read-only connections. */
#include "store/store_int.h"

#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { READERS_MAX = 8, BUSY_MS = 5000 };

struct reader *reader_open(const char *dir, struct errinfo *ei) {
    char path[PATH_MAX];
    struct reader *r = calloc(1, sizeof *r);
    if (!r) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        return NULL;
    }
    snprintf(path, sizeof path, "%s/outband.db", dir);
    if (sqlite3_open_v2(path, &r->h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        err_set(ei, ERR_STORE, "data.dir", "could not open %s: %s", path,
                r->h ? sqlite3_errmsg(r->h) : "out of memory");
        reader_close(&r);
        return NULL;
    }
    sqlite3_busy_timeout(r->h, BUSY_MS);
    return r;
}

void reader_close(struct reader **pr) {
    struct reader *r = *pr;
    if (!r)
        return;
    for (size_t i = 0; i < READ_STMTS; i++)
        sqlite3_finalize(r->st[i]);
    for (size_t i = 0; i < READ_OPS_SHAPES; i++)
        sqlite3_finalize(r->ops[i]);
    for (size_t i = 0; i < READ_EVENTS_SHAPES; i++)
        sqlite3_finalize(r->events[i]);
    sqlite3_close(r->h);
    free(r);
    *pr = NULL;
}

struct reader *reader_lend(struct store *s) {
    pthread_mutex_lock(&s->readers_mu);
    while (!s->readers && s->nreaders >= READERS_MAX)
        pthread_cond_wait(&s->reader_back, &s->readers_mu);
    struct reader *r = s->readers;
    if (r)
        s->readers = r->next;
    else
        s->nreaders++;
    pthread_mutex_unlock(&s->readers_mu);
    if (r)
        return r;
    struct errinfo ei = {0};
    r = reader_open(s->o.path, &ei);
    if (!r) {
        log_error("store", "%s", ei.text);
        pthread_mutex_lock(&s->readers_mu);
        s->nreaders--;
        pthread_cond_signal(&s->reader_back);
        pthread_mutex_unlock(&s->readers_mu);
    }
    return r;
}

void reader_give_back(struct store *s, struct reader *r) {
    pthread_mutex_lock(&s->readers_mu);
    r->next = s->readers;
    s->readers = r;
    pthread_cond_signal(&s->reader_back);
    pthread_mutex_unlock(&s->readers_mu);
}
