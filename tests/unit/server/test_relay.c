/* SPDX-License-Identifier: Apache-2.0 */
/* What passes through a session: bytes both ways by their sums, notes, pings, and back-pressure. */
#include "base/text.h"
#include "desk.h"
#include "sim/sol_shell.h"

#include <openssl/sha.h>

#define KVM "{\"kind\":\"kvm\"}"
#define SOL "{\"kind\":\"sol\"}"
enum { HELD_MAX = 256 << 10 };

static void sum_of(struct slice s, char hex[65]) {
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA256(s.p, s.n, sum);
    text_hex(slice_of(sum, sizeof sum), hex);
}

/* The flood of n bytes is whole, in order and once. */
static void assert_flood(struct viewer *v, size_t n) {
    char end[160], hex[65];
    const char *text = buf_cstr(&v->data), *from = strstr(text, "flood ");
    assert_non_null(from);
    const uint8_t *at = (const uint8_t *)strstr(from, "\r\n") + 2;
    assert_true((size_t)(at - (const uint8_t *)text) + n <= v->data.len);
    for (size_t i = 0; i < n; i++)
        if (at[i] != sol_flood_byte(i))
            fail_msg("byte %zu of %zu", i, n);
    sum_of(slice_of(at, n), hex);
    snprintf(end, sizeof end, "\r\nflood: %zu bytes, sha256 %s\r\n", n, hex);
    assert_memory_equal(at + n, end, strlen(end));
}

/* What the server holds in memory for this viewer's session, both ways. */
static size_t held(struct desk *d, const char *id) {
    const struct relay *r = desk_relay(d, id);
    assert_non_null(r);
    assert_non_null(r->stream);
    const struct apf *a = r->chan.t->apf;
    size_t room = apf_room(a, r->chan.number), queue = APF_LIMITS_DEFAULT.queue_bytes;
    return stream_queued(r->stream) + ws_output(r->ws).n + (r->redir ? redir_output(r->redir).n : 0) +
           r->early.len + apf_output(r->chan.t->apf).n + (room < queue ? queue - room : 0);
}

static uint64_t device_bytes(struct desk *d, const char *name) {
    struct buf b = {0};
    assert_int_equal(sim_node_sessions_describe(d->node, &b), 0);
    const char *at = strstr(buf_cstr(&b), name);
    assert_non_null(at);
    uint64_t n = strtoull(at + strlen(name), NULL, 10);
    buf_free(&b);
    return n;
}

static void sol_open(struct viewer *v, struct desk *d, char id[REDIR_SESSION_ID_CAP]) {
    desk_session(d, "operator", SOL, id);
    viewer_open(v, d, "operator", id);
    viewer_login(v);
}

/* --- bytes --- */

static void send_cut(struct viewer *v, struct slice in, size_t cut) {
    for (; in.n; in = slice_skip(in, cut))
        viewer_send(v, slice_head(in, cut));
}

static void both_ways(struct desk *d) {
    static const size_t cuts[] = {1, 250, 4096, 100000};
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP], hex[65], want[160];
    uint8_t *up = malloc(100000);
    sol_open(&v, d, id);
    buf_clear(&v.data);
    viewer_type(&v, "flood 300000\r");
    assert_true(viewer_sees(&v, "flood: 300000 bytes", 60000));
    assert_flood(&v, 300000);
    for (size_t i = 0; i < 100000; i++)
        up[i] = (uint8_t)(i * 31 % 251) == 4 ? 5 : (uint8_t)(i * 31 % 251); /* ^D ends it */
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        size_t n = cuts[i] == 1 ? 3000 : 100000;
        buf_clear(&v.data);
        viewer_type(&v, "sum\r");
        desk_run(d, 200);
        send_cut(&v, slice_of(up, n), cuts[i]);
        viewer_type(&v, "\4");
        sum_of(slice_of(up, n), hex);
        snprintf(want, sizeof want, "sum: %zu bytes, sha256 %s", n, hex);
        assert_true(viewer_sees(&v, want, 60000));
    }
    /* what is counted is the payload */
    assert_string_equal(desk_state(d, id), "active");
    assert_true(strtoul(answer_text(d->c, "bytesToDevice"), NULL, 10) > 303000);
    assert_true(strtoul(answer_text(d->c, "bytesToViewer"), NULL, 10) > 300000);
    viewer_free(&v);
    free(up);
}

static void bytes_both_ways(void **s) {
    for (unsigned shard = 0; shard < 2; shard++) {
        struct desk d;
        desk_open(&d, shard);
        both_ways(&d);
        desk_close(&d);
    }
}

static void bytes_both_ways_through_tls(void **s) {
    struct desk d;
    desk_open_tls(&d, 1);
    both_ways(&d);
    assert_true(desk_host(&d)->has_pin);
    desk_close(&d);
}

/* Bytes that come before the device is open wait for it, few or many; so does their sender. */
static void bytes_before_the_device_is_open(void **s) {
    static const size_t sizes[] = {1, 1000, 60000, 400000};
    struct desk d;
    desk_open(&d, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        desk_session(&d, "operator", SOL, id);
        struct sim_weather slow = {.delay_min_ms = 300, .delay_max_ms = 300}, fast = {1, 1, 0, 0, 0};
        uint8_t *early = calloc(1, sizes[i]);
        memset(early, 'x', sizes[i]);
        viewer_begin(&v, &d, "operator", id);
        sim_weather_set(d.g->w, &slow);
        if (!strstr(buf_cstr(&v.notes), "\"open\"")) /* the login is faster than its messages are looked at */
            assert_false(desk_relay(&d, id)->opened);
        send_cut(&v, slice_of(early, sizes[i]), 16000);
        desk_run(&d, 700);
        assert_true(held(&d, id) < HELD_MAX);
        sim_weather_set(d.g->w, &fast);
        assert_true(viewer_told(&v, "\"open\"", 20000));
        desk_run(&d, 5000);
        assert_true(device_bytes(&d, "bytes-in=") >= sizes[i]);
        assert_string_equal(desk_state(&d, id), "active");
        free(early);
        viewer_free(&v);
        desk_run(&d, 100);
    }
    desk_close(&d);
}

/* RFB from the banner on; who may only look sends no key. */
static void kvm_from_the_banner_on(void **s) {
    static const uint8_t key[8] = {4, 1, 0, 0, 0, 0, 0, 'a'}, look[10] = {3, 1, 0, 0, 0, 0, 0, 64, 0, 64};
    struct desk d;
    desk_open(&d, 1);
    sim_node_consent_policy(d.node, 0);
    sim_node_kvm_still(d.node, true);
    for (int view_only = 0; view_only < 2; view_only++) {
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        desk_session(&d, "operator", view_only ? "{\"kind\":\"kvm\",\"viewOnly\":true}" : KVM, id);
        viewer_open(&v, &d, "operator", id);
        assert_true(viewer_sees(&v, "RFB 003.008\n", 1000));
        assert_true(viewer_told(&v, view_only ? "\"viewOnly\":true" : "\"viewOnly\":false", 0));
        viewer_type(&v, "RFB 003.008\n");
        viewer_type(&v, "\1\1");
        desk_run(&d, 300);
        uint64_t before = device_bytes(&d, "bytes-in=");
        /* a key in pieces, between two requests */
        viewer_send(&v, slice_of(look, 10));
        send_cut(&v, slice_of(key, 8), 3);
        viewer_send(&v, slice_of(look, 10));
        desk_run(&d, 300);
        assert_int_equal(device_bytes(&d, "bytes-in=") - before, view_only ? 20 : 28);
        viewer_free(&v);
        desk_run(&d, 100);
    }
    desk_close(&d);
}

/* --- notes --- */

static void notes_of_sol(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP], op[40], path[DESK_PATH_CAP], want[128];
    desk_open(&d, 1);
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    snprintf(want, sizeof want, "{\"type\":\"hello\",\"session\":\"%s\",\"kind\":\"sol\",\"host\":\"n1\"",
             id);
    assert_memory_equal(buf_cstr(&v.notes), want, strlen(want)); /* the first */
    assert_true(viewer_told(&v, "{\"type\":\"power\",\"on\":true}", 500));
    viewer_login(&v);
    /* a power operation waits, is told of, is cancelled, is told of */
    assert_int_equal(desk_ask(&d, "operator", "POST", "/operations", "{\"kind\":\"power-off\"}"), 202);
    snprintf(op, sizeof op, "%s", answer_text(d.c, "id"));
    assert_true(viewer_told(&v,
                            "{\"type\":\"queued\",\"text\":\"A power off by operator waits for the end of "
                            "this session, until ",
                            1000));
    snprintf(path, sizeof path, "/v1/projects/default/compute/operations/%s", op);
    assert_int_equal(desk_ask_path(&d, "operator", "DELETE", path, NULL) / 100, 2);
    assert_true(viewer_told(&v, "{\"type\":\"queued\",\"text\":\"\"}", 1000));
    /* text frames to the server are not used */
    viewer_text(&v, "{\"type\":\"end\"}");
    viewer_text(&v, "");
    /* the host goes off by itself */
    viewer_type(&v, "poweroff\r");
    assert_true(viewer_told(&v, "{\"type\":\"power\",\"on\":false}", 30000));
    assert_string_equal(desk_state(&d, id), "active");
    viewer_free(&v);
    desk_close(&d);
}

static void a_serial_line_without_a_login(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 0);
    sim_node_getty(d.node, false);
    desk_session(&d, "operator", SOL, id);
    viewer_open(&v, &d, "operator", id);
    desk_run(&d, 4800);
    assert_false(viewer_told(&v, "\"mute\"", 0));
    assert_true(viewer_told(&v, "{\"type\":\"mute\",\"text\":\"The channel is open", 400));
    assert_true(viewer_told(&v, "\"remedy\":\"On the node enable a login", 0));
    viewer_free(&v);
    desk_close(&d);
}

static void nobody_does_anything(void **s) {
    static const uint8_t key[8] = {4, 1, 0, 0, 0, 0, 0, 'a'};
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    sim_node_consent_policy(d.node, 0);
    sim_node_kvm_still(d.node, true);
    d.g->app->policy.kvm_idle_ms = 180000;
    desk_session(&d, "operator", KVM, id);
    viewer_open(&v, &d, "operator", id);
    viewer_type(&v, "RFB 003.008\n");
    viewer_type(&v, "\1\1");
    desk_run(&d, 118000);
    assert_false(viewer_told(&v, "\"idle\"", 0));
    assert_true(viewer_told(&v, "{\"type\":\"idle\",\"inSeconds\":60}", 3000));
    viewer_send(&v, slice_of(key, 8));
    assert_true(viewer_told(&v, "{\"type\":\"idle\",\"inSeconds\":0}", 200));
    assert_int_equal(v.pings, 8); /* one each 15 s */
    desk_run(&d, 179000);
    assert_int_equal(v.code, 0);
    desk_run(&d, 2000);
    assert_int_equal(v.code, 4004);
    assert_true(viewer_told(&v, "{\"type\":\"end\",\"reason\":\"idle\",\"text\":\"no input for 3 min", 0));
    viewer_free(&v);
    desk_close(&d);
}

/* A viewer that answers nothing is ended 45 s after its last byte, one that answers lives. */
static void silence(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    sol_open(&v, &d, id);
    desk_run(&d, 300000);
    assert_int_equal(v.code, 0);
    assert_int_equal(v.pings, 20);
    v.mute = true;
    viewer_type(&v, "\r");
    desk_run(&d, 44000);
    assert_int_equal(v.code, 0);
    desk_run(&d, 2000);
    assert_int_equal(v.code, 4014);
    assert_string_equal(v.reason, "the viewer did not answer for 45 s");
    assert_string_equal(desk_state(&d, id), "interrupted viewer-lost");
    assert_true(viewer_ends(&v, 3000)); /* without its close frame, too */
    desk_run(&d, 2000);
    assert_int_equal(desk_relays(&d), 0);
    viewer_free(&v);
    desk_close(&d);
}

/* --- back-pressure --- */

static void stopped_viewer(struct desk *d) {
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    sol_open(&v, d, id);
    buf_clear(&v.data);
    size_t n = 3000000, most = 0;
    viewer_type(&v, "flood 3000000\r");
    assert_true(viewer_sees(&v, "flood ", 1000));
    stream_pause(v.s);
    for (int i = 0; i < 500; i++) {
        desk_run(d, 20);
        size_t now = held(d, id);
        most = now > most ? now : most;
    }
    if (most >= HELD_MAX)
        fail_msg("%zu bytes are held", most);
    assert_true(most >= RELAY_VIEWER_HIGH_BYTES); /* it was tried */
    /* the device stands still: its window is used up */
    uint64_t before = device_bytes(d, "bytes-out=");
    desk_run(d, 5000);
    assert_int_equal(device_bytes(d, "bytes-out="), before);
    assert_true(before < n);
    /* the tunnel is nobody's hostage: WS-MAN goes on beside it */
    assert_int_equal(desk_ask(d, "operator", "GET", "/consent", NULL), 200);
    stream_resume(v.s);
    assert_true(viewer_sees(&v, "flood: 3000000 bytes", 120000));
    assert_flood(&v, n);
    assert_string_equal(desk_state(d, id), "active");
    viewer_free(&v);
}

static void a_viewer_that_stops_reading(void **s) {
    for (unsigned shard = 0; shard < 2; shard++) {
        struct desk d;
        desk_open(&d, shard);
        stopped_viewer(&d);
        desk_close(&d);
    }
}

static void a_viewer_that_stops_reading_from_tls(void **s) {
    struct desk d;
    desk_open_tls(&d, 1);
    stopped_viewer(&d);
    desk_close(&d);
}

/* Closed while it does not read: nothing waits for it longer than the stream's own patience. */
static void a_viewer_that_never_reads_again(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    sol_open(&v, &d, id);
    viewer_type(&v, "flood 3000000\r");
    assert_true(viewer_sees(&v, "flood ", 1000));
    stream_pause(v.s);
    desk_run(&d, 30000);
    assert_string_equal(desk_state(&d, id), "active");
    desk_run(&d, 20000);
    assert_string_equal(desk_state(&d, id), "interrupted viewer-lost");
    assert_false(desk_find(&d, id)->device_open);
    desk_run(&d, 10000);
    assert_int_equal(desk_relays(&d), 0);
    viewer_free(&v);
    desk_close(&d);
}

/* A device that works nothing off: its viewer is not read any more. */
static void device_stops(struct desk *d) {
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP], path[DESK_PATH_CAP];
    uint8_t *up = calloc(1, 2000000);
    sol_open(&v, d, id);
    sim_node_fault(d->node, SIM_FAULT_ZERO_WINDOW, true, 0);
    send_cut(&v, slice_of(up, 2000000), 10000);
    for (int i = 0; i < 250; i++) {
        desk_run(d, 20);
        if (held(d, id) >= HELD_MAX)
            fail_msg("%zu bytes are held", held(d, id));
    }
    assert_true(desk_relay(d, id)->paused);
    assert_true(stream_queued(v.s) > 1000000);
    assert_int_equal(v.code, 0);
    /* it is not taken for dead meanwhile; and its end is seen */
    snprintf(path, sizeof path, "/sessions/%s", id);
    assert_int_equal(desk_ask(d, "operator", "DELETE", path, NULL), 204);
    desk_run(d, 10000);
    assert_int_equal(v.code, 4001);
    assert_true(v.ended);
    assert_int_equal(desk_relays(d), 0);
    viewer_free(&v);
    free(up);
}

static void a_device_that_stops_reading(void **s) {
    struct desk d;
    desk_open(&d, 1);
    device_stops(&d);
    desk_close(&d);
    desk_open_tls(&d, 1);
    device_stops(&d);
    desk_close(&d);
}

/* A viewer that is not read any more is not seen leaving in peace: the device has 45 s to take something. */
static void a_device_that_takes_nothing(void **s) {
    for (int leaves = 0; leaves < 2; leaves++) {
        struct desk d;
        struct viewer v;
        char id[REDIR_SESSION_ID_CAP];
        uint8_t *up = calloc(1, 200000); /* SetPixelFormat, 10000 times */
        desk_open(&d, 1);
        sim_node_consent_policy(d.node, 0);
        desk_session(&d, "operator", KVM, id);
        viewer_open(&v, &d, "operator", id);
        viewer_type(&v, "RFB 003.008\n");
        viewer_type(&v, "\1\1");
        desk_run(&d, 300);
        sim_node_fault(d.node, SIM_FAULT_ZERO_WINDOW, true, 0);
        send_cut(&v, slice_of(up, 200000), 10000);
        desk_run(&d, 1000);
        assert_true(desk_relay(&d, id)->paused);
        if (leaves)
            stream_close(v.s);
        desk_run(&d, 42000);
        assert_string_equal(desk_state(&d, id), "active");
        desk_run(&d, 3000);
        assert_string_equal(desk_state(&d, id), "interrupted device-closed");
        assert_int_equal(v.code, leaves ? 0 : 4008);
        desk_run(&d, 10000);
        assert_int_equal(desk_relays(&d), 0);
        viewer_free(&v);
        free(up);
        desk_close(&d);
    }
}

/* A far device and a fast viewer: paused and resumed again and again, and every byte arrives. */
static void a_viewer_that_floods(void **s) {
    struct sim_weather far = {.delay_min_ms = 40, .delay_max_ms = 60, .split_per_million = 300000};
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP], hex[65], want[160];
    size_t n = 1000000, most = 0;
    unsigned paused = 0;
    uint8_t *up = malloc(n);
    desk_open(&d, 1);
    sol_open(&v, &d, id);
    for (size_t i = 0; i < n; i++)
        up[i] = sol_flood_byte(i);
    sim_weather_set(d.g->w, &far);
    buf_clear(&v.data);
    viewer_type(&v, "sum\r");
    desk_run(&d, 1000);
    send_cut(&v, slice_of(up, n), 7777);
    viewer_type(&v, "\4");
    sum_of(slice_of(up, n), hex);
    snprintf(want, sizeof want, "sum: %zu bytes, sha256 %s", n, hex);
    for (int i = 0; i < 6000 && !strstr(buf_cstr(&v.data), want); i++) {
        desk_run(&d, 20);
        size_t now = held(&d, id);
        most = now > most ? now : most;
        paused += desk_relay(&d, id)->paused;
    }
    assert_true(viewer_sees(&v, want, 0));
    assert_true(most < HELD_MAX);
    assert_true(paused > 0);
    viewer_free(&v);
    free(up);
    desk_close(&d);
}

/* Pings of a viewer that does not read the answers. */
static void a_flood_of_pings(void **s) {
    struct desk d;
    struct viewer v;
    char id[REDIR_SESSION_ID_CAP];
    desk_open(&d, 1);
    sol_open(&v, &d, id);
    stream_pause(v.s);
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 1000; k++)
            assert_int_equal(ws_ping(v.ws), 0);
        viewer_send(&v, SLICE_EMPTY);
        desk_run(&d, 20);
        if (held(&d, id) >= HELD_MAX)
            fail_msg("%zu bytes are held after %d000 pings", held(&d, id), i);
    }
    viewer_free(&v);
    desk_close(&d);
}

UNIT_MAIN(T(bytes_both_ways), T(bytes_both_ways_through_tls), T(bytes_before_the_device_is_open),
          T(kvm_from_the_banner_on), T(notes_of_sol), T(a_serial_line_without_a_login),
          T(nobody_does_anything), T(silence), T(a_viewer_that_stops_reading),
          T(a_viewer_that_stops_reading_from_tls), T(a_viewer_that_never_reads_again),
          T(a_device_that_stops_reading), T(a_device_that_takes_nothing), T(a_viewer_that_floods),
          T(a_flood_of_pings))
