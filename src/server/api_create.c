/* SPDX-License-Identifier: Apache-2.0 */
/* api_create: new hosts: one, or many from a CSV file. */
#include "server/api.h"

#include "base/text.h"
#include "server/csvimport.h"
#include "server/directory.h"
#include "server/hostbody.h"
#include "server/reading.h"

#include <stdio.h>
#include <stdlib.h>

static const struct field CREATE_FIELDS[] = {
    {"name", FIELD_TEXT, .required = true, .min = 1, .max = HOST_NAME_CAP - 1},
    HOST_BODY_IDENTITY,
    {"desiredPowerState", FIELD_ENUM, .values = DESIRED_VALUES},
    {"amtControlMode", FIELD_ENUM, .values = CONTROL_MODE_VALUES},
    {0}};
const struct schema SCHEMA_HOST_CREATE = {"NewHost", CREATE_FIELDS};

/* Is the name or CIRA user taken? What fleet_create would say, without doing it. */
static int check_free(struct request *r, const struct host_new *v, struct errinfo *ei) {
    struct directory_entry e = {.cira_shared = v->cira_shared, .ids.amt = v->amt_uuid};
    memcpy(e.project, v->project, sizeof e.project);
    memcpy(e.name, v->name, sizeof e.name);
    memcpy(e.cira_user, v->cira_user, sizeof e.cira_user);
    return directory_may_add(r->shard->app->directory, &e, ei);
}

static void wipe_rows(struct host_new *rows, size_t n) {
    if (rows)
        explicit_bzero(rows, n * sizeof *rows);
    free(rows);
}

/* --- one --- */
static void create_done(struct fleet_create *c) {
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
    snprintf(location, sizeof location, "/v1/projects/%s/compute/hosts/%s", r->params[0], id);
    request_put_header(r, "Location", location);
    snprintf(r->target, sizeof r->target, "%s", id);
    reading_answer_id(r, id, 201, reading_host);
}

static int row_of_body(struct request *r, struct host_new *v, struct errinfo *ei) {
    unsigned bits;
    slice_to_str(slice_str(r->params[0]), v->project, sizeof v->project);
    snprintf(v->actor, sizeof v->actor, "%s", r->who.user);
    int err = hostbody_read(r->json, v, &bits, ei);
    if (!err && *v->cira_user && !*v->cira_password)
        err = err_set(ei, ERR_INVALID, "cira.password", "cira.password is missing; a CIRA user wants one");
    if (!err && !*v->cira_user && *v->cira_password)
        err = err_set(ei, ERR_INVALID, "cira.user", "cira.user is missing; a CIRA password wants one");
    if (!*v->amt_user)
        snprintf(v->amt_user, sizeof v->amt_user, "admin");
    v->control_mode = hostbody_mode(body_text(r->json, "amtControlMode", ""));
    if (!power_state_parse(slice_str(body_text(r->json, "desiredPowerState", "")), &v->desired))
        v->desired = POWER_UNKNOWN;
    return err ? err : check_free(r, v, ei);
}

static void create_one(struct request *r, struct host_new *v) {
    struct fleet_create *c = calloc(1, sizeof *c);
    if (!c) {
        wipe_rows(v, 1);
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    *c = (struct fleet_create){.from = r->shard, .rows = v, .nrows = 1, .ctx = r, .done = create_done};
    request_hold(r);
    fleet_create(c);
}

void api_host_create(struct request *r) {
    struct errinfo ei = {0};
    struct host_new *v = calloc(1, sizeof *v);
    if (!v) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    snprintf(r->target, sizeof r->target, "%s", body_text(r->json, "name", ""));
    if (row_of_body(r, v, &ei)) {
        wipe_rows(v, 1);
        reply_error(r, &ei);
    } else if (r->query[QUERY_DRY_RUN].number) {
        wipe_rows(v, 1);
        struct json j = request_json(r);
        json_obj(&j);
        json_kbool(&j, "dryRun", true);
        json_kint(&j, "created", 1);
        json_obj_end(&j);
        reply_json(r, 200);
    } else {
        create_one(r, v);
    }
}

/* --- many --- */
struct import {
    struct loop_work work;
    struct request *r;
    struct csv_hosts file;
    char (*names)[HOST_NAME_CAP]; /* for the answer: the rows go to the fleet */
    uint64_t seed;
    unsigned bad_line;
    struct errinfo error;
    int err;
};

static void import_end(struct import *im) {
    csvimport_free(&im->file);
    free(im->names);
    im->names = NULL;
}

static void import_fail(struct import *im, const struct errinfo *ei, unsigned line) {
    struct errinfo copy = *ei;
    struct request *r = im->r;
    import_end(im);
    r->problem_line = line;
    if (copy.code == ERR_LIMIT)
        reply_problem(r, 413, &copy);
    else
        reply_problem(r, copy.code == ERR_EXISTS ? 400 : error_status(copy.code), &copy);
}

static void import_answer(struct import *im, const struct fleet_create *c) {
    struct request *r = im->r;
    struct json j = request_json(r);
    json_obj(&j);
    if (!c)
        json_kbool(&j, "dryRun", true);
    json_kint(&j, "created", (int64_t)im->file.n);
    json_key(&j, "hosts");
    json_arr(&j);
    for (size_t i = 0; i < im->file.n; i++) {
        json_obj(&j);
        json_kstr(&j, "name", im->names[i]);
        if (c)
            json_kstr(&j, "resourceId", c->ids[i]);
        json_obj_end(&j);
    }
    json_arr_end(&j);
    json_obj_end(&j);
    snprintf(r->target, sizeof r->target, "%zu hosts", im->file.n);
    import_end(im);
    reply_json(r, c ? 201 : 200);
}

static void import_created(struct fleet_create *c) {
    struct import *im = c->ctx;
    if (c->err)
        import_fail(im, &c->error, c->bad_row < im->file.n ? im->file.lines[c->bad_row] : 0);
    else
        import_answer(im, c);
    fleet_create_free(&c);
}

/* Blocking, on a helper thread: a large file would hold up a loop. */
static void import_work(struct loop_work *w) {
    struct import *im = CONTAINER_OF(w, struct import, work);
    struct request *r = im->r; /* held: its body stays as it is */
    im->err = csvimport_parse(buf_slice(&r->body), im->seed, &im->file, &im->error, &im->bad_line);
    if (im->err)
        return;
    im->names = calloc(im->file.n + 1, sizeof *im->names);
    if (!im->names) {
        im->err = err_set(&im->error, ERR_NOMEM, "", "out of memory for the file");
        return;
    }
    for (size_t i = 0; i < im->file.n; i++) {
        struct host_new *v = &im->file.rows[i];
        memcpy(im->names[i], v->name, sizeof im->names[i]);
        slice_to_str(slice_str(r->params[0]), v->project, sizeof v->project);
        snprintf(v->actor, sizeof v->actor, "%s", r->who.user);
    }
}

static int import_check(struct import *im, struct errinfo *ei, size_t *row) {
    for (*row = 0; *row < im->file.n; ++*row) {
        int err = check_free(im->r, &im->file.rows[*row], ei);
        if (err)
            return err;
    }
    return 0;
}

static void import_parsed(struct loop_work *w) {
    struct import *im = CONTAINER_OF(w, struct import, work);
    struct errinfo ei = {0};
    size_t row;
    if (im->err) {
        import_fail(im, &im->error, im->bad_line);
    } else if (import_check(im, &ei, &row)) {
        import_fail(im, &ei, im->file.lines[row]);
    } else if (im->r->query[QUERY_DRY_RUN].number) {
        import_answer(im, NULL);
    } else {
        struct host_new *rows = im->file.rows;
        size_t n = im->file.n;
        struct fleet_create *c = calloc(1, sizeof *c);
        if (!c) {
            err_set(&ei, ERR_NOMEM, "", "out of memory for the file");
            import_fail(im, &ei, 0);
            return;
        }
        im->file.rows = NULL; /* the fleet's now */
        *c = (struct fleet_create){
            .from = im->r->shard, .rows = rows, .nrows = n, .ctx = im, .done = import_created};
        fleet_create(c);
    }
}

void api_hosts_import(struct request *r) {
    struct import *im = arena_alloc(&r->arena, sizeof *im);
    if (!im) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return;
    }
    im->r = r;
    im->work.work = import_work;
    im->work.done = import_parsed;
    loop_random(r->shard->loop, &im->seed, sizeof im->seed);
    request_hold(r);
    if (loop_work(r->shard->loop, &im->work))
        reply_fail(r, ERR_BUSY, "", "no helper thread is free; try again");
}
