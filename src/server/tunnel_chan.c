/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tunnel_chan.h"

#include "base/log.h"
#include "net/tls.h"
#include "server/persist.h"
#include "server/tunnel_impl.h"

#include <string.h>

static struct mono now_of(const struct tunnel *t) {
    return loop_now(tunnel_shard(t)->loop);
}

/* Ciphertext to the channel. */
static int push_cipher(struct tunnel_chan *ch) {
    struct buf *out = tls_output(ch->tls);
    while (out->len > 0) {
        struct slice piece = slice_head(buf_slice(out), apf_room(ch->t->apf, ch->number));
        if (piece.n == 0)
            return 0; /* APF_EV_WRITABLE goes on */
        int r = apf_send(ch->t->apf, ch->number, piece);
        if (r < 0)
            return r;
        buf_consume(out, piece.n);
    }
    return 0;
}

int tunnel_chan_open(struct tunnel_chan *ch, struct tunnel *t, uint32_t plain_port, uint32_t tls_port,
                     const struct tunnel_chan_ops *ops) {
    struct tls_ctx *tls = tunnel_shard(t)->amt_tls;
    enum tunnel_port_policy policy = tunnel_lim(t)->port_policy;
    if (t->state != TUNNEL_UP)
        return ERR_CLOSED;
    bool plain = policy != TUNNEL_PORT_TLS && apf_forwards(t->apf, plain_port);
    bool secure = policy != TUNNEL_PORT_PLAIN && tls && apf_forwards(t->apf, tls_port);
    if (!plain && !secure)
        return ERR_UNREACHABLE;
    *ch = (struct tunnel_chan){.ops = ops};
    if (!plain && !(ch->tls = tls_new(tls, false, NULL)))
        return ERR_NOMEM;
    int r = apf_open(t->apf, plain ? plain_port : tls_port, now_of(t), ch);
    if (r < 0) {
        tls_free(&ch->tls);
        return r == ERR_LIMIT || r == ERR_NOMEM ? r : ERR_UNREACHABLE;
    }
    ch->number = (uint32_t)r;
    ch->t = t;
    ch->told = true;
    list_push(&t->chans, &ch->node);
    return 0;
}

int tunnel_chan_send(struct tunnel_chan *ch, struct slice data) {
    if (!ch->t || !ch->told)
        return ERR_CLOSED;
    if (!ch->tls)
        return apf_send(ch->t->apf, ch->number, data);
    if (data.n > tunnel_chan_room(ch))
        return ERR_FULL;
    int r = tls_write(ch->tls, data);
    return r < 0 ? r : push_cipher(ch);
}

size_t tunnel_chan_room(const struct tunnel_chan *ch) {
    enum { RECORDS_BYTES = 1024 }; /* what TLS adds to a few records */
    if (!ch->t || !ch->told)
        return 0;
    size_t room = apf_room(ch->t->apf, ch->number);
    if (!ch->tls)
        return room;
    size_t waits = tls_output(ch->tls)->len + RECORDS_BYTES;
    return room > waits ? room - waits : 0;
}

void tunnel_chan_flush(struct tunnel_chan *ch) {
    if (!ch->t)
        return;
    tunnel_flush(ch->t);
    ch->t->soon = true; /* limits that were tripped */
    tunnel_arm(ch->t);
}

void tunnel_chan_hold(struct tunnel_chan *ch, bool hold) {
    if (ch->held == hold)
        return;
    ch->held = hold;
    if (hold || !ch->t)
        return;
    apf_consumed(ch->t->apf, ch->number, ch->owed);
    ch->owed = 0;
    tunnel_chan_flush(ch);
}

void tunnel_chan_widen(struct tunnel_chan *ch, uint32_t window_bytes) {
    if (!ch->t || !ch->told)
        return;
    apf_widen(ch->t->apf, ch->number, window_bytes);
    tunnel_chan_flush(ch);
}

void tunnel_chan_close(struct tunnel_chan *ch) {
    if (!ch->t || !ch->told)
        return;
    ch->told = false;
    tunnel_chan_hold(ch, false);
    if (ch->tls) {
        tls_close(ch->tls);
        int r = push_cipher(ch);
        (void)r; /* a farewell only */
    }
    apf_close(ch->t->apf, ch->number);
}

/* --- events --- */

void tunnel_chan_forget(struct tunnel_chan *ch) {
    if (!ch->t)
        return;
    tls_free(&ch->tls);
    list_remove(&ch->t->chans, &ch->node);
    ch->t = NULL;
}

static void end(struct tunnel_chan *ch, int err, const char *why) {
    bool told = ch->told;
    ch->told = false;
    if (told)
        ch->ops->ended(ch, err, why);
}

/* The TLS session failed: the owner hears of it, the channel winds down. */
static void tls_failed(struct tunnel_chan *ch, const char *why) {
    struct log_ctx ctx = {.host = ch->t->fh ? ch->t->fh->h.id : NULL};
    char text[160];
    slice_to_str(slice_head(slice_str(why), sizeof text - 1), text, sizeof text);
    log_line(LOG_WARN, "tunnel", &ctx, "TLS to the device: %s", text);
    int r = push_cipher(ch); /* the alert */
    (void)r;
    apf_close(ch->t->apf, ch->number);
    end(ch, ERR_TLS, text);
}

/* Trust on first use: the first certificate seen is the device's; another one later is somebody else's until
 * an operator says so. */
static const char *pin_refusal(struct fleet_host *fh, const struct tls *tls) {
    uint8_t seen[32];
    struct tls_identity id;
    if (!tls_peer_fingerprint(tls, seen))
        return "the device showed no certificate";
    (void)!tls_peer_identity(tls, &id); /* its chain is nobody's: the pin is what counts */
    fh->h.leaf_until = id.until;
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

static void set_ready(struct tunnel_chan *ch) {
    ch->ready = true;
    if (ch->told)
        ch->ops->ready(ch);
}

static void plain_arrived(struct tunnel_chan *ch, struct slice data) {
    if (ch->told && data.n > 0)
        ch->ops->data(ch, data);
}

static void cipher_arrived(struct tunnel_chan *ch, struct slice data) {
    struct buf plain = {0};
    int r = tls_input(ch->tls, data, &plain);
    if (r == ERR_TLS) {
        tls_failed(ch, tls_error(ch->tls));
    } else if (tls_ready(ch->tls)) {
        const char *refusal = ch->ready ? NULL : pin_refusal(ch->t->fh, ch->tls);
        if (refusal)
            tls_failed(ch, refusal);
        else if (!ch->ready)
            set_ready(ch);
        if (!refusal)
            plain_arrived(ch, buf_slice(&plain));
    }
    buf_free(&plain);
    if (ch->t && ch->tls && push_cipher(ch) < 0)
        tls_failed(ch, "the channel takes no more");
}

static struct tunnel_chan *live(const struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = ev->user;
    return t->state == TUNNEL_UP && ch && ch->t == t ? ch : NULL;
}

void tunnel_chan_on_opened(struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = live(t, ev);
    if (!ch)
        return;
    if (!ch->tls)
        set_ready(ch);
    else if (tls_start(ch->tls) < 0 || push_cipher(ch) < 0)
        tls_failed(ch, "the TLS handshake could not begin");
    wsman_turn(t);
}

static void ended_and_gone(struct tunnel *t, struct tunnel_chan *ch, int err) {
    const struct tunnel_chan_ops *ops = ch->ops;
    tunnel_chan_forget(ch); /* apf has */
    end(ch, err, "");
    ops->gone(ch);
    wsman_turn(t);
}

void tunnel_chan_on_open_failed(struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = live(t, ev);
    if (ch)
        ended_and_gone(t, ch, ev->reason == 0 ? ERR_TIMEOUT : ERR_UNREACHABLE);
}

void tunnel_chan_on_closed(struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = live(t, ev);
    if (ch)
        ended_and_gone(t, ch, ERR_CLOSED);
}

void tunnel_chan_on_data(struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = live(t, ev);
    if (!ch)
        return;
    if (!ch->told)
        ; /* late data of a channel that we closed */
    else if (ch->tls)
        cipher_arrived(ch, ev->data);
    else
        plain_arrived(ch, ev->data);
    if (ch->t != t) /* the tunnel ended under it */
        return;
    if (ch->held)
        ch->owed += (uint32_t)ev->data.n;
    else
        apf_consumed(t->apf, ev->chan, ev->data.n);
    wsman_turn(t);
}

void tunnel_chan_on_writable(struct tunnel *t, const struct apf_ev *ev) {
    struct tunnel_chan *ch = live(t, ev);
    if (!ch)
        return;
    if (ch->tls && push_cipher(ch) < 0)
        tls_failed(ch, "the channel takes no more");
    else if (ch->told && ch->ops->writable)
        ch->ops->writable(ch);
}

void tunnel_chans_cut(struct tunnel *t) {
    for (struct list_node *n; (n = list_pop(&t->chans));) {
        struct tunnel_chan *ch = CONTAINER_OF(n, struct tunnel_chan, node);
        tls_free(&ch->tls);
        ch->t = NULL;
        ch->told = false;
        if (ch->ops->cut)
            ch->ops->cut(ch);
    }
}
