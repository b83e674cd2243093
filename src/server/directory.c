/* SPDX-License-Identifier: Apache-2.0 */
#include "server/directory_match.h"

#include "base/list.h"
#include "base/map.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* All hosts that were last seen with one UUID. */
struct sighting {
    struct map_node node; /* directory.uuids */
    struct uuid uuid;
    struct list hosts; /* struct entry.seen */
};

struct entry {
    struct directory_entry e;
    char name_key[HOST_PROJECT_CAP + HOST_NAME_CAP]; /* project, NUL, name */
    size_t name_key_len;
    struct map_node by_id, by_name, by_user;
    struct entry *next_of_user; /* of those that share one; only the first is in the map */
    struct node_ids told;       /* by the agent */
    struct list_node seen;
    struct sighting *sighting;
};

struct directory {
    pthread_rwlock_t lock;
    struct map ids, names, users, uuids;
};

struct directory *directory_new(uint64_t seed) {
    struct directory *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    if (pthread_rwlock_init(&d->lock, NULL) != 0) {
        free(d);
        return NULL;
    }
    d->ids.seed = d->names.seed = d->users.seed = d->uuids.seed = seed;
    return d;
}

/* Takes x out of its sighting; the only one that is left there, or NULL. */
static struct entry *unsee(struct directory *d, struct entry *x) {
    struct sighting *s = x->sighting;
    if (!s)
        return NULL;
    list_remove(&s->hosts, &x->seen);
    x->sighting = NULL;
    if (list_empty(&s->hosts)) {
        map_remove(&d->uuids, &s->node);
        free(s);
        return NULL;
    }
    return s->hosts.count == 1 ? CONTAINER_OF(list_first(&s->hosts), struct entry, seen) : NULL;
}

static struct entry *by_user(struct directory *d, struct slice user) {
    struct map_node *n = user.n ? map_get(&d->users, user) : NULL;
    return n ? CONTAINER_OF(n, struct entry, by_user) : NULL;
}

/* Into the chain of its CIRA user. */
static int user_join(struct directory *d, struct entry *x) {
    struct entry *first = by_user(d, slice_str(x->e.cira_user));
    x->by_user = (struct map_node){0};
    x->next_of_user = NULL;
    if (!x->e.cira_user[0])
        return 0;
    if (!first)
        return map_put(&d->users, &x->by_user, slice_str(x->e.cira_user));
    x->next_of_user = first->next_of_user;
    first->next_of_user = x;
    return 0;
}

static void user_leave(struct directory *d, struct entry *x) {
    struct entry *first = by_user(d, slice_str(x->e.cira_user)), *next = x->next_of_user;
    x->next_of_user = NULL;
    if (first == x) {
        map_remove(&d->users, &x->by_user);
        int r = next ? map_put(&d->users, &next->by_user, slice_str(next->e.cira_user)) : 0;
        (void)r; /* cannot fail: a place was just freed */
        return;
    }
    while (first && first->next_of_user != x)
        first = first->next_of_user;
    if (first)
        first->next_of_user = next;
}

/* Places under which an entry is found, but the id. Put back, they cannot fail: they were just freed. */
static void unindex(struct directory *d, struct entry *x) {
    map_remove(&d->names, &x->by_name);
    user_leave(d, x);
}

static void entry_free(struct directory *d, struct entry *x) {
    map_remove(&d->ids, &x->by_id);
    unindex(d, x);
    free(x);
}

void directory_free(struct directory **dp) {
    struct directory *d = *dp;
    if (!d)
        return;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&d->ids, &it));) {
        struct entry *x = CONTAINER_OF(n, struct entry, by_id);
        (void)unsee(d, x);
        entry_free(d, x);
    }
    map_free(&d->ids);
    map_free(&d->names);
    map_free(&d->users);
    map_free(&d->uuids);
    pthread_rwlock_destroy(&d->lock);
    free(d);
    *dp = NULL;
}

static struct slice name_key(struct entry *x, const char *project, const char *name) {
    int n = snprintf(x->name_key, sizeof x->name_key, "%s%c%s", project, 0, name);
    x->name_key_len = n > 0 ? (size_t)n : 0;
    return slice_of(x->name_key, x->name_key_len);
}

static int name_taken(struct errinfo *ei, const struct directory_entry *e, const char *who) {
    err_set(ei, ERR_EXISTS, "name", "the name \"%s\" is taken by %s", e->name, who);
    err_remedy(ei, "Choose another one.");
    return ERR_EXISTS;
}
static int user_taken(struct errinfo *ei, const struct directory_entry *e, const char *who) {
    return err_set(ei, ERR_EXISTS, "cira.user", "the CIRA user \"%s\" is taken by %s", e->cira_user, who);
}

static struct entry *by_id(struct directory *d, const char *id) {
    struct map_node *n = map_get(&d->ids, slice_str(id));
    return n ? CONTAINER_OF(n, struct entry, by_id) : NULL;
}
static struct entry *by_name(struct directory *d, const char *project, const char *name) {
    struct entry probe;
    struct map_node *n = map_get(&d->names, name_key(&probe, project, name));
    return n ? CONTAINER_OF(n, struct entry, by_name) : NULL;
}

static bool same_login(const struct directory_entry *a, const struct directory_entry *b) {
    return !a->cira_shared || !b->cira_shared || uuid_same_node(a->ids.amt, b->ids.amt);
}
static int check_user(struct directory *d, const struct directory_entry *e, const struct entry *self,
                      struct errinfo *ei) {
    if (e->cira_shared && uuid_is_placeholder(e->ids.amt))
        return err_set(ei, ERR_INVALID, "amtUuid",
                       "the shared CIRA user \"%s\" needs the node's own AMT UUID to tell it apart",
                       e->cira_user);
    for (struct entry *x = by_user(d, slice_str(e->cira_user)); x; x = x->next_of_user)
        if (x != self && same_login(&x->e, e))
            return user_taken(ei, e, x->e.id);
    return 0;
}

/* Who else has a name or user of e? */
static int check_free(struct directory *d, const struct directory_entry *e, const struct entry *self,
                      struct errinfo *ei) {
    struct entry *other = by_name(d, e->project, e->name);
    if (other && other != self)
        return name_taken(ei, e, other->e.id);
    return check_user(d, e, self, ei);
}

static int index_entry(struct directory *d, struct entry *x) {
    int r = map_put(&d->names, &x->by_name, name_key(x, x->e.project, x->e.name));
    if (r == 0 && (r = user_join(d, x)) < 0)
        map_remove(&d->names, &x->by_name);
    return r;
}

/* With the write lock held. */
static int enter(struct directory *d, const struct directory_entry *e, struct errinfo *ei) {
    struct entry *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    x->e = *e;
    int r = by_id(d, e->id) ? err_set(ei, ERR_EXISTS, "id", "the id %s is taken", e->id)
                            : check_free(d, e, NULL, ei);
    if (r == 0 && (r = map_put(&d->ids, &x->by_id, slice_str(x->e.id))) == 0 && (r = index_entry(d, x)) < 0)
        map_remove(&d->ids, &x->by_id);
    if (r < 0)
        free(x);
    if (r == ERR_NOMEM)
        err_set(ei, r, "", "out of memory");
    return r;
}

int directory_add(struct directory *d, const struct directory_entry *e, struct errinfo *ei) {
    pthread_rwlock_wrlock(&d->lock);
    int r = enter(d, e, ei);
    pthread_rwlock_unlock(&d->lock);
    return r;
}

int directory_may_add(struct directory *d, const struct directory_entry *e, struct errinfo *ei) {
    pthread_rwlock_rdlock(&d->lock);
    int r = check_free(d, e, NULL, ei);
    pthread_rwlock_unlock(&d->lock);
    return r;
}

int directory_change(struct directory *d, const struct directory_entry *e, struct errinfo *ei) {
    pthread_rwlock_wrlock(&d->lock);
    struct entry *x = by_id(d, e->id);
    int r = x ? check_free(d, e, x, ei) : err_set(ei, ERR_NOT_FOUND, "id", "there is no host %s", e->id);
    if (r == 0) {
        unindex(d, x);
        x->e = *e;
        r = index_entry(d, x); /* cannot fail: two places were just freed, and nobody else has the keys */
    }
    pthread_rwlock_unlock(&d->lock);
    return r;
}

static void tell(char *out, const struct entry *x) {
    if (out)
        snprintf(out, HOST_ID_CAP, "%s", x ? x->e.id : "");
}

void directory_remove(struct directory *d, const char *id, char left[HOST_ID_CAP]) {
    pthread_rwlock_wrlock(&d->lock);
    struct entry *x = by_id(d, id);
    tell(left, x ? unsee(d, x) : NULL);
    if (x)
        entry_free(d, x);
    pthread_rwlock_unlock(&d->lock);
}

int directory_replace(struct directory *d, const struct directory_entry *change, const char *drop_id,
                      const struct directory_entry *add, char left[HOST_ID_CAP], struct errinfo *ei) {
    tell(left, NULL);
    pthread_rwlock_wrlock(&d->lock);
    struct entry *x = by_id(d, change->id), *drop = drop_id ? by_id(d, drop_id) : NULL;
    if (!x || (drop_id && !drop)) {
        pthread_rwlock_unlock(&d->lock);
        return err_set(ei, ERR_NOT_FOUND, "id", "there is no host %s", x ? drop_id : change->id);
    }
    struct directory_entry before = x->e;
    unindex(d, x);
    if (drop)
        unindex(d, drop);
    int r = check_free(d, change, NULL, ei), put_back = 0;
    x->e = r == 0 ? *change : before;
    put_back |= index_entry(d, x);
    if (r == 0 && add && (r = enter(d, add, ei)) < 0) {
        unindex(d, x);
        x->e = before;
        put_back |= index_entry(d, x);
    }
    if (drop && r < 0)
        put_back |= index_entry(d, drop);
    (void)put_back; /* cannot fail, see unindex() */
    if (drop && r == 0) {
        tell(left, unsee(d, drop));
        entry_free(d, drop);
    }
    pthread_rwlock_unlock(&d->lock);
    return r;
}

static int copy_out(struct directory *d, const struct entry *x, struct directory_entry *out) {
    if (x && out)
        *out = x->e;
    pthread_rwlock_unlock(&d->lock);
    return x ? 0 : ERR_NOT_FOUND;
}
int directory_by_login(struct directory *d, struct slice cira_user, struct uuid uuid,
                       struct directory_entry *out) {
    pthread_rwlock_rdlock(&d->lock);
    struct entry *x = by_user(d, cira_user);
    while (x && x->e.cira_shared && !uuid_same_node(x->e.ids.amt, uuid))
        x = x->next_of_user;
    return copy_out(d, x, out);
}
int directory_by_user(struct directory *d, struct slice cira_user, struct directory_entry *out) {
    pthread_rwlock_rdlock(&d->lock);
    return copy_out(d, by_user(d, cira_user), out);
}
int directory_by_name(struct directory *d, const char *project, const char *name,
                      struct directory_entry *out) {
    pthread_rwlock_rdlock(&d->lock);
    return copy_out(d, by_name(d, project, name), out);
}
int directory_by_id(struct directory *d, const char *id, struct directory_entry *out) {
    pthread_rwlock_rdlock(&d->lock);
    return copy_out(d, by_id(d, id), out);
}
size_t directory_count(struct directory *d) {
    pthread_rwlock_rdlock(&d->lock);
    size_t n = d->ids.count;
    pthread_rwlock_unlock(&d->lock);
    return n;
}

static struct sighting *sighting_of(struct directory *d, struct uuid u) {
    struct map_node *n = map_get(&d->uuids, slice_of(u.b, sizeof u.b));
    if (n)
        return CONTAINER_OF(n, struct sighting, node);
    struct sighting *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->uuid = u;
    list_init(&s->hosts);
    if (map_put(&d->uuids, &s->node, slice_of(s->uuid.b, sizeof s->uuid.b)) < 0) {
        free(s);
        return NULL;
    }
    return s;
}

size_t directory_see_uuid(struct directory *d, const char *id, struct uuid u, char other[HOST_ID_CAP],
                          char left[HOST_ID_CAP]) {
    size_t others = 0;
    tell(other, NULL);
    tell(left, NULL);
    pthread_rwlock_wrlock(&d->lock);
    struct entry *x = by_id(d, id);
    if (x && !(x->sighting && uuid_eq(x->sighting->uuid, u)))
        tell(left, unsee(d, x));
    if (x && !x->sighting && !uuid_is_nil(u) && (x->sighting = sighting_of(d, u)))
        list_push(&x->sighting->hosts, &x->seen);
    if (x && x->sighting) {
        others = x->sighting->hosts.count - 1;
        LIST_EACH (n, &x->sighting->hosts) {
            if (n == &x->seen)
                continue;
            tell(other, CONTAINER_OF(n, struct entry, seen));
            break;
        }
    }
    pthread_rwlock_unlock(&d->lock);
    return others;
}

/* --- which host is this machine? --- */

static void learn(struct uuid *to, struct uuid told) {
    if (!uuid_is_nil(told))
        *to = told;
}
void directory_learn(struct directory *d, const char *id, const struct node_ids *told) {
    pthread_rwlock_wrlock(&d->lock);
    struct entry *x = by_id(d, id);
    if (x) {
        learn(&x->told.smbios, told->smbios);
        learn(&x->told.amt, told->amt);
        if (told->serial[0])
            memcpy(x->told.serial, told->serial, sizeof x->told.serial);
    }
    pthread_rwlock_unlock(&d->lock);
}

/* The best of those that fit, and the others that fit as well. */
struct match {
    const struct entry *best, *rival;
    unsigned fit;
};
static void consider(struct match *m, const struct entry *x, const struct node_ids *ids) {
    struct node_known k = {&x->e.ids, &x->told, x->sighting ? x->sighting->uuid : (struct uuid){{0}}};
    unsigned fit = node_fit(&k, ids);
    if (fit == 0 || fit < m->fit)
        return;
    m->rival = fit == m->fit ? x : NULL;
    if (fit > m->fit)
        m->best = x;
    m->fit = fit;
}

/* Every host is looked at: an enrolment is rare, and its certificate costs more. */
int directory_match_node(struct directory *d, const char *project, const struct node_ids *ids,
                         struct directory_entry *out, struct errinfo *ei) {
    struct match m = {0};
    pthread_rwlock_rdlock(&d->lock);
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&d->ids, &it));) {
        const struct entry *x = CONTAINER_OF(n, struct entry, by_id);
        if (strcmp(x->e.project, project) == 0)
            consider(&m, x, ids);
    }
    int r = m.best ? 0 : ERR_NOT_FOUND;
    if (m.rival)
        r = err_set(ei, ERR_EXISTS, "",
                    "this machine could be %s (%s) or %s (%s): merge the two, or tell one of them the "
                    "machine's SMBIOS UUID",
                    m.best->e.name, m.best->e.id, m.rival->e.name, m.rival->e.id);
    else if (m.best && out)
        *out = m.best->e;
    pthread_rwlock_unlock(&d->lock);
    return r;
}
