/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of struct store, shared by store.c and sqlite_read.c, and the doors for tests. Private to
 * store/. */
#pragma once

#include "store/backlog.h"
#include "store/sqlite.h"

#include <pthread.h>
#include <stdatomic.h>

struct store {
    struct store_opts o;
    char *dir;
    int lock_fd;

    /* under mu */
    pthread_mutex_t mu;
    pthread_cond_t wake, handled_more;
    struct store_txn *first, *last; /* waiting, oldest first */
    size_t ndurable;                /* of them, somebody waits for */
    int64_t lazy_due_us;            /* when the oldest lazy one has gathered enough */
    uint64_t submitted, handled, sync_upto;
    bool stopping;
    char trouble[160]; /* why nothing can be written; "" when it can */

    /* read by anyone */
    atomic_size_t queued;
    _Atomic uint64_t commits, dropped;
    atomic_bool healthy;
    atomic_size_t kept;      /* length of the backlog */
    _Atomic int trouble_err; /* 0, or why nothing can be written */
    atomic_bool pretend_full;
    _Atomic int64_t test_pages_max; /* to be set by the writer; 0: nothing to do */

    /* the writer's: its thread, or whoever calls store_pump() */
    pthread_t writer;
    bool has_writer;
    struct db db;
    struct backlog backlog;
    int64_t trouble_since_us, retry_us; /* no attempt before, while in trouble */

    /* readers */
    pthread_mutex_t readers_mu;
    pthread_cond_t reader_back;
    struct reader *readers;
    size_t nreaders;
};

/* A connection for the calling thread alone; waits when all are lent. NULL (logged) when none can be opened.
 */
struct reader *reader_lend(struct store *s);
void reader_give_back(struct store *s, struct reader *r);

/* The writer's thread; arg is the store. Ends when it is stopping and the queue is empty. */
void *store_writer(void *arg);
/* Write the backlog and list (may be empty) in one commit, or refuse; then tell. Takes the list. Writer only.
 */
void store_run_group(struct store *s, struct store_txn *list);

/* store_open() with another list of migrations. */
NODISCARD int store_open_with(struct store **s, const struct store_opts *o, bool create,
                              const struct migration *m, size_t n, struct errinfo *ei);
/* Let the database grow to so many pages at most (0: no limit): a full disk in small. Any thread; from the
 * next group on. */
void store_test_pages_max(struct store *s, int64_t pages);
