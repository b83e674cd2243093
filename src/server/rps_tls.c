/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the server with the firmware through the client: firmware that speaks nothing else on its local
 * ports. Each session begins with port_switch, which makes the client dial the TLS port anew. The ODCA chain
 * of the firmware's certificate is not checked (docs/activation.md); the certificate that was seen first
 * through a tunnel is, once the firmware is set up. Reference protocol-redir-activation 5.4, 5.5 */
#include "server/rps_int.h"

#include "base/log.h"

#include <string.h>

/* Records for the client, as many messages as they need. */
static void push(struct rps_conn *c) {
    struct buf *out = c->session ? tls_output(c->session) : NULL;
    while (out && out->len > 0) {
        struct buf message = {0};
        struct slice piece = slice_head(buf_slice(out), RPS_PAYLOAD_MAX);
        rps_put_server(&message, RPS_S_TLS_DATA, piece);
        rps_send(c, &message);
        buf_consume(out, piece.n);
    }
}

void rps_tls_drop(struct rps_conn *c) {
    tls_free(&c->session);
    http1_free(&c->answer);
    c->tls_state = RPS_TLS_NONE;
    c->last = false;
}

static void failed(struct rps_conn *c, const char *why) {
    struct log_ctx ctx = {.host = c->host, .peer = c->peer};
    log_line(LOG_WARN, "activate", &ctx, "TLS with the firmware: %.160s", why);
    push(c); /* the alert */
    rps_tls_drop(c);
    rps_chan_ended(c, ERR_TLS);
}

int rps_tls_open(struct rps_conn *c) {
    if (c->tls_state == RPS_TLS_READY) {
        c->open_due = true;
        return 0;
    }
    if (c->tls_state != RPS_TLS_NONE)
        return 0; /* on its way */
    struct buf message = {0};
    rps_put_port_switch(&message, RPS_PORT_TLS, 0);
    rps_send(c, &message);
    c->tls_state = RPS_TLS_SWITCHING;
    c->answer_at = mono_add_ms(rps_now(c), c->shard->app->rps_limits.silence_ms);
    return 0;
}

int rps_tls_ack(struct rps_conn *c, struct errinfo *ei) {
    if (c->tls_state != RPS_TLS_SWITCHING)
        return err_set(ei, ERR_PROTO, "method", "a port_switch_ack came that nobody asked for");
    c->tls_state = RPS_TLS_SHAKING;
    c->session = tls_new(c->shard->amt_tls, false, NULL);
    if (!c->session || tls_start(c->session) < 0) {
        failed(c, "the handshake could not begin");
        return 0;
    }
    c->answer_at = mono_add_ms(rps_now(c), c->shard->app->rps_limits.silence_ms);
    push(c);
    return 0;
}

/* Firmware that is set up shows the certificate of its tunnels; before that it has another one. */
static const char *refusal(const struct rps_conn *c) {
    const struct fleet_host *fh = c->way.fh ? c->way.fh : fleet_host_find(c->shard, c->host);
    uint8_t seen[32];
    if (!tls_peer_fingerprint(c->session, seen))
        return "it showed no certificate";
    if (c->first.info.current_mode && fh && fh->has_pin && memcmp(fh->pin, seen, sizeof seen) != 0)
        return "its certificate is not the one seen first";
    return NULL;
}

/* Does the answer end in these bytes? Then the next request may be sent. */
static void watch_end(struct rps_conn *c, struct slice data) {
    static const struct http1_limits lim = HTTP1_LIMITS_AMT;
    struct http1_ev ev;
    if (!c->answer)
        c->answer = http1_new(HTTP1_RESPONSES, &lim);
    while (c->answer && http1_input(c->answer, &data, &ev) > 0)
        if (ev.kind == HTTP1_END && c->exchange == RPS_EXCHANGE_ASKED) {
            c->exchange = RPS_EXCHANGE_NONE;
            c->answer_at = MONO_NEVER;
            c->last = !http1_keep_alive(c->answer);
        }
}

static void shaken(struct rps_conn *c) {
    c->tls_state = RPS_TLS_READY;
    c->answer_at = MONO_NEVER;
    c->open_due = c->chan != 0;
}

int rps_tls_take(struct rps_conn *c, struct slice cipher, struct errinfo *ei) {
    struct buf plain = {0};
    if (!c->tls)
        return err_set(ei, ERR_PROTO, "method",
                       "tls_data came, where the firmware is spoken to in the clear");
    if (!c->session)
        return 0; /* late, of a session that ended */
    int err = tls_input(c->session, cipher, &plain);
    const char *why = err == ERR_TLS ? tls_error(c->session) : NULL;
    if (!why && c->tls_state == RPS_TLS_SHAKING && tls_ready(c->session) && !(why = refusal(c)))
        shaken(c);
    if (why) {
        failed(c, why);
    } else {
        push(c);
        if (plain.len) {
            watch_end(c, buf_slice(&plain));
            rps_answer(c, buf_slice(&plain));
        }
        if (err == ERR_CLOSED && c->session) { /* else it was given up with its last answer */
            rps_tls_drop(c);
            rps_chan_ended(c, ERR_CLOSED);
        }
    }
    buf_wipe(&plain);
    rps_turn(c);
    return 0;
}

int rps_tls_send(struct rps_conn *c, struct slice plain) {
    if (c->tls_state != RPS_TLS_READY)
        return ERR_CLOSED;
    int err = tls_write(c->session, plain);
    if (err == 0)
        push(c);
    return err;
}
