/* SPDX-License-Identifier: Apache-2.0 */
#include "server/relay_int.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

static const char STOPPING[] = "the server restarts; sessions can be resumed when it is back";

struct mono relay_now(const struct relay *r) {
    return loop_now(r->shard->loop);
}

/* --- reports --- */

static void report_for(struct shard *s, const char *host, const char *session, enum session_report_kind what,
                       enum session_reason why, const char *text) {
    struct fleet_host *fh = fleet_host_find(s, host);
    struct session_report rep = {.what = what, .why = why, .id = session, .text = text};
    struct host_ev ev = {.kind = HOST_EV_SESSION_REPORT, .report = &rep};
    if (fh)
        fleet_host_input(fh, &ev);
}

void relay_report(struct relay *r, enum session_report_kind what, enum session_reason why, const char *text) {
    report_for(r->shard, r->host, r->session, what, why, text);
}

/* --- life --- */

static void on_timer(struct loop_timer *t) {
    struct relay *r = CONTAINER_OF(t, struct relay, timer);
    relay_device_tick(r);
    relay_viewer_tick(r);
    relay_arm(r);
}

void relay_arm(struct relay *r) {
    struct mono at = relay_viewer_deadline(r);
    if (r->redir && !r->device_gone)
        at = mono_min(at, redir_deadline(r->redir));
    /* a deadline that has passed already is looked at once a millisecond at most */
    struct mono soonest = mono_add_ms(relay_now(r), 1);
    loop_timer_set(r->shard->loop, &r->timer, mono_is_never(at) ? at : mono_max(at, soonest));
}

static void relay_free(struct relay *r) {
    list_remove(&r->shard->relays, &r->node);
    metric_add(&r->shard->metrics, METRIC_SESSIONS, -1);
    if (r->shard->loop)
        loop_timer_stop(r->shard->loop, &r->timer);
    ws_free(&r->ws);
    rfb_up_free(&r->up);
    redir_front_free(&r->front);
    redir_free(&r->redir);
    buf_free(&r->early);
    buf_free(&r->in);
    buf_free(&r->start_reply);
    buf_free(&r->scratch);
    free(r);
}

void relay_maybe_free(struct relay *r) {
    if (tunnel_chan_used(&r->chan) || r->ending)
        return;
    if (!r->released) {
        r->released = true;
        relay_report(r, SESSION_RELEASED, SESSION_WHY_NONE, NULL);
    }
    if (!r->stream)
        relay_free(r);
}

static struct relay *find(struct shard *s, const char *session) {
    LIST_EACH (n, &s->relays) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (!r->device_gone && strcmp(r->session, session) == 0)
            return r;
    }
    return NULL;
}

/* Is a channel of it still on its way down? Its end will be reported. */
static bool winds_down(const struct shard *s, const char *session) {
    LIST_EACH (n, &s->relays) {
        const struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (!r->released && strcmp(r->session, session) == 0)
            return true;
    }
    return false;
}

/* --- a viewer comes --- */

static struct relay *relay_new(struct shard *s, const struct relay_arrival *a, struct session *of) {
    struct relay *r = calloc(1, sizeof *r);
    uint8_t nonce[32];
    if (!r)
        return NULL;
    r->shard = s;
    r->kind = of->kind;
    r->s = of;
    r->old_client = a->old_client;
    r->view_only = of->view_only;
    r->timer.fn = on_timer;
    r->farewell_at = MONO_NEVER;
    r->ping_at = mono_add_ms(relay_now(r), RELAY_PING_MS);
    r->silent_at = mono_add_ms(relay_now(r), RELAY_SILENCE_MS);
    memcpy(r->host, a->host, sizeof r->host);
    memcpy(r->session, a->session, sizeof r->session);
    memcpy(r->user, a->user, sizeof r->user);
    list_push(&s->relays, &r->node);
    metric_add(&s->metrics, METRIC_SESSIONS, 1);
    loop_random(s->loop, nonce, sizeof nonce);
    static const struct rfb_up_limits lim = RFB_UP_LIMITS_DEFAULT;
    bool ok = (r->ws = ws_new(WS_SERVER, 4096, NULL)) != NULL;
    if (ok && r->old_client)
        ok = (r->front = redir_front_new(r->kind, nonce)) != NULL;
    if (ok && r->kind == REDIR_KVM)
        ok = (r->up = rfb_up_new(r->view_only, &lim)) != NULL;
    r->before_rfb = r->old_client ? RELAY_KVM_OPEN_BYTES : 0;
    if (!ok) {
        r->released = true;
        relay_free(r);
        return NULL;
    }
    return r;
}

static void hello(struct relay *r, const struct fleet_host *fh) {
    struct buf b = {0};
    struct json j = json_of(&b);
    json_obj(&j);
    json_kstr(&j, "type", "hello");
    json_kstr(&j, "session", r->session);
    json_kstr(&j, "kind", redir_kind_id(r->kind));
    json_kstr(&j, "host", fh->h.name[0] ? fh->h.name : fh->h.id);
    json_kbool(&j, "viewOnly", r->view_only);
    json_kstr(&j, "resumed", r->s->resumed);
    json_obj_end(&j);
    relay_tell(r, buf_slice(&b));
    buf_free(&b);
}

static void begin(struct relay *r, struct fleet_host *fh) {
    struct errinfo ei = {0};
    enum session_reason why;
    hello(r, fh);
    if (atomic_load(&r->shard->app->draining)) { /* it was on its way when the others were told */
        relay_report(r, SESSION_DEVICE_GONE, SESSION_WHY_SERVER_STOP, STOPPING);
        relay_maybe_free(r);
        return;
    }
    if (relay_open_device(r, fh, &ei, &why) < 0) {
        relay_report(r, SESSION_DEVICE_GONE, why, ei.text);
        relay_maybe_free(r);
        return;
    }
    relay_arm(r);
}

/* Nobody came, or there is no memory: the session hears of both sides at once. */
static void never_came(struct shard *s, const struct relay_arrival *a) {
    report_for(s, a->host, a->session, SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST,
               "the viewer left at once");
    report_for(s, a->host, a->session, SESSION_RELEASED, SESSION_WHY_NONE, NULL);
}

static void on_arrival(struct loop *l, struct loop_msg *m) {
    struct relay_arrival *a = CONTAINER_OF(m, struct relay_arrival, msg);
    struct shard *s = app_shard_of(a->app, a->host);
    struct fleet_host *fh = fleet_host_find(s, a->host);
    struct session *of = fh ? host_session_find(&fh->h, a->session) : NULL;
    struct relay *r = of && a->moving && of->state == SESSION_CONNECTING ? relay_new(s, a, of) : NULL;
    if (!r) {
        stream_moving_free(
            &a->moving); /* a session that ended meanwhile: the client asks for it and sees why */
        never_came(s, a);
    } else if (!(r->stream = stream_attach(l, &a->moving, &relay_viewer_handler, r))) {
        relay_report(r, SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST, "the viewer left at once");
        relay_maybe_free(r);
    } else {
        stream_bulk(r->stream);
        begin(r, fh);
    }
    free(a);
}

void relay_arrive(struct relay_arrival *a) {
    a->msg.fn = on_arrival;
    loop_post(app_shard_of(a->app, a->host)->loop, &a->msg);
}

/* --- the machine's word --- */

static void say_end(struct relay *r, enum session_reason why, const char *text, bool resumable) {
    struct buf b = {0};
    struct json j = json_of(&b);
    json_obj(&j);
    json_kstr(&j, "type", "end");
    json_kstr(&j, "reason", session_reason_row(why)->id);
    json_kstr(&j, "text", text);
    json_kbool(&j, "resumable", resumable);
    json_obj_end(&j);
    relay_tell(r, buf_slice(&b));
    buf_free(&b);
    relay_close_viewer(r, session_reason_row(why)->close_code, text);
}

void relay_end(struct fleet_host *fh, struct session *s) {
    struct relay *r = find(fh->shard, s->id);
    if (!r) {
        if (s->device_open && !winds_down(fh->shard, s->id)) /* its viewer is on the way: nothing is open */
            report_for(fh->shard, fh->h.id, s->id, SESSION_RELEASED, SESSION_WHY_NONE, NULL);
        return;
    }
    struct log_ctx ctx = {.host = r->host};
    log_line(LOG_INFO, "session", &ctx, "%s %s of %s: %s", redir_kind_id(r->kind), r->session, r->user,
             s->text);
    r->s = NULL;
    relay_close_device(r);
    bool resumable = s->state != SESSION_ENDED && session_reason_row(s->why)->resumable;
    say_end(r, s->why, s->text, resumable);
    relay_arm(r);
}

static void put_mute_remedy(struct json *j, const struct host *h) {
    char text[200] =
        "On the node enable a login on the AMT serial port: sudo systemctl enable --now "
        "serial-getty@ttySN.service, where ttySN is the PCI serial port of vendor 0x8086 (often ttyS4)";
    if (h->agent && h->agent->facts.tty[0])
        snprintf(text, sizeof text,
                 "Let the node's agent start a login on %s: orch-cli set host %.63s --serial-console enable",
                 h->agent->facts.tty, h->name);
    json_kstr(j, "remedy", text);
}

void relay_note(struct fleet_host *fh, const struct session *s, enum session_note note, uint32_t n,
                const char *text) {
    static const char *const types[] = {
        [SESSION_NOTE_IDLE] = "idle", [SESSION_NOTE_MUTE] = "mute", [SESSION_NOTE_QUEUED] = "queued"};
    struct relay *r = find(fh->shard, s->id);
    if (!r)
        return;
    if (note == SESSION_NOTE_NUDGE) {
        buf_clear(&r->scratch);
        if (r->up && r->opened && rfb_up_nudge(r->up, &r->scratch) == 0)
            (void)relay_to_device(r, buf_slice(&r->scratch)); /* a full queue is seen with the next input */
        relay_push_device(r);
        return;
    }
    struct buf b = {0};
    struct json j = json_of(&b);
    json_obj(&j);
    json_kstr(&j, "type", types[note]);
    if (note == SESSION_NOTE_IDLE)
        json_kint(&j, "inSeconds", n);
    else
        json_kstr(&j, "text", text);
    if (note == SESSION_NOTE_MUTE)
        put_mute_remedy(&j, &fh->h);
    json_obj_end(&j);
    relay_tell(r, buf_slice(&b));
    buf_free(&b);
}

void relay_host_gone(struct fleet_host *fh) {
    LIST_EACH (n, &fh->shard->relays) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (strcmp(r->host, fh->h.id) != 0)
            continue;
        r->s = NULL;
        relay_close_device(r);
        say_end(r, SESSION_WHY_HOST_DELETED, session_reason_row(SESSION_WHY_HOST_DELETED)->text, false);
        relay_arm(r);
    }
}

/* --- the end of the server --- */

void relays_drain(struct shard *s) {
    LIST_EACH (n, &s->relays) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (!r->device_gone)
            relay_report(r, SESSION_DEVICE_GONE, SESSION_WHY_SERVER_STOP, STOPPING);
    }
}

size_t relays_held(const struct shard *s) {
    return s->relays.count;
}

void relays_free(struct shard *s) {
    for (struct list_node *n; (n = list_first(&s->relays));) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        r->released = true;
        if (r->stream && s->loop) {
            stream_handle(r->stream, NULL, NULL);
            stream_abort(r->stream);
        }
        tunnel_chan_forget(&r->chan);
        relay_free(r);
    }
}
