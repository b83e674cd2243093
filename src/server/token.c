/* SPDX-License-Identifier: Apache-2.0 */
#include "server/token.h"

#include "base/json.h"
#include "base/ossl.h"
#include "base/text.h"

#include <cjose/cjose.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>

static const char *const RING_META[2] = {"auth.key.current", "auth.key.previous"};

int token_key_make(struct token_key *k, struct wall now) {
    uint8_t id[4];
    if (RAND_bytes(k->secret, sizeof k->secret) != 1 || RAND_bytes(id, sizeof id) != 1)
        return ERR_CRYPTO;
    text_hex(slice_of(id, sizeof id), k->id);
    k->made = now;
    return 0;
}

int token_ring_rotate(const struct token_ring *old, struct token_ring *out, struct wall now) {
    out->previous = old->current;
    return token_key_make(&out->current, now);
}

/* --- at rest: "<id> <made, us> <secret, hex>", sealed, as hex --- */
static int key_save(struct store_txn *t, const struct seal_key *seal, const char *meta,
                    const struct token_key *k) {
    char hex[65], plain[128], text[2 * sizeof(struct sealed) + 1];
    struct sealed sealed;
    text_hex(slice_of(k->secret, sizeof k->secret), hex);
    snprintf(plain, sizeof plain, "%s %" PRId64 " %s", k->id, k->made.us, hex);
    int err = seal_put(seal, meta, slice_str(plain), &sealed);
    OPENSSL_cleanse(hex, sizeof hex);
    OPENSSL_cleanse(plain, sizeof plain);
    if (err)
        return err;
    return store_txn_add_meta(t, meta, text_hex(slice_of(sealed.b, sealed.n), text));
}

int token_ring_save(struct store_txn *t, const struct seal_key *seal, const struct token_ring *ring) {
    int err = key_save(t, seal, RING_META[0], &ring->current);
    if (!err && *ring->previous.id)
        err = key_save(t, seal, RING_META[1], &ring->previous);
    return err;
}

static int key_parse(struct slice text, struct token_key *k) {
    struct slice id = slice_cut(&text, ' '), made = slice_cut(&text, ' ');
    uint64_t us;
    if (!slice_to_str(id, k->id, sizeof k->id) || !slice_to_u64(made, INT64_MAX, &us) ||
        !text_unhex(text, k->secret, sizeof k->secret))
        return ERR_CRYPTO;
    k->made = (struct wall){(int64_t)us};
    return 0;
}

static int key_load(struct store *st, const struct seal_key *seal, const char *meta, struct token_key *k) {
    struct buf b = {0};
    struct sealed sealed;
    char plain[128];
    int err = store_meta_get(st, meta, &b);
    while (!err && b.len && buf_slice(&b).p[b.len - 1] == 0)
        b.len--;
    if (!err && (b.len / 2 > SEALED_MAX || !text_unhex(buf_slice(&b), sealed.b, b.len / 2)))
        err = ERR_CRYPTO;
    if (!err) {
        sealed.n = (uint8_t)(b.len / 2);
        err = seal_open(seal, meta, &sealed, plain, sizeof plain);
    }
    if (!err)
        err = key_parse(slice_str(plain), k);
    OPENSSL_cleanse(plain, sizeof plain);
    buf_free(&b);
    return err;
}

int token_ring_load(struct store *st, const struct seal_key *seal, struct token_ring *out,
                    struct errinfo *ei) {
    *out = (struct token_ring){0};
    int err = key_load(st, seal, RING_META[0], &out->current);
    if (err == ERR_NOT_FOUND) {
        err_set(ei, err, "", "the database holds no key for sign-in tokens");
        err_remedy(ei, "Make it with `outbandd init`; this is never done by itself.");
        return err;
    }
    if (!err)
        err = key_load(st, seal, RING_META[1], &out->previous);
    if (err == ERR_NOT_FOUND)
        err = 0;
    if (err) {
        err_set(ei, err, "", "the key for sign-in tokens cannot be unsealed");
        err_remedy(ei, "The master key is not the one this database was made with: give the right one.");
    }
    return err;
}

/* --- JWT --- */
/* cjose hands out what it allocated with its own functions. */
static int sign_text(const struct token_key *k, struct slice text, struct buf *out) {
    cjose_err e;
    int err = ERR_CRYPTO;
    const char *ser = NULL;
    cjose_jws_t *jws = NULL;
    cjose_header_t *head = cjose_header_new(&e);
    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec(k->secret, sizeof k->secret, &e);
    if (head && jwk && cjose_header_set(head, CJOSE_HDR_ALG, CJOSE_HDR_ALG_HS256, &e) &&
        cjose_header_set(head, CJOSE_HDR_KID, k->id, &e))
        jws = cjose_jws_sign(jwk, head, text.p, text.n, &e);
    /* the text belongs to jws */
    if (jws && cjose_jws_export(jws, &ser, &e))
        err = buf_puts(out, ser);
    cjose_jws_release(jws);
    cjose_header_release(head);
    cjose_jwk_release(jwk);
    return err;
}

int token_sign(const struct token_key *k, const struct token_claims *c, struct buf *out) {
    struct buf text = {0};
    struct json j = json_of(&text);
    json_obj(&j);
    json_kstr(&j, "iss", "outband");
    json_kstr(&j, "sub", c->user);
    json_kstr(&j, "sid", c->sid);
    json_kint(&j, "gen", c->gen);
    json_kint(&j, "iat", c->issued.us / 1000000);
    json_kint(&j, "exp", c->expires.us / 1000000);
    json_obj_end(&j);
    int err = text.failed ? ERR_NOMEM : sign_text(k, buf_slice(&text), out);
    buf_free(&text);
    return err;
}

static int bad(struct errinfo *ei, const char *why) {
    err_set(ei, ERR_AUTH, "Authorization", "the token is not accepted: %s", why);
    err_remedy(ei, "Sign in again.");
    return ERR_AUTH;
}

static bool claim_text(const json_t *o, const char *name, char *out, size_t cap) {
    const char *s = json_string_value(json_object_get(o, name));
    return s && *s && slice_to_str(slice_str(s), out, cap);
}

static int claims_parse(struct slice text, struct token_claims *c) {
    json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *gen = json_object_get(o, "gen"), *iat = json_object_get(o, "iat"),
           *exp = json_object_get(o, "exp");
    bool ok = claim_text(o, "sub", c->user, sizeof c->user) && claim_text(o, "sid", c->sid, sizeof c->sid) &&
              json_is_integer(gen) && json_is_integer(iat) && json_is_integer(exp);
    if (ok) {
        c->gen = json_integer_value(gen);
        c->issued = (struct wall){json_integer_value(iat) * 1000000};
        c->expires = (struct wall){json_integer_value(exp) * 1000000};
    }
    json_decref(o);
    return ok ? 0 : ERR_AUTH;
}

/* The algorithm is ours to choose: whatever the token's head says must be HS256 and one of our keys. */
static const struct token_key *key_of(const struct token_ring *ring, cjose_jws_t *jws, const char **why) {
    cjose_err e;
    cjose_header_t *head = cjose_jws_get_protected(jws);
    const char *alg = head ? cjose_header_get(head, CJOSE_HDR_ALG, &e) : NULL;
    const char *kid = head ? cjose_header_get(head, CJOSE_HDR_KID, &e) : NULL;
    *why = "it is not signed the way this server signs";
    if (!alg || strcmp(alg, CJOSE_HDR_ALG_HS256) != 0 || !kid || !*kid)
        return NULL;
    *why = "its key is no longer in use";
    if (strcmp(kid, ring->current.id) == 0)
        return &ring->current;
    return strcmp(kid, ring->previous.id) == 0 ? &ring->previous : NULL;
}

static int verify_jws(const struct token_ring *ring, cjose_jws_t *jws, struct token_claims *out,
                      struct errinfo *ei) {
    cjose_err e;
    const char *why;
    uint8_t *text;
    size_t n;
    const struct token_key *k = key_of(ring, jws, &why);
    if (!k)
        return bad(ei, why);
    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec(k->secret, sizeof k->secret, &e);
    bool ok = jwk && cjose_jws_verify(jws, jwk, &e) && cjose_jws_get_plaintext(jws, &text, &n, &e);
    cjose_jwk_release(jwk);
    if (!ok)
        return bad(ei, "its signature is wrong");
    return claims_parse(slice_of(text, n), out) ? bad(ei, "it is malformed") : 0;
}

/* Three parts of base64url, no longer than ours are. */
static bool looks_like_jwt(struct slice t) {
    return text_in_set(t, TEXT_ALNUM "-_.", 16, TOKEN_MAX_BYTES);
}

int token_verify(const struct token_ring *ring, struct slice token, struct wall now, struct token_claims *out,
                 struct errinfo *ei) {
    cjose_err e;
    if (!looks_like_jwt(token))
        return bad(ei, "it is malformed");
    cjose_jws_t *jws = cjose_jws_import((const char *)token.p, token.n, &e);
    if (!jws)
        return bad(ei, "it is malformed");
    int err = verify_jws(ring, jws, out, ei);
    cjose_jws_release(jws);
    if (!err && out->expires.us <= now.us)
        return bad(ei, "it has expired");
    return err;
}
