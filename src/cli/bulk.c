/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bulk.h"

#include <pthread.h>

struct run {
    struct cli *c;
    const struct bulk *b;
    pthread_mutex_t lock; /* guards next, stop, ndone, nfailed and items[].done */
    pthread_cond_t moved;
    size_t next, ndone, nfailed;
    bool stop; /* the server is gone: what is not begun is not tried */
};

static bool take(struct run *r, struct bulk_item **item, bool *stop) {
    pthread_mutex_lock(&r->lock);
    bool more = r->next < r->b->n;
    if (more)
        *item = &r->b->items[r->next++];
    *stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    return more;
}

static void finish(struct run *r, struct bulk_item *item) {
    pthread_mutex_lock(&r->lock);
    item->done = true;
    r->ndone++;
    r->nfailed += item->outcome.exit != EXIT_OK;
    r->stop |= item->outcome.server_gone;
    pthread_cond_signal(&r->moved);
    pthread_mutex_unlock(&r->lock);
}

static void *worker(void *arg) {
    struct run *r = arg;
    struct client *cl = cli_client_like(r->c);
    struct bulk_item *item;
    bool stop;
    while (take(r, &item, &stop)) {
        if (stop || !cl) {
            item->outcome.exit = stop ? EXIT_UNREACHABLE : EXIT_FAILED;
            snprintf(item->outcome.text, sizeof item->outcome.text, "not tried: %s",
                     stop ? "the server cannot be asked" : "out of memory");
        } else {
            r->b->work(r->c, cl, item, r->b->ctx);
        }
        finish(r, item);
    }
    client_free(&cl);
    return NULL;
}

static void draw_bar(struct term *t, size_t done, size_t n, size_t failed) {
    char bar[31];
    size_t full = done * 30 / n;
    for (size_t i = 0; i < 30; i++)
        bar[i] = i < full ? '#' : '.';
    bar[30] = 0;
    fprintf(t->err, "\r\033[K[%s] %zu/%zu", bar, done, n);
    if (failed)
        fprintf(t->err, ", %zu failed", failed);
    fflush(t->err);
}

static void print_result(struct cli *c, const struct bulk_item *item) {
    bool ok = item->outcome.exit == EXIT_OK;
    if (c->term.err_tty)
        fputs("\r\033[K", c->term.err);
    fflush(c->term.err);
    term_line_head(&c->term, ok ? COLOUR_GOOD : COLOUR_BAD, item->label, ": %s%s",
                   ok ? "" : "failed: ", item->outcome.text);
}

/* Print results in the order given, as soon as all before them are there. */
static void collect(struct run *r) {
    const struct bulk *b = r->b;
    for (size_t i = 0; i < b->n; i++) {
        pthread_mutex_lock(&r->lock);
        while (!b->items[i].done) {
            if (r->c->term.err_tty)
                draw_bar(&r->c->term, r->ndone, b->n, r->nfailed);
            pthread_cond_wait(&r->moved, &r->lock);
        }
        pthread_mutex_unlock(&r->lock);
        if (!b->quiet)
            print_result(r->c, &b->items[i]);
    }
    if (r->c->term.err_tty)
        fputs("\r\033[K", r->c->term.err);
    fflush(r->c->term.out);
}

int bulk_exit(const struct bulk_item *items, size_t n) {
    size_t failed = 0;
    int code = EXIT_OK;
    for (size_t i = 0; i < n; i++) {
        int e = items[i].outcome.exit;
        if (e == EXIT_OK)
            continue;
        code = failed == 0 || code == e ? e : EXIT_FAILED;
        failed++;
    }
    return failed && failed < n ? EXIT_PARTIAL : code;
}

json_t *bulk_json(const struct bulk_item *items, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct outcome *o = &items[i].outcome;
        json_t *one = json_pack("{s:s,s:b,s:i,s:s}", "host", items[i].label, "ok", o->exit == EXIT_OK, "exit",
                                o->exit, "text", o->text);
        if (o->json)
            json_object_set(one, "result", o->json);
        json_array_append_new(list, one);
    }
    return list;
}

int bulk_run(struct cli *c, const struct bulk *b) {
    struct run r = {.c = c, .b = b};
    pthread_t threads[BULK_FANOUT_MAX];
    unsigned want = b->n < b->fanout ? (unsigned)b->n : b->fanout, begun = 0;
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.moved, NULL);
    while (begun < want && pthread_create(&threads[begun], NULL, worker, &r) == 0)
        begun++;
    if (begun == 0)
        worker(&r); /* no thread to be had: one after the other */
    collect(&r);
    for (unsigned i = 0; i < begun; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&r.moved);
    pthread_mutex_destroy(&r.lock);
    return bulk_exit(b->items, b->n);
}
