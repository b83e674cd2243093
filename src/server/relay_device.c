/* SPDX-License-Identifier: Apache-2.0 */
/* The device's side of a relay: a channel to its redirection port and the login there. */
#include "server/relay_int.h"
#include "server/tunnel_impl.h"

#include <stdio.h>

static struct relay *of(struct tunnel_chan *ch) {
    return CONTAINER_OF(ch, struct relay, chan);
}

/* Said once; the machine ends or interrupts the session, and says so to both sides. */
static void gone(struct relay *r, enum session_reason why, const char *text) {
    if (!r->device_gone)
        relay_report(r, SESSION_DEVICE_GONE, why, text);
}

static enum session_reason reason_of(enum redir_fail f) {
    static const uint8_t reasons[REDIR_FAIL_COUNT] = {
        [REDIR_FAIL_BUSY] = SESSION_WHY_DEVICE_BUSY,
        [REDIR_FAIL_DISABLED] = SESSION_WHY_DEVICE_DISABLED,
        [REDIR_FAIL_TYPE] = SESSION_WHY_DEVICE_DISABLED,
        [REDIR_FAIL_AUTH] = SESSION_WHY_DEVICE_AUTH,
        [REDIR_FAIL_AUTH_METHOD] = SESSION_WHY_DEVICE_AUTH,
    };
    return reasons[f] ? (enum session_reason)reasons[f] : SESSION_WHY_DEVICE_ERROR;
}

/* --- out --- */

size_t relay_device_waiting(const struct relay *r) {
    return r->redir && !r->device_gone ? redir_output(r->redir).n : 0;
}

void relay_push_device(struct relay *r) {
    bool any = false;
    while (r->redir && tunnel_chan_used(&r->chan)) {
        struct slice out = slice_head(redir_output(r->redir), tunnel_chan_room(&r->chan));
        if (!out.n || tunnel_chan_send(&r->chan, out) < 0)
            break;
        redir_sent(r->redir, out.n);
        any = true;
    }
    if (any)
        tunnel_chan_flush(&r->chan);
}

int relay_to_device(struct relay *r, struct slice data) {
    return r->redir && r->opened ? redir_send(r->redir, data, relay_now(r)) : ERR_STATE;
}

/* --- in --- */

static void tell_simple(struct relay *r, const char *json) {
    relay_tell(r, slice_str(json));
}

/* Only what is news: the firmware's word is shorter than ours. */
static void tell_power(struct relay *r, bool on) {
    enum relay_power power = on ? RELAY_POWER_ON : RELAY_POWER_OFF;
    if (r->power == power)
        return;
    r->power = power;
    tell_simple(r, on ? "{\"type\":\"power\",\"on\":true}" : "{\"type\":\"power\",\"on\":false}");
}

static void on_open(struct relay *r) {
    r->opened = true;
    relay_report(r, SESSION_OPENED, SESSION_WHY_NONE, NULL);
    tell_simple(r, "{\"type\":\"open\"}");
    tunnel_chan_widen(&r->chan, RELAY_WINDOW_BYTES);
    relay_viewer_go_on(r);
    relay_resume_viewer(r);
}

static void on_payload(struct relay *r, struct slice data) {
    if (!r->heard) {
        r->heard = true;
        relay_report(r, SESSION_HEARD, SESSION_WHY_NONE, NULL);
    }
    relay_to_viewer(r, data);
}

static void on_event(struct relay *r, const struct redir_ev *ev) {
    switch (ev->kind) {
    case REDIR_EV_STARTED:
        if (r->front)
            (void)buf_put(&r->start_reply, ev->data); /* failed: the front refuses the empty reply */
        break;
    case REDIR_EV_OPEN:
        on_open(r);
        break;
    case REDIR_EV_DATA:
        on_payload(r, ev->data);
        break;
    case REDIR_EV_POWER:
        tell_power(r, ev->host_on);
        break;
    case REDIR_EV_ENDED:
        gone(r, SESSION_WHY_DEVICE_CLOSED, "");
        break;
    }
}

static void failed(struct relay *r) {
    enum session_reason why = reason_of(redir_failure(r->redir));
    if (r->front && why == SESSION_WHY_DEVICE_BUSY) { /* as the firmware said it */
        int err = redir_front_failed(r->front, 2);
        (void)err; /* the close says it, too */
        relay_flush_front(r);
    }
    gone(r, why, redir_error(r->redir));
}

static void on_ready(struct tunnel_chan *ch) {
    struct relay *r = of(ch);
    static const struct redir_limits base = REDIR_LIMITS_DEFAULT;
    struct redir_limits lim = base;
    char secret[SEALED_MAX] = "";
    struct redir_config cfg = {.kind = r->kind,
                               .bare = r->old_client || r->kind == REDIR_IDER,
                               .user = ch->t->fh->h.amt_user,
                               .password = secret};
    lim.queue_bytes = RELAY_DEVICE_MAX_BYTES;
    if (tunnel_amt_secret(ch->t, secret) < 0) {
        gone(r, SESSION_WHY_DEVICE_ERROR, "the node's AMT password cannot be opened with the server's key");
        return;
    }
    loop_random(r->shard->loop, cfg.random, sizeof cfg.random);
    r->redir = redir_new(&cfg, &lim, relay_now(r));
    explicit_bzero(secret, sizeof secret);
    if (!r->redir) {
        gone(r, SESSION_WHY_DEVICE_ERROR, "the server is out of memory");
        return;
    }
    relay_push_device(r);
    relay_arm(r);
}

static void on_data(struct tunnel_chan *ch, struct slice in) {
    struct relay *r = of(ch);
    struct redir_ev ev;
    int got = 0;
    while (r->redir && !r->device_gone && (got = redir_input(r->redir, &in, relay_now(r), &ev)) > 0)
        on_event(r, &ev);
    if (got < 0 && !r->device_gone)
        failed(r);
    if (!r->device_gone)
        relay_push_device(r);
    relay_arm(r);
}

static void on_writable(struct tunnel_chan *ch) {
    struct relay *r = of(ch);
    relay_push_device(r);
    relay_resume_viewer(r);
}

static void on_ended(struct tunnel_chan *ch, int err, const char *why) {
    struct relay *r = of(ch);
    char text[SESSION_TEXT_CAP];
    if (r->opened)
        gone(r, SESSION_WHY_DEVICE_CLOSED, "");
    else if (err == ERR_CLOSED && r->redir)
        gone(r, SESSION_WHY_DEVICE_ERROR, "the firmware closed the connection during the login");
    else if (err == ERR_UNREACHABLE)
        gone(r, SESSION_WHY_DEVICE_DISABLED,
             "the firmware refuses connections to its redirection port: redirection is switched off there");
    else {
        snprintf(text, sizeof text, "the redirection port could not be opened: %.120s",
                 why[0] ? why : err_text(err));
        gone(r, SESSION_WHY_DEVICE_ERROR, text);
    }
}

static void on_gone(struct tunnel_chan *ch) {
    relay_maybe_free(of(ch));
}

static const struct tunnel_chan_ops OPS = {.ready = on_ready,
                                           .data = on_data,
                                           .writable = on_writable,
                                           .ended = on_ended,
                                           .gone = on_gone,
                                           .cut = on_gone};

int relay_open_device(struct relay *r, struct fleet_host *fh, struct errinfo *ei, enum session_reason *why) {
    int err = fh->tunnel ? tunnel_chan_open(&r->chan, fh->tunnel, REDIR_PORT_PLAIN, REDIR_PORT_TLS, &OPS)
                         : ERR_CLOSED;
    *why = SESSION_WHY_DEVICE_ERROR;
    if (err == 0) {
        tunnel_chan_flush(&r->chan);
        return 0;
    }
    if (err == ERR_UNREACHABLE) {
        *why = SESSION_WHY_DEVICE_DISABLED;
        return err_set(ei, err, "",
                       "redirection is switched off in the firmware: it offers neither port 16994 nor 16995");
    }
    if (err == ERR_CLOSED)
        *why = SESSION_WHY_LINK_LOST;
    if (err == ERR_LIMIT)
        return err_set(ei, err, "", "all channels of the node's tunnel are in use; try again in a moment");
    return err_set(ei, err, "", "the redirection port could not be opened: %s", err_text(err));
}

void relay_close_device(struct relay *r) {
    if (r->device_gone)
        return;
    r->device_gone = true;
    if (r->redir && tunnel_chan_used(&r->chan)) {
        redir_end(r->redir);
        relay_push_device(r);
    }
    tunnel_chan_close(&r->chan);
    tunnel_chan_flush(&r->chan);
}

void relay_device_tick(struct relay *r) {
    if (!r->redir || r->device_gone)
        return;
    if (redir_tick(r->redir, relay_now(r)) < 0)
        failed(r);
    else
        relay_push_device(r);
}
