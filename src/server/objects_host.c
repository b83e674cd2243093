/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for a host goes with it, or moves to the host that it is merged into: its exceptions, which
 * are named HOST.CONTROL. */
#include "server/objects_int.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_of(const struct entry *e, enum entry_state state, const char *project, const char *host) {
    size_t n = strlen(host);
    return e->kind == OBJECT_EXCEPTION && e->state == state && strcmp(e->project, project) == 0 &&
           strncmp(e->name, host, n) == 0 && e->name[n] == '.';
}

static int add_write(struct store_txn *t, enum store_write_kind kind, const struct entry *e) {
    struct store_object row = {
        .version = e->version, .created = e->created, .updated = e->updated, .body = e->body};
    snprintf(row.kind, sizeof row.kind, "%s", object_kind_word(e->kind));
    memcpy(row.project, e->project, sizeof row.project);
    memcpy(row.name, e->name, sizeof row.name);
    return t ? store_txn_add(t, kind, &row) : 0;
}

static struct entry *next_of(struct objects *o, enum entry_state state, const char *project,
                             const char *host) {
    struct map_iter it = {0};
    for (struct map_node *m; (m = map_next(&o->all, &it));) {
        struct entry *e = CONTAINER_OF(m, struct entry, node);
        if (is_of(e, state, project, host))
            return e;
    }
    return NULL;
}

/* --- a host is deleted --- */

int objects_host_goes(struct objects *o, const char *project, const char *host, struct store_txn *t) {
    struct map_iter it = {0};
    int r = 0;
    pthread_rwlock_rdlock(&o->lock);
    for (struct map_node *m; r == 0 && (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        if (is_of(e, ENTRY_LIVE, project, host))
            r = add_write(t, STORE_OBJECT_DELETE, e);
    }
    pthread_rwlock_unlock(&o->lock);
    return r;
}

void objects_host_gone(struct objects *o, const char *project, const char *host) {
    pthread_rwlock_wrlock(&o->lock);
    for (struct entry *e; (e = next_of(o, ENTRY_LIVE, project, host));)
        objects_forget(o, e);
    pthread_rwlock_unlock(&o->lock);
}

/* --- a host is merged into another one --- */

/* The other host's entry for the same control: its name is taken from here on. */
static int enter_moved(struct objects *o, const struct entry *e, const char *name, const char *keep,
                       struct wall now, struct entry **out) {
    json_t *body = json_loads(e->body, 0, NULL);
    int r = body && json_object_set_new(body, "host", json_string(keep)) == 0 ? 0 : ERR_NOMEM;
    if (r == 0)
        r = objects_enter(o, e->kind, e->project, name, body, out);
    json_decref(body);
    if (r < 0)
        return r;
    entry_set_state(*out, ENTRY_MAKING);
    (*out)->version = e->version + 1;
    (*out)->created = e->created;
    (*out)->updated = now;
    return 0;
}

static int move(struct objects *o, struct entry *e, const char *gone, const char *keep, struct wall now,
                struct store_txn *t) {
    char name[OBJECT_NAME_CAP];
    snprintf(name, sizeof name, "%s%s", keep, e->name + strlen(gone)); /* ids are of one length */
    entry_set_state(e, ENTRY_MOVING);
    e->becomes = NULL;
    int r = add_write(t, STORE_OBJECT_DELETE, e);
    if (r == 0 && !objects_find(o, e->kind, e->project, name))
        r = enter_moved(o, e, name, keep, now, &e->becomes);
    if (r == 0 && e->becomes)
        r = add_write(t, STORE_OBJECT_PUT, e->becomes);
    return r;
}

int objects_host_moves(struct objects *o, const char *project, const char *gone, const char *keep,
                       struct wall now, struct store_txn *t) {
    int r = 0;
    pthread_rwlock_wrlock(&o->lock);
    for (struct entry *e; r == 0 && (e = next_of(o, ENTRY_LIVE, project, gone));)
        r = move(o, e, gone, keep, now, t);
    pthread_rwlock_unlock(&o->lock);
    return r;
}

void objects_host_moved(struct objects *o, const char *project, const char *gone, bool ok) {
    pthread_rwlock_wrlock(&o->lock);
    for (struct entry *e; (e = next_of(o, ENTRY_MOVING, project, gone));) {
        if (!ok)
            objects_forget(o, e->becomes);
        else if (e->becomes)
            entry_set_state(e->becomes, ENTRY_LIVE);
        e->becomes = NULL;
        entry_set_state(e, ENTRY_LIVE);
        if (ok)
            objects_forget(o, e);
    }
    pthread_rwlock_unlock(&o->lock);
}
