/* SPDX-License-Identifier: Apache-2.0 */
/* WS-MAN over APF channels: to port 16992, or through TLS to 16993 when only that is forwarded. The client is
 * made with the first job and freed when there was none for a while; the AMT password lives as long as it. */
#include "server/provisioning.h"
#include "server/tunnel_chan.h"
#include "server/tunnel_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORT_HTTP = 16992, PORT_HTTPS = 16993, CHANNELS_MAX = 8 };

/* A channel; its address is what apf hands back, so it stays until apf says that the channel is gone. */
struct channel {
    struct tunnel_chan ch; /* first */
    struct wsman *w;
    bool known; /* the client knows it, by its index + 1 */
};

struct wsman {
    struct tunnel *t;
    struct wsclient *c; /* NULL: freed, but channels wind down */
    struct channel channels[CHANNELS_MAX];
    char tls_why[160]; /* sentence of the last TLS failure */
};

static struct mono now_of(const struct wsman *w) {
    return loop_now(tunnel_shard(w->t)->loop);
}
static int handle_of(const struct channel *ch) {
    return (int)(ch - ch->w->channels) + 1;
}
static struct channel *of(struct tunnel_chan *ch) {
    return CONTAINER_OF(ch, struct channel, ch);
}

/* --- what a channel tells --- */

static void on_ready(struct tunnel_chan *chan) {
    struct channel *ch = of(chan);
    wsc_opened(ch->w->c, handle_of(ch), now_of(ch->w));
}

static void on_data(struct tunnel_chan *chan, struct slice data) {
    struct channel *ch = of(chan);
    wsc_data(ch->w->c, handle_of(ch), data, now_of(ch->w));
}

static void on_ended(struct tunnel_chan *chan, int err, const char *why) {
    struct channel *ch = of(chan);
    struct wsman *w = ch->w;
    ch->known = false;
    if (err == ERR_TLS)
        snprintf(w->tls_why, sizeof w->tls_why, "%s", why);
    if (w->c)
        wsc_closed(w->c, handle_of(ch), err, now_of(w));
}

static bool any_channel(const struct wsman *w) {
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        if (tunnel_chan_used(&w->channels[i].ch))
            return true;
    return false;
}

static void on_gone(struct tunnel_chan *chan) {
    struct wsman *w = of(chan)->w;
    if (!w->c && !any_channel(w))
        wsman_free(&w->t->ws);
}

static const struct tunnel_chan_ops OPS = {
    .ready = on_ready, .data = on_data, .ended = on_ended, .gone = on_gone};

/* --- the way to the device, called by the client --- */

static int io_open(void *ctx) {
    struct wsman *w = ctx;
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        struct channel *ch = &w->channels[i];
        if (tunnel_chan_used(&ch->ch))
            continue;
        int r = tunnel_chan_open(&ch->ch, w->t, PORT_HTTP, PORT_HTTPS, &OPS);
        ch->w = w;
        ch->known = r == 0;
        return r < 0 ? r : handle_of(ch);
    }
    return ERR_LIMIT;
}

static struct channel *channel_of(struct wsman *w, int handle) {
    assert(handle >= 1 && handle <= CHANNELS_MAX);
    return &w->channels[handle - 1];
}

static int io_send(void *ctx, int handle, struct slice data) {
    return tunnel_chan_send(&channel_of(ctx, handle)->ch, data);
}

static void io_close(void *ctx, int handle) {
    struct channel *ch = channel_of(ctx, handle);
    ch->known = false;
    tunnel_chan_close(&ch->ch);
}

static void io_random(void *ctx, uint8_t *out, size_t n) {
    struct wsman *w = ctx;
    loop_random(tunnel_shard(w->t)->loop, out, n);
}

/* --- life --- */

int tunnel_amt_secret(const struct tunnel *t, char secret[SEALED_MAX]) {
    const struct fleet_host *fh = t->fh;
    char context[HOST_ID_CAP + 8];
    secret[0] = 0;
    snprintf(context, sizeof context, "%s/amt", fh->h.id);
    if (fh->amt_secret.n &&
        seal_open(tunnel_shard(t)->app->seal, context, &fh->amt_secret, secret, SEALED_MAX) < 0)
        return ERR_CRYPTO;
    return 0;
}

static int make_client(struct wsman *w) {
    struct fleet_host *fh = w->t->fh;
    const struct app *a = tunnel_shard(w->t)->app;
    char secret[SEALED_MAX];
    if (tunnel_amt_secret(w->t, secret) < 0)
        return ERR_CRYPTO;
    const struct wsc_io io = {w, io_open, io_send, io_close, io_random};
    w->c = wsc_new(&a->wsc_limits, &io, fh->h.amt_user, secret);
    explicit_bzero(secret, sizeof secret);
    if (w->c)
        wsc_set_pool(w->c, tunnel_shard(w->t)->wsc_pool);
    return w->c ? 0 : ERR_NOMEM;
}

void wsman_free(struct wsman **wp) {
    struct wsman *w = *wp;
    if (!w)
        return;
    wsc_free(&w->c);
    free(w);
    *wp = NULL;
}

/* The client goes, and its password with it; channels may take a moment. */
static void retire(struct tunnel *t) {
    struct wsman *w = t->ws;
    t->wsman_free_at = MONO_NEVER;
    if (w->c)
        wsc_tunnel_lost(w->c, now_of(w));
    wsc_free(&w->c);
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        if (tunnel_chan_used(&w->channels[i].ch))
            io_close(w, handle_of(&w->channels[i]));
    if (!any_channel(w))
        wsman_free(&t->ws);
}

void tunnel_forget_amt_secret(struct tunnel *t) {
    struct wsman *w = t->ws;
    if (!w || !w->c)
        return;
    char secret[SEALED_MAX];
    int r = tunnel_amt_secret(t, secret);
    if (r == 0)
        r = wsc_set_password(w->c, t->fh->h.amt_user, secret);
    explicit_bzero(secret, sizeof secret);
    if (r < 0) /* jobs go on with the old one and fail by ERR_AUTH; the next client takes the new one */
        t->wsman_free_at = loop_now(tunnel_shard(t)->loop);
}

static int need_client(struct tunnel *t) {
    if (t->state != TUNNEL_UP)
        return ERR_CLOSED;
    if (!t->ws) {
        if (!(t->ws = calloc(1, sizeof *t->ws)))
            return ERR_NOMEM;
        t->ws->t = t;
    }
    return t->ws->c ? 0 : make_client(t->ws);
}

int tunnel_use_account(struct tunnel *t, const char *user, const char *password) {
    int r = need_client(t);
    return r < 0 ? r : wsc_set_password(t->ws->c, user, password);
}

static int submit(struct tunnel *t, enum wsc_job_kind job, uint32_t arg, const struct wsc_args *args,
                  enum wsc_priority prio, uint32_t deadline_ms) {
    int r = need_client(t);
    if (r == ERR_CLOSED)
        return r;
    if (!t->ws)
        return ERR_NOMEM;
    if (r == 0)
        r = wsc_submit_with(t->ws->c, job, arg, args, prio, deadline_ms, now_of(t->ws), NULL);
    t->wsman_free_at = mono_add_ms(now_of(t->ws), tunnel_lim(t)->wsman_idle_ms);
    tunnel_flush(t);
    t->soon = true; /* results, if any are there already, and limits that were tripped */
    tunnel_arm(t);
    return r < 0 ? r : 0;
}

int tunnel_submit(struct tunnel *t, enum wsc_job_kind job, uint32_t arg, enum wsc_priority prio,
                  uint32_t deadline_ms) {
    return submit(t, job, arg, NULL, prio, deadline_ms);
}

int tunnel_submit_with(struct tunnel *t, enum wsc_job_kind job, uint32_t arg, const struct wsc_args *args) {
    return submit(t, job, arg, args, WSC_URGENT, 0);
}

/* --- results --- */

static void give_result(struct tunnel *t, struct wsc_result *r) {
    struct shard *s = tunnel_shard(t);
    metric_add(&s->metrics, METRIC_WSMAN_JOBS, 1);
    if (r->err) {
        metric_add(&s->metrics, METRIC_WSMAN_FAILED, 1);
        if (r->err == ERR_TLS && t->ws->tls_why[0])
            snprintf(r->why, sizeof r->why, "%s", t->ws->tls_why);
    }
    if (provisioning_takes(r->kind)) {
        provisioning_result(t->fh, r);
        return;
    }
    struct host_ev ev = {.kind = HOST_EV_RESULT, .generation = t->generation, .result = r};
    fleet_host_input(t->fh, &ev);
}

void wsman_turn(struct tunnel *t) {
    if (t->state != TUNNEL_UP || !t->ws || t->pumping)
        return;
    t->pumping = true;
    struct wsc_result r;
    struct mono now = now_of(t->ws);
    if (t->ws->c && mono_due(wsc_deadline(t->ws->c), now))
        wsc_tick(t->ws->c, now);
    /* a result may lead to a new job, or to the end of this tunnel */
    while (t->state == TUNNEL_UP && t->ws && t->ws->c && wsc_next_result(t->ws->c, &r))
        give_result(t, &r);
    t->pumping = false;
    if (t->state == TUNNEL_UP && t->ws && t->ws->c && wsc_queue_length(t->ws->c) > 0)
        t->wsman_free_at = mono_add_ms(now, tunnel_lim(t)->wsman_idle_ms);
    else if (t->state == TUNNEL_UP && t->ws && mono_due(t->wsman_free_at, now))
        retire(t);
}

struct mono wsman_deadline(const struct tunnel *t) {
    if (!t->ws)
        return MONO_NEVER;
    return t->ws->c ? mono_min(wsc_deadline(t->ws->c), t->wsman_free_at) : t->wsman_free_at;
}
