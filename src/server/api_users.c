/* SPDX-License-Identifier: Apache-2.0 */
/* api_users: local users. */
#include "server/api.h"

#include "base/text.h"
#include "server/request.h"
#include "server/session_call.h"

#include <stdio.h>

static const char *const ROLE_VALUES[] = {"viewer", "operator", "admin", NULL};
static const struct field USER_FIELDS[] = {
    {"name", FIELD_TEXT, .required = true, .min = 1, .max = STORE_USER_CAP - 1},
    {"role", FIELD_ENUM, .required = true, .values = ROLE_VALUES},
    {"project", FIELD_TEXT, .min = 0, .max = HOST_PROJECT_CAP - 1, .doc = "Empty: all projects."},
    {"password", FIELD_TEXT, .required = true, .secret = true, .min = 8, .max = 128},
    {0}};
const struct schema SCHEMA_USER = {"NewUser", USER_FIELDS};

static const struct field PASSWORD_FIELDS[] = {
    {"password", FIELD_TEXT, .required = true, .secret = true, .min = 8, .max = 128},
    {"oldPassword", FIELD_TEXT, .secret = true, .min = 1, .max = 128,
     .doc = "Needed for one's own password."},
    {0}};
const struct schema SCHEMA_PASSWORD = {"NewPassword", PASSWORD_FIELDS};

struct change {
    struct auth_user_change c;
    struct request *r;
};

static void put_user(struct json *j, const struct store_user *u) {
    json_obj(j);
    json_kstr(j, "name", u->name);
    json_kstr(j, "role", u->role);
    json_kstr(j, "project", u->project);
    json_kwall(j, "createdAt", u->created);
    json_kwall(j, "changedAt", u->changed);
    json_kbool(j, "disabled", u->disabled);
    json_obj_end(j);
}
static void list_user(void *ctx, const struct store_user *u) {
    put_user(ctx, u);
}

void api_users_list(struct request *r) {
    struct json j = request_json(r);
    json_obj(&j);
    json_key(&j, "users");
    json_arr(&j);
    int err = auth_each_user(r->shard->app->auth, list_user, &j);
    json_arr_end(&j);
    json_obj_end(&j);
    if (err)
        reply_fail(r, err, "", "the users could not be listed: %s", err_text(err));
    else
        reply_json(r, 200);
}

static void change_done(struct auth_user_change *c) {
    struct change *ch = c->ctx;
    struct request *r = ch->r;
    struct store_user u;
    if (c->err) {
        reply_error(r, &c->error);
    } else if (c->what == USER_CREATE && auth_user_get(c->auth, c->name, &u) == 0) {
        struct json j = request_json(r);
        put_user(&j, &u);
        reply_json(r, 201);
    } else {
        if (c->what == USER_DELETE)
            sessions_revoke(r->shard, c->name);
        reply_empty(r, 204);
    }
}

static struct change *change_new(struct request *r, const char *name) {
    struct change *ch = arena_alloc(&r->arena, sizeof *ch);
    if (!ch) {
        reply_fail(r, ERR_BUSY, "", "out of memory");
        return NULL;
    }
    ch->r = r;
    ch->c.from = r->shard;
    ch->c.done = change_done;
    ch->c.ctx = ch;
    if (!slice_to_str(slice_str(name), ch->c.name, sizeof ch->c.name)) {
        reply_fail(r, ERR_INVALID, "name", "a user name has at most %d bytes", STORE_USER_CAP - 1);
        return NULL; /* cut short it would be somebody else's */
    }
    slice_to_str(slice_str(name), r->target, sizeof r->target);
    return ch;
}

static void change_start(struct change *ch) {
    request_hold(ch->r);
    auth_user_change(ch->r->shard->app->auth, &ch->c);
}

void api_user_create(struct request *r) {
    struct change *ch = change_new(r, body_text(r->json, "name", ""));
    if (!ch)
        return;
    const char *project = body_text(r->json, "project", "");
    if (*project && !project_name_ok(project)) {
        reply_fail(r, ERR_INVALID, "project", "a project name has lower-case letters, digits and dashes");
        return;
    }
    ch->c.what = USER_CREATE;
    snprintf(ch->c.project, sizeof ch->c.project, "%s", project);
    (void)role_parse(slice_str(body_text(r->json, "role", "")), &ch->c.role);
    body_copy(r->json, "password", ch->c.password, sizeof ch->c.password);
    change_start(ch);
}

void api_user_delete(struct request *r) {
    struct change *ch = change_new(r, r->params[0]);
    if (!ch)
        return;
    ch->c.what = USER_DELETE;
    change_start(ch);
}

void api_user_password(struct request *r) {
    bool self = strcmp(r->params[0], r->who.user) == 0;
    const char *old = body_text(r->json, "oldPassword", "");
    struct errinfo ei = {0};
    if (!self && auth_allow(&r->who, ROLE_ADMIN, NULL, true, &ei)) {
        reply_error(r, &ei);
        return;
    }
    /* an unattended session must not become a taken account */
    if (self && !*old) {
        reply_fail(r, ERR_INVALID, "oldPassword",
                   "oldPassword is missing; one's own password wants the old one");
        return;
    }
    struct change *ch = change_new(r, r->params[0]);
    if (!ch)
        return;
    ch->c.what = USER_PASSWORD;
    body_copy(r->json, "password", ch->c.password, sizeof ch->c.password);
    if (self)
        snprintf(ch->c.old_password, sizeof ch->c.old_password, "%s", old);
    change_start(ch);
}
