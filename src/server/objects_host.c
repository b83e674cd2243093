/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for a host goes with it: its exceptions, which are named HOST.CONTROL. */
#include "server/objects_int.h"

#include <stdio.h>

static bool is_of(const struct entry *e, const char *project, const char *host) {
    size_t n = strlen(host);
    return e->kind == OBJECT_EXCEPTION && e->state == ENTRY_LIVE && strcmp(e->project, project) == 0 &&
           strncmp(e->name, host, n) == 0 && e->name[n] == '.';
}

int objects_host_goes(struct objects *o, const char *project, const char *host, struct store_txn *t) {
    struct map_iter it = {0};
    int r = 0;
    pthread_rwlock_rdlock(&o->lock);
    for (struct map_node *m; r == 0 && (m = map_next(&o->all, &it));) {
        const struct entry *e = CONTAINER_OF(m, struct entry, node);
        struct store_object row = {.version = e->version, .body = e->body};
        if (!is_of(e, project, host))
            continue;
        snprintf(row.kind, sizeof row.kind, "%s", object_kind_word(e->kind));
        memcpy(row.project, e->project, sizeof row.project);
        memcpy(row.name, e->name, sizeof row.name);
        r = store_txn_add(t, STORE_OBJECT_DELETE, &row);
    }
    pthread_rwlock_unlock(&o->lock);
    return r;
}

static struct entry *next_of(struct objects *o, const char *project, const char *host) {
    struct map_iter it = {0};
    for (struct map_node *m; (m = map_next(&o->all, &it));) {
        struct entry *e = CONTAINER_OF(m, struct entry, node);
        if (is_of(e, project, host))
            return e;
    }
    return NULL;
}

void objects_host_gone(struct objects *o, const char *project, const char *host) {
    pthread_rwlock_wrlock(&o->lock);
    for (struct entry *e; (e = next_of(o, project, host));)
        objects_forget(o, e);
    pthread_rwlock_unlock(&o->lock);
}
