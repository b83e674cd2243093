/* SPDX-License-Identifier: Apache-2.0 */
/* All hosts and unfinished operations, from the store into the shards, before the loops run. */
#include "server/agents.h"
#include "server/directory.h"
#include "server/fleet.h"
#include "server/persist.h"
#include "server/provisioning.h"

#include "base/log.h"

#include <stdlib.h>

struct load {
    struct app *app;
    struct errinfo *ei;
};

void fleet_directory_entry(const struct store_host *row, struct directory_entry *e) {
    *e = (struct directory_entry){.cira_shared = row->cira_shared,
                                  .ids = {.smbios = row->smbios_uuid, .amt = row->amt_uuid}};
    memcpy(e->id, row->id, sizeof e->id);
    memcpy(e->project, row->project, sizeof e->project);
    memcpy(e->name, row->name, sizeof e->name);
    memcpy(e->cira_user, row->cira_user, sizeof e->cira_user);
    memcpy(e->ids.serial, row->serial, sizeof e->ids.serial);
}

static int load_host(void *ctx, const struct store_host *row) {
    struct load *l = ctx;
    struct shard *s = app_shard_of(l->app, row->id);
    struct directory_entry e;
    fleet_directory_entry(row, &e);
    int r = directory_add(l->app->directory, &e, l->ei);
    if (r < 0)
        return r;
    struct fleet_host *fh = fleet_host_new(s, row);
    if (!fh)
        return err_set(l->ei, ERR_NOMEM, "", "out of memory while the hosts were read");
    if ((r = fleet_host_enter(fh)) < 0) {
        host_fini(&fh->h);
        free(fh);
        return err_set(l->ei, r, "", "the host %s could not be loaded: %s", row->id, err_text(r));
    }
    if (!uuid_is_placeholder(row->seen_uuid)) {
        char other[HOST_ID_CAP];
        size_t others = directory_see_uuid(l->app->directory, row->id, row->seen_uuid, other, NULL);
        fh->h.duplicate_uuid = others > 0;
        struct fleet_host *twin = others == 1 ? fleet_host_find(app_shard_of(l->app, other), other) : NULL;
        if (twin)
            twin->h.duplicate_uuid = true;
    }
    return 0;
}

/* The one that was perhaps sent is in flight; of two that were not, the older one goes first. */
static bool goes_first(const struct operation *a, const struct operation *b) {
    bool a_sent = a->state == OP_RUNNING || a->state == OP_CONFIRMING;
    bool b_sent = b->state == OP_RUNNING || b->state == OP_CONFIRMING;
    return a_sent != b_sent ? a_sent : a->created.us < b->created.us;
}

static int load_op(void *ctx, const struct store_op *row) {
    struct load *l = ctx;
    struct shard *s = app_shard_of(l->app, row->host);
    struct fleet_host *fh = fleet_host_find(s, row->host);
    if (!fh)
        return 0;
    struct operation *op = malloc(sizeof *op);
    if (!op)
        return err_set(l->ei, ERR_NOMEM, "", "out of memory while the operations were read");
    *op = row->op;
    struct operation **slots[] = {&fh->h.op, &fh->h.next};
    for (size_t i = 0; op && i < 2; i++) {
        struct operation *old = *slots[i];
        if (!old || goes_first(op, old)) {
            *slots[i] = op;
            op = old;
        }
    }
    if (op) { /* a host has two at most: the third can only be left over from a lost write */
        operation_set_state(op, OP_CANCELLED, OP_CODE_SUPERSEDED, loop_wall(s->loop),
                            "left over by an older process");
        persist_op(fh, op);
        free(op);
    }
    return 0;
}

static int load_provision(void *ctx, const struct store_provision *row) {
    struct load *l = ctx;
    struct fleet_host *fh = fleet_host_find(app_shard_of(l->app, row->host), row->host);
    if (fh && provisioning_restore(fh, &row->p) < 0)
        return err_set(l->ei, ERR_NOMEM, "", "out of memory while the provisionings were read");
    return 0;
}

static void restore(struct fleet_host *fh) {
    struct shard *s = fh->shard;
    actions_clear(&s->actions);
    host_restore(&fh->h, &s->app->policy, shard_now(s), &s->actions);
    fleet_host_do_actions(fh);
}

int fleet_load(struct app *a, struct errinfo *ei) {
    struct load l = {a, ei};
    int r = store_each_host(a->store, load_host, &l);
    if (r == 0)
        r = store_each_open_op(a->store, load_op, &l);
    if (r == 0)
        r = store_each_provision(a->store, load_provision, &l);
    if (r < 0) {
        if (ei && !ei->code)
            err_set(ei, r, "", "the hosts could not be read from the store: %s", err_text(r));
        return r;
    }
    if ((r = agents_load(a, ei)) < 0)
        return r;
    for (unsigned i = 0; i < a->nshards; i++) {
        struct map_iter it = {0};
        for (struct map_node *n; (n = map_next(&a->shards[i]->hosts, &it));)
            restore(CONTAINER_OF(n, struct fleet_host, node));
    }
    log_info("fleet", "%zu hosts loaded", directory_count(a->directory));
    return 0;
}
