/* SPDX-License-Identifier: Apache-2.0 */
/* api_list: the list of hosts. First each shard filters its own hosts and keeps the best offset + pageSize of
 * them by their order keys; then the keys are merged, and only the hosts of the page are written as JSON,
 * each on its own shard. */
#include "server/api.h"

#include "server/filter.h"
#include "server/reading.h"

#include <stdlib.h>

struct key {
    int64_t number;
    char text[HOST_NAME_CAP];
};
/* A host that matches, with the values it is ordered by. */
struct entry {
    char id[HOST_ID_CAP];
    size_t at, len; /* of its JSON in the shard's buf */
    unsigned part;
    struct key keys[]; /* as many as the list has order keys */
};
struct part {
    struct entry **v; /* a heap with the worst entry first once it is full */
    size_t n, cap;
    struct buf json;
};
struct listing {
    struct fleet_scan scan;
    struct request *r;
    const char *project;
    struct filter *filter;
    struct order_key order[ORDER_MAX];
    int norder;
    size_t offset, limit, keep; /* keep: offset + limit */
    size_t total[SHARDS_MAX];
    bool failed; /* out of memory */
    struct part parts[SHARDS_MAX];
    struct entry **page;
    size_t npage, all;
};

static void listing_free(struct listing *l) {
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        for (size_t k = 0; k < l->parts[i].n; k++)
            free(l->parts[i].v[k]);
        free(l->parts[i].v);
        buf_free(&l->parts[i].json);
    }
    free(l->page);
    free(l);
}

static void listing_fail(struct listing *l) {
    struct request *r = l->r;
    listing_free(l);
    reply_fail(r, ERR_BUSY, "", "out of memory for the list");
}

/* --- order --- */
static int compare_entries(const struct listing *l, const struct entry *a, const struct entry *b) {
    for (int i = 0; i < l->norder; i++) {
        const struct key *x = &a->keys[i], *y = &b->keys[i];
        int c = l->order[i].field->type == HOST_FIELD_TEXT
                    ? strcmp(x->text, y->text)
                    : (x->number > y->number) - (x->number < y->number);
        if (c)
            return l->order[i].descending ? -c : c;
    }
    /* ids last: pages neither overlap nor leave out */
    return strcmp(a->id, b->id);
}

static struct entry *entry_new(const struct listing *l, struct host_view *v, unsigned part) {
    struct entry *e = calloc(1, sizeof *e + (size_t)l->norder * sizeof *e->keys);
    if (!e)
        return NULL;
    memcpy(e->id, v->h->id, sizeof e->id);
    e->part = part;
    for (int i = 0; i < l->norder; i++) {
        struct host_value val = {0};
        if (!l->order[i].field->get(v, 0, &val))
            continue;
        e->keys[i].number = val.number;
        slice_to_str(val.text, e->keys[i].text, sizeof e->keys[i].text);
    }
    return e;
}

static void sift_down(const struct listing *l, struct part *p, size_t i) {
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        for (size_t c = left; c < left + 2 && c < p->n; c++)
            if (compare_entries(l, p->v[c], p->v[worst]) > 0)
                worst = c;
        if (worst == i)
            return;
        struct entry *e = p->v[i];
        p->v[i] = p->v[worst];
        p->v[worst] = e;
        i = worst;
    }
}

static bool part_grow(struct part *p) {
    size_t cap = p->cap ? p->cap * 2 : 64;
    struct entry **v = realloc(p->v, cap * sizeof *v);
    if (!v)
        return false;
    p->v = v;
    p->cap = cap;
    return true;
}

static bool part_add(const struct listing *l, struct part *p, struct entry *e) {
    if (p->n < l->keep) {
        if (p->n == p->cap && !part_grow(p))
            return false;
        p->v[p->n++] = e;
        if (p->n == l->keep)
            for (size_t i = p->n / 2; i-- > 0;)
                sift_down(l, p, i);
        return true;
    }
    if (compare_entries(l, e, p->v[0]) < 0) {
        struct entry *worst = p->v[0];
        p->v[0] = e;
        sift_down(l, p, 0);
        e = worst;
    }
    free(e);
    return true;
}

/* --- first walk: keys --- */
static void visit_keys(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct listing *l = CONTAINER_OF(scan, struct listing, scan);
    struct map_iter it = {0};
    for (struct map_node *n; !l->failed && (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        struct host_view v = host_view_of(&fh->h, &s->app->policy, shard_now(s));
        if (fh->deleting || strcmp(fh->h.project, l->project) != 0 || !filter_match(l->filter, &v))
            continue;
        l->total[part]++;
        struct entry *e = entry_new(l, &v, part);
        if (!e || !part_add(l, &l->parts[part], e)) {
            free(e);
            l->failed = true;
        }
    }
}

static int compare_for_sort(const void *a, const void *b, void *ctx) {
    return compare_entries(ctx, *(struct entry *const *)a, *(struct entry *const *)b);
}

/* All kept entries in order, then the page out of them. */
static bool merge(struct listing *l) {
    size_t n = 0;
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        n += l->parts[i].n;
        l->all += l->total[i];
    }
    l->page = calloc(n + 1, sizeof *l->page);
    if (!l->page)
        return false;
    for (unsigned i = 0; i < SHARDS_MAX; i++)
        for (size_t k = 0; k < l->parts[i].n; k++)
            l->page[l->npage++] = l->parts[i].v[k];
    qsort_r(l->page, l->npage, sizeof *l->page, compare_for_sort, l);
    size_t skip = l->offset < l->npage ? l->offset : l->npage;
    memmove(l->page, l->page + skip, (l->npage - skip) * sizeof *l->page);
    l->npage -= skip;
    if (l->npage > l->limit)
        l->npage = l->limit;
    return true;
}

/* --- second walk: JSON of the page --- */
static void visit_json(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct listing *l = CONTAINER_OF(scan, struct listing, scan);
    struct buf *b = &l->parts[part].json;
    for (size_t i = 0; i < l->npage; i++) {
        struct entry *e = l->page[i];
        struct fleet_host *fh = e->part == part ? fleet_host_find(s, e->id) : NULL;
        if (!fh)
            continue; /* deleted between the walks: it is simply not there */
        e->at = b->len;
        fleet_host_json(b, fh);
        e->len = b->len - e->at;
    }
    l->failed |= b->failed;
}

static void listing_answer(struct fleet_scan *scan) {
    struct listing *l = CONTAINER_OF(scan, struct listing, scan);
    struct request *r = l->r;
    if (l->failed) {
        listing_fail(l);
        return;
    }
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, "hosts");
    json_arr(&j);
    for (size_t i = 0; i < l->npage; i++) {
        const struct entry *e = l->page[i];
        if (e->len)
            json_raw(&j, slice_head(slice_skip(buf_slice(&l->parts[e->part].json), e->at), e->len));
    }
    json_arr_end(&j);
    json_kint(&j, "totalElements", (int64_t)l->all);
    json_kbool(&j, "hasNext", l->all > l->offset + l->npage && l->npage);
    json_obj_end(&j);
    listing_free(l);
    reply_json(r, 200);
}

static void listing_merge(struct fleet_scan *scan) {
    struct listing *l = CONTAINER_OF(scan, struct listing, scan);
    if (l->failed || !merge(l)) {
        listing_fail(l);
        return;
    }
    l->scan.visit = visit_json;
    l->scan.done = listing_answer;
    if (!l->npage)
        listing_answer(scan);
    else if (fleet_scan(&l->scan))
        listing_fail(l);
}

void api_hosts_list(struct request *r) {
    struct errinfo ei = {0};
    struct listing *l = calloc(1, sizeof *l);
    if (!l) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    l->r = r;
    l->project = r->params[0];
    l->limit = r->query[QUERY_PAGE_SIZE].number;
    l->offset = r->query[QUERY_OFFSET].number;
    l->keep = l->offset + l->limit;
    int err = filter_parse(&r->arena, slice_str(r->query[QUERY_FILTER].text), &l->filter, &ei);
    if (!err)
        l->norder = order_parse(slice_str(r->query[QUERY_ORDER_BY].text), l->order, &ei);
    if (err || l->norder < 0) {
        listing_free(l);
        reply_error(r, &ei);
        return;
    }
    if (!l->norder) {
        l->order[0] = (struct order_key){host_field_find(SLICE_LIT("name")), false};
        l->norder = 1;
    }
    l->scan = (struct fleet_scan){.from = r->shard, .visit = visit_keys, .done = listing_merge};
    request_hold(r);
    if (fleet_scan(&l->scan))
        listing_fail(l);
}
