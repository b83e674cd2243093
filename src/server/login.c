/* SPDX-License-Identifier: Apache-2.0 */
/* login: passwords checked, sign-ins made, renewed and ended, keys rotated. */
#include "server/auth_int.h"

#include "base/log.h"
#include "base/ossl.h"
#include "base/text.h"
#include "server/settings.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

/* --- rotation --- */
struct rotation {
    struct loop_msg msg;
    struct auth *auth;
    struct shard *shard;
    struct token_ring ring;
    int err;
};

static void rotation_done(struct loop *l, struct loop_msg *m) {
    struct rotation *ro = CONTAINER_OF(m, struct rotation, msg);
    struct auth *a = ro->auth;
    if (ro->err) {
        log_error("auth", "a new key for sign-in tokens could not be stored: %s", err_text(ro->err));
    } else {
        pthread_rwlock_wrlock(&a->lock);
        a->ring = ro->ring;
        pthread_rwlock_unlock(&a->lock);
        log_info("auth",
                 "a new key signs the tokens from now on; the previous one is accepted until the next");
    }
    atomic_store(&a->rotating, 0);
    explicit_bzero(ro, sizeof *ro);
    free(ro);
}

/* On the store's thread. */
static void rotation_stored(struct store_txn *t) {
    struct rotation *ro = t->owner;
    ro->err = t->err;
    store_txn_free(&t);
    loop_post(ro->shard->loop, &ro->msg);
}

/* A key that is a day old gets a successor, which signs as soon as it is safely stored. Tokens live shorter
 * than keys: with the previous key kept, no live token is ever lost. */
static void maybe_rotate(struct auth *a, struct shard *s) {
    struct wall now = loop_wall(s->loop);
    pthread_rwlock_rdlock(&a->lock);
    bool due = now.us - a->ring.current.made.us >= auth_key_life_s(a) * 1000000;
    struct token_ring old = a->ring;
    pthread_rwlock_unlock(&a->lock);
    if (!due || atomic_exchange(&a->rotating, 1))
        return;
    struct rotation *ro = calloc(1, sizeof *ro);
    struct store_txn *t = store_txn_new(rotation_stored, ro);
    if (ro && t && token_ring_rotate(&old, &ro->ring, now) == 0 &&
        token_ring_save(t, a->app->seal, &ro->ring) == 0) {
        ro->auth = a;
        ro->shard = s;
        ro->msg.fn = rotation_done;
        t->durable = true;
        if (store_submit(a->app->store, t) == 0)
            return;
    }
    store_txn_free(&t);
    free(ro);
    atomic_store(&a->rotating, 0);
}

/* --- sign-ins --- */
static int sign(struct auth *a, struct shard *s, const struct store_user *u,
                const struct auth_session *session, struct buf *out) {
    struct token_claims c = {.gen = u->changed.us, .issued = loop_wall(s->loop), .expires = session->expires};
    memcpy(c.user, u->name, sizeof c.user);
    memcpy(c.sid, session->id, sizeof c.sid);
    pthread_rwlock_rdlock(&a->lock);
    struct token_key k = a->ring.current;
    pthread_rwlock_unlock(&a->lock);
    int err = token_sign(&k, &c, out);
    explicit_bzero(&k, sizeof k);
    return err;
}

int auth_issue(struct auth *a, struct shard *s, const struct store_user *u, struct auth_session *session,
               struct buf *token) {
    uint8_t sid[(SESSION_ID_CAP - 1) / 2];
    loop_random(s->loop, sid, sizeof sid);
    text_hex(slice_of(sid, sizeof sid), session->id);
    session->expires = wall_add_ms(loop_wall(s->loop), auth_token_life_s(a) * 1000);
    maybe_rotate(a, s);
    return sign(a, s, u, session, token);
}

int auth_renew(struct auth *a, struct shard *s, const char *user, struct auth_session *session,
               struct buf *out) {
    struct store_user u;
    int err = auth_user_get(a, user, &u);
    if (err)
        return err;
    session->expires = wall_add_ms(loop_wall(s->loop), auth_token_life_s(a) * 1000);
    maybe_rotate(a, s);
    err = sign(a, s, &u, session, out);
    explicit_bzero(&u, sizeof u);
    return err;
}

void auth_csrf(const struct auth_session *session, char out[CSRF_CAP]) {
    char text[64];
    uint8_t hash[32];
    int n = snprintf(text, sizeof text, "csrf %s", session->id);
    SHA256((const uint8_t *)text, (size_t)n, hash);
    text_hex(slice_of(hash, 20), out);
}

/* --- logging out --- */
static void forget_expired(struct auth *a, int64_t now_s) {
    size_t n = 0;
    for (size_t i = 0; i < a->nrevoked; i++)
        if (a->revoked[i].until_s > now_s)
            a->revoked[n++] = a->revoked[i];
    a->nrevoked = n;
}

/* The lock is held. */
static int add_revoked(struct auth *a, struct store_txn *t, const struct auth_session *session,
                       int64_t now_s) {
    struct buf b = {0};
    forget_expired(a, now_s);
    struct revoked *r = &a->revoked[a->nrevoked++];
    /* the presented token may have been made while tokens lived longer */
    int64_t life_s = auth_token_life_s(a), left_s = session->expires.us / 1000000 - now_s;
    snprintf(r->sid, sizeof r->sid, "%s", session->id);
    r->until_s = now_s + (life_s > left_s ? life_s : left_s) + 1;
    for (size_t i = 0; i < a->nrevoked; i++)
        buf_putf(&b, "%s %" PRId64 "\n", a->revoked[i].sid, a->revoked[i].until_s);
    int err = b.failed ? ERR_NOMEM : store_txn_add_meta(t, "auth.revoked", buf_cstr(&b));
    buf_free(&b);
    return err;
}

void auth_logout(struct auth *a, struct shard *s, const char *user, const struct auth_session *session) {
    struct wall now = loop_wall(s->loop);
    struct store_txn *t = store_txn_new(NULL, NULL);
    int err = t ? 0 : ERR_NOMEM;
    pthread_rwlock_wrlock(&a->lock);
    struct auth_user *u = auth_find(a, user);
    forget_expired(a, now.us / 1000000);
    if (a->nrevoked < REVOKED_MAX && t) {
        err = add_revoked(a, t, session, now.us / 1000000);
    } else if (u) {
        /* no room, or no memory: ending all sign-ins of the user is the safe side */
        u->row.changed = now;
        err = t ? store_txn_add(t, STORE_USER_PUT, &u->row) : ERR_NOMEM;
    }
    pthread_rwlock_unlock(&a->lock);
    atomic_fetch_add(&a->epoch, 1);
    if (t)
        t->durable = true;
    if (!err)
        err = store_submit(a->app->store, t);
    if (err) {
        store_txn_free(&t);
        log_error("auth", "the end of a sign-in of %s holds until the next start only: %s", user,
                  err_text(err));
    }
}

/* --- signing in --- */
bool auth_hash_begin(struct auth *a) {
    if (atomic_fetch_add(&a->hashing, 1) < HASHING_MAX)
        return true;
    atomic_fetch_sub(&a->hashing, 1);
    return false;
}
void auth_hash_done(struct auth *a) {
    atomic_fetch_sub(&a->hashing, 1);
}

static void login_answer(struct auth_login *l, int err) {
    explicit_bzero(l->password, sizeof l->password);
    explicit_bzero(l->hash, sizeof l->hash);
    l->err = err;
    l->done(l);
}

static unsigned must_wait_s(struct auth *a, const struct auth_login *l, struct mono now) {
    pthread_mutex_lock(&a->throttle_lock);
    if (a->app->settings)
        a->throttle.free_max = a->app->settings->login_attempts_per_minute;
    unsigned user = throttle_wait_s(&a->throttle, THROTTLE_USER, l->user, now);
    unsigned addr = throttle_wait_s(&a->throttle, THROTTLE_ADDRESS, l->peer_addr, now);
    pthread_mutex_unlock(&a->throttle_lock);
    return user > addr ? user : addr;
}

static void throttle_note(struct auth *a, const struct auth_login *l, bool passed) {
    struct mono now = loop_now(l->from->loop);
    pthread_mutex_lock(&a->throttle_lock);
    if (passed) {
        throttle_passed(&a->throttle, THROTTLE_USER, l->user);
    } else {
        throttle_failed(&a->throttle, THROTTLE_USER, l->user, now);
        throttle_failed(&a->throttle, THROTTLE_ADDRESS, l->peer_addr, now);
    }
    pthread_mutex_unlock(&a->throttle_lock);
}

static void login_work(struct loop_work *w) {
    struct auth_login *l = CONTAINER_OF(w, struct auth_login, work);
    l->matches = auth_password_matches(slice_str(l->password), l->known ? l->hash : NULL);
}

static int login_finish(struct auth *a, struct auth_login *l) {
    struct store_user u;
    if (!l->matches || auth_user_get(a, l->user, &u) || u.disabled || strcmp(u.hash, l->hash) != 0) {
        metric_add(&l->from->metrics, METRIC_LOGIN_FAILURES, 1);
        throttle_note(a, l, false);
        err_set(&l->error, ERR_AUTH, "", "the user name or the password is wrong");
        err_remedy(&l->error, "Check both; after some failures the next try has to wait.");
        return ERR_AUTH;
    }
    throttle_note(a, l, true);
    auth_principal(&u, &l->who);
    int err = auth_issue(a, l->from, &u, &l->session, &l->token);
    return err ? err_set(&l->error, err, "", "no token could be made: %s", err_text(err)) : 0;
}

static void login_done(struct loop_work *w) {
    struct auth_login *l = CONTAINER_OF(w, struct auth_login, work);
    auth_hash_done(l->auth);
    login_answer(l, login_finish(l->auth, l));
}

void auth_login(struct auth *a, struct auth_login *l) {
    l->auth = a;
    l->retry_after_s = must_wait_s(a, l, loop_now(l->from->loop));
    if (l->retry_after_s) {
        err_set(&l->error, ERR_LIMIT, "", "too many failed sign-ins; the next try is possible in %u s",
                l->retry_after_s);
        err_remedy(&l->error, "Wait, then use the right password; an admin can set a new one.");
        login_answer(l, ERR_LIMIT);
        return;
    }
    struct store_user u;
    l->known = auth_user_get(a, l->user, &u) == 0 && !u.disabled;
    if (l->known)
        memcpy(l->hash, u.hash, sizeof l->hash);
    l->work.work = login_work;
    l->work.done = login_done;
    if (!auth_hash_begin(a)) {
        l->retry_after_s = 1;
        login_answer(
            l, err_set(&l->error, ERR_BUSY, "", "too many sign-ins at this moment; try again in a second"));
        return;
    }
    if (loop_work(l->from->loop, &l->work)) {
        auth_hash_done(a);
        login_answer(l, err_set(&l->error, ERR_BUSY, "", "no helper thread is free; try again"));
    }
}

void auth_login_fini(struct auth_login *l) {
    explicit_bzero(l->password, sizeof l->password);
    if (l->token.mem)
        explicit_bzero(l->token.mem, l->token.cap);
    buf_free(&l->token);
}
