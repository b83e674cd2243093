/* SPDX-License-Identifier: Apache-2.0 */
#include "server/quarantine.h"

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEER_SLOTS = 256, KEY_MAX = HOST_USER_CAP + 16 };

struct entry {
    struct store_quarantine row;
    uint8_t key[KEY_MAX]; /* user, UUID */
    struct map_node by_key, by_id;
    struct list_node lru; /* oldest sighting first; list denied or open */
    struct wall written;
};

/* How many new entries addresses with this hash made in the present window. Addresses that share a slot share
 * its budget: bounded memory is worth more here than exactness. */
struct peer_slot {
    struct wall since;
    uint32_t made;
};

struct quarantine {
    pthread_mutex_t lock;
    struct quarantine_limits lim;
    struct store *store;
    struct map keys, ids;
    struct list open, denied; /* by last sighting, oldest first */
    struct peer_slot peers[PEER_SLOTS];
};

struct quarantine *quarantine_new(const struct quarantine_limits *lim, struct store *st) {
    struct quarantine *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        free(q);
        return NULL;
    }
    q->lim = *lim;
    q->store = st;
    list_init(&q->open);
    list_init(&q->denied);
    return q;
}

void quarantine_set_limits(struct quarantine *q, const struct quarantine_limits *lim) {
    pthread_mutex_lock(&q->lock);
    q->lim = *lim;
    pthread_mutex_unlock(&q->lock);
}

static struct list *list_of(struct quarantine *q, const struct entry *e) {
    return e->row.verdict == QUARANTINE_DENIED ? &q->denied : &q->open;
}

static void entry_free(struct quarantine *q, struct entry *e) {
    list_remove(list_of(q, e), &e->lru);
    map_remove(&q->keys, &e->by_key);
    map_remove(&q->ids, &e->by_id);
    free(e);
}

void quarantine_free(struct quarantine **qp) {
    struct quarantine *q = *qp;
    if (!q)
        return;
    for (struct list_node *n; (n = list_first(&q->open)) || (n = list_first(&q->denied));)
        entry_free(q, CONTAINER_OF(n, struct entry, lru));
    map_free(&q->keys);
    map_free(&q->ids);
    pthread_mutex_destroy(&q->lock);
    free(q);
    *qp = NULL;
}

/* Lazy: an entry lost by a crash knocks again. */
static void write_row(struct quarantine *q, enum store_write_kind kind, struct entry *e) {
    struct store_txn *t = q->store ? store_txn_new(NULL, NULL) : NULL;
    if (!t)
        return;
    e->written = e->row.last_seen;
    if (store_txn_add(t, kind, &e->row) < 0 || store_submit(q->store, t) < 0)
        store_txn_free(&t);
}

static struct slice make_key(uint8_t key[KEY_MAX], const char *user, struct uuid u) {
    size_t n = strlen(user);
    memcpy(key, user, n);
    memcpy(key + n, u.b, sizeof u.b);
    return slice_of(key, n + sizeof u.b);
}

static struct entry *find(struct quarantine *q, const char *user, struct uuid u) {
    uint8_t key[KEY_MAX];
    struct map_node *n = map_get(&q->keys, make_key(key, user, u));
    return n ? CONTAINER_OF(n, struct entry, by_key) : NULL;
}
static struct entry *find_id(struct quarantine *q, const char *id) {
    struct map_node *n = map_get(&q->ids, slice_str(id));
    return n ? CONTAINER_OF(n, struct entry, by_id) : NULL;
}

static void drop(struct quarantine *q, struct entry *e) {
    write_row(q, STORE_QUARANTINE_DELETE, e);
    entry_free(q, e);
}

static void expire(struct quarantine *q, struct wall now) {
    for (struct list_node *n; (n = list_first(&q->open));) {
        struct entry *e = CONTAINER_OF(n, struct entry, lru);
        if (wall_add_ms(e->row.last_seen, (int64_t)q->lim.expire_s * 1000).us > now.us)
            break;
        drop(q, e);
    }
}

static void make_room(struct quarantine *q) {
    while (q->ids.count >= q->lim.entries_max && q->ids.count > 0) {
        struct list_node *n = list_first(&q->open);
        n = n ? n : list_first(&q->denied);
        drop(q, CONTAINER_OF(n, struct entry, lru));
    }
}

static struct entry *insert(struct quarantine *q, const struct store_quarantine *row) {
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->row = *row;
    if (map_put(&q->ids, &e->by_id, slice_str(e->row.id)) < 0) {
        free(e);
        return NULL;
    }
    if (map_put(&q->keys, &e->by_key, make_key(e->key, e->row.user, e->row.uuid)) < 0) {
        map_remove(&q->ids, &e->by_id);
        free(e);
        return NULL;
    }
    list_push(list_of(q, e), &e->lru);
    return e;
}

static int load_row(void *ctx, const struct store_quarantine *row) {
    struct quarantine *q = ctx;
    make_room(q);
    struct entry *e = insert(q, row);
    if (!e)
        return 0; /* twice the same, or no memory: it may knock again */
    e->written = e->row.last_seen;
    /* the store gives no order; keep the list sorted by last sighting */
    struct list *l = list_of(q, e);
    list_remove(l, &e->lru);
    struct list_node *at = l->head.prev;
    while (at != &l->head && CONTAINER_OF(at, struct entry, lru)->row.last_seen.us > row->last_seen.us)
        at = at->prev;
    list_insert_before(l, at->next, &e->lru);
    return 0;
}

int quarantine_load(struct quarantine *q, struct wall now) {
    pthread_mutex_lock(&q->lock);
    int r = q->store ? store_each_quarantine(q->store, load_row, q) : 0;
    expire(q, now);
    pthread_mutex_unlock(&q->lock);
    return r;
}

static bool peer_may_add(struct quarantine *q, const char *peer_addr, struct wall now) {
    struct peer_slot *s = &q->peers[map_hash(slice_str(peer_addr), 0) % PEER_SLOTS];
    int64_t age_ms = (now.us - s->since.us) / 1000;
    if (age_ms < 0 || age_ms >= q->lim.window_ms)
        *s = (struct peer_slot){.since = now};
    return s->made++ < q->lim.per_peer_max;
}

static enum quarantine_answer count_again(struct quarantine *q, struct entry *e,
                                          const struct quarantine_knock *k) {
    struct store_quarantine *r = &e->row;
    r->count += r->count < UINT32_MAX;
    r->last_seen = k->at;
    snprintf(r->peer, sizeof r->peer, "%s", k->peer);
    snprintf(r->reason, sizeof r->reason, "%s", k->reason);
    list_remove(list_of(q, e), &e->lru);
    list_push(list_of(q, e), &e->lru);
    if (k->at.us - e->written.us >= (int64_t)q->lim.rewrite_s * 1000000)
        write_row(q, STORE_QUARANTINE_PUT, e);
    return r->verdict == QUARANTINE_DENIED ? QUARANTINE_DENIED_SILENTLY : QUARANTINE_KNOWN;
}

static enum quarantine_answer add_new(struct quarantine *q, const char *user,
                                      const struct quarantine_knock *k) {
    if (q->lim.entries_max == 0 || !peer_may_add(q, k->peer_addr, k->at))
        return QUARANTINE_NOT_KEPT;
    expire(q, k->at);
    make_room(q);
    struct store_quarantine row = {.uuid = k->uuid, .first_seen = k->at, .last_seen = k->at, .count = 1};
    snprintf(row.id, sizeof row.id, "q-%012llx", (unsigned long long)(k->random & 0xffffffffffffu));
    snprintf(row.user, sizeof row.user, "%s", user);
    snprintf(row.peer, sizeof row.peer, "%s", k->peer);
    snprintf(row.reason, sizeof row.reason, "%s", k->reason);
    struct entry *e = insert(q, &row);
    if (!e)
        return QUARANTINE_NOT_KEPT;
    write_row(q, STORE_QUARANTINE_PUT, e);
    return QUARANTINE_NEW;
}

enum quarantine_answer quarantine_note(struct quarantine *q, const struct quarantine_knock *k) {
    char user[HOST_USER_CAP];
    text_clean(user, sizeof user, k->user);
    pthread_mutex_lock(&q->lock);
    struct entry *e = find(q, user, k->uuid);
    enum quarantine_answer a = e ? count_again(q, e, k) : add_new(q, user, k);
    pthread_mutex_unlock(&q->lock);
    return a;
}

bool quarantine_denied(struct quarantine *q, struct slice user_raw, struct uuid uuid) {
    char user[HOST_USER_CAP];
    text_clean(user, sizeof user, user_raw);
    pthread_mutex_lock(&q->lock);
    struct entry *e = find(q, user, uuid);
    bool denied = e && e->row.verdict == QUARANTINE_DENIED;
    pthread_mutex_unlock(&q->lock);
    return denied;
}

static int newest_first(const void *a, const void *b) {
    const struct store_quarantine *x = a, *y = b;
    return (x->last_seen.us < y->last_seen.us) - (x->last_seen.us > y->last_seen.us);
}

struct store_quarantine *quarantine_list(struct quarantine *q, struct wall now, size_t *n) {
    *n = 0;
    pthread_mutex_lock(&q->lock);
    expire(q, now);
    struct store_quarantine *v = q->ids.count ? calloc(q->ids.count, sizeof *v) : NULL;
    struct map_iter it = {0};
    for (struct map_node *x; v && (x = map_next(&q->ids, &it));)
        v[(*n)++] = CONTAINER_OF(x, struct entry, by_id)->row;
    pthread_mutex_unlock(&q->lock);
    if (*n > 1)
        qsort(v, *n, sizeof *v, newest_first);
    return v;
}

size_t quarantine_count(struct quarantine *q) {
    pthread_mutex_lock(&q->lock);
    size_t n = q->ids.count;
    pthread_mutex_unlock(&q->lock);
    return n;
}

int quarantine_get(struct quarantine *q, const char *id, struct store_quarantine *out) {
    pthread_mutex_lock(&q->lock);
    struct entry *e = find_id(q, id);
    if (e)
        *out = e->row;
    pthread_mutex_unlock(&q->lock);
    return e ? 0 : ERR_NOT_FOUND;
}

int quarantine_deny(struct quarantine *q, const char *id) {
    pthread_mutex_lock(&q->lock);
    struct entry *e = find_id(q, id);
    if (e) {
        list_remove(list_of(q, e), &e->lru);
        e->row.verdict = QUARANTINE_DENIED;
        list_push(list_of(q, e), &e->lru);
        write_row(q, STORE_QUARANTINE_PUT, e);
    }
    pthread_mutex_unlock(&q->lock);
    return e ? 0 : ERR_NOT_FOUND;
}

int quarantine_forget(struct quarantine *q, const char *id) {
    pthread_mutex_lock(&q->lock);
    struct entry *e = find_id(q, id);
    if (e)
        drop(q, e);
    pthread_mutex_unlock(&q->lock);
    return e ? 0 : ERR_NOT_FOUND;
}
