/* SPDX-License-Identifier: Apache-2.0 */
/* Viewers through the real doors: TLS, the WebSocket's upgrade on any shard, the move to the host's shard;
 * and settings that are exchanged meanwhile, as SIGHUP does it. For the race detector. */
#include "threads.h"

#include "proto/ws.h"
#include "server/httpd.h"
#include "server/session_call.h"
#include "server/settings.h"

#include <time.h>

enum { GUESTS = 24, STIR_MS = 2500, SLOW_MS = 20000, TICK_MS = 20, PATIENCE_TICKS = 250, RELOAD_MS = 60 };

struct street;
/* A viewer; its call is the shard's while it is asked, all else the street's. */
struct guest {
    struct street *street;
    struct session_call c;
    struct loop_msg msg;
    struct loop_timer timer;
    struct shard *desk; /* the shard that it asks */
    struct stream *stream;
    struct ws *ws;
    struct buf head;
    bool asking, upgraded, open, over;
    unsigned ticks; /* since it came */
};

struct street {
    struct rig rig;
    struct loop *loop;
    pthread_t thread, reloader;
    struct tls_ctx *tls;
    struct guest guests[GUESTS];
    uint64_t rng;
    char doors[SHARDS][64];
    uint64_t bytes;
    atomic_uint upgrades, opened, refused, idle;
    atomic_bool closing, settled;
    /* reload */
    pthread_barrier_t still;
    struct loop_msg order[SHARDS];
    atomic_uint done;
    struct settings settings[2];
    atomic_uint reloads;
};
static struct street street;

static void nap(int64_t ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}
static uint32_t pick(struct street *s, uint32_t n) {
    s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s->rng >> 33) % n;
}

/* --- on a shard: a session and its ticket, as the doors ask for them --- */

static void ready(struct loop *l, struct loop_msg *m);
static void hand_back(struct guest *g) {
    g->msg.fn = ready;
    loop_post(g->street->loop, &g->msg);
}

static void ticketed(struct session_call *c) {
    hand_back(CONTAINER_OF(c, struct guest, c));
}

static void started(struct session_call *c) {
    struct guest *g = CONTAINER_OF(c, struct guest, c);
    if (c->call.err) {
        hand_back(g);
        return;
    }
    memcpy(c->order.id, c->session.id, sizeof c->order.id);
    session_new_ticket(g->desk->loop, c->order.ticket);
    c->order.what = SESSION_TICKET;
    c->done = ticketed;
    buf_clear(&c->json);
    session_call(c);
}

static void asked(struct loop *l, struct loop_msg *m) {
    struct guest *g = CONTAINER_OF(m, struct guest, msg);
    session_new_id(l, g->c.order.new_id);
    g->c.call.from = g->desk;
    g->c.done = started;
    session_call(&g->c);
}

/* --- on the street --- */

static void ask(struct guest *g) {
    struct street *s = g->street;
    g->asking = true;
    g->c = (struct session_call){.order = {.what = SESSION_START, .take_over = true, .admin = true}};
    g->c.order.kind = pick(s, 2) ? REDIR_SOL : REDIR_KVM;
    snprintf(g->c.order.user, sizeof g->c.order.user, "guest");
    snprintf(g->c.project, sizeof g->c.project, "default");
    snprintf(g->c.call.host, sizeof g->c.call.host, "%s", s->rig.ids[pick(s, NODES)]);
    g->desk = s->rig.app->shards[pick(s, SHARDS)];
    g->msg.fn = asked;
    loop_post(g->desk->loop, &g->msg);
}

static void flush(struct guest *g) {
    struct slice out;
    while (g->stream && (out = ws_output(g->ws)).n && stream_write(g->stream, out) == 0)
        ws_sent(g->ws, out.n);
}

static void on_open(struct stream *st, void *ctx) {
    struct guest *g = ctx;
    struct buf b = {0};
    char key[25];
    static const uint8_t random[16] = {1, 2, 3};
    ws_make_key(random, key);
    buf_putf(&b,
             "GET /v1/projects/default/compute/hosts/%s/sessions/%s/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: outband.v1, ticket.%s\r\n\r\n",
             g->c.call.host, g->c.order.id, key, g->c.session.ticket);
    int err = stream_write(st, buf_slice(&b));
    assert_int_equal(err, 0);
    buf_free(&b);
}

/* What follows the answer's head; empty until it is whole. */
static struct slice behind_head(struct guest *g, struct slice in) {
    assert_int_equal(buf_put(&g->head, in), 0);
    struct slice all = buf_slice(&g->head);
    const uint8_t *end = memmem(all.p, all.n, "\r\n\r\n", 4);
    if (!end)
        return SLICE_EMPTY;
    g->upgraded = slice_eq(slice_head(all, 12), SLICE_LIT("HTTP/1.1 101"));
    atomic_fetch_add(g->upgraded ? &g->street->upgrades : &g->street->refused, 1);
    if (!g->upgraded)
        stream_abort(g->stream);
    return g->upgraded ? slice_skip(all, (size_t)(end - all.p) + 4) : SLICE_EMPTY;
}

static void on_data(struct stream *st, void *ctx, struct slice in) {
    struct guest *g = ctx;
    struct ws_ev ev;
    if (!g->upgraded)
        in = behind_head(g, in);
    while (g->upgraded && ws_input(g->ws, &in, &ev) > 0) {
        g->street->bytes += ev.data.n;
        if (ev.kind != WS_EV_TEXT || !memmem(ev.data.p, ev.data.n, "\"open\"", 6))
            continue;
        g->open = true;
        atomic_fetch_add(&g->street->opened, 1);
    }
    flush(g);
}

static void on_end(struct stream *st, void *ctx, enum stream_end why) {
    struct guest *g = ctx;
    g->stream = NULL;
    ws_free(&g->ws);
    buf_free(&g->head);
}

static void ready(struct loop *l, struct loop_msg *m) {
    static const struct stream_handler handler = {.on_open = on_open, .on_data = on_data, .on_end = on_end};
    static const uint8_t seed[16] = {9};
    struct guest *g = CONTAINER_OF(m, struct guest, msg);
    struct street *s = g->street;
    struct connect_opts o = {.address = s->doors[pick(s, SHARDS)], .tls = s->tls, .timeout_ms = 5000};
    g->asking = false;
    if (g->c.call.err == 0 && !atomic_load(&s->closing)) {
        g->upgraded = g->open = false;
        g->ticks = 0;
        g->ws = ws_new(WS_CLIENT, 65536, seed);
        g->stream = stream_connect(l, &o, &handler, g);
        assert_true(g->ws && g->stream);
    }
    buf_free(&g->c.json);
}

static void behave(struct guest *g) {
    uint32_t what = pick(g->street, 24);
    bool leaves = g->open || g->ticks++ > PATIENCE_TICKS || pick(g->street, 20) == 0;
    if (what == 0 && leaves)
        stream_abort(g->stream);
    else if (what == 1 && leaves)
        ws_close(g->ws, WS_CLOSE_NORMAL, "");
    else if (g->open && what < 12) {
        int err = ws_binary(g->ws, g->c.order.kind == REDIR_KVM ? SLICE_LIT("RFB 003.008\n\1\1")
                                                                : SLICE_LIT("root\rroot\rflood 30000\r"));
        (void)err; /* it said goodbye */
    }
    if (g->upgraded)
        flush(g);
}

static void on_timer(struct loop_timer *t) {
    struct guest *g = CONTAINER_OF(t, struct guest, timer);
    struct street *s = g->street;
    bool closing = atomic_load(&s->closing);
    if (closing && g->stream)
        stream_abort(g->stream);
    else if (g->stream)
        behave(g);
    else if (!g->asking && !closing)
        ask(g);
    if (closing && !g->stream && !g->asking && !g->over) {
        g->over = true;
        atomic_fetch_add(&s->idle, 1);
    }
    loop_timer_set(s->loop, t, mono_add_ms(loop_now(s->loop), TICK_MS));
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

/* --- orders to shards --- */

static void open_door(struct loop *l, struct loop_msg *m) {
    size_t i = (size_t)(m - street.order);
    struct errinfo ei = {0};
    struct shard *s = street.rig.app->shards[i];
    s->httpd = httpd_new(s, i ? street.doors[0] : "127.0.0.1:0", street.rig.tls[i], &ei);
    if (!s->httpd)
        fail_msg("%s", ei.text);
    snprintf(street.doors[i], sizeof street.doors[i], "%s", httpd_address(s->httpd));
    atomic_fetch_add(&street.done, 1);
}

static void close_door(struct loop *l, struct loop_msg *m) {
    httpd_free(&street.rig.app->shards[m - street.order]->httpd);
    atomic_fetch_add(&street.done, 1);
}

static void stand_still(struct loop *l, struct loop_msg *m) {
    size_t i = (size_t)(m - street.order);
    struct shard *s = street.rig.app->shards[i];
    pthread_barrier_wait(&street.still);
    pthread_barrier_wait(&street.still);
    httpd_set_tls(s->httpd, street.rig.tls[i]);
    httpd_apply_settings(s->httpd);
    atomic_fetch_add(&street.done, 1);
}

static void order(size_t i, void (*fn)(struct loop *l, struct loop_msg *m)) {
    street.order[i].fn = fn;
    loop_post(street.rig.loops[i], &street.order[i]);
}
static void await(unsigned n) {
    while (atomic_load(&street.done) < n)
        nap(1);
    atomic_store(&street.done, 0);
}

/* Two settings in turn: what a loop reads is the one or the other, whole. */
static void reload(void) {
    struct app *a = street.rig.app;
    for (size_t i = 0; i < SHARDS; i++)
        order(i, stand_still);
    pthread_barrier_wait(&street.still);
    a->settings = &street.settings[(atomic_fetch_add(&street.reloads, 1) + 1) % 2];
    app_apply_settings(a);
    a->policy.poll_calm_ms = a->policy.poll_doubt_ms = 200;
    pthread_barrier_wait(&street.still);
    await(SHARDS);
}

static void *reload_always(void *arg) {
    while (!atomic_load(&street.settled)) {
        nap(RELOAD_MS);
        reload();
    }
    return NULL;
}

/* --- the test --- */

static void street_open(void) {
    struct errinfo ei = {0};
    for (size_t i = 0; i < SHARDS; i++) { /* the first says the port */
        order(i, open_door);
        await(1);
    }
    for (size_t i = 0; i < 2; i++)
        settings_defaults(&street.settings[i]);
    street.settings[1].session_resume_ms += 1000;
    pthread_barrier_init(&street.still, NULL, SHARDS + 1);
    street.rng = 77;
    street.loop = loop_new();
    street.tls = tls_client_ctx(buf_slice(&street.rig.ca_pem), false, TLS_MODERN, &ei);
    assert_true(street.loop && street.tls);
    for (size_t i = 0; i < GUESTS; i++) {
        struct guest *g = &street.guests[i];
        *g = (struct guest){.street = &street, .timer.fn = on_timer};
        loop_timer_set(street.loop, &g->timer, mono_add_ms(loop_now(street.loop), (int64_t)(20 * i)));
    }
    pthread_create(&street.thread, NULL, run_loop, street.loop);
    pthread_create(&street.reloader, NULL, reload_always, NULL);
}

static void street_close(void) {
    atomic_store(&street.closing, true);
    for (int64_t t = 0; atomic_load(&street.idle) < GUESTS; t += 5) {
        assert_true(t < SLOW_MS * 3); /* every order is answered */
        nap(5);
    }
    atomic_store(&street.settled, true);
    pthread_join(street.reloader, NULL);
    loop_stop(street.loop);
    pthread_join(street.thread, NULL);
    for (size_t i = 0; i < GUESTS; i++)
        loop_timer_stop(street.loop, &street.guests[i].timer);
    for (size_t i = 0; i < SHARDS; i++)
        order(i, close_door);
    await(SHARDS);
    loop_free(&street.loop);
    tls_ctx_unref(&street.tls);
    pthread_barrier_destroy(&street.still);
}

static void viewers_move_while_settings_are_exchanged(void **s) {
    rig_open(&street.rig, true);
    street_open();
    rig_stir(&street.rig, STIR_MS);
    for (int64_t t = 0; (atomic_load(&street.opened) < 5 || atomic_load(&street.reloads) < 5) && t < SLOW_MS;
         t += 20)
        nap(20); /* a slow machine */
    street_close();
    unsigned upgrades = atomic_load(&street.upgrades), opened = atomic_load(&street.opened);
    print_message("%u upgrades, %u refused, %u sessions open, %llu bytes seen, %u reloads\n", upgrades,
                  atomic_load(&street.refused), opened, (unsigned long long)street.bytes,
                  atomic_load(&street.reloads));
    rig_close(&street.rig);
    assert_true(upgrades >= 5 && opened >= 5 && street.bytes && atomic_load(&street.reloads) >= 5);
}

UNIT_MAIN(T(viewers_move_while_settings_are_exchanged))
