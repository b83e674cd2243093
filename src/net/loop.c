/* SPDX-License-Identifier: Apache-2.0 */
#include "net/impl.h"

#include <assert.h>

void loop_init(struct loop *l, const struct loop_ops *ops) {
    l->ops = ops;
    list_init(&l->streams);
    list_init(&l->todo);
}

void loop_run(struct loop *l) {
    l->ops->run(l);
}

void loop_stop(struct loop *l) {
    l->ops->stop(l);
}

void loop_free(struct loop **l) {
    if (!*l)
        return;
    (*l)->ops->free(*l);
    *l = NULL;
}

struct mono loop_now(const struct loop *l) {
    return l->ops->now(l);
}

struct wall loop_wall(const struct loop *l) {
    return l->ops->wall(l);
}

bool loop_here(const struct loop *l) {
    return l->ops->here(l);
}

void loop_random(struct loop *l, void *out, size_t n) {
    l->ops->random(l, out, n);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, struct mono at) {
    LOOP_ASSERT(l);
    l->ops->timer_set(l, t, at);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t) {
    LOOP_ASSERT(l);
    l->ops->timer_stop(l, t);
}

void loop_post(struct loop *l, struct loop_msg *m) {
    assert(m->fn);
    l->ops->post(l, m);
}

int loop_work(struct loop *l, struct loop_work *w) {
    LOOP_ASSERT(l);
    w->loop = l;
    return l->ops->work(l, w);
}

struct listener *listener_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei) {
    LOOP_ASSERT(l);
    return l->ops->listen(l, o, ei);
}
