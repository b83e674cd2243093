/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions as the caller builds them: a list of copied rows. Knows no database. */
#include "store/row.h"

#include <assert.h>
#include <stdlib.h>

/* K(kind, row struct, key member) */
#define KIND_TABLE(K)                                                                                        \
    K(STORE_HOST_PUT, store_host, id)                                                                        \
    K(STORE_HOST_INTENT, store_host, id)                                                                     \
    K(STORE_HOST_LINK, store_host, id)                                                                       \
    K(STORE_HOST_POWER, store_host, id)                                                                      \
    K(STORE_HOST_INFO, store_host, id)                                                                       \
    K(STORE_HOST_PIN, store_host, id)                                                                        \
    K(STORE_HOST_AMT, store_host, id)                                                                        \
    K(STORE_HOST_DELETE, store_host, id)                                                                     \
    K(STORE_OP_PUT, store_op, op.id)                                                                         \
    K(STORE_QUARANTINE_PUT, store_quarantine, id)                                                            \
    K(STORE_QUARANTINE_DELETE, store_quarantine, id)                                                         \
    K(STORE_USER_PUT, store_user, name)                                                                      \
    K(STORE_USER_DELETE, store_user, name)                                                                   \
    K(STORE_PROVISION_PUT, store_provision, host)                                                            \
    K(STORE_AGENT_PUT, store_agent, host)                                                                    \
    K(STORE_AGENT_SEEN, store_agent, host)                                                                   \
    K(STORE_AGENT_DELETE, store_agent, host)
enum { OBJECT_KEY_SIZE = OBJECT_KIND_CAP + HOST_PROJECT_CAP + OBJECT_NAME_CAP };
static_assert(offsetof(struct store_object, kind) == 0 &&
                  offsetof(struct store_object, name) + OBJECT_NAME_CAP == OBJECT_KEY_SIZE,
              "the key is the beginning of the row");
/* size 0: not a plain row; key_cap 0: never replaced by a newer one */
struct kind_row {
    size_t size, key_off, key_cap;
    bool object; /* owns text; its key is three members, NULs and all */
};
static const struct kind_row kinds[STORE_WRITE_COUNT] = {
#define K(kind, type, key)                                                                                   \
    [kind] = {sizeof(struct type), offsetof(struct type, key), sizeof(((struct type *)0)->key), false},
    KIND_TABLE(K)
#undef K
        [STORE_EVENT_ADD] = {sizeof(struct store_event), 0, 0, false},
    [STORE_AUDIT_ADD] = {sizeof(struct store_audit), 0, 0, false},
    [STORE_OBJECT_PUT] = {sizeof(struct store_object), 0, OBJECT_KEY_SIZE, true},
    [STORE_OBJECT_DELETE] = {sizeof(struct store_object), 0, OBJECT_KEY_SIZE, true},
};

struct store_txn *store_txn_new(void (*done)(struct store_txn *t), void *owner) {
    struct store_txn *t = calloc(1, sizeof *t);
    if (t) {
        t->done = done;
        t->owner = owner;
    }
    return t;
}

static void append(struct store_txn *t, struct store_write *w) {
    if (t->last)
        t->last->next = w;
    else
        t->first = w;
    t->last = w;
}

static void free_texts(struct store_object *o) {
    free(o->body);
    free(o->secret);
    o->body = o->secret = NULL;
}

/* The copy gets texts of its own, and a key without what lies behind its ends. */
static int own_texts(struct store_object *copy, const struct store_object *from) {
    memset(copy, 0, OBJECT_KEY_SIZE);
    memcpy(copy->kind, from->kind, strnlen(from->kind, sizeof from->kind));
    memcpy(copy->project, from->project, strnlen(from->project, sizeof from->project));
    memcpy(copy->name, from->name, strnlen(from->name, sizeof from->name));
    copy->body = strdup(from->body ? from->body : "");
    copy->secret = from->secret ? strdup(from->secret) : NULL;
    if (copy->body && (copy->secret || !from->secret))
        return 0;
    free_texts(copy);
    return ERR_NOMEM;
}

int store_txn_add(struct store_txn *t, enum store_write_kind kind, const void *row) {
    assert(kind < STORE_WRITE_COUNT && kinds[kind].size > 0);
    struct store_write *w = calloc(1, sizeof *w);
    void *copy = malloc(kinds[kind].size);
    if (copy)
        memcpy(copy, row, kinds[kind].size);
    if (!w || !copy || (kinds[kind].object && own_texts(copy, row))) {
        free(w);
        free(copy);
        return ERR_NOMEM;
    }
    w->kind = kind;
    w->u.row = copy;
    append(t, w);
    return 0;
}

int store_txn_add_meta(struct store_txn *t, const char *key, const char *value) {
    struct store_write *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->kind = STORE_META_PUT;
    w->u.meta.key = strdup(key);
    w->u.meta.value = strdup(value);
    if (!w->u.meta.key || !w->u.meta.value) {
        store_write_free(&w);
        return ERR_NOMEM;
    }
    append(t, w);
    return 0;
}

struct slice store_write_key(const struct store_write *w) {
    if (w->kind == STORE_META_PUT)
        return slice_str(w->u.meta.key);
    const struct kind_row *k = &kinds[w->kind];
    if (!k->key_cap)
        return SLICE_EMPTY;
    const char *key = (const char *)w->u.row + k->key_off;
    if (k->object)
        return slice_of(key, k->key_cap);
    return slice_of(key, strnlen(key, k->key_cap));
}

void store_write_free(struct store_write **pw) {
    struct store_write *w = *pw;
    if (!w)
        return;
    if (w->kind == STORE_META_PUT) {
        free(w->u.meta.key);
        free(w->u.meta.value);
    } else {
        if (w->u.row && kinds[w->kind].object)
            free_texts(w->u.object);
        free(w->u.row);
    }
    free(w);
    *pw = NULL;
}

void store_txn_free(struct store_txn **pt) {
    struct store_txn *t = *pt;
    if (!t)
        return;
    while (t->first) {
        struct store_write *w = t->first;
        t->first = w->next;
        store_write_free(&w);
    }
    free(t);
    *pt = NULL;
}
