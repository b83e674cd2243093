/* SPDX-License-Identifier: Apache-2.0 */
/* What is SQLite's alone: migrations, the file, tampering with the audit log. */
#include "store/store_int.h"
#include "store_test.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Run SQL behind the store's back. */
static int sql(struct place *p, const char *text) {
    char path[128];
    sqlite3 *h;
    snprintf(path, sizeof path, "%s/outband.db", p->dir);
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    int rc = sqlite3_exec(h, text, NULL, NULL, NULL);
    sqlite3_close(h);
    return rc;
}
static bool is_there(struct place *p, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return access(path, F_OK) == 0;
}

/* --- migrations --- */
/* Steps behind the program's own. */
enum { OWN = 3 };
static const char next_sql[] = "CREATE TABLE next (x INTEGER); UPDATE host SET serial = 'migrated';";
static const char broken_sql[] =
    "CREATE TABLE broken (x INTEGER); UPDATE host SET serial = 'broken'; SELECT nonsense;";
static const size_t next_n = sizeof next_sql - 1, broken_n = sizeof broken_sql - 1;

static int open_with(struct place *p, size_t n, struct errinfo *ei) {
    const struct migration m[OWN + 2] = {schema[0],
                                         schema[1],
                                         schema[2],
                                         {OWN + 1, "next", (const unsigned char *)next_sql, &next_n},
                                         {OWN + 2, "broken", (const unsigned char *)broken_sql, &broken_n}};
    assert_int_equal(schema_n, OWN);
    *ei = (struct errinfo){0};
    p->o.path = p->dir;
    return store_open_with(&p->s, &p->o, false, m, n, ei);
}

static void an_older_database_is_brought_up(void **state) {
    struct place p = place_with_store();
    struct errinfo ei;
    struct store_host h = host_row(1);
    put(p.s, STORE_HOST_PUT, &h);
    store_close(&p.s);
    assert_false(is_there(&p, "outband.db.before-001") ||
                 is_there(&p, "outband.db.before-002")); /* nothing was lost by the first */

    assert_int_equal(open_with(&p, OWN + 1, &ei), 0);
    assert_string_equal(hosts_of(p.s).row.serial, "migrated");
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    store_close(&p.s);
    assert_true(is_there(&p, "outband.db.before-004"));

    /* again: nothing to do */
    assert_int_equal(open_with(&p, OWN + 1, &ei), 0);
    assert_string_equal(hosts_of(p.s).row.serial, h.serial);
    store_close(&p.s);

    /* one that fails leaves all as it was, and tells */
    assert_int_equal(open_with(&p, OWN + 2, &ei), ERR_STORE);
    assert_non_null(strstr(ei.text, "bring the database to version 5"));
    assert_null(p.s);
    assert_true(is_there(&p, "outband.db.before-005"));
    assert_int_equal(open_with(&p, OWN + 1, &ei), 0);
    assert_string_equal(hosts_of(p.s).row.serial, h.serial);
    store_close(&p.s);

    /* the older program refuses the newer database */
    assert_int_equal(open_with(&p, OWN, &ei), ERR_UNSUPPORTED);
    assert_non_null(strstr(ei.text, "this database was written by a newer outbandd"));
    assert_non_null(strstr(ei.remedy, "outband.db.before-004"));

    /* and takes the copy that was made before */
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/outband.db.before-004", p.dir);
    snprintf(to, sizeof to, "%s/outband.db", p.dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(open_with(&p, OWN, &ei), 0);
    assert_int_equal(hosts_of(p.s).n, 1);
    place_free(&p);
}

/* A host of the first schema: all that came with the second is as if it had never been seen. */
static void a_host_of_the_first_schema(void **state) {
    struct place p = place_new();
    struct errinfo ei = {0};
    p.o.path = p.dir;
    if (store_open_with(&p.s, &p.o, true, schema, 1, &ei))
        fail_msg("%s", ei.text);
    store_close(&p.s);
    assert_int_equal(
        sql(&p, "INSERT INTO host VALUES ('host-1', 'default', 'node1', 'S1', 'cira1', 'admin', x'0102', "
                "x'03', zeroblob(16), zeroblob(16), zeroblob(16), 'ccm', 1, 2, 3, 'on', 'keep', 0, 4, "
                "'admin', 'up', 'none', 5, 6, 'peer', 'on', 2, 'firmware', 7, 0, 0, NULL, 0, NULL)"),
        SQLITE_OK);
    place_open(&p, false);
    assert_true(is_there(&p, "outband.db.before-002"));
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.row.cira_user, "cira1");
    assert_int_equal(got.row.control_mode, AMT_MODE_CCM);
    assert_int_equal(got.row.intent.desired, POWER_ON);
    assert_int_equal(got.row.amt_state, AMT_STATE_UNKNOWN); /* until its next login */
    assert_int_equal(got.row.amt_source, SOURCE_NONE);
    assert_true(got.row.amt_at.us == WALL_NEVER.us);
    assert_false(got.row.cira_shared);
    assert_int_equal(got.row.amt_intent.desired, AMT_STATE_UNKNOWN);
    assert_int_equal(got.row.amt_intent.mode, AMT_MODE_UNKNOWN);
    assert_string_equal(got.row.amt_intent.profile, "");
    assert_false(got.row.amt_intent.serial_console);
    assert_int_equal(got.row.cira_next.n + got.row.amt_next.n + got.row.mebx_secret.n + got.row.mebx_next.n,
                     0);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &got.row), 0);
    place_free(&p);
}

static void files_that_are_no_database_of_ours(void **state) {
    struct place p = place_new();
    struct errinfo ei = {0};
    p.o.path = p.dir;
    assert_int_equal(sql(&p, "CREATE TABLE t (x)"), SQLITE_OK);
    assert_int_equal(store_open(&p.s, &p.o, false, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "of another program"));
    assert_int_equal(store_open(&p.s, &p.o, true, &ei), ERR_INVALID);
    char path[128];
    snprintf(path, sizeof path, "%s/outband.db", p.dir);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "This is no database, and it is long enough", 42), 42);
    close(fd);
    assert_int_equal(store_open(&p.s, &p.o, false, &ei), ERR_STORE);
    assert_int_equal(truncate(path, 0), 0); /* an init that was cut short */
    assert_int_equal(store_open(&p.s, &p.o, false, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.remedy, "outbandd init"));
    place_open(&p, true);
    place_free(&p);
}

static void files_are_private(void **state) {
    static const char *const files[] = {"outband.db", "outband.db-wal", "outband.lock", "copy"};
    struct place p = place_with_store();
    struct errinfo ei = {0};
    char path[128];
    put(p.s, STORE_HOST_PUT, &(struct store_host){.id = "host-1"});
    snprintf(path, sizeof path, "%s/copy", p.dir);
    assert_int_equal(store_backup(p.s, path, &ei), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", p.dir, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    place_free(&p);
}

/* --- tampering --- */
static void add_lines(struct place *p, int n) {
    struct store_audit a = {.at = at(1), .actor = "admin", .action = "power-off", .result = "accepted"};
    for (int i = 0; i < n; i++)
        assert_int_equal(put(p->s, STORE_AUDIT_ADD, &a), 0);
}

static void the_log_is_append_only(void **state) {
    struct place p = place_with_store();
    add_lines(&p, 3);
    assert_int_equal(sql(&p, "UPDATE audit SET actor = 'x' WHERE seq = 2"), SQLITE_CONSTRAINT);
    assert_int_equal(sql(&p, "DELETE FROM audit WHERE seq = 3"), SQLITE_CONSTRAINT);
    assert_int_equal(
        sql(&p, "INSERT OR REPLACE INTO audit SELECT seq, at, 'x', action, target, result, detail, req, "
                "peer, hash FROM audit WHERE seq = 2"),
        SQLITE_CONSTRAINT);
    uint64_t bad;
    assert_int_equal(store_audit_verify(p.s, &bad), 0);
    place_free(&p);
}

/* Somebody who removes the triggers is found by the chain. */
static void tampering_is_found(void **state) {
    static const struct {
        const char *text;
        uint64_t bad;
    } cases[] = {
        {"UPDATE audit SET actor = 'x' WHERE seq = 4", 4},
        {"UPDATE audit SET at = at + 1 WHERE seq = 1", 1},
        {"UPDATE audit SET actor = 'adminp', action = 'ower-off' WHERE seq = 3", 3},
        {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 2", 2},
        {"DELETE FROM audit WHERE seq = 3", 3},
        {"DELETE FROM audit WHERE seq = 1", 1},
        {"DELETE FROM audit WHERE seq = 5", 5}, /* the end was cut off */
        {"DELETE FROM audit", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct place p = place_with_store();
        uint64_t bad = 0;
        add_lines(&p, 5);
        assert_int_equal(sql(&p, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete"), SQLITE_OK);
        assert_int_equal(sql(&p, cases[i].text), SQLITE_OK);
        assert_int_equal(store_audit_verify(p.s, &bad), ERR_INVALID);
        assert_true(bad == cases[i].bad);
        place_free(&p);
    }
}

/* --- rows of another version --- */
static void strange_members_are_read_as_unknown(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    h.has_info = true;
    h.info = info_row();
    put(p.s, STORE_HOST_PUT, &h);
    assert_int_equal(
        sql(&p,
            "UPDATE host SET power_state = 'dreaming', "
            "info = '{\"version\":\"16.1\",\"new\":1,\"kvm_state\":99999,\"me_sleep\":\"?\",\"model\":5}'"),
        SQLITE_OK);
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.row.power_state, POWER_UNKNOWN);
    assert_true(got.row.has_info);
    assert_string_equal(got.row.info.version, "16.1");
    assert_int_equal(got.row.info.kvm_state, 0);
    assert_int_equal(got.row.info.me_sleep, AMT_ME_SLEEP_UNKNOWN);
    assert_string_equal(got.row.info.model, "");
    assert_int_equal(sql(&p, "UPDATE host SET info = '{'"), SQLITE_OK);
    assert_false(hosts_of(p.s).row.has_info);
    place_free(&p);
}

/* A CIRA user of one's own is one host's; a shared one is had by many boards, each once. */
static void shared_users(void **state) {
    struct place p = place_with_store();
    struct store_host a = host_row(1), b = host_row(2);
    snprintf(b.cira_user, sizeof b.cira_user, "%s", a.cira_user);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &a), 0);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &b), ERR_STORE);
    a.cira_shared = b.cira_shared = true;
    b.amt_uuid = a.amt_uuid;
    assert_int_equal(put(p.s, STORE_HOST_PUT, &a), 0);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &b), ERR_STORE);
    b.amt_uuid.b[0] ^= 1;
    assert_int_equal(put(p.s, STORE_HOST_PUT, &b), 0);
    place_free(&p);
}

UNIT_MAIN(T(an_older_database_is_brought_up), T(a_host_of_the_first_schema), T(shared_users),
          T(files_that_are_no_database_of_ours), T(files_are_private), T(the_log_is_append_only),
          T(tampering_is_found), T(strange_members_are_read_as_unknown))
