/* SPDX-License-Identifier: Apache-2.0 */
/* The table of objects: loading, looking up, changing. */
#include "server/gone.h"
#include "server/objects_int.h"

#include "base/log.h"
#include "base/text.h"
#include "server/schema.h"
#include "server/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *word, *path, *text;
} KINDS[] = {
#define K(sym, word, path, text) {word, path, text},
    OBJECT_KIND_TABLE(K)
#undef K
};
const char *object_kind_word(enum object_kind k) {
    return KINDS[k].word;
}
const char *object_kind_path(enum object_kind k) {
    return KINDS[k].path;
}
const char *object_kind_text(enum object_kind k) {
    return KINDS[k].text;
}

static bool kind_parse(const char *word, enum object_kind *k) {
    for (*k = 0; *k < OBJECT_KINDS; ++*k)
        if (strcmp(KINDS[*k].word, word) == 0)
            return true;
    return false;
}

struct objects *objects_new(struct app *a) {
    struct objects *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    if (pthread_rwlock_init(&o->lock, NULL) != 0) {
        free(o);
        return NULL;
    }
    o->app = a;
    o->all.seed = o->hashes.seed = a->instance;
    return o;
}

void objects_forget(struct objects *o, struct entry *e) {
    if (!e)
        return;
    if (e->node.key.n)
        map_remove(&o->all, &e->node);
    if (e->by_hash.key.n)
        map_remove(&o->hashes, &e->by_hash);
    free(e->body);
    free(e->secret);
    free(e);
}

void objects_free(struct objects **op) {
    struct objects *o = *op;
    if (!o)
        return;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&o->all, &it));)
        objects_forget(o, CONTAINER_OF(n, struct entry, node));
    map_free(&o->all);
    map_free(&o->hashes);
    pthread_rwlock_destroy(&o->lock);
    free(o);
    *op = NULL;
}

/* --- entries --- */
static struct slice make_key(uint8_t key[OBJECT_KEY_MAX], enum object_kind k, const char *project,
                             const char *name) {
    int n = snprintf((char *)key, OBJECT_KEY_MAX, "%c%s%c%s", 'a' + (int)k, project, 0, name);
    return slice_of(key, n > 0 && n < OBJECT_KEY_MAX ? (size_t)n : 0);
}

struct entry *objects_find(const struct objects *o, enum object_kind k, const char *project,
                           const char *name) {
    uint8_t key[OBJECT_KEY_MAX];
    struct map_node *n = map_get(&o->all, make_key(key, k, project, name));
    return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

static void read_refs(const json_t *body, char refs[2][OBJECT_NAME_CAP]) {
    body_copy(body, "domain", refs[0], OBJECT_NAME_CAP);
    body_copy(body, "ciraConfig", refs[1], OBJECT_NAME_CAP);
}

static bool read_enrol(struct entry *e, const json_t *body) {
    e->uses = (uint32_t)body_number(body, "uses", 0);
    e->uses_max = (uint32_t)body_number(body, "maxUses", 0);
    e->revoked = body_flag(body, "revoked", false);
    body_copy(body, "hostProject", e->host_project, sizeof e->host_project);
    return wall_parse(body_text(body, "expiresAt", ""), &e->expires) &&
           text_unhex(slice_str(body_text(body, "sha256", "")), e->hash, sizeof e->hash);
}

/* The members beside the body that follow from it. */
static bool entry_take(struct entry *e, const json_t *body) {
    if (e->kind == OBJECT_PROFILE)
        read_refs(body, e->refs[0]);
    return e->kind != OBJECT_ENROL || read_enrol(e, body);
}

static struct entry *entry_new(enum object_kind k, const char *project, const char *name,
                               const json_t *body) {
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->kind = k;
    snprintf(e->project, sizeof e->project, "%s", project);
    snprintf(e->name, sizeof e->name, "%s", name);
    e->body = json_dumps(body, JSON_COMPACT);
    return e;
}

int objects_enter(struct objects *o, enum object_kind k, const char *project, const char *name,
                  const json_t *body, struct entry **out) {
    struct entry *e = *out = entry_new(k, project, name, body);
    if (!e)
        return ERR_NOMEM;
    int r = !e->body ? ERR_NOMEM : entry_take(e, body) ? 0 : ERR_INVALID;
    if (r == 0)
        r = map_put(&o->all, &e->node, make_key(e->key, k, project, name));
    if (r == 0 && k == OBJECT_ENROL)
        r = map_put(&o->hashes, &e->by_hash, slice_of(e->hash, sizeof e->hash));
    if (r) {
        objects_forget(o, e);
        *out = NULL;
    }
    return r;
}

static int load_row(void *ctx, const struct store_object *row) {
    struct objects *o = ctx;
    enum object_kind k;
    struct entry *e = NULL;
    if (strcmp(row->kind, GONE_KIND) == 0)
        return 0;
    json_t *body = row->body ? json_loads(row->body, 0, NULL) : NULL;
    int r = kind_parse(row->kind, &k) && body ? objects_enter(o, k, row->project, row->name, body, &e)
                                              : ERR_INVALID;
    json_decref(body);
    if (r == ERR_NOMEM)
        return r;
    if (r) {
        log_warn("objects", "%s %s/%s cannot be read and is left out", row->kind, row->project, row->name);
        return 0;
    }
    e->version = row->version;
    e->created = row->created;
    e->updated = row->updated;
    e->secret = row->secret ? strdup(row->secret) : NULL;
    return row->secret && !e->secret ? ERR_NOMEM : 0;
}

int objects_load(struct objects *o) {
    return o->app->store ? store_each_object(o->app->store, load_row, o) : 0;
}

/* --- writing --- */
int objects_write(struct objects *o, const struct entry *e, enum store_write_kind kind,
                  void (*done)(struct store_txn *t), void *owner) {
    struct store_object row = {
        .version = e->version, .created = e->created, .updated = e->updated, .secret = e->secret};
    snprintf(row.kind, sizeof row.kind, "%s", KINDS[e->kind].word);
    memcpy(row.project, e->project, sizeof row.project);
    memcpy(row.name, e->name, sizeof row.name);
    if (!o->app->store)
        return ERR_UNSUPPORTED;
    row.body = e->kind == OBJECT_ENROL ? objects_enrol_body(e) : e->body;
    struct store_txn *t = row.body ? store_txn_new(done, owner) : NULL;
    int r = t ? store_txn_add(t, kind, &row) : ERR_NOMEM;
    if (t)
        t->durable = true;
    if (r == 0)
        r = store_submit(o->app->store, t);
    if (r < 0)
        store_txn_free(&t);
    if (row.body != e->body)
        free(row.body);
    return r;
}

/* --- reading --- */
void object_free(struct object *x) {
    json_decref(x->body);
    if (x->secret)
        explicit_bzero(x->secret, strlen(x->secret));
    free(x->secret);
    x->body = NULL;
    x->secret = NULL;
}

/* With the lock held. ERR_NOMEM. */
static int copy_out(const struct entry *e, struct object *out) {
    *out = (struct object){.kind = e->kind,
                           .version = e->version,
                           .created = e->created,
                           .updated = e->updated,
                           .uses = e->uses,
                           .revoked = e->revoked,
                           .secret = e->secret ? strdup(e->secret) : NULL,
                           .body = json_loads(e->body, 0, NULL)};
    memcpy(out->project, e->project, sizeof out->project);
    memcpy(out->name, e->name, sizeof out->name);
    if (out->body && (out->secret || !e->secret))
        return 0;
    object_free(out);
    return ERR_NOMEM;
}

static int copy_built_in(struct objects *o, enum object_kind k, const char *project, const char *name,
                         struct object *out) {
    *out = (struct object){.kind = k,
                           .created = o->app->started,
                           .updated = o->app->started,
                           .body = objects_built_in_body(o, k, project, name)};
    snprintf(out->project, sizeof out->project, "%s", project);
    snprintf(out->name, sizeof out->name, "%s", name);
    return out->body ? 0 : ERR_NOMEM;
}

int objects_not_found(struct errinfo *ei, enum object_kind k, const char *project, const char *name) {
    char clean[OBJECT_NAME_CAP];
    text_clean(clean, sizeof clean, slice_str(name));
    err_set(ei, ERR_NOT_FOUND, KINDS[k].word, "there is no %s \"%s\" in the project %s", KINDS[k].text, clean,
            project);
    err_remedy(ei, "GET /v1/projects/%s/%s%s lists them.", project, k <= OBJECT_DOMAIN ? "amt/" : "",
               KINDS[k].path);
    return ERR_NOT_FOUND;
}

int objects_get(struct objects *o, enum object_kind k, const char *project, const char *name,
                struct object *out, struct errinfo *ei) {
    int r;
    *out = (struct object){0};
    if (objects_built_in(k, project, name)) {
        r = copy_built_in(o, k, project, name, out);
    } else {
        pthread_rwlock_rdlock(&o->lock);
        struct entry *e = objects_find(o, k, project, name);
        r = entry_seen(e) ? copy_out(e, out) : objects_not_found(ei, k, project, name);
        pthread_rwlock_unlock(&o->lock);
    }
    return r == ERR_NOMEM ? err_set(ei, r, "", "out of memory") : r;
}

static int by_name(const void *a, const void *b) {
    const struct object *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static size_t count_kind(const struct objects *o, enum object_kind k, const char *project) {
    size_t n = 0;
    struct map_iter it = {0};
    for (struct map_node *m; (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        n += e->kind == k && strcmp(e->project, project) == 0;
    }
    return n;
}

static int list_entries(const struct objects *o, enum object_kind k, const char *project, struct object *v,
                        size_t *n) {
    struct map_iter it = {0};
    int r = 0;
    for (struct map_node *m; r == 0 && (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        if (e->kind == k && strcmp(e->project, project) == 0 && entry_seen(e) &&
            (r = copy_out(e, &v[*n])) == 0)
            ++*n;
    }
    return r;
}

int objects_list(struct objects *o, enum object_kind k, const char *project, struct object **out, size_t *n) {
    char name[OBJECT_NAME_CAP];
    enum { BUILT_IN_MAX = 2 };
    size_t fixed = 0;
    int r = 0;
    *n = 0;
    pthread_rwlock_rdlock(&o->lock);
    struct object *v = *out = calloc(count_kind(o, k, project) + BUILT_IN_MAX, sizeof *v);
    if (!v)
        r = ERR_NOMEM;
    while (r == 0 && objects_built_in_name(k, project, (unsigned)*n, name))
        if ((r = copy_built_in(o, k, project, name, &v[*n])) == 0)
            fixed = ++*n;
    if (r == 0)
        r = list_entries(o, k, project, v, n);
    pthread_rwlock_unlock(&o->lock);
    if (r == 0 && *n > fixed)
        qsort(v + fixed, *n - fixed, sizeof *v, by_name);
    if (r == 0)
        return 0;
    while (*n)
        object_free(&v[--*n]);
    free(v);
    *out = NULL;
    return r;
}

void objects_context(enum object_kind k, const char *project, const char *name, char out[OBJECT_KEY_MAX]) {
    snprintf(out, OBJECT_KEY_MAX, "%s/%s/%s", KINDS[k].word, project, name);
}

int objects_seal(struct objects *o, enum object_kind k, const char *project, const char *name,
                 struct slice secret, char **out, struct errinfo *ei) {
    char context[OBJECT_KEY_MAX];
    struct buf text = {0};
    objects_context(k, project, name, context);
    int r = o->app->seal ? seal_put_text(o->app->seal, context, secret, &text) : ERR_CRYPTO;
    *out = r == 0 ? strdup(buf_cstr(&text)) : NULL;
    buf_free(&text);
    if (r == 0 && !*out)
        r = ERR_NOMEM;
    return r ? err_set(ei, r, "", "the secret could not be sealed: %s", err_text(r)) : 0;
}
