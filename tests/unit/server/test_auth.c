/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"

#include "base/text.h"

#define NOW ((struct wall){1795356131000000})

static struct token_ring new_ring(void) {
    struct token_ring r = {0};
    assert_int_equal(token_key_make(&r.current, NOW), 0);
    return r;
}
static struct buf signed_by(const struct token_key *k, int64_t life_s) {
    struct token_claims c = {.user = "admin",
                             .sid = "00112233445566778899aabbccddeeff",
                             .gen = 1,
                             .issued = NOW,
                             .expires = {NOW.us + life_s * 1000000}};
    struct buf b = {0};
    assert_int_equal(token_sign(k, &c, &b), 0);
    return b;
}

/* --- passwords --- */
static void passwords_are_hashed(void **s) {
    char a[160], b[160];
    struct errinfo ei = {0};
    assert_int_equal(auth_hash(SLICE_LIT("P@ssw0rd!"), a, &ei), 0);
    assert_int_equal(auth_hash(SLICE_LIT("P@ssw0rd!"), b, &ei), 0);
    assert_memory_equal(a, "$y$", 3);
    assert_string_not_equal(a, b); /* salted */
    assert_true(auth_password_matches(SLICE_LIT("P@ssw0rd!"), a));
    assert_false(auth_password_matches(SLICE_LIT("P@ssw0rd"), a));
    assert_false(auth_password_matches(SLICE_LIT("P@ssw0rd!"), NULL));
    assert_false(auth_password_matches(SLICE_LIT("P@ssw0rd!"), "garbage"));
    assert_int_equal(auth_hash(SLICE_LIT("short"), a, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "8 to 128"));
    assert_int_equal(auth_hash(SLICE_LIT("with\nnewline"), a, &ei), ERR_INVALID);
    char longest[130];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(auth_hash(slice_of(longest, 129), a, &ei), ERR_INVALID);
}

/* --- tokens --- */
static void tokens_are_verified(void **s) {
    struct token_ring ring = new_ring();
    struct token_claims c = {0};
    struct errinfo ei = {0};
    struct buf b = signed_by(&ring.current, 60);
    assert_int_equal(token_verify(&ring, buf_slice(&b), NOW, &c, &ei), 0);
    assert_string_equal(c.user, "admin");
    assert_int_equal(c.gen, 1);
    assert_int_equal(c.expires.us, NOW.us + 60000000);
    assert_int_equal(token_verify(&ring, buf_slice(&b), (struct wall){NOW.us + 59000000}, &c, &ei), 0);
    assert_int_equal(token_verify(&ring, buf_slice(&b), (struct wall){NOW.us + 60000000}, &c, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "expired"));
    buf_free(&b);
}

static void keys_rotate_without_ending_tokens(void **s) {
    struct token_ring first = new_ring(), second = {0}, third = {0};
    struct token_claims c = {0};
    struct errinfo ei = {0};
    struct buf b = signed_by(&first.current, 60);
    assert_int_equal(token_ring_rotate(&first, &second, NOW), 0);
    assert_int_equal(token_verify(&second, buf_slice(&b), NOW, &c, &ei), 0);
    assert_int_equal(token_ring_rotate(&second, &third, NOW), 0);
    assert_int_equal(token_verify(&third, buf_slice(&b), NOW, &c, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "no longer in use"));
    buf_free(&b);
}

static void put_part(struct buf *b, const char *text) {
    assert_int_equal(text_base64url(b, slice_str(text)), 0);
}

static void forged_tokens_are_refused(void **s) {
    struct token_ring ring = new_ring(), other = new_ring();
    struct token_claims c = {0};
    struct errinfo ei = {0};
    char head[128];
    struct buf b = signed_by(&other.current, 60);
    assert_int_equal(token_verify(&ring, buf_slice(&b), NOW, &c, &ei), ERR_AUTH);
    buf_free(&b);
    /* the right key's name on another key's signature */
    memcpy(other.current.id, ring.current.id, sizeof other.current.id);
    b = signed_by(&other.current, 60);
    assert_int_equal(token_verify(&ring, buf_slice(&b), NOW, &c, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "signature"));
    buf_free(&b);
    /* algorithms of the forger's choice */
    static const char *const algs[] = {"none", "None", "HS384", "RS256", ""};
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        snprintf(head, sizeof head, "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[i], ring.current.id);
        put_part(&b, head);
        buf_puts(&b, ".");
        put_part(&b, "{\"sub\":\"admin\",\"sid\":\"x\",\"gen\":1,\"iat\":1,\"exp\":9999999999}");
        buf_puts(&b, i ? ".AAAA" : ".");
        assert_int_equal(token_verify(&ring, buf_slice(&b), NOW, &c, &ei), ERR_AUTH);
        buf_free(&b);
    }
}

/* Any single changed character makes it invalid, and nothing breaks. */
static void garbled_tokens_are_refused(void **s) {
    struct token_ring ring = new_ring();
    struct token_claims c = {0};
    struct errinfo ei = {0};
    struct buf b = signed_by(&ring.current, 60), g = {0};
    for (size_t i = 0; i + 1 < b.len; i++) { /* the last character may hold unused bits */
        buf_clear(&g);
        buf_put(&g, buf_slice(&b));
        g.mem[i] = g.mem[i] == 'A' ? 'B' : 'A';
        assert_int_equal(token_verify(&ring, buf_slice(&g), NOW, &c, &ei), ERR_AUTH);
        assert_int_equal(token_verify(&ring, slice_head(buf_slice(&b), i), NOW, &c, &ei), ERR_AUTH);
    }
    static const char *const odd[] = {"", ".", "..", "a.b.c", "....................", "é.é.é.é.é.é.é.é.é"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(token_verify(&ring, slice_str(odd[i]), NOW, &c, &ei), ERR_AUTH);
    buf_free(&b);
    buf_free(&g);
}

/* --- the throttle --- */
static void guessing_gets_slow(void **s) {
    struct throttle t;
    struct mono now = {1000000};
    throttle_init(&t, 1, 3, 5);
    for (int i = 0; i < 4; i++)
        throttle_failed(&t, THROTTLE_USER, "admin", now);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", now), 0);
    throttle_failed(&t, THROTTLE_USER, "admin", now);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", now), 1);
    throttle_failed(&t, THROTTLE_USER, "admin", now);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", now), 2);
    for (int i = 0; i < 100; i++)
        throttle_failed(&t, THROTTLE_USER, "admin", now);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", now),
                     30); /* nobody is locked out for good */
    assert_int_equal(throttle_wait_s(&t, THROTTLE_ADDRESS, "admin", now), 0);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", mono_add_ms(now, 30000)), 0);
    throttle_passed(&t, THROTTLE_USER, "admin");
    throttle_failed(&t, THROTTLE_USER, "admin", now);
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "admin", now), 0);
    /* a few slips over a day cost nothing */
    for (int i = 0; i < 20; i++)
        throttle_failed(&t, THROTTLE_USER, "slow", mono_add_ms(now, i * 61000));
    assert_int_equal(throttle_wait_s(&t, THROTTLE_USER, "slow", mono_add_ms(now, 20 * 61000)), 0);
    /* bounded: the longest unused one goes */
    throttle_failed(&t, THROTTLE_USER, "b", now);
    throttle_failed(&t, THROTTLE_USER, "c", now);
    throttle_failed(&t, THROTTLE_USER, "d", now);
    assert_int_equal(t.entries.count, 3);
    throttle_fini(&t);
}

/* --- over HTTP --- */
/* A user with a real hash; made once, for hashing is slow on purpose. */
static void give_password(struct rig *g, const char *name, const char *password) {
    static char hash[160];
    struct errinfo ei = {0};
    struct store_user u;
    if (!*hash)
        assert_int_equal(auth_hash(slice_str(password), hash, &ei), 0);
    assert_int_equal(auth_user_get(g->app->auth, name, &u), 0);
    memcpy(u.hash, hash, sizeof u.hash);
    struct store_txn *t = store_txn_new(NULL, NULL);
    assert_int_equal(store_txn_add(t, STORE_USER_PUT, &u), 0);
    assert_int_equal(store_submit(g->store, t), 0);
    store_pump(g->store);
    rig_auth(g);
}

static void signing_in_and_out(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    give_password(g, "admin", "P@ssw0rd!");
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
                                "{\"username\":\"admin\",\"password\":\"P@ssw0rd!\"}"),
                     200);
    slice_to_str(slice_str(answer_text(c, "token")), token, sizeof token);
    assert_string_equal(answer_text(c, "role"), "admin");
    assert_int_equal(strlen(answer_text(c, "csrfToken")), 0);
    assert_null(strstr(c->head, "Set-Cookie"));
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/users", NULL, NULL), 200);
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/users", NULL, NULL), 200); /* by the cache */
    assert_int_equal(client_ask(c, token, "POST", "/api/v1/logout", NULL, NULL), 204);
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/users", NULL, NULL), 401);
    assert_non_null(strstr(c->head, "WWW-Authenticate: Bearer"));
    /* also after a restart */
    rig_auth(g);
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/users", NULL, NULL), 401);
    /* a wrong password and an unknown user look the same */
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
                                "{\"username\":\"admin\",\"password\":\"wrong-one\"}"),
                     401);
    char text[256];
    slice_to_str(slice_str(answer_text(c, "message")), text, sizeof text);
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
                                "{\"username\":\"nobody\",\"password\":\"wrong-one\"}"),
                     401);
    assert_string_equal(answer_text(c, "message"), text);
    client_close(&c);
    rig_free(&g);
}

static void the_page_signs_in_by_cookie(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    give_password(g, "admin", "P@ssw0rd!");
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
                                "{\"username\":\"admin\",\"password\":\"P@ssw0rd!\",\"cookie\":true}"),
                     200);
    assert_string_equal(answer_text(c, "token"), "");
    char csrf[64], cookie[TOKEN_MAX_BYTES + 64], both[TOKEN_MAX_BYTES + 200];
    slice_to_str(slice_str(answer_text(c, "csrfToken")), csrf, sizeof csrf);
    const char *at = strstr(c->head, "Set-Cookie: __Host-outband=");
    assert_non_null(at);
    assert_non_null(strstr(at, "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age="));
    snprintf(cookie, sizeof cookie, "Cookie: a=b; %.*s\r\n", (int)(strcspn(at, ";") - 12), at + 12);
    assert_int_equal(client_ask(c, NULL, "GET", "/api/v1/session", cookie, NULL), 200);
    assert_string_equal(answer_text(c, "csrfToken"), csrf);
    const char *body = "{\"name\":\"n1\"}", *path = "/v1/projects/default/compute/hosts";
    assert_int_equal(client_ask(c, NULL, "POST", path, cookie, body), 403);
    assert_string_equal(answer_text(c, "field"), "X-CSRF-Token");
    snprintf(both, sizeof both, "%sX-CSRF-Token: %s\r\n", cookie, "0000000000000000000000000000000000000000");
    assert_int_equal(client_ask(c, NULL, "POST", path, both, body), 403);
    snprintf(both, sizeof both, "%sX-CSRF-Token: %s\r\n", cookie, csrf);
    assert_int_equal(client_ask(c, NULL, "POST", path, both, body), 201);
    /* past half of its life it renews itself, and stays the same sign-in */
    sim_wall_jump(g->w, 40 * 60 * 1000);
    assert_int_equal(client_ask(c, NULL, "GET", "/api/v1/session", cookie, NULL), 200);
    assert_non_null(strstr(c->head, "Set-Cookie: __Host-outband="));
    assert_string_equal(answer_text(c, "csrfToken"), csrf);
    /* logging out takes the cookie */
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/logout", both, NULL), 204);
    assert_non_null(strstr(c->head, "Set-Cookie: __Host-outband=; "));
    assert_int_equal(client_ask(c, NULL, "GET", "/api/v1/session", cookie, NULL), 401);
    client_close(&c);
    rig_free(&g);
}

static void tokens_end(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "viewer", token);
    assert_int_equal(client_ask(c, token, "GET", "/v1/orchestrator", NULL, NULL), 200);
    sim_wall_jump(g->w, 61 * 60 * 1000);
    assert_int_equal(client_ask(c, token, "GET", "/v1/orchestrator", NULL, NULL), 401);
    client_close(&c);
    rig_free(&g);
}

/* A day-old key is followed by a new one at the next sign-in; the token made meanwhile lives on. */
static void keys_rotate_in_process(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], later[TOKEN_MAX_BYTES], before[TOKEN_KEY_ID_CAP];
    memcpy(before, g->app->auth->ring.current.id, sizeof before);
    sim_wall_jump(g->w, 25 * 3600 * 1000LL);
    rig_token(g, "viewer", token);
    rig_run(g, 100);
    assert_string_not_equal(g->app->auth->ring.current.id, before);
    assert_string_equal(g->app->auth->ring.previous.id, before);
    rig_token(g, "viewer", later);
    struct client *c = client_open(g);
    assert_int_equal(client_ask(c, token, "GET", "/v1/orchestrator", NULL, NULL), 200);
    assert_int_equal(client_ask(c, later, "GET", "/v1/orchestrator", NULL, NULL), 200);
    rig_auth(g); /* stored, too */
    assert_string_equal(g->app->auth->ring.previous.id, before);
    assert_int_equal(client_ask(c, token, "GET", "/v1/orchestrator", NULL, NULL), 200);
    client_close(&c);
    rig_free(&g);
}

static void users_come_and_go(void **s) {
    struct rig *g = rig_new();
    char admin[TOKEN_MAX_BYTES], token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "admin", admin);
    const char *body =
        "{\"name\":\"new\",\"role\":\"operator\",\"project\":\"other\",\"password\":\"P@ssw0rd!\"}";
    assert_int_equal(client_ask(c, admin, "POST", "/api/v1/users", NULL, body), 201);
    assert_string_equal(answer_text(c, "role"), "operator");
    assert_null(strstr(buf_cstr(&c->body), "$y$")); /* no hash leaves */
    assert_int_equal(client_ask(c, admin, "POST", "/api/v1/users", NULL, body), 409);
    assert_int_equal(client_ask(c, admin, "POST", "/api/v1/users", NULL,
                                "{\"name\":\"a b\",\"role\":\"viewer\",\"password\":\"P@ssw0rd!\"}"),
                     400);
    rig_token(g, "new", token);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/other/compute/hosts", NULL, NULL), 200);
    /* a new password ends the sign-ins */
    assert_int_equal(
        client_ask(c, token, "PUT", "/api/v1/users/new/password", NULL, "{\"password\":\"P@ssw0rd2\"}"), 400);
    assert_string_equal(answer_text(c, "field"), "oldPassword");
    assert_int_equal(client_ask(c, token, "PUT", "/api/v1/users/new/password", NULL,
                                "{\"password\":\"P@ssw0rd2\",\"oldPassword\":\"not it\"}"),
                     403);
    assert_int_equal(client_ask(c, token, "PUT", "/api/v1/users/viewer/password", NULL,
                                "{\"password\":\"P@ssw0rd2\",\"oldPassword\":\"not it\"}"),
                     403);
    assert_int_equal(client_ask(c, token, "PUT", "/api/v1/users/new/password", NULL,
                                "{\"password\":\"P@ssw0rd2\",\"oldPassword\":\"P@ssw0rd!\"}"),
                     204);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/other/compute/hosts", NULL, NULL), 401);
    assert_int_equal(client_ask(c, admin, "DELETE", "/api/v1/users/new", NULL, NULL), 204);
    assert_int_equal(client_ask(c, admin, "DELETE", "/api/v1/users/new", NULL, NULL), 404);
    /* the last admin stays */
    assert_int_equal(client_ask(c, admin, "DELETE", "/api/v1/users/admin", NULL, NULL), 409);
    client_close(&c);
    rig_free(&g);
}

static void guessing_over_http(void **s) {
    struct rig *g = rig_new();
    struct client *c = client_open(g);
    g->app->auth->throttle.free_max = 2;
    const char *body = "{\"username\":\"nobody\",\"password\":\"guess\"}";
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL, body), 401);
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL, body), 401);
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL, body), 429);
    assert_non_null(strstr(c->head, "Retry-After: 1"));
    /* the address is slowed, whatever name comes next */
    assert_int_equal(client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
                                "{\"username\":\"other\",\"password\":\"guess\"}"),
                     429);
    client_close(&c);
    rig_free(&g);
}

/* --- audit --- */
static int count_audit(void *ctx, const struct store_audit *a) {
    char line[256];
    struct buf *b = ctx;
    snprintf(line, sizeof line, "%s %s %s %s|", a->actor, a->action, a->target, a->result);
    return buf_puts(b, line);
}
static void changes_are_audited(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct buf b = {0};
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    client_ask(c, NULL, "POST", "/api/v1/authorize", NULL,
               "{\"username\":\"nobody\",\"password\":\"guess\"}");
    client_ask(c, token, "POST", "/v1/projects/default/compute/hosts", NULL, "{\"name\":\"n1\"}");
    client_ask(c, token, "DELETE", "/v1/projects/default/compute/hosts/n2", NULL, NULL);
    client_ask(c, rig_token(g, "viewer", token), "DELETE", "/v1/projects/default/compute/hosts/n1", NULL,
               NULL);
    rig_run(g, 50);
    store_pump(g->store);
    assert_int_equal(store_audits(g->store, 0, 100, count_audit, &b), 0);
    const char *all = buf_cstr(&b);
    assert_non_null(strstr(all, "nobody user.login  refused 401|"));
    assert_non_null(strstr(all, "admin host.create host-"));
    assert_non_null(strstr(all, "admin host.delete n2 refused 404|"));
    assert_non_null(strstr(all, "viewer host.delete n1 refused 403|"));
    rig_token(g, "admin", token);
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/audit?pageSize=2", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "hasNext"), "true");
    assert_string_equal(answer_text(c, "records.0.seq"), "1");
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/audit?after=2", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "records.0.seq"), "3");
    assert_int_equal(client_ask(c, token, "GET", "/api/v1/audit:verify", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "intact"), "true");
    buf_free(&b);
    client_close(&c);
    rig_free(&g);
}

UNIT_MAIN(T(passwords_are_hashed), T(tokens_are_verified), T(keys_rotate_without_ending_tokens),
          T(forged_tokens_are_refused), T(garbled_tokens_are_refused), T(guessing_gets_slow),
          T(signing_in_and_out), T(the_page_signs_in_by_cookie), T(tokens_end), T(keys_rotate_in_process),
          T(users_come_and_go), T(guessing_over_http), T(changes_are_audited))
