/* SPDX-License-Identifier: Apache-2.0 */
/* A full disk: new intents are refused with the reason, reads go on, lazy writes are kept in memory, and all
 * goes on by itself when there is space again. */
#include "store/store_int.h"
#include "store_test.h"

#include <signal.h>
#include <sys/resource.h>

static struct place full_place(bool manual) {
    struct place p = place_new();
    p.o.manual = manual;
    p.o.flush_ms = 10;
    return p;
}

/* Durable writes until the database can grow no more. */
static void fill(struct place *p) {
    struct store_user u = {.role = "viewer"};
    memset(u.hash, 'x', sizeof u.hash - 1);
    store_test_pages_max(p->s, 1); /* as big as it is now */
    int err = 0;
    for (int i = 0; i < 200 && !err; i++) {
        SET(u.name, "filler %d", i);
        err = put(p->s, STORE_USER_PUT, &u);
    }
    assert_int_equal(err, ERR_STORE_FULL);
}

static void wait_healthy(struct store *s) {
    for (int i = 0; i < 400 && !store_healthy(s); i++)
        usleep(10000);
    assert_true(store_healthy(s));
}

static void no_space_for_the_file(void **state) {
    struct place p = full_place(false);
    place_open(&p, true);
    struct store_host h = host_row(1);
    char why[160];
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    fill(&p);

    /* refused, with the sentence; nothing of it is there */
    struct store_op op = op_row(1, h.id, OP_ACCEPTED);
    struct outcome o = {0};
    SET(op.op.text, "%0190d", 1);
    struct store_txn *t = store_txn_new(tell, &o);
    t->durable = true;
    for (unsigned i = 0; i < 100; i++) {
        SET(op.op.id, "op-%d", i);
        store_txn_add(t, STORE_OP_PUT, &op);
    }
    submit(p.s, t);
    store_sync(p.s);
    assert_int_equal(o.err, ERR_STORE_FULL);
    assert_non_null(strstr(o.why, "the disk of the data directory is full"));
    assert_int_equal(store_op_get(p.s, "op-0", &op), ERR_NOT_FOUND);
    assert_int_equal(hosts_of(p.s).n, 1); /* reads go on */

    /* lazy: many observations of one host are kept as one */
    h.power_state = POWER_OFF;
    for (uint64_t i = 1; i <= 300; i++) {
        struct store_event e = event_row(i, h.id, "default");
        h.power_at = at((int64_t)i);
        submit(p.s, txn_of(STORE_HOST_POWER, &h, false, NULL));
        submit(p.s, txn_of(STORE_EVENT_ADD, &e, false, NULL));
    }
    assert_int_equal(store_sync(p.s), ERR_STORE_FULL);
    assert_int_equal(store_kept(p.s), 301);
    assert_int_equal(hosts_of(p.s).row.power_state, POWER_SLEEP);
    assert_false(store_healthy(p.s));
    store_trouble(p.s, why, sizeof why);
    assert_string_equal(why, o.why);

    store_test_pages_max(p.s, 0); /* space again: without a word from anybody */
    wait_healthy(p.s);
    assert_int_equal(store_kept(p.s), 0);
    assert_true(store_dropped(p.s) == 0);
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.row.power_state, POWER_OFF);
    assert_true(got.row.power_at.us == at(300).us);
    assert_true(store_last_event(p.s) == 300);
    store_trouble(p.s, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(put(p.s, STORE_HOST_INTENT, &h), 0);
    place_free(&p);
}

static void below_the_reserve(void **state) {
    struct place p = full_place(true);
    p.o.reserve_bytes = UINT64_MAX >> 1;
    place_open(&p, true);
    struct store_host h = host_row(1);
    struct outcome o = {0};
    submit(p.s, txn_of(STORE_HOST_PUT, &h, true, &o));
    store_pump(p.s);
    assert_int_equal(o.err, ERR_STORE_FULL);
    assert_non_null(strstr(o.why, "MiB left"));
    assert_non_null(strstr(o.why, "are kept free; free some space, then try again"));
    assert_int_equal(hosts_of(p.s).n, 0);
    p.s->o.reserve_bytes = 0;
    submit(p.s, txn_of(STORE_HOST_PUT, &h, true, &o));
    store_pump(p.s);
    assert_int_equal(o.err, 0);
    assert_int_equal(hosts_of(p.s).n, 1);
    place_free(&p);
}

/* What the simulation uses. An idle store gets well by itself, too. */
static void pretended(void **state) {
    struct place p = full_place(false);
    place_open(&p, true);
    struct store_host h = host_row(1);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    store_pretend_full(p.s, true);
    assert_int_equal(put(p.s, STORE_HOST_INTENT, &h), ERR_STORE_FULL);
    assert_false(store_healthy(p.s));
    assert_int_equal(store_kept(p.s), 0);
    store_pretend_full(p.s, false);
    wait_healthy(p.s);
    assert_int_equal(put(p.s, STORE_HOST_INTENT, &h), 0);
    place_free(&p);
}

/* The kernel refuses to let the files grow: another error of another layer. */
static void files_may_not_grow(void **state) {
    struct place p = full_place(false);
    place_open(&p, true);
    struct store_host h = host_row(1);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 16384; /* the log is longer than that */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    struct outcome o = {0};
    submit(p.s, txn_of(STORE_HOST_PUT, &h, true, &o));
    store_sync(p.s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(o.err, ERR_STORE_FULL);
    assert_int_equal(hosts_of(p.s).n, 1);
    usleep(300000);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    assert_true(store_healthy(p.s));
    place_free(&p);
}

static void closing_tries_once_more(void **state) {
    struct place p = full_place(false);
    place_open(&p, true);
    struct store_host h = host_row(1);
    put(p.s, STORE_HOST_PUT, &h);
    fill(&p);
    h.power_state = POWER_OFF;
    h.has_info = true;
    h.info = info_row();
    submit(p.s, txn_of(STORE_HOST_POWER, &h, false, NULL));
    submit(p.s, txn_of(STORE_HOST_INFO, &h, false, NULL));
    store_sync(p.s);
    store_test_pages_max(p.s, 0);
    store_close(&p.s);
    place_open(&p, false);
    assert_int_equal(hosts_of(p.s).row.power_state, POWER_OFF);
    place_free(&p);
}

/* --- the backlog by itself --- */
static void keep(struct backlog *b, enum store_write_kind kind, const void *row) {
    struct store_txn *t = txn_of(kind, row, false, NULL);
    backlog_take(b, t);
    assert_null(t->first);
    store_txn_free(&t);
}
static int list_kinds(void *ctx, const struct store_write *w) {
    char *out = ctx;
    size_t n = strlen(out);
    out[n] = "PilpfnDoeqQuUam"[w->kind];
    out[n + 1] = 0;
    return 0;
}
static void newest_of_each_kind_in_order(void **state) {
    struct backlog b;
    struct store_host h = host_row(1), other = host_row(2);
    char kinds[32] = "";
    backlog_init(&b, 100, 10);
    keep(&b, STORE_HOST_LINK, &h);
    keep(&b, STORE_HOST_POWER, &h);
    keep(&b, STORE_HOST_PUT, &h);
    keep(&b, STORE_HOST_LINK, &h); /* takes the place of the first, behind the PUT */
    keep(&b, STORE_HOST_LINK, &other);
    backlog_each(&b, list_kinds, kinds);
    assert_string_equal(kinds, "pPll");
    backlog_clear(&b);
    assert_int_equal(backlog_length(&b), 0);
    keep(&b, STORE_HOST_LINK, &h);
    assert_int_equal(backlog_length(&b), 1);
    backlog_fini(&b);
}
static int first_seq(void *ctx, const struct store_write *w) {
    *(uint64_t *)ctx = w->u.event->seq;
    return 1;
}
static void oldest_events_go_first(void **state) {
    struct backlog b;
    uint64_t seq = 0;
    backlog_init(&b, 8, 5);
    for (uint64_t i = 1; i <= 12; i++) {
        struct store_event e = event_row(i, "h", "default");
        keep(&b, STORE_EVENT_ADD, &e);
    }
    assert_int_equal(backlog_length(&b), 5);
    assert_true(b.dropped == 7);
    assert_int_equal(backlog_each(&b, first_seq, &seq), 1);
    assert_true(seq == 8);
    for (unsigned i = 0; i < 9; i++) {
        struct store_host h = host_row(i);
        keep(&b, STORE_HOST_LINK, &h);
    }
    assert_int_equal(backlog_length(&b), 8);
    assert_true(b.dropped == 7 + 6);
    backlog_fini(&b);
}

UNIT_MAIN(T(no_space_for_the_file), T(below_the_reserve), T(pretended), T(files_may_not_grow),
          T(closing_tries_once_more), T(newest_of_each_kind_in_order), T(oldest_events_go_first))
