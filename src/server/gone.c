/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gone.h"

#include "base/json.h"
#include "base/list.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
    struct gone_host h;
    struct list_node node; /* oldest first */
};
struct gone {
    pthread_mutex_t lock;
    struct store *store;
    struct list all;
};

struct gone *gone_new(struct store *st) {
    struct gone *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    if (pthread_mutex_init(&g->lock, NULL) != 0) {
        free(g);
        return NULL;
    }
    g->store = st;
    list_init(&g->all);
    return g;
}

void gone_free(struct gone **gp) {
    struct gone *g = *gp;
    if (!g)
        return;
    for (struct list_node *n; (n = list_pop(&g->all));)
        free(CONTAINER_OF(n, struct entry, node));
    pthread_mutex_destroy(&g->lock);
    free(g);
    *gp = NULL;
}

bool gone_of_row(const struct store_host *row, const char *actor, struct wall now, struct gone_host *out) {
    *out = (struct gone_host){.cira_shared = row->cira_shared,
                              .amt = uuid_is_nil(row->seen_uuid) ? row->amt_uuid : row->seen_uuid,
                              .at = now};
    memcpy(out->id, row->id, sizeof out->id);
    memcpy(out->project, row->project, sizeof out->project);
    memcpy(out->name, row->name, sizeof out->name);
    memcpy(out->cira_user, row->cira_user, sizeof out->cira_user);
    snprintf(out->actor, sizeof out->actor, "%s", actor);
    return row->amt_state != AMT_STATE_UNPROVISIONED && row->cira_user[0] && row->link_generation > 0;
}

/* --- the store --- */

static void object_of(const struct gone_host *h, struct store_object *o) {
    *o = (struct store_object){.version = 1, .created = h->at, .updated = h->at};
    snprintf(o->kind, sizeof o->kind, GONE_KIND);
    memcpy(o->project, h->project, sizeof o->project);
    snprintf(o->name, sizeof o->name, "%s", h->id);
}

int gone_put(struct store_txn *t, const struct gone_host *h) {
    struct store_object o;
    struct buf body = {0};
    char uuid[UUID_TEXT_CAP];
    object_of(h, &o);
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "name", h->name);
    json_kstr(&j, "user", h->cira_user);
    json_kbool(&j, "shared", h->cira_shared);
    json_kstr(&j, "uuid", uuid_text(h->amt, uuid));
    json_kstr(&j, "actor", h->actor);
    json_obj_end(&j);
    o.body = (char *)(uintptr_t)buf_cstr(&body);
    int r = body.failed ? ERR_NOMEM : store_txn_add(t, STORE_OBJECT_PUT, &o);
    buf_free(&body);
    return r;
}

static void forget_row(struct gone *g, const struct gone_host *h) {
    struct store_object o;
    object_of(h, &o);
    struct store_txn *t = g->store ? store_txn_new(NULL, NULL) : NULL;
    if (t && (store_txn_add(t, STORE_OBJECT_DELETE, &o) < 0 || store_submit(g->store, t) < 0))
        store_txn_free(&t); /* it goes after the next restart */
}

static void copy(char *to, size_t cap, const json_t *v, const char *member) {
    const char *s = json_string_value(json_object_get(v, member));
    snprintf(to, cap, "%s", s ? s : "");
}

static int load_row(void *ctx, const struct store_object *row) {
    if (strcmp(row->kind, GONE_KIND) != 0 || !row->body)
        return 0;
    json_t *v = json_loads(row->body, 0, NULL);
    struct gone_host h = {.at = row->created, .cira_shared = json_is_true(json_object_get(v, "shared"))};
    char uuid[UUID_TEXT_CAP];
    snprintf(h.id, sizeof h.id, "%.15s", row->name);
    memcpy(h.project, row->project, sizeof h.project);
    copy(h.name, sizeof h.name, v, "name");
    copy(h.cira_user, sizeof h.cira_user, v, "user");
    copy(h.actor, sizeof h.actor, v, "actor");
    copy(uuid, sizeof uuid, v, "uuid");
    (void)uuid_parse(slice_str(uuid), &h.amt);
    json_decref(v);
    gone_enter(ctx, &h);
    return 0;
}

int gone_load(struct gone *g) {
    return g->store ? store_each_object(g->store, load_row, g) : 0;
}

/* --- in memory --- */

/* The store gives no order: the list is kept by age. */
static void insert(struct gone *g, struct entry *e) {
    struct list_node *at = g->all.head.prev;
    while (at != &g->all.head && CONTAINER_OF(at, struct entry, node)->h.at.us > e->h.at.us)
        at = at->prev;
    list_insert_before(&g->all, at->next, &e->node);
}

void gone_enter(struct gone *g, const struct gone_host *h) {
    struct entry *e = calloc(1, sizeof *e), *out = NULL;
    if (!e)
        return;
    e->h = *h;
    pthread_mutex_lock(&g->lock);
    insert(g, e);
    if (g->all.count > GONE_MAX)
        out = CONTAINER_OF(list_pop(&g->all), struct entry, node);
    pthread_mutex_unlock(&g->lock);
    if (out)
        forget_row(g, &out->h);
    free(out);
}

static bool is_of(const struct gone_host *h, struct slice user, struct uuid uuid) {
    return (!h->cira_shared && slice_eq(user, slice_str(h->cira_user))) ||
           (!uuid_is_placeholder(uuid) && uuid_same_node(h->amt, uuid));
}

bool gone_find(struct gone *g, struct slice user, struct uuid uuid, struct gone_host *out) {
    bool found = false;
    pthread_mutex_lock(&g->lock);
    LIST_EACH (n, &g->all) { /* the newest of several */
        const struct gone_host *h = &CONTAINER_OF(n, struct entry, node)->h;
        if (!is_of(h, user, uuid))
            continue;
        *out = *h;
        found = true;
    }
    pthread_mutex_unlock(&g->lock);
    return found;
}

size_t gone_count(struct gone *g) {
    pthread_mutex_lock(&g->lock);
    size_t n = g->all.count;
    pthread_mutex_unlock(&g->lock);
    return n;
}
