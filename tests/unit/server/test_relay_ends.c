/* SPDX-License-Identifier: Apache-2.0 */
/* How sessions end: each reason with its close code and sentence, and all ends in each other's way. */
#include "desk.h"

#define KVM "{\"kind\":\"kvm\"}"
#define SOL "{\"kind\":\"sol\"}"

static void assert_end(struct viewer *v, uint16_t code, const char *reason, const char *text,
                       bool resumable) {
    char want[64];
    if (!viewer_ends(v, 10000))
        fail_msg("%s: not ended: %u %s", reason, v->code, v->reason);
    if (v->code != code || !strstr(v->reason, text))
        fail_msg("%s: %u \"%s\", not %u \"%s\"", reason, v->code, v->reason, code, text);
    snprintf(want, sizeof want, "{\"type\":\"end\",\"reason\":\"%s\"", reason);
    if (!strstr(buf_cstr(&v->notes), want) ||
        !strstr(buf_cstr(&v->notes), resumable ? "\"resumable\":true}" : "\"resumable\":false}"))
        fail_msg("%s: %s", reason, buf_cstr(&v->notes));
}

/* Nothing of any session is left in the server or at the firmware. */
static void assert_clean(struct desk *d, const char *what) {
    struct buf b = {0};
    if (desk_relays(d))
        fail_msg("%s: %zu relays are left", what, desk_relays(d));
    if (d->node) {
        assert_int_equal(sim_node_sessions_describe(d->node, &b), 0);
        if (b.len)
            fail_msg("%s: the firmware has %s", what, buf_cstr(&b));
    }
    struct fleet_host *fh = desk_host(d);
    if (fh && host_session_blocking(&fh->h))
        fail_msg("%s: a session is said to be open", what);
    buf_free(&b);
}

/* --- reasons that the device's side gives --- */

static void busy(struct desk *d) {
    sim_node_busy(d->node, REDIR_SOL, true);
}
static void status_1(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_STATUS, true, 1);
}
static void status_3(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_STATUS, true, 3);
}
static void status_255(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_STATUS, true, 255);
}
static void mute(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_MUTE, true, 0);
}
static void cut(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_CUT, true, 0);
}
static void no_digest(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_NO_DIGEST, true, 0);
}
static void bare_reject(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_BARE_REJECT, true, 0);
}
static void bad_length(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_REDIR_BAD_LENGTH, true, 0);
}
static void half_open(struct desk *d) {
    sim_node_fault(d->node, SIM_FAULT_HALF_OPEN, true, 0);
}
static void wrong_password(struct desk *d) {
    assert_int_equal(desk_ask(d, "admin", "PATCH", "", "{\"amt\":{\"password\":\"An0ther!pw\"}}") / 100, 2);
}
static void wrong_both(struct desk *d) {
    bare_reject(d);
    wrong_password(d);
}

static const struct {
    void (*prepare)(struct desk *d);
    uint16_t code;
    const char *reason, *text;
} DEVICE[] = {
    {busy, 4005, "device-busy", "another"},
    {status_3, 4006, "device-disabled", ""},
    {status_1, 4006, "device-disabled", ""},
    {status_255, 4013, "device-error", ""},
    {mute, 4013, "device-error", ""},
    {cut, 4013, "device-error", "closed the connection during the login"},
    {no_digest, 4007, "device-auth", "digest"},
    {wrong_password, 4007, "device-auth", ""},
    {wrong_both, 4007, "device-auth", ""},
    {bad_length, 4013, "device-error", ""},
    {half_open, 4006, "device-disabled", "refuses connections to its redirection port"},
};

static void what_the_device_says(void **s) {
    for (size_t i = 0; i < sizeof DEVICE / sizeof *DEVICE; i++) {
        struct desk d;
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP], state[64];
        desk_open(&d, i & 1);
        desk_session(&d, "operator", SOL, id);
        DEVICE[i].prepare(&d);
        viewer_begin(&v, &d, "operator", id);
        desk_run(&d, DEVICE[i].prepare == mute ? 15000 : 100);
        assert_end(&v, DEVICE[i].code, DEVICE[i].reason, DEVICE[i].text, false);
        assert_false(viewer_told(&v, "\"open\"", 0));
        snprintf(state, sizeof state, "ended %s", DEVICE[i].reason);
        assert_string_equal(desk_state(&d, id), state);
        /* a close frame has room for 123 bytes */
        assert_memory_equal(answer_text(d.c, "text"), v.reason, strlen(v.reason));
        viewer_free(&v);
        desk_run(&d, 3000);
        assert_clean(&d, DEVICE[i].reason);
        desk_close(&d);
    }
}

static void the_certificate_is_another(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open_tls(&d, 1);
    desk_session(&d, "operator", SOL, id);
    assert_true(desk_host(&d)->has_pin);
    desk_host(&d)->pin[7] ^= 1;
    viewer_begin(&v, &d, "operator", id);
    assert_end(&v, 4013, "device-error", "certificate of the device is not the one seen first", false);
    viewer_free(&v);
    desk_run(&d, 3000);
    assert_clean(&d, "pin");
    desk_close(&d);
}

/* The tunnel's channels are all in use, by WS-MAN. */
static void no_channel_is_free(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    d.g->app->apf_limits.channels_max = 1;
    assert_int_equal(sim_node_drop(d.node, true), 0);
    desk_run(&d, 50);
    desk_settle(&d);
    desk_session(&d, "operator", SOL, id);
    viewer_begin(&v, &d, "operator", id);
    assert_end(&v, 4013, "device-error", "all channels of the node's tunnel are in use", false);
    viewer_free(&v);
    /* WS-MAN lets its own go when it was idle for a while */
    desk_run(&d, 60000);
    desk_session(&d, "operator", SOL, id);
    assert_clean(&d, "channels");
    desk_close(&d);
}

/* --- reasons that come while it is open --- */

static void stop_it(struct desk *d, const char *id) {
    char path[DESK_PATH_CAP];
    snprintf(path, sizeof path, "/sessions/%s", id);
    assert_int_equal(desk_ask(d, "admin", "DELETE", path, NULL), 204);
}
static void take_it(struct desk *d, const char *id) {
    char other[REDIR_SESSION_ID_CAP];
    desk_session(d, "admin", "{\"kind\":\"sol\",\"takeOver\":true}", other);
}
static void force_power(struct desk *d, const char *id) {
    assert_int_equal(desk_ask(d, "admin", "POST", "/operations", "{\"kind\":\"power-off\",\"force\":true}"),
                     202);
}
static void device_closes(struct desk *d, const char *id) {
    assert_int_equal(sim_node_session_close(d->node, REDIR_SOL), 0);
}
static void link_resets(struct desk *d, const char *id) {
    assert_int_equal(sim_node_drop(d->node, true), 0);
}
static void link_ends(struct desk *d, const char *id) {
    assert_int_equal(sim_node_drop(d->node, false), 0);
}
static void logs_in_twice(struct desk *d, const char *id) {
    sim_node_fault(d->node, SIM_FAULT_DUPLICATE_LOGIN, true, 0);
}
static void is_drained(struct desk *d, const char *id) {
    for (int i = 0; i < 2; i++)
        app_drain_shard(d->g->app->shards[i]);
}
static void opens_elsewhere(struct desk *d, const char *id) {
    char ticket[SESSION_TICKET_CAP];
    desk_ticket(d, "operator", id, ticket);
}

static const struct {
    void (*act)(struct desk *d, const char *id);
    uint16_t code;
    const char *reason, *text;
    bool resumable;
} OPEN[] = {
    {stop_it, 4001, "stopped", "stopped by admin", false},
    {take_it, 4002, "taken-over", "taken over by admin", false},
    {force_power, 4003, "power-forced", "forced power operation by admin", false},
    {device_closes, 4008, "device-closed", "the firmware closed it", true},
    {link_resets, 4009, "link-lost", "the AMT link was lost (reset by peer)", true},
    {link_ends, 4009, "link-lost", "the AMT link was lost", true},
    {logs_in_twice, 4009, "link-lost", "the AMT link was lost", true},
    {is_drained, 1012, "server-stop", "the server restarts", true},
    {opens_elsewhere, 4002, "taken-over", "its owner opened it elsewhere", false},
};

static void what_ends_an_open_session(void **s) {
    for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++) {
        struct desk d;
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        desk_open(&d, i & 1);
        desk_session(&d, "operator", SOL, id);
        viewer_open(&v, &d, "operator", id);
        OPEN[i].act(&d, id);
        desk_run(&d, 100);
        assert_end(&v, OPEN[i].code, OPEN[i].reason, OPEN[i].text, OPEN[i].resumable);
        enum session_state state = desk_find(&d, id)->state;
        if (OPEN[i].act == opens_elsewhere)
            assert_int_equal(state, SESSION_READY); /* for its owner's next stream */
        else
            assert_int_equal(state, OPEN[i].resumable ? SESSION_INTERRUPTED : SESSION_ENDED);
        viewer_free(&v);
        desk_run(&d, 3000);
        assert_clean(&d, OPEN[i].reason);
        if (OPEN[i].resumable && OPEN[i].act != is_drained) {
            desk_settle(&d);
            viewer_open(&v, &d, "operator", id);
            viewer_login(&v);
            viewer_free(&v);
        }
        desk_close(&d);
    }
}

/* --- reasons that the viewer gives --- */

static void what_the_viewer_does(void **s) {
    static const struct {
        uint16_t code;
        const char *state;
    } closes[] = {
        {1000, "ended closed"}, {1001, "interrupted viewer-lost"}, {4000, "interrupted viewer-lost"}};
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        desk_session(&d, "operator", SOL, id);
        viewer_open(&v, &d, "operator", id);
        viewer_leave(&v, closes[i].code);
        assert_true(viewer_ends(&v, 3000));
        assert_int_equal(v.code, closes[i].code); /* RFC 6455 5.5.1: it is answered */
        assert_string_equal(desk_state(&d, id), closes[i].state);
        viewer_free(&v);
    }
    /* no WebSocket: an unmasked frame, a reserved bit, a text that is no UTF-8 */
    static const char *const broken[] = {"\x82\x01x", "\xf2\x80....", "\x81\x81\1\1\1\1\xfe"};
    static const uint16_t codes[] = {1002, 1002, 1007};
    for (size_t i = 0; i < 3; i++) {
        desk_session(&d, "operator", SOL, id);
        viewer_open(&v, &d, "operator", id);
        assert_int_equal(stream_write(v.s, slice_str(broken[i])), 0);
        assert_true(viewer_ends(&v, 5000));
        assert_int_equal(v.code, codes[i]);
        assert_string_equal(desk_state(&d, id), "ended protocol");
        viewer_free(&v);
    }
    /* no RFB */
    sim_node_consent_policy(d.node, 0);
    desk_session(&d, "operator", KVM, id);
    viewer_open(&v, &d, "operator", id);
    viewer_type(&v, "RFB 003.003\n");
    assert_end(&v, 4012, "protocol", "RFB 3.8 or 3.7", false);
    assert_string_equal(desk_state(&d, id), "ended protocol");
    viewer_free(&v);
    desk_run(&d, 3000);
    assert_clean(&d, "viewer");
    desk_close(&d);
}

/* Ended while the channel of before is still on its way down: power-off waits until the firmware has let go.
 */
static void ended_before_the_channel_is_closed(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    stream_abort(v.s);
    while (desk_find(&d, id)->state == SESSION_ACTIVE)
        assert_true(sim_step(d.g->w));
    assert_true(desk_find(&d, id)->device_open);
    struct session_order stop = {.what = SESSION_STOP, .admin = true};
    memcpy(stop.id, id, sizeof stop.id);
    struct host_ev ev = {.kind = HOST_EV_SESSION_ORDER, .order = &stop};
    fleet_host_input(desk_host(&d), &ev);
    assert_int_equal(desk_find(&d, id)->state, SESSION_ENDED);
    assert_true(desk_find(&d, id)->device_open);
    desk_run(&d, 100);
    assert_false(desk_find(&d, id)->device_open);
    viewer_free(&v);
    assert_clean(&d, "channel");
    desk_close(&d);
}

/* --- every end in the way of every other --- */

enum { REQUEST_CAP = 2048 };
struct scene {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP], stop[REQUEST_CAP], remove[REQUEST_CAP], again[REQUEST_CAP];
};

static void viewer_closes(struct scene *x) {
    if (x->v.s && x->v.ws && !ws_closing(x->v.ws))
        viewer_leave(&x->v, 1000);
}
static void viewer_cut(struct scene *x) {
    if (x->v.s)
        stream_abort(x->v.s);
}
static void firmware_closes(struct scene *x) {
    int r = sim_node_session_close(x->d.node, REDIR_SOL);
    (void)r; /* none is open: so be it */
}
static void link_cut(struct scene *x) {
    int r = sim_node_drop(x->d.node, true);
    (void)r;
}
static void ask_now(struct scene *x, const char *request) {
    if (x->d.c->s)
        assert_int_equal(stream_write(x->d.c->s, slice_str(request)), 0);
}
static void ordered(struct scene *x) {
    ask_now(x, x->stop);
}
static void come_again(struct scene *x) {
    ask_now(x, x->again);
}
static void host_deleted(struct scene *x) {
    ask_now(x, x->remove);
}
static void drained(struct scene *x) {
    is_drained(&x->d, x->id);
}

static const struct {
    const char *name;
    void (*act)(struct scene *x);
    bool fatal; /* the desk is good for nothing afterwards */
} ENDS[] = {
    {"viewer closes", viewer_closes, false},
    {"viewer cut", viewer_cut, false},
    {"device closes", firmware_closes, false},
    {"link cut", link_cut, false},
    {"stop", ordered, false},
    {"again", come_again, false},
    {"host deleted", host_deleted, true},
    {"drain", drained, true},
};
enum { NENDS = sizeof ENDS / sizeof *ENDS };

static void request_of(struct scene *x, char out[REQUEST_CAP], const char *method, const char *user,
                       const char *path) {
    char token[TOKEN_MAX_BYTES];
    snprintf(out, REQUEST_CAP,
             "%s /v1/projects/default/compute/hosts/%s%s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer "
             "%s\r\nContent-Length: 2\r\n\r\n{}",
             method, x->d.host, path, rig_token(x->d.g, user, token));
}

static void set_scene(struct scene *x, bool flowing) {
    char path[DESK_PATH_CAP];
    desk_session(&x->d, "operator", "{\"kind\":\"sol\",\"takeOver\":true}", x->id);
    viewer_open(&x->v, &x->d, "operator", x->id);
    if (flowing) {
        viewer_login(&x->v);
        viewer_type(&x->v, "flood 100000000\r");
        desk_run(&x->d, 20);
    }
    snprintf(path, sizeof path, "/sessions/%s", x->id);
    request_of(x, x->stop, "DELETE", "operator", path);
    snprintf(path, sizeof path, "/sessions/%s/ticket", x->id);
    request_of(x, x->again, "POST", "operator", path);
    request_of(x, x->remove, "DELETE", "admin", "");
}

static void play(struct scene *x, size_t a, size_t b, int steps, bool flowing) {
    char what[96];
    snprintf(what, sizeof what, "%s, then after %d %s%s", ENDS[a].name, steps, ENDS[b].name,
             flowing ? ", flowing" : "");
    set_scene(x, flowing);
    ENDS[a].act(x);
    for (int i = 0; i < steps; i++)
        sim_step(x->d.g->w);
    ENDS[b].act(x);
    desk_run(&x->d, 8000);
    if (!x->v.ended)
        fail_msg("%s: the viewer's connection lives", what);
    assert_clean(&x->d, what);
    viewer_free(&x->v);
}

static void every_end_after_every_end(void **s) {
    static const int steps[] = {0, 1, 2, 3, 5, 8, 13, 40};
    struct scene x = {0};
    desk_open(&x.d, 1);
    for (size_t a = 0; a < NENDS; a++)
        for (size_t b = 0; b < NENDS; b++)
            for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
                bool fatal = ENDS[a].fatal || ENDS[b].fatal;
                if (fatal && (k + a + b) % 4)
                    continue; /* each needs a server of its own */
                play(&x, a, b, steps[k], k & 1);
                if (fatal) {
                    desk_close(&x.d);
                    desk_open(&x.d, (unsigned)k & 1);
                } else {
                    desk_settle(&x.d);
                }
            }
    desk_close(&x.d);
}

/* The server is torn down with everything open: nothing is touched after its end. */
static void torn_down_in_the_middle(void **s) {
    for (int steps = 0; steps < 60; steps += 4) {
        struct scene x = {0};
        desk_open(&x.d, 1);
        desk_session(&x.d, "operator", SOL, x.id);
        viewer_begin(&x.v, &x.d, "operator", x.id);
        for (int i = 0; i < steps; i++)
            sim_step(x.d.g->w);
        stream_abort(x.v.s);
        x.v.s = NULL;
        struct desk *d = &x.d;
        desk_restart(d);
        assert_clean(d, "torn down");
        viewer_free(&x.v);
        desk_close(d);
    }
}

UNIT_MAIN(T(what_the_device_says), T(the_certificate_is_another), T(no_channel_is_free),
          T(what_ends_an_open_session), T(what_the_viewer_does), T(ended_before_the_channel_is_closed),
          T(every_end_after_every_end), T(torn_down_in_the_middle))
