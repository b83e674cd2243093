/* SPDX-License-Identifier: Apache-2.0 */
/* Changing objects: checked and marked under the lock, written, and only then true. */
#include "server/objects_int.h"

#include "server/schema.h"
#include "server/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* --- checks, with the lock held --- */
static int busy(struct errinfo *ei, const struct entry *e) {
    return err_set(ei, ERR_BUSY, "name", "the %s %s is being changed just now; try again",
                   object_kind_text(e->kind), e->name);
}

static int exists(struct object_change *c) {
    err_set(&c->error, ERR_EXISTS, "name", "the %s \"%s\" is there already, in the project %s",
            object_kind_text(c->kind), c->name, c->project);
    err_remedy(&c->error, c->kind == OBJECT_EXCEPTION ? "Change or delete that one."
                                                      : "Choose another name, or change or delete that one.");
    return ERR_EXISTS;
}

/* What a profile names must be there. */
static int check_refs(const struct objects *o, const struct object_change *c, struct errinfo *ei) {
    static const struct {
        const char *member;
        enum object_kind kind;
    } REFS[] = {{"domain", OBJECT_DOMAIN}, {"ciraConfig", OBJECT_CIRA}};
    for (size_t i = 0; c->kind == OBJECT_PROFILE && i < sizeof REFS / sizeof *REFS; i++) {
        const char *name = body_text(c->body, REFS[i].member, "");
        if (!*name || objects_built_in(REFS[i].kind, c->project, name) ||
            entry_seen(objects_find(o, REFS[i].kind, c->project, name)))
            continue;
        err_set(ei, ERR_INVALID, REFS[i].member, "%s: there is no %s \"%.63s\" in the project %s",
                REFS[i].member, object_kind_text(REFS[i].kind), name, c->project);
        err_remedy(ei, "Create it first, or leave %s out.", REFS[i].member);
        return ERR_INVALID;
    }
    return 0;
}

static int check_unused(const struct objects *o, const struct entry *gone, struct errinfo *ei) {
    int which = gone->kind == OBJECT_DOMAIN ? 0 : gone->kind == OBJECT_CIRA ? 1 : -1;
    struct map_iter it = {0};
    for (struct map_node *m; which >= 0 && (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        if (e->kind != OBJECT_PROFILE || strcmp(e->project, gone->project) != 0 ||
            (strcmp(e->refs[0][which], gone->name) != 0 && strcmp(e->refs[1][which], gone->name) != 0))
            continue;
        err_set(ei, ERR_STATE, "name", "the %s %s is in use: the profile %s names it",
                object_kind_text(gone->kind), gone->name, e->name);
        err_remedy(ei, "Change or delete that profile first.");
        return ERR_STATE;
    }
    return 0;
}

static int check_room(const struct objects *o, const struct object_change *c, struct errinfo *ei) {
    const struct settings *s = o->app->settings;
    size_t n = 0, max = c->kind == OBJECT_ENROL && s ? s->enrol_keys_max : OBJECTS_MAX;
    struct map_iter it = {0};
    for (struct map_node *m; (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        n += e->kind == c->kind && strcmp(e->project, c->project) == 0;
    }
    if (n < max)
        return 0;
    err_set(ei, ERR_LIMIT, "name", "the project %s has %zu objects of the kind %s, which is the most%s",
            c->project, n, object_kind_text(c->kind),
            c->kind == OBJECT_ENROL ? " that enrol.keys_max allows" : "");
    err_remedy(ei, "Delete some that are not needed any more.");
    return ERR_LIMIT;
}

/* The entry to change, if it may be. */
static int find_target(const struct objects *o, const struct object_change *c, struct entry **out,
                       struct errinfo *ei) {
    struct entry *e = *out = objects_find(o, c->kind, c->project, c->name);
    if (objects_built_in(c->kind, c->project, c->name)) {
        err_set(ei, ERR_STATE, "name", "the %s %s is always there and cannot be changed",
                object_kind_text(c->kind), c->name);
        err_remedy(ei, "Create one of your own under another name.");
        return ERR_STATE;
    }
    if (!entry_seen(e))
        return objects_not_found(ei, c->kind, c->project, c->name);
    if (e->state != ENTRY_LIVE)
        return busy(ei, e);
    if (c->if_version && c->if_version != e->version) {
        err_set(ei, ERR_STATE, "If-Match", "the %s was changed since: its version is %llu",
                object_kind_text(c->kind), (unsigned long long)e->version);
        err_remedy(ei, "Read it again, then decide.");
        return ERR_STATE;
    }
    return 0;
}

/* --- afterwards --- */
static void replace(struct object_change *c, struct entry *e) {
    char *body = json_dumps(c->body, JSON_COMPACT);
    if (body) { /* else the next start reads it */
        free(e->body);
        e->body = body;
    }
    if (!c->keep_secret) {
        free(e->secret);
        e->secret = c->secret;
        c->secret = NULL;
    }
    memcpy(e->refs[0], e->refs[1], sizeof e->refs[0]);
}

/* The write is done, or it is not: make it true, or as it was. */
static void settle(struct object_change *c) {
    struct objects *o = c->objects;
    pthread_rwlock_wrlock(&o->lock);
    struct entry *e = objects_find(o, c->kind, c->project, c->name);
    bool ok = c->err == 0, gone = c->what == OBJECT_CREATE ? !ok : c->what == OBJECT_DELETE && ok;
    if (ok && c->what == OBJECT_REPLACE)
        replace(c, e);
    if (!ok && c->what == OBJECT_REVOKE)
        e->revoked = false;
    if (ok && (c->what == OBJECT_REPLACE || c->what == OBJECT_REVOKE)) {
        e->version++;
        e->updated = c->now;
    }
    memset(e->refs[1], 0, sizeof e->refs[1]);
    entry_set_state(e, ENTRY_LIVE);
    if (gone)
        objects_forget(o, e);
    pthread_rwlock_unlock(&o->lock);
}

static void finish(struct object_change *c) {
    json_decref(c->body);
    if (c->secret)
        explicit_bzero(c->secret, strlen(c->secret));
    free(c->secret);
    c->body = NULL;
    c->secret = NULL;
    c->done(c);
}

static void arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct object_change *c = CONTAINER_OF(m, struct object_change, msg);
    settle(c);
    finish(c);
}

/* On the store's thread. */
static void stored(struct store_txn *t) {
    struct object_change *c = t->owner;
    c->err = t->err;
    if (t->err)
        err_set(&c->error, t->err, "", "the change was not stored: %s", t->why);
    store_txn_free(&t);
    loop_post(c->from->loop, &c->msg);
}

/* --- the changes, with the lock held: 0 when the write is on its way --- */
static int submit(struct object_change *c, const struct entry *as, enum store_write_kind kind) {
    int r = objects_write(c->objects, as, kind, stored, c);
    if (r == ERR_UNSUPPORTED) { /* nothing is kept */
        loop_post(c->from->loop, &c->msg);
        return 0;
    }
    return r ? err_set(&c->error, r, "", "the change could not be stored: %s", err_text(r)) : 0;
}

static int create(struct objects *o, struct object_change *c) {
    struct entry *e = objects_find(o, c->kind, c->project, c->name);
    if (e || objects_built_in(c->kind, c->project, c->name))
        return e && e->state == ENTRY_GOING ? busy(&c->error, e) : exists(c);
    int r = check_refs(o, c, &c->error);
    r = r ? r : check_room(o, c, &c->error);
    r = r ? r : objects_enter(o, c->kind, c->project, c->name, c->body, &e);
    if (r)
        return c->error.code ? r : err_set(&c->error, r, "", "%s", err_text(r));
    entry_set_state(e, ENTRY_MAKING);
    e->version = 1;
    e->created = e->updated = c->now;
    e->secret = c->secret;
    c->secret = NULL;
    if ((r = submit(c, e, STORE_OBJECT_PUT)))
        objects_forget(o, e);
    return r;
}

static int change(struct objects *o, struct object_change *c) {
    struct entry *e;
    int r = find_target(o, c, &e, &c->error);
    r = r ? r : check_refs(o, c, &c->error);
    if (r)
        return r;
    struct entry as = *e; /* as it will be */
    as.version++;
    as.updated = c->now;
    as.body = json_dumps(c->body, JSON_COMPACT);
    as.secret = c->keep_secret ? e->secret : c->secret;
    r = as.body ? submit(c, &as, STORE_OBJECT_PUT) : err_set(&c->error, ERR_NOMEM, "", "out of memory");
    free(as.body);
    if (r)
        return r;
    entry_set_state(e, ENTRY_CHANGING);
    if (c->kind == OBJECT_PROFILE) {
        body_copy(c->body, "domain", e->refs[1][0], OBJECT_NAME_CAP);
        body_copy(c->body, "ciraConfig", e->refs[1][1], OBJECT_NAME_CAP);
    }
    return 0;
}

static int delete_one(struct objects *o, struct object_change *c) {
    struct entry *e;
    int r = find_target(o, c, &e, &c->error);
    r = r ? r : check_unused(o, e, &c->error);
    r = r ? r : submit(c, e, STORE_OBJECT_DELETE);
    if (r == 0)
        entry_set_state(e, ENTRY_GOING);
    return r;
}

/* Nobody gets in with it from now on, whether or not the disk is quick. */
static int revoke(struct objects *o, struct object_change *c) {
    struct entry *e;
    int r = find_target(o, c, &e, &c->error);
    if (r)
        return r;
    if (e->revoked)
        return err_set(&c->error, ERR_STATE, "name", "the enrolment key %s is revoked already", e->name);
    struct entry as = *e;
    as.version++;
    as.updated = c->now;
    as.revoked = true;
    if ((r = submit(c, &as, STORE_OBJECT_PUT)))
        return r;
    e->revoked = true;
    entry_set_state(e, ENTRY_CHANGING);
    return 0;
}

void objects_change(struct objects *o, struct object_change *c) {
    static int (*const DO[])(struct objects * o, struct object_change * c) = {[OBJECT_CREATE] = create,
                                                                              [OBJECT_REPLACE] = change,
                                                                              [OBJECT_DELETE] = delete_one,
                                                                              [OBJECT_REVOKE] = revoke};
    c->objects = o;
    c->msg.fn = arrives;
    c->now = loop_wall(c->from->loop);
    c->err = 0;
    pthread_rwlock_wrlock(&o->lock);
    int r = DO[c->what](o, c); /* with 0 the write may be done already, but c waits on this very thread */
    pthread_rwlock_unlock(&o->lock);
    if (r) {
        c->err = r;
        finish(c);
    }
}
