/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite: the database behind store.h. struct db writes and belongs to the writer (one thread at a time);
 * struct reader reads, one thread at a time each. Private to store/. */
#pragma once

#include "store/row.h"

#include <sqlite3.h>

/* One numbered step of the schema. */
struct migration {
    int version;
    const char *name;
    const unsigned char *sql;
    const size_t *sql_n;
};
/* The program's own, ascending. */
extern const struct migration schema[];
extern const size_t schema_n;

/* What the writer knows of the tables without asking; goes back with a rollback. */
struct db_marks {
    uint64_t audit_seq;
    uint8_t audit_hash[32];
    uint64_t event_first, event_last; /* 0, 0: none */
    uint64_t ops_added;               /* since finished ones were pruned */
};
enum { DB_HOST_TABLES = 3 }; /* rows that go with their host */
enum db_step { DB_BEGIN, DB_COMMIT, DB_ROLLBACK, DB_SAVE, DB_RELEASE, DB_BACK, DB_STEPS };
struct db {
    sqlite3 *h;
    sqlite3_stmt *step[DB_STEPS];
    sqlite3_stmt *write[STORE_WRITE_COUNT];
    sqlite3_stmt *audit_head, *prune_events, *prune_ops, *host_there;
    sqlite3_stmt *delete_of_host[DB_HOST_TABLES];
    struct db_marks now, at_begin;
    bool full_sync;
    bool broken;   /* an error took the whole transaction: roll back, nothing of it is written */
    int err;       /* of the last failure: ERR_STORE, ERR_STORE_FULL */
    char why[160]; /* its sentence */
};

/* Open dir/outband.db for writing, make it when create, migrate it. See store_open() for errors. */
NODISCARD int db_open(struct db *db, const char *dir, bool create, const struct migration *m, size_t n,
                      struct errinfo *ei);
void db_close(struct db *db);
/* Copy the database of an open connection into a file that is not there yet. ERR_EXISTS, ERR_STORE,
 * ERR_STORE_FULL. */
NODISCARD int db_copy(sqlite3 *from, const char *to_path, struct errinfo *ei);

/* One group: begin, any number of db_txn(), db_prune(), then commit or rollback. When a call fails with
 * db->broken set, the group is lost and must be rolled back; else only that transaction failed. All: 0,
 * ERR_STORE, ERR_STORE_FULL. */
NODISCARD int db_begin(struct db *db, bool durable);
/* writes: a list; lenient: a host that is not there is no error. All of them or none. */
NODISCARD int db_txn(struct db *db, const struct store_write *writes, bool lenient);
/* Delete one batch of what is too old. */
NODISCARD int db_prune(struct db *db, uint32_t events_max, uint32_t ops_max);
NODISCARD int db_commit(struct db *db);
void db_rollback(struct db *db);
/* Return the space of the write-ahead log to the disk, where possible. */
void db_checkpoint(struct db *db);
void db_pages_max(struct db *db, int64_t pages);

enum read_stmt {
    READ_HOSTS,
    READ_OPEN_OPS,
    READ_USERS,
    READ_QUARANTINE,
    READ_PROVISIONS,
    READ_AGENTS,
    READ_OBJECTS,
    READ_OP,
    READ_LAST_EVENT,
    READ_AUDITS,
    READ_AUDIT_HEAD,
    READ_META,
    READ_OP_SEQ,
    READ_STMTS
};
enum { READ_OPS_SHAPES = 1 << 5, READ_EVENTS_SHAPES = 1 << 3 };
struct reader {
    struct reader *next;
    sqlite3 *h;
    sqlite3_stmt *st[READ_STMTS];
    sqlite3_stmt *ops[READ_OPS_SHAPES], *events[READ_EVENTS_SHAPES]; /* by the set of filters */
};
/* NULL with ei filled. */
struct reader *reader_open(const char *dir, struct errinfo *ei);
void reader_close(struct reader **r);

/* Bind the columns of row, first one at ?first; only those of group (0: all). Next free number, or an error
 * of SQLite. */
int row_bind(sqlite3_stmt *st, const struct row_type *t, const void *row, unsigned group, int first);
/* Bind the key columns at ?1 … ?n. A code of SQLite. */
int row_bind_keys(sqlite3_stmt *st, const struct row_type *t, const void *row);
/* Read the columns of the current result row, first one at column 0. ERR_NOMEM. */
int row_read(sqlite3_stmt *st, const struct row_type *t, void *row);
