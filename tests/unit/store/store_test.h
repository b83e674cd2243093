/* SPDX-License-Identifier: Apache-2.0 */
/* store_test: an empty directory with a store in it, rows to put in, and waiting for what is written. */
#pragma once

#include "store/store.h"
#include "unit.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char dir[64];
    struct store_opts o;
    struct store *s;
};

static inline void place_open(struct place *p, bool create) {
    struct errinfo ei = {0};
    p->o.path = p->dir; /* a place may have been copied */
    if (store_open(&p->s, &p->o, create, &ei))
        fail_msg("%s", ei.text);
}
/* In memory where there is a place for it: a disk that others keep busy would only make fsync slow. */
static inline struct place place_new(void) {
    struct place p = {.dir = "/dev/shm/outband-store-XXXXXX"};
    if (!mkdtemp(p.dir)) {
        p = (struct place){.dir = "/tmp/outband-store-XXXXXX"};
        assert_non_null(mkdtemp(p.dir));
    }
    p.o = STORE_OPTS_DEFAULT(p.dir);
    p.o.flush_ms = 20;
    p.o.reserve_bytes = 0;
    return p;
}
static inline struct place place_with_store(void) {
    struct place p = place_new();
    place_open(&p, true);
    return p;
}
static inline void place_free(struct place *p) {
    char path[512];
    store_close(&p->s);
    DIR *d = opendir(p->dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", p->dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(p->dir);
}

/* --- transactions --- */
/* What done said; the transaction itself is freed by it. */
struct outcome {
    atomic_int calls, err;
    char why[160];
    unsigned order;
};
static inline void tell(struct store_txn *t) {
    struct outcome *o = t->owner;
    memcpy(o->why, t->why, sizeof o->why);
    atomic_store(&o->err, t->err);
    atomic_fetch_add(&o->calls, 1);
    store_txn_free(&t);
}
static inline struct store_txn *txn_of(enum store_write_kind kind, const void *row, bool durable,
                                       struct outcome *o) {
    struct store_txn *t = store_txn_new(o ? tell : NULL, o);
    t->durable = durable;
    if (row)
        assert_int_equal(store_txn_add(t, kind, row), 0);
    return t;
}
static inline void submit(struct store *s, struct store_txn *t) {
    assert_int_equal(store_submit(s, t), 0);
}
/* Write one row durably and wait for it. */
static inline int put(struct store *s, enum store_write_kind kind, const void *row) {
    struct outcome o = {0};
    submit(s, txn_of(kind, row, true, &o));
    store_sync(s);
    assert_int_equal(o.calls, 1);
    return o.err;
}

/* --- rows --- */
#define SET(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)
static inline struct wall at(int64_t s) {
    return (struct wall){(1700000000 + s) * 1000000};
}
/* Every member set to something of its own. */
static inline struct store_host host_row(unsigned n) {
    struct store_host h = {.control_mode = AMT_MODE_ACM, .version = 3, .created = at(1), .updated = at(2)};
    SET(h.id, "host-%08x", n);
    SET(h.project, "default");
    SET(h.name, "node %u \xc3\xa9", n);
    SET(h.serial, "S%u", n);
    SET(h.cira_user, "cira%u", n);
    SET(h.amt_user, "admin");
    h.cira_secret = (struct sealed){.n = 4, .b = {1, 0, 2, 3}};
    h.amt_secret = (struct sealed){.n = SEALED_MAX};
    memset(h.amt_secret.b, 0xa5, SEALED_MAX);
    memset(h.smbios_uuid.b, 1, 16);
    memset(h.amt_uuid.b, 2, 16);
    h.intent = (struct intent){POWER_HIBERNATE, RECOVERY_HOLD, at(3), at(4), "operator1"};
    h.link_state = LINK_SUSPECT;
    h.link_why = LINK_WHY_LOGIN;
    h.link_generation = 0xfffffffeu;
    h.link_since = at(5);
    SET(h.link_peer, "192.0.2.1:5000");
    h.power_state = POWER_SLEEP;
    h.power_cim = 4;
    h.power_source = SOURCE_FIRMWARE;
    h.power_at = at(6);
    h.drops_at_off = 2;
    h.last_off_seen = at(7);
    h.amt_state = AMT_STATE_PROVISIONED;
    h.amt_source = SOURCE_AGENT;
    h.amt_at = at(8);
    h.amt_intent = (struct amt_intent){AMT_STATE_UNPROVISIONED, AMT_MODE_CCM, "default_ccm", true};
    h.cira_next = (struct sealed){.n = 3, .b = {9, 0, 8}};
    h.amt_next = (struct sealed){.n = 1, .b = {7}};
    h.mebx_secret = (struct sealed){.n = 2, .b = {6, 5}};
    h.mebx_next = (struct sealed){.n = 2, .b = {4, 3}};
    return h;
}
static inline struct amt_info info_row(void) {
    struct amt_info i = {.have_uuid = true, .control_mode = AMT_MODE_CCM, .provisioning_state = 2};
    SET(i.version, "15.0.23");
    SET(i.model, "NUC \"x\"\\");
    memset(i.uuid.b, 9, 16);
    i.os_saving = AMT_OS_SAVING;
    i.me_sleep = AMT_ME_SLEEP_WAKE;
    i.optin_required = 4294967295u;
    i.redirection_state = 32771;
    i.kvm_present = true;
    i.kvm_state = 6;
    i.power_source = 1;
    return i;
}
static inline struct store_op op_row(unsigned n, const char *host, enum op_state state) {
    struct store_op r = {.project = "default"};
    SET(r.host, "%s", host);
    SET(r.op.id, "op-%012x", n);
    r.op.kind = POWER_OP_RESET;
    r.op.state = state;
    r.op.code = state == OP_FAILED ? OP_CODE_REFUSED : OP_CODE_NONE;
    SET(r.op.text, "text %u", n);
    SET(r.op.actor, "operator1");
    r.op.created = at(n);
    r.op.updated = at(n + 1);
    r.op.deadline = at(n + 300);
    r.op.finished = op_state_final(state) ? at(n + 2) : WALL_NEVER;
    return r;
}
static inline struct store_event event_row(uint64_t seq, const char *host, const char *project) {
    struct store_event e = {.seq = seq, .at = at((int64_t)seq)};
    SET(e.host, "%s", host);
    SET(e.project, "%s", project);
    SET(e.kind, "power-changed");
    SET(e.text, "event %u", (unsigned)seq);
    return e;
}

/* --- reading back --- */
struct hosts {
    size_t n;
    struct store_host row; /* the last one */
};
static inline int take_host(void *ctx, const struct store_host *row) {
    struct hosts *h = ctx;
    h->n++;
    h->row = *row;
    return 0;
}
static inline struct hosts hosts_of(struct store *s) {
    struct hosts h = {0};
    assert_int_equal(store_each_host(s, take_host, &h), 0);
    return h;
}
static inline int count_row(size_t *n) {
    (*n)++;
    return 0;
}
