/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop_uv.h"

#include "base/ossl.h"

#include <assert.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static struct mono read_clock(void) {
    return (struct mono){(int64_t)(uv_hrtime() / 1000)};
}

void loop_uv_enter(struct loop_uv *l) {
    uint64_t ms = uv_now(&l->uv);
    if (ms != l->now_turn_ms) {
        l->now_turn_ms = ms;
        l->now = read_clock();
    }
}

static struct mono uvl_now(const struct loop *l) {
    return loop_uv_of(l)->now;
}

static struct wall uvl_wall(const struct loop *l) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

/* Before loop_run() and after it the loop belongs to whoever made it: setting up and tearing down. */
static bool uvl_here(const struct loop *l) {
    struct loop_uv *u = loop_uv_of(l);
    return !atomic_load(&u->running) || pthread_equal(u->thread, pthread_self());
}

static void uvl_random(struct loop *l, void *out, size_t n) {
    if (RAND_bytes(out, (int)n) != 1)
        abort(); /* secrets from a broken generator would be worse than a restart */
}

/* --- timers --- */

static void uvl_timer_set(struct loop *l, struct loop_timer *t, struct mono at) {
    timers_set(&loop_uv_of(l)->timers, t, at, l);
}

static void uvl_timer_stop(struct loop *l, struct loop_timer *t) {
    timers_stop(&loop_uv_of(l)->timers, t);
}

static void on_alarm(uv_timer_t *h) {
    struct loop_uv *l = h->data;
    loop_uv_enter(l);
    l->alarm_us = INT64_MAX;
    /* those armed by a callback wait for the next turn, or a timer that re-arms itself would hold the loop */
    uint64_t armed_now = l->timers.seq;
    for (struct loop_timer *t; (t = timers_pop(&l->timers, l->now, armed_now));)
        t->fn(t);
}

/* Set the libuv timer to the heap's top; rounded up, so that it never fires early. */
static void set_alarm(struct loop_uv *l) {
    struct mono next = timers_next(&l->timers);
    if (next.us == l->alarm_us)
        return;
    l->alarm_us = next.us;
    if (mono_is_never(next)) {
        uv_timer_stop(&l->alarm);
        return;
    }
    int64_t ahead_us = next.us - (int64_t)uv_now(&l->uv) * 1000;
    bool due = next.us <= l->now.us; /* our clock is finer than libuv's */
    uv_timer_start(&l->alarm, on_alarm, due ? 0 : (uint64_t)(ahead_us + 999) / 1000, 0);
}

/* --- mailbox: a lock-free stack, taken whole and turned round --- */

static void uvl_post(struct loop *l, struct loop_msg *m) {
    struct loop_uv *u = loop_uv_of(l);
    struct loop_msg *head = atomic_load_explicit(&u->mail, memory_order_relaxed);
    do
        m->next = head;
    while (!atomic_compare_exchange_weak_explicit(&u->mail, &head, m, memory_order_release,
                                                  memory_order_relaxed));
    if (!head) /* whoever put the first one rings; m may be gone by now */
        uv_async_send(&u->mail_bell);
}

static void open_mail(struct loop_uv *l) {
    struct loop_msg *newest = atomic_exchange_explicit(&l->mail, NULL, memory_order_acquire), *oldest = NULL;
    while (newest) {
        struct loop_msg *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct loop_msg *m = oldest;
        oldest = m->next;
        m->fn(&l->loop, m);
    }
}

static void on_mail(uv_async_t *h) {
    struct loop_uv *l = h->data;
    loop_uv_enter(l);
    open_mail(l);
    if (atomic_load(&l->stopping))
        uv_stop(&l->uv);
}

/* --- helper threads --- */

static_assert(sizeof(uv_work_t) <= sizeof(((struct loop_work *)NULL)->impl), "uv_work_t lives in loop_work");

static void on_work(uv_work_t *r) {
    struct loop_work *w = r->data;
    w->work(w);
}

static void on_work_done(uv_work_t *r, int status) {
    struct loop_work *w = r->data;
    loop_uv_enter(loop_uv_of(w->loop));
    w->done(w);
}

static int uvl_work(struct loop *l, struct loop_work *w) {
    uv_work_t *r = (uv_work_t *)(void *)w->impl;
    r->data = w;
    return uv_queue_work(&loop_uv_of(l)->uv, r, on_work, on_work_done) == 0 ? 0 : ERR_NOMEM;
}

/* --- turns --- */

static void on_spin(uv_idle_t *h) {}

static void on_before_poll(uv_prepare_t *h) {
    struct loop_uv *l = h->data;
    loop_uv_enter(l);
    if (stream_todo_run(&l->loop))
        uv_idle_start(&l->spin, on_spin);
    else
        uv_idle_stop(&l->spin);
    set_alarm(l);
}

static void uvl_wake(struct loop *l) {
    /* everything runs before on_before_poll() of the same turn, which looks at the list */
}

/* libuv writes with write(2), so a peer that is gone raises SIGPIPE. Blocked for the thread, not ignored for
 * the process: that is the program's business. */
static void block_sigpipe(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void uvl_run(struct loop *l) {
    struct loop_uv *u = loop_uv_of(l);
    block_sigpipe();
    u->thread = pthread_self();
    atomic_store(&u->running, true);
    uv_update_time(&u->uv);
    loop_uv_enter(u);
    while (!atomic_load(&u->stopping))
        uv_run(&u->uv, UV_RUN_DEFAULT);
    open_mail(u); /* what was posted before loop_stop() is not lost */
    atomic_store(&u->stopping, false);
    atomic_store(&u->running, false);
}

static void uvl_stop(struct loop *l) {
    struct loop_uv *u = loop_uv_of(l);
    atomic_store(&u->stopping, true);
    uv_async_send(&u->mail_bell);
}

static void close_own(struct loop_uv *l) {
    uv_close((uv_handle_t *)&l->mail_bell, NULL);
    uv_close((uv_handle_t *)&l->alarm, NULL);
    uv_close((uv_handle_t *)&l->before_poll, NULL);
    uv_close((uv_handle_t *)&l->spin, NULL);
}

static void uvl_free(struct loop *l) {
    struct loop_uv *u = loop_uv_of(l);
    l->freeing = true;
    LIST_EACH (n, &l->streams)
        stream_drop(CONTAINER_OF(n, struct stream, all));
    close_own(u);
    uv_run(&u->uv, UV_RUN_DEFAULT);
    int r = uv_loop_close(&u->uv);
    assert(r == 0 && "a listener is still open");
    (void)r;
    timers_free(&u->timers);
    free(u);
}

static const struct loop_ops uv_ops = {
    .run = uvl_run,
    .stop = uvl_stop,
    .free = uvl_free,
    .now = uvl_now,
    .wall = uvl_wall,
    .here = uvl_here,
    .random = uvl_random,
    .timer_set = uvl_timer_set,
    .timer_stop = uvl_timer_stop,
    .post = uvl_post,
    .work = uvl_work,
    .wake = uvl_wake,
    .listen = listener_uv_open,
    .connect = stream_uv_connect,
    .attach = stream_uv_attach,
};

struct loop *loop_new(void) {
    struct loop_uv *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    loop_init(&u->loop, &uv_ops);
    if (uv_loop_init(&u->uv) != 0) {
        free(u);
        return NULL;
    }
    u->alarm_us = INT64_MAX;
    u->now = read_clock();
    uv_timer_init(&u->uv, &u->alarm);
    uv_prepare_init(&u->uv, &u->before_poll);
    uv_idle_init(&u->uv, &u->spin);
    if (uv_async_init(&u->uv, &u->mail_bell, on_mail) != 0) {
        uv_close((uv_handle_t *)&u->alarm, NULL);
        uv_close((uv_handle_t *)&u->before_poll, NULL);
        uv_close((uv_handle_t *)&u->spin, NULL);
        uv_run(&u->uv, UV_RUN_DEFAULT);
        uv_loop_close(&u->uv);
        free(u);
        return NULL;
    }
    u->mail_bell.data = u->alarm.data = u->before_poll.data = u;
    uv_prepare_start(&u->before_poll, on_before_poll);
    return &u->loop;
}
