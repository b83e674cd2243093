/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: every query of store.h. */
#include "store/store_int.h"

#include "base/log.h"

enum { READ_LIMIT_DEFAULT = 100 };

/* tail: what follows "SELECT <columns of type> FROM <its table>"; type NULL: the whole statement */
static const struct {
    const struct row_type *type;
    const char *tail;
} queries[READ_STMTS] = {
    [READ_HOSTS] = {&row_host, "ORDER BY id"},
    [READ_OPEN_OPS] = {&row_op, "WHERE open = 1 ORDER BY seq"},
    [READ_USERS] = {&row_user, "ORDER BY name"},
    [READ_QUARANTINE] = {&row_quarantine, "ORDER BY id"},
    [READ_PROVISIONS] = {&row_provision, "ORDER BY host"},
    [READ_AGENTS] = {&row_agent, "ORDER BY host"},
    [READ_OBJECTS] = {&row_object, "ORDER BY kind, project, name"},
    [READ_OP] = {&row_op, "WHERE id = ?1"},
    [READ_LAST_EVENT] = {NULL, "SELECT coalesce(max(seq), 0) FROM event"},
    [READ_AUDITS] = {&row_audit, "WHERE seq > ?1 ORDER BY seq LIMIT ?2"},
    [READ_AUDIT_HEAD] = {NULL, "SELECT seq, hash FROM audit_head"},
    [READ_META] = {NULL, "SELECT value FROM meta WHERE key = ?1"},
    [READ_OP_SEQ] = {NULL, "SELECT seq FROM operation WHERE id = ?1"},
};

static int read_failed(struct reader *r) {
    log_error("store", "a read failed: %s", sqlite3_errmsg(r->h));
    return ERR_STORE;
}

static sqlite3_stmt *prepare(struct reader *r, sqlite3_stmt **st, const struct row_type *t,
                             const char *tail) {
    if (*st)
        return *st;
    struct buf sql = {0};
    if (t) {
        buf_puts(&sql, "SELECT ");
        row_put_names(&sql, t);
        buf_putf(&sql, " FROM %s ", t->table);
    }
    buf_puts(&sql, tail);
    if (!sql.failed)
        sqlite3_prepare_v3(r->h, buf_cstr(&sql), -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
    buf_free(&sql);
    return *st;
}

static sqlite3_stmt *named(struct reader *r, enum read_stmt q) {
    return prepare(r, &r->st[q], queries[q].type, queries[q].tail);
}

/* --- rows to callers --- */
union any_row {
    struct store_host host;
    struct store_op op;
    struct store_event event;
    struct store_quarantine quarantine;
    struct store_user user;
    struct store_audit audit;
    struct store_provision provision;
    struct store_agent agent;
    struct store_object object;
};
/* The caller's function behind one type for all rows. */
struct sink {
    int (*call)(const struct sink *k, const union any_row *row);
    union {
        int (*host)(void *ctx, const struct store_host *row);
        int (*op)(void *ctx, const struct store_op *row);
        int (*event)(void *ctx, const struct store_event *row);
        int (*quarantine)(void *ctx, const struct store_quarantine *row);
        int (*user)(void *ctx, const struct store_user *row);
        int (*audit)(void *ctx, const struct store_audit *row);
        int (*provision)(void *ctx, const struct store_provision *row);
        int (*agent)(void *ctx, const struct store_agent *row);
        int (*object)(void *ctx, const struct store_object *row);
    } fn;
    void *ctx;
};
#define SINK(member)                                                                                         \
    static int to_##member(const struct sink *k, const union any_row *row) {                                 \
        return k->fn.member(k->ctx, &row->member);                                                           \
    }
SINK(host)
SINK(op)
SINK(event)
SINK(quarantine)
SINK(user)
SINK(audit)
SINK(provision)
SINK(agent)
SINK(object)
#define SINK_OF(member, f, c) (&(struct sink){.call = to_##member, .fn.member = (f), .ctx = (c)})

static int each(struct reader *r, sqlite3_stmt *st, const struct row_type *t, const struct sink *to) {
    union any_row row = {0};
    int rc, err = 0;
    if (!st)
        return read_failed(r);
    while (!err && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        err = row_read(st, t, &row);
        err = err ? err : to->call(to, &row);
    }
    if (!err && rc != SQLITE_DONE)
        err = read_failed(r);
    sqlite3_reset(st);
    return err;
}

static int each_named(struct store *s, enum read_stmt q, const struct sink *to) {
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    int err = each(r, named(r, q), queries[q].type, to);
    reader_give_back(s, r);
    return err;
}

int store_each_host(struct store *s, int (*fn)(void *ctx, const struct store_host *row), void *ctx) {
    return each_named(s, READ_HOSTS, SINK_OF(host, fn, ctx));
}
int store_each_open_op(struct store *s, int (*fn)(void *ctx, const struct store_op *row), void *ctx) {
    return each_named(s, READ_OPEN_OPS, SINK_OF(op, fn, ctx));
}
int store_each_user(struct store *s, int (*fn)(void *ctx, const struct store_user *row), void *ctx) {
    return each_named(s, READ_USERS, SINK_OF(user, fn, ctx));
}
int store_each_quarantine(struct store *s, int (*fn)(void *ctx, const struct store_quarantine *row),
                          void *ctx) {
    return each_named(s, READ_QUARANTINE, SINK_OF(quarantine, fn, ctx));
}
int store_each_provision(struct store *s, int (*fn)(void *ctx, const struct store_provision *row),
                         void *ctx) {
    return each_named(s, READ_PROVISIONS, SINK_OF(provision, fn, ctx));
}
int store_each_agent(struct store *s, int (*fn)(void *ctx, const struct store_agent *row), void *ctx) {
    return each_named(s, READ_AGENTS, SINK_OF(agent, fn, ctx));
}
int store_each_object(struct store *s, int (*fn)(void *ctx, const struct store_object *row), void *ctx) {
    return each_named(s, READ_OBJECTS, SINK_OF(object, fn, ctx));
}

/* --- operations --- */
static int keep_op(void *ctx, const struct store_op *row) {
    *(struct store_op *)ctx = *row;
    return 1;
}

static int bind_str(sqlite3_stmt *st, int i, const char *text) {
    return st ? sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC) : SQLITE_ERROR;
}

int store_op_get(struct store *s, const char *id, struct store_op *out) {
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    sqlite3_stmt *st = named(r, READ_OP);
    int err = ERR_STORE;
    if (bind_str(st, 1, id) == SQLITE_OK)
        err = each(r, st, &row_op, SINK_OF(op, keep_op, out));
    reader_give_back(s, r);
    return err == 1 ? 0 : err == 0 ? ERR_NOT_FOUND : err;
}

/* One condition of a WHERE clause, when text is given: column = text. also: fixed words after it. */
struct filter {
    const char *column, *text, *also;
};
static unsigned filter_shape(const struct filter *f, size_t n) {
    unsigned shape = 0;
    for (size_t i = 0; i < n; i++)
        if (f[i].text && *f[i].text)
            shape |= 1u << i;
    return shape;
}
static void filter_put(struct buf *sql, const struct filter *f, size_t n, unsigned shape, unsigned first) {
    for (size_t i = 0; i < n; i++)
        if (shape & 1u << i)
            buf_putf(sql, " AND %s = ?%u%s", f[i].column, first++, f[i].also);
}
static void filter_bind(sqlite3_stmt *st, const struct filter *f, size_t n, unsigned shape, int first) {
    for (size_t i = 0; i < n; i++)
        if (shape & 1u << i)
            sqlite3_bind_text(st, first++, f[i].text, -1, SQLITE_STATIC);
}

/* Newest have the highest seq; `before` is turned into one first, so that it is never matched by a deleted
 * row. */
static int seq_of(struct reader *r, const char *id, int64_t *seq) {
    sqlite3_stmt *st = named(r, READ_OP_SEQ);
    *seq = INT64_MAX;
    if (!id || !*id)
        return 0;
    if (bind_str(st, 1, id) != SQLITE_OK)
        return read_failed(r);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *seq = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ERR_NOT_FOUND : read_failed(r);
}

int store_ops(struct store *s, const struct store_op_query *q,
              int (*fn)(void *ctx, const struct store_op *row), void *ctx) {
    const struct filter f[] = {{"project", q->project, ""},
                               {"host", q->host, ""},
                               {"state", q->state, ""},
                               {"key", q->key, " AND key <> ''"}};
    enum { N = sizeof f / sizeof *f };
    _Static_assert(1 << N <= READ_OPS_SHAPES, "one place a shape");
    unsigned shape = filter_shape(f, N);
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    int64_t before;
    int err = seq_of(r, q->before, &before);
    sqlite3_stmt **st = &r->ops[shape];
    if (!err && !*st) {
        struct buf tail = {0};
        buf_puts(&tail, "WHERE seq < ?1");
        filter_put(&tail, f, N, shape, 3);
        buf_puts(&tail, " ORDER BY seq DESC LIMIT ?2");
        prepare(r, st, &row_op, buf_cstr(&tail));
        buf_free(&tail);
    }
    if (!err && *st) {
        sqlite3_bind_int64(*st, 1, before);
        sqlite3_bind_int64(*st, 2, q->limit ? q->limit : READ_LIMIT_DEFAULT);
        filter_bind(*st, f, N, shape, 3);
    }
    err = err ? err : each(r, *st, &row_op, SINK_OF(op, fn, ctx));
    reader_give_back(s, r);
    return err;
}

/* --- events --- */
int store_events(struct store *s, const struct store_event_query *q,
                 int (*fn)(void *ctx, const struct store_event *row), void *ctx) {
    const struct filter f[] = {{"project", q->project, ""}, {"host", q->host, ""}};
    enum { N = sizeof f / sizeof *f, NEWEST = 1 << N };
    _Static_assert(NEWEST << 1 <= READ_EVENTS_SHAPES, "one place a shape");
    unsigned shape = filter_shape(f, N) | (q->newest ? NEWEST : 0);
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    sqlite3_stmt **st = &r->events[shape];
    if (!*st) {
        struct buf tail = {0};
        buf_puts(&tail, q->newest ? "WHERE seq IN (SELECT seq FROM event WHERE seq > ?1" : "WHERE seq > ?1");
        filter_put(&tail, f, N, shape, 3);
        buf_puts(&tail, q->newest ? " ORDER BY seq DESC LIMIT ?2) ORDER BY seq" : " ORDER BY seq LIMIT ?2");
        prepare(r, st, &row_event, buf_cstr(&tail));
        buf_free(&tail);
    }
    if (*st) {
        sqlite3_bind_int64(*st, 1, q->after_seq > INT64_MAX ? INT64_MAX : (int64_t)q->after_seq);
        sqlite3_bind_int64(*st, 2, q->limit ? q->limit : READ_LIMIT_DEFAULT);
        filter_bind(*st, f, N, shape, 3);
    }
    int err = each(r, *st, &row_event, SINK_OF(event, fn, ctx));
    reader_give_back(s, r);
    return err;
}

uint64_t store_last_event(struct store *s) {
    struct reader *r = reader_lend(s);
    if (!r)
        return 0;
    sqlite3_stmt *st = named(r, READ_LAST_EVENT);
    uint64_t seq = st && sqlite3_step(st) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    reader_give_back(s, r);
    return seq;
}

/* --- audit --- */
int store_audits(struct store *s, uint64_t after_seq, uint32_t limit,
                 int (*fn)(void *ctx, const struct store_audit *row), void *ctx) {
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    sqlite3_stmt *st = named(r, READ_AUDITS);
    if (st) {
        sqlite3_bind_int64(st, 1, after_seq > INT64_MAX ? INT64_MAX : (int64_t)after_seq);
        sqlite3_bind_int64(st, 2, limit ? limit : READ_LIMIT_DEFAULT);
    }
    int err = each(r, st, &row_audit, SINK_OF(audit, fn, ctx));
    reader_give_back(s, r);
    return err;
}

struct chain {
    uint64_t seq;
    uint8_t hash[32];
};

static int check_link(void *ctx, const struct store_audit *row) {
    struct chain *c = ctx;
    uint8_t hash[32];
    if (row->seq != c->seq + 1 || audit_hash(c->hash, row, hash) || memcmp(hash, row->hash, sizeof hash) != 0)
        return ERR_INVALID;
    c->seq = row->seq;
    memcpy(c->hash, hash, sizeof hash);
    return 0;
}

static int check_chain(struct reader *r, struct chain *c) {
    sqlite3_stmt *st = named(r, READ_AUDITS);
    if (!st)
        return read_failed(r);
    sqlite3_bind_int64(st, 1, 0);
    sqlite3_bind_int64(st, 2, -1);
    int err = each(r, st, &row_audit, SINK_OF(audit, check_link, c));
    sqlite3_stmt *head = named(r, READ_AUDIT_HEAD);
    if (err || !head)
        return err ? err : read_failed(r);
    int rc = sqlite3_step(head);
    bool same = rc == SQLITE_DONE && c->seq == 0;
    if (rc == SQLITE_ROW)
        same = (uint64_t)sqlite3_column_int64(head, 0) == c->seq && sqlite3_column_bytes(head, 1) == 32 &&
               memcmp(sqlite3_column_blob(head, 1), c->hash, 32) == 0;
    sqlite3_reset(head);
    return rc != SQLITE_ROW && rc != SQLITE_DONE ? read_failed(r) : same ? 0 : ERR_INVALID;
}

int store_audit_verify(struct store *s, uint64_t *bad_seq) {
    struct chain c = {0};
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    /* log and head of one moment */
    int err =
        sqlite3_exec(r->h, "BEGIN", NULL, NULL, NULL) == SQLITE_OK ? check_chain(r, &c) : read_failed(r);
    sqlite3_exec(r->h, "COMMIT", NULL, NULL, NULL);
    reader_give_back(s, r);
    *bad_seq = err == ERR_INVALID ? c.seq + 1 : 0;
    return err;
}

/* --- the rest --- */
int store_meta_get(struct store *s, const char *key, struct buf *out) {
    struct reader *r = reader_lend(s);
    if (!r)
        return ERR_STORE;
    sqlite3_stmt *st = named(r, READ_META);
    int rc = bind_str(st, 1, key) == SQLITE_OK ? sqlite3_step(st) : SQLITE_ERROR;
    int err = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ERR_NOT_FOUND : read_failed(r);
    if (!err)
        err = buf_puts(out, (const char *)sqlite3_column_text(st, 0));
    sqlite3_reset(st);
    reader_give_back(s, r);
    return err;
}

int store_backup_of(const char *dir, const char *to_path, struct errinfo *ei) {
    struct reader *r = reader_open(dir, ei);
    if (!r)
        return ERR_STORE;
    int err = db_copy(r->h, to_path, ei);
    reader_close(&r);
    return err;
}

int store_backup(struct store *s, const char *to_path, struct errinfo *ei) {
    struct reader *r = reader_lend(s);
    if (!r)
        return err_set(ei, ERR_STORE, "path", "the database could not be opened for reading");
    int err = db_copy(r->h, to_path, ei);
    reader_give_back(s, r);
    return err;
}
