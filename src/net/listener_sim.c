/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop_sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_PORT = 40000, KEY_CAP = ADDRESS_HOST_CAP + 8 };

/* What listens at one address; several loops may share it. */
struct sim_port {
    struct map_node node;
    char key[KEY_CAP]; /* the address, or ":PORT" for all addresses */
    struct list listeners;
};

struct listener_sim {
    struct listener l;
    struct sim_port *port;
    struct list_node in_port, in_loop;
    struct list waiting;     /* the kernel's accept queue, of struct stream_sim */
    struct loop_timer go_on; /* takes from the queue in a turn of its own */
};

static struct listener_sim *sim_of(struct listener *l) {
    return CONTAINER_OF(l, struct listener_sim, l);
}

static void on_go_on(struct loop_timer *t) {
    struct listener_sim *x = CONTAINER_OF(t, struct listener_sim, go_on);
    struct list_node *n = listener_has_room(&x->l) ? list_pop(&x->waiting) : NULL;
    if (!n)
        return;
    struct stream_sim *s = CONTAINER_OF(n, struct stream_sim, in_queue);
    loop_timer_set(x->l.loop, t,
                   loop_now(x->l.loop)); /* the next one; before a callback may close the listener */
    stream_accepted(&s->s, &x->l);
}

static void simlis_resume(struct listener *l) {
    struct listener_sim *x = sim_of(l);
    if (!list_empty(&x->waiting))
        loop_timer_set(l->loop, &x->go_on, loop_now(l->loop));
}

static void let_go(struct listener_sim *x) {
    list_remove(&x->port->listeners, &x->in_port);
    list_remove(&loop_sim_of(x->l.loop)->listeners, &x->in_loop);
    if (list_empty(&x->port->listeners)) {
        map_remove(&loop_sim_of(x->l.loop)->w->ports, &x->port->node);
        free(x->port);
    }
    listener_fini(&x->l);
    free(x);
}

static void simlis_close(struct listener *l) {
    struct listener_sim *x = sim_of(l);
    loop_timer_stop(l->loop, &x->go_on);
    for (struct list_node *n; (n = list_pop(&x->waiting));)
        stream_drop(&CONTAINER_OF(n, struct stream_sim, in_queue)->s);
    let_go(x);
}

void listener_sim_vanish(struct loop_sim *l) {
    for (struct list_node *n; (n = list_first(&l->listeners));) {
        struct listener_sim *x = CONTAINER_OF(n, struct listener_sim, in_loop);
        loop_timer_stop(&l->loop, &x->go_on);
        let_go(x);
    }
}

void listener_sim_fini(struct sim_world *w) {
    map_free(&w->ports);
}

static const struct listener_ops simlis_ops = {.resume = simlis_resume, .close = simlis_close};

/* --- ports --- */

static struct sim_port *find_port(struct sim_world *w, const char *key) {
    struct map_node *n = map_get(&w->ports, slice_str(key));
    return n ? CONTAINER_OF(n, struct sim_port, node) : NULL;
}

static void make_key(const struct address *a, const char *text, uint16_t port, char *key) {
    bool any = a->kind == ADDRESS_ANY || strcmp(a->host, "::") == 0 || strcmp(a->host, "0.0.0.0") == 0;
    if (a->kind == ADDRESS_UNIX)
        snprintf(key, KEY_CAP, "%.200s", text);
    else if (any)
        snprintf(key, KEY_CAP, ":%u", port);
    else
        address_join(a->host, port, key, KEY_CAP);
}

bool listener_sim_arrive(struct sim_world *w, const char *address, struct sim_end *client) {
    struct sim_port *p = find_port(w, address);
    const char *colon = strrchr(address, ':');
    if (!p && colon)
        p = find_port(w, colon);
    if (!p)
        return false;
    /* loops that share a port take turns */
    struct list_node *n = list_pop(&p->listeners);
    list_push(&p->listeners, n);
    struct listener_sim *x = CONTAINER_OF(n, struct listener_sim, in_port);
    struct stream_sim *s = stream_sim_accepted(x->l.loop, client);
    if (!s)
        return false;
    if (listener_has_room(&x->l) && list_empty(&x->waiting)) {
        stream_accepted(&s->s, &x->l);
        return true;
    }
    s->queue = &x->waiting;
    list_push(s->queue, &s->in_queue);
    return true;
}

struct listener *listener_sim_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei) {
    struct loop_sim *ls = loop_sim_of(l);
    struct sim_world *w = ls->w;
    struct address a;
    char key[KEY_CAP];
    if (address_parse(o->address, &a, ei) < 0)
        return NULL;
    if (!a.port && a.kind != ADDRESS_UNIX)
        a.port = (uint16_t)(FIRST_PORT + w->next_port++);
    make_key(&a, o->address, a.port, key);
    struct sim_port *p = find_port(w, key);
    if (p && !o->reuse_port) {
        err_set(ei, ERR_EXISTS, "address", "cannot listen on %s: Address already in use", o->address);
        return NULL;
    }
    struct listener_sim *x = calloc(1, sizeof *x);
    struct sim_port *fresh = p ? NULL : calloc(1, sizeof *fresh);
    if (fresh) {
        list_init(&fresh->listeners);
        memcpy(fresh->key, key, sizeof key);
    }
    if (!x || (!p && (!fresh || map_put(&w->ports, &fresh->node, slice_str(fresh->key)) < 0))) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        free(fresh);
        free(x);
        return NULL;
    }
    x->port = p ? p : fresh;
    x->go_on.fn = on_go_on;
    list_init(&x->waiting);
    listener_init(&x->l, l, &simlis_ops, o);
    list_push(&x->port->listeners, &x->in_port);
    list_push(&ls->listeners, &x->in_loop);
    x->l.port = a.port;
    if (a.kind == ADDRESS_UNIX)
        snprintf(x->l.address, sizeof x->l.address, "%.*s", (int)sizeof x->l.address - 1, key);
    else
        address_join(a.kind == ADDRESS_ANY ? "::" : a.host, a.port, x->l.address, sizeof x->l.address);
    return &x->l;
}
