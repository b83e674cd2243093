/* SPDX-License-Identifier: Apache-2.0 */
/* The client's jobs of set-up against the simulated firmware, whole: no sockets, no tunnel. */
#include "fw_rig.h"
#include "prov_pki.h"
#include "unit.h"

#include "base/text.h"
#include "proto/wsclient.h"
#include "sim/http_side.h"

#include <stdlib.h>

enum { CHANNELS = 8, STEP_MS = 50, STEPS_MAX = 4000 };
struct rig {
    struct bench b;
    struct wsclient *c;
    struct http_conn *conns[CHANNELS];
    bool told[CHANNELS]; /* that it is open */
    bool local;          /* at the host: $$OsAdmin */
    struct mono now;
    uint8_t random;
};

static int io_open(void *ctx) {
    struct rig *r = ctx;
    for (int i = 0; i < CHANNELS; i++) {
        if (r->conns[i])
            continue;
        r->conns[i] = http_conn_new(r->b.node, false, r->now);
        if (r->local)
            http_conn_local(r->conns[i]);
        r->told[i] = false;
        return i + 1;
    }
    return ERR_LIMIT;
}
static int io_send(void *ctx, int chan, struct slice data) {
    struct rig *r = ctx;
    http_conn_input(r->conns[chan - 1], data, r->now);
    return 0;
}
static void io_close(void *ctx, int chan) {
    struct rig *r = ctx;
    http_conn_free(&r->conns[chan - 1]);
}
static void io_random(void *ctx, uint8_t *out, size_t n) {
    struct rig *r = ctx;
    for (size_t i = 0; i < n; i++)
        out[i] = r->random++;
}

static void client_as(struct rig *r, const char *user, const char *password, bool local) {
    const struct wsc_io io = {
        .ctx = r, .open = io_open, .send = io_send, .close = io_close, .random = io_random};
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    wsc_free(&r->c);
    r->local = local;
    r->c = wsc_new(&lim, &io, user, password);
    assert_non_null(r->c);
}

static void pump_channel(struct rig *r, int i) {
    if (!r->told[i]) {
        r->told[i] = true;
        wsc_opened(r->c, i + 1, r->now);
    }
    struct buf said = {0};
    if (r->conns[i]) {
        buf_put(&said, buf_slice(http_conn_output(r->conns[i])));
        buf_free(http_conn_output(r->conns[i]));
    }
    if (said.len)
        wsc_data(r->c, i + 1, buf_slice(&said), r->now);
    buf_free(&said);
    if (r->conns[i] && http_conn_finished(r->conns[i])) {
        http_conn_free(&r->conns[i]);
        wsc_closed(r->c, i + 1, ERR_CLOSED, r->now);
    }
}

/* Run one job to its end. */
static struct wsc_result run(struct rig *r, enum wsc_job_kind kind, uint32_t arg,
                             const struct wsc_args *args) {
    struct wsc_result res;
    assert_true(wsc_submit_with(r->c, kind, arg, args, WSC_NORMAL, 0, r->now, NULL) > 0);
    for (int step = 0; step < STEPS_MAX; step++) {
        for (int i = 0; i < CHANNELS; i++)
            if (r->conns[i])
                pump_channel(r, i);
        if (wsc_next_result(r->c, &res) == 1) {
            assert_int_equal(res.kind, kind);
            return res;
        }
        r->now = mono_add_ms(r->now, STEP_MS);
        wsc_tick(r->c, r->now);
    }
    fail_msg("job %d does not end", (int)kind);
    return res;
}

static struct wsc_result good(struct rig *r, enum wsc_job_kind kind, uint32_t arg,
                              const struct wsc_args *args) {
    struct wsc_result res = run(r, kind, arg, args);
    if (res.err || res.return_value > 0)
        fail_msg("job %d: %d %s, %s %lld", (int)kind, res.err, res.why, res.method ? res.method : "",
                 (long long)res.return_value);
    return res;
}

/* A factory-new node, and its $$OsAdmin at the client. */
static void fresh(struct rig *r, const struct prov_pki *pki) {
    *r = (struct rig){.b = bench_made(SIM_A15, SIM_ACM)};
    r->now = loop_now(r->b.loop);
    r->b.node->unprovisioned = true;
    struct prov *p = node_prov(r->b.node);
    snprintf(p->dns_suffix, sizeof p->dns_suffix, "acme.example");
    if (pki)
        assert_true(prov_root_add(p, "test", pki->root_sha256, false));
    client_as(r, FW_OS_ADMIN_NAME, fw_os_admin_password(r->b.node), true);
}

static void done(struct rig *r) {
    wsc_free(&r->c);
    for (int i = 0; i < CHANNELS; i++)
        http_conn_free(&r->conns[i]);
    bench_free(&r->b);
}

static const char ADMIN_PASSWORD[] = "P@ssw0rd-1";

/* Everything after the set-up proper, in its order (protocol-redir-activation 5.6). */
static void configure(struct rig *r, const struct prov_pki *pki) {
    struct prov *p = r->b.node->prov;
    good(r, WSC_CLEAN, 0, NULL);
    good(r, WSC_NETWORK_SET, 0, &(struct wsc_args){.host_name = "edge-7", .domain = "acme.example"});
    assert_string_equal(p->host_name, "edge-7");
    const struct wsc_args cira = {.certificate = pki->b64[PKI_ROOT],
                                  .address = "oob.acme.example",
                                  .common_name = "oob.acme.example",
                                  .user = "cira-7",
                                  .password = "Cira-Passw0rd",
                                  .domain = "nowhere.example"};
    for (int twice = 0; twice < 2; twice++)
        good(r, WSC_CIRA_SET, 4433 | 201 << 16, &cira);
    assert_string_equal(p->mps[0].address, "oob.acme.example");
    assert_string_equal(p->mps[0].password, "Cira-Passw0rd");
    assert_false(p->mps[1].used);
    assert_true(p->policies[0].used && p->policies[1].used && !p->policies[2].used);
    assert_int_equal(p->policies[0].mps_type, 2);
    assert_int_equal(p->policies[1].mps_type, 2);
    assert_int_equal(p->user_initiated, 32771);
    assert_string_equal(p->detection, "nowhere.example");
    const struct amt_cira *read = good(r, WSC_CIRA_READ, 0, NULL).cira;
    assert_int_equal(read->servers, 1);
    assert_int_equal(read->policies, 2);
    assert_int_equal(read->nroots, 1);
    assert_string_equal(read->address, "oob.acme.example");
    char hex[65];
    assert_string_equal(read->roots[0], text_hex(slice_of(pki->root_sha256, 32), hex));
    good(r, WSC_CIRA_SECRET, 0, &(struct wsc_args){.user = "cira-8", .password = "Other-Passw0rd"});
    assert_string_equal(p->mps[0].user, "cira-8");
    good(r, WSC_FEATURES_SET, 7, NULL);
    good(r, WSC_CLOCK_SET, 1800000000, NULL);
}

static void change_password(struct rig *r) {
    good(r, WSC_ADMIN_SET, 0, &(struct wsc_args){.user = "admin", .password = "N3w-Passw0rd"});
    client_as(r, "admin", ADMIN_PASSWORD, false);
    assert_int_equal(run(r, WSC_SETUP_READ, 0, NULL).err, ERR_AUTH);
    client_as(r, "admin", "N3w-Passw0rd", false);
    good(r, WSC_SETUP_READ, 0, NULL);
}

static void client_control_mode_whole(void **state) {
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "x"});
    struct rig r;
    fresh(&r, NULL);
    const struct amt_setup *s = good(&r, WSC_SETUP_READ, 0, NULL).setup;
    assert_int_equal(s->control_mode, AMT_MODE_NONE);
    assert_true(s->allows_ccm && s->allows_acm);
    assert_int_equal(s->nonce_n, AMT_NONCE_BYTES);
    const struct wsc_args admin = {.user = "admin", .password = ADMIN_PASSWORD};
    good(&r, WSC_SETUP_CCM, 0, &admin);
    assert_int_equal(run(&r, WSC_SETUP_CCM, 0, &admin).return_value, 2);
    assert_int_equal(r.b.node->prov->setups, 1);
    client_as(&r, "admin", ADMIN_PASSWORD, true);
    configure(&r, &pki);
    change_password(&r);
    good(&r, WSC_UNPROVISION, 0, NULL);
    assert_int_equal(r.b.node->prov->mode, 0);
    assert_int_equal(r.b.node->prov->unprovisions, 1);
    assert_int_equal(run(&r, WSC_SETUP_READ, 0, NULL).err, ERR_AUTH);
    done(&r);
    prov_pki_free(&pki);
}

/* The chain, leaf first; then both nonces, signed. The texts of *args live in sig and mc. */
static void sign_up(struct rig *r, const struct prov_pki *pki, struct buf *mc, char **sig) {
    uint8_t nonce[AMT_NONCE_BYTES], mine[AMT_NONCE_BYTES] = {42};
    static const struct {
        enum pki_rank rank;
        uint32_t flags;
    } CHAIN[] = {{PKI_LEAF, 1}, {PKI_MIDDLE, 0}, {PKI_ROOT, 2}};
    for (size_t i = 0; i < FW_LEN(CHAIN); i++)
        good(r, WSC_CHAIN_ADD, CHAIN[i].flags, &(struct wsc_args){.certificate = pki->b64[CHAIN[i].rank]});
    const struct amt_setup *s = good(r, WSC_SETUP_READ, 0, NULL).setup;
    assert_int_equal(s->chain_status, 2);
    memcpy(nonce, s->nonce, sizeof nonce);
    text_base64(mc, slice_of(mine, sizeof mine));
    *sig = prov_pki_sign(PKI_LEAF, slice_of(nonce, sizeof nonce), slice_of(mine, sizeof mine));
}

static void admin_control_mode_whole(void **state) {
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "provision.acme.example"});
    struct rig r;
    struct buf mc = {0};
    char *sig;
    fresh(&r, &pki);
    sign_up(&r, &pki, &mc, &sig);
    const struct wsc_args args = {
        .user = "admin", .password = ADMIN_PASSWORD, .nonce = buf_cstr(&mc), .signature = sig};
    good(&r, WSC_SETUP_ACM, 0, &args);
    assert_int_equal(r.b.node->prov->mode, 2);
    client_as(&r, "admin", ADMIN_PASSWORD, false);
    good(&r, WSC_MEBX_SET, 0, &(struct wsc_args){.password = "M3Bx-Passw0rd"});
    assert_string_equal(r.b.node->prov->mebx_password, "M3Bx-Passw0rd");
    configure(&r, &pki);
    struct wsc_result key = good(&r, WSC_TLS_KEY, 0, NULL);
    assert_non_null(key.text);
    char *leaf = prov_pki_leaf_for(r.b.node->prov->key);
    good(&r, WSC_TLS_SET, 3, &(struct wsc_args){.certificate = pki.b64[PKI_OTHER_ROOT], .leaf = leaf});
    assert_true(r.b.node->prov->tls.remote && r.b.node->prov->tls.mutual && r.b.node->prov->tls.plain_too);
    assert_true(good(&r, WSC_CIRA_READ, 0, NULL).cira->leaf_not_after.us > 0);
    good(&r, WSC_CLEAN, 0, NULL);
    assert_false(r.b.node->prov->tls.remote);
    assert_false(r.b.node->prov->mps[0].used);
    assert_null(r.b.node->prov->key);
    free(leaf);
    free(sig);
    buf_free(&mc);
    done(&r);
    prov_pki_free(&pki);
}

static void client_mode_upgraded(void **state) {
    struct prov_pki pki = prov_pki_of(&(struct pki_wish){.name = "provision.acme.example"});
    struct rig r;
    struct buf mc = {0};
    char *sig;
    fresh(&r, &pki);
    good(&r, WSC_SETUP_CCM, 0, &(struct wsc_args){.user = "admin", .password = ADMIN_PASSWORD});
    client_as(&r, "admin", ADMIN_PASSWORD, false);
    sign_up(&r, &pki, &mc, &sig);
    good(&r, WSC_UPGRADE_ACM, 0, &(struct wsc_args){.nonce = buf_cstr(&mc), .signature = sig});
    assert_int_equal(r.b.node->prov->mode, 2);
    assert_int_equal(r.b.node->prov->upgrades, 1);
    free(sig);
    buf_free(&mc);
    done(&r);
    prov_pki_free(&pki);
}

UNIT_MAIN(T(client_control_mode_whole), T(admin_control_mode_whole), T(client_mode_upgraded))
