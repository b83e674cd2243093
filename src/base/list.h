/* SPDX-License-Identifier: Apache-2.0 */
/* list: intrusive doubly linked list. A state that has a population has a list. Owner: the list's holder;
 * not locked. A zeroed node is "not linked"; a list must be initialised. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev, *next;
};
struct list {
    struct list_node head;
    size_t count;
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* for each node n of l; the current node may be removed inside the loop */
#define LIST_EACH(n, l)                                                                                      \
    for (struct list_node *n = (l)->head.next, *n##_next; n != &(l)->head && (n##_next = n->next, 1);        \
         n = n##_next)

static inline void list_init(struct list *l) {
    l->head.prev = l->head.next = &l->head;
    l->count = 0;
}
static inline bool list_linked(const struct list_node *n) {
    return n->next != NULL;
}
static inline bool list_empty(const struct list *l) {
    return l->count == 0;
}
static inline void list_insert_before(struct list *l, struct list_node *at, struct list_node *n) {
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
    l->count++;
}
static inline void list_push(struct list *l, struct list_node *n) {
    list_insert_before(l, &l->head, n);
}
static inline void list_push_front(struct list *l, struct list_node *n) {
    list_insert_before(l, l->head.next, n);
}
static inline void list_remove(struct list *l, struct list_node *n) {
    if (!n->next)
        return;
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = n->next = NULL;
    l->count--;
}
/* First node, NULL when empty. */
static inline struct list_node *list_first(const struct list *l) {
    return l->count ? l->head.next : NULL;
}
static inline struct list_node *list_pop(struct list *l) {
    struct list_node *n = list_first(l);
    if (n)
        list_remove(l, n);
    return n;
}
