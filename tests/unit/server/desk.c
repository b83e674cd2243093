/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

#include "net/pki.h"
#include "net/tls.h"

#define CIRA "10.0.0.1:4433"

void desk_run(struct desk *d, int64_t ms) {
    rig_run(d->g, ms);
}

struct fleet_host *desk_host(struct desk *d) {
    return fleet_host_find(app_shard_of(d->g->app, d->host), d->host);
}

/* --- the machine --- */

static void before_connect(void *ctx, struct sim_node *n) {
    struct desk *d = ctx;
    char source[32];
    (void)n;
    snprintf(source, sizeof source, "10.0.7.1:%u", d->port++);
    sim_next_source(d->node_loop, source);
}

static struct tls_ctx *new_device_tls(void) {
    struct buf key = {0}, cert = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(
        pki_make_root(buf_slice(&key), "device", (struct wall){1600000000000000}, 3650, &cert, &ei), 0);
    struct tls_ctx *c = tls_server_ctx(buf_slice(&cert), buf_slice(&key), TLS_MODERN, &ei);
    assert_non_null(c);
    buf_free(&key);
    buf_free(&cert);
    return c;
}

void desk_plug(struct desk *d) {
    if (d->device_tls) {
        tls_ctx_unref(&d->device_tls);
        d->device_tls = new_device_tls();
    }
    struct sim_fleet_config f = {.loop = d->node_loop,
                                 .server = CIRA,
                                 .device_tls = d->device_tls,
                                 .times = SIM_TIMES_INSTANT,
                                 .seed = 1,
                                 .ctx = d,
                                 .before_connect = before_connect};
    d->fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = d->device_tls ? SIM_A19 : SIM_A15, .me_in_sleep = true};
    sim_identity_make(&c.id, 1, "node", 1);
    snprintf(c.id.cira_user, sizeof c.id.cira_user, "u-n1");
    snprintf(c.id.cira_password, sizeof c.id.cira_password, "p-n1");
    snprintf(c.id.amt_user, sizeof c.id.amt_user, "admin");
    snprintf(c.id.amt_password, sizeof c.id.amt_password, DESK_PASSWORD);
    d->node = sim_node_new(d->fleet, &c);
    assert_non_null(d->node);
    sim_node_start(d->node);
}

void desk_unplug(struct desk *d) {
    sim_node_free(&d->node);
    sim_fleet_free(&d->fleet);
    desk_run(d, 20);
}

void desk_settle(struct desk *d) {
    for (int i = 0; i < 600; i++) {
        const struct fleet_host *fh = desk_host(d);
        if (fh->h.link.state == LINK_UP && fh->h.power.agreeing > 0)
            return;
        desk_run(d, 100);
    }
    fail_msg("the machine does not come: %s", desk_host(d)->h.read_error);
}

/* --- the server --- */

static void listen_cira(struct desk *d) {
    struct errinfo ei = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct shard *s = d->g->app->shards[i];
        if (app_open_cira(s, CIRA, NULL, true, &ei) < 0)
            fail_msg("%s", ei.text);
        if (d->device_tls)
            s->amt_tls = tls_client_ctx(SLICE_EMPTY, false, TLS_MODERN, &ei);
    }
}

static void make_host(struct desk *d, unsigned number) {
    bool done = false;
    char name[16];
    struct fleet_create *c = calloc(1, sizeof *c);
    c->from = d->g->app->shards[0];
    struct host_new *v = c->rows = calloc(1, sizeof *c->rows);
    c->nrows = 1;
    snprintf(name, sizeof name, "n%u", number);
    snprintf(v->project, sizeof v->project, "default");
    snprintf(v->name, sizeof v->name, "%s", name);
    snprintf(v->cira_user, sizeof v->cira_user, "u-%s", name);
    snprintf(v->cira_password, sizeof v->cira_password, "p-n1");
    snprintf(v->amt_user, sizeof v->amt_user, "admin");
    snprintf(v->amt_password, sizeof v->amt_password, DESK_PASSWORD);
    snprintf(v->actor, sizeof v->actor, "rig");
    v->desired = POWER_UNKNOWN;
    c->done = rig_created;
    c->ctx = &done;
    fleet_create(c);
    desk_run(d, 50);
    assert_true(done);
    struct directory_entry e;
    assert_int_equal(directory_by_name(d->g->app->directory, "default", name, &e), 0);
    memcpy(d->host, e.id, sizeof d->host);
}

/* Ids are random: the host is made again until it falls on the shard. */
static void make_host_on(struct desk *d, unsigned shard) {
    for (make_host(d, 1); app_shard_of(d->g->app, d->host)->index != shard; make_host(d, 1))
        assert_int_equal(desk_ask(d, "admin", "DELETE", "", NULL) / 100, 2);
}

static void open_all(struct desk *d, unsigned shard) {
    d->g = rig_new();
    d->port = 50000;
    d->node_loop = sim_loop_new(d->g->w);
    d->c = client_open(d->g);
    listen_cira(d);
    make_host_on(d, shard);
    desk_plug(d);
    desk_settle(d);
}

void desk_open(struct desk *d, unsigned shard) {
    *d = (struct desk){0};
    open_all(d, shard);
}
void desk_open_tls(struct desk *d, unsigned shard) {
    *d = (struct desk){.device_tls = new_device_tls()};
    open_all(d, shard);
}

void desk_close(struct desk *d) {
    if (d->node)
        desk_unplug(d);
    loop_free(&d->node_loop);
    client_close(&d->c);
    rig_free(&d->g);
    tls_ctx_unref(&d->device_tls);
}

void desk_restart(struct desk *d) {
    struct rig *g = d->g;
    struct errinfo ei = {0};
    client_close(&d->c);
    httpd_free(&g->httpd);
    desk_run(d, 100);
    auth_free(&g->app->auth);
    app_free(&g->app);
    for (int i = 0; i < 2; i++) {
        loop_free(&g->loops[i]);
        g->loops[i] = sim_loop_new(g->w);
    }
    struct app_opts ao = {.nshards = 2,
                          .loops = {g->loops[0], g->loops[1]},
                          .store = g->store,
                          .seal = g->seal,
                          .last_event = store_last_event(g->store),
                          .instance = 42};
    g->app = app_new(&ao, &ei);
    assert_non_null(g->app);
    rig_auth(g);
    assert_int_equal(fleet_load(g->app, &ei), 0);
    atomic_store(&g->app->ready, 1);
    g->httpd = httpd_new(g->app->shards[0], "127.0.0.1:8443", NULL, &ei);
    assert_non_null(g->httpd);
    g->app->shards[0]->httpd = g->httpd;
    listen_cira(d);
    d->c = client_open(g);
    desk_settle(d);
}

/* --- REST --- */

void desk_user(struct desk *d, const char *name, const char *role) {
    rig_user(d->g, name, role, "");
    rig_auth(d->g);
}

int desk_ask_path(struct desk *d, const char *user, const char *method, const char *path, const char *body) {
    char token[TOKEN_MAX_BYTES];
    if (d->c->ended) {
        client_close(&d->c);
        d->c = client_open(d->g);
    }
    return client_ask(d->c, user ? rig_token(d->g, user, token) : NULL, method, path, NULL, body);
}

int desk_ask(struct desk *d, const char *user, const char *method, const char *path, const char *body) {
    char whole[DESK_PATH_CAP];
    snprintf(whole, sizeof whole, "/v1/projects/default/compute/hosts/%s%s", d->host, path);
    return desk_ask_path(d, user, method, whole, body);
}

const char *desk_session(struct desk *d, const char *user, const char *body, char id[REDIR_SESSION_ID_CAP]) {
    if (desk_ask(d, user, "POST", "/sessions", body) != 201)
        fail_msg("%d: %s", d->c->status, answer_text(d->c, "message"));
    snprintf(id, REDIR_SESSION_ID_CAP, "%s", answer_text(d->c, "id"));
    return id;
}

const char *desk_ticket(struct desk *d, const char *user, const char *id, char ticket[SESSION_TICKET_CAP]) {
    char path[DESK_PATH_CAP];
    snprintf(path, sizeof path, "/sessions/%s/ticket", id);
    if (desk_ask(d, user, "POST", path, "{}") != 201)
        fail_msg("%d: %s", d->c->status, answer_text(d->c, "message"));
    snprintf(ticket, SESSION_TICKET_CAP, "%s", answer_text(d->c, "ticket"));
    return ticket;
}

const char *desk_state(struct desk *d, const char *id) {
    static char out[80];
    char path[DESK_PATH_CAP];
    snprintf(path, sizeof path, "/sessions/%s", id);
    assert_int_equal(desk_ask(d, "viewer", "GET", path, NULL), 200);
    int n = snprintf(out, sizeof out, "%s", answer_text(d->c, "state"));
    if (*answer_text(d->c, "reason"))
        snprintf(out + n, sizeof out - (size_t)n, " %s", answer_text(d->c, "reason"));
    return out;
}

const struct session *desk_find(struct desk *d, const char *id) {
    struct fleet_host *fh = desk_host(d);
    return fh ? host_session_find(&fh->h, id) : NULL;
}

struct relay *desk_relay(struct desk *d, const char *id) {
    LIST_EACH (n, &app_shard_of(d->g->app, d->host)->relays) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (strcmp(r->session, id) == 0 && !r->device_gone)
            return r;
    }
    return NULL;
}

size_t desk_relays(struct desk *d) {
    return relays_held(d->g->app->shards[0]) + relays_held(d->g->app->shards[1]);
}

/* --- viewers --- */

static void flush(struct viewer *v) {
    struct slice out;
    while (v->s && (out = ws_output(v->ws)).n) {
        if (stream_write(v->s, out) < 0)
            return;
        ws_sent(v->ws, out.n);
    }
}

static void on_event(struct viewer *v, const struct ws_ev *ev) {
    switch (ev->kind) {
    case WS_EV_BINARY:
        buf_put(&v->data, ev->data);
        break;
    case WS_EV_TEXT:
        buf_put(&v->notes, ev->data);
        buf_puts(&v->notes, "\n");
        break;
    case WS_EV_PING:
        v->pings++;
        break;
    case WS_EV_CLOSE:
        v->code = ev->code;
        slice_to_str(ev->data, v->reason, sizeof v->reason);
        break;
    default:
        break;
    }
}

/* The answer's head; what follows a 101 is the stream. */
static void take_head(struct viewer *v, struct slice *in) {
    static const uint8_t seed[16] = {1, 2, 3};
    while (in->n && v->status != 101) {
        buf_put(&v->head, slice_head(*in, 1));
        *in = slice_skip(*in, 1);
        const char *text = buf_cstr(&v->head);
        if (!v->status && strstr(text, "\r\n\r\n"))
            v->status = (int)strtol(text + 9, NULL, 10);
    }
    if (v->status == 101 && !v->ws)
        v->ws = ws_new(WS_CLIENT, 65536, seed);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct viewer *v = ctx;
    struct ws_ev ev;
    int got = 0;
    (void)s;
    take_head(v, &in);
    if (v->status != 101)
        return;
    while ((got = ws_input(v->ws, &in, &ev)) > 0)
        on_event(v, &ev);
    assert_int_equal(got, 0); /* the server keeps the rules */
    if (!v->mute)
        flush(v);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct viewer *v = ctx;
    (void)s;
    v->s = NULL;
    v->ended = true;
    v->why = why;
}

void viewer_dial(struct viewer *v, struct desk *d, const char *request) {
    static const struct stream_handler h = {.on_data = on_data, .on_end = on_end};
    struct connect_opts o = {.address = "127.0.0.1:8443", .timeout_ms = 5000};
    *v = (struct viewer){.d = d};
    v->s = stream_connect(d->g->client_loop, &o, &h, v);
    desk_run(d, 10);
    if (v->s)
        assert_int_equal(stream_write(v->s, slice_str(request)), 0);
    for (int i = 0; i < 100 && !v->status && !v->ended; i++)
        desk_run(d, 2);
    desk_run(d, 10); /* a body */
}

static void put_unless(struct buf *b, const char *more, const char *name, const char *value) {
    if (!strstr(more, name) && value)
        buf_putf(b, "%s %s\r\n", name, value);
}

void viewer_ask(struct viewer *v, struct desk *d, const char *path, const char *protocol, const char *more) {
    struct buf b = {0};
    buf_putf(&b, "GET %s HTTP/1.1\r\nHost: test\r\n", path);
    put_unless(&b, more, "Upgrade:", "websocket");
    put_unless(&b, more, "Connection:", "keep-alive, Upgrade");
    put_unless(&b, more, "Sec-WebSocket-Version:", "13");
    put_unless(&b, more, "Sec-WebSocket-Key:", "dGhlIHNhbXBsZSBub25jZQ==");
    put_unless(&b, more, "Sec-WebSocket-Protocol:", protocol);
    buf_putf(&b, "%s\r\n", more);
    viewer_dial(v, d, buf_cstr(&b));
    buf_free(&b);
}

void viewer_knock(struct viewer *v, struct desk *d, const char *user, const char *session) {
    char ticket[SESSION_TICKET_CAP], path[DESK_PATH_CAP], protocol[128];
    desk_ticket(d, user, session, ticket);
    snprintf(path, sizeof path, "/v1/projects/default/compute/hosts/%s/sessions/%s/stream", d->host, session);
    snprintf(protocol, sizeof protocol, "outband.v1, ticket.%s", ticket);
    viewer_ask(v, d, path, protocol, "");
}

void viewer_begin(struct viewer *v, struct desk *d, const char *user, const char *session) {
    viewer_knock(v, d, user, session);
    if (v->status != 101)
        fail_msg("%s", buf_cstr(&v->head));
}

void viewer_open(struct viewer *v, struct desk *d, const char *user, const char *session) {
    viewer_begin(v, d, user, session);
    if (!viewer_told(v, "\"open\"", 5000))
        fail_msg("%u %s", v->code, v->reason);
}

void viewer_send(struct viewer *v, struct slice data) {
    assert_int_equal(ws_binary(v->ws, data), 0);
    flush(v);
}
void viewer_text(struct viewer *v, const char *text) {
    assert_int_equal(ws_text(v->ws, slice_str(text)), 0);
    flush(v);
}
void viewer_leave(struct viewer *v, uint16_t code) {
    ws_close(v->ws, code, "");
    flush(v);
}
void viewer_type(struct viewer *v, const char *text) {
    viewer_send(v, slice_str(text));
}

static bool comes(struct viewer *v, struct buf *in, const char *text, int64_t ms) {
    for (int64_t at = 0;; at += 20) {
        if (in->len && strstr(buf_cstr(in), text))
            return true;
        if (at >= ms)
            return false;
        desk_run(v->d, 20);
    }
}
bool viewer_sees(struct viewer *v, const char *text, int64_t ms) {
    return comes(v, &v->data, text, ms);
}
bool viewer_told(struct viewer *v, const char *note, int64_t ms) {
    return comes(v, &v->notes, note, ms);
}
bool viewer_ends(struct viewer *v, int64_t ms) {
    for (int64_t at = 0; !v->ended && at < ms; at += 20)
        desk_run(v->d, 20);
    return v->ended;
}

void viewer_login(struct viewer *v) {
    viewer_type(v, "\r");
    assert_true(viewer_sees(v, "login: ", 3000));
    viewer_type(v, "root\r");
    assert_true(viewer_sees(v, "Password: ", 3000));
    viewer_type(v, "secret\r");
    assert_true(viewer_sees(v, ":~# ", 3000));
}

void viewer_free(struct viewer *v) {
    if (v->s)
        stream_abort(v->s);
    desk_run(v->d, 20);
    ws_free(&v->ws);
    buf_free(&v->head);
    buf_free(&v->data);
    buf_free(&v->notes);
    *v = (struct viewer){0};
}
