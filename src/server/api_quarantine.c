/* SPDX-License-Identifier: Apache-2.0 */
/* api_quarantine: CIRA logins that were refused: listed, adopted, denied, forgotten. */
#include "server/api.h"

#include "server/hostbody.h"
#include "server/quarantine.h"
#include "server/reading.h"

#include <stdio.h>
#include <stdlib.h>

static const struct field ADOPT_FIELDS[] = {
    {"name", FIELD_TEXT, .required = true, .min = 1, .max = HOST_NAME_CAP - 1},
    {"ciraPassword", FIELD_TEXT, .required = true, .secret = true, .min = 8, .max = 71},
    {"amt", FIELD_OBJECT, .object = &SCHEMA_AMT},
    {"project", FIELD_TEXT, .min = 1, .max = HOST_PROJECT_CAP - 1, .doc = "Of the new host: default."},
    {0}};
const struct schema SCHEMA_ADOPT = {"Adopt", ADOPT_FIELDS};

static void put_entry(struct json *j, const struct store_quarantine *e) {
    char uuid[UUID_TEXT_CAP];
    json_obj(j);
    json_kstr(j, "id", e->id);
    json_kstr(j, "user", e->user);
    json_kstr(j, "uuid", uuid_is_nil(e->uuid) ? "" : uuid_text(e->uuid, uuid));
    json_kstr(j, "peer", e->peer);
    json_kstr(j, "reason", e->reason);
    json_kwall(j, "firstSeen", e->first_seen);
    json_kwall(j, "lastSeen", e->last_seen);
    json_kint(j, "count", e->count);
    json_kstr(j, "verdict", e->verdict == QUARANTINE_DENIED ? "denied" : "none");
    json_obj_end(j);
}

void api_quarantine_list(struct request *r) {
    size_t n;
    struct store_quarantine *v = quarantine_list(r->shard->app->quarantine, request_now(r).wall, &n);
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, "entries");
    json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put_entry(&j, &v[i]);
    json_arr_end(&j);
    json_obj_end(&j);
    free(v);
    reply_json(r, 200);
}

static void no_entry(struct request *r) {
    reply_fail(r, ERR_NOT_FOUND, "entry", "there is no quarantine entry %s", r->params[0]);
}

void api_quarantine_deny(struct request *r) {
    if (quarantine_deny(r->shard->app->quarantine, r->params[0]))
        no_entry(r);
    else
        reply_empty(r, 204);
}
void api_quarantine_forget(struct request *r) {
    if (quarantine_forget(r->shard->app->quarantine, r->params[0]))
        no_entry(r);
    else
        reply_empty(r, 204);
}

/* --- adopt --- */
static void adopted(struct fleet_create *c) {
    struct request *r = c->ctx;
    if (c->err) {
        struct errinfo ei = c->error;
        fleet_create_free(&c);
        reply_error(r, &ei);
        return;
    }
    char id[HOST_ID_CAP], location[160];
    memcpy(id, c->ids[0], sizeof id);
    fleet_create_free(&c);
    /* forgotten by an expiry meanwhile is just as well */
    int gone = quarantine_forget(r->shard->app->quarantine, r->params[0]);
    (void)gone;
    const char *project = body_text(r->json, "project", "default");
    snprintf(location, sizeof location, "/v1/projects/%s/compute/hosts/%s", project, id);
    request_put_header(r, "Location", location);
    snprintf(r->params[0], sizeof r->params[0], "%s", project); /* the host is read in its project */
    snprintf(r->target, sizeof r->target, "%s", id);
    reading_answer_id(r, id, 201, reading_host);
}

static struct host_new *row_of(struct request *r, const struct store_quarantine *e, struct errinfo *ei) {
    struct host_new *v = calloc(1, sizeof *v);
    unsigned bits;
    if (!v) {
        err_set(ei, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    if (hostbody_read(r->json, v, &bits, ei)) {
        free(v);
        return NULL;
    }
    snprintf(v->project, sizeof v->project, "%s", body_text(r->json, "project", "default"));
    snprintf(v->actor, sizeof v->actor, "%s", r->who.user);
    snprintf(v->cira_user, sizeof v->cira_user, "%s", e->user);
    body_copy(r->json, "ciraPassword", v->cira_password, sizeof v->cira_password);
    if (!*v->amt_user)
        snprintf(v->amt_user, sizeof v->amt_user, "admin");
    v->amt_uuid = e->uuid;
    return v;
}

void api_quarantine_adopt(struct request *r) {
    struct store_quarantine e;
    struct errinfo ei = {0};
    const char *project = body_text(r->json, "project", "default");
    if (!project_name_ok(project)) {
        reply_fail(r, ERR_INVALID, "project", "a project name has lower-case letters, digits and dashes");
        return;
    }
    if (quarantine_get(r->shard->app->quarantine, r->params[0], &e)) {
        no_entry(r);
        return;
    }
    if (!*e.user) {
        reply_fail(r, ERR_STATE, "entry", "the device %s sent no user name; it cannot be adopted", e.peer);
        return;
    }
    struct host_new *v = row_of(r, &e, &ei);
    struct fleet_create *c = v ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        if (v)
            explicit_bzero(v, sizeof *v);
        free(v);
        if (!ei.code)
            err_set(&ei, ERR_BUSY, "", "out of memory");
        reply_error(r, &ei);
        return;
    }
    *c = (struct fleet_create){.from = r->shard, .rows = v, .nrows = 1, .ctx = r, .done = adopted};
    request_hold(r);
    fleet_create(c);
}
