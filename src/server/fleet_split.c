/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting: a new host takes some of a host's aliases, with a transaction that writes both. */
#include "server/fleet_merge.h"

#include "server/directory.h"
#include "server/fleet_reseal.h"
#include "server/persist.h"

#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct split {
    struct fleet_split *c;
    struct persist_wait w;
    struct loop_msg msg;
    struct store_host old, fresh, before;
    struct fleet_host *born; /* until it entered its shard */
};

static void split_free(struct split *x) {
    if (x->born) { /* never entered: it has no tunnel, call or timer */
        host_fini(&x->born->h);
        free(x->born);
    }
    explicit_bzero(x, sizeof *x);
    free(x);
}

static void refuse(struct fleet_split *c, int err) {
    c->call.err = err;
    if (!c->call.error.code)
        err_set(&c->call.error, err, "", "%s", err_text(err));
    fleet_answer(&c->call);
}

/* --- which alias --- */

static bool has_smbios(const struct store_host *row) {
    return !uuid_is_nil(row->smbios_uuid);
}
static bool has_amt(const struct store_host *row) {
    return !uuid_is_nil(row->amt_uuid);
}
static bool has_serial(const struct store_host *row) {
    return row->serial[0];
}
static bool has_cira(const struct store_host *row) {
    return row->cira_user[0];
}
static void move_smbios(struct store_host *from, struct store_host *to) {
    to->smbios_uuid = from->smbios_uuid;
    from->smbios_uuid = (struct uuid){{0}};
}
static void move_amt(struct store_host *from, struct store_host *to) {
    to->amt_uuid = from->amt_uuid;
    from->amt_uuid = (struct uuid){{0}};
}
static void move_serial(struct store_host *from, struct store_host *to) {
    memcpy(to->serial, from->serial, sizeof to->serial);
    memset(from->serial, 0, sizeof from->serial);
}
static void move_cira(struct store_host *from, struct store_host *to) {
    merge_move_firmware(from, to);
    merge_forget_firmware(from);
}
static const struct {
    enum split_alias bit;
    const char *name;
    bool (*has)(const struct store_host *row);
    void (*move)(struct store_host *from, struct store_host *to);
} aliases[] = {
    {SPLIT_SMBIOS_UUID, "smbiosUuid", has_smbios, move_smbios},
    {SPLIT_AMT_UUID, "amtUuid", has_amt, move_amt},
    {SPLIT_SERIAL, "serial", has_serial, move_serial},
    {SPLIT_CIRA_USER, "ciraUser", has_cira, move_cira},
};
enum { ALIASES = sizeof aliases / sizeof *aliases };

static int nothing_to_give(struct errinfo *ei, const char *host, const char *alias) {
    err_set(ei, ERR_INVALID, "aliases", "%s has no %s to give", host, alias);
    err_remedy(ei, "orch-cli get host %s shows what it has.", host);
    return ERR_INVALID;
}

static int share_out(struct split *x, struct errinfo *ei) {
    for (size_t i = 0; i < ALIASES; i++) {
        if (!(x->c->aliases & aliases[i].bit))
            continue;
        if (!aliases[i].has(&x->old))
            return nothing_to_give(ei, x->old.name, aliases[i].name);
        aliases[i].move(&x->old, &x->fresh);
    }
    return 0;
}

static int make_rows(struct split *x, struct fleet_host *fh, struct errinfo *ei) {
    struct shard *s = fh->shard;
    struct wall now = loop_wall(s->loop);
    persist_row(fh, &x->old);
    x->before = x->old;
    x->fresh = (struct store_host){.created = now,
                                   .updated = now,
                                   .version = 1,
                                   .intent = {.policy = RECOVERY_KEEP, .since = now},
                                   .link_state = LINK_NEVER};
    memcpy(x->fresh.project, x->old.project, sizeof x->fresh.project);
    memcpy(x->fresh.name, x->c->name, sizeof x->fresh.name);
    snprintf(x->fresh.intent.actor, sizeof x->fresh.intent.actor, "%s", x->c->actor);
    int r = fleet_new_host_id(s, x->fresh.id);
    if (r == 0)
        r = share_out(x, ei);
    if (r == 0 && (r = fleet_reseal(s->app, x->old.id, &x->fresh)) < 0)
        err_set(ei, r, "", "the secrets of %s could not be opened: %s", x->old.name, err_text(r));
    x->old.updated = now;
    x->old.version++;
    return r;
}

/* --- the new host enters its shard --- */

static void arrived(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct split *x = CONTAINER_OF(m, struct split, msg);
    struct fleet_split *c = x->c;
    split_free(x);
    c->impl = NULL;
    c->done(c);
}
static void arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct split *x = CONTAINER_OF(m, struct split, msg);
    char text[HOST_NAME_CAP + HOST_ID_CAP + OP_ACTOR_CAP + 64];
    if (fleet_host_enter(x->born) < 0) {
        log_error("fleet", "out of memory: %s is in the store only, until a restart", x->fresh.id);
    } else {
        struct fleet_host *fh = x->born;
        x->born = NULL;
        snprintf(text, sizeof text, "The host was split from %s (%s) by %s", x->old.name, x->old.id,
                 x->c->actor);
        fleet_host_event(fh, HOST_EVENT_CREATED, text);
        fleet_host_saw_uuid(fh, x->fresh.seen_uuid);
        fleet_host_arm(fh);
    }
    m->fn = arrived;
    loop_post(x->c->call.from->loop, m);
}

static void split_done(struct fleet_call *call) {
    struct fleet_split *c = CONTAINER_OF(call, struct fleet_split, call);
    struct split *x = c->impl;
    if (call->err || !x) {
        if (x)
            split_free(x);
        c->impl = NULL;
        c->done(c);
        return;
    }
    memcpy(c->id, x->fresh.id, sizeof c->id);
    x->msg.fn = arrives;
    loop_post(x->born->shard->loop, &x->msg);
}

/* --- write --- */

static int put_in_directory(struct split *x, const struct app *a, struct errinfo *ei) {
    struct directory_entry old, fresh;
    fleet_directory_entry(&x->old, &old);
    fleet_directory_entry(&x->fresh, &fresh);
    return directory_replace(a->directory, &old, NULL, &fresh, NULL, ei);
}
static void take_back(struct split *x, const struct app *a) {
    struct directory_entry before;
    fleet_directory_entry(&x->before, &before);
    int r = directory_replace(a->directory, &before, x->fresh.id, NULL, NULL, NULL);
    (void)r; /* cannot fail: all of it was this host's own */
}

static void written(struct persist_wait *w) {
    struct split *x = CONTAINER_OF(w, struct split, w);
    struct fleet_split *c = x->c;
    struct fleet_host *fh = fleet_host_find(w->shard, x->old.id); /* a delete waits for this write */
    assert(fh);
    fh->patching = false;
    if (w->err < 0) {
        take_back(x, w->shard->app);
        err_set(&c->call.error, w->err, "", "the split could not be stored: %s",
                w->why[0] ? w->why : err_text(w->err));
        refuse(c, w->err);
    } else {
        bool firmware = c->aliases & SPLIT_CIRA_USER;
        char text[HOST_NAME_CAP + HOST_ID_CAP + OP_ACTOR_CAP + 64];
        snprintf(text, sizeof text, "Aliases of the host were split off to %s (%s) by %s", x->fresh.name,
                 x->fresh.id, c->actor);
        if (firmware)
            merge_apply_firmware(fh, &x->old);
        fleet_apply_row(fh, firmware ? PATCH_CIRA_SECRET | PATCH_AMT_SECRET : 0, &x->old, text);
        fleet_answer(&c->call);
    }
    fleet_run_deferred(fh);
}

static int store(struct split *x, struct shard *s) {
    struct store_txn *t = persist_txn();
    int r = t ? store_txn_add(t, STORE_HOST_PUT, &x->old) : ERR_NOMEM;
    if (r == 0)
        r = store_txn_add(t, STORE_HOST_PUT, &x->fresh);
    if (r < 0) {
        store_txn_free(&t);
        return r;
    }
    x->w.shard = s;
    x->w.done = written;
    return persist_submit(&x->w, t);
}

static int submit(struct split *x, struct fleet_host *fh) {
    struct shard *s = fh->shard;
    struct errinfo *ei = &x->c->call.error;
    int r = make_rows(x, fh, ei);
    if (r < 0)
        return r;
    x->born = fleet_host_new(app_shard_of(s->app, x->fresh.id), &x->fresh);
    if (!x->born)
        return ERR_NOMEM;
    if ((r = put_in_directory(x, s->app, ei)) < 0)
        return r;
    if (s->app->store && (r = store(x, s)) < 0) {
        take_back(x, s->app);
        return err_set(ei, r == ERR_NOMEM ? r : ERR_STORE, "", "the split could not be stored: %s",
                       err_text(r));
    }
    fh->patching = true;
    if (!s->app->store) {
        x->w.shard = s;
        written(&x->w);
    }
    return 0;
}

static int check(const struct fleet_split *c, const struct fleet_host *fh, struct errinfo *ei) {
    if (!fh || strcmp(fh->h.project, c->project) != 0)
        return err_set(ei, ERR_NOT_FOUND, "host", "there is no host %s in the project %s", c->call.host,
                       c->project);
    if (!c->aliases)
        return err_set(
            ei, ERR_INVALID, "aliases",
            "a split needs an alias that the new host takes: smbiosUuid, amtUuid, serial, ciraUser");
    if (fh->h.cira_shared && (c->aliases & SPLIT_CIRA_USER) && !(c->aliases & SPLIT_AMT_UUID))
        return err_set(ei, ERR_INVALID, "aliases",
                       "the CIRA user of this host is shared: it goes with the amtUuid only");
    return merge_busy(fh, ei);
}

static void split_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    (void)s;
    struct fleet_split *c = CONTAINER_OF(call, struct fleet_split, call);
    int r = check(c, fh, &call->error);
    if (r < 0) {
        refuse(c, r);
        return;
    }
    if (fleet_must_wait(fh, call))
        return;
    struct split *x = calloc(1, sizeof *x);
    if (!x) {
        refuse(c, ERR_NOMEM);
        return;
    }
    x->c = c;
    c->impl = x;
    if ((r = submit(x, fh)) < 0)
        refuse(c, r);
}

void fleet_split(struct fleet_split *c) {
    c->impl = NULL;
    c->call.run = split_run;
    c->call.done = split_done;
    fleet_ask(&c->call);
}
