/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of an agent: its row in the store, its certificate, its coming and going. */
#include "server/agents_int.h"

#include "server/directory.h"
#include "server/provisioning.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the store --- */

void agents_row(const struct fleet_host *fh, struct store_agent *row) {
    const struct agent_door *d = fh->agent;
    *row = (struct store_agent){.has_cert = true,
                                .has_before = d->has_before,
                                .enrolled = d->agent.enrolled,
                                .seen = d->agent.seen,
                                .cert_until = d->agent.cert_until,
                                .facts_at = d->agent.facts_at,
                                .facts = d->agent.facts};
    memcpy(row->host, fh->h.id, sizeof row->host);
    memcpy(row->cert, d->cert, sizeof row->cert);
    memcpy(row->before, d->before, sizeof row->before);
    memcpy(row->key_name, d->key_name, sizeof row->key_name);
}

void agents_write(struct fleet_host *fh, enum store_write_kind kind, bool durable) {
    struct store *st = fh->shard->app->store;
    if (!st || fh->deleting)
        return;
    struct store_agent row;
    agents_row(fh, &row);
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (t)
        t->durable = durable;
    if (!t || store_txn_add(t, kind, &row) < 0 || store_submit(st, t) < 0)
        store_txn_free(&t);
}

void agents_learn_ids(struct fleet_host *fh) {
    const struct agent_facts *facts = &fh->agent->agent.facts;
    struct node_ids ids = {.smbios = facts->smbios_uuid, .amt = facts->amt_uuid};
    slice_to_str(slice_str(facts->serial), ids.serial, sizeof ids.serial);
    directory_learn(fh->shard->app->directory, fh->h.id, &ids);
}

/* --- identity --- */

int agents_enter(struct fleet_host *fh, const struct store_agent *row) {
    struct agent_door *d = fh->agent;
    struct agent_ca *ca = fh->shard->app->agent_ca;
    if (!d && !(d = calloc(1, sizeof *d)))
        return ERR_NOMEM;
    if (ca && agent_ca_admit(ca, fh->h.id, row->cert, row->has_before ? row->before : NULL) < 0) {
        if (!fh->agent)
            free(d);
        return ERR_NOMEM;
    }
    d->fh = fh;
    d->wait_timer.fn = agents_on_wait;
    d->gone_timer.fn = agents_on_gone;
    d->has_before = row->has_before;
    memcpy(d->cert, row->cert, sizeof d->cert);
    memcpy(d->before, row->before, sizeof d->before);
    memcpy(d->key_name, row->key_name, sizeof d->key_name);
    d->agent.facts = row->facts;
    d->agent.facts_at = row->facts_at;
    d->agent.enrolled = row->enrolled;
    d->agent.seen = row->seen;
    d->agent.cert_until = row->cert_until;
    fh->agent = d;
    fh->h.agent = &d->agent;
    agents_learn_ids(fh);
    return 0;
}

bool agents_in_use(const struct fleet_host *fh) {
    return fh->agent && fh->agent->agent.cert_until.us > loop_wall(fh->shard->loop).us;
}

void agents_drop(struct fleet_host *fh, int err) {
    struct agent_door *d = fh->agent;
    if (!d)
        return;
    if (fh->shard->app->agent_ca)
        agent_ca_revoke(fh->shard->app->agent_ca, fh->h.id);
    if (fh->shard->loop) { /* NULL: it crashed (simulation) */
        loop_timer_stop(fh->shard->loop, &d->wait_timer);
        loop_timer_stop(fh->shard->loop, &d->gone_timer);
        if (d->held && err) {
            d->held->call.err = err_set(&d->held->call.error, err, "", "%s", err_text(err));
            fleet_answer(&d->held->call);
        }
    }
    fh->agent = NULL;
    fh->h.agent = NULL;
    free(d);
}

void agents_revoke(struct fleet_host *fh, const char *why) {
    if (!fh->agent)
        return;
    char text[128];
    snprintf(text, sizeof text, "The identity of the agent is void: %s", why);
    agents_write(fh, STORE_AGENT_DELETE, true);
    agents_drop(fh, ERR_AUTH);
    fleet_host_event(fh, HOST_EVENT_AGENT, text);
    provisioning_look(fh);
}

static int load_one(void *ctx, const struct store_agent *row) {
    struct app *a = ctx;
    struct fleet_host *fh = fleet_host_find(app_shard_of(a, row->host), row->host);
    return fh && row->has_cert ? agents_enter(fh, row) : 0;
}

int agents_load(struct app *a, struct errinfo *ei) {
    int r = store_each_agent(a->store, load_one, a);
    return r < 0 ? err_set(ei, r, "", "the agents could not be read from the store: %s", err_text(r)) : 0;
}
