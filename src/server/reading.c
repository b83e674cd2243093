/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reading.h"

#include "server/directory.h"

#include <inttypes.h>
#include <stdio.h>

int host_check(const struct fleet_host *fh, const char *project, const char *id, struct errinfo *ei) {
    if (fh && strcmp(fh->h.project, project) == 0)
        return 0;
    err_set(ei, ERR_NOT_FOUND, "host", "there is no host %s in the project %s", id, project);
    err_remedy(ei, "GET /v1/projects/%s/compute/hosts lists them.", project);
    return ERR_NOT_FOUND;
}

int host_id_of(struct request *r, const char *project, const char *text, char id[HOST_ID_CAP],
               struct errinfo *ei) {
    struct directory_entry e;
    if (strncmp(text, "host-", 5) == 0 && strlen(text) == 13) {
        snprintf(id, HOST_ID_CAP, "%s", text);
        return 0;
    }
    if (directory_by_name(r->shard->app->directory, project, text, &e))
        return host_check(NULL, project, text, ei);
    memcpy(id, e.id, HOST_ID_CAP);
    return 0;
}

bool host_id_param(struct request *r, char id[HOST_ID_CAP]) {
    struct errinfo ei = {0};
    if (host_id_of(r, r->params[0], r->params[1], id, &ei) == 0)
        return true;
    reply_error(r, &ei);
    return false;
}

void host_etag(const struct fleet_host *fh, struct host_now now, char out[72]) {
    const struct host *h = &fh->h;
    uint64_t x = (uint64_t)h->power.at.us * 0x9e3779b97f4a7c15u;
    x = (x ^ (uint64_t)h->link.since.us ^ (uint64_t)h->link.state << 60) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (uint64_t)h->decided_at.us ^ h->findings) * 0x94d049bb133111ebu;
    x ^= (uint64_t)host_power_now(h, &fh->shard->app->policy, now.mono) << 3;
    if (h->op)
        x ^= (uint64_t)h->op->updated.us * 31 + h->op->state;
    if (h->next)
        x ^= (uint64_t)h->next->updated.us * 37 + h->next->state;
    for (unsigned k = 0; h->sessions && k < REDIR_KIND_COUNT; k++)
        if (h->sessions->open[k])
            x ^= ((uint64_t)h->sessions->open[k]->since.us * 41 + h->sessions->open[k]->state) * (k + 1);
    snprintf(out, 72, "\"%" PRIu64 "-%016" PRIx64 "\"", h->version, x);
}

uint64_t host_version_wanted(struct slice if_match) {
    uint64_t v;
    struct slice s = slice_trim(if_match);
    if (s.n && s.p[0] == '"')
        s = slice_skip(s, 1);
    s = slice_cut(&s, '-');
    while (s.n && s.p[s.n - 1] == '"')
        s.n--;
    if (!s.n || slice_is(s, "*"))
        return 0;
    return slice_to_u64(s, UINT64_MAX, &v) ? v : UINT64_MAX;
}

/* --- one host, one answer --- */
static int look(struct reading *rd, struct fleet_host *fh, const char *id) {
    int err = host_check(fh, rd->r->params[0], id, &rd->call.error);
    return err ? err : rd->show(rd, fh);
}

static void answer(struct reading *rd, int err) {
    struct request *r = rd->r;
    if (err) {
        buf_free(&rd->own);
        reply_error(r, &rd->call.error);
        return;
    }
    if (rd->out == &rd->own) {
        struct json j = request_json(r);
        json_raw(&j, buf_slice(&rd->own));
        if (rd->own.failed)
            j.out->failed = true;
        buf_free(&rd->own);
    }
    if (*rd->etag && r->route && strcmp(r->route->method, "GET") == 0) {
        reply_json_etag(r, rd->etag);
        return;
    }
    if (*rd->etag)
        request_put_header(r, "ETag", rd->etag);
    reply_json(r, rd->status);
}

/* The request is held meanwhile: what run reads of it does not change. */
static void run(struct shard *s, struct fleet_host *fh, struct fleet_call *c) {
    struct reading *rd = CONTAINER_OF(c, struct reading, call);
    c->err = look(rd, fh, c->host);
    fleet_answer(c);
}
static void done(struct fleet_call *c) {
    answer(CONTAINER_OF(c, struct reading, call), c->err);
}

void reading_answer_id(struct request *r, const char *id, int status,
                       int (*show)(struct reading *rd, struct fleet_host *fh)) {
    struct shard *home = app_shard_of(r->shard->app, id);
    if (home == r->shard) {
        struct reading rd = {.r = r, .show = show, .status = status, .out = request_json(r).out};
        answer(&rd, look(&rd, fleet_host_find(home, id), id));
        return;
    }
    struct reading *rd = arena_alloc(&r->arena, sizeof *rd);
    if (!rd) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    rd->r = r;
    rd->show = show;
    rd->status = status;
    rd->out = &rd->own;
    rd->call.from = r->shard;
    rd->call.run = run;
    rd->call.done = done;
    snprintf(rd->call.host, sizeof rd->call.host, "%s", id);
    request_hold(r);
    fleet_ask(&rd->call);
}

void reading_answer(struct request *r, int (*show)(struct reading *rd, struct fleet_host *fh)) {
    char id[HOST_ID_CAP];
    if (host_id_param(r, id))
        reading_answer_id(r, id, 200, show);
}

int reading_host(struct reading *rd, struct fleet_host *fh) {
    host_etag(fh, shard_now(fh->shard), rd->etag);
    fleet_host_json(rd->out, fh);
    return 0;
}
