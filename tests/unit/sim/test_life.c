/* SPDX-License-Identifier: Apache-2.0 */
/* Where a node dials: what is configured in its firmware, and what becomes of its tunnel when that changes.
 */
#include "base/ossl.h"
#include "base/text.h"
#include "net/pki.h"
#include "net/sim.h"
#include "node_rig.h"
#include "sim/life.h"
#include "unit.h"

#include <openssl/pem.h>
#include <stdlib.h>

enum { NEVER_MS = 60000 };

/* Instead of the bench's node: one without set-up. */
static void make_bare(struct bench *b) {
    bench_make(b, SIM_A16, NULL);
    sim_node_free(&b->node);
    struct sim_node_config c = {.profile = SIM_A16, .me_in_sleep = true, .unprovisioned = true};
    sim_identity_make(&c.id, 1, "node", 1);
    b->node = sim_node_new(b->fleet, &c);
    assert_non_null(b->node);
    b->orch.id = &sim_node_config(b->node)->id;
    sim_node_start(b->node);
}

/* As the classes of set-up leave it behind. */
static void configure(struct bench *b, const char *host, uint16_t port, const char *user,
                      const char *password) {
    struct prov *p = node_prov(b->node);
    p->mode = 1;
    p->state = 2;
    snprintf(p->admin_ha1, sizeof p->admin_ha1, "%s", "0123456789abcdef0123456789abcdef");
    p->mps[0] = (struct prov_mps){.used = true, .port = port};
    snprintf(p->mps[0].address, sizeof p->mps[0].address, "%s", host);
    snprintf(p->mps[0].user, sizeof p->mps[0].user, "%s", user);
    snprintf(p->mps[0].password, sizeof p->mps[0].password, "%s", password);
    p->policies[0] = (struct prov_policy){.used = true, .trigger = 2};
    snprintf(p->detection, sizeof p->detection, "%s", "outside.example");
    p->changed = true;
    node_settle(b->node);
}
static void configure_ours(struct bench *b) {
    const struct sim_identity *id = &sim_node_config(b->node)->id;
    configure(b, "10.0.0.1", 4433, id->cira_user, id->cira_password);
}
static void settled(struct bench *b) {
    b->node->prov->changed = true;
    node_settle(b->node);
}
static bool is_down(struct bench *b) {
    return !sim_node_connected(b->node) && !b->node->tunnel;
}

static void without_set_up_nobody_is_dialled(void **state) {
    struct bench b;
    make_bare(&b);
    uint64_t connects = sim_fleet_counters(b.fleet)->connects;
    assert_false(bench_run(&b, bench_is_up, NEVER_MS));
    assert_int_equal(sim_fleet_counters(b.fleet)->connects, connects);
    configure_ours(&b);
    assert_true(bench_run(&b, bench_is_up, SOON));
    sim_node_start(b.node); /* changes nothing */
    assert_int_equal(b.node->logins, 1);
    /* taken back: the tunnel goes, and a start does not bring back what never was */
    prov_reset(b.node->prov, false);
    node_settle(b.node);
    assert_true(bench_run(&b, is_down, SOON));
    sim_node_start(b.node);
    assert_false(bench_run(&b, bench_is_up, NEVER_MS));
    bench_unmake(&b);
}

/* Each of the parts is needed: server, policy, detection of the outside. */
static void a_half_configured_node_does_not_dial(void **state) {
    struct bench b;
    make_bare(&b);
    for (int i = 0; i < 6; i++) {
        configure_ours(&b);
        assert_true(bench_run(&b, bench_is_up, SOON));
        struct prov *p = b.node->prov;
        if (i == 0)
            p->mps[0].used = false;
        if (i == 1)
            p->policies[0].used = false;
        if (i == 2)
            p->policies[0].trigger = 0;
        if (i == 3)
            p->detection[0] = 0;
        if (i == 4)
            snprintf(p->dhcp_suffix, sizeof p->dhcp_suffix, "%s", p->detection); /* that domain is here */
        if (i == 5)
            p->policies[0].mps = -1;
        settled(&b);
        assert_true(bench_run(&b, is_down, SOON));
        assert_false(bench_run(&b, bench_is_up, NEVER_MS));
        p->dhcp_suffix[0] = 0;
    }
    bench_unmake(&b);
}

static bool rejected(struct bench *b) {
    return b->orch.rejects > 0;
}

/* The next login uses it; the tunnel that is up stays. */
static void a_new_password_counts_from_the_next_login(void **state) {
    struct bench b;
    bench_make(&b, SIM_A16, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    struct sim_identity other = sim_node_config(b.node)->id;
    snprintf(other.cira_password, sizeof other.cira_password, "Rotated-1");
    struct prov *p = node_prov(b.node);
    assert_string_equal(p->mps[0].user, other.cira_user);
    snprintf(p->mps[0].password, sizeof p->mps[0].password, "Rotated-1");
    settled(&b);
    assert_false(bench_run(&b, is_down, SOON));
    assert_int_equal(sim_node_drop(b.node, false), 0);
    assert_true(bench_run(&b, rejected, SOON)); /* the server knows the old one alone */
    b.orch.id = &other;
    assert_true(bench_run(&b, bench_is_up, SOON));
    bench_unmake(&b);
}

static bool second_took_it(struct bench *b) {
    return b->node->logins == 2;
}

static void another_server_gets_the_tunnel(void **state) {
    struct bench b;
    struct orch second;
    bench_make(&b, SIM_A16, NULL);
    orch_open(&second, b.loop, "10.0.0.2:5000");
    second.id = &sim_node_config(b.node)->id;
    assert_true(bench_run(&b, bench_is_up, SOON));
    struct prov *p = node_prov(b.node);
    snprintf(p->mps[0].address, sizeof p->mps[0].address, "10.0.0.2");
    p->mps[0].port = 5000;
    settled(&b);
    assert_true(bench_run(&b, second_took_it, SOON));
    assert_non_null(orch_up(&second));
    assert_null(orch_up(&b.orch));
    orch_close(&second);
    bench_unmake(&b);
}

/* Changes in a row are one: a server that is taken out and put back keeps its tunnel. */
static void changes_take_effect_together(void **state) {
    struct bench b;
    bench_make(&b, SIM_A16, NULL);
    sim_fleet_times(b.fleet)->commit_ms = 1000;
    assert_true(bench_run(&b, bench_is_up, SOON));
    struct prov *p = node_prov(b.node);
    p->mps[0].used = false;
    settled(&b);
    sim_run_until(b.world, mono_add_ms(sim_now(b.world), 500));
    assert_false(is_down(&b));
    p->mps[0].used = true;
    settled(&b);
    assert_false(bench_run(&b, is_down, 5000));
    p->mps[0].used = false;
    settled(&b);
    assert_true(bench_run(&b, is_down, 1500));
    bench_unmake(&b);
}

static bool first_gone(struct bench *b) {
    return b->orch.links[0].ended;
}
static void a_node_of_somebody_else(void **state) {
    struct bench b;
    struct errinfo ei = {0};
    bench_make(&b, SIM_A16, NULL);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    assert_true(sim_node_admin_is(b.node, id->amt_password));
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(sim_node_foreign(b.node, SLICE_LIT(""), 2, &ei), ERR_INVALID);
    assert_int_equal(sim_node_foreign(b.node, SLICE_LIT("h:0"), 2, &ei), ERR_INVALID);
    assert_true(sim_node_admin_is(b.node, id->amt_password));
    assert_int_equal(sim_node_foreign(b.node, SLICE_LIT("10.0.0.7:99"), 1, &ei), 0);
    assert_true(bench_run(&b, first_gone, SOON));
    assert_false(bench_run(&b, bench_is_up, NEVER_MS));
    assert_false(sim_node_admin_is(b.node, id->amt_password));
    assert_int_equal(node_control_mode(b.node), 1);
    struct buf line = {0};
    assert_int_equal(sim_node_prov_describe(b.node, &line), 0);
    assert_non_null(strstr(buf_cstr(&line), "mode=ccm state=post"));
    assert_non_null(strstr(buf_cstr(&line), "mps=10.0.0.7:99"));
    buf_free(&line);
    /* it may come to this server, too; nobody here knows its secret */
    assert_int_equal(sim_node_foreign(b.node, SLICE_LIT("10.0.0.1:4433"), 2, &ei), 0);
    assert_true(bench_run(&b, rejected, SOON));
    bench_unmake(&b);
}

/* --- trust --- */

struct guard {
    struct listener *listener;
    unsigned came;
};
static void ignore_data(struct stream *s, void *ctx, struct slice data) {}
static void ignore_end(struct stream *s, void *ctx, enum stream_end why) {}
static const struct stream_handler NOBODY = {.on_data = ignore_data, .on_end = ignore_end};
static void on_accept(void *ctx, struct stream *s) {
    struct guard *g = ctx;
    g->came++;
    stream_handle(s, &NOBODY, NULL);
    stream_abort(s);
}

static struct guard the_guard;
static bool guard_met(struct bench *b) {
    return the_guard.came > 0;
}
static bool tried_in_vain(struct bench *b) {
    return sim_fleet_counters(b->fleet)->connect_failed >= 2;
}

static void put_root(struct prov *p, struct slice pem) {
    uint8_t der[4096];
    struct buf b64 = {0};
    for (struct slice line; pem.n;) {
        line = slice_cut(&pem, '\n');
        if (line.n && line.p[0] != '-')
            buf_put(&b64, line);
    }
    int n = text_unbase64(buf_slice(&b64), der, sizeof der);
    assert_true(n > 0);
    struct prov_cert *slot = prov_cert_free(p);
    assert_true(prov_cert_set(slot, slice_of(der, (size_t)n), ++p->next_handle, true));
    buf_free(&b64);
}

/* Without a trusted root, with a wrong one, with a wrong name: no tunnel. With the right root: one. */
static void a_server_must_be_trusted(void **state) {
    struct wall from = {1600000000000000};
    struct errinfo ei = {0};
    struct buf key = {0}, root = {0}, other = {0}, leaf = {0};
    static const char *const NAMES[] = {"mps.example"};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "root", from, 36500, &root, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "other", from, 36500, &other, &ei), 0);
    assert_int_equal(
        pki_make_leaf(buf_slice(&root), buf_slice(&key), buf_slice(&key), NAMES, 1, from, 36500, &leaf, &ei),
        0);
    for (int i = 0; i < 4; i++) {
        struct bench b;
        bench_make_on(&b, true, SIM_A16, NULL);
        sim_node_stop(b.node);
        b.fleet->cfg.tls = tls_client_ctx(SLICE_EMPTY, false, TLS_ONLY_12, &ei);
        struct tls_ctx *tls = tls_server_ctx(buf_slice(&leaf), buf_slice(&key), TLS_MODERN, &ei);
        the_guard = (struct guard){0};
        struct listen_opts o = {.address = "127.0.0.1:0",
                                .tls = tls,
                                .handshakes_max = 8,
                                .handshake_ms = 5000,
                                .per_turn_max = 8,
                                .on_accept = on_accept,
                                .ctx = &the_guard};
        the_guard.listener = listener_open(b.loop, &o, &ei);
        assert_non_null(the_guard.listener);
        struct prov *p = node_prov(b.node);
        if (i > 0)
            put_root(p, buf_slice(i == 1 ? &other : &root));
        snprintf(p->mps[0].common_name, sizeof p->mps[0].common_name,
                 i == 2 ? "mps.elsewhere" : "mps.example");
        p->mps[0].port = listener_port(the_guard.listener);
        sim_node_start(b.node);
        assert_true(bench_run(&b, i == 3 ? guard_met : tried_in_vain, 5000));
        assert_int_equal(the_guard.came > 0, i == 3);
        listener_close(&the_guard.listener);
        sim_node_stop(b.node);
        bench_unmake(&b);
        tls_ctx_unref(&tls);
    }
    buf_free(&key);
    buf_free(&root);
    buf_free(&other);
    buf_free(&leaf);
}

/* --- its own TLS --- */

static bool second_forwards(struct bench *b) {
    const struct orch_link *k = orch_up(&b->orch);
    return second_took_it(b) && k && k->forwards >= 3;
}
static bool handshaken(struct bench *b) {
    const struct orch_link *k = orch_up(&b->orch);
    return k && k->chans[0].opened;
}

/* A committed TLS set-up: the plain ports go, and the firmware shows the certificate that it was given. */
static void tls_that_was_set_up_is_used(void **state) {
    struct wall from = {1600000000000000};
    struct errinfo ei = {0};
    struct buf key = {0}, root = {0}, leaf = {0};
    struct pki_facts facts;
    static const char *const NAMES[] = {"node.example"};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "root", from, 36500, &root, &ei), 0);
    assert_int_equal(
        pki_make_leaf(buf_slice(&root), buf_slice(&key), buf_slice(&key), NAMES, 1, from, 36500, &leaf, &ei),
        0);
    assert_int_equal(pki_read(buf_slice(&leaf), &facts, &ei), 0);
    struct bench b;
    struct tls_ctx *device = bench_device_tls();
    bench_make(&b, SIM_A16, device);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_true(apf_forwards(orch_up(&b.orch)->apf, 16992));
    struct prov *p = node_prov(b.node);
    put_root(p, buf_slice(&leaf)); /* any slot will do */
    p->certs[0].root = false;
    p->tls_cert = p->certs[0].handle;
    BIO *bio = BIO_new_mem_buf(buf_cstr(&key), -1);
    p->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(p->key);
    BIO_free(bio);
    p->tls.remote = true;
    settled(&b);
    assert_true(bench_run(&b, second_forwards, SOON));
    assert_false(apf_forwards(orch_up(&b.orch)->apf, 16992));
    assert_true(apf_forwards(orch_up(&b.orch)->apf, 16993));
    struct orch_chan *c = orch_raw_open(&b.orch, 16995);
    assert_int_equal(tls_start(c->tls), 0);
    assert_int_equal(orch_raw_send(&b.orch, c, SLICE_EMPTY), ERR_STATE);
    assert_true(bench_run(&b, handshaken, SOON));
    uint8_t shown[32];
    assert_true(tls_peer_fingerprint(c->tls, shown));
    assert_memory_equal(shown, facts.sha256, sizeof shown);
    orch_raw_free(&b.orch, c);
    bench_unmake(&b);
    tls_ctx_unref(&device);
    buf_free(&key);
    buf_free(&root);
    buf_free(&leaf);
}

UNIT_MAIN(T(without_set_up_nobody_is_dialled), T(a_half_configured_node_does_not_dial),
          T(a_new_password_counts_from_the_next_login), T(another_server_gets_the_tunnel),
          T(changes_take_effect_together), T(a_node_of_somebody_else), T(a_server_must_be_trusted),
          T(tls_that_was_set_up_is_used))
