/* SPDX-License-Identifier: Apache-2.0 */
#include "rps_rig.h"

#include "net/pki.h"

/* --- the stand-in --- */

struct stand_in stand_in;

int __wrap_provisioning_local_attach(struct fleet_host *fh, struct local_way *w, enum prov_goal goal,
                                     const char *profile, const char *actor, struct errinfo *ei);
void __wrap_provisioning_local_turn(struct local_way *w);
void __wrap_provisioning_local_lost(struct local_way *w);

static void next_job(struct local_way *w) {
    struct mono now = loop_now(w->fh->shard->loop);
    if (stand_in.results < stand_in.njobs)
        assert_true(wsc_submit(w->ws, stand_in.jobs[stand_in.results], 0, WSC_URGENT, 0, now, NULL) > 0);
}

int __wrap_provisioning_local_attach(struct fleet_host *fh, struct local_way *w, enum prov_goal goal,
                                     const char *profile, const char *actor, struct errinfo *ei) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    if (stand_in.refuse)
        return err_set(ei, ERR_STATE, "", "%s", stand_in.refuse);
    stand_in.goal = goal;
    snprintf(stand_in.profile, sizeof stand_in.profile, "%s", profile);
    snprintf(stand_in.actor, sizeof stand_in.actor, "%s", actor);
    snprintf(stand_in.host, sizeof stand_in.host, "%s", fh->h.id);
    stand_in.attached++;
    stand_in.way = w;
    w->fh = fh;
    w->ws = wsc_new(&lim, &w->io, "admin", DESK_PASSWORD);
    assert_non_null(w->ws);
    if (stand_in.progress)
        w->ops->progress(w, stand_in.progress);
    next_job(w);
    return 0;
}

static void let_go(struct local_way *w) {
    wsc_free(&w->ws);
    w->fh = NULL;
    if (stand_in.way == w)
        stand_in.way = NULL;
}

void __wrap_provisioning_local_turn(struct local_way *w) {
    struct wsc_result r;
    while (w->fh && w->ws && wsc_next_result(w->ws, &r)) {
        stand_in.results++;
        stand_in.failed += r.err != 0;
        if (r.err)
            snprintf(stand_in.why, sizeof stand_in.why, "%s", r.why);
        if (stand_in.results < stand_in.njobs) {
            next_job(w);
            continue;
        }
        struct provision p = {.goal = stand_in.goal, .mode = AMT_MODE_CCM, .step = PROV_STEP_SETUP};
        snprintf(p.text, sizeof p.text, "%s", stand_in.failed ? stand_in.why : "all is well");
        let_go(w);
        w->ops->finish(w, stand_in.failed == 0, &p);
    }
}

void __wrap_provisioning_local_lost(struct local_way *w) {
    stand_in.lost++;
    let_go(w);
}

/* --- certificates --- */

const char *rps_shown;
int __wrap_stream_peer_identity(const struct stream *s, struct tls_identity *out);
int __wrap_stream_peer_identity(const struct stream *s, struct tls_identity *out) {
    (void)s;
    *out = (struct tls_identity){.sha256 = {7}, .until = {INT64_MAX}};
    snprintf(out->name, sizeof out->name, "%s", rps_shown ? rps_shown : "");
    return rps_shown != NULL;
}

/* --- the server --- */

void rps_make_root(struct desk *d) {
    struct buf key = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "outband", (struct wall){1600000000000000}, 36500,
                                   &d->g->app->cira_root_pem, &ei),
                     0);
    buf_free(&key);
    snprintf(d->g->app->cira_name, sizeof d->g->app->cira_name, "10.0.0.1");
    atomic_store(&d->g->app->cira_port, 4433);
}

/* --- the client --- */

struct rps_info rps_info_of(struct desk *d) {
    struct rps_info i = {.ver = "15.0.23",
                         .build = "3706",
                         .sku = "16392",
                         .client = "RPC",
                         .user = "$$OsAdmin",
                         .password = "local-secret",
                         .host_name = "edge-1",
                         .dhcp = true,
                         .progress_supported = true};
    i.uuid = d->node->cfg.id.uuid;
    return i;
}

void lender_knock(struct lender *l, struct desk *d, const char *more) {
    *l = (struct lender){.switched = ""};
    viewer_ask(&l->v, d, "/activate", NULL, more);
}

void lender_open(struct lender *l, struct desk *d, const char *user) {
    char token[TOKEN_MAX_BYTES], more[TOKEN_MAX_BYTES + 40];
    snprintf(more, sizeof more, "Authorization: Bearer %s\r\n", rig_token(d->g, user, token));
    lender_knock(l, d, more);
    if (l->v.status != 101)
        fail_msg("%s", buf_cstr(&l->v.head));
}

void lender_text(struct lender *l, struct slice text) {
    if (!l->v.s)
        return;
    assert_int_equal(ws_text(l->v.ws, text), 0);
    struct slice out = ws_output(l->v.ws);
    (void)stream_write(l->v.s, out);
    ws_sent(l->v.ws, out.n);
}

void lender_command(struct lender *l, const struct rps_command *c, const struct rps_info *info) {
    struct buf b = {0};
    rps_put_command(&b, c, info);
    lender_text(l, buf_slice(&b));
    buf_free(&b);
}

static void say(struct lender *l, enum rps_client_kind k, struct slice payload) {
    struct buf b = {0};
    rps_put_client(&b, k, payload);
    lender_text(l, buf_slice(&b));
    buf_free(&b);
}

static struct mono now_of(struct lender *l) {
    return loop_now(l->v.d->node_loop);
}

static void dial(struct lender *l, bool tls) {
    if (l->side_open)
        port_side_close(&l->side);
    assert_true(port_side_open(&l->side, l->v.d->node, PORT_WSMAN, tls, true, now_of(l)));
    l->side_open = true;
    l->side_tls = tls;
}

/* All that the firmware has to say now. */
static void collect(struct lender *l, struct buf *out) {
    port_side_tick(&l->side, now_of(l));
    for (struct buf *o; (o = port_side_output(&l->side, now_of(l)))->len;) {
        buf_put(out, buf_slice(o));
        buf_consume(o, o->len);
    }
    node_settle(l->v.d->node); /* it may be another node now */
}

/* As rpc does: a connection a request. */
static void serve_wsman(struct lender *l, struct slice request) {
    struct buf answer = {0};
    bool cut = ++l->requests == l->cut_at;
    l->kept_open += memmem(request.p, request.n, "\r\nConnection: close\r\n", 21) == NULL;
    dial(l, false);
    if (!cut || l->cut_late)
        port_side_input(&l->side, request, now_of(l));
    collect(l, &answer);
    if (cut)
        stream_abort(l->v.s);
    else if (answer.len)
        say(l, RPS_C_RESPONSE, buf_slice(&answer));
    else
        say(l, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
    buf_free(&answer);
}

static void serve_tls(struct lender *l, struct slice cipher) {
    struct buf answer = {0};
    port_side_input(&l->side, cipher, now_of(l));
    collect(l, &answer);
    if (answer.len)
        say(l, RPS_C_TLS_DATA, buf_slice(&answer));
    if (port_side_finished(&l->side))
        say(l, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
    buf_free(&answer);
}

static void take(struct lender *l, const struct rps_from_server *m) {
    size_t n = strlen(l->heard);
    if (n + 20 < sizeof l->heard)
        snprintf(l->heard + n, sizeof l->heard - n, " %s", rps_server_method(m->kind));
    if (l->deaf)
        return;
    switch (m->kind) {
    case RPS_S_WSMAN:
        serve_wsman(l, buf_slice(&m->payload));
        return;
    case RPS_S_PORT_SWITCH:
        assert_int_equal(m->port, 16993);
        l->switched = "16993";
        dial(l, true);
        say(l, RPS_C_PORT_SWITCH_ACK, SLICE_EMPTY);
        return;
    case RPS_S_TLS_DATA:
        assert_true(l->side_tls);
        serve_tls(l, buf_slice(&m->payload));
        return;
    case RPS_S_PROGRESS:
        snprintf(l->progress, sizeof l->progress, "%s", m->text);
        return;
    default:
        return;
    }
}

/* False: no whole line is left. */
static bool take_line(struct lender *l) {
    struct slice rest = slice_skip(buf_slice(&l->v.notes), l->read);
    const uint8_t *nl = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
    struct rps_from_server m = {0};
    struct errinfo ei = {0};
    if (!nl)
        return false;
    struct slice line = slice_head(rest, (size_t)(nl - rest.p));
    l->read += line.n + 1;
    if (rps_read_server(line, &m, &ei) < 0)
        fail_msg("%s", ei.text);
    take(l, &m);
    if (m.kind == RPS_S_SUCCESS || m.kind == RPS_S_ERROR)
        l->end = m;
    else
        rps_from_server_free(&m);
    return true;
}

bool lender_run(struct lender *l, int64_t ms) {
    for (int64_t at = 0; at <= ms; at += 20) {
        while (take_line(l))
            ;
        if (l->end.outcome.status[0])
            return true;
        desk_run(l->v.d, 20);
    }
    return false;
}

void lender_free(struct lender *l) {
    if (l->side_open)
        port_side_close(&l->side);
    rps_from_server_free(&l->end);
    viewer_free(&l->v);
}
