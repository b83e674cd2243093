/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: look at both on their shards, decide, hold the one that goes, write the one that stays, let the
 * other go. */
#include "server/fleet_merge.h"

#include "server/directory.h"
#include "server/fleet_reseal.h"
#include "server/objects.h"
#include "server/persist.h"
#include "server/provisioning_int.h"
#include "server/tunnel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the two, as its shard saw it. */
struct side {
    struct fleet_call call; /* first */
    struct merge *of;
    struct store_host row;
    bool live, agent;
};
struct merge {
    struct fleet_merge *m;
    struct side named, other;
    struct side *keep, *gone;
    bool firmware_of_gone;
    struct persist_wait w;
    struct store_host row; /* as written */
    struct errinfo error;
};

static void finish(struct merge *x) {
    struct fleet_merge *m = x->m;
    m->call.error = x->error;
    m->call.err = x->error.code;
    if (!x->error.code) {
        memcpy(m->id, x->keep->row.id, sizeof m->id);
        memcpy(m->gone, x->gone->row.id, sizeof m->gone);
    }
    explicit_bzero(x, sizeof *x);
    free(x);
    m->impl = NULL;
    m->done(m);
}

static void ask(struct side *s, void (*run)(struct shard *, struct fleet_host *, struct fleet_call *),
                void (*done)(struct fleet_call *)) {
    s->call.run = run;
    s->call.done = done;
    fleet_ask(&s->call);
}
static struct merge *of_call(struct fleet_call *c) {
    return CONTAINER_OF(c, struct side, call)->of;
}

void merge_apply_firmware(struct fleet_host *fh, const struct store_host *row) {
    struct host *h = &fh->h;
    h->control_mode = row->control_mode;
    h->seen_uuid = row->seen_uuid;
    h->amt = (struct amt_observation){row->amt_state, row->amt_source, row->amt_at};
    fh->mebx_secret = row->mebx_secret;
    fh->mebx_next = row->mebx_next;
    fh->has_pin = row->has_pin;
    memcpy(fh->pin, row->pin, sizeof fh->pin);
    if (row->has_info && !h->info)
        h->info = malloc(sizeof *h->info);
    if (row->has_info && h->info) {
        *h->info = row->info;
    } else {
        free(h->info); /* read again at the next login */
        h->info = NULL;
    }
    h->info_at = h->info ? row->info_at : (struct wall){0};
    fleet_host_saw_uuid(fh, row->seen_uuid);
}

/* --- look --- */

int merge_busy(const struct fleet_host *fh, struct errinfo *ei) {
    const struct host *h = &fh->h;
    const char *what = h->op || h->next ? "a power operation" : NULL;
    for (unsigned k = 0; h->sessions && k < REDIR_KIND_COUNT; k++)
        if (h->sessions->open[k])
            what = "a session";
    if (fh->prov && provision_open(&fh->prov->m))
        what = "a provisioning";
    if (fh->cira_next.n || fh->amt_next.n)
        what = "a change of its secrets";
    if (!what)
        return 0;
    err_set(ei, ERR_STATE, "host", "%s of %s is under way", what, h->name);
    err_remedy(ei, "End or cancel it, or wait for it; then ask again.");
    return ERR_STATE;
}

static int look(struct side *s, const struct fleet_host *fh) {
    if (!fh || strcmp(fh->h.project, s->of->m->project) != 0)
        return err_set(&s->call.error, ERR_NOT_FOUND, "host", "there is no host %s in the project %s",
                       s->call.host, s->of->m->project);
    persist_row(fh, &s->row);
    s->live = fh->tunnel != NULL;
    s->agent = fh->h.agent != NULL;
    return merge_busy(fh, &s->call.error);
}
static void look_run(struct shard *sh, struct fleet_host *fh, struct fleet_call *c) {
    (void)sh;
    c->err = look(CONTAINER_OF(c, struct side, call), fh);
    fleet_answer(c);
}

/* --- let go, or not --- */

/* On the shard of the one that goes. */
static void let_go_run(struct shard *s, struct fleet_host *none, struct fleet_call *c) {
    (void)none; /* it is being deleted: nobody finds it */
    struct merge *x = of_call(c);
    struct map_node *n = map_get(&s->hosts, slice_str(c->host));
    assert(n);
    struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
    if (x->error.code) {
        fh->deleting = false;
        fleet_run_deferred(fh);
    } else {
        char text[HOST_NAME_CAP + OP_ACTOR_CAP + 64];
        snprintf(text, sizeof text, "The host was merged into %s (%s) by %s", x->row.name, x->row.id,
                 x->m->actor);
        fleet_host_event(fh, HOST_EVENT_DELETED, text);
        fleet_host_free(&fh, ERR_NOT_FOUND);
    }
    fleet_answer(c);
}
static void let_go_done(struct fleet_call *c) {
    finish(of_call(c));
}

/* --- write --- */

static void apply(struct fleet_host *fh, struct merge *x) {
    unsigned bits = x->firmware_of_gone ? PATCH_CIRA_SECRET | PATCH_AMT_SECRET : 0;
    char text[HOST_NAME_CAP + HOST_ID_CAP + OP_ACTOR_CAP + 64];
    fh->h.intent = x->row.intent;
    fh->h.amt_intent = x->row.amt_intent;
    fh->h.created = x->row.created;
    if (x->firmware_of_gone)
        merge_apply_firmware(fh, &x->row);
    snprintf(text, sizeof text, "%s (%s) was merged into this host by %s", x->gone->row.name, x->gone->row.id,
             x->m->actor);
    fleet_apply_row(fh, bits, &x->row, text);
}

/* The exceptions of the one that goes become those of the one that stays. */
static int exceptions_move(struct app *a, struct merge *x, struct store_txn *t) {
    return a->objects
               ? objects_host_moves(a->objects, x->row.project, x->gone->row.id, x->row.id, x->row.updated, t)
               : 0;
}
static void exceptions_moved(struct app *a, struct merge *x, bool ok) {
    if (a->objects)
        objects_host_moved(a->objects, x->row.project, x->gone->row.id, ok);
}

static void written(struct persist_wait *w) {
    struct merge *x = CONTAINER_OF(w, struct merge, w);
    struct fleet_host *fh = fleet_host_find(w->shard, x->keep->row.id); /* a delete waits for this write */
    assert(fh);
    fh->patching = false;
    exceptions_moved(w->shard->app, x, w->err == 0);
    if (w->err < 0) {
        err_set(&x->error, w->err, "", "the merge could not be stored: %s",
                w->why[0] ? w->why : err_text(w->err));
    } else {
        struct directory_entry e;
        char left[HOST_ID_CAP];
        fleet_directory_entry(&x->row, &e);
        int r = directory_replace(w->shard->app->directory, &e, x->gone->row.id, NULL, left, NULL);
        assert(r == 0); /* names and users were of these two */
        if (left[0])
            fleet_tell_duplicate(w->shard, left, false);
        apply(fh, x);
    }
    fleet_run_deferred(fh);
    fleet_answer(&x->keep->call);
}
static void write_done(struct fleet_call *c) {
    struct merge *x = of_call(c);
    ask(x->gone, let_go_run, let_go_done);
}

/* All of it in one transaction; without a store it is true at once. */
static int store(struct app *a, struct merge *x) {
    if (!a->store)
        return exceptions_move(a, x, NULL);
    struct store_txn *t = persist_txn();
    int r = t ? store_txn_add(t, STORE_HOST_DELETE, &x->gone->row) : ERR_NOMEM;
    if (r == 0)
        r = store_txn_add(t, STORE_HOST_PUT, &x->row);
    if (r == 0)
        r = exceptions_move(a, x, t);
    if (r < 0)
        store_txn_free(&t);
    else
        r = persist_submit(&x->w, t);
    return r;
}

static int submit(struct fleet_host *fh, struct merge *x) {
    struct shard *s = fh->shard;
    int r = merge_busy(fh, &x->error);
    if (r < 0)
        return r;
    if (fh->h.agent && x->gone->agent)
        return err_set(&x->error, ERR_STATE, "with", "an agent enrolled meanwhile: ask again");
    persist_row(fh, &x->keep->row);
    const struct store_host *named = x->keep == &x->named ? &x->keep->row : &x->named.row;
    merge_rows(&x->keep->row, &x->gone->row, named, x->firmware_of_gone, &x->row);
    x->row.updated = loop_wall(s->loop);
    if (x->firmware_of_gone && (r = fleet_reseal(s->app, x->gone->row.id, &x->row)) < 0)
        return err_set(&x->error, r, "", "the secrets of %s could not be opened: %s", x->gone->row.name,
                       err_text(r));
    x->w.shard = s;
    x->w.done = written;
    if ((r = store(s->app, x)) < 0) {
        exceptions_moved(s->app, x, false);
        return err_set(&x->error, r == ERR_NOMEM ? r : ERR_STORE, "", "the merge could not be stored: %s",
                       err_text(r));
    }
    fh->patching = true;
    if (!s->app->store)
        written(&x->w);
    return 0;
}

static void write_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    (void)s;
    struct merge *x = of_call(c);
    if (fh && fleet_must_wait(fh, c))
        return;
    if (!fh)
        err_set(&x->error, ERR_NOT_FOUND, "host", "the host %s was deleted meanwhile", c->host);
    if (!fh || submit(fh, x) < 0)
        fleet_answer(c);
}

/* --- hold: from here on nothing of it is written by anybody else --- */

static void hold_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    (void)s;
    struct side *gone = CONTAINER_OF(c, struct side, call);
    if (fh && fleet_must_wait(fh, c))
        return;
    if ((c->err = look(gone, fh)) == 0)
        fh->deleting = true;
    fleet_answer(c);
}
static void hold_done(struct fleet_call *c) {
    struct merge *x = of_call(c);
    if (c->err) {
        x->error = c->error;
        finish(x);
        return;
    }
    struct merge_side keep = {&x->keep->row, x->keep->live, x->keep->agent},
                      gone = {&x->gone->row, x->gone->live, x->gone->agent};
    x->firmware_of_gone = merge_takes_firmware(&keep, &gone);
    if (merge_allowed(&keep, &gone, &x->error) < 0 || gone.agent) {
        if (!x->error.code)
            err_set(&x->error, ERR_STATE, "with", "an agent enrolled meanwhile: ask again");
        ask(x->gone, let_go_run, let_go_done);
        return;
    }
    ask(x->keep, write_run, write_done);
}

static void looked_at_other(struct fleet_call *c) {
    struct merge *x = of_call(c);
    struct merge_side a = {&x->named.row, x->named.live, x->named.agent},
                      b = {&x->other.row, x->other.live, x->other.agent};
    x->error = c->error;
    if (c->err || merge_allowed(&a, &b, &x->error) < 0) {
        finish(x);
        return;
    }
    x->keep = x->other.agent ? &x->other : &x->named;
    x->gone = x->other.agent ? &x->named : &x->other;
    ask(x->gone, hold_run, hold_done);
}
static void looked_at_named(struct fleet_call *c) {
    struct merge *x = of_call(c);
    if (c->err) {
        x->error = c->error;
        finish(x);
        return;
    }
    ask(&x->other, look_run, looked_at_other);
}

static void refuse_run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    (void)s;
    (void)fh;
    fleet_answer(c);
}
static void refuse_done(struct fleet_call *c) {
    struct fleet_merge *m = CONTAINER_OF(c, struct fleet_merge, call);
    bool same = strcmp(c->host, m->with) == 0;
    c->err = same ? err_set(&c->error, ERR_INVALID, "with", "a host cannot be merged with itself")
                  : err_set(&c->error, ERR_NOMEM, "", "out of memory");
    m->done(m);
}

void fleet_merge(struct fleet_merge *m) {
    struct merge *x = strcmp(m->call.host, m->with) == 0 ? NULL : calloc(1, sizeof *x);
    if (!x) { /* answered in a later turn, as everything is */
        m->call.run = refuse_run;
        m->call.done = refuse_done;
        fleet_ask(&m->call);
        return;
    }
    m->impl = x;
    x->m = m;
    x->named.of = x->other.of = x;
    x->named.call.from = x->other.call.from = m->call.from;
    memcpy(x->named.call.host, m->call.host, sizeof x->named.call.host);
    memcpy(x->other.call.host, m->with, sizeof x->other.call.host);
    ask(&x->named, look_run, looked_at_named);
}
