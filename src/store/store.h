/* SPDX-License-Identifier: Apache-2.0 */
/* store: what outlives the process. One interface; sqlite.c is the default (WAL, one writer thread, group
 * commit), postgres.c comes with scale-out. Writes are asynchronous and whole transactions; reads are
 * blocking and belong on helper threads (loop_work) or before the loops start. No decision is made here.
 * Secrets arrive sealed (seal.h). */
#pragma once

#include "base/buf.h"
#include "core/host.h"
#include "core/provision.h"

enum { SEALED_MAX = 160, STORE_TEXT_CAP = 256, STORE_ACTION_CAP = 48, STORE_USER_CAP = 64 };

struct sealed {
    uint8_t n;
    uint8_t b[SEALED_MAX];
};

/* A host's whole row. */
struct store_host {
    char id[HOST_ID_CAP], project[HOST_PROJECT_CAP], name[HOST_NAME_CAP], serial[HOST_SERIAL_CAP];
    char cira_user[HOST_USER_CAP], amt_user[HOST_USER_CAP];
    struct sealed cira_secret, amt_secret;
    struct uuid smbios_uuid, amt_uuid, seen_uuid;
    enum amt_control_mode control_mode;
    struct wall created, updated;
    uint64_t version;
    struct intent intent;
    enum link_state link_state;
    enum link_reason link_why;
    uint32_t link_generation;
    struct wall link_since;
    char link_peer[LINK_PEER_CAP];
    enum power_state power_state;
    uint8_t power_cim;
    enum observe_source power_source;
    struct wall power_at;
    bool has_info;
    struct amt_info info;
    struct wall info_at;
    bool has_pin; /* SHA-256 of the device's own TLS certificate, pinned on first use */
    uint8_t pin[32];
    uint8_t drops_at_off;
    struct wall last_off_seen;
    /* AMT: as seen, as wanted; secrets on their way (two-phase: tried beside the present ones) */
    enum amt_state amt_state;
    enum observe_source amt_source;
    struct wall amt_at;
    struct amt_intent amt_intent;
    struct sealed cira_next, amt_next, mebx_secret, mebx_next;
    bool cira_shared; /* other hosts have the same CIRA user: amt_uuid tells them apart */
};
/* The provisioning of a host, one row a host. */
struct store_provision {
    char host[HOST_ID_CAP];
    struct provision p;
};
/* The agent of a host, one row a host. cert: SHA-256 of its certificate (DER); before: of the one before,
 * until the newest was used. */
struct store_agent {
    char host[HOST_ID_CAP];
    bool has_cert, has_before;
    uint8_t cert[32], before[32];
    char key_name[STORE_USER_CAP]; /* of the enrolment key */
    struct wall enrolled, seen, cert_until, facts_at;
    struct agent_facts facts;
};
/* A named thing of a project: profile, CIRA configuration, domain, enrolment key, exception. What is in body
 * is known to server/objects.c alone. */
enum { OBJECT_KIND_CAP = 16, OBJECT_NAME_CAP = 64, OBJECT_BODY_MAX = 65536 };
struct store_object {
    char kind[OBJECT_KIND_CAP], project[HOST_PROJECT_CAP], name[OBJECT_NAME_CAP];
    uint64_t version;
    struct wall created, updated;
    char *body;   /* JSON; owned by the row */
    char *secret; /* seal_put_text(), context "KIND/PROJECT/NAME"; NULL: none; owned by the row */
};
struct store_op {
    char host[HOST_ID_CAP], project[HOST_PROJECT_CAP];
    struct operation op;
};
struct store_event {
    uint64_t seq; /* given by the event hub; grows by one */
    struct wall at;
    char host[HOST_ID_CAP], project[HOST_PROJECT_CAP];
    char kind[STORE_ACTION_CAP];
    char text[STORE_TEXT_CAP];
};
enum quarantine_verdict { QUARANTINE_NONE, QUARANTINE_DENIED };
struct store_quarantine {
    char id[24];              /* "q-" and 12 hex digits */
    char user[HOST_USER_CAP]; /* CIRA user as sent, cleaned */
    struct uuid uuid;
    char peer[LINK_PEER_CAP], reason[STORE_TEXT_CAP];
    struct wall first_seen, last_seen;
    uint32_t count;
    enum quarantine_verdict verdict;
};
struct store_user {
    char name[STORE_USER_CAP];
    char role[16];                  /* viewer, operator, admin */
    char project[HOST_PROJECT_CAP]; /* "" = all projects */
    char hash[160];                 /* yescrypt */
    struct wall created, changed;
    bool disabled;
};
struct store_audit {
    struct wall at;
    char actor[STORE_USER_CAP], action[STORE_ACTION_CAP], target[STORE_USER_CAP], result[24],
        detail[STORE_TEXT_CAP];
    char req[40], peer[LINK_PEER_CAP];
    /* by the store when written or read back */
    uint64_t seq;
    uint8_t hash[32]; /* SHA-256(previous hash, all fields): the chain */
};

/* INTENT, LINK, POWER, INFO, PIN, AMT, OP_PUT, PROVISION_PUT, AGENT_PUT and AGENT_SEEN of a host that is not
 * there: a durable transaction fails (ERR_STORE), a lazy write is dropped without a word, because the host
 * was deleted while it waited. */
enum store_write_kind {
    STORE_HOST_PUT,    /* insert or replace the whole row */
    STORE_HOST_INTENT, /* update by id: intent; version and updated only when they are higher */
    STORE_HOST_LINK,   /* link_*, seen_uuid, drops_at_off, last_off_seen */
    STORE_HOST_POWER,  /* power_*, last_off_seen */
    STORE_HOST_INFO,   /* info, info_at, control_mode */
    STORE_HOST_PIN,
    STORE_HOST_AMT,    /* amt_state, amt_source, amt_at, control_mode */
    STORE_HOST_DELETE, /* and its operations, provisioning and agent; its history stays */
    STORE_OP_PUT,      /* insert or replace */
    STORE_EVENT_ADD,
    STORE_QUARANTINE_PUT,
    STORE_QUARANTINE_DELETE,
    STORE_USER_PUT,
    STORE_USER_DELETE,
    STORE_AUDIT_ADD,
    STORE_META_PUT, /* key, value */
    STORE_PROVISION_PUT,
    STORE_AGENT_PUT,
    STORE_AGENT_SEEN, /* seen, facts, facts_at */
    STORE_AGENT_DELETE,
    STORE_OBJECT_PUT,
    STORE_OBJECT_DELETE, /* by kind, project, name */
    STORE_WRITE_COUNT
};
struct store_write {
    struct store_write *next;
    enum store_write_kind kind;
    union {
        void *row;
        struct store_host *host;
        struct store_op *op;
        struct store_event *event;
        struct store_quarantine *quarantine;
        struct store_user *user;
        struct store_audit *audit;
        struct store_provision *provision;
        struct store_agent *agent;
        struct store_object *object;
        struct {
            char *key, *value;
        } meta;
    } u; /* owned; freed by store_txn_free */
};
/* A transaction: all of it or nothing. */
struct store_txn {
    struct store_txn *next;
    struct store_write *first, *last;
    bool durable;  /* wait for the disk; false: may be lost by a crash within store.flush_ms (observations,
                      link, events) */
    int err;       /* 0, ERR_STORE, ERR_STORE_FULL, when done is called */
    char why[160]; /* sentence for err */
    void (*done)(
        struct store_txn *t); /* on the store's thread: only post to a loop. NULL: freed by the store */
    void *owner;
};
struct store_txn *store_txn_new(void (*done)(struct store_txn *t), void *owner);
/* Copies the row. ERR_NOMEM. */
int store_txn_add(struct store_txn *t, enum store_write_kind kind, const void *row);
int store_txn_add_meta(struct store_txn *t, const char *key, const char *value);
void store_txn_free(struct store_txn **t);

struct store;
struct store_opts {
    const char *path;       /* directory; the database is outband.db in it */
    uint32_t queue_max;     /* transactions waiting for the writer; more are refused with ERR_FULL */
    uint32_t flush_ms;      /* how long lazy writes may gather */
    uint32_t events_max;    /* history kept, oldest pruned */
    uint64_t reserve_bytes; /* write nothing (ERR_STORE_FULL) when the disk has less left */
    uint32_t ops_max;       /* finished operations kept, oldest pruned; 0: 100,000 */
    bool manual;            /* no writer thread: the caller runs store_pump() (simulation, tests) */
};
#define STORE_OPTS_DEFAULT(dir)                                                                              \
    ((struct store_opts){.path = (dir),                                                                      \
                         .queue_max = 100000,                                                                \
                         .flush_ms = 200,                                                                    \
                         .events_max = 1000000,                                                              \
                         .reserve_bytes = 16 << 20,                                                          \
                         .ops_max = 100000})

/* Open, migrate (numbered, forward only, backed up first to outband.db.before-NNN). create: make a new
 * database, or ERR_EXISTS; else ERR_NOT_FOUND when there is none. ERR_BUSY: another process has it;
 * ERR_UNSUPPORTED: written by a newer program; ERR_INVALID: of another program; ERR_DENIED, ERR_IO,
 * ERR_STORE, ERR_STORE_FULL, ERR_NOMEM. o->path is copied. */
NODISCARD int store_open(struct store **s, const struct store_opts *o, bool create, struct errinfo *ei);
/* Drains the queue, then closes. */
void store_close(struct store **s);
/* Close at once: what waits is freed and forgotten, no done is called. For simulated crashes; manual stores
 * only. */
void store_abandon(struct store **s);
/* Hand over a transaction, any thread. 0: done will be called; ERR_FULL: refused, the caller keeps it. */
NODISCARD int store_submit(struct store *s, struct store_txn *t);
/* Wait until all that was submitted before is written, or was refused. Blocking; never from done. 0, or the
 * error that keeps lazy writes from the disk. */
int store_sync(struct store *s);
/* With opts.manual: write all that waits, now, and call done for each. Transactions handled. */
size_t store_pump(struct store *s);
/* While the disk is full (or fails) durable transactions and those with a done are refused with
 * ERR_STORE_FULL (ERR_STORE). Lazy ones without a done are kept in memory, the newest of each kind and row,
 * and written as soon as there is space. */
/* Transactions waiting; commits so far. */
size_t store_queue_length(const struct store *s);
uint64_t store_commits(const struct store *s);
/* Lazy writes kept for later; those lost because there were too many of them. */
size_t store_kept(const struct store *s);
uint64_t store_dropped(const struct store *s);
/* False while nothing can be written; out gets the sentence, "" when healthy. */
bool store_healthy(const struct store *s);
void store_trouble(struct store *s, char *out, size_t cap);
/* Fault injection: from the next group on behave as if the disk were full. */
void store_pretend_full(struct store *s, bool full);

/* --- blocking reads of what is committed, any thread. ERR_STORE (logged) when the database cannot be read.
 * At most eight at once, so fn must not read again. --- */
/* Call fn for each row; a non-zero return stops and is returned. */
int store_each_host(struct store *s, int (*fn)(void *ctx, const struct store_host *row), void *ctx);
/* Unfinished operations only. */
int store_each_open_op(struct store *s, int (*fn)(void *ctx, const struct store_op *row), void *ctx);
int store_each_user(struct store *s, int (*fn)(void *ctx, const struct store_user *row), void *ctx);
int store_each_quarantine(struct store *s, int (*fn)(void *ctx, const struct store_quarantine *row),
                          void *ctx);
int store_each_provision(struct store *s, int (*fn)(void *ctx, const struct store_provision *row), void *ctx);
int store_each_agent(struct store *s, int (*fn)(void *ctx, const struct store_agent *row), void *ctx);
/* body and secret are valid during fn only. */
int store_each_object(struct store *s, int (*fn)(void *ctx, const struct store_object *row), void *ctx);
/* Newest first. project, host, state, key NULL or "" = any. before: an operation id to page on from
 * (ERR_NOT_FOUND when there is none); limit rows, 0: 100. */
struct store_op_query {
    const char *project, *host, *state, *before, *key;
    uint32_t limit;
};
int store_ops(struct store *s, const struct store_op_query *q,
              int (*fn)(void *ctx, const struct store_op *row), void *ctx);
int store_op_get(struct store *s, const char *id, struct store_op *out); /* 0 or ERR_NOT_FOUND */
/* Oldest first from after_seq (exclusive), or the newest `limit` ones in that order when newest is set. */
struct store_event_query {
    const char *project, *host;
    uint64_t after_seq;
    bool newest;
    uint32_t limit;
};
int store_events(struct store *s, const struct store_event_query *q,
                 int (*fn)(void *ctx, const struct store_event *row), void *ctx);
uint64_t store_last_event(struct store *s);
int store_audits(struct store *s, uint64_t after_seq, uint32_t limit,
                 int (*fn)(void *ctx, const struct store_audit *row), void *ctx);
/* Check the whole audit chain: 0, or ERR_INVALID with the sequence number of the first bad row. */
int store_audit_verify(struct store *s, uint64_t *bad_seq);
/* Value of a meta key, NULL-terminated, appended to out; ERR_NOT_FOUND. */
int store_meta_get(struct store *s, const char *key, struct buf *out);
/* Consistent copy into a new file (online). */
int store_backup(struct store *s, const char *to_path, struct errinfo *ei);
/* The same of a directory that another process may have opened. */
NODISCARD int store_backup_of(const char *dir, const char *to_path, struct errinfo *ei);
