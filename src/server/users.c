/* SPDX-License-Identifier: Apache-2.0 */
/* users: local users made, deleted, and given new passwords. One change at a time, durable before it counts.
 */
#include "server/auth_int.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

static void finish(struct auth_user_change *c, int err) {
    explicit_bzero(c->password, sizeof c->password);
    explicit_bzero(c->old_password, sizeof c->old_password);
    explicit_bzero(c->row.hash, sizeof c->row.hash);
    c->err = err;
    atomic_store(&c->auth->changing, 0);
    c->done(c);
}

/* It is stored: now it is true. */
static void apply(struct auth_user_change *c) {
    struct auth *a = c->auth;
    pthread_rwlock_wrlock(&a->lock);
    struct auth_user *u = auth_find(a, c->name);
    if (c->what == USER_DELETE && u) {
        map_remove(&a->users, &u->node);
        free(u);
    } else if (u) {
        u->row = c->row;
    } else if (c->what == USER_CREATE && (u = calloc(1, sizeof *u))) {
        u->row = c->row;
        if (map_put(&a->users, &u->node, slice_str(u->row.name)))
            free(u);
    }
    pthread_rwlock_unlock(&a->lock);
    atomic_fetch_add(&a->epoch, 1);
}

static void written(struct loop *l, struct loop_msg *m) {
    struct auth_user_change *c = CONTAINER_OF(m, struct auth_user_change, msg);
    if (!c->err)
        apply(c);
    finish(c, c->err);
}

/* On the store's thread. */
static void stored(struct store_txn *t) {
    struct auth_user_change *c = t->owner;
    c->err = t->err;
    if (t->err)
        err_set(&c->error, t->err, "", "the change was not stored: %s", t->why);
    store_txn_free(&t);
    loop_post(c->from->loop, &c->msg);
}

static int write_row(struct auth_user_change *c) {
    struct store_txn *t = store_txn_new(stored, c);
    int err = t ? store_txn_add(t, c->what == USER_DELETE ? STORE_USER_DELETE : STORE_USER_PUT, &c->row)
                : ERR_NOMEM;
    c->msg.fn = written;
    if (t)
        t->durable = true;
    if (!err)
        err = store_submit(c->auth->app->store, t);
    if (!err)
        return 0;
    store_txn_free(&t);
    return err_set(&c->error, err, "", "the change could not be stored: %s", err_text(err));
}

/* --- on a helper thread --- */
static void hash_work(struct loop_work *w) {
    struct auth_user_change *c = CONTAINER_OF(w, struct auth_user_change, work);
    if (*c->old_password && !auth_password_matches(slice_str(c->old_password), c->row.hash))
        c->err = err_set(&c->error, ERR_DENIED, "oldPassword", "the old password is wrong");
    else
        c->err = auth_hash(slice_str(c->password), c->row.hash, &c->error);
}

static void hash_done(struct loop_work *w) {
    struct auth_user_change *c = CONTAINER_OF(w, struct auth_user_change, work);
    auth_hash_done(c->auth);
    int err = c->err ? c->err : write_row(c);
    if (err)
        finish(c, err);
}

static int hash_start(struct auth_user_change *c) {
    c->work.work = hash_work;
    c->work.done = hash_done;
    if (!auth_hash_begin(c->auth))
        return err_set(&c->error, ERR_BUSY, "", "too many passwords are being hashed; try again in a second");
    int err = loop_work(c->from->loop, &c->work);
    if (!err)
        return 0;
    auth_hash_done(c->auth);
    return err_set(&c->error, ERR_BUSY, "", "no helper thread is free; try again");
}

/* --- the three changes --- */
/* Names go into tokens, logs and audit lines. */
static int check_name(const char *name, struct errinfo *ei) {
    if (text_in_set(slice_str(name), TEXT_ALNUM "-_.@", 1, STORE_USER_CAP - 1))
        return 0;
    return err_set(ei, ERR_INVALID, "name", "a user name has letters, digits and - _ . @, at most %d of them",
                   STORE_USER_CAP - 1);
}

static int create(struct auth_user_change *c) {
    struct auth *a = c->auth;
    int err = check_name(c->name, &c->error);
    if (err)
        return err;
    if (c->existed)
        return err_set(&c->error, ERR_EXISTS, "name", "there is a user %s already", c->name);
    if (a->users.count >= USERS_MAX)
        return err_set(&c->error, ERR_LIMIT, "name", "there are %d users, which is the most", USERS_MAX);
    struct wall now = loop_wall(c->from->loop);
    c->row = (struct store_user){.created = now, .changed = now};
    memcpy(c->row.name, c->name, sizeof c->row.name);
    memcpy(c->row.project, c->project, sizeof c->row.project);
    snprintf(c->row.role, sizeof c->row.role, "%s", role_text(c->role));
    return hash_start(c);
}

static int password(struct auth_user_change *c) {
    if (!c->existed)
        return err_set(&c->error, ERR_NOT_FOUND, "name", "there is no user %s", c->name);
    /* ends every sign-in of the user */
    c->row.changed = loop_wall(c->from->loop);
    return hash_start(c);
}

struct admins {
    const char *but;
    unsigned n;
};
static void count_admins(void *ctx, const struct store_user *u) {
    struct admins *ad = ctx;
    if (strcmp(u->role, role_text(ROLE_ADMIN)) == 0 && !*u->project && !u->disabled &&
        strcmp(u->name, ad->but) != 0)
        ad->n++;
}

static int delete_user(struct auth_user_change *c) {
    struct admins others = {.but = c->name};
    if (!c->existed)
        return err_set(&c->error, ERR_NOT_FOUND, "name", "there is no user %s", c->name);
    int err = auth_each_user(c->auth, count_admins, &others);
    if (err)
        return err_set(&c->error, err, "", "%s", err_text(err));
    if (!others.n) {
        err_set(&c->error, ERR_STATE, "name", "%s is the last admin of all projects", c->name);
        err_remedy(&c->error, "Make another admin first.");
        return ERR_STATE;
    }
    return write_row(c);
}

void auth_user_change(struct auth *a, struct auth_user_change *c) {
    static int (*const DO[])(struct auth_user_change *) = {
        [USER_CREATE] = create, [USER_DELETE] = delete_user, [USER_PASSWORD] = password};
    c->auth = a;
    c->err = 0;
    if (atomic_exchange(&a->changing, 1)) {
        c->err = err_set(&c->error, ERR_BUSY, "", "another change of users is under way; try again");
        c->done(c);
        return;
    }
    c->existed = auth_user_get(a, c->name, &c->row) == 0;
    int err = DO[c->what](c);
    if (err)
        finish(c, err);
}
