/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/digest.h"

#include "base/ossl.h"
#include "base/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { MD5_BYTES = 16, MD5_HEX_CAP = DIGEST_HA1_CAP };
_Static_assert(MD5_HEX_CAP == 2 * MD5_BYTES + 1, "HA1 is an MD5 in hex");

/* --- MD5 --- */

/* MD5 of the parts with colons between them, in lower-case hex into out[MD5_HEX_CAP]. */
static int md5_joined(const struct slice *parts, size_t n, char *out) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
    for (size_t i = 0; ok && i < n; i++)
        ok = (i == 0 || EVP_DigestUpdate(ctx, ":", 1)) && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    ok = ok && EVP_DigestFinal_ex(ctx, sum, &len) && len == MD5_BYTES;
    EVP_MD_CTX_free(ctx);
    if (!ok) /* out of memory, or a policy of this machine forbids MD5 */
        return ERR_CRYPTO;
    text_hex(slice_of(sum, MD5_BYTES), out);
    return 0;
}
#define MD5_JOINED(out, ...)                                                                                 \
    md5_joined((const struct slice[]){__VA_ARGS__},                                                          \
               sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice), out)

int digest_ha1(const char *user, const char *realm, const char *password, char *out) {
    return MD5_JOINED(out, slice_str(user), slice_str(realm), slice_str(password));
}

int digest_response(const char *ha1, const char *method, const struct digest_answer *a, char *out) {
    char ha2[MD5_HEX_CAP];
    int r = MD5_JOINED(ha2, slice_str(method), a->uri);
    if (r < 0)
        return r;
    if (a->qop.n == 0)
        return MD5_JOINED(out, slice_str(ha1), a->nonce, slice_str(ha2));
    return MD5_JOINED(out, slice_str(ha1), a->nonce, a->nc, a->cnonce, a->qop, slice_str(ha2));
}

/* --- the grammar of both headers: scheme name=value, name="value", … RFC 9110 11 --- */

struct item {
    struct slice name, value; /* without the quotes; escapes stay as they are, both ends hash them so */
    bool is_scheme;
};

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}
static bool is_delimiter(uint8_t c) {
    return is_blank(c) || c < 0x20 || c >= 0x7f || strchr(",=\"\\", c);
}
static struct slice skip_blanks(struct slice s) {
    while (s.n && is_blank(s.p[0]))
        s = slice_skip(s, 1);
    return s;
}

/* Cut a quoted string off *in, which starts with the quote. */
static int take_quoted(struct slice *in, struct slice *value) {
    size_t i = 1;
    while (i < in->n && in->p[i] != '"') {
        if ((in->p[i] < 0x20 && in->p[i] != '\t') || in->p[i] == 0x7f)
            return ERR_SYNTAX;
        i += in->p[i] == '\\' ? 2 : 1;
    }
    if (i >= in->n)
        return ERR_SYNTAX;
    *value = slice_of(in->p + 1, i - 1);
    *in = slice_skip(*in, i + 1);
    return 0;
}

/* Next parameter or scheme: 1; 0 at the end; ERR_SYNTAX. Blanks may stand or lack anywhere. */
static int next_item(struct slice *in, struct item *it) {
    while (in->n && (is_blank(in->p[0]) || in->p[0] == ','))
        *in = slice_skip(*in, 1);
    if (in->n == 0)
        return 0;
    size_t n = 0;
    while (n < in->n && !is_delimiter(in->p[n]))
        n++;
    if (n == 0)
        return ERR_SYNTAX;
    *it = (struct item){.name = slice_head(*in, n), .is_scheme = true};
    struct slice rest = skip_blanks(slice_skip(*in, n));
    *in = rest;
    if (rest.n == 0 || rest.p[0] != '=')
        return 1;
    it->is_scheme = false;
    rest = skip_blanks(slice_skip(rest, 1));
    if (rest.n && rest.p[0] == '"') {
        int r = take_quoted(&rest, &it->value);
        *in = rest;
        return r < 0 ? r : 1;
    }
    for (n = 0; n < rest.n && (!is_delimiter(rest.p[n]) || rest.p[n] == '=');)
        n++;
    it->value = slice_head(rest, n);
    *in = slice_skip(rest, n);
    return 1;
}

static bool named(const struct item *it, const char *name) {
    return slice_ieq(it->name, slice_str(name));
}

/* --- client --- */

/* One challenge while it is read. */
struct challenge {
    bool digest;
    struct slice realm, nonce, algorithm, qop;
    bool has_qop;
};

/* Can we answer it? 0 with *c filled, or why not. */
static int take_challenge(struct digest_client *c, struct challenge *ch) {
    if (!ch->digest)
        return ERR_UNSUPPORTED;
    if (ch->algorithm.n && !slice_ieq(ch->algorithm, SLICE_LIT("MD5")))
        return ERR_UNSUPPORTED;
    struct digest_client fresh = {0};
    while (ch->qop.n)
        if (slice_ieq(slice_trim(slice_cut(&ch->qop, ',')), SLICE_LIT("auth")))
            fresh.qop_auth = true;
    if (ch->has_qop && !fresh.qop_auth)
        return ERR_UNSUPPORTED;
    if (ch->nonce.n == 0 || !ch->realm.p || !slice_to_str(ch->nonce, fresh.nonce, sizeof fresh.nonce) ||
        !slice_to_str(ch->realm, fresh.realm, sizeof fresh.realm))
        return ERR_SYNTAX;
    if (strcmp(fresh.nonce, c->nonce) == 0)
        fresh.nc = c->nc;
    *c = fresh;
    return 0;
}

int digest_challenge(struct digest_client *c, struct slice www_authenticate) {
    struct challenge ch = {0};
    struct item it;
    int r, why = ERR_UNSUPPORTED;
    while ((r = next_item(&www_authenticate, &it)) != 0) {
        if (r < 0 && ch.digest)
            return r;
        if (r < 0) { /* the token of another scheme, e.g. Negotiate's, is not ours to understand */
            www_authenticate = slice_skip(www_authenticate, 1);
        } else if (it.is_scheme) {
            if (ch.digest && (why = take_challenge(c, &ch)) == 0)
                return 0;
            ch = (struct challenge){.digest = named(&it, "Digest")};
        } else if (named(&it, "realm")) {
            ch.realm = it.value;
        } else if (named(&it, "nonce")) {
            ch.nonce = it.value;
        } else if (named(&it, "algorithm")) {
            ch.algorithm = it.value;
        } else if (named(&it, "qop")) {
            ch.qop = it.value;
            ch.has_qop = true;
        }
    }
    return ch.digest ? take_challenge(c, &ch) : why;
}

/* May stand between quotes in a header. */
static bool quotable(const char *s) {
    return !s[strcspn(s, "\"\\\r\n")];
}

int digest_authorize(struct digest_client *c, struct buf *out, const char *user, const char *password,
                     const char *method, const char *uri, const char *cnonce) {
    if (!c->nonce[0])
        return ERR_STATE;
    if (!quotable(user) || !quotable(uri) || !quotable(cnonce))
        return ERR_INVALID;
    char ha1[DIGEST_HA1_CAP], nc[16], response[MD5_HEX_CAP];
    snprintf(nc, sizeof nc, "%08x", c->nc + 1);
    struct digest_answer a = {.nonce = slice_str(c->nonce), .uri = slice_str(uri)};
    if (c->qop_auth) {
        a.qop = SLICE_LIT("auth");
        a.nc = slice_str(nc);
        a.cnonce = slice_str(cnonce);
    }
    int r = digest_ha1(user, c->realm, password, ha1);
    if (r == 0)
        r = digest_response(ha1, method, &a, response);
    OPENSSL_cleanse(ha1, sizeof ha1);
    if (r < 0)
        return r;
    buf_putf(out, "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\"", user,
             c->realm, c->nonce, uri, response);
    if (c->qop_auth)
        buf_putf(out, ", qop=auth, nc=%s, cnonce=\"%s\"", nc, cnonce);
    if (out->failed)
        return ERR_NOMEM;
    c->nc++;
    return 0;
}

/* --- server --- */

int digest_put_challenge(struct buf *out, const char *realm, const char *nonce, bool qop_both) {
    /* the one space is firmware's, reference 2.2 */
    return buf_putf(out, "Digest realm=\"%s\", nonce=\"%s\",stale=\"false\",qop=\"%s\"", realm, nonce,
                    qop_both ? "auth-int, auth" : "auth");
}

static const struct answer_field {
    const char *name;
    size_t offset;
    bool needed, needed_with_qop;
} ANSWER_FIELDS[] = {
    {"username", offsetof(struct digest_answer, user), true, true},
    {"realm", offsetof(struct digest_answer, realm), true, true},
    {"nonce", offsetof(struct digest_answer, nonce), true, true},
    {"uri", offsetof(struct digest_answer, uri), true, true},
    {"response", offsetof(struct digest_answer, response), true, true},
    {"cnonce", offsetof(struct digest_answer, cnonce), false, true},
    {"qop", offsetof(struct digest_answer, qop), false, false},
    {"nc", offsetof(struct digest_answer, nc), false, true},
};
enum { ANSWER_NFIELDS = sizeof ANSWER_FIELDS / sizeof *ANSWER_FIELDS };

static struct slice *answer_slot(struct digest_answer *a, const struct answer_field *f) {
    return (struct slice *)(void *)((char *)a + f->offset);
}

static bool is_hex(struct slice s, size_t n) {
    return text_in_set(s, TEXT_DIGITS "abcdefABCDEF", n, n);
}

int digest_parse_answer(struct slice authorization, struct digest_answer *a) {
    *a = (struct digest_answer){0};
    struct item it;
    int r = next_item(&authorization, &it);
    if (r <= 0 || !it.is_scheme)
        return ERR_SYNTAX;
    if (!named(&it, "Digest"))
        return ERR_UNSUPPORTED;
    while ((r = next_item(&authorization, &it)) == 1) {
        if (it.is_scheme)
            return ERR_SYNTAX;
        for (size_t i = 0; i < ANSWER_NFIELDS; i++) {
            struct slice *slot = answer_slot(a, &ANSWER_FIELDS[i]);
            if (!named(&it, ANSWER_FIELDS[i].name))
                continue;
            if (slot->p)
                return ERR_SYNTAX; /* twice: which one counts? */
            *slot = it.value;
        }
    }
    if (r < 0)
        return r;
    for (size_t i = 0; i < ANSWER_NFIELDS; i++) {
        bool needed = a->qop.n ? ANSWER_FIELDS[i].needed_with_qop : ANSWER_FIELDS[i].needed;
        if (needed && !answer_slot(a, &ANSWER_FIELDS[i])->p)
            return ERR_SYNTAX;
    }
    if (a->user.n > DIGEST_USER_MAX || a->nonce.n == 0 || !is_hex(a->response, 2 * MD5_BYTES))
        return ERR_SYNTAX;
    if (a->qop.n && !is_hex(a->nc, 8))
        return ERR_SYNTAX;
    if (a->qop.n && !slice_ieq(a->qop, SLICE_LIT("auth")))
        return ERR_UNSUPPORTED;
    return 0;
}

bool digest_verify(const struct digest_answer *a, const char *ha1, const char *method) {
    char want[MD5_HEX_CAP];
    bool ok = digest_response(ha1, method, a, want) == 0 && slice_eq_secret(a->response, slice_str(want));
    OPENSSL_cleanse(want, sizeof want);
    return ok;
}
