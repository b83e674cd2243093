/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "base/ossl.h"
#include "base/rng.h"

#include <malloc.h>
#include <openssl/ssl.h>
#include <stdlib.h>

static struct certs certs;

/* Two sessions joined in memory. */
struct pair {
    struct tls *a, *b; /* client, server */
    struct buf at_a, at_b;
    int result_a, result_b;
};

static void pair_open(struct pair *x, struct tls_ctx *client, struct tls_ctx *server, const char *name) {
    *x = (struct pair){.a = tls_new(client, false, name), .b = tls_new(server, true, NULL)};
    assert_non_null(x->a);
    assert_non_null(x->b);
    assert_int_equal(tls_start(x->a), 0);
}

static void pair_free(struct pair *x) {
    tls_free(&x->a);
    tls_free(&x->b);
    tls_free(&x->b); /* NULL is fine */
    buf_free(&x->at_a);
    buf_free(&x->at_b);
}

/* Carry all output over in pieces of at most `piece` bytes; 0: pieces at random. */
static bool carry(struct tls *from, struct tls *to, struct buf *plain, size_t piece, struct rng *r,
                  int *result) {
    struct buf *out = tls_output(from);
    bool any = out->len > 0;
    while (out->len) {
        size_t n = piece ? piece : (size_t)rng_range(r, 1, 3000);
        struct slice s = slice_head(buf_slice(out), n);
        uint8_t *copy = malloc(s.n); /* so that a session that keeps a pointer is found out */
        memcpy(copy, s.p, s.n);
        if (*result == 0)
            *result = tls_input(to, slice_of(copy, s.n), plain);
        buf_consume(out, s.n);
        free(copy);
    }
    return any;
}

static void converse(struct pair *x, size_t piece) {
    struct rng r = {piece + 5};
    bool more = true;
    while (more) {
        more = carry(x->a, x->b, &x->at_b, piece, &r, &x->result_b);
        more |= carry(x->b, x->a, &x->at_a, piece, &r, &x->result_a);
    }
}

static void any_split(void **s) {
    static const size_t pieces[] = {SIZE_MAX, 1, 7, 0, 0, 0};
    uint8_t big[40000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 13 + i / 251);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct pair x;
        pair_open(&x, certs.client, certs.server, "localhost");
        assert_int_equal(tls_write(x.a, SLICE_LIT("early")), ERR_STATE);
        converse(&x, pieces[i]);
        assert_true(tls_ready(x.a) && tls_ready(x.b));
        assert_string_equal(tls_version(x.a), "TLSv1.3");
        assert_true(tls_cipher(x.b)[0] != 0);
        assert_int_equal(tls_write(x.a, slice_of(big, sizeof big)), 0);
        assert_int_equal(tls_write(x.b, SLICE_LIT("one")), 0);
        assert_int_equal(tls_write(x.b, SLICE_LIT("two")), 0);
        assert_int_equal(tls_write(x.b, SLICE_EMPTY), 0);
        converse(&x, pieces[i]);
        assert_true(slice_eq(buf_slice(&x.at_b), slice_of(big, sizeof big)));
        assert_true(slice_is(buf_slice(&x.at_a), "onetwo"));
        assert_int_equal(x.result_a | x.result_b, 0);
        tls_close(x.a);
        converse(&x, pieces[i]);
        assert_int_equal(x.result_b, ERR_CLOSED);
        assert_int_equal(tls_input(x.b, SLICE_LIT("more"), NULL), ERR_CLOSED);
        pair_free(&x);
    }
}

static void fingerprints(void **s) {
    struct pair x;
    struct pki_facts f;
    uint8_t print[32];
    pair_open(&x, certs.client, certs.server, "127.0.0.1");
    assert_false(tls_peer_fingerprint(x.a, print));
    converse(&x, SIZE_MAX);
    assert_int_equal(pki_read(buf_slice(&certs.leaf), &f, NULL), 0);
    assert_true(tls_peer_fingerprint(x.a, print));
    assert_memory_equal(print, f.sha256, 32);
    assert_false(tls_peer_fingerprint(x.b, print)); /* the client has none */
    pair_free(&x);
}

/* Heap bytes that n sessions of this client context hold. */
static size_t held(struct tls_ctx *client, unsigned n) {
    struct pair x[8];
    size_t before = mallinfo2().uordblks, after;
    assert_true(n <= 8);
    for (unsigned i = 0; i < n; i++) {
        pair_open(&x[i], client, certs.server, "localhost");
        converse(&x[i], SIZE_MAX);
        assert_true(tls_ready(x[i].a));
    }
    after = mallinfo2().uordblks;
    for (unsigned i = 0; i < n; i++)
        pair_free(&x[i]);
    return after - before;
}

static void shared_certificates(void **s) {
    struct errinfo ei = {0};
    struct certs other;
    struct pki_facts f;
    uint8_t print[32];
    certs_make(&other);
    struct tls_ctx *c = tls_client_ctx(buf_slice(&certs.root), false, TLS_ONLY_12, &ei);
    assert_non_null(c);
    size_t own = held(c, 8);
    assert_int_equal(tls_share_peers(c), 0);
    held(c, 1); /* the first one is kept */
    size_t shared = held(c, 8);
    print_message("eight sessions: %zu bytes, %zu with shared certificates\n", own, shared);
    assert_true(own == 0 || shared + 8 * 1000 < own); /* 0: another allocator is linked in */
    assert_int_equal(pki_read(buf_slice(&certs.leaf), &f, NULL), 0);
    for (int i = 0; i < 3; i++) {
        struct pair x;
        pair_open(&x, c, certs.server, "localhost");
        converse(&x, SIZE_MAX);
        assert_string_equal(tls_version(x.a), "TLSv1.2");
        assert_true(tls_peer_fingerprint(x.a, print));
        assert_memory_equal(print, f.sha256, 32);
        pair_free(&x);
        /* what was seen is not trusted for that */
        pair_open(&x, c, other.server, "localhost");
        converse(&x, SIZE_MAX);
        assert_false(tls_ready(x.a));
        pair_free(&x);
        pair_open(&x, c, certs.server, "other.example");
        converse(&x, SIZE_MAX);
        assert_false(tls_ready(x.a));
        pair_free(&x);
    }
    tls_ctx_unref(&c);
    certs_free(&other);
}

/* --- refusals, in words --- */

static void refusal(struct tls_ctx *client, const char *name, const char *client_says,
                    const char *server_says) {
    struct pair x;
    pair_open(&x, client, certs.server, name);
    converse(&x, SIZE_MAX);
    assert_int_equal(x.result_a, ERR_TLS);
    assert_false(tls_ready(x.a));
    if (!strstr(tls_error(x.a), client_says))
        fail_msg("the client says: %s", tls_error(x.a));
    if (!strstr(tls_error(x.b), server_says))
        fail_msg("the server says: %s", tls_error(x.b));
    assert_int_equal(tls_input(x.a, SLICE_LIT("x"), NULL), ERR_TLS); /* sticky */
    pair_free(&x);
}

static void certificates_that_do_not_fit(void **s) {
    struct certs other;
    certs_make(&other);
    refusal(other.client, NULL, "certificate is not acceptable",
            "does not trust our certificate (alert unknown ca)");
    refusal(certs.client, "other.example", "ostname mismatch", "refused our certificate");
    refusal(certs.client, "192.0.2.9", "IP address mismatch", "refused our certificate");
    certs_free(&other);
}

static void names_that_fit(void **s) {
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", NULL};
    for (int i = 0; i < 4; i++) {
        struct pair x;
        pair_open(&x, certs.client, certs.server, names[i]);
        converse(&x, SIZE_MAX);
        assert_true(tls_ready(x.a));
        pair_free(&x);
    }
    struct errinfo ei = {0};
    struct tls_ctx *trusting = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, &ei); /* the caller pins */
    struct pair x;
    pair_open(&x, trusting, certs.server, NULL);
    converse(&x, SIZE_MAX);
    assert_true(tls_ready(x.a));
    pair_free(&x);
    tls_ctx_unref(&trusting);
}

static void not_tls_at_all(void **s) {
    static const struct {
        const char *bytes, *says;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "plain HTTP"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "does not speak TLS"},
        {"\x16\x03\x01\xff\xff garbage", "TLS"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct tls *t = tls_new(certs.server, true, NULL);
        assert_int_equal(tls_input(t, slice_str(rows[i].bytes), NULL), ERR_TLS);
        if (!strstr(tls_error(t), rows[i].says))
            fail_msg("row %zu: %s", i, tls_error(t));
        tls_free(&t);
    }
}

static void damaged_record(void **s) {
    struct pair x;
    pair_open(&x, certs.client, certs.server, NULL);
    converse(&x, SIZE_MAX);
    assert_int_equal(tls_write(x.a, SLICE_LIT("money")), 0);
    struct buf *out = tls_output(x.a);
    out->mem[out->head + out->len - 1] ^= 1;
    converse(&x, SIZE_MAX);
    assert_int_equal(x.result_b, ERR_TLS);
    assert_non_null(strstr(tls_error(x.b), "damaged"));
    assert_int_equal(x.at_b.len, 0);
    pair_free(&x);
}

/* --- old firmware --- */

static SSL_CTX *old_client(void) {
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(c, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c, TLS1_VERSION);
    SSL_CTX_set_cipher_list(c, "DEFAULT:@SECLEVEL=0");
    return c;
}

/* Run a TLS 1.0 client of the library's own against a server context; is the handshake done? */
static bool old_handshake(struct tls_ctx *server, char *error, size_t cap) {
    SSL_CTX *c = old_client();
    SSL *ssl = SSL_new(c);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    struct tls *t = tls_new(server, true, NULL);
    for (int round = 0; round < 5; round++) {
        char *p;
        SSL_connect(ssl);
        long n = BIO_get_mem_data(out, &p);
        if (tls_input(t, slice_of(p, (size_t)n), NULL) < 0)
            break;
        BIO_reset(out);
        struct slice answer = buf_slice(tls_output(t));
        BIO_write(in, answer.p, (int)answer.n);
        buf_free(tls_output(t));
    }
    bool done = tls_ready(t);
    if (done)
        assert_string_equal(tls_version(t), "TLSv1");
    snprintf(error, cap, "%s", tls_error(t));
    tls_free(&t);
    SSL_free(ssl);
    SSL_CTX_free(c);
    return done;
}

static void old_versions_only_where_allowed(void **s) {
    struct errinfo ei = {0};
    char error[400];
    struct tls_ctx *legacy =
        tls_server_ctx(buf_slice(&certs.leaf), buf_slice(&certs.leaf_key), TLS_LEGACY, &ei);
    assert_non_null(legacy);
    assert_true(old_handshake(legacy, error, sizeof error));
    assert_false(old_handshake(certs.server, error, sizeof error));
    assert_non_null(strstr(error, "too old"));
    tls_ctx_unref(&legacy);
}

/* --- stopping, keeping, ending inside --- */

struct stopper {
    struct tls *t;
    unsigned calls;
    size_t bytes;
};

static bool stop_always(void *ctx, struct slice plain) {
    struct stopper *k = ctx;
    k->calls++;
    k->bytes += plain.n;
    return false;
}

static void stopped_input_is_kept(void **s) {
    struct pair x;
    pair_open(&x, certs.client, certs.server, NULL);
    converse(&x, SIZE_MAX);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tls_write(x.a, SLICE_LIT("0123456789")), 0);
    struct buf *out = tls_output(x.a);
    struct stopper k = {0};
    assert_int_equal(tls_feed(x.b, buf_slice(out), stop_always, &k), 1);
    assert_int_equal(tls_keep(x.b, SLICE_EMPTY), 0);
    buf_free(out);
    assert_int_equal(k.bytes, 10);
    assert_int_equal(tls_write(x.a, SLICE_LIT("last")), 0);
    assert_int_equal(tls_keep(x.b, buf_slice(out)), 0); /* more came meanwhile */
    buf_free(out);
    while (tls_kept(x.b)) {
        if (tls_feed(x.b, SLICE_EMPTY, stop_always, &k) == 1)
            assert_int_equal(tls_keep(x.b, SLICE_EMPTY), 0);
    }
    assert_int_equal(k.bytes, 104);
    assert_int_equal(k.calls, 11);
    pair_free(&x);
}

static void end_inside(void *ctx, struct slice plain) {
    struct stopper *k = ctx;
    k->calls++;
    tls_free(&k->t);
}

static void freed_in_its_own_callback(void **s) {
    struct pair x;
    pair_open(&x, certs.client, certs.server, NULL);
    converse(&x, SIZE_MAX);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tls_write(x.a, SLICE_LIT("bye")), 0);
    struct stopper k = {.t = x.b};
    assert_int_equal(tls_input_cb(x.b, buf_slice(tls_output(x.a)), end_inside, &k), ERR_CLOSED);
    x.b = NULL;
    assert_int_equal(k.calls, 1);
    pair_free(&x);
}

static void idle_sessions_hold_no_buffers(void **s) {
    struct pair x;
    pair_open(&x, certs.client, certs.server, NULL);
    converse(&x, SIZE_MAX);
    assert_int_equal(tls_write(x.a, SLICE_LIT("x")), 0);
    converse(&x, SIZE_MAX);
    assert_null(tls_output(x.a)->mem);
    assert_null(tls_output(x.b)->mem);
    assert_false(tls_kept(x.b));
    pair_free(&x);
}

static void contexts_that_cannot_be(void **s) {
    struct errinfo ei = {0};
    assert_null(tls_server_ctx(SLICE_LIT("no PEM"), buf_slice(&certs.leaf_key), TLS_MODERN, &ei));
    assert_string_equal(ei.field, "certificate");
    assert_null(tls_server_ctx(buf_slice(&certs.leaf), buf_slice(&certs.root_key), TLS_MODERN, &ei));
    assert_string_equal(ei.field, "key");
    assert_null(tls_server_ctx(SLICE_EMPTY, SLICE_EMPTY, TLS_MODERN, &ei));
    assert_null(tls_client_ctx(SLICE_LIT("no PEM"), false, TLS_MODERN, &ei));
    assert_string_equal(ei.field, "ca");
    struct tls_lib *lib = tls_lib_new();
    struct tls_ctx *c =
        tls_server_ctx_in(lib, buf_slice(&certs.leaf), buf_slice(&certs.leaf_key), TLS_MODERN, &ei);
    struct tls_ctx *d = tls_client_ctx_in(lib, buf_slice(&certs.root), false, TLS_MODERN, &ei);
    tls_lib_unref(&lib); /* the contexts hold it */
    struct pair x;
    pair_open(&x, d, c, NULL);
    tls_ctx_unref(&c); /* and sessions hold the contexts */
    tls_ctx_unref(&d);
    converse(&x, SIZE_MAX);
    assert_true(tls_ready(x.a) && tls_ready(x.b));
    pair_free(&x);
}

static int setup(void **s) {
    certs_make(&certs);
    return 0;
}

static int teardown(void **s) {
    certs_free(&certs);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(any_split),
        T(fingerprints),
        T(shared_certificates),
        T(certificates_that_do_not_fit),
        T(names_that_fit),
        T(not_tls_at_all),
        T(damaged_record),
        T(old_versions_only_where_allowed),
        T(stopped_input_is_kept),
        T(freed_in_its_own_callback),
        T(idle_sessions_hold_no_buffers),
        T(contexts_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
