/* SPDX-License-Identifier: Apache-2.0 */
/* A session in a whole server, whose own work on it may run out of memory: from the viewer's arrival over
 * what comes of the viewer and of the tunnel to the end. It goes well, or it ends for both sides; nothing is
 * left. */
#include "oom/failmalloc.h"

#include "server/desk.h"

void __real_relay_arrive(struct relay_arrival *a);
void __wrap_relay_arrive(struct relay_arrival *a);

/* --- the server's callbacks, with memory that may fail --- */

static void tunnel_data(struct stream *s, void *ctx, struct slice in) {
    failmalloc_resume();
    tunnel_stream_handler.on_data(s, ctx, in);
    failmalloc_pause();
}
static void tunnel_drain(struct stream *s, void *ctx) {
    failmalloc_resume();
    tunnel_stream_handler.on_drain(s, ctx);
    failmalloc_pause();
}
static void viewer_data(struct stream *s, void *ctx, struct slice in) {
    failmalloc_resume();
    relay_viewer_handler.on_data(s, ctx, in);
    failmalloc_pause();
}
static void viewer_end(struct stream *s, void *ctx, enum stream_end why) {
    failmalloc_resume();
    relay_viewer_handler.on_end(s, ctx, why);
    failmalloc_pause();
}

static void (*real_arrival)(struct loop *l, struct loop_msg *m);
static struct desk *the_desk;

static void arrival(struct loop *l, struct loop_msg *m) {
    static struct stream_handler viewer, tunnel;
    viewer = relay_viewer_handler;
    viewer.on_data = viewer_data;
    viewer.on_end = viewer_end;
    tunnel = tunnel_stream_handler;
    tunnel.on_data = tunnel_data;
    tunnel.on_drain = tunnel_drain;
    struct tunnel *t = desk_host(the_desk)->tunnel;
    if (t)
        stream_handle(t->stream, &tunnel, t);
    failmalloc_resume();
    real_arrival(l, m);
    failmalloc_pause();
    LIST_EACH (n, &app_shard_of(the_desk->g->app, the_desk->host)->relays) {
        struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (r->stream)
            stream_handle(r->stream, &viewer, r);
    }
}

void __wrap_relay_arrive(struct relay_arrival *a) {
    __real_relay_arrive(a);
    real_arrival = a->msg.fn; /* the message is not looked at before its loop's turn */
    a->msg.fn = arrival;
}

/* --- the scenario --- */

struct case_of {
    const char *body;
    bool old_client, device_ends;
};

static void open_door(struct desk *d, struct viewer *v, const struct case_of *k, const char *id) {
    char ticket[SESSION_TICKET_CAP], path[DESK_PATH_CAP];
    if (!k->old_client) {
        viewer_knock(v, d, "operator", id);
        return;
    }
    snprintf(path, sizeof path, "/relay/webrelay.ashx?p=2&host=%s&mode=sol", d->host);
    viewer_ask(v, d, path, desk_ticket(d, "operator", id, ticket), "");
}

static void talk(struct viewer *v, const struct case_of *k) {
    static const uint8_t start[] = "\x10\0\0\0SOL ";
    if (!v->ws || v->code || !v->s)
        return;
    if (k->old_client)
        viewer_send(v, slice_of(start, 8));
    else
        viewer_type(v, "\r");
    desk_run(v->d, 400);
    if (k->device_ends) {
        int r = sim_node_session_close(v->d->node, REDIR_SOL);
        (void)r; /* it may have ended */
    } else if (v->s && !v->code) {
        viewer_leave(v, 1000);
    }
}

/* Did everything come that should? */
static bool is_whole(struct viewer *v, const struct case_of *k) {
    if (v->code != (k->device_ends ? 4008 : 1000))
        return false;
    if (k->old_client)
        return v->data.len >= 13 && buf_slice(&v->data).p[0] == 0x11;
    return v->notes.len && strstr(buf_cstr(&v->notes), "\"open\"") && v->data.len &&
           memmem(buf_slice(&v->data).p, v->data.len, "login: ", 7);
}

static int session_in_a_server(void *ctx) {
    const struct case_of *k = ctx;
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    failmalloc_pause();
    desk_open(&d, 1);
    the_desk = &d;
    desk_session(&d, "operator", k->body, id);
    open_door(&d, &v, k, id);
    desk_run(&d, 100);
    talk(&v, k);
    bool ended = viewer_ends(&v, 60000);
    bool whole = is_whole(&v, k);
    struct tunnel *t = desk_host(&d)->tunnel;
    if (t && t->stream)
        stream_handle(t->stream, &tunnel_stream_handler, t);
    desk_run(&d, 10000);
    assert_true(ended || failmalloc_hit()); /* the simulated network may have lost the end: it is no part */
    assert_int_equal(desk_relays(&d), 0);
    assert_null(host_session_blocking(&desk_host(&d)->h));
    /* memory is there again: so is the service */
    desk_settle(&d);
    viewer_free(&v);
    desk_session(&d, "operator", "{\"kind\":\"sol\",\"takeOver\":true}", id);
    desk_close(&d);
    failmalloc_resume();
    assert_true(whole || failmalloc_hit());
    return whole ? 0 : ERR_NOMEM;
}

static void sol(void **s) {
    static struct case_of k = {.body = "{\"kind\":\"sol\"}"};
    failmalloc_each(session_in_a_server, &k);
}
static void sol_that_the_device_ends(void **s) {
    static struct case_of k = {.body = "{\"kind\":\"sol\"}", .device_ends = true};
    failmalloc_each(session_in_a_server, &k);
}
static void an_old_client(void **s) {
    static struct case_of k = {.body = "{\"kind\":\"sol\"}", .old_client = true};
    failmalloc_each(session_in_a_server, &k);
}

UNIT_MAIN(T(sol), T(sol_that_the_device_ends), T(an_old_client))
