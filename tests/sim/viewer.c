/* SPDX-License-Identifier: Apache-2.0 */
/* A viewer: comes through the door with its ticket, speaks WebSocket as a client, acts by dice, and leaves in
 * one of the ways that viewers leave. */
#include "sessions.h"

#include <stdio.h>
#include <stdlib.h>

/* W(NAME, weight, what it does) */
#define WAY_TABLE(W)                                                                                         \
    W(CLOSE, 4, close_politely)                                                                              \
    W(AWAY, 2, go_away)                                                                                      \
    W(RESET, 2, reset)                                                                                       \
    W(VANISH, 2, vanish)                                                                                     \
    W(BABBLE, 1, babble)                                                                                     \
    W(STAY, 3, stay)
enum viewer_way {
#define W(name, ...) WAY_##name,
    WAY_TABLE(W)
#undef W
};

enum {
    DISK_BLOCKS = 64,
    LIFE_MS = 240000,
    GOODBYE_MS = 5000, /* for the server's close frame */
    DARK_MS = 90000,   /* longer than the server waits for a pong */
};

static void arm(struct viewer *v);

/* --- ways to leave --- */

static void set_reading(struct viewer *v, bool on) {
    if (v->stream && v->deaf == on)
        (on ? stream_resume : stream_pause)(v->stream);
    v->deaf = !on;
}

static void wait_for_close(struct viewer *v) {
    set_reading(v, true);
    v->way = WAY_RESET;
    v->leave_at = mono_add_ms(sim_now(v->ss->w->sim), GOODBYE_MS);
}

static void close_politely(struct viewer *v) {
    ws_close(v->ws, WS_CLOSE_NORMAL, "enough");
    wire_flush(v);
    wait_for_close(v);
}
static void go_away(struct viewer *v) {
    ws_close(v->ws, WS_CLOSE_GOING_AWAY, "");
    wire_flush(v);
    wait_for_close(v);
}
static void reset(struct viewer *v) {
    stream_abort(v->stream);
}
/* Its network is gone; much later its address is another's. */
static void vanish(struct viewer *v) {
    sim_blackhole(v->ss->w->sim, v->source, true);
    v->vanished = true;
    v->way = WAY_RESET;
    v->leave_at = mono_add_ms(sim_now(v->ss->w->sim), DARK_MS);
}
static void babble(struct viewer *v) {
    (void)stream_write(v->stream, SLICE_LIT("\xff\xff this is no frame"));
    wait_for_close(v);
}
static void stay(struct viewer *v) {
    v->leave_at = MONO_NEVER;
}

static const struct {
    uint8_t weight;
    void (*leave)(struct viewer *v);
} ways[] = {
#define W(name, weight, fn) {weight, fn},
    WAY_TABLE(W)
#undef W
};

static uint8_t some_way(struct rng *r) {
    int64_t total = 0;
    uint8_t i = 0;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
        total += ways[k].weight;
    int64_t pick = rng_range(r, 0, total - 1);
    while (pick >= ways[i].weight)
        pick -= ways[i++].weight;
    return i;
}

/* --- life --- */

void viewer_maybe_free(struct viewer *v) {
    if (!v->stream && !v->at_firmware)
        viewer_free(&v);
}

void viewer_free(struct viewer **vp) {
    struct viewer *v = *vp;
    struct sessions *ss = v->ss;
    *vp = NULL;
    loop_timer_stop(ss->w->outside, &v->timer);
    if (ss->newest[v->of][v->kind] == v)
        ss->newest[v->of][v->kind] = NULL;
    list_remove(&ss->viewers, &v->node);
    ws_free(&v->ws);
    ider_free(&v->ider);
    buf_free(&v->down.due);
    buf_free(&v->down.part);
    buf_free(&v->up.due);
    buf_free(&v->up.part);
    free(v);
}

void viewer_drop(struct viewer *v) {
    if (v->vanished)
        sim_blackhole(v->ss->w->sim, v->source, false);
    v->vanished = false;
    if (v->stream)
        stream_abort(v->stream);
}

struct viewer *viewer_of(struct sessions *ss, const char *session) {
    LIST_EACH (n, &ss->viewers) {
        struct viewer *v = CONTAINER_OF(n, struct viewer, node);
        if (v->stream && strcmp(v->session, session) == 0)
            return v;
    }
    return NULL;
}

void viewer_admitted(struct sessions *ss, uint32_t serial) {
    LIST_EACH (n, &ss->viewers) {
        struct viewer *v = CONTAINER_OF(n, struct viewer, node);
        if (v->serial == serial)
            ss->newest[v->of][v->kind] = v;
    }
}

/* --- time --- */

static void act(struct viewer *v) {
    if (mono_due(v->leave_at, sim_now(v->ss->w->sim))) {
        if (v->vanished || !v->admitted)
            viewer_drop(v);
        else
            ways[v->way].leave(v);
    } else if (v->opened && !v->ended && !v->vanished) {
        if (mono_due(v->hears_at, sim_now(v->ss->w->sim)))
            set_reading(v, true);
        if (!v->deaf && rng_chance(&v->rng, 20000)) {
            set_reading(v, false);
            v->hears_at = mono_add_ms(sim_now(v->ss->w->sim), rng_range(&v->rng, 1000, 120000));
        }
        wire_say(v);
    }
}

static void on_timer(struct loop_timer *t) {
    struct viewer *v = CONTAINER_OF(t, struct viewer, timer);
    if (!v->stream)
        return;
    act(v);
    arm(v);
}

static void arm(struct viewer *v) {
    struct mono at = mono_add_ms(sim_now(v->ss->w->sim), rng_range(&v->rng, 300, 4000));
    if (v->ider && !v->ended && !v->vanished)
        at = mono_min(at, ider_deadline(v->ider));
    loop_timer_set(v->ss->w->outside, &v->timer, mono_min(at, v->leave_at));
}

/* --- the stream --- */

static bool has(struct slice json, const char *word) {
    return json.n && memmem(json.p, json.n, word, strlen(word)) != NULL;
}

static void on_note(struct viewer *v, struct slice json) {
    if (has(json, "\"type\":\"open\"")) {
        v->opened = true;
        if (v->kind == REDIR_IDER) {
            struct ider_config cfg = {.media[IDER_CD] = {.present = true, .blocks = DISK_BLOCKS}};
            v->ider = ider_new(&cfg, sim_now(v->ss->w->sim));
        }
        wire_hear(v, SLICE_EMPTY);
    }
    if (v->ended)
        world_broken(v->ss->w, "%s: something is said after the end", v->session);
    for (unsigned k = 0; has(json, "\"type\":\"end\"") && k < SESSION_WHY_COUNT; k++) {
        char word[48];
        snprintf(word, sizeof word, "\"reason\":\"%s\"", session_reason_row(k)->id);
        if (!has(json, word))
            continue;
        v->ended = true;
        v->ss->w->tally.ended[k]++;
        if (k == SESSION_WHY_DEVICE_BUSY && mono_before(v->ss->busy_until[v->of], sim_now(v->ss->w->sim)))
            world_broken(v->ss->w, "%s: the firmware is busy with a session of ours", v->session);
    }
}

static void on_ws(struct viewer *v, const struct ws_ev *ev) {
    if (ev->kind == WS_EV_BINARY)
        wire_hear(v, ev->data);
    else if (ev->kind == WS_EV_TEXT)
        on_note(v, ev->data);
    else if (ev->kind == WS_EV_CLOSE)
        stream_close(v->stream);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct viewer *v = ctx;
    struct ws_ev ev;
    int got = 0;
    (void)s;
    if (!v->admitted) {
        v->admitted = true;
        if (in.n < 3 || memcmp(in.p, "ok\n", 3) != 0)
            world_broken(v->ss->w, "the door says something else than ok");
        in = slice_skip(in, 3);
    }
    while (v->stream && (got = ws_input(v->ws, &in, &ev)) > 0)
        on_ws(v, &ev);
    if (got < 0)
        world_broken(v->ss->w, "%s: the server breaks WebSocket: %s", v->session, ws_error(v->ws));
    wire_flush(v);
}

static void on_open(struct stream *s, void *ctx) {
    struct viewer *v = ctx;
    char line[160];
    int n =
        snprintf(line, sizeof line, "%s %s %s %u\n", v->ss->w->ids[v->of], v->session, v->ticket, v->serial);
    (void)stream_write(s, slice_of(line, (size_t)n));
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct viewer *v = ctx;
    (void)s;
    (void)why;
    v->stream = NULL;
    viewer_maybe_free(v);
}

void viewer_come(struct sessions *ss, uint32_t node, const struct session *s) {
    static const struct stream_handler handler = {.on_open = on_open, .on_data = on_data, .on_end = on_end};
    struct connect_opts o = {.address = DOOR_ADDRESS, .timeout_ms = 10000};
    struct viewer *v = calloc(1, sizeof *v);
    uint8_t seed[16];
    if (!v)
        abort();
    v->ss = ss;
    v->of = node;
    v->kind = s->kind;
    v->view_only = s->view_only;
    v->serial = (uint32_t)++ss->w->tally.viewers;
    v->rng.s = rng_u64(&ss->rng);
    v->lazy = rng_chance(&v->rng, 300000);
    memcpy(v->session, s->id, sizeof v->session);
    memcpy(v->ticket, s->ticket, sizeof v->ticket);
    v->way = some_way(&v->rng);
    v->leave_at = mono_add_ms(sim_now(ss->w->sim), rng_range(&v->rng, 100, LIFE_MS));
    v->timer.fn = on_timer;
    snprintf(v->source, sizeof v->source, "10.9.%u.%u:5000", v->serial >> 8 & 255, v->serial & 255);
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)rng_u64(&v->rng);
    v->ws = ws_new(WS_CLIENT, 4096, seed);
    list_push(&ss->viewers, &v->node);
    sim_next_source(ss->w->outside, v->source);
    v->stream = stream_connect(ss->w->outside, &o, &handler, v);
    if (!v->ws || !v->stream)
        abort();
    arm(v);
}
