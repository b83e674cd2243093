/* SPDX-License-Identifier: Apache-2.0 */
/* WS-MAN over APF channels: to port 16992, or through TLS to 16993 when only that is forwarded. The client is
 * made with the first job and freed when there was none for a while; the AMT password lives as long as it. */
#include "base/log.h"
#include "net/tls.h"
#include "server/persist.h"
#include "server/tunnel_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_HTTP = 16992, PORT_HTTPS = 16993, CHANNELS_MAX = 8 };

/* A channel; its address is what apf hands back, so it stays until apf says that the channel is gone. */
struct channel {
    struct wsman *w;
    struct tls *tls; /* NULL: plain */
    uint32_t apf_chan;
    bool used;  /* apf knows it */
    bool known; /* the client knows it, by its index + 1 */
    bool ready; /* the client was told that it is open */
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

/* --- the way to the device, called by the client --- */

/* Ciphertext to the channel. */
static int push_cipher(struct channel *ch) {
    struct buf *out = tls_output(ch->tls);
    while (out->len > 0) {
        size_t room = apf_room(ch->w->t->apf, ch->apf_chan);
        struct slice piece = slice_head(buf_slice(out), room);
        if (piece.n == 0)
            return 0; /* APF_EV_WRITABLE goes on */
        int r = apf_send(ch->w->t->apf, ch->apf_chan, piece);
        if (r < 0)
            return r;
        buf_consume(out, piece.n);
    }
    return 0;
}

static int open_channel(struct wsman *w, struct channel *ch) {
    struct tunnel *t = w->t;
    struct tls_ctx *tls = tunnel_shard(t)->amt_tls;
    enum tunnel_port_policy policy = tunnel_lim(t)->port_policy;
    bool plain = policy != TUNNEL_PORT_TLS && apf_forwards(t->apf, PORT_HTTP);
    bool secure = policy != TUNNEL_PORT_PLAIN && tls && apf_forwards(t->apf, PORT_HTTPS);
    if (!plain && !secure)
        return ERR_UNREACHABLE;
    *ch = (struct channel){.w = w};
    if (!plain && !(ch->tls = tls_new(tls, false, NULL)))
        return ERR_NOMEM;
    int r = apf_open(t->apf, plain ? PORT_HTTP : PORT_HTTPS, now_of(w), ch);
    if (r < 0) {
        tls_free(&ch->tls);
        return r == ERR_LIMIT || r == ERR_NOMEM ? r : ERR_UNREACHABLE;
    }
    ch->apf_chan = (uint32_t)r;
    ch->used = ch->known = true;
    return handle_of(ch);
}

static int io_open(void *ctx) {
    struct wsman *w = ctx;
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        if (!w->channels[i].used)
            return open_channel(w, &w->channels[i]);
    return ERR_LIMIT;
}

static struct channel *channel_of(struct wsman *w, int handle) {
    assert(handle >= 1 && handle <= CHANNELS_MAX);
    return &w->channels[handle - 1];
}

static int io_send(void *ctx, int handle, struct slice data) {
    struct wsman *w = ctx;
    struct channel *ch = channel_of(w, handle);
    if (!ch->tls)
        return apf_send(w->t->apf, ch->apf_chan, data);
    int r = tls_write(ch->tls, data);
    return r < 0 ? r : push_cipher(ch);
}

static void io_close(void *ctx, int handle) {
    struct wsman *w = ctx;
    struct channel *ch = channel_of(w, handle);
    ch->known = false;
    if (ch->tls) {
        tls_close(ch->tls);
        int r = push_cipher(ch);
        (void)r; /* a farewell only */
    }
    apf_close(w->t->apf, ch->apf_chan);
}

static void io_random(void *ctx, uint8_t *out, size_t n) {
    struct wsman *w = ctx;
    loop_random(tunnel_shard(w->t)->loop, out, n);
}

/* --- life --- */

static int make_client(struct wsman *w) {
    struct fleet_host *fh = w->t->fh;
    const struct app *a = tunnel_shard(w->t)->app;
    char secret[SEALED_MAX] = "", context[HOST_ID_CAP + 8];
    snprintf(context, sizeof context, "%s/amt", fh->h.id);
    if (fh->amt_secret.n && seal_open(a->seal, context, &fh->amt_secret, secret, sizeof secret) < 0)
        return ERR_CRYPTO;
    const struct wsc_io io = {w, io_open, io_send, io_close, io_random};
    w->c = wsc_new(&a->wsc_limits, &io, fh->h.amt_user, secret);
    explicit_bzero(secret, sizeof secret);
    if (w->c)
        wsc_set_pool(w->c, tunnel_shard(w->t)->wsc_pool);
    return w->c ? 0 : ERR_NOMEM;
}

static bool any_channel(const struct wsman *w) {
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        if (w->channels[i].used)
            return true;
    return false;
}

void wsman_free(struct wsman **wp) {
    struct wsman *w = *wp;
    if (!w)
        return;
    wsc_free(&w->c);
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        tls_free(&w->channels[i].tls);
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
        if (w->channels[i].used)
            io_close(w, handle_of(&w->channels[i]));
    if (!any_channel(w))
        wsman_free(&t->ws);
}

void tunnel_forget_amt_secret(struct tunnel *t) {
    struct wsman *w = t->ws;
    if (!w || !w->c)
        return;
    char secret[SEALED_MAX] = "", context[HOST_ID_CAP + 8];
    snprintf(context, sizeof context, "%s/amt", t->fh->h.id);
    int r = seal_open(tunnel_shard(t)->app->seal, context, &t->fh->amt_secret, secret, sizeof secret);
    if (r == 0)
        r = wsc_set_password(w->c, t->fh->h.amt_user, secret);
    explicit_bzero(secret, sizeof secret);
    if (r < 0) /* jobs go on with the old one and fail by ERR_AUTH; the next client takes the new one */
        t->wsman_free_at = loop_now(tunnel_shard(t)->loop);
}

int tunnel_submit(struct tunnel *t, enum wsc_job_kind job, uint32_t arg, enum wsc_priority prio,
                  uint32_t deadline_ms) {
    if (t->state != TUNNEL_UP)
        return ERR_CLOSED;
    if (!t->ws) {
        if (!(t->ws = calloc(1, sizeof *t->ws)))
            return ERR_NOMEM;
        t->ws->t = t;
    }
    int r = t->ws->c ? 0 : make_client(t->ws);
    if (r == 0)
        r = wsc_submit(t->ws->c, job, arg, prio, deadline_ms, now_of(t->ws), NULL);
    t->wsman_free_at = mono_add_ms(now_of(t->ws), tunnel_lim(t)->wsman_idle_ms);
    tunnel_flush(t);
    t->soon = true; /* results, if any are there already, and limits that were tripped */
    tunnel_arm(t);
    return r < 0 ? r : 0;
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

/* --- channel events --- */

/* apf has forgotten it. */
static void channel_gone(struct channel *ch, int err) {
    struct wsman *w = ch->w;
    bool known = ch->known;
    tls_free(&ch->tls);
    *ch = (struct channel){.w = w};
    if (known && w->c)
        wsc_closed(w->c, handle_of(ch), err, now_of(w));
    if (!w->c && !any_channel(w))
        wsman_free(&w->t->ws);
}

/* The TLS session failed: the client hears of it, the channel winds down. */
static void channel_tls_failed(struct channel *ch, const char *why) {
    struct wsman *w = ch->w;
    struct log_ctx ctx = {.host = w->t->fh ? w->t->fh->h.id : NULL};
    snprintf(w->tls_why, sizeof w->tls_why, "%s", why);
    log_line(LOG_WARN, "tunnel", &ctx, "TLS to the device: %s", why);
    bool known = ch->known;
    int r = push_cipher(ch); /* the alert */
    (void)r;
    ch->known = false;
    apf_close(w->t->apf, ch->apf_chan);
    if (known && w->c)
        wsc_closed(w->c, handle_of(ch), ERR_TLS, now_of(w));
}

/* Trust on first use: the first certificate seen is the device's; another one later is somebody else's until
 * an operator says so. */
static const char *pin_refusal(struct fleet_host *fh, const struct tls *tls) {
    uint8_t seen[32];
    if (!tls_peer_fingerprint(tls, seen))
        return "the device showed no certificate";
    if (fh->has_pin)
        return memcmp(fh->pin, seen, sizeof seen) == 0 ? NULL
                                                       : "the certificate of the device is not the one seen "
                                                         "first: it was replaced, or somebody is in "
                                                         "between";
    fh->has_pin = true;
    memcpy(fh->pin, seen, sizeof fh->pin);
    persist_pin(fh);
    return NULL;
}

static void channel_ready(struct channel *ch) {
    ch->ready = true;
    if (ch->known)
        wsc_opened(ch->w->c, handle_of(ch), now_of(ch->w));
}

static void plain_arrived(struct channel *ch, struct slice data) {
    if (ch->known && data.n > 0)
        wsc_data(ch->w->c, handle_of(ch), data, now_of(ch->w));
}

static void cipher_arrived(struct channel *ch, struct slice data) {
    struct buf plain = {0};
    int r = tls_input(ch->tls, data, &plain);
    if (r == ERR_TLS) {
        channel_tls_failed(ch, tls_error(ch->tls));
    } else if (tls_ready(ch->tls)) {
        const char *refusal = ch->ready ? NULL : pin_refusal(ch->w->t->fh, ch->tls);
        if (refusal)
            channel_tls_failed(ch, refusal);
        else if (!ch->ready)
            channel_ready(ch);
        if (!refusal)
            plain_arrived(ch, buf_slice(&plain));
    }
    buf_free(&plain);
    if (ch->used && ch->tls && push_cipher(ch) < 0)
        channel_tls_failed(ch, "the channel takes no more");
}

static bool is_live(const struct tunnel *t, const struct channel *ch) {
    return t->state == TUNNEL_UP && ch && ch->used;
}

void wsman_on_opened(struct tunnel *t, const struct apf_ev *ev) {
    struct channel *ch = ev->user;
    if (!is_live(t, ch))
        return;
    if (!ch->tls)
        channel_ready(ch);
    else if (tls_start(ch->tls) < 0 || push_cipher(ch) < 0)
        channel_tls_failed(ch, "the TLS handshake could not begin");
    wsman_turn(t);
}

void wsman_on_open_failed(struct tunnel *t, const struct apf_ev *ev) {
    struct channel *ch = ev->user;
    if (!is_live(t, ch))
        return;
    channel_gone(ch, ev->reason == 0 ? ERR_TIMEOUT : ERR_UNREACHABLE);
    wsman_turn(t);
}

void wsman_on_data(struct tunnel *t, const struct apf_ev *ev) {
    struct channel *ch = ev->user;
    if (!is_live(t, ch))
        return;
    if (!ch->known)
        ; /* late data of a channel that we closed */
    else if (ch->tls)
        cipher_arrived(ch, ev->data);
    else
        plain_arrived(ch, ev->data);
    apf_consumed(t->apf, ev->chan, ev->data.n);
    wsman_turn(t);
}

void wsman_on_writable(struct tunnel *t, const struct apf_ev *ev) {
    struct channel *ch = ev->user;
    if (is_live(t, ch) && ch->tls && push_cipher(ch) < 0)
        channel_tls_failed(ch, "the channel takes no more");
}

void wsman_on_closed(struct tunnel *t, const struct apf_ev *ev) {
    struct channel *ch = ev->user;
    if (!is_live(t, ch))
        return;
    channel_gone(ch, ERR_CLOSED);
    wsman_turn(t);
}
