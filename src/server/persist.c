/* SPDX-License-Identifier: Apache-2.0 */
#include "server/persist.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* --- durable writes --- */

static void arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct persist_wait *w = CONTAINER_OF(m, struct persist_wait, msg);
    w->err = w->txn->err;
    snprintf(w->why, sizeof w->why, "%s", w->txn->why);
    store_txn_free(&w->txn);
    w->done(w);
}

/* On the store's thread. */
static void written(struct store_txn *t) {
    struct persist_wait *w = t->owner;
    w->txn = t;
    w->msg.fn = arrives;
    loop_post(w->shard->loop, &w->msg);
}

struct store_txn *persist_txn(void) {
    struct store_txn *t = store_txn_new(written, NULL);
    if (t)
        t->durable = true;
    return t;
}

int persist_submit(struct persist_wait *w, struct store_txn *t) {
    if (!t)
        return ERR_NOMEM;
    t->owner = w;
    int r = store_submit(w->shard->app->store, t);
    if (r < 0)
        store_txn_free(&t);
    return r;
}

/* --- rows --- */

void persist_row(const struct fleet_host *fh, struct store_host *row) {
    const struct host *h = &fh->h;
    *row = (struct store_host){
        .cira_secret = fh->cira_secret,
        .amt_secret = fh->amt_secret,
        .smbios_uuid = h->smbios_uuid,
        .amt_uuid = h->amt_uuid,
        .seen_uuid = h->seen_uuid,
        .cira_shared = h->cira_shared,
        .control_mode = h->control_mode,
        .created = h->created,
        .updated = h->updated,
        .version = h->version,
        .intent = h->journal && h->journal->has_intent ? h->journal->intent : h->intent,
        .link_state = h->link.state,
        .link_why = h->link.why,
        .link_generation = h->link.generation,
        .link_since = h->link.since,
        .power_state = h->power.state,
        .power_cim = h->power.cim,
        .power_source = h->power.source,
        .power_at = h->power.at,
        .has_info = h->info != NULL,
        .info_at = h->info_at,
        .has_pin = fh->has_pin,
        .drops_at_off = h->drops_at_off,
        .last_off_seen = h->last_off_seen,
        .amt_state = h->amt.state,
        .amt_source = h->amt.source,
        .amt_at = h->amt.at,
        .amt_intent = h->amt_intent,
        .cira_next = fh->cira_next,
        .amt_next = fh->amt_next,
        .mebx_secret = fh->mebx_secret,
        .mebx_next = fh->mebx_next,
    };
    if (h->info)
        row->info = *h->info;
    memcpy(row->pin, fh->pin, sizeof row->pin);
    memcpy(row->id, h->id, sizeof row->id);
    memcpy(row->project, h->project, sizeof row->project);
    memcpy(row->name, h->name, sizeof row->name);
    memcpy(row->serial, h->serial, sizeof row->serial);
    memcpy(row->cira_user, h->cira_user, sizeof row->cira_user);
    memcpy(row->amt_user, h->amt_user, sizeof row->amt_user);
    memcpy(row->link_peer, h->link.peer, sizeof row->link_peer);
}

int persist_fill(struct fleet_host *fh, const struct store_host *row) {
    struct host *h = &fh->h;
    fh->cira_secret = row->cira_secret;
    fh->amt_secret = row->amt_secret;
    fh->cira_next = row->cira_next;
    fh->amt_next = row->amt_next;
    fh->mebx_secret = row->mebx_secret;
    fh->mebx_next = row->mebx_next;
    fh->has_pin = row->has_pin;
    memcpy(fh->pin, row->pin, sizeof fh->pin);
    memcpy(h->project, row->project, sizeof h->project);
    memcpy(h->name, row->name, sizeof h->name);
    memcpy(h->serial, row->serial, sizeof h->serial);
    memcpy(h->cira_user, row->cira_user, sizeof h->cira_user);
    memcpy(h->amt_user, row->amt_user, sizeof h->amt_user);
    h->smbios_uuid = row->smbios_uuid;
    h->amt_uuid = row->amt_uuid;
    h->seen_uuid = row->seen_uuid;
    h->cira_shared = row->cira_shared;
    h->control_mode = row->control_mode;
    h->created = row->created;
    h->updated = row->updated;
    h->version = row->version;
    h->intent = row->intent;
    link_set_state(&h->link, row->link_state, row->link_why, row->link_since);
    h->link.generation = row->link_generation;
    memcpy(h->link.peer, row->link_peer, sizeof h->link.peer);
    h->power.state = row->power_state;
    h->power.cim = row->power_cim;
    h->power.source = row->power_source;
    h->power.at = row->power_at;
    h->drops_at_off = row->drops_at_off;
    h->last_off_seen = row->last_off_seen;
    h->amt = (struct amt_observation){row->amt_state, row->amt_source, row->amt_at};
    h->amt_intent = row->amt_intent;
    if (row->has_info) {
        if (!(h->info = malloc(sizeof *h->info)))
            return ERR_NOMEM;
        *h->info = row->info;
        h->info_at = row->info_at;
    }
    return 0;
}

/* --- lazy writes --- */

static const struct {
    unsigned bit;
    enum store_write_kind kind;
} lazy_kinds[] = {
    {PERSIST_LINK, STORE_HOST_LINK},     {PERSIST_POWER, STORE_HOST_POWER}, {PERSIST_INFO, STORE_HOST_INFO},
    {PERSIST_INTENT, STORE_HOST_INTENT}, {PERSIST_AMT, STORE_HOST_AMT},
};

/* Hand over a transaction nobody waits for. */
static void submit_lazy(struct fleet_host *fh, struct store_txn *t, int r) {
    if (r == 0)
        r = store_submit(fh->shard->app->store, t);
    if (r < 0) {
        store_txn_free(&t);
        struct log_ctx ctx = {.host = fh->h.id};
        log_line(LOG_WARN, "store", &ctx, "a lazy write was dropped: %s", err_text(r));
    }
}

void persist_lazy(struct fleet_host *fh, unsigned bits) {
    if (!fh->shard->app->store || fh->deleting)
        return;
    struct store_host row;
    persist_row(fh, &row);
    struct store_txn *t = store_txn_new(NULL, NULL);
    int r = t ? 0 : ERR_NOMEM;
    for (size_t i = 0; r == 0 && i < sizeof lazy_kinds / sizeof *lazy_kinds; i++)
        if (bits & lazy_kinds[i].bit)
            r = store_txn_add(t, lazy_kinds[i].kind, &row);
    submit_lazy(fh, t, r);
}

static void op_row(const struct fleet_host *fh, const struct operation *op, struct store_op *row) {
    *row = (struct store_op){.op = *op};
    memcpy(row->host, fh->h.id, sizeof row->host);
    memcpy(row->project, fh->h.project, sizeof row->project);
}

void persist_op(struct fleet_host *fh, const struct operation *op) {
    if (!fh->shard->app->store || fh->deleting)
        return;
    struct store_op row;
    op_row(fh, op, &row);
    struct store_txn *t = store_txn_new(NULL, NULL);
    submit_lazy(fh, t, t ? store_txn_add(t, STORE_OP_PUT, &row) : ERR_NOMEM);
}

void persist_pin(struct fleet_host *fh) {
    if (!fh->shard->app->store || fh->deleting)
        return;
    struct store_host row;
    persist_row(fh, &row);
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (t)
        t->durable = true;
    submit_lazy(fh, t, t ? store_txn_add(t, STORE_HOST_PIN, &row) : ERR_NOMEM);
}

/* --- the journal --- */

struct journal_wait {
    struct persist_wait w;
    char host[HOST_ID_CAP];
};

static void journal_written(struct persist_wait *w) {
    struct journal_wait *jw = CONTAINER_OF(w, struct journal_wait, w);
    struct map_node *n = map_get(&w->shard->hosts, slice_str(jw->host)); /* also when it is being deleted */
    if (n) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        struct host_ev ev = {.kind = HOST_EV_JOURNALED, .err = w->err};
        fleet_host_input(fh, &ev);
        fleet_run_deferred(fh);
    }
    free(jw);
}

static int journal_submit(struct fleet_host *fh) {
    const struct journal *j = fh->h.journal;
    struct journal_wait *jw = calloc(1, sizeof *jw);
    struct store_txn *t = persist_txn();
    int r = jw && t ? 0 : ERR_NOMEM;
    if (r == 0) {
        jw->w.shard = fh->shard;
        jw->w.done = journal_written;
        memcpy(jw->host, fh->h.id, sizeof jw->host);
        struct store_host host;
        struct store_op op;
        persist_row(fh, &host);
        op_row(fh, &j->op, &op);
        if (j->has_intent)
            r = store_txn_add(t, STORE_HOST_INTENT, &host);
        if (r == 0 && j->has_op)
            r = store_txn_add(t, STORE_OP_PUT, &op);
    }
    if (r == 0) {
        r = persist_submit(&jw->w, t);
        t = NULL;
    }
    store_txn_free(&t);
    if (r < 0)
        free(jw);
    return r;
}

void persist_journal(struct fleet_host *fh) {
    /* a row written after its host was deleted would come back to life */
    int r = fh->deleting ? ERR_STORE : fh->shard->app->store ? journal_submit(fh) : 0;
    if (r == 0 && fh->shard->app->store)
        return;
    struct host_ev ev = {.kind = HOST_EV_JOURNALED, .err = r == 0 || r == ERR_STORE_FULL ? r : ERR_STORE};
    fleet_host_input(fh, &ev); /* comes afterwards: an action is being done */
}
