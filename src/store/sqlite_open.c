/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: files, settings of the connection, migrations (numbered, forward only, backed up first), copies.
 */
#include "store/files.h"
#include "store/sqlite.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x4f424e44 /* "OBND" */, BUSY_MS = 5000 };

extern const unsigned char schema_001[];
extern const size_t schema_001_n;
extern const unsigned char schema_002[];
extern const size_t schema_002_n;
extern const unsigned char schema_003[];
extern const size_t schema_003_n;

const struct migration schema[] = {
    {1, "base", schema_001, &schema_001_n},
    {2, "activation", schema_002, &schema_002_n},
    {3, "shared-user", schema_003, &schema_003_n},
};
const size_t schema_n = sizeof schema / sizeof *schema;

static int sql_failed(struct errinfo *ei, sqlite3 *h, const char *what) {
    int rc = sqlite3_errcode(h) & 0xff;
    return err_set(ei, rc == SQLITE_FULL ? ERR_STORE_FULL : ERR_STORE, "data.dir", "could not %s: %s", what,
                   sqlite3_errmsg(h));
}

static int exec(sqlite3 *h, const char *sql, const char *what, struct errinfo *ei) {
    return sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_failed(ei, h, what);
}

/* First column of the first row, or def when there is none. */
static int ask(sqlite3 *h, const char *sql, int64_t def, int64_t *out, struct errinfo *ei) {
    sqlite3_stmt *st = NULL;
    *out = def;
    if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
        return sql_failed(ei, h, "read the database");
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    int err = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_failed(ei, h, "read the database");
    sqlite3_finalize(st);
    return err;
}

/* --- copies --- */
static int vacuum_into(sqlite3 *from, const char *path, struct errinfo *ei) {
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(from, "VACUUM INTO ?1", -1, &st, NULL) != SQLITE_OK)
        return sql_failed(ei, from, "copy the database");
    sqlite3_bind_text(st, 1, path, -1, SQLITE_STATIC);
    int err = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_failed(ei, from, "copy the database");
    sqlite3_finalize(st);
    return err;
}

int db_copy(sqlite3 *from, const char *to_path, struct errinfo *ei) {
    char part[PATH_MAX];
    if (access(to_path, F_OK) == 0)
        return err_set(ei, ERR_EXISTS, "path", "%s exists already", to_path);
    if (snprintf(part, sizeof part, "%s.part", to_path) >= (int)sizeof part)
        return err_set(ei, ERR_LIMIT, "path", "the path is too long");
    unlink(part); /* of a copy that was cut short */
    int fd = open(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(ei, ERR_IO, "path", "could not make %s: %s", part, strerror(errno));
    close(fd);
    int err = vacuum_into(from, part, ei);
    if (!err && (file_sync(part) || link(part, to_path))) /* link, because rename would replace a file */
        err = err_set(ei, errno == EEXIST ? ERR_EXISTS : ERR_IO, "path", "could not make %s: %s", to_path,
                      strerror(errno));
    unlink(part);
    if (!err)
        file_sync_dir_of(to_path);
    return err;
}

/* --- migrations --- */
static int version_of(sqlite3 *h, int64_t *version, struct errinfo *ei) {
    int64_t there;
    int err = ask(h, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'", 0,
                  &there, ei);
    *version = 0;
    return err || !there ? err : ask(h, "SELECT max(version) FROM schema_version", 0, version, ei);
}

static int note_version(sqlite3 *h, const struct migration *m, struct errinfo *ei) {
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(h, "INSERT INTO schema_version (version, name, at) VALUES (?1, ?2, ?3)", -1, &st,
                           NULL) != SQLITE_OK)
        return sql_failed(ei, h, "note the version of the schema");
    sqlite3_bind_int(st, 1, m->version);
    sqlite3_bind_text(st, 2, m->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (int64_t)time(NULL) * 1000000);
    int err = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_failed(ei, h, "note the version of the schema");
    sqlite3_finalize(st);
    return err;
}

static int migrate_one(sqlite3 *h, const struct migration *m, struct errinfo *ei) {
    char what[64];
    snprintf(what, sizeof what, "bring the database to version %d", m->version);
    int err = exec(h, "BEGIN IMMEDIATE", what, ei);
    if (err)
        return err;
    err = exec(
        h, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT, at INTEGER)",
        what, ei);
    err = err ? err : exec(h, (const char *)m->sql, what, ei);
    err = err ? err : note_version(h, m, ei);
    err = err ? err : exec(h, "COMMIT", what, ei);
    if (err && !sqlite3_get_autocommit(h))
        sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static int backup_before(sqlite3 *h, const char *path, int version, struct errinfo *ei) {
    char to[PATH_MAX];
    if (snprintf(to, sizeof to, "%s.before-%03d", path, version) >= (int)sizeof to)
        return err_set(ei, ERR_LIMIT, "data.dir", "the path of the data directory is too long");
    unlink(to); /* of an attempt that failed; the database is as it was */
    int err = db_copy(h, to, ei);
    if (err)
        return err;
    log_info("store", "database copied to %s before it is brought to version %d", to, version);
    return 0;
}

static int migrate(sqlite3 *h, const char *path, const struct migration *m, size_t n, struct errinfo *ei) {
    int64_t have;
    int err = version_of(h, &have, ei);
    if (err)
        return err;
    if (n && have > m[n - 1].version) {
        err_set(ei, ERR_UNSUPPORTED, "data.dir",
                "this database was written by a newer outbandd: it has schema version %lld, and this program "
                "knows up to "
                "%d",
                (long long)have, m[n - 1].version);
        err_remedy(ei, "run the newer program, or put back the copy %s.before-%03d", path,
                   m[n - 1].version + 1);
        return ERR_UNSUPPORTED;
    }
    bool copied = have == 0; /* there is nothing to lose in an empty database */
    for (size_t i = 0; i < n && !err; i++) {
        if (m[i].version <= have)
            continue;
        if (!copied)
            err = backup_before(h, path, m[i].version, ei);
        copied = true;
        err = err ? err : migrate_one(h, &m[i], ei);
    }
    return err;
}

/* --- opening --- */
static int check_application(sqlite3 *h, const char *path, struct errinfo *ei) {
    int64_t id, tables;
    int err = ask(h, "PRAGMA application_id", 0, &id, ei);
    err = err ? err : ask(h, "SELECT count(*) FROM sqlite_schema", 0, &tables, ei);
    if (err)
        return err;
    if (id == APPLICATION_ID)
        return 0;
    if (id || tables)
        return err_set(ei, ERR_INVALID, "data.dir", "%s is a database of another program", path);
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION_ID);
    return exec(h, sql, "mark the database", ei);
}

static int load_marks(struct db *db, struct errinfo *ei) {
    int64_t v;
    int err = ask(db->h, "SELECT min(seq) FROM event", 0, &v, ei);
    db->now.event_first = (uint64_t)v;
    err = err ? err : ask(db->h, "SELECT max(seq) FROM event", 0, &v, ei);
    db->now.event_last = (uint64_t)v;
    sqlite3_stmt *st = NULL;
    if (err)
        return err;
    /* from the log and not from audit_head: a cut end shows in store_audit_verify(), and the chain goes on */
    if (sqlite3_prepare_v2(db->h, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", -1, &st, NULL) !=
        SQLITE_OK)
        return sql_failed(ei, db->h, "read the audit log");
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 1) == sizeof db->now.audit_hash) {
        db->now.audit_seq = (uint64_t)sqlite3_column_int64(st, 0);
        memcpy(db->now.audit_hash, sqlite3_column_blob(st, 1), sizeof db->now.audit_hash);
    }
    sqlite3_finalize(st);
    return 0;
}

static int open_file(const char *path, bool create, struct errinfo *ei) {
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    int code = errno;
    if (code != ENOENT || create)
        return err_set(ei, code == EACCES ? ERR_DENIED : ERR_IO, "data.dir", "could not open %s: %s", path,
                       strerror(code));
    err_set(ei, ERR_NOT_FOUND, "data.dir", "there is no database %s", path);
    err_remedy(ei, "check data.dir, or make a new data directory with `outbandd init`");
    return ERR_NOT_FOUND;
}

static int connect_file(struct db *db, const char *path, struct errinfo *ei) {
    if (sqlite3_open_v2(path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return err_set(ei, ERR_STORE, "data.dir", "could not open %s: %s", path,
                       db->h ? sqlite3_errmsg(db->h) : "out of memory");
    sqlite3_busy_timeout(db->h, BUSY_MS);
    sqlite3_extended_result_codes(db->h, 1);
    int err = check_application(db->h, path, ei);
    err = err ? err : exec(db->h, "PRAGMA journal_mode = WAL", "set up the database", ei);
    err = err ? err : exec(db->h, "PRAGMA synchronous = FULL", "set up the database", ei);
    err = err ? err : exec(db->h, "PRAGMA journal_size_limit = 67108864", "set up the database", ei);
    db->full_sync = true;
    return err;
}

int db_open(struct db *db, const char *dir, bool create, const struct migration *m, size_t n,
            struct errinfo *ei) {
    char path[PATH_MAX];
    int64_t have = 0;
    *db = (struct db){0};
    if (snprintf(path, sizeof path - 16, "%s/outband.db", dir) >= (int)sizeof path - 16)
        return err_set(ei, ERR_LIMIT, "data.dir", "the path of the data directory is too long");
    int err = open_file(path, create, ei);
    err = err ? err : connect_file(db, path, ei);
    err = err ? err : version_of(db->h, &have, ei);
    if (!err && create && have)
        err = err_set(ei, ERR_EXISTS, "data.dir", "there is a database in %s already", dir);
    if (!err && !create && !have) {
        err = err_set(ei, ERR_NOT_FOUND, "data.dir", "the database %s is empty: its making was cut short",
                      path);
        err_remedy(ei, "run `outbandd init` again");
    }
    err = err ? err : migrate(db->h, path, m, n, ei);
    err = err ? err : load_marks(db, ei);
    if (err)
        db_close(db);
    return err;
}

void db_close(struct db *db) {
    for (size_t i = 0; i < DB_STEPS; i++)
        sqlite3_finalize(db->step[i]);
    for (size_t i = 0; i < STORE_WRITE_COUNT; i++)
        sqlite3_finalize(db->write[i]);
    sqlite3_finalize(db->audit_head);
    sqlite3_finalize(db->prune_events);
    sqlite3_finalize(db->prune_ops);
    sqlite3_finalize(db->host_there);
    for (size_t i = 0; i < DB_HOST_TABLES; i++)
        sqlite3_finalize(db->delete_of_host[i]);
    sqlite3_close(db->h);
    *db = (struct db){0};
}
