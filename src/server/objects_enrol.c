/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment keys: checked and counted. A use counts in memory at once, so that no two of them share the last
 * one, and is durable before anybody is let in. */
#include "server/objects_int.h"

#include "base/json.h"
#include "base/ossl.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

char *objects_enrol_body(const struct entry *e) {
    char hex[2 * sizeof e->hash + 1];
    struct buf text = {0};
    struct json j = json_of(&text);
    json_obj(&j);
    json_kwall(&j, "expiresAt", e->expires);
    json_kint(&j, "maxUses", e->uses_max);
    json_kstr(&j, "hostProject", e->host_project);
    json_kstr(&j, "sha256", text_hex(slice_of(e->hash, sizeof e->hash), hex));
    json_kint(&j, "uses", e->uses);
    json_kbool(&j, "revoked", e->revoked);
    json_obj_end(&j);
    char *copy = text.failed ? NULL : strdup(buf_cstr(&text));
    buf_free(&text);
    return copy;
}

static void give_back(struct objects *o, const char *project, const char *key_name) {
    struct entry *e = objects_find(o, OBJECT_ENROL, project, key_name);
    if (e && e->uses)
        e->uses--;
}

static void arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct objects_enrol *e = CONTAINER_OF(m, struct objects_enrol, msg);
    if (e->err) {
        pthread_rwlock_wrlock(&e->objects->lock);
        give_back(e->objects, e->project, e->key_name);
        pthread_rwlock_unlock(&e->objects->lock);
    }
    e->done(e);
}

/* On the store's thread. */
static void stored(struct store_txn *t) {
    struct objects_enrol *e = t->owner;
    e->err = t->err;
    if (t->err)
        err_set(&e->error, t->err, "", "the use of the enrolment key was not stored: %s", t->why);
    store_txn_free(&t);
    loop_post(e->from->loop, &e->msg);
}

/* One sentence for every key that does not do: it tells nothing about the keys there are. */
static int refused(struct objects_enrol *e) {
    err_set(&e->error, ERR_AUTH, "key",
            "the enrolment key is not valid: it is unknown, expired, used up or "
            "revoked");
    err_remedy(&e->error, "Ask an admin for a new one: orch-cli create enrolment-key NAME");
    return ERR_AUTH;
}

/* With the lock held. */
static int count(struct objects *o, const uint8_t hash[32], struct wall now, struct objects_enrol *e) {
    struct map_node *n = map_get(&o->hashes, slice_of(hash, 32));
    struct entry *x = n ? CONTAINER_OF(n, struct entry, by_hash) : NULL;
    if (!entry_seen(x) || x->revoked || x->expires.us <= now.us)
        return refused(e);
    e->used_up = x->uses >= x->uses_max;
    if (e->used_up && !(e->peek && e->used_up_too))
        return refused(e);
    memcpy(e->project, x->project, sizeof e->project);
    memcpy(e->host_project, x->host_project, sizeof e->host_project);
    memcpy(e->key_name, x->name, sizeof e->key_name);
    if (e->peek)
        return 0;
    x->uses++;
    int r = objects_write(o, x, STORE_OBJECT_PUT, stored, e);
    if (r == 0)
        return 0;
    if (r == ERR_UNSUPPORTED) { /* nothing is kept */
        loop_post(e->from->loop, &e->msg);
        return 0;
    }
    x->uses--;
    return err_set(&e->error, r, "", "the use of the enrolment key could not be stored: %s", err_text(r));
}

void objects_enrol(struct objects *o, struct slice key, struct objects_enrol *e) {
    uint8_t hash[32];
    struct wall now = loop_wall(e->from->loop);
    e->objects = o;
    e->msg.fn = arrives;
    e->error = (struct errinfo){0};
    int r = EVP_Digest(key.p, key.n, hash, NULL, EVP_sha256(), NULL) == 1
                ? 0
                : err_set(&e->error, ERR_CRYPTO, "", "the key could not be hashed");
    if (r == 0) {
        pthread_rwlock_wrlock(&o->lock);
        r = count(o, hash, now, e);
        pthread_rwlock_unlock(&o->lock);
    }
    if (r == 0 && !e->peek)
        return;
    e->err = r;
    e->done(e);
}

void objects_enrol_back(struct objects *o, const char *project, const char *key_name) {
    pthread_rwlock_wrlock(&o->lock);
    give_back(o, project, key_name);
    struct entry *x = objects_find(o, OBJECT_ENROL, project, key_name);
    /* nobody waits: a use too many on the disk is no harm */
    if (entry_seen(x) && objects_write(o, x, STORE_OBJECT_PUT, NULL, NULL))
        x = NULL;
    pthread_rwlock_unlock(&o->lock);
}
