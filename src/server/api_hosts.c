/* SPDX-License-Identifier: Apache-2.0 */
/* api_hosts: reading one host, and counts and findings of all. */
#include "server/api.h"

#include "core/diagnose.h"
#include "server/expiry.h"
#include "server/field.h"
#include "server/reading.h"

#include <assert.h>
#include <stdio.h>

/* --- one host --- */
void api_host_get(struct request *r) {
    reading_answer(r, reading_host);
}

static void put_finding(struct json *j, const struct finding *f) {
    json_kstr(j, "id", finding_text_id(f->id));
    json_kstr(j, "severity", finding_severity(f->id));
    json_kstr(j, "sentence", f->sentence);
    json_kstr(j, "remedy", f->remedy);
    json_kstr(j, "paragraph", finding_paragraph(f->id));
}

static void put_findings(struct json *j, struct fleet_host *fh) {
    struct finding f[FINDING_COUNT];
    size_t n = diagnose(&fh->h, &fh->shard->app->policy, shard_now(fh->shard), f);
    json_key(j, "findings");
    json_arr(j);
    for (size_t i = 0; i < n; i++) {
        json_obj(j);
        put_finding(j, &f[i]);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static int show_findings(struct reading *rd, struct fleet_host *fh) {
    struct json j = json_of(rd->out);
    json_obj(&j);
    put_findings(&j, fh);
    json_obj_end(&j);
    return 0;
}
void api_host_findings(struct request *r) {
    reading_answer(r, show_findings);
}

/* --- why --- */
static void put_evidence(struct json *j, struct fleet_host *fh, struct host_now now) {
    const struct host *h = &fh->h;
    char text[512], hms[WALL_TEXT_CAP];
    struct errinfo ei = {0};
    json_key(j, "evidence");
    json_arr(j);
    if (host_unreachable(h, now, &ei)) {
        json_str(j, ei.text);
    } else {
        snprintf(text, sizeof text, "AMT link %s since %s (%s), generation %u",
                 link_state_text(h->link.state), wall_hms(h->link.since, hms), link_reason_text(h->link.why),
                 h->link.generation);
        json_str(j, text);
        host_power_status(h, &fh->shard->app->policy, now, text, sizeof text);
        json_str(j, text);
    }
    if (*h->read_error) {
        snprintf(text, sizeof text, "the last power read failed: %s (%u in a row)", h->read_error,
                 h->read_failures);
        json_str(j, text);
    }
    if (h->attempts) {
        snprintf(text, sizeof text, "%u attempts to recover so far", h->attempts);
        json_str(j, text);
    }
    if (h->local_shutdown) {
        snprintf(text, sizeof text, "the agent said at %s that a %s was begun on purpose%s%s",
                 wall_hms(h->local_shutdown_at, hms), local_kind_text(h->local_kind),
                 h->local_cause[0] ? " by " : "", h->local_cause);
        json_str(j, text);
    }
    if (h->op)
        json_str(j, h->op->text);
    json_arr_end(j);
}

static int show_explain(struct reading *rd, struct fleet_host *fh) {
    struct host_now now = shard_now(fh->shard);
    const struct host *h = &fh->h;
    const struct host_policy *p = &fh->shard->app->policy;
    char why[512];
    struct json j = json_of(rd->out);
    host_explain(h, p, now, why, sizeof why);
    json_obj(&j);
    json_kstr(&j, "host", h->id);
    json_kstr(&j, "name", h->name);
    json_kstr(&j, "desired", power_state_text(h->intent.desired));
    json_kstr(&j, "observed", power_state_text(host_power_now(h, p, now.mono)));
    json_key(&j, "decision");
    json_obj(&j);
    json_kstr(&j, "action", decision_action(&h->decided));
    json_kstr(&j, "reason", decision_id(h->decided.kind));
    json_kstr(&j, "why", why);
    json_kwall(&j, "at", h->decided_at);
    json_kwall(&j, "nextLookAt", host_next_look(h, now));
    json_obj_end(&j);
    put_evidence(&j, fh, now);
    put_findings(&j, fh);
    json_obj_end(&j);
    return 0;
}
void api_host_explain(struct request *r) {
    reading_answer(r, show_explain);
}

/* --- look --- */
static int show_look(struct reading *rd, struct fleet_host *fh) {
    int err = host_unreachable(&fh->h, shard_now(fh->shard), &rd->call.error);
    if (err)
        return err;
    struct host_ev ev = {.kind = HOST_EV_LOOK};
    fleet_host_input(fh, &ev);
    rd->status = 202;
    fleet_host_json(rd->out, fh);
    return 0;
}
void api_host_look(struct request *r) {
    reading_answer(r, show_look);
}

/* --- all hosts --- */
struct totals {
    struct fleet_scan scan;
    struct request *r;
    const char *project;
    unsigned total, mismatch, link[4], power[POWER_STATE_COUNT], findings[FINDING_COUNT], waiting, running;
    struct buf list; /* of findings */
    struct json json;
    unsigned nlisted;
};
static_assert(LINK_DOWN == 3, "four link states are counted");

static void totals_add(struct totals *t, struct fleet_host *fh) {
    struct host_now now = shard_now(fh->shard);
    const struct host_policy *p = &fh->shard->app->policy;
    const struct host *h = &fh->h;
    t->total++;
    t->link[h->link.state]++;
    t->power[host_power_now(h, p, now.mono)]++;
    t->mismatch += h->decided.mismatch;
    uint32_t bits = diagnose_bits(h, p, now);
    for (unsigned f = 0; f < FINDING_COUNT; f++)
        t->findings[f] += bits >> f & 1;
    if (h->op && h->op->state <= OP_WAITING)
        t->waiting++;
    else if (h->op && !op_state_final(h->op->state))
        t->running++;
    t->waiting += h->next != NULL;
}

static void totals_visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct totals *t = CONTAINER_OF(scan, struct totals, scan);
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (!fh->deleting && strcmp(fh->h.project, t->project) == 0)
            totals_add(t, fh);
    }
}

static void put_totals(struct json *j, const struct totals *t) {
    json_obj(j);
    json_kint(j, "total", t->total);
    json_key(j, "link");
    json_obj(j);
    for (unsigned i = 0; i < 4; i++)
        json_kint(j, link_state_text((enum link_state)i), t->link[i]);
    json_obj_end(j);
    json_key(j, "power");
    json_obj(j);
    for (unsigned i = 0; i < POWER_STATE_COUNT; i++)
        json_kint(j, power_state_text((enum power_state)i), t->power[i]);
    json_obj_end(j);
    json_kint(j, "mismatch", t->mismatch);
    json_key(j, "findings");
    json_obj(j);
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (t->findings[i])
            json_kint(j, finding_text_id((enum finding_id)i), t->findings[i]);
    json_obj_end(j);
    json_key(j, "operations");
    json_obj(j);
    json_kint(j, "waiting", t->waiting);
    json_kint(j, "running", t->running);
    json_obj_end(j);
    json_obj_end(j);
}

static void totals_done(struct fleet_scan *scan) {
    struct totals *t = CONTAINER_OF(scan, struct totals, scan);
    struct json j = request_json(t->r);
    put_totals(&j, t);
    buf_free(&t->list);
    reply_json(t->r, 200);
}

static void findings_visit(struct shard *s, struct fleet_scan *scan, unsigned part) {
    struct totals *t = CONTAINER_OF(scan, struct totals, scan);
    struct finding f[FINDING_COUNT];
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (fh->deleting || strcmp(fh->h.project, t->project) != 0)
            continue;
        size_t nf = diagnose(&fh->h, &s->app->policy, shard_now(s), f);
        for (size_t i = 0; i < nf; i++, t->nlisted++) {
            json_obj(&t->json);
            json_kstr(&t->json, "host", fh->h.id);
            json_kstr(&t->json, "name", fh->h.name);
            put_finding(&t->json, &f[i]);
            json_obj_end(&t->json);
        }
    }
}

static void findings_done(struct fleet_scan *scan) {
    struct totals *t = CONTAINER_OF(scan, struct totals, scan);
    struct json j = request_json(t->r);
    json_obj(&j);
    json_key(&j, "findings");
    t->nlisted += expiry_findings(&t->json, t->r->shard->app, t->project, request_now(t->r).wall);
    json_arr_end(&t->json);
    json_raw(&j, buf_slice(&t->list));
    json_kint(&j, "totalElements", t->nlisted);
    json_obj_end(&j);
    if (t->list.failed)
        j.out->failed = true;
    buf_free(&t->list);
    reply_json(t->r, 200);
}

static void scan_all(struct request *r, void (*visit)(struct shard *, struct fleet_scan *, unsigned),
                     void (*done)(struct fleet_scan *)) {
    struct totals *t = arena_alloc(&r->arena, sizeof *t);
    if (!t) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    t->r = r;
    t->project = r->params[0];
    t->json = json_of(&t->list);
    json_arr(&t->json);
    t->scan = (struct fleet_scan){.from = r->shard, .visit = visit, .done = done};
    request_hold(r);
    if (fleet_scan(&t->scan)) {
        buf_free(&t->list);
        reply_fail(r, ERR_BUSY, "", "out of memory");
    }
}
void api_hosts_summary(struct request *r) {
    scan_all(r, totals_visit, totals_done);
}
void api_findings(struct request *r) {
    scan_all(r, findings_visit, findings_done);
}
