/* SPDX-License-Identifier: Apache-2.0 */
/* api_objects: profiles, CIRA configurations, domains, enrolment keys and exceptions: listed, shown, made,
 * changed, deleted, revoked. One set of handlers; the route says which kind. */
#include "server/api.h"

#include "base/text.h"
#include "server/objectbody.h"
#include "server/profile_use.h"
#include "server/reading.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static enum object_kind kind_of(const struct request *r) {
    return (enum object_kind)r->route->arg;
}

/* --- showing --- */
static bool listed(const char *const *names, const char *name) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void put_members(struct json *j, const struct object *x) {
    const char *name;
    json_t *v;
    json_object_foreach(x->body, name, v) {
        char *text = listed(OBJECT_BODIES[x->kind].hidden, name)
                         ? NULL
                         : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        if (!text)
            continue;
        json_key(j, name);
        json_raw(j, slice_str(text));
        free(text);
    }
}

/* key: of a new enrolment key; NULL or "": none. */
static void put_object(struct json *j, const struct object *x, const char *key) {
    json_obj(j);
    json_kstr(j, "name", x->name);
    put_members(j, x);
    if (x->kind == OBJECT_PROFILE)
        json_kbool(j, "sharedPasswordSet", x->secret != NULL);
    if (x->kind == OBJECT_ENROL) {
        json_kint(j, "uses", x->uses);
        json_kbool(j, "revoked", x->revoked);
    }
    if (key && *key)
        json_kstr(j, "key", key);
    json_kbool(j, "builtIn", x->version == 0);
    json_kint(j, "version", (int64_t)x->version);
    json_kwall(j, "createdAt", x->created);
    json_kwall(j, "updatedAt", x->updated);
    json_obj_end(j);
}

/* The version leads, for If-Match. False: none, because it changes with the server's settings. */
static bool etag_of(const struct object *x, char out[40]) {
    if (x->kind == OBJECT_ENROL)
        snprintf(out, 40, "\"%llu-%u\"", (unsigned long long)x->version, x->uses);
    else
        snprintf(out, 40, "\"%llu\"", (unsigned long long)x->version);
    return x->version != 0;
}

void api_objects_list(struct request *r) {
    enum object_kind k = kind_of(r);
    struct object *all;
    size_t n;
    int err = objects_list(r->shard->app->objects, k, r->params[0], &all, &n);
    if (err) {
        reply_fail(r, ERR_BUSY, "", "%s", err_text(err));
        return;
    }
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, object_kind_path(k));
    json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        put_object(&j, &all[i], NULL);
        object_free(&all[i]);
    }
    free(all);
    json_arr_end(&j);
    json_kint(&j, "totalElements", (int64_t)n);
    json_obj_end(&j);
    reply_json(r, 200);
}

void api_object_get(struct request *r) {
    struct object x;
    struct errinfo ei = {0};
    char etag[40];
    if (objects_get(r->shard->app->objects, kind_of(r), r->params[0], r->params[1], &x, &ei)) {
        reply_error(r, &ei);
        return;
    }
    struct json j = request_json(r);
    put_object(&j, &x, NULL);
    bool tagged = etag_of(&x, etag);
    object_free(&x);
    reply_json_etag(r, tagged ? etag : NULL);
}

/* --- changing --- */
static void refuse(struct request *r, const struct errinfo *ei) {
    if (strcmp(ei->field, "If-Match") == 0)
        reply_problem(r, 412, ei);
    else
        reply_error(r, ei);
}

/* The object as it is now. */
static void answer(struct object_work *w) {
    struct request *r = w->r;
    struct object x;
    struct errinfo ei = {0};
    char etag[40], location[200];
    int status = w->c.what == OBJECT_CREATE ? 201 : 200;
    if (objects_get(r->shard->app->objects, w->c.kind, w->c.project, w->c.name, &x, &ei)) {
        explicit_bzero(w->key, sizeof w->key);
        reply_error(r, &ei);
        return;
    }
    struct json j = request_json(r);
    put_object(&j, &x, w->key);
    explicit_bzero(w->key, sizeof w->key);
    if (etag_of(&x, etag))
        request_put_header(r, "ETag", etag);
    object_free(&x);
    if (status == 201) {
        char path[96];
        slice_to_str(r->path, path, sizeof path);
        snprintf(location, sizeof location, "%s/%s", path, w->c.name);
        request_put_header(r, "Location", location);
    }
    reply_json(r, status);
}

static void changed(struct object_change *c) {
    struct object_work *w = c->ctx;
    if (c->err) {
        explicit_bzero(w->key, sizeof w->key);
        refuse(w->r, &c->error);
    } else if (c->what == OBJECT_DELETE) {
        reply_empty(w->r, 204);
    } else {
        answer(w);
    }
}

static void drop(struct object_work *w) {
    json_decref(w->c.body);
    free(w->c.secret);
    explicit_bzero(w->key, sizeof w->key);
    refuse(w->r, &w->c.error);
}

static void slow_work(struct loop_work *l) {
    struct object_work *w = CONTAINER_OF(l, struct object_work, work);
    w->err = OBJECT_BODIES[w->c.kind].slow(w);
}
static void slow_done(struct loop_work *l) {
    struct object_work *w = CONTAINER_OF(l, struct object_work, work);
    if (w->err)
        drop(w);
    else
        objects_change(w->r->shard->app->objects, &w->c);
}

static struct object_work *work_new(struct request *r, enum object_change_kind what) {
    struct object_work *w = arena_alloc(&r->arena, sizeof *w);
    if (!w) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    w->r = r;
    w->now = request_now(r).wall;
    w->c =
        (struct object_change){.from = r->shard, .what = what, .kind = kind_of(r), .done = changed, .ctx = w};
    slice_to_str(slice_str(r->params[0]), w->c.project, sizeof w->c.project);
    return w;
}

/* No object has such a name, and cut short it would be another one's. */
static bool name_param(struct object_work *w) {
    struct object x;
    struct errinfo ei = {0};
    if (slice_to_str(slice_str(w->r->params[1]), w->c.name, sizeof w->c.name))
        return true;
    if (objects_get(w->r->shard->app->objects, w->c.kind, w->c.project, w->r->params[1], &x, &ei) == 0)
        object_free(&x);
    reply_error(w->r, &ei);
    return false;
}

/* What was sent over what is there; secrets stay out. */
static void merge(struct object_work *w) {
    const struct object_body *b = &OBJECT_BODIES[w->c.kind];
    const char *name;
    json_t *v;
    json_object_foreach(w->r->json, name, v) {
        if (!listed(b->secrets, name) && strcmp(name, "name") != 0)
            json_object_set(w->c.body, name, v);
    }
}

static void check_and_go(struct object_work *w) {
    const struct object_body *b = &OBJECT_BODIES[w->c.kind];
    merge(w);
    int err = b->check(w, &w->c.error);
    if (err) {
        drop(w);
        return;
    }
    if (!*w->r->target)
        slice_to_str(slice_str(w->c.name), w->r->target, sizeof w->r->target);
    request_hold(w->r);
    if (!b->slow) {
        objects_change(w->r->shard->app->objects, &w->c);
        return;
    }
    w->work.work = slow_work;
    w->work.done = slow_done;
    if (loop_work(w->r->shard->loop, &w->work)) {
        err_set(&w->c.error, ERR_BUSY, "", "no helper thread is free; try again");
        drop(w);
    }
}

static bool name_ok(const char *name) {
    return *name != '.' && text_in_set(slice_str(name), TEXT_ALNUM "-_.", 1, OBJECT_NAME_CAP - 1);
}

void api_object_create(struct request *r) {
    struct object_work *w = work_new(r, OBJECT_CREATE);
    if (!w)
        return;
    const char *name = body_text(r->json, "name", "");
    if (w->c.kind != OBJECT_EXCEPTION && !name_ok(name)) {
        reply_fail(r, ERR_INVALID, "name",
                   "a name has letters, digits and - _ . and does not begin with a dot");
        return;
    }
    slice_to_str(slice_str(name), w->c.name, sizeof w->c.name);
    w->c.body = json_loads(OBJECT_BODIES[w->c.kind].defaults, 0, NULL);
    check_and_go(w);
}

void api_object_change(struct request *r) {
    struct object_work *w = work_new(r, OBJECT_REPLACE);
    struct object x;
    if (!w || !name_param(w))
        return;
    w->c.if_version = host_version_wanted(r->headers[REQUEST_H_IF_MATCH]);
    if (objects_get(r->shard->app->objects, w->c.kind, w->c.project, w->c.name, &x, &w->c.error)) {
        reply_error(r, &w->c.error);
        return;
    }
    w->c.body = json_incref(x.body);
    if (!w->c.if_version)
        w->c.if_version = x.version; /* what is merged here must be what is replaced */
    object_free(&x);
    check_and_go(w);
}

static void simple(struct request *r, enum object_change_kind what) {
    struct object_work *w = work_new(r, what);
    if (!w || !name_param(w))
        return;
    w->c.if_version = host_version_wanted(r->headers[REQUEST_H_IF_MATCH]);
    request_hold(r);
    objects_change(r->shard->app->objects, &w->c);
}

/* A profile that hosts are set up by stays: what they are could not be told or done again without it. */
struct profile_delete {
    struct profile_use use; /* first */
    struct object_work *w;
};

static void profile_looked_up(struct fleet_scan *scan) {
    struct profile_delete *d = CONTAINER_OF(scan, struct profile_delete, use.scan);
    struct object_work *w = d->w;
    struct objects *o = w->r->shard->app->objects;
    struct object x = {0};
    struct errinfo ei = {0};
    /* one that is not there, or always there, is told as such */
    bool ours = objects_get(o, OBJECT_PROFILE, w->c.project, w->c.name, &x, NULL) == 0 && x.version > 0;
    object_free(&x);
    if (ours && profile_use_check(&d->use, &ei))
        refuse(w->r, &ei);
    else
        objects_change(o, &w->c);
}

static void profile_delete(struct request *r) {
    struct object_work *w = work_new(r, OBJECT_DELETE);
    struct profile_delete *d = arena_alloc(&r->arena, sizeof *d);
    if (!w || !name_param(w))
        return;
    w->c.if_version = host_version_wanted(r->headers[REQUEST_H_IF_MATCH]);
    request_hold(r);
    if (d) {
        *d = (struct profile_delete){.use.scan = {.from = r->shard, .done = profile_looked_up}, .w = w};
        memcpy(d->use.project, w->c.project, sizeof d->use.project);
        memcpy(d->use.profile, w->c.name, sizeof d->use.profile);
    }
    if (!d || profile_use(&d->use) < 0)
        reply_fail(r, ERR_BUSY, "", "out of memory");
}

void api_object_delete(struct request *r) {
    if (kind_of(r) == OBJECT_PROFILE)
        profile_delete(r);
    else
        simple(r, OBJECT_DELETE);
}
void api_object_revoke(struct request *r) {
    simple(r, OBJECT_REVOKE);
}
