/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a provisioning, and the life of the node's secrets: a fresh one is stored beside the present
 * one before it is sent, and takes its place when a login has proved it. */
#include "server/provisioning_int.h"

#include "base/log.h"
#include "base/text.h"
#include "server/directory.h"
#include "server/persist.h"

#include <stdio.h>
#include <stdlib.h>

/* One write on its way; finds its host by id, which may be gone by then. */
struct prov_writing {
    struct fleet_call call; /* while it waits for another write of the host's row */
    struct persist_wait w;
    struct shard *shard;
    char host[HOST_ID_CAP];
    unsigned bits;
    struct store_host row;
    struct store_provision prov;
    struct directory_entry before;
    bool user_made;
};

/* --- fresh secrets --- */

/* Length and kinds of letters that AMT wants of a password: upper, lower, digit, special (5.6). */
static void make_password(struct loop *l, size_t n, bool special, char *out) {
    static const char ALNUM[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    uint8_t r[40];
    loop_random(l, r, sizeof r);
    for (size_t i = 0; i < n; i++)
        out[i] = ALNUM[r[i] % (sizeof ALNUM - 1)];
    /* one of each kind, at places that say nothing */
    out[0] = "ABCDEFGHJKLMNPQRSTUVWXYZ"[r[32] % 24];
    out[1] = "abcdefghijkmnpqrstuvwxyz"[r[33] % 24];
    out[2] = "23456789"[r[34] % 8];
    if (special)
        out[3] = "$@!%*#?"[r[35] % 7];
    out[n] = 0;
    explicit_bzero(r, sizeof r);
}

static int seal(const struct prov_writing *pw, const char *what, const char *secret, struct sealed *out) {
    char context[HOST_ID_CAP + 8];
    snprintf(context, sizeof context, "%s/%s", pw->host, what);
    return seal_put(pw->shard->app->seal, context, slice_str(secret), out);
}

static int fresh(const struct prov_writing *pw, const char *what, size_t n, struct sealed *out) {
    char secret[40];
    make_password(pw->shard->loop, n, strcmp(what, "cira") != 0, secret);
    int r = seal(pw, what, secret, out);
    explicit_bzero(secret, sizeof secret);
    return r;
}

enum { AMT_PASSWORD = 24, CIRA_PASSWORD = 16 /* the public server's most, and the least of firmware */ };

static void drop_secrets(unsigned bits, struct store_host *row) {
    const struct sealed none = {0};
    if (bits & (PROV_DROP_NEXT | PROV_DROP_RELEASED | PROV_DROP_ALL))
        row->amt_next = row->cira_next = none;
    if (bits & (PROV_DROP_RELEASED | PROV_DROP_ALL))
        row->amt_secret = row->cira_secret = none;
    if (bits & PROV_DROP_ALL)
        row->mebx_secret = row->mebx_next = none;
}

/* shared: the AMT password of all nodes of the profile that is being carried out; "": each has its own. */
static int change_secrets(struct prov_writing *pw, const char *shared) {
    struct store_host *row = &pw->row;
    const struct sealed none = {0};
    int r = 0;
    if (pw->bits & PROV_FRESH_AMT && !row->amt_next.n)
        r = *shared ? seal(pw, "amt", shared, &row->amt_next)
                    : fresh(pw, "amt", AMT_PASSWORD, &row->amt_next);
    if (r == 0 && pw->bits & PROV_FRESH_MEBX && !row->mebx_next.n && !row->mebx_secret.n)
        r = fresh(pw, "mebx", AMT_PASSWORD, &row->mebx_next);
    if (r == 0 && pw->bits & PROV_FRESH_CIRA && !row->cira_next.n)
        r = fresh(pw, "cira", CIRA_PASSWORD, &row->cira_next);
    if (pw->bits & PROV_FRESH_CIRA && !row->cira_user[0]) {
        /* letters and digits only, 5 to 16; the host's id is nobody else's */
        snprintf(row->cira_user, sizeof row->cira_user, "node%s", row->id + strlen("host-"));
        pw->user_made = true;
    }
    if (pw->bits & PROV_PROMOTE_AMT && row->amt_next.n) {
        row->amt_secret = row->amt_next;
        row->amt_next = none;
        snprintf(row->amt_user, sizeof row->amt_user, "admin");
    }
    if (pw->bits & PROV_PROMOTE_MEBX && row->mebx_next.n) {
        row->mebx_secret = row->mebx_next;
        row->mebx_next = none;
    }
    if (pw->bits & PROV_PROMOTE_CIRA && row->cira_next.n) {
        row->cira_secret = row->cira_next;
        row->cira_next = none;
    }
    drop_secrets(pw->bits, row);
    return r;
}

/* What was done is what is wanted from now on, whoever ordered it by whichever door: else a node that was
 * activated at its place would be one that somebody else set up. */
static void follow_intent(unsigned bits, const struct provision *p, struct amt_intent *want) {
    if (bits & PROV_PROMOTE_CIRA && p->goal == PROV_GOAL_ACTIVATE && want->desired != AMT_STATE_PROVISIONED) {
        want->desired = AMT_STATE_PROVISIONED;
        want->mode = p->mode;
        snprintf(want->profile, sizeof want->profile, "%s", p->profile);
    } else if (bits & (PROV_DROP_RELEASED | PROV_DROP_ALL)) {
        want->desired = AMT_STATE_UNPROVISIONED;
    }
}

static void apply_row(struct fleet_host *fh, const struct prov_writing *pw) {
    const struct store_host *row = &pw->row;
    fh->h.amt_intent = row->amt_intent;
    fh->amt_secret = row->amt_secret;
    fh->amt_next = row->amt_next;
    fh->mebx_secret = row->mebx_secret;
    fh->mebx_next = row->mebx_next;
    fh->cira_secret = row->cira_secret;
    fh->cira_next = row->cira_next;
    memcpy(fh->h.amt_user, row->amt_user, sizeof fh->h.amt_user);
    memcpy(fh->h.cira_user, row->cira_user, sizeof fh->h.cira_user);
}

/* --- writing --- */

static void end(struct prov_writing *pw, int err) {
    struct fleet_host *fh = fleet_host_find(pw->shard, pw->host);
    struct provisioning *pv = fh ? fh->prov : NULL;
    bool mine = pv && pv->write == &pw->call;
    if (mine)
        pv->write = NULL;
    if (err == 0 && fh && pw->bits)
        apply_row(fh, pw);
    explicit_bzero(pw, sizeof *pw);
    free(pw);
    if (mine)
        prov_journaled(pv, err);
}

static void written(struct persist_wait *w) {
    struct prov_writing *pw = CONTAINER_OF(w, struct prov_writing, w);
    struct fleet_host *fh = fleet_host_find(pw->shard, pw->host);
    char host[HOST_ID_CAP];
    memcpy(host, pw->host, sizeof host);
    struct shard *s = pw->shard;
    if (fh)
        fh->patching = false;
    if (w->err < 0 && pw->user_made) {
        int undo = directory_change(s->app->directory, &pw->before, NULL);
        (void)undo; /* cannot fail: the names were this host's own */
    }
    end(pw, w->err);
    if ((fh = fleet_host_find(s, host)))
        fleet_run_deferred(fh);
}

static int submit(struct fleet_host *fh, struct prov_writing *pw) {
    struct shard *s = pw->shard;
    persist_row(fh, &pw->row);
    fleet_directory_entry(&pw->row, &pw->before);
    int r = change_secrets(pw, fh->prov->plan.profile.shared_password);
    follow_intent(pw->bits, &fh->prov->m.p, &pw->row.amt_intent);
    if (r == 0 && pw->user_made) {
        struct directory_entry after;
        fleet_directory_entry(&pw->row, &after);
        r = directory_change(s->app->directory, &after, NULL);
        pw->user_made = r == 0;
    }
    memcpy(pw->prov.host, pw->host, sizeof pw->prov.host);
    pw->prov.p = fh->prov->m.p;
    struct store_txn *t = r == 0 && s->app->store ? persist_txn() : NULL;
    if (r == 0 && s->app->store)
        r = t ? store_txn_add(t, STORE_PROVISION_PUT, &pw->prov) : ERR_NOMEM;
    if (r == 0 && t && pw->bits)
        r = store_txn_add(t, STORE_HOST_PUT, &pw->row);
    if (r == 0 && t) {
        r = persist_submit(&pw->w, t);
        t = NULL;
    }
    store_txn_free(&t);
    return r;
}

/* Rows are written whole, so this one waits for a write under way. */
static void run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    struct prov_writing *pw = CONTAINER_OF(call, struct prov_writing, call);
    if (!fh || !fh->prov || fh->prov->write != call) {
        end(pw, ERR_NOT_FOUND);
        return;
    }
    if (fh->h.journal || fh->patching) {
        list_push(&fh->deferred, &call->node);
        return;
    }
    pw->w.shard = s;
    pw->w.done = written;
    int r = submit(fh, pw);
    if (r < 0) {
        struct log_ctx ctx = {.host = fh->h.id};
        log_line(LOG_ERROR, "provisioning", &ctx, "the journal could not be written: %s", err_text(r));
        end(pw, r);
        return;
    }
    fh->patching = true;
    if (!s->app->store)
        written(&pw->w);
}

/* The host went while it waited. */
static void dropped(struct fleet_call *call) {
    end(CONTAINER_OF(call, struct prov_writing, call), ERR_NOT_FOUND);
}

void prov_write(struct provisioning *pv, unsigned bits) {
    struct prov_writing *pw = calloc(1, sizeof *pw);
    struct shard *s = pv->fh->shard;
    if (!pw) {
        prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_JOURNALED, .err = ERR_NOMEM});
        return;
    }
    pw->shard = s;
    pw->bits = bits;
    memcpy(pw->host, pv->fh->h.id, sizeof pw->host);
    pw->call = (struct fleet_call){.from = s, .run = run, .done = dropped};
    memcpy(pw->call.host, pw->host, sizeof pw->call.host);
    pv->write = &pw->call;
    run(s, pv->fh, &pw->call);
}

void prov_save(struct provisioning *pv) {
    struct shard *s = pv->fh->shard;
    struct store_provision row = {.p = pv->m.p};
    if (!s->app->store || pv->fh->deleting)
        return;
    memcpy(row.host, pv->fh->h.id, sizeof row.host);
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (t && (store_txn_add(t, STORE_PROVISION_PUT, &row) < 0 || store_submit(s->app->store, t) < 0))
        store_txn_free(&t);
}
