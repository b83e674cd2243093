/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: the statements, made from the column tables, and groups of transactions. */
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

enum { PRUNE_BATCH = 1000, PRUNE_OPS_EVERY = 1000 };

/* --- SQL from the tables --- */
/* What each kind of write does with which row. */
enum doing { DO_PUT, DO_PUT_OF_HOST, DO_UPDATE, DO_DELETE, DO_ADD, DO_META };
static const struct {
    enum doing doing;
    const struct row_type *t;
} kinds[STORE_WRITE_COUNT] = {
    [STORE_HOST_PUT] = {DO_PUT, &row_host},
    [STORE_HOST_INTENT] = {DO_UPDATE, &row_host},
    [STORE_HOST_LINK] = {DO_UPDATE, &row_host},
    [STORE_HOST_POWER] = {DO_UPDATE, &row_host},
    [STORE_HOST_INFO] = {DO_UPDATE, &row_host},
    [STORE_HOST_PIN] = {DO_UPDATE, &row_host},
    [STORE_HOST_AMT] = {DO_UPDATE, &row_host},
    [STORE_HOST_DELETE] = {DO_DELETE, &row_host},
    [STORE_OP_PUT] = {DO_PUT_OF_HOST, &row_op},
    [STORE_EVENT_ADD] = {DO_ADD, &row_event},
    [STORE_QUARANTINE_PUT] = {DO_PUT, &row_quarantine},
    [STORE_QUARANTINE_DELETE] = {DO_DELETE, &row_quarantine},
    [STORE_USER_PUT] = {DO_PUT, &row_user},
    [STORE_USER_DELETE] = {DO_DELETE, &row_user},
    [STORE_AUDIT_ADD] = {DO_ADD, &row_audit},
    [STORE_META_PUT] = {DO_META, NULL},
    [STORE_PROVISION_PUT] = {DO_PUT_OF_HOST, &row_provision},
    [STORE_AGENT_PUT] = {DO_PUT_OF_HOST, &row_agent},
    [STORE_AGENT_SEEN] = {DO_UPDATE, &row_agent},
    [STORE_AGENT_DELETE] = {DO_DELETE, &row_agent},
    [STORE_OBJECT_PUT] = {DO_PUT, &row_object},
    [STORE_OBJECT_DELETE] = {DO_DELETE, &row_object},
};

static void put_keys(struct buf *sql, const struct row_type *t) {
    for (size_t i = 0; i < t->nkeys; i++)
        buf_putf(sql, "%s%s", i ? ", " : "", t->cols[i].name);
}

static void put_upsert(struct buf *sql, const struct row_type *t) {
    bool open_too = t == &row_op;
    buf_putf(sql, "INSERT INTO %s (", t->table);
    row_put_names(sql, t);
    buf_puts(sql, open_too ? ", open) VALUES (" : ") VALUES (");
    size_t n = t->ncols + open_too;
    for (size_t i = 1; i <= n; i++)
        buf_putf(sql, "%s?%zu", i > 1 ? ", " : "", i);
    buf_puts(sql, ") ON CONFLICT (");
    put_keys(sql, t);
    buf_puts(sql, ") DO UPDATE SET ");
    for (size_t i = t->nkeys; i < t->ncols; i++)
        buf_putf(sql, "%s%s = excluded.%s", i > t->nkeys ? ", " : "", t->cols[i].name, t->cols[i].name);
    if (open_too)
        buf_puts(sql, ", open = excluded.open");
}

static void put_insert(struct buf *sql, const struct row_type *t) {
    buf_putf(sql, "INSERT INTO %s (", t->table);
    row_put_names(sql, t);
    buf_puts(sql, ") VALUES (");
    for (size_t i = 1; i <= t->ncols; i++)
        buf_putf(sql, "%s?%zu", i > 1 ? ", " : "", i);
    buf_puts(sql, ")");
}

/* ?1 is the key, the columns of the group follow. */
static void put_update(struct buf *sql, const struct row_type *t, unsigned group) {
    unsigned n = 2;
    buf_putf(sql, "UPDATE %s SET ", t->table);
    for (size_t i = 0; i < t->ncols; i++) {
        const struct col *c = &t->cols[i];
        if (!(c->groups & group))
            continue;
        buf_putf(sql, "%s%s = ", n > 2 ? ", " : "", c->name);
        if (c->max_in & group)
            buf_putf(sql, "max(%s, ?%u)", c->name, n);
        else
            buf_putf(sql, "?%u", n);
        n++;
    }
    buf_putf(sql, " WHERE %s = ?1", t->cols[0].name);
}

static void put_delete(struct buf *sql, const struct row_type *t) {
    buf_putf(sql, "DELETE FROM %s WHERE ", t->table);
    for (size_t i = 0; i < t->nkeys; i++)
        buf_putf(sql, "%s%s = ?%zu", i ? " AND " : "", t->cols[i].name, i + 1);
}

static void put_sql(struct buf *sql, enum store_write_kind kind) {
    const struct row_type *t = kinds[kind].t;
    switch (kinds[kind].doing) {
    case DO_PUT:
    case DO_PUT_OF_HOST:
        put_upsert(sql, t);
        return;
    case DO_UPDATE:
        put_update(sql, t, ROW_GROUP(kind));
        return;
    case DO_DELETE:
        put_delete(sql, t);
        return;
    case DO_ADD:
        put_insert(sql, t);
        return;
    case DO_META:
        buf_puts(sql, "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = "
                      "excluded.value");
        return;
    }
}

/* --- running --- */
/* Is it for want of space? A quota or a file size limit comes as a failed write; its errno is lost by then,
 * but for EIO, which says that the disk is broken. */
static bool no_space(sqlite3 *h, int code) {
    if ((code & 0xff) == SQLITE_FULL)
        return true;
    return (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_TRUNCATE || code == SQLITE_IOERR_SHMSIZE) &&
           sqlite3_system_errno(h) != EIO;
}

/* Remember why SQLite failed. What a full or failing disk does takes the whole group with it. */
static int failed(struct db *db, const char *what) {
    int code = sqlite3_extended_errcode(db->h), base = code & 0xff;
    bool full = no_space(db->h, code);
    db->err = full ? ERR_STORE_FULL : ERR_STORE;
    if (full)
        snprintf(db->why, sizeof db->why,
                 "the disk of the data directory is full: free some space, then try again");
    else
        snprintf(db->why, sizeof db->why, "the database refused to %s: %s", what, sqlite3_errmsg(db->h));
    if (base == SQLITE_FULL || base == SQLITE_IOERR || base == SQLITE_CORRUPT || base == SQLITE_NOTADB ||
        base == SQLITE_READONLY || base == SQLITE_CANTOPEN || base == SQLITE_BUSY ||
        sqlite3_get_autocommit(db->h))
        db->broken = true;
    return db->err;
}

static sqlite3_stmt *prepare(struct db *db, sqlite3_stmt **st, const char *sql) {
    if (!*st && sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK) {
        failed(db, "prepare a statement");
        return NULL;
    }
    return *st;
}

static int run(struct db *db, sqlite3_stmt *st, const char *what) {
    if (!st)
        return db->err;
    int rc = sqlite3_step(st);
    int err = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(db, what);
    sqlite3_reset(st);
    return err;
}

static int step(struct db *db, enum db_step s) {
    static const char *const sql[DB_STEPS] = {"BEGIN IMMEDIATE", "COMMIT",      "ROLLBACK",
                                              "SAVEPOINT txn",   "RELEASE txn", "ROLLBACK TO txn"};
    return run(db, prepare(db, &db->step[s], sql[s]), "go on with the transaction");
}

static sqlite3_stmt *write_stmt(struct db *db, enum store_write_kind kind) {
    if (db->write[kind])
        return db->write[kind];
    struct buf sql = {0};
    put_sql(&sql, kind);
    sqlite3_stmt *st = NULL;
    if (sql.failed) {
        db->err = ERR_STORE;
        snprintf(db->why, sizeof db->why, "out of memory");
    } else
        st = prepare(db, &db->write[kind], buf_cstr(&sql));
    buf_free(&sql);
    return st;
}

static int bind_failed(struct db *db, sqlite3_stmt *st) {
    sqlite3_clear_bindings(st);
    return failed(db, "take a value");
}

static int write_row(struct db *db, enum store_write_kind kind, const void *row) {
    sqlite3_stmt *st = write_stmt(db, kind);
    if (!st)
        return db->err;
    if (row_bind(st, kinds[kind].t, row, 0, 1) < 0)
        return bind_failed(db, st);
    return run(db, st, "take a row");
}

static int write_key(struct db *db, sqlite3_stmt *st, struct slice key) {
    if (!st)
        return db->err;
    if (sqlite3_bind_text(st, 1, (const char *)key.p, (int)key.n, SQLITE_STATIC) != SQLITE_OK)
        return bind_failed(db, st);
    return run(db, st, "change a row");
}

static int host_missing(struct db *db, struct slice id) {
    db->err = ERR_STORE;
    snprintf(db->why, sizeof db->why, "%.*s does not exist any more", (int)id.n, (const char *)id.p);
    return db->err;
}

/* The key of these rows is the host's id. */
static int update_row(struct db *db, const struct store_write *w, bool lenient) {
    sqlite3_stmt *st = write_stmt(db, w->kind);
    struct slice id = store_write_key(w);
    if (!st)
        return db->err;
    if (row_bind(st, kinds[w->kind].t, w->u.row, ROW_GROUP(w->kind), 2) < 0)
        return bind_failed(db, st);
    int err = write_key(db, st, id);
    return err || lenient || sqlite3_changes(db->h) ? err : host_missing(db, id);
}

/* 0, ERR_NOT_FOUND, or an error. */
static int find_host(struct db *db, const char *id) {
    sqlite3_stmt *st = prepare(db, &db->host_there, "SELECT 1 FROM host WHERE id = ?1");
    if (!st)
        return db->err;
    sqlite3_bind_text(st, 1, id, (int)strnlen(id, HOST_ID_CAP), SQLITE_STATIC);
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ERR_NOT_FOUND : failed(db, "look for a host");
}

/* A row written after its host was deleted would come back to life. */
static int put_of_host(struct db *db, const struct store_write *w, bool lenient) {
    const char *host = w->kind == STORE_OP_PUT ? w->u.op->host : (const char *)w->u.row;
    static_assert(offsetof(struct store_provision, host) == 0 && offsetof(struct store_agent, host) == 0,
                  "the host is the beginning of the row");
    int err = find_host(db, host);
    if (err)
        return err != ERR_NOT_FOUND ? err : lenient ? 0 : host_missing(db, slice_str(host));
    if (w->kind != STORE_OP_PUT)
        return write_row(db, w->kind, w->u.row);
    sqlite3_stmt *st = write_stmt(db, w->kind);
    if (!st)
        return db->err;
    int next = row_bind(st, &row_op, w->u.op, 0, 1);
    if (next < 0 || sqlite3_bind_int(st, next, !op_state_final(w->u.op->op.state)) != SQLITE_OK)
        return bind_failed(db, st);
    db->now.ops_added++;
    return run(db, st, "take an operation");
}

static int delete_row(struct db *db, const struct store_write *w) {
    static const char *const of_host[DB_HOST_TABLES] = {"DELETE FROM operation WHERE host = ?1",
                                                        "DELETE FROM provision WHERE host = ?1",
                                                        "DELETE FROM agent WHERE host = ?1"};
    const struct row_type *t = kinds[w->kind].t;
    sqlite3_stmt *st = write_stmt(db, w->kind);
    int err = st ? 0 : db->err;
    for (size_t i = 0; !err && w->kind == STORE_HOST_DELETE && i < DB_HOST_TABLES; i++)
        err = write_key(db, prepare(db, &db->delete_of_host[i], of_host[i]), store_write_key(w));
    if (!err && row_bind_keys(st, t, w->u.row) != SQLITE_OK)
        err = bind_failed(db, st);
    return err ? err : run(db, st, "delete a row");
}

static int add_event(struct db *db, const struct store_event *e) {
    int err = write_row(db, STORE_EVENT_ADD, e);
    if (err)
        return err;
    if (!db->now.event_first || e->seq < db->now.event_first)
        db->now.event_first = e->seq;
    if (e->seq > db->now.event_last)
        db->now.event_last = e->seq;
    return 0;
}

static int add_audit(struct db *db, const struct store_audit *line) {
    struct store_audit a = *line;
    a.seq = db->now.audit_seq + 1;
    if (audit_hash(db->now.audit_hash, &a, a.hash)) {
        db->err = ERR_STORE;
        snprintf(db->why, sizeof db->why, "the audit line could not be hashed");
        return db->err;
    }
    int err = write_row(db, STORE_AUDIT_ADD, &a);
    sqlite3_stmt *st =
        prepare(db, &db->audit_head, "INSERT OR REPLACE INTO audit_head (one, seq, hash) VALUES (1, ?1, ?2)");
    if (err || !st)
        return db->err;
    if (sqlite3_bind_int64(st, 1, (int64_t)a.seq) != SQLITE_OK ||
        sqlite3_bind_blob(st, 2, a.hash, sizeof a.hash, SQLITE_TRANSIENT) != SQLITE_OK)
        return bind_failed(db, st);
    err = run(db, st, "take an audit line");
    if (err)
        return err;
    db->now.audit_seq = a.seq;
    memcpy(db->now.audit_hash, a.hash, sizeof a.hash);
    return 0;
}

static int put_meta(struct db *db, const char *key, const char *value) {
    sqlite3_stmt *st = write_stmt(db, STORE_META_PUT);
    if (!st)
        return db->err;
    if (sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC) != SQLITE_OK)
        return bind_failed(db, st);
    return write_key(db, st, slice_str(key));
}

static int write_one(struct db *db, const struct store_write *w, bool lenient) {
    switch (kinds[w->kind].doing) {
    case DO_PUT:
        return write_row(db, w->kind, w->u.row);
    case DO_PUT_OF_HOST:
        return put_of_host(db, w, lenient);
    case DO_UPDATE:
        return update_row(db, w, lenient);
    case DO_DELETE:
        return delete_row(db, w);
    case DO_ADD:
        return w->kind == STORE_EVENT_ADD ? add_event(db, w->u.event) : add_audit(db, w->u.audit);
    case DO_META:
        return put_meta(db, w->u.meta.key, w->u.meta.value);
    }
    return ERR_INTERNAL;
}

/* --- groups --- */
int db_begin(struct db *db, bool durable) {
    db->broken = false;
    if (durable != db->full_sync) {
        /* NORMAL still survives kill -9; FULL also survives a power cut */
        if (sqlite3_exec(db->h, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
                         NULL, NULL) != SQLITE_OK)
            return failed(db, "change its mode");
        db->full_sync = durable;
    }
    db->at_begin = db->now;
    int err = step(db, DB_BEGIN);
    if (err)
        db->broken = true;
    return err;
}

int db_txn(struct db *db, const struct store_write *writes, bool lenient) {
    struct db_marks before = db->now;
    int err = step(db, DB_SAVE);
    if (err)
        return err;
    for (const struct store_write *w = writes; w && !err; w = w->next)
        err = write_one(db, w, lenient);
    if (!err)
        return step(db, DB_RELEASE);
    if (db->broken)
        return err;
    db->now = before;
    char why[sizeof db->why];
    memcpy(why, db->why, sizeof why);
    if (step(db, DB_BACK) || step(db, DB_RELEASE)) {
        db->broken = true;
        return db->err;
    }
    memcpy(db->why, why, sizeof why);
    return db->err = err;
}

static int prune_events(struct db *db, uint32_t max) {
    struct db_marks *m = &db->now;
    if (!m->event_first || m->event_last - m->event_first < (uint64_t)max + PRUNE_BATCH)
        return 0;
    uint64_t upto = m->event_first + 2 * PRUNE_BATCH; /* faster than they come */
    if (upto > m->event_last - max)
        upto = m->event_last - max;
    sqlite3_stmt *st = prepare(db, &db->prune_events, "DELETE FROM event WHERE seq <= ?1");
    if (!st || sqlite3_bind_int64(st, 1, (int64_t)upto) != SQLITE_OK)
        return db->err;
    int err = run(db, st, "delete old events");
    if (!err)
        m->event_first = upto + 1;
    return err;
}

static int prune_ops(struct db *db, uint32_t max) {
    if (db->now.ops_added < PRUNE_OPS_EVERY)
        return 0;
    sqlite3_stmt *st = prepare(db, &db->prune_ops,
                               "DELETE FROM operation WHERE open = 0 AND seq <= (SELECT seq FROM operation "
                               "WHERE open = 0 ORDER BY seq DESC LIMIT 1 OFFSET ?1)");
    if (!st || sqlite3_bind_int64(st, 1, max) != SQLITE_OK)
        return db->err;
    db->now.ops_added = 0;
    return run(db, st, "delete old operations");
}

int db_prune(struct db *db, uint32_t events_max, uint32_t ops_max) {
    int err = prune_events(db, events_max);
    err = err ? err : prune_ops(db, ops_max);
    if (err)
        db->broken = true;
    return err;
}

int db_commit(struct db *db) {
    int err = step(db, DB_COMMIT);
    if (err)
        db->broken = true;
    return err;
}

void db_rollback(struct db *db) {
    int err = db->err;
    char why[sizeof db->why];
    memcpy(why, db->why, sizeof why);
    if (!sqlite3_get_autocommit(db->h)) /* else SQLite has done it by itself */
        step(db, DB_ROLLBACK);
    db->now = db->at_begin;
    db->err = err;
    memcpy(db->why, why, sizeof why);
}

void db_checkpoint(struct db *db) {
    sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void db_pages_max(struct db *db, int64_t pages) {
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages);
    sqlite3_exec(db->h, sql, NULL, NULL, NULL);
}
