/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* --- timers on the real loop --- */

struct clocked {
    struct loop_timer t;
    struct loop *l;
    struct loop_timer *victim;
    int *order, place;
    int fired;
};

static void tick(struct loop_timer *t) {
    struct clocked *c = CONTAINER_OF(t, struct clocked, t);
    c->fired++;
    c->place = ++*c->order;
    assert_false(mono_before(loop_now(c->l), (struct mono){0}));
    if (c->victim)
        loop_timer_stop(c->l, c->victim);
}

static void timers_fire_in_order(void **s) {
    struct loop *l = loop_new();
    int order = 0;
    struct clocked c[4];
    for (int i = 0; i < 4; i++)
        c[i] = (struct clocked){.t = {.fn = tick}, .l = l, .order = &order};
    struct mono now = loop_now(l);
    c[1].victim = &c[2].t; /* stopped by a callback, though due */
    loop_timer_set(l, &c[0].t, mono_add_ms(now, 5));
    loop_timer_set(l, &c[1].t, mono_add_ms(now, 2));
    loop_timer_set(l, &c[2].t, mono_add_ms(now, 2));
    loop_timer_set(l, &c[3].t, mono_add_ms(now, 1000));
    loop_timer_set(l, &c[3].t, mono_add_ms(now, 3)); /* moved earlier */
    run_for(l, 20);
    assert_int_equal(c[1].place, 1);
    assert_int_equal(c[2].fired, 0);
    assert_int_equal(c[3].place, 2);
    assert_int_equal(c[0].place, 3);
    assert_true(mono_ms_between(now, loop_now(l)) >= 19);
    loop_free(&l);
    assert_null(l);
}

struct greedy {
    struct loop_timer t;
    struct loop *l;
    int fired;
};

static void again(struct loop_timer *t) {
    struct greedy *g = CONTAINER_OF(t, struct greedy, t);
    g->fired++;
    loop_timer_set(g->l, t, loop_now(g->l));
}

static void a_timer_that_rearms_itself_does_not_hold_the_loop(void **s) {
    struct loop *l = loop_new();
    struct greedy g = {.t = {.fn = again}, .l = l};
    loop_timer_set(l, &g.t, loop_now(l));
    run_for(l, 5);
    assert_true(g.fired > 1);
    loop_timer_stop(l, &g.t);
    loop_free(&l);
}

/* --- mailbox --- */

enum { SENDERS = 2, EACH = 2000 };
struct letter {
    struct loop_msg m;
    int sender, number;
    struct inbox *box;
};
struct inbox {
    struct loop *l;
    int last[SENDERS], count;
    struct letter letters[SENDERS][EACH];
};

static void got_letter(struct loop *l, struct loop_msg *m) {
    struct letter *x = CONTAINER_OF(m, struct letter, m);
    LOOP_ASSERT(l);
    assert_int_equal(x->number, x->box->last[x->sender] + 1); /* in the sender's order */
    x->box->last[x->sender]++;
    if (++x->box->count == SENDERS * EACH)
        loop_stop(l);
}

struct sender {
    struct inbox *box;
    int n;
    pthread_t thread;
    bool was_here;
};

static void *send_all(void *arg) {
    struct sender *d = arg;
    for (int i = 0; i < EACH; i++) {
        struct letter *x = &d->box->letters[d->n][i];
        *x = (struct letter){.m = {.fn = got_letter}, .sender = d->n, .number = i + 1, .box = d->box};
        loop_post(d->box->l, &x->m);
    }
    return NULL;
}

static void letters_of_other_threads(void **s) {
    struct inbox *box = calloc(1, sizeof *box);
    box->l = loop_new();
    struct sender d[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        d[i] = (struct sender){.box = box, .n = i};
        pthread_create(&d[i].thread, NULL, send_all, &d[i]);
    }
    loop_run(box->l);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(d[i].thread, NULL);
    assert_int_equal(box->count, SENDERS * EACH);
    loop_free(&box->l);
    free(box);
}

static void *run_elsewhere(void *arg) {
    loop_run(arg);
    return NULL;
}

static void whose_loop_it_is(void **s) {
    struct loop *l = loop_new();
    assert_true(loop_here(l)); /* set up by whoever made it */
    struct greedy g = {.t = {.fn = again}, .l = l};
    loop_timer_set(l, &g.t, loop_now(l));
    pthread_t t;
    pthread_create(&t, NULL, run_elsewhere, l);
    struct timespec nap = {0, 1000000};
    for (int i = 0; i < 1000 && loop_here(l); i++)
        nanosleep(&nap, NULL);
    assert_false(loop_here(l));
    loop_stop(l);
    pthread_join(t, NULL);
    assert_true(loop_here(l));
    loop_timer_stop(l, &g.t);
    loop_free(&l);
}

/* --- helper threads, randomness, wall clock --- */

struct chore {
    struct loop_work w;
    pthread_t worker;
    bool done;
};

static void do_chore(struct loop_work *w) {
    CONTAINER_OF(w, struct chore, w)->worker = pthread_self();
}

static void chore_done(struct loop_work *w) {
    struct chore *c = CONTAINER_OF(w, struct chore, w);
    LOOP_ASSERT(w->loop);
    assert_false(pthread_equal(c->worker, pthread_self()));
    c->done = true;
}

static bool is_done(void *ctx) {
    return ((struct chore *)ctx)->done;
}

static void work_on_a_helper_thread(void **s) {
    struct loop *l = loop_new();
    struct chore c = {.w = {.work = do_chore, .done = chore_done}};
    assert_int_equal(loop_work(l, &c.w), 0);
    run_until(l, is_done, &c, 2000);
    uint8_t a[16] = {0}, b[16] = {0};
    loop_random(l, a, sizeof a);
    loop_random(l, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(loop_wall(l).us / 1000000 - time(NULL) <= 1);
    loop_free(&l);
}

UNIT_MAIN(T(timers_fire_in_order), T(a_timer_that_rearms_itself_does_not_hold_the_loop),
          T(letters_of_other_threads), T(whose_loop_it_is), T(work_on_a_helper_thread))
