/* SPDX-License-Identifier: Apache-2.0 */
/* Who a connection is: CIRA user and password; the way to the host's shard; becoming the host's link. */
#include "base/log.h"
#include "base/text.h"
#include "server/directory.h"
#include "server/gone.h"
#include "server/hub.h"
#include "server/provisioning.h"
#include "server/quarantine.h"
#include "server/tunnel_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_HTTP = 16992, PORT_HTTPS = 16993 };

void login_free(struct login **lp) {
    struct login *l = *lp;
    if (!l)
        return;
    if (l->moving)
        stream_moving_free(&l->moving);
    explicit_bzero(l, sizeof *l);
    free(l);
    *lp = NULL;
}

void tunnel_on_version(struct tunnel *t, const struct apf_ev *ev) {
    t->uuid = ev->uuid;
}

/* --- refusing --- */

static void publish_knock(struct tunnel *t, const char *host, const char *user, const char *reason) {
    char text[STORE_TEXT_CAP], uuid[UUID_TEXT_CAP];
    struct log_ctx ctx = {.host = host, .peer = stream_peer(t->stream)};
    snprintf(text, sizeof text, "Login as \"%s\" from %s refused: %s (UUID %s)", user, stream_peer(t->stream),
             reason, uuid_text(t->uuid, uuid));
    log_line(LOG_WARN, "tunnel", &ctx, "%s", text);
    hub_publish(tunnel_shard(t), host, "", "quarantine", text, SLICE_EMPTY);
}

/* The login is wrong: list it, tell the device, close. host: whose user it is, NULL when nobody's. */
static void refuse_login(struct tunnel *t, const char *host, struct slice user, const char *reason) {
    struct shard *s = tunnel_shard(t);
    struct quarantine_knock k = {.user = user,
                                 .uuid = t->uuid,
                                 .peer = stream_peer(t->stream),
                                 .peer_addr = stream_peer_addr(t->stream),
                                 .reason = reason,
                                 .at = loop_wall(s->loop)};
    loop_random(s->loop, &k.random, sizeof k.random);
    metric_add(&s->metrics, METRIC_LOGINS_REFUSED, 1);
    enum quarantine_answer a = quarantine_note(s->app->quarantine, &k);
    char clean[HOST_USER_CAP];
    text_clean(clean, sizeof clean, user);
    if (a == QUARANTINE_NEW)
        publish_knock(t, host, clean, reason);
    tunnel_set_state(t, TUNNEL_ENDED);
    if (a == QUARANTINE_DENIED_SILENTLY) {
        stream_close(t->stream);
        return;
    }
    apf_auth_reject(t->apf);
    tunnel_flush(t);
    stream_close(t->stream);
}

/* --- the password --- */

/* Opens the sealed password only for this comparison. */
static bool password_fits(const struct shard *s, const struct fleet_host *fh, const struct sealed *sealed,
                          const char *password) {
    char secret[SEALED_MAX], context[HOST_ID_CAP + 8];
    if (!sealed->n)
        return false;
    snprintf(context, sizeof context, "%s/cira", fh->h.id);
    bool fits = seal_open(s->app->seal, context, sealed, secret, sizeof secret) == 0 &&
                slice_eq_secret(slice_str(password), slice_str(secret));
    explicit_bzero(secret, sizeof secret);
    return fits;
}

/* It was ours once, and has no secret any more. */
static bool given_up(const struct fleet_host *fh) {
    return !fh->cira_secret.n && !fh->cira_next.n && fh->h.link.generation > 0;
}

/* On the host's shard. */
static void authenticate(struct tunnel *t) {
    struct shard *s = tunnel_shard(t);
    struct login *l = t->login;
    struct fleet_host *fh = fleet_host_find(s, l->host);
    if (!fh || s->app->draining) { /* just made, just being deleted, or we go */
        tunnel_refuse(t, APF_DISC_TEMPORARILY_UNAVAILABLE);
        return;
    }
    /* the user may have been changed while the tunnel was on its way */
    bool user = strcmp(l->user, fh->h.cira_user) == 0;
    /* a fresh secret on its way to the firmware counts beside the present one */
    t->by_next = user && password_fits(s, fh, &fh->cira_next, l->password);
    if (!t->by_next && !(user && password_fits(s, fh, &fh->cira_secret, l->password))) {
        bool orphan = user && given_up(fh);
        if (orphan) {
            fh->h.orphan_at = loop_wall(s->loop);
            snprintf(fh->h.orphan_peer, sizeof fh->h.orphan_peer, "%s", stream_peer(t->stream));
            loop_timer_set(s->loop, &fh->timer, loop_now(s->loop)); /* its findings are looked at again */
        }
        refuse_login(
            t, fh->h.id, slice_str(l->user),
            orphan ? "orphan: its host was deauthorized, and its secrets are void here; deactivate it at "
                     "the node with rpc deactivate, or activate it again"
                   : "wrong password");
        return;
    }
    login_free(&t->login);
    metric_add(&s->metrics, METRIC_LOGINS, 1);
    if (fh->joining) /* an older login that never came up */
        tunnel_close(fh->joining, LINK_WHY_REPLACED);
    fh->joining = t;
    t->fh = fh;
    apf_auth_accept(t->apf);
    t->step_at = loop_now(s->loop);
    tunnel_set_state(t, TUNNEL_FORWARDING);
}

static int keep_login(struct tunnel *t, const struct apf_ev *ev, const char *host) {
    struct login *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    snprintf(l->host, sizeof l->host, "%s", host);
    slice_to_str(ev->user_name, l->user, sizeof l->user);
    slice_to_str(ev->password, l->password, sizeof l->password);
    t->login = l;
    return 0;
}

static const char *nobodys(const struct tunnel *t, struct slice user, char out[STORE_TEXT_CAP]) {
    const struct shard *s = tunnel_shard(t);
    struct gone_host h;
    char at[WALL_TEXT_CAP];
    if (gone_find(s->app->gone, user, t->uuid, &h)) {
        snprintf(
            out, STORE_TEXT_CAP,
            "orphan: this was %.63s (%s) until %.40s deleted it at %.10s; deactivate it at the node with rpc "
            "deactivate, or adopt it",
            h.name, h.id, h.actor, wall_rfc3339(h.at, at));
        return out;
    }
    return directory_by_user(s->app->directory, user, NULL) < 0
               ? "no host has this CIRA user"
               : "no host with this CIRA user, which several share, has this UUID";
}

void tunnel_on_auth(struct tunnel *t, const struct apf_ev *ev) {
    struct shard *s = tunnel_shard(t);
    struct directory_entry e;
    char why[STORE_TEXT_CAP];
    if (quarantine_denied(s->app->quarantine, ev->user_name, t->uuid)) {
        refuse_login(t, NULL, ev->user_name, "denied by an operator");
        return;
    }
    if (directory_by_login(s->app->directory, ev->user_name, t->uuid, &e) < 0) {
        refuse_login(t, NULL, ev->user_name, nobodys(t, ev->user_name, why));
        return;
    }
    if (ev->method_none) { /* reference 1.3: 51, and the device may try again with one */
        apf_auth_again(t->apf);
        return;
    }
    /* the recorded one has no NUL: what follows one must not be passed over */
    if (ev->password.n && memchr(ev->password.p, 0, ev->password.n)) {
        refuse_login(t, e.id, ev->user_name, "wrong password");
        return;
    }
    if (keep_login(t, ev, e.id) < 0) {
        tunnel_refuse(t, APF_DISC_TEMPORARILY_UNAVAILABLE);
        return;
    }
    if (app_shard_of(s->app, e.id) == s)
        authenticate(t);
    else
        tunnel_set_state(
            t, TUNNEL_MOVING); /* in a turn of its own: the stream must not move under its on_data */
}

/* --- the way to the host's shard --- */

static void on_arrival(struct loop *l, struct loop_msg *m);

void tunnel_move(struct tunnel *t) {
    struct shard *s = tunnel_shard(t), *to = app_shard_of(s->app, t->login->host);
    snprintf(t->login->peer_addr, sizeof t->login->peer_addr, "%s", stream_peer_addr(t->stream));
    loop_timer_stop(s->loop, &t->timer);
    t->login->moving = stream_detach(t->stream);
    if (!t->login->moving) {
        tunnel_set_state(t, TUNNEL_ENDED); /* its on_end follows */
        return;
    }
    t->stream = NULL;
    tunnel_leave(t);
    t->turn.fn = on_arrival;
    t->turn_posted = true;
    t->to = to;
    loop_post(to->loop, &t->turn);
}

static void on_arrival(struct loop *l, struct loop_msg *m) {
    struct tunnel *t = CONTAINER_OF(m, struct tunnel, turn);
    t->turn_posted = false;
    t->turn.fn = tunnel_turn_fn;
    tunnel_join(t, t->to->tunnels);
    t->stream = stream_attach(l, &t->login->moving, &tunnel_stream_handler, t);
    if (!t->stream) {
        tunnel_release(t, t->login->peer_addr);
        tunnel_free(&t);
        return;
    }
    stream_pause(t->stream);
    tunnel_set_state(t, TUNNEL_LOGIN);
    authenticate(t);
    if (t->state == TUNNEL_ENDED)
        return;
    tunnel_flush(t);
    tunnel_arm(t);
    tunnel_post_turn(t); /* what came behind message 50, and then the stream goes on */
}

/* --- becoming the link --- */

/* Forwards come one at a time, each after our answer to the one before. A device far away, or one of
 * thousands that come at once, pauses for longer than the usual quiet time: believing it to be done would
 * miss the plain port, and pay for TLS inside TLS from then on. */
static void expect_forward(struct tunnel *t) {
    enum { PAUSES = 3, LONGEST_MS = 5000 };
    struct mono now = loop_now(tunnel_shard(t)->loop);
    int64_t pause = mono_is_never(t->step_at) ? 0 : mono_ms_between(t->step_at, now);
    if (pause > t->slowest_ms)
        t->slowest_ms = pause < LONGEST_MS ? (uint32_t)pause : LONGEST_MS;
    uint32_t quiet = t->slowest_ms * PAUSES < LONGEST_MS ? t->slowest_ms * PAUSES : LONGEST_MS;
    t->step_at = now;
    t->quiet_at = mono_add_ms(now, quiet > tunnel_lim(t)->quiet_ms ? quiet : tunnel_lim(t)->quiet_ms);
}

void tunnel_on_ready(struct tunnel *t, const struct apf_ev *ev) {
    (void)ev;
    expect_forward(t);
}

/* The newest authenticated login wins; what it replaces is closed, and its late end changes nothing. */
static void come_up(struct tunnel *t) {
    struct fleet_host *fh = t->fh;
    if (fh->tunnel)
        tunnel_close(fh->tunnel, LINK_WHY_REPLACED);
    fh->joining = NULL;
    fh->tunnel = t;
    tunnel_set_state(t, TUNNEL_UP);
    t->generation =
        fh->h.link.generation + 1; /* the machine counts it up; it may close us in this very call */
    fleet_host_saw_uuid(fh, t->uuid);
    bool by_next = t->by_next;
    struct host_ev ev = {.kind = HOST_EV_LINK_UP, .peer = stream_peer(t->stream), .uuid = t->uuid};
    fleet_host_input(fh, &ev);
    provisioning_link(fh, true, by_next);
}

void tunnel_on_forward(struct tunnel *t, const struct apf_ev *ev) {
    if (!mono_is_never(t->quiet_at))
        expect_forward(t);
    /* the plain port is all we need; the TLS one often comes before it, so that one waits for the quiet */
    if (t->state == TUNNEL_FORWARDING && ev->port == PORT_HTTP)
        come_up(t);
}

void tunnel_forwards_complete(struct tunnel *t) {
    t->quiet_at = MONO_NEVER;
    if (t->state == TUNNEL_FORWARDING)
        come_up(t);
    if (t->state != TUNNEL_UP)
        return;
    /* only now: the deployed servers' fixed port or count breaks on some sets (reference 1.7 Q4) */
    int r = apf_keepalive_options(t->apf, tunnel_lim(t)->keepalive_s, tunnel_lim(t)->keepalive_timeout_s);
    (void)r; /* a limit that it trips is seen at the end of the turn */
}
