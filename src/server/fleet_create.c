/* SPDX-License-Identifier: Apache-2.0 */
/* New hosts: all rows or none, durably. The directory reserves names first, so that two imports at once
 * cannot both take one; then the store; then the shards. */
#include "server/fleet.h"

#include "base/log.h"
#include "base/text.h"
#include "server/directory.h"
#include "server/persist.h"
#include "server/provisioning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct birth {
    struct persist_wait w;
    struct fleet_create *c;
    struct fleet_host **hosts; /* nrows; handed to their shards */
    unsigned shards_left;
};
/* The hosts of one shard on their way to it; they are its own from the moment it is posted. */
struct delivery {
    struct loop_msg msg;
    struct birth *birth;
    size_t n;
    struct fleet_host *hosts[];
};

static void wipe_rows(struct fleet_create *c) {
    if (c->rows) {
        explicit_bzero(c->rows, c->nrows * sizeof *c->rows);
        free(c->rows);
    }
    c->rows = NULL;
}

void fleet_create_free(struct fleet_create **cp) {
    struct fleet_create *c = *cp;
    if (!c)
        return;
    wipe_rows(c);
    free(c->ids);
    free(c);
    *cp = NULL;
}

static void birth_free(struct birth *b) {
    for (size_t i = 0; b->hosts && i < b->c->nrows; i++)
        if (b->hosts[i]) { /* never entered: it has no tunnel, call or timer */
            host_fini(&b->hosts[i]->h);
            free(b->hosts[i]);
        }
    free(b->hosts);
    free(b);
}

static void tell_end(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct fleet_create *c = CONTAINER_OF(m, struct fleet_create, msg);
    c->done(c);
}
/* Rows are wiped at once; done is called in a later turn. b may be NULL. */
static void end(struct fleet_create *c, struct birth *b, int err) {
    if (err < 0) {
        for (size_t i = 0; c->ids && i < c->nrows && c->ids[i][0]; i++)
            directory_remove(c->from->app->directory, c->ids[i], NULL);
        free(c->ids);
        c->ids = NULL;
        if (!c->error.code)
            err_set(&c->error, err, "", "%s", err_text(err));
    }
    if (b)
        birth_free(b);
    wipe_rows(c);
    c->err = err;
    c->impl = NULL;
    c->msg.fn = tell_end;
    loop_post(c->from->loop, &c->msg);
}

/* --- on the shards --- */

static void delivered(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct delivery *d = CONTAINER_OF(m, struct delivery, msg);
    struct birth *b = d->birth;
    free(d);
    if (--b->shards_left == 0)
        end(b->c, b, 0);
}

static void delivery_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct delivery *d = CONTAINER_OF(m, struct delivery, msg);
    for (size_t i = 0; i < d->n; i++) {
        struct fleet_host *fh = d->hosts[i];
        if (fleet_host_enter(fh) < 0) {
            log_error("fleet", "out of memory: %s is in the store only, until a restart", fh->h.id);
            host_fini(&fh->h);
            free(fh);
            continue;
        }
        const struct provision *order = d->birth->c->order;
        if (order && provisioning_restore(fh, order) < 0)
            log_error("fleet", "out of memory: the order of %s waits for a restart", fh->h.id);
        fleet_host_event(fh, HOST_EVENT_CREATED, "The host was created");
        fleet_host_arm(fh);
    }
    m->fn = delivered;
    loop_post(d->birth->c->from->loop, m);
}

/* On from's thread: the hosts of this shard leave b. NULL when out of memory. */
static struct delivery *pack(struct birth *b, const struct shard *s) {
    size_t n = 0;
    for (size_t i = 0; i < b->c->nrows; i++)
        n += b->hosts[i] && b->hosts[i]->shard == s;
    struct delivery *d = calloc(1, sizeof *d + n * sizeof d->hosts[0]);
    if (!d)
        return NULL;
    d->msg.fn = delivery_arrives;
    d->birth = b;
    for (size_t i = 0; i < b->c->nrows; i++)
        if (b->hosts[i] && b->hosts[i]->shard == s) {
            d->hosts[d->n++] = b->hosts[i];
            b->hosts[i] = NULL;
        }
    return d;
}

static void rows_written(struct persist_wait *w) {
    struct birth *b = CONTAINER_OF(w, struct birth, w);
    struct fleet_create *c = b->c;
    struct app *a = c->from->app;
    if (w->err < 0) {
        err_set(&c->error, w->err, "", "the hosts could not be stored: %s",
                w->why[0] ? w->why : err_text(w->err));
        end(c, b, w->err);
        return;
    }
    b->shards_left = 1; /* ours, until all are sent */
    for (unsigned i = 0; i < a->nshards; i++) {
        struct delivery *d = pack(b, a->shards[i]);
        if (!d) {
            log_error("fleet", "out of memory: new hosts are in the store only, until a restart");
            continue;
        }
        b->shards_left++;
        loop_post(a->shards[i]->loop, &d->msg);
    }
    if (--b->shards_left == 0)
        end(c, b, 0);
}

/* --- checking and sealing --- */

int fleet_new_host_id(struct shard *s, char id[HOST_ID_CAP]) {
    for (int tries = 0; tries < 100; tries++) {
        uint8_t r[4];
        char hex[9];
        loop_random(s->loop, r, sizeof r);
        snprintf(id, HOST_ID_CAP, "host-%s", text_hex(slice_of(r, sizeof r), hex));
        if (directory_by_id(s->app->directory, id, NULL) == ERR_NOT_FOUND)
            return 0;
    }
    return ERR_INTERNAL;
}

static int check_row(const struct host_new *v, struct errinfo *ei) {
    if (!v->name[0])
        return err_set(ei, ERR_INVALID, "name", "a host needs a name");
    if (v->cira_password[0] && !v->cira_user[0])
        return err_set(ei, ERR_INVALID, "cira.user", "a CIRA password needs a CIRA user");
    return 0;
}

static int seal_secret(const struct app *a, const char *id, const char *what, const char *secret,
                       struct sealed *out) {
    char context[HOST_ID_CAP + 8];
    *out = (struct sealed){0};
    if (!secret[0])
        return 0;
    snprintf(context, sizeof context, "%s/%s", id, what);
    return seal_put(a->seal, context, slice_str(secret), out);
}

static int reserve(struct fleet_create *c, size_t i, char id[HOST_ID_CAP]) {
    const struct host_new *v = &c->rows[i];
    struct directory_entry e = {.cira_shared = v->cira_shared,
                                .ids = {.smbios = v->smbios_uuid, .amt = v->amt_uuid}};
    int r = fleet_new_host_id(c->from, id);
    if (r < 0)
        return r;
    memcpy(e.id, id, sizeof e.id);
    snprintf(e.project, sizeof e.project, "%s", v->project[0] ? v->project : "default");
    snprintf(e.name, sizeof e.name, "%s", v->name);
    snprintf(e.cira_user, sizeof e.cira_user, "%s", v->cira_user);
    snprintf(e.ids.serial, sizeof e.ids.serial, "%s", v->serial);
    r = directory_add(c->from->app->directory, &e, &c->error);
    if (r == 0)
        memcpy(c->ids[i], id, HOST_ID_CAP);
    return r;
}

static int make_row(struct fleet_create *c, size_t i, struct store_host *row) {
    const struct host_new *v = &c->rows[i];
    struct app *a = c->from->app;
    struct wall now = loop_wall(c->from->loop);
    char id[HOST_ID_CAP];
    int r = check_row(v, &c->error);
    if (r < 0 || (r = reserve(c, i, id)) < 0)
        return r;
    *row = (struct store_host){
        .smbios_uuid = v->smbios_uuid,
        .amt_uuid = v->amt_uuid,
        .cira_shared = v->cira_shared,
        .control_mode = v->control_mode,
        .created = now,
        .updated = now,
        .version = 1,
        .intent = {.desired = v->desired, .policy = RECOVERY_KEEP, .since = now},
        .link_state = LINK_NEVER,
        .power_state = POWER_UNKNOWN,
    };
    memcpy(row->id, id, sizeof row->id);
    snprintf(row->project, sizeof row->project, "%s", v->project[0] ? v->project : "default");
    snprintf(row->name, sizeof row->name, "%s", v->name);
    snprintf(row->serial, sizeof row->serial, "%s", v->serial);
    snprintf(row->cira_user, sizeof row->cira_user, "%s", v->cira_user);
    snprintf(row->amt_user, sizeof row->amt_user, "%s", v->amt_user);
    snprintf(row->intent.actor, sizeof row->intent.actor, "%s", v->actor);
    r = seal_secret(a, id, "cira", v->cira_password, &row->cira_secret);
    if (r == 0)
        r = seal_secret(a, id, "amt", v->amt_password, &row->amt_secret);
    if (r == 0)
        r = seal_secret(a, id, "mebx", v->mebx_password, &row->mebx_secret);
    if (r < 0)
        err_set(&c->error, r, "", "the secrets could not be sealed: %s", err_text(r));
    return r;
}

static int put_order(const struct fleet_create *c, const struct store_host *row, struct store_txn *t) {
    struct store_provision v;
    if (!c->order)
        return 0;
    v = (struct store_provision){.p = *c->order};
    memcpy(v.host, row->id, sizeof v.host);
    return store_txn_add(t, STORE_PROVISION_PUT, &v);
}

static int prepare(struct fleet_create *c, struct birth *b, struct store_txn *t) {
    struct store_host row;
    for (size_t i = 0; i < c->nrows; i++) {
        c->bad_row = i;
        int r = make_row(c, i, &row);
        if (r < 0)
            return r;
        b->hosts[i] = fleet_host_new(app_shard_of(c->from->app, row.id), &row);
        if (!b->hosts[i] || store_txn_add(t, STORE_HOST_PUT, &row) < 0 || put_order(c, &row, t) < 0)
            return ERR_NOMEM;
    }
    c->bad_row = 0;
    return 0;
}

void fleet_create(struct fleet_create *c) {
    LOOP_ASSERT(c->from->loop);
    c->err = 0;
    c->error = (struct errinfo){0};
    c->ids = calloc(c->nrows ? c->nrows : 1, sizeof *c->ids);
    struct birth *b = calloc(1, sizeof *b);
    struct store_txn *t = persist_txn();
    int r = ERR_NOMEM;
    if (b) {
        b->c = c;
        b->w.shard = c->from;
        b->w.done = rows_written;
        b->hosts = calloc(c->nrows ? c->nrows : 1, sizeof(struct fleet_host *));
    }
    if (!c->ids || !b || !b->hosts || !t || (r = prepare(c, b, t)) < 0) {
        store_txn_free(&t);
        end(c, b, r);
        return;
    }
    c->impl = b;
    if (c->nrows == 0) {
        store_txn_free(&t);
        end(c, b, 0);
    } else if (!c->from->app->store) {
        store_txn_free(&t);
        rows_written(&b->w);
    } else if ((r = persist_submit(&b->w, t)) < 0) {
        err_set(&c->error, ERR_STORE, "", "the hosts could not be stored: %s", err_text(r));
        end(c, b, ERR_STORE);
    }
}
