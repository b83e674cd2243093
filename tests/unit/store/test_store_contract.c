/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of store.h that every implementation keeps: rows come back as they went in, and queries. */
#include "store_test.h"

static void assert_same_sealed(const struct sealed *a, const struct sealed *b) {
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->b, b->b, a->n);
}

static void assert_same_host(const struct store_host *a, const struct store_host *b) {
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->project, b->project);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->serial, b->serial);
    assert_string_equal(a->cira_user, b->cira_user);
    assert_string_equal(a->amt_user, b->amt_user);
    assert_same_sealed(&a->cira_secret, &b->cira_secret);
    assert_same_sealed(&a->amt_secret, &b->amt_secret);
    assert_same_sealed(&a->cira_next, &b->cira_next);
    assert_same_sealed(&a->amt_next, &b->amt_next);
    assert_same_sealed(&a->mebx_secret, &b->mebx_secret);
    assert_same_sealed(&a->mebx_next, &b->mebx_next);
    assert_int_equal(a->cira_shared, b->cira_shared);
    assert_int_equal(a->amt_state, b->amt_state);
    assert_int_equal(a->amt_source, b->amt_source);
    assert_true(a->amt_at.us == b->amt_at.us);
    assert_int_equal(a->amt_intent.desired, b->amt_intent.desired);
    assert_int_equal(a->amt_intent.mode, b->amt_intent.mode);
    assert_string_equal(a->amt_intent.profile, b->amt_intent.profile);
    assert_int_equal(a->amt_intent.serial_console, b->amt_intent.serial_console);
    assert_true(uuid_eq(a->smbios_uuid, b->smbios_uuid) && uuid_eq(a->amt_uuid, b->amt_uuid));
    assert_true(uuid_eq(a->seen_uuid, b->seen_uuid));
    assert_int_equal(a->control_mode, b->control_mode);
    assert_true(a->created.us == b->created.us && a->updated.us == b->updated.us);
    assert_true(a->version == b->version);
    assert_int_equal(a->intent.desired, b->intent.desired);
    assert_int_equal(a->intent.policy, b->intent.policy);
    assert_true(a->intent.hold_until.us == b->intent.hold_until.us &&
                a->intent.since.us == b->intent.since.us);
    assert_string_equal(a->intent.actor, b->intent.actor);
    assert_int_equal(a->link_state, b->link_state);
    assert_int_equal(a->link_why, b->link_why);
    assert_true(a->link_generation == b->link_generation && a->link_since.us == b->link_since.us);
    assert_string_equal(a->link_peer, b->link_peer);
    assert_int_equal(a->power_state, b->power_state);
    assert_int_equal(a->power_cim, b->power_cim);
    assert_int_equal(a->power_source, b->power_source);
    assert_true(a->power_at.us == b->power_at.us && a->last_off_seen.us == b->last_off_seen.us);
    assert_int_equal(a->drops_at_off, b->drops_at_off);
    assert_int_equal(a->has_info, b->has_info);
    assert_int_equal(a->has_pin, b->has_pin);
    assert_memory_equal(a->pin, b->pin, sizeof a->pin);
    assert_true(a->info_at.us == b->info_at.us);
}

static void host_comes_back_whole(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.n, 1);
    assert_same_host(&h, &got.row);

    /* replaced whole, with a card and a pin */
    SET(h.name, "renamed");
    h.has_info = h.has_pin = true;
    h.info = info_row();
    h.info_at = at(9);
    memset(h.pin, 7, sizeof h.pin);
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    got = hosts_of(p.s);
    assert_int_equal(got.n, 1);
    assert_same_host(&h, &got.row);
    assert_string_equal(got.row.info.version, "15.0.23");
    assert_string_equal(got.row.info.model, "NUC \"x\"\\");
    assert_true(got.row.info.have_uuid && uuid_eq(got.row.info.uuid, h.info.uuid));
    assert_int_equal(got.row.info.control_mode, AMT_MODE_CCM);
    assert_int_equal(got.row.info.os_saving, AMT_OS_SAVING);
    assert_int_equal(got.row.info.me_sleep, AMT_ME_SLEEP_WAKE);
    assert_true(got.row.info.optin_required == 4294967295u);
    assert_int_equal(got.row.info.redirection_state, 32771);
    assert_true(got.row.info.kvm_present && !got.row.info.listener_enabled);
    place_free(&p);
}

/* Each partial write changes its own members and no other. */
static void partial_writes_keep_to_their_members(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1), w = {.version = 2, .updated = at(99)};
    assert_int_equal(put(p.s, STORE_HOST_PUT, &h), 0);
    SET(w.id, "%s", h.id);

    h.intent = w.intent = (struct intent){POWER_ON, RECOVERY_RESPECT_LOCAL, WALL_NEVER, at(20), "admin"};
    h.updated = at(99); /* higher; the version is lower and stays */
    assert_int_equal(put(p.s, STORE_HOST_INTENT, &w), 0);
    struct hosts got = hosts_of(p.s);
    assert_same_host(&h, &got.row);

    h.link_state = w.link_state = LINK_DOWN;
    h.link_why = w.link_why = LINK_WHY_RESET;
    h.link_generation = w.link_generation = 12;
    h.link_since = w.link_since = at(21);
    SET(h.link_peer, "peer");
    SET(w.link_peer, "peer");
    memset(h.seen_uuid.b, 5, 16);
    w.seen_uuid = h.seen_uuid;
    h.drops_at_off = w.drops_at_off = 9;
    h.last_off_seen = w.last_off_seen = at(22);
    assert_int_equal(put(p.s, STORE_HOST_LINK, &w), 0);
    got = hosts_of(p.s);
    assert_same_host(&h, &got.row);

    h.power_state = w.power_state = POWER_OFF;
    h.power_cim = w.power_cim = 8;
    h.power_source = w.power_source = SOURCE_AGENT;
    h.power_at = w.power_at = at(23);
    h.last_off_seen = w.last_off_seen = at(24);
    assert_int_equal(put(p.s, STORE_HOST_POWER, &w), 0);
    got = hosts_of(p.s);
    assert_same_host(&h, &got.row);

    h.has_info = w.has_info = true;
    w.info = info_row();
    h.info_at = w.info_at = at(25);
    h.control_mode = w.control_mode = AMT_MODE_CCM;
    assert_int_equal(put(p.s, STORE_HOST_INFO, &w), 0);
    got = hosts_of(p.s);
    assert_same_host(&h, &got.row);
    assert_string_equal(got.row.info.version, "15.0.23");

    h.amt_state = w.amt_state = AMT_STATE_UNPROVISIONED;
    h.amt_source = w.amt_source = SOURCE_FIRMWARE;
    h.amt_at = w.amt_at = at(26);
    h.control_mode = w.control_mode = AMT_MODE_NONE;
    assert_int_equal(put(p.s, STORE_HOST_AMT, &w), 0);
    got = hosts_of(p.s);
    assert_same_host(&h, &got.row);

    h.has_pin = w.has_pin = true;
    memset(h.pin, 0xee, sizeof h.pin);
    memcpy(w.pin, h.pin, sizeof w.pin);
    assert_int_equal(put(p.s, STORE_HOST_PIN, &w), 0);
    got = hosts_of(p.s);
    assert_same_host(&h, &got.row);
    place_free(&p);
}

static void write_of_a_missing_host(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(7);
    struct store_op op = op_row(1, h.id, OP_ACCEPTED);
    assert_int_equal(put(p.s, STORE_HOST_INTENT, &h), ERR_STORE);
    assert_int_equal(put(p.s, STORE_HOST_POWER, &h), ERR_STORE);
    assert_int_equal(put(p.s, STORE_OP_PUT, &op), ERR_STORE);
    /* a lazy one is late, not wrong; what comes with it is kept */
    struct outcome o = {0};
    struct store_event e = event_row(1, h.id, "default");
    struct store_txn *t = txn_of(STORE_HOST_LINK, &h, false, &o);
    assert_int_equal(store_txn_add(t, STORE_OP_PUT, &op), 0);
    assert_int_equal(store_txn_add(t, STORE_EVENT_ADD, &e), 0);
    submit(p.s, t);
    store_sync(p.s);
    assert_int_equal(o.err, 0);
    assert_int_equal(hosts_of(p.s).n, 0);
    assert_int_equal(store_op_get(p.s, op.op.id, &op), ERR_NOT_FOUND);
    assert_true(store_last_event(p.s) == 1);
    place_free(&p);
}

/* --- operations --- */
struct ops {
    size_t n;
    char ids[32][OP_ID_CAP];
};
static int take_op(void *ctx, const struct store_op *row) {
    struct ops *o = ctx;
    if (o->n < 32)
        memcpy(o->ids[o->n], row->op.id, OP_ID_CAP);
    o->n++;
    return 0;
}
static struct ops ops_of(struct store *s, struct store_op_query q) {
    struct ops o = {0};
    assert_int_equal(store_ops(s, &q, take_op, &o), 0);
    return o;
}

static void operation_comes_back(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    struct store_op a = op_row(1, h.id, OP_WAITING), b;
    a.op.code = OP_CODE_SESSION;
    a.op.force = true;
    a.op.prior = POWER_HIBERNATE;
    SET(a.op.key, "key-1");
    put(p.s, STORE_HOST_PUT, &h);
    assert_int_equal(put(p.s, STORE_OP_PUT, &a), 0);
    assert_int_equal(store_op_get(p.s, a.op.id, &b), 0);
    assert_string_equal(b.host, h.id);
    assert_string_equal(b.project, "default");
    assert_int_equal(b.op.kind, POWER_OP_RESET);
    assert_int_equal(b.op.state, OP_WAITING);
    assert_int_equal(b.op.code, OP_CODE_SESSION);
    assert_string_equal(b.op.text, a.op.text);
    assert_string_equal(b.op.actor, "operator1");
    assert_string_equal(b.op.key, "key-1");
    assert_true(b.op.force && !b.op.by_reconcile);
    assert_int_equal(b.op.prior, POWER_HIBERNATE);
    assert_true(b.op.created.us == a.op.created.us && b.op.deadline.us == a.op.deadline.us &&
                b.op.finished.us == 0);

    struct ops open = {0};
    assert_int_equal(store_each_open_op(p.s, take_op, &open), 0);
    assert_int_equal(open.n, 1);
    a.op.state = OP_DONE;
    a.op.finished = at(50);
    assert_int_equal(put(p.s, STORE_OP_PUT, &a), 0);
    open.n = 0;
    assert_int_equal(store_each_open_op(p.s, take_op, &open), 0);
    assert_int_equal(open.n, 0);
    assert_int_equal(store_op_get(p.s, "op-none", &b), ERR_NOT_FOUND);
    place_free(&p);
}

static void operations_are_paged_and_filtered(void **state) {
    struct place p = place_with_store();
    struct store_txn *t = store_txn_new(NULL, NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct store_host h = host_row(i);
        store_txn_add(t, STORE_HOST_PUT, &h);
    }
    for (unsigned i = 0; i < 20; i++) {
        struct store_op r =
            op_row(i, i % 2 ? "host-00000001" : "host-00000000", i < 18 ? OP_DONE : OP_FAILED);
        if (i == 3)
            SET(r.project, "other");
        if (i == 4)
            SET(r.op.key, "k4");
        assert_int_equal(store_txn_add(t, STORE_OP_PUT, &r), 0);
    }
    submit(p.s, t);
    assert_int_equal(store_sync(p.s), 0);

    struct ops o = ops_of(p.s, (struct store_op_query){.limit = 3});
    assert_int_equal(o.n, 3);
    assert_string_equal(o.ids[0], "op-000000000013");
    o = ops_of(p.s, (struct store_op_query){.limit = 3, .before = o.ids[2]});
    assert_int_equal(o.n, 3);
    assert_string_equal(o.ids[0], "op-000000000010");
    assert_int_equal(ops_of(p.s, (struct store_op_query){.host = "host-00000001", .limit = 100}).n, 10);
    assert_int_equal(ops_of(p.s, (struct store_op_query){.host = "host-00000001", .state = "failed"}).n, 1);
    assert_int_equal(ops_of(p.s, (struct store_op_query){.project = "other"}).n, 1);
    assert_int_equal(ops_of(p.s, (struct store_op_query){.project = "default", .state = ""}).n, 19);
    o = ops_of(p.s, (struct store_op_query){.key = "k4", .host = "host-00000000", .project = "default"});
    assert_int_equal(o.n, 1);
    assert_string_equal(o.ids[0], "op-000000000004");
    o.n = 0;
    struct store_op_query gone = {.before = "op-gone"};
    assert_int_equal(store_ops(p.s, &gone, take_op, &o), ERR_NOT_FOUND);

    /* the host's operations go with it, its history stays */
    struct store_host h = host_row(1);
    struct store_event e = event_row(1, h.id, "default");
    put(p.s, STORE_EVENT_ADD, &e);
    assert_int_equal(put(p.s, STORE_HOST_DELETE, &h), 0);
    assert_int_equal(ops_of(p.s, (struct store_op_query){.limit = 100}).n, 10);
    assert_int_equal(hosts_of(p.s).n, 1);
    assert_true(store_last_event(p.s) == 1);
    place_free(&p);
}

/* --- events --- */
struct seqs {
    size_t n;
    uint64_t seq[64];
};
static int take_event(void *ctx, const struct store_event *row) {
    struct seqs *q = ctx;
    if (q->n < 64)
        q->seq[q->n] = row->seq;
    q->n++;
    return 0;
}
static struct seqs events_of(struct store *s, struct store_event_query q) {
    struct seqs r = {0};
    assert_int_equal(store_events(s, &q, take_event, &r), 0);
    return r;
}

static void events_are_paged_and_filtered(void **state) {
    struct place p = place_with_store();
    struct store_txn *t = store_txn_new(NULL, NULL);
    assert_true(store_last_event(p.s) == 0);
    for (unsigned i = 1; i <= 30; i++) {
        struct store_event e = event_row(i, i % 3 ? "host-a" : "host-b", i > 20 ? "other" : "default");
        store_txn_add(t, STORE_EVENT_ADD, &e);
    }
    submit(p.s, t);
    store_sync(p.s);
    assert_true(store_last_event(p.s) == 30);
    struct seqs r = events_of(p.s, (struct store_event_query){.after_seq = 10, .limit = 5});
    assert_int_equal(r.n, 5);
    assert_true(r.seq[0] == 11 && r.seq[4] == 15);
    r = events_of(p.s, (struct store_event_query){.newest = true, .limit = 4});
    assert_int_equal(r.n, 4);
    assert_true(r.seq[0] == 27 && r.seq[3] == 30);
    r = events_of(p.s, (struct store_event_query){.host = "host-b", .project = "default"});
    assert_int_equal(r.n, 6);
    assert_true(r.seq[0] == 3 && r.seq[5] == 18);
    r = events_of(p.s, (struct store_event_query){.host = "host-b", .newest = true, .limit = 2});
    assert_true(r.n == 2 && r.seq[0] == 27 && r.seq[1] == 30);
    place_free(&p);
}

static int stop_at_third(void *ctx, const struct store_event *row) {
    return row->seq == 3 ? ERR_CANCELLED : 0;
}

static void a_callback_stops_the_walk(void **state) {
    struct place p = place_with_store();
    for (unsigned i = 1; i <= 5; i++) {
        struct store_event e = event_row(i, "h", "default");
        put(p.s, STORE_EVENT_ADD, &e);
    }
    struct store_event_query q = {.limit = 10};
    assert_int_equal(store_events(p.s, &q, stop_at_third, NULL), ERR_CANCELLED);
    assert_int_equal(events_of(p.s, q).n, 5);
    place_free(&p);
}

static void old_events_are_pruned(void **state) {
    struct place p = place_new();
    p.o.events_max = 100;
    place_open(&p, true);
    for (unsigned g = 0; g < 6; g++) {
        struct store_txn *t = store_txn_new(NULL, NULL);
        for (unsigned i = 1; i <= 500; i++) {
            struct store_event e = event_row(g * 500 + i, "h", "default");
            store_txn_add(t, STORE_EVENT_ADD, &e);
        }
        submit(p.s, t);
        store_sync(p.s);
    }
    size_t left = events_of(p.s, (struct store_event_query){.limit = 100000}).n;
    assert_true(left >= 100 && left < 100 + 1000 + 500);
    assert_true(store_last_event(p.s) == 3000);
    place_free(&p);
}

static void old_operations_are_pruned(void **state) {
    struct place p = place_new();
    p.o.ops_max = 50;
    place_open(&p, true);
    struct store_host h = host_row(1);
    struct store_op open = op_row(1, h.id, OP_RUNNING);
    put(p.s, STORE_HOST_PUT, &h);
    put(p.s, STORE_OP_PUT, &open);
    struct store_txn *t = store_txn_new(NULL, NULL);
    for (unsigned i = 2; i <= 1201; i++) {
        struct store_op r = op_row(i, h.id, OP_DONE);
        store_txn_add(t, STORE_OP_PUT, &r);
    }
    submit(p.s, t);
    store_sync(p.s);
    struct ops o = ops_of(p.s, (struct store_op_query){.limit = 10000});
    assert_int_equal(o.n, 51); /* the unfinished one stays, however old */
    assert_string_equal(o.ids[0], "op-0000000004b1");
    assert_int_equal(store_op_get(p.s, open.op.id, &open), 0);
    place_free(&p);
}

/* --- users, quarantine, meta --- */
static int take_user(void *ctx, const struct store_user *row) {
    *(struct store_user *)ctx = *row;
    return 0;
}
static int take_quarantine(void *ctx, const struct store_quarantine *row) {
    *(struct store_quarantine *)ctx = *row;
    return 0;
}

static void users_and_quarantine(void **state) {
    struct place p = place_with_store();
    struct store_user u = {"admin", "operator", "p1", "$y$hash", at(1), at(2), true}, gu = {0};
    assert_int_equal(put(p.s, STORE_USER_PUT, &u), 0);
    SET(u.role, "admin");
    assert_int_equal(put(p.s, STORE_USER_PUT, &u), 0);
    assert_int_equal(store_each_user(p.s, take_user, &gu), 0);
    assert_string_equal(gu.role, "admin");
    assert_string_equal(gu.hash, "$y$hash");
    assert_true(gu.disabled && gu.changed.us == at(2).us);
    assert_int_equal(put(p.s, STORE_USER_DELETE, &u), 0);
    gu = (struct store_user){0};
    assert_int_equal(store_each_user(p.s, take_user, &gu), 0);
    assert_string_equal(gu.name, "");

    struct store_quarantine q = {.id = "q-1", .user = "u", .peer = "p", .reason = "r", .count = 4000000000u},
                            gq = {0};
    memset(q.uuid.b, 3, 16);
    q.first_seen = at(1);
    q.last_seen = at(2);
    q.verdict = QUARANTINE_DENIED;
    assert_int_equal(put(p.s, STORE_QUARANTINE_PUT, &q), 0);
    assert_int_equal(store_each_quarantine(p.s, take_quarantine, &gq), 0);
    assert_true(gq.count == 4000000000u && gq.verdict == QUARANTINE_DENIED && uuid_eq(gq.uuid, q.uuid));
    assert_string_equal(gq.user, "u");
    assert_string_equal(gq.reason, "r");
    assert_int_equal(put(p.s, STORE_QUARANTINE_DELETE, &q), 0);
    gq = (struct store_quarantine){0};
    assert_int_equal(store_each_quarantine(p.s, take_quarantine, &gq), 0);
    assert_string_equal(gq.id, "");
    place_free(&p);
}

static void meta_values(void **state) {
    struct place p = place_with_store();
    struct buf b = {0};
    assert_int_equal(store_meta_get(p.s, "token.keys", &b), ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        struct store_txn *t = store_txn_new(NULL, NULL);
        t->durable = true;
        assert_int_equal(store_txn_add_meta(t, "token.keys", i ? "second" : "first"), 0);
        submit(p.s, t);
        store_sync(p.s);
    }
    buf_puts(&b, ">");
    assert_int_equal(store_meta_get(p.s, "token.keys", &b), 0);
    assert_string_equal(buf_cstr(&b), ">second");
    buf_free(&b);
    place_free(&p);
}

/* --- provisionings, agents, objects --- */
static int take_provision(void *ctx, const struct store_provision *row) {
    *(struct store_provision *)ctx = *row;
    return 0;
}
static int take_agent(void *ctx, const struct store_agent *row) {
    *(struct store_agent *)ctx = *row;
    return 0;
}

static struct store_provision provision_row(const char *host) {
    struct store_provision r = {.p = {.goal = PROV_GOAL_ROTATE_AMT,
                                      .state = PROV_STATE_CONNECTING,
                                      .step = PROV_STEP_ADMIN_CHECK,
                                      .way = PROV_WAY_TUNNEL,
                                      .code = PROV_CODE_UNCLEAR,
                                      .mode = AMT_MODE_ACM,
                                      .tries = 4000000000u,
                                      .secrets_stored = true,
                                      .admin_ours = true,
                                      .rolling_back = true,
                                      .created = at(1),
                                      .updated = at(2),
                                      .finished = at(3)}};
    SET(r.host, "%s", host);
    SET(r.p.profile, "default_acm");
    SET(r.p.actor, "admin");
    SET(r.p.text, "text");
    SET(r.p.remedy, "remedy");
    return r;
}

static void provisioning_comes_back(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    struct store_provision a = provision_row(h.id), got = {0};
    assert_int_equal(put(p.s, STORE_PROVISION_PUT, &a), ERR_STORE); /* no such host */
    put(p.s, STORE_HOST_PUT, &h);
    assert_int_equal(put(p.s, STORE_PROVISION_PUT, &a), 0);
    assert_int_equal(store_each_provision(p.s, take_provision, &got), 0);
    assert_string_equal(got.host, h.id);
    assert_int_equal(got.p.goal, PROV_GOAL_ROTATE_AMT);
    assert_int_equal(got.p.state, PROV_STATE_CONNECTING);
    assert_int_equal(got.p.step, PROV_STEP_ADMIN_CHECK);
    assert_int_equal(got.p.way, PROV_WAY_TUNNEL);
    assert_int_equal(got.p.code, PROV_CODE_UNCLEAR);
    assert_int_equal(got.p.mode, AMT_MODE_ACM);
    assert_true(got.p.tries == 4000000000u);
    assert_true(got.p.secrets_stored && !got.p.setup_sent && got.p.admin_ours && !got.p.cira_sent &&
                got.p.rolling_back);
    assert_string_equal(got.p.profile, "default_acm");
    assert_string_equal(got.p.actor, "admin");
    assert_string_equal(got.p.text, "text");
    assert_string_equal(got.p.remedy, "remedy");
    assert_true(got.p.created.us == at(1).us && got.p.updated.us == at(2).us &&
                got.p.finished.us == at(3).us);

    /* the next one takes its place, and it goes with its host */
    a.p = (struct provision){.goal = PROV_GOAL_DEACTIVATE};
    assert_int_equal(put(p.s, STORE_PROVISION_PUT, &a), 0);
    assert_int_equal(store_each_provision(p.s, take_provision, &got), 0);
    assert_int_equal(got.p.goal, PROV_GOAL_DEACTIVATE);
    assert_int_equal(got.p.step, PROV_STEP_NONE);
    assert_int_equal(got.p.way, PROV_WAY_NONE);
    assert_int_equal(put(p.s, STORE_HOST_DELETE, &h), 0);
    got = (struct store_provision){0};
    assert_int_equal(store_each_provision(p.s, take_provision, &got), 0);
    assert_string_equal(got.host, "");
    place_free(&p);
}

static void agent_comes_back(void **state) {
    struct place p = place_with_store();
    struct store_host h = host_row(1);
    struct store_agent a = {.has_cert = true,
                            .enrolled = at(1),
                            .seen = at(2),
                            .cert_until = at(3),
                            .facts_at = at(4),
                            .facts = {.mei = AGENT_MEI_BUSY,
                                      .control_mode = AMT_MODE_CCM,
                                      .provisioning_state = 2,
                                      .bios_switch = AGENT_SWITCH_ABSENT,
                                      .getty = true}},
                       got = {0};
    SET(a.host, "%s", h.id);
    SET(a.key_name, "first");
    SET(a.facts.mps_address, "outband.example");
    SET(a.facts.tty, "ttyS4");
    memset(a.cert, 0xc1, sizeof a.cert);
    memset(a.facts.amt_uuid.b, 3, 16);
    assert_int_equal(put(p.s, STORE_AGENT_PUT, &a), ERR_STORE); /* no such host */
    put(p.s, STORE_HOST_PUT, &h);
    assert_int_equal(put(p.s, STORE_AGENT_SEEN, &a), ERR_STORE); /* not enrolled */
    assert_int_equal(put(p.s, STORE_AGENT_PUT, &a), 0);
    assert_int_equal(store_each_agent(p.s, take_agent, &got), 0);
    assert_string_equal(got.host, h.id);
    assert_string_equal(got.key_name, "first");
    assert_true(got.has_cert && !got.has_before);
    assert_memory_equal(got.cert, a.cert, sizeof a.cert);
    assert_true(got.enrolled.us == at(1).us && got.seen.us == at(2).us && got.cert_until.us == at(3).us &&
                got.facts_at.us == at(4).us);
    assert_int_equal(got.facts.mei, AGENT_MEI_BUSY);
    assert_int_equal(got.facts.control_mode, AMT_MODE_CCM);
    assert_int_equal(got.facts.provisioning_state, 2);
    assert_int_equal(got.facts.bios_switch, AGENT_SWITCH_ABSENT);
    assert_true(got.facts.getty && !got.facts.getty_enabled);
    assert_string_equal(got.facts.mps_address, "outband.example");
    assert_string_equal(got.facts.tty, "ttyS4");
    assert_true(uuid_eq(got.facts.amt_uuid, a.facts.amt_uuid));

    /* seen: its facts and times, and no other member */
    struct store_agent seen = {.seen = at(9), .facts_at = at(10), .facts = {.mei = AGENT_MEI_READY}};
    SET(seen.host, "%s", h.id);
    assert_int_equal(put(p.s, STORE_AGENT_SEEN, &seen), 0);
    assert_int_equal(store_each_agent(p.s, take_agent, &got), 0);
    assert_true(got.has_cert && got.seen.us == at(9).us && got.facts_at.us == at(10).us);
    assert_int_equal(got.facts.mei, AGENT_MEI_READY);
    assert_string_equal(got.facts.tty, "");
    assert_string_equal(got.key_name, "first");

    assert_int_equal(put(p.s, STORE_AGENT_DELETE, &seen), 0);
    got = (struct store_agent){0};
    assert_int_equal(store_each_agent(p.s, take_agent, &got), 0);
    assert_string_equal(got.host, "");
    assert_int_equal(put(p.s, STORE_AGENT_PUT, &a), 0);
    assert_int_equal(put(p.s, STORE_HOST_DELETE, &h), 0);
    assert_int_equal(store_each_agent(p.s, take_agent, &got), 0);
    assert_string_equal(got.host, "");
    place_free(&p);
}

struct objects {
    size_t n;
    uint64_t version;
    char names[8][OBJECT_NAME_CAP], body[64], secret[64];
};
static int take_object(void *ctx, const struct store_object *row) {
    struct objects *o = ctx;
    SET(o->names[o->n++ & 7], "%s", row->name);
    SET(o->body, "%s", row->body);
    SET(o->secret, "%s", row->secret ? row->secret : "none");
    o->version = row->version;
    return 0;
}
static struct objects objects_of(struct store *s) {
    struct objects o = {0};
    assert_int_equal(store_each_object(s, take_object, &o), 0);
    return o;
}

static void objects_come_back(void **state) {
    struct place p = place_with_store();
    char body[] = "{\"controlMode\":\"ccm\"}", secret[] = "c2VhbGVk";
    struct store_object a = {.kind = "domain", .project = "default", .name = "b", .version = 7, .body = body};
    a.created = at(1);
    memset(a.kind + 8, 'x', sizeof a.kind - 9); /* what lies behind the end does not count */
    assert_int_equal(put(p.s, STORE_OBJECT_PUT, &a), 0);
    struct objects got = objects_of(p.s);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.names[0], "b");
    assert_string_equal(got.body, body);
    assert_string_equal(got.secret, "none");
    assert_true(got.version == 7);

    /* the key is all three: kind, project, name */
    struct store_object other = a;
    SET(other.name, "c");
    assert_int_equal(put(p.s, STORE_OBJECT_PUT, &other), 0);
    other = a;
    SET(other.project, "p2");
    assert_int_equal(put(p.s, STORE_OBJECT_PUT, &other), 0);
    assert_int_equal(objects_of(p.s).n, 3);
    SET(other.kind, "profile");
    other.secret = secret;
    other.version = 8;
    assert_int_equal(put(p.s, STORE_OBJECT_PUT, &other), 0);
    assert_int_equal(put(p.s, STORE_OBJECT_PUT, &other), 0); /* replaced */
    got = objects_of(p.s);
    assert_int_equal(got.n, 4);
    assert_string_equal(got.secret, secret);
    assert_true(got.version == 8);
    assert_int_equal(put(p.s, STORE_OBJECT_DELETE, &a), 0);
    got = objects_of(p.s);
    assert_int_equal(got.n, 3);
    assert_string_equal(got.names[0], "c");
    place_free(&p);
}

/* --- audit --- */
static int take_audit(void *ctx, const struct store_audit *row) {
    *(struct store_audit *)ctx = *row;
    return 0;
}
static void audit_lines_are_chained(void **state) {
    struct place p = place_with_store();
    struct store_audit a = {.at = at(1), .actor = "admin", .action = "power-off", .detail = "detail"};
    struct store_audit got = {0};
    uint64_t bad = 99;
    assert_int_equal(store_audit_verify(p.s, &bad), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(put(p.s, STORE_AUDIT_ADD, &a), 0);
    assert_int_equal(store_audits(p.s, 3, 1, take_audit, &got), 0);
    assert_true(got.seq == 4);
    assert_string_equal(got.action, "power-off");
    assert_string_equal(got.detail, "detail");
    assert_int_equal(store_audit_verify(p.s, &bad), 0);
    assert_true(bad == 0);
    /* the chain goes on after the store was opened again */
    store_close(&p.s);
    place_open(&p, false);
    assert_int_equal(put(p.s, STORE_AUDIT_ADD, &a), 0);
    assert_int_equal(store_audit_verify(p.s, &bad), 0);
    assert_int_equal(store_audits(p.s, 5, 10, take_audit, &got), 0);
    assert_true(got.seq == 6);
    place_free(&p);
}

static void a_thousand_hosts(void **state) {
    struct place p = place_with_store();
    struct store_txn *t = store_txn_new(NULL, NULL);
    t->durable = true;
    for (unsigned i = 0; i < 1000; i++) {
        struct store_host h = host_row(i);
        assert_int_equal(store_txn_add(t, STORE_HOST_PUT, &h), 0);
    }
    submit(p.s, t);
    for (unsigned i = 0; i < 1000; i++) {
        struct store_host h = host_row(i);
        h.power_state = POWER_OFF;
        submit(p.s, txn_of(STORE_HOST_POWER, &h, false, NULL));
    }
    assert_int_equal(store_sync(p.s), 0);
    assert_true(store_commits(p.s) < 20); /* gathered */
    store_close(&p.s);
    place_open(&p, false);
    struct hosts got = hosts_of(p.s);
    assert_int_equal(got.n, 1000);
    assert_int_equal(got.row.power_state, POWER_OFF);
    assert_string_equal(got.row.id, "host-000003e7");
    place_free(&p);
}

static void backup_is_a_store(void **state) {
    struct place p = place_with_store(), q = place_new();
    struct errinfo ei = {0};
    char path[128];
    struct store_host h = host_row(1);
    put(p.s, STORE_HOST_PUT, &h);
    snprintf(path, sizeof path, "%s/outband.db", q.dir);
    assert_int_equal(store_backup(p.s, path, &ei), 0);
    h = host_row(2);
    put(p.s, STORE_HOST_PUT, &h); /* later: not in the copy */
    assert_int_equal(store_backup(p.s, path, &ei), ERR_EXISTS);
    assert_non_null(strstr(ei.text, "exists"));
    assert_int_equal(store_backup(p.s, "/nonexistent/x.db", &ei), ERR_IO);
    place_open(&q, false);
    assert_int_equal(hosts_of(q.s).n, 1);
    assert_int_equal(hosts_of(p.s).n, 2);
    place_free(&p);
    place_free(&q);
}

UNIT_MAIN(T(host_comes_back_whole), T(partial_writes_keep_to_their_members), T(write_of_a_missing_host),
          T(operation_comes_back), T(operations_are_paged_and_filtered), T(events_are_paged_and_filtered),
          T(a_callback_stops_the_walk), T(old_events_are_pruned), T(old_operations_are_pruned),
          T(users_and_quarantine), T(provisioning_comes_back), T(agent_comes_back), T(objects_come_back),
          T(meta_values), T(audit_lines_are_chained), T(a_thousand_hosts), T(backup_is_a_store))
