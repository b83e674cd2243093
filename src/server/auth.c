/* SPDX-License-Identifier: Apache-2.0 */
/* auth: users and keys in memory, tokens made and checked, and the one decision who may do what. */
#include "server/auth.h"

#include "base/log.h"
#include "base/ossl.h"
#include "base/text.h"
#include "server/auth_int.h"
#include "server/settings.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

/* --- roles --- */
static const char *const ROLES[] = {
#define R(sym, text) [ROLE_##sym] = text,
    ROLE_TABLE(R)
#undef R
};
const char *role_text(enum role r) {
    return ROLES[r];
}
bool role_parse(struct slice text, enum role *r) {
    for (unsigned i = ROLE_VIEWER; i < sizeof ROLES / sizeof *ROLES; i++)
        if (slice_is(text, ROLES[i])) {
            *r = (enum role)i;
            return true;
        }
    return false;
}

int auth_allow(const struct principal *who, enum role need, const char *project, bool unbound,
               struct errinfo *ei) {
    if (who->role == ROLE_NONE) {
        err_set(ei, ERR_AUTH, "Authorization", "nobody is signed in");
        err_remedy(ei, "Sign in with POST /api/v1/authorize and send the token as Authorization: Bearer.");
        return ERR_AUTH;
    }
    if (who->role < need) {
        err_set(ei, ERR_DENIED, "", "%s has the role %s; this wants %s", who->user, role_text(who->role),
                role_text(need));
        err_remedy(ei, "Ask an admin to do it, or for the role.");
        return ERR_DENIED;
    }
    if (*who->project && (unbound || (project && strcmp(project, who->project) != 0))) {
        err_set(ei, ERR_DENIED, "project", "%s is bound to the project %s", who->user, who->project);
        err_remedy(ei, unbound ? "Only users of all projects may do this." : "Use that project.");
        return ERR_DENIED;
    }
    return 0;
}

void auth_principal(const struct store_user *u, struct principal *out) {
    *out = (struct principal){0};
    memcpy(out->user, u->name, sizeof out->user);
    memcpy(out->project, u->project, sizeof out->project);
    if (!role_parse(slice_str(u->role), &out->role))
        out->role = ROLE_NONE;
}

/* --- loading --- */
struct auth_user *auth_find(struct auth *a, const char *name) {
    struct map_node *n = map_get(&a->users, slice_str(name));
    return n ? CONTAINER_OF(n, struct auth_user, node) : NULL;
}

static int load_user(void *ctx, const struct store_user *row) {
    struct auth *a = ctx;
    struct auth_user *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    u->row = *row;
    int err = map_put(&a->users, &u->node, slice_str(u->row.name));
    if (err)
        free(u);
    return err;
}

/* "<sid> <until, s>" lines */
static int load_revoked(struct auth *a) {
    struct buf b = {0};
    int err = store_meta_get(a->app->store, "auth.revoked", &b);
    struct slice text = buf_slice(&b);
    while (!err && text.n && a->nrevoked < REVOKED_MAX) {
        struct slice until = slice_cut(&text, '\n'), sid = slice_cut(&until, ' ');
        struct revoked *r = &a->revoked[a->nrevoked];
        uint64_t s;
        if (slice_to_str(sid, r->sid, sizeof r->sid) && slice_to_u64(until, INT64_MAX, &s)) {
            r->until_s = (int64_t)s;
            a->nrevoked++;
        }
    }
    buf_free(&b);
    return err == ERR_NOT_FOUND ? 0 : err;
}

int auth_new(struct auth **out, struct app *app, struct errinfo *ei) {
    struct auth *a = calloc(1, sizeof *a);
    uint64_t seed[2] = {app->instance, app->instance ^ 0x5bd1e995};
    *out = NULL;
    if (!a)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    a->app = app;
    a->users.seed = seed[0];
    a->epoch = 1;
    pthread_rwlock_init(&a->lock, NULL);
    pthread_mutex_init(&a->throttle_lock, NULL);
    throttle_init(&a->throttle, seed[1], THROTTLE_MAX, LOGIN_FREE_DEFAULT);
    int err = token_ring_load(app->store, app->seal, &a->ring, ei);
    if (!err && (err = store_each_user(app->store, load_user, a)))
        err_set(ei, err, "", "the users could not be read from the database");
    if (!err && (err = load_revoked(a)))
        err_set(ei, err, "", "the ended sign-ins could not be read from the database");
    if (err) {
        auth_free(&a);
        return err;
    }
    *out = a;
    return 0;
}

void auth_free(struct auth **ap) {
    struct auth *a = *ap;
    if (!a)
        return;
    *ap = NULL;
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&a->users, &it));) {
        map_remove(&a->users, n);
        free(CONTAINER_OF(n, struct auth_user, node));
    }
    map_free(&a->users);
    throttle_fini(&a->throttle);
    for (unsigned i = 0; i < SHARDS_MAX; i++)
        free(a->cache[i]);
    pthread_rwlock_destroy(&a->lock);
    pthread_mutex_destroy(&a->throttle_lock);
    explicit_bzero(a, sizeof *a);
    free(a);
}

int auth_init(struct store *st, const struct seal_key *k, const char *user, struct slice password,
              struct errinfo *ei) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct wall now = {ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
    struct token_ring ring = {0};
    struct store_user row = {.created = now, .changed = now};
    if (!slice_to_str(slice_str(user), row.name, sizeof row.name) || !*user)
        return err_set(ei, ERR_INVALID, "user", "a user name has 1 to %d bytes", STORE_USER_CAP - 1);
    snprintf(row.role, sizeof row.role, "%s", role_text(ROLE_ADMIN));
    int err = auth_hash(password, row.hash, ei);
    if (err)
        return err;
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (!t)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    t->durable = true;
    err = token_key_make(&ring.current, now);
    if (!err)
        err = token_ring_save(t, k, &ring);
    if (!err)
        err = store_txn_add(t, STORE_USER_PUT, &row);
    if (!err)
        err = store_submit(st, t);
    if (err)
        store_txn_free(&t);
    else
        err = store_sync(st);
    explicit_bzero(&ring, sizeof ring);
    explicit_bzero(&row, sizeof row);
    return err ? err_set(ei, err, "", "the first user could not be stored: %s", err_text(err)) : 0;
}

/* Read anew each time: a reload takes effect with the next sign-in. */
int64_t auth_token_life_s(const struct auth *a) {
    return a->app->settings ? a->app->settings->token_lifetime_ms / 1000 : TOKEN_LIFE_DEFAULT_S;
}
/* The previous key is kept until the next one comes: so no token outlives it. */
int64_t auth_key_life_s(const struct auth *a) {
    int64_t token_s = auth_token_life_s(a);
    return token_s > TOKEN_KEY_LIFE_S ? token_s : TOKEN_KEY_LIFE_S;
}

/* --- checking tokens --- */
static bool is_revoked(const struct auth *a, const char *sid) {
    for (size_t i = 0; i < a->nrevoked; i++)
        if (strcmp(a->revoked[i].sid, sid) == 0)
            return true;
    return false;
}

/* Is the sign-in of these claims good? The lock is held. */
static int check_claims(struct auth *a, const struct token_claims *c, struct principal *who,
                        struct errinfo *ei) {
    const struct auth_user *u = auth_find(a, c->user);
    const char *why = !u || u->row.disabled         ? "the user is gone"
                      : u->row.changed.us != c->gen ? "the user was changed since"
                      : is_revoked(a, c->sid)       ? "the sign-in was ended"
                                                    : NULL;
    if (why) {
        err_set(ei, ERR_AUTH, "Authorization", "the token is not accepted: %s", why);
        err_remedy(ei, "Sign in again.");
        return ERR_AUTH;
    }
    auth_principal(&u->row, who);
    return 0;
}

static struct cached_token *cache_set(struct auth *a, struct shard *s, const uint8_t key[32]) {
    struct cached_token **c = &a->cache[s->index];
    uint32_t h;
    if (!*c)
        *c = calloc(CACHE_SETS * CACHE_WAYS, sizeof **c);
    memcpy(&h, key, sizeof h);
    return *c ? *c + (h % CACHE_SETS) * CACHE_WAYS : NULL;
}

static struct cached_token *cache_find(struct cached_token *set, const uint8_t key[32]) {
    for (unsigned i = 0; set && i < CACHE_WAYS; i++)
        if (set[i].used && memcmp(set[i].key, key, 32) == 0)
            return &set[i];
    return NULL;
}

static void cache_add(struct cached_token *set, const uint8_t key[32], uint64_t epoch,
                      const struct principal *who, const struct auth_session *session) {
    if (!set)
        return;
    struct cached_token *c = cache_find(set, key);
    for (unsigned i = 0; !c && i < CACHE_WAYS; i++)
        if (!set[i].used)
            c = &set[i];
    if (!c)
        c = &set[key[31] % CACHE_WAYS];
    *c = (struct cached_token){.epoch = epoch, .who = *who, .session = *session, .used = true};
    memcpy(c->key, key, 32);
}

int auth_token(struct auth *a, struct shard *s, struct slice token, struct principal *who,
               struct auth_session *session, struct errinfo *ei) {
    uint8_t key[32];
    uint64_t epoch = atomic_load(&a->epoch);
    SHA256(token.p, token.n, key);
    struct cached_token *set = cache_set(a, s, key), *c = cache_find(set, key);
    struct wall now = loop_wall(s->loop);
    if (c && c->epoch == epoch && c->session.expires.us > now.us) {
        *who = c->who;
        *session = c->session;
        return 0;
    }
    struct token_claims claims = {0};
    pthread_rwlock_rdlock(&a->lock);
    int err = token_verify(&a->ring, token, now, &claims, ei);
    if (!err)
        err = check_claims(a, &claims, who, ei);
    pthread_rwlock_unlock(&a->lock);
    if (err)
        return err;
    memcpy(session->id, claims.sid, sizeof session->id);
    session->expires = claims.expires;
    cache_add(set, key, epoch, who, session);
    return 0;
}

bool auth_still(struct auth *a, struct shard *s, const struct principal *who,
                const struct auth_session *session) {
    if (session->expires.us <= loop_wall(s->loop).us)
        return false;
    pthread_rwlock_rdlock(&a->lock);
    const struct auth_user *u = auth_find(a, who->user);
    struct principal now = {0};
    if (u)
        auth_principal(&u->row, &now);
    bool ok = u && !u->row.disabled && now.role == who->role && strcmp(now.project, who->project) == 0 &&
              !is_revoked(a, session->id);
    pthread_rwlock_unlock(&a->lock);
    return ok;
}

/* --- users, read --- */
static int by_name(const void *x, const void *y) {
    return strcmp((*(struct auth_user *const *)x)->row.name, (*(struct auth_user *const *)y)->row.name);
}

int auth_each_user(struct auth *a, void (*fn)(void *ctx, const struct store_user *u), void *ctx) {
    pthread_rwlock_rdlock(&a->lock);
    size_t n = 0;
    struct auth_user **v = calloc(a->users.count + 1, sizeof *v);
    struct map_iter it = {0};
    for (struct map_node *m; v && (m = map_next(&a->users, &it));)
        v[n++] = CONTAINER_OF(m, struct auth_user, node);
    if (v)
        qsort(v, n, sizeof *v, by_name);
    for (size_t i = 0; i < n; i++)
        fn(ctx, &v[i]->row);
    pthread_rwlock_unlock(&a->lock);
    int err = v ? 0 : ERR_NOMEM;
    free(v);
    return err;
}

int auth_user_get(struct auth *a, const char *name, struct store_user *out) {
    pthread_rwlock_rdlock(&a->lock);
    const struct auth_user *u = auth_find(a, name);
    if (u)
        *out = u->row;
    pthread_rwlock_unlock(&a->lock);
    return u ? 0 : ERR_NOT_FOUND;
}
