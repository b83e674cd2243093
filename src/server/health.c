/* SPDX-License-Identifier: Apache-2.0 */
/* health: is it alive, can it serve, what does it count, what is it. */
#include "server/api.h"

#include "server/httpd.h"
#include "server/reading.h"

#include <inttypes.h>
#include <stdio.h>

void api_healthz(struct request *r) {
    reply_bytes(r, 200, "text/plain; charset=utf-8", SLICE_LIT("ok\n"));
}

struct check {
    const char *name;
    bool ok;
    const char *text;
};

static size_t checks(const struct app *a, struct check out[3]) {
    bool loaded = atomic_load(&((struct app *)a)->ready),
         draining = atomic_load(&((struct app *)a)->draining);
    bool store = a->store && store_healthy(a->store);
    out[0] =
        (struct check){"loaded", loaded, loaded ? "hosts are loaded, listeners are open" : "still starting"};
    out[1] =
        (struct check){"store", store, store ? "the database takes writes" : "the database refuses writes"};
    out[2] =
        (struct check){"serving", !draining, draining ? "stopping: no new work is taken" : "not stopping"};
    return 3;
}

void api_readyz(struct request *r) {
    struct check c[3];
    size_t n = checks(r->shard->app, c);
    struct buf b = {0};
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok = ok && c[i].ok;
        if (r->query[QUERY_VERBOSE].number || !c[i].ok)
            buf_putf(&b, "%s %s: %s\n", c[i].ok ? "ok  " : "FAIL", c[i].name, c[i].text);
    }
    buf_puts(&b, ok ? "ready\n" : "not ready\n");
    reply_bytes(r, ok ? 200 : 503, "text/plain; charset=utf-8", buf_slice(&b));
    buf_free(&b);
}

/* --- metrics --- */
static void put_gauge(struct buf *b, const char *name, const char *type, const char *help, int64_t v) {
    buf_putf(b, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", name, help, name, type, name, v);
}

void api_metrics(struct request *r) {
    const struct app *a = r->shard->app;
    const struct metrics *parts[SHARDS_MAX];
    struct buf b = {0};
    for (unsigned i = 0; i < a->nshards; i++)
        parts[i] = &a->shards[i]->metrics;
    metrics_print(&b, parts, a->nshards);
    if (a->store) {
        put_gauge(&b, "outband_store_queue", "gauge", "Transactions waiting for the disk",
                  (int64_t)store_queue_length(a->store));
        put_gauge(&b, "outband_store_commits_total", "counter", "Commits of the database",
                  (int64_t)store_commits(a->store));
    }
    buf_puts(&b, "# HELP outband_build_info Version\n# TYPE outband_build_info gauge\n"
                 "outband_build_info{version=\"" OUTBAND_VERSION "\"} 1\n");
    put_gauge(&b, "outband_start_time_seconds", "gauge", "Start of the process, seconds since 1970",
              a->started.us / 1000000);
    reply_bytes(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&b));
    buf_free(&b);
}

void api_openapi(struct request *r) {
    struct buf b = {0};
    httpd_openapi(&b);
    reply_bytes(r, 200, "application/json", buf_slice(&b));
    buf_free(&b);
}

/* --- what it is --- */
static void put_feature(struct json *j, const char *name, bool installed) {
    json_key(j, name);
    json_obj(j);
    json_kbool(j, "installed", installed);
    json_obj_end(j);
}

/* The shape that EMF's clients gate their flags on. Source: reference edge-orchestrator 4.4 */
void api_orchestrator(struct request *r) {
    struct json j = request_json(r);
    json_obj(&j);
    json_kstr(&j, "schema-version", "1.0");
    json_key(&j, "orchestrator");
    json_obj(&j);
    json_kstr(&j, "name", "outband");
    json_kstr(&j, "version", OUTBAND_VERSION);
    json_kwall(&j, "startedAt", r->shard->app->started);
    json_key(&j, "features");
    json_obj(&j);
    json_key(&j, "edge-infrastructure-manager");
    json_obj(&j);
    json_kbool(&j, "installed", true);
    put_feature(&j, "oob", true);
    put_feature(&j, "onboarding", true);
    put_feature(&j, "provisioning", false);
    put_feature(&j, "day2", false);
    json_obj_end(&j);
    put_feature(&j, "cluster-orchestration", false);
    put_feature(&j, "application-orchestration", false);
    json_obj_end(&j);
    json_obj_end(&j);
    json_obj_end(&j);
    reply_json(r, 200);
}

void api_project(struct request *r) {
    struct json j = request_json(r);
    json_obj(&j);
    json_kstr(&j, "name", r->params[0]);
    json_kstr(&j, "description", strcmp(r->params[0], "default") == 0 ? "The first project" : "");
    json_key(&j, "status");
    json_obj(&j);
    json_key(&j, "projectStatus");
    json_obj(&j);
    json_kstr(&j, "statusIndicator", "STATUS_INDICATION_IDLE");
    json_kstr(&j, "message", "active");
    json_kstr(&j, "uID", r->params[0]);
    json_obj_end(&j);
    json_obj_end(&j);
    json_obj_end(&j);
    reply_json(r, 200);
}
