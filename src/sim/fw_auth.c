/* SPDX-License-Identifier: Apache-2.0 */
/* Digest authentication of the simulated firmware: nonces are reused until they expire (reference 2.3). */
#include "sim/firmware.h"

#include "base/text.h"

#include <stdlib.h>

enum { NONCE_BYTES = 24 };

static struct fw_auth *auth_of(struct sim_node *n) {
    if (!n->auth)
        n->auth = calloc(1, sizeof *n->auth);
    return n->auth;
}

const char *fw_ha1(struct sim_node *n) {
    if (n->prov || n->unprovisioned)
        return n->prov ? n->prov->admin_ha1 : "";
    struct fw_auth *a = auth_of(n);
    char realm[NODE_REALM_CAP];
    if (a && !a->ha1[0] &&
        digest_ha1(n->cfg.id.amt_user, node_realm(n, realm), n->cfg.id.amt_password, a->ha1) < 0)
        return NULL;
    return a ? a->ha1 : NULL;
}

const char *fw_os_admin_password(struct sim_node *n) {
    struct prov *p = node_prov(n);
    uint8_t raw[16];
    if (!p)
        return "";
    if (!p->os_admin_password[0]) {
        loop_random(n->fleet->cfg.loop, raw, sizeof raw);
        text_hex(slice_of(raw, sizeof raw), p->os_admin_password);
        explicit_bzero(raw, sizeof raw);
    }
    return p->os_admin_password;
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

/* HA1 of the user who claims to answer; false: there is no such user here. */
static bool user_ha1(struct sim_node *n, struct slice name, bool local, enum fw_user *who,
                     char ha1[DIGEST_HA1_CAP]) {
    char realm[NODE_REALM_CAP];
    const char *admin = fw_ha1(n);
    if (local && slice_is(name, FW_OS_ADMIN_NAME)) {
        *who = FW_OS_ADMIN;
        const char *password = fw_os_admin_password(n);
        return *password && digest_ha1(FW_OS_ADMIN_NAME, node_realm(n, realm), password, ha1) == 0;
    }
    if (!admin || !*admin || !slice_is(name, n->cfg.id.amt_user))
        return false;
    *who = FW_ADMIN;
    memcpy(ha1, admin, DIGEST_HA1_CAP);
    return true;
}

enum fw_user fw_login(struct sim_node *n, struct slice authorization, const char *method, bool local,
                      struct mono now) {
    struct fw_auth *a = auth_of(n);
    struct digest_answer answer;
    char realm[NODE_REALM_CAP], ha1[DIGEST_HA1_CAP];
    enum fw_user who = FW_NOBODY;
    if (!a || authorization.n == 0 || digest_parse_answer(authorization, &answer) < 0)
        return FW_NOBODY;
    struct fw_nonce *x = nonce_find(a, answer.nonce, now);
    if (!x || !slice_is(answer.realm, node_realm(n, realm)) || !user_ha1(n, answer.user, local, &who, ha1))
        return FW_NOBODY;
    x->uses++;
    if (!digest_verify(&answer, ha1, method))
        who = FW_NOBODY;
    explicit_bzero(ha1, sizeof ha1);
    return who;
}
