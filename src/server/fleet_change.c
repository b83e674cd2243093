/* SPDX-License-Identifier: Apache-2.0 */
/* Changing and deleting a host. The row is written whole, so it waits for a journal under way; what an
 * operator changed becomes true when it is written. */
#include "server/fleet.h"

#include "base/log.h"
#include "server/agents.h"
#include "server/directory.h"
#include "server/gone.h"
#include "server/objects.h"
#include "server/persist.h"
#include "server/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct fleet_call *call, int err) {
    call->err = err;
    if (!call->error.code)
        err_set(&call->error, err, "", "%s", err_text(err));
    fleet_answer(call);
}

static void no_host(struct fleet_call *call) {
    err_set(&call->error, ERR_NOT_FOUND, "host", "there is no host %s", call->host);
    refuse(call, ERR_NOT_FOUND);
}

bool fleet_must_wait(struct fleet_host *fh, struct fleet_call *call) {
    if (!fh->h.journal && !fh->patching)
        return false;
    list_push(&fh->deferred, &call->node);
    return true;
}

/* --- patch --- */

struct patch_wait {
    struct persist_wait w;
    struct fleet_patch *c;
    char host[HOST_ID_CAP];
    struct store_host row; /* as written */
    struct directory_entry before;
};

static int seal_new(const struct fleet_host *fh, const char *what, const char *secret, struct sealed *out) {
    char context[HOST_ID_CAP + 8];
    if (!secret[0])
        return 0;
    snprintf(context, sizeof context, "%s/%s", fh->h.id, what);
    return seal_put(fh->shard->app->seal, context, slice_str(secret), out);
}

static int patch_row(const struct fleet_host *fh, const struct fleet_patch *c, struct store_host *row) {
    const struct host_new *v = &c->v;
    persist_row(fh, row);
    int r = 0;
    if (c->bits & PATCH_NAME)
        memcpy(row->name, v->name, sizeof row->name);
    if (c->bits & PATCH_SERIAL)
        memcpy(row->serial, v->serial, sizeof row->serial);
    if (c->bits & PATCH_AMT_UUID)
        row->amt_uuid = v->amt_uuid;
    if (c->bits & PATCH_SMBIOS_UUID)
        row->smbios_uuid = v->smbios_uuid;
    if (c->bits & PATCH_AMT_INTENT) {
        bool serial_console = row->amt_intent.serial_console;
        row->amt_intent = v->amt_intent;
        row->amt_intent.serial_console = serial_console;
    }
    if (c->bits & PATCH_SERIAL_CONSOLE)
        row->amt_intent.serial_console = v->amt_intent.serial_console;
    if (c->bits & PATCH_CIRA_SECRET) {
        if (v->cira_user[0]) {
            memcpy(row->cira_user, v->cira_user, sizeof row->cira_user);
            row->cira_shared = v->cira_shared;
        }
        r = seal_new(fh, "cira", v->cira_password, &row->cira_secret);
    }
    if (r == 0 && (c->bits & PATCH_AMT_SECRET)) {
        if (v->amt_user[0])
            memcpy(row->amt_user, v->amt_user, sizeof row->amt_user);
        r = seal_new(fh, "amt", v->amt_password, &row->amt_secret);
    }
    row->updated = loop_wall(fh->shard->loop);
    row->version++;
    return r;
}

void fleet_apply_row(struct fleet_host *fh, unsigned bits, const struct store_host *row, const char *text) {
    struct host *h = &fh->h;
    memcpy(h->name, row->name, sizeof h->name);
    memcpy(h->serial, row->serial, sizeof h->serial);
    memcpy(h->cira_user, row->cira_user, sizeof h->cira_user);
    memcpy(h->amt_user, row->amt_user, sizeof h->amt_user);
    h->cira_shared = row->cira_shared;
    h->amt_uuid = row->amt_uuid;
    h->smbios_uuid = row->smbios_uuid;
    h->amt_intent = row->amt_intent;
    h->updated = row->updated;
    h->version = row->version;
    fh->cira_secret = row->cira_secret;
    fh->amt_secret = row->amt_secret;
    fleet_host_event(fh, HOST_EVENT_CHANGED, text);
    if ((bits & PATCH_AMT_SECRET) && fh->tunnel)
        tunnel_forget_amt_secret(fh->tunnel);
    if (bits & PATCH_CIRA_SECRET) {
        if (fh->joining)
            tunnel_close(fh->joining, LINK_WHY_SECRET);
        if (fh->tunnel)
            tunnel_close(fh->tunnel, LINK_WHY_SECRET);
    }
    if (bits & PATCH_SERIAL_CONSOLE)
        agents_want_serial(fh);
    /* a new UUID or secret may clear a finding, or make the device readable */
    struct host_ev ev = {.kind = HOST_EV_LOOK};
    fleet_host_input(fh, &ev);
}

static void patch_written(struct persist_wait *w) {
    struct patch_wait *pw = CONTAINER_OF(w, struct patch_wait, w);
    struct shard *s = w->shard;
    struct fleet_patch *c = pw->c;
    struct fleet_host *fh = fleet_host_find(s, pw->host); /* a delete waits for this write */
    if (fh)
        fh->patching = false;
    if (!fh) {
        no_host(&c->call);
    } else if (w->err < 0) {
        /* cannot fail: the names were this host's own */
        int undo = directory_change(s->app->directory, &pw->before, NULL);
        (void)undo;
        err_set(&c->call.error, w->err, "", "the change could not be stored: %s",
                w->why[0] ? w->why : err_text(w->err));
        refuse(&c->call, w->err);
    } else {
        fleet_apply_row(fh, c->bits, &pw->row, "The host was changed");
        fleet_answer(&c->call);
    }
    if (fh)
        fleet_run_deferred(fh);
    free(pw);
}

static int patch_submit(struct fleet_host *fh, struct fleet_patch *c, struct patch_wait *pw) {
    struct shard *s = fh->shard;
    struct errinfo *ei = &c->call.error;
    struct directory_entry after;
    struct store_host now;
    persist_row(fh, &now);
    fleet_directory_entry(&now, &pw->before);
    int r = patch_row(fh, c, &pw->row);
    if (r < 0)
        return err_set(ei, r, "", "the secret could not be sealed: %s", err_text(r));
    fleet_directory_entry(&pw->row, &after);
    if ((r = directory_change(s->app->directory, &after, ei)) < 0)
        return r;
    struct store_txn *t = s->app->store ? persist_txn() : NULL;
    if (s->app->store)
        r = t ? store_txn_add(t, STORE_HOST_PUT, &pw->row) : ERR_NOMEM;
    if (r == 0 && t) {
        r = persist_submit(&pw->w, t);
        t = NULL;
    }
    store_txn_free(&t);
    if (r < 0) {
        int undo = directory_change(s->app->directory, &pw->before, NULL);
        (void)undo; /* cannot fail: the names were this host's own */
        return err_set(ei, r == ERR_NOMEM ? r : ERR_STORE, "", "the change could not be stored: %s",
                       err_text(r));
    }
    return 0;
}

static void patch_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct fleet_patch *c = CONTAINER_OF(call, struct fleet_patch, call);
    if (!fh) {
        no_host(call);
        return;
    }
    if (fleet_must_wait(fh, call))
        return;
    if (c->if_version && c->if_version != fh->h.version) {
        err_set(&call->error, ERR_STATE, "If-Match",
                "the host was changed meanwhile: it has version %llu now", (unsigned long long)fh->h.version);
        refuse(call, ERR_STATE);
        return;
    }
    struct patch_wait *pw = calloc(1, sizeof *pw);
    if (!pw) {
        refuse(call, ERR_NOMEM);
        return;
    }
    pw->c = c;
    pw->w.shard = s;
    pw->w.done = patch_written;
    memcpy(pw->host, fh->h.id, sizeof pw->host);
    int r = patch_submit(fh, c, pw);
    if (r < 0) {
        free(pw);
        refuse(call, r);
        return;
    }
    fh->patching = true;
    if (!s->app->store)
        patch_written(&pw->w);
}

static void patch_done(struct fleet_call *call) {
    struct fleet_patch *c = CONTAINER_OF(call, struct fleet_patch, call);
    explicit_bzero(c->v.cira_password, sizeof c->v.cira_password);
    explicit_bzero(c->v.amt_password, sizeof c->v.amt_password);
    c->done(c);
}

void fleet_patch(struct fleet_patch *c) {
    c->call.run = patch_run;
    c->call.done = patch_done;
    fleet_ask(&c->call);
}

/* --- delete --- */

struct delete_wait {
    struct persist_wait w;
    struct fleet_delete *c;
    char host[HOST_ID_CAP];
    bool remember; /* its firmware may still dial */
    struct gone_host gone;
};

static void delete_written(struct persist_wait *w) {
    struct delete_wait *dw = CONTAINER_OF(w, struct delete_wait, w);
    struct shard *s = w->shard;
    struct fleet_delete *c = dw->c;
    struct map_node *n = map_get(&s->hosts, slice_str(dw->host));
    struct fleet_host *fh = n ? CONTAINER_OF(n, struct fleet_host, node) : NULL;
    if (fh && w->err < 0) {
        fh->deleting = false;
        err_set(&c->call.error, w->err, "", "the host could not be deleted: %s",
                w->why[0] ? w->why : err_text(w->err));
        refuse(&c->call, w->err);
        fleet_run_deferred(fh);
    } else if (fh) {
        char left[HOST_ID_CAP], text[OP_ACTOR_CAP + 32];
        directory_remove(s->app->directory, dw->host, left);
        if (left[0])
            fleet_tell_duplicate(s, left, false);
        snprintf(text, sizeof text, "The host was deleted by %s", c->actor);
        fleet_host_event(fh, HOST_EVENT_DELETED, text);
        if (dw->remember)
            gone_enter(s->app->gone, &dw->gone);
        if (s->app->objects)
            objects_host_gone(s->app->objects, fh->h.project, dw->host);
        fleet_host_free(&fh, ERR_NOT_FOUND);
        fleet_answer(&c->call);
    } else {
        no_host(&c->call);
    }
    free(dw);
}

static int delete_submit(struct fleet_host *fh, struct delete_wait *dw) {
    struct store_txn *t = persist_txn();
    if (!t)
        return ERR_NOMEM;
    struct store_host row;
    persist_row(fh, &row);
    int r = store_txn_add(t, STORE_HOST_DELETE, &row);
    dw->remember = gone_of_row(&row, dw->c->actor, loop_wall(fh->shard->loop), &dw->gone);
    if (r == 0 && dw->remember)
        r = gone_put(t, &dw->gone);
    if (r == 0 && fh->shard->app->objects)
        r = objects_host_goes(fh->shard->app->objects, row.project, row.id, t);
    if (r < 0) {
        store_txn_free(&t);
        return r;
    }
    return persist_submit(&dw->w, t);
}

static void delete_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct fleet_delete *c = CONTAINER_OF(call, struct fleet_delete, call);
    if (!fh) {
        no_host(call);
        return;
    }
    if (fleet_must_wait(fh, call))
        return;
    struct delete_wait *dw = calloc(1, sizeof *dw);
    if (!dw) {
        refuse(call, ERR_NOMEM);
        return;
    }
    dw->c = c;
    dw->w.shard = s;
    dw->w.done = delete_written;
    memcpy(dw->host, fh->h.id, sizeof dw->host);
    /* rows put in the queue behind the delete would come back to life: from here on nothing is written */
    int r = s->app->store ? delete_submit(fh, dw) : 0;
    if (r < 0) {
        free(dw);
        err_set(&call->error, r == ERR_NOMEM ? r : ERR_STORE, "", "the host could not be deleted: %s",
                err_text(r));
        refuse(call, call->error.code);
        return;
    }
    fh->deleting = true;
    if (!s->app->store)
        delete_written(&dw->w);
}

static void delete_done(struct fleet_call *call) {
    struct fleet_delete *c = CONTAINER_OF(call, struct fleet_delete, call);
    c->done(c);
}

void fleet_delete(struct fleet_delete *c) {
    c->call.run = delete_run;
    c->call.done = delete_done;
    fleet_ask(&c->call);
}
