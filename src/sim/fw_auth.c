/* SPDX-License-Identifier: Apache-2.0 */
/* Digest authentication of the simulated firmware: nonces are reused until they expire (reference 2.3). */
#include "sim/firmware.h"

#include "base/text.h"

#include <stdlib.h>

enum { NONCE_BYTES = 24 };

static struct fw_auth *auth_of(struct sim_node *n) {
    if (n->auth)
        return n->auth;
    n->auth = calloc(1, sizeof *n->auth);
    if (!n->auth)
        return NULL;
    char realm[NODE_REALM_CAP];
    if (digest_ha1(n->cfg.id.amt_user, node_realm(n, realm), n->cfg.id.amt_password, n->auth->ha1) < 0) {
        free(n->auth);
        n->auth = NULL;
    }
    return n->auth;
}

const char *fw_ha1(struct sim_node *n) {
    const struct fw_auth *a = auth_of(n);
    return a ? a->ha1 : NULL;
}

/* 4 random bytes, a counter, 12 random bytes: as recorded (2.3). */
static int nonce_make(struct sim_node *n, struct fw_auth *a, struct fw_nonce *x, struct mono now) {
    uint8_t raw[NONCE_BYTES];
    loop_random(n->fleet->cfg.loop, raw, sizeof raw);
    a->counter++;
    for (unsigned i = 0; i < 8; i++)
        raw[4 + i] = (uint8_t)(a->counter >> (8 * i));
    struct buf b64 = {0};
    int r = text_base64(&b64, slice_of(raw, sizeof raw));
    if (r == 0)
        slice_to_str(buf_slice(&b64), x->text, sizeof x->text);
    buf_free(&b64);
    x->uses = 0;
    x->until = mono_add_ms(now, FW_NONCE_MS);
    return r;
}

int fw_challenge(struct sim_node *n, struct mono now, struct buf *out) {
    struct fw_auth *a = auth_of(n);
    if (!a)
        return ERR_NOMEM;
    struct fw_nonce *x = &a->nonces[a->next++ % FW_NONCES];
    int r = nonce_make(n, a, x, now);
    char realm[NODE_REALM_CAP];
    if (r == 0)
        r = digest_put_challenge(out, node_realm(n, realm), x->text,
                                 sim_profile_info(n->cfg.profile)->qop_both);
    return r;
}

static struct fw_nonce *nonce_find(struct fw_auth *a, struct slice text, struct mono now) {
    for (size_t i = 0; i < FW_NONCES; i++) {
        struct fw_nonce *x = &a->nonces[i];
        if (x->text[0] && slice_is(text, x->text) && mono_before(now, x->until) && x->uses < FW_NONCE_USES)
            return x;
    }
    return NULL;
}

bool fw_authorized(struct sim_node *n, struct slice authorization, const char *method, struct mono now) {
    struct fw_auth *a = auth_of(n);
    struct digest_answer answer;
    char realm[NODE_REALM_CAP];
    if (!a || authorization.n == 0 || digest_parse_answer(authorization, &answer) < 0)
        return false;
    struct fw_nonce *x = nonce_find(a, answer.nonce, now);
    if (!x || !slice_is(answer.user, n->cfg.id.amt_user) || !slice_is(answer.realm, node_realm(n, realm)))
        return false;
    x->uses++;
    return digest_verify(&answer, a->ha1, method);
}
