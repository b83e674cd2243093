/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of store.h, second part: transactions, durability, limits. */
#include "store_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static void a_transaction_is_all_or_nothing(void **state) {
    struct place p = place_with_store();
    struct store_host a = host_row(1), clash = host_row(2), c = host_row(3);
    SET(clash.cira_user, "%s", a.cira_user); /* a CIRA user belongs to one host */
    assert_int_equal(put(p.s, STORE_HOST_PUT, &a), 0);

    struct outcome bad = {0}, good = {0};
    struct store_audit line = {.actor = "admin"};
    struct store_txn *t = txn_of(STORE_HOST_PUT, &c, true, &bad);
    assert_int_equal(store_txn_add(t, STORE_AUDIT_ADD, &line), 0);
    assert_int_equal(store_txn_add(t, STORE_HOST_PUT, &clash), 0);
    submit(p.s, t);
    struct store_host d = host_row(4);
    t = txn_of(STORE_HOST_PUT, &d, true, &good); /* in the same group, not hurt */
    assert_int_equal(store_txn_add(t, STORE_AUDIT_ADD, &line), 0);
    submit(p.s, t);
    store_sync(p.s);
    assert_int_equal(bad.err, ERR_STORE);
    assert_true(bad.why[0] != 0);
    assert_int_equal(good.err, 0);
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.row.id, d.id);
    uint64_t seq;
    assert_int_equal(store_audit_verify(p.s, &seq), 0);
    assert_true(store_healthy(p.s));
    place_free(&p);
}

/* done is called in the order of submission, and what it speaks of can be read. */
struct turn {
    struct store *s;
    unsigned *next, mine;
    bool in_order, readable;
};
static int find_host(void *ctx, const struct store_host *row) {
    return strcmp(row->id, ctx) == 0;
}
static void in_turn(struct store_txn *t) {
    struct turn *turn = t->owner;
    char id[HOST_ID_CAP];
    snprintf(id, sizeof id, "host-%08x", turn->mine);
    turn->in_order = (*turn->next)++ == turn->mine;
    turn->readable = store_each_host(turn->s, find_host, id) == 1;
    store_txn_free(&t);
}
static void done_comes_in_order_after_the_commit(void **state) {
    struct place p = place_with_store();
    enum { N = 40 };
    struct turn turns[N];
    unsigned next = 0;
    for (unsigned i = 0; i < N; i++) {
        struct store_host h = host_row(i);
        turns[i] = (struct turn){p.s, &next, i, false, false};
        struct store_txn *t = store_txn_new(in_turn, &turns[i]);
        t->durable = i % 3 == 0;
        store_txn_add(t, STORE_HOST_PUT, &h);
        submit(p.s, t);
    }
    store_sync(p.s);
    assert_int_equal(next, N);
    for (unsigned i = 0; i < N; i++)
        assert_true(turns[i].in_order && turns[i].readable);
    place_free(&p);
}

static void lazy_writes_gather_and_durable_ones_do_not_wait(void **state) {
    struct place p = place_new();
    p.o.flush_ms = 60000;
    place_open(&p, true);
    struct store_host a = host_row(1), b = host_row(2);
    struct outcome lazy = {0}, durable = {0};
    submit(p.s, txn_of(STORE_HOST_PUT, &a, false, &lazy));
    usleep(30000);
    assert_int_equal(lazy.calls, 0);
    assert_int_equal(store_queue_length(p.s), 1);
    submit(p.s, txn_of(STORE_HOST_PUT, &b, true, &durable));
    for (int i = 0; i < 400 && !durable.calls; i++)
        usleep(5000);
    assert_int_equal(durable.calls, 1);
    assert_int_equal(lazy.calls, 1); /* rode along */
    assert_true(store_commits(p.s) == 1);
    place_free(&p);
}

static void lazy_writes_are_flushed_by_themselves(void **state) {
    struct place p = place_with_store();
    struct store_host a = host_row(1);
    struct outcome lazy = {0};
    submit(p.s, txn_of(STORE_HOST_PUT, &a, false, &lazy));
    for (int i = 0; i < 400 && !lazy.calls; i++)
        usleep(5000);
    assert_int_equal(lazy.calls, 1);
    place_free(&p);
}

static void the_queue_is_bounded(void **state) {
    struct place p = place_new();
    p.o.queue_max = 3;
    p.o.flush_ms = 60000;
    place_open(&p, true);
    struct store_host h = host_row(1);
    for (int i = 0; i < 3; i++)
        submit(p.s, txn_of(STORE_HOST_PUT, &h, false, NULL));
    struct store_txn *t = txn_of(STORE_HOST_PUT, &h, false, NULL);
    assert_int_equal(store_submit(p.s, t), ERR_FULL);
    store_sync(p.s);
    submit(p.s, t);
    place_free(&p); /* closing writes what waits */
}

static void closing_drains(void **state) {
    struct place p = place_new();
    p.o.flush_ms = 60000;
    place_open(&p, true);
    for (unsigned i = 0; i < 100; i++) {
        struct store_host h = host_row(i);
        submit(p.s, txn_of(STORE_HOST_PUT, &h, false, NULL));
    }
    store_close(&p.s);
    place_open(&p, false);
    assert_int_equal(hosts_of(p.s).n, 100);
    place_free(&p);
}

/* --- several threads --- */
struct worker {
    struct store *s;
    unsigned mine;
    int failed;
};
static void *work(void *arg) {
    struct worker *w = arg;
    for (unsigned i = 0; i < 50; i++) {
        struct store_host h = host_row(w->mine * 1000 + i);
        struct outcome o = {0};
        struct hosts got = {0};
        struct store_txn *t = txn_of(STORE_HOST_PUT, &h, i % 5 == 0, &o);
        w->failed += store_submit(w->s, t) != 0;
        if (i % 10 == 0) {
            store_sync(w->s);
            w->failed += o.calls != 1 || store_each_host(w->s, take_host, &got) || got.n <= i;
        } else
            while (!o.calls)
                usleep(100);
        w->failed += o.err != 0;
    }
    return NULL;
}
static void threads_write_and_read_at_once(void **state) {
    enum { N = 4 };
    struct place p = place_new();
    p.o.flush_ms = 1;
    place_open(&p, true);
    struct worker w[N];
    pthread_t t[N];
    for (unsigned i = 0; i < N; i++) {
        w[i] = (struct worker){p.s, i, 0};
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (unsigned i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].failed, 0);
    }
    assert_int_equal(hosts_of(p.s).n, N * 50);
    place_free(&p);
}

/* --- kill -9 --- */
static int pipe_to_parent;
static void say_done(struct store_txn *t) {
    char c = t->err ? 'n' : 'y';
    if (write(pipe_to_parent, &c, 1) != 1)
        _exit(3);
    store_txn_free(&t);
}
/* The child writes one intent after another, tells of each that was acknowledged, and is killed in the
 * middle. */
static void child_writes(const struct store_opts *o, int fd) {
    struct store *s;
    struct errinfo ei = {0};
    pipe_to_parent = fd;
    if (store_open(&s, o, false, &ei))
        _exit(4);
    for (unsigned i = 1;; i++) {
        struct store_host h = host_row(1);
        struct store_op op = op_row(i, h.id, OP_ACCEPTED);
        struct store_txn *t = store_txn_new(say_done, NULL);
        t->durable = true;
        h.intent.desired = POWER_ON;
        SET(h.intent.actor, "%u", i);
        if (store_txn_add(t, STORE_HOST_INTENT, &h) || store_txn_add(t, STORE_OP_PUT, &op) ||
            store_submit(s, t))
            _exit(5);
        if (i % 8 == 0)
            store_sync(s);
    }
}
static void acknowledged_writes_survive_sigkill(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    put(p.s, STORE_HOST_PUT, &h);
    store_close(&p.s);
    p.o.path = p.dir;
    for (int round = 0; round < 4; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fd[0]);
            child_writes(&p.o, fd[1]);
        }
        close(fd[1]);
        unsigned acknowledged = 0, want = 5 + 13 * (unsigned)round;
        char c;
        while (acknowledged < want && read(fd[0], &c, 1) == 1) {
            assert_int_equal(c, 'y');
            acknowledged++;
        }
        kill(child, SIGKILL);
        while (read(fd[0], &c, 1) == 1) /* said before it died */
            acknowledged++;
        close(fd[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_true(acknowledged >= want);

        place_open(&p, false);
        struct hosts got = hosts_of(p.s);
        struct store_op op;
        char id[OP_ID_CAP];
        snprintf(id, sizeof id, "op-%012x", acknowledged);
        assert_true(strtoul(got.row.intent.actor, NULL, 10) >= acknowledged);
        assert_int_equal(got.row.intent.desired, POWER_ON);
        assert_int_equal(store_op_get(p.s, id, &op), 0);
        store_close(&p.s);
    }
    place_free(&p);
}

/* --- opening --- */
static void opening_refuses(void **state) {
    struct place p = place_new();
    struct errinfo ei = {0};
    struct store *s;
    p.o.path = p.dir;
    assert_int_equal(store_open(&s, &p.o, false, &ei), ERR_NOT_FOUND);
    assert_null(s);
    assert_non_null(strstr(ei.remedy, "outbandd init"));
    place_open(&p, true);
    assert_int_equal(store_open(&s, &p.o, false, &ei), ERR_BUSY);
    assert_non_null(strstr(ei.text, "in use by another outbandd (process "));
    store_close(&p.s);
    assert_int_equal(store_open(&s, &p.o, true, &ei), ERR_EXISTS);
    struct store_opts o = STORE_OPTS_DEFAULT("/nonexistent/dir");
    assert_int_equal(store_open(&s, &o, true, &ei), ERR_NOT_FOUND);
    place_open(&p, false);
    place_free(&p);
}

static void a_manual_store_is_pumped_and_abandoned(void **state) {
    struct place p = place_new();
    p.o.manual = true;
    place_open(&p, true);
    struct store_host a = host_row(1), b = host_row(2);
    struct outcome first = {0}, second = {0};
    submit(p.s, txn_of(STORE_HOST_PUT, &a, true, &first));
    assert_int_equal(first.calls, 0);
    assert_int_equal(store_pump(p.s), 1);
    assert_int_equal(first.calls, 1);
    submit(p.s, txn_of(STORE_HOST_PUT, &b, true, &second));
    store_abandon(&p.s); /* a crash: never acknowledged, never written */
    assert_int_equal(second.calls, 0);
    place_open(&p, false);
    assert_int_equal(hosts_of(p.s).n, 1);
    place_free(&p);
}

UNIT_MAIN(T(a_transaction_is_all_or_nothing), T(done_comes_in_order_after_the_commit),
          T(lazy_writes_gather_and_durable_ones_do_not_wait), T(lazy_writes_are_flushed_by_themselves),
          T(the_queue_is_bounded), T(closing_drains), T(threads_write_and_read_at_once),
          T(acknowledged_writes_survive_sigkill), T(opening_refuses),
          T(a_manual_store_is_pumped_and_abandoned))
